"""Two machines and one store: what one made the other has, whatever becomes of the store in between."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shotbuild.digest import canonical_line
from tests.e2e.conftest import TINY, Ran, contents, shotbuild
from tests.fakes import write_project

SHARING = TINY | {"shotbuild.yaml": TINY["shotbuild.yaml"] + "store: ../store\n"}


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """The first machine, which has built everything."""
    root = write_project(tmp_path / "one", SHARING)
    made = shotbuild(root, "build", "--json")
    assert made.code == 0, made.err
    return root


def clone(one: Path, name: str = "two") -> Path:
    """What Git brings to another machine."""
    root = one.with_name(name)
    shutil.copytree(one, root, ignore=shutil.ignore_patterns(".shotbuild", "out"))
    return root


def objects(one: Path, kind: str) -> list[Path]:
    return sorted(path for path in (one.with_name("store") / kind).rglob("*") if path.is_file())


def quiet(ran: Ran) -> str:
    """What it said, if that is no traceback."""
    told = ran.err + ran.out
    assert "Traceback" not in told, told
    assert "bug in shotbuild" not in told, told
    return told


def test_takes_go_there_as_they_are_made_and_a_clone_generates_nothing(one: Path) -> None:
    two = clone(one)
    there = {path.name for path in objects(one, "cas")}
    takes = [json.loads(line) for file in (one / "takes").iterdir() for line in file.read_text().splitlines()]
    assert {take["video"]["sha256"] for take in takes if take["event"] == "take"} <= there
    made = shotbuild(two, "deliver", "--json")
    assert made.code == 0, made.err
    assert made.summary["generated"] == 0
    delivered = contents(two)
    assert delivered == {path: digest for path, digest in contents(one).items() if path in delivered}
    assert [path.read_text() for path in sorted((two / "takes").iterdir())] == [
        path.read_text() for path in sorted((one / "takes").iterdir())
    ]


def test_after_everything_was_pushed_a_clone_runs_nothing(one: Path) -> None:
    pushed = shotbuild(one, "store", "push", "--all", "--json")
    assert pushed.code == 0, pushed.err
    document = json.loads(pushed.out)
    assert document["unsent"] == []
    assert document["sent"]
    again = json.loads(shotbuild(one, "store", "push", "--all", "--json").out)
    assert (again["sent"], again["there"]) == ([], document["there"] + len(document["sent"]))
    two = clone(one)
    made = shotbuild(two, "deliver", "--json")
    assert (made.code, made.summary["ran"]) == (0, 0), made.err
    delivered = contents(two)
    assert delivered == {path: digest for path, digest in contents(one).items() if path in delivered}
    assert delivered


def test_only_what_is_read_is_fetched_and_pull_brings_what_a_delivery_needs(one: Path) -> None:
    shotbuild(one, "store", "push", "--all")
    two = clone(one)
    pulled = json.loads(shotbuild(two, "store", "pull", "--json").out)
    assert pulled["missing"] == []
    assert pulled["to_run"] == 0
    here = {path.name for path in (two / ".shotbuild/store/cas").rglob("*") if path.is_file()}
    assert here == {each["sha256"] for each in pulled["brought"]}
    assert len(here) < len(objects(one, "cas"))
    made = shotbuild(two, "deliver", "--json", env={"SHOTBUILD_STORE": "none"})
    # Without the store, what was brought is enough for what is read; the rest was a hit that nobody can look up now.
    assert made.code == 0, made.err


def test_a_store_that_is_gone_is_told_once_and_the_build_goes_on(one: Path) -> None:
    two = clone(one)
    shutil.rmtree(one.with_name("store"))
    one.with_name("store").write_text("not a folder")
    made = shotbuild(two, "build", "--json")
    told = quiet(made)
    assert made.code == 0
    assert made.summary["generated"] == 3
    assert told.count("the build goes on without the shared store") == 1
    assert "may pay" not in told, "nothing was paid for"
    assert contents(two) == contents(one)
    one.with_name("store").unlink()
    status = shotbuild(two, "status")
    assert "on this disk only" in quiet(status)
    again = shotbuild(two, "build", "--json")
    assert again.code == 0
    assert len(objects(one, "ac")) == 3, "what was left is sent by the next build"
    assert "on this disk only" not in quiet(shotbuild(two, "status"))


@pytest.mark.slow
def test_a_build_that_left_takes_unsent_has_something_to_do(one: Path) -> None:
    store, answers = one.with_name("store"), one / ".shotbuild/uptodate"
    shotbuild(one, "build")
    assert "  sent" not in shotbuild(one, "build").err
    kept = store.rename(one.with_name("kept"))
    (one / "templates/wide.j2").write_text("Wide shot of {{ place }} at dawn.")
    store.write_text("not a folder")
    for _ in range(3):
        told = shotbuild(one, "build")
        assert told.code == 0
        assert "on this disk only" in told.err, "whatever was answered before"
    store.unlink()
    kept.rename(store)
    sent = shotbuild(one, "build")
    assert "  sent" in sent.err
    assert "on this disk only" not in sent.err
    said = {path: path.read_bytes() for path in answers.iterdir()}
    assert said
    last = shotbuild(one, "build")
    assert (last.code, "  sent" in last.err, "on this disk only" in last.err) == (0, False, False)


def _flip(path: Path) -> None:
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.chmod(0o644)
    os.truncate(path, path.stat().st_size // 2)


def _grow(path: Path) -> None:
    path.chmod(0o644)
    with path.open("ab") as stream:
        stream.write(b"more")


@pytest.mark.parametrize(
    "harm", [_flip, *(pytest.param(each, marks=pytest.mark.slow) for each in (_cut, _grow, Path.unlink))]
)
def test_bytes_that_are_damaged_there_are_never_used(one: Path, harm: Callable[[Path], object]) -> None:
    shotbuild(one, "store", "push", "--all")
    for path in objects(one, "cas"):
        harm(path)
    two = clone(one)
    made = shotbuild(two, "build", "--json")
    quiet(made)
    assert made.code == 0, made.err
    assert contents(two) == contents(one)
    checked = shotbuild(one, "store", "check", "--shared", "--read", "--json")
    quiet(checked)
    found = json.loads(checked.out)
    assert (found["damaged"], found["missing"]) == ([], [])
    three = clone(one, "three")
    assert shotbuild(three, "deliver", "--json").summary["generated"] == 0


@pytest.mark.parametrize(
    "planted",
    [
        b"[" * 100_000,
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in (b"", b"{", b"null", b'{"outputs": []}', b'{"manifest": 7}', b"x" * (8 << 20))
        ),
    ],
)
def test_what_is_no_result_is_a_miss(one: Path, planted: bytes) -> None:
    for path in objects(one, "ac"):
        path.write_bytes(planted)
    two = clone(one)
    for file in (two / "takes").iterdir():
        file.unlink()
    made = shotbuild(two, "build", "--json")
    quiet(made)
    assert made.code == 0
    assert contents(two) == contents(one)


def test_a_poisoned_result_is_found_by_a_sample(one: Path) -> None:
    shotbuild(one, "store", "push", "--all")
    store = one.with_name("store")
    # Somebody who may write says that a segment of the web film came out as other bytes, which are there.
    row, said = next(
        (path, row)
        for path in objects(one, "ac")
        if (row := json.loads(path.read_text())) and json.loads(row["manifest"])["recipe"]["stage"] == "join"
    )
    other = b"other bytes"
    name = hashlib.sha256(other).hexdigest()
    (store / "cas" / name[:2]).mkdir(exist_ok=True)
    (store / "cas" / name[:2] / name).write_bytes(other)
    said["outputs"] = [[output, name, len(other)] for output, _, _ in said["outputs"]]
    row.write_text(canonical_line(said))
    two = clone(one)
    sampled = shotbuild(two, "deliver", "--verify-sample", "100%", "--json")
    told = quiet(sampled)
    assert sampled.code == 1
    assert name in told
    assert "is not what this machine makes" in told
    delivered = contents(two)
    assert delivered == {path: digest for path, digest in contents(one).items() if path in delivered}
    checked = shotbuild(one, "store", "check", "--shared", "--verify-sample", "100%")
    assert checked.code == 1
    assert name in quiet(checked)


def test_nothing_is_written_by_who_may_only_read(one: Path) -> None:
    two = clone(one)
    before = {path: path.stat().st_mtime_ns for kind in ("cas", "ac") for path in objects(one, kind)}
    reading = {"SHOTBUILD_STORE_PUSH": "nothing"}
    made = shotbuild(two, "build", "--frozen", "--json", env=reading)
    assert made.code == 0, made.err
    assert made.summary["generated"] == 0
    frozen = shotbuild(two, "build", "--json", env={"SHOTBUILD_FROZEN": "1"})
    assert frozen.code == 0, frozen.err
    pushed = shotbuild(two, "store", "push", "--all", env=reading)
    assert pushed.code == 3
    assert "SHOTBUILD_STORE_PUSH" in quiet(pushed)
    assert {path: path.stat().st_mtime_ns for kind in ("cas", "ac") for path in objects(one, kind)} == before


@pytest.mark.slow
def test_sweep_takes_nothing_that_somebody_asked_for_and_nothing_young(one: Path) -> None:
    shotbuild(one, "store", "push", "--all")
    two = clone(one)
    (two / "specs/opening.yaml").write_text("shots:\n  other: {prompt: Nothing of all that.}\n")
    young = json.loads(shotbuild(two, "store", "sweep", "--shared", "--json").out)
    assert (young["blobs"], young["results"]) == ([], [])
    for kind in ("cas", "ac"):
        for path in objects(one, kind):
            os.utime(path, (1, 1))
    swept = json.loads(shotbuild(two, "store", "sweep", "--shared", "--delete", "--json").out)
    assert swept["deleted"]
    assert swept["blobs"]
    takes = [json.loads(line) for file in (one / "takes").iterdir() for line in file.read_text().splitlines()]
    assert {take["video"]["sha256"] for take in takes if take["event"] == "take"} <= {
        path.name for path in objects(one, "cas")
    }
    three = clone(one, "three")
    made = shotbuild(three, "deliver", "--json")
    assert (made.code, made.summary["generated"]) == (0, 0)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("store: ftp://host/x", "s3://"),
        ("store: https://me:secret@host/x", "password"),
        ("store: {push: takes}", "address"),
        ("store: {address: ../store, push: some}", "takes"),
        ("store: {address: ../store, endpoint: nowhere}", "https://s3.example.com"),
        ("executor: slurm", "dask"),
    ],
)
def test_a_store_that_cannot_be_is_an_error_of_the_spec(tmp_path: Path, written: str, said: str) -> None:
    root = write_project(tmp_path / "film", TINY | {"shotbuild.yaml": TINY["shotbuild.yaml"] + written + "\n"})
    ran = shotbuild(root, "plan")
    assert ran.code == 2
    assert "shotbuild.yaml:5" in quiet(ran)
    assert said in ran.err
    assert "me:secret" not in ran.err, "what should not stand in the file stands in no message either"


def test_commands_of_the_shared_store_say_so_where_there_is_none(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", TINY)
    for words in (["push"], ["pull"], ["check", "--shared"], ["sweep", "--shared"]):
        ran: Any = shotbuild(root, "store", *words)
        assert ran.code == 2
        assert "no shared store" in quiet(ran)
        assert "store: ADDRESS" in ran.err
