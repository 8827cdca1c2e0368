"""How keys lie in storage that has folders: `cas/<sha256>` as `cas/ab/abcd…`, so that no folder holds a million names."""

import re

DIGEST = re.compile("[0-9a-f]{64}")
KEY = re.compile(r"[a-z]+(/[0-9A-Za-z][0-9A-Za-z._-]*)+")


def laid_out(key: str) -> str:
    """The path of a key below the address. Errors: ValueError when it is no key."""
    if not KEY.fullmatch(key):
        raise ValueError(f"{key[:80]!r} is not a key")
    kind, name, *rest = key.split("/")
    return "/".join([kind, name[:2], name, *rest]) if DIGEST.fullmatch(name) else key


def key_of(path: str) -> str | None:
    """The key of a path that `laid_out` gave; None for what lies there and is no object."""
    kind, _, rest = path.partition("/")
    folder, _, below = rest.partition("/")
    name = below.partition("/")[0]
    key = f"{kind}/{below}" if DIGEST.fullmatch(name) and folder == name[:2] else path
    return key if KEY.fullmatch(key) and laid_out(key) == path else None
