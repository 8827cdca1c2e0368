"""Which machines run the steps of a build, and which steps may go there. What Dask needs is loaded when one goes."""

import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shotbuild import __version__
from shotbuild.built import BuildOptions
from shotbuild.casting import UNPINNED, Casting
from shotbuild.engine.executor import Executor
from shotbuild.engine.farm import Farm
from shotbuild.errors import PlanError, PluginError
from shotbuild.host.forks import cores
from shotbuild.host.loopback import on_loopback
from shotbuild.host.objects.folder import FolderObjects
from shotbuild.plan.graph import Plan, upstream
from shotbuild.plugins import load
from shotbuild.providers.interface import travels
from shotbuild.records import DASK, Project, Step, StoreUse
from shotbuild.rooms import Rooms
from shotbuild.sharing import use_of
from shotbuild.store.shared import Shared
from shotbuild.store.tiered import TieredBlobs
from shotbuild.worker import serve

ON = "SHOTBUILD_ON"
HERE, LOCAL = "here", "local"
PLAIN, ENCRYPTED = ("tcp", "ws"), ("tls", "wss")
ADDRESS = re.compile(r"(?:(?P<scheme>[a-z]+)://)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/:@\[\]]+):(?P<port>\d{1,5})")
CPU, GPU = "cpu", "gpu"
LAST_PORT = 65535
STEPS = 1000
"""More than any plan is deep: a priority that was written counts before the depth."""
USER = re.compile(r"(?<=://)[^/@]*@")


def farm_of(project: Project, options: BuildOptions, environ: Mapping[str, str] | None = None) -> str | None:
    """The address of the cluster that a build goes to; `local` = one is started here for it; None = there is none.

    Errors: PlanError for an address that is none, that is missing, or that is reached in the clear."""
    said = options.on or (os.environ if environ is None else environ).get(ON, "").strip()
    if not said and project.settings.executor == DASK:
        raise PlanError(
            "the project is built on a Dask cluster, and nobody says which",
            cause="shotbuild.yaml says `executor: dask`",
            hint=f"say `--on tls://HOST:8786` or set {ON}; `--on local` tries it on this machine, `--on here` does without",
        )
    if said in ("", HERE):
        return None
    return said if said == LOCAL else _checked(said, insecure=options.insecure)


def _checked(address: str, *, insecure: bool) -> str:
    found = ADDRESS.fullmatch(address)
    if found is None or (found["scheme"] or "tcp") not in (*PLAIN, *ENCRYPTED) or int(found["port"]) > LAST_PORT:
        raise PlanError(
            f"{address[:200]!r} is no address of a Dask scheduler",
            hint=f"write `tcp://127.0.0.1:8786`, `tls://HOST:8786`, `{LOCAL}` or `{HERE}`",
        )
    scheme, host = found["scheme"] or "tcp", found["host"].strip("[]")
    if scheme not in ENCRYPTED and not on_loopback(host) and not insecure:
        raise PlanError(
            f"{address} would be reached in the clear",
            cause="who reaches a Dask scheduler without certificates runs programs on all of its machines, and on this one",
            hint="start it with certificates and say `tls://…` (docs/farm.md), or say `--insecure` in a network of your own",
        )
    return f"{scheme}://{found['host']}:{found['port']}"


@dataclass(frozen=True)
class Farming:
    """The steps of a plan that may go to the cluster at an address, and what they want of its machines."""

    address: str
    plan: Plan
    project: Project
    casting: Casting

    def goes(self, step: Step) -> bool:
        """A step that asks nobody may; one that asks a provider where that travels, is pinned, and costs nothing: what costs
        is asked for by the machine that keeps the journal."""
        if step.use is None:
            return True
        pin = step.recipe.pins[0]
        if not travels(self.casting.providers.get(pin.provider)) or pin.version == UNPINNED:
            return False
        return self.casting.terms(step) is None and self.casting.price(step).amount == 0

    def needs(self, step: Step) -> tuple[Sequence[str], Sequence[str]]:
        """The resources that a machine has to declare for a step, and those that one should have if any declares them."""
        provider = None if step.use is None else self.casting.providers.get(step.recipe.pins[0].provider)
        declared = provider.declared if travels(provider) else ""
        return ([declared], [GPU]) if declared else ([], [CPU])

    def lane(self, step: Step) -> tuple[str, int] | None:
        """As `Casting.lane`; what stays here is in one of its own, so that it does not hold up what goes."""
        lane = self.casting.lane(step)
        return lane if lane is not None or self.goes(step) else ("", cores())

    def urgency(self) -> Callable[[Step], int]:
        """Of each step: as it was written, and of equals the one that is nearer to the end."""
        depth: dict[str, int] = {}
        for step in self.plan.steps:  # in order of need
            depth[step.name] = 1 + max((depth[name] for name in upstream(step)), default=0)
        return lambda step: step.priority * STEPS + min(STEPS - 1, depth.get(step.name, 0))

    def opened(
        self,
        rooms: Rooms,
        options: BuildOptions,
        folder: Path,
        build: str,
        cancel: threading.Event,
        heard: Callable[[str, str, int | None], None],
    ) -> Executor:
        """The farm, connected. folder: the build's own; heard: told the key of an action, words, and percents.

        Errors: PlanError, FarmError, StoreError."""
        store, shared = _store(self.address, self.project, rooms, folder)
        with ExitStack() as held:
            line = (
                _dask("grown")(options.jobs or cores(), str(folder))
                if self.address == LOCAL
                else _dask("connect")(self.address)
            )
            held.callback(line.end)
            cluster = _dask("Cluster")(line, build, serve, lambda said: _hear(said, heard), rooms.warn, cancel)
            held.callback(cluster.close)
            farm = Farm(
                cluster,
                build=build,
                version=__version__,
                store=store,
                shared=shared,
                blobs=TieredBlobs(rooms.local, lambda: shared, lambda: rooms.folder("fetching")),
                needs=self.needs,
                urgency=self.urgency(),
                # Takes are kept where they were asked for; all the rest stays in the shared store until somebody reads it.
                fetches=lambda step: self.address == LOCAL or step.generates,
                folder=folder,
                warn=rooms.warn,
                cancel=cancel,
                jobs=None if self.address == LOCAL else options.jobs,
            )
            held.pop_all()
            return farm


def farming_of(plan: Plan, project: Project, casting: Casting, options: BuildOptions) -> Farming | None:
    """None = all steps of a build run here. Errors: as `farm_of`."""
    address = farm_of(project, options)
    return None if address is None else Farming(address, plan, project, casting)


def _store(address: str, project: Project, rooms: Rooms, folder: Path) -> tuple[StoreUse, Shared]:
    """Where machines find bytes, as they are told of it, and as it is seen from here."""
    shared, use = rooms.shared, use_of(project.settings.store)
    if shared is None or use is None:
        if address != LOCAL:
            raise PlanError(
                "a farm needs a store that all of its machines share",
                cause="the project names none",
                hint="add `store: s3://bucket/prefix`, or a folder that all of them have mounted, to shotbuild.yaml",
            )
        place = folder / "farm"
        return StoreUse(address=str(place)), Shared(FolderObjects(place), {}, rooms.warn)
    if not shared.writes:
        raise PlanError(
            f"a farm needs a store that can be written, and nothing is put into {shared.shown}",
            cause="`push: nothing`",
            hint="say `push: takes`, or `--on here`",
        )
    plain = USER.sub("", use.address)
    scheme, mark, _ = plain.partition("://")
    if not mark or scheme == "file":
        plain = os.path.abspath(rooms.root / plain.removeprefix("file://"))
    return replace(use, address=plain), shared


def _dask(name: str) -> Any:
    """Something of the module that knows Dask. Errors: PlanError when Dask is not installed."""
    try:
        return load(f"shotbuild.engine.dask:{name}", "the farm")
    except PluginError as error:
        raise PlanError(
            "Dask is not installed", cause=error.cause, hint="install it with `pip install 'shotbuild[farm]'`"
        ) from error


def _hear(said: Mapping[str, Any], heard: Callable[[str, str, int | None], None]) -> None:
    """What a machine tells of a step: where it runs, and how far it has come."""
    key, machine, percent = said.get("key"), said.get("machine"), said.get("percent")
    if isinstance(key, str) and isinstance(machine, str):
        heard(key, f"on {machine[:80]}", percent if isinstance(percent, int) and 0 <= percent <= 100 else None)
