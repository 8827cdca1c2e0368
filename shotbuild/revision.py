"""The project as it was at a Git revision, in a temporary folder. Knows Git, not specs."""

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shotbuild.errors import PlanError, ProcessError
from shotbuild.host import process

SECONDS = 120.0


@contextmanager
def checked_out(root: Path, revision: str) -> Iterator[Path]:
    """A copy of the project's folder at a revision; gone when the block ends. Errors: PlanError."""
    with tempfile.TemporaryDirectory(prefix="shotbuild-") as name:
        archive, folder = Path(name) / "revision.tar", Path(name) / "project"
        try:
            # --end-of-options: a revision that begins with a dash is a name, not an option.
            commit, _ = process.run(
                ["git", "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"],
                cwd=root,
                deadline=SECONDS,
            )
            # Run in the project's folder, `git archive` packs that folder alone.
            process.run(
                ["git", "archive", "--format=tar", f"--output={archive}", commit.strip()], cwd=root, deadline=SECONDS
            )
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
        except (ProcessError, tarfile.TarError, OSError) as error:
            raise PlanError(
                f"Git revision {revision!r} cannot be read",
                cause=error.cause if isinstance(error, ProcessError) else str(error),
                hint="name a commit, branch or tag of this repository, such as `changed:HEAD~1`",
            ) from error
        yield folder
