"""GitLab's code quality report: errors by file and line, each with a fingerprint that an edit elsewhere does not change."""

import hashlib
import json
from collections import Counter
from pathlib import Path

from shotbuild.ci.places import each_of, placed
from shotbuild.errors import ShotbuildError, printable


def code_quality(error: ShotbuildError | None, root: Path) -> str:
    """The report as JSON. error: what lint found, None = nothing; root: the project's folder."""
    rows: list[dict[str, object]] = []
    seen: Counter[tuple[str, str]] = Counter()
    for each in each_of([] if error is None else [error]):
        place = placed(root, each)
        # Without the line: what was said of a file before is not new because something was written above it.
        seen[place.file, each.message] += 1
        name = "\0".join((type(each).__name__, place.file, each.message, str(seen[place.file, each.message])))
        rows.append(
            {
                "description": printable(each.message + (f" ({each.cause})" if each.cause else "")),
                "check_name": f"shotbuild/{type(each).__name__}",
                "fingerprint": hashlib.sha256(name.encode("utf-8", "replace")).hexdigest(),
                "severity": "blocker",
                "location": {"path": place.file, "lines": {"begin": place.line}},
            }
        )
    return json.dumps(rows, indent=2) + "\n"
