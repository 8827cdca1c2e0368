"""Small chunks and sounds of every codec, made by the encoders of profiles from pictures that are told apart by frame."""

from fractions import Fraction
from pathlib import Path

from shotbuild.host import process
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media.encoders import MUXERS, encoder_arguments, sound_arguments
from shotbuild.media.filters import argv, generated, written
from shotbuild.records import Fields
from shotbuild.units import samples

SIZE = "256x144"
TAGGED = {"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709", "range": "tv"}
LUMA = 4
"""Levels of luma from one frame to the next; the first has 16."""


def smaller(video: Fields) -> Fields:
    """XDCAM's rate for small pictures: a buffer of a second."""
    if video.get("codec") != "mpeg2":
        return video
    return Fields(tuple((name, 3000 if name in ("bitrate", "bufsize") else value) for name, value in video))


def chunk(
    folder: Path, video: Fields, start: int, frames: int, *, rate: str = "24", size: str = SIZE, busy: bool = True
) -> Path:
    """Frames from `start` on of an endless film: of test bars that move, or grey, frame n with luma 16 + 4 n."""
    path = folder / f"chunk-{start}-{frames}.{video.text('extension')}"
    if busy:
        stream = generated("testsrc2", s=size, r=rate).filter("trim", start_frame=start, end_frame=start + frames)
    else:
        stream = generated("nullsrc", s=size, r=rate).filter("format", "yuv420p").filter("trim", end_frame=frames)
        stream = stream.filter("geq", lum=f"16+{LUMA}*(N+{start})", cb=128, cr=128)
    stream = stream.filter("setpts", "PTS-STARTPTS").filter("format", video.text("pixels")).filter("setparams", **TAGGED)
    arguments = encoder_arguments(video, Fraction(rate)) | {"frames:v": str(frames)}
    process.run(argv(find_ffmpeg(None), written(stream, path.name, MUXERS[video.text("extension")], arguments)), cwd=folder)
    return path


def sound(folder: Path, settings: Fields, frames: int, *, rate: str = "24", layout: str = "stereo", noise: int = 5) -> Path:
    """Noise as long as so many frames; the same noise for the same number."""
    path = folder / f"sound-{settings.text('codec')}.{settings.text('extension')}"
    stream = generated("anoisesrc", r=48000, seed=noise, amplitude="0.3").filter("lowpass", f=6000)
    stream = stream.filter("aformat", channel_layouts=layout).filter("atrim", end_sample=samples(frames, Fraction(rate)))
    arguments = sound_arguments(settings)
    process.run(
        argv(find_ffmpeg(None), written(stream, path.name, MUXERS[settings.text("extension")], arguments)), cwd=folder
    )
    return path
