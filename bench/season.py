"""Nothing to do, and one change, at the size of a season: shotbuild beside other build tools on the same work, in one run.

The work: N shots, each with a spec file of its own and one template for all; generate → finish for each shot, one assembly
for 50 shots, one deliverable. All programs are trivial (`cp`, `cat`), so that the tools are what is measured: shotbuild has
a generator that copies a clip, and an ffmpeg that copies what the real one made the first time. It still probes, hashes and
records every result; the others trust the exit code.
"""

import os
import re
import shutil
import stat
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

EACH = 50
JOBS = "2"
STARTED = "started"
SPEC = """shots:
  sh{index:05d}:
    # the place is that of the script
    template: templates/wide.j2
    with:
      place: place {index}
      mood: {mood}
    title: Shot {index}
    tags: [season, ep{episode:03d}]
    finish:
      - denoise: {{}}
"""
TEMPLATE = "Wide shot of {{ place }} at dusk, {{ mood }}, slow push in.\n"
STEP = """#!/bin/sh
# What each step of the other tools runs: says that it began, and copies.
: > "{folder}/started/$$"
out="$1"; shift
cat "$@" > "$out"
"""
GENERATE = """#!/bin/sh
: > "{folder}/started/$$"
cp "{folder}/clip.mp4" "$1"
# A box that players pass over, so that each prompt gives other bytes.
printf '\\0\\0\\0\\110free%-64.64s' "$2" >> "$1"
"""
FFMPEG = """#!/bin/sh
for word; do
  case "$word" in file:*chunk.mp4|file:*video.mkv) last="${{word#file:}}";; esac
done
name="${{last##*/}}"
case "$name" in
?*)
  if [ -f "{folder}/kept-$name" ]; then
    : > "{folder}/started/$$"
    cp "{folder}/kept-$name" "$last"
    case "$name" in
    *.mp4) printf '\\0\\0\\0\\020free%08d' $$ >> "$last";;
    *.mkv) printf '\\354\\210%08d' $$ >> "$last";;
    esac
    exit 0
  fi
  "{real}" "$@" || exit $?
  cp "$last" "{folder}/kept-$name.$$" && mv "{folder}/kept-$name.$$" "{folder}/kept-$name"
  exit 0;;
esac
exec "{real}" "$@"
"""
PROFILED = """
import cProfile, pstats
from shotbuild.cli import app
profile = cProfile.Profile()
try:
    profile.runcall(app.run, ["deliver"])
except SystemExit:
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)
"""


@dataclass
class Tool:
    """A build tool over the work in a folder. argv: makes everything that is missing; ran: how many steps its last run ran;
    env: what it sees besides."""

    name: str
    folder: Path
    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)

    @property
    def specs(self) -> Path:
        return self.folder / "specs"

    def run(self) -> "Run":
        started = self.folder / STARTED
        shutil.rmtree(started, ignore_errors=True)
        started.mkdir()
        began = time.time_ns()
        done = subprocess.run(
            self.argv, check=False, cwd=self.folder, env={**os.environ, **self.env}, capture_output=True, text=True
        )
        ended = time.time_ns()
        if done.returncode:
            raise SystemExit(f"{self.name} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        marks = [path.stat().st_mtime_ns for path in started.iterdir()]
        # The kernel's clock of files goes in steps of 4 ms.
        first = max(0.004, (min(marks) - began) / 1e9) if marks else None
        return Run(wall=(ended - began) / 1e9, first=first, ran=len(marks))


@dataclass(frozen=True)
class Run:
    """wall: seconds; first: seconds until the first step began, None = none did; ran: programs that were started."""

    wall: float
    first: float | None
    ran: int


def write_specs(root: Path, shots: int) -> None:
    (root / "specs").mkdir(parents=True)
    (root / "templates").mkdir()
    (root / "templates/wide.j2").write_text(TEMPLATE)
    for index in range(shots):
        write_spec(root, index, "calm")


def write_spec(root: Path, index: int, mood: str) -> None:
    (root / f"specs/sh{index:05d}.yaml").write_text(SPEC.format(index=index, episode=index // EACH, mood=mood))


def _program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def _step(folder: Path) -> str:
    return str(_program(folder / "step.sh", STEP.format(folder=folder)))


def _episodes(shots: int) -> list[list[int]]:
    return [list(range(first, min(shots, first + EACH))) for first in range(0, shots, EACH)]


def shotbuild(folder: Path, shots: int) -> Tool:
    root = folder / "shotbuild"
    write_specs(root, shots)
    real = get_ffmpeg_exe()
    clip = root / "clip.mp4"
    source = "color=gray:s=64x64:r=24,setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
    subprocess.run(
        [real, "-loglevel", "error", "-f", "lavfi", "-i", source, "-frames:v", "2", "-pix_fmt", "yuv420p", str(clip)],
        check=True,
    )
    generate = _program(root / "generate.sh", GENERATE.format(folder=root))
    fake = _program(root / "ffmpeg.sh", FFMPEG.format(folder=root, real=real))
    (root / "shotbuild.yaml").write_text(
        "shotbuild: 1\nproject: season\nformat: {size: 64x64, rate: 24}\ndefaults: {duration: 2f}\n"
        'providers:\n  mine: {use: command, argv: "generate.sh {out} {prompt}", version: "1"}\n'
    )
    names = [f"ep{number:03d}" for number in range(len(_episodes(shots)))]
    cuts = "".join(
        f"  {name}:\n    cut: [{', '.join(f'sh{index:05d}' for index in part)}]\n"
        for name, part in zip(names, _episodes(shots), strict=True)
    )
    whole = "".join(f"      - {{sequence: {name}}}\n" for name in names)
    (root / "specs/cuts.yaml").write_text(
        f"sequences:\n{cuts}  season:\n    cut:\n{whole}deliverables:\n  web: {{sequence: season, profile: h264-web}}\n"
    )
    env = {"SHOTBUILD_COMMANDS": str(generate), "SHOTBUILD_FFMPEG": str(fake)}
    return Tool("shotbuild", root, [shutil.which("shotbuild") or "shotbuild", "deliver", "--jobs", JOBS], env)


def ninja(folder: Path, shots: int) -> Tool:
    root = folder / "ninja"
    write_specs(root, shots)
    lines = [f"rule step\n  command = {_step(root)} $out $in", "rule gen\n  command = " + _step(root) + " $out $in"]
    for index in range(shots):
        lines.append(f"build gen/{index}: gen specs/sh{index:05d}.yaml templates/wide.j2")
        lines.append(f"build fin/{index}: step gen/{index}")
    parts = _episodes(shots)
    lines += [f"build asm/{number}: step {' '.join(f'fin/{index}' for index in part)}" for number, part in enumerate(parts)]
    lines += [f"build film: step {' '.join(f'asm/{number}' for number in range(len(parts)))}", "default film", ""]
    (root / "build.ninja").write_text("\n".join(lines))
    return Tool("ninja", root, [_found("ninja"), "-j", JOBS])


def make(folder: Path, shots: int) -> Tool:
    root = folder / "make"
    write_specs(root, shots)
    for name in ("gen", "fin", "asm"):
        (root / name).mkdir()
    step = _step(root)
    parts = _episodes(shots)
    lines = ["film: " + " ".join(f"asm/{number}" for number in range(len(parts))), f"\t{step} $@ $^"]
    for index in range(shots):
        lines += [f"gen/{index}: specs/sh{index:05d}.yaml templates/wide.j2", f"\t{step} $@ $^"]
        lines += [f"fin/{index}: gen/{index}", f"\t{step} $@ $^"]
    for number, part in enumerate(parts):
        lines += [f"asm/{number}: {' '.join(f'fin/{index}' for index in part)}", f"\t{step} $@ $^"]
    (root / "Makefile").write_text("\n".join([*lines, ""]))
    return Tool("make", root, [_found("make"), "-s", "-j", JOBS])


def doit(folder: Path, shots: int) -> Tool:
    root = folder / "doit"
    write_specs(root, shots)
    for name in ("gen", "fin", "asm"):
        (root / name).mkdir()
    (root / "dodo.py").write_text(f"""
STEP, SHOTS, EACH = {_step(root)!r}, {shots}, {EACH}
DOIT_CONFIG = {{"verbosity": 0}}

def step(name, out, sources):
    return {{"name": name, "file_dep": sources, "targets": [out], "actions": [[STEP, out, *sources]]}}

def task_generate():
    for i in range(SHOTS):
        yield step(str(i), f"gen/{{i}}", [f"specs/sh{{i:05d}}.yaml", "templates/wide.j2"])

def task_finish():
    for i in range(SHOTS):
        yield step(str(i), f"fin/{{i}}", [f"gen/{{i}}"])

def task_assemble():
    for first in range(0, SHOTS, EACH):
        part = range(first, min(SHOTS, first + EACH))
        yield step(str(first), f"asm/{{first // EACH}}", [f"fin/{{i}}" for i in part])

def task_deliver():
    yield step("film", "film", [f"asm/{{n}}" for n in range((SHOTS + EACH - 1) // EACH)])
""")
    return Tool("doit", root, [sys.executable, "-m", "doit", "-n", JOBS])


def snakemake(folder: Path, shots: int) -> Tool:
    root = folder / "snakemake"
    write_specs(root, shots)
    (root / "Snakefile").write_text(f"""
SHOTS, EACH = {shots}, {EACH}
rule film:
    input: [f"asm/{{n}}" for n in range((SHOTS + EACH - 1) // EACH)]
    output: "film"
    shell: "{_step(root)} {{output}} {{input}}"
rule assemble:
    input: lambda w: [f"fin/{{i}}" for i in range(int(w.n) * EACH, min(SHOTS, int(w.n) * EACH + EACH))]
    output: "asm/{{n}}"
    shell: "{_step(root)} {{output}} {{input}}"
rule finish:
    input: "gen/{{i}}"
    output: "fin/{{i}}"
    shell: "{_step(root)} {{output}} {{input}}"
rule generate:
    input: lambda w: [f"specs/sh{{int(w.i):05d}}.yaml", "templates/wide.j2"]
    output: "gen/{{i}}"
    shell: "{_step(root)} {{output}} {{input}}"
""")
    return Tool("snakemake", root, [sys.executable, "-m", "snakemake", "--cores", JOBS, "--quiet", "all"])


def dvc(folder: Path, shots: int) -> Tool:
    root = folder / "dvc"
    write_specs(root, shots)
    for name in ("gen", "fin", "asm"):
        (root / name).mkdir()
    step = _step(root)
    stages = []
    for index in range(shots):
        spec = f"specs/sh{index:05d}.yaml"
        stages.append(f"  g{index}: {{cmd: {step} gen/{index} {spec} templates/wide.j2, "
                      f"deps: [{spec}, templates/wide.j2], outs: [gen/{index}]}}")  # fmt: skip
        stages.append(f"  f{index}: {{cmd: {step} fin/{index} gen/{index}, deps: [gen/{index}], outs: [fin/{index}]}}")
    parts = _episodes(shots)
    for number, part in enumerate(parts):
        read = [f"fin/{index}" for index in part]
        stages.append(f"  a{number}: {{cmd: {step} asm/{number} {' '.join(read)}, deps: [{', '.join(read)}], "
                      f"outs: [asm/{number}]}}")  # fmt: skip
    read = [f"asm/{number}" for number in range(len(parts))]
    stages.append(f"  film: {{cmd: {step} film {' '.join(read)}, deps: [{', '.join(read)}], outs: [film]}}")
    (root / "dvc.yaml").write_text("\n".join(["stages:", *stages, ""]))
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], cwd=root, check=True)
    return Tool("dvc", root, [sys.executable, "-m", "dvc", "repro", "--quiet"])


def _found(name: str) -> str:
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}") or ""


MAKERS: Mapping[str, tuple[Callable[[Path, int], Tool], Callable[[], object], int]] = {
    "shotbuild": (shotbuild, lambda: True, 10**9),
    "ninja": (ninja, lambda: _found("ninja"), 10**9),
    "make": (make, lambda: _found("make"), 10**9),
    "doit": (doit, lambda: find_spec("doit"), 10**9),
    "snakemake": (snakemake, lambda: find_spec("snakemake"), 1000),
    "dvc": (dvc, lambda: find_spec("dvc"), 200),
}
"""Name → its work, whether it is installed, and the most shots at which it is still run: beyond, it takes hours."""


# --- what is asked of each -------------------------------------------------------------------------------------------


def change(tool: Tool, mood: str) -> None:
    write_spec(tool.folder, 7, mood)


def touch(tool: Tool) -> None:
    os.utime(tool.specs / "sh00007.yaml")


def comment(tool: Tool) -> None:
    path = tool.specs / "sh00007.yaml"
    path.write_text(re.sub(r"# .*", f"# said at {time.time_ns()}", path.read_text(), count=1))


def template(tool: Tool, words: str) -> None:
    (tool.folder / "templates/wide.j2").write_text(TEMPLATE.replace("at dusk", words))


def peak(tool: Tool) -> int:
    """Peak memory of a run in MB, without its children."""
    code = "import os, resource, subprocess, sys\np = subprocess.Popen(sys.argv[1:], stdout=-3, stderr=-3)\n"
    code += "print(os.wait4(p.pid, 0)[2].ru_maxrss // 1024)"
    words = [sys.executable, "-c", code, *tool.argv]
    return int(_said(words, tool))


def measure(folder: Path, shots: int, runs: int, say: Callable[[str], None]) -> None:
    tools = [make_(folder, shots) for make_, there, most in MAKERS.values() if there() and shots <= most]
    rows: dict[str, dict[str, str]] = {tool.name: {} for tool in tools}
    for tool in tools:
        cold = tool.run()
        rows[tool.name]["cold, a step"] = f"{1000 * cold.wall / max(1, cold.ran):.2f} ms"
    for tool in tools:
        tool.run()  # whoever looks twice before it is sure has looked
    found: dict[tuple[str, str], list[float]] = {}
    for number in range(runs):
        for tool in tools:
            idle = tool.run()
            change(tool, f"mood {number}")
            edit = tool.run()
            tool.run()
            found.setdefault((tool.name, "nothing"), []).append(idle.wall)
            found.setdefault((tool.name, "first step"), []).append(edit.first or 0.0)
            found.setdefault((tool.name, "one change"), []).append(edit.wall)
            rows[tool.name]["steps for one change"] = str(edit.ran)
    for tool in tools:
        row = rows[tool.name]
        change(tool, "mood before")
        tool.run()
        for name, act in (
            ("touch", lambda tool=tool: touch(tool)),
            ("revert", lambda tool=tool: change(tool, f"mood {runs - 1}")),
            ("comment", lambda tool=tool: comment(tool)),
        ):
            act()
            row[name] = str(tool.run().ran)
        if shots <= 1000:
            template(tool, "at noon")
            row["template"] = str(tool.run().ran)
            template(tool, "at dusk")
            row["and back"] = str(tool.run().ran)
        change(tool, "mood of the last")
        row["peak MB"] = str(peak(tool))
    first = {what: statistics.median(found["shotbuild", what]) for what in ("nothing", "first step", "one change")}
    for (name, what), seconds in found.items():
        middle = statistics.median(seconds)
        rows[name][what] = f"{1000 * middle:.0f} ms ({first[what] / middle:.2f})" if middle else "-"
    heads = ["nothing", "first step", "one change", "steps for one change", "touch", "revert", "comment", "template",
             "and back", "cold, a step", "peak MB"]  # fmt: skip
    say(f"\n{shots} shots, {JOBS} jobs, medians of {runs}; in brackets: shotbuild's time as a part of that tool's\n")
    say("| | " + " | ".join(heads) + " |")
    say("|---|" + "---|" * len(heads))
    for name, row in rows.items():
        say(f"| {name} | " + " | ".join(row.get(head, "-") for head in heads) + " |")


# --- how the cost grows ----------------------------------------------------------------------------------------------


def growth(folder: Path, sizes: tuple[int, ...], say: Callable[[str], None]) -> None:
    """A cold plan, with nothing kept, beside what PyYAML's C loader alone takes for the same files."""
    say("\nCold plan: CPU seconds, beside those of PyYAML's C loader over the same files, and peak memory\n")
    say("| shots | loader | plan | plan / loader | ms a shot | peak MB |")
    say("|---|---|---|---|---|---|")
    for shots in sizes:
        tool = shotbuild(folder / f"growth-{shots}", shots)
        code = "import sys, yaml\nfor path in sys.argv[2:] or __import__('pathlib').Path(sys.argv[1]).glob('*.yaml'):\n"
        code += "    yaml.load(path.read_bytes(), yaml.CSafeLoader)"
        loader = _cpu([sys.executable, "-c", code, str(tool.specs)], tool)
        plan = [tool.argv[0], "plan", "--project", str(tool.folder)]
        spent = _cpu(plan, tool)
        memory = peak(Tool("plan", tool.folder, plan, tool.env))
        say(f"| {shots} | {loader:.2f} | {spent:.2f} | {spent / loader:.2f} | {1000 * spent / shots:.2f} | {memory} |")
        shutil.rmtree(tool.folder)


def _cpu(words: list[str], tool: Tool) -> float:
    before = os.times()
    subprocess.run(words, cwd=tool.folder, env={**os.environ, **tool.env}, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def profile(folder: Path, shots: int) -> None:
    """Where the time of a delivery after one edit goes, by function."""
    tool = shotbuild(folder, shots)
    tool.run()
    change(tool, "another mood")
    print(_said([sys.executable, "-c", PROFILED], tool))


def _said(words: list[str], tool: Tool) -> str:
    env = {**os.environ, **tool.env}
    return subprocess.run(words, check=True, cwd=tool.folder, env=env, capture_output=True, text=True).stdout


def starts(folder: Path, runs: int, say: Callable[[str], None]) -> None:
    """What commands cost before they do anything, over a project of three shots."""
    tool = shotbuild(folder / "starts", 3)
    tool.run()
    script = tool.argv[0]
    rows = {"python -c pass": [sys.executable, "-c", "pass"]}
    rows |= {f"shotbuild {words}": [script, *words.split()] for words in
             ("--version", "--help", "deliver", "lint", "status", "plan", "takes")}  # fmt: skip
    found: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(runs):
        for name, words in rows.items():
            began = time.monotonic()
            _said(words, tool)
            found[name].append(time.monotonic() - began)
    bare = statistics.median(found["python -c pass"])
    say("\nWhat a command costs before it does anything: three shots, nothing to do\n")
    say("| | ms | times python |\n|---|---|---|")
    for name, seconds in found.items():
        say(f"| {name} | {1000 * statistics.median(seconds):.0f} | {statistics.median(seconds) / bare:.1f} |")
