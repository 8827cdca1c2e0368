"""Containers of cog: a stand-in that answers as 0.16 and 0.23 do, and the real servers, from the package index.

The same tests are held before both, so that the stand-in is what the real ones are. `predict.py` is what the real ones run.
"""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from shotbuild.host import process
from shotbuild.host.tools import find_ffmpeg
from shotbuild.providers.containers.server import ADDRESS
from shotbuild.testing.loopback import Answered, Heard, Loopback

IMAGE = f"sha256:{'ab' * 32}"
PREDICTOR = Path(__file__).with_name("predict.py")
OLD, NEW = "0.16.12", "0.23.1"
PROPERTIES: dict[str, Any] = {
    "prompt": {"type": "string", "title": "Prompt", "description": "What is seen."},
    "seed": {"type": "integer", "title": "Seed", "default": 0},
    "width": {"type": "integer", "maximum": 1920.0, "minimum": 16.0, "title": "Width", "default": 64},
    "height": {"type": "integer", "maximum": 1920.0, "minimum": 16.0, "title": "Height", "default": 64},
    "num_frames": {"type": "integer", "maximum": 500.0, "minimum": 1.0, "title": "Num Frames", "default": 9},
    "fps": {"type": "number", "title": "Fps", "default": 24},
    "image": {"type": "string", "title": "Image", "format": "uri", "nullable": True},
    "style": {"default": "film", "allOf": [{"$ref": "#/components/schemas/style"}]},
    "strength": {"type": "number", "maximum": 1.0, "minimum": 0.0, "title": "Strength", "default": 0.5},
    "act": {"type": "string", "title": "Act", "default": ""},
}


def document(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A schema as cog writes it."""
    listed = {name: {**said, "x-order": order} for order, (name, said) in enumerate(properties.items())}
    schemas = {
        "Input": {"properties": listed, "type": "object", "required": ["prompt"], "title": "Input"},
        "Output": {"title": "Output"},
        "style": {"type": "string", "enum": ["film", "ink"], "title": "style", "description": "An enumeration."},
    }
    info = {"title": "Cog", "version": "0.1.0"}
    return {"openapi": "3.0.2", "info": info, "paths": {}, "components": {"schemas": schemas}}


DOCUMENT = document(PROPERTIES)


@cache
def drawn(frames: int, size: str, rate: str, container: str = "mp4", sound: bool = False) -> bytes:
    """A clip of exactly so many frames. rate: frames a second, as ffmpeg reads it."""
    with TemporaryDirectory() as folder:
        tone = ["-f", "lavfi", "-i", "sine=sample_rate=48000", "-shortest"] if sound else []
        argv = [str(find_ffmpeg(None)), "-v", "error", "-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}", *tone]
        codec = ["libvpx-vp9", "-deadline", "realtime"] if container == "webm" else ["libx264", "-preset", "ultrafast"]
        made = Path(folder) / f"clip.{container}"
        process.run([*argv, "-frames:v", str(frames), "-c:v", *codec, "-pix_fmt", "yuv420p", str(made)], cwd=Path(folder))
        return made.read_bytes()


class CogServer(Loopback):
    """A stand-in. version: whose manners it has; word: its state; shows: its schema, None = it has none; scripted: answers
    to the next predictions, each once; deaf: predictions cannot be cancelled; parcels: files that it hands over."""

    variables: ClassVar[Mapping[str, str]] = {ADDRESS: "{url}"}

    def __init__(self, version: str = NEW) -> None:
        super().__init__()
        self.version = version
        self.word = "READY"
        self.setup: dict[str, Any] = {"status": "succeeded", "logs": "weights loaded\n"}
        self.shows: dict[str, Any] | None = DOCUMENT
        self.scripted: list[Answered] = []
        self.deaf = False
        self.parcels: dict[str, bytes] = {}
        self.running: dict[str, threading.Event] = {}
        self.ended = threading.Event()

    @property
    def predictions(self) -> list[Any]:
        return [heard.json for heard in self.heard if heard.path == ["predictions"]]

    def __exit__(self, *said: object) -> None:
        self.ended.set()
        super().__exit__(*said)

    def answer(self, heard: Heard) -> Answered:
        match heard.method, heard.path:
            case "GET", []:
                return 200, {"cog_version": self.version}
            case "GET", ["health-check"]:
                return 200, self._health()
            case "GET", ["openapi.json"]:
                hidden = self.shows is None or (self.version == NEW and self.word == "STARTING")
                return (503, {"error": "OpenAPI schema not available"}) if hidden else (200, self.shows)
            case "GET", ["parcels", name] if name in self.parcels:
                return 200, self.parcels[name]
            case "POST", ["predictions"]:
                return self._predicted(heard)
            case "POST", ["predictions", name, "cancel"]:
                known = name in self.running and not self.deaf
                if known:
                    self.running[name].set()
                return 200 if known else 404, {}
        return 404, {"detail": "Not Found"}

    def _health(self) -> dict[str, Any]:
        word = "BUSY" if self.running and self.word == "READY" else self.word
        told = {"coglet": self.version, "python_sdk": self.version, "python": "3.11.7", "git_sha": "9b9f6339"}
        return {"status": word, "setup": self.setup, **({"version": told} if self.version == NEW else {})}

    def _predicted(self, heard: Heard) -> Answered:
        said = heard.json
        if self.scripted:
            return self.scripted.pop(0)
        if self.word == "STARTING":
            busy = 409, {"detail": "Already running a prediction"}
            return (503, {"error": "Setup has not finished yet.", "status": "failed"}) if self.version == NEW else busy
        with self._lock:
            if self.running:
                whole = {"error": "At capacity - all prediction slots busy", "status": "failed"}
                return 409, whole if self.version == NEW else {"detail": "Already running a prediction"}
            stopped = self.running[said["id"]] = threading.Event()
        try:
            return self._ran(said["id"], said["input"], stopped)
        finally:
            del self.running[said["id"]]

    def _ran(self, name: str, given: dict[str, Any], stopped: threading.Event) -> Answered:
        wrong = self._wrong(given)
        if wrong:
            return 422, {"detail": wrong}
        usual = {key: said.get("default") for key, said in PROPERTIES.items()}
        asked = {**usual, **{key: value for key, value in given.items() if key in PROPERTIES}}
        what, _, more = asked["act"].partition(" ")
        if what == "wait" or asked["prompt"] == "for ever":
            until = time.monotonic() + float(more or 60)
            while not stopped.is_set() and not self.ended.is_set() and time.monotonic() < until:
                stopped.wait(0.02)
            if stopped.is_set():
                return 200, self._said(name, "canceled", asked, None)
        if what == "fail":
            error = "CUDA out of memory, they say"
            told = f"Prediction failed: Prediction failed: ValueError: {error}" if self.version == NEW else error
            return 200, {**self._said(name, "failed", asked, None), "error": told}
        if what == "die":
            self.word = "UNHEALTHY" if self.version == NEW else "DEFUNCT"
            if self.version == OLD:
                return 500, b"Internal Server Error"
            return 200, {**self._said(name, "failed", asked, None), "error": "Worker crashed"}
        return 200, self._said(name, "succeeded", asked, self._output(what, asked))

    def _output(self, what: str, asked: dict[str, Any]) -> Any:
        if what in ("nothing", "words"):
            return None if what == "nothing" else "all went well"
        rate = str(Fraction(asked["fps"]).limit_denominator(1001))
        clip = drawn(asked["num_frames"], f"{asked['width']}x{asked['height']}", rate)
        film = f"data:video/mp4;base64,{base64.b64encode(clip).decode()}"
        return {"list": [film], "two": [film, film], "named": {"video": film, "seed": asked["seed"]}}.get(what, film)

    def _said(self, name: str, status: str, asked: dict[str, Any], output: Any) -> dict[str, Any]:
        logs = f"thinking of {asked['prompt']}\n" if status == "succeeded" or self.version == OLD else ""
        said = {"id": name, "status": status, "output": output, "logs": logs, "metrics": {"predict_time": 0.020662853}}
        return said if self.version == NEW else {"input": asked, **said, "error": None, "version": None}

    def _wrong(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        """What of the inputs is not as the schema has it, for the few kinds that are tried here."""
        found = [] if "prompt" in given else [("prompt", "Field required")]
        if self.shows is not None:
            found += [("seed", "not an integer")] if isinstance(given.get("seed"), str) else []
            found += [("width", "8 is less than the minimum of 16")] if given.get("width", 64) < 16 else []
        return [{"loc": ["body", "input", name], "msg": said, "type": "value_error"} for name, said in found]


# --- the real ones ------------------------------------------------------------------------------------------------------


def installed(folder: Path, *packages: str, beside: bool = False) -> Path:
    """The python of a new environment with these packages. beside: it sees what this one has as well."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    if beside:
        # Our own may be such an environment itself: its packages are named, as it would inherit only those below it.
        (site,) = folder.glob("lib/python3*/site-packages")
        (site / "beside.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    python = folder / "bin/python"
    quiet = ["-q", "--disable-pip-version-check"]
    subprocess.run([str(python), "-m", "pip", "install", *quiet, *packages], check=True, capture_output=True)
    return python


@contextmanager
def running(
    python: Path, folder: Path, *options: str, predictor: Path = PREDICTOR, path: str = "", **environ: str
) -> Iterator[str]:
    """A real server of cog in a folder of its own; gives its address. path: what PATH begins with, where that is wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(predictor, folder / "predict.py")
    (folder / "cog.yaml").write_text("predict: predict.py:Predictor\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The worker is started as `python`, whatever that is on PATH.
    known = {
        **os.environ,
        "PATH": f"{path or python.parent}{os.pathsep}{os.environ['PATH']}",
        "PORT": str(port),
        "COG_PREDICT_TYPE_STUB": "predict.py:Predictor",
        "FFMPEG": str(find_ffmpeg(None)),
        **environ,
    }
    argv = [str(python), "-m", "cog.server.http", "--host", "127.0.0.1", *options]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(argv, cwd=folder, env=known, stdout=log, stderr=log, start_new_session=True)
    try:
        _answers(f"http://127.0.0.1:{port}", server, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def show_schema(folder: Path, shown: Mapping[str, Any] = DOCUMENT) -> None:
    """Lays the schema where the newer server looks for it: `cog build` writes it into an image."""
    (folder / ".cog").mkdir(parents=True, exist_ok=True)
    (folder / ".cog/openapi_schema.json").write_text(json.dumps(shown))


def until(there: Callable[[], bool], seconds: float = 60) -> None:
    last = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < last, "it never came to be"
        time.sleep(0.05)


def state_at(url: str) -> str:
    with urllib.request.urlopen(f"{url}/health-check", timeout=10) as reply:
        return str(json.load(reply)["status"])


def _answers(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    def there() -> bool:
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            return bool(state_at(url))
        except OSError:
            return False

    until(there)
