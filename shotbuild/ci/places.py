"""Where errors are, as services name it: from the root of the repository, in which the project may be a folder."""

from collections.abc import Iterable
from pathlib import Path

from shotbuild.errors import Location, ShotbuildError, SpecErrors
from shotbuild.spec.tree import PROJECT_FILE


def repository_of(root: Path) -> Path:
    """The checkout that a project lies in, the nearest folder upwards; the project's own where there is none."""
    whole = root.resolve()
    return next((folder for folder in (whole, *whole.parents) if (folder / ".git").exists()), whole)


def within(root: Path, location: Location) -> Location:
    """The same place, from the root of the repository. root: the project's folder."""
    prefix = root.resolve().relative_to(repository_of(root)).as_posix()
    return location if prefix == "." else location._replace(file=f"{prefix}/{location.file}")


def each_of(errors: Iterable[ShotbuildError]) -> tuple[ShotbuildError, ...]:
    """One by one, each once: several steps may fail at one line."""
    single = (one for error in errors for one in (error.errors if isinstance(error, SpecErrors) else (error,)))
    return tuple({(one.location, one.message, one.cause): one for one in single}.values())


def placed(root: Path, error: ShotbuildError) -> Location:
    """Where an error is told of that has no place: at the beginning of the project file."""
    return within(root, error.location or Location(file=PROJECT_FILE, line=1, column=1))
