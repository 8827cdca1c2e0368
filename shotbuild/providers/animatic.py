"""Provider `animatic`: an offline, free and bit-exact moving storyboard, drawn from the words of the prompt and the seed."""

import pickle
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from shotbuild.errors import ProcessError, ShotbuildError
from shotbuild.host import process
from shotbuild.providers.interface import (
    Model,
    Objection,
    Receipt,
    Request,
    Strength,
    Wish,
    Workplace,
    request_fields,
)
from shotbuild.records import FREE, Fields, Price
from shotbuild.spec.fields import choice

STORYBOARD = Model(
    name="storyboard",
    version="2",
    fields={
        "overlay": choice(
            "full", "slate", "none", default="full",
            doc="words around the picture: slate, caption and timecode; one line of slate; or nothing",
        ),
        "sound": choice(
            "silent", "scratch", default="silent",
            doc="scratch: a low ambience of the place, a tick each second and a beep on the first frame",
        ),
    },
    roles=("first_frame", "last_frame", "reference"),
    seconds=3600,
    extension="mp4",
    uses=("ffmpeg",),
    shows=("project", "shot", "title"),
    strength=Strength.BITS,
)  # fmt: skip


class Animatic:
    name = "animatic"
    models: Mapping[str, Model] = {STORYBOARD.name: STORYBOARD}
    declared = ""

    def price(self, model: str, request: Fields) -> Price:
        return FREE

    def has_sound(self, model: str, settings: Fields) -> bool:
        return settings.get("sound") == "scratch"

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        return ()

    def make(self, request: Request, workplace: Workplace, into: Path) -> Receipt:
        """Draws in a process of its own: takes are drawn side by side on all cores, and a plan imports no numpy."""
        order = workplace.folder / "order"
        order.write_bytes(pickle.dumps((request, workplace.ffmpeg, into)))
        argv = [sys.executable, "-m", "shotbuild.providers.storyboard", str(order)]
        try:
            process.run(argv, cwd=workplace.folder, cancel=workplace.cancel)
        except ProcessError as error:
            raise _told(workplace.folder / "error") or error from error
        order.unlink()
        pin = STORYBOARD.pin(self.name)
        return Receipt(sent=request_fields(request), answered=Fields(), pin=pin, charged=FREE)


def _told(path: Path) -> ShotbuildError | None:
    """What the drawing process said was wrong, if it said anything. It is our own, so what it pickled can be trusted."""
    if not path.exists():
        return None
    told = pickle.loads(path.read_bytes())  # noqa: S301
    return told if isinstance(told, ShotbuildError) else None
