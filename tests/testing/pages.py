"""The example of docs/adding-a-provider.md as a module."""

import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/adding-a-provider.md"


@cache
def example() -> Any:
    """What the page's code defines, run as it stands there."""
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2, "the adapter, and its test"
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile("\n".join(blocks), str(PAGE), "exec"), names)
    return SimpleNamespace(**names)
