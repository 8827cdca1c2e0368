"""Each folder of tests/golden/errors is a project, with the text that its errors are told in."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).parent.parent / "golden" / "errors"


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir() if path.is_dir()))
def test_errors_are_told_as_in_the_golden_file(case: str, folder: Any, golden: Callable[[Path, str], None]) -> None:
    shutil.copytree(CASES / case, folder.root, dirs_exist_ok=True)
    golden(CASES / case / "expected.txt", folder.told())
