"""Which ffmpeg this is, what it can do, and its identity: everything about it that decides the bytes it writes."""

import json
import os
import platform
import re
import shutil
import tempfile
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from shotbuild.digest import canonical, canonical_line, of_text
from shotbuild.errors import ShotbuildError
from shotbuild.host import files, process
from shotbuild.host.installed import version
from shotbuild.records import Tool

VARIABLE = "SHOTBUILD_FFMPEG"
WHEEL = "imageio_ffmpeg"
HINT = f"set {VARIABLE} or `ffmpeg:` to another one, or leave both out to use the one of the `imageio-ffmpeg` package"

# One picture through each encoder: x264 tells its version only inside its stream, the others in their log.
_TINY = ("-f", "lavfi", "-i", "color=s=64x64:r=25:d=0.04", "-frames:v", "1", "-threads", "1")
_ENCODERS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("libsvtav1", ("-preset", "12", "-f", "null", "-"), r"SVT-AV1 Encoder Lib (\S+)"),
    ("libx264", ("-preset", "ultrafast", "-f", "h264", "pipe:1"), r"x264 - (core \d+(?: r\S+(?: \w+)?)?)"),
    ("libx265", ("-preset", "ultrafast", "-f", "null", "-"), r"HEVC encoder version (\S+)"),
)


def find_ffmpeg(setting: str | None) -> Path:
    """The ffmpeg to use: of the environment, else of the project (a path, or a name on PATH), else the wheel's.

    Errors: ShotbuildError when the one that was named is not there or cannot be run.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return _named(named, f"the environment variable {VARIABLE}")
    if setting:
        return _named(setting, "the project's setting `ffmpeg`")
    return _bundled()


def identify(path: Path, cache_file: Path) -> Tool:
    """What an ffmpeg is. Asked once for each path, size and mtime; kept in `cache_file`. Errors: ProcessError."""
    state = path.stat()
    key = canonical_line([str(path), state.st_size, state.st_mtime_ns])
    known = _read_cache(cache_file)
    if key in known:
        tool = _tool(known[key])
        if tool is not None:
            return tool
    tool = _ask(path)
    files.write_atomic(cache_file, canonical(known | {key: asdict(tool)}).encode())
    return tool


def capabilities(path: Path) -> frozenset[str]:
    """What an ffmpeg has: `encoder:libx264`, `filter:zscale`, `muxer:mp4`, …"""
    return frozenset(f"{kind}:{name}" for kind in ("encoder", "filter", "muxer") for name in _listed(path, kind))


def joiner() -> Tool:
    """PyAV, which joins chunks by packet and so decides the bytes of a delivered file. Not imported to be asked."""
    found, architecture = version("av"), platform.machine()
    identity = of_text(canonical(["pyav", found, architecture])).sha256
    return Tool(name="pyav", version=found, identity=identity, configuration="", architecture=architecture, encoders=())


def _named(name: str, said_by: str) -> Path:
    found = shutil.which(os.path.expanduser(name))
    if found is not None:
        return Path(found).absolute()
    exists = Path(name).expanduser().is_file()
    raise ShotbuildError(
        f"ffmpeg {name!r} {'cannot be run' if exists else 'is not there'}",
        cause=f"{said_by} names it" + (", and the file is not executable" if exists else ""),
        hint=HINT,
    )


def _bundled() -> Path:
    """Looked up without importing the package, which takes 40 ms."""
    spec = find_spec(WHEEL)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder, "binaries").glob("ffmpeg*")):
            if path.is_file() and os.access(path, os.X_OK):
                return path.absolute()
    raise ShotbuildError(
        "there is no ffmpeg",
        cause=f"the package imageio-ffmpeg {'brings none for this system' if spec else 'is not installed'}",
        hint=f"`pip install 'imageio-ffmpeg>=0.8'`, or install ffmpeg and set {VARIABLE}=ffmpeg",
    )


def _ask(path: Path) -> Tool:
    stated = [line for line in _run(path, "-version")[0].splitlines() if line.strip()]
    first = re.match(r"ffmpeg version (\S+)", stated[0]) if stated else None
    if first is None:
        raise ShotbuildError(f"{path} is not ffmpeg", cause="it does not answer to `-version` as ffmpeg does", hint=HINT)
    configuration = next((line.partition(":")[2].strip() for line in stated if line.startswith("configuration:")), "")
    encoders = _encoder_versions(path)
    architecture = platform.machine()
    text = canonical([stated, architecture, [list(pair) for pair in encoders]])
    return Tool(
        name="ffmpeg",
        version=first[1],
        identity=of_text(text).sha256,
        configuration=configuration,
        architecture=architecture,
        encoders=encoders,
    )


def _encoder_versions(path: Path) -> tuple[tuple[str, str], ...]:
    """All in one run: 0.1 s."""
    there = _listed(path, "encoder")
    present = [each for each in _ENCODERS if each[0] in there]
    if not present:
        return ()
    outputs = [word for name, rest, _ in present for word in ("-map", "0:v", "-c:v", name, *rest)]
    said = "\n".join(_run(path, "-nostdin", "-loglevel", "info", *_TINY, *outputs))
    found = ((name, re.search(pattern, said)) for name, _, pattern in present)
    return tuple((name, match[1] if match else "unknown") for name, match in found)


def _listed(path: Path, kind: str) -> frozenset[str]:
    lines = _run(path, f"-{kind}s")[0].splitlines()
    words = [line.split() for line in lines]
    return frozenset(name for row in words if len(row) > 2 and row[1] != "=" for name in row[1].split(","))


def _run(path: Path, *arguments: str) -> tuple[str, str]:
    with tempfile.TemporaryDirectory(prefix="shotbuild-") as folder:
        return process.run([str(path), "-hide_banner", *arguments], cwd=Path(folder), deadline=60)


def _read_cache(path: Path) -> dict[str, object]:
    try:
        read = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return {key: kept for key, kept in read.items() if _tool(kept) is not None} if isinstance(read, dict) else {}


def _tool(kept: object) -> Tool | None:
    """None when what was kept is damaged."""
    names = ("name", "version", "identity", "configuration", "architecture")
    if not isinstance(kept, dict) or not all(isinstance(kept.get(name), str) for name in names):
        return None
    pairs = kept.get("encoders")
    if not isinstance(pairs, list) or not all(_is_pair(pair) for pair in pairs):
        return None
    return Tool(**{name: kept[name] for name in names}, encoders=tuple((pair[0], pair[1]) for pair in pairs))


def _is_pair(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
