"""shotbuild.lock ↔ Lock: what every pin resolved to, as sorted JSON that is the same on every machine."""

import json
from typing import Any

from shotbuild.digest import canonical
from shotbuild.errors import Location, SpecError
from shotbuild.records import Lock, Pin, Tool
from shotbuild.spec.plain import parse_plain

FILE = "shotbuild.lock"
SCHEMA = "shotbuild/lock/1"


def lock_text(lock: Lock) -> str:
    return (
        canonical(
            {
                "schema": SCHEMA,
                "providers": {
                    name: {"provider": pin.provider, "model": pin.model, "version": pin.version}
                    for name, pin in lock.providers
                },
                "tools": {
                    name: {
                        "version": tool.version,
                        "identity": tool.identity,
                        "configuration": tool.configuration,
                        "architecture": tool.architecture,
                        "encoders": dict(tool.encoders),
                    }
                    for name, tool in lock.tools
                },
            }
        )
        + "\n"
    )


def read_lock(text: str) -> Lock:
    """Errors: SpecError where the text is not a lock that this version can read."""
    try:
        content = parse_plain(text)
    except ValueError as error:
        line, column = (error.lineno, error.colno) if isinstance(error, json.JSONDecodeError) else (1, 1)
        raise _damaged(f"{error}", line, column) from error
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise _damaged(f"its schema is {schema!r}, this version reads {SCHEMA!r}", 1, 1)
    try:
        return Lock(
            providers=tuple(sorted((name, Pin(**_texts(pin))) for name, pin in content["providers"].items())),
            tools=tuple(sorted((name, _tool(name, tool)) for name, tool in content["tools"].items())),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(f"a field is missing or of the wrong kind ({error})", 1, 1) from error


def differences(locked: Lock, now: Lock) -> tuple[str, ...]:
    """What differs between a lock and what was resolved now, a sentence each. New pins are no difference."""
    found = [
        f"{name} is {_pin(pin)}, the lock has {_pin(dict(locked.providers)[name])}"
        for name, pin in now.providers
        if name in dict(locked.providers) and dict(locked.providers)[name] != pin
    ]
    for name, tool in now.tools:
        before = dict(locked.tools).get(name)
        if before is not None and before.identity != tool.identity:
            found.append(
                f"{name} is {tool.version} ({tool.identity[:8]}), the lock has {before.version} ({before.identity[:8]})"
            )
    return tuple(found)


def extended(locked: Lock, now: Lock) -> Lock:
    """The lock with what it did not have yet; what it has stays as it is."""
    return Lock(
        providers=tuple(sorted((dict(now.providers) | dict(locked.providers)).items())),
        tools=tuple(sorted((dict(now.tools) | dict(locked.tools)).items())),
    )


def _tool(name: str, tool: dict[str, Any]) -> Tool:
    encoders = tuple(sorted(_texts(tool["encoders"]).items()))
    rest = _texts({key: value for key, value in tool.items() if key != "encoders"})
    return Tool(name=name, encoders=encoders, **rest)


def _texts(values: dict[str, Any]) -> dict[str, str]:
    if not all(isinstance(value, str) for value in values.values()):
        raise TypeError("text is expected")
    return values


def _pin(pin: Pin) -> str:
    return f"{pin.provider} {pin.model} {pin.version}"


def _damaged(cause: str, line: int, column: int) -> SpecError:
    return SpecError(
        "the lock cannot be read",
        location=Location(file=FILE, line=line, column=column),
        cause=cause,
        hint="restore it from Git (`git checkout shotbuild.lock`), or delete it and build again to write a new one",
    )
