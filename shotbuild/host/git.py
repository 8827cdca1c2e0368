"""The door to Git: who commits, what a revision holds, and what every ref has of a folder. Knows no specs and no takes.

Nothing here runs a program that a repository's own configuration names: no hook, file-system monitor, filter, or fetch.
"""

import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from shotbuild.errors import PlanError, ProcessError, ShotbuildError
from shotbuild.host import process

SECONDS = 120.0
BATCH_BYTES = 64 << 20  # of file contents that are asked for, and held, at once
# What a merge, pick or rebase that stopped half-way has besides branches.
HEADS = ("HEAD", "ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD")
STASH = "refs/stash"
# A repository that lacks objects would fetch them, by whatever program its configuration names for that.
_NO_FETCH = ("protocol.allow", *(f"protocol.{name}.allow" for name in ("ext", "file", "git", "http", "https", "ssh")))
_GUARD = (
    "--no-pager",
    "--no-optional-locks",
    "--literal-pathspecs",
    "-c", "core.fsmonitor=false",
    "-c", f"core.hooksPath={os.devnull}",
    *(word for name in _NO_FETCH for word in ("-c", f"{name}=never")),
)  # fmt: skip
_BLAMED = re.compile(r"([0-9a-f]{40,64}) [0-9]+ [0-9]+(?: [0-9]+)?")
_OWN_FILTER = re.compile(r"(?:local|worktree)\0(filter\.[^\0]*\.(?:smudge|process|required))\0", re.IGNORECASE)


def identity(root: Path) -> tuple[str, str] | None:
    """Name and mail that `git commit` would write, from the environment or Git's configuration; None when neither has
    them or there is no Git. root: a folder, in a repository or not."""
    try:
        # Without that setting, Git makes up a mail from the names of user and machine.
        said = _git(root, "-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT")
    except ProcessError:
        return None
    match = re.fullmatch(r"(.+) <([^<>]+)> \d+ [+-]\d{4}\n", said)
    return (match[1], match[2]) if match else None


def commit_of(root: Path, revision: str) -> str:
    """The full id of a revision's commit. Errors: PlanError when it is none, or Git cannot be asked."""
    try:
        # --end-of-options: a revision that begins with a dash is a name, not an option.
        return _git(root, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").strip()
    except ProcessError as error:
        raise _unreadable(revision, error) from error


def file_at(root: Path, revision: str, path: str) -> str | None:
    """A text file of the folder `root` at a revision, None when there was no plain file. path: posix, below root.

    What is not UTF-8 stands as U+FFFD. Errors: PlanError when the revision is none or lacks the bytes.
    """
    commit = commit_of(root, revision)
    try:
        match = re.match(r"100\d{3} blob ([0-9a-f]+)\t", _git(root, "ls-tree", "-z", commit, "--", f"./{path}"))
        # Of all that shows a file, `cat-file` alone never asks for a filter.
        return _git(root, "cat-file", "blob", match[1]) if match else None
    except ProcessError as error:
        raise _unreadable(revision, error) from error


def fork_point(root: Path, revision: str) -> str:
    """The full id of the newest commit that a revision and HEAD both come from; that of the revision where the history here
    has none. Errors: PlanError when it is none."""
    commit = commit_of(root, revision)
    try:
        return _git(root, "merge-base", commit, "HEAD").strip()
    except ProcessError:
        return commit


def heads(root: Path) -> tuple[str, ...]:
    """What the next commit follows: HEAD, and MERGE_HEAD while a merge is under way; none where nothing was committed."""
    return tuple(_there(root, ("HEAD", "MERGE_HEAD"))) if _in_repository(root) else ()


def texts_at(root: Path, revision: str, folder: str) -> dict[str, str]:
    """The plain files below a folder of the project at a revision: path from root → text. What is not UTF-8 is U+FFFD.

    Errors: PlanError when the revision is none or lacks the bytes."""
    commit = commit_of(root, revision)
    try:
        listed = _git(root, "ls-tree", "-r", "-z", commit, "--", f"./{folder}/")
        found = re.findall(r"100\d{3} blob ([0-9a-f]+)\t([^\0]+)\0", listed)
        texts: dict[str, str] = {}
        for batch in _batches(_sizes(root, sorted({blob for blob, _ in found}))):
            texts |= dict(zip(batch, (content.decode() for content in _contents(root, batch)), strict=True))
        return {path: texts[blob] for blob, path in found}
    except ProcessError as error:
        raise _unreadable(revision, error) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """id: in full; by: the author's name; at: ISO 8601, UTC; subject: the first line of what was said."""

    id: str
    by: str
    at: str
    subject: str


def lines_of(root: Path, path: str) -> tuple[Commit | None, ...]:
    """By which commit each line of a file of the project came to stand there; None for a line that none has yet. Nothing
    where the file is not in Git, or Git cannot be asked. path: posix, below root."""
    try:
        said = _git(root, "blame", "--porcelain", "--", f"./{path}")
    except ProcessError:
        return ()
    known: dict[str, dict[str, str]] = {}
    found: list[str] = []
    for line in said.splitlines():
        head = _BLAMED.fullmatch(line)
        if head:
            found.append(head[1])
            known.setdefault(head[1], {})
        elif found and not line.startswith("\t"):
            word, _, rest = line.partition(" ")
            known[found[-1]].setdefault(word, rest)
    return tuple(None if not name.strip("0") else _commit(name, known[name]) for name in found)


def _commit(name: str, said: Mapping[str, str]) -> Commit:
    time = datetime.fromtimestamp(int(said.get("author-time", "0")), UTC)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ")
    return Commit(id=name, by=said.get("author", ""), at=at, subject=said.get("summary", ""))


def merge_driver(root: Path, path: str) -> str | None:
    """How Git merges a path, as `.gitattributes` has it, such as `union`; None outside of a repository or without Git."""
    if not _in_repository(root):
        return None
    try:
        return _git(root, "check-attr", "-z", "merge", "--", path).split("\0")[2]
    except (ProcessError, IndexError):
        return None


def refs(root: Path, most: int) -> list[str]:
    """Full names of branches, remote branches and tags, at most so many; none outside of a repository."""
    try:
        # In the order of their names: any other would read the commits.
        return _git(root, "for-each-ref", f"--count={most}", "--format=%(refname)").split() if _in_repository(root) else []
    except ProcessError:
        return []


def archive(root: Path, revision: str, into: Path) -> None:
    """Packs the folder `root` as it was at a revision into a new tar file. Errors: PlanError.

    Filters of the person's own configuration run as for a checkout (Git LFS); those of the repository's do not.
    """
    commit = commit_of(root, revision)
    try:
        # Run in the project's folder, `git archive` packs that folder alone.
        _git(root, *_unfiltered(root), "archive", "--format=tar", f"--output={into}", commit)
    except ProcessError as error:
        raise _unreadable(revision, error) from error


def texts_everywhere(root: Path, folder: str, suffix: str = "") -> Iterator[bytes]:
    """The distinct contents of the files below a folder on every ref (branches here and of remotes, tags, HEAD of every
    worktree, all stashes) and in the index; nothing outside of a repository. folder: its name, wherever it lies: a project
    may have been in another folder on another branch.

    What is not UTF-8 stands as U+FFFD. Errors: ShotbuildError when there is a repository and not all of it can be read.
    """
    # A look at the folders, not a question to Git: what is in no repository needs no Git.
    if not _in_repository(root):
        return
    try:
        tips = _tips(root)
        _complain_of(_absent(root, tips))
        wanted = re.compile(f"(?:^|/){re.escape(folder)}/.*{re.escape(suffix)}\\Z", re.DOTALL)
        trees = _trees(root, [*HEADS, *tips])
        listed = [_listed(root, wanted, "ls-tree", "-r", "-z", "--full-tree", tree) for tree in trees]
        listed.append(_listed(root, wanted, "ls-files", "-s", "-z"))
        for batch in _batches(_sizes(root, sorted({blob for blobs in listed for blob in blobs}))):
            yield from _contents(root, batch)
    except ProcessError as error:
        raise ShotbuildError(
            f"Git cannot say what branches, tags and stashes hold of {folder}/",
            cause=f"{error.message}: {error.cause}",
            hint="make `git fsck` pass here; a partial clone lacks files until `git fetch --refetch --no-filter`",
        ) from error


def _in_repository(root: Path) -> bool:
    whole = root.resolve()
    return "GIT_DIR" in os.environ or any(os.path.lexists(folder / ".git") for folder in (whole, *whole.parents))


def _tips(root: Path) -> list[str]:
    """Everything that a folder may hang on, as names or ids."""
    refs = [line.split(" ", 1) for line in _git(root, "for-each-ref", "--format=%(objectname) %(refname)").splitlines()]
    worktrees = re.findall(r"^HEAD (?!0+$)([0-9a-f]+)$", _git(root, "worktree", "list", "--porcelain"), re.MULTILINE)
    stashes = (
        _git(root, "rev-list", "--walk-reflogs", STASH, "--").split() if any(ref[1:] == [STASH] for ref in refs) else []
    )
    # A stash has the index as its second parent, and what was not tracked as its third.
    kept = [f"{stash}^{parent}" for stash in stashes for parent in (2, 3)]
    kept += [f"{STASH}^2", f"{STASH}^3"] if any(ref[1:] == [STASH] for ref in refs) else []
    return [*(ref[0] for ref in refs), *worktrees, *stashes, *_there(root, kept)]


def _there(root: Path, names: Sequence[str]) -> list[str]:
    """Those of some names that mean an object: a stash need not have a third parent."""
    gone = _absent(root, names)
    return [name for name in names if name not in gone]


def _absent(root: Path, names: Sequence[str]) -> set[str]:
    """Those of some names of which Git has no object."""
    answers = _ask(root, "cat-file", "--batch-check=%(objectname)", lines=names).splitlines() if names else []
    return {name for name, answer in zip(names, answers, strict=True) if answer.endswith(" missing")}


def _trees(root: Path, tips: Iterable[str]) -> list[str]:
    """The distinct trees of tips; a tag of something that has none is passed over."""
    asked = [f"{tip}^{{tree}}" for tip in dict.fromkeys(tips)]
    answers = _ask(root, "cat-file", "--batch-check=%(objecttype) %(objectname)", lines=asked).splitlines()
    return sorted({answer.removeprefix("tree ") for answer in answers if re.fullmatch("tree [0-9a-f]+", answer)})


def _listed(root: Path, wanted: re.Pattern[str], *command: str) -> list[str]:
    """The blobs of an `ls-tree` or `ls-files` with a path that is wanted; links and submodules are passed over."""
    blobs = []
    for entry in _git(root, *command).split("\0"):
        head, _, path = entry.partition("\t")
        match = re.fullmatch(r"100\d{3} (?:blob )?([0-9a-f]+)(?: \d)?", head)
        if match and wanted.search(path):
            blobs.append(match[1])
    return blobs


def _sizes(root: Path, blobs: Sequence[str]) -> dict[str, int]:
    answers = _ask(root, "cat-file", "--batch-check=%(objectname) %(objectsize)", lines=blobs).splitlines()
    found = {name: int(size) for name, _, size in (answer.partition(" ") for answer in answers) if size.isdigit()}
    _complain_of(set(blobs) - set(found))
    return found


def _batches(sizes: dict[str, int]) -> Iterator[list[str]]:
    batch: list[str] = []
    held = 0
    for blob, size in sizes.items():
        if batch and held + size > BATCH_BYTES:
            yield batch
            batch, held = [], 0
        batch.append(blob)
        held += size
    if batch:
        yield batch


def _contents(root: Path, blobs: Sequence[str]) -> Iterator[bytes]:
    # `process.run` gives text, so sizes in bytes cannot divide it; a mark can that no content knows.
    mark = secrets.token_hex(32)
    said = _ask(root, "cat-file", "--batch=%(rest)", lines=[f"{blob} {mark}" for blob in blobs])
    parts = said.split(f"{mark}\n")[1:]
    _complain_of(blobs[len(parts) :])
    for part in parts:
        yield part.removesuffix("\n").encode()


def _complain_of(missing: Iterable[str]) -> None:
    named = sorted(missing)
    if named:
        raise ProcessError("git lacks objects", cause=f"{len(named)} files are not there, such as {named[0]}")


def _unfiltered(root: Path) -> tuple[str, ...]:
    """Settings that make nothing of the filters that a repository's own configuration names."""
    listed = _git(root, "config", "--list", "--show-scope", "--name-only", "--null")
    names = sorted(set(_OWN_FILTER.findall(listed)))
    odd = [name for name in names if not re.fullmatch(r"[\w.-]+", name, re.ASCII)]
    if odd:
        raise ProcessError("git was not asked", cause=f"the repository's configuration names an odd filter: {odd[0]!r}")
    return tuple(word for name in names for word in ("-c", f"{name}={'false' if name.endswith('required') else ''}"))


def _ask(root: Path, *arguments: str, lines: Iterable[str]) -> str:
    return _git(root, *arguments, feed=["".join(f"{line}\n" for line in lines).encode()])


def _git(root: Path, *arguments: str, feed: Iterable[bytes] | None = None) -> str:
    return process.run(["git", *_GUARD, *arguments], cwd=root, feed=feed, deadline=SECONDS)[0]


def _unreadable(revision: str, error: ProcessError) -> PlanError:
    return PlanError(
        f"Git revision {revision!r} cannot be read",
        cause=error.cause,
        hint="name a commit, branch or tag of this repository, such as `HEAD~1`",
    )
