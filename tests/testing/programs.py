"""A program of somebody's own, as provider `command` runs it: stripes for `--frames`, and what a test wants to go wrong."""

import sys
from pathlib import Path

RENDER = f"""#!{sys.executable}
import argparse, json, os, subprocess, sys, time
import imageio_ffmpeg

parser = argparse.ArgumentParser()
for name in ("prompt", "frames", "size", "rate", "out", "first", "told"):
    parser.add_argument("--" + name, default="")
said = parser.parse_args()
if said.told:
    told = {{"argv": sys.argv[1:], "environment": dict(os.environ), "cwd": os.getcwd(), "here": sorted(os.listdir("."))}}
    with open(said.told, "w") as file:
        json.dump(told, file)
print("told to standard output", flush=True)
print("told to standard error: " + os.environ.get("STUDIO_TOKEN", "no token"), file=sys.stderr, flush=True)
if said.prompt == "for ever":
    time.sleep(600)
if said.prompt == "fail":
    sys.exit(3)
if said.prompt == "nothing":
    sys.exit(0)
if said.prompt == "link":
    os.symlink("/etc/passwd", said.out)
    sys.exit(0)
subprocess.run(
    [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", f"testsrc=size={{said.size}}:rate={{said.rate}}",
     "-frames:v", said.frames, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", said.out],
    check=True,
)
"""
ARGV = "render.py --prompt={prompt} --frames={frames} --size={width}x{height} --rate={rate} --out={out}"


def program(folder: Path, text: str = RENDER, name: str = "render.py") -> Path:
    """A file in a folder that may be executed."""
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path
