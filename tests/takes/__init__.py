"""Ledgers as people write them: a `Branch` appends what they do, naming its heads, and takes the lines of another one in."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from shotbuild.digest import canonical_line, of_text
from shotbuild.errors import Location
from shotbuild.plan.decisions import settle
from shotbuild.records import FREE, Decision, LedgerEvent, Pin, Recipe, ShotState, fields
from shotbuild.spec.events import decision_line, sealed, take_line
from shotbuild.spec.ledger import read_events

SHOT = "sh010"
ANN = "Ann Lee <ann@studio.example>"
NOON = "2026-07-14T12:00:00Z"
HERE = Location(file="", line=1, column=1)


def video(name: str) -> str:
    """The bytes of the take that tests call so, as sha256."""
    return of_text(name).sha256


def take_text(
    name: str,
    after: tuple[str, ...] = (),
    *,
    number: int = 1,
    ordinal: int = 1,
    asked: str = "request",
    at: str = NOON,
    foreign: bool = False,
) -> str:
    """The line of a take. name: what tests call its bytes."""
    pin = Pin(provider="animatic", model="storyboard", version="1")
    parameters = fields(prompt="Ein Leuchtturm, nachts: “still”", seed=7, settings=fields(sound="silent"), take=ordinal)
    return take_line(
        after=after,
        at=at,
        number=number,
        ordinal=ordinal,
        first_seed=7,
        asked=asked,
        action=video(f"action of {name}"),
        recipe=Recipe(stage="generate", version=1, pins=(pin,), parameters=parameters),
        inputs={"first_frame": video("a picture")},
        continues=None,
        output="take.mp4",
        video=of_text(name),
        streams=(fields(kind="video", seconds="2", frames=48), fields(kind="audio", seconds="2")),
        record=of_text(f"record of {name}"),
        milliseconds=12,
        estimated=FREE,
        charged=None,
        answered=pin,
        operation=None,
        foreign=foreign,
    )


def said_text(kind: str, after: tuple[str, ...] = (), *, of_take: str | None = None, at: str = NOON, **more: object) -> str:
    """The line of a decision. of_take: what tests call the bytes that it is about."""
    bytes_of = None if of_take is None else video(of_take)
    decision = Decision(id="", after=after, kind=kind, video=bytes_of, by=ANN, at=at, location=HERE)
    for name, value in more.items():
        object.__setattr__(decision, name, value)
    return decision_line(decision)


def unknown_text(after: tuple[str, ...] = (), kind: str = "star", **more: object) -> str:
    return sealed({"event": kind, "after": after, **more})


def resealed(content: object) -> str:
    """Any JSON with a right `id`, as only someone who means harm writes it."""
    if not isinstance(content, dict):
        return json.dumps(content)
    bare = {name: value for name, value in content.items() if name != "id"}
    text = json.dumps(bare, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    name = of_text(text).sha256[:16]
    whole = json.dumps({**bare, "id": name}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    # Only where `id` is not the last name does removing it give the text that was hashed.
    return whole if whole.replace(f'"id":"{name}",', "", 1) == text else text


def id_of(line: str) -> str:
    return str(json.loads(line)["id"])


def events_of(lines: Iterable[str]) -> tuple[LedgerEvent, ...]:
    return read_events(SHOT, "\n".join(lines) + "\n")


def state_of(lines: Iterable[str]) -> ShotState:
    return settle(events_of(lines))


@dataclass(slots=True)
class Branch:
    """One copy of a ledger: its lines, and the ids that none of them follows."""

    lines: list[str] = field(default_factory=list)
    heads: tuple[str, ...] = ()

    @property
    def state(self) -> ShotState:
        return state_of(self.lines)

    def copy(self) -> "Branch":
        return Branch(list(self.lines), self.heads)

    def write(self, line: str) -> str:
        """Appends a line that follows all others; gives its id."""
        self.lines.append(line)
        self.heads = (id_of(line),)
        return self.heads[0]

    def take(self, name: str, **more: object) -> str:
        return self.write(take_text(name, self.heads, **more))  # type: ignore[arg-type]

    def say(self, kind: str, of_take: str | None = None, **more: object) -> str:
        return self.write(said_text(kind, self.heads, of_take=of_take, **more))  # type: ignore[arg-type]

    def add_unknown(self, **more: object) -> str:
        return self.write(unknown_text(self.heads, **more))  # type: ignore[arg-type]

    def merge(self, other: "Branch") -> "Branch":
        """Takes the lines of another branch in, as a union merge does."""
        self.lines += [line for line in other.lines if line not in self.lines]
        followed = {name for line in self.lines for name in json.loads(line)["after"]}
        self.heads = tuple(sorted({id_of(line) for line in self.lines} - followed))
        return self


def canonical_again(line: str) -> str:
    return canonical_line(json.loads(line))
