"""The project's files as specs may name them: below the root, regular, readable. Knows nothing of what they hold."""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from shotbuild.errors import Location, SpecError, nearest
from shotbuild.host.memory import STAMP
from shotbuild.host.places import Places
from shotbuild.spec.report import Refusal

PROJECT_FILE = "shotbuild.yaml"
SPECS = "specs"
TEMPLATES = "templates"
CLOSED = frozenset({".shotbuild", "out", ".git"})
MAX_TEXT = 4 << 20
PART = 64 << 10
MAX_PATH = 1000
TIDY = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", re.ASCII)
"""A path without a part that means another one, such as `.`, and without an empty part."""
Stamp: TypeAlias = tuple[int, int, int, int]
"""What tells that a file may have changed: size, time of change of content and of status, inode."""
GUESSES = 50
"""How many missing files get a hint: each costs a look into a folder."""


def find_root(start: Path) -> Path:
    """The project that a folder is in: the nearest folder upwards with a shotbuild.yaml, else the folder itself."""
    folder = start.resolve()
    return next((each for each in (folder, *folder.parents) if (each / PROJECT_FILE).is_file()), folder)


class Tree:
    """The files below one root. root: the project's folder. Answers are kept: one Tree serves one load."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self._known: dict[str, str | Refusal] = {}
        self._places = Places(self._root)
        self.seen: dict[str, tuple[Stamp, str]] = {}
        """The text files that were read → stamp and sha256 as they were then."""
        self.noted: set[str] = set()
        """What `file` was asked for, since somebody set it."""
        self.asked = 0
        """How often it was asked."""
        self._guesses = GUESSES

    @property
    def named(self) -> tuple[str, ...]:
        """Every file that was taken so far, as `file` gave it."""
        return tuple(sorted({known for known in self._known.values() if isinstance(known, str)}))

    def file(self, written: str) -> str:
        """A path as a person wrote it → the same path, relative and tidy. Errors: Refusal says why it cannot be taken."""
        self.noted.add(written)
        self.asked += 1
        known = self._known.get(written)
        if known is None:
            try:
                known = self._checked(written)
            except Refusal as refusal:
                known = refusal
            self._known[written] = known
        if isinstance(known, Refusal):
            raise known
        return known

    def accept(self, path: str) -> None:
        """Takes a file without looking: somebody else has."""
        self._known[path] = path

    def read(self, path: str) -> bytes:
        """The bytes of a text file of the project. path: relative. Errors: SpecError at its first line."""
        start = Location(file=_printable(path), line=1, column=1)
        try:
            return self._bytes(self.file(path))
        except Refusal as refusal:
            raise SpecError(refusal.message, location=start, cause=refusal.cause, hint=refusal.hint) from refusal
        except OSError as error:
            raise SpecError("this file cannot be read", location=start, cause=error.strerror) from error

    def stamp(self, path: str) -> Stamp:
        """A file's stamp as it is now. Errors: OSError."""
        return STAMP(os.stat(f"{self._root}/{path}"))

    def stamps(self, paths: Iterable[str]) -> list[Stamp]:
        """The stamps of many files. Errors: OSError."""
        root = f"{self._root}/"
        return list(map(STAMP, map(os.stat, map(root.__add__, paths))))

    def digest(self, path: str) -> str:
        """The digest of a text file as it was first read here. Errors: SpecError."""
        if path not in self.seen:
            self.read(path)
        return self.seen[path][1]

    def specs(self) -> Iterator[str]:
        """Every file of specs/ by its relative path, sorted; folders that are links are given too, for `read` to refuse."""
        yield from sorted(self._below(SPECS))

    def lines(self, path: str) -> list[str] | None:
        """The lines of a text file of the project, whatever its bytes; None when it cannot be read."""
        try:
            content = self._bytes(self.file(path))
        except (Refusal, OSError):
            return None
        return re.split(r"\r\n|\r|\n", content.decode("utf-8-sig", "replace"))

    def _bytes(self, path: str) -> bytes:
        # Opened without waiting, so that a named pipe that took the file's place cannot hold us.
        handle = os.open(f"{self._root}/{path}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            # No more than the file has: room for the largest one costs more than a small one's reading.
            found = os.fstat(handle)
            content = os.read(handle, min(found.st_size, MAX_TEXT) + 1)
            while len(content) <= MAX_TEXT and (more := os.read(handle, PART)):
                content += more
        finally:
            os.close(handle)
        if len(content) > MAX_TEXT:
            raise Refusal(f"this file is larger than {MAX_TEXT >> 20} MiB", hint="split it")
        self.seen[path] = STAMP(found), hashlib.sha256(content).hexdigest()
        return content

    def _below(self, folder: str) -> Iterator[str]:
        try:
            entries = list(os.scandir(os.path.join(self._root, folder)))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError:
            yield folder  # `read` says what is wrong with it
            return
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False) and len(path) <= MAX_PATH:
                yield from self._below(path)
            elif entry.name.endswith((".yaml", ".yml")) or entry.is_dir():
                yield path

    def _checked(self, written: str) -> str:
        path = relative(written)
        real = self._places.real(path)
        inside = self._places.inside(real)
        if inside is None:
            cause = "a symbolic link on the way leads out of the project"
            raise Refusal(f"{_shown(path)} is outside the project", cause=cause, hint="copy the file into the project")
        _open_to_specs(inside, path)
        if path.startswith(f"{TEMPLATES}/") and not inside.startswith(f"{TEMPLATES}/"):
            raise Refusal(f"{_shown(path)} is a link out of `{TEMPLATES}/`", hint=f"copy the file to `{TEMPLATES}/`")
        self._regular(real, path)
        return path

    def _regular(self, real: str, path: str) -> None:
        try:
            mode = os.stat(real).st_mode
        except OSError as error:
            raise Refusal(f"there is no file {_shown(path)}", cause=error.strerror, hint=self._guess(path)) from error
        if not os.access(real, os.R_OK):
            raise Refusal(f"{_shown(path)} may not be read", hint="give yourself the right to read it")
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise Refusal(f"{_shown(path)} is {what}", hint="name a file")

    def _guess(self, path: str) -> str:
        folder, name = os.path.split(path)
        if path == PROJECT_FILE:
            return "make a project with `shotbuild init`"
        rest = "paths are relative to the folder of `shotbuild.yaml`"
        if self._guesses == 0:
            return rest
        self._guesses -= 1
        try:
            names = sorted(entry for entry in os.listdir(os.path.join(self._root, folder)) if entry.isprintable())
        except OSError:
            return rest
        guess = nearest(name, names[:500])
        return f"did you mean `{os.path.join(folder, guess)}`?" if guess else rest


def relative(written: str) -> str:
    """A path as a person wrote it → relative and tidy, by its words alone. Errors: Refusal."""
    if not written.strip():
        raise Refusal("a path is missing here", hint="write one such as `assets/keeper.png`")
    if len(written) > MAX_PATH:
        raise Refusal(f"this path has more than {MAX_PATH} characters", hint="write a shorter one")
    if not written.isprintable():
        raise Refusal(f"the path {_shown(written)} holds a control character or a line end", hint="rename the file")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", written):
        raise Refusal(f"{_shown(written)} is an address, not a file", hint="put the file into the project")
    if "\\" in written:
        raise Refusal(f"the path {_shown(written)} holds a backslash", hint="write `/` between folders")
    if written.startswith(("/", "~")) or re.match(r"[A-Za-z]:", written):
        raise Refusal(
            f"the path {_shown(written)} is absolute", hint="copy the file into the project and name it from there"
        )
    path = written if TIDY.fullmatch(written) else str(PurePosixPath(written))
    if ".." in path.split("/"):
        raise Refusal(f"the path {_shown(written)} holds `..`", hint="paths start at the folder of `shotbuild.yaml`")
    _open_to_specs(path, written)
    return path


def _open_to_specs(inside: str, written: str) -> None:
    first = inside.split("/", 1)[0]
    if first.casefold() in CLOSED:
        cause = f"`{first}/` holds what builds make" if first != ".git" else None
        raise Refusal(f"{_shown(written)} lies in `{first}/`", cause=cause, hint="copy the file to `assets/`")


def _shown(path: str) -> str:
    return f"`{_printable(path[:200])}`"


def _printable(path: str) -> str:
    """A file name of any bytes as text that can be printed."""
    return path.encode("utf-8", "backslashreplace").decode()


def read_line(root: Path, location: Location) -> str | None:
    """The line of a file of the project that an error is about, for its excerpt; None when it cannot be had."""
    try:
        stamp = os.stat(root / location.file)
    except (OSError, ValueError):
        return None
    lines = _lines(root, location.file, stamp.st_mtime_ns, stamp.st_size)
    return lines[location.line - 1] if lines is not None and location.line <= len(lines) else None


@lru_cache(maxsize=4)
def _lines(root: Path, file: str, _modified: int, _size: int) -> list[str] | None:
    """Kept, because one file may have thousands of errors."""
    return Tree(root).lines(file)
