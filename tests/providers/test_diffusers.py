"""Provider `diffusers` without torch: limits that are told beforehand, folders that are refused, pins, frames kept exactly.

What needs torch is in `test_diffusers_pipelines`.
"""

import hashlib
import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from shotbuild.digest import of_file, version_of
from shotbuild.errors import Location, ProviderRefused, ProviderUnavailable
from shotbuild.host import process
from shotbuild.host.tools import find_ffmpeg
from shotbuild.providers.diffusers import Diffusers, encode_argv, environment
from shotbuild.providers.diffusion.families import FAMILIES, fits, nearest_lengths
from shotbuild.providers.diffusion.folder import (
    HINT,
    NEEDED,
    VARIABLE,
    Chosen,
    chosen,
    facts,
    limits,
    packages,
    root_of,
)
from shotbuild.providers.diffusion.settings import Loras, inside, loras_of
from shotbuild.providers.diffusion.worker import Program
from shotbuild.providers.interface import Request, Site, Wish, Workplace
from shotbuild.records import Fields, Format, fields
from shotbuild.spec.fields import Required
from shotbuild.spec.kinds import Reader
from shotbuild.spec.nodes import Listing, Scalar
from shotbuild.spec.report import Report
from shotbuild.spec.tree import Tree
from shotbuild.units import parse_size
from tests.servers.service import environment as variables

CODE = fields(torch="2.13.0+cpu", diffusers="0.42.1")
PLACE = Location(file="shotbuild.yaml", line=3, column=7)
INDEX = {
    "_class_name": "WanPipeline",
    "boundary_ratio": None,
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "tokenizer": ["transformers", "T5TokenizerFast"],
    "transformer": ["diffusers", "WanTransformer3DModel"],
    "transformer_2": [None, None],
    "vae": ["diffusers", "AutoencoderKLWan"],
}


def look(size: str = "64x64", rate: str = "24") -> Format:
    return Format(size=parse_size(size), rate=Fraction(rate), color="bt709", pixels="yuv420p")


def settings(model: str, **said: Any) -> Fields:
    known = Diffusers().models[model].fields
    usual = {name: each.default for name, each in known.items() if not isinstance(each.default, Required)}
    return fields(**{**usual, "pipeline": "wan", **said})


def wish(model: str, frames: int, size: str = "64x64", rate: str = "24", **said: Any) -> Wish:
    seconds = Fraction(frames) / Fraction(rate)
    return Wish(prompt="", seconds=seconds, format=look(size, rate), references=(), settings=settings(model, **said))


def weights(numbers: bytes = b"\x01\x02\x03\x04") -> bytes:
    head = json.dumps({"a": {"dtype": "U8", "shape": [len(numbers)], "data_offsets": [0, len(numbers)]}}).encode()
    return len(head).to_bytes(8, "little") + head + numbers


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of models with one that looks like Wan."""
    folder = tmp_path / "models" / "wan"
    for name in (
        "scheduler/scheduler_config.json",
        "tokenizer/tokenizer.json",
        "transformer/config.json",
        "vae/config.json",
    ):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("{}")
    for name in ("transformer", "vae"):
        (folder / name / "diffusion_pytorch_model.safetensors").write_bytes(weights())
    (folder / "model_index.json").write_text(json.dumps(INDEX))
    (folder.parent / "style.safetensors").write_bytes(weights(b"\x07"))
    return folder.parent.resolve()


def found(root: Path, lora: str = "", model: str = "wan", pipeline: str = "wan") -> Chosen:
    return chosen(root, model, pipeline, lora)


def pin(root: Path, lora: str = "") -> str:
    return version_of(facts(found(root, lora), of_file, CODE))


def refused(root: Path, **said: str) -> ProviderRefused:
    with pytest.raises(ProviderRefused) as caught:
        found(root, **said)
    assert caught.value.message
    return caught.value


# --- what is told beforehand --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "frames", "near"),
    [
        ("wan", 10, "`duration: 9f` or `duration: 13f`"),
        ("wan-i2v", 80, "`duration: 77f` or `duration: 81f`"),
        ("ltx", 10, "`duration: 9f` or `duration: 17f`"),
        ("cogvideox", 48, "`duration: 45f` or `duration: 49f`"),
        ("hunyuan-video", 2, "`duration: 1f` or `duration: 5f`"),
        ("animatediff", 33, "`duration: 32f`"),
    ],
)
def test_a_number_of_frames_that_a_family_does_not_make_is_told_with_the_nearest(model: str, frames: int, near: str) -> None:
    (told,) = Diffusers().objections(model, wish(model, frames, rate="24000/1001"))
    assert told.key == "duration"
    assert f"{frames} frames" in told.message
    assert near in told.remedy


def test_the_nearest_lengths_are_ones_that_are_made() -> None:
    for family in FAMILIES.values():
        for frames in range(1, 200):
            near = nearest_lengths(family, frames)
            assert all(fits(family, each) for each in near), (family.name, frames, near)
            assert fits(family, frames) == (frames in near), (family.name, frames, near)


@pytest.mark.parametrize(
    ("model", "size", "near"),
    [
        ("wan", "854x480", "`848x480` or `864x480`"),
        ("ltx", "80x64", "`64x64` or `96x64`"),
        ("cogvideox", "720x488", "`720x480` or `720x496`"),
        ("animatediff", "514x512", "`512x512` or `520x512`"),
        ("hunyuan-video", "1280x724", "`1280x720` or `1280x736`"),
    ],
)
def test_a_size_that_a_family_does_not_make_is_told_with_the_nearest(model: str, size: str, near: str) -> None:
    (told,) = Diffusers().objections(model, wish(model, 17, size))
    assert (told.key, near in told.remedy) == ("format", True), told


def test_a_negative_prompt_that_nobody_hears_is_told() -> None:
    for model, said in (("wan", {"guidance": "1"}), ("hunyuan-video", {})):
        (told,) = Diffusers().objections(model, wish(model, 9, negative_prompt="blur", **said))
        assert told.key == "negative_prompt"
    assert not list(Diffusers().objections("wan", wish("wan", 9, negative_prompt="blur")))
    assert not list(
        Diffusers().objections("hunyuan-video", wish("hunyuan-video", 9, negative_prompt="x", true_guidance="6"))
    )


def test_limits_of_the_weights_themselves_are_told_by_lint(root: Path) -> None:
    (root / "wan/vae/config.json").write_text('{"scale_factor_spatial": 16}')
    (root / "wan/transformer/config.json").write_text('{"patch_size": [1, 2, 2]}')
    site = Site(root=root, digest=of_file)
    (told,) = Diffusers().inspect("wan", wish("wan", 9, "80x64"), None, site)
    assert (told.key, told.cause) == ("format", "width and height are multiples of 32")
    assert not list(Diffusers().inspect("wan", wish("wan", 9, "64x64"), None, site))
    (root / "wan/vae/config.json").write_text('{"scale_factor_spatial": "x", "scale_factor_temporal": -1}')
    assert limits(found(root)) == FAMILIES["wan"]


def test_lint_tells_of_a_folder_that_would_be_refused_and_asks_nobody_where_there_is_none(root: Path) -> None:
    site = Site(root=root, digest=of_file)
    (root / "wan/vae/old.bin").write_bytes(b"")
    (told,) = Diffusers().inspect("wan", wish("wan", 9), None, site)
    assert (told.key, "vae/old.bin" in told.message) == ("pipeline", True)
    with pytest.raises(ProviderUnavailable):
        list(Diffusers().inspect("wan", wish("wan", 9, pipeline="elsewhere"), None, site))


# --- paths --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["", "/etc", "../wan", "models/../../x", "a//b", "./wan", "~/wan", "hf://Wan-AI/Wan", "C:/wan", "a\\b", ".cache/x"],
)
def test_a_path_that_leads_elsewhere_is_no_path_of_a_model(root: Path, path: str) -> None:
    with pytest.raises(ValueError, match="below the folder of models"):
        inside(path)
    assert "no path of a model" in refused(root, pipeline=path).message


def test_a_name_of_a_hub_is_not_looked_up(root: Path) -> None:
    error = refused(root, pipeline="Wan-AI/Wan2.1-T2V-1.3B-Diffusers")
    assert "not looked up at a hub" in str(error.cause)
    assert "hf download Wan-AI/Wan2.1-T2V-1.3B-Diffusers" in str(error.hint)


def test_loras_are_read_with_their_strengths_and_once_each() -> None:
    assert loras_of("a.safetensors@0.80, b/c.safetensors") == (("a.safetensors", "0.8"), ("b/c.safetensors", "1"))
    for wrong in ("a.bin", "a.safetensors@x", "a.safetensors, a.safetensors@0.5", "../a.safetensors", "/a.safetensors"):
        with pytest.raises(ValueError, match="LoRA files"):
            loras_of(wrong)
    report = Report()
    listed = Listing((Scalar("a.safetensors@1.0", True, PLACE), Scalar("b.safetensors@-0.5", True, PLACE)), PLACE)
    assert Loras().read(listed, Reader(report, Tree(Path.cwd()))) == "a.safetensors, b.safetensors@-0.5"
    assert Loras().read(Scalar("a.ckpt", True, PLACE), Reader(report, Tree(Path.cwd()))) is None
    assert report.found


def test_the_folder_of_models_is_named_by_the_environment_or_is_the_project(tmp_path: Path) -> None:
    assert root_of(tmp_path, {}) == tmp_path.resolve()
    (tmp_path / "m").mkdir()
    assert root_of(Path("/"), {VARIABLE: str(tmp_path / "m")}) == (tmp_path / "m").resolve()
    for wrong in ("models", str(tmp_path / "none")):
        with pytest.raises(ProviderRefused, match="folder of models"):
            root_of(tmp_path, {VARIABLE: wrong})


# --- what is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vae/diffusion_pytorch_model.bin", "old.ckpt", "x/model.PT", "tokenizer/merges.pkl"])
def test_weights_that_may_run_code_are_refused(root: Path, name: str) -> None:
    (root / "wan" / name).parent.mkdir(exist_ok=True)
    (root / "wan" / name).write_bytes(b"\x80\x04.")
    assert name in refused(root).message


@pytest.mark.parametrize("name", ["pipeline.py", "transformer/modeling.py", "vae/x.so"])
def test_code_that_comes_with_weights_is_refused(root: Path, name: str) -> None:
    (root / "wan" / name).write_text("import os")
    assert name in refused(root).message


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"vae": ["os", "system"]}, "code from elsewhere"),
        ({"vae": ["my_module", "AutoencoderKLWan"]}, "code from elsewhere"),
        ({"_class_name": ["pipeline", "Mine"]}, "no pipeline of wan"),
        ({"_class_name": "LTXPipeline"}, "no pipeline of wan"),
        ({"../x": ["diffusers", "AutoencoderKLWan"]}, "cannot be read"),
        ({"vae": [1, None]}, "cannot be read"),
        ({"text_encoder": ["transformers", "UMT5EncoderModel"]}, "no files for its text_encoder"),
    ],
)
def test_an_index_that_names_something_else_is_refused(root: Path, said: Mapping[str, Any], message: str) -> None:
    (root / "wan/model_index.json").write_text(json.dumps({**INDEX, **said}))
    assert message in refused(root).message


def test_the_model_of_another_family_is_named(root: Path) -> None:
    assert refused(root, model="wan-i2v").hint == "write `model: wan`"


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_an_index_that_is_none_is_refused(root: Path, content: bytes) -> None:
    (root / "wan/model_index.json").write_bytes(content)
    assert "cannot be read" in refused(root).message


def test_a_folder_without_an_index_or_without_weights_is_refused(root: Path) -> None:
    (root / "wan/vae/diffusion_pytorch_model.safetensors").unlink()
    assert refused(root).message == "'wan' has no weights for its vae"
    (root / "wan/tokenizer/tokenizer.json").rename(root / "wan/tokenizer/tokenizer_config.json")
    assert refused(root).message == "'wan' has no words for its tokenizer"
    (root / "wan/model_index.json").unlink()
    assert "no folder of a pipeline" in refused(root).message


def test_a_shard_that_is_missing_is_refused(root: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (root / "wan/vae/model.safetensors.index.json").write_text(json.dumps(index))
    (root / "wan/vae/model-00001-of-00002.safetensors").write_bytes(weights())
    assert "model-00002-of-00002.safetensors" in str(refused(root).cause)


@pytest.mark.parametrize(
    "content",
    [weights()[:-1], weights() + b"\0", b"", b"\xff" * 40, (9).to_bytes(8, "little") + b'{"a": [1]', b"<html>" * 9],
)
def test_a_file_that_is_cut_off_is_refused(root: Path, content: bytes) -> None:
    (root / "wan/vae/diffusion_pytorch_model.safetensors").write_bytes(content)
    assert "damaged or cut off" in refused(root).message
    (root / "wan/vae/diffusion_pytorch_model.safetensors").write_bytes(weights())
    (root / "style.safetensors").write_bytes(content)
    assert "damaged or cut off" in refused(root, lora="style.safetensors").message


def test_links_that_lead_out_in_circles_or_to_nothing_are_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    link = root / "wan/extra.json"
    link.symlink_to(tmp_path / "secret.json")
    assert "lies elsewhere" in refused(root).message
    link.unlink()
    link.symlink_to(root / "wan/none")
    assert "link to nothing" in refused(root).message
    link.unlink()
    link.symlink_to(root / "wan")
    assert "link to a folder" in refused(root).message
    link.unlink()
    link.symlink_to(root / "wan/vae/config.json")
    assert "extra.json" in found(root).files
    (root / "away").symlink_to(tmp_path)
    assert "lies elsewhere" in refused(root, pipeline="away").message
    (root / "style.safetensors").unlink()
    (root / "style.safetensors").symlink_to(tmp_path / "secret.json")
    assert "lies elsewhere" in refused(root, lora="style.safetensors").message


def test_what_is_no_file_is_refused(root: Path) -> None:
    os.mkfifo(root / "wan/pipe.json")
    assert "no file" in refused(root).message


# --- the pin ------------------------------------------------------------------------------------------------------------


def test_the_pin_is_of_every_file_and_of_nothing_that_begins_with_a_dot(root: Path) -> None:
    pinned = facts(found(root, "style.safetensors@0.5"), of_file, CODE).pinned
    assert pinned.get("packages") == CODE
    assert pinned.inner("loras") == Fields((("style.safetensors", of_file(root / "style.safetensors").sha256),))
    files = dict(pinned.inner("files"))
    assert sorted(files) == sorted(
        str(path.relative_to(root / "wan")) for path in (root / "wan").rglob("*") if path.is_file()
    )
    assert files["vae/config.json"] == hashlib.sha256(b"{}").hexdigest()
    before = pin(root)
    (root / "wan/.cache").mkdir()
    (root / "wan/.cache/download.lock").write_text("x")
    assert pin(root) == before
    assert pin(root, "style.safetensors@0.5") == pin(root, "style.safetensors") != before


def test_a_changed_an_extra_and_a_renamed_file_change_the_pin(root: Path) -> None:
    seen = {pin(root)}
    path = root / "wan/vae/diffusion_pytorch_model.safetensors"
    path.write_bytes(weights(b"\x01\x02\x03\x05"))
    seen.add(pin(root))
    (root / "wan/notes.txt").write_text("x")
    seen.add(pin(root))
    (root / "wan/notes.txt").rename(root / "wan/notes2.txt")
    seen.add(pin(root))
    assert len(seen) == 4


def test_hundreds_of_files_are_pinned_each_hashed_once(root: Path) -> None:
    for index in range(300):
        (root / f"wan/vae/part{index}.json").write_text(str(index))
    hashed: list[Path] = []
    told = facts(found(root), lambda path: hashed.append(path) or of_file(path), CODE)
    assert len(told.pinned.inner("files").items) == len(hashed) == len(set(hashed)) == 307


def test_packages_that_are_missing_are_told_with_how_to_get_them() -> None:
    def none(name: str) -> str:
        raise PackageNotFoundError(name)

    with pytest.raises(ProviderRefused) as caught:
        packages(none)
    assert (caught.value.hint, "torch, diffusers" in str(caught.value.cause)) == (HINT, True)
    there = {**dict.fromkeys(NEEDED, "1"), "torch": "2.13.0+cpu"}

    def some(name: str) -> str:
        return there[name] if name in there else none(name)

    assert packages(some).get("torch") == "2.13.0+cpu"
    assert packages(some).get("xformers") is None


def test_what_is_the_same_folder_shares_an_entry_in_the_lock() -> None:
    one = settings("wan", lora="b.safetensors@0.5, a.safetensors")
    other = settings("wan", lora="a.safetensors@0.7, b.safetensors", steps=3)
    assert Diffusers().subject("wan", one) == Diffusers().subject("wan", other) == "wan + a.safetensors + b.safetensors"


# --- the program that holds it ------------------------------------------------------------------------------------------


class Fake:
    """What a pipeline in memory does, without one. during: called while it loads or makes."""

    def __init__(self) -> None:
        self.loads = self.takes = 0
        self.loading = self.making = lambda: None

    def load(self, found: Chosen, said: Mapping[str, Any]) -> "Fake":
        self.loads += 1
        self.loading()
        return self

    def make(self, call: Mapping[str, Any], tell: Any) -> None:
        self.takes += 1
        self.making()
        tell(1, 1)

    def machine(self) -> Mapping[str, str]:
        return {"device": "none"}


def question(root: Path, version: str = "") -> dict[str, Any]:
    place = {"root": str(root), "model": "wan", "pipeline": "wan", "lora": ""}
    return {**place, "version": version, "load": {}, "call": {}}


def flip(path: Path) -> None:
    """Changes the last byte of a file, and nothing of its length."""
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def program(fake: Fake) -> Program:
    return Program(fake.load, lambda: CODE)


def test_a_pipeline_is_loaded_once_for_many_takes(root: Path, program: Program, fake: Fake) -> None:
    rows: list[Mapping[str, Any]] = []
    for _ in range(3):
        row = program.answer(question(root, pin(root)), rows.append)
    assert row == {"answer": {"machine": {"device": "none"}, "version": pin(root)}}
    assert (fake.loads, fake.takes) == (1, 3)
    assert [next(iter(row)) for row in rows] == ["checked", "loaded", "step", "step", "step"]


def test_what_is_not_pinned_is_not_loaded(root: Path, program: Program, fake: Fake) -> None:
    was = pin(root)
    flip(root / "wan/vae/diffusion_pytorch_model.safetensors")
    with pytest.raises(ProviderRefused, match="not the one that is pinned") as caught:
        program.answer(question(root, was), lambda _: None)
    assert "lock --update" in str(caught.value.hint)
    (root / "wan/extra.json").write_text("{}")
    with pytest.raises(ProviderRefused, match="not the one that is pinned"):
        program.answer(question(root, was), lambda _: None)
    assert fake.loads == 0


def test_a_byte_that_changes_between_the_check_and_the_load_makes_nothing(root: Path, program: Program, fake: Fake) -> None:
    fake.loading = lambda: flip(root / "wan/vae/diffusion_pytorch_model.safetensors")
    with pytest.raises(ProviderRefused, match="changed while it was loaded"):
        program.answer(question(root, pin(root)), lambda _: None)
    assert fake.takes == 0


def test_times_that_are_put_back_hide_no_change(root: Path, program: Program, fake: Fake) -> None:
    path = root / "wan/vae/diffusion_pytorch_model.safetensors"

    def hidden() -> None:
        before = path.stat()
        flip(path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    fake.loading = hidden
    with pytest.raises(ProviderRefused, match="changed while it was loaded"):
        program.answer(question(root, pin(root)), lambda _: None)


def test_what_a_coarse_clock_hides_is_found_by_hashing_again(root: Path, fake: Fake) -> None:
    """A file that was just written may change once more with the same stat."""
    now = time.time_ns()
    program = Program(fake.load, lambda: CODE, lambda path: [path.stat().st_size, now, now, 1])
    fake.loading = lambda: flip(root / "wan/vae/diffusion_pytorch_model.safetensors")
    with pytest.raises(ProviderRefused, match="changed while it was loaded"):
        program.answer(question(root, pin(root)), lambda _: None)
    assert fake.takes == 0


def test_a_pipeline_that_changes_while_it_is_used_gives_no_take(root: Path, program: Program, fake: Fake) -> None:
    fake.making = lambda: flip(root / "wan/vae/diffusion_pytorch_model.safetensors")
    with pytest.raises(ProviderRefused, match="changed while it made a take"):
        program.answer(question(root), lambda _: None)


def test_what_changed_between_two_takes_is_checked_and_loaded_again(root: Path, program: Program, fake: Fake) -> None:
    first, was = program.answer(question(root), lambda _: None), pin(root)
    flip(root / "wan/vae/diffusion_pytorch_model.safetensors")
    assert program.answer(question(root), lambda _: None)["answer"]["version"] == pin(root) != first["answer"]["version"]
    assert fake.loads == 2
    flip(root / "wan/vae/diffusion_pytorch_model.safetensors")
    flip(root / "wan/transformer/diffusion_pytorch_model.safetensors")
    with pytest.raises(ProviderRefused, match="not the one that is pinned"):
        program.answer(question(root, was), lambda _: None)
    assert (fake.loads, fake.takes) == (2, 2)


def test_the_program_sees_nothing_of_the_environment_that_reaches_out_or_changes_bits() -> None:
    ours = {
        "PATH": "/bin", "HOME": "/home/me", "HTTPS_PROXY": "http://x", "HF_TOKEN": "secret", "HF_ENDPOINT": "http://x",
        "OMP_NUM_THREADS": "64", "ATEN_CPU_CAPABILITY": "default", "HF_HUB_OFFLINE": "0",
    }  # fmt: skip
    seen = environment(ours, 3, "native-math")
    assert (seen["HF_HUB_OFFLINE"], seen["TRANSFORMERS_OFFLINE"]) == ("1", "1")
    assert {seen["OMP_NUM_THREADS"], seen["MKL_NUM_THREADS"]} == {"3"}
    assert (seen["CUBLAS_WORKSPACE_CONFIG"], seen["DIFFUSERS_ATTN_BACKEND"]) == (":4096:8", "_native_math")
    assert (seen["PATH"], seen["HOME"]) == ("/bin", "/home/me")
    assert not {"HTTPS_PROXY", "HF_TOKEN", "HF_ENDPOINT", "ATEN_CPU_CAPABILITY"} & seen.keys()


# --- a take -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", ["24", "30000/1001", "8"])
def test_a_take_holds_the_very_frames_that_were_made(tmp_path: Path, rate: str) -> None:
    made = np.random.default_rng(3).integers(0, 256, (9, 48, 80, 3), dtype=np.uint8)
    (tmp_path / "raw").write_bytes(made.tobytes())
    argv = encode_argv(find_ffmpeg(None), look("80x48", rate), tmp_path / "raw", tmp_path / "take.mkv")
    process.run(argv, cwd=tmp_path)
    with av.open(str(tmp_path / "take.mkv")) as container:
        video = container.streams.video[0]
        read = [frame.to_ndarray(format="rgb24") for frame in container.decode(video)]
        assert video.average_rate == Fraction(rate)
    assert np.array_equal(np.stack(read), made)
    again = [*argv[:-1], f"file:{tmp_path / 'again.mkv'}"]
    process.run(again, cwd=tmp_path)
    assert (tmp_path / "again.mkv").read_bytes() == (tmp_path / "take.mkv").read_bytes()


def test_a_take_that_cannot_be_is_refused_before_a_program_is_started(root: Path, tmp_path: Path) -> None:
    place = Workplace(ffmpeg=Path("/nowhere"), folder=tmp_path, cancel=threading.Event(), root=root)
    usual = Request(
        project="film", shot="sh010", title="", take=1, prompt="", seed=7, frames=9, format=look(), references=(),
        settings=settings("wan"), recipe="ab" * 32, model="wan",
    )  # fmt: skip
    with variables(**{VARIABLE: str(root)}):
        for said, message in (
            ({"frames": 10}, "does not make 10 frames"),
            ({"format": look("72x64")}, "does not make pictures of 72x64"),
            ({"settings": settings("wan", pipeline="Wan-AI/Wan2.1")}, "there is no folder"),
            ({"settings": settings("wan", lora="none.safetensors")}, "there is no LoRA"),
            ({"model": "wan-i2v", "settings": settings("wan-i2v")}, "needs a `first_frame`"),
        ):
            with pytest.raises(ProviderRefused, match=message):
                Diffusers().make(replace(usual, **said), place, tmp_path / "take.mkv")
