"""The written format: a table per kind of thing, a line per key. It drives loading and the JSON Schema."""

from fractions import Fraction
from typing import TypeAlias

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
    checked_name,
    checked_variable,
)
from shotbuild.spec.nodes import Node, Scalar
from shotbuild.spec.tables import Anything, Key, Later, ListOf, MapOf, Plain, Short, Table
from shotbuild.units import parse_decibels, parse_duration, parse_money, parse_rate, parse_size

FORMAT_VERSION = 1
MAX_SEED = 2**31 - 1
MAX_TAKES = 1000
VARIABLE = "^[A-Za-z_][A-Za-z0-9_]*$"

DURATION_KIND = Parsed(
    parse_duration, r"^[0-9]+f$|^[0-9]+([.][0-9]+)?(ms|s|m)$|^[0-9]{2}:[0-9]{2}:[0-9]{2}:[0-9]{2}$", units=("s", "f")
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

SHOT = Key("shot", Text(64), "The shot's name.", required=True)
IN = Key("in", DURATION_KIND, "Where the used part starts.")
OUT = Key("out", DURATION_KIND, "Where the used part ends.")
DISSOLVE = Key("dissolve", DURATION_KIND, "How long the two clips overlap.", required=True)
TRANSITION = Key("transition", Table("a transition", (DISSOLVE,)), "How this clip comes in over the one before it.")
SOUND = Key("sound", Truth(), "Whether the clip's own sound is heard.", shown=True)
CLIP_TABLE = Table("a clip", (SHOT, IN, OUT, TRANSITION, SOUND))
FILE = Key("file", FilePath(), "The sound file.", required=True)
AT = Key("at", DURATION_KIND, "Where in the cut it starts.")
GAIN = Key("gain", GAIN_KIND, "Louder or softer: `-6dB`.", shown="0dB")
FADE_IN = Key("fade_in", DURATION_KIND, "How long it takes to come in.")
FADE_OUT = Key("fade_out", DURATION_KIND, "How long it takes to go out.")
AUDIO_TABLE = Table("a sound track", (FILE, AT, IN, OUT, GAIN, FADE_IN, FADE_OUT))
CUT = Key("cut", ListOf(Short(CLIP_TABLE), "clips", filled=True), "The clips in order.", required=True)
AUDIO = Key("audio", ListOf(AUDIO_TABLE, "sound tracks"), "Sound files under the cut.")
SEQUENCE_TABLE = Table("a sequence", (TITLE, PART, CUT, AUDIO, TAGS, MATRIX))

# --- deliverables ------------------------------------------------------------------------------------------------------

DEFAULT_FILE = "sequences/{{ sequence }}/{{ deliverable }}"
SEQUENCE = Key("sequence", Text(64), "The sequence's name.", required=True)
PROFILE = Key("profile", Word("profile"), "The delivery profile.", required=True)
REFRAME = Key("reframe", Choice("reframe", ("crop", "pad")), "How the picture is made to fit another shape.")
OUT_FILE = Key("file", Text(500), "Its path below `out/` without extension; a Jinja2 template.", shown=DEFAULT_FILE)
DELIVERABLE_TABLE = Table("a deliverable", (SEQUENCE, PROFILE, REFRAME, OUT_FILE, TAGS, MATRIX))

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
PROJECT_ONLY: tuple[Key[object], ...] = (
    VERSION,
    PROJECT,
    FORMAT,
    PROVIDERS,
    DEFAULTS,
    VARS,
    BUDGET,
    APPROVALS,
    FFMPEG,
    LINK,
)
ENTITIES: tuple[Key[Unread], ...] = (SHOTS, SEQUENCES, DELIVERABLES)
PROJECT_TABLE = Table("the project file", (*PROJECT_ONLY, *ENTITIES))
SPEC_TABLE = Table(
    "a spec file", ENTITIES, elsewhere=tuple((key.name, "move it to `shotbuild.yaml`") for key in PROJECT_ONLY)
)
