"""The pages of one project, for whoever is let in: what they may see is looked up first, and all else follows from it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, get_ident

from shotbuild.engine.events import Event, Warned
from shotbuild.errors import PlanError, ShotbuildError, render
from shotbuild.progress import FOLDER, Build, Builds
from shotbuild.review import deeds, pages
from shotbuild.review.board import titles
from shotbuild.review.deeds import NotTheirs
from shotbuild.review.desk import Desk
from shotbuild.review.live import Bulletin, event, told, working
from shotbuild.review.media import Media, NotYet
from shotbuild.review.pages import Frame, Served
from shotbuild.review.people import ROLL, Person
from shotbuild.review.rolling import Rolls, offer
from shotbuild.review.scope import Scope, scope_of
from shotbuild.review.sending import Bytes
from shotbuild.review.server import LATER, Later, Site
from shotbuild.review.studio import Studio
from shotbuild.review.views import Views
from shotbuild.rooms import HIDDEN
from shotbuild.workspace import Workspace

MADE, SAID = "made", "said"
LOOK_SECONDS = 1.0
"""How often the disk is looked at for changes while somebody has a page open."""


@contextmanager
def opened(root: Path, warn: Callable[[str], None]) -> Iterator[Site]:
    """root: the project's folder; warn: told of what is doubtful. What is being made for pages is stopped at the end."""
    bulletin = Bulletin()
    studio = Studio(root, lambda video: bulletin.say(MADE, videos=[video]))
    made = _Made(root, studio, bulletin, warn)
    made.look()
    try:
        yield made.site
    finally:
        studio.close()
        made.close()


class _Made:
    def __init__(self, root: Path, studio: Studio, bulletin: Bulletin, warn: Callable[[str], None]) -> None:
        self._warn, self._warned = warn, dict[int, list[str]]()
        self._desk = Desk(root, self._hear)
        self._media = Media(self._desk, studio)
        self._bulletin = bulletin
        self._builds = Builds(root / HIDDEN / FOLDER)
        self._rolls = Rolls(root, lambda said, wrong: bulletin.say(SAID, text=said, bad=wrong))
        self._looking = Lock()
        self._watch = ThreadPoolExecutor(1, "watch")

    @property
    def site(self) -> Site:
        return Site(
            board=self._board, shot=self._shot, sequence=self._sequence, spending=self._spending, do=self._do,
            price=self._price, media=self._files, stream=self._stream, error=self._error,
        )  # fmt: skip

    def look(self) -> None:
        """Reads the project now, so that the first page waits for nothing. Mistakes in it are told by each page."""
        with suppress(ShotbuildError), self._desk.now():
            pass

    def close(self) -> None:
        self._watch.shutdown()

    # --- pages ------------------------------------------------------------------------------------------------------------

    def _board(self, person: Person, query: Mapping[str, str]) -> str:
        with self._desk.now() as workspace:
            scope = _scope(workspace, person)
            return pages.board_page(
                self._frame(workspace, person, scope), self._views(workspace, person, scope).board(), query
            )

    def _shot(self, person: Person, name: str, query: Mapping[str, str]) -> str | None:
        with self._desk.now() as workspace:
            scope = _scope(workspace, person)
            views = self._views(workspace, person, scope)
            view = views.shot(name, everything="everything" in query)
            if view is None:
                return None
            return pages.shot_page(self._frame(workspace, person, scope), view, views.history(name))

    def _sequence(self, person: Person, name: str) -> str | None:
        with self._desk.now() as workspace:
            scope = _scope(workspace, person)
            view = self._views(workspace, person, scope).cut(name)
            return None if view is None else pages.sequence_page(self._frame(workspace, person, scope), view)

    def _spending(self, person: Person) -> str | None:
        with self._desk.now() as workspace:
            scope = _scope(workspace, person)
            view = self._views(workspace, person, scope).spending()
            return None if view is None else pages.spending_page(self._frame(workspace, person, scope), view)

    def _views(self, workspace: Workspace, person: Person, scope: Scope) -> Views:
        with self._looking:
            now = working(self._builds.alive(), self._builds.failures().values())
        return Views(workspace, scope, now, role=person.role)

    def _error(self, person: Person, error: ShotbuildError) -> str:
        """Whoever may not see everything is not told what specs say."""
        frame = Frame(project="", addresses=Served(), person=person.by, role=person.role or "", whole=False)
        if person.sequences or person.shots:
            return pages.error_page(frame, "Not now", "The project cannot be shown as it is.", "Try again later.")
        return pages.error_page(frame, "The project cannot be read as it is", render(error))

    def _frame(self, workspace: Workspace, person: Person, scope: Scope) -> Frame:
        project = workspace.project
        return Frame(
            project=project.name,
            addresses=Served(),
            person=person.by,
            role=person.role or "",
            may=person.may,
            token=person.token,
            version=self._desk.version,
            whole=scope.whole,
            live=True,
            sequences=titles(project, scope),
        )

    # --- what is done, and what happens -----------------------------------------------------------------------------------

    def _do(self, person: Person, deed: str, body: Mapping[str, object]) -> Mapping[str, object] | None:
        with self._desk.now() as workspace, self._heard() as warned:
            scope = _scope(workspace, person)
            try:
                if deed == ROLL:
                    said = self._rolls.start(workspace, scope, body)
                else:
                    said = deeds.told(deeds.done(workspace, person, scope, deed, body))
            except NotTheirs:
                return None
        return {"said": said, "warnings": warned}

    def _price(self, person: Person, query: Mapping[str, str]) -> Mapping[str, object] | None:
        shot, count = query.get("shot", ""), query.get("count", "")
        if not count.isascii() or not count.isdecimal() or len(count) > 6:
            raise PlanError(f"{count[:40]!r} is no number of takes")
        with self._desk.now() as workspace:
            try:
                found = offer(workspace, _scope(workspace, person), shot, int(count))
            except NotTheirs:
                return None
        return {"possible": found.possible, "price": found.price, "says": found.says}

    async def _stream(self, person: Person) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        version, builds, number = -1, "", None
        whole = not person.sequences and not person.shots
        while True:
            now, running = await loop.run_in_executor(self._watch, self._looked)
            if now != version:
                version = now
                yield event("project", {"version": version})
            # Steps and results have names of shots in them: who sees some of these is told of none.
            if whole:
                text = event("builds", told(running))
                if text != builds:
                    builds = text
                    yield text
                number, said = self._bulletin.since(number)
                for name, content in said:
                    yield event(name, content)
            await asyncio.sleep(LOOK_SECONDS)

    def _looked(self) -> tuple[int, tuple[Build, ...]]:
        with self._looking:
            running = self._builds.alive()
        return self._desk.looked(), running

    def _files(self, person: Person, kind: str, name: str) -> Bytes | Later | None:
        with self._desk.now() as workspace:
            scope = _scope(workspace, person)
        match kind:
            case "sound":
                return self._media.sound(scope, name)
            case "reference":
                return self._media.reference(scope, name)
            case "delivered":
                return self._media.delivered(scope, name)
        found = self._media.video(scope, name, kind)
        return LATER if isinstance(found, NotYet) else found

    # --- warnings ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def _heard(self) -> Iterator[list[str]]:
        """What is doubtful about a deed is told to who does it."""
        warned = self._warned[get_ident()] = []
        try:
            yield warned
        finally:
            del self._warned[get_ident()]

    def _hear(self, event: Event) -> None:
        if isinstance(event, Warned):
            self._warned.get(get_ident(), []).append(event.message)
            if get_ident() not in self._warned:
                self._warn(event.message)


def _scope(workspace: Workspace, person: Person) -> Scope:
    return scope_of(workspace.project, person.sequences, person.shots)
