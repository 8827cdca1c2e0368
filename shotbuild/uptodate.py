"""Is there anything to do? Answered from what the last build saw, before anything else of shotbuild is imported.

A build or delivery that leaves nothing to do writes down every file that it read or wrote, with the fold of their stats, and
what it would say if it were asked again. The same words over the same stats are answered from that; whatever differs or is
doubtful means only: look. So nothing here is the identity of anything, and deleting `.shotbuild/uptodate` costs one look.

What a stat cannot tell is never relied upon: a file that changed within the clock's grain of the time at which we began to
read, or later, is written down by nobody but the one who wrote it (`Trace.wrote`); then nothing is kept, and the next build
looks again. ctime is part of a stat, so neither a copied mtime nor a clock that was set back hides an edit.
"""

import os
import sys
import time
from operator import attrgetter

from shotbuild import __version__

# Not even `collections.abc` is imported here: that takes a tenth of the time that the answer does.
MAGIC = b"shotbuild uptodate 1"
FOLDER = ".shotbuild/uptodate"
PROJECT_FILE = "shotbuild.yaml"
COMMANDS = ("build", "deliver")
NEVER = ("--json", "--to", "--force", "--junit", "--verify-sample", "--proxies", "--help", "-h")
STATEFUL = ("status:", "changed:")
"""Words by which more is printed or put elsewhere, or which mean what no file says: those are answered by looking."""
VARIABLES = ("PATH", "IMAGEIO_FFMPEG_EXE")
MOST = 12
"""So many answers are kept, of as many commands."""
GRAIN, COARSE = 20_000_000, 2_000_000_000
"""Nanoseconds within which a file system may give two changes one time: what the kernel's tick makes of it, and what file
systems keep that know no more than seconds."""
STAMP = attrgetter("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino")


class Began:
    """When a build began to look, in nanoseconds on the clock of the file system that holds its project. hidden: the
    project's .shotbuild, None = it has none yet, and what it has was made on this machine's clock."""

    def __init__(self, hidden: str | None) -> None:
        self.now = time.time_ns() if hidden is None else _touched(os.path.join(hidden, ".clock"))
        self.grain = GRAIN if self.now % 1_000_000 else COARSE


def answer(words: list[str]) -> bool:
    """Whether this command has nothing to do; then it has said so. words: of the command line, after `shotbuild`."""
    if not is_kept_for(words):
        return False
    began = time.monotonic()
    try:
        here = os.open(".", os.O_RDONLY)
    except OSError:
        return False
    try:
        root = _root(words)
        if root is None:
            return False
        with open(_place(root, words), "rb") as stream:
            fields = stream.read().split(b"\0")
        if fields[:3] != [MAGIC, identity(), repr(words).encode()] or fields[6] != PROJECT_FILE.encode():
            return False
        out, err, kept = fields[3:6]
        # Short paths are found sooner than long ones.
        os.chdir(root)
        if fold(out + err, list(map(STAMP, map(os.stat, fields[6:])))) != int(kept):
            return False
        return _say(out.decode(), f"{err.decode()}{time.monotonic() - began:.1f} s")
    except (OSError, ValueError, IndexError):
        return False
    finally:
        os.chdir(here)
        os.close(here)


def keep(
    root: str,
    words: list[str],
    began: Began,
    read: tuple[str, ...],
    wrote: dict[str, list[int]],
    out: str,
    err: str,
) -> None:
    """Keeps what to say the next time, if it can be relied upon. read: files and folders, relative to the root or absolute;
    wrote: those that this build wrote itself → the stamp that they had then; err: ends before the seconds."""
    if not is_kept_for(words):
        return
    os.makedirs(os.path.join(root, FOLDER), exist_ok=True)
    place = _place(root, words)
    try:
        if any(began.now - began.grain <= stamp[1] for stamp in wrote.values()):
            time.sleep(began.grain / 1e9)  # what changes from now on has another time than what we wrote
        paths = list(dict.fromkeys((PROJECT_FILE, *read, *wrote, *programs())))
        stamps: list[tuple[int, ...]] = [STAMP(os.stat(os.path.join(root, path))) for path in paths]
        for path, stamp in zip(paths, stamps, strict=True):
            if path in wrote:
                if list(stamp) != wrote[path]:
                    return
            elif max(stamp[1:3]) >= began.now - began.grain:
                return
        names = [os.fsencode(path) for path in paths]
        said = [out.encode(), err.encode()]
        fields = [MAGIC, identity(), repr(words).encode(), *said, str(fold(b"".join(said), stamps)).encode(), *names]
        fresh = f"{place}.{os.getpid()}"
        with open(fresh, "wb") as stream:
            stream.write(b"\0".join(fields))
        os.replace(fresh, place)
        _tidy(root)
    except OSError:
        return  # it is kept to save time; a disk that is full is somebody else's to tell


def is_kept_for(words: list[str]) -> bool:
    """Whether the answer to a command may be kept at all."""
    if not words or words[0] not in COMMANDS or os.environ.get("GITHUB_ACTIONS") == "true":
        return False  # GitHub gets a summary of each call
    return not any(word.partition("=")[0] in NEVER or word.lstrip("+").startswith(STATEFUL) for word in words)


def _root(words: list[str]) -> str | None:
    """The project that is meant: the nearest folder upwards with a project file."""
    folder = os.getcwd()
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if word in ("--project", "-C"):
            folder = words[index + 1]
        elif name == "--project" and equals:
            folder = value
        elif word.startswith("-C"):
            folder = word[2:]
    folder = os.path.realpath(folder)
    while not os.path.isfile(f"{folder}/{PROJECT_FILE}"):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    return folder


def _place(root: str, words: list[str]) -> str:
    return os.path.join(root, FOLDER, f"{_number(repr(words).encode()):x}")


def _number(text: bytes) -> int:
    """The same in every process, which `hash` of a text is not."""
    return int.from_bytes(text, "big") % (2**89 - 1)


def identity() -> bytes:
    """What a build reads beside files. Which programs there are is told by the stats of their files and folders."""
    read = sorted(item for item in os.environ.items() if item[0].startswith("SHOTBUILD_") or item[0] in VARIABLES)
    return repr((__version__, sys.version, sys.prefix, sys.path[1:], read)).encode("utf-8", "surrogateescape")


def programs() -> list[str]:
    """Our own code and that of all packages that were used, and the folders in which others would be found."""
    standard = os.path.dirname(os.__file__)
    packages = os.path.join(standard, "site-packages")
    files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    found = [file for file in files if not file.startswith(standard) or file.startswith(packages)]
    found += [*sys.path[1:], *os.environ.get("PATH", "").split(os.pathsep)]
    return [path for path in found if os.path.isabs(path) and os.path.exists(path)]


def fold(text: bytes, stamps: list[tuple[int, ...]]) -> int:
    """One number for what is said and the stats of all files. Tuples of numbers are hashed alike by every process."""
    return hash((_number(text), *stamps))


def _say(out: str, err: str) -> bool:
    try:
        for stream, text in ((sys.stdout, out), (sys.stderr, err)):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
            stream.write(f"{text}\n" if text else "")
            stream.flush()
    except AttributeError:
        return False  # a stream that is closed
    except BrokenPipeError:
        os._exit(0)  # nobody listens any more
    return True


def _touched(path: str) -> int:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o644)
    try:
        os.write(handle, b"now\n")
        return os.fstat(handle).st_mtime_ns
    finally:
        os.close(handle)


def _tidy(root: str) -> None:
    folder = os.path.join(root, FOLDER)
    entries = sorted(os.scandir(folder), key=lambda entry: -entry.stat().st_mtime_ns)
    for entry in entries[MOST:]:
        os.unlink(entry.path)
