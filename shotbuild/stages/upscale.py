"""Makes a shot larger with a Lanczos or spline filter: to a size, or by a factor of its own size in square pixels."""

from collections.abc import Mapping

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.media import shots
from shotbuild.media.checks import picture_is
from shotbuild.media.pictures import SCALERS
from shotbuild.media.probe import probe
from shotbuild.records import Fields
from shotbuild.spec.fields import Field
from shotbuild.stages.catalogue import UPSCALE_FIELDS
from shotbuild.stages.interface import Work
from shotbuild.units import Size, parse_size, round_half_up

VIDEO = "video.mkv"
LARGEST = 8192


class Upscale:
    name = "upscale"
    version = 1
    fields: Mapping[str, Field] = UPSCALE_FIELDS

    def run(self, work: Work) -> None:
        read, rate = _source(work), work.parameters.fraction("rate")
        argv = shots.upscale(
            work.ffmpeg,
            read,
            _size(work.parameters, read),
            rate,
            work.parameters.text("pixels"),
            str(work.parameters.get("filter") or SCALERS[0]),
            VIDEO,
        )
        process.run(argv, cwd=work.into, cancel=work.cancel)

    def check(self, work: Work) -> None:
        read, rate = _source(work), work.parameters.fraction("rate")
        picture_is(
            work.into / VIDEO,
            frames=shots.frames_at(read.picture, rate),
            size=_size(work.parameters, read),
            rate=rate,
            pixels=work.parameters.text("pixels"),
        )


def _source(work: Work) -> shots.Source:
    path = work.inputs["source"]
    found = probe(path)
    if found.video.still:
        raise MediaError(
            f"{path.name} is a still picture, which `upscale` does not take",
            hint="leave `upscale` out: a still is scaled to the size of the cut with the same filter",
        )
    return shots.Source(path=path, container=found.container, picture=found.video)


def _size(parameters: Fields, read: shots.Source) -> Size:
    wanted, times = parameters.get("size"), parameters.get("factor")
    if (wanted is None) == (times is None):
        raise MediaError("`upscale` needs either `size` or `factor`", hint="write one of them")
    if wanted is not None:
        return parse_size(str(wanted))
    own, by = shots.square_size(read.picture), parameters.fraction("factor")
    larger = Size(2 * round_half_up(own.width * by / 2), 2 * round_half_up(own.height * by / 2))
    if max(larger.width, larger.height) > LARGEST:
        raise MediaError(f"upscaled, {read.path.name} would be {larger}", cause=f"the largest side is {LARGEST}")
    return larger
