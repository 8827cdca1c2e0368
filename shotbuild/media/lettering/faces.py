"""Fonts: the one of the project or those that ship with shotbuild, in one size, letter by letter."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from shotbuild.errors import MediaError
from shotbuild.media.fonts import FALLBACK
from shotbuild.media.lettering.scripts import NO_BREAK, named, visual

SMALLEST_PIXELS, LOOKED_AT = 6, 24


class Faces:
    """Fonts by size, opened when they are needed."""

    def __init__(self, own: Path | None, path: str) -> None:
        self._own, self._path = own, path
        self._open: dict[tuple[Path, int], ImageFont.FreeTypeFont] = {}
        self._faces: dict[tuple[Path, int], Face] = {}
        self._having: dict[tuple[str, tuple[Path, ...]], Path] = {}

    @property
    def name(self) -> str:
        """How people know the project's font: its path or what it calls itself; empty for the shipped ones."""
        if self._path or self._own is None:
            return self._path
        try:
            return " ".join(filter(None, self.font(self._own, SMALLEST_PIXELS).getname()))
        except OSError:
            return ""

    def face(self, shipped: Path, size: int) -> "Face":
        """What a style is set in: the project's font alone, or the shipped one with the others behind it."""
        if (shipped, size) not in self._faces:
            self._faces[shipped, size] = Face(self, (self._own,) if self._own else (shipped, *FALLBACK), size)
        return self._faces[shipped, size]

    def font(self, path: Path, size: int) -> ImageFont.FreeTypeFont:
        if (path, size) not in self._open:
            self._open[path, size] = ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
        return self._open[path, size]

    def having(self, char: str, paths: tuple[Path, ...]) -> Path:
        """The first of these fonts that has a character. Errors: MediaError when none does."""
        if (char, paths) not in self._having:
            self._having[char, paths] = self._found(char, paths)
        return self._having[char, paths]

    def _found(self, char: str, paths: tuple[Path, ...]) -> Path:
        for path in paths:
            # Pillow does not say which letters a font has: what it lacks looks like what no font has.
            font = self.font(path, LOOKED_AT)
            if char == " " or bytes(font.getmask(char)) != bytes(font.getmask("\uffff")):
                return path
        own = f"the font {self.name}".rstrip() if len(paths) == 1 else ""
        raise MediaError(
            f"the character {named(char)} cannot be drawn",
            cause=f"{own} does not have it" if own else "none of the fonts that ship with shotbuild has it",
            hint="write `font: …` with a font file of the project that has it, or take the character out",
        )


class Face:
    """A font in one size, with the others behind it for what it lacks."""

    def __init__(self, faces: Faces, paths: tuple[Path, ...], size: int) -> None:
        self.size = size
        self._faces, self._paths = faces, paths
        self._widths: dict[str, int] = {}
        box = faces.font(paths[0], size).getbbox("H", anchor="ls")
        self.capital = -int(box[1])

    def width(self, text: str) -> int:
        """In pixels, of text in any order."""
        if text not in self._widths:
            self._widths[text] = -(-sum(advance for _, _, advance in self._runs(visual(text, False))) // 64)
        return self._widths[text]

    def write(self, mask: Image.Image, left: int, baseline: int, shown: str, stroke: int) -> None:
        """Adds text in drawing order to a mask."""
        paint, pen = ImageDraw.Draw(mask), left * 64
        for path, run, advance in self._runs(shown):
            font = self._faces.font(path, self.size)
            paint.text((pen // 64, baseline), run, fill=255, font=font, anchor="ls", stroke_width=stroke)
            pen += advance

    def _runs(self, shown: str) -> Iterator[tuple[Path, str, int]]:
        for path, group in groupby(shown.replace(NO_BREAK, " "), key=self._font_of):
            run = "".join(group)
            yield path, run, round(self._faces.font(path, self.size).getlength(run) * 64)

    def _font_of(self, char: str) -> Path:
        return self._faces.having(char, self._paths)
