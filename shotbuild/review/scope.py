"""What of a project a person may see: all of it, or some sequences and shots, and nothing that these do not show."""

from collections.abc import Iterable
from dataclasses import dataclass

from shotbuild.records import Project, shots_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """whole: everything, also what was spent; sequences, shots: by name, those of the project alone."""

    whole: bool
    sequences: frozenset[str]
    shots: frozenset[str]


def scope_of(project: Project, sequences: Iterable[str], shots: Iterable[str]) -> Scope:
    """sequences, shots: what somebody was invited to, both empty = everything. A sequence shows its shots, and the
    sequences that are nested in it."""
    by_name = {each.name: each for each in project.sequences}
    asked, single = set(sequences), set(shots)
    if not asked and not single:
        return Scope(whole=True, sequences=frozenset(by_name), shots=frozenset(shot.name for shot in project.shots))
    open_, seen = [name for name in asked if name in by_name], set[str]()
    while open_:
        name = open_.pop()
        if name not in seen:
            seen.add(name)
            open_ += [clip.sequence for clip in by_name[name].clips if clip.sequence]
    shown = {shot for name in seen for shot in shots_of(by_name[name], by_name)}
    known = {shot.name for shot in project.shots}
    return Scope(whole=False, sequences=frozenset(seen), shots=frozenset((shown | single) & known))
