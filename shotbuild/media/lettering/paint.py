"""Lines → pixels. All arithmetic on places is in whole pixels and all blending in whole numbers, so that two machines draw
the same picture."""

from fractions import Fraction

from PIL import Image, ImageFilter

from shotbuild.media.lettering.lines import Block
from shotbuild.media.lettering.looks import Asked, Colour
from shotbuild.units import Size, round_half_up


def paint(canvas: Image.Image, block: Block, asked: Asked) -> None:
    sideways, up = asked.padding(block.size)
    bar = asked.bar(block.size)
    outer = Size(block.width + 2 * sideways + bar, block.height + 2 * up)
    left, top = _corner(outer, asked)
    # Only the part that text and shadow reach is worked on: a frame may be large.
    reach = block.size
    crop = (max(0, left - reach), max(0, top - reach))
    far = (min(canvas.width, left + outer.width + reach), min(canvas.height, top + outer.height + reach))
    part = Image.new("RGBA", (far[0] - crop[0], far[1] - crop[1]))
    x, y = left - crop[0], top - crop[1]
    if asked.box is not None:
        part.paste(asked.box, (x, y, x + outer.width, y + outer.height))
    if bar:
        right = asked.align == "right"
        at = x + outer.width - bar if right else x
        part.paste(asked.color, (at, y, at + bar, y + outer.height))
        x += 0 if right else bar
    stroke = max(1, round_half_up(Fraction(block.size, 14))) if asked.outline else 0
    letters = _mask(part, block, asked, x + sideways, y + up, 0)
    outlined = _mask(part, block, asked, x + sideways, y + up, stroke) if stroke else letters
    if asked.shadow:
        part = _laid(part, _shadow(outlined, block.size), (0, 0, 0, 255))
    if asked.outline is not None:
        part = _laid(part, outlined, asked.outline)
    canvas.paste(_laid(part, letters, asked.color), crop)


def _corner(outer: Size, asked: Asked) -> tuple[int, int]:
    left, top, right, bottom = asked.area
    side = asked.align if asked.place == "lower-third" else asked.place.rpartition("-")[2]
    x = {"left": left, "right": right - outer.width}.get(side, (left + right - outer.width) // 2)
    high, low = asked.place.startswith("top"), asked.place.startswith(("bottom", "lower"))
    return x, top if high else bottom - outer.height if low else (top + bottom - outer.height) // 2


def _mask(part: Image.Image, block: Block, asked: Asked, left: int, top: int, stroke: int) -> Image.Image:
    mask = Image.new("L", part.size)
    for line in block.lines:
        slack = block.width - line.width
        x = left + {"left": 0, "right": slack}.get(asked.align, slack // 2)
        line.face.write(mask, x, top + (line.height + line.face.capital) // 2, line.text, stroke)
        top += line.height
    return mask


def _shadow(mask: Image.Image, size: int) -> Image.Image:
    """Soft and a little below; strong enough for white letters on snow."""
    blurred = Image.new("L", mask.size)
    blurred.paste(mask, (0, max(1, size // 24)))
    for _ in range(3):
        blurred = blurred.filter(ImageFilter.BoxBlur(max(1, size // 18)))
    return blurred.point([min(255, value * 2) * 3 // 4 for value in range(256)])


def _laid(part: Image.Image, mask: Image.Image, colour: Colour) -> Image.Image:
    layer = Image.new("RGBA", part.size, colour[:3])
    layer.putalpha(mask if colour[3] == 255 else mask.point([value * colour[3] // 255 for value in range(256)]))
    return Image.alpha_composite(part, layer)
