"""Provider `diffusers` with torch: tiny pipelines of every family, made, loaded, run and broken for real.

Skipped where the extra `diffusers` is not installed.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import av
import pytest
from PIL import Image

from shotbuild.errors import Cancelled, ProcessError, ProviderRefused
from shotbuild.host.files import locked
from shotbuild.host.tools import find_ffmpeg
from shotbuild.host.workers import Row, Workers
from shotbuild.providers.diffusers import Diffusers
from shotbuild.providers.diffusion.families import FAMILIES
from shotbuild.providers.diffusion.folder import VARIABLE, packages
from shotbuild.providers.interface import Local, Receipt, Request, Workplace
from shotbuild.records import Fields, Format, fields
from shotbuild.spec.fields import Required
from shotbuild.testing.providers import LocalContract
from shotbuild.units import parse_size
from tests.e2e.conftest import shotbuild
from tests.fakes import write_project
from tests.servers.service import environment as variables
from tests.testing.pages import ROOT

try:
    packages()
except ProviderRefused:
    # Importing torch to find out would take every run of the suite seconds.
    pytest.skip("the extra `diffusers` is not installed", allow_module_level=True)

pytestmark = pytest.mark.slow
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"
UNREACHABLE = {"HF_ENDPOINT": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}


def built(folder: Path) -> Path:
    """The tiny pipelines, in a folder of their own."""
    argv = [sys.executable, "-m", "tests.providers.tiny", str(folder)]
    folder.mkdir()
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return folder


@pytest.fixture(scope="session")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built once, whichever process of the test run comes first."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with locked(base / "pipelines.lock"):
        return base / "pipelines" if (base / "pipelines").exists() else built(base / "new").rename(base / "pipelines")


@pytest.fixture
def models(pipelines: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy that may be broken, named by the environment; nothing can be reached from there."""
    copy = Path(shutil.copytree(pipelines, tmp_path / "models"))
    with variables(**{VARIABLE: str(copy), **UNREACHABLE}):
        yield copy


def settings(model: str, **said: Any) -> Fields:
    known = Diffusers().models[model].fields
    usual = {name: each.default for name, each in known.items() if not isinstance(each.default, Required)}
    small = {"max_sequence_length": 16} if "max_sequence_length" in known else {}
    return fields(**{**usual, **small, "pipeline": model, "dtype": "float32", "steps": 2, "device": "cpu", **said})


def request(model: str, folder: Path, **said: Any) -> Request:
    """said: of `Request`, else settings."""
    asked = {name: said.pop(name) for name in list(said) if name in Request.__dataclass_fields__}
    usual: dict[str, Any] = {
        "project": "film",
        "shot": "sh010",
        "title": "sh010",
        "take": 1,
        "prompt": "a red boat at dawn.",
        "seed": 7,
        "frames": 9,
        "format": Format(size=parse_size("64x64"), rate=Fraction(24), color="bt709", pixels="yuv420p"),
        "references": (("first_frame", first_frame(folder)),) if FAMILIES[model].starts else (),
        "settings": settings(model, **said),
        "recipe": "ab" * 32,
        "model": model,
    }
    return Request(**{**usual, **asked})


def first_frame(folder: Path, color: tuple[int, int, int] = (200, 40, 10)) -> Path:
    path = folder / f"first-{color[0]}.png"
    Image.new("RGB", (100, 80), color).save(path)
    return path


class Heard(Workers):
    """Programs whose rows are kept. on: called with each row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.on: Callable[[Row], None] = lambda row: None

    def ask(self, *said: Any, hear: Callable[[Row], None] = lambda row: None, **more: Any) -> Row:
        def both(row: Row) -> None:
            self.rows.append(row)
            self.on(row)
            hear(row)

        return super().ask(*said, hear=both, **more)

    @property
    def loads(self) -> int:
        return sum("loaded" in row for row in self.rows)


@pytest.fixture
def workers() -> Iterator[Heard]:
    with Heard() as workers:
        yield workers


class Asked(Workers):
    """Keeps what was asked, and asks nobody."""

    asked: tuple[tuple[Any, ...], dict[str, Any]]

    def ask(self, *said: Any, **more: Any) -> Row:
        self.asked = (said, more)
        return {"error": {"kind": "refused", "message": "kept"}}


class Studio:
    """Makes takes, each in a folder of its own."""

    def __init__(self, folder: Path, workers: Workers | None) -> None:
        self.folder, self.workers, self.count = folder, workers, 0
        self.cancel, self.told = threading.Event(), list[int]()
        self.receipt: Receipt | None = None

    def frames(self, model: str, **said: Any) -> str:
        """The sha256 of a take's decoded frames."""
        self.count += 1
        own = self.folder / f"own-{self.count}"
        own.mkdir(parents=True)
        place = Workplace(
            ffmpeg=find_ffmpeg(None), folder=own, cancel=self.cancel, workers=self.workers, progress=self.told.append
        )
        into = self.folder / f"take-{own.name}.mkv"
        self.receipt = Diffusers().make(request(model, self.folder, **said), place, into)
        assert not list(own.iterdir()), "it left something behind"
        return decoded(into)


@pytest.fixture
def studio(models: Path, tmp_path: Path, workers: Heard) -> Studio:
    return Studio(tmp_path / "takes", workers)


def decoded(path: Path) -> str:
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            digest.update(frame.to_ndarray(format="rgb24").tobytes())
    return digest.hexdigest()


def flip(path: Path) -> None:
    """Another weight, and nothing of the file's length changes."""
    content = bytearray(path.read_bytes())
    content[-2] ^= 0x40
    path.write_bytes(content)


def alive(marks: Sequence[str] = ("diffusion.worker",)) -> set[int]:
    """Processes of ours that hold pipelines."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line, parent = (entry / "cmdline").read_bytes().decode(errors="replace"), (entry / "stat").read_text()
        except OSError:
            continue
        if all(mark in line for mark in marks) and int(parent.rpartition(")")[2].split()[1]) == os.getpid():
            found.add(int(entry.name))
    return found


# --- the fixtures -------------------------------------------------------------------------------------------------------


def test_tiny_pipelines_come_out_the_same_each_time(pipelines: Path, tmp_path: Path) -> None:
    def digests(folder: Path) -> dict[str, str]:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}

    assert digests(built(tmp_path / "again")) == digests(pipelines)
    assert {path.name for path in pipelines.iterdir() if path.is_dir()} == set(FAMILIES)


# --- each family --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", FAMILIES)
def test_a_family_repeats_itself_and_listens_to_seed_prompt_and_guidance(studio: Studio, model: str) -> None:
    """Of one loaded pipeline: what a take leaves behind must not reach the next one."""
    first = studio.frames(model)
    others = [
        studio.frames(model, seed=8),
        studio.frames(model, prompt="blue fog over the sea at night, a bird, dawn."),
        studio.frames(model, guidance="2"),
        studio.frames(model, steps=3),
    ]
    assert studio.frames(model) == first
    assert len({first, *others}) == 5
    assert isinstance(studio.workers, Heard)
    assert studio.workers.loads == 1
    assert studio.told[:2] == [47, 95]
    assert studio.receipt is not None
    machine = studio.receipt.answered.inner("machine")
    assert (machine.get("device"), machine.get("threads"), machine.get("attention")) == ("cpu", "1", "native")
    assert {"cpu", "torch", "torch_commit", "python", "system"} <= {name for name, _ in machine}


def test_a_first_frame_and_a_negative_prompt_are_seen(studio: Studio) -> None:
    first = studio.frames("wan-i2v")
    other = first_frame(studio.folder, (10, 40, 200))
    assert studio.frames("wan-i2v", references=(("first_frame", other),)) != first
    assert studio.frames("wan-i2v", negative_prompt="red fog") != first
    hunyuan = studio.frames("hunyuan-video", true_guidance="6")
    assert studio.frames("hunyuan-video", true_guidance="6", negative_prompt="red fog night sea") != hunyuan


def test_a_prompt_of_any_kind_makes_a_take(studio: Studio) -> None:
    for prompt in ("", "{} {0} {prompt}", "灯台 🎬 ünïcode \x00 \n", "boat " * 2000):
        studio.frames("wan", prompt=prompt)
    studio.frames("hunyuan-video", prompt="{} {0} {prompt} %s")


# --- a real build -------------------------------------------------------------------------------------------------------

PROJECT = """\
shotbuild: 1
project: film
format: {size: 64x64, rate: 24}
defaults: {duration: 9f, provider: wan}
providers:
"""


def film(root: Path, names: Sequence[str]) -> Path:
    """A project with a shot for each of some models."""
    usual = "pipeline: {name}, dtype: float32, steps: 2, device: cpu"
    uses = "".join(f"  {name}: {{use: diffusers, model: {name}, {usual.format(name=name)}}}\n" for name in names)
    first = ", references: {first_frame: assets/first.png}"
    shots = "".join(
        f"  {name}: {{provider: {name}, prompt: a red boat at dawn, take: 1{first if FAMILIES[name].starts else ''}}}\n"
        for name in names
    ).replace(", take: 1", "")
    write_project(root, {"shotbuild.yaml": PROJECT + uses, "specs/a.yaml": f"shots:\n{shots}"})
    (root / "assets").mkdir(exist_ok=True)
    Image.new("RGB", (64, 64), (200, 40, 10)).save(root / "assets/first.png")
    return root


def takes(root: Path) -> dict[str, str]:
    """Shot → the sha256 of the frames of its latest take."""
    found = {}
    for ledger in sorted((root / "takes").glob("*.jsonl")):
        rows = [json.loads(line) for line in ledger.read_text().splitlines()]
        videos = [
            row["video"]["sha256"] if isinstance(row["video"], dict) else row["video"] for row in rows if "video" in row
        ]
        (path,) = [each for each in (root / ".shotbuild").rglob(f"{videos[-1]}*") if each.is_file()]
        found[ledger.stem] = decoded(path)
    return found


def test_a_build_of_all_families_gives_the_same_frames_on_a_clean_store(models: Path, tmp_path: Path) -> None:
    names = list(FAMILIES)
    ran = [shotbuild(film(tmp_path / name, names), "build", "--json") for name in ("one", "two")]
    assert [each.code for each in ran] == [0, 0], [each.out[-2000:] + each.err for each in ran]
    one, two = takes(tmp_path / "one"), takes(tmp_path / "two")
    assert one == two
    assert len(set(one.values())) == len(names) == 6
    lock = (tmp_path / "one/shotbuild.lock").read_text()
    assert lock == (tmp_path / "two/shotbuild.lock").read_text()
    assert json.loads(lock)["generators"]["wan/wan:wan"]["pinned"]["packages"]["torch"]
    assert shotbuild(tmp_path / "one", "build", "--json").summary["ran"] == 0


def test_a_pinned_pipeline_comes_out_again_as_it_was(models: Path, tmp_path: Path) -> None:
    root = film(tmp_path / "film", ["wan"])
    assert shotbuild(root, "build").code == 0
    ran = shotbuild(root, "verify", "wan", "-n", "2", "--by", "Ann <ann@studio.example>", "--json")
    assert ran.code == 0, ran.err
    (found,) = [event for event in ran.events if event["event"] == "verified"]
    assert (found["rolls"], found["same_bytes"], found["same_frames"], found["elsewhere"]) == (2, 2, 2, False)
    ledger = (root / "takes/wan.jsonl").read_text().splitlines()
    machine = json.loads(ledger[-1])["machine"]
    assert machine["take"] == machine["rolls"]
    assert machine["take"]["device"]


def test_a_flipped_weight_is_refused_until_it_is_taken_on(models: Path, tmp_path: Path) -> None:
    root = film(tmp_path / "film", ["wan"])
    assert shotbuild(root, "build").code == 0
    before = takes(root)
    flip(models / "wan" / WEIGHTS)
    assert shotbuild(root, "build").code == 0, "what is made needs no pipeline"
    for path in (root / "takes", root / ".shotbuild"):
        shutil.rmtree(path)
    refused = shotbuild(root, "build")
    assert refused.code == 3, refused.out + refused.err
    assert f"files.{WEIGHTS}" in refused.out + refused.err
    assert shotbuild(root, "lock", "--update").code == 0
    assert shotbuild(root, "build").code == 0
    assert takes(root)["wan"] != before["wan"]


# --- weights that are not what they say ---------------------------------------------------------------------------------


def edited(path: Path, **said: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **said}))


def test_a_configuration_with_more_layers_than_the_weights_is_refused(studio: Studio, models: Path) -> None:
    edited(models / "wan/transformer/config.json", num_layers=3)
    with pytest.raises(ProviderRefused, match="weights of the transformer") as caught:
        studio.frames("wan")
    assert "missing: blocks.2." in str(caught.value.cause)


def test_a_configuration_with_fewer_layers_than_the_weights_is_refused(studio: Studio, models: Path) -> None:
    edited(models / "wan/text_encoder/config.json", num_layers=1)
    with pytest.raises(ProviderRefused, match="weights of the text_encoder") as caught:
        studio.frames("wan")
    assert "unexpected: encoder.block.1." in str(caught.value.cause)


def test_weights_of_another_shape_are_refused(studio: Studio, models: Path) -> None:
    edited(models / "wan/transformer/config.json", ffn_dim=48)
    with pytest.raises(ProviderRefused):
        studio.frames("wan")


def test_a_folder_that_lacks_a_file_is_refused_in_words(studio: Studio, models: Path, workers: Heard) -> None:
    (models / "wan/scheduler/scheduler_config.json").rename(models / "wan/scheduler/notes.json")
    with pytest.raises(ProviderRefused, match="diffusers could not do it") as caught:
        studio.frames("wan")
    assert "OSError" in str(caught.value.cause)
    assert "Traceback" not in str(caught.value.cause)
    assert workers.loads == 0


def test_what_is_not_pinned_is_refused_before_it_is_loaded(studio: Studio, models: Path, workers: Heard) -> None:
    studio.frames("wan")
    assert studio.receipt is not None
    assert studio.receipt.pin is not None
    version = studio.receipt.pin.version
    studio.frames("wan", version=version)
    workers.rows.clear()
    flip(models / "wan" / WEIGHTS)
    with pytest.raises(ProviderRefused, match="not the one that is pinned"):
        studio.frames("wan", version=version)
    assert workers.rows == []


# --- settings -----------------------------------------------------------------------------------------------------------


def test_loras_are_added_by_their_strength_and_ones_of_other_models_are_refused(studio: Studio) -> None:
    plain = studio.frames("wan")
    full, half = studio.frames("wan", lora="style.safetensors"), studio.frames("wan", lora="style.safetensors@0.5")
    assert len({plain, full, half}) == 3
    with pytest.raises(ProviderRefused, match=r"other\.safetensors is no LoRA of this model"):
        studio.frames("wan", lora="other.safetensors")


def test_numbers_attention_and_tiles_are_what_was_asked_for(studio: Studio) -> None:
    float32 = studio.frames("ltx")
    assert studio.frames("ltx", dtype="bfloat16") != float32
    studio.frames("ltx", attention="native-math", threads=2, tiling=True)
    assert studio.receipt is not None
    machine = studio.receipt.answered.inner("machine")
    assert (machine.get("attention"), machine.get("threads")) == ("native-math", "2")
    with pytest.raises(ProviderRefused):
        studio.frames("ltx", attention="flash")


def test_a_gpu_that_is_not_there_is_told(studio: Studio) -> None:
    if gpu():
        pytest.skip("there is one")
    with pytest.raises(ProviderRefused, match="no GPU"):
        studio.frames("wan", device="cuda")


# --- the program --------------------------------------------------------------------------------------------------------


def test_takes_at_once_share_one_program(studio: Studio, workers: Heard) -> None:
    def one(seed: int) -> str:
        return Studio(studio.folder / str(seed), workers).frames("wan", seed=seed)

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(one, (7, 8))
    assert first != second
    assert workers.loads == 1
    assert len(alive()) == 1
    assert studio.frames("wan") == first


def test_a_take_that_is_stopped_leaves_no_program(studio: Studio, workers: Heard) -> None:
    workers.on = lambda row: studio.cancel.set() if row.get("step") == 3 else None
    with pytest.raises(Cancelled):
        studio.frames("wan", steps=1000)
    assert alive() == set()
    assert len(workers.rows) < 500


def test_a_program_that_is_killed_is_told_and_started_anew(studio: Studio, workers: Heard) -> None:
    def kill(row: Row) -> None:
        if row.get("step") == 3:
            (program,) = alive()
            os.kill(program, signal.SIGKILL)

    workers.on = kill
    with pytest.raises(ProcessError, match="signal 9"):
        studio.frames("wan", steps=1000)
    workers.on = lambda row: None
    studio.frames("wan")
    assert workers.loads == 2


def test_a_program_whose_build_was_killed_ends_by_itself(models: Path, tmp_path: Path) -> None:
    kept = Asked()
    with pytest.raises(ProviderRefused, match="kept"):
        Studio(tmp_path / "kept", kept).frames("wan", steps=1000)
    (_, argv, question), more = kept.asked
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=more["cwd"], env=more["environ"], stdin=pipe, stdout=pipe, stderr=pipe) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write(json.dumps({**question, "call": {**question["call"], "into": "/dev/null"}}).encode() + b"\n")
        program.stdin.flush()
        while "step" not in json.loads(program.stdout.readline()):
            pass
        program.stdin.close()
        program.stdout.close()
        assert program.wait(timeout=10) == 0


def test_without_a_place_for_programs_it_keeps_none(models: Path, tmp_path: Path) -> None:
    Studio(tmp_path / "alone", None).frames("wan")
    assert alive() == set()


class TestDiffusers(LocalContract):
    model: ClassVar[str] = "wan"
    size: ClassVar[str] = "64x48"
    seconds: ClassVar[Fraction | int] = Fraction(9, 24)
    settings: ClassVar[Mapping[str, str | int | bool]] = {
        "pipeline": "wan",
        "dtype": "float32",
        "steps": 2,
        "device": "cpu",
        "max_sequence_length": 16,
    }

    def provider(self) -> Local:
        return Diffusers()

    def endless(self, folder: Path) -> Request:
        endless = self.settled(self.tried, {**self.settings, "steps": 1000})
        return self.request(folder, settings=endless)

    @pytest.fixture(autouse=True)
    def _models(self, models: Path) -> None:
        """All tests find them."""


# --- on a GPU -----------------------------------------------------------------------------------------------------------


def gpu() -> bool:
    """Asked in a process of its own: this one shall not load torch."""
    code = "import torch; raise SystemExit(not torch.cuda.is_available())"
    return (
        shutil.which("nvidia-smi") is not None and subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    )


@pytest.mark.parametrize("model", FAMILIES)
def test_a_gpu_repeats_itself_in_another_process(models: Path, tmp_path: Path, model: str) -> None:
    if not gpu():
        pytest.skip("there is no GPU")
    for dtype in ("float32", "bfloat16"):
        one, two = (Studio(tmp_path / f"{name}-{dtype}", None) for name in ("one", "two"))
        assert one.frames(model, device="cuda", dtype=dtype) == two.frames(model, device="auto", dtype=dtype)
        assert one.receipt is not None
        machine = dict(one.receipt.answered.inner("machine"))
        assert machine["device"] == "cuda"
        assert {"gpu", "compute", "cuda", "cudnn", "driver"} <= machine.keys()
