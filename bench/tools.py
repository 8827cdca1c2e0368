"""The work of a season, in the form that each build tool wants it in.

N shots, each with a spec file of its own and one template for all; generate → finish for each shot, one assembly for 50
shots, one deliverable. All programs are trivial (`cp`, `cat`), so that the tools are what is measured: shotbuild has a
generator that copies a clip, and an ffmpeg that copies what the real one made the first time. It still probes, hashes and
records every result, encodes each shot besides (three programs a shot) and joins and measures by itself; the others have two
programs a shot and trust the exit code.
"""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

from bench import processes

EACH = 50
JOBS = "2"
STARTED = "started"
OUTPUTS = ("gen", "fin", "asm")
SPEC = """# Shot {index} of episode {episode}; the text is that of the script.
shots:
  sh{index:05d}:
    title: Shot {index}, the boat comes in
    template: templates/wide.j2
    with:
      place: place {place}
      mood: {mood}
      light: low sun from the left
      weather: haze over the water
      move: slow push in
    # Two frames are enough: nobody looks at them.
    duration: 2f
    seed: {seed}
    takes: 1
    priority: 0
    fit: pad
    provider: mine
    tags: [season, ep{episode:03d}, exterior]
    finish: [denoise: {{}}]
"""
PROJECT = (
    "shotbuild: 1\nproject: season\nformat: {size: 64x64, rate: 24}\n"
    'providers:\n  mine: {use: command, argv: "generate.sh {out} {prompt}", version: "1"}\n'
)
TEMPLATE = "{{ place }} at dusk, {{ mood }}, {{ light }}, {{ weather }}, {{ move }}.\n"
# In each program: the first to begin makes a file whose time says when, and each adds a byte to another.
BEGAN = '[ -e "{folder}/started/first" ] || : > "{folder}/started/first"; echo >> "{folder}/started/all"'
STEP = f"""#!/bin/sh
{BEGAN}
out="$1"; shift
cat "$@" > "$out"
"""
BOX = 200
GENERATE = f"""#!/bin/sh
{BEGAN}
cp "{{folder}}/clip.mp4" "$1"
# A box that players pass over, so that each prompt gives other bytes.
# 0310 is BOX.
printf '\\0\\0\\0\\310free%-192.192s' "$2" >> "$1"
"""
FFMPEG = f"""#!/bin/sh
for word; do
  case "$before" in -i) : "${{{{input:=${{{{word#file:}}}}}}}}";; esac
  case "$word" in file:*chunk.mp4|file:*video.mkv) last="${{{{word#file:}}}}";; esac
  before="$word"
done
name="${{{{last##*/}}}}"
case "$name" in
?*)
  {BEGAN}
  if [ ! -f "{{folder}}/kept-$name" ]; then
    "{{real}}" "$@" || exit $?
    cp "$last" "{{folder}}/kept-$name.$$" && mv "{{folder}}/kept-$name.$$" "{{folder}}/kept-$name"
  fi
  # What was read goes into a box that players pass over: each input gives other bytes, and the same always the same.
  exec cat "{{folder}}/kept-$name" "{{folder}}/box-$name" "$input" > "$last";;
esac
exec "{{real}}" "$@"
"""


@dataclass(frozen=True)
class Run:
    """wall: seconds; first: seconds until the first step began, None = none did; ran: programs that were started; peak: MB;
    said: the last line that the tool printed."""

    wall: float
    first: float | None
    ran: int
    peak: float
    said: str


@dataclass
class Tool:
    """A build tool over the work in a folder. argv: makes everything that is missing; env: what it sees besides; shots: how
    many; programs: what it has to start for all of them, for one shot that changed, and for a template that changed."""

    name: str
    folder: Path
    argv: list[str]
    shots: int
    programs: tuple[int, int, int]
    env: dict[str, str] = field(default_factory=dict)

    def run(self) -> Run:
        started = self.folder / STARTED
        shutil.rmtree(started, ignore_errors=True)
        started.mkdir()
        used = processes.run(self.argv, self.folder, self.env)
        ran = (started / "all").stat().st_size if (started / "all").exists() else 0
        # The kernel's clock of files goes in steps of 4 ms.
        first = max(0.004, ((started / "first").stat().st_mtime_ns - used.began) / 1e9) if ran else None
        said = (used.err.strip() or used.out.strip()).rpartition("\n")[2]
        return Run(wall=used.wall, first=first, ran=ran, peak=used.peak, said=said)


def found(name: str) -> str:
    """Its path, empty where it is not installed. Tools of our own environment go before those on PATH."""
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}") or ""


def write_specs(root: Path, shots: int) -> None:
    (root / "specs").mkdir(parents=True)
    (root / "templates").mkdir()
    (root / "templates/wide.j2").write_text(TEMPLATE)
    for index in range(shots):
        write_spec(root, index, "calm")


def write_spec(root: Path, index: int, mood: str, *, recipe: int | None = None) -> None:
    """recipe: the shot that it is like, None = no other."""
    number = index if recipe is None else recipe
    text = SPEC.format(index=index, episode=index // EACH, place=number, seed=number, mood=mood)
    (root / f"specs/sh{index:05d}.yaml").write_text(text)


def _program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def step(folder: Path) -> str:
    """The program that each step of the other tools runs."""
    return str(_program(folder / "step.sh", STEP.format(folder=folder)))


def _episodes(shots: int) -> list[list[int]]:
    return [list(range(first, min(shots, first + EACH))) for first in range(0, shots, EACH)]


def _tool(name: str, root: Path, argv: list[str], shots: int) -> Tool:
    everything = 2 * shots + len(_episodes(shots)) + 1
    return Tool(name, root, argv, shots, (everything, 4, everything))


# --- one function a tool: writes the work, returns how it is run -------------------------------------------------------


def shotbuild(folder: Path, shots: int) -> Tool:
    root = folder / "shotbuild"
    write_specs(root, shots)
    env = programs_of(root)
    (root / "shotbuild.yaml").write_text(PROJECT)
    names = [f"ep{number:03d}" for number in range(len(_episodes(shots)))]
    cuts = "".join(
        f"  {name}:\n    cut: [{', '.join(f'sh{index:05d}' for index in part)}]\n"
        for name, part in zip(names, _episodes(shots), strict=True)
    )
    whole = "".join(f"      - {{sequence: {name}}}\n" for name in names)
    (root / "specs/cuts.yaml").write_text(
        f"sequences:\n{cuts}  season:\n    cut:\n{whole}deliverables:\n  web: {{sequence: season, profile: h264-web}}\n"
    )
    argv = [found("shotbuild"), "deliver", "--jobs", JOBS]
    return Tool("shotbuild", root, argv, shots, (3 * shots, 3, 3 * shots), env)


def programs_of(root: Path) -> dict[str, str]:
    """Writes the generator and the ffmpeg of a project; what shotbuild has to see to use them."""
    real = get_ffmpeg_exe()
    clip = root / "clip.mp4"
    source = "color=gray:s=64x64:r=24,setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
    subprocess.run(
        [real, "-loglevel", "error", "-f", "lavfi", "-i", source, "-frames:v", "2", "-pix_fmt", "yuv420p", str(clip)],
        check=True,
    )
    (root / "box-chunk.mp4").write_bytes(bytes(4) + b"free")  # a size of 0 is: to the end of the file
    void = (clip.stat().st_size + BOX) | 1 << 56
    (root / "box-video.mkv").write_bytes(b"\xec" + void.to_bytes(8))
    generate = _program(root / "generate.sh", GENERATE.format(folder=root))
    fake = _program(root / "ffmpeg.sh", FFMPEG.format(folder=root, real=real))
    return {"SHOTBUILD_COMMANDS": str(generate), "SHOTBUILD_FFMPEG": str(fake)}


def ninja(folder: Path, shots: int) -> Tool:
    root = folder / "ninja"
    write_specs(root, shots)
    lines = [f"rule step\n  command = {step(root)} $out $in"]
    for index in range(shots):
        lines.append(f"build gen/{index}: step specs/sh{index:05d}.yaml templates/wide.j2")
        lines.append(f"build fin/{index}: step gen/{index}")
    parts = _episodes(shots)
    lines += [f"build asm/{number}: step {' '.join(f'fin/{index}' for index in part)}" for number, part in enumerate(parts)]
    lines += [f"build film: step {' '.join(f'asm/{number}' for number in range(len(parts)))}", "default film", ""]
    (root / "build.ninja").write_text("\n".join(lines))
    return _tool("ninja", root, [found("ninja"), "-j", JOBS], shots)


def make(folder: Path, shots: int) -> Tool:
    root = folder / "make"
    write_specs(root, shots)
    _folders(root)
    program = step(root)
    parts = _episodes(shots)
    lines = ["film: " + " ".join(f"asm/{number}" for number in range(len(parts))), f"\t{program} $@ $^"]
    for index in range(shots):
        lines += [f"gen/{index}: specs/sh{index:05d}.yaml templates/wide.j2", f"\t{program} $@ $^"]
        lines += [f"fin/{index}: gen/{index}", f"\t{program} $@ $^"]
    for number, part in enumerate(parts):
        lines += [f"asm/{number}: {' '.join(f'fin/{index}' for index in part)}", f"\t{program} $@ $^"]
    (root / "Makefile").write_text("\n".join([*lines, ""]))
    return _tool("make", root, [found("make"), "-s", "-j", JOBS], shots)


def doit(folder: Path, shots: int) -> Tool:
    root = folder / "doit"
    write_specs(root, shots)
    _folders(root)
    (root / "dodo.py").write_text(f"""
STEP, SHOTS, EACH = {step(root)!r}, {shots}, {EACH}
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
    return _tool("doit", root, [found("doit"), "-n", JOBS], shots)


def snakemake(folder: Path, shots: int) -> Tool:
    root = folder / "Snakemake"
    write_specs(root, shots)
    program = step(root)
    (root / "Snakefile").write_text(f"""
SHOTS, EACH = {shots}, {EACH}
rule film:
    input: [f"asm/{{n}}" for n in range((SHOTS + EACH - 1) // EACH)]
    output: "film"
    shell: "{program} {{output}} {{input}}"
rule assemble:
    input: lambda w: [f"fin/{{i}}" for i in range(int(w.n) * EACH, min(SHOTS, int(w.n) * EACH + EACH))]
    output: "asm/{{n}}"
    shell: "{program} {{output}} {{input}}"
rule finish:
    input: "gen/{{i}}"
    output: "fin/{{i}}"
    shell: "{program} {{output}} {{input}}"
rule generate:
    input: lambda w: [f"specs/sh{{int(w.i):05d}}.yaml", "templates/wide.j2"]
    output: "gen/{{i}}"
    shell: "{program} {{output}} {{input}}"
""")
    return _tool("Snakemake", root, [found("snakemake"), "--cores", JOBS, "--quiet", "all"], shots)


def dvc(folder: Path, shots: int) -> Tool:
    root = folder / "DVC"
    write_specs(root, shots)
    _folders(root)
    program = step(root)
    stages = []
    for index in range(shots):
        spec = f"specs/sh{index:05d}.yaml"
        stages.append(_stage(f"g{index}", program, f"gen/{index}", [spec, "templates/wide.j2"]))
        stages.append(_stage(f"f{index}", program, f"fin/{index}", [f"gen/{index}"]))
    parts = _episodes(shots)
    for number, part in enumerate(parts):
        stages.append(_stage(f"a{number}", program, f"asm/{number}", [f"fin/{index}" for index in part]))
    stages.append(_stage("film", program, "film", [f"asm/{number}" for number in range(len(parts))]))
    (root / "dvc.yaml").write_text("\n".join(["stages:", *stages, ""]))
    for words in (
        [found("git"), "init", "-q"],
        [found("dvc"), "init", "-q"],
        [found("dvc"), "config", "core.analytics", "false"],
    ):
        subprocess.run(words, cwd=root, check=True)
    return _tool("DVC", root, [found("dvc"), "repro", "--quiet"], shots)


def _stage(name: str, program: str, out: str, read: Sequence[str]) -> str:
    return f"  {name}: {{cmd: {program} {out} {' '.join(read)}, deps: [{', '.join(read)}], outs: [{out}]}}"


def _folders(root: Path) -> None:
    for name in OUTPUTS:
        (root / name).mkdir()


def by_hand(tool: Tool) -> None:
    """Makes what the steps of another tool would make, without that tool."""
    root = tool.folder
    for name in OUTPUTS:
        (root / name).mkdir(exist_ok=True)
    shared = (root / "templates/wide.j2").read_bytes()
    parts = _episodes(tool.shots)
    for number, part in enumerate(parts):
        texts = [(root / f"specs/sh{index:05d}.yaml").read_bytes() + shared for index in part]
        for place in ("gen", "fin"):
            for index, text in zip(part, texts, strict=True):
                (root / f"{place}/{index}").write_bytes(text)
        (root / f"asm/{number}").write_bytes(b"".join(texts))
    (root / "film").write_bytes(b"".join((root / f"asm/{number}").read_bytes() for number in range(len(parts))))


@dataclass(frozen=True)
class Entry:
    """make: writes the work of so many shots into a folder; there: whether it is installed; most: shots at which it is still
    run; all_again: shots at which it is still made to run every step; slow: half of the runs are enough."""

    make: Callable[[Path, int], Tool]
    there: Callable[[], object]
    most: int
    all_again: int = 1000
    slow: bool = False


TOOLS: Mapping[str, Entry] = {
    "shotbuild": Entry(shotbuild, partial(found, "shotbuild"), 10**9),
    "ninja": Entry(ninja, partial(found, "ninja"), 10**9),
    "make": Entry(make, partial(found, "make"), 10**9),
    "doit": Entry(doit, partial(found, "doit"), 10**9),
    "Snakemake": Entry(snakemake, partial(found, "snakemake"), 10_000, 100, slow=True),
    "DVC": Entry(dvc, lambda: found("dvc") and found("git"), 1000, 100, slow=True),
}


def versions() -> list[str]:
    """Of the tools that are installed, as they say it themselves."""
    said = []
    for name, entry in TOOLS.items():
        if entry.there():
            words = [found(name.lower()), "--version"]
            first = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip().partition("\n")[0]
            said.append(first if name.lower() in first.lower() else f"{name} {first}")
    return said
