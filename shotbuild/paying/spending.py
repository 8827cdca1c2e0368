"""What was spent, on what: the ledgers' takes and what the journal knows besides, each operation once.

Ledgers travel with the project, the journal stays on its machine: what others paid for is in the ledgers; what came to no
take, or is none, such as a paid upscale, is in the journal of who asked for it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from fractions import Fraction

from shotbuild.engine.journal import OWED, Entry, Phase
from shotbuild.errors import PlanError, nearest
from shotbuild.purchasing import caps_of
from shotbuild.records import Price, ShotState, Take
from shotbuild.spec.events import operation_of, paid_of, whole
from shotbuild.units import Money
from shotbuild.workspace import Workspace

BY = ("shot", "take", "provider", "model", "sequence", "month")
NO_SEQUENCE = "(in no sequence)"
NO_SHOT = "(no shot)"
UNDER_WAY = (Phase.INTENT, Phase.SUBMITTED, Phase.UNKNOWN)
WASTED = (Phase.FAILED, Phase.CANCELLED, Phase.LOST)
ZERO = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expense:
    """One operation that cost something, or may. take: its everyday name, `sh010 t3`, or that of the operation where there
    is none; month: `2026-11`; charged: whether the price is the service's word; under_way: whether it may come to nothing
    yet; wasted: whether nothing in use came of it; makes: a take."""

    shot: str
    take: str
    provider: str
    model: str
    month: str
    price: Price
    charged: bool
    under_way: bool
    wasted: bool
    makes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """What was spent in one currency. takes: how many were paid for; charged, estimated, under_way: together the total;
    wasted: what of it went into rejected takes and operations without one; unknown: operations that nobody knows a price of;
    approved: seconds of the approved takes that it went into."""

    name: str
    currency: str
    takes: int = 0
    charged: Fraction = ZERO
    estimated: Fraction = ZERO
    under_way: Fraction = ZERO
    wasted: Fraction = ZERO
    unknown: int = 0
    approved: Fraction = ZERO

    @property
    def total(self) -> Fraction:
        return self.charged + self.estimated + self.under_way

    @property
    def per_approved_second(self) -> Fraction | None:
        """None where nothing is approved."""
        return self.total / self.approved if self.approved else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A budget. sequence: whose, None = the project's; spent: what counts against it, with what is under way."""

    sequence: str | None
    limit: Money
    spent: Fraction

    @property
    def left(self) -> Fraction:
        return self.limit.amount - self.spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """rows: by name and currency; totals: by currency; budgets: of the whole project, whatever was asked for."""

    rows: tuple[Sum, ...]
    totals: tuple[Sum, ...]
    budgets: tuple[Left, ...]


def spending(workspace: Workspace, targets: Sequence[str] = (), by: str = "shot") -> Spending:
    """What was spent on some targets, all for none. by: one of BY. Errors: PlanError for a target or a BY that is none."""
    if by not in BY:
        close = nearest(by, BY)
        raise PlanError(
            f"costs cannot be told by {by[:80]!r}", hint=f"write `--by {close}`" if close else f"say one of {', '.join(BY)}"
        )
    _ = workspace.project  # ledgers are told of shots that moved when it is read
    states = workspace.rooms.ledgers.everything()
    meant = _meant(workspace, targets, states)
    sequences = workspace.casting.sequences
    names = _names_by(by, sequences)
    expenses = [each for each in _expenses(workspace, states) if meant is None or each.shot in meant]
    seconds = _approved_seconds(states, meant, names)
    whole_seconds = sum((take.seconds for _, take in _approved(states, meant)), ZERO)
    rows: dict[tuple[str, str], Sum] = {}
    totals: dict[str, Sum] = {}
    for each in expenses:
        currency = each.price.currency
        for name in names(each):
            key = name, currency
            rows[key] = _added(rows.get(key, Sum(name=name, currency=currency, approved=seconds.get(name, ZERO))), each)
        totals[currency] = _added(totals.get(currency, Sum(name="total", currency=currency, approved=whole_seconds)), each)
    return Spending(
        rows=tuple(rows[key] for key in sorted(rows)),
        totals=tuple(totals[key] for key in sorted(totals)),
        budgets=_budgets(workspace),
    )


def _expenses(workspace: Workspace, states: Mapping[str, ShotState]) -> Iterator[Expense]:
    """Every operation once: as its ledger has it, else as the journal has it."""
    told: set[str] = set()
    known: set[tuple[str, str]] = set()
    for shot, state in states.items():
        for take in state.takes:
            row = whole(take)
            operation = operation_of(row.operation)
            key = None if operation is None else (operation.provider, operation.id)
            if take.foreign or take.id in told or key in known:
                continue
            told.add(take.id)
            if key is not None:
                known.add(key)
            price = paid_of(row)
            if price.amount == 0:
                continue  # it was drawn here, and cost nothing
            yield Expense(
                shot=shot,
                take=f"{shot} t{take.number}",
                provider=row.pin.asked.provider if row.pin.asked else operation.provider if operation else "",
                model=row.pin.asked.model if row.pin.asked else "",
                month=take.made[:7],
                price=price,
                charged=row.cost.charged is not None and row.cost.charged.amount is not None,
                under_way=False,
                wasted=take.video.sha256 in state.rejected,
                makes=True,
            )
    now = {was: shot for shot, state in states.items() for was in state.formerly}
    for entry in workspace.rooms.journal.entries():
        key = None if entry.operation is None else (entry.operation.provider, entry.operation.id)
        if entry.phase in OWED and key not in known:
            yield _of_journal(entry, now.get(entry.shot, entry.shot) if entry.shot not in states else entry.shot)


def _of_journal(entry: Entry, shot: str) -> Expense:
    return Expense(
        shot=shot or NO_SHOT,
        take=f"{shot} {entry.name}".strip(),
        provider=entry.provider,
        model=entry.model,
        month=entry.began[:7],
        price=entry.owed,
        charged=entry.charged is not None and entry.charged.amount is not None,
        under_way=entry.phase in UNDER_WAY,
        wasted=entry.phase in WASTED,
        makes=False,
    )


def _added(to: Sum, each: Expense) -> Sum:
    amount = each.price.amount
    takes = to.takes + each.makes
    if amount is None:
        return replace(to, takes=takes, unknown=to.unknown + 1)
    if each.under_way:
        return replace(to, takes=takes, under_way=to.under_way + amount)
    wasted = to.wasted + (amount if each.wasted else 0)
    if each.charged:
        return replace(to, takes=takes, wasted=wasted, charged=to.charged + amount)
    return replace(to, takes=takes, wasted=wasted, estimated=to.estimated + amount)


def _names_by(by: str, sequences: Mapping[str, tuple[str, ...]]) -> Callable[[Expense], tuple[str, ...]]:
    """In which rows an expense is counted."""
    if by == "sequence":
        # A shot that two sequences show is in both rows, and in the total once.
        return lambda each: sequences.get(each.shot, (NO_SEQUENCE,))
    if by == "model":
        return lambda each: (f"{each.provider}/{each.model}",)
    return lambda each: (str(getattr(each, by)),)


def _approved(states: Mapping[str, ShotState], meant: frozenset[str] | None) -> Iterator[tuple[str, Take]]:
    """The approved take of each shot that is meant."""
    for shot, state in states.items():
        videos = dict.fromkeys(each.video for each in state.approvals if each.video is not None)
        if meant is None or shot in meant:
            yield from ((shot, take) for take in map(state.take_of, videos) if take is not None)


def _approved_seconds(
    states: Mapping[str, ShotState], meant: frozenset[str] | None, names: Callable[[Expense], tuple[str, ...]]
) -> dict[str, Fraction]:
    """How long the approved takes are that belong to each row."""
    found: dict[str, Fraction] = {}
    for shot, take in _approved(states, meant):
        asked = whole(take).pin.asked
        expense = Expense(
            shot=shot,
            take=f"{shot} t{take.number}",
            provider="" if asked is None else asked.provider,
            model="" if asked is None else asked.model,
            month=take.made[:7],
            price=Price(amount=ZERO, currency="", exact=True),
            charged=False,
            under_way=False,
            wasted=False,
            makes=True,
        )
        for name in names(expense):
            found[name] = found.get(name, ZERO) + take.seconds
    return found


def _budgets(workspace: Workspace) -> tuple[Left, ...]:
    """What is left, as a build counts it."""
    rooms, project = workspace.rooms, workspace.project
    if project.budget.limit is None and not project.budget.sequences:
        return ()
    caps = caps_of(project, rooms.ledgers, rooms.journal, None, None)
    return tuple(Left(sequence=cap.sequence, limit=cap.limit, spent=rooms.journal.owed(cap)) for cap in caps)


# --- which shots ----------------------------------------------------------------------------------------------------------


def _meant(workspace: Workspace, targets: Sequence[str], states: Mapping[str, ShotState]) -> frozenset[str] | None:
    """The shots that targets mean; None = all. Errors: PlanError for one that means nothing."""
    if not targets:
        return None
    project = workspace.project
    cuts = {sequence.name: [clip.shot for clip in sequence.clips] for sequence in project.sequences}
    was = {name: shot for shot, state in states.items() for name in state.formerly}
    entries = workspace.rooms.journal.entries()
    shots = {*states, *(shot.name for shot in project.shots)}
    shots |= {entry.shot for entry in entries if entry.shot and entry.shot not in was}
    tags = {shot.name: set(shot.tags) for shot in project.shots}
    for sequence in project.sequences:
        for shot in cuts[sequence.name]:
            tags[shot] |= set(sequence.tags)
    found: set[str] = set()
    for target in targets:
        kind, colon, word = target.partition(":")
        sequence_name, slash, inside = target.partition("/")
        if colon and kind == "tag":
            some = {shot for shot, known in tags.items() if word in known}
        elif slash and sequence_name in cuts:
            some = {shot for shot in cuts[sequence_name] if fnmatchcase(shot, inside)}
        else:
            some = {shot for shot in shots if fnmatchcase(shot, target)}
            some |= {shot for name, cut in cuts.items() if fnmatchcase(name, target) for shot in cut}
            some |= {was[target]} if target in was else set()
        if not some:
            raise _nothing(target, [*shots, *cuts])
        found |= some
    return frozenset(found)


def _nothing(target: str, known: Iterable[str]) -> PlanError:
    close = nearest(target, list(known))
    return PlanError(
        f"no shot or sequence is called {target[:80]!r}",
        cause="costs are told of shots, sequences, `sequence/shot`, globs and `tag:x`",
        hint=f"write `{close}`" if close else "`shotbuild status` lists the names",
    )
