"""ComfyUI: the adapter against a stand-in that speaks as two of its versions do, or, with SHOTBUILD_COMFY_URL set, against a
real server, whose nodes need no weights for what is asked here."""

import struct
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import pytest

from shotbuild.errors import (
    BadTake,
    FateUnknown,
    ProviderRefused,
    ProviderUnavailable,
    VendorFault,
)
from shotbuild.host.wire import Reply
from shotbuild.media.probe import probe
from shotbuild.providers.comfy.inject import written
from shotbuild.providers.comfyui import ComfyUI
from shotbuild.providers.interface import Request, State
from shotbuild.purchasing import account
from shotbuild.records import Format, Operation
from shotbuild.testing.providers import PNG, ServiceContract
from shotbuild.units import parse_size
from tests.providers.comfy import (
    CLIENT,
    FROM_PICTURE,
    INJECT,
    LIVE,
    OTHER,
    SERVICE,
    both,
    closed,
    desk,
    doubt,
    fresh,
    from_picture,
    hooks,
    network,
    nodes,
    request,
)
from tests.servers.clips import clip
from tests.servers.comfyui import TENSOR, TRACEBACK, ComfyServer, LiveServer

__all__ = ["closed"]


class _Comfy(ServiceContract):
    """What a service has to keep to, asked of ComfyUI."""

    seconds: ClassVar[Fraction | int] = Fraction(1, 2)
    size: ClassVar[str] = "128x72"
    settings: ClassVar[Mapping[str, str | int | bool]] = {"workflow": "templates/film.json", "inject": written(INJECT)}
    old = False

    def provider(self) -> ComfyUI:
        return ComfyUI()

    def serving(self) -> Any:
        return LiveServer(LIVE) if LIVE else ComfyServer(old=self.old)

    def request(self, folder: Path, **said: Any) -> Request:
        # A real server remembers what it was asked under an id, from one test to the next.
        return request(folder / "store", **({**said, "client": fresh()} if LIVE else said))

    def test_each_no_is_of_its_kind_and_nothing_was_paid(self) -> None:
        if LIVE:
            pytest.skip("a real server cannot be told to refuse")
        super().test_each_no_is_of_its_kind_and_nothing_was_paid()


class TestComfy033(_Comfy):
    pass


@hooks
class TestComfy0364(_Comfy):
    old = True


# --- one take -----------------------------------------------------------------------------------------------------------


@both
def test_a_take_is_of_the_size_and_length_that_was_asked_for(tmp_path: Path, old: bool) -> None:
    with desk(old=old, live=True) as it:
        operation = it.submit(request(tmp_path / "store", client=fresh()))
        assert it.ended(operation).state is State.DONE
        it.fetched(operation, tmp_path / "take.mp4")
        found = probe(tmp_path / "take.mp4").video
        assert (found.width, found.height, found.frames, found.rate) == (128, 72, 12, 24)
        # The store's copy of a fetched file has what the server sent, and the film was asked for by its own name.
        assert SERVICE.locate(operation, it.line()).url.endswith(
            ".mp4&subfolder=shotbuild%2F" + operation.id + "&type=output"
        )


@both
def test_a_reference_is_sent_up_and_named_to_its_node(tmp_path: Path, old: bool) -> None:
    with desk(old=old, live=True) as it:
        wanted = request(
            tmp_path / "store", from_picture(), FROM_PICTURE, references={"first_frame": PNG}, client=fresh(), frames=4
        )
        operation = it.submit(wanted)
        assert it.ended(operation).state is State.DONE
        assert it.fetched(operation, tmp_path / "take.mp4")
        sha256 = dict(wanted.references)["first_frame"].name
        assert it.graph()["1"]["inputs"]["image"] == f"shotbuild/{sha256}/{sha256[:12]}.png"


@both
def test_a_lost_answer_is_found_by_its_id(tmp_path: Path, old: bool) -> None:
    with desk(old=old, live=True) as it:
        wanted = request(tmp_path / "store", client=fresh())
        it.server.lose(accepted=True)
        with pytest.raises(FateUnknown):
            it.submit(wanted)
        found = SERVICE.find(doubt(wanted), it.line())
        assert found is not None
        assert found.id == wanted.client
        assert it.ended(found).state is State.DONE
        assert it.server.paid == 1


@both
def test_cancelling_takes_back_what_waits_and_leaves_the_others(tmp_path: Path, old: bool) -> None:
    with desk(old=old, live=True) as it:
        first, second = fresh(), fresh()
        kept = it.submit(request(tmp_path / "a", client=first, frames=2000 if LIVE else 24))
        given_up = it.submit(request(tmp_path / "b", client=second, seed=8))
        assert SERVICE.cancel(given_up, it.line())
        assert it.ended(given_up).state in (State.CANCELLED, State.GONE)
        assert it.ended(kept).state is State.DONE
        assert not SERVICE.cancel(kept, it.line()), "it is done"
        assert it.ended(kept).state is State.DONE


# --- what is sent -------------------------------------------------------------------------------------------------------


def test_values_keep_their_types(tmp_path: Path) -> None:
    inject = {
        **INJECT,
        "4.value": "{{ prompt }} --seed {{ seed }}",
        "2.fps": 25,
        "3.codec": "auto",
        "1.color": "{{ 1 if seconds > 1 else 2 }}",
    }
    del inject["Prompt.value"], inject["Canvas.inputs.color"]
    with desk() as it:
        it.submit(request(tmp_path, inject=inject))
        sent = it.graph()
        assert sent["1"]["inputs"] == {"width": 128, "height": 72, "batch_size": 12, "color": 2}
        assert sent["4"]["inputs"]["value"] == "A lighthouse at dawn. --seed 7"
        assert sent["2"]["inputs"] == {"images": ["1", 0], "fps": 25}
        assert sent["3"]["inputs"]["codec"] == "auto"


def test_a_prompt_is_never_a_template(tmp_path: Path) -> None:
    hostile = '{{ seed }} {% for x in range(9) %} "quoted" \\ \n 007'
    with desk() as it:
        it.submit(request(tmp_path, prompt=hostile))
        assert it.graph()["4"]["inputs"]["value"] == hostile


def test_a_prompt_of_digits_stays_text(tmp_path: Path) -> None:
    with desk() as it:
        it.submit(request(tmp_path, prompt="1984"))
        assert it.graph()["4"]["inputs"]["value"] == "1984"


def test_a_rate_with_a_part_is_a_number(tmp_path: Path) -> None:
    look = Format(size=parse_size("128x72"), rate=Fraction(24000, 1001), color="bt709", pixels="yuv420p")
    with desk() as it:
        it.submit(request(tmp_path, format=look, inject={"2.fps": "{{ fps }}", "4.value": "{{ rate }}"}))
        assert it.graph()["2"]["inputs"]["fps"] == pytest.approx(23.976, abs=0.001)
        assert it.graph()["4"]["inputs"]["value"] == "24000/1001"


def test_what_is_sent_has_our_id_and_no_number(tmp_path: Path) -> None:
    with desk() as it:
        assert it.submit(request(tmp_path)).id == CLIENT
        (body,) = it.posts("prompt")
        assert set(body) == {"prompt", "prompt_id"}
        assert body["prompt_id"] == CLIENT
        assert all(set(each) == {"class_type", "inputs"} for each in body["prompt"].values())


def test_each_attempt_saves_under_its_own_id(tmp_path: Path) -> None:
    """An equal graph would be answered from the cache, with files that may be gone."""
    with desk() as it:
        for client in (CLIENT, OTHER):
            operation = it.submit(request(tmp_path / client, client=client))
            assert it.ended(operation).state is State.DONE
            it.server.files.clear()
            if client == CLIENT:
                assert it.graph()["3"]["inputs"]["filename_prefix"] == f"shotbuild/{CLIENT}/take"
        assert len(it.server.cache) == 2, "the second was answered from the cache"


def test_a_server_that_was_told_the_same_graph_twice_answers_with_the_old_file() -> None:
    """What the stand-in has in common with a real one, so that the test above is worth something."""
    with desk(token=False) as it:
        graph = nodes()
        names = []
        for client in (CLIENT, OTHER):
            it.line().pay("prompt", {"prompt": graph, "prompt_id": client})
            it.ended(Operation(provider="comfyui", id=client, submitted=""))
            names.append(it.server.history[client]["outputs"])
            it.server.files.clear()
        assert names[0] == names[1]


def test_a_reference_that_is_there_is_not_written_twice(tmp_path: Path) -> None:
    with desk() as it:
        for client in (CLIENT, OTHER):
            more = {"references": {"first_frame": PNG}, "client": client}
            it.submit(request(tmp_path / client, from_picture(), FROM_PICTURE, **more))
        assert len(it.server.sent) == 1
        assert it.graph(0)["1"] == it.graph(1)["1"]


def test_a_reference_whose_name_is_taken_is_named_as_the_server_names_it(tmp_path: Path) -> None:
    with desk() as it:
        wanted = request(tmp_path, from_picture(), FROM_PICTURE, references={"first_frame": PNG})
        sha256 = dict(wanted.references)["first_frame"].name
        it.server.sent[f"shotbuild/{sha256}", f"{sha256[:12]}.png"] = b"damaged"
        it.submit(wanted)
        assert it.graph()["1"]["inputs"]["image"] == f"shotbuild/{sha256}/{sha256[:12]} (1).png"


# --- what is refused ----------------------------------------------------------------------------------------------------


def test_a_workflow_that_would_be_made_in_part_is_refused_and_taken_back(tmp_path: Path) -> None:
    flow = nodes()
    flow["8"] = {"class_type": "SaveImage", "inputs": {"images": ["9", 0], "filename_prefix": "x"}}
    flow["9"] = {"class_type": "LoadImage", "inputs": {"image": "absent.png"}}
    for old in (False, True):
        with desk(old=old) as it:
            line = it.line()
            with pytest.raises(ProviderRefused, match="only a part") as raised:
                SERVICE.submit(request(tmp_path, flow), line)
            assert "LoadImage" in str(raised.value.cause)
            assert line.refused
            assert it.server.queue == [], "the rest of it would be made"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"1": {"class_type": "NoSuchNode", "inputs": {}}}, "NoSuchNode"),
        ({"1": {"class_type": "EmptyImage", "inputs": {"width": 0, "height": 9, "batch_size": 1, "color": 0}}}, "`width`"),
        ({"1": {"class_type": "EmptyImage", "inputs": {"width": 9, "height": 9, "color": 0}}}, "`batch_size`"),
    ],
)
@both
def test_what_the_server_refuses_is_told_by_node(tmp_path: Path, old: bool, change: dict[str, Any], told: str) -> None:
    with desk(old=old) as it:
        line = it.line()
        with pytest.raises(ProviderRefused) as raised:
            SERVICE.submit(request(tmp_path, {**nodes(), **change}, {}), line)
        assert told in str(raised.value.cause)
        assert line.refused
        assert it.server.paid == 0


@both
def test_a_traceback_of_a_refusal_is_kept_nowhere(tmp_path: Path, old: bool) -> None:
    reply = {
        "error": {"type": "prompt_outputs_failed_validation", "message": "failed", "details": "", "extra_info": {}},
        "node_errors": {
            "3": {
                "class_type": "SaveVideo",
                "errors": [
                    {
                        "type": "exception_during_inner_validation",
                        "message": "Exception when validating inner node",
                        "details": TRACEBACK,
                        "extra_info": {"input_name": "video", "traceback": [TRACEBACK]},
                    }
                ],
            }
        },
    }
    with desk(old=old) as it:
        it.server.refusals = {ProviderRefused: (400, reply)}
        it.server.refuse(ProviderRefused)
        line = it.line()
        with pytest.raises(ProviderRefused) as raised:
            SERVICE.submit(request(tmp_path), line)
        assert "inner node" in str(raised.value.cause)
        assert "Traceback" not in f"{raised.value.cause} {raised.value} {line.last}"


def test_a_large_reference_is_refused_with_a_remedy() -> None:
    error = SERVICE.fault(Reply(413, {}, b"too large"))
    assert isinstance(error, ProviderRefused)
    assert "--max-upload-size" in str(error.hint)


def test_without_a_token_none_is_sent(tmp_path: Path) -> None:
    with desk(token=False) as it:
        assert it.ended(it.submit(request(tmp_path))).state is State.DONE
        assert all("authorization" not in heard.headers for heard in it.server.heard)


# --- what is lost -------------------------------------------------------------------------------------------------------


@both
def test_an_error_after_it_was_queued_is_no_no(tmp_path: Path, old: bool) -> None:
    with desk(old=old) as it:
        it.server.stumble = True
        wanted = request(tmp_path)
        with pytest.raises(FateUnknown):
            it.submit(wanted)
        found = SERVICE.find(doubt(wanted), it.line())
        assert found is not None
        assert it.ended(found).state is State.DONE
        assert it.server.paid == 1


@both
def test_what_never_arrived_is_not_found(tmp_path: Path, old: bool) -> None:
    with desk(old=old) as it:
        wanted = request(tmp_path)
        it.server.lose(accepted=False)
        with pytest.raises(FateUnknown):
            it.submit(wanted)
        assert SERVICE.find(doubt(wanted), it.line()) is None
        assert it.server.paid == 0


@both
def test_what_a_restart_lost_is_gone(tmp_path: Path, old: bool) -> None:
    with desk(old=old) as it:
        wanted = request(tmp_path)
        operation = it.submit(wanted)
        assert it.poll(operation).state in (State.QUEUED, State.RUNNING)
        it.server.restart()
        assert it.poll(operation).state is State.GONE, "anything else would not be asked for once more"
        assert SERVICE.find(doubt(wanted), it.line()) is None
        with pytest.raises(ProviderUnavailable):
            SERVICE.locate(operation, it.line())


@both
def test_what_was_saved_before_a_restart_is_fetched(tmp_path: Path, old: bool) -> None:
    with desk(old=old) as it:
        operation = it.submit(request(tmp_path / "store"))
        it.server.save(it.graph(), "3")
        it.server.restart()
        assert SERVICE.find(doubt(request(tmp_path / "again")), it.line()) == operation
        assert it.poll(operation).state is State.DONE
        assert it.fetched(operation, tmp_path / "take.mp4") == next(iter(it.server.files.values()))
        assert it.server.paid == 1


def test_half_a_film_that_a_killed_server_left_is_no_take(tmp_path: Path) -> None:
    whole = clip("0.5", "128x72")
    box = struct.pack(">I4s", 16, b"ftyp") + bytes(8)
    halves = [
        ("mp4", whole[: len(whole) // 2]),
        ("mp4", box + struct.pack(">I4s", 0, b"mdat") + bytes(999)),
        ("mp4", box + struct.pack(">I4s", 1007, b"mdat") + bytes(999)),
        ("mp4", b""),
        ("webm", b"\x1a\x45\xdf\xa3\x84" + bytes(4) + b"\x18\x53\x80\x67\x01" + b"\xff" * 7 + bytes(99)),
        ("webm", b"\x1a\x45\xdf\xa3"),
        ("webm", b"\x1a\x45\xdf\xa3\x00\x00"),
    ]
    with desk() as it:
        operation = it.submit(request(tmp_path))
        it.server.restart()
        for suffix, half in halves:
            it.server.files = {(f"shotbuild/{CLIENT}", f"take_00001_.{suffix}"): half}
            assert it.poll(operation).state is State.GONE, half[:40]
        closed = b"\x1a\x45\xdf\xa3\x84" + bytes(4) + b"\x18\x53\x80\x67\x01" + (99).to_bytes(7, "big") + bytes(99)
        it.server.files = {(f"shotbuild/{CLIENT}", "take_00001_.webm"): closed}
        assert it.poll(operation).state is State.DONE


@both
def test_what_moves_between_two_looks_is_not_lost(tmp_path: Path, old: bool) -> None:
    with desk(old=old) as it:
        operation = it.submit(request(tmp_path))
        it.server.slip = True
        assert it.poll(operation).state is State.DONE


@both
def test_a_dead_worker_leaves_it_waiting(tmp_path: Path, old: bool) -> None:
    with desk(old=old) as it:
        operation = it.submit(request(tmp_path))
        it.server.broken = True
        assert {it.poll(operation).state for _ in range(5)} == {State.QUEUED}


@both
def test_a_film_that_somebody_deleted_is_asked_for_again(tmp_path: Path, old: bool) -> None:
    with desk(old=old) as it:
        operation = it.submit(request(tmp_path))
        it.ended(operation)
        it.server.files.clear()
        status = it.poll(operation)
        assert status.state is State.FAILED
        assert isinstance(status.fault, VendorFault)


# --- how it stands ------------------------------------------------------------------------------------------------------


@both
def test_while_it_waits_its_place_is_told_and_nobody_elses_workflow_is_kept(tmp_path: Path, old: bool) -> None:
    with desk(old=old) as it:
        it.submit(request(tmp_path / "a", client=OTHER, prompt="somebody's secret"))
        operation = it.submit(request(tmp_path / "b"))
        it.server.slow = True
        line = it.line()
        status = SERVICE.poll(operation, line)
        assert (status.state, status.word) == (State.QUEUED, "waiting, 2 in the queue")
        assert line.last == '{"exec_info": {"queue_remaining": 2}}'


@both
def test_a_failure_is_told_without_traceback_and_without_pictures(tmp_path: Path, old: bool) -> None:
    with desk(old=old) as it:
        operation = it.submit(request(tmp_path))
        it.server.fail(VendorFault)
        status = it.ended(operation)
        assert isinstance(status.fault, VendorFault)
        told = f"{status.fault} {status.fault.cause}"
        assert "node 3 (KSampler)" in told
        assert "torch.OutOfMemoryError: Allocation on device" in told
        assert "Traceback" not in told
        assert "tensor" not in told
        assert len(TENSOR) > 100_000


@both
def test_an_interrupted_prompt_was_cancelled(tmp_path: Path, old: bool) -> None:
    with desk(old=old, looks=4) as it:
        operation = it.submit(request(tmp_path))
        while it.poll(operation).state is not State.RUNNING:
            pass
        assert SERVICE.cancel(operation, it.line())
        assert it.poll(operation).state is State.CANCELLED


@both
def test_cancelling_never_stops_anybody_else(tmp_path: Path, old: bool) -> None:
    """An interrupt without an id, and a number, are crimes at which the server's books are looked through at the end."""
    with desk(old=old, looks=9) as it:
        other = it.submit(request(tmp_path / "a", client=OTHER))
        while it.poll(other).state is not State.RUNNING:
            pass
        mine = it.submit(request(tmp_path / "b"))
        assert SERVICE.cancel(mine, it.line())
        assert [each.id for each in it.server.queue] == [OTHER]
        bodies = [heard.json for heard in it.server.heard if heard.path in (["interrupt"], ["queue"]) and heard.body]
        assert bodies == ([{"delete": [CLIENT]}, {"prompt_id": CLIENT}] if old else [])


def test_the_stand_in_counts_what_nobody_may_send() -> None:
    with ComfyServer(token=False) as server:
        line = network().connect(account(SERVICE, server.environment), lambda _: None)
        line.send("POST", "interrupt", body={})
        line.send("POST", "queue", body={"clear": True})
        line.pay("prompt", {"prompt": nodes(), "prompt_id": CLIENT, "number": 1})
        assert len(server.crimes) == 3


# --- which file is the take ---------------------------------------------------------------------------------------------


def two_films() -> dict[str, Any]:
    more = {"images": ["1", 0], "filename_prefix": "x", "codec": "vp9", "fps": 24.0}
    return {**nodes(), "9": {"class_type": "SaveWEBM", "_meta": {"title": "Draft"}, "inputs": more}}


def test_of_several_films_one_has_to_be_named_before_anything_is_asked(tmp_path: Path) -> None:
    with desk() as it:
        with pytest.raises(ProviderRefused, match="2 nodes save films") as caught:
            it.submit(request(tmp_path, two_films()))
        assert "output:" in str(caught.value.hint)
        assert it.server.paid == 0


@pytest.mark.parametrize(("output", "suffix"), [("Draft", "webm"), ("9", "webm"), ("Film", "mp4")])
def test_the_named_film_is_the_take(tmp_path: Path, output: str, suffix: str) -> None:
    with desk() as it:
        operation = it.submit(request(tmp_path, two_films(), output=output))
        assert it.ended(operation).state is State.DONE
        assert f"take_00001_.{suffix}" in SERVICE.locate(operation, it.line()).url


def test_a_picture_beside_the_film_is_no_matter(tmp_path: Path) -> None:
    more = {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}
    with desk() as it:
        operation = it.submit(request(tmp_path, {**nodes(), "9": more}))
        assert it.ended(operation).state is State.DONE
        assert "take_00001_.mp4" in SERVICE.locate(operation, it.line()).url


def test_pictures_alone_are_no_take(tmp_path: Path) -> None:
    flow = {"1": nodes()["1"], "9": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}
    with desk() as it:
        status = it.ended(it.submit(request(tmp_path, flow, {})))
        assert isinstance(status.fault, BadTake)
        assert "take_00001_.png" in str(status.fault.cause)


@pytest.mark.parametrize("key", ["images", "gifs", "videos", "anything"])
def test_a_film_is_found_under_every_key_and_previews_are_none(tmp_path: Path, key: str) -> None:
    rows = [
        {"filename": "preview_00001_.mp4", "subfolder": "", "type": "temp"},
        {"filename": "grain_00001_.mp4", "subfolder": "own", "type": "output", "format": "video/h264-mp4"},
    ]
    with desk() as it:
        operation = it.submit(request(tmp_path))
        it.ended(operation)
        it.server.history[CLIENT]["outputs"] = {
            "12": {key: rows, "text": ["done"], "animated": [True]},
            "13": {"a": [[rows[1]]]},
        }
        it.server.files["own", "grain_00001_.mp4"] = b"film"
        assert it.poll(operation).state is State.DONE
        assert "grain_00001_.mp4&subfolder=own" in SERVICE.locate(operation, it.line()).url


# --- hostile answers ----------------------------------------------------------------------------------------------------

NONSENSE: list[Any] = [None, [], "text", 7, {"status": 7}, {"status": {"status_str": ["x"]}}, {"outputs": []}]


@pytest.mark.parametrize("entry", NONSENSE, ids=repr)
@both
def test_a_history_of_nonsense_is_an_error_of_ours_or_runs_on(tmp_path: Path, old: bool, entry: Any) -> None:
    with desk(old=old) as it:
        operation = it.submit(request(tmp_path))
        it.server.history[CLIENT] = entry
        try:
            assert it.poll(operation).state in (State.RUNNING, State.QUEUED)
        except ProviderUnavailable:
            pass


@pytest.mark.parametrize(
    "outputs", [None, [], 7, {"3": 7}, {"3": {"images": [{"filename": 7, "type": "output"}]}}, [[[[[[[[]]]]]]]]]
)
def test_outputs_of_nonsense_are_no_take(tmp_path: Path, outputs: Any) -> None:
    with desk() as it:
        operation = it.submit(request(tmp_path))
        it.ended(operation)
        it.server.history[CLIENT]["outputs"] = outputs
        assert isinstance(it.poll(operation).fault, BadTake)


@pytest.mark.parametrize("name", ["../../etc/passwd.mp4", "a b&c=d#.mp4", "ü.mp4"])
def test_a_name_of_a_film_stays_a_name(tmp_path: Path, name: str) -> None:
    with desk() as it:
        operation = it.submit(request(tmp_path))
        it.ended(operation)
        row = {"filename": name, "subfolder": "x", "type": "output"}
        it.server.history[CLIENT]["outputs"] = {"3": {"images": [row]}}
        it.server.files["x", name.rpartition("/")[2]] = b"film"
        assert it.poll(operation).state is State.DONE
        assert it.fetched(operation, tmp_path / "take.mp4") == b"film"


def test_a_web_page_is_no_server_of_comfyui() -> None:
    for status in (200, 404):
        for content in (b"<html>hello</html>", b"", b"[" * 100_000, b"null"):
            line = _Fixed(Reply(status, {}, content, "ComfyUI"))
            if status == 200:
                with pytest.raises(ProviderUnavailable):
                    SERVICE.poll(Operation(provider="comfyui", id=CLIENT, submitted=""), line)


class _Fixed:
    """A line on which every call has the same answer."""

    known: Mapping[str, str] = {}

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def send(self, *_: Any, **__: Any) -> Reply:
        return self._reply

    get = pay = send
