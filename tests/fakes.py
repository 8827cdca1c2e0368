"""A registry whose stages write text in place of pictures: the same specs, plan, engine and store, in milliseconds.

What a stage writes is a function of its parameters and the bytes that it reads, as for real stages. `Count` counts runs.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from shotbuild.digest import canonical
from shotbuild.engine.events import Event
from shotbuild.errors import MediaError
from shotbuild.host.objects.interface import Objects
from shotbuild.media.judge import SCHEMA
from shotbuild.media.profiles import PROFILES
from shotbuild.plugins import Registry
from shotbuild.providers.interface import Model, Objection, Receipt, Request, Wish, Workplace, request_fields
from shotbuild.records import FREE, Answer, Fields, Footage, Operation, Price, Tool, fields
from shotbuild.rooms import Rooms
from shotbuild.sharing import opened
from shotbuild.spec.fields import choice
from shotbuild.stages.catalogue import STAGES
from shotbuild.stages.generate import AGAIN
from shotbuild.stages.interface import Stage, Work
from shotbuild.workspace import Workspace

TOOL = Tool(
    name="ffmpeg",
    version="fake-1",
    identity="f" * 64,
    configuration="none",
    architecture="fake",
    encoders=(("libx264", "1"),),
)


KEPT = {"schema": SCHEMA, "verdicts": []}
"""What makes the text of a fake a report, of a profile that asks for nothing."""


@dataclass(slots=True)
class Count:
    """What ran, in order; `fail`: stages whose runs fail, and with what they say; `blind`: stages that do not look at
    their inputs, so that other inputs give the same bytes; `moody`: stages that never write the same twice;
    `limping`: stages of whose runs every second one fails."""

    ran: list[str] = field(default_factory=list)
    fail: dict[str, str] = field(default_factory=dict)
    blind: set[str] = field(default_factory=set)
    moody: set[str] = field(default_factory=set)
    limping: set[str] = field(default_factory=set)
    slow: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class FakeProvider:
    name: str = "animatic"
    price_of_one: Price = FREE
    models: Mapping[str, Model] = field(
        default_factory=lambda: {
            "storyboard": Model(
                name="storyboard",
                version="1",
                fields={"sound": choice("silent", "scratch", default="silent", doc="Sound.")},
                roles=("first_frame", "reference"),
                seconds=3600,
                uses=("ffmpeg",),
                shows=("project", "shot", "title"),
            )
        }
    )

    def price(self, model: str, request: Fields) -> Price:
        return self.price_of_one

    def has_sound(self, model: str, settings: Fields) -> bool:
        return settings.get("sound") == "scratch"

    def objections(self, model: str, wish: Wish) -> tuple[Objection, ...]:
        return ()

    def make(self, request: Request, workplace: Workplace, into: Path) -> Receipt:
        into.write_text(f"take of {request.recipe}")
        return Receipt(sent=request_fields(request), answered=Fields(), pin=None, charged=None)


@dataclass(frozen=True, slots=True)
class FakeStage:
    name: str
    count: Count
    version: int = 1

    def run(self, work: Work) -> Answer | None:
        with self.count.lock:
            self.count.ran.append(self.name)
        if self.count.slow:
            time.sleep(self.count.slow)
        if self.name in self.count.limping and len(self.count.ran) % 2 == 0:
            raise MediaError("it limps")
        if self.name in self.count.fail:
            raise MediaError(self.count.fail[self.name])
        for output in work.outputs:
            seen = {} if self.name in self.count.blind else work.inputs
            read = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in seen.items()}
            asked = Fields(tuple(pair for pair in work.parameters if pair[0] != AGAIN))
            content = {"stage": self.name, "output": output, "parameters": asked, "read": read}
            if self.name in self.count.moody:
                content["mood"] = len(self.count.ran)
            (work.into / output).write_text(canonical(content | (KEPT if self.name == "report" else {})))
        if self.name != "generate":
            return None
        operation = Operation(provider="animatic", id=work.action[:8], submitted="")
        return Answer(operation=operation, pin=work.pins[0], charged=None, record=canonical({"sent": work.parameters}))

    def check(self, work: Work) -> None:
        pass


def fake_registry(count: Count, provider: FakeProvider | None = None) -> Registry:
    provider = provider or FakeProvider()
    stages: dict[str, Stage] = {name: FakeStage(name, count) for name in STAGES}
    return Registry(providers={provider.name: provider}, stages=STAGES, profiles=PROFILES, loaded=stages)


def fake_workspace(
    root: Path,
    count: Count | None = None,
    provider: FakeProvider | None = None,
    hear: Callable[[Event], None] = lambda _: None,
    tool: Tool = TOOL,
    warn: Callable[[str], None] = lambda _: None,
    objects: Objects | None = None,
) -> Workspace:
    """objects: what a shared store lies in, wherever `store:` says; None = where it says."""
    rooms = Rooms(
        root,
        warn=warn,
        reach=opened if objects is None else lambda *_, **__: objects,
        identify=lambda path, cache: tool,
        measure=lambda path: Footage(seconds=Fraction(path.stat().st_size, 24), sound=False),
        look=lambda path: (fields(kind="video", seconds="2"),),
    )
    return Workspace(root, hear, rooms=rooms, offered=fake_registry(count or Count(), provider))


def write_project(root: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


SMALL = {
    "shotbuild.yaml": "shotbuild: 1\nproject: film\nformat: {size: 64x64, rate: 24}\ndefaults: {duration: 2s}\n",
    "templates/wide.j2": "Wide shot of {{ place }}.",
    "assets/sea.wav": "sea",
    "assets/plate.mov": "p" * 60,
    "specs/opening.yaml": """shots:
  sh010: {template: templates/wide.j2, with: {place: a lighthouse}}
  sh020: {template: templates/wide.j2, with: {place: the sea}, takes: 2}
  sh030: {continue: sh020, prompt: He reaches the lamp room.}
  sh040: {plate: assets/plate.mov}
sequences:
  opening:
    cut:
      - sh010
      - {shot: sh020, in: 12f, out: 40f, transition: {dissolve: 6f}}
      - sh030
      - sh040
    audio:
      - {file: assets/sea.wav, gain: -6dB, fade_in: 1s}
deliverables:
  web: {sequence: opening, profile: h264-web}
  master: {sequence: opening, profile: prores-422-hq}
""",
}
