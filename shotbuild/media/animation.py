"""Pictures that move in a page or a message, without sound: GIF and animated WebP. Commands, and how long each frame stands.

Frame k is what the film shows at k / rate, and the last one stands until the film ends, so that an animation is exactly as
long as its film, to the tick of its container: 1/100 s in a GIF, 1/1000 s in a WebP.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from shotbuild.errors import MediaError
from shotbuild.media.colour import Look
from shotbuild.media.filters import Stream, argv, joined, picked, source, written
from shotbuild.media.geometry import placing
from shotbuild.media.pictures import Finish, numbered, shaped
from shotbuild.records import Fields
from shotbuild.units import Size, rate_text, round_half_up

INTERMEDIATE = "matroska"
TICKS = {"gif": 100, "webp": 1000}
"""Of a second, in which a container counts."""
RATE, WIDTH, QUALITY = "12", 480, 60
PALETTE = "palette.png"
DITHER = {"dither": "bayer", "bayer_scale": 4, "diff_mode": "rectangle"}
"""An ordered dither, which does not crawl from frame to frame."""
WEBP = {"c:v": "libwebp_anim", "compression_level": "4", "preset": "picture", "loop": "0"}
SHORTEST = Fraction(1, 50)
"""Seconds. What a GIF asks to show for a shorter time, browsers show for a tenth of a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Animation:
    """codec: `gif` or `webp`; rate: at most so many frames per second; size: of its pictures; film_rate, film_frames: of the
    film that it is made of; quality: of WebP, 0 to 100."""

    codec: str
    rate: Fraction
    size: Size
    quality: int
    film_rate: Fraction
    film_frames: int

    @property
    def seconds(self) -> Fraction:
        return self.film_frames / self.film_rate

    @property
    def frames(self) -> int:
        """As many as begin within the film; a last one that would only flash is left out."""
        count = ceil(self.seconds * self.rate)
        return count - 1 if count > 1 and self.seconds - (count - 1) / self.rate < SHORTEST else count

    @property
    def ticks(self) -> int:
        """How long it lasts, in ticks of its container."""
        return round_half_up(self.seconds * TICKS[self.codec])


def animation(video: Fields, *, frames: int, rate: Fraction, size: Size) -> Animation:
    """What a profile's `video` makes of a film. Its fields: codec, rate (text), width (0 = of the film), quality.

    Pictures are no larger than the film's and no faster. Errors: MediaError for another codec.
    """
    codec = video.text("codec")
    if codec not in TICKS:
        raise MediaError(f"no animation is made with codec {codec!r}", hint="the codecs are gif and webp")
    fastest, width = Fraction(str(video.get("rate") or RATE)), _integer(video, "width", WIDTH)
    return Animation(
        codec=codec,
        rate=min(fastest, rate, 1 / SHORTEST),
        size=_scaled(size, width),
        quality=_integer(video, "quality", QUALITY),
        film_rate=rate,
        film_frames=frames,
    )


def encode(ffmpeg: Path, film: Path, look: Look, wanted: Animation, folder: Path, output: str) -> list[tuple[str, ...]]:
    """The commands, to be run in a folder one after the other. film: FFV1 in Matroska, whose stamps are counted anew.

    A GIF takes two: a palette in the same graph would hold the whole film in memory until it is known.
    """
    common = {"frames:v": str(wanted.frames), "threads": "1", "fps_mode": "passthrough"}
    pictures = _pictures(film, look, wanted)
    if wanted.codec == "webp":
        # RGB, because WebP has a matrix of its own (bt601), which its encoder applies.
        return [argv(ffmpeg, written(pictures, output, "webp", common | WEBP | {"quality": str(wanted.quality)}))]
    one = {"c:v": "png", "frames:v": "1", "threads": "1", "update": "1"}
    colours = picked(source(folder / PALETTE, "png_pipe"), 0)
    coloured = joined([pictures, colours], "paletteuse", **DITHER)
    gif = {"c:v": "gif", "loop": "0", "final_delay": str(_last(wanted))}
    return [
        argv(ffmpeg, written(_palette(pictures), PALETTE, "image2", one)),
        argv(ffmpeg, written(coloured, output, "gif", common | gif)),
    ]


def _pictures(film: Path, look: Look, wanted: Animation) -> Stream:
    stream = numbered(picked(source(film, INTERMEDIATE), 0), wanted.film_rate).filter("trim", end_frame=wanted.film_frames)
    stream = stream.filter("fps", fps=rate_text(wanted.rate), round="up").filter("trim", end_frame=wanted.frames)
    placed = placing(look.width, look.height, Fraction(1), wanted.size, "stretch")
    return shaped(stream, look, Finish(placing=placed, pixels="gbrp"), film.name).filter("format", "bgra")


def last_webp_frame_stands(path: Path, ticks: int) -> None:
    """Writes into an animated WebP how long its last frame stands, which ffmpeg cannot be told. ticks: of the whole.

    Source: WebP Container Specification, ANMF. A WebP of one frame has no times.
    """
    content = bytearray(path.read_bytes())
    places = [place + 12 for name, place, _ in _chunks(bytes(content)) if name == b"ANMF"]
    before = sum(int.from_bytes(content[place : place + 3], "little") for place in places[:-1])
    if places:
        content[places[-1] : places[-1] + 3] = max(1, ticks - before).to_bytes(3, "little")
        path.write_bytes(content)


def ticks_of(path: Path) -> list[int]:
    """How long each frame of a GIF or WebP of ours stands, in ticks of its container; [] = it does not move."""
    content = path.read_bytes()
    if content.startswith(b"RIFF"):
        return [
            int.from_bytes(content[place + 12 : place + 15], "little")
            for name, place, _ in _chunks(content)
            if name == b"ANMF"
        ]
    return _gif_delays(content)


def size_of(path: Path) -> Size:
    """By Pillow: libav 8 reads no animated WebP. Errors: MediaError."""
    try:
        with Image.open(path) as picture:
            return Size(*picture.size)
    except (OSError, UnidentifiedImageError) as error:
        raise MediaError(f"{path.name} cannot be read", cause=str(error)) from error


def _palette(stream: Stream) -> Stream:
    """One palette for the whole, of what moves.

    palettegen counts what the next frame replaces, so that it would not see the colours of the last one: black follows it.
    """
    return stream.filter("tpad", stop=1, stop_mode="add", color="black").filter("palettegen", stats_mode="diff")


def _last(wanted: Animation) -> int:
    """How long the last frame of a GIF stands."""
    return max(1, wanted.ticks - round_half_up((wanted.frames - 1) / wanted.rate * TICKS["gif"]))


def _scaled(size: Size, width: int) -> Size:
    if not 0 < width < size.width:
        return size
    return Size(max(2, width // 2 * 2), max(2, 2 * round_half_up(Fraction(width * size.height, 2 * size.width))))


def _integer(video: Fields, name: str, default: int) -> int:
    value = video.get(name)
    return value if isinstance(value, int) else default


def _chunks(content: bytes) -> list[tuple[bytes, int, int]]:
    """Name, start and length of what each chunk of a RIFF file holds."""
    found, place = [], 12
    while place + 8 <= len(content):
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        found.append((content[place : place + 4], place + 8, size))
        place += 8 + size + size % 2
    return found


def _gif_delays(content: bytes) -> list[int]:
    """Source: GIF89a, sections 18 to 27."""
    place, delays, delay = 13 + _colours(content[10]), [], 0
    while place < len(content) and content[place] != 0x3B:
        if content[place] == 0x21:
            if content[place + 1] == 0xF9:
                delay = int.from_bytes(content[place + 4 : place + 6], "little")
            place = _blocks_end(content, place + 2)
        else:
            delays.append(delay)
            place = _blocks_end(content, place + 10 + _colours(content[place + 9]) + 1)
    return delays


def _colours(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks_end(content: bytes, place: int) -> int:
    while content[place]:
        place += content[place] + 1
    return place + 1
