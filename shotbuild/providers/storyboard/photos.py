"""Reference pictures: opened safely, turned upright, cut to the frame, and moved like a camera over a still."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from shotbuild.errors import MediaError
from shotbuild.providers.storyboard.camera import SUBJECT, Camera, Window
from shotbuild.providers.storyboard.layout import Layout, worn
from shotbuild.providers.storyboard.planes import Axis, Picture, resample
from shotbuild.providers.storyboard.tone import Plane, planes

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
MOST_PIXELS = 80_000_000
MATTE = (24, 25, 28)
HINT = f"give a picture as {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, at most {MOST_PIXELS // 1_000_000} megapixels"


def load(path: Path) -> Image.Image:
    """A picture file as upright 8-bit RGB. Errors: MediaError with the cause."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise MediaError(f"{path.name} is too large a picture", cause=f"it says {width}x{height} pixels", hint=HINT)
            image.draft("RGB", (4096, 4096))
            image.load()
            return _rgb(ImageOps.exif_transpose(image))
    except MediaError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise MediaError(f"{path.name} is too large a picture", cause=str(error), hint=HINT) from error
    except Exception as error:  # decoders of broken files raise anything: OSError, SyntaxError, struct.error, IndexError, …
        cause = str(error).replace(str(path), path.name) or type(error).__name__
        raise MediaError(f"{path.name} cannot be read as a picture", cause=cause, hint=HINT) from error


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("pixels are floating point numbers")
    if image.mode in {"I", "I;16", "I;16B", "I;16L"}:  # 16-bit grey: the upper eight bits
        wide = np.asarray(image).astype(np.int64)
        return Image.fromarray((np.clip(wide, 0, 65535) >> 8).astype(np.uint8)).convert("RGB")
    if "transparency" in image.info or image.mode in {"RGBA", "LA", "PA", "RGBa", "La"}:
        layered = image.convert("RGBA")
        ground = Image.new("RGB", layered.size, MATTE)
        ground.paste(layered, mask=layered.getchannel("A"))
        return ground
    with warnings.catch_warnings():
        return image.convert("RGB")


def fitted(image: Image.Image, layout: Layout) -> Image.Image:
    """What of a picture fills the picture area. A frame of ours gives its own picture area; another picture of the frame's
    size loses what lies under the strips and nothing moves; any other is scaled to cover."""
    own = worn(image)
    if own is not None:
        image = image.crop((0, own.upper, own.width, own.upper + own.tall))
    elif image.size == (layout.width, layout.height):
        return image.crop((0, layout.upper, layout.width, layout.upper + layout.tall))
    return cover(image, layout.width, layout.tall)


def cover(image: Image.Image, width: int, height: int) -> Image.Image:
    """Scaled and cropped about the middle to a size."""
    if image.size == (width, height):
        return image
    have_wide, have_high = image.size
    crop_wide, crop_high = (
        min(have_wide, max(1, have_high * width // height)),
        min(have_high, max(1, have_wide * height // width)),
    )
    left, top = (have_wide - crop_wide) // 2, (have_high - crop_high) // 2
    return _resized(image, (width, height), (left, top, left + crop_wide, top + crop_high))


def _resized(source: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Image.Image:
    """A part of an image in another size, bilinear. Each direction in a call of its own: Pillow 13 does both in another
    order than Pillow 12, which changes last bits; one alone gives the same bytes from 10.4 to 13 (measured)."""
    left, top, right, bottom = box
    width, height = size
    spare = int((bottom - top) / height) + 2
    first, last = max(0, int(top) - spare), min(source.height, int(bottom) + 1 + spare)
    part = source if (first, last) == (0, source.height) else source.crop((0, first, source.width, last))
    if (left, right, width) != (0, source.width, source.width):
        part = part.resize((width, part.height), Image.Resampling.BILINEAR, (left, 0, right, part.height))
    if (top - first, bottom - first, height) != (0, part.height, part.height):
        part = part.resize((width, height), Image.Resampling.BILINEAR, (0, top - first, width, bottom - first))
    return part


class Photo:
    """A picture seen by a moving camera. bleed: the picture reaches as far as the camera does; without, frame 0 is exact."""

    def __init__(self, image: Image.Image, camera: Camera, *, bleed: bool) -> None:
        self._camera = camera
        left, top, right, bottom = camera.reach(SUBJECT) if bleed else (0, 0, camera.width, camera.height)
        self._left, self._top = left // 2 * 2, top // 2 * 2
        size = (right - self._left + 1) // 2 * 2, (bottom - self._top + 1) // 2 * 2
        self._planes = planes(np.asarray(cover(image, *size)))
        self._last: tuple[tuple[int, int, int, int], Picture] | None = None

    def frame(self, frame: int) -> Picture:
        window = self._camera.window(SUBJECT, frame)
        if self._last is None or self._last[0] != window:
            y, u, v = self._planes
            self._last = window, Picture(self._part(y, window, 1), self._part(u, window, 2), self._part(v, window, 2))
        return self._last[1]

    def _part(self, plane: Plane, window: Window, share: int) -> Image.Image:
        """share: 2 for planes of half the size."""
        left, top, wide, high = window
        width, height = self._camera.width // share, self._camera.height // share
        across = Axis(left, wide, width, self._left // share, 64 // share, plane.shape[1])
        down = Axis(top, high, height, self._top // share, 64 // share, plane.shape[0])
        return Image.fromarray(resample(plane, down, across, (0, 0, width, height)))
