"""What is said of a chunk that came out wrong."""

import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from shotbuild.errors import MediaError
from shotbuild.media.checks import chunk_is
from shotbuild.units import Size

SIZE, RATE = Size(64, 36), Fraction(24)


@pytest.fixture(scope="module", params=["mp4 libx264", "mkv ffv1", "mov prores_ks"])
def chunk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    extension, codec = request.param.split()
    path = tmp_path_factory.mktemp("chunk") / f"chunk.{extension}"
    words = [get_ffmpeg_exe(), "-loglevel", "error", "-f", "lavfi", "-i", f"testsrc2=s={SIZE}:r=24", "-frames:v", "5"]
    subprocess.run([*words, "-c:v", codec, str(path)], check=True)
    return path


def test_a_chunk_that_is_as_it_was_asked_for(chunk: Path) -> None:
    chunk_is(chunk, frames=5, size=SIZE, rate=RATE)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"frames": 6}, "frames"),
        ({"size": Size(36, 64)}, "size"),
        ({"rate": Fraction(25)}, "frame rate"),
    ],
)
def test_a_chunk_that_is_not(chunk: Path, wrong: dict[str, object], said: str) -> None:
    asked: dict[str, object] = {"frames": 5, "size": SIZE, "rate": RATE} | wrong
    with pytest.raises(MediaError) as caught:
        chunk_is(chunk, **asked)  # type: ignore[arg-type]
    assert said in f"{caught.value.message} {caught.value.cause}"


def test_a_chunk_that_was_cut_off(chunk: Path, tmp_path: Path) -> None:
    half = tmp_path / chunk.name
    half.write_bytes(chunk.read_bytes()[: chunk.stat().st_size // 3])
    with pytest.raises(MediaError):
        chunk_is(half, frames=5, size=SIZE, rate=RATE)
