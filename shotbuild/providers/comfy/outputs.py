"""What ComfyUI says of a prompt that ended, and what it left on its disk. Reads without trust."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from shotbuild.errors import BadTake, ProviderUnavailable, VendorFault
from shotbuild.host.wire import Body, Http
from shotbuild.providers.comfy.workflow import FOLDER, TAKE
from shotbuild.providers.interface import State

FILMS = (".mp4", ".webm", ".mkv", ".mov", ".m4v")
SALVAGED = (".mp4", ".webm", ".mkv")
"""Of what a server that was killed leaves behind: those of which we can tell whether they are whole."""
LONGEST = 500
BOXES = 64
DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Saved:
    """A file in the server's output folder."""

    name: str
    folder: str

    def __str__(self) -> str:
        return f"{self.folder}/{self.name}" if self.folder else self.name

    @property
    def query(self) -> dict[str, str]:
        return {"filename": self.name, "subfolder": self.folder, "type": "output"}


def state_of(entry: Body) -> State:
    """How an entry of the history ended. A word that is not known means that it runs."""
    word = entry.word("status", "status_str")
    if word == "success":
        return State.DONE
    if word != "error":
        return State.RUNNING
    stopped = any(name == "execution_interrupted" for name, _ in _messages(entry))
    return State.CANCELLED if stopped else State.FAILED


def failure(entry: Body) -> VendorFault:
    """Why it failed, in the node's own words. What else stands there is left out: tracebacks name paths of the server, and
    `current_inputs` may be whole pictures."""
    for name, said in reversed(list(_messages(entry))):
        if name == "execution_error":
            node = f"node {said.word('node_id')} ({said.word('node_type')})"
            what = f"{said.word('exception_type')}: {said.word('exception_message').strip()}"
            return VendorFault(f"ComfyUI failed at {node[:200]}", cause=what[:LONGEST])
    return VendorFault("ComfyUI failed to make it", cause="it does not say why")


def the_take(entry: Body, name: str) -> Saved:
    """The one file that is the take. name: of the prompt. Errors: BadTake, with what there is."""
    files = list(dict.fromkeys(_saved(entry.at("outputs"))))
    films = [each for each in files if each.name.lower().endswith(FILMS)]
    meant = [each for each in films if each.folder == f"{FOLDER}/{name}" and each.name.startswith(f"{TAKE}_")]
    if len(meant or films) == 1:
        return (meant or films)[0]
    cause = f"it saved {', '.join(map(str, files[:10])) or 'nothing'}{' and more' if len(files) > 10 else ''}"
    if films:
        hint = 'say which node\'s file it is, such as `output: "9"`'
        raise BadTake(f"the workflow saved {len(films)} films, and one is a take", cause=cause[: 2 * LONGEST], hint=hint)
    hint = "end the workflow in a node that saves a film, such as SaveVideo"
    raise BadTake("the workflow saved no film", cause=cause[: 2 * LONGEST], hint=hint)


def left_over(name: str, http: Http) -> Saved | None:
    """The take of a prompt that the server no longer knows, when it was saved before the server was stopped, and whole."""
    for suffix in SALVAGED:
        saved = Saved(f"{TAKE}_00001_{suffix}", f"{FOLDER}/{name}")
        if _is_whole(saved, http):
            return saved
    return None


def answered(value: object) -> Body:
    """An object, as all answers are. Errors: ProviderUnavailable: something else speaks there."""
    if not isinstance(value, dict):
        raise ProviderUnavailable("ComfyUI answered in words that cannot be read", cause=json.dumps(value)[:200])
    return Body(value, "ComfyUI")


def _messages(entry: Body) -> Iterator[tuple[str, Body]]:
    for row in entry.rows("status", "messages"):
        yield row.word(0), Body(row.at(1), "ComfyUI")


def _saved(value: object, deep: int = 0) -> Iterator[Saved]:
    """Every file that is named anywhere: nodes put films under `images`, `gifs`, or whatever they like."""
    if isinstance(value, dict):
        name, folder = value.get("filename"), value.get("subfolder")
        if isinstance(name, str) and name:
            if value.get("type") == "output":
                yield Saved(PurePosixPath(name).name, folder.replace("\\", "/") if isinstance(folder, str) else "")
            return
        value = list(value.values())
    if isinstance(value, list) and deep < DEEPEST:
        for each in value:
            yield from _saved(each, deep + 1)


# --- is a file whole ----------------------------------------------------------------------------------------------------


def _is_whole(saved: Saved, http: Http) -> bool:
    """Whether a film was written to its end: a server may be killed in the middle of it."""
    head, size = _part(saved, 0, http)
    if head[4:8] == b"ftyp":
        return _has_index(saved, size, http)
    return head.startswith(b"\x1a\x45\xdf\xa3") and _is_closed(head, size)


def _has_index(saved: Saved, size: int, http: Http) -> bool:
    """MP4: the index is written last, and every box is as long as it says. Source: ISO 14496-12."""
    at, index = 0, False
    for _ in range(BOXES):
        if at == size:
            return index
        head, _ = _part(saved, at, http) if at < size else (b"", 0)
        if len(head) < 8:
            return False
        length = int.from_bytes(head[8:16] if head[:4] == b"\0\0\0\1" else head[:4], "big")
        if length < 8:
            return False
        index |= head[4:8] == b"moov"
        at += length
    return False


def _is_closed(head: bytes, size: int) -> bool:
    """Matroska: the segment's length is filled in last. Source: RFC 8794, elements of unknown size."""
    length, width = _length(head, 4)
    at = 4 + width + length
    if width == 0 or head[at : at + 4] != b"\x18\x53\x80\x67":
        return False
    segment, wide = _length(head, at + 4)
    return wide > 0 and segment == size - at - 4 - wide


def _length(head: bytes, at: int) -> tuple[int, int]:
    """(value, bytes that it takes) of a length as EBML writes it; (0, 0) where there is none."""
    if at >= len(head) or head[at] == 0:
        return 0, 0
    width = 9 - head[at].bit_length()
    field = head[at : at + width]
    return (int.from_bytes(field, "big") - (1 << 7 * width), width) if len(field) == width else (0, 0)


def _part(saved: Saved, at: int, http: Http) -> tuple[bytes, int]:
    """(64 bytes from a place on, size of the file); nothing where there is no such file."""
    span = {"Range": f"bytes={at}-{at + 63}"}
    reply = http.send("GET", "view", query=saved.query, headers=span, allow=(400, 403, 404, 416))
    if not reply.ok:
        return b"", 0
    if reply.status != 206:
        return reply.content[at : at + 64], len(reply.content)
    total = reply.headers.get("content-range", "").rpartition("/")[2]
    return reply.content[:64], int(total) if total.isdigit() else 0
