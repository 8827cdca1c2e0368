"""A real generator behind a real server: a tiny Wan of diffusers in cog. It needs torch and diffusers beside the tests."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from shotbuild.digest import of_file
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media.probe import probe
from shotbuild.providers.cog import MODELS, Cog
from shotbuild.providers.containers.server import ADDRESS
from shotbuild.providers.interface import Request, Workplace
from shotbuild.records import Format, fields
from shotbuild.units import parse_rate, parse_size
from tests.servers.cog import IMAGE, NEW, document, installed, running, show_schema, state_at, until
from tests.servers.service import environment
from tests.testing.pages import ROOT

PREDICTOR = ROOT / "tests/servers/predict_wan.py"
WHOLE = ("seed", "width", "height", "num_frames", "fps", "num_inference_steps")
SCHEMA = document({"prompt": {"type": "string"}, **{name: {"type": "integer", "default": 0} for name in WHOLE}})
NEEDED = ("torch", "diffusers", "transformers", "tests.providers.tiny")
MADE = "import sys, torch; from tests.providers.tiny import wan; torch.manual_seed(0); wan().save_pretrained(sys.argv[1])"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(find_spec(name) is None for name in NEEDED),
        reason="`pip install torch`, then `pip install diffusers transformers accelerate ftfy`, in this environment",
    ),
]


@pytest.fixture(scope="module")
def wan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("wan")
    known = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", MADE, str(folder / "weights")], env=known, check=True, capture_output=True)
    python = installed(folder / "venv", f"cog=={NEW}", beside=True)
    place = folder / "container"
    show_schema(place, SCHEMA)
    more = {"WEIGHTS": str(folder / "weights"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with running(python, place, predictor=PREDICTOR, **more) as url:
        until(lambda: state_at(url) == "READY", 120)
        yield url


def made(url: str, wanted: Request, folder: Path) -> Path:
    folder.mkdir()
    (folder / "own").mkdir()
    place = Workplace(ffmpeg=find_ffmpeg(None), folder=folder / "own", cancel=threading.Event())
    with environment(**{ADDRESS: url}):
        Cog().make(wanted, place, folder / "take.mp4")
    return folder / "take.mp4"


def test_weights_make_a_take_and_the_same_seed_makes_it_again(wan: str, tmp_path: Path) -> None:
    usual = {name: each.default for name, each in MODELS["mp4"].fields.items()}
    wanted = Request(
        project="film",
        shot="sh010",
        title="sh010",
        take=1,
        prompt="a red boat at dawn",
        seed=7,
        frames=9,
        format=Format(size=parse_size("64x64"), rate=parse_rate("24"), color="bt709", pixels="yuv420p"),
        references=(),
        settings=fields(**{**usual, "image": IMAGE, "deadline": 120, "input": '{"num_inference_steps": 2}'}),
        recipe="ab" * 32,
        model="mp4",
    )
    first = made(wan, wanted, tmp_path / "first")
    again = made(wan, wanted, tmp_path / "again")
    other = made(wan, replace(wanted, seed=8), tmp_path / "other")
    assert probe(first).video.frames == 9
    assert of_file(first) == of_file(again)
    assert of_file(first) != of_file(other)
