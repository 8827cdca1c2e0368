"""Provider `animatic`: an offline, free and bit-exact moving storyboard, drawn from the words of the prompt and the seed."""

import threading
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

from shotbuild.errors import Cancelled
from shotbuild.host import process
from shotbuild.providers.interface import Model, Request, Status, Workplace
from shotbuild.providers.storyboard import sound
from shotbuild.providers.storyboard.chance import Chance
from shotbuild.providers.storyboard.film import Film
from shotbuild.records import FREE, Fields, Operation, Price
from shotbuild.spec.fields import choice
from shotbuild.units import SAMPLE_RATE, samples

STORYBOARD = Model(
    name="storyboard",
    version="1",
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
)  # fmt: skip


class Animatic:
    name = "animatic"
    models: Mapping[str, Model] = {STORYBOARD.name: STORYBOARD}

    def price(self, model: str, request: Fields) -> Price:
        return FREE

    def has_sound(self, model: str, settings: Fields) -> bool:
        return settings.get("sound") == "scratch"

    def submit(self, request: Request, workplace: Workplace) -> Operation:
        return Operation(provider=self.name, id=request.recipe[:16], submitted="")

    def poll(self, request: Request, operation: Operation, workplace: Workplace) -> Status:
        return Status.DONE

    def fetch(self, request: Request, operation: Operation, workplace: Workplace, into: Path) -> None:
        film = Film(request)
        heard = self.has_sound("", request.settings)
        pcm = workplace.folder / "scratch.pcm"
        if heard:
            _write_sound(request, film, pcm)
        argv = encode_argv(workplace.ffmpeg, request, pcm if heard else None, into)
        process.run(argv, cwd=workplace.folder, cancel=workplace.cancel, feed=_until(film.frames(), workplace.cancel))
        pcm.unlink(missing_ok=True)


def encode_argv(ffmpeg: Path, request: Request, pcm: Path | None, into: Path) -> list[str]:
    """Raw planes on standard input, and sound if there is any → H.264 (and AAC) in mp4, the same bytes each time."""
    rate, size = request.format.rate, request.format.size
    tags = ["-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    whitelist = ["-protocol_whitelist", "file,pipe"]
    picture = ["-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", str(size), "-framerate", str(rate), *tags]
    hearing = [*whitelist, "-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "2", "-i", f"file:{pcm}"] if pcm else []
    sound_out = ["-map", "1:a", "-c:a", "aac", "-b:a", "160k"] if pcm else ["-an"]
    return [
        str(ffmpeg), "-nostdin", "-hide_banner", "-v", "error", "-y",
        *whitelist, *picture, "-i", "pipe:0", *hearing,
        "-map", "0:v", "-c:v", "libx264", "-threads", "1", "-preset", "faster", "-crf", "14", "-pix_fmt", "yuv420p",
        "-g", str(max(1, int(rate * 2))), "-x264-params", "open-gop=0", *tags, "-fps_mode", "cfr",
        *sound_out,
        "-map_metadata", "-1", "-map_chapters", "-1",
        "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact",
        "-video_track_timescale", str(timescale(rate)), "-movflags", "+faststart", "-f", "mp4", f"file:{into}",
    ]  # fmt: skip


def timescale(rate: Fraction) -> int:
    """Ticks a second in which a frame is a whole number of ticks: at least 10000, as editors expect."""
    return rate.numerator if rate.numerator >= 10000 else rate.numerator * 1000


def _write_sound(request: Request, film: Film, pcm: Path) -> None:
    length = samples(request.frames, request.format.rate)
    with pcm.open("wb") as stream:
        for chunk in sound.pcm(film.place, film.weather, Chance(request.prompt, request.seed, "sound"), length):
            stream.write(chunk)


def _until(frames: Iterator[bytes], cancel: threading.Event) -> Iterator[bytes]:
    for chunk in frames:
        if cancel.is_set():
            raise Cancelled("drawing was stopped")
        yield chunk
