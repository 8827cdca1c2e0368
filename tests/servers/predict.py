"""A predictor for real servers of cog, without weights: it draws with ffmpeg, or does what `act` says. cog runs it."""

import os
import subprocess
import tempfile
import time
from typing import Any, Optional

from cog import BasePredictor, Input, Path


class Predictor(BasePredictor):
    def setup(self) -> None:
        time.sleep(float(os.environ.get("SETUP_SECONDS", "0")))
        if os.environ.get("SETUP_BREAKS"):
            raise RuntimeError("no weights at /src/weights")
        print("weights loaded")

    def predict(
        self,
        prompt: str = Input(description="What is seen."),
        seed: int = Input(default=0),
        width: int = Input(default=64, ge=16, le=1920),
        height: int = Input(default=64, ge=16, le=1920),
        num_frames: int = Input(default=9, ge=1, le=500),
        fps: float = Input(default=24),
        image: Optional[Path] = Input(default=None),  # noqa: B008, UP045
        style: str = Input(default="film", choices=["film", "ink"]),
        strength: float = Input(default=0.5, ge=0, le=1),
        act: str = Input(default=""),
    ) -> Any:
        print(f"thinking of {prompt}", flush=True)
        what, _, more = act.partition(" ")
        if what == "fail":
            raise ValueError("CUDA out of memory, they say")
        if what == "die":
            os._exit(3)
        if what == "wait":
            for _ in range(int(10 * float(more))):
                time.sleep(0.1)
        if what in ("nothing", "words"):
            return None if what == "nothing" else "all went well"
        drawn = [self._drawn(seed, f"{width}x{height}", fps, num_frames) for _ in range(2 if what == "two" else 1)]
        if what == "named":
            return {"video": drawn[0], "seed": seed}
        return drawn if what in ("list", "two") else drawn[0]

    def _drawn(self, seed: int, size: str, fps: float, frames: int) -> Path:
        made = os.path.join(tempfile.mkdtemp(), "out.mp4")
        picture = f"color=0x{seed % 0xFFFFFF:06x}:size={size}:rate={fps}"
        argv = [os.environ["FFMPEG"], "-v", "error", "-f", "lavfi", "-i", picture, "-frames:v", str(frames)]
        subprocess.run([*argv, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", made], check=True)
        return Path(made)
