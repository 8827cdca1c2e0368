"""A delivered file or package → measured.json: everything that a constraint can be about. Judges nothing.

The same bytes give the same text on any machine: whole numbers, and text with a fixed number of decimals.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from shotbuild.digest import canonical
from shotbuild.media.measures.film import film_facts
from shotbuild.media.measures.folders import folder_facts
from shotbuild.records import Fields, fields
from shotbuild.units import rate_text

SCHEMA = "shotbuild/measured/1"
PACKAGE = "tar"


def measure(
    film: Path,
    folder: Path,
    *,
    frames: int | None,
    rate: Fraction,
    cuts: Sequence[int],
    extension: str,
    mix: Path | None = None,
) -> str:
    """frames, rate: as planned (frames None = there is no saying); cuts: frames where segments
    begin; extension: of the file, PACKAGE for a folder; mix: the sound that a film was made from.

    folder: an existing one, for what has to be taken out of a package. Gives canonical JSON with `schema`, `bytes`,
    `planned`, `package` (None for one file) and `films` (as in `measures.film`). Errors: MediaError."""
    package: Fields | None = None
    if extension == PACKAGE:
        package, films = folder_facts(film, folder, cuts)
    else:
        films = (film_facts(film, "", cuts, mix),)
    return canonical(
        fields(
            schema=SCHEMA,
            bytes=film.stat().st_size if package is None else package.integer("bytes"),
            planned=fields(frames=frames, rate=rate_text(rate), extension=extension),
            package=package,
            films=films,
        )
    )
