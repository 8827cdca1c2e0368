"""`shotbuild doctor`: what this machine has, and what it lacks for which profile. Works in a project and without one."""

import os
import platform
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from shotbuild import __version__
from shotbuild.cli import console
from shotbuild.cli.options import JsonOption, ProjectOption
from shotbuild.host.tools import capabilities, find_ffmpeg, identify
from shotbuild.media.encoders import needs
from shotbuild.paying.keys import Ending, Keys, endings, keys_of, used
from shotbuild.plugins import registry
from shotbuild.providers.interface import Provider
from shotbuild.records import Tool
from shotbuild.spec.tree import PROJECT_FILE, find_root
from shotbuild.workspace import Workspace


def command(project: ProjectOption = Path(), json: JsonOption = False) -> int:
    """Exit 0 when every profile can be delivered and no model in use is about to end, else 3."""
    root = find_root(project)
    workspace = Workspace(root) if (root / PROJECT_FILE).is_file() else None
    path = workspace.rooms.ffmpeg(workspace.project) if workspace else find_ffmpeg(None)
    tool = workspace.rooms.tool(workspace.project) if workspace else _identified(path)
    lacks = _lacks(path)
    differs = workspace.lock(look=False)[1] if workspace and workspace.rooms.read_lock() is not None else ()
    free = shutil.disk_usage(root).free
    providers: Mapping[str, Provider] = workspace.registry.providers if workspace else registry().providers
    models = used(workspace) if workspace else frozenset()
    keys = keys_of(providers, providers if json or not workspace else (name for name, _ in models), os.environ)
    ending = endings(providers, models, datetime.now(UTC).date())
    if json:
        content = _content(path, tool, lacks, free) | {"lock": list(differs)}
        console.document("doctor", content | _services(keys, ending))
    else:
        _print(path, tool, lacks, free, differs)
        _print_services(keys, ending)
    return 3 if any(lacks.values()) or ending else 0


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


def _services(keys: Sequence[Keys], ending: Sequence[Ending]) -> dict[str, object]:
    return {
        "services": [
            {
                "name": each.name,
                "ready": each.ready,
                "keys": [{"variables": list(names), "set": is_set} for names, is_set in each.sets],
                "variables": dict(each.variables),
                "address": each.address,
            }
            for each in keys
        ],
        "ending": [{"provider": each.provider, "model": each.model, "ends": each.day, "days": each.days} for each in ending],
    }


def _print_services(keys: Sequence[Keys], ending: Sequence[Ending]) -> None:
    for each in keys:
        sets = [f"{' and '.join(names)} {'set' if is_set else 'not set'}" for names, is_set in each.sets]
        others = [f"{name} {'set' if is_set else 'not set'}" for name, is_set in each.variables]
        address = [f"asked at {each.address}"] if each.address is not None else []
        ready = "" if each.ready else "NO KEY: "
        console.out(f"{each.name}: {ready}{'; '.join([' or '.join(sets) or 'needs no key', *others, *address])}")
    for gone in ending:
        when = f"ENDS in {gone.days} days, on {gone.day}" if gone.days >= 0 else f"ENDED on {gone.day}"
        console.out(f"{gone.provider} {gone.model}: {when}; move its shots to another model")
