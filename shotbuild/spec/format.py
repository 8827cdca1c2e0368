"""The written format: a table per kind of thing, a line per key. It drives loading and the JSON Schema."""

import re
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from shotbuild.records import EXECUTORS, PUSHES, ROLES
from shotbuild.spec.kinds import (
    NAME,
    Choice,
    FilePath,
    Integer,
    Name,
    Parsed,
    Text,
    Truth,
    Word,
    checked_language,
    checked_name,
    checked_variable,
)
from shotbuild.spec.nodes import Node, Scalar
from shotbuild.spec.tables import Anything, Key, Later, ListOf, MapOf, Plain, Short, Table
from shotbuild.units import parse_address, parse_decibels, parse_duration, parse_money, parse_rate, parse_size

FORMAT_VERSION = 1
MAX_SEED = 2**31 - 1
MAX_TAKES = 1000
VARIABLE = "^[A-Za-z_][A-Za-z0-9_]*$"

DURATION_KIND = Parsed(
    lru_cache(maxsize=1024)(parse_duration),
    r"^[0-9]+f$|^[0-9]+([.][0-9]+)?(ms|s|m)$|^[0-9]{2}:[0-9]{2}:[0-9]{2}:[0-9]{2}$",
    units=("s", "f"),
)
SIZE_KIND = Parsed(parse_size, r"^[0-9]{2,4}x[0-9]{2,4}$")
RATE_KIND = Parsed(parse_rate, r"^[0-9]+([.][0-9]+|/[0-9]+)?$", number=True)
GAIN_KIND = Parsed(parse_decibels, r"^[+-]?[0-9]+([.][0-9]+)? ?dB$", units=("dB",))
MONEY_KIND = Parsed(parse_money, r"^[0-9]+([.][0-9]+)? ?[A-Z]{3}$", units=(" USD", " EUR"))


def parse_stall(text: str) -> Fraction:
    """Seconds without a change: `20m`, at least 30 s. There are no frames in a queue."""
    duration = parse_duration(text)
    if duration.frames or ":" in text or duration.seconds < 30:
        raise ValueError("at least `30s`, such as `90s` or `20m`")
    return duration.seconds


STALL_KIND = Parsed(parse_stall, r"^[0-9]+([.][0-9]+)?(ms|s|m)$", units=("s", "m"))
WIPES = ("left", "right", "up", "down", "circle", "clock", "diagonal")
PLACES = (
    "top-left",
    "top",
    "top-right",
    "left",
    "center",
    "right",
    "bottom-left",
    "bottom",
    "bottom-right",
    "lower-third",
)
STYLES = ("title", "subtitle", "lower-third", "caption", "label")
LANGUAGE = "^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
COLORS = {"black": "#000000", "white": "#ffffff", "grey": "#808080", "red": "#c00000", "blue": "#0000c0", "green": "#00c000"}


def parse_endpoint(text: str) -> str:
    """The address of a server, without what it is told: `https://s3.example.com`."""
    if not re.fullmatch(r"https?://[^@?#\s]+", text):
        raise ValueError("the address of a server, such as `https://s3.example.com`")
    return text.rstrip("/")


def parse_color(text: str) -> str:
    """`black`, `#20242c` or, with opacity, `#20242cc0` → `#rrggbb` or `#rrggbbaa`."""
    found = COLORS.get(text, text.lower())
    if not re.fullmatch(r"#[0-9a-f]{6}([0-9a-f]{2})?", found):
        raise ValueError(f"a colour such as `#20242c`, or one of {', '.join(COLORS)}")
    return found


def parse_share(text: str) -> Fraction:
    """`30%`, `0.3`: a share from 0 to 1."""
    match = re.fullmatch(r"([0-9]{1,3}(?:[.][0-9]{1,6})?)(%?)", text)
    value = Fraction(match[1]) / (100 if match[2] else 1) if match else None
    if value is None or value > 1:
        raise ValueError("a share such as `30%` or `0.3`, at most 1")
    return value


COLOR_KIND = Parsed(parse_color, "^#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?$|^(" + "|".join(COLORS) + ")$")
SHARE_KIND = Parsed(parse_share, r"^[0-9]+([.][0-9]+)?%?$", number=True)
VARIABLES_KIND: MapOf[Plain] = MapOf(checked_variable, Anything(), "variables", VARIABLE)

Unread: TypeAlias = dict[str, tuple[Scalar, Node]]
"""Things by name whose own keys are read later."""

# --- what several things have ------------------------------------------------------------------------------------------

TITLE = Key("title", Text(500), "What people call it; its name when not written.")
TAGS = Key("tags", ListOf(Name("a tag"), "tags"), "Words to select by: `shotbuild build tag:day`.")
MATRIX = Key(
    "matrix",
    MapOf(checked_variable, ListOf(Text(64), "values", filled=True), "variables with their values", VARIABLE),
    "Makes one of these for every combination of values, named `name-value-value`; all its texts are templates.",
)

# --- format ------------------------------------------------------------------------------------------------------------

SIZE = Key("size", SIZE_KIND, "Width by height in pixels, such as `1280x720`.", shown="1280x720")
RATE = Key("rate", RATE_KIND, "Frames per second: `24`, `23.976`, `24000/1001`.", shown=24)
COLOR = Key("color", Choice("colour standard", ("bt709",)), "The colour standard.", shown="bt709")
PIXELS = Key("pixels", Choice("pixel format", ("yuv420p", "yuv422p10le")), "Pixel format of intermediates.", shown="yuv420p")
FORMAT_TABLE = Table("a format", (SIZE, RATE, COLOR, PIXELS))
PART_TABLE = Table("a format", (SIZE, RATE, PIXELS), elsewhere=(("color", "the colour standard is the project's"),))
PART = Key("format", PART_TABLE, "What differs from the project's format.")

# --- shots -------------------------------------------------------------------------------------------------------------

PROMPT = Key("prompt", Text(), "What should be seen; a Jinja2 template. With `template`, it is a variable there.")
TEMPLATE_FILE = Key("template", FilePath(template=True), "The prompt's Jinja2 template, below `templates/`.")
WITH = Key("with", VARIABLES_KIND, "Variables for this shot's template.")
PLATE = Key("plate", FilePath(), "An existing video or picture file, in place of a generated take.")
PROVIDER = Key("provider", Word("provider"), "Who generates it: a name from `providers`.")
MODEL = Key("model", Word("model"), "The provider's model.")
SEED = Key("seed", Integer(0, MAX_SEED), "The first take's seed; derived from the names when not written.")
TAKES = Key("takes", Integer(1, MAX_TAKES), "How many takes to make.", shown=1)
DURATION = Key("duration", DURATION_KIND, "How long: `4s`, `96f`, `500ms`, `00:00:04:00`.")
REFERENCES = Key("references", MapOf(str, FilePath(), "files by role"), "Files by role, such as `first_frame`.")
CONTINUE = Key("continue", Text(64), "The shot on whose last frame this one starts.")
FINISH: Key[tuple[Node, ...]] = Key(
    "finish",
    ListOf(Later("finish"), "finishing stages"),
    "Finishing stages in order: `[upscale: {factor: 2}]`, or by a provider: `[upscale: {provider: crisp}]`.",
)
SETTINGS: Key[Node] = Key("settings", Later("settings"), "The model's own settings.")
INSTEAD = Key("provider", Word("provider"), "Who may make it instead: a name from `providers`.", required=True)
INSTEAD_TABLE = Table("a fallback", (INSTEAD, MODEL, SETTINGS))
OR = Key(
    "or",
    ListOf(Short(INSTEAD_TABLE), "fallbacks"),
    "Who may make it when its provider cannot, in order: `[hero, {provider: other, model: …, settings: {…}}]`.",
)
PRIORITY = Key("priority", Integer(-100, 100), "Higher runs earlier.", shown=0)
FIT = Key("fit", Choice("fit", ("pad", "crop", "stretch")), "How a picture of another shape is placed.", shown="pad")
MOVED = Key("moved", Name("a shot"), "The name that the shot had before: its takes, decisions and seed come along.")
GENERATED: tuple[Key[object], ...] = (PROVIDER, MODEL, SEED, TAKES, REFERENCES, CONTINUE, SETTINGS, OR, MOVED)
"""What only a generated shot has, not a plate."""
SHOT_TABLE = Table(
    "a shot", (TITLE, PROMPT, TEMPLATE_FILE, WITH, PLATE, DURATION, *GENERATED, PART, FINISH, TAGS, PRIORITY, FIT, MATRIX)
)

# --- sequences ---------------------------------------------------------------------------------------------------------

SHOT = Key("shot", Text(64), "The shot's name.")
NESTED = Key("sequence", Text(64), "Another sequence, in place of a shot: a cut of cuts.")
GAP = Key("gap", DURATION_KIND, "A slug of one colour, in place of a shot: how long.")
COLOR_OF_GAP = Key("color", COLOR_KIND, "The colour of a gap: `black`, `#20242c`.", shown="black")
IN = Key("in", DURATION_KIND, "Where the used part starts.")
OUT = Key("out", DURATION_KIND, "Where the used part ends.")
HOLD = Key("hold", DURATION_KIND, "How long the frame at `in` stands still, in place of running on.")
DISSOLVE = Key("dissolve", DURATION_KIND, "How long the two clips overlap, one melting into the other.")
DIP = Key("dip", DURATION_KIND, "How long it takes to go to a colour and come out of it.")
DIP_COLOR = Key("color", COLOR_KIND, "The colour of a dip.", shown="black")
WIPE = Key("wipe", DURATION_KIND, "How long one clip takes to push over the other.")
FORM = Key("form", Choice("form of a wipe", WIPES), "How a wipe moves.", shown="left")
TRANSITION_TABLE = Table("a transition", (DISSOLVE, DIP, WIPE, DIP_COLOR, FORM))
TRANSITION = Key("transition", TRANSITION_TABLE, "How this clip comes in over the one before it: `{dissolve: 12f}`.")
SOUND = Key("sound", Truth(), "Whether the clip's own sound is heard.", shown=True)
GAIN = Key("gain", GAIN_KIND, "Louder or softer: `-6dB`.", shown="0dB")
FADE_IN = Key("fade_in", DURATION_KIND, "How long it takes to come in.")
FADE_OUT = Key("fade_out", DURATION_KIND, "How long it takes to go out.")
ROLE = Key("role", Choice("role", ROLES), "What its sound is: music can step back under dialogue; stems are divided by it.")
CLIP_TABLE = Table(
    "a clip",
    (SHOT, NESTED, GAP, COLOR_OF_GAP, IN, OUT, HOLD, TRANSITION, SOUND, GAIN, FADE_IN, FADE_OUT, ROLE),
)
FILE = Key("file", FilePath(), "The sound file.", required=True)
AT = Key("at", DURATION_KIND, "Where in the cut it starts.")
DUCK = Key("duck", GAIN_KIND, "How far it steps back while dialogue is heard: `-12dB`.")
AUDIO_TABLE = Table("a sound track", (FILE, AT, IN, OUT, GAIN, FADE_IN, FADE_OUT, ROLE, DUCK))
OVER = Key("shot", Text(64), "The shot that lies over the picture.", required=True)
LEFT = Key("x", SHARE_KIND, "Where its middle is, from the left: `0.5`, `80%`.", shown="0.5")
TOP = Key("y", SHARE_KIND, "Where its middle is, from the top: `0.5`, `20%`.", shown="0.5")
WIDTH = Key("width", SHARE_KIND, "How wide it is, of the frame: `30%`.", shown="0.3")
OPACITY = Key("opacity", SHARE_KIND, "From `0%` (unseen) to `100%`.", shown=1)
OVER_SOUND = Key("sound", Truth(), "Whether the overlay's own sound is heard.", shown=False)
OVERLAY_TABLE = Table("an overlay", (OVER, AT, IN, OUT, LEFT, TOP, WIDTH, OPACITY, FADE_IN, FADE_OUT, OVER_SOUND, GAIN))
FONT = Key("font", FilePath(), "A font file of the project; the shipped one when not written.")
LETTERS = Key("size", SHARE_KIND, "Height of the letters, of the frame's height: `6%`.")
INK = Key("color", COLOR_KIND, "Colour of the letters.")
BOX = Key("box", COLOR_KIND, "Colour of a box behind them: `#000000a0`.")
OUTLINE = Key("outline", COLOR_KIND, "Colour of a line around the letters.")
SHADOW = Key("shadow", Truth(), "Whether the letters throw a shadow.")
ALIGN = Key("align", Choice("alignment", ("left", "center", "right")), "How lines stand below each other.")
PLACE = Key("place", Choice("place", PLACES), "Where in the frame it stands.")
STYLE = Key("style", Choice("style", STYLES), "A ready look, which the other keys change.", shown="title")
LOOK: tuple[Key[object], ...] = (STYLE, FONT, LETTERS, INK, BOX, OUTLINE, SHADOW, ALIGN, PLACE)
"""How text is set."""
WORDS = Key("text", Text(2000), "What is written; a Jinja2 template.", required=True)
LASTS = Key("for", DURATION_KIND, "How long it is seen; to the end of the cut when not written.")
TITLE_TABLE = Table("a title", (WORDS, AT, LASTS, FADE_IN, FADE_OUT, *LOOK))
CAPTION_FILE = Key("file", FilePath(), "The captions: SubRip (.srt) or WebVTT (.vtt).", required=True)
OFFSET = Key("offset", DURATION_KIND, "Added to all of its times.")
CAPTIONS_TABLE = Table("captions", (CAPTION_FILE, OFFSET, *LOOK))
CUT = Key("cut", ListOf(Short(CLIP_TABLE), "clips", filled=True), "The clips in order.", required=True)
AUDIO = Key("audio", ListOf(AUDIO_TABLE, "sound tracks"), "Sound files under the cut.")
OVERLAYS = Key(
    "overlays", ListOf(OVERLAY_TABLE, "overlays"), "A second track: shots over the picture, such as picture-in-picture."
)
TITLES = Key("titles", ListOf(TITLE_TABLE, "titles"), "Text over the picture.")
CAPTIONS = Key(
    "captions",
    MapOf(checked_language, Short(CAPTIONS_TABLE), "captions by language", LANGUAGE),
    "Captions by language: `{en: assets/en.srt}`. Deliverables say which they carry or burn in.",
)
TIMECODE = Key("timecode", DURATION_KIND, "Timecode of the first frame: `01:00:00:00`.", shown="00:00:00:00")
SEQUENCE_TABLE = Table("a sequence", (TITLE, PART, CUT, OVERLAYS, TITLES, AUDIO, CAPTIONS, TIMECODE, TAGS, MATRIX))

# --- deliverables ------------------------------------------------------------------------------------------------------

DEFAULT_FILE = "sequences/{{ sequence }}/{{ deliverable }}"
SEQUENCE = Key("sequence", Text(64), "The sequence's name.", required=True)
PROFILE = Key("profile", Word("profile"), "The delivery profile.", required=True)
REFRAME = Key("reframe", Choice("reframe", ("crop", "pad")), "How the picture is made to fit another shape.")
OUT_FILE = Key("file", Text(500), "Its path below `out/` without extension; a Jinja2 template.", shown=DEFAULT_FILE)
TRACKS = Key("captions", ListOf(Text(35), "languages"), "Languages of the sequence's captions that go in as tracks.")
BURN = Key("burn", Text(35), "The language of the sequence's captions that is burnt into the picture.")
WATERMARK = Key("watermark", Text(80), "Text across the picture, where the profile burns text in.")
WAIVE = Key(
    "waive",
    MapOf(str, Text(500), "reasons by constraint"),
    "Constraints of the profile that need not hold, each with the reason: `{max_bitrate: agreed with the client}`.",
)
DELIVERABLE_TABLE = Table(
    "a deliverable", (SEQUENCE, PROFILE, REFRAME, OUT_FILE, TRACKS, BURN, WATERMARK, WAIVE, TAGS, MATRIX)
)

# --- the project file --------------------------------------------------------------------------------------------------

VERSION = Key("shotbuild", Integer(0, 10**6), "The version of the format: 1.", required=True)
PROJECT = Key("project", Name("a project"), "The project's name.", required=True)
FORMAT = Key("format", FORMAT_TABLE, "The picture format of all cuts.")
USE = Key("use", Word("use"), "The provider itself, such as `animatic`.", required=True)
AT_ONCE = Key("at_once", Integer(1, 1000), "How many takes it may work on at the same time.")
PER_MINUTE = Key("per_minute", Integer(1, 10_000), "How many takes it may be asked for in a minute.")
STALL_AFTER = Key("stall_after", STALL_KIND, "How long a take may stand still before `on_stall`: `20m`.")
ON_STALL = Key(
    "on_stall",
    Choice("policy", ("leave", "wait", "cancel")),
    "What is done with a take that stands still: `leave` it to a later build, `wait` for it, or `cancel` it.",
    shown="leave",
)
ATTEMPTS = Key(
    "attempts", Integer(1, 10), "How often one take is asked for, at most, when the service fails by its own fault.", shown=3
)
PRICE = Key("price", MONEY_KIND, "What a second of a take costs, in place of the built-in price list: `0.12 USD`.")
SERVICE_ONLY: tuple[Key[object], ...] = (PER_MINUTE, STALL_AFTER, ON_STALL, ATTEMPTS, PRICE)
"""What is said of a service only, not of a provider on this machine."""
PROVIDER_TABLE = Table("a provider", (USE, MODEL, AT_ONCE, *SERVICE_ONLY), open=True)
FINISHER_TABLE = Table("a finishing stage", (PROVIDER, MODEL), open=True)
PROVIDERS: Key[Unread] = Key(
    "providers",
    MapOf(lambda text: checked_name(text, "a provider"), Later("provider_use"), "providers", f"^{NAME}$"),
    "The providers under your own names. Keys to services come from the environment, never from a file.",
)
DEFAULTS_TABLE = Table(
    "defaults",
    (PROVIDER, MODEL, DURATION, TAKES, SEED, FIT, PRIORITY, SETTINGS, OR, FINISH, TAGS, TEMPLATE_FILE, PART),
)
DEFAULTS = Key("defaults", DEFAULTS_TABLE, "What every shot has that says nothing else.")
VARS = Key("vars", VARIABLES_KIND, "Variables for all templates.")
LIMIT = Key("limit", MONEY_KIND, "The most that may be spent: `250 USD`.")
TAKES_PER_SHOT = Key("takes_per_shot", Integer(1, 10_000), "The most takes of one shot.", shown=30)
LIMITS_BY_SEQUENCE = Key(
    "sequences",
    MapOf(str, MONEY_KIND, "amounts by sequence"),
    "The most that may be spent on the shots of a sequence: `{opening: 50 USD}`.",
)
BUDGET = Key(
    "budget", Table("a budget", (LIMIT, TAKES_PER_SHOT, LIMITS_BY_SEQUENCE)), "What may be spent. Without it nothing is."
)
APPROVALS = Key(
    "approvals", ListOf(Name("a role"), "roles"), "Who has to approve every take before `deliver --strict` passes."
)
FFMPEG = Key("ffmpeg", Text(1000), "Another ffmpeg than the one that comes with shotbuild: the path of the executable.")
LINK = Key("link", Choice("link", ("copy", "hardlink")), "How results are handed out into `out/`.", shown="copy")
ADDRESS = Key("address", Parsed(parse_address, "^[^?#]+$"), "Where it lies: `s3://bucket/prefix`, a folder.", required=True)
PUSH = Key("push", Choice("choice", PUSHES), "Which results go there by themselves.", shown="takes")
ENDPOINT = Key("endpoint", Parsed(parse_endpoint, "^https?://"), "The server of a bucket that is not the scheme's own.")
REGION = Key("region", Text(64), "The region of a bucket.")
STORE_TABLE = Table("a shared store", (ADDRESS, PUSH, ENDPOINT, REGION))
STORE = Key("store", Short(STORE_TABLE), "The store that the team shares: `s3://bucket/prefix`, `/mnt/team/store`.")
EXECUTOR = Key("executor", Choice("executor", EXECUTORS), "Who runs steps: this machine, or a Dask cluster.", shown="local")

# --- any file ----------------------------------------------------------------------------------------------------------

SHOTS: Key[Unread] = Key(
    "shots", MapOf(lambda text: checked_name(text, "a shot"), Later("shot"), "shots by name", f"^{NAME}$"), "Shots by name."
)
SEQUENCES: Key[Unread] = Key(
    "sequences",
    MapOf(lambda text: checked_name(text, "a sequence"), Later("sequence"), "sequences by name", f"^{NAME}$"),
    "Edits by name.",
)
DELIVERABLES: Key[Unread] = Key(
    "deliverables",
    MapOf(lambda text: checked_name(text, "a deliverable"), Later("deliverable"), "deliverables by name", f"^{NAME}$"),
    "Encoded outputs by name.",
)
PROFILES: Key[Unread] = Key(
    "profiles",
    MapOf(lambda text: checked_name(text, "a profile"), Later("profile_use"), "profiles by name", f"^{NAME}$"),
    "Delivery profiles of your own: `{client: {base: youtube-1080p, video: {crf: 16}}}`.",
)
PROJECT_ONLY: tuple[Key[object], ...] = (
    VERSION,
    PROJECT,
    FORMAT,
    PROVIDERS,
    DEFAULTS,
    VARS,
    BUDGET,
    APPROVALS,
    PROFILES,
    FFMPEG,
    LINK,
    STORE,
    EXECUTOR,
)
ENTITIES: tuple[Key[Unread], ...] = (SHOTS, SEQUENCES, DELIVERABLES)
PROJECT_TABLE = Table("the project file", (*PROJECT_ONLY, *ENTITIES))
SPEC_TABLE = Table(
    "a spec file", ENTITIES, elsewhere=tuple((key.name, "move it to `shotbuild.yaml`") for key in PROJECT_ONLY)
)
