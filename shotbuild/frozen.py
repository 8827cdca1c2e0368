"""What a frozen call does not do: it makes no take, spends nothing, and writes nothing that Git keeps.

`--frozen` says so for one call, SHOTBUILD_FROZEN=1 for all that see it: so somebody else's branch is built.
"""

import os
from collections.abc import Mapping

from shotbuild.errors import GateError, PlanError

VARIABLE = "SHOTBUILD_FROZEN"
WORDS = {"": False, "0": False, "1": True}
ELSEWHERE = f"run it where {VARIABLE} is not set, and commit what it writes"


def is_frozen(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment says so. Errors: PlanError when it says neither yes nor no."""
    said = environment.get(VARIABLE, "")
    if said not in WORDS:
        raise PlanError(
            f"the environment variable {VARIABLE} is {said[:80]!r}, which means nothing",
            cause="a call that should be frozen must not go on as if it were not",
            hint="set it to 1, or to 0 or nothing",
        )
    return WORDS[said]


def refuse_frozen(what: str) -> None:
    """what: a sentence of what would be done. Errors: GateError where the environment says frozen."""
    if is_frozen():
        raise GateError(f"{what}, and {VARIABLE} is set", hint=ELSEWHERE)
