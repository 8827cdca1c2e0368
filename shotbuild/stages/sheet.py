"""A contact sheet of a cut. Inputs: frame0000, frame0001, …: a PNG of each shot.

Parameters: rows (label, timecode), one for each input; columns (0 or null = as many as suit); title; size: of each picture.
"""

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.media import sheets
from shotbuild.media.checks import still_is
from shotbuild.records import Fields
from shotbuild.stages.interface import Work
from shotbuild.units import parse_size

PIXELS = "sheet.rgb"


class Sheet:
    name = "sheet"
    version = 1

    def run(self, work: Work) -> None:
        title, box = work.parameters.text("title"), parse_size(work.parameters.text("size"))
        size, pixels = sheets.draw(_shots(work), title, box, _columns(work.parameters))
        (work.into / PIXELS).write_bytes(pixels)
        process.run(sheets.encode(work.ffmpeg, PIXELS, size, work.outputs[0]), cwd=work.into, cancel=work.cancel)

    def check(self, work: Work) -> None:
        box = parse_size(work.parameters.text("size"))
        placed = sheets.layout(len(_shots(work)), box, _columns(work.parameters))
        still_is(work.into / work.outputs[0], placed.page)


def _shots(work: Work) -> list[sheets.Shot]:
    rows, names = work.parameters.rows("rows"), sorted(work.inputs)
    if len(rows) != len(names):
        raise MediaError("the contact sheet cannot be made", cause=f"{len(names)} pictures, but {len(rows)} labels")
    return [
        sheets.Shot(label=row.text("label"), timecode=row.text("timecode"), picture=work.inputs[name])
        for row, name in zip(rows, names, strict=True)
    ]


def _columns(parameters: Fields) -> int:
    columns = parameters.get("columns")
    return columns if isinstance(columns, int) else 0
