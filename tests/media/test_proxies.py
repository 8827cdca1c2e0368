"""Proxies: sizes and grids, and what is doubtful in a picture."""

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from shotbuild.host import process
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media import proxies
from shotbuild.media.probe import probe
from shotbuild.stages.reading import source


def film(path: Path, pictures: list[np.ndarray], rate: Fraction = Fraction(24)) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "5", "preset": "ultrafast"}
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def shade(value: int, width: int = 128, height: int = 72) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def noise(seed: int, width: int = 128, height: int = 72) -> np.ndarray:
    """A picture with something in it: coarse blocks, the same ones for a seed."""
    blocks = np.random.default_rng(seed).integers(40, 220, (height // 8, width // 8, 3), dtype=np.uint8)
    return blocks.repeat(8, axis=0).repeat(8, axis=1)


def made(path: Path) -> tuple[Path, tuple[str, ...]]:
    """Runs it; gives the folder and what was found."""
    folder = path.parent / f"{path.stem}-made"
    folder.mkdir()
    read = source(path)
    argv = proxies.proxy(find_ffmpeg(None), read, probe(path).sound, "p.mp4", "s.jpg", "seen")
    process.run(argv, cwd=folder)
    length, rate = proxies.length_of(read.picture), proxies.rate_of(read.picture)
    return folder, proxies.findings((folder / "seen").read_text(), length, rate)


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (3, 3, 1), (12, 5, 3), (20, 5, 4), (100_000, 5, 4)])
def test_a_sheet_shows_frames_that_are_spread_evenly(count: int, columns: int, rows: int) -> None:
    found = proxies.grid(count)
    assert (found.columns, found.rows) == (columns, rows)
    assert list(found.frames) == sorted(set(found.frames))
    assert 0 <= found.frames[0] <= found.frames[-1] < count
    gaps = {b - a for a, b in zip(found.frames, found.frames[1:], strict=False)}
    assert max(gaps, default=0) - min(gaps, default=0) <= 1


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (1920, 1080, "960x540"),
        (1080, 1920, "540x960"),
        (320, 180, "320x180"),
        (1998, 1080, "960x518"),
        (1000, 1000, "540x540"),
    ],
)
def test_a_proxy_fits_and_is_never_larger(tmp_path: Path, width: int, height: int, size: str) -> None:
    path = film(tmp_path / "a.mp4", [shade(80, width, height)] * 2)
    assert str(proxies.size_of(source(path).picture)) == size


def test_every_frame_is_there_once_and_keys_are_close(tmp_path: Path) -> None:
    rate = Fraction(24000, 1001)
    path = film(tmp_path / "a.mp4", [shade(20 + 4 * number) for number in range(50)], rate)
    folder, _ = made(path)
    with av.open(str(folder / "p.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.has_b_frames, stream.average_rate) == ("h264", False, rate)
        frames = list(container.decode(stream))
        times = [frame.pts * stream.time_base for frame in frames if frame.pts is not None and stream.time_base is not None]
        shades = [int(frame.to_ndarray(format="gray").mean()) for frame in frames]
        keys = [index for index, frame in enumerate(frames) if frame.key_frame]
    assert times == [number / rate for number in range(50)]
    assert shades == sorted(set(shades))
    assert keys == [0, 12, 24, 36, 48]


def test_what_is_black_stands_still_or_is_cut_is_found(tmp_path: Path) -> None:
    def drift(seed: int, count: int) -> list[np.ndarray]:
        return [np.roll(noise(seed), number, axis=1) for number in range(count)]

    pictures = drift(1, 20) + [shade(0)] * 4 + drift(2, 20) + drift(3, 16) + [np.roll(noise(3), 15, axis=1)] * 24
    _, found = made(film(tmp_path / "a.mp4", pictures))
    assert found[0] == "black: frames 20 to 23"
    still = next(each for each in found if each.startswith("stands still"))
    first, last = map(int, re.findall("[0-9]+", still))
    assert abs(first - 60) <= 1
    assert last == len(pictures) - 1
    assert [each for each in found if "cut" in each] == ["a cut inside the shot: frame 44"]


def test_a_film_that_moves_is_not_doubted(tmp_path: Path) -> None:
    _, found = made(film(tmp_path / "a.mp4", [np.roll(noise(5), number, axis=1) for number in range(40)]))
    assert found == ()


def test_one_picture_all_along_is_said_in_two_words(tmp_path: Path) -> None:
    _, found = made(film(tmp_path / "a.mp4", [noise(5)] * 40))
    assert found == ("nothing moves",)
