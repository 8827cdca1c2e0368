"""What people draw on a frame, as text: `pen 1200,5000 1300,5100`, `box 100,200 300,400`, `arrow 0,0 5000,5000`.

Points are in ten-thousandths of the picture's width and height, from its upper left. An arrow points at its second point.
"""

import re
from collections.abc import Sequence

PEN, BOX, ARROW = "pen", "box", "arrow"
FORMS = (PEN, BOX, ARROW)
MOST_MARKS, MOST_POINTS = 100, 2000
EXAMPLE = "arrow 100,200 300,400"
_NUMBER = "(?:0|[1-9][0-9]{0,3}|10000)"
_MARK = re.compile(rf"([a-z]{{1,20}})((?: {_NUMBER},{_NUMBER})+)")


def wrong_with(mark: str) -> str | None:
    """Why a text is no mark that can be drawn; None when it is one."""
    found = _MARK.fullmatch(mark)
    if found is None:
        return "it is not a form and its points, whole numbers from 0 to 10000"
    form, points = found[1], found[2].count(" ")
    if form not in FORMS:
        return f"no form is called {form!r}: they are {', '.join(FORMS)}"
    if form != PEN and points != 2:
        return f"a form `{form}` has 2 points, and not {points}"
    return None if points <= MOST_POINTS else f"it has {points} points, and {MOST_POINTS} are the most"


def read_marks(value: object) -> tuple[str, ...]:
    """The marks of a ledger's line. Those of a form that a newer version draws are kept. Errors: TypeError, ValueError."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > MOST_MARKS:
        raise TypeError(f"marks are a list of {MOST_MARKS} at most")
    return tuple(map(_read, value))


def _read(mark: object) -> str:
    if not isinstance(mark, str):
        raise TypeError("a mark is a text")
    found = _MARK.fullmatch(mark)
    known = found is None or found[1] in FORMS
    wrong = wrong_with(mark) if known else None
    if wrong is not None or mark.count(" ") > MOST_POINTS:
        raise ValueError(f"{mark[:40]!r} is no mark: {wrong or 'it has too many points'}")
    return mark
