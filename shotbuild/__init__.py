"""make for AI video. `shotbuild.open(path)` is the Python API; see `shotbuild.workspace`."""

from importlib import import_module

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # Loaded when asked for: `shotbuild --version` must not pay for everything that a build needs.
    if name in ("open", "Workspace", "BuildOptions"):
        return getattr(import_module("shotbuild.workspace"), "open_project" if name == "open" else name)
    raise AttributeError(f"module 'shotbuild' has no attribute {name!r}")
