"""A take or plate as pages show it: a small film of the same frames that can be jumped about in, a contact sheet of it, and
what is doubtful in its picture. No parameters; input: video; outputs: `proxy.mp4`, `sheet.jpg`, `findings.json`."""

import json

from shotbuild.host import process
from shotbuild.media import proxies
from shotbuild.media.checks import jpeg_is, picture_is
from shotbuild.media.probe import probe
from shotbuild.stages.interface import Work
from shotbuild.stages.reading import source
from shotbuild.units import Size

FILM, SHEET, FINDINGS, SEEN = "proxy.mp4", "sheet.jpg", "findings.json", "seen.txt"


class Proxy:
    name = "proxy"
    version = 1

    def run(self, work: Work) -> None:
        path = work.inputs["video"]
        read = source(path)
        argv = proxies.proxy(work.ffmpeg, read, probe(path).sound, FILM, SHEET, SEEN)
        process.run(argv, cwd=work.into, cancel=work.cancel)
        seen = (work.into / SEEN).read_text() if (work.into / SEEN).exists() else ""
        found = proxies.findings(seen, proxies.length_of(read.picture), proxies.rate_of(read.picture))
        (work.into / FINDINGS).write_text(json.dumps(found))

    def check(self, work: Work) -> None:
        picture = source(work.inputs["video"]).picture
        length, size = proxies.length_of(picture), proxies.size_of(picture)
        picture_is(work.into / FILM, frames=length, size=size, rate=proxies.rate_of(picture), pixels=proxies.PIXELS)
        grid, cell = proxies.grid(length), proxies.cell_of(size)
        jpeg_is(work.into / SHEET, Size(cell.width * grid.columns, cell.height * grid.rows))
