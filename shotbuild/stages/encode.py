"""One segment of a cut, encoded for one profile: a run of one conformed clip, or two that dissolve.

Parameters: start_a, start_b (first frames), frames, transition, rate, size, out_size, reframe (`pad`, `crop`), video,
burn_in (label, start: the frame of the cut) or None.
"""

from shotbuild.errors import MediaError
from shotbuild.host import files, process
from shotbuild.media import segments
from shotbuild.media.checks import picture_is
from shotbuild.media.fonts import MONO, REGULAR
from shotbuild.media.probe import glance
from shotbuild.records import Fields
from shotbuild.stages.interface import Work
from shotbuild.units import Size, parse_size

TRANSITIONS = ("", "dissolve")


class Encode:
    name = "encode"
    version = 1

    def run(self, work: Work) -> None:
        a = _run(work, "a")
        b = _run(work, "b") if _transition(work.parameters) else None
        chunk = _chunk(work.parameters)
        if chunk.clock is not None:
            _lay_out_text(work)
        argv = segments.encode(work.ffmpeg, a, b, chunk, work.outputs[0])
        process.run(argv, cwd=work.into, cancel=work.cancel)

    def check(self, work: Work) -> None:
        chunk = _chunk(work.parameters)
        picture_is(
            work.into / work.outputs[0],
            frames=chunk.frames,
            size=chunk.size,
            rate=chunk.rate,
            pixels=chunk.video.text("pixels"),
        )


def _run(work: Work, name: str) -> segments.Run:
    path, wanted = work.inputs[name], parse_size(work.parameters.text("size"))
    look = glance(path)
    if Size(look.width, look.height) != wanted:
        raise MediaError(f"{path.name} is {look.width}x{look.height}", cause=f"the cut is {wanted}")
    return segments.Run(path=path, start=work.parameters.integer(f"start_{name}"), look=look)


def _chunk(parameters: Fields) -> segments.Chunk:
    burn_in, video = parameters.get("burn_in"), parameters.get("video")
    assert isinstance(video, Fields)
    return segments.Chunk(
        frames=parameters.integer("frames"),
        rate=parameters.fraction("rate"),
        size=parse_size(parameters.text("out_size")),
        reframe=parameters.text("reframe"),
        video=video,
        clock=burn_in.integer("start") if isinstance(burn_in, Fields) else None,
    )


def _transition(parameters: Fields) -> str:
    kind = str(parameters.get("transition") or "")
    if kind not in TRANSITIONS:
        raise MediaError(f"transition {kind!r} is not known", hint="use `dissolve`")
    return kind


def _lay_out_text(work: Work) -> None:
    """Text and fonts go beside the output under names of ours: a path or a label never stands in a filter."""
    burn_in = work.parameters.get("burn_in")
    assert isinstance(burn_in, Fields)
    label = "".join(char if char.isprintable() else " " for char in burn_in.text("label"))
    (work.into / segments.LABEL_FILE).write_text(label or " ", encoding="utf-8")
    files.copy(REGULAR, work.into / segments.LABEL_FONT)
    files.copy(MONO, work.into / segments.CLOCK_FONT)
