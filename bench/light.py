"""What is small: how commands start, what a trivial step costs, and how fast the animatic draws."""

import concurrent.futures
import os
import pickle
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

from bench import processes, tools
from bench.report import Report, tell
from bench.tools import JOBS, found
from shotbuild.providers.interface import Request
from shotbuild.records import Format, fields
from shotbuild.units import Size

COMMANDS = ("--version", "--help", "deliver", "lint", "status", "plan", "takes")
BARE = "python -c pass"


def starts(folder: Path, runs: int, report: Report) -> None:
    """What commands cost before they do anything, over a project of three shots."""
    tell("light commands")
    tool = tools.shotbuild(folder / "starts", 3)
    tool.run()
    commands = {BARE: [sys.executable, "-c", "pass"]}
    commands |= {f"shotbuild {words}": [tool.argv[0], *words.split()] for words in COMMANDS}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, words in commands.items():
            seconds[name].append(processes.run(words, tool.folder, tool.env).wall)
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    report.figures["--version", "light", 3] = middle["shotbuild --version"] / middle[BARE]
    rows = {
        name: {"ms": f"{1000 * value:.0f}", "times python": f"{value / middle[BARE]:.1f}"} for name, value in middle.items()
    }
    title = f"What a command costs before it does anything: three shots, nothing to do, medians of {runs}"
    report.table(title, ("ms", "times python"), rows)


# --- a trivial step --------------------------------------------------------------------------------------------------


def overhead(folder: Path, steps: int, runs: int, report: Report) -> None:
    """What shotbuild and doit add to each of many steps that run one program, which is also run without them (xargs)."""
    bare, seconds = folder / "bare", dict[str, list[float]]()
    makers: dict[str, Callable[[Path], list[str]]] = {"shotbuild": _generates}
    if found("doit"):
        makers["doit"] = lambda root: _does(root, steps)
    for number in range(runs):
        tell(f"{steps} trivial steps, {number + 1} of {runs}")
        bare.mkdir(exist_ok=True)
        env = _ready(bare)
        words = f"seq {steps} | {found('xargs')} -P {JOBS} -I@ {bare}/generate.sh {bare}/@.mp4 prompt"
        seconds.setdefault("xargs alone", []).append(processes.run([found("sh"), "-c", words], bare).wall)
        shutil.rmtree(bare)
        for name, maker in makers.items():
            root = folder / f"steps-{name}"
            tools.write_specs(root, steps)
            env = _ready(root)
            argv = maker(root)
            seconds.setdefault(name, []).append(processes.run(argv, root, env).wall)
            ran = (root / tools.STARTED / "all").stat().st_size
            if ran != steps:
                report.faults.append(f"{name}, {steps} trivial steps: {ran} ran")
            shutil.rmtree(root)
    alone = statistics.median(seconds["xargs alone"])
    rows = {}
    for name, values in seconds.items():
        added = (statistics.median(values) - alone) / steps
        report.figures["overhead", name, steps] = added
        rows[name] = {"all, s": f"{statistics.median(values):.2f}", "added to a step, ms": f"{1000 * added:.2f}"}
    title = f"{steps} steps of one trivial program, on {JOBS} workers, medians of {runs} interleaved runs"
    report.table(title, ("all, s", "added to a step, ms"), rows)
    report.say("\nEach step of shotbuild is a take: its clip is probed, hashed, stored and written into a ledger.")


def _ready(root: Path) -> dict[str, str]:
    (root / tools.STARTED).mkdir()
    return tools.programs_of(root)


def _generates(root: Path) -> list[str]:
    for spec in (root / "specs").iterdir():
        spec.write_text(spec.read_text().replace("    finish: [denoise: {}]\n", ""))
    (root / "shotbuild.yaml").write_text(tools.PROJECT)
    return [found("shotbuild"), "build", "--jobs", JOBS]


def _does(root: Path, steps: int) -> list[str]:
    (root / "gen").mkdir()
    (root / "dodo.py").write_text(f"""
DOIT_CONFIG = {{"verbosity": 0}}

def task_generate():
    for i in range({steps}):
        spec, out = f"specs/sh{{i:05d}}.yaml", f"gen/{{i}}.mp4"
        actions = [["{root}/generate.sh", out, f"prompt {{i}}"]]
        yield {{"name": str(i), "file_dep": [spec, "templates/wide.j2"], "targets": [out], "actions": actions}}
""")
    return [found("doit"), "-n", JOBS]


# --- the animatic ----------------------------------------------------------------------------------------------------

SIZE, RATE = Size(1280, 720), Fraction(24)
PROMPTS = (
    "Wide shot of a harbour in rain at dusk, slow push in.",
    "Close-up, the keeper's hand on a brass lever, lamplight.",
    "Aerial over a forest in snow, the camera moves left.",
    "Medium shot of two people on a street at night, handheld.",
)
DRAWN = """
import pickle, sys
from pathlib import Path
from shotbuild.providers.storyboard.film import Film
for _ in Film(pickle.loads(Path(sys.argv[1]).read_bytes())[0]).frames():
    pass
"""


def animatic(folder: Path, frames: int, runs: int, report: Report) -> None:
    """Frames per second of the animatic provider and of x264 over the very frames that it made. frames: of each of four
    takes."""
    folder.mkdir(parents=True)
    real = get_ffmpeg_exe()
    orders, clips = [], []
    for number, prompt in enumerate(PROMPTS):
        request = Request(
            project="bench", shot=f"sh{number}", title=f"Shot {number}", take=1, prompt=prompt, seed=number, frames=frames,
            format=Format(size=SIZE, rate=RATE, color="bt709", pixels="yuv420p"), references=(),
            settings=fields(overlay="full", sound="silent"), recipe="0" * 64, model="storyboard",
        )  # fmt: skip
        clips.append(folder / f"{number}.mp4")
        orders.append(folder / f"order-{number}")
        orders[-1].write_bytes(pickle.dumps((request, Path(real), clips[-1])))
    draw = [[sys.executable, "-m", "shotbuild.providers.storyboard", str(order)] for order in orders]
    count = len(PROMPTS) * frames
    raw = folder / "frames.yuv"
    encode = [
        real, "-nostdin", "-loglevel", "error", "-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", str(SIZE),
        "-framerate", str(RATE), "-i", str(raw), "-c:v", "libx264", "-preset", "medium", "-f", "null", "-",
    ]  # fmt: skip
    works: dict[str, Callable[[], float]] = {
        "animatic, drawn and written as mp4": lambda: _side_by_side(draw, folder),
        "animatic, drawn alone": lambda: _side_by_side(
            [[sys.executable, "-c", DRAWN, str(each)] for each in orders], folder
        ),
        "x264 medium": lambda: processes.run(encode, folder).cpu,
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    processors: dict[str, list[float]] = {name: [] for name in works}
    for number in range(runs):
        tell(f"animatic and x264, {number + 1} of {runs}")
        for name, work in works.items():
            if name == "x264 medium" and not raw.exists():
                _decode(real, clips, raw)
            began = time.monotonic()
            processors[name].append(work())
            seconds[name].append(time.monotonic() - began)
    speed = {name: count / statistics.median(values) for name, values in seconds.items()}
    report.figures["animatic", "light", count] = speed["animatic, drawn and written as mp4"] / speed["x264 medium"]
    rows = {}
    for name, value in speed.items():
        alone = count / statistics.median(processors[name])
        times = f"{value / speed['x264 medium']:.2f}"
        rows[name] = {"frames a second": f"{value:.0f}", "times x264": times, "frames a CPU second": f"{alone:.0f}"}
    title = (
        f"The animatic beside x264 over the same {count} frames, {SIZE}, raw, on {os.cpu_count()} cores, medians of {runs}: "
        "one drawing process a core, x264 with all its threads"
    )
    report.table(title, ("frames a second", "times x264", "frames a CPU second"), rows)
    shutil.rmtree(folder)


def _side_by_side(commands: list[list[str]], folder: Path) -> float:
    """CPU seconds of all."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return sum(pool.map(lambda words: processes.run(words, folder).cpu, commands))


def _decode(ffmpeg: str, clips: list[Path], raw: Path) -> None:
    with raw.open("wb") as stream:
        for clip in clips:
            words = [ffmpeg, "-nostdin", "-loglevel", "error", "-i", str(clip), "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]
            subprocess.run(words, check=True, stdout=stream)
