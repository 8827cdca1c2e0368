"""`shotbuild doctor`: what this machine has, and what it lacks for which profile. Works in a project and without one."""

import os
import platform
import shutil
import tempfile
from pathlib import Path

from shotbuild import __version__
from shotbuild.cli import console
from shotbuild.cli.options import JsonOption, ProjectOption
from shotbuild.host.tools import capabilities, find_ffmpeg, identify
from shotbuild.media.profiles import needs
from shotbuild.plugins import registry
from shotbuild.records import Tool
from shotbuild.spec.tree import PROJECT_FILE, find_root
from shotbuild.workspace import Workspace


def command(project: ProjectOption = Path(), json: JsonOption = False) -> int:
    """Exit 0 when every profile can be delivered, else 3."""
    root = find_root(project)
    workspace = Workspace(root) if (root / PROJECT_FILE).is_file() else None
    path = workspace.rooms.ffmpeg(workspace.project) if workspace else find_ffmpeg(None)
    tool = workspace.rooms.tool(workspace.project) if workspace else _identified(path)
    lacks = _lacks(path)
    differs = workspace.lock(update=False)[1] if workspace and workspace.rooms.read_lock() is not None else ()
    free = shutil.disk_usage(root).free
    if json:
        content = _content(path, tool, lacks, free) | {"lock": list(differs)}
        console.document("doctor", content)
    else:
        _print(path, tool, lacks, free, differs)
    return 3 if any(lacks.values()) else 0


def _identified(path: Path) -> Tool:
    with tempfile.TemporaryDirectory() as folder:
        return identify(path, Path(folder) / "ffmpeg.json")


def _lacks(path: Path) -> dict[str, list[str]]:
    """Profile → what ffmpeg does not have for it."""
    has = capabilities(path)
    return {name: sorted(needs(profile) - has) for name, profile in registry().profiles.items()}


def _content(path: Path, tool: Tool, lacks: dict[str, list[str]], free: int) -> dict[str, object]:
    return {
        "shotbuild": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "free_bytes": free,
        "ffmpeg": {
            "path": str(path),
            "version": tool.version,
            "identity": tool.identity,
            "encoders": dict(tool.encoders),
        },
        "lacks": lacks,
    }


def _print(path: Path, tool: Tool, lacks: dict[str, list[str]], free: int, differs: tuple[str, ...]) -> None:
    console.out(f"shotbuild {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    console.out(f"{os.cpu_count()} cores, {free / 1e9:.0f} GB free")
    console.out(f"ffmpeg {tool.version} ({tool.identity[:8]})")
    console.out(f"  {path}")
    for name, version in tool.encoders:
        console.out(f"  {name}: {version}")
    for profile, missing in lacks.items():
        console.out(f"{profile}: " + (f"LACKS {', '.join(missing)}" if missing else "ok"))
    for sentence in differs:
        console.out(f"lock: {sentence}")
