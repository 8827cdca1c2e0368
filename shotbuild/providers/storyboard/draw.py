"""A request → its file: drawn frame by frame and piped into ffmpeg, with scratch sound if it is wanted."""

from collections.abc import Callable, Iterator
from pathlib import Path

from shotbuild.errors import Cancelled
from shotbuild.host import process
from shotbuild.providers.interface import Request
from shotbuild.providers.storyboard import sound
from shotbuild.providers.storyboard.chance import Chance
from shotbuild.providers.storyboard.film import Film
from shotbuild.units import SAMPLE_RATE, samples, timescale


def draw(request: Request, ffmpeg: Path, folder: Path, into: Path, stopped: Callable[[], bool]) -> None:
    """folder: for the sound, while it is needed; stopped: asked before each part of a frame. Errors: MediaError,
    ProcessError, Cancelled."""
    film = Film(request)
    pcm = folder / "scratch.pcm" if request.settings.get("sound") == "scratch" else None
    if pcm is not None:
        _write_sound(request, film, pcm)
    process.run(encode_argv(ffmpeg, request, pcm, into), cwd=folder, feed=_until(film.frames(), stopped))
    if pcm is not None:
        pcm.unlink()


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
        "-map", "0:v", "-c:v", "libx264", "-threads", "1", "-preset", "ultrafast", "-qp", "14", "-pix_fmt", "yuv420p",
        "-g", str(max(1, int(rate * 2))), "-x264-params", "open-gop=0", *tags, "-r", str(rate), "-fps_mode", "cfr",
        *sound_out,
        "-map_metadata", "-1", "-map_chapters", "-1",
        "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact",
        "-video_track_timescale", str(timescale(rate)), "-movflags", "+faststart", "-f", "mp4", f"file:{into}",
    ]  # fmt: skip


def _write_sound(request: Request, film: Film, pcm: Path) -> None:
    length = samples(request.frames, request.format.rate)
    with pcm.open("wb") as stream:
        for chunk in sound.pcm(film.place, film.weather, Chance(request.prompt, request.seed, "sound"), length):
            stream.write(chunk)


def _until(frames: Iterator[bytes], stopped: Callable[[], bool]) -> Iterator[bytes]:
    for chunk in frames:
        if stopped():
            raise Cancelled("drawing was stopped")
        yield chunk
