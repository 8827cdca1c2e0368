"""What is drawn on a frame: `pen 1200,5000 1300,5100`, `box 100,200 300,400`, `arrow 0,0 5000,5000`. Points are in
ten-thousandths of the picture's width and height, from its upper left."""

import re
from collections.abc import Sequence

FORMS = ("pen", "box", "arrow")
LARGEST = 10_000
MOST, MOST_POINTS = 100, 2_000
_MARK = re.compile(rf"(pen|box|arrow)((?: [0-9]{{1,5}},[0-9]{{1,5}}){{2,{MOST_POINTS}}})")


def wrong_of(marks: Sequence[str]) -> str | None:
    """What is wrong with some marks; None when they can be drawn."""
    if len(marks) > MOST:
        return f"{len(marks)} marks on one frame; {MOST} can be kept"
    return next((wrong for mark in marks if (wrong := _wrong(mark)) is not None), None)


def _wrong(mark: str) -> str | None:
    found = _MARK.fullmatch(mark)
    if found is None:
        return f"{mark[:60]!r} is no mark: it is a form ({', '.join(FORMS)}) and points, such as `arrow 100,200 3000,4000`"
    points = found[2].split()
    if found[1] != "pen" and len(points) != 2:
        return f"{mark[:60]!r} has {len(points)} points; a {found[1]} has two"
    if any(int(value) > LARGEST for point in points for value in point.split(",")):
        return f"{mark[:60]!r} leaves the picture: points are 0 to {LARGEST}"
    return None
