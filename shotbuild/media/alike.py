"""Commands that differ in the files that they read, and in nothing else, are drawn once: a graph of ffmpeg-python takes a
millisecond, and the shots of a season have one shape.

A command is drawn with a stand-in for each file, and is given the files afterwards. Knows nothing of graphs.
"""

from collections.abc import Sequence
from pathlib import Path

FORM = "/stand-in/{}"
REMEMBERED = 256
"""Commands that are kept, of each kind."""


class Files:
    """The files of one command, in the order in which they are asked for; equal paths have one stand-in."""

    def __init__(self) -> None:
        self._stand_ins: dict[Path, Path] = {}

    def stand_in(self, path: Path) -> Path:
        return self._stand_ins.setdefault(path, Path(FORM.format(len(self._stand_ins))))

    def given_to(self, command: Sequence[str]) -> tuple[str, ...]:
        """A command that was drawn with the stand-ins, with the files in their places."""
        real = {str(stand_in): str(path.absolute()) for path, stand_in in self._stand_ins.items()}
        return tuple(real.get(word, word) for word in command)
