"""The words for what stands for a shot, which `plan`, `status` and `explain` share."""

import re
from collections.abc import Iterable, Sequence

from shotbuild.plan.choose import Choice
from shotbuild.plan.gates import disputed
from shotbuild.standing import decided

KEY = re.compile(r'[-+]\s*"([^"]+)":')
INDENT = " " * 4


def sentence(choice: Choice) -> str:
    """What stands for a shot and who chose it: `t3 approved by Ann Lee <…> (director); the spec has moved on: prompt`."""
    take = "" if choice.take is None else f"t{choice.take.number} "
    people = ", ".join(decided(choice.decisions))
    moved = f"; the spec has moved on: {', '.join(moved_on(choice.moved_on))}" if choice.stale else ""
    return f"{take}{choice.how}{f' by {people}' if people else ''}{moved}"


def moved_on(lines: Iterable[str]) -> list[str]:
    """The names of what differs, from the lines that do."""
    found = [match[1] for line in lines if (match := KEY.match(line))]
    return list(dict.fromkeys(found)) or ["the recipe"]


def ways_out(shots: Sequence[str]) -> tuple[str, ...]:
    """What a person may do when the spec of chosen takes has moved on."""
    name = shots[0] if len(shots) == 1 else "SHOT"
    return (
        f"keep it:    do nothing, the take stays in every cut; `shotbuild approve {name} --keep` says that it is meant",
        f"reopen it:  `shotbuild reopen {name}`, and the next build makes what the spec says now",
        f"try beside: `shotbuild roll {name}` makes a new take, and the chosen one stays until a person decides",
    )


def conflict_lines(choice: Choice) -> list[str]:
    """Both sides of decisions that contradict each other, and how to settle them; none when there are none."""
    error = disputed([choice])
    if error is None:
        return []
    sides = [f"{INDENT}{side.strip()}" for side in (error.cause or "").splitlines()]
    return [f"{error.message}:", *sides, f"{INDENT}{error.hint}"]


def choice_content(choice: Choice) -> dict[str, object]:
    """What stands for a shot, for `--json`. conflict: the sides, as sentences."""
    error = disputed([choice])
    return {
        "shot": choice.shot,
        "how": choice.how,
        "take": None if choice.take is None else choice.take.name,
        "number": None if choice.take is None else choice.take.number,
        "stale": choice.stale,
        "differs": list(choice.moved_on),
        "conflict": [side.strip() for side in error.cause.splitlines()] if error is not None and error.cause else [],
        "decided": list(decided(choice.decisions)),
    }
