"""The same pages as one folder that stands alone: no server, no address outside of it. To mail, or to publish from CI."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from shotbuild.delivery import check_folder, file_part, put, text_part
from shotbuild.errors import ShotbuildError
from shotbuild.host.handover import Part
from shotbuild.records import Digest, SourceFile
from shotbuild.review import pages
from shotbuild.review.board import titles
from shotbuild.review.pages import HERE, PROXY, SHEET, THUMBNAIL, Frame
from shotbuild.review.scope import Scope
from shotbuild.review.views import Views
from shotbuild.takes import proxies
from shotbuild.workspace import Workspace

STATIC = ("page.css", "player.css", "page.js", "frames.js", "player.js", "cut.js", "icon.svg")
HOME = "index.html"
SOUND, REFERENCE = "sound", "reference"


@dataclass(frozen=True, slots=True)
class Filed:
    """Addresses from one page of the folder to what lies in it. up: from that page to the folder, as `../`; wanted: gets
    every file that a page names: path → what it is, sha256."""

    up: str
    wanted: dict[str, tuple[str, str]] = field(default_factory=dict)

    def board(self) -> str:
        return f"{self.up}{HOME}"

    def shot(self, name: str) -> str:
        return f"{self.up}shots/{name}.html"

    def sequence(self, name: str) -> str:
        return f"{self.up}sequences/{name}.html"

    def spending(self) -> str:
        return f"{self.up}spending.html"

    def media(self, video: str, what: str) -> str:
        return self._file(f"media/{video[:16]}-{what}", what, video)

    def sound(self, sha256: str) -> str:
        return self._file(f"media/{sha256[:16]}.wav", SOUND, sha256)

    def reference(self, sha256: str) -> str:
        return self._file(f"media/{sha256[:16]}", REFERENCE, sha256)

    def delivered(self, path: str) -> str:
        """Delivered files stay where they are: a report is to look at."""
        return ""

    def static(self, name: str) -> str:
        return f"{self.up}page/{name}"

    def _file(self, path: str, what: str, sha256: str) -> str:
        self.wanted[path] = what, sha256
        return f"{self.up}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """folder: as it was named; pages: how many; written, kept: how many files; lacking: how many takes nothing can be shown
    of, because their bytes are not here or cannot be drawn."""

    folder: Path
    pages: int
    written: int
    kept: int
    lacking: int


def write(workspace: Workspace, scope: Scope, folder: Path, *, force: bool = False) -> Written:
    """Writes the pages of what a scope opens, and all that they show, into a folder, whole or not at all; proxies that lack
    are made first. force: replaces files that no report wrote. Errors: those of `delivery.put`, and of a build."""
    whole = check_folder(folder, workspace.rooms.root)
    views = Views(workspace, scope)
    shots = [shot for shot in workspace.project.shots if shot.name in scope.shots]
    videos = list(dict.fromkeys(video for shot in shots for video in views.videos(shot.name)))
    here = [video for video in videos if workspace.rooms.blobs.has(video)]
    proxies.make(workspace, here)
    made = {video: dict(each.outputs) for video, each in proxies.known(workspace, here).items()}
    wanted: dict[str, tuple[str, str]] = {}
    parts: list[Part] = []

    def add(path: str, page: Callable[[Frame], str]) -> None:
        frame = Frame(
            project=workspace.project.name,
            addresses=Filed("../" * path.count("/"), wanted),
            whole=scope.whole,
            sequences=titles(workspace.project, scope),
        )
        parts.append(text_part(path, page(frame).encode()))

    add(HOME, partial(pages.board_page, board=views.board()))
    for shot in shots:
        view = views.shot(shot.name, everything=True)
        assert view is not None, "the scope opens it"
        add(f"shots/{shot.name}.html", partial(pages.shot_page, shot=view, story=views.history(shot.name)))
    for sequence in sorted(scope.sequences):
        cut = views.cut(sequence)
        if cut is not None:
            add(f"sequences/{sequence}.html", partial(pages.sequence_page, cut=cut))
    spent = views.spending()
    if spent is not None:
        add("spending.html", partial(pages.spending_page, spending=spent))
    count = len(parts)
    parts += [text_part(f"page/{name}", (HERE / "static" / name).read_bytes()) for name in STATIC]
    sounds = [sound for name in scope.sequences if (sound := views.sound(name)) is not None]
    given = {digest.sha256: digest for digest in (*sounds, *_references(workspace, scope))}
    parts += _files(workspace, wanted, made, given)
    handed = put(workspace.rooms, whole, parts, force=force)
    lacking = len(videos) - sum(PROXY in outputs for outputs in made.values())
    return Written(folder=folder, pages=count, written=len(handed.written), kept=len(handed.kept), lacking=lacking)


def _files(
    workspace: Workspace,
    wanted: Mapping[str, tuple[str, str]],
    made: Mapping[str, Mapping[str, Digest]],
    given: Mapping[str, Digest],
) -> Iterator[Part]:
    """Everything that the pages name, as far as it is there. made: sha256 of a film → its proxies; given: sounds and
    references by sha256."""
    for path, (what, sha256) in wanted.items():
        digest = made.get(sha256, {}).get(what) if what in (PROXY, SHEET, THUMBNAIL) else given.get(sha256)
        if digest is not None and workspace.rooms.blobs.has(digest):
            yield file_part(workspace.rooms, path, digest)


def _references(workspace: Workspace, scope: Scope) -> Iterator[Digest]:
    """What shots refer to, brought into the store."""
    for shot in workspace.project.shots:
        for each in shot.references if shot.name in scope.shots else ():
            source = SourceFile(path=each.path, location=each.location)
            try:
                digest = workspace.rooms.source(source)
                workspace.rooms.bring(source, digest)
            except ShotbuildError:
                continue
            yield digest
