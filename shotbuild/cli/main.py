"""Where `shotbuild` starts. Answers `--version` at once; everything else is loaded by `app`."""

import sys
from importlib import import_module

from shotbuild import __version__


def main() -> None:
    if sys.argv[1:] == ["--version"]:
        print(f"shotbuild {__version__}")
        return
    try:
        import_module("shotbuild.cli.app").run(sys.argv[1:])
    except KeyboardInterrupt:
        # Before a command had begun: nothing was started, nothing has to be resumed.
        print("interrupted", file=sys.stderr)
        sys.exit(130)
