"""Addresses of shared stores as they are said on a command line, and as they may be written down. Opens nothing."""

import os
from dataclasses import replace
from pathlib import Path

from shotbuild.errors import PlanError
from shotbuild.records import StoreUse
from shotbuild.units import parse_address

FILE = "file://"


def named(address: str) -> StoreUse:
    """Errors: PlanError."""
    try:
        return StoreUse(address=parse_address(address))
    except ValueError as expected:
        raise PlanError(f"--store {address[:80]!r} is no address of a store", cause=f"expected {expected}") from expected


def is_folder(use: StoreUse) -> bool:
    return "://" not in use.address or use.address.startswith(FILE)


def absolute(use: StoreUse, base: Path) -> StoreUse:
    """A folder by its absolute path; anything else as it is. base: what it is relative to."""
    return replace(use, address=os.path.abspath(base / use.address.removeprefix(FILE))) if is_folder(use) else use


def without_user(use: StoreUse) -> StoreUse:
    """Without a user and a password, which stand in the environment of each machine."""
    if is_folder(use):
        return use
    scheme, mark, rest = use.address.partition("://")
    host, slash, path = rest.partition("/")
    return replace(use, address=f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}")
