"""Views → HTML. Every text is escaped; no script and no style stands in a page, so that it needs none to be allowed."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shotbuild import __version__
from shotbuild.media.proxies import grid
from shotbuild.plan.choose import APPROVED, PICKED
from shotbuild.review.board import PLATE, SAYS, STATES, WAITING, Board, Card
from shotbuild.review.cut import CutView
from shotbuild.review.history import Line
from shotbuild.review.shot import Neighbour, ShotView
from shotbuild.review.spending import SpendingView
from shotbuild.units import rate_text, timecode

HERE = Path(__file__).parent
PROXY, THUMBNAIL, SHEET, TAKE = "proxy.mp4", "thumbnail.jpg", "sheet.jpg", "take"
"""What there is of a film: to play, to see at a glance, to see all of, and itself."""
EMPTY: Mapping[str, str] = {}
SIGNS = {
    "conflict": "⚠", "failed": "✕", "to-review": "◆", "stale-approved": "◐", "stale-picked": "◑", "generating": "↻",
    "missing": "○", "picked": "◎", "approved": "●", "plate": "▭", "rejected": "✕", "open": "◇", "stale": "◐",
    "foreign": "↙", "fallback": "⤷", "current": "=",
}  # fmt: skip
"""A shape beside each word, so that neither colour nor reading is needed to tell them apart."""


class Addresses(Protocol):
    """Where things are, for the page that is written: on a server, or in a folder."""

    def board(self) -> str: ...
    def shot(self, name: str) -> str: ...
    def sequence(self, name: str) -> str: ...
    def spending(self) -> str: ...
    def media(self, video: str, what: str) -> str: ...
    def sound(self, sha256: str) -> str: ...
    def reference(self, sha256: str) -> str: ...
    def delivered(self, path: str) -> str: ...
    def static(self, name: str) -> str: ...


class Served:
    """Addresses on a server."""

    def board(self) -> str:
        return "/"

    def shot(self, name: str) -> str:
        return f"/shot/{quote(name, safe='')}"

    def sequence(self, name: str) -> str:
        return f"/sequence/{quote(name, safe='')}"

    def spending(self) -> str:
        return "/spending"

    def media(self, video: str, what: str) -> str:
        return f"/media/{video}/{what}"

    def sound(self, sha256: str) -> str:
        return f"/sound/{sha256}"

    def reference(self, sha256: str) -> str:
        return f"/reference/{sha256}"

    def delivered(self, path: str) -> str:
        return f"/delivered/{quote(path)}"

    def static(self, name: str) -> str:
        return f"/static/{name}?v={_stamp(name)}"


@cache
def _stamp(name: str) -> str:
    """Changes when a file of the page does, so that a browser may keep it for long."""
    found = (HERE / "static" / name).stat()
    return f"{__version__}-{found.st_mtime_ns:x}-{found.st_size:x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every page has around it. person: who looks, empty = nobody in particular; may: the deeds that are open to them;
    role: as which they approve; token: for writing requests, empty = nothing can be written; version: of the project, as
    the page shows it; whole: whether they see everything; live: whether the page follows what happens."""

    project: str
    addresses: Addresses
    person: str = ""
    role: str = ""
    may: frozenset[str] = frozenset()
    token: str = ""
    version: int = 0
    whole: bool = True
    live: bool = False
    sequences: tuple[tuple[str, str], ...] = ()


def board_page(frame: Frame, board: Board, query: Mapping[str, str] = EMPTY) -> str:
    """query: `state`, `sequence`, `tag` and `q` narrow down what is shown at first; all cards are there, so that a filter is
    taken off without asking again."""
    known = {name: query.get(name, "") for name in ("state", "sequence", "tag", "q")}
    return _render("board.html", frame, board=board, query=known)


def shot_page(frame: Frame, shot: ShotView, story: tuple[Line, ...]) -> str:
    content = player(frame.addresses, shot)
    return _render("shot.html", frame, shot=shot, story=story, player=content)


def sequence_page(frame: Frame, cut: CutView) -> str:
    return _render("sequence.html", frame, cut=cut, player=timeline(frame.addresses, cut))


def spending_page(frame: Frame, spending: SpendingView) -> str:
    return _render("spending.html", frame, spending=spending)


def error_page(frame: Frame, title: str, told: str, hint: str = "") -> str:
    """What went wrong, as the command line says it."""
    return _render("error.html", frame, title=title, told=told, hint=hint)


# --- what the players read ------------------------------------------------------------------------------------------------


def player(addresses: Addresses, shot: ShotView) -> dict[str, Any]:
    """As `static/player.js` reads it."""
    rate = next((take.rate for take in shot.takes if take.rate is not None), shot.shot.format.rate)
    films = [
        _film(addresses, take.video, take.label, take.state, take.frames) for take in shot.takes if take.here and take.frames
    ]
    if shot.plate is not None:
        rate, films = shot.plate.rate, [_film(addresses, shot.plate.video, PLATE, PLATE, shot.plate.frames)]
    return {
        "rate": [rate.numerator, rate.denominator],
        "takes": films,
        "chosen": list(shot.shown),
        "before": _neighbour(addresses, shot.before),
        "after": _neighbour(addresses, shot.after),
        "notes": notes(shot),
    }


def notes(shot: ShotView) -> list[dict[str, Any]]:
    return [
        {"take": each.video, "frames": list(each.frames), "text": each.text, "by": each.by, "marks": list(each.marks)}
        for each in shot.remarks
        if each.frames is not None
    ]


def _film(addresses: Addresses, video: str, label: str, state: str, frames: int) -> dict[str, Any]:
    sheet = grid(frames)
    return {
        "id": video,
        "label": label,
        "state": state,
        "src": addresses.media(video, PROXY),
        "frames": frames,
        "poster": addresses.media(video, THUMBNAIL),
        "sheet": {
            "src": addresses.media(video, SHEET),
            "columns": sheet.columns,
            "rows": sheet.rows,
            "frames": list(sheet.frames),
        },
    }


def _neighbour(addresses: Addresses, found: Neighbour | None) -> dict[str, Any] | None:
    if found is None or found.video is None:
        return None
    label = f"{found.shot} {found.title}" if found.title != found.shot else found.shot
    return {"src": addresses.media(found.video, PROXY), "from": found.start, "to": found.end, "label": label}


def timeline(addresses: Addresses, cut: CutView) -> dict[str, Any]:
    """As `static/cut.js` reads it."""
    return {
        "rate": [cut.rate.numerator, cut.rate.denominator],
        "frames": cut.frames,
        "size": list(cut.size),
        "start": cut.first,
        "stretches": list(cut.stretches),
        "media": {
            each.video: {
                "src": addresses.media(each.video, PROXY),
                "frames": each.frames,
                "rate": [each.rate.numerator, each.rate.denominator],
                "poster": addresses.media(each.video, THUMBNAIL),
            }
            for each in cut.reels
        },
        "sound": None if cut.sound is None else addresses.sound(cut.sound),
        "clips": [
            {
                "shot": clip.card.name,
                "title": clip.card.title,
                "from": clip.start,
                "to": clip.end,
                "state": clip.card.state,
                "says": SAYS[clip.card.state],
                "sign": SIGNS[clip.card.state],
                "href": addresses.shot(clip.card.name),
            }
            for clip in cut.clips
        ],
    }


# --- rendering ------------------------------------------------------------------------------------------------------------


def _render(template: str, frame: Frame, **more: object) -> str:
    return _environment().get_template(template).render(frame=frame, at=frame.addresses, **more)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"time": _time, "script": _script, "first": _first, "rate": rate_text, "person": _person}
    environment.globals |= {
        "SAYS": SAYS, "SIGNS": SIGNS, "STATES": STATES, "WAITING": WAITING, "PROXY": PROXY, "THUMBNAIL": THUMBNAIL,
        "SHEET": SHEET, "TAKE": TAKE, "PICKED": PICKED, "APPROVED": APPROVED, "version": __version__, "timecode": timecode,
        "search": _search,
    }  # fmt: skip
    return environment


def _time(text: str) -> str:
    """ISO 8601 as people read it; what is none is left as it is."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%d %b %Y %H:%M").lstrip("0")
    except ValueError:
        return text


def _script(value: object) -> str:
    """JSON that may stand in a page: nothing in it ends its element or begins a comment."""
    return _Safe(re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False)))


class _Safe(str):
    """A text that is HTML already."""

    def __html__(self) -> str:
        return str(self)


def _first(text: str, most: int) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _person(text: str) -> str:
    """`Ann Lee <ann@x.example>` → `Ann Lee`."""
    return text.partition(" <")[0] or text


def _search(card: Card) -> str:
    """What a search looks through."""
    return " ".join((card.name, card.title, card.prompt, *card.tags)).casefold()[:2000]
