"""Two takes side by side: what was asked, what is in the files, what they cost, and how far their pictures are apart."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from shotbuild.errors import MediaError, PlanError, ProcessError, StoreError
from shotbuild.media.compare import Difference, compare
from shotbuild.plan.explain import difference
from shotbuild.records import Take
from shotbuild.spec.events import price_of, recipe_of, request_of, whole, written
from shotbuild.takes.names import NUMBER, meant, states, taken
from shotbuild.units import decimal_text
from shotbuild.workspace import Workspace

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a take without its bytes, as text; "" = unknown. operation: the provider's id of it."""

    take: Take
    provider: str
    model: str
    version: str
    seed: str
    cost: str
    operation: str
    streams: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """One field of a stream that differs. stream: `video` or `audio`; a, b: None where it is not there."""

    stream: str
    field: str
    a: str | None
    b: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """recipe: lines that went (`-`) from a and came (`+`) with b; pictures: None when they could not be measured, and
    then `unmeasured` says why, or when both takes are the same bytes."""

    a: Facts
    b: Facts
    recipe: tuple[str, ...]
    streams: tuple[Changed, ...]
    pictures: Difference | None
    unmeasured: str | None

    @property
    def same_bytes(self) -> bool:
        return self.a.take.video == self.b.take.video


def compare_takes(workspace: Workspace, words: Sequence[str]) -> Comparison:
    """words: two takes in any form, also `sh010 t1 t3`. Errors: PlanError when they do not mean two takes."""
    found = [taken(one) for one in meant(workspace, _in_full(workspace, words))]
    if len(found) != 2:
        raise PlanError(
            f"two takes are wanted, and {' '.join(words)[:120]!r} names {len(found)}",
            hint="write `shotbuild diff sh010 t1 sh010 t3`; `shotbuild takes` lists them",
        )
    return compared(workspace, *found)


def compared(workspace: Workspace, one: Take, other: Take) -> Comparison:
    """Errors: SpecError when a take's recipe cannot be read."""
    return laid(one, other, *measured(workspace, one, other, compare))


def laid(one: Take, other: Take, pictures: Difference | None, unmeasured: str | None) -> Comparison:
    """Two takes side by side, whose pictures were measured. Errors: SpecError when a take's recipe cannot be read."""
    a, b = facts_of(one), facts_of(other)
    return Comparison(
        a=a,
        b=b,
        recipe=difference(request_of(one), request_of(other)),
        streams=_changed(a.streams, b.streams),
        pictures=pictures,
        unmeasured=unmeasured,
    )


def facts_of(take: Take) -> Facts:
    """Errors: SpecError when the take's recipe cannot be read."""
    event, recipe, row = written(take), recipe_of(take), whole(take)
    said = recipe.parameters
    pin = recipe.pins[0] if recipe.pins else None
    price = price_of(row.cost.charged) or price_of(row.cost.estimated)
    amount = None if price is None or take.foreign else price.amount
    seed = take.seed if take.seed is not None else said.get("seed_as_written")
    return Facts(
        take=take,
        provider=pin.provider if pin else _plain(said.get("provider")),
        model=pin.model if pin else _plain(said.get("model")),
        version=pin.version if pin else "",
        seed="" if seed is None else _plain(seed),
        cost="" if amount is None or price is None else f"{decimal_text(amount)} {price.currency}" if amount else "free",
        operation="" if row.operation is None else row.operation.id,
        streams=tuple(event["streams"]),
    )


def _plain(value: object) -> str:
    return str(value) if isinstance(value, str | int) else ""


def _in_full(workspace: Workspace, words: Sequence[str]) -> list[str]:
    """A number that follows another one is of the same shot."""
    known = states(workspace)
    parts: list[str] = []
    for part in (part for word in words for part in word.split()):
        if len(parts) > 1 and NUMBER.fullmatch(part) and NUMBER.fullmatch(parts[-1]) and part not in known:
            parts.append(parts[-2])
        parts.append(part)
    return parts


def _changed(a: Sequence[dict[str, Any]], b: Sequence[dict[str, Any]]) -> tuple[Changed, ...]:
    rows: list[Changed] = []
    for kind in ("video", "audio"):
        one, other = (next((row for row in rows_of if row["kind"] == kind), {}) for rows_of in (a, b))
        pairs = [(name, one.get(name), other.get(name)) for name in sorted((one.keys() | other.keys()) - {"kind"})]
        rows += [Changed(kind, name, _said(first), _said(second)) for name, first, second in pairs if first != second]
    return tuple(rows)


def _said(value: object) -> str | None:
    return None if value is None else str(value)


def measured(
    workspace: Workspace, a: Take, b: Take, measure: Callable[[Path, Path, Path, Path], Found]
) -> tuple[Found | None, str | None]:
    """What is found between two takes, or why it is not; neither for the same bytes. measure: ffmpeg, two clips and an empty
    folder → what is found. Its errors: MediaError, ProcessError."""
    blobs = workspace.rooms.blobs
    if a.video == b.video:
        return None, None
    lost = [f"the bytes of {take.shot} t{take.number} ({take.name})" for take in (a, b) if not blobs.has(take.video)]
    if lost:
        return None, f"{' and '.join(lost)} are not in this store"
    try:
        for take in (a, b):
            blobs.verify(take.video)
        ffmpeg = workspace.rooms.ffmpeg(workspace.project)
        with tempfile.TemporaryDirectory(prefix="shotbuild-") as folder:
            return measure(ffmpeg, blobs.path(a.video), blobs.path(b.video), Path(folder)), None
    except (StoreError, MediaError, ProcessError) as error:
        return None, f"{error.message}: {error.cause}" if error.cause else error.message
