"""The walls of the house, read with ast: who may import whom, and which room alone may import a library."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import shotbuild

PACKAGE = Path(shotbuild.__file__).parent

PROJECT = (
    "sharing",
    "progress",
    "claiming",
    "pushing",
    "whereabouts",
    "sampling",
    "worker",
    "frozen",
    "farming",
    "ledgers",
    "rooms",
    "casting",
    "purchasing",
    "hosting",
    "standing",
    "revision",
    "linking",
    "making",
    "early",
    "ahead",
    "built",
    "missing",
    "traces",
    "delivery",
    "workspace",
)
"""The modules of one project folder."""
RANKS = (
    ("errors", "uptodate"),
    ("records", "digest", "units"),
    ("host",),
    ("spec", "plan", "store", "media"),
    ("providers",),
    ("stages",),
    ("engine",),
    ("plugins",),
    PROJECT,
    ("takes", "keeping", "paying", "ci", "exchange"),
    ("review",),
    ("cli",),
    ("testing",),
)
INTERFACES = (
    "shotbuild.errors", "shotbuild.records", "shotbuild.digest", "shotbuild.units", "shotbuild.host", "shotbuild.spec",
    "shotbuild.media.probe", "shotbuild.providers.interface", "shotbuild.testing",
)  # fmt: skip
"""What the suites for plug-ins may see: what a plug-in sees, and how its takes are probed and its calls are made."""
TOGETHER = {"records", "digest", "units", *PROJECT}
ALONE = {
    "yaml": "spec",
    "msgspec": "spec",
    "networkx": "plan",
    "diskcache": "store",
    "ffmpeg": "media",
    "av": "media",
    "typer": "cli",
    "rich": "cli",
    "subprocess": "host",
    "distributed": "engine",
    "dask": "engine",
    "httpx": "host",
    "obstore": "host",
    "torch": "providers",
    "diffusers": "providers",
    "transformers": "providers",
    "starlette": "review",
    "uvicorn": "review",
    "itsdangerous": "review",
}
# Some libraries have two homes, for the reason that shotbuild/README.md gives.
SHARED = {
    "jinja2": {"spec", "review"},
    "sqlite3": {"store", "engine"},
    "PIL": {"media", "providers"},
    "numpy": {"media", "providers"},
}


def rank(room: str) -> int:
    return next(index for index, rooms in enumerate(RANKS) if room in rooms)


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


@cache
def modules() -> tuple[tuple[Path, ast.Module], ...]:
    paths = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE or not path.stem.startswith("__")]
    return tuple((path, ast.parse(path.read_text())) for path in paths)


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_room_has_a_rank() -> None:
    rooms = {room_of(path) for path, _ in modules()}
    assert rooms <= {room for rooms in RANKS for room in rooms}


def test_a_module_imports_only_from_lower_rooms_or_its_own() -> None:
    wrong = []
    for path, tree in modules():
        here = room_of(path)
        for name in imports(tree):
            parts = name.split(".")
            if parts[0] != "shotbuild" or len(parts) < 2 or parts[1] == "__version__":
                continue
            there = parts[1]
            peers = {here, there} <= TOGETHER and rank(here) == rank(there)
            if there != here and not peers and rank(there) >= rank(here):
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert wrong == []


def test_suites_for_plug_ins_see_interfaces_alone_and_nobody_sees_them() -> None:
    for path, tree in modules():
        ours = [name for name in imports(tree) if name.startswith("shotbuild.")]
        if room_of(path) == "testing":
            assert [name for name in ours if not name.startswith(INTERFACES)] == [], path
            assert "pytest" not in {name.partition(".")[0] for name in imports(tree)}, path
        else:
            assert [name for name in ours if name.startswith("shotbuild.testing")] == [], path


def test_a_library_is_imported_in_one_room() -> None:
    wrong = []
    for path, tree in modules():
        for name in imports(tree):
            library = name.split(".")[0]
            homes = SHARED.get(library) or ({ALONE[library]} if library in ALONE else None)
            if homes is not None and room_of(path) not in homes:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {library}")
    assert wrong == []


def test_imports_stand_at_the_top() -> None:
    late = []
    for path, tree in modules():
        for node in tree.body:
            if isinstance(node, ast.Try):
                continue  # a library's fast form, or its slow one
            nested = (each for each in ast.walk(node) if each is not node)
            late += [f"{path.name}:{each.lineno}" for each in nested if isinstance(each, ast.Import | ast.ImportFrom)]
    assert late == []


def test_nothing_prints_below_the_command_line() -> None:
    printing = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path, tree in modules()
        if path.name not in ("console.py", "main.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


def test_every_noun_is_frozen() -> None:
    tree = ast.parse((PACKAGE / "records.py").read_text())
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    assert classes
    assert [node.name for node in classes if "frozen=True" not in ast.unparse(node.decorator_list[0])] == []


def test_what_plans_needs_no_library_of_pictures() -> None:
    heavy = ("av", "ffmpeg", "numpy", "PIL", "httpx", "pydantic", "filelock", "email.utils", "importlib.metadata")
    code = f"import sys, shotbuild.workspace; print([name for name in {heavy} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
