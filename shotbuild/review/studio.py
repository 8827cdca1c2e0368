"""Makes the proxies and stills that pages ask for and that no build made yet: what was asked for last comes first, since
that is what somebody looks at. One thread, with a project of its own; what is made is cached like all else."""

from collections.abc import Callable
from pathlib import Path
from threading import Condition, Event, Thread

from shotbuild.errors import ShotbuildError
from shotbuild.records import Digest
from shotbuild.takes import proxies
from shotbuild.workspace import Workspace

MOST = 2000
"""So many wishes are remembered: who scrolls past more does not come back to the first."""
AT_ONCE = 4


class Studio:
    """root: the project's folder; tell: told of the sha256 of each take whose picture was made."""

    def __init__(self, root: Path, tell: Callable[[str], None] = lambda _: None) -> None:
        self._root, self._tell = root, tell
        self._wanted: dict[tuple[str, str], Digest] = {}
        self._failed: dict[tuple[str, str], str] = {}
        self._changed = Condition()
        self._cancel = Event()
        self._thread: Thread | None = None
        self._workspace: Workspace | None = None

    def want(self, video: Digest, what: str) -> None:
        """what: an output of `takes.proxies`."""
        with self._changed:
            key = video.sha256, what
            self._wanted.pop(key, None)
            self._wanted[key] = video
            while len(self._wanted) > MOST:
                del self._wanted[next(iter(self._wanted))]
            if self._thread is None and not self._cancel.is_set():
                self._thread = Thread(target=self._work, name="studio", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def failed(self, sha256: str, what: str) -> str:
        """Why it could not be made; empty when that was not tried, or went well."""
        return self._failed.get((sha256, what), "")

    def wait(self, video: str, what: str, seconds: float) -> bool:
        """Until it is made, or could not be; whether that came to pass in time."""
        with self._changed:
            return self._changed.wait_for(lambda: (video, what) not in self._wanted, seconds)

    def close(self) -> None:
        """Stops what it makes."""
        self._cancel.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._cancel.is_set())
                if self._cancel.is_set():
                    return
                # Stills are quick, and many wait for them.
                keys = list(reversed(self._wanted))
                small = [key for key in keys if key[1] == proxies.THUMBNAIL] or keys
                now = small[:AT_ONCE] if small[0][1] == proxies.THUMBNAIL else small[:1]
                videos = [self._wanted[key] for key in now]
            self._make(videos, now[0][1])
            with self._changed:
                for key in now:
                    self._wanted.pop(key, None)
                self._changed.notify_all()
            for sha256, _ in now:
                self._tell(sha256)

    def _make(self, videos: list[Digest], what: str) -> None:
        try:
            # Kept for all of them: what is made here hangs on no spec.
            self._workspace = self._workspace or Workspace(self._root)
            built = proxies.make(self._workspace, videos, [proxies.kind_of(what)], cancel=self._cancel)
            failed = {each.step.name.rpartition("/")[2]: each.error.message for each in built.failed}
        except ShotbuildError as error:
            failed = {video.sha256: error.message for video in videos}
        for sha256, why in failed.items():
            self._failed[(sha256, what)] = why
