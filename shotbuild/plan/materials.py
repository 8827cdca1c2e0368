"""What `expand` is handed from the higher rooms, as plain values: stages, tools, profiles, generators, plates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from shotbuild.records import Digest, Footage, Origin, Pin, Profile, Shot, ShotState, SourceFile, Take


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """Who makes the takes of a shot. use: the project's name for it; pins: its own, then those of the tools it uses;
    extension: of a take, without dot; sound: do its takes carry sound; shows: which names are seen in the picture and so are
    part of the recipe."""

    use: str
    pins: tuple[Pin, ...]
    extension: str
    sound: bool
    shows: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Materials:
    """stages: name → version; ffmpeg, joiner: the tools; generators: shot → Generator; footage: plate → its facts.

    state: shot → what its ledger comes to; request: what a take was asked for, as text; source: a project file → its digest;
    more: shot → how many takes to make now, whatever stands for it; fallbacks: shot → who may make its takes in place
    of its own generator; finishers: shot → who does those of its finishing stages that name a provider, in order.
    """

    stages: Mapping[str, int]
    ffmpeg: Pin
    joiner: Pin
    profiles: Mapping[str, Profile]
    generators: Mapping[str, Generator]
    footage: Mapping[str, Footage]
    state: Callable[[str], ShotState]
    request: Callable[[Take], str]
    source: Callable[[SourceFile], Digest]
    more: Mapping[str, int] = field(default_factory=dict)
    fallbacks: Mapping[str, tuple[Generator, ...]] = field(default_factory=dict)
    finishers: Mapping[str, tuple[Generator, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotFilm:
    """A shot as others may use it. take: the chosen take or the plate; video: its sha256, None when it is still to be made;
    picture: the finished clip; sound: where its sound is, None = silent; seconds: exact length; suffix: of the file that
    holds the picture, with dot."""

    shot: Shot
    take: Origin
    video: str | None
    picture: Origin
    sound: Origin | None
    seconds: Fraction
    suffix: str
