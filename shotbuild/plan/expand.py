"""Project → Plan. Each shot: takes → finish → conform; each sequence: segments → joined; each deliverable: one file.

Step names: `sh010/t1`, `sh010/last-frame`, `sh010/upscale`, `sh010/conform-1280x720-24`, `opening/mix`,
`opening/web/sh010` (a run), `opening/web/sh010+sh020` (a transition), `opening/web/sound`, `opening/web` (the file).
"""

from collections.abc import Iterator

from shotbuild.errors import SpecError, SpecErrors
from shotbuild.plan.assemble import Cut, conform, cut_of, deliver, mix
from shotbuild.plan.choose import Choice
from shotbuild.plan.graph import Link, Plan
from shotbuild.plan.materials import Materials, ShotFilm
from shotbuild.plan.shoot import finished, generated, plate
from shotbuild.records import Deliverable, Output, Project, Shot, Step


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
        if isinstance(film.picture, Output):
            path = f"shots/{shot.name}{film.suffix}"
            self.links.append(Link(path=path, step=film.picture.step, output=film.picture.name))

    def assemble(self) -> None:
        wanted: dict[str, list[Deliverable]] = {}
        for deliverable in self.project.deliverables:
            wanted.setdefault(deliverable.sequence, []).append(deliverable)
        for sequence in self.project.sequences:
            if any(clip.shot not in self.films for clip in sequence.clips):
                continue
            try:
                cut = cut_of(sequence, self.films)
            except SpecError as error:
                self.errors.append(error)
                continue
            if sequence.name in wanted:
                self._deliver(cut, wanted[sequence.name])

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
        for name, clip in zip(cut.conformed, cut.sequence.clips, strict=True):
            if name not in self.steps:
                self._add([conform(self.films[clip.shot], cut.sequence.format, self.materials)])
        mixed = mix(cut, self.materials)
        self._add([mixed] if mixed is not None else [])
        for deliverable in deliverables:
            profile = self.materials.profiles[deliverable.profile]
            takes = {clip.shot: self.films[clip.shot].take for clip in cut.sequence.clips}
            steps, link = deliver(cut, deliverable, profile, mixed, takes, self.materials, self.project.name)
            self._add(steps)
            self.links.append(link)

    def _add(self, steps: list[Step]) -> None:
        # A frame that two shots continue from is one step.
        self.steps.update((step.name, step) for step in steps)


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
