"""What the pages show, asked of a project for one person: the only place of this room that reads a Workspace for them."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from fractions import Fraction

from shotbuild.errors import ShotbuildError
from shotbuild.host import git
from shotbuild.paying.spending import spending
from shotbuild.plan.cut import Cut
from shotbuild.plan.materials import ShotFilm
from shotbuild.records import Digest, Project, Shot, SourceFile
from shotbuild.review.board import IDLE, Board, Card, Working, board, card, in_order, in_writing, sequences_of
from shotbuild.review.cut import CutView, Reel, beside, cut_view
from shotbuild.review.history import Line, history
from shotbuild.review.scope import Scope
from shotbuild.review.shot import Given, Neighbour, ShotView, shot_view, verified
from shotbuild.review.spending import SpendingView, spending_view
from shotbuild.rooms import OUT
from shotbuild.spec.events import whole
from shotbuild.takes import proxies, table
from shotbuild.workspace import Workspace

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif")
MIX, STEREO = "mix", "stereo"
STILL_RATE = Fraction(24)
"""At which a picture that stands still is a film of one frame, as `media.proxies` makes it."""
REMARKS = 200
"""So many remarks of a shot are shown, unless all are asked for."""


class Views:
    """workspace: for one thread; scope: what the person may see; working: what builds do; role: of the person."""

    def __init__(
        self,
        workspace: Workspace,
        scope: Scope,
        working: Working = IDLE,
        role: str | None = None,
    ) -> None:
        self._workspace, self._scope, self._working, self._role = workspace, scope, working, role

    @property
    def project(self) -> Project:
        return self._workspace.project

    def board(self) -> Board:
        """Every shot that the person may see."""
        workspace = self._workspace
        # What lies in a store that the team shares can be had, and is not asked for here.
        present = workspace.rooms.blobs.names() if workspace.rooms.shared is None else None
        return board(self.project, workspace.chosen, self._plates(), self._scope, self._working, self._role, present)

    def shot(self, name: str, *, everything: bool = False) -> ShotView | None:
        """None for a shot that is not there, or not theirs. everything: all its remarks."""
        shot = self._shot(name)
        if shot is None:
            return None
        workspace = self._workspace
        choice = workspace.chosen.get(name)
        rows = table.rows(workspace, [name]) if choice is not None and choice.state.takes else ()
        around = self._around(name)
        seen = proxies.findings(workspace, [row.take.video for row in rows])
        verifications = () if choice is None else choice.state.verifications
        found = {
            video: (*seen.get(video, ()), *verified(verifications, video))
            for video in (row.take.video.sha256 for row in rows)
        }
        return shot_view(
            self.project,
            self._card(shot),
            choice,
            rows,
            found=found,
            references=self._references(shot),
            plate=self._plate(shot),
            neighbours=self._neighbours(name),
            around=around,
            most=0 if everything else REMARKS,
        )

    def cut(self, name: str) -> CutView | None:
        """None for a sequence that is not there, or not theirs. Errors: ShotbuildError, where it cannot be laid out."""
        if name not in self._scope.sequences:
            return None
        workspace = self._workspace
        cut, films = workspace.lay_out(name)
        if cut is None:
            return None
        by_name = {shot.name: shot for shot in self.project.shots}
        cards = {shot: self._card(by_name[shot]) for shot in cut.shots}
        return cut_view(
            cut,
            cards,
            {shot: reel for shot in cut.shots if (reel := self._reel(films[shot])) is not None},
            sound=None if (sound := self.sound(name)) is None else sound.sha256,
            roles=self.project.approvals,
            delivered=self.delivered(name),
            heads={shot: workspace.chosen[shot].state.heads for shot in cut.shots if shot in workspace.chosen},
        )

    def history(self, name: str) -> tuple[Line, ...]:
        """The story of a shot, the newest first."""
        if self._shot(name) is None or name not in self._workspace.chosen:
            return ()
        story = table.story(self._workspace, [name])
        files = {told.event.location.file for told in story}
        return history(story, {file: git.lines_of(self._workspace.rooms.root, file) for file in files})

    def spending(self) -> SpendingView | None:
        """None for who may not see the whole project."""
        if not self._scope.whole:
            return None
        by = (("By sequence", "sequence"), ("By shot", "shot"), ("By model", "model"), ("By month", "month"))
        return spending_view((title, spending(self._workspace, (), word)) for title, word in by)

    def videos(self, shot: str) -> tuple[Digest, ...]:
        """The takes of a shot, or its plate; none for one that is not theirs."""
        found = self._shot(shot)
        if found is None:
            return ()
        if found.plate is not None:
            digest = self._source(found.plate, found)
            return () if digest is None else (digest,)
        choice = self._workspace.chosen.get(shot)
        return () if choice is None else tuple(take.video for take in choice.state.takes)

    # --- pieces -------------------------------------------------------------------------------------------------------

    def _shot(self, name: str) -> Shot | None:
        if name not in self._scope.shots:
            return None
        return next((shot for shot in self.project.shots if shot.name == name), None)

    def _card(self, shot: Shot) -> Card:
        shown = sequences_of(self.project, self._scope).get(shot.name, ())
        plates = self._plates([shot.name]) if shot.plate is not None else {}
        choice = self._workspace.chosen.get(shot.name)
        found = card(shot, choice, plates.get(shot.name), self.project, self._working, shown)
        here = choice is None or choice.take is None or self._workspace.rooms.blobs.has(choice.take.video)
        return replace(found, here=here)

    def _plates(self, shots: Collection[str] | None = None) -> Mapping[str, str]:
        plates = [shot for shot in self.project.shots if shot.plate and (shots is None or shot.name in shots)]
        found = {shot.name: self._source(shot.plate, shot) for shot in plates if shot.plate is not None}
        return {name: digest.sha256 for name, digest in found.items() if digest is not None}

    def _source(self, path: str, shot: Shot) -> Digest | None:
        try:
            return self._workspace.rooms.source(SourceFile(path=path, location=shot.location))
        except ShotbuildError:
            return None

    def _references(self, shot: Shot) -> tuple[Given, ...]:
        found: list[Given] = []
        for each in shot.references:
            digest = self._source(each.path, shot)
            sha256 = None if digest is None else digest.sha256
            picture = each.path.casefold().endswith(PICTURES)
            found.append(Given(role=each.role, path=each.path, sha256=sha256, picture=picture))
        return tuple(found)

    def _around(self, name: str) -> tuple[str | None, str | None]:
        """The shots before and after one on the board."""
        shown: dict[str, None] = {}
        for sequence in in_writing(self.project):
            if sequence.name in self._scope.sequences:
                shown.update(dict.fromkeys(in_order(sequence, self.project)))
        shown.update(dict.fromkeys(shot.name for shot in self.project.shots))
        names = [each for each in shown if each in self._scope.shots]
        at = names.index(name)
        return (names[at - 1] if at else None), (names[at + 1] if at + 1 < len(names) else None)

    def _neighbours(self, name: str) -> tuple[Neighbour | None, Neighbour | None]:
        """Those in the first cut that shows it and that the person may see."""
        shown = sequences_of(self.project, self._scope).get(name, ())
        if not shown:
            return None, None
        try:
            cut, films = self._workspace.lay_out(shown[0])
        except ShotbuildError:
            return None, None
        if cut is None:
            return None, None
        before, after = beside(cut, name)
        return self._neighbour(cut, films, before), self._neighbour(cut, films, after)

    def _neighbour(self, cut: Cut, films: Mapping[str, ShotFilm], span: tuple[str, int, int] | None) -> Neighbour | None:
        if span is None:
            return None
        shot, start, end = span
        reel = self._reel(films[shot])
        step = Fraction(1) if reel is None else reel.rate / cut.rate
        return Neighbour(
            sequence=cut.sequence.name,
            shot=shot,
            title=films[shot].shot.title,
            video=None if reel is None else reel.video,
            start=int(start * step),
            end=max(int(start * step) + 1, int(end * step)),
        )

    def _reel(self, film: ShotFilm) -> Reel | None:
        """The film that stands for a shot, None while there is none here."""
        found = self._plate(film.shot) if film.shot.plate is not None else self._taken(film.shot)
        return None if found is None else replace(found, exact=not film.retimed)

    def _plate(self, shot: Shot) -> Reel | None:
        """The film of a plate; None for any other shot, and for one at no constant rate: its frames have no numbers."""
        if shot.plate is None:
            return None
        few = replace(self.project, shots=(shot,))
        footage, digest = self._workspace.rooms.footage(few)[shot.plate], self._source(shot.plate, shot)
        if digest is None or (footage.rate is None and footage.seconds):
            return None
        rate = footage.rate or STILL_RATE
        return Reel(shot=shot.name, video=digest.sha256, frames=max(1, int(footage.seconds * rate)), rate=rate)

    def _taken(self, shot: Shot) -> Reel | None:
        """The film of the take that stands."""
        choice = self._workspace.chosen.get(shot.name)
        if choice is None or choice.take is None or not self._workspace.rooms.blobs.has(choice.take.video):
            return None
        streams = whole(choice.take).streams
        picture = next((each for each in streams if each.kind == "video" and each.rate), None)
        if picture is None:
            return None
        rate = Fraction(str(picture.rate))
        frames = picture.frames or max(1, int(choice.take.seconds * rate))
        return Reel(shot=shot.name, video=choice.take.video.sha256, frames=frames, rate=rate)

    def sound(self, sequence: str) -> Digest | None:
        """The sound of a cut, where a build has made it."""
        steps = [step for step in self._workspace.whole.steps if step.sequence == sequence and step.recipe.stage == MIX]
        stereo = next((step for step in steps if step.recipe.parameters.get("layout") == STEREO), None)
        if stereo is None:
            return None
        result = self._workspace.explain(stereo.name)[0].result
        return None if result is None else result.outputs[0][1]

    def delivered(self, sequence: str) -> tuple[tuple[str, str], ...]:
        """What lies in out/ of a sequence: name of the deliverable, path."""
        paths = {link.step: link.path for link in self._workspace.whole.links if not link.folder}
        found: list[tuple[str, str]] = []
        for each in self.project.deliverables:
            path = paths.get(f"{sequence}/{each.name}") if each.sequence == sequence else None
            if path is not None and (self._workspace.rooms.root / OUT / path).is_file():
                found.append((each.name, path))
        return tuple(found)
