"""A frame of each shot that changes, as PNG files: of the take that stands for it now, and of the one that did."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from shotbuild.ci.changes import BEFORE, NOW, ShotChange, Still
from shotbuild.errors import MediaError, ProcessError, ShotbuildError, StoreError
from shotbuild.host import files, process
from shotbuild.media.shots import middle_frame
from shotbuild.plan.choose import Choice
from shotbuild.records import Digest
from shotbuild.stages.reading import source
from shotbuild.workspace import Workspace

WIDTH = 640
SECONDS = 60.0
MOST = 100
"""So many shots get pictures; more are too many to look at."""


def stills(workspace: Workspace, changed: Iterable[ShotChange], folder: Path) -> tuple[Still, ...]:
    """Writes `SHOT/now.png`, and `SHOT/before.png` where another take stood for the shot, for takes whose bytes are here.
    What cannot be drawn is told as a warning. Errors: OSError when the folder cannot be written."""
    found: list[Still] = []
    for change in list(changed)[:MOST]:
        for when, video in _wanted(change):
            if not workspace.rooms.blobs.has(video):
                continue
            still = Still(shot=change.shot, when=when, path=f"{change.shot}/{when}.png")
            try:
                _draw(workspace, video, folder / still.path)
            except (MediaError, ProcessError, StoreError) as error:
                workspace.rooms.warn(f"no still of {change.shot}: {_told(error)}")
                continue
            found.append(still)
    return tuple(found)


def _wanted(change: ShotChange) -> Iterator[tuple[str, Digest]]:
    now, before = _video(change.after), _video(change.before)
    if now is not None:
        yield NOW, now
    if before is not None and before != now:
        yield BEFORE, before


def _video(choice: Choice | None) -> Digest | None:
    return None if choice is None or choice.take is None else choice.take.video


def _draw(workspace: Workspace, video: Digest, path: Path) -> None:
    workspace.rooms.blobs.verify(video)
    with TemporaryDirectory(prefix="shotbuild-") as work:
        read = source(workspace.rooms.blobs.path(video))
        ffmpeg = workspace.rooms.ffmpeg(workspace.project)
        process.run(middle_frame(ffmpeg, read, WIDTH, "still.png"), cwd=Path(work), deadline=SECONDS)
        drawn = Path(work) / "still.png"
        if not drawn.is_file():
            raise MediaError("it has no frame in its middle")
        files.write_atomic(path, drawn.read_bytes())


def _told(error: ShotbuildError) -> str:
    return f"{error.message} ({error.cause})" if error.cause else error.message
