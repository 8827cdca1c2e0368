"""What the colour numbers of a picture mean, and whether they can be brought to bt709. Source: ITU-T H.273, tables 2-4.

Rules for what a file does not say: RGB is full range; YUV is limited range unless its pixel format says otherwise; the
matrix is bt709 for pictures wider than 1279 or higher than 576, else bt601. All SDR transfer curves are taken as one.
"""

from dataclasses import dataclass

from shotbuild.errors import MediaError

MATRICES = {1: "709", 4: "fcc", 5: "470bg", 6: "170m", 7: "240m", 9: "2020_ncl", 10: "2020_cl"}
PRIMARIES = {
    1: "709",
    4: "bt470m",
    5: "bt470bg",
    6: "170m",
    7: "240m",
    8: "film",
    9: "2020",
    11: "smpte431",
    12: "smpte432",
    22: "jedec-p22",
}
SDR_TRANSFERS = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 15})
HDR_TRANSFERS = {16: "PQ (SMPTE ST 2084)", 18: "HLG (ARIB STD-B67)"}
FULL, LIMITED = 2, 1
BT709 = 1
UNSAID = frozenset({0, 2, 3})
TAGS = {"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709", "color_range": "tv"}
"""What every picture that is written says of itself, as encoder arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the first decoded frame says. width, height: as coded; sar: pixel aspect, numerator and denominator;
    rotation: in degrees, counter-clockwise; depth: bits of one component; the last four: numbers of H.273."""

    width: int
    height: int
    sar: tuple[int, int]
    rotation: int
    pixels: str
    depth: int
    rgb: bool
    grey: bool
    alpha: bool
    subsampled: tuple[bool, bool]
    interlaced: bool
    primaries: int
    transfer: int
    matrix: int
    range: int

    @property
    def turned(self) -> tuple[int, int]:
        """Width and height after rotation, in coded pixels."""
        return (self.height, self.width) if self.rotation % 180 else (self.width, self.height)

    @property
    def is_bt709(self) -> bool:
        """Tagged as bt709, limited range, in full."""
        return (self.primaries, self.transfer, self.matrix, self.range) == (BT709, BT709, BT709, LIMITED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    """How zscale has to read a picture: its own words for matrix, primaries and range."""

    matrix: str
    primaries: str
    range: str


def colour_of(look: Look, name: str) -> Colour:
    """The colour of a picture. name: of the file, for messages. Errors: MediaError for HDR and what is not SDR video."""
    _refuse(look, name)
    range_ = "full" if look.rgb or look.grey or look.range == FULL or look.pixels.startswith("yuvj") else "limited"
    matrix = "gbr" if look.rgb or look.grey else MATRICES.get(look.matrix) or _assumed_matrix(look)
    primaries = PRIMARIES.get(look.primaries, "2020" if matrix.startswith("2020") else "709")
    return Colour(matrix=matrix, primaries=primaries, range=range_)


def _assumed_matrix(look: Look) -> str:
    width, height = look.turned
    return "709" if width >= 1280 or height > 576 else "170m"


def _refuse(look: Look, name: str) -> None:
    hdr = HDR_TRANSFERS.get(look.transfer)
    if hdr is not None:
        raise MediaError(
            f"{name} is HDR, and shotbuild delivers SDR",
            cause=f"its transfer curve is {hdr}",
            hint="map it to bt709 in a grading program, where a person judges the picture, and use that file",
        )
    known = look.matrix in MATRICES or look.matrix in UNSAID or look.rgb or look.grey
    if look.transfer not in SDR_TRANSFERS or not known or look.pixels.startswith(("xyz", "bayer")):
        raise MediaError(
            f"{name} has colours that shotbuild cannot bring to bt709",
            cause=f"pixels {look.pixels}, transfer curve {look.transfer}, matrix {look.matrix} (numbers of ITU-T H.273)",
            hint="export it as bt709",
        )
    if look.rotation % 90:
        raise MediaError(
            f"{name} is turned by {look.rotation} degrees",
            cause="its rotation metadata is not a multiple of 90",
            hint="export it upright",
        )
