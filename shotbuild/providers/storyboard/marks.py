"""How a subject of any kind is bound to its shot: its own way through the picture, its shadow, and the steps it takes."""

from shotbuild.providers.storyboard.camera import SUBJECT
from shotbuild.providers.storyboard.shape import ellipse
from shotbuild.providers.storyboard.stage import Stage

STEPS = 12
SPEEDS = {"walk": 0.62, "run": 1.7, "climb": 0.3, "drive": 2.2, "fly": 1.5, "rise": 0.5}  # own heights a second


def drift_of(stage: Stage, x: float, speed: float, followed: bool, flip: int) -> tuple[float, float, float, float]:
    """Start and way so that a subject passes its place in mid shot; at the camera's own pace when it is followed."""
    seconds = stage.camera.frames / float(stage.rate) if stage.camera.frames > 1 else 0.0
    if followed:
        span, half = stage.span(SUBJECT), stage.half
        way = max(0.0, span.width - 2 * half - 2 * 4 / stage.unit)
        return (-way / 2, 0, way, 0)
    way = min(abs(speed) * seconds, stage.half * 1.1) * flip
    return (-way / 2, 0, way, 0)


def shadow(stage: Stage, x: float, y: float, wide: float, drift: tuple[float, float, float, float]) -> None:
    stage.cut(
        [ellipse(x - stage.side * wide * 0.35, y, wide, wide * 0.11, 32)],
        SUBJECT,
        stage.palette.ink,
        soft=1,
        opacity=38,
        drift=drift,
    )
