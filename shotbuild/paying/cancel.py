"""Takes back what is under way, where its service can do that."""

from dataclasses import dataclass

from shotbuild.engine.journal import Entry, Phase
from shotbuild.engine.operations import Line
from shotbuild.errors import PlanError, ProviderError
from shotbuild.paying.named import STANDS
from shotbuild.providers.interface import Provider, Service, State, Status, is_service
from shotbuild.purchasing import Lines
from shotbuild.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """What became of a wish to cancel. entry: as it stands now; taken_back: whether the service did; said: how the service
    says that it stands, `""` where it says nothing."""

    entry: Entry
    taken_back: bool
    said: str


def service_of(workspace: Workspace, name: str) -> Service:
    """Errors: PlanError when no such service is installed any more."""
    provider: Provider | None = workspace.registry.providers.get(name)
    if provider is None or not is_service(provider):
        raise PlanError(f"no service is called {name!r} here", hint="install the package that offers it")
    return provider


def refuse(entry: Entry) -> None:
    """Errors: PlanError when there is nothing to take back."""
    if entry.phase is Phase.SUBMITTED:
        return
    said = f"{entry.name} {STANDS[entry.phase]}"
    if entry.phase in (Phase.INTENT, Phase.UNKNOWN):
        raise PlanError(
            f"{said}, so there is no id under which it could be cancelled",
            hint=f"`shotbuild recover` looks it up; or find it on {entry.provider}'s own page and cancel it there",
        )
    raise PlanError(f"{said}, so there is nothing to cancel", hint="`shotbuild jobs` lists what is under way")


def cancel(workspace: Workspace, entry: Entry, lines: Lines) -> Cancelled:
    """Asks the service to take an operation back, and writes down that it did. Nothing is changed when it did not. Errors:
    PlanError when there is nothing to take back; ProviderError when the service cannot be asked."""
    refuse(entry)
    assert entry.operation is not None, "what was submitted has an id"
    journal, service = workspace.rooms.journal, service_of(workspace, entry.provider)
    taken_back = service.cancel(entry.operation, lines.connect(service))
    status = _looked_at(service, entry, lines.connect(service))
    if taken_back or (status is not None and status.state is State.CANCELLED):
        taken_back = True
        now = journal.entry(entry.id)
        # A build that watches it may have seen that it was cancelled, and written it down, a moment ago.
        if now is not None and now.phase is Phase.SUBMITTED:
            journal.charged(entry.id, None if status is None else status.charged)
            journal.cancelled(entry.id, "a person cancelled it")
    said = "" if status is None else status.word or status.state.value
    return Cancelled(entry=journal.entry(entry.id) or entry, taken_back=taken_back, said=said)


def _looked_at(service: Service, entry: Entry, line: Line) -> Status | None:
    assert entry.operation is not None, "the caller looked"
    try:
        return service.poll(entry.operation, line)
    except ProviderError:
        return None
