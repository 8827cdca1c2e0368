"""Text as a row of glyphs: cleaned, in visual order, each in the first font that has it, as one mask."""

import unicodedata
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from shotbuild.media.fonts import FALLBACK
from shotbuild.providers.storyboard import rtl

# Ranges stand here and are not asked of `unicodedata`, whose tables differ between Python versions.
UNSEEN = (
    (0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x0300, 0x036F), (0x0483, 0x0489), (0x0591, 0x05BD), (0x05BF, 0x05BF),
    (0x05C1, 0x05C2), (0x05C4, 0x05C5), (0x05C7, 0x05C7), (0x0600, 0x0605), (0x0610, 0x061A), (0x061C, 0x061C),
    (0x064B, 0x065F), (0x0670, 0x0670), (0x06D6, 0x06ED), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x200B, 0x200F),
    (0x202A, 0x202E), (0x2060, 0x206F), (0x20D0, 0x20FF), (0xD800, 0xF8FF), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFF0, 0xFFFF), (0xE0000, 0x10FFFF),
)  # fmt: skip
SYMBOLS = ((0x2190, 0x2BFF), (0x1F000, 0x1FFFF))
BOX = "□"
ELLIPSIS = "…"


def clean(text: str, most: int = 4000) -> str:
    """One line of visible characters: spaces for line ends and tabs, no controls, marks composed."""
    spaced = " ".join(text[: most * 4].split())
    visible = "".join(char for char in spaced if not _within(ord(char), (UNSEEN[0], UNSEEN[1], (0xD800, 0xDFFF))))
    composed = unicodedata.normalize("NFC", visible)
    return " ".join("".join(char for char in composed if not _within(ord(char), UNSEEN)).split())[:most]


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(low <= code <= high for low, high in ranges)


class Face:
    """A font in one size, with the others behind it for what it lacks."""

    def __init__(self, path: Path, size: int) -> None:
        self._fonts = [_font(each, size) for each in (path, *FALLBACK)]
        self._missing = [bytes(font.getmask("\uffff")) for font in self._fonts]
        self._chosen: dict[str, int | None] = {}
        self.ascent, self.descent = self._fonts[0].getmetrics()

    def width(self, text: str) -> int:
        return -(-sum(self._advance(font, run) for font, run in self._runs(text)) // 64)

    def mask(self, text: str) -> Image.Image:
        """The text in visual order, white on black; its baseline at `ascent`. At least one pixel wide."""
        image = Image.new("L", (max(1, self.width(text) + 2), self.ascent + self.descent))
        draw = ImageDraw.Draw(image)
        pen = 0
        for font, run in self._runs(text):
            draw.text((pen // 64, self.ascent), run, fill=255, font=self._fonts[font], anchor="ls")
            pen += self._advance(font, run)
        return image

    def _advance(self, font: int, run: str) -> int:
        return round(self._fonts[font].getlength(run) * 64)

    def _runs(self, text: str) -> list[tuple[int, str]]:
        shown = [
            (font, char) for char, font in ((char, self._font_of(char)) for char in rtl.visual(text)) if font is not None
        ]
        boxed = [(font, char) if font >= 0 else (1, BOX) for font, char in shown]
        return [(font, "".join(char for _, char in run)) for font, run in groupby(boxed, key=lambda pair: pair[0])]

    def _font_of(self, char: str) -> int | None:
        """The font for a character; -1: nobody has it, draw a box; None: nobody has it and nobody will miss it."""
        if char not in self._chosen:
            found: int | None = None if _within(ord(char), SYMBOLS) else -1
            for index, font in enumerate(self._fonts):
                if char == " " or bytes(font.getmask(char)) != self._missing[index]:
                    found = index
                    break
            self._chosen[char] = found
        return self._chosen[char]

    def fit(self, text: str, width: int) -> str:
        """The text, or as much of its beginning as fits with an ellipsis."""
        if self.width(text) <= width:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(text[:middle].rstrip() + ELLIPSIS) <= width:
                low = middle
            else:
                high = middle - 1
        return text[:low].rstrip(" ,;:.") + ELLIPSIS if low else ""

    def wrap(self, text: str, width: int, lines: int) -> list[str]:
        """The text in at most so many lines; what is left over ends in an ellipsis."""
        found: list[str] = []
        rest = text
        while rest and len(found) < lines - 1:
            line = self._line(rest, width)
            if not line:
                return found
            found.append(line.strip())
            rest = rest[len(line) :].strip()
        return [*found, self.fit(rest, width)] if rest else found

    def _line(self, text: str, width: int) -> str:
        """The longest beginning that fits, to the end of a word, or of a character in a word (or script) without spaces."""
        if self.width(text) <= width:
            return text
        low, high = 0, min(len(text), 2000)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(text[:middle]) <= width:
                low = middle
            else:
                high = middle - 1
        space = text[: low + 1].rfind(" ")
        return text[:space] if space > low * 2 // 5 else text[:low]


@lru_cache(maxsize=64)
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
