"""Effects on what colour numbers mean: `lut` on a film; `color` and `tonemap` on what was decoded, before it is a film."""

from dataclasses import replace
from fractions import Fraction

from shotbuild.errors import MediaError
from shotbuild.media.colour import FULL, HDR_TRANSFERS, LIMITED, UNSAID, Look
from shotbuild.media.effects.conversion import CHROMA, READ_709, RGB, WRITE_709, depth_of
from shotbuild.media.effects.interface import Files, Film
from shotbuild.media.filters import Stream, decimal
from shotbuild.records import Fields

SPACES = {
    "bt709": ("709", "709"),
    "srgb": ("iec61966-2-1", "709"),
    "p3-d65": ("iec61966-2-1", "smpte432"),
    "bt2020": ("2020_10", "2020"),
}
"""zscale's words for transfer curve and primaries."""
EXACT_CURVES = {"agamma": 0}
RANGES = {"tv": LIMITED, "pc": FULL}
MATRICES = {"bt709": 1, "bt601": 6, "bt2020": 9}
PRIMARIES = {"bt709": 1, "bt601-625": 5, "bt601-525": 6, "bt2020": 9, "p3-d65": 12}
TRANSFERS = {"bt709": 1, "srgb": 13, "pq": 16, "hlg": 18}
"""Numbers of H.273, by the words that a person writes."""
HDR_CURVES = {16: "smpte2084", 18: "arib-std-b67"}
BT2020 = 9
DEEP = "gbrp12le"


def lut(film: Film, settings: Fields, files: Files) -> Film:
    """A table of colours, in RGB with 16 bits. `input` and `output`: what the table takes and gives."""
    into, out = SPACES[settings.text("input")], SPACES[settings.text("output")]
    stream = film.stream.filter(
        "zscale", **READ_709, **EXACT_CURVES, **CHROMA, matrix="gbr", transfer=into[0], primaries=into[1], range="full"
    ).filter("format", RGB)
    stream = stream.filter("lut3d", file=files["file"], interp=settings.text("interpolation"))
    stream = stream.filter(
        "zscale",
        matrixin="gbr",
        transferin=out[0],
        primariesin=out[1],
        rangein="full",
        dither="ordered" if depth_of(film.pixels) < depth_of(RGB) else "none",
        **EXACT_CURVES,
        **CHROMA,
        **WRITE_709,
    )
    return replace(film, stream=stream.filter("format", film.pixels))


def color(stream: Stream, look: Look, settings: Fields) -> tuple[Stream, Look]:
    """A file that says the wrong thing, or nothing, of its colours: what is written here is believed in its place."""
    meant = replace(
        look,
        range=RANGES.get(str(settings.get("range")), look.range),
        matrix=look.matrix if look.rgb else MATRICES.get(str(settings.get("matrix")), look.matrix),
        primaries=PRIMARIES.get(str(settings.get("primaries")), look.primaries),
        transfer=TRANSFERS.get(str(settings.get("transfer")), look.transfer),
    )
    if look.rgb:
        limited = settings.get("range") == "tv"
        return _stretched(stream, look) if limited else stream, meant
    said = {
        "range": (look.range, meant.range),
        "colorspace": (look.matrix, meant.matrix),
        "color_primaries": (look.primaries, meant.primaries),
        "color_trc": (look.transfer, meant.transfer),
    }
    changed = {name: after for name, (before, after) in said.items() if before != after}
    # The frames have to say it as well: ffmpeg's own conversions and encoders go by them.
    stream = stream.filter("setparams", **changed) if changed else stream
    return stream, replace(meant, pixels=look.pixels.replace("yuvj", "yuv")) if "range" in changed else meant


def tonemap(stream: Stream, look: Look, settings: Fields) -> tuple[Stream, Look]:
    """HDR (PQ or HLG) → bt709: light is made linear, squeezed below white, and gets the curve of bt709."""
    curve = HDR_CURVES.get(look.transfer)
    if curve is None:
        raise MediaError(
            "`tonemap` is for HDR, and this picture says that it is not",
            cause=f"its transfer curve is {look.transfer} (number of ITU-T H.273), not {_hdr_numbers()}",
            hint="put `color: {transfer: pq}` before it when the file's tags are missing, or leave `tonemap` out",
        )
    white, peak = settings.integer("white"), settings.integer("peak")
    wide = BT2020 if look.primaries in UNSAID else look.primaries
    stream = stream.filter(
        "zscale",
        matrixin="gbr" if look.rgb else "2020_ncl",
        primariesin="709" if wide == 1 else "smpte432" if wide == PRIMARIES["p3-d65"] else "2020",
        transferin=curve,
        rangein="full" if look.rgb or look.range == FULL else "limited",
        matrix="gbr",
        primaries="709",
        transfer="linear",
        range="full",
        npl=white,
        **EXACT_CURVES,
    ).filter("format", "gbrpf32le")
    stream = stream.filter(
        "tonemap", tonemap=settings.text("algorithm"), peak=decimal(max(Fraction(1), Fraction(peak, white))), desat=0
    )
    stream = stream.filter("zscale", transferin="linear", transfer="709", primaries="709", matrix="gbr", **EXACT_CURVES)
    flat = replace(
        look,
        pixels=DEEP,
        depth=12,
        rgb=True,
        grey=False,
        alpha=False,
        subsampled=(False, False),
        primaries=1,
        transfer=1,
        matrix=0,
        range=FULL,
    )
    return stream.filter("format", DEEP), flat


def _stretched(stream: Stream, look: Look) -> Stream:
    """RGB is taken for full range everywhere: what is not is stretched here."""
    planes = "gbrap" if look.alpha else "gbrp"
    stretched = "clip((val*255-16*maxval)/219,0,maxval)"
    stream = stream.filter("format", planes if look.depth <= 8 else f"{planes}12le")
    return stream.filter("lutrgb", r=stretched, g=stretched, b=stretched)


def _hdr_numbers() -> str:
    return " or ".join(f"{number} = {name}" for number, name in HDR_TRANSFERS.items())
