"""Pictures that a shot is made from: where it starts and ends, and files that are not what they should be."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shotbuild.errors import MediaError
from shotbuild.providers.storyboard.film import Film
from shotbuild.providers.storyboard.layout import layout, worn
from shotbuild.providers.storyboard.tone import planes
from tests.providers.requests import luma, request, unlike

SIZE = (320, 180)


def shown(frame_of: Film, frame: int) -> tuple[bytes, bytes, bytes]:
    picture = frame_of.picture(frame)
    return picture.y.tobytes(), picture.u.tobytes(), picture.v.tobytes()


def whole_frame(film: Film, frame: int) -> Image.Image:
    """A frame of a film as RGB, as a decoder would give it."""
    chunks = list(film.frames())[frame * 3 : frame * 3 + 3]
    width, height = SIZE
    y = np.frombuffer(chunks[0], np.uint8).reshape(height, width).astype(float) - 16
    u, v = (
        np.frombuffer(chunk, np.uint8).reshape(height // 2, width // 2).repeat(2, 0).repeat(2, 1).astype(float) - 128
        for chunk in chunks[1:]
    )
    rgb = np.stack([1.1644 * y + 1.7927 * v, 1.1644 * y - 0.2132 * u - 0.5329 * v, 1.1644 * y + 2.1124 * u], -1)
    return Image.fromarray(np.clip(rgb + 0.5, 0, 255).astype(np.uint8))


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The last frame of another shot, with its words."""
    path = tmp_path / "before.png"
    whole_frame(Film(request("A woman walks through the forest", size=SIZE, frames=2)), 1).save(path)
    return path


@pytest.mark.parametrize("prompt", ["She comes to the sea", "She stops, slow push in", "pan left", "crane up, handheld"])
def test_a_continued_shot_starts_exactly_on_the_picture_without_its_words(before: Path, prompt: str) -> None:
    film = Film(request(prompt, size=SIZE, frames=24, references=[("first_frame", before)]))
    area = film.layout
    picture = np.asarray(Image.open(before))[area.upper : area.upper + area.tall]
    assert shown(film, 0) == tuple(plane.tobytes() for plane in planes(picture))


@pytest.mark.parametrize("overlay", ["full", "slate"])
def test_strips_are_known_again_in_a_frame_of_ours(overlay: str) -> None:
    frame = whole_frame(Film(request(size=SIZE, frames=1, overlay=overlay)), 0)
    assert worn(frame) == layout(overlay, *SIZE)
    lossy = io.BytesIO()
    frame.save(lossy, "JPEG", quality=80)
    assert worn(Image.open(lossy).convert("RGB")) == layout(overlay, *SIZE)


@pytest.mark.parametrize("color", [(15, 16, 18), (0, 0, 0), (128, 128, 128)])
def test_another_picture_does_not_pass_for_a_frame_of_ours(color: tuple[int, int, int]) -> None:
    assert worn(Image.new("RGB", SIZE, color)) is None


def test_a_plate_of_the_same_size_keeps_its_pixels_in_place(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (180, 320, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "plate.png")
    film = Film(request("slow push in", size=SIZE, references=[("first_frame", tmp_path / "plate.png")]))
    area = film.layout
    assert shown(film, 0) == tuple(plane.tobytes() for plane in planes(noise[area.upper : area.upper + area.tall]))


def test_a_place_of_its_own_takes_over_and_no_place_stays_in_the_picture(before: Path) -> None:
    stays, goes = (
        request(prompt, size=SIZE, frames=36, references=[("first_frame", before)])
        for prompt in ("She stops, static", "She comes to the sea at noon, static")
    )
    assert unlike(luma(stays, 35), luma(stays, 0)) == 0
    own = luma(request("She comes to the sea at noon, static", size=SIZE, frames=36), 35)
    assert unlike(luma(goes, 35), own) == 0
    assert unlike(luma(goes, 35), luma(goes, 0)) > 5


def test_a_last_frame_is_reached_exactly(before: Path) -> None:
    film = Film(request("The sea at noon", size=SIZE, frames=30, references=[("last_frame", before)]))
    area = film.layout
    picture = np.asarray(Image.open(before))[area.upper : area.upper + area.tall]
    assert shown(film, 29) == tuple(plane.tobytes() for plane in planes(picture))


@pytest.mark.parametrize("move", ["push in", "pull out", "pan left", "tilt down", "tracking", "handheld", "static", ""])
def test_a_reference_fills_the_frame_and_moves(tmp_path: Path, move: str) -> None:
    ramp = np.indices((400, 500)).sum(0) * 7 % 256
    Image.fromarray(ramp.astype(np.uint8)).save(tmp_path / "a.png")
    wanted = request(move, size=SIZE, frames=24, references=[("reference", tmp_path / "a.png")])
    assert luma(wanted, 0).shape == (Film(wanted).layout.tall, 320)
    assert (unlike(luma(wanted, 0), luma(wanted, 23)) > 1) == (move != "static")


def test_several_references_follow_one_another(tmp_path: Path) -> None:
    for name, grey in (("a", 40), ("b", 200)):
        Image.new("L", (64, 64), grey).save(tmp_path / f"{name}.png")
    wanted = request("static", size=SIZE, frames=48, references=[("reference", tmp_path / f"{name}.png") for name in "ab"])
    assert luma(wanted, 0).mean() < 60
    assert luma(wanted, 47).mean() > 150


def _png16() -> bytes:
    stream = io.BytesIO()
    Image.fromarray((np.indices((40, 60)).sum(0) * 600).astype(np.uint16)).save(stream, "PNG")
    return stream.getvalue()


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _palette() -> Image.Image:
    image = Image.new("P", (50, 30), 1)
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    return image


def _turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return _saved(Image.new("RGB", (80, 40), (200, 10, 10)), "JPEG", exif=exif.tobytes())


def _bomb() -> bytes:
    """A PNG that says it has 60000 x 60000 pixels."""
    head = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


GOOD: dict[str, Callable[[], bytes]] = {
    "cmyk.jpg": lambda: _saved(Image.new("CMYK", (64, 48), (10, 200, 30, 40)), "JPEG"),
    "grey16.png": _png16,
    "alpha.png": lambda: _saved(Image.new("RGBA", (64, 48), (10, 200, 30, 40)), "PNG"),
    "grey-alpha.png": lambda: _saved(Image.new("LA", (64, 48), (200, 30)), "PNG"),
    "palette-alpha.png": lambda: _saved(_palette(), "PNG", transparency=1),
    "palette.gif": lambda: _saved(_palette(), "GIF"),
    "bits.tif": lambda: _saved(Image.new("1", (33, 17), 1), "TIFF"),
    "one.png": lambda: _saved(Image.new("RGB", (1, 1), (9, 8, 7)), "PNG"),
    "thin.png": lambda: _saved(Image.new("RGB", (3000, 1), (9, 8, 7)), "PNG"),
    "turned.jpg": _turned,
    "picture.webp": lambda: _saved(Image.new("RGB", (64, 48), (9, 80, 7)), "WEBP"),
    "picture.bmp": lambda: _saved(Image.new("RGB", (64, 48), (9, 80, 7)), "BMP"),
    "lab.tif": lambda: _saved(Image.new("LAB", (20, 20), (90, 128, 128)), "TIFF"),
    "large.png": lambda: _saved(Image.new("L", (6000, 4000), 90), "PNG"),
    "wrong-name.png": lambda: _saved(Image.new("RGB", (64, 48), (9, 80, 7)), "JPEG"),
}
BAD: dict[str, Callable[[], bytes]] = {
    "empty.png": lambda: b"",
    "text.png": lambda: b"this is not a picture",
    "cut.png": lambda: _saved(Image.effect_noise((200, 200), 90), "PNG")[:9000],
    "cut.jpg": lambda: _saved(Image.effect_noise((200, 200), 90), "JPEG")[:5000],
    "bomb.png": _bomb,
    "script.eps": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
    "vector.svg": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
    "float.tif": lambda: _saved(Image.new("F", (20, 20), 0.5), "TIFF"),
    "targa.tga": lambda: _saved(Image.new("RGB", (20, 20)), "TGA"),
}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("role", ["first_frame", "reference"])
def test_a_picture_of_any_kind_is_shown(tmp_path: Path, name: str, role: str) -> None:
    (tmp_path / name).write_bytes(GOOD[name]())
    film = Film(request("push in", size=SIZE, frames=3, references=[(role, tmp_path / name)]))
    assert sum(map(len, film.frames())) == 3 * 320 * 180 * 3 // 2


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_safe_picture_is_refused_with_the_cause(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(BAD[name]())
    with pytest.raises(MediaError, match=name) as caught:
        Film(request(references=[("reference", tmp_path / name)]))
    assert caught.value.cause
    assert str(tmp_path) not in caught.value.cause


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"nothing\.png"):
        Film(request(references=[("first_frame", tmp_path / "nothing.png")]))


def test_a_picture_that_was_turned_in_the_camera_stands_upright(tmp_path: Path) -> None:
    halves = Image.new("L", (80, 40), 20)
    halves.paste(230, (0, 0, 40, 40))  # light at the left; turned by orientation 6: light above
    exif = Image.Exif()
    exif[0x0112] = 6
    halves.convert("RGB").save(tmp_path / "a.jpg", exif=exif.tobytes(), quality=95)
    rows = luma(request("static", size=(160, 320), frames=1, references=[("reference", tmp_path / "a.jpg")]), 0).mean(axis=1)
    assert rows[:20].mean() > 180
    assert rows[-20:].mean() < 60
