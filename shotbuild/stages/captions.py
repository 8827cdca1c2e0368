"""A caption file as a track or file of a deliverable. Inputs: source (SRT or WebVTT).

Parameters: form (`mov_text`: an mp4 with one track; `webvtt`: a file), language (BCP 47), offset (seconds as text, added to
all times), frames and rate of the cut, at whose end captions end too.
"""

from fractions import Fraction

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.media import captions
from shotbuild.media.languages import three_letters
from shotbuild.records import Caption, Fields
from shotbuild.stages.interface import Work
from shotbuild.units import decimal_text

WRITTEN = "captions.srt"
TRACK, FILE = "captions.mp4", "captions.vtt"


class Captions:
    name = "captions"
    version = 1

    def run(self, work: Work) -> None:
        seen, length = _seen(work), _length(work.parameters)
        if work.parameters.text("form") == "webvtt":
            _write(work, FILE, captions.write_vtt(seen, offset=Fraction(0), length=length))
            return
        _write(work, WRITTEN, captions.write_srt(seen, offset=Fraction(0), length=length))
        argv = captions.track(work.ffmpeg, work.into / WRITTEN, work.parameters.text("language"), TRACK)
        process.run(argv, cwd=work.into, cancel=work.cancel)
        (work.into / WRITTEN).unlink()

    def check(self, work: Work) -> None:
        path = work.into / work.outputs[0]
        if path.name == FILE:
            captions.read(path)
            return
        language, texts = captions.track_of(path)
        wanted, count = three_letters(work.parameters.text("language"), "mp4"), len(_seen(work))
        if (language, len(texts)) != (wanted, count):
            found = f"{len(texts)} captions in `{language}`, not {count} in `{wanted}`"
            raise MediaError(f"{path.name} came out wrong", cause=found, hint="run `shotbuild doctor` and report it")


def _write(work: Work, name: str, text: str) -> None:
    (work.into / name).write_text(text, encoding="utf-8", newline="\n")


def _seen(work: Work) -> tuple[Caption, ...]:
    """The captions that fall into the cut. Errors: MediaError when none does."""
    source, offset, length = work.inputs["source"], work.parameters.fraction("offset"), _length(work.parameters)
    found = captions.read(source)
    seen = captions.within(found, offset=offset, length=length)
    if not seen:
        first = f", the first at {decimal_text(found[0].start + offset)} s" if found else ""
        raise MediaError(
            f"no caption of {source.name} falls into the film",
            cause=f"the film lasts {decimal_text(length)} s{first}",
            hint="write another `offset`, or take the captions out",
        )
    return seen


def _length(parameters: Fields) -> Fraction:
    return parameters.integer("frames") / parameters.fraction("rate")
