"""Provider `bars`: bars that move, drawn by the ffmpeg of the workplace; the colours follow from prompt and seed."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from shotbuild.host import process
from shotbuild.providers.interface import Model, Objection, Receipt, Request, Strength, Wish, Workplace, request_fields
from shotbuild.records import FREE, Fields, Price
from shotbuild.spec.fields import choice, integer
from shotbuild.units import rate_text

PLAIN = Model(
    name="plain",
    version="1",
    fields={
        "bars": integer(1, 16, default=7, doc="How many bars."),
        "drift": choice("left", "right", "still", default="left", doc="Where the bars move to."),
    },
    roles=(),
    seconds=600,
    # The same ffmpeg draws the same bytes; which one that is goes into the recipe.
    uses=("ffmpeg",),
    strength=Strength.BITS,
)
SPEED = {"left": "-0.002", "right": "0.002", "still": "0"}


class Bars:
    name = "bars"
    models: Mapping[str, Model] = {PLAIN.name: PLAIN}

    def price(self, model: str, request: Fields) -> Price:
        return FREE

    def has_sound(self, model: str, settings: Fields) -> bool:
        return False

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        if wish.settings.integer("bars") > wish.format.size.width // 8:
            yield Objection(key="bars", message="these bars are narrower than 8 pixels", remedy="ask for fewer")

    def make(self, request: Request, workplace: Workplace, into: Path) -> Receipt:
        process.run(argv(request, workplace.ffmpeg, into), cwd=workplace.folder, cancel=workplace.cancel)
        return Receipt(sent=request_fields(request), answered=Fields(), pin=PLAIN.pin(self.name), charged=FREE)


def argv(request: Request, ffmpeg: Path, into: Path) -> list[str]:
    size, bars = request.format.size, request.settings.integer("bars")
    colours = hashlib.sha256(f"{request.seed} {request.prompt}".encode("utf-8", "replace")).digest()
    # Sources of one bar each, side by side; a prompt is never part of what ffmpeg parses.
    widths = [size.width * (place + 1) // bars - size.width * place // bars for place in range(bars)]
    rate = rate_text(request.format.rate)
    parts = [
        f"color=c=#{colours[place : place + 3].hex()}:s={width}x{size.height}:r={rate},format=rgb24[bar{place}]"
        for place, width in enumerate(widths)
    ]
    joined = "".join(f"[bar{place}]" for place in range(bars)) + (f"hstack=inputs={bars}" if bars > 1 else "null")
    drift = f"scroll=h={SPEED[request.settings.text('drift')]}"
    graph = ";".join([*parts, f"{joined},{drift},scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"])
    tags = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
    return [
        str(ffmpeg), "-nostdin", "-v", "error", "-f", "lavfi", "-i", graph, "-frames:v", str(request.frames),
        "-c:v", "libx264", "-preset", "veryfast", "-threads", "1", *tags, "-fflags", "+bitexact", "-y", f"file:{into}",
    ]  # fmt: skip
