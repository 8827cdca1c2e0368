"""Runs one stage as the engine does, on odd sources made by the wheel's ffmpeg."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from shotbuild.host.tools import find_ffmpeg
from shotbuild.records import Fields, Value, fields
from shotbuild.stages.encode import Encode
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


def seen(shot: str = "shot0", start: int = 0, *, held: bool = False) -> Fields:
    """Frames of a shot, as a picture stands in a recipe."""
    return fields(kind="run", shot=shot, start=start, held=held)


def plain(colour: str = "#000000") -> Fields:
    return fields(kind="slug", colour=colour)


def blended(a: Fields, b: Fields, of: int, at: int = 0, form: str = "") -> Fields:
    return fields(kind="blend", a=a, b=b, at=at, of=of, form=form)


def laid_over(base: Fields, top: Fields, of: int, **more: Value) -> Fields:
    place: dict[str, Value] = {"left": "1/2", "upper": "1/2", "width": "1/2", "opacity": "1", "at": 0, "fade_in": 0}
    return Fields(
        tuple(sorted((place | {"fade_out": 0, "kind": "over", "base": base, "top": top, "of": of} | more).items()))
    )


def shot_of(name: str, length: int, *, own: str = "24", **more: Value) -> Fields:
    """A row of `shots`: a clip as it is read, with no effects."""
    said: dict[str, Value] = {"input": name, "effects": (), "fit": "pad", "pixels": "yuv420p", "ready": False}
    return Fields(tuple(sorted((said | {"length": length, "own": own} | more).items())))


LOSSLESS = fields(codec="ffv1", extension="mkv", pixels="yuv420p")


@pytest.fixture(scope="session")
def segment() -> Callable[..., Fields]:
    """segment(picture, frames, shots): all parameters of a segment for one profile. shots: by name, or the length of one."""

    def made(
        picture: Fields, frames: int, shots: Mapping[str, Fields] | int, video: Fields = LOSSLESS, **more: Value
    ) -> Fields:
        rows = {"shot0": shot_of("shot0", shots, own=str(more.get("rate", "24")))} if isinstance(shots, int) else shots
        said: dict[str, Value] = {
            "burn_in": None, "frames": frames, "letters": (), "out_size": "64x36", "picture": picture, "pixels": "yuv420p",
            "rate": "24", "reframe": "pad", "shots": Fields(tuple(sorted(rows.items()))), "size": "64x36", "video": video,
        }  # fmt: skip
        return Fields(tuple(sorted((said | more).items())))

    return made


@pytest.fixture
def encode(tmp_path_factory: pytest.TempPathFactory, segment: Callable[..., Fields]) -> Run:
    """encode(inputs, picture, frames, shots, video, …): the chunk of one segment, checked. inputs: one file, or by name."""

    def made(
        inputs: Path | Mapping[str, Path],
        picture: Fields,
        frames: int,
        shots: Mapping[str, Fields] | int,
        *rest: Fields,
        **more: Value,
    ) -> Path:
        parameters = segment(picture, frames, shots, *rest, **more)
        (work,) = together(tmp_path_factory, inputs, [parameters])
        return work.into / work.outputs[0]

    return made


def together(
    tmp_path_factory: pytest.TempPathFactory, inputs: Path | Mapping[str, Path], several: Sequence[Fields]
) -> list[Work]:
    """The works of one batch, run in one go and checked."""
    files = {"shot0": inputs} if isinstance(inputs, Path) else inputs
    works = []
    for parameters in several:
        video = parameters.get("video")
        assert isinstance(video, Fields)
        output = f"chunk.{video.text('extension')}"
        works.append(work_of(tmp_path_factory.mktemp("encode"), files, (output,), parameters))
    stage = Encode()
    stage.run_all(works)
    for work in works:
        stage.check(work)
    return works


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
