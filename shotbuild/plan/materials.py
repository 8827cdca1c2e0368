"""What `expand` is handed from the higher rooms, as plain values: stages, tools, profiles, generators, plates."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from shotbuild.records import Footage, Origin, Pin, Profile, Shot


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """Who makes the takes of a shot. pins: its own, then those of the tools it uses; extension: of a take, without dot;
    sound: do its takes carry sound; shows: which names are seen in the picture and so are part of the recipe."""

    pins: tuple[Pin, ...]
    extension: str
    sound: bool
    shows: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Materials:
    """stages: name → version; ffmpeg, joiner: the tools; generators: shot → Generator; footage: plate → its facts."""

    stages: Mapping[str, int]
    ffmpeg: Pin
    joiner: Pin
    profiles: Mapping[str, Profile]
    generators: Mapping[str, Generator]
    footage: Mapping[str, Footage]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotFilm:
    """A shot as others may use it. take: the chosen take or the plate; picture: the finished clip; sound: where its
    sound is, None = silent; seconds: exact length; suffix: of the file that holds the picture, with dot."""

    shot: Shot
    take: Origin
    picture: Origin
    sound: Origin | None
    seconds: Fraction
    suffix: str
