"""A request as frames of raw planes: which pictures follow one another, how they dissolve, and the strips around them."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

import numpy as np
from PIL import Image

from shotbuild.providers.interface import Request
from shotbuild.providers.storyboard import scene, words
from shotbuild.providers.storyboard.camera import Camera, Move
from shotbuild.providers.storyboard.chance import Chance, ease
from shotbuild.providers.storyboard.layout import layout
from shotbuild.providers.storyboard.overlay import Overlay, Slate
from shotbuild.providers.storyboard.photos import Photo, fitted, load
from shotbuild.providers.storyboard.planes import Picture

HANDOVER = Fraction(4, 5)  # seconds in which a picture that was handed over gives way to the shot's own


class Source(Protocol):
    def frame(self, frame: int) -> Picture: ...


class Film:
    """All pictures of one request; memory does not grow with its length. Errors when made: MediaError for references."""

    def __init__(self, request: Request) -> None:
        self._request = request
        size = request.format.size
        self.layout = layout(request.settings.text("overlay"), size.width, size.height)
        self._chance = Chance(request.prompt, request.seed)
        self._idea = words.read(request.prompt)
        self._plan = scene.decide(self._idea, self._chance)
        self.place, self.weather = self._plan.place, self._plan.weather
        self._overlay = Overlay(self.layout, _slate(request)) if self.layout.kind != "none" else None
        self._first = self._role("first_frame")
        self._last = self._role("last_frame")
        pictures = [load(path) for role, path in request.references if role == "reference"]
        self._middle: list[Source] = [self._still(image, index) for index, image in enumerate(pictures)]
        # A shot that continues another and names no place of its own stays in the picture it was handed.
        if not self._middle and (self._first is None or self._idea.place is not None):
            self._middle = [
                scene.build(
                    self._plan, self._idea, self._chance, size.width, self.layout.tall, request.frames, request.format.rate
                )
            ]

    def frames(self) -> Iterator[bytes]:
        # glibc gives memory back to the system after each frame, which costs up to a third of drawing the next (measured),
        # until something as large has been freed once.
        np.empty(8 * self.layout.width * self.layout.height, np.uint8)
        for frame in range(self._request.frames):
            upper, lower = self._overlay.frame(frame) if self._overlay else (None, None)
            parts = [part for part in (upper, self.picture(frame), lower) if part is not None]
            for plane in ("y", "u", "v"):
                yield b"".join(getattr(part, plane).tobytes() for part in parts)

    def picture(self, frame: int) -> Picture:
        """The picture area of a frame."""
        count = self._request.frames
        change = min(max(1, int(self._request.format.rate * HANDOVER)), max(1, count - 1))
        if self._first is not None and (not self._middle or frame == 0):
            shown = self._first.frame(frame)
        else:
            shown = self._between(frame)
            if self._first is not None and frame < change:
                shown = self._first.frame(frame).blend(shown, ease(frame, change) >> 8)
        if self._last is not None and frame >= count - change and count > 1:
            shown = shown.blend(self._last.frame(frame), ease(frame - (count - 1 - change), change) >> 8)
        return shown

    def _between(self, frame: int) -> Picture:
        """The scene, or the references one after another with dissolves of half a second."""
        many, count = len(self._middle), self._request.frames
        index = min(frame * many // count, many - 1)
        shown = self._middle[index].frame(frame)
        start = -(-index * count // many)
        change = min(int(self._request.format.rate / 2), count // many // 2)
        if index and frame - start < change:
            return self._middle[index - 1].frame(frame).blend(shown, ease(frame - start + 1, change + 1) >> 8)
        return shown

    def _role(self, role: str) -> Photo | None:
        """A picture that is exact at its own end of the shot."""
        path = next((path for name, path in self._request.references if name == role), None)
        if path is None:
            return None
        image = fitted(load(path), self.layout)
        move = self._carry() if role == "first_frame" else Move(push=-60, focus=(500, 500))
        return Photo(image, self._camera(move), bleed=False)

    def _carry(self) -> Move:
        """From the whole picture inwards, towards where the words point."""
        side = {"left": 250, "right": 750}.get(self._plan.move, 500)
        high = {"up": 250, "rise": 300, "down": 800, "sink": 750}.get(self._plan.move, 500)
        push = 0 if self._plan.move == "static" else 60 + self._chance.fork("carry").below(90)
        return Move(push=push, focus=(side, high))

    def _still(self, image: Image.Image, index: int) -> Photo:
        chance = self._chance.fork(f"still {index}")
        named = self._idea.move if self._idea.move in MOVES else None
        move = MOVES[named or chance.pick(tuple(MOVES))]
        return Photo(fitted(image, self.layout), self._camera(move), bleed=True)

    def _camera(self, move: Move) -> Camera:
        return Camera(move, self.layout.width, self.layout.tall, self._request.frames, self._request.format.rate)


MOVES = {
    "push": Move(push=150, focus=(500, 460)),
    "pull": Move(push=-150, focus=(500, 460)),
    "left": Move(turn_x=-150, push=40, focus=(500, 500)),
    "right": Move(turn_x=150, push=40, focus=(500, 500)),
    "up": Move(turn_y=-110, push=40, focus=(500, 500)),
    "down": Move(turn_y=110, push=40, focus=(500, 500)),
    "track": Move(turn_x=190, even=True),
    "rise": Move(turn_y=-90, push=-60),
    "held": Move(push=60, shake=8),
    "static": Move(),
}


def _slate(request: Request) -> Slate:
    return Slate(
        project=request.project, shot=request.shot, title=request.title, take=request.take, seed=request.seed,
        recipe=request.recipe, caption=request.prompt or request.title, frames=request.frames, rate=request.format.rate,
    )  # fmt: skip
