"""What a plan must know of each finishing effect: its fields, and how it behaves. Without the libraries that do the work.

The effects themselves stand in `media.effects`, under the same names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from shotbuild.records import Fields, Objection, Value
from shotbuild.spec.fields import REQUIRED, Field, choice, factor, integer, size, text, truth
from shotbuild.spec.format import PLACES, STYLES
from shotbuild.spec.kinds import FilePath, Parsed
from shotbuild.stages.notations import color, parse_aspect, parse_keys, parse_pace, rate, share, span
from shotbuild.units import parse_duration, rate_text

EXACT, THREADS, STATISTICAL = "exact", "threads", "statistical"
"""Determinism: the same bytes on every x86-64 processor with AVX2 and any number of threads; the same with the same number
of threads; near each other. Measured in docs/finishing.md. `-filter_threads 1` is what every recipe runs with."""

Seconds: TypeAlias = Callable[[Fields, Fraction], Fraction]
Settle: TypeAlias = Callable[[Fields, Fraction, Fraction], Fields]
Objections: TypeAlias = Callable[[Fields], tuple[Objection, ...]]
TABLES = (".cube", ".3dl")


def _with_rate(settings: Fields, _: Fraction, rate: Fraction) -> Fields:
    """What was not written is the rate of the cut."""
    return settings if settings.get("rate") is not None else _with(settings, rate=rate_text(rate))


def _with_length(settings: Fields, seconds: Fraction, rate: Fraction) -> Fields:
    """A fade that goes out has to know where the shot ends."""
    return _with(settings, length=str(seconds)) if parse_duration(settings.text("out")).exact(rate) else settings


def _with(fields: Fields, **more: Value) -> Fields:
    return Fields(tuple(sorted((dict(fields.items) | more).items())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """fields: what a person may set; determinism: EXACT, THREADS or STATISTICAL; objections: what does not go together.

    heavy: it costs so much that it is done once, into an intermediate; heavy_when: the settings that make it so, None = all;
    files: settings that are paths of the project; draws: settings from which `lettering` draws the file `letters`;
    prepares: the file that is written by reading the whole film once before; seconds: settings and length before → after;
    reads: it stands first, before the picture is brought to bt709; from_start: the film has to be read from its first frame;
    settle: settings, seconds of the shot before the effect, rate of the cut → the settings that `media.effects` takes;
    needs: filters of ffmpeg."""

    version: int
    fields: Mapping[str, Field]
    doc: str
    determinism: str = EXACT
    heavy: bool = False
    heavy_when: Callable[[Fields], bool] | None = None
    files: tuple[str, ...] = ()
    draws: tuple[str, ...] = ()
    prepares: str | None = None
    seconds: Seconds | None = None
    reads: bool = False
    from_start: bool = False
    needs: tuple[str, ...] = ()
    settle: Settle | None = None
    objections: Objections = lambda settings: ()

    def is_heavy(self, settings: Fields) -> bool:
        return self.heavy and (self.heavy_when is None or self.heavy_when(settings))


# --- what does not go together ------------------------------------------------------------------------------------------


def _one_of_two(settings: Fields) -> tuple[Objection, ...]:
    if (settings.get("size") is None) != (settings.get("factor") is None):
        return ()
    return (Objection(key="factor", message="`upscale` needs either `size` or `factor`", remedy="write one of them"),)


def _inside(settings: Fields) -> tuple[Objection, ...]:
    beyond = [
        Objection(
            key=side,
            message="`crop` reaches beyond the picture",
            cause=f"`{start}` + `{side}` is more than 100%",
            remedy="make one of them smaller",
        )
        for start, side in (("x", "width"), ("y", "height"))
        if settings.fraction(start) + settings.fraction(side) > 1
    ]
    return tuple(beyond)


def _sharpest(settings: Fields) -> tuple[Objection, ...]:
    if settings.text("method") != "cas" or settings.fraction("strength") <= 1:
        return ()
    return (Objection(key="strength", message="`cas` takes a strength of at most 1", remedy="write `method: unsharp`"),)


def _table(settings: Fields) -> tuple[Objection, ...]:
    if settings.text("file").lower().endswith(TABLES):
        return ()
    words = " or ".join(f"`{suffix}`" for suffix in TABLES)
    return (Objection(key="file", message=f"a LUT is a {words} file", remedy="export it as .cube"),)


# --- the table ---------------------------------------------------------------------------------------------------------

LOOK: Mapping[str, Field] = {
    "text": text(longest=2000, doc="What is written."),
    "style": choice(*STYLES, default="title", doc="A ready look, which the other settings change; also `lower-third`."),
    "font": Field(FilePath(), None, "A font file of the project; the shipped one when not written."),
    "size": share(None, "Height of the letters, of the frame's height: `6%`."),
    "color": color(None, "Colour of the letters."),
    "box": color(None, "Colour of a box behind them: `#000000a0`."),
    "outline": color(None, "Colour of a line around the letters."),
    "shadow": truth(default=None, doc="Whether the letters throw a shadow."),
    "align": choice("left", "center", "right", default=None, doc="How lines stand below each other."),
    "place": choice(*PLACES, default=None, doc="Where in the frame it stands."),
}
"""As `spec.format.LOOK`: the fields of `lettering`."""

UPSCALE: Mapping[str, Field] = {
    "size": size(default=None, doc="The size of the result, such as `1920x1080`. Either this or `factor`."),
    "factor": factor(1, 8, default=None, doc="How many times larger, such as `2` or `3/2`. Either this or `size`."),
    "filter": choice("lanczos", "spline36", "spline16", default="lanczos", doc="The interpolation: sharpest first."),
}
SPACES = ("bt709", "srgb", "p3-d65", "bt2020")

EFFECTS: Mapping[str, Effect] = {
    "upscale": Effect(
        version=2,
        doc="Larger, with a Lanczos or spline filter.",
        fields=UPSCALE,
        needs=("zscale",),
        objections=_one_of_two,
    ),
    "crop": Effect(
        version=1,
        doc="A part of the picture.",
        fields={
            "x": share("0", "Its left edge, of the width: `10%`."),
            "y": share("0", "Its upper edge, of the height."),
            "width": share("1", "How wide it is.", least=Fraction(1, 100)),
            "height": share("1", "How high it is.", least=Fraction(1, 100)),
        },
        needs=("crop",),
        objections=_inside,
    ),
    "reframe": Effect(
        version=1,
        doc="Another aspect, with a window that follows what matters.",
        fields={
            "aspect": Field(Parsed(parse_aspect, r"^[0-9]+:[0-9]+$"), REQUIRED, "The new shape: `9:16`, `1:1`, `4:5`."),
            "keys": Field(
                Parsed(parse_keys, r"^[^ ]+:[0-9.%/]+,[0-9.%/]+( +[^ ]+:[0-9.%/]+,[0-9.%/]+)*$"),
                "0s:1/2,1/2",
                "Where the middle of the window is, by time: `0s:0.3,0.5 2s:0.7,0.5` (across, down).",
            ),
            "ease": choice("smooth", "linear", "hold", default="smooth", doc="How it goes from key to key."),
        },
        needs=("crop",),
    ),
    "denoise": Effect(
        version=1,
        doc="Less noise.",
        fields={
            "method": choice(
                "hqdn3d", "atadenoise", "nlmeans", default="hqdn3d", doc="Quick; over nine frames; best and slow, in 8 bits."
            ),
            "strength": factor(Fraction(1, 10), 20, default="3", doc="How much: 2 for a little, 8 for a lot."),
        },
        heavy=True,
        from_start=True,
        needs=("hqdn3d", "atadenoise", "nlmeans", "zscale"),
    ),
    "deband": Effect(
        version=1,
        doc="No steps in skies and shades.",
        fields={
            "strength": factor(
                Fraction(1, 10), 10, default="2", doc="The largest step that is taken for a band, in percent."
            ),
            "range": integer(2, 64, default=16, doc="How far away pixels are compared."),
        },
        needs=("deband", "zscale"),
    ),
    "sharpen": Effect(
        version=1,
        doc="Crisper edges, in the luma alone.",
        fields={
            "method": choice("cas", "unsharp", default="cas", doc="`cas` keeps halos away; `unsharp` is the classic mask."),
            "strength": factor(0, 2, default="1/2", doc="How much; `cas` takes at most 1."),
            "radius": integer(1, 11, default=2, doc="How far `unsharp` looks around each pixel."),
        },
        needs=("cas", "unsharp"),
        objections=_sharpest,
    ),
    "grain": Effect(
        version=1,
        doc="Film grain in the luma.",
        fields={
            "strength": integer(1, 60, default=8, doc="How much: 4 is fine film, 20 is coarse."),
            "size": integer(1, 4, default=1, doc="How many pixels a grain is wide."),
            "seed": integer(0, 2**31 - 1, default=1, doc="Another number gives other grain."),
        },
        needs=("blend", "crop", "loop", "lutyuv", "noise", "scale", "zscale"),
    ),
    "interpolate": Effect(
        version=1,
        doc="Another frame rate, with new pictures in between.",
        fields={
            "rate": rate("Frames per second; what the cut has when not written."),
            "method": choice("motion", "blend", default="motion", doc="Follows what moves, or mixes neighbours."),
        },
        heavy=True,
        from_start=True,
        settle=_with_rate,
        needs=("fps", "minterpolate", "tpad", "zscale"),
    ),
    "stabilise": Effect(
        version=1,
        doc="A steadier camera. The shot is read twice.",
        fields={
            "smooth": span("500ms", "Over how long the camera's path is smoothed, to either side."),
            "tripod": truth(default=False, doc="Whether the camera shall stand still altogether."),
            "shakiness": integer(1, 10, default=5, doc="How far it moves from frame to frame."),
            "borders": choice(
                "zoom",
                "keep",
                "black",
                default="zoom",
                doc="What is seen where the picture moved away: closer, older, or black.",
            ),
        },
        heavy=True,
        from_start=True,
        prepares="motion",
        needs=("vidstabdetect", "vidstabtransform", "zscale"),
    ),
    "speed": Effect(
        version=1,
        doc="Faster or slower; sound keeps its pitch.",
        fields={
            "factor": Field(
                Parsed(parse_pace, r"^[0-9]+([.][0-9]+|/[0-9]+)?$", number=True),
                REQUIRED,
                "`2` is twice as fast, `0.5` half.",
            ),
            "smooth": truth(default=False, doc="Whether slow motion gets new pictures in between."),
        },
        heavy=True,
        heavy_when=lambda settings: settings.get("smooth") is True and settings.fraction("factor") < 1,
        from_start=True,
        seconds=lambda settings, seconds: seconds / settings.fraction("factor"),
        needs=("fps", "minterpolate", "tpad", "zscale", "atempo"),
    ),
    "freeze": Effect(
        version=1,
        doc="One frame stands still, then it goes on; it is silent meanwhile.",
        fields={
            "at": span(REQUIRED, "The frame that stands, from the start of the shot: `1.5s`.", counted=False),
            "for": span(
                REQUIRED,
                "How much longer it stands: `2s`. The shot gets as much longer.",
                counted=False,
                least=Fraction(1, 1000),
            ),
        },
        from_start=True,
        seconds=lambda settings, seconds: seconds + parse_duration(settings.text("for")).seconds,
        needs=("fps", "tpad"),
    ),
    "lut": Effect(
        version=1,
        doc="A table of colours (3D LUT), in RGB with 16 bits.",
        fields={
            "file": Field(FilePath(), REQUIRED, "The table: a .cube or .3dl file."),
            "input": choice(*SPACES, default="bt709", doc="What colours the table takes; `bt709` = as the film is."),
            "output": choice(*SPACES, default="bt709", doc="What colours the table gives."),
            "interpolation": choice(
                "pyramid",
                "tetrahedral",
                "prism",
                "trilinear",
                "nearest",
                default="pyramid",
                doc="Between the points of the table; `pyramid` and `tetrahedral` keep greys grey.",
            ),
        },
        files=("file",),
        needs=("lut3d", "zscale"),
        objections=_table,
    ),
    "title": Effect(
        version=1,
        doc="Text over the shot, where it belongs to the shot and not to a cut.",
        fields={
            "at": span("0s", "When it comes."),
            "for": span(REQUIRED, "How long it is seen: `2s`.", least=Fraction(1, 1000)),
            "fade_in": span("0s", "How long it takes to come in."),
            "fade_out": span("0s", "How long it takes to go out."),
            **LOOK,
        },
        draws=tuple(LOOK),
        needs=("fade", "loop", "metadata", "overlay", "zscale"),
    ),
    "fade": Effect(
        version=1,
        doc="Out of a colour at the start of the shot, into it at the end.",
        fields={
            "in": span("0s", "How long it takes to come out of the colour."),
            "out": span("0s", "How long it takes to go into it."),
            "color": color("#000000", "The colour.", see_through=False),
        },
        settle=_with_length,
        needs=("fade", "loop", "lutyuv", "overlay", "zscale"),
    ),
    "color": Effect(
        version=1,
        doc="What the file's colours really are, where its tags are wrong or missing. Stands first.",
        fields={
            "range": choice("tv", "pc", default=None, doc="`tv`: 16 to 235; `pc`: 0 to 255. It is brought to `tv`."),
            "matrix": choice("bt709", "bt601", "bt2020", default=None, doc="How YUV was made of RGB."),
            "primaries": choice(
                "bt709", "bt601-625", "bt601-525", "bt2020", "p3-d65", default=None, doc="What red, green and blue are."
            ),
            "transfer": choice(
                "bt709", "srgb", "pq", "hlg", default=None, doc="The curve; `pq` and `hlg` go with `tonemap`."
            ),
        },
        reads=True,
        needs=("lutrgb", "setparams", "zscale"),
    ),
    "tonemap": Effect(
        version=1,
        doc="HDR (PQ or HLG) to bt709. Stands first, or after `color`.",
        fields={
            "algorithm": choice(
                "hable", "mobius", "reinhard", default="mobius", doc="Keeps highlights; keeps midtones; the simplest."
            ),
            "peak": integer(100, 10_000, default=1000, doc="The brightest light that is told apart, in nits."),
            "white": integer(50, 400, default=100, doc="The light that becomes white before it is squeezed, in nits."),
        },
        reads=True,
        needs=("tonemap", "zscale"),
    ),
}
