"""Actions on a Dask cluster: bytes go by the shared store, and by Dask only what is wanted and what became of it, as JSON.

Dask runs an action again when the machine that had it died, and may run it twice at once; both are harmless (`worker`). A
lost scheduler is waited for, for a while. Knows no plan, no provider and no price.
"""

import asyncio
import logging
import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any

from distributed import CancelledError, Client, Future, LocalCluster, Security
from distributed.client import ClosedClientError
from distributed.scheduler import KilledWorker, NoValidWorkerError

from shotbuild.engine.dispatch import Place, Returned, read_returned
from shotbuild.engine.farmhand import perform, stop, topic_of
from shotbuild.errors import Cancelled, FarmError

PATIENCE = 30.0
"""Seconds for which a scheduler that went away is waited for."""
CONNECT, CLOSE = 10.0, 5.0
GLANCE_SECONDS = 0.1
CENSUS_SECONDS = 2.0
WAITED = 10.0
"""Seconds after which it is said that nobody takes what is asked."""
LOGGERS = ("distributed", "distributed.client", "distributed.gc", "bokeh", "tornado", "tornado.application")
CPU = "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A worker of the cluster. declares: its resources, and how many of each."""

    address: str
    name: str
    threads: int
    declares: Mapping[str, float]

    @property
    def hands(self) -> int:
        return max(1, min(self.threads, int(self.declares.get(CPU, self.threads))))


@dataclass(frozen=True, slots=True)
class Line:
    """A client, how its cluster is called in words, and what lets go of both."""

    client: Client
    shown: str
    end: Callable[[], None]


class _Why(Enum):
    ENDED = "ended"
    STOPPED = "stopped"
    LOST = "lost"
    AGAIN = "again"


@dataclass(slots=True, eq=False)
class _Call:
    """One dispatch under way. only: the machines that may take it, empty = any; needs: what it demands of one."""

    needs: Collection[str]
    only: frozenset[str]
    began: float
    over: threading.Event = field(default_factory=threading.Event)
    why: _Why = _Why.ENDED

    def end(self, why: _Why) -> None:
        if not self.over.is_set():
            self.why = why
            self.over.set()


class Cluster:
    """One Dask cluster, for one build. line: closed with it; serve: what a machine does with a dispatch; heard: takes what
    machines tell of what they make; warn: told in words; cancel: of the build; patience: seconds for which a scheduler that
    went away is waited for."""

    def __init__(
        self,
        line: Line,
        build: str,
        serve: Callable[[str, Place], str],
        heard: Callable[[Mapping[str, Any]], None],
        warn: Callable[[str], None],
        cancel: threading.Event,
        patience: float = PATIENCE,
    ) -> None:
        client, self.shown, self._end = line.client, line.shown, line.end
        self._patience = client._timeout = patience
        self._client, self._build, self._serve = client, build, serve
        self._heard, self._warn, self._cancel = heard, warn, cancel
        self._machines: dict[str, Machine] = {}
        self._unfit: set[str] = set()
        self._calls: set[_Call] = set()
        self._told: set[str] = set()
        self._over: _Why | None = None
        self._blamed = False
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._back = threading.Event()
        self._back.set()
        self._listen()
        self._counted(client.scheduler_info())
        client.loop.add_callback(self._census)
        self._watcher = threading.Thread(target=self._watch, name="farm", daemon=True)
        self._watcher.start()

    # --- asking -------------------------------------------------------------------------------------------------------

    def fit(self, avoid: Collection[str] = (), needs: Iterable[str] = ()) -> list[Machine]:
        """The machines that could take something. needs: what they have to declare."""
        return [
            each
            for each in list(self._machines.values())
            if each.address not in self._unfit and each.address not in avoid and all(name in each.declares for name in needs)
        ]

    def leave_out(self, address: str) -> bool:
        """Asks nothing more of a machine. False where that was so before."""
        with self._lock:
            new = address not in self._unfit
            self._unfit.add(address)
        return new

    def hands(self) -> int:
        return sum(each.hands for each in self.fit())

    def demands(self, needs: Sequence[str]) -> list[str]:
        """Of what an action would like to have a machine declare, as much as one of them does: what none declares would be
        waited for in vain."""
        found: list[str] = []
        for name in needs:
            if self.fit(needs=[*found, name]):
                found.append(name)
        return found

    def ask(
        self, key: str, text: str, needs: Sequence[str], priority: int, avoid: Collection[str], stopped: Callable[[], bool]
    ) -> Returned:
        """Has a dispatch made. key: the same for the same actions; avoid: addresses of machines that may not take it.

        Errors: Cancelled; FarmError."""
        attempt = 0
        while True:
            self._check(stopped)
            demanded = self.demands(needs)
            barred = bool(avoid or self._unfit)
            only = frozenset(each.address for each in self.fit(avoid, demanded)) if barred else frozenset[str]()
            call = _Call(needs=demanded, only=only, began=time.monotonic())
            said = self._called(call, f"{key}-{self._build}-{attempt}" if attempt else key, text, priority)
            if said is not None:
                return read_returned(said)
            attempt += 1
            self._closing.wait(GLANCE_SECONDS)
            self._back.wait()

    def _called(self, call: _Call, key: str, text: str, priority: int) -> object:
        """What was returned; None = it has to be asked again, or to be looked at why not."""
        with self._lock:
            self._calls.add(call)
        try:
            if self._over is not None:
                return None
            future = self._client.submit(
                perform,
                self._serve,
                text,
                key=key,
                resources=dict.fromkeys(call.needs, 1) or None,
                workers=sorted(call.only) or None,
                priority=priority,
                retries=0,
                pure=False,
            )
            future.add_done_callback(lambda _: call.end(_Why.ENDED))
            call.over.wait()
            if call.why is _Why.ENDED:
                return self._result(future)
            with suppress(Exception):
                future.release()
            return None
        except (CancelledError, TimeoutError, OSError, ClosedClientError):
            return None  # the line was lost, or somebody else took it back
        finally:
            with self._lock:
                self._calls.discard(call)

    def _result(self, future: "Future[Any]") -> object:
        try:
            return future.result(timeout=PATIENCE)
        except (CancelledError, TimeoutError, OSError, ClosedClientError):
            raise
        except KilledWorker as error:
            raise FarmError(
                "the machines that made it died, one after the other",
                cause=str(error).partition("Inspecting")[0].strip(),
                hint="look into the logs of the workers: it may need more memory than they have",
            ) from error
        except NoValidWorkerError as error:
            raise FarmError(
                f"no machine of the farm at {self.shown} took it", cause=str(error), hint="start workers that declare it"
            ) from error
        except Exception as error:  # a machine that could not even begin: what it lacks may be anything
            raise FarmError(
                "a machine of the farm cannot run steps",
                cause=f"{type(error).__name__}: {error}",
                hint="install the same shotbuild, with its extra `farm`, on the scheduler and all workers",
            ) from error

    def _check(self, stopped: Callable[[], bool]) -> None:
        """Errors: Cancelled; FarmError, once: what else was under way is told to have been stopped by that."""
        if self._over is _Why.STOPPED or stopped():
            raise Cancelled("the build was stopped")
        if self._over is not _Why.LOST:
            return
        with self._lock:
            first, self._blamed = not self._blamed, True
        if not first:
            raise Cancelled(f"the farm at {self.shown} is lost")
        raise FarmError(
            f"the farm at {self.shown} is lost",
            cause=f"its scheduler did not come back within {self._patience:.0f} s",
            hint="what was made is kept: start the scheduler and its workers, and build again",
        )

    # --- watching -----------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        away = False
        while not self._closing.wait(GLANCE_SECONDS):
            status = self._client.status
            if self._cancel.is_set() and self._over is None:
                self._finish(_Why.STOPPED)
                self._stop_machines()
            if status in ("closing", "closed") and self._over is None:
                self._finish(_Why.LOST)
            if status == "connecting" and not away:
                away = True
                self._back.clear()
                self._warn(
                    f"the connection to the farm at {self.shown} was lost; it is tried again for {self._patience:.0f} s"
                )
            elif status == "running" and away:
                away = False
                self._listen()
                self._back.set()
                self._warn(f"the farm at {self.shown} is there again")

    def _finish(self, why: _Why) -> None:
        with self._lock:
            self._over = why
            calls = list(self._calls)
        for call in calls:
            call.end(why)
        self._back.set()

    def _stop_machines(self) -> None:
        if self._client.status != "running":
            return
        with suppress(Exception):  # who cannot be told any more runs to its end, and what it makes is kept
            self._client.sync(
                self._client._run,
                stop,
                self._build,
                on_error="ignore",
                callback_timeout=5,
            )

    def _listen(self) -> None:
        self._client.subscribe_topic(topic_of(self._build), self._take)

    def _take(self, event: Any) -> None:
        said = event[1] if isinstance(event, tuple | list) and len(event) == 2 else event
        if not isinstance(said, dict):
            return
        warning = said.get("warning")
        if isinstance(warning, str):
            self._say_once(warning)
        else:
            self._heard(said)

    def _say_once(self, sentence: str) -> None:
        with self._lock:
            new = sentence not in self._told
            self._told.add(sentence)
        if new:
            self._warn(sentence)

    async def _census(self) -> None:
        """Asks again and again which machines there are."""
        while not self._closing.is_set():
            await asyncio.sleep(CENSUS_SECONDS)
            if self._client.status != "running" or self._client.scheduler is None:
                continue
            try:
                self._counted(await self._client.scheduler.identity(n_workers=-1))
            except Exception:  # noqa: S112 - it went away while it was asked, which others tell
                continue

    def _counted(self, info: Mapping[str, Any]) -> None:
        self._machines = {
            str(address): Machine(
                address=str(address),
                name=str(each.get("name", address)),
                threads=int(each.get("nthreads", 1)),
                declares=dict(each.get("resources") or {}),
            )
            for address, each in dict(info.get("workers") or {}).items()
        }
        with self._lock:
            calls = list(self._calls)
        for call in calls:
            if call.only and not call.only & self._machines.keys():
                call.end(_Why.AGAIN)  # all that might have taken it are gone, and others may have come
        waiting = [call for call in calls if time.monotonic() - call.began > WAITED]
        if waiting and not self._machines:
            self._say_once(f"no worker is at {self.shown} yet: steps wait for one")
        for call in waiting:
            if call.needs and self._machines and not self.fit(needs=call.needs):
                self._say_once(f"no worker at {self.shown} declares {' and '.join(call.needs)} any more: steps wait for one")

    def close(self) -> None:
        self._closing.set()
        self._watcher.join()
        self._end()


def quiet() -> None:
    """What Dask would say in our terminal is nothing that a reader of ours can act on, and nothing that we do not say."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False
    warnings.filterwarnings("ignore", module=r"distributed(\..*)?$")


def connect(address: str) -> Line:
    """A line to the scheduler at an address, with the certificates of Dask's own configuration. Errors: FarmError."""
    quiet()
    try:
        client = Client(address, timeout=CONNECT, set_as_default=False, name="shotbuild")
    except (OSError, TimeoutError) as error:
        raise FarmError(
            f"no scheduler answers at {address}",
            cause=_first_line(error),
            hint="start one with `dask scheduler`, or look whether the address, the port and the certificates are right",
        ) from error
    except (TypeError, ValueError, RuntimeError) as error:
        raise FarmError(
            f"the scheduler at {address} cannot be asked",
            cause=_first_line(error),
            hint="Dask reads certificates from DASK_DISTRIBUTED__COMM__TLS__CA_FILE and …__TLS__CLIENT__CERT and __KEY",
        ) from error
    return Line(client, address, partial(_closed, client))


def grown(machines: int, folder: str) -> Line:
    """A cluster on this machine alone. machines: how many processes; folder: for what they need. Its scheduler asks for a
    certificate that only we have: whoever has an account here could otherwise run programs as us."""
    quiet()
    cluster = LocalCluster(
        n_workers=machines,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        security=Security.temporary(),
        local_directory=folder,
        silence_logs=logging.CRITICAL,
        memory_limit=0,
    )
    client = Client(cluster, timeout=CONNECT, set_as_default=False, name="shotbuild")
    return Line(client, "this machine", partial(_closed, client, cluster))


def _closed(*parts: Any) -> None:
    for each in parts:
        with suppress(Exception):
            each.close(timeout=CLOSE)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
