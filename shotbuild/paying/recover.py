"""Clears up what was left behind: collects it, shows what only a person can know, and takes that person's word.

Nothing in here submits anything. What a person says is written into the journal; the next build acts on it.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction

from shotbuild.digest import of_text
from shotbuild.engine.journal import Entry, Journal, Phase
from shotbuild.errors import PlanError, ProviderRefused, ShotbuildError
from shotbuild.host import files
from shotbuild.paying.cancel import service_of
from shotbuild.paying.collect import Collected, collect
from shotbuild.paying.named import STANDS, entry_named, wanted_of
from shotbuild.plan.forecast import CACHED, forecast
from shotbuild.providers.interface import Recalls, Service, State
from shotbuild.purchasing import Lines
from shotbuild.records import Operation, Price
from shotbuild.workspace import Workspace

ID = re.compile("[!-~]{1,500}")
TO_COLLECT = (Phase.INTENT, Phase.SUBMITTED, Phase.FETCHED)
FORGIVABLE = (Phase.UNKNOWN, Phase.FAILED, Phase.REFUSED)
SAME = "if the specs still ask for exactly this"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """collected: what was looked at; unknown: what only a person can clear up."""

    collected: tuple[Collected, ...]
    unknown: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a person said of an operation. verb: `adopt`, `lost` or `retry`; entry: as it stands now; next: what a build
    does now, as a sentence; collected: of an adopted one, what was found."""

    verb: str
    entry: Entry
    next: str
    collected: Collected | None = None


def recover(workspace: Workspace, lines: Lines) -> Recovered:
    """Looks once at all that has not ended. Errors: as of `collect`; StoreError when the journal cannot be read."""
    journal = workspace.rooms.journal
    collected = collect(workspace, [entry for entry in journal.unfinished() if entry.phase in TO_COLLECT], lines)
    return Recovered(
        collected=collected, unknown=tuple(entry for entry in journal.unfinished() if entry.phase is Phase.UNKNOWN)
    )


def adopt(workspace: Workspace, name: str, found: str, lines: Lines, *, unchecked: bool = False) -> Settled:
    """A person found an operation at its service. found: its id there; unchecked: the service is not asked whether it has
    it. Errors: PlanError when the operation has an id, or the id belongs to another one; ProviderRefused when the service
    does not know it; ProviderError when it cannot be asked."""
    journal = workspace.rooms.journal
    entry = entry_named(journal, name)
    if not ID.fullmatch(found):
        raise PlanError(
            f"{found[:80]!r} is no id of an operation", hint=f"copy it from the page of {entry.provider}, without spaces"
        )
    with _ours(workspace, entry):
        entry = entry_named(journal, name)
        _refuse(entry, (Phase.UNKNOWN, Phase.INTENT, Phase.LOST), "adopted")
        _refuse_second(journal, entry)
        service = service_of(workspace, entry.provider)
        operation = _operation(service, entry, found)
        answer = "" if unchecked else _checked(service, operation, lines)
        taken = journal.adopt(entry.id, operation, answer)
        if taken is not None:
            raise PlanError(
                f"{found[:80]!r} is the id of op{taken} already",
                cause=f"one operation makes one take, and op{taken} has it",
                hint=f"`shotbuild jobs show op{taken}` tells its story; look for another one on the service's page",
            )
    entry = entry_named(journal, name)
    if unchecked:
        return Settled(verb="adopt", entry=entry, next="the next build, or `shotbuild recover`, fetches it")
    (collected,) = collect(workspace, [entry], lines)
    return Settled(verb="adopt", entry=collected.entry, next=_after(collected), collected=collected)


def lost(workspace: Workspace, name: str, lines: Lines, *, unpaid: bool = False, unchecked: bool = False) -> Settled:
    """A person says that nothing came of an operation. unpaid: that nothing was billed for it either; unchecked: what is
    under way is given up without asking its service, which may charge for it. Errors: PlanError when it stands otherwise;
    ProviderError when the service cannot be asked."""
    if unpaid and unchecked:
        raise PlanError(
            "--unpaid and --unchecked do not go together",
            cause="what nobody has looked at may still be billed",
            hint="look at the bill first, then say --unpaid alone",
        )
    journal = workspace.rooms.journal
    entry = entry_named(journal, name)
    with _ours(workspace, entry):
        entry = entry_named(journal, name)
        _refuse(entry, (Phase.UNKNOWN, Phase.SUBMITTED), "given up as lost")
        if entry.phase is Phase.SUBMITTED:
            if unchecked:
                workspace.rooms.warn(f"{entry.name} may still be made by {entry.provider}, and charged for")
            else:
                _refuse_alive(workspace, entry, lines)
        if unpaid:
            journal.charged(entry.id, Price(amount=Fraction(0), currency=entry.price.currency, exact=True))
        bill = ", and that it was not billed" if unpaid else ""
        journal.lost(entry.id, f"a person says that nothing came of it{bill}")
    return Settled(verb="lost", entry=entry_named(journal, name), next=_prospect(workspace, entry))


def retry(workspace: Workspace, names: Sequence[str]) -> tuple[Settled, ...]:
    """A person says that what failed, was refused or is unknown may be asked for again, and so may what is done and whose
    bytes are not here any more. All are looked at before the first is changed. Errors: PlanError when one of them stands
    otherwise."""
    journal = workspace.rooms.journal
    entries = [entry_named(journal, name) for name in dict.fromkeys(names)]
    with ExitStack() as held:
        for entry in {each.action: each for each in entries}.values():
            held.enter_context(_ours(workspace, entry))
        entries = [entry_named(journal, each.name) for each in entries]
        for entry in entries:
            if not _is_gone(workspace, entry):
                _refuse(entry, FORGIVABLE, "tried again")
            _refuse_second(journal, entry)
        for entry in entries:
            if entry.phase is Phase.UNKNOWN:
                journal.lost(entry.id, "a person says that it may be asked for again")
            journal.forgive(entry.action)
    return tuple(
        Settled(verb="retry", entry=entry_named(journal, entry.name), next=_prospect(workspace, entry)) for entry in entries
    )


def looking_for(service: Service | None, entry: Entry) -> str:
    """How a person finds an operation on its service's own page, as a sentence."""
    who = "" if service is None or not service.keys else f", in the account of {' and '.join(service.keys[0])}"
    marks = [f"begun about {entry.began[:16].replace('T', ' ')} UTC", f"with model {entry.model}"]
    if entry.client in entry.sent:
        marks.insert(0, f"with our id {entry.client}")
    return f"on {entry.provider}'s own page{who}, one {', '.join(marks)}"


# --- inside ---------------------------------------------------------------------------------------------------------------


@contextmanager
def _ours(workspace: Workspace, entry: Entry) -> Iterator[None]:
    """While no build works on an operation. Errors: PlanError when one does."""
    lock = files.try_lock(workspace.rooms.folder("locks") / f"{entry.action}.lock")
    if lock is None:
        raise PlanError(
            f"a build is looking after {entry.name} just now", hint="let it end, or stop it; then say this again"
        )
    try:
        yield
    finally:
        lock.release()


def _refuse(entry: Entry, phases: Sequence[Phase], what: str) -> None:
    """Errors: PlanError when an operation is in none of these phases."""
    if entry.phase in phases:
        return
    remedies = {
        Phase.INTENT: "say `shotbuild recover` first: it looks up what became of it",
        Phase.SUBMITTED: f"`shotbuild recover` fetches it when it is done, `shotbuild jobs cancel {entry.name}` takes it "
        f"back, `shotbuild recover lost {entry.name} --unchecked` gives it up where its service cannot cancel",
        Phase.FETCHED: "`shotbuild recover` enters it in its shot's ledger",
        Phase.DONE: f"`shotbuild roll {entry.shot}` asks for more takes" if entry.shot else "there is nothing left to do",
        Phase.FAILED: f"`shotbuild recover retry {entry.name}` has it asked for again",
        Phase.REFUSED: f"change what it asks for, or say `shotbuild recover retry {entry.name}`",
    }
    raise PlanError(
        f"{entry.name} {STANDS[entry.phase]}, so it cannot be {what}",
        hint=remedies.get(entry.phase, "a build asks for it again without a word, if the specs still do"),
    )


def _is_gone(workspace: Workspace, entry: Entry) -> bool:
    """Whether it is done, and what it gave is not in the store any more."""
    blobs = workspace.rooms.blobs
    given = entry.result.outputs if entry.phase is Phase.DONE and entry.result is not None else ()
    return not all(blobs.has(digest) for _, digest in given)


def _refuse_alive(workspace: Workspace, entry: Entry, lines: Lines) -> None:
    """Errors: PlanError when the service still knows an operation; ProviderError when it cannot be asked."""
    assert entry.operation is not None, "what was submitted has an id"
    service = service_of(workspace, entry.provider)
    status = service.poll(entry.operation, lines.connect(service))
    if status.state is not State.GONE:
        raise PlanError(
            f"{entry.name} is not lost: {entry.provider} says of it {status.word or status.state.value!r}",
            hint=f"`shotbuild recover` looks after it, `shotbuild jobs cancel {entry.name}` takes it back, `shotbuild "
            f"recover lost {entry.name} --unchecked` gives it up all the same, though it may be charged",
        )


def _refuse_second(journal: Journal, entry: Entry) -> None:
    """Errors: PlanError when a later attempt at the same is under way."""
    now = journal.open(entry.action)
    if now is not None and now.id != entry.id:
        raise PlanError(
            f"{now.name} is a later attempt at what {entry.name} was asked for, and {STANDS[now.phase]}",
            hint=f"look after that one first: `shotbuild jobs show {now.name}`",
        )


def _operation(service: Service, entry: Entry, found: str) -> Operation:
    """What an adapter needs to ask after an operation that a person names. Some need more than the id, and know how to tell
    it from the call that was sent."""
    if not isinstance(service, Recalls):
        return Operation(provider=service.name, id=found, submitted=entry.began)
    try:
        sent = json.loads(entry.sent)
    except ValueError:
        sent = {}
    return service.recall(found, sent)


def _checked(service: Service, operation: Operation, lines: Lines) -> str:
    """The service's own words for an operation that it has."""
    line = lines.connect(service)
    try:
        status = service.poll(operation, line)
    except TypeError as error:
        raise PlanError(
            f"{service.name} cannot be asked after an operation by its id alone",
            cause=str(error),
            hint="fetch the clip from its own page, and bring it in with `shotbuild import FILE --as SHOT`",
        ) from error
    if status.state is State.GONE:
        raise ProviderRefused(
            f"{service.name} knows no operation {operation.id[:80]!r}",
            hint="copy the id once more; ids of other accounts and old ones are unknown to it as well",
        )
    return line.last


def _after(collected: Collected) -> str:
    if collected.take is not None:
        return f"it is {collected.take.shot} t{collected.take.number} now, and no build asks for it again"
    return {
        "collected": "it is in the store, and the next build uses it",
        "running": "the next build, or `shotbuild recover`, fetches it when it is done",
    }.get(collected.fate.value, "the next build looks after it")


def _prospect(workspace: Workspace, entry: Entry) -> str:
    """What the next build does about an action that is free to be asked for again."""
    again = f"the next build asks for it again, for {_about(entry)}"
    try:
        rooms = workspace.rooms
        told = forecast(workspace.whole, rooms.source, rooms.lookup_all, rooms.last)
    except ShotbuildError:
        return f"{again}, {SAME}; now they have errors, which `shotbuild lint` tells"
    for line in told:
        if line.manifest is not None and of_text(line.manifest).sha256 == entry.action:
            if line.state == CACHED:
                return "its shot has a take of it already, so nothing is asked for"
            take = rooms.ledgers.recorded(wanted_of(entry)) if line.step.generates else None
            if take is None:
                return again
            return (
                f"no build asks for it while {take.shot} t{take.number} stands in the ledger, though its bytes are not "
                f"here: `shotbuild reject {take.name} --why lost` has another one made"
            )
    if any(line.step.name == entry.step and (line.manifest is None or line.step.fallbacks) for line in told):
        return f"{again}, {SAME}"
    return "the specs no longer ask for exactly this, so no build does"


def _about(entry: Entry) -> str:
    price = entry.price
    return "an unknown price" if price.amount is None else f"about {float(price.amount):.2f} {price.currency}"
