"""Small real clips for servers to hand over, made once a run by the ffmpeg in use."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from shotbuild.host import process
from shotbuild.host.tools import find_ffmpeg


@cache
def clip(
    seconds: str = "5", size: str = "64x64", rate: str = "24", sound: bool = False, source: str = "testsrc", title: str = ""
) -> bytes:
    """An MP4 of moving stripes. seconds: as ffmpeg reads it; source: of lavfi; title: for other bytes alone."""
    with TemporaryDirectory() as folder:
        target = Path(folder) / "clip.mp4"
        tone = ["-f", "lavfi", "-i", f"sine=440:sample_rate=48000:duration={seconds}"] if sound else []
        argv = [
            str(find_ffmpeg(None)), "-v", "error",
            "-f", "lavfi", "-i", f"{source}=size={size}:rate={rate}:duration={seconds}",
            *tone, "-metadata", f"title={title}",
            "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(target),
        ]  # fmt: skip
        process.run(argv, cwd=Path(folder))
        return target.read_bytes()
