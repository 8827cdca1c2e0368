"""Where `shotbuild` starts. Answers `--version` at once; everything else is loaded by `app`."""

import gc
import sys
from importlib import import_module

from shotbuild import __version__

COLLECT_AFTER = 200_000


def main() -> None:
    if sys.argv[1:] == ["--version"]:
        print(f"shotbuild {__version__}")
        return
    # What a command makes lives to its end: the collector's walks over a thousand shots find nothing, and take their time.
    gc.set_threshold(COLLECT_AFTER)
    try:
        import_module("shotbuild.cli.app").run(sys.argv[1:])
    except KeyboardInterrupt:
        # Before a command had begun: nothing was started, nothing has to be resumed.
        print("interrupted", file=sys.stderr)
        sys.exit(130)
