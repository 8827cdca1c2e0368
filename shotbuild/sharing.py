"""Which store a team shares, and its opening. Each kind of address has its own module, loaded when it is used."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from shotbuild.errors import PlanError
from shotbuild.host.objects.folder import FolderObjects
from shotbuild.host.objects.interface import Objects
from shotbuild.plugins import load
from shotbuild.records import PUSH_TAKES, PUSHES, StoreUse
from shotbuild.units import parse_address

ADDRESS, PUSH = "SHOTBUILD_STORE", "SHOTBUILD_STORE_PUSH"
NO_STORE = "none"
BUCKET, CACHE = "shotbuild.host.objects.bucket:opened", "shotbuild.host.objects.cache:opened"
SCHEMES = {"s3": BUCKET, "gs": BUCKET, "az": BUCKET, "http": CACHE, "https": CACHE}


def use_of(written: StoreUse | None, environ: Mapping[str, str] | None = None) -> StoreUse | None:
    """The store to use: the environment's, else the project's. None = there is none. Errors: PlanError."""
    environ = os.environ if environ is None else environ
    address, push = environ.get(ADDRESS, "").strip(), environ.get(PUSH, "").strip()
    if push and push not in PUSHES:
        raise PlanError(f"{PUSH} is {push!r}", cause=f"it can be {', '.join(PUSHES)}")
    if address == NO_STORE:
        return None
    if address:
        try:
            use: StoreUse | None = StoreUse(
                address=parse_address(address, secrets=True),
                push=PUSH_TAKES if written is None else written.push,
                endpoint=None if written is None else written.endpoint,
                region=None if written is None else written.region,
            )
        except ValueError as expected:
            raise PlanError(f"{ADDRESS} is no address of a store", cause=f"expected {expected}") from expected
    else:
        use = written
    return use if use is None or not push else replace(use, push=push)


def opened(use: StoreUse, root: Path, *, seen: bool = False) -> Objects:
    """root: what a relative folder is relative to; seen: whether something lay there before. Nothing is asked yet.

    Errors: PluginError when a package is missing."""
    scheme, mark, _ = use.address.partition("://")
    if not mark or scheme == "file":
        path = use.address.removeprefix("file://")
        return FolderObjects(Path(os.path.abspath(root / path)), seen=seen)
    found: Objects = load(SCHEMES[scheme], "the shared store")(use.address, endpoint=use.endpoint, region=use.region)
    return found
