"""What happens, for pages that are open: server-sent events of the project, of running builds, of what pages waited for."""

import json
import time
from collections import deque
from collections.abc import Iterable
from threading import Lock
from typing import Any

from shotbuild.progress import Build, Failure
from shotbuild.review.board import Working
from shotbuild.takes.proxies import COMMAND as PROXIES

REMEMBERED = 500
SHOWN = 20
"""Steps of a build that are named at once."""


class Bulletin:
    """What was said lately, for any number of readers: each asks for what came since it last asked."""

    def __init__(self) -> None:
        self._said: deque[tuple[int, str, dict[str, Any]]] = deque(maxlen=REMEMBERED)
        self._count = 0
        self._lock = Lock()

    def say(self, event: str, **content: Any) -> None:
        with self._lock:
            self._count += 1
            self._said.append((self._count, event, content))

    def since(self, number: int | None) -> tuple[int, list[tuple[str, dict[str, Any]]]]:
        """number: of what was heard last, None = nothing old is wanted. Gives the number to ask with next."""
        with self._lock:
            if number is None:
                return self._count, []
            return self._count, [(event, content) for at, event, content in self._said if at > number]


def event(name: str, content: object) -> str:
    """One server-sent event. No line end stands in JSON, so nothing in it ends it."""
    return f"event: {name}\ndata: {json.dumps(content)}\n\n"


def told(builds: Iterable[Build]) -> list[dict[str, Any]]:
    """Builds that work now, as pages read them: what runs, for how long, what it costs, what is left."""
    now = time.time()
    return [
        {
            "command": build.command,
            "seconds": max(0, int(now - build.began)),
            "steps": build.steps,
            "done": min(build.done, build.steps),
            "failed": build.failed,
            "left": build.left,
            "cost": " of ".join(each for each in (build.price, build.expected) if each),
            "running": [
                {
                    "step": each.step,
                    "seconds": max(0, int(now - each.since)),
                    "says": each.says or (f"asks {each.use}" if each.use else each.stage),
                }
                for each in list(build.running.values())[:SHOWN]
            ],
            "more": max(0, len(build.running) - SHOWN),
        }
        for build in builds
        if build.command != PROXIES  # what pages wait for is told by their pictures
    ]


def working(builds: Iterable[Build], failures: Iterable[Failure]) -> Working:
    """What they do, or failed to do, for shots."""
    generating: dict[str, str] = {}
    for build in builds:
        for each in build.running.values():
            for shot in each.shots if each.takes else ():
                said = f"{each.says} at {each.use}" if each.says and each.use else each.says or f"asks {each.use}"
                generating[shot] = said if each.use else "being drawn"
    failed: dict[str, tuple[str, str]] = {}
    for failure in sorted(failures, key=lambda each: each.at):
        for shot in failure.shots if failure.takes else ():
            failed[shot] = failure.why, failure.asked
    return Working(generating=generating, failed=failed)
