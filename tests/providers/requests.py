"""Requests for the animatic, small enough to draw in a moment."""

import hashlib
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shotbuild.providers.interface import Request
from shotbuild.providers.storyboard.film import Film
from shotbuild.records import Format, fields
from shotbuild.units import Size


def request(
    prompt: str = "A lighthouse on a cliff at dusk, waves below, push in",
    *,
    seed: int = 1,
    size: tuple[int, int] = (240, 136),
    frames: int = 12,
    rate: Fraction = Fraction(24),
    references: Iterable[tuple[str, Path]] = (),
    overlay: str = "full",
    sound: str = "silent",
    title: str = "The light",
) -> Request:
    return Request(
        project="Keeper",
        shot="sc-010",
        title=title,
        take=1,
        prompt=prompt,
        seed=seed,
        frames=frames,
        format=Format(size=Size(*size), rate=rate, color="bt709", pixels="yuv420p"),
        references=tuple(references),
        settings=fields(overlay=overlay, sound=sound),
        recipe=hashlib.sha256(f"{prompt} {seed}".encode("utf-8", "surrogatepass")).hexdigest(),
    )


def planes_digest(wanted: Request) -> str:
    digest = hashlib.sha256()
    for chunk in Film(wanted).frames():
        digest.update(chunk)
    return digest.hexdigest()


def luma(wanted: Request, frame: int) -> NDArray[np.int64]:
    """The brightness of a frame's picture area."""
    return np.asarray(Film(wanted).picture(frame).y).astype(np.int64)


def unlike(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """The mean distance of two pictures' brightness, 0 to 219."""
    return float(np.abs(first - second).mean())
