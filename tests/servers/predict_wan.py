"""A predictor that is a real generator: a Wan of diffusers, from the folder that WEIGHTS names. cog runs it."""

import os
import subprocess
import tempfile

import diffusers
import torch
from cog import BasePredictor, Input, Path


class Predictor(BasePredictor):
    def setup(self) -> None:
        self.pipeline = diffusers.WanPipeline.from_pretrained(os.environ["WEIGHTS"], local_files_only=True)
        self.pipeline.set_progress_bar_config(disable=True)

    def predict(
        self,
        prompt: str = Input(),
        seed: int = Input(default=0),
        width: int = Input(default=64),
        height: int = Input(default=64),
        num_frames: int = Input(default=9),
        fps: int = Input(default=24),
        num_inference_steps: int = Input(default=2),
    ) -> Path:
        frames = self.pipeline(
            prompt=prompt,
            width=width,
            height=height,
            num_frames=num_frames,
            num_inference_steps=num_inference_steps,
            max_sequence_length=16,
            generator=torch.Generator("cpu").manual_seed(seed),
            output_type="np",
        ).frames[0]
        made = os.path.join(tempfile.mkdtemp(), "out.mp4")
        raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps), "-i", "-"]
        # Without a loss: what differs in a frame differs in the file.
        coded = ["-c:v", "libx264", "-qp", "0", "-threads", "1", "-pix_fmt", "yuv420p", made]
        planes = (frames * 255).round().astype("uint8").tobytes()
        subprocess.run([os.environ["FFMPEG"], "-v", "error", *raw, *coded], input=planes, check=True)
        return Path(made)
