"""The camera: which part of a flat layer it sees at each frame. All in integers, 1/65536 of an output pixel."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from shotbuild.providers.storyboard.chance import ONE, TURN, ease, sine

Window: TypeAlias = tuple[int, int, int, int]
"""left, top, width, height."""

SUBJECT = 256  # depth of the plane where the subject stands; 0 is infinitely far, more than 256 is nearer than it


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What the camera does in a shot. push: per mille of the picture gained on the subject (below 0: lost); turn_x,
    turn_y: how far everything slides, track_x, track_y: how far the subject's plane slides, per mille of the picture's
    height, from first to last frame; shake: of a held camera; even: steady speed instead of eased; focus: the fixed point
    of a push, per mille of width and height."""

    push: int = 0
    turn_x: int = 0
    turn_y: int = 0
    track_x: int = 0
    track_y: int = 0
    shake: int = 0
    even: bool = False
    focus: tuple[int, int] = (500, 560)


class Camera:
    def __init__(self, move: Move, width: int, height: int, frames: int, rate: Fraction) -> None:
        self.width, self.height, self.frames = width, height, frames
        self._move, self._rate = move, rate
        self._reaches: dict[int, tuple[int, int, int, int]] = {}
        # A short shot moves less, so that no move becomes a jerk: full strength from four seconds on.
        seconds = Fraction(frames) / rate
        self._strength = min(ONE, ONE * 2 // 5 + int(seconds * ONE) * 3 // 20)

    def still(self, depth: int) -> bool:
        """Whether a layer never moves in the picture."""
        move = self._move
        if self.frames == 1:
            return True
        near = move.push or move.track_x or move.track_y or move.shake
        return not (move.turn_x or move.turn_y or (near and depth))

    def along(self, frame: int) -> int:
        """How far the move has come, 0 to 65536."""
        last = self.frames - 1
        if self._move.even:
            return frame * ONE // last if last else 0
        return ease(frame, last)

    def window(self, depth: int, frame: int) -> Window:
        move, height = self._move, self.height
        gone = self.along(frame)
        centred = gone - ONE // 2
        amount = abs(move.push) * self._strength // 1000
        nearer = amount * (gone if move.push > 0 else ONE - gone) // ONE * depth // SUBJECT
        nearer = min(nearer, ONE * 3 // 4)
        wide, high = self.width * (ONE - nearer), height * (ONE - nearer)
        left = self.width * nearer * move.focus[0] // 1000
        top = height * nearer * move.focus[1] // 1000
        slide_x = move.turn_x + move.track_x * depth // SUBJECT
        slide_y = move.turn_y + move.track_y * depth // SUBJECT
        left += height * (slide_x * self._strength // 1000) * centred // ONE
        top += height * (slide_y * self._strength // 1000) * centred // ONE
        if move.shake and depth:
            swing_x, swing_y = self._sway(frame)
            held = move.shake * height * (96 + depth * 5 // 8) // 256
            left += swing_x * held // 1000
            top += swing_y * held // 1000
        return left, top, wide, high

    def _sway(self, frame: int) -> tuple[int, int]:
        """A hand's slow unrest: sums of sines of unrelated periods, 1/65536."""
        at = int(frame * TURN / self._rate * 16)  # sixteenths of a turn a second

        def swing(first: int, second: int, third: int, phase: int) -> int:
            parts = (sine(at * first // 160 + phase) * 5, sine(at * second // 160 + 3 * phase) * 3, sine(at * third // 160))
            return sum(parts) // 9

        return swing(4, 11, 23, 0), swing(5, 13, 29, 300)

    def reach(self, depth: int) -> tuple[int, int, int, int]:
        """left, top, right, bottom, in whole output pixels, of all that is seen of a layer during the shot."""
        if depth not in self._reaches:
            self._reaches[depth] = self._reach(depth)
        return self._reaches[depth]

    def _reach(self, depth: int) -> tuple[int, int, int, int]:
        last = self.frames - 1
        stops = sorted({last * step // 64 for step in range(65)})
        windows = [self.window(depth, frame) for frame in stops]
        # Between two stops a held camera may swing further than at either.
        spare = 4 + (self._move.shake * self.height * max(depth, 256) // 256 // 250)
        return (
            min(left for left, _, _, _ in windows) // ONE - spare,
            min(top for _, top, _, _ in windows) // ONE - spare,
            max(left + wide for left, _, wide, _ in windows) // ONE + spare,
            max(top + high for _, top, _, high in windows) // ONE + spare,
        )

    def detail(self, depth: int) -> int:
        """Layer pixels per 64 output pixels that keep the closest view sharp."""
        last = self.frames - 1
        narrowest = min(self.window(depth, 0)[2], self.window(depth, last)[2])
        return min(128, -(-64 * self.width * ONE // narrowest))
