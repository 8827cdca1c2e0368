"""Caption files: SubRip and WebVTT → captions, one after the other, and captions → files and tracks of ours.

Nothing of a file is believed: times are checked, markup is dropped, and what is open at one time is joined."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

from shotbuild.errors import MediaError
from shotbuild.media.containers import opened
from shotbuild.media.filters import argv, picked, source, written
from shotbuild.media.languages import three_letters
from shotbuild.records import Caption
from shotbuild.units import counted, round_half_up

LARGEST = 64 << 20
LONGEST = 2000
MOST_AT_ONCE = 8
SLIP = 200
"""Milliseconds by which a caption may reach into the next one by mistake: it then ends there. Beyond that both are meant."""
TIME = r"(?:(\d{1,6}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,9}))?"
TIMES = re.compile(rf"\s*{TIME}\s*-->\s*{TIME}(?:\s.*)?", re.ASCII)
MARKUP = re.compile(r"</?(?:i|b|u|s|c|v|font|lang|ruby|rt|span)(?:[\s.][^<>]*)?/?>|<\d[\d:.]*>|\{\\[^{}]*\}", re.IGNORECASE)
MARKUP_AGAIN = re.compile(r"<(?=[A-Za-z/])|\{(?=\\)|\\(?=[Nnh{}])|--(?=>)")
ENTITY = re.compile(r"&(amp|lt|gt|quot|apos|nbsp|lrm|rlm|#\d{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE)
ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": "\u00a0", "lrm": "", "rlm": ""}
UNSEEN = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
SHAPE = "a number, then `00:00:01,000 --> 00:00:02,500`, then the text, then an empty line"


@dataclass(frozen=True, slots=True)
class _Cue:
    """start, end: in milliseconds; line: where its times stand."""

    start: int
    end: int
    text: str
    line: int


def read(path: Path, name: str = "") -> tuple[Caption, ...]:
    """The captions of a SubRip or WebVTT file, by time, none over another; those without text are left out.

    name: how people know the file. Errors: MediaError with the line.
    """
    name = name or path.name
    lines = _text(path, name).split("\n")
    cues = list(_web(lines, name) if re.match(r"WEBVTT(\s|$)", lines[0]) else _subrip(lines, name))
    if not cues:
        raise MediaError(f"{name} holds no captions", cause="no line in it has times", hint=f"a caption is {SHAPE}")
    shown = sorted((cue for cue in cues if cue.text and cue.end > cue.start), key=lambda cue: (cue.start, cue.line))
    apart = _apart(_trimmed(shown), name)
    return tuple(Caption(start=Fraction(s, 1000), end=Fraction(e, 1000), text=text) for s, e, text in apart)


def within(captions: Sequence[Caption], *, offset: Fraction, length: Fraction) -> tuple[Caption, ...]:
    """Captions moved by `offset` seconds and cut to a film of `length` seconds; what lies outside is left out."""
    moved = ((max(each.start + offset, Fraction(0)), min(each.end + offset, length), each.text) for each in captions)
    return tuple(Caption(start=start, end=end, text=text) for start, end, text in moved if end > start)


def write_srt(captions: Sequence[Caption], *, offset: Fraction, length: Fraction) -> str:
    """SubRip, in milliseconds. offset, length: as in `within`."""
    rows = enumerate(_whole(within(captions, offset=offset, length=length)), 1)
    return "".join(f"{number}\n{_clock(s, ',')} --> {_clock(e, ',')}\n{_parted(text)}\n\n" for number, (s, e, text) in rows)


def write_vtt(captions: Sequence[Caption], *, offset: Fraction, length: Fraction) -> str:
    """WebVTT, in milliseconds. offset, length: as in `within`."""
    rows = _whole(within(captions, offset=offset, length=length))
    cues = (f"{_clock(s, '.')} --> {_clock(e, '.')}\n{_escaped(text)}\n\n" for s, e, text in rows)
    return "WEBVTT\n\n" + "".join(cues)


def track(ffmpeg: Path, subrip: Path, language: str, output: str) -> tuple[str, ...]:
    """The command that makes an mp4 with one mov_text track of a file that `write_srt` wrote. language: BCP 47."""
    tagged = {"c:s": "mov_text", "metadata:s:s:0": f"language={three_letters(language, 'mp4')}"}
    return argv(ffmpeg, written(picked(source(subrip, "srt"), 0), output, "mp4", tagged))


def track_of(path: Path) -> tuple[str, tuple[tuple[Fraction, str], ...]]:
    """Of an mp4 with captions alone: the language of its track, and when each text begins. Errors: MediaError."""
    with opened(path) as film:
        if not film.streams.subtitles:
            raise MediaError(f"{path.name} has no track of captions", hint="run `shotbuild doctor` and report it")
        stream = film.streams.subtitles[0]
        texts = [
            (packet.pts * Fraction(packet.time_base), bytes(packet)[2 : 2 + int.from_bytes(bytes(packet)[:2])].decode())
            for packet in film.demux(stream)
            if packet.pts is not None and packet.size > 2
        ]
        return stream.metadata.get("language", "und"), tuple(texts)


# --- reading ------------------------------------------------------------------------------------------------------------


def _text(path: Path, name: str) -> str:
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= LARGEST else b""
    except OSError as error:
        raise MediaError(f"{name} cannot be read", cause=error.strerror) from error
    if not content:
        cause = f"it has {size} bytes; {LARGEST} are the most" if size else "it has 0 bytes"
        raise MediaError(f"{name} is {'too large' if size else 'empty'}", cause=cause, hint="export the captions again")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        raise MediaError(
            f"{name}, line {line}: this is not UTF-8",
            cause="it is UTF-16" if wide else f"the byte 0x{content[error.start]:02X} cannot stand there",
            hint=f"save it as UTF-8, such as with `iconv -f {'UTF-16' if wide else 'WINDOWS-1252'} -t UTF-8`",
        ) from error


def _subrip(lines: Sequence[str], name: str) -> Iterator[_Cue]:
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        if "-->" in line:
            at, cue = _cue(lines, at, name)
            yield cue
            continue
        # The number of a caption says nothing; anything else outside of one is a slip that would lose text.
        if line and not re.fullmatch(r"\d{1,9}", line, re.ASCII):
            what = "these are no times of a caption" if re.match(r"\d+:\d", line) else "this stands outside of a caption"
            raise MediaError(f"{name}, line {at + 1}: {what}", cause=_shown(line), hint=f"a caption is {SHAPE}")
        at += 1


def _web(lines: Sequence[str], name: str) -> Iterator[_Cue]:
    at = 0
    while at < len(lines) and lines[at].strip() and "-->" not in lines[at]:
        at += 1
    while at < len(lines):
        line = lines[at]
        if re.match(r"(NOTE|STYLE|REGION)(\s|$)", line) and "-->" not in line:
            while at < len(lines) and lines[at].strip():
                at += 1
        elif "-->" in line:
            at, cue = _cue(lines, at, name)
            yield cue
        else:
            at += 1


def _cue(lines: Sequence[str], at: int, name: str) -> tuple[int, _Cue]:
    """The caption whose times stand in a line, and the line after it: it ends at an empty line or at the next times."""
    start, end = _times(lines[at], at + 1, name)
    held: list[str] = []
    first = at + 1
    at = first
    while at < len(lines) and lines[at].strip():
        if "-->" in lines[at] and TIMES.fullmatch(lines[at]):
            # The empty line before the next caption was forgotten: its number is no text.
            if held and held[-1].strip().isdecimal():
                held.pop()
            break
        held.append(lines[at])
        at += 1
    plain = MARKUP.sub("", "\n".join(held))
    plain = ENTITY.sub(_entity, plain)
    kept = (line.translate(UNSEEN).strip() for line in plain.replace("\t", " ").split("\n"))
    text = "\n".join(line for line in kept if line)
    if len(text) > LONGEST:
        raise MediaError(
            f"{name}, line {first}: a caption of {len(text)} characters",
            cause=f"{LONGEST} is the most",
            hint="an empty line has to stand after each caption",
        )
    return at, _Cue(start, end, text, first)


def _times(line: str, number: int, name: str) -> tuple[int, int]:
    match = TIMES.fullmatch(line)
    parts = match.groups() if match else ()
    if not match or any(int(parts[index]) > 59 for index in (1, 2, 5, 6)):
        cause, hint = _shown(line), "write times such as `00:00:01,000 --> 00:00:02,500`"
        raise MediaError(f"{name}, line {number}: these are no times of a caption", cause=cause, hint=hint)
    start, end = _milliseconds(parts[:4]), _milliseconds(parts[4:])
    if end < start:
        cause, hint = _shown(line), "the second time has to be the later one"
        raise MediaError(f"{name}, line {number}: this caption ends before it begins", cause=cause, hint=hint)
    return start, end


def _milliseconds(parts: Sequence[str | None]) -> int:
    hours, minutes, seconds, rest = parts
    return ((int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)) * 1000 + int(
        (rest or "0").ljust(3, "0")[:3]
    )


def _entity(match: re.Match[str]) -> str:
    name = match[1].lower()
    if not name.startswith("#"):
        return ENTITIES[name]
    code = int(name[2:], 16) if name.startswith("#x") else int(name[1:])
    return chr(code) if 0x20 <= code < 0xD800 or 0xE000 <= code < 0x110000 else ""


def _shown(line: str) -> str:
    return f"`{line.strip()[:80]}`"


# --- one after the other ------------------------------------------------------------------------------------------------


def _trimmed(cues: Sequence[_Cue]) -> list[_Cue]:
    """Captions by their start, those that reach a little into the next one cut."""
    found = []
    for cue, following in zip_longest(cues, cues[1:]):
        end = cue.end
        if following is not None and cue.start < following.start < end <= following.start + SLIP:
            end = following.start
        found.append(_Cue(cue.start, end, cue.text, cue.line))
    return found


def _apart(cues: Sequence[_Cue], name: str) -> list[tuple[int, int, str]]:
    """start, end and text of what is seen from change to change: captions that are open together stand below each other."""
    found: list[tuple[int, int, str]] = []
    open_: list[_Cue] = []
    place, now = 0, 0
    while place < len(cues) or open_:
        if not open_:
            now = cues[place].start
        while place < len(cues) and cues[place].start == now:
            open_.append(cues[place])
            place += 1
        if len(open_) > MOST_AT_ONCE:
            cause = f"{counted(len(open_), 'caption')} are to be read at one time; {MOST_AT_ONCE} is the most"
            hint = "divide the file, one for each language or kind"
            raise MediaError(f"{name}, line {open_[-1].line}: too much at once", cause=cause, hint=hint)
        until = min(cue.end for cue in open_)
        if place < len(cues):
            until = min(until, cues[place].start)
        text = "\n".join(dict.fromkeys(cue.text for cue in open_))
        if found and found[-1][1:] == (now, text):
            found[-1] = (found[-1][0], until, text)
        else:
            found.append((now, until, text))
        open_ = [cue for cue in open_ if cue.end > until]
        now = until
    return found


# --- writing ------------------------------------------------------------------------------------------------------------


def _whole(captions: Sequence[Caption]) -> Iterator[tuple[int, int, str]]:
    """start, end in whole milliseconds, and text."""
    for each in captions:
        start, end = round_half_up(each.start * 1000), round_half_up(each.end * 1000)
        if end > start:
            yield start, end, each.text


def _clock(milliseconds: int, mark: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{rest:03d}"


def _parted(text: str) -> str:
    """SubRip has no way to write what looks like markup as text: an unseen word joiner makes it look like none."""
    return MARKUP_AGAIN.sub("\\g<0>\u2060", text)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
