"""Runs one stage as the engine does, on odd sources made by the wheel's ffmpeg."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import av
import numpy as np
import pytest

from shotbuild.host.tools import find_ffmpeg
from shotbuild.records import Fields, Value, fields
from shotbuild.stages.interface import Stage, Work

Run = Callable[..., Path]
Make = Callable[..., Path]
NUMBERED = "nullsrc=s=64x36:r={rate},geq=lum=16+4*N:cb=128:cr=128,trim=end_frame={frames}"
TAGGED = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"


@pytest.fixture(scope="session")
def numbered(make: Make) -> Callable[..., Path]:
    """A source whose frame n has luma 16 + 4 n, without loss."""

    def made(frames: int = 48, rate: str = "24", filters: str = "null", suffix: str = "mkv") -> Path:
        name = f"numbered-{frames}-{rate.replace('/', '_')}-{abs(hash(filters))}.{suffix}"
        graph = f"{NUMBERED.format(rate=rate, frames=frames)},{filters},format=yuv420p,{TAGGED}"
        return make(name, "-f", "lavfi", "-i", graph, "-c:v", "ffv1", "-fps_mode", "passthrough")

    return made


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """run(stage, inputs, outputs, **parameters): runs it in a fresh folder, checks it, gives the folder."""

    def ran(stage: Stage, inputs: Mapping[str, Path], outputs: tuple[str, ...], **parameters: Value) -> Path:
        work = work_of(tmp_path_factory.mktemp(stage.name), inputs, outputs, fields(**parameters))
        stage.run(work)
        stage.check(work)
        return work.into

    return ran


def work_of(into: Path, inputs: Mapping[str, Path], outputs: tuple[str, ...], parameters: Fields) -> Work:
    return Work(
        action="0" * 64,
        parameters=parameters,
        pins=(),
        inputs=inputs,
        outputs=outputs,
        into=into,
        ffmpeg=find_ffmpeg(None),
        cancel=threading.Event(),
    )


@pytest.fixture(scope="session")
def planes() -> Callable[[Path], list[list[np.ndarray]]]:
    """Every frame of a file as its planes."""

    def read(path: Path) -> list[list[np.ndarray]]:
        with av.open(str(path)) as source:
            return [_planes(frame) for frame in source.decode(source.streams.video[0])]

    return read


@pytest.fixture(scope="session")
def lumas(planes) -> Callable[[Path], list[float]]:
    """The middle luma of every frame."""

    def read(path: Path) -> list[float]:
        return [float(frame[0][frame[0].shape[0] // 2, frame[0].shape[1] // 2]) for frame in planes(path)]

    return read


@pytest.fixture(scope="session")
def pcm() -> Callable[[Path], np.ndarray]:
    """Sound as samples by channels, full scale = 1."""

    def read(path: Path) -> np.ndarray:
        resampler = av.AudioResampler(format="flt")
        with av.open(str(path)) as source:
            rows = [out.to_ndarray() for frame in source.decode(audio=0) for out in resampler.resample(frame)]
            channels = source.streams.audio[0].channels
        return np.concatenate(rows, axis=1).reshape(-1, channels)

    return read


def _planes(frame: av.VideoFrame) -> list[np.ndarray]:
    kind = np.dtype("<u2") if frame.format.components[0].bits > 8 else np.dtype("u1")
    return [
        np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)[:, : plane.width].copy()
        for plane in frame.planes
    ]
