"""The words on the strips: slate, caption, running timecode and progress line. Set once for a shot; only digits move."""

from dataclasses import dataclass
from fractions import Fraction

from PIL import Image

from shotbuild.media.fonts import BOLD, MONO, REGULAR
from shotbuild.providers.storyboard.layout import MARK, STRIP, Layout
from shotbuild.providers.storyboard.letters import Face, clean
from shotbuild.providers.storyboard.planes import Picture
from shotbuild.providers.storyboard.tone import Color, mix, yuv
from shotbuild.units import timecode

TEXT: Color = (236, 235, 231)
QUIET: Color = (146, 150, 157)
TRACK: Color = (52, 54, 58)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slate:
    project: str
    shot: str
    title: str
    take: int
    seed: int
    recipe: str
    caption: str
    frames: int
    rate: Fraction


class Overlay:
    """upper and lower strip of each frame, as bytes of their planes."""

    def __init__(self, layout: Layout, slate: Slate) -> None:
        self._layout, self._slate = layout, slate
        self._upper = Picture.plain(layout.width, layout.upper, STRIP) if layout.upper else None
        self._lower = Picture.plain(layout.width, layout.lower, STRIP) if layout.lower else None
        self._small, self._bold = Face(REGULAR, layout.small), Face(BOLD, layout.small)
        self._mono = Face(MONO, layout.small)
        self._digits = Face(MONO, layout.large if layout.kind == "full" else layout.small)
        self._cells = {char: self._digits.mask(char) for char in "0123456789:"}
        self._cell = self._digits.width("0")
        self._clock = self._place_clock()
        if layout.kind == "full":
            self._set_slate(self._upper, layout.width - layout.margin)
            self._set_caption()
        elif layout.kind == "slate":
            self._set_slate(self._lower, self._clock[0] - layout.small)

    def frame(self, frame: int) -> tuple[Picture | None, Picture | None]:
        if self._lower is None:
            return None, None
        lower = self._lower.copy()
        self._draw_progress(lower, frame)
        left, top = self._clock
        ink = yuv(TEXT)[0]
        for index, char in enumerate(timecode(frame, self._slate.rate)):
            lower.y.paste(ink, (left + index * self._cell, top), self._cells[char])
        return self._upper, lower

    def _draw_progress(self, strip: Picture, frame: int) -> None:
        line = max(2, self._layout.small // 12 * 2)
        width = self._layout.width
        done = (frame + 1) * width // self._slate.frames // 2 * 2
        strip.fill(yuv(TRACK), (0, 0, width, line))
        if done:
            strip.fill(yuv(MARK), (0, 0, done, line))

    def _place_clock(self) -> tuple[int, int]:
        """Left and top of the timecode: in the middle of a slate, at the foot of an upright frame,
        else beside the caption."""
        layout, tall = self._layout, self._digits.ascent + self._digits.descent
        left = layout.width - layout.margin - 11 * self._cell
        if layout.kind == "slate":
            return left, (layout.lower - tall) // 2 + 1
        if layout.height > layout.width:
            return left, layout.lower - tall - layout.large * 3 // 5
        return left, layout.large * 11 // 20

    def _set_slate(self, strip: Picture | None, right: int) -> None:
        """Mark, shot, project, title and take from the left; seed and recipe at the right; what does not fit stays away."""
        if strip is None:
            return
        layout, slate = self._layout, self._slate
        left, top, end, bottom = layout.mark()
        above = layout.height - layout.lower if not layout.upper else 0
        strip.fill(yuv(MARK), (left, top - above, end, bottom - above))
        tall = strip.size[1]
        baseline = (tall + self._bold.ascent * 7 // 10) // 2 + (1 if not layout.upper else 0)
        gap = layout.small
        facts = [f"{slate.recipe[:8]}", f"seed {slate.seed}"]
        x = end + gap * 2 // 3
        room = right - x
        shot = self._bold.fit(clean(slate.shot, 200), room)
        x += self._put(strip, self._bold, shot, x, baseline, TEXT) + gap
        take = f"take {slate.take}"
        if x + self._small.width(take) <= right:
            x += self._put(strip, self._small, take, x, baseline, mix(TEXT, QUIET, 40)) + gap
        for fact in facts:
            wide = self._mono.width(fact)
            if right - wide - gap < x:
                break
            right -= wide
            self._put(strip, self._mono, fact, right, baseline, QUIET)
            right -= gap
        title = clean(slate.title, 400)
        names = [clean(slate.project, 200), title if title != clean(slate.shot, 200) else ""]
        for name in names:
            shown = self._small.fit(name, right - x - gap)
            if len(shown) > 4 or shown == name:
                x += self._put(strip, self._small, shown, x, baseline, QUIET) + gap if shown else 0

    def _set_caption(self) -> None:
        layout, strip = self._layout, self._lower
        if strip is None:
            return
        face = Face(REGULAR, layout.large)
        upright = layout.height > layout.width
        right = layout.width - layout.margin if upright else self._clock[0] - layout.large * 3 // 2
        lines = face.wrap(clean(self._slate.caption), right - layout.margin, layout.lines)
        step = layout.large * 27 // 20
        for index, line in enumerate(lines):
            baseline = layout.large * 11 // 20 + self._digits.ascent + index * step
            self._put(strip, face, line, layout.margin, baseline, TEXT)
        last = timecode(self._slate.frames, self._slate.rate)
        wide = self._mono.width(last)
        if not upright:
            self._put(
                strip,
                self._mono,
                last,
                layout.width - layout.margin - wide,
                layout.large * 11 // 20 + self._digits.ascent + step,
                QUIET,
            )
        else:
            self._put(strip, self._mono, last, layout.margin, self._clock[1] + self._digits.ascent, QUIET)

    def _put(self, strip: Picture, face: Face, text: str, x: int, baseline: int, ink: Color) -> int:
        """Sets a line; its width."""
        if not text:
            return 0
        mask = face.mask(text)
        width, height = strip.size
        x, y = x // 2 * 2, (baseline - face.ascent) // 2 * 2
        shift = (baseline - face.ascent) - y
        # The mask goes onto an even raster, because colour has half the picture's.
        wide, high = min(mask.width + mask.width % 2, width - x), min(height - max(0, y), mask.height + shift + 2) // 2 * 2
        if wide < 2 or high < 2:
            return 0
        ground = Image.new("L", (wide, high))
        ground.paste(mask, (0, shift + min(0, y)))
        top = max(0, y)
        strip.fill(yuv(ink), (x, top, x + wide, top + high), ground)
        return face.width(text)
