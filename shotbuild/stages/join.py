"""The chunks of a cut, its sound and its captions → the delivered file, by stream copy.

Inputs: segment00000, segment00001, …; sound, if any; captions-en, …, if any. Parameters: frames, lengths, rate, size, title,
video; wrap, timecode (frame of the first picture, or null) and reel, which may be missing; and cites (shot → sha256 of the
take or plate in the cut) with project and sequence, by which the file leads back to them.
"""

from pathlib import Path

from shotbuild.errors import MediaError
from shotbuild.media import joining
from shotbuild.media.checks import ends_together, picture_is, tracks_are
from shotbuild.media.encoders import MUXERS
from shotbuild.media.identity import identity_text
from shotbuild.records import Fields
from shotbuild.stages.interface import Work
from shotbuild.units import parse_size, timecode

SOUND, SEGMENT, CAPTIONS = "sound", "segment", "captions-"


class Join:
    name = "join"
    version = 3

    def run(self, work: Work) -> None:
        chunks = [work.inputs[name] for name in sorted(work.inputs) if name.startswith(SEGMENT)]
        joining.join(chunks, work.inputs.get(SOUND), _film(work), work.into / work.outputs[0])

    def check(self, work: Work) -> None:
        film, frames = _film(work), work.parameters.integer("frames")
        path, video = work.into / work.outputs[0], work.parameters.inner("video")
        found = picture_is(path, frames=frames, size=film.size, rate=film.rate, pixels=video.text("pixels"))
        if SOUND in work.inputs:
            ends_together(path, found, frames, film.rate)
        tracks_are(path, timecode=film.timecode, reel=film.reel, captions=len(film.captions))


def _film(work: Work) -> joining.Film:
    parameters = work.parameters
    lengths, wrap = parameters.get("lengths"), parameters.inner("wrap")
    numbers = [each for each in lengths if isinstance(each, int)] if isinstance(lengths, tuple) else []
    if sum(numbers) != parameters.integer("frames"):
        raise MediaError("the segments do not add up", cause=f"{sum(numbers)} frames, not {parameters.integer('frames')}")
    rate, first = parameters.fraction("rate"), parameters.get("timecode")
    return joining.Film(
        lengths=numbers,
        rate=rate,
        size=parse_size(parameters.text("size")),
        title=parameters.text("title"),
        identity=_identity(parameters),
        muxer=MUXERS[Path(work.outputs[0]).suffix.removeprefix(".")],
        edit_list=wrap.get("edit_list") is not False,
        timecode=timecode(first, rate) if isinstance(first, int) else "",
        reel=str(parameters.get("reel") or ""),
        captions=_captions(work),
    )


def _captions(work: Work) -> tuple[joining.Captions, ...]:
    """By language, in the order that was asked for: the first is the one that players show."""
    order = work.parameters.get("captions")
    names = [str(name) for name in order] if isinstance(order, tuple) else []
    return tuple(joining.Captions(language=name.removeprefix(CAPTIONS), path=work.inputs[name]) for name in names)


def _identity(parameters: Fields) -> str:
    cites = parameters.get("cites")
    if not isinstance(cites, Fields):
        return ""
    return identity_text(parameters.text("project"), parameters.text("sequence"), cites)
