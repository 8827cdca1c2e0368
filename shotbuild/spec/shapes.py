"""The shape of a take's event in JSON. msgspec decodes and checks it in one go, many times faster than by hand.

`Row` is what every command needs of every take of a film; `Whole` is all of it, looked at where somebody asks for more.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

SHA256 = "^[0-9a-f]{64}\\Z"
# `Fraction` reads `1e999999999` as well, and takes all memory for it.
EXACT = "^[0-9]{1,30}(/0*[1-9][0-9]{0,28})?\\Z"
Natural = Annotated[int, Meta(ge=0)]


class DigestRow(Struct, frozen=True):
    sha256: Annotated[str, Meta(pattern=SHA256)]
    size: Natural


class StreamRow(Struct, frozen=True):
    kind: str
    seconds: Annotated[str, Meta(pattern=EXACT)] | None = None
    frames: Natural | None = None
    size: str | None = None
    rate: str | int | None = None


class PinRow(Struct, frozen=True):
    provider: str
    model: str
    version: str


class LengthRow(Struct, frozen=True):
    """How long a take was asked to be; other recipes have neither."""

    frames: Natural | None = None
    rate: str | None = None


class ShortRecipeRow(Struct, frozen=True):
    parameters: LengthRow


class Row(Struct, frozen=True):
    """Names are those of the event."""

    event: Literal["take"]
    v: Literal[1]
    id: str
    after: tuple[str, ...]
    number: Annotated[int, Meta(ge=1)]
    ordinal: Natural
    seed: Natural | None
    asked: str
    action: str
    output: str
    video: DigestRow
    record: DigestRow | None
    streams: tuple[StreamRow, ...]
    foreign: bool
    at: str
    recipe: ShortRecipeRow
    instead: PinRow | None = None


class PriceRow(Struct, frozen=True):
    amount: Annotated[str, Meta(pattern=EXACT)] | None
    currency: str
    exact: bool


class CostRow(Struct, frozen=True):
    estimated: PriceRow | None
    charged: PriceRow | None


class PinsRow(Struct, frozen=True):
    asked: PinRow | None
    answered: PinRow | None


class OperationRow(Struct, frozen=True):
    provider: str
    id: str
    submitted: str


class RecipeRow(Struct, frozen=True):
    stage: str
    version: Natural
    pins: tuple[PinRow, ...]
    parameters: dict[str, Any]


class Whole(Row, frozen=True, kw_only=True):
    continues: str | None
    cost: CostRow
    first_seed: Natural | None
    inputs: dict[str, str]
    milliseconds: Natural
    operation: OperationRow | None
    pin: PinsRow
    recipe: RecipeRow  # type: ignore[assignment]  # all of it
