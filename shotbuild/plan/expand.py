"""Project → Plan. Each shot: takes → finish; each sequence: a cut; each deliverable: segments → joined → measured.

Step names: `sh010/t1`, `sh010/last-frame`, `sh010/finish`, `sh010/sound-24`, `opening/mix`, `opening/web/sh010` (a run),
`opening/web/sh010+sh020` (a transition), `opening/web/sound`, `opening/web` (the file), `opening/web/report`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from shotbuild.errors import SpecError, SpecErrors
from shotbuild.plan.assemble import commissioned, deliver, sounds_of
from shotbuild.plan.choose import Choice
from shotbuild.plan.cut import Cut, Length, cut_of
from shotbuild.plan.graph import Link, Plan
from shotbuild.plan.materials import Materials, ShotFilm
from shotbuild.plan.shoot import finished, generated, plate
from shotbuild.records import Deliverable, Output, Project, Shot, Step, shots_of


def expand(project: Project, materials: Materials) -> Plan:
    """All steps of a project, each after those that it reads. Errors: SpecErrors, all together; LimitReached."""
    expansion = _Expansion(project, materials)
    for shot in _in_order(project):
        expansion.shoot(shot)
    expansion.assemble()
    if expansion.errors:
        raise SpecErrors(expansion.errors)
    return Plan(steps=tuple(expansion.steps.values()), links=tuple(expansion.links), choices=tuple(expansion.choices))


def choose_all(project: Project, materials: Materials) -> tuple[Choice, ...]:
    """What stands for each generated shot, whatever the cuts make of it. Errors: SpecErrors of shots; LimitReached."""
    expansion = _Expansion(project, materials)
    for shot in _in_order(project):
        expansion.shoot(shot)
    if expansion.errors:
        raise SpecErrors(expansion.errors)
    return tuple(expansion.choices)


def lay_out(project: Project, materials: Materials, sequence: str) -> tuple[Cut | None, Mapping[str, ShotFilm]]:
    """What is seen and heard of a sequence, and the shots as cuts use them. None where a shot of it cannot be planned.

    Errors: SpecError where trims, transitions, overlays or titles do not fit."""
    expansion = _Expansion(project, materials)
    for shot in _in_order(project):
        expansion.shoot(shot)
    sequences = {each.name: each for each in project.sequences}
    if not shots_of(sequences[sequence], sequences) <= expansion.films.keys():
        return None, expansion.films
    return cut_of(sequences[sequence], expansion.lengths(), sequences), expansion.films


def with_continuing(project: Project, shots: Iterable[str]) -> frozenset[str]:
    """Shots, and those that start on a frame of them, and so on."""
    found = set(shots)
    for shot in _in_order(project):
        if shot.continues in found:
            found.add(shot.name)
    return frozenset(found)


def with_leading(project: Project, shots: Iterable[str]) -> Project:
    """The project cut down to some shots and those on whose frames they start: they cannot be planned without these."""
    by_name = {shot.name: shot for shot in project.shots}
    found: set[str] = set()
    for name in shots:
        shot = by_name.get(name)
        while shot is not None and shot.name not in found:
            found.add(shot.name)
            shot = by_name.get(shot.continues or "")
    return replace(project, shots=tuple(shot for shot in project.shots if shot.name in found))


class _Expansion:
    """The steps found so far, by name. A shot whose spec cannot be planned is left out, and so is what uses it."""

    def __init__(self, project: Project, materials: Materials) -> None:
        self.project, self.materials = project, materials
        self.steps: dict[str, Step] = {}
        self.links: list[Link] = []
        self.choices: list[Choice] = []
        self.errors: list[SpecError] = []
        self.films: dict[str, ShotFilm] = {}

    def shoot(self, shot: Shot) -> None:
        if shot.continues is not None and shot.continues not in self.films:
            return
        try:
            steps, film, choice = self._film(shot)
        except SpecError as error:
            self.errors.append(error)
            return
        self._add(steps)
        self.films[shot.name] = film
        if choice is not None:
            self.choices.append(choice)
        shown = film.shown or film.picture
        if isinstance(shown, Output):
            path = f"shots/{shot.name}{film.suffix}"
            self.links.append(Link(path=path, step=shown.step, output=shown.name))

    def assemble(self) -> None:
        wanted: dict[str, list[Deliverable]] = {}
        for deliverable in self.project.deliverables:
            wanted.setdefault(deliverable.sequence, []).append(deliverable)
        sequences = {sequence.name: sequence for sequence in self.project.sequences}
        lengths = self.lengths()
        for sequence in self.project.sequences:
            if not shots_of(sequence, sequences) <= self.films.keys():
                continue
            try:
                cut = cut_of(sequence, lengths, sequences)
                if sequence.name in wanted:
                    self._deliver(cut, wanted[sequence.name])
            except SpecError as error:
                self.errors.append(error)

    def lengths(self) -> dict[str, Length]:
        """What a cut must know of the shots found so far."""
        return {name: Length(seconds=film.seconds, sound=film.sound is not None) for name, film in self.films.items()}

    def _film(self, shot: Shot) -> tuple[list[Step], ShotFilm, Choice | None]:
        takes: list[Step] = []
        choice = None
        if shot.plate is not None:
            film = plate(shot, shot.plate, self.materials)
        else:
            takes, film, choice = generated(shot, self.project, self.materials, self.films)
        finish, film = finished(shot, film, self.materials)
        return takes + finish, film, choice

    def _deliver(self, cut: Cut, deliverables: list[Deliverable]) -> None:
        self._add(sounds_of(cut, self.films, self.materials))
        for deliverable in deliverables:
            steps, links = deliver(commissioned(cut, deliverable, self.films, self.materials, self.project))
            self._add(steps)
            self.links += links

    def _add(self, steps: list[Step]) -> None:
        # A frame that two shots continue from is one step, and so is the mix of two deliverables.
        for step in steps:
            known = self.steps.setdefault(step.name, step)
            if (known.recipe, known.inputs) != (step.recipe, step.inputs):
                raise SpecError(
                    f"two steps of this project are both called {step.name}",
                    location=step.location,
                    cause="a shot, a profile or a deliverable has the name of something that is made for another one",
                    hint="give one of them another name",
                )


def _in_order(project: Project) -> Iterator[Shot]:
    """The shots, each after the one that it continues. `load` has refused cycles."""
    shots = {shot.name: shot for shot in project.shots}
    done: set[str] = set()
    for shot in project.shots:
        chain = [shot]
        while chain[-1].continues is not None and chain[-1].continues not in done:
            chain.append(shots[chain[-1].continues])
        for each in reversed(chain):
            if each.name not in done:
                done.add(each.name)
                yield each
