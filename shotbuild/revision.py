"""The project as it was at a Git revision, in a temporary folder. Knows no specs."""

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shotbuild.errors import PlanError
from shotbuild.host import git


@contextmanager
def checked_out(root: Path, revision: str) -> Iterator[Path]:
    """A copy of the project's folder at a revision; gone when the block ends. Errors: PlanError."""
    with tempfile.TemporaryDirectory(prefix="shotbuild-") as name:
        archive, folder = Path(name) / "revision.tar", Path(name) / "project"
        git.archive(root, revision, archive)
        try:
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
        except (tarfile.TarError, OSError) as error:
            raise PlanError(
                f"Git revision {revision!r} cannot be unpacked",
                cause=str(error),
                hint="name one whose project has no links or devices that lead out of it",
            ) from error
        yield folder
