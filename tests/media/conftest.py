"""Odd source files, made once per run by the wheel's ffmpeg."""

from collections.abc import Callable
from pathlib import Path

import pytest

Make = Callable[..., Path]


@pytest.fixture(scope="session")
def clip(make: Make) -> Path:
    """24 frames 64x36 at 24, H.264 with B frames, moov first, with 1 s of mono AAC at 44.1 kHz."""
    return make(
        "clip.mp4",
        *("-f", "lavfi", "-i", "testsrc2=s=64x36:r=24:d=1", "-f", "lavfi", "-i", "sine=d=1"),
        *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", "-movflags", "+faststart"),
    )
