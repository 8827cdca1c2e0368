"""JSON that Git keeps → plain values, or one kind of error. Knows nothing of what they mean."""

import json
from typing import Any


def parse_decimals(text: str) -> Any:
    """The same of what a service said: numbers with a point come as text, as they are written. Errors: ValueError."""
    return json.loads(text, parse_float=str, parse_constant=str)


def parse_plain(text: str) -> Any:
    """Errors: ValueError, also for what is nested too deep and for halves of characters, which no file can hold."""
    try:
        value = json.loads(text)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    return value
