"""What a delivery costs beside plain ffmpeg: a cold one, and one after a single shot of many has changed.

The film is plates of 4 to 5 s with fine detail, moving, under grain. Plain ffmpeg encodes all of it with the same
settings over all of its threads, reading the same files (concat demuxer). Both are timed in one run, interleaved.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

from shotbuild.media.encoders import encoder_arguments, sound_arguments
from shotbuild.media.profiles import PROFILES
from shotbuild.plan.assemble import out_size
from shotbuild.units import Size

SIZE, RATE = Size(1280, 720), Fraction(24)
FFMPEG = (get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-loglevel", "error", "-y")
THREE = ("h264-web", "x", "preview")
LENGTHS = 7
"""After so many clips the lengths begin anew."""


@dataclass
class Cost:
    """Seconds of the clock and of the processors, children included."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def of(self, work: Callable[[], object]) -> None:
        before, began = os.times(), time.monotonic()
        work()
        after = os.times()
        self.wall.append(time.monotonic() - began)
        spent = (after.children_user - before.children_user) + (after.children_system - before.children_system)
        self.cpu.append(spent)


def run(*words: str, cwd: Path | None = None) -> None:
    subprocess.run(words, check=True, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def plates(folder: Path, shots: int) -> list[Path]:
    """Clips of 96 to 120 frames: a slow pan over a fractal with a texture in every pixel, and grain."""
    folder.mkdir(parents=True, exist_ok=True)
    made = [folder / f"sh{index:03d}.mp4" for index in range(shots)]
    still = folder / "still.png"
    if not still.exists():
        run(*FFMPEG, "-f", "lavfi", "-i", "mandelbrot=s=2560x1440:start_scale=0.4", "-frames:v", "1", str(still))
    for index, path in enumerate(made):
        if path.exists():
            continue
        frames = 96 + 24 * (index % LENGTHS) // 6
        moves = (
            f"crop={SIZE.width}:{SIZE.height}:x='{40 * (index % 11)}+n*{1 + index % 3}':y='{60 * (index % 5)}+n*{index % 2}'"
        )
        look = f"hue=h={index * 37 % 360},noise=alls=4:allf=t:all_seed={index},format=yuv420p,setsar=1"
        tags = ("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv")
        made_by = ("-frames:v", str(frames), "-c:v", "libx264", "-preset", "veryfast", "-crf", "18", *tags)
        tagged = f"{look},setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
        graph = f"loop=loop=-1:size=1,fps=24,{moves},{tagged}"
        run(*FFMPEG, "-r", "24", "-i", str(still), "-vf", graph, *made_by, str(path))
    sea = folder / "sea.wav"
    if not sea.exists():
        run(*FFMPEG, "-f", "lavfi", "-i", "anoisesrc=r=48000:c=pink:a=0.2:d=320:seed=1", "-ac", "2", str(sea))
    return made


def project(root: Path, clips: Iterable[Path], profiles: Iterable[str]) -> Path:
    (root / "assets").mkdir(parents=True)
    (root / "specs").mkdir()
    names = []
    for clip in clips:
        shutil.copy(clip, root / "assets" / clip.name)
        names.append(clip.stem)
    shutil.copy(next(iter(root.parent.glob("clips/sea.wav"))), root / "assets/sea.wav")
    (root / "shotbuild.yaml").write_text(f"shotbuild: 1\nproject: bench\nformat: {{size: {SIZE}, rate: {RATE}}}\n")
    shots = "".join(f"  {name}: {{plate: assets/{name}.mp4}}\n" for name in names)
    cut = "".join(f"      - {name}\n" for name in names)
    # A platform takes films of a few minutes at most; that is not what is measured here.
    waived = ", waive: {max_duration: only a bench}"
    wanted = "".join(f"  {name}: {{sequence: film, profile: {name}{waived if name == 'x' else ''}}}\n" for name in profiles)
    sound = "    audio: [{file: assets/sea.wav, gain: -12dB}]\n"
    (root / "specs/film.yaml").write_text(
        f"shots:\n{shots}sequences:\n  film:\n    cut:\n{cut}{sound}deliverables:\n{wanted}"
    )
    return root


def whole(root: Path, clips: Iterable[Path], profile_name: str, target: Path) -> None:
    """The same film by plain ffmpeg, with the profile's own settings and all threads."""
    profile = PROFILES[profile_name]
    arguments = encoder_arguments(profile.video, RATE)
    listed = root.parent / "list.txt"
    listed.write_text("".join(f"file '{root / 'assets' / clip.name}'\n" for clip in clips))
    size = out_size(SIZE, profile)
    threads = {"threads": "0"}
    options = [word for key, value in (arguments | threads).items() for word in (f"-{key}", value)]
    heard = {key: value for key, value in sound_arguments(profile.sound).items() if key != "threads"}
    sound = [word for key, value in heard.items() for word in (f"-{key}", value)]
    scale = ("-vf", f"scale={size.width}:{size.height}:flags=lanczos") if size != SIZE else ()
    run(
        *FFMPEG, "-f", "concat", "-safe", "0", "-i", str(listed), "-i", str(root / "assets/sea.wav"),
        *scale, *options, *sound, "-shortest", "-movflags", "+faststart", str(target),
    )  # fmt: skip


def all_whole(root: Path, clips: list[Path], names: Iterable[str], folder: Path) -> None:
    for name in names:
        whole(root, clips, name, folder / f"{name}.mp4")


def deliver(root: Path, *names: str) -> None:
    targets = [f"film/{name}" for name in names]
    run(sys.executable, "-m", "shotbuild", "deliver", *targets, "--project", str(root))


def quality(ours: Path, theirs: Path, root: Path) -> str:
    """VMAF of both against the source, mean and worst frame, and their sizes."""
    found = {}
    listed = root.parent / "list.txt"
    for name, film in (("chunked", ours), ("whole", theirs)):
        log = root.parent / f"{name}.json"
        measure = f"libvmaf=log_fmt=json:log_path={log.name}:n_threads=4"
        graph = f"[0:v]settb=1/24,setpts=N[a];[1:v]settb=1/24,setpts=N[b];[a][b]{measure}"
        run(
            *FFMPEG, "-i", str(film), "-f", "concat", "-safe", "0", "-i", str(listed), "-lavfi", graph, "-f", "null", "-",
            cwd=root.parent,
        )  # fmt: skip
        read = json.loads(log.read_text())["pooled_metrics"]["vmaf"]
        found[name] = (read["mean"], read["min"], film.stat().st_size)
    (mean, worst, size), (mean0, worst0, size0) = found["chunked"], found["whole"]
    return (
        f"size {100 * size / size0 - 100:+.2f} %, VMAF mean {mean:.3f} ({mean - mean0:+.3f}), "
        f"worst frame {worst:.2f} ({worst - worst0:+.2f})"
    )


def table(folder: Path, shots: int, runs: int, *, vmaf: bool) -> None:
    made = plates(folder / "clips", shots + 2 * runs)
    clips, fresh = made[:shots], iter(range(shots, len(made)))
    for names in (THREE[:1], THREE):
        root = folder / f"film-{len(names)}"
        shutil.rmtree(root, ignore_errors=True)
        project(root, clips, names)
        plain, cold, changed = Cost(), Cost(), Cost()
        plain.of(partial(all_whole, root, clips, names, folder))
        cold.of(partial(deliver, root, *names))
        if vmaf and len(names) == 1:
            print(f"  {quality(root / 'out/sequences/film/h264-web.mp4', folder / 'h264-web.mp4', root)}")
        for _ in range(runs):
            # A clip that was never seen, in the place of one of the same length.
            new = next(fresh)
            shutil.copy(made[new], root / "assets" / made[new % LENGTHS].name)
            changed.of(partial(deliver, root, *names))
        wall, cpu = sorted(changed.wall)[runs // 2], sorted(changed.cpu)[runs // 2]
        print(
            f"{shots} shots, {len(names)} deliverable{'s' if len(names) > 1 else ''}: "
            f"plain ffmpeg {plain.wall[0]:.1f} s ({plain.cpu[0]:.1f} CPU); "
            f"cold {cold.wall[0] / plain.wall[0]:.3f} of it ({cold.cpu[0] / plain.cpu[0]:.3f} of its CPU); "
            f"one shot changed {wall:.2f} s = 1/{plain.wall[0] / wall:.1f} (CPU 1/{plain.cpu[0] / cpu:.1f})"
        )
