"""Where `shotbuild` starts. Answers `--version` at once; everything else is loaded by `app`."""

import gc
import os
import sys
from importlib import import_module

from shotbuild import __version__
from shotbuild.uptodate import answer


def main() -> None:
    if sys.argv[1:] == ["--version"]:
        print(f"shotbuild {__version__}")
        return
    if answer(sys.argv[1:]):
        os._exit(0)
    # What is loaded and planned lives to the end of the command: the collector's walks over ten thousand shots would find
    # nothing, and last as long as planning them. A build turns it on again once it runs something.
    gc.disable()
    try:
        import_module("shotbuild.cli.app").run(sys.argv[1:])
    except KeyboardInterrupt:
        # Before a command had begun: nothing was started, nothing has to be resumed.
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except SystemExit as end:
        _leave(end)


def _leave(end: SystemExit) -> None:
    """Ends the process at once where nothing is left to be done: to take a project apart object by object would last a third
    as long as the answer did."""
    threads = sys.modules.get("threading")
    if not isinstance(end.code, int) or (threads is not None and threads.active_count() > 1):
        raise end
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        raise end from None  # the interpreter says what it thinks of it
    os._exit(end.code)
