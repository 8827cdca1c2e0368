"""How a subject of any kind comes into its shot: its own way through the picture, its shadow, its light."""

from dataclasses import dataclass
from typing import TypeAlias

from shotbuild.providers.storyboard.camera import SUBJECT
from shotbuild.providers.storyboard.shape import ellipse
from shotbuild.providers.storyboard.stage import Rim, Stage
from shotbuild.providers.storyboard.tone import Color, mix

Drift: TypeAlias = tuple[float, float, float, float]
"""Start and way of the whole shot, x and y of each, in stage units."""

STEPS = 12  # poses of a stride
STILL: Drift = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What all subjects of a shot share. ground, horizon: their y; followed: the camera keeps its pace with the subject."""

    size: str
    action: str
    held: str | None
    ground: float
    horizon: float
    place: str
    followed: bool

    @property
    def moving(self) -> bool:
        return self.action not in {"stand", "sit", "turn"}

    def flip(self, stage: Stage) -> int:
        """The way it faces: towards the light, or along with the camera."""
        return 1 if self.followed else stage.side

    def drift(self, stage: Stage, speed: float) -> Drift:
        """Its way, so that it passes its place in mid shot. speed: units a second; not asked when it is followed."""
        if self.followed:
            way = max(0.0, stage.span(SUBJECT).width - 2 * stage.half - 8 / stage.unit)
            return -way / 2, 0, way, 0
        seconds = stage.camera.frames / float(stage.rate) if stage.camera.frames > 1 else 0.0
        way = min(speed * seconds, stage.half * 1.1) * self.flip(stage)
        return -way / 2, 0, way, 0


def dark(stage: Stage) -> Color:
    """The colour of a silhouette in the subject's plane."""
    return mix(stage.palette.ink, stage.palette.haze, 8)


def edge(stage: Stage, width: float, strength: int = 85) -> Rim:
    """The light along a silhouette."""
    return width, mix(stage.palette.light, stage.palette.accent, 15), strength


def shadow(stage: Stage, x: float, y: float, wide: float, drift: Drift = STILL) -> None:
    spot = ellipse(x - stage.side * wide * 0.35, y, wide, wide * 0.11, 32)
    stage.cut([spot], SUBJECT, stage.palette.ink, soft=1, opacity=38, drift=drift)
