"""From a file to what it is made of: by its digest among takes, results and sources, else by the identity in its metadata.

Works with what Git keeps alone: what the store has of results makes more files known, and is not needed for the takes.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from shotbuild.digest import of_file
from shotbuild.errors import PlanError, ShotbuildError, SpecErrors
from shotbuild.host import git
from shotbuild.media.identity import Identity, read_identity
from shotbuild.media.tags import tags_of
from shotbuild.plan.bind import CITES
from shotbuild.plan.choose import Choice
from shotbuild.plan.decisions import History, settle
from shotbuild.plan.forecast import forecast
from shotbuild.records import (
    APPROVE,
    PICK,
    REJECT,
    RESTORE,
    ActionResult,
    Decision,
    Digest,
    LedgerEvent,
    Shot,
    ShotState,
    SourceFile,
    Take,
)
from shotbuild.spec.kinds import NAME
from shotbuild.spec.ledger import FOLDER, SUFFIX, ledger_file, read_events
from shotbuild.stages.catalogue import GENERATE
from shotbuild.takes.adopt import regular
from shotbuild.takes.decide import HERE
from shotbuild.takes.names import states, states_gone
from shotbuild.units import counted
from shotbuild.workspace import Workspace

TAKE, RESULT, SOURCE, IDENTITY = "take", "result", "source", "identity"
"""The ways by which a file is found."""
SAID = (APPROVE, PICK, REJECT, RESTORE)
MOST_REFS = 200
ELSEWHERE = "another branch or tag"


@dataclass(frozen=True, slots=True)
class Said:
    """What someone said of a take. holds: nothing later took it back, on the branch where it was said."""

    decision: Decision
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One shot in a file. sha256: of its take or plate, as much as is known of it; take: None for a plate, and when no
    ledger has it; plate: the project's file with these bytes; ref: where in Git it was found, None = in today's ledgers;
    said: of these bytes, in order; now: what stands for the shot today, None when there is no such generated shot;
    holds: these bytes stand for the shot today; sequences: that have the shot today."""

    shot: str
    sha256: str
    take: Take | None
    plate: str | None
    ref: str | None
    said: tuple[Said, ...]
    now: Choice | None
    holds: bool
    sequences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """What a file is. way: TAKE, RESULT of today's plan, SOURCE of the project, or by its IDENTITY, which other bytes
    carry as well; step, deliverable, path (below out/): of a
    result; today: of today's plan, else of the last build; source: a file of the project; uses: what reads it;
    project: as the identity names it; more: how many shots the identity counts without naming them."""

    file: Path
    digest: Digest
    way: str
    parts: tuple[Part, ...]
    sequence: str | None = None
    deliverable: str | None = None
    step: str | None = None
    path: str | None = None
    today: bool = False
    source: str | None = None
    uses: tuple[str, ...] = ()
    project: str | None = None
    more: int = 0


@dataclass(frozen=True, slots=True)
class _Made:
    """A result. text: the manifest of its action; today: of today's plan, else of the last build."""

    step: str
    result: ActionResult
    text: str
    today: bool

    @property
    def outputs(self) -> frozenset[str]:
        return frozenset(digest.sha256 for _, digest in self.result.outputs)

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(sha256 for _, sha256 in sorted(json.loads(self.text)["inputs"].items()))

    @property
    def is_take(self) -> bool:
        stage: object = json.loads(self.text)["recipe"]["stage"]
        return stage == GENERATE

    @property
    def cites(self) -> dict[str, str]:
        """Shot → sha256 of its take or plate, where the result names them."""
        found: dict[str, str] = json.loads(self.text)["recipe"]["parameters"].get(CITES) or {}
        return found


@dataclass(frozen=True, slots=True)
class _Found:
    """A take in a ledger. events: all of that ledger."""

    take: Take
    events: tuple[LedgerEvent, ...]
    state: ShotState
    ref: str | None = None


def trace(workspace: Workspace, file: Path) -> Traced:
    """file: any file; a path that is not there is looked for below the project's folder as well.

    Errors: PlanError when it cannot be read, or when nothing here knows it.
    """
    below = workspace.rooms.root / file
    path = regular(below if os.path.lexists(below) and not os.path.lexists(file) else file)
    search = _Search(workspace, path, of_file(path))
    identity, unread = _identity(path)
    traced = search.by_take() or search.by_result() or search.by_source()
    traced = traced or (search.by_identity(identity) if identity is not None else search.by_take_elsewhere())
    if traced is None:
        raise search.unknown(identity, unread)
    return traced


class _Search:
    def __init__(self, workspace: Workspace, file: Path, digest: Digest) -> None:
        self.workspace, self.file, self.digest = workspace, file, digest
        self.states = _all_states(workspace)
        self.shots = {shot.name: shot for shot in workspace.project.shots}
        self.git: str | None = None

    # --- the ways ------------------------------------------------------------------------------------------------------

    def by_take(self) -> Traced | None:
        found = list(self._takes(self.digest.sha256))
        parts = tuple(self._part(each.take.shot, self.digest.sha256, each) for each in found)
        return self._traced(TAKE, parts) if parts else None

    def by_take_elsewhere(self) -> Traced | None:
        found = self._elsewhere(self.digest.sha256, None)
        return self._traced(TAKE, (self._part(found.take.shot, self.digest.sha256, found),)) if found else None

    def by_result(self) -> Traced | None:
        """A result of today's plan, or of the last build. Of several with the same bytes, one that has a name below out/."""
        plan, mine = self.workspace.whole, self.digest.sha256
        links = {link.step: link for link in plan.links}
        found = [made for made in self._made if mine in made.outputs and not made.is_take]
        if not found:
            return None
        made = min(found, key=lambda made: (not made.today, made.step not in links))
        step = next((step for step in plan.steps if step.name == made.step), None)
        link = links.get(made.step)
        return self._traced(
            RESULT,
            tuple(self._contained(made)),
            sequence=None if step is None else step.sequence,
            deliverable=None if step is None or link is None else step.deliverable,
            step=made.step,
            path=None if link is None else link.path,
            today=made.today,
        )

    def by_source(self) -> Traced | None:
        for path, uses, shots in self._sources():
            if self._source(path) == self.digest:
                parts = tuple(self._part(shot, self.digest.sha256, None) for shot in shots)
                return self._traced(SOURCE, parts, source=path, uses=uses)
        return None

    def by_identity(self, identity: Identity) -> Traced | None:
        """None when nothing of what it names is known here."""
        parts = tuple(self._named(shot, prefix) for shot, prefix in identity.takes)
        if not any(part.take or part.plate for part in parts):
            return None
        return self._traced(IDENTITY, parts, sequence=identity.sequence, project=identity.project, more=identity.more)

    def unknown(self, identity: Identity | None, unread: str | None) -> PlanError:
        takes = sum(len(state.takes) for state in self.states.values())
        looked = [
            f"its sha256 {self.digest.sha256[:16]}… is none of {counted(takes, 'take')} in the ledgers",
            "no result of today's plan that is in the store, and no file that the specs name",
            self.git or "no ledger on another branch or tag has it either",
        ]
        hint = "run this in the project that the file comes from"
        if identity is not None:
            names = ", ".join(f"{shot}@{prefix[:8]}" for shot, prefix in identity.takes[:4])
            names += ", …" if len(identity.takes) > 4 else ""
            looked.append(f"its metadata name project {identity.project}, sequence {identity.sequence}: {names}")
            if identity.project == self.workspace.project.name:
                hint = "get the ledgers of the branch it was made on (`git fetch --all`), then ask again"
        else:
            looked.append(unread or "its metadata carry no line of shotbuild: it was stripped, or made elsewhere")
        return PlanError(f"nothing here knows {_shown(self.file)}", cause="\n".join(looked), hint=hint)

    # --- what stands for whom ------------------------------------------------------------------------------------------

    def _takes(self, prefix: str, shot: str | None = None) -> Iterator[_Found]:
        """The takes of today's ledgers with these bytes. shot: only of it, under any of its names."""
        for name, state in self.states.items():
            if shot is not None and shot != name and shot not in state.formerly:
                continue
            take = next((each for each in state.takes if each.video.sha256.startswith(prefix)), None)
            if take is not None:
                yield _Found(take, self.workspace.rooms.ledgers.history(name).events, state)

    def _named(self, shot: str, prefix: str) -> Part:
        """What an identity names: of the shot's ledger, else of any, else a plate, else of another branch."""
        found = next(chain(self._takes(prefix, shot), self._takes(prefix)), None)
        if found is not None:
            return self._part(found.take.shot, found.take.video.sha256, found)
        plate = self._plate_with(shot, prefix)
        if plate is not None:
            return self._part(plate.name, self._plate_digest(plate), None)
        # A plate never was in a ledger.
        known = self.shots.get(shot)
        elsewhere = None if known is not None and known.plate is not None else self._elsewhere(prefix, shot)
        if elsewhere is not None:
            return self._part(elsewhere.take.shot, elsewhere.take.video.sha256, elsewhere)
        return self._part(shot, prefix, None)

    def _contained(self, made: _Made) -> Iterator[Part]:
        """What a result is made of, down to takes and plates, by the inputs of the steps on the way."""
        cited = made.cites
        if cited:
            yield from (self._named(shot, sha256) for shot, sha256 in cited.items())
            return
        makers = {sha256: each for each in self._made for sha256 in each.outputs}
        waiting, seen = list(reversed(made.inputs)), set(made.inputs)
        while waiting:
            sha256 = waiting.pop()
            found = next(self._takes(sha256), None)
            plate = None if found is not None else self._plate_with("", sha256)
            if found is not None:
                yield self._part(found.take.shot, sha256, found)
            elif plate is not None:
                yield self._part(plate.name, sha256, None)
            elif sha256 in makers and makers[sha256].is_take:
                elsewhere = self._elsewhere(sha256, None)
                if elsewhere is not None:
                    yield self._part(elsewhere.take.shot, sha256, elsewhere)
            elif sha256 in makers:
                more = [each for each in makers[sha256].inputs if each not in seen]
                seen.update(more)
                waiting += reversed(more)

    @cached_property
    def _made(self) -> tuple[_Made, ...]:
        """What is known of results: of the last build, then of today's plan."""
        rooms = self.workspace.rooms
        made: dict[str, _Made] = {}
        for step, key in sorted(rooms.memory.table("built").items()):
            kept = rooms.actions.local.get(key) if isinstance(key, str) else None
            text = rooms.last(step)
            if kept is not None and text is not None:
                made[step] = _Made(step, kept, text, today=False)
        now: list[_Made] = []
        for line in forecast(self.workspace.whole, rooms.source, rooms.lookup_all, rooms.last):
            name, text, result = line.step.name, line.manifest, line.result
            if text is not None and result is None and name in made and made[name].text == text:
                result = made.pop(name).result  # as it was made here, though its bytes are gone
            if text is not None and result is not None:
                now.append(_Made(name, result, text, today=True))
        return (*made.values(), *now)

    def _part(self, shot: str, sha256: str, found: _Found | None) -> Part:
        one, now = self.shots.get(shot), self.workspace.chosen.get(shot)
        plate = one.plate if one is not None and one.plate is not None and self._plate_digest(one) == sha256 else None
        stands = now is not None and now.take is not None and found is not None and now.take.video == found.take.video
        sequences = self.workspace.project.sequences
        return Part(
            shot=shot,
            sha256=sha256,
            take=None if found is None else found.take,
            plate=plate,
            ref=None if found is None else found.ref,
            said=() if found is None else _said(found),
            now=now,
            holds=stands or plate is not None,
            sequences=tuple(each.name for each in sequences if any(clip.shot == shot for clip in each.clips)),
        )

    def _traced(self, way: str, parts: tuple[Part, ...], **more: Any) -> Traced:
        return Traced(file=self.file, digest=self.digest, way=way, parts=parts, **more)

    # --- the project's own files ---------------------------------------------------------------------------------------

    def _sources(self) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
        """Each file that the specs name: its path, what uses it in words, and the shots that it is."""
        project = self.workspace.project
        plates = dict.fromkeys(shot.plate for shot in project.shots if shot.plate is not None)
        for path in plates:
            shots = tuple(shot.name for shot in project.shots if shot.plate == path)
            yield path, tuple(f"plate {shot}" for shot in shots), shots
        uses: dict[str, list[str]] = {}
        for shot in project.shots:
            for reference in shot.references:
                uses.setdefault(reference.path, []).append(f"{reference.role} of {shot.name}")
        for sequence in project.sequences:
            for track in sequence.audio:
                uses.setdefault(track.file, []).append(f"sound of sequence {sequence.name}")
        for path, words in uses.items():
            yield path, tuple(dict.fromkeys(words)), ()

    def _source(self, path: str) -> Digest:
        return self.workspace.rooms.source(SourceFile(path=path, location=HERE))

    def _plate_digest(self, shot: Shot) -> str:
        assert shot.plate is not None, "only asked of plates"
        return self._source(shot.plate).sha256

    def _plate_with(self, shot: str, prefix: str) -> Shot | None:
        plates = [each for each in self.shots.values() if each.plate is not None]
        named = [each for each in plates if self._plate_digest(each).startswith(prefix)]
        return next((each for each in named if each.name == shot), next(iter(named), None))

    # --- Git -----------------------------------------------------------------------------------------------------------

    def _elsewhere(self, prefix: str, shot: str | None) -> _Found | None:
        """A take of a ledger that another branch, tag or stash has; of several, the one with the longest story."""
        try:
            held = sorted((text for text in self._ledgers_of_git if prefix.encode() in text), key=len)
        except ShotbuildError as error:
            self.git = f"{error.message}: {error.cause}"
            return None
        for text in map(bytes.decode, reversed(held)):
            named = shot or next(iter(re.findall(rf'"shot":"({NAME})"', text)), None)
            where = self._where(text, [named] if named else sorted(self.states))
            ref, name = where or (ELSEWHERE, named or "?")
            try:
                events = read_events(name, text)
            except SpecErrors:
                continue  # damaged there; what is well is looked at
            take = next((each for each in events if isinstance(each, Take) and each.video.sha256.startswith(prefix)), None)
            if take is not None:
                return _Found(take, History(events).events, settle(events), ref)
        return None

    def _where(self, text: str, names: Iterable[str]) -> tuple[str, str] | None:
        """The ref whose ledger is this text, and the shot that it is of."""
        for ref in self._refs:
            for name in names:
                try:
                    found = git.file_at(self.workspace.rooms.root, ref, ledger_file(name)) == text
                except ShotbuildError:
                    continue  # a tag of something else than a commit
                if found:
                    # What else is asked for is most likely there as well.
                    self._refs.insert(0, self._refs.pop(self._refs.index(ref)))
                    return re.sub("^refs/(heads|tags|remotes)/", "", ref), name
        return None

    @cached_property
    def _refs(self) -> list[str]:
        return git.refs(self.workspace.rooms.root, MOST_REFS)

    @cached_property
    def _ledgers_of_git(self) -> tuple[bytes, ...]:
        return tuple(git.texts_everywhere(self.workspace.rooms.root, FOLDER, SUFFIX))


def _all_states(workspace: Workspace) -> dict[str, ShotState]:
    """Of today's shots, then of the ledgers whose shots the specs no longer have, so that nothing that Git has is lost."""
    found = states(workspace)
    return {**found, **states_gone(workspace, found)}


def _said(found: _Found) -> tuple[Said, ...]:
    """Everything that was ever decided of these bytes, in the order in which it was said."""
    state = found.state
    holding = {each.id for each in (*state.approvals, *state.picks, *state.rejections)}
    decisions = [each for each in found.events if isinstance(each, Decision) and each.kind in SAID]
    about = [each for each in decisions if each.video == found.take.video.sha256]
    return tuple(Said(each, each.id in holding) for each in about)


def _identity(file: Path) -> tuple[Identity | None, str | None]:
    """What its metadata name, and why they cannot be read."""
    try:
        tags = tags_of(file)
    except ShotbuildError as error:
        return None, f"its metadata cannot be read: {error.message}"
    return next(filter(None, (read_identity(text) for _, text in tags)), None), None


def _shown(file: Path) -> str:
    return str(file).encode("utf-8", "backslashreplace").decode().replace("\n", "\\n")
