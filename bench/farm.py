"""What a step costs more on a Dask cluster than here: the same small film by one worker and by one thread, side by side.

The worker is on this machine, and the shared store a folder: what is measured is what it takes to hand a step over and to
bring word back, not a network.
"""

import json
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

import pytest
from PIL import Image

from bench.tools import found
from tests.farm.cluster import clustered

PROFILES = ("h264-web", "preview", "youtube-1080p", "x", "vimeo")


def table(plates: int, runs: int, folder: Path) -> None:
    """Prints seconds, and milliseconds a step. plates: shots of two frames, each encoded five times."""
    here: list[float] = []
    there: list[float] = []
    steps = 0
    try:
        with clustered(folder, 1) as cluster:
            for run in range(-1, runs):  # the first one warms the worker up, and is not counted
                for took, words in ((here, ("--jobs", "1")), (there, ("--on", cluster.address))):
                    root = _film(folder / f"film{run}-{len(words[1])}", plates)
                    began = time.perf_counter()
                    steps = _built(root, *words)
                    if run >= 0:
                        took.append(time.perf_counter() - began)
    except pytest.skip.Exception as missing:
        print(f"\nnot measured: {missing}")
        return
    alone, farmed = statistics.median(here), statistics.median(there)
    print(f"\n{steps} steps, one at a time")
    print(f"  here         {alone:7.2f} s   {alone / steps * 1000:6.1f} ms a step")
    print(f"  on a worker  {farmed:7.2f} s   {farmed / steps * 1000:6.1f} ms a step   ratio {farmed / alone:5.2f}")
    print(f"  overhead     {(farmed - alone) / steps * 1000:6.1f} ms a step")


def _built(root: Path, *words: str) -> int:
    argv = [found("shotbuild"), "build", "--json", *words]
    done = subprocess.run(argv, cwd=root, check=True, capture_output=True, text=True)
    ran: int = json.loads(done.stdout.splitlines()[-1])["ran"]
    return ran


def _film(root: Path, plates: int) -> Path:
    shutil.rmtree(root, ignore_errors=True)
    (root / "specs").mkdir(parents=True)
    (root / "assets").mkdir()
    names = [f"p{number:03}" for number in range(plates)]
    for number, name in enumerate(names):
        # New pictures each time: what a worker has made before it would find in the store.
        Image.new("RGB", (64, 36), (number % 256, *os.urandom(2))).save(root / f"assets/{name}.png")
    shots = "".join(f"  {name}: {{plate: assets/{name}.png, duration: 2f}}\n" for name in names)
    cut = "".join(f"      - {name}\n" for name in names)
    films = "".join(f"  d{number}: {{sequence: all, profile: {name}}}\n" for number, name in enumerate(PROFILES))
    (root / "shotbuild.yaml").write_text("shotbuild: 1\nproject: bench\nformat: {size: 64x36, rate: 24}\nstore: ../store\n")
    (root / "specs/film.yaml").write_text(f"shots:\n{shots}sequences:\n  all:\n    cut:\n{cut}deliverables:\n{films}")
    return root
