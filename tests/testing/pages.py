"""The example of docs/adding-a-provider.md as a module."""

import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/adding-a-provider.md"


@cache
def example() -> Any:
    """What the page's code defines, run as it stands there."""
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2, "the adapter, and its test"
    module = ModuleType("adding_a_provider")
    sys.modules[module.__name__] = module  # a class that is pickled is looked up there
    exec(compile("\n".join(blocks), str(PAGE), "exec"), vars(module))
    return module
