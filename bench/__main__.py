"""`python -m bench`: what a build costs, as ratios measured side by side in one run on a machine that may be noisy.

Each figure is the median of interleaved runs of whole processes, in CPU seconds (user + system, children included) where
the table does not say clock.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import delivery, farm, ledgers, page, season, services, sharing, tools
from bench.report import tell

EPILOG = """Tools beside shotbuild are found in its environment or on PATH: ninja, make, doit, snakemake, dvc. Those that are
not installed are left out. Progress is said on stderr. The season takes about an hour, its --quick form less than two
minutes on a quiet machine."""
PROJECT = "shotbuild: 1\nproject: bench\nformat: {{size: {size}, rate: 24}}\ndefaults: {{duration: {duration}}}\n"


@dataclass(frozen=True)
class Measured:
    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def film(root: Path, shots: int, size: str, duration: str) -> Path:
    """A project of shots that share a template, cut in one sequence with one deliverable."""
    (root / "specs").mkdir(parents=True)
    (root / "templates").mkdir()
    (root / "shotbuild.yaml").write_text(PROJECT.format(size=size, duration=duration))
    (root / "templates/wide.j2").write_text("Wide shot of {{ place }} at dusk, slow push in.")
    names = [f"sh{index:05d}" for index in range(shots)]
    for name in names:
        spec = f"shots:\n  {name}:\n    template: templates/wide.j2\n    with: {{place: place {name}}}\n"
        (root / f"specs/{name}.yaml").write_text(spec)
    cut = "".join(f"      - {name}\n" for name in names)
    (root / "specs/cut.yaml").write_text(
        f"sequences:\n  all:\n    cut:\n{cut}deliverables:\n  web: {{sequence: all, profile: h264-web}}\n"
    )
    return root


def cpu_of(argv: Sequence[str], cwd: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def wall_of(argv: Sequence[str], cwd: Path) -> float:
    began = time.monotonic()
    subprocess.run(argv, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def measure(names: dict[str, Callable[[], float]], runs: int) -> list[Measured]:
    """Runs everything in turn, several times."""
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(runs):
        for name, run in names.items():
            found[name].append(run())
    return [Measured(name, tuple(seconds)) for name, seconds in found.items()]


def table(title: str, unit: str, rows: Sequence[Measured], clock: str = "CPU s") -> None:
    """Prints each row's median, as a multiple of the first row's."""
    print(f"\n{title}\n{'':34}{clock:>9}  {'times ' + unit:>14}")
    for row in rows:
        print(f"{row.name:34}{row.median:9.3f}  {row.median / rows[0].median:14.2f}")


def commands(folder: Path, shots: int, runs: int) -> None:
    """What the commands cost when nothing is to be made."""
    root = film(folder / "commands", shots, "64x64", "2f")
    shotbuild = [sys.executable, "-m", "shotbuild"]
    cpu_of([*shotbuild, "deliver"], root)
    rows: dict[str, Callable[[], float]] = {"python -c pass": lambda: cpu_of([sys.executable, "-c", "pass"], root)}
    for words in (["--version"], ["lint"], ["plan"], ["status"], ["deliver"]):
        rows["shotbuild " + " ".join(words)] = lambda words=words: cpu_of([*shotbuild, *words], root)  # type: ignore[misc]
    table(f"Nothing to do, {shots} shots", "pass", measure(rows, runs))


def one_change(folder: Path, shots: int, runs: int) -> None:
    """One prompt of many edited, beside a build of everything."""
    root = film(folder / "change", shots, "640x360", "24f")
    deliver = [sys.executable, "-m", "shotbuild", "deliver"]

    def whole() -> float:
        shutil.rmtree(root / ".shotbuild", ignore_errors=True)
        shutil.rmtree(root / "takes", ignore_errors=True)
        return cpu_of(deliver, root)

    edits = iter(range(1_000_000))

    def edited() -> float:
        spec = root / "specs/sh00000.yaml"
        spec.write_text(f"shots:\n  sh00000:\n    prompt: Wide shot of place {next(edits)} at dawn.\n")
        return cpu_of(deliver, root)

    rows = {"everything": whole, "one prompt edited": edited, "nothing": lambda: cpu_of(deliver, root)}
    table(f"A film of {shots} shots of one second, 640x360", "everything", measure(rows, runs))


def many_takes(folder: Path, shots: int, each: int, runs: int) -> None:
    """Reading commands over ledgers of a long production, in seconds of the clock: what a person waits."""
    root = ledgers.project(folder / "takes", shots)
    count = ledgers.fill(root, each)
    shotbuild = [sys.executable, "-m", "shotbuild"]
    commands = (["status"], ["takes"], ["plan"], ["lint"])
    for words in commands:
        cpu_of([*shotbuild, *words], root)
    rows: dict[str, Callable[[], float]] = {"python -c pass": lambda: wall_of([sys.executable, "-c", "pass"], root)}
    for words in commands:
        rows["shotbuild " + " ".join(words)] = lambda words=words: wall_of([*shotbuild, *words], root)  # type: ignore[misc]
    table(f"{count} takes over {shots} shots", "pass", measure(rows, runs), "clock s")


def _limit(text: str) -> tuple[str, int]:
    name, _, shots = text.partition("=")
    names = {each.lower(): each for each in tools.TOOLS}
    if name.lower() not in names or not shots.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: write a tool and shots, such as dvc=1000; tools are {', '.join(names)}")
    return names[name.lower()], int(shots)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, epilog=EPILOG)
    parts_ = ("season", "commands", "change", "takes", "services", "delivery", "store", "farm")
    parser.add_argument("--quick", action="store_true", help="smaller projects and fewer runs; writes nothing")
    parser.add_argument("--part", choices=parts_, help="only this one; season is the one that docs/speed.md shows")
    parser.add_argument("--profile", action="store_true", help="show where the time of one change goes, and nothing else")
    parser.add_argument("--shots", type=int, nargs="+", metavar="N", help="sizes of a season (100 1000 10000; quick: 20)")
    parser.add_argument(
        "--growth", type=int, nargs="+", metavar="N", help="sizes of its curve (100 to 100000; quick: 100 500)"
    )
    parser.add_argument(
        "--most", type=_limit, nargs="+", metavar="TOOL=N", default=[], help="shots up to which a tool is run"
    )
    asked = parser.parse_args()
    quick, runs = asked.quick, 3 if asked.quick else 5
    sizes = asked.shots or ([20] if quick else [100, 1000, 10_000])
    growing = asked.growth or ([100, 500] if quick else [100, 1000, 10_000, 100_000])
    # What was measured in another way than all the rest is not shown in place of it.
    write = not quick and asked.part in (None, "season")
    right = True
    if min(sizes) <= season.EDITED or min(growing) <= season.EDITED:
        parser.error(f"a season has more than {season.EDITED} shots")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if asked.profile:
            season.profile(folder, 100 if quick else 1000)
            return
        parts: dict[str, Callable[[], object]] = {
            "season": lambda: page.season_of(folder, runs, sizes, growing, dict(asked.most), quick=quick, write=write),
            "commands": lambda: commands(folder, 20 if quick else 200, runs),
            "change": lambda: one_change(folder, 8 if quick else 30, runs),
            "takes": lambda: many_takes(folder, 100 if quick else 1000, 10, runs),
            "services": lambda: services.table(folder, (100, 500) if quick else (100, 1000, 5000), 100 if quick else 1000),
            "delivery": lambda: delivery.table(folder, 8 if quick else 60, 1 if quick else 3, vmaf=not quick),
            "farm": lambda: farm.table(10 if quick else 40, 1 if quick else 3, folder),
            "store": lambda: sharing.table(100 if quick else 1000, 2 if quick else 8, 1 if quick else 3, folder),
        }
        print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        for part, run in parts.items():
            if asked.part in (None, part):
                tell(part)
                right = run() is not False and right
    if not right:
        sys.exit("not every count was right: see WRONG above")


main()
