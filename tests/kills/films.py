"""Small projects of paid takes, and what their ledgers say afterwards."""

from collections.abc import Mapping
from pathlib import Path

from shotbuild.records import Take
from shotbuild.rooms import Rooms
from shotbuild.workspace import Workspace
from tests.kills.serving import MODELS


def film(
    root: Path, provider: str, shots: Mapping[str, int], *, limit: str = "100 USD", use: str = "", more: str = ""
) -> Path:
    """Writes a project. shots: name → how many takes; use: more fields of the provider; more: lines at the end."""
    lines = [f"  {name}: {{prompt: Wave {name}., takes: {count}}}" for name, count in shots.items()]
    root.mkdir()
    (root / "shotbuild.yaml").write_text(
        "shotbuild: 1\nproject: film\nformat: {size: 1280x720, rate: 24}\n"
        f"providers:\n  hero: {{use: {provider}, model: {MODELS[provider]}{use}}}\n"
        f"defaults: {{provider: hero, duration: 5s}}\nbudget: {{limit: {limit}, takes_per_shot: 100}}\n"
        "shots:\n" + "\n".join(lines) + f"\n{more}"
    )
    return root


def takes_of(rooms: Rooms) -> list[Take]:
    """Every take that the ledgers of a project have."""
    project = Workspace(rooms.root, rooms=rooms).project
    return [take for shot in project.shots for take in rooms.ledgers.of(shot.name).takes]
