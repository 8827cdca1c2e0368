"""A build on a real Dask cluster: the same bytes as here, whatever is killed, and nothing paid for twice."""

import os
import random
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shotbuild.built import BuildOptions, Built
from shotbuild.engine.clock import RealClock
from shotbuild.engine.events import Event, Polled, Warned
from shotbuild.errors import FarmError
from shotbuild.rooms import Rooms
from shotbuild.workspace import Workspace
from tests.e2e.conftest import TINY, Ran, contents, shotbuild
from tests.e2e.films import still
from tests.fakes import write_project
from tests.farm.cluster import Running, clustered
from tests.kills.serving import MODELS, SERVERS, VENDORS
from tests.servers.clips import clip

RUNS = int(os.environ.get("FARM_RUNS", "2"))
"""How many builds with workers that are killed; each has a seed of its own."""
PLATES = 36
SHARING = TINY | {"shotbuild.yaml": TINY["shotbuild.yaml"] + "store: ../store\n"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with clustered(tmp_path_factory.mktemp("dask")) as found:
        yield found


def large(root: Path) -> Path:
    """A film of about two hundred small steps, and three takes that are paid for and in no cut."""
    plates = "".join(f"  p{number:03}: {{plate: assets/{number:03}.png, duration: 2f}}\n" for number in range(PLATES))
    paid = "".join(f"  paid{number}: {{prompt: Wave {number}., provider: hero, duration: 5s}}\n" for number in range(3))
    cut = "".join(f"      - p{number:03}\n" for number in range(PLATES))
    profiles = ("h264-web", "preview", "youtube-1080p", "x", "vimeo")
    deliverables = "".join(f"  d{number}: {{sequence: all, profile: {name}}}\n" for number, name in enumerate(profiles))
    write_project(
        root,
        {
            "shotbuild.yaml": "shotbuild: 1\nproject: film\nformat: {size: 64x36, rate: 24}\nstore: ../store\n"
            f"providers:\n  board: {{use: animatic}}\n  hero: {{use: kling, model: {MODELS['kling']}}}\n"
            "defaults: {provider: board}\nbudget: {limit: 100 USD}\n",
            "specs/film.yaml": f"shots:\n{plates}{paid}sequences:\n  all:\n    cut:\n{cut}deliverables:\n{deliverables}",
        },
    )
    for number in range(PLATES):
        still(root / f"assets/{number:03}.png", 60 + number)
    return root


def build(root: Path, on: str | None, heard: list[Event]) -> Built:
    rooms = Rooms(root, warn=lambda message: heard.append(Warned(message=message)), clock=RealClock(speed=200))
    return Workspace(root, heard.append, rooms=rooms).build((), BuildOptions(on=on, jobs=None if on else 2))


@contextmanager
def killing(cluster: Running, seed: int, killed: list[int]) -> Iterator[None]:
    """Workers die at random while this lasts, one every second or so."""
    chance, over = random.Random(seed), threading.Event()

    def reap() -> None:
        while not over.wait(chance.uniform(0.2, 1.6)):
            workers = cluster.workers()
            if workers:
                killed.append(chance.choice(workers))
                cluster.kill(killed[-1])

    thread = threading.Thread(target=reap)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def films(root: Path) -> dict[str, str]:
    return {path: digest for path, digest in contents(root).items() if "/paid" not in path}


@pytest.mark.slow
def test_a_film_on_three_workers_is_the_film_that_is_made_here(cluster: Running, tmp_path: Path) -> None:
    here, there = write_project(tmp_path / "here", TINY), write_project(tmp_path / "there", SHARING)
    assert shotbuild(here, "build").code == 0
    heard: list[Event] = []
    built = build(there, cluster.address, heard)
    assert built.exit_code == 0
    assert contents(there) == contents(here)
    said = {event.word for event in heard if isinstance(event, Polled)}
    assert {word for word in said if word.startswith("on w")}, "it is told which machine works"
    again = build(there, cluster.address, heard)
    assert again.ran == ()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the large film is when it is built here."""
    root = large(tmp_path_factory.mktemp("alone") / "film")
    with pytest.MonkeyPatch.context() as environment, SERVERS["kling"](clip=clip("5"), polls=2) as server:
        for name, value in VENDORS["kling"].environment(server).items():
            environment.setenv(name, value)
        built = build(root, None, [])
    assert built.exit_code == 0
    assert len(built.ran) >= 190
    return films(root)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(RUNS))
def test_workers_that_are_killed_cost_neither_bytes_nor_money(
    cluster: Running, alone: dict[str, str], tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = large(tmp_path / "film")
    killed: list[int] = []
    heard: list[Event] = []
    with SERVERS["kling"](clip=clip("5"), polls=2) as server:
        for name, value in VENDORS["kling"].environment(server).items():
            monkeypatch.setenv(name, value)
        with killing(cluster, seed, killed):
            built = build(root, cluster.address, heard)
        assert built.exit_code == 0, [failure.error for failure in built.failed]
        assert server.paid == 3
    assert killed
    assert films(root) == alone


@pytest.mark.slow
def test_a_scheduler_that_is_killed_ends_the_build_and_a_rerun_goes_on(alone: dict[str, str], tmp_path: Path) -> None:
    root = large(tmp_path / "film")
    spec = root / "specs/film.yaml"
    spec.write_text("".join(line for line in spec.read_text().splitlines(keepends=True) if "paid" not in line))
    heard: list[Event] = []
    with clustered(tmp_path, 2) as lost:
        struck = threading.Event()

        def hear(event: Event) -> None:
            heard.append(event)
            if isinstance(event, Polled) and not struck.is_set():
                struck.set()
                os.kill(lost.scheduler.pid, signal.SIGKILL)

        rooms = Rooms(root, warn=lambda message: heard.append(Warned(message=message)))
        built = Workspace(root, hear, rooms=rooms).build((), BuildOptions(on=lost.address))
    assert struck.is_set()
    assert built.exit_code == 1
    assert any(isinstance(failure.error, FarmError) and "is lost" in failure.error.message for failure in built.failed)
    assert any("was lost" in event.message for event in heard if isinstance(event, Warned))
    again = build(root, None, [])
    assert again.exit_code == 0
    assert films(root) == alone


def said(ran: Ran) -> str:
    assert "Traceback" not in ran.err, ran.err
    return ran.err


def test_a_scheduler_elsewhere_is_not_reached_in_the_clear(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", SHARING)
    ran = shotbuild(root, "build", "--on", "tcp://192.0.2.1:8786")
    assert ran.code == 2
    assert "in the clear" in said(ran)
    assert "--insecure" in ran.err


def test_a_farm_without_an_address_or_without_a_store_says_what_is_missing(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", TINY | {"shotbuild.yaml": TINY["shotbuild.yaml"] + "executor: dask\n"})
    ran = shotbuild(root, "build")
    assert ran.code == 2
    assert "--on" in said(ran)
    ran = shotbuild(root, "build", "--on", "tcp://127.0.0.1:9")
    assert ran.code in (1, 2)
    assert "store" in said(ran)


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", SHARING)
    for address in ("nowhere", "http://127.0.0.1:80", "tcp://127.0.0.1:99999999"):
        ran = shotbuild(root, "build", "--on", address)
        assert ran.code == 2, address
        assert "no address of a Dask scheduler" in said(ran)


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_said_and_what_stays_here_is_made(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", SHARING)
    ran = shotbuild(root, "build", "--on", "tcp://127.0.0.1:9")
    assert ran.code == 1
    assert "no scheduler answers" in said(ran)


@pytest.mark.slow
def test_a_cluster_of_this_machine_alone_needs_no_store(tmp_path: Path) -> None:
    here, there = write_project(tmp_path / "here", TINY), write_project(tmp_path / "there", TINY)
    assert shotbuild(here, "build").code == 0
    ran = shotbuild(there, "build", "--on", "local", "--jobs", "2")
    assert ran.code == 0, said(ran)
    assert contents(there) == contents(here)


@pytest.mark.slow
def test_a_farm_behind_certificates_works_and_lets_nobody_in_without(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("not installed: openssl")
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=farm"]
    subprocess.run([*words, "-keyout", "key.pem", "-out", "cert.pem"], cwd=tmp_path, check=True, capture_output=True)
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    tls = ["--tls-ca-file", cert, "--tls-cert", cert, "--tls-key", key]
    root = write_project(tmp_path / "film", SHARING)
    env = {
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": cert,
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT": cert,
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY": key,
    }
    with clustered(tmp_path, 1, scheduler=["--protocol", "tls", *tls], worker=tls, scheme="tls") as found:
        refused = shotbuild(root, "build", "--on", found.address)
        assert refused.code in (1, 2)
        said(refused)
        ran = shotbuild(root, "build", "--on", found.address, env=env)
        assert ran.code == 0, said(ran)
