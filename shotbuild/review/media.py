"""Which bytes a request may have: takes, their proxies and stills, references, the mix of a cut, delivered files. Nothing
else. A request names bytes by their digest, and the digest has to be one that the person's part of the project names; no
path is made of what a request says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Lock

from shotbuild.errors import ShotbuildError
from shotbuild.records import Digest, Shot, SourceFile
from shotbuild.review.desk import Desk
from shotbuild.review.pages import PROXY, SHEET, TAKE, THUMBNAIL
from shotbuild.review.scope import Scope
from shotbuild.review.studio import Studio
from shotbuild.review.views import Views
from shotbuild.rooms import OUT
from shotbuild.takes import proxies
from shotbuild.workspace import Workspace

MADE = {PROXY: "video/mp4", THUMBNAIL: "image/jpeg", SHEET: "image/jpeg"}
BY_SUFFIX = {
    ".mp4": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm", ".mkv": "video/x-matroska", ".png": "image/png",
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".gif": "image/gif", ".avif": "image/avif",
    ".wav": "audio/wav", ".m4a": "audio/mp4", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".ogg": "audio/ogg",
}  # fmt: skip
"""What a browser may take a file for: nothing that it would run as a page."""
ANYTHING = "application/octet-stream"
MIX = "mix.wav"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """path: of bytes to be sent; etag: names them, None where they may change."""

    path: Path
    content_type: str
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class NotYet:
    """It may be had, and is being made."""

    video: str
    what: str


@dataclass(frozen=True, slots=True)
class _Open:
    """What of a project a scope opens. videos: sha256 → bytes; names: sha256 → what it is called; plates: sha256 → file of
    the project; references: sha256 →
    file of the project; delivered: paths below out/; sounds: sha256 → bytes."""

    videos: Mapping[str, Digest]
    names: Mapping[str, str]
    plates: Mapping[str, SourceFile]
    references: Mapping[str, SourceFile]
    delivered: frozenset[str]
    sounds: Mapping[str, Digest]


class Media:
    """studio: makes what is missing."""

    def __init__(self, desk: Desk, studio: Studio) -> None:
        self._desk, self._studio = desk, studio
        self._lock = Lock()
        self._version = -1
        self._opened: dict[Scope, _Open] = {}
        self._proven: set[str] = set()

    def video(self, scope: Scope, sha256: str, what: str) -> File | NotYet | None:
        """What there is of a take or plate: PROXY, THUMBNAIL, SHEET or TAKE. None where it is not theirs, or is nowhere."""
        with self._desk.now() as workspace:
            opened = self._of(workspace, scope)
            digest = opened.videos.get(sha256)
            if digest is None or what not in (*MADE, TAKE):
                return None
            if what == TAKE:
                self._here(workspace, opened, digest)
                return self._blob(workspace, digest, opened.names[sha256])
            made = proxies.known(workspace, [digest])[sha256].output(what)
            if made is not None:
                return self._blob(workspace, made, what)
            if self._studio.failed(sha256, what) or not self._here(workspace, opened, digest):
                return None
        self._studio.want(digest, what)
        return NotYet(sha256, what)

    def _here(self, workspace: Workspace, opened: _Open, digest: Digest) -> bool:
        """Whether the bytes of a film can be had; those of a plate are brought into the store, as a build does."""
        plate = opened.plates.get(digest.sha256)
        if plate is not None:
            try:
                workspace.rooms.bring(plate, digest)
            except ShotbuildError:
                return False
        return workspace.rooms.blobs.has(digest)

    def sound(self, scope: Scope, sha256: str) -> File | None:
        """The mix of a cut."""
        with self._desk.now() as workspace:
            digest = self._of(workspace, scope).sounds.get(sha256)
            return None if digest is None else self._blob(workspace, digest, MIX)

    def reference(self, scope: Scope, sha256: str) -> File | None:
        """A file that a shot refers to, as its bytes are now."""
        with self._desk.now() as workspace:
            source = self._of(workspace, scope).references.get(sha256)
            if source is None:
                return None
            try:
                digest = workspace.rooms.source(source)
                workspace.rooms.bring(source, digest)
            except ShotbuildError:
                return None
            return self._blob(workspace, digest, source.path) if digest.sha256 == sha256 else None

    def delivered(self, scope: Scope, path: str) -> File | None:
        """A file below out/ that a deliverable of theirs gave."""
        with self._desk.now() as workspace:
            if path not in self._of(workspace, scope).delivered:
                return None
            try:
                place = workspace.rooms.inside(f"{OUT}/{path}")
            except ShotbuildError:
                return None
            if not place.is_file() or place.resolve() != place.parent.resolve() / place.name:
                return None
            return File(path=place, content_type=_type(path))

    def _blob(self, workspace: Workspace, digest: Digest, name: str) -> File | None:
        """Bytes are read and compared with their name before they are sent for the first time."""
        blobs = workspace.rooms.blobs
        try:
            if digest.sha256 not in self._proven:
                blobs.verify(digest)
                self._proven.add(digest.sha256)
            path = blobs.path(digest)
        except ShotbuildError:
            return None
        return File(path=path, content_type=MADE.get(name) or _type(name), etag=digest.sha256) if path.is_file() else None

    def _of(self, workspace: Workspace, scope: Scope) -> _Open:
        with self._lock:
            if self._version != self._desk.version:
                self._version = self._desk.version
                self._opened.clear()
            if scope not in self._opened:
                self._opened[scope] = _opened(workspace, scope)
            return self._opened[scope]


def _opened(workspace: Workspace, scope: Scope) -> _Open:
    views = Views(workspace, scope)
    videos: dict[str, Digest] = {}
    names: dict[str, str] = {}
    plates: dict[str, SourceFile] = {}
    references: dict[str, SourceFile] = {}
    for shot in workspace.project.shots:
        if shot.name not in scope.shots:
            continue
        choice = workspace.chosen.get(shot.name)
        if choice is not None:
            for take in choice.state.takes:
                videos[take.video.sha256], names[take.video.sha256] = take.video, take.output
        for sha256, source in _files(workspace, shot):
            if source.path == shot.plate:
                videos[sha256], names[sha256] = workspace.rooms.source(source), source.path
                plates[sha256] = source
            else:
                references[sha256] = source
    sounds = {sound.sha256: sound for name in scope.sequences if (sound := views.sound(name)) is not None}
    delivered = {path for name in scope.sequences for _, path in views.delivered(name)}
    return _Open(videos, names, plates, references, frozenset(delivered), sounds)


def _files(workspace: Workspace, shot: Shot) -> Iterator[tuple[str, SourceFile]]:
    paths = [each.path for each in shot.references] + ([shot.plate] if shot.plate else [])
    for path in paths:
        source = SourceFile(path=path, location=shot.location)
        try:
            yield workspace.rooms.source(source).sha256, source
        except ShotbuildError:
            continue


def _type(name: str) -> str:
    return BY_SUFFIX.get(PurePosixPath(name).suffix.casefold(), ANYTHING)
