"""Plans, builds and errors as Markdown: for a comment on a pull request, or the summary of a step."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from shotbuild.built import Built
from shotbuild.ci.changes import BEFORE, CHOSEN, GONE, STALE, Changes, FilmChange, ShotChange, Still
from shotbuild.ci.markdown import Section, code, fenced, page
from shotbuild.ci.places import each_of
from shotbuild.engine.estimate import Bill
from shotbuild.errors import ShotbuildError
from shotbuild.plan.choose import Choice
from shotbuild.plan.forecast import CACHED
from shotbuild.standing import decided
from shotbuild.units import Money, counted
from shotbuild.workspace import PlannedBuild

NAMED = 8
"""Shots of a film that are named; the others are counted."""


def plan_page(
    project: str,
    planned: PlannedBuild,
    found: Changes,
    *,
    since: str | None = None,
    pictures: Sequence[Still] = (),
    folder: str = "",
    notes: Sequence[str] = (),
) -> str:
    """What a build would change and cost. since: what it is held against, in words; folder: of the pictures, as linked;
    notes: warnings."""
    drawn: dict[str, list[Still]] = {}
    for each in pictures:
        drawn.setdefault(each.shot, []).append(each)
    shots = [_shot(change, drawn.get(change.shot, ()), folder) for change in found.shots]
    return page(
        "\n\n".join([f"### shotbuild: {code(project)}", _outline(planned, found, since), *_spending(planned, found)]),
        [
            Section(title="What a build stops at", items=_errors([*planned.stops, *planned.held]), noun="error"),
            Section(title="Warnings", items=tuple(f"- {code(note)}" for note in notes), noun="warning"),
            Section(title="Films", items=tuple(_film(change) for change in found.films), noun="film"),
            Section(title="Shots", items=tuple(shots), noun="shot"),
        ],
    )


def build_page(title: str, built: Built, notes: Sequence[str] = ()) -> str:
    """What a build or delivery did. title: such as `shotbuild build`."""
    counts = [f"{len(built.ran)} ran", f"{len(built.cached)} cached", f"{len(built.generated)} generated"]
    counts += [f"**{len(built.failed)} failed**"] if built.failed else []
    counts += [f"{len(built.skipped)} not tried"] if built.skipped else []
    counts += [f"**{counted(len(built.gates), 'check')} not passed**"] if built.gates else []
    errors = [*(failed.error for failed in built.failed), *built.gates]
    return page(
        f"### {title}\n\n{', '.join(counts)}; cost: {built.cost}; {built.seconds:.1f} s",
        [
            Section(title="Errors", items=_errors(errors), noun="error"),
            Section(title="Waived", items=tuple(f"- {code(each)}" for each in built.waived), noun="promise"),
            Section(title="Warnings", items=tuple(f"- {code(note)}" for note in notes), noun="warning"),
            Section(title="In out/", items=tuple(f"- {code(path)}" for path in built.present), noun="file"),
        ],
    )


def error_page(title: str, error: ShotbuildError) -> str:
    """What stopped a call. title: such as `shotbuild lint`."""
    errors = _errors([error])
    return page(f"### {title}\n\n**{counted(len(errors), 'error')}**", [Section(title="Errors", items=errors, noun="error")])


def _outline(planned: PlannedBuild, found: Changes, since: str | None) -> str:
    runs = sum(line.state != CACHED for line in planned.lines)
    against = f"Against {code(since)}" if since is not None else "Since the last build here"
    changed = f"{counted(len(found.shots), 'shot')} and {counted(len(found.films), 'film')} change"
    return f"{against}: {changed}. A build runs {runs} of {counted(len(planned.lines), 'step')}."


def _spending(planned: PlannedBuild, found: Changes) -> list[str]:
    """What would be spent, for each shot and in all, and what is left of each limit."""
    takes = counted(len(planned.prices), "take")
    if not planned.prices:
        return ["Nothing is generated, and nothing is spent."]
    lines = [f"**{takes} to generate; cost: {_cost(planned.bill)}**"]
    paying = [change for change in found.shots if change.takes]
    rows = [f"| {change.shot} | {change.takes} | {_cost(change.cost)} |" for change in paying[:NAMED]]
    if len(paying) > NAMED:
        rows.append(f"| …and {counted(len(paying) - NAMED, 'shot')} more | | |")
    if rows:
        lines.append("\n".join(["| shot | takes | cost |", "|---|---|---|", *rows]))
    for cap in planned.caps:
        left = Money(max(cap.limit.amount - cap.spent, 0 * cap.spent), cap.limit.currency)
        lines.append(f"- {code(cap.of)} is {cap.limit}, of which {left} is left")
    return lines


def _cost(cost: Bill) -> str:
    if cost.free:
        return "free"
    return f"{cost} (exact)" if cost.exact and not cost.unknown else f"{cost} (estimated)"


def _film(change: FilmChange) -> str:
    why = [", ".join(map(code, change.shots[:NAMED]))] if change.shots else []
    why += [f"{counted(len(change.shots) - NAMED, 'shot')} more"] if len(change.shots) > NAMED else []
    why += ["its own cut, sound or profile"] if change.own and change.kind != GONE else []
    because = f": {', '.join(why)}" if why else ""
    return f"- {code(change.name)}, {change.kind}{because}" + (
        f" ({counted(change.runs, 'step')} to run)" if change.runs else ""
    )


def _shot(change: ShotChange, pictures: Iterable[Still], folder: str) -> str:
    parts = [f"**{code(change.shot)}**, {change.kind}{_choice(change)}"]
    if change.lines:
        parts.append(fenced(change.lines, "diff"))
    seen = [f"{each.when}: ![{each.shot}, {each.when}]({_link(folder, each.path)})" for each in _in_time(pictures)]
    return "\n\n".join([*parts, *seen])


def _choice(change: ShotChange) -> str:
    if change.kind not in (CHOSEN, STALE):
        return ""
    before, after = _stands(change.before), _stands(change.after)
    return f": {before} → {after}" if change.kind == CHOSEN and change.before is not None else f": {after}"


def _stands(choice: Choice | None) -> str:
    if choice is None or choice.take is None:
        return "nothing"
    people = ", ".join(decided(choice.decisions))
    return f"t{choice.take.number} {choice.how}" + (f" by {code(people)}" if people else "")


def _in_time(pictures: Iterable[Still]) -> list[Still]:
    return sorted(pictures, key=lambda still: still.when != BEFORE)


def _link(folder: str, path: str) -> str:
    return quote((Path(folder) / path).as_posix())


def _errors(errors: Iterable[ShotbuildError]) -> tuple[str, ...]:
    return tuple(_error(error) for error in each_of(errors))


def _error(error: ShotbuildError) -> str:
    place = f"{code(str(error.location))}: " if error.location is not None else ""
    cause = f"\n  cause: {code(error.cause)}" if error.cause else ""
    return f"- {place}{code(error.message)}{cause}" + (f"\n  hint: {code(error.hint)}" if error.hint else "")
