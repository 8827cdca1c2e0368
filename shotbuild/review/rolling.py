"""More takes for somebody who looks at a shot: what they cost, and then `shotbuild roll` itself, as a program of its own. So
it spends by the same rules, survives this server, and what it does is seen as with every build."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread

from shotbuild.errors import GateError, LimitReached, PlanError, ProcessError
from shotbuild.host import process
from shotbuild.review.deeds import NotTheirs
from shotbuild.review.scope import Scope
from shotbuild.units import counted, parse_money
from shotbuild.workspace import Workspace

MOST = 100
"""So many takes at once; more are rolled by the command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """possible: a build would not stop before it began; price: what it costs at most, empty = nothing; says: all of it."""

    possible: bool
    price: str
    says: str


def offer(workspace: Workspace, scope: Scope, shot: str, count: int) -> Offer:
    """What so many more takes of a shot cost. Errors: NotTheirs; PlanError for a count that is none; those of a plan."""
    if shot not in scope.shots or shot not in workspace.chosen:
        raise NotTheirs(f"there is no shot {shot!r} that takes are made of")
    if not 1 <= count <= MOST:
        raise PlanError(f"{count} takes at once are not rolled here", hint=f"say 1 to {MOST}, or use `shotbuild roll`")
    try:
        planned = workspace.plan_rolls({shot: count})
    except LimitReached as error:
        return Offer(possible=False, price="", says=_told(error.message, error.hint))
    stop = next(iter(planned.stops), None)
    if stop is not None:
        return Offer(possible=False, price="", says=_told(stop.message, stop.hint))
    if planned.bill.free:
        return Offer(possible=True, price="", says=f"{counted(count, 'take')} of {shot}: free")
    if planned.bill.unknown or len(planned.bill.known) > 1:
        return Offer(possible=False, price="", says=f"{planned.bill}: use `shotbuild roll` with a --max-cost")
    money = planned.bill.known[0]
    over = next((cap for cap in planned.caps if money.amount + cap.spent > cap.limit.amount), None)
    says = f"{counted(count, 'take')} of {shot}: {money}{'' if planned.bill.exact else ', estimated'}"
    if over is not None and over.limit.amount:
        return Offer(possible=False, price="", says=f"{says}, and {over.of} is {over.limit}")
    return Offer(possible=True, price=str(money), says=says)


class Rolls:
    """root: the project's folder; tell: told how each ended, in a sentence, with whether it went wrong."""

    def __init__(self, root: Path, tell: Callable[[str, bool], None] = lambda _, __: None) -> None:
        self._root, self._tell = root, tell
        self._lock = Lock()
        self._rolling: set[str] = set()

    def start(self, workspace: Workspace, scope: Scope, body: Mapping[str, object]) -> str:
        """body: `shot`, `count`, `price` as it was offered. Says what was begun. Errors: GateError when it costs something
        else by now; those of `offer`."""
        shot, count, price = body.get("shot"), body.get("count"), body.get("price") or ""
        if not isinstance(shot, str) or not isinstance(count, int) or isinstance(count, bool) or not isinstance(price, str):
            raise PlanError("a roll needs `shot`, `count` and `price`", hint="load the page again")
        now = offer(workspace, scope, shot, count)
        if not now.possible:
            raise GateError(now.says)
        if now.price != price:
            raise GateError(
                f"{now.says}; that is not the price that was confirmed", cause=f"confirmed: {price or 'free'}",
                hint="look at the price again",
            )  # fmt: skip
        with self._lock:
            if shot in self._rolling:
                raise GateError(f"takes of {shot} are being rolled from this page already", hint="wait for these")
            self._rolling.add(shot)
        cap = ["--max-cost", str(parse_money(price))] if price else []
        argv = [sys.executable, "-m", "shotbuild", "roll", shot, "-n", str(count), *cap, "--project", str(self._root)]
        Thread(target=self._roll, args=(shot, count, argv), name=f"roll-{shot}", daemon=True).start()
        return f"{counted(count, 'take')} of {shot} under way"

    def _roll(self, shot: str, count: int, argv: list[str]) -> None:
        try:
            process.run(argv, cwd=self._root)
        except ProcessError as error:
            self._tell(_told(f"{counted(count, 'take')} of {shot} could not be made", error.cause), True)
        else:
            self._tell(f"{counted(count, 'take')} of {shot} made", False)
        finally:
            with self._lock:
                self._rolling.discard(shot)


def _told(message: str, more: str | None) -> str:
    return f"{message}: {more}" if more else message
