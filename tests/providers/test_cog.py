"""Provider `cog`: before a stand-in, and, where it is marked slow, before the real servers of two generations."""

import base64
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import pytest

from shotbuild.digest import of_file, version_of
from shotbuild.errors import (
    BadTake,
    Cancelled,
    KeyRefused,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    ShotbuildError,
    VendorFault,
)
from shotbuild.host.tools import find_ffmpeg
from shotbuild.host.wire import Body
from shotbuild.media.probe import probe
from shotbuild.providers.cog import MODELS, Cog, film_of
from shotbuild.providers.common import data_uri
from shotbuild.providers.containers.schema import interface_of
from shotbuild.providers.containers.server import ADDRESS, TOKEN, account_of, reached
from shotbuild.providers.interface import Facts, Local, Receipt, Request, Site, Wish, Workplace
from shotbuild.records import Fields, Format, fields
from shotbuild.testing.loopback import Loopback
from shotbuild.testing.providers import LocalContract
from shotbuild.units import parse_rate, parse_size
from tests.e2e.conftest import shotbuild
from tests.fakes import write_project
from tests.providers.driving import reference
from tests.servers.cog import (
    DOCUMENT,
    IMAGE,
    NEW,
    OLD,
    PROPERTIES,
    CogServer,
    drawn,
    installed,
    running,
    show_schema,
    state_at,
    until,
)
from tests.servers.service import environment
from tests.testing.pages import ROOT

SITE = Site(root=Path(), digest=of_file)
SOON = 8.0
"""Seconds within which whoever stopped a build is heard."""


def settings(**said: Any) -> Fields:
    usual = {name: each.default for name, each in MODELS["mp4"].fields.items()}
    return fields(**{**usual, "image": IMAGE, "deadline": 60, **said})


def request(model: str = "mp4", **said: Any) -> Request:
    base = Request(
        project="film",
        shot="sh010",
        title="sh010",
        take=1,
        prompt="A lighthouse at dawn.",
        seed=7,
        frames=12,
        format=Format(size=parse_size("64x36"), rate=parse_rate("24"), color="bt709", pixels="yuv420p"),
        references=(),
        settings=settings(),
        recipe="ab" * 32,
        model=model,
    )
    return replace(base, **said)


def acting(act: str, **said: Any) -> Request:
    """A request that makes the predictor do something."""
    return request(settings=settings(input=json.dumps({"act": act}), **said))


def wish(wanted: Request, roles: tuple[str, ...] = ()) -> Wish:
    return Wish(
        prompt=wanted.prompt, seconds=wanted.seconds, format=wanted.format, references=roles, settings=wanted.settings
    )


def workplace(folder: Path) -> Workplace:
    own = folder / f"own-{len(list(folder.iterdir()))}"
    own.mkdir()
    return Workplace(ffmpeg=find_ffmpeg(None), folder=own, cancel=threading.Event())


def made(wanted: Request, folder: Path) -> Receipt:
    return Cog().make(wanted, workplace(folder), folder / f"take.{wanted.model}")


def stopped(wanted: Request, folder: Path, after: float) -> float:
    """Seconds between the wish to stop and the end of it."""
    place, moment = workplace(folder), 0.0

    def stop() -> None:
        nonlocal moment
        moment = time.monotonic()
        place.cancel.set()

    timer = threading.Timer(after, stop)
    timer.start()
    with pytest.raises(Cancelled):
        Cog().make(wanted, place, folder / "take.mp4")
    timer.join()
    return time.monotonic() - moment


# --- who is asked -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class House:
    """Where containers of one kind come from. version: of cog; open: one that is ready, with its address; starting: one
    that takes so many seconds; broken: its set-up fails; lost: it starts for ever; bare: it shows no schema."""

    version: str
    open: Callable[[], AbstractContextManager[str]]
    starting: Callable[[float], AbstractContextManager[str]]
    broken: Callable[[], AbstractContextManager[str]]
    lost: Callable[[], AbstractContextManager[str]]
    bare: Callable[[], AbstractContextManager[str]]


def standing(version: str) -> House:
    @contextmanager
    def serving(word: str = "READY", setup: Any = None, **said: Any) -> Iterator[str]:
        with CogServer(version) as server:
            server.word, server.setup = word, setup or server.setup
            for name, value in said.items():
                setattr(server, name, value)
            yield server.url

    @contextmanager
    def starting(seconds: float) -> Iterator[str]:
        with CogServer(version) as server:
            server.word, server.setup = "STARTING", {}
            timer = threading.Timer(seconds, lambda: setattr(server, "word", "READY"))
            timer.start()
            yield server.url
            timer.cancel()

    failed = {"status": "failed", "logs": "RuntimeError: no weights at /src/weights"}
    return House(
        version,
        serving,
        starting,
        lambda: serving("SETUP_FAILED", failed),
        lambda: serving("STARTING", {"status": "starting"}),
        lambda: serving(shows=None),
    )


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], House]]:
    """Real servers, each made once."""
    held = ExitStack()
    houses: dict[str, House] = {}

    def house(version: str) -> House:
        folder = tmp_path_factory.mktemp(f"cog-{version}")
        python = installed(folder / "venv", f"cog=={version}")
        (folder / "bin").mkdir()
        (folder / "bin/python").write_text("#!/bin/sh\nsleep 0.3\nexit 1\n")
        (folder / "bin/python").chmod(0o755)

        @contextmanager
        def serving(*options: str, shows: bool = True, ready: bool = True, **said: Any) -> Iterator[str]:
            place = tmp_path_factory.mktemp("container")
            if shows:
                show_schema(place)
            with running(python, place, *options, **said) as url:
                until(lambda: not ready or state_at(url) == "READY")
                yield url

        first = held.enter_context(serving())

        @contextmanager
        def opened() -> Iterator[str]:
            until(lambda: state_at(first) == "READY")  # what was taken back may still come to its end
            yield first

        # The older one starts its worker by the path of its own python: it only takes long.
        lost = {"path": str(folder / "bin")} if version == NEW else {"SETUP_SECONDS": "600"}
        return House(
            version,
            opened,
            lambda seconds: serving(ready=False, SETUP_SECONDS=str(seconds)),
            lambda: _failed(serving("--await-explicit-shutdown", "1", ready=False, SETUP_BREAKS="1")),
            lambda: serving(ready=False, **lost),
            lambda: serving(shows=False),
        )

    def known(version: str) -> House:
        if version not in houses:
            houses[version] = house(version)
        return houses[version]

    yield known
    held.close()


@contextmanager
def _failed(serving: AbstractContextManager[str]) -> Iterator[str]:
    with serving as url:
        until(lambda: state_at(url) == "SETUP_FAILED")
        yield url


BOTH = [
    pytest.param(("stand-in", NEW), id="stand-in-0.23"),
    pytest.param(("stand-in", OLD), id="stand-in-0.16", marks=pytest.mark.slow),
    pytest.param(("real", NEW), id="real-0.23", marks=pytest.mark.slow),
    pytest.param(("real", OLD), id="real-0.16", marks=pytest.mark.slow),
]


@pytest.fixture(params=BOTH)
def house(request: pytest.FixtureRequest) -> House:
    kind, version = request.param
    found: House = request.getfixturevalue("real")(version) if kind == "real" else standing(version)
    return found


@pytest.fixture
def container(house: House) -> Iterator[House]:
    """One that is ready, under the address that the environment has."""
    with house.open() as url, environment(**{ADDRESS: url}):
        yield house


@pytest.fixture
def server() -> Iterator[CogServer]:
    """A stand-in under the address that the environment has."""
    with CogServer() as found, environment(**found.environment):
        yield found


class TestCog(LocalContract):
    settings: ClassVar[dict[str, str]] = {"image": IMAGE}

    def provider(self) -> Local:
        return Cog()

    def endless(self, folder: Path) -> Request:
        return self.request(folder, prompt="for ever")

    @pytest.fixture(autouse=True)
    def _served(self) -> Iterator[None]:
        with CogServer() as server, environment(**server.environment):
            yield


# --- what real servers do, and the stand-in as they ---------------------------------------------------------------------


def test_a_take_is_as_it_was_asked_for(container: House, tmp_path: Path) -> None:
    wanted = request(format=replace(request().format, rate=Fraction(30000, 1001)))
    receipt = made(wanted, tmp_path)
    found = probe(tmp_path / "take.mp4").video
    assert (found.frames, found.width, found.height, found.rate) == (12, 64, 36, Fraction(30000, 1001))
    assert receipt.sent.inner("input").get("fps") == "29.97002997002997"
    assert receipt.answered.text("logs") == "thinking of A lighthouse at dawn.\n"
    assert Fraction(receipt.answered.text("predict_time")) > 0
    assert receipt.answered.inner("versions").text("cog") == container.version
    assert receipt.answered.text("output") == "data:video/mp4;base64"


def test_a_reference_travels_within_the_request(container: House, tmp_path: Path) -> None:
    first = reference(tmp_path, "first_frame")
    receipt = made(request(references=(("first_frame", first),)), tmp_path)
    assert receipt.sent.inner("input").text("image") == f"sha256:{first.name}"


def test_a_failure_comes_with_status_200_and_is_one_all_the_same(container: House, tmp_path: Path) -> None:
    with pytest.raises(VendorFault) as caught:
        made(acting("fail"), tmp_path)
    assert "CUDA out of memory, they say" in (caught.value.cause or "")
    assert not (tmp_path / "take.mp4").exists()


def test_an_input_that_the_server_refuses_is_named(container: House) -> None:
    """Asked behind the back of our own look at the schema, which would have found it."""
    with reached(account_of(os.environ), 30, threading.Event()) as line, pytest.raises(ProviderRefused) as caught:
        line.predict({"prompt": "x", "seed": "seven", "width": 8})
    assert "`seed`, `width`" in caught.value.message
    assert "16" in (caught.value.cause or "")


def test_a_full_container_is_waited_for(container: House, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    other = threading.Thread(target=made, args=(acting("wait 0.6"), tmp_path / "a"))
    other.start()
    time.sleep(0.3)
    made(request(), tmp_path / "b")
    other.join()
    assert probe(tmp_path / "a/take.mp4").video.frames == probe(tmp_path / "b/take.mp4").video.frames == 12


@pytest.mark.slow
def test_a_container_that_stays_full_is_given_up_at_the_deadline(container: House, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    place = workplace(tmp_path / "a")
    other = threading.Thread(target=_quietly, args=(acting("wait 30"), place, tmp_path / "a/take.mp4"))
    other.start()
    time.sleep(0.3)
    with pytest.raises(ProviderUnavailable) as caught:
        made(request(settings=settings(deadline=1)), tmp_path / "b")
    assert "no room" in caught.value.message
    assert caught.value.cause
    place.cancel.set()
    other.join()


def _quietly(wanted: Request, place: Workplace, into: Path) -> None:
    with pytest.raises(Cancelled):
        Cog().make(wanted, place, into)


def test_a_container_that_starts_is_waited_for(house: House, tmp_path: Path) -> None:
    with house.starting(0.3) as url, environment(**{ADDRESS: url}):
        made(request(), tmp_path)
    assert probe(tmp_path / "take.mp4").video.frames == 12


def test_what_starts_is_not_looked_at_as_if_it_had_no_schema(house: House) -> None:
    with house.lost() as url, environment(**{ADDRESS: url}), pytest.raises(ProviderUnavailable) as caught:
        Cog().examine("mp4", settings(), SITE)
    assert "not ready" in caught.value.message


def test_what_starts_for_ever_is_given_up_at_the_deadline_with_what_it_said(house: House, tmp_path: Path) -> None:
    """The newer server starts its worker as `python`: where PATH has another one, it says STARTING for ever."""
    with house.lost() as url, environment(**{ADDRESS: url}), pytest.raises(ProviderUnavailable) as caught:
        made(request(settings=settings(deadline=1)), tmp_path)
    assert "STARTING" in (caught.value.cause or "")
    assert "PATH" in (caught.value.hint or "")


def test_a_set_up_that_failed_is_told_by_its_log(house: House, tmp_path: Path) -> None:
    with house.broken() as url, environment(**{ADDRESS: url}):
        for ask in (lambda: Cog().examine("mp4", settings(), SITE), lambda: made(request(), tmp_path)):
            with pytest.raises(ProviderRefused) as caught:
                ask()
            assert "no weights at /src/weights" in (caught.value.cause or "")


def test_a_name_that_the_model_does_not_have_is_found_before_it_is_dropped(container: House, tmp_path: Path) -> None:
    """A seed under another name would be no seed, and both servers would take it."""
    wanted = request(settings=settings(seed_field="sed", input='{"steps": 30}'))
    found = list(Cog().inspect("mp4", wish(wanted), None, SITE))
    assert [each.key for each in found] == ["seed_field", "input"]
    assert "seed" in found[0].remedy
    with pytest.raises(ProviderRefused) as caught:
        made(wanted, tmp_path)
    assert "`sed`" in caught.value.message
    nothing = settings(seed_field="-")
    assert list(Cog().inspect("mp4", wish(request(settings=nothing)), None, SITE)) == []


def test_a_running_prediction_is_cancelled_by_our_own_id(container: House, tmp_path: Path) -> None:
    """The older server goes on when nobody listens any more: a second one has room only when it was really stopped."""
    assert stopped(acting("wait 60"), tmp_path, after=0.5) < SOON
    made(request(settings=settings(deadline=15)), tmp_path)
    assert not (tmp_path / "own-0/take").exists()


@pytest.mark.slow
def test_a_prediction_that_lasts_too_long_is_taken_back(container: House, tmp_path: Path) -> None:
    with pytest.raises(VendorFault) as caught:
        made(request(settings=settings(deadline=1, input='{"act": "wait 60"}')), tmp_path)
    assert "deadline" in (caught.value.hint or "")
    made(request(settings=settings(deadline=15)), tmp_path)


@pytest.mark.parametrize("act", ["list", "named"])
def test_a_clip_in_a_list_or_under_a_name_is_found(container: House, tmp_path: Path, act: str) -> None:
    made(acting(act), tmp_path)
    assert probe(tmp_path / "take.mp4").video.frames == 12


@pytest.mark.parametrize(("act", "said"), [("nothing", "nothing"), ("words", "all went well"), ("two", "2 clips")])
def test_an_output_that_is_not_one_clip_is_no_take(container: House, tmp_path: Path, act: str, said: str) -> None:
    with pytest.raises(BadTake) as caught:
        made(acting(act), tmp_path)
    assert said in (caught.value.cause or "")


def test_a_worker_that_dies_is_an_error_of_the_container(house: House, tmp_path: Path) -> None:
    with house.starting(0.0) as url, environment(**{ADDRESS: url}):
        with pytest.raises((VendorFault, ProviderUnavailable)):
            made(acting("die"), tmp_path)
        with pytest.raises((ProviderRefused, ProviderUnavailable)):
            made(request(settings=settings(deadline=3)), tmp_path)


def test_a_container_is_pinned_by_its_image_and_by_what_it_shows(container: House) -> None:
    facts = Cog().examine("mp4", settings(), SITE)
    assert facts.pinned.text("image") == IMAGE
    assert facts.pinned.text("cog") == container.version
    schema = facts.pinned.inner("schema")
    assert len(schema.text("sha256")) == 64
    assert schema.inner("inputs").text("width") == "integer, 16..1920, default 64"
    assert schema.inner("inputs").text("prompt") == "string, required"
    assert schema.inner("inputs").text("style") == 'string, one of film, ink, default "film"'
    told = {"python", "python_sdk", "coglet"}
    named = {name for name, _ in facts.pinned} - {"image", "cog", "schema"}
    missing = {name for name, _ in facts.unread} - {"running image"}
    assert (named, missing) == ((told, set()) if container.version == NEW else (set(), told))
    assert Cog().examine("mp4", settings(), SITE) == facts
    assert Cog().subject("mp4", settings()) == IMAGE


def test_a_container_that_was_replaced_during_a_build_makes_nothing(server: CogServer, tmp_path: Path) -> None:
    version = version_of(Cog().examine("mp4", settings(), SITE))
    made(request(version=version), tmp_path)
    server.version = OLD
    with pytest.raises(ProviderRefused) as caught:
        made(request(version=version), tmp_path)
    assert "shotbuild lock" in (caught.value.hint or "")
    assert len(server.predictions) == 1


def test_a_container_without_a_schema_says_so_and_makes_takes(house: House, tmp_path: Path) -> None:
    with house.bare() as url, environment(**{ADDRESS: url}):
        facts = Cog().examine("mp4", settings(), SITE)
        if house.version == NEW:  # the older one has it from the code itself
            assert facts.pinned.get("schema") is None
            assert "nobody checks" in facts.unread.text("schema")
        made(request(), tmp_path)
    assert probe(tmp_path / "take.mp4").video.frames == 12


@pytest.mark.slow
@pytest.mark.parametrize("version", [NEW, OLD])
def test_the_stand_in_shows_the_schema_that_the_real_servers_show(
    real: Callable[[str], House], tmp_path: Path, version: str
) -> None:
    with real(version).open() as url, environment(**{ADDRESS: url}):
        found = Cog().examine("mp4", settings(), SITE).pinned.inner("schema")
    expected = interface_of(Body(DOCUMENT))
    assert expected is not None
    assert found.text("sha256") == expected.digest


@pytest.mark.slow
def test_a_real_server_that_uploads_is_told_how_to_be_started(
    real: Callable[[str], House], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    class Storage(Loopback):
        def answer(self, heard: Any) -> tuple[int, Any]:
            return 200, {}

    real(NEW)
    python = next(tmp_path_factory.getbasetemp().glob(f"cog-{NEW}*/venv/bin/python"))
    with Storage() as storage, running(python, tmp_path / "place", "--upload-url", f"{storage.url}/") as url:
        until(lambda: state_at(url) == "READY")
        with environment(**{ADDRESS: url}), pytest.raises(ProviderRefused) as caught:
            made(request(), tmp_path)
        assert [heard.method for heard in storage.heard] == ["PUT"]
    assert "--upload-url" in (caught.value.hint or "")


# --- what is sent -------------------------------------------------------------------------------------------------------


def test_a_shot_is_put_under_the_names_that_the_model_has(server: CogServer, tmp_path: Path) -> None:
    server.shows = None
    names = {"prompt_field": "prompt", "frames_field": "video_length", "duration_field": "seconds", "width_field": "-"}
    more = {"negative_prompt": "rain", "negative_prompt_field": "n_prompt", "last_image_field": "end"}
    last = reference(tmp_path, "last_frame")
    wanted = request(
        frames=9,
        references=(("last_frame", last),),
        settings=settings(**names, **more, input='{"guidance": 7.5, "num_frames": 9, "width": 64}'),
    )
    made(wanted, tmp_path)
    (said,) = server.predictions
    assert said["input"] == {
        "prompt": "A lighthouse at dawn.",
        "seed": 7,
        "video_length": 9,
        "seconds": 1,
        "height": 36,
        "fps": 24,
        "n_prompt": "rain",
        "end": data_uri(last),
        "guidance": 7.5,
        "num_frames": 9,
        "width": 64,
    }


def test_what_is_recorded_has_no_picture_and_no_float(server: CogServer, tmp_path: Path) -> None:
    first = reference(tmp_path, "first_frame")
    more = settings(input='{"strength": 0.25}')
    receipt = made(request(references=(("first_frame", first),), settings=more), tmp_path)
    assert receipt.sent.inner("input").get("strength") == "0.25"
    assert receipt.sent.inner("input").get("image") == f"sha256:{first.name}"
    assert receipt.sent.text("image") == IMAGE


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ({"input": "[]"}, "input"),
        ({"input": "{"}, "input"),
        ({"input": '{"x": NaN}'}, "input"),
        ({"input": "[" * 100_000}, "input"),
        ({"input": '{"seed": 3}'}, "input"),
        ({"seed_field": "prompt"}, "seed_field"),
        ({"image_field": "-"}, "references"),
    ],
)
def test_what_cannot_be_sent_is_found_without_a_container(said: dict[str, str], key: str) -> None:
    wanted = wish(request(settings=settings(**said)), ("first_frame",))
    assert [each.key for each in Cog().objections("mp4", wanted)] == [key]


NOT_TAKEN: list[tuple[dict[str, Any], str, str]] = [
    ({"settings": {"input": '{"style": "oil"}'}}, "input", "it takes film, ink"),
    ({"settings": {"input": '{"strength": 2}'}}, "input", "it takes at most 1"),
    ({"settings": {"input": '{"strength": "much"}'}}, "input", "it takes a number"),
    ({"settings": {"input": '{"strength": true}'}}, "input", "it takes a number"),
    ({"settings": {"input": '{"act": 7}'}}, "input", "it takes text"),
    ({"settings": {"prompt_field": "act"}}, "input", "string, required"),
    ({"settings": {"fps_field": "num_frames", "frames_field": "-"}, "rate": "24000/1001"}, "format", "a whole number"),
    ({"frames": 501}, "duration", "it takes at most 500"),
    ({"size": "3840x2160"}, "format", "it takes at most 1920"),
]


def test_what_the_schema_does_not_take_is_an_objection(server: CogServer) -> None:
    for said, key, cause in NOT_TAKEN:
        look = request().format
        look = replace(look, size=parse_size(said.get("size", "64x36")), rate=parse_rate(said.get("rate", "24")))
        wanted = request(frames=said.get("frames", 12), format=look, settings=settings(**said.get("settings", {})))
        found = list(Cog().inspect("mp4", wish(wanted), None, SITE))
        assert {each.key for each in found} == {key}, said
        assert cause in found[0].cause, said
    assert server.predictions == []


def test_many_shots_are_held_against_one_look(server: CogServer) -> None:
    for _ in range(50):
        assert list(Cog().inspect("mp4", wish(request()), None, SITE)) == []
    assert len(server.heard) <= 6


def test_a_container_that_is_not_there_is_told_apart_from_one_that_cannot(tmp_path: Path) -> None:
    with CogServer() as server:
        url = server.url
    with environment(**{ADDRESS: url}):
        for ask in (
            lambda: Cog().examine("mp4", settings(), SITE),
            lambda: list(Cog().inspect("mp4", wish(request()), None, SITE)),
            lambda: made(request(), tmp_path),
        ):
            with pytest.raises(ProviderUnavailable) as caught:
                ask()
            assert ADDRESS in (caught.value.hint or "")


# --- stopping, addresses, tokens ----------------------------------------------------------------------------------------


def test_waiting_for_room_can_be_stopped(server: CogServer, tmp_path: Path) -> None:
    server.scripted = [(409, {"detail": "Already running a prediction"})] * 50
    assert stopped(request(), tmp_path, after=0.3) < 2


def test_waiting_for_a_start_can_be_stopped(server: CogServer, tmp_path: Path) -> None:
    server.word = "STARTING"
    assert stopped(request(), tmp_path, after=0.3) < 2


@pytest.mark.slow
def test_a_server_that_cannot_cancel_keeps_nobody_waiting(server: CogServer, tmp_path: Path) -> None:
    server.deaf = True
    assert stopped(request(prompt="for ever"), tmp_path, after=0.3) < SOON
    assert [heard.path[2] for heard in server.heard if len(heard.path) == 3][:1] == ["cancel"]


def test_the_id_that_is_cancelled_is_the_one_that_was_sent(server: CogServer, tmp_path: Path) -> None:
    stopped(request(prompt="for ever"), tmp_path, after=0.3)
    (asked,) = server.predictions
    assert {heard.path[1] for heard in server.heard if len(heard.path) == 3} == {asked["id"]}


@pytest.mark.parametrize("address", ["127.0.0.1:5000", "ftp://x", "http://", "http://[", "https://x:99999", "no address"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ProviderRefused) as caught:
        account_of({ADDRESS: address})
    assert ADDRESS in caught.value.message


@pytest.mark.parametrize("address", ["http://gpu.example:5000", "http://10.0.0.7:5000", "http://127.0.0.1.example"])
def test_a_token_never_leaves_in_the_clear(address: str) -> None:
    with pytest.raises(ProviderRefused) as caught:
        account_of({ADDRESS: address, TOKEN: "hush-hush"})
    assert "clear" in caught.value.message
    assert account_of({ADDRESS: address}).headers() == {}


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:5000", "http://localhost:5000", "http://[::1]:5000", "https://gpu.example"]
)
def test_a_token_is_sent_where_nobody_listens(address: str) -> None:
    assert account_of({ADDRESS: address, TOKEN: " hush-hush\n"}).headers() == {"Authorization": "Bearer hush-hush"}


def test_a_token_is_in_headers_and_nowhere_else(server: CogServer, tmp_path: Path) -> None:
    with environment(**{TOKEN: "hush-hush-hush"}):
        receipt = made(request(), tmp_path)
        server.scripted = [(200, {"status": "failed", "error": "hush-hush-hush was the token", "logs": "hush-hush-hush"})]
        with pytest.raises(VendorFault) as caught:
            made(request(), tmp_path)
    assert {heard.headers.get("authorization") for heard in server.heard} == {"Bearer hush-hush-hush"}
    assert "hush-hush-hush" not in f"{receipt} {caught.value.message} {caught.value.cause}"
    assert all(b"hush-hush-hush" not in heard.body for heard in server.heard)


def test_a_server_that_lets_nobody_in_wants_a_token(server: CogServer, tmp_path: Path) -> None:
    server.scripted = [(401, {"detail": "no"})]
    with pytest.raises(KeyRefused) as caught:
        made(request(), tmp_path)
    assert TOKEN in (caught.value.hint or "")


# --- what comes back ----------------------------------------------------------------------------------------------------

FILM = "data:video/mp4;base64,AAAA"


@pytest.mark.parametrize(
    "output",
    [
        FILM,
        [FILM],
        {"anything": FILM, "seed": 7, "thumbnail": "data:image/png;base64,AAAA"},
        {"video": FILM, "preview": "https://x/preview.mp4"},
        {"result": {"files": [FILM, "data:text/plain;base64,AAAA"]}},
    ],
)
def test_the_one_clip_of_an_output_is_found(output: Any) -> None:
    assert film_of(output) == FILM


def test_an_address_is_known_by_its_suffix_and_mere_bytes_are_tried() -> None:
    assert film_of(["https://x/a.MP4?sig=1", "https://x/a.json"]) == "https://x/a.MP4?sig=1"
    assert film_of("data:application/octet-stream;base64,AA") == "data:application/octet-stream;base64,AA"


@pytest.mark.parametrize(
    "output", [None, [], {}, 7, True, "", "file:///etc/passwd", [[[[[FILM]]]]], [FILM, FILM], {"a": FILM, "b": FILM}]
)
def test_anything_else_is_no_take(output: Any) -> None:
    with pytest.raises(BadTake):
        film_of(output)


def answered(output: Any) -> list[tuple[int, Any]]:
    return [(200, {"id": "x", "status": "succeeded", "output": output, "metrics": {"predict_time": "soon"}})]


def encoded(clip: bytes, kind: str = "video/mp4") -> str:
    return f"data:{kind};base64,{base64.b64encode(clip).decode()}"


def test_an_output_at_the_servers_own_address_is_fetched(server: CogServer, tmp_path: Path) -> None:
    server.parcels["out.mp4"] = drawn(12, "64x36", "24")
    server.scripted = answered(f"{server.url}/parcels/out.mp4?signature=s3cr3t")
    receipt = made(request(), tmp_path)
    assert (tmp_path / "take.mp4").read_bytes() == server.parcels["out.mp4"]
    assert receipt.answered.text("output") == f"{server.url}/parcels/out.mp4"
    assert receipt.answered.get("predict_time") is None


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/out.mp4", "http://storage.example/out.mp4", "http://[::1/out.mp4"])
def test_an_output_elsewhere_says_how_to_start_the_server(server: CogServer, tmp_path: Path, address: str) -> None:
    server.scripted = answered(address)
    with pytest.raises(ShotbuildError) as caught:
        made(request(), tmp_path)
    assert isinstance(caught.value, ProviderRefused)
    assert "--upload-url" in (caught.value.hint or "")


def test_an_output_in_a_private_network_is_not_fetched(server: CogServer, tmp_path: Path) -> None:
    server.scripted = answered("https://10.1.2.3/out.mp4")
    with pytest.raises(BadTake) as caught:
        made(request(), tmp_path)
    assert "private" in caught.value.message
    assert "--upload-url" in (caught.value.hint or "")


@pytest.mark.parametrize(("frames", "size", "rate"), [(11, "64x36", "24"), (12, "64x64", "24"), (12, "64x36", "25")])
def test_another_clip_than_was_asked_for_is_no_take(
    server: CogServer, tmp_path: Path, frames: int, size: str, rate: str
) -> None:
    server.scripted = answered(encoded(drawn(frames, size, rate)))
    with pytest.raises(BadTake) as caught:
        made(request(), tmp_path)
    assert caught.value.cause == f"asked: 12 frames 64x36 at 24; got: {frames} frames {size} at {rate}"
    assert "frames_field" in (caught.value.hint or "")
    assert not (tmp_path / "take.mp4").exists()


def test_another_container_than_the_models_is_no_take(server: CogServer, tmp_path: Path) -> None:
    server.scripted = answered(encoded(drawn(12, "64x36", "24", "mkv"), "video/x-matroska"))
    with pytest.raises(BadTake) as caught:
        made(request(), tmp_path)
    assert caught.value.hint == "write `model: mkv`"
    server.scripted = answered(encoded(drawn(12, "64x36", "24", "mkv"), "video/x-matroska"))
    made(request("mkv"), tmp_path)
    assert probe(tmp_path / "take.mkv").video.frames == 12


def test_sound_that_was_promised_has_to_be_there(server: CogServer, tmp_path: Path) -> None:
    with pytest.raises(BadTake) as caught:
        made(request(settings=settings(sound=True)), tmp_path)
    assert "sound" in caught.value.message
    server.scripted = answered(encoded(drawn(12, "64x36", "24", sound=True)))
    made(request(settings=settings(sound=True)), tmp_path)
    assert probe(tmp_path / "take.mp4").sound is not None


ODD_ANSWERS: list[tuple[int, Any]] = [
    (200, b"<html>a proxy's greeting</html>"),
    (200, []),
    (200, None),
    (200, {"status": 7}),
    (200, {"status": "succeeded"}),
    (200, {"status": "pondering", "output": FILM}),
    (200, {"status": "succeeded", "output": "data:video/mp4;base64,!!!!"}),
    (200, {"status": "succeeded", "output": "data:video/mp4,plain"}),
    (200, {"status": "succeeded", "output": encoded(b"\0\0\0\x18ftypisom" + bytes(500))}),
    (200, {"status": "succeeded", "output": encoded(b"")}),
    (202, {"status": "starting"}),
    (400, b"Failed to parse"),
    (404, {"detail": "Not Found"}),
    (405, {}),
    (422, {"detail": "no"}),
    (422, {"detail": [{"loc": 7}, 3, None]}),
    (422, []),
    (500, b"Internal Server Error"),
    (502, b"<html>bad gateway</html>"),
]


def test_a_hostile_answer_is_an_error_of_ours(server: CogServer, tmp_path: Path) -> None:
    for answer in ODD_ANSWERS:
        server.scripted = [answer]
        with pytest.raises(ProviderError):
            made(request(), tmp_path)


HOSTILE: list[Any] = [None, [], 7, "x", {"components": 7}, {"components": {"schemas": {"Input": {"properties": [1]}}}}]


@pytest.mark.parametrize("document", HOSTILE)
def test_a_hostile_schema_is_none(document: Any) -> None:
    assert interface_of(Body(document)) is None


def test_an_odd_schema_is_read_as_far_as_it_goes() -> None:
    loop = {"$ref": "#/components/schemas/loop"}
    odd: dict[str, Any] = {
        "a": 7,
        "b": {"type": 7, "minimum": "low", "enum": {}},
        "c": loop,
        "d": {"anyOf": [{"type": "integer", "maximum": 3}, {"type": "null"}]},
        "e": {"type": "integer", "maximum": 10**400},
        "f": {"$ref": 7},
    }
    found = interface_of(Body({"components": {"schemas": {"Input": {"properties": odd, "required": 7}, "loop": loop}}}))
    assert found is not None
    assert found.inputs["a"].refusal(object()) == found.inputs["c"].refusal("x") == ""
    assert found.inputs["d"].refusal(4) == "it takes at most 3"
    assert found.inputs["e"].refusal(4) == ""
    assert [str(each)[:8] for each in found.inputs.values()]


ODD_HEALTH: list[Any] = [[], None, {"status": 7}, {"status": "READY", "setup": 7, "version": [1]}, b"<html></html>"]


def test_a_hostile_health_check_is_an_error_of_ours() -> None:
    class Odd(Loopback):
        said: Any = None

        def answer(self, heard: Any) -> tuple[int, Any]:
            return 200, self.said

    with Odd() as odd, environment(**{ADDRESS: odd.url}):
        for health in ODD_HEALTH:
            odd.said = health
            try:
                facts: Facts | None = Cog().examine("mp4", settings(), SITE)
            except ProviderError:
                facts = None
            assert facts is None or facts.pinned.text("image") == IMAGE


def test_a_connection_that_is_cut_is_an_error_of_ours(tmp_path: Path) -> None:
    class Cut(CogServer):
        def _predicted(self, heard: Any) -> Any:
            raise ConnectionAbortedError

    with Cut() as cut, environment(**cut.environment), pytest.raises(ProviderUnavailable):
        made(request(), tmp_path)


# --- a film -------------------------------------------------------------------------------------------------------------


def test_the_page_tells_every_setting_and_its_example_loads(tmp_path: Path) -> None:
    page = (ROOT / "docs/cog.md").read_text()
    assert [name for name in MODELS["mp4"].fields if f"`{name}`" not in page] == []
    (example,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    with CogServer() as server, environment(**server.environment):
        shown = {name: said for name, said in PROPERTIES.items() if name != "fps"}
        more = {"frames_per_second": {"type": "integer"}, "num_inference_steps": {"type": "integer"}}
        shown |= {**more, "guidance_scale": {"type": "number"}}
        server.shows = {"components": {"schemas": {"Input": {"properties": shown}}}}
        found = shotbuild(write_project(tmp_path / "film", {"shotbuild.yaml": example}), "lint")
        assert (found.code, found.err) == (0, "")


@pytest.mark.slow
def test_a_film_is_made_by_a_container_that_the_lock_holds(tmp_path: Path) -> None:
    spec = f"""\
shotbuild: 1
project: film
format: {{size: 64x36, rate: 24}}
providers: {{mine: {{use: cog, image: '{IMAGE}'}}}}
defaults: {{provider: mine, duration: 12f}}
shots:
  sh010: {{prompt: A lighthouse at dawn.}}
  sh020: {{prompt: The keeper climbs the stair., continue: sh010}}
"""
    film = write_project(tmp_path / "film", {"shotbuild.yaml": spec})
    with CogServer() as server, environment(**server.environment):
        built = shotbuild(film, "build")
        assert built.code == 0, built.err
        first, second = server.predictions
        assert "image" not in first["input"]
        assert second["input"]["image"].startswith("data:image/png;base64,")
        lock = json.loads((film / "shotbuild.lock").read_text())
        ((name, held),) = lock["generators"].items()
        assert name == f"mine/mp4:{IMAGE}"
        assert held["pinned"]["schema"]["inputs"]["seed"] == "integer, default 0"
        assert "running image" in held["unread"]
        # Another default under the same names: what is made from now on would be made otherwise.
        changed = json.loads(json.dumps(DOCUMENT))
        changed["components"]["schemas"]["Input"]["properties"]["strength"]["default"] = 0.75
        server.shows = changed
        assert shotbuild(film, "build").code == 0, "what is there needs no container"
        (film / "shotbuild.yaml").write_text(spec.replace("dawn", "dusk"))
        refused = shotbuild(film, "build")
        assert refused.code == 3
        assert "strength" in refused.err
        assert len(server.predictions) == 2
        assert shotbuild(film, "lock", "--update").code == 0
        assert shotbuild(film, "build").code == 0, "the lock has what is there now"
        assert len(server.predictions) == 4
