"""shotbuild.lock ↔ Lock: what every pin resolved to, as sorted JSON that is the same on every machine."""

import json
from collections.abc import Iterator
from typing import Any

from shotbuild.digest import canonical, from_plain, version_of
from shotbuild.errors import Location, SpecError
from shotbuild.records import Facts, Fields, Lock, Pin, Tool, Value
from shotbuild.spec.plain import parse_plain

FILE = "shotbuild.lock"
SCHEMA = "shotbuild/lock/1"
SHOWN = 120
"""Characters of a value in a sentence."""


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
                # Left out where there are none, as in all locks of before there were generators of one's own.
                **({"generators": dict(map(_facts_row, lock.generators))} if lock.generators else {}),
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
        lock = Lock(
            providers=tuple(sorted((name, Pin(**_texts(pin))) for name, pin in content["providers"].items())),
            tools=tuple(sorted((name, _tool(name, tool)) for name, tool in content["tools"].items())),
            generators=tuple(sorted((name, _facts(row)) for name, row in content.get("generators", {}).items())),
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(f"a field is missing or of the wrong kind ({error})", 1, 1) from error
    return _checked(lock)


def _checked(lock: Lock) -> Lock:
    """Errors: SpecError where the two parts of it do not fit."""
    pins = dict(lock.providers)
    for name, facts in lock.generators:
        if name not in pins or pins[name].version != version_of(facts):
            raise _damaged(f"the version of {name!r} in `providers` is not the digest of what `generators` has of it", 1, 1)
    return lock


def differences(locked: Lock, now: Lock) -> tuple[str, ...]:
    """What differs between a lock and what was resolved now, a sentence each. New pins are no difference."""
    pins, was, own = dict(locked.providers), dict(locked.generators), dict(now.generators)
    found: list[str] = []
    for name, pin in now.providers:
        if name in was and name in own:
            found += facts_differ(name, was[name], own[name])
        elif name in pins and pins[name] != pin:
            found.append(f"{name} is {_pin(pin)}, the lock has {_pin(pins[name])}")
    for name, tool in now.tools:
        before = dict(locked.tools).get(name)
        if before is not None and before.identity != tool.identity:
            found.append(
                f"{name} is {tool.version} ({tool.identity[:8]}), the lock has {before.version} ({before.identity[:8]})"
            )
    return tuple(found)


def lacks(locked: Lock | None, now: Lock) -> tuple[str, ...]:
    """The names of what was resolved now and is not in a lock. locked: None = there is none."""
    known = set() if locked is None else {name for name, _ in (*locked.providers, *locked.tools)}
    return tuple(name for name, _ in (*now.providers, *now.tools) if name not in known)


def facts_differ(name: str, was: Facts, now: Facts) -> tuple[str, ...]:
    """What is not as the lock has it of a generator of one's own, a sentence for each of what is pinned."""
    before, after = dict(_leaves(was.pinned)), dict(_leaves(now.pinned))
    unread = {field for field, _ in now.unread}
    found = []
    for field in sorted(before.keys() | after.keys()):
        old, new = before.get(field), after.get(field)
        if old == new:
            continue
        if new is None:
            why = "cannot be read any more" if field.partition(".")[0] in unread else "is gone"
            found.append(f"{name}: {field} {why}, the lock has {_shown(old)}")
        else:
            found.append(f"{name}: {field} is {_shown(new)}, the lock has {'nothing of it' if old is None else _shown(old)}")
    return tuple(found)


def _leaves(values: Fields, within: str = "") -> Iterator[tuple[str, Value]]:
    for name, value in values:
        if isinstance(value, Fields):
            yield from _leaves(value, f"{within}{name}.")
        else:
            yield f"{within}{name}", value


def _shown(value: Value) -> str:
    text = canonical(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def extended(locked: Lock, now: Lock) -> Lock:
    """The lock with what it did not have yet; what it has stays as it is."""
    return Lock(
        providers=tuple(sorted((dict(now.providers) | dict(locked.providers)).items())),
        tools=tuple(sorted((dict(now.tools) | dict(locked.tools)).items())),
        generators=tuple(sorted((dict(now.generators) | dict(locked.generators)).items())),
    )


def _facts_row(row: tuple[str, Facts]) -> tuple[str, dict[str, Fields]]:
    name, facts = row
    return name, {"pinned": facts.pinned, "unread": facts.unread}


def _facts(row: dict[str, Any]) -> Facts:
    pinned, unread = from_plain(row["pinned"]), from_plain(row["unread"])
    if not isinstance(pinned, Fields) or not isinstance(unread, Fields):
        raise TypeError("named fields are expected")
    return Facts(pinned=pinned, unread=unread)


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
