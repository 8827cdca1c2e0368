"""The nouns. Read this file first. All are frozen values that can be printed, compared and pickled.

A person writes a Project of Shots, Sequences and Deliverables. `plan` turns it into Steps; a Step whose inputs are known
is an Action; running an Action gives an ActionResult; a generated result that was recorded in a ledger is a Take, and
what people say of takes is a Decision.
`Location` (where in a file something was written) stands in `errors`, because errors need it too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias, Union

from shotbuild.errors import Location
from shotbuild.units import Duration, Money, Size

START = Duration()
DIALOGUE, MUSIC, EFFECTS = "dialogue", "music", "effects"
ROLES = (DIALOGUE, MUSIC, EFFECTS)
"""What a sound is: ducking asks for it, and stems are divided by it."""

Value: TypeAlias = Union[str, int, bool, None, tuple["Value", ...], "Fields"]
"""What may stand in a manifest: text, whole numbers, truth, nothing, lists and named fields. Never a float."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Named values, sorted by name: a mapping that can be hashed. Make one with `fields(...)`."""

    items: tuple[tuple[str, Value], ...] = ()

    def __iter__(self) -> Iterator[tuple[str, Value]]:
        return iter(self.items)

    def get(self, name: str) -> Value:
        """The value of a name; None when it is not there."""
        return next((value for key, value in self.items if key == name), None)

    def text(self, name: str) -> str:
        value = self.get(name)
        if not isinstance(value, str):
            raise TypeError(f"field {name!r} is {value!r}, not text")
        return value

    def integer(self, name: str) -> int:
        value = self.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"field {name!r} is {value!r}, not a whole number")
        return value

    def fraction(self, name: str) -> Fraction:
        """An exact number that was written as text, such as `24000/1001`."""
        return Fraction(self.text(name))

    def inner(self, name: str) -> "Fields":
        """Named fields under a name; empty where there are none."""
        value = self.get(name)
        if value is not None and not isinstance(value, Fields):
            raise TypeError(f"field {name!r} is {value!r}, not named fields")
        return Fields() if value is None else value

    def rows(self, name: str) -> "tuple[Fields, ...]":
        """A list of named fields; empty when the name is not there."""
        value = self.get(name)
        rows = () if value is None else value
        if not isinstance(rows, tuple):
            raise TypeError(f"field {name!r} is {value!r}, not a list")
        return tuple(row for row in rows if isinstance(row, Fields))


def fields(**values: Value) -> Fields:
    return Fields(tuple(sorted(values.items())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """Bytes by content. sha256: 64 hexadecimal digits; size: in bytes. Word from the Remote Execution API."""

    sha256: str
    size: int

    def __str__(self) -> str:
        return self.sha256

    @property
    def short(self) -> str:
        return self.sha256[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """What exactly does the work. provider: a provider or tool; model; version: exact, for tools the build."""

    provider: str
    model: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The complete request of one step: stage and its version, the pins of all that works on it, every parameter."""

    stage: str
    version: int
    pins: tuple[Pin, ...]
    parameters: Fields


# --- what the person wrote ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """The common ground of a cut. rate: frames per second, exact; color: name of a colour standard; pixels: ffmpeg name."""

    size: Size
    rate: Fraction
    color: str
    pixels: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderUse:
    """A provider under the project's own name. use: the provider's name; settings: its own fields; model: None = default;
    at_once, per_minute: how many takes it may work on, and how many may be asked for in a minute, None = what its service
    allows; stall_after: seconds; on_stall: `leave`, `wait` or `cancel`; attempts: at most, for one take; price: of a second,
    in place of the list's."""

    name: str
    use: str
    model: str | None
    at_once: int | None
    settings: Fields
    per_minute: int | None = None
    stall_after: Fraction | None = None
    on_stall: str = "leave"
    attempts: int = 3
    price: Money | None = None
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A file that a shot is made from: a picture, a clip or sound. role: what it is for (`first_frame`, `video`, …); path:
    in the project."""

    role: str
    path: str
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """One finishing stage that was asked for. stage: its name; settings: its fields; provider: the project's name of the
    provider that does it, whose model's fields the settings are then, None = it is done here; model: as in `Shot`."""

    stage: str
    settings: Fields
    provider: str | None = None
    model: str | None = None
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Who may make a shot's takes when its own provider cannot. provider, model, settings: as in `Shot`."""

    provider: str
    model: str | None
    settings: Fields
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What should be seen. Either `plate` (an existing file) or `prompt` (rendered) with a provider; never both.

    seed: None = derived from the names; takes: how many to make; continues: the shot on whose last frame it starts;
    settings: the provider's own fields; priority: higher runs earlier; fit: how a picture of another shape is placed;
    moved: the name that it had before; fallbacks: in the order in which they are asked.
    """

    name: str
    title: str
    prompt: str | None
    plate: str | None
    provider: str
    model: str | None
    seed: int | None
    takes: int
    duration: Duration | None
    format: Format
    references: tuple[Reference, ...]
    continues: str | None
    finish: tuple[Finish, ...]
    settings: Fields
    tags: tuple[str, ...]
    priority: int
    fit: str
    moved: str | None = None
    fallbacks: tuple[Fallback, ...] = ()
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a shot asks of a model, before anything is made. seconds: exact; references: the roles that are given, with the
    first frame of a shot that continues another one; settings: the model's fields, defaults written out."""

    prompt: str
    seconds: Fraction
    format: Format
    references: tuple[str, ...]
    settings: Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Why a model will not do what is wished. key: what of the shot is wrong, as it is written there: `duration`, `prompt`,
    `format`, `references`, `seed`, or the name of a setting; remedy: starts with a verb."""

    key: str
    message: str
    cause: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """How a clip comes in over the one before it. kind: `dissolve`, `dip` or `wipe`; duration: the overlap; style: the
    colour of a dip, as `#rrggbb`, or the form of a wipe."""

    kind: str
    duration: Duration
    style: str = ""
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One entry of a cut: a shot, another sequence, or a slug of one colour; the other two of `shot`, `sequence` and `slug`
    are empty.

    start, end: the part used, on the clip's own clock (end None = to its end); hold: the frame at `start` stands so long,
    None = it runs; length: of a slug; sound: is its own heard; gain: in decibels; fade_in, fade_out: of its sound;
    role: what its sound is, for ducking and stems.
    """

    shot: str = ""
    sequence: str = ""
    slug: str = ""
    start: Duration = START
    end: Duration | None = None
    hold: Duration | None = None
    length: Duration | None = None
    transition: Transition | None = None
    sound: bool = True
    gain: Fraction = Fraction(0)
    fade_in: Duration = START
    fade_out: Duration = START
    role: str = DIALOGUE
    location: Location = field(compare=False)

    @property
    def name(self) -> str:
        """The shot or sequence; of a slug, its colour."""
        return self.shot or self.sequence or self.slug


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A shot over the picture of a cut, on its second track. at: in the cut; start, end: the part used; left, top: of its
    middle, as shares of the frame; width: share of the frame's width; opacity: 0 to 1; fade_in, fade_out: of the picture;
    sound: is its own heard."""

    shot: str
    at: Duration
    start: Duration
    end: Duration | None
    left: Fraction
    top: Fraction
    width: Fraction
    opacity: Fraction
    fade_in: Duration
    fade_out: Duration
    sound: bool
    gain: Fraction
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """Text over the picture of a cut. at, length: in the cut; look: how it is set, every field written out (`font` is a path
    of the project or None = the shipped one)."""

    text: str
    at: Duration
    length: Duration
    fade_in: Duration
    fade_out: Duration
    look: Fields
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Captions:
    """A file of captions (SRT or WebVTT). language: BCP 47, such as `en`; offset: added to its times; look: as in Title,
    where they are burnt in."""

    language: str
    file: str
    offset: Duration
    look: Fields
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioTrack:
    """A sound file under a cut. at: where it starts in the cut; start, end: the part used; gain: in decibels; role: what it
    is, such as `music`; duck: decibels by which it steps back under dialogue, 0 = it does not."""

    file: str
    at: Duration
    start: Duration
    end: Duration | None
    gain: Fraction
    fade_in: Duration
    fade_out: Duration
    role: str = MUSIC
    duck: Fraction = Fraction(0)
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """start: timecode of its first frame, as a count of frames."""

    name: str
    title: str
    format: Format
    clips: tuple[Clip, ...]
    audio: tuple[AudioTrack, ...]
    tags: tuple[str, ...]
    overlays: tuple[Overlay, ...] = ()
    titles: tuple[Title, ...] = ()
    captions: tuple[Captions, ...] = ()
    timecode: Duration = START
    location: Location = field(compare=False)


def shots_of(sequence: Sequence, sequences: Mapping[str, Sequence]) -> frozenset[str]:
    """Every shot that a sequence shows, itself or in one that is nested in it."""
    own = {clip.shot for clip in sequence.clips if clip.shot} | {overlay.shot for overlay in sequence.overlays}
    nested = [shots_of(sequences[clip.sequence], sequences) for clip in sequence.clips if clip.sequence]
    return frozenset(own).union(*nested)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverable:
    """One encoded output. reframe: `crop`, `pad` or None (the profile's own); file: path under out/, without extension;
    captions: languages that go in as tracks; burn: the language that is burnt into the picture; watermark: text across a
    picture whose profile burns text in; waived: constraint → why it need not hold."""

    name: str
    sequence: str
    profile: str
    reframe: str | None
    file: str
    tags: tuple[str, ...]
    captions: tuple[str, ...] = ()
    burn: str | None = None
    watermark: str = ""
    waived: tuple[tuple[str, str], ...] = ()
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How a deliverable is encoded, and what it has to keep.

    kind: what comes of it: `film` (one file), `hls`, `dash`, `frames`, `stems` (folders), `animation`, `sheet`, `poster`;
    extension: of the delivered file, without dot, empty for a folder; size: fixed, or None = the sequence's; height: the
    most rows when there is no fixed size; reframe: `pad` or `crop` when shapes differ; video: the encoder's settings
    (`codec`, `pixels`, …), empty = no picture; sound: the sound encoder's (`codec`, `layout`, …), empty = no sound;
    loudness: what the mix is brought to (`target`, `peak`, …), empty = as it was mixed; wrap: of the container
    (`edit_list`, `timecode`, …); burn_in: texts over the picture (`shot`, `take`, `clock`, `watermark`), empty = none;
    must: constraint → what is asked of the delivered file; ladder: names of the profiles that a folder of several rates is
    made of; about: one line for people.
    """

    name: str
    kind: str = "film"
    extension: str
    size: Size | None = None
    height: int | None = None
    reframe: str = "pad"
    video: Fields
    sound: Fields
    loudness: Fields = Fields()
    wrap: Fields = Fields()
    burn_in: Fields = Fields()
    must: Fields = Fields()
    ladder: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """limit: the most that may be spent, None = nothing was said; takes_per_shot: the most takes of one shot; sequences: the
    most that may be spent on the shots of one."""

    limit: Money | None
    takes_per_shot: int
    sequences: tuple[tuple[str, Money], ...] = ()


PUSH_TAKES, PUSH_ALL, PUSH_NOTHING = "takes", "all", "nothing"
PUSHES = (PUSH_TAKES, PUSH_ALL, PUSH_NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUse:
    """The store that a team shares. address: `s3://…`, `gs://…`, `az://…`, `https://…` or a folder; push: which results go
    there by themselves, one of PUSHES; endpoint, region: of a bucket, None = as its scheme and the environment say."""

    address: str
    push: str = PUSH_TAKES
    endpoint: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Some of many. share: of them, above 0 to 1; seed: the same seed means the same ones."""

    share: Fraction
    seed: str


LOCAL, DASK = "local", "dask"
EXECUTORS = (LOCAL, DASK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this machine works on the project: never part of any key. ffmpeg: path or None; link: `copy` or `hardlink`;
    store: the one that the team shares, None = there is none; executor: who runs steps, one of EXECUTORS."""

    ffmpeg: str | None
    link: str
    store: StoreUse | None = None
    executor: str = LOCAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """All that was written, settled: names, units, references and defaults. Mappings are sorted by name.

    approvals: the roles that have to approve a take before `deliver --strict` passes."""

    name: str
    format: Format
    providers: tuple[ProviderUse, ...]
    shots: tuple[Shot, ...]
    sequences: tuple[Sequence, ...]
    deliverables: tuple[Deliverable, ...]
    budget: Budget
    settings: Settings
    approvals: tuple[str, ...]
    files: tuple[str, ...]
    """Every spec and template that was read, relative to the root."""
    profiles: tuple[Profile, ...] = ()
    """The project's own."""
    named: tuple[str, ...] = ()
    """Every file that was looked at: `files`, and what they name, such as plates."""


# --- what a build works on -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What another step makes: an input known by its maker."""

    step: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file of the project: an input known by its path, bound by its bytes. path: posix, relative to the root."""

    path: str
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Bytes that a person or a ledger named: an input known by its digest."""

    digest: Digest


Origin: TypeAlias = Output | SourceFile | Chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What makes a generating step one take of its shot. ordinal: among the takes of its recipe, from 1; first_seed: of
    the first of them; continues: the clip on whose last frame it starts, None = none; asked: as in `Take`, empty while the
    clip that it continues is still to be made; number: of the take, unless another one got it meanwhile; instead: the pin
    of the provider that could not make it, for a take that a fallback makes."""

    ordinal: int
    first_seed: int
    continues: Origin | None
    asked: str
    number: int
    instead: Pin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A Recipe and what it reads. name: unique in the plan; inputs: name → origin; outputs: file names it makes.

    batch: steps of one batch read the same files and may be run together where several of them are missing; piece: which
    part of the batch's film a step is about, so that those of one part are run together first;
    cites: name → origin of what its result names but does not read; bound by digest into its parameters;
    shots, sequence, deliverable: what it belongs to, for people and selectors; asking: of a step that makes a take; use: the
    project's name of the provider that it asks, None = it asks nobody; fallbacks: steps of the same name and outputs that
    may be done in its place, in order, when its provider cannot.
    """

    name: str
    recipe: Recipe
    inputs: tuple[tuple[str, Origin], ...]
    outputs: tuple[str, ...]
    shots: tuple[str, ...] = ()
    sequence: str | None = None
    deliverable: str | None = None
    asking: Asking | None = None
    use: str | None = None
    fallbacks: "tuple[Step, ...]" = ()
    cites: tuple[tuple[str, Origin], ...] = ()
    batch: str | None = None
    piece: int = 0
    priority: int = 0
    tags: tuple[str, ...] = ()
    location: Location = field(compare=False)

    @property
    def generates(self) -> bool:
        """Whether it makes a take."""
        return self.asking is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A Recipe bound to bytes. Its identity is the digest of its manifest (`digest.manifest`)."""

    recipe: Recipe
    inputs: tuple[tuple[str, Digest], ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What something costs. exact: the provider's own figure, not an estimate; amount None = unknown, over any budget; date:
    ISO 8601, of the price list that it was read from, empty = it is from none."""

    amount: Fraction | None
    currency: str
    exact: bool
    date: str = field(default="", compare=False)


def owed(charged: Price | None, estimated: Price) -> Price:
    """What has to be paid: what was charged where that is known, else what was estimated."""
    return estimated if charged is None or charged.amount is None else charged


FREE = Price(amount=Fraction(0), currency="USD", exact=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A request that a provider has accepted. id: opaque, the provider's own; submitted: ISO 8601, UTC; links: what else
    the provider gave to find it by, such as addresses; never in a key."""

    provider: str
    id: str
    submitted: str
    links: Fields = Fields()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a provider said of one take. pin: what it says that it used, None = it says nothing; charged: what it took for
    it, None = it does not say; record: JSON of all that was sent and all that came back, without keys."""

    operation: Operation
    pin: Pin | None
    charged: Price | None
    record: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """What an Action gave. outputs: name → bytes; milliseconds: how long it ran; price: as it was estimated before.

    Of a provider: operation; pin, charged: as in its Answer; record: the Answer's record, in the store."""

    outputs: tuple[tuple[str, Digest], ...]
    milliseconds: int
    price: Price = FREE
    operation: Operation | None = None
    pin: Pin | None = None
    charged: Price | None = None
    record: Digest | None = None

    def output(self, name: str) -> Digest:
        return dict(self.outputs)[name]

    @property
    def blobs(self) -> tuple[Digest, ...]:
        """All bytes that it names."""
        return (*(digest for _, digest in self.outputs), *filter(None, (self.record,)))


# --- ledgers: what was made once, and what people said of it ----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One generated result of a shot. id: of its event; after: the events that it follows; number: its everyday name.

    ordinal, first_seed: as in `Asking`; asked: digest of its request but for ordinal and seed, so that takes of one recipe
    have one; action: digest of the action that made it; output: the name under which that gives the video; video: its
    bytes; record: of its Answer, None where there is none; seconds: exact length of the picture as it is used, which is what
    was asked for; sound: has it any; foreign: it was made elsewhere, so asked and action are empty; made: ISO 8601, UTC;
    instead: a provider that the shot names only as a fallback made it; line: the event as it is written, which says
    everything else.
    """

    id: str
    after: tuple[str, ...]
    shot: str
    number: int
    ordinal: int
    seed: int | None
    asked: str
    action: str
    output: str
    video: Digest
    record: Digest | None
    seconds: Fraction
    sound: bool
    foreign: bool
    made: str
    instead: bool = False
    line: str = field(repr=False)
    location: Location = field(compare=False)

    @property
    def name(self) -> str:
        """The name that survives merges: `sh010@9b1c4e7a`."""
        return f"{self.shot}@{self.video.short}"


PICK, APPROVE, REJECT, REOPEN, NOTE, MOVE, RESTORE = "pick", "approve", "reject", "reopen", "note", "move", "restore"
DECISIONS = (PICK, APPROVE, REJECT, REOPEN, NOTE, MOVE, RESTORE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person said. kind: one of DECISIONS; video: sha256 of the take that it is about; by: name and mail; why: the
    reason, or the text of a note; role: of who approves; frames: first and last, from 0; marks: drawn on these, as
    `spec.marks` reads them; kept: digest of the request that an approved take stays in spite of; was, now: names of a shot
    that moved; of: the events whose state is restored.
    """

    id: str
    after: tuple[str, ...]
    kind: str
    video: str | None = None
    by: str
    role: str | None = None
    why: str | None = None
    frames: tuple[int, int] | None = None
    marks: tuple[str, ...] = ()
    kept: str | None = None
    was: str | None = None
    now: str | None = None
    of: tuple[str, ...] = ()
    at: str
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRoll:
    """What came out in place of a take when its recipe was made again. video: its bytes; count: how often they came;
    same_frames: they decode to the take's pictures; structure, colour, motion: how far apart they are, as in
    `media.resemblance`, None where that could not be measured."""

    video: Digest
    count: int
    same_frames: bool
    structure: str | None = None
    colour: str | None = None
    motion: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """That a take's recipe was made again, and what came of it. video: sha256 of the take; pin: of its generator; rolls: how
    often; same_bytes, same_frames: how many of them were the take; others: what else came. machine: the class of machine
    that made them, made_on: that of the take, None = its provider does not say; by, at: as in Decision."""

    id: str
    after: tuple[str, ...]
    video: str
    pin: Pin
    rolls: int
    same_bytes: int
    same_frames: int
    others: tuple[OtherRoll, ...]
    machine: Fields | None
    made_on: Fields | None
    by: str
    at: str
    location: Location = field(compare=False)

    @property
    def elsewhere(self) -> bool:
        """Whether it is known to have been another class of machine than the take's: bits hold for one class alone."""
        return self.machine is not None and self.made_on is not None and self.machine != self.made_on


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent:
    """An event of a newer version: it is kept, and what follows it follows it."""

    id: str
    after: tuple[str, ...]
    kind: str
    location: Location = field(compare=False)


LedgerEvent: TypeAlias = Take | Decision | Verification | UnknownEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotState:
    """What the events of a shot come to, in whatever order they stand. takes: by number; approvals, picks, rejections:
    those that nothing later took back; notes, in order; formerly: the names that it had before, the first one first.

    conflict: decisions of which one at most can hold, made by people who did not know of each other; strays: moves that took
    its takes and decisions to another name as well, from where nothing leads to a shot; heads: ids of the events that
    nothing follows; verifications: how often its takes came out again.
    """

    takes: tuple[Take, ...] = ()
    approvals: tuple[Decision, ...] = ()
    picks: tuple[Decision, ...] = ()
    rejections: tuple[Decision, ...] = ()
    notes: tuple[Decision, ...] = ()
    conflict: tuple[Decision, ...] = ()
    strays: tuple[Decision, ...] = ()
    formerly: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    verifications: tuple[Verification, ...] = ()
    unknown: tuple[UnknownEvent, ...] = ()

    @property
    def rejected(self) -> frozenset[str]:
        return frozenset(each.video for each in self.rejections if each.video is not None)

    def take_of(self, video: str) -> Take | None:
        """The take with these bytes; of several, the first."""
        return next((take for take in self.takes if take.video.sha256 == video), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """The ffmpeg in use. version: as it calls itself; identity: sha256 over version, configuration, encoder libraries
    and machine architecture; encoders: name → library version line; configuration, architecture: as reported."""

    name: str
    version: str
    identity: str
    configuration: str
    architecture: str
    encoders: tuple[tuple[str, str], ...]

    @property
    def pin(self) -> Pin:
        return Pin(provider=self.name, model=self.version, version=self.identity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a generator of one's own was found to be: a model that lies here, or the server that runs it.

    pinned: what decides its takes, each by a digest or in words, and is held; unread: what would belong there and could not
    be read → why. The pin is of `pinned` alone."""

    pinned: Fields
    unread: Fields = Fields()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What every pin resolved to. providers: the project's own name → Pin; tools: name → Tool; generators: name among
    `providers` → Facts, of those that are one's own."""

    providers: tuple[tuple[str, Pin], ...]
    tools: tuple[tuple[str, Tool], ...]
    generators: tuple[tuple[str, Facts], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """What a plan must know of an existing clip: how long it lasts (exact seconds), whether it has sound, and its constant
    rate in frames per second (None = it is not constant, or it is a still)."""

    seconds: Fraction
    sound: bool
    rate: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """One text of a caption file, with the times at which it comes and goes, in exact seconds."""

    start: Fraction
    end: Fraction
    text: str
