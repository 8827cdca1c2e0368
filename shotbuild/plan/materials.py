"""What `expand` is handed from the higher rooms, as plain values: stages, tools, profiles, generators, plates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from shotbuild.records import (
    Caption,
    Captions,
    Digest,
    Fields,
    Footage,
    Origin,
    Pin,
    Profile,
    Shot,
    ShotState,
    SourceFile,
    Take,
)


class Effect(Protocol):
    """What a plan must know of a finishing effect. files: settings that are paths of the project; seconds: settings and a
    length → the length afterwards, None = as before; settle: settings, the length before and the rate of the cut → what is
    left open, filled in, None = nothing is; is_heavy: whether settings make it worth an intermediate."""

    @property
    def version(self) -> int: ...

    @property
    def files(self) -> tuple[str, ...]: ...

    @property
    def settle(self) -> Callable[[Fields, Fraction, Fraction], Fields] | None: ...

    def is_heavy(self, settings: Fields) -> bool: ...

    @property
    def seconds(self) -> Callable[[Fields, Fraction], Fraction] | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """Who makes the takes of a shot. use: the project's name for it; pins: its own, then those of the tools it uses;
    extension: of a take, without dot; sound: do its takes carry sound; shows: which names are seen in the picture and so are
    part of the recipe; files: settings that are paths of the project, which are inputs by their names."""

    use: str
    pins: tuple[Pin, ...]
    extension: str
    sound: bool
    shows: tuple[str, ...]
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Materials:
    """stages: name → version; ffmpeg, joiner: the tools; generators: shot → Generator; footage: plate → its facts.

    state: shot → what its ledger comes to; request: what a take was asked for, as text; source: a project file → its digest;
    more: shot → how many takes to make now, whatever stands for it; fallbacks: shot → who may make its takes in place
    of its own generator; finishers: shot → who does those of its finishing stages that name a provider, in order.
    effects: by name; captions: what a file of them says; mezzanine: pixel format → the settings of a lossless encoder;
    chunked: whether an encoder's settings allow a film to be encoded segment by segment.
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
    effects: Mapping[str, Effect]
    captions: Callable[[Captions], tuple[Caption, ...]]
    mezzanine: Callable[[str], Fields]
    chunked: Callable[[Fields], bool]
    more: Mapping[str, int] = field(default_factory=dict)
    fallbacks: Mapping[str, tuple[Generator, ...]] = field(default_factory=dict)
    finishers: Mapping[str, tuple[Generator, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotFilm:
    """A shot as others may use it. take: the chosen take or the plate; video: its sha256, None when it is still to be made;
    picture: the clip that cuts read; effects: rows that are still to be applied to it, with their files by plain name;
    heavy: one of them costs more than keeping its result; ready: the picture is an intermediate of ours at the shot's own
    rate; sound: where its sound is, None = silent; retimed: the effects that change its length; seconds: exact length;
    suffix: of the file that holds the picture, with dot; label: of its take, such as `t3`; rate: at which a plate runs,
    None = it is not known or not constant; shown: the finished clip for people, where cuts read another one."""

    shot: Shot
    take: Origin
    video: str | None
    picture: Origin
    sound: Origin | None
    seconds: Fraction
    suffix: str
    effects: tuple[Fields, ...] = ()
    files: tuple[tuple[str, Origin], ...] = ()
    heavy: bool = False
    ready: bool = False
    retimed: tuple[Fields, ...] = ()
    shown: Origin | None = None
    label: str = ""
    rate: Fraction | None = None
