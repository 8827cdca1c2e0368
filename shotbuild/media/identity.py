"""The line of text by which a delivered file leads back to its takes, written and read. Knows nothing of files.

    shotbuild/1 project=lighthouse sequence=opening takes=sh010@9b1c4e7a90ab1122,sh020@…

A take or plate is named by the first 16 digits of its sha256. What does not fit in LONGEST is counted by a field `more=`.
"""

import re
from dataclasses import dataclass

from shotbuild.records import Fields

FORM = "shotbuild/1"
LONGEST = 60_000
"""Characters. The mov muxer writes the length of a text in 16 bits."""
DIGITS = 16

# The rule of names that `spec` holds; media may not ask there.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PREFIX = re.compile(r"[0-9a-f]{16}")
_COUNT = re.compile(r"[1-9][0-9]{0,8}")
_ROOM_FOR_MORE = len(" more=999999999")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a delivered file says of itself. takes: shot and the first DIGITS digits of its take's or plate's sha256;
    more: how many takes are in the cut besides, which did not fit."""

    project: str
    sequence: str
    takes: tuple[tuple[str, str], ...]
    more: int = 0


def identity_text(project: str, sequence: str, takes: Fields) -> str:
    """One line of ASCII, at most LONGEST characters. takes: shot → sha256, 64 digits. Errors: ValueError for other text."""
    head = f"{FORM} project={_name(project)} sequence={_name(sequence)} takes="
    room = LONGEST - len(head) - _ROOM_FOR_MORE
    written: list[str] = []
    for shot, sha256 in takes:
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise ValueError(f"the take of {shot!r} is {sha256!r:.80}, not the 64 digits of a sha256")
        entry = f"{_name(shot)}@{sha256[:DIGITS]}"
        room -= len(entry) + 1
        if room < 0:
            break
        written.append(entry)
    more = len(takes.items) - len(written)
    return head + ",".join(written) + (f" more={more}" if more else "")


def read_identity(text: str) -> Identity | None:
    """The identity in a text from anywhere; None when it is not exactly one. White space around it does not matter."""
    words = text.strip().split(" ") if len(text) <= 2 * LONGEST else []
    if len(words) not in (4, 5) or words[0] != FORM:
        return None
    named = [word.partition("=") for word in words[1:]]
    if [name for name, _, _ in named] != ["project", "sequence", "takes", "more"][: len(named)]:
        return None
    project, sequence, listed, *rest = (value for _, _, value in named)
    takes = [_take(entry) for entry in listed.split(",")] if listed else []
    plain = [take for take in takes if take is not None]
    once = len({shot for shot, _ in plain}) == len(takes)
    if not (once and _NAME.fullmatch(project) and _NAME.fullmatch(sequence) and all(map(_COUNT.fullmatch, rest))):
        return None
    return Identity(project, sequence, tuple(plain), int(rest[0]) if rest else 0)


def _take(entry: str) -> tuple[str, str] | None:
    shot, _, prefix = entry.partition("@")
    return (shot, prefix) if _NAME.fullmatch(shot) and _PREFIX.fullmatch(prefix) else None


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r:.80} is not a name")
    return text
