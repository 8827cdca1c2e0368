"""The drawing process: `python -m shotbuild.providers.storyboard ORDER`, started by the provider `animatic`.

ORDER is a pickled (request, ffmpeg, output file), written by our own parent. What goes wrong is pickled beside it.
"""

import os
import pickle
import signal
import sys
from pathlib import Path
from types import FrameType

from shotbuild.errors import ShotbuildError
from shotbuild.providers.storyboard.draw import draw


def main(order: Path) -> int:
    parent = os.getppid()
    # Ends ffmpeg too, which has a process group of its own.
    signal.signal(signal.SIGTERM, _leave)
    request, ffmpeg, into = pickle.loads(order.read_bytes())  # noqa: S301
    try:
        # A parent that was killed cannot stop us: its place is then taken by another.
        draw(request, ffmpeg, order.parent, into, stopped=lambda: os.getppid() != parent)
    except ShotbuildError as error:
        (order.parent / "error").write_bytes(pickle.dumps(error))
        return 1
    return 0


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(143)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
