"""Speaks ComfyUI's wire format, of version 0.33.0 and of 0.3.64, traps and all. The shapes were seen at real servers.

`ComfyServer` stands in for one. `LiveServer` leads on to a real one, and counts what it accepts.
"""

import json
import re
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.error import HTTPError
from urllib.parse import parse_qs, unquote, urlsplit
from urllib.request import Request, urlopen

from shotbuild.errors import KeyRefused, ProviderError, ProviderRefused, RateLimited, VendorFault
from shotbuild.testing.loopback import Answered, Heard, Loopback
from tests.servers.clips import clip

NUMBERS = {"INT": {"default": 1, "min": 1, "max": 4096}, "FLOAT": {"default": 30.0, "min": 1.0, "max": 120.0}}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TRACEBACK = "Traceback (most recent call last): File /home/somebody/ComfyUI/execution.py"
TENSOR = "tensor([[0.1, 0.2]])" * 20_000
"""How a picture stands in `current_inputs`."""


def saves(film: str, old: bool) -> dict[str, Any]:
    """The inputs of SaveVideo in either version."""
    base = {"video": ["VIDEO", {}], "filename_prefix": ["STRING", {"default": "video/ComfyUI"}]}
    if old:
        words = {"format": [["auto", "mp4"], {}], "codec": [["auto", "h264"], {}]}
        return {"required": {**base, **words}}
    codec = {"options": [{"key": word, "inputs": {}} for word in ("auto", "h264", "av1")]}
    options = [{"key": word, "inputs": {"required": {"codec": ["COMFY_DYNAMICCOMBO_V3", codec]}}} for word in ("auto", film)]
    form = ["COMFY_DYNAMICCOMBO_V3", {"options": options}]
    return {
        "required": {**base, "format": form},
        "optional": {"codec": ["COMFY_DYNAMICCOMBO_V3", {**codec, "hidden": True}]},
    }


def node(module: str, inputs: Mapping[str, Any], *outputs: str, saving: bool = False) -> dict[str, Any]:
    return {
        "input": dict(inputs),
        "output": list(outputs),
        "output_is_list": [False] * len(outputs),
        "output_node": saving,
        "python_module": module,
        "description": "what people read",
        "category": "image",
    }


def known_nodes(old: bool) -> dict[str, dict[str, Any]]:
    whole = ["INT", NUMBERS["INT"]]
    color = ["INT", {"default": 0, "min": 0, "max": 0xFFFFFF}]
    empty = {"width": whole, "height": whole, "batch_size": whole, "color": color}
    words = {"upscale_method": [["nearest-exact", "area"], {}], "crop": [["disabled", "center"], {}]}
    scale = {"image": ["IMAGE", {}], "width": whole, "height": whole, **words}
    prefix = ["STRING", {"default": "ComfyUI"}]
    pictures = {"images": ["IMAGE", {}], "filename_prefix": prefix}
    webm = {**pictures, "codec": ["COMBO", {"options": ["vp9", "av1"]}], "fps": ["FLOAT", NUMBERS["FLOAT"]]}
    return {
        "EmptyImage": node("nodes", {"required": empty}, "IMAGE"),
        "LoadImage": node("nodes", {"required": {"image": [["example.png"], {"image_upload": True}]}}, "IMAGE", "MASK"),
        "RepeatImageBatch": node("nodes", {"required": {"image": ["IMAGE", {}], "amount": whole}}, "IMAGE"),
        "ImageScale": node("nodes", {"required": scale}, "IMAGE"),
        "CreateVideo": node(
            "comfy_extras.nodes_video",
            {
                "required": {"images": ["IMAGE", {}], "fps": ["FLOAT", NUMBERS["FLOAT"]]},
                "optional": {"audio": ["AUDIO", {}]},
            },
            "VIDEO",
        ),
        "PrimitiveString": node("comfy_extras.nodes_primitive", {"required": {"value": ["STRING", {}]}}, "STRING"),
        "VAELoader": node("nodes", {"required": {"vae_name": [["tiny.safetensors"], {}]}}, "VAE"),
        "FilmGrain": node("custom_nodes.ComfyUI-Grain", {"required": {"image": ["IMAGE", {}]}}, "IMAGE"),
        "PaidCloud": {**node("comfy_api_nodes", {"required": {}}, "IMAGE"), "api_node": True},
        "SaveImage": node("nodes", {"required": pictures}, saving=True),
        "SaveWEBM": node("comfy_extras.nodes_video", {"required": webm}, saving=True),
        "SaveVideo": node("comfy_extras.nodes_video", saves("mp4", old), saving=True),
    }


@dataclass(slots=True)
class Prompt:
    """left: how many looks it still takes; running: it has begun."""

    id: str
    graph: dict[str, Any]
    outputs: list[str]
    left: int
    running: bool = False


@dataclass(slots=True)
class Given:
    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)


class _Serving(Loopback):
    """A `Loopback` whose answers have headers, and whose outputs have ranges."""

    def given(self, heard: Heard) -> Given:
        raise NotImplementedError

    def answer(self, heard: Heard) -> Answered:
        raise NotImplementedError

    def __enter__(self) -> "_Serving":
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self


class ComfyServer(_Serving):
    """old: it speaks as 0.3.64 did; token: something before it wants one; looks: how often a prompt is looked at before it
    is done.

    nodes: what it can do; files, sent: of its output and input folders, by (folder, name); crimes: what nobody may send;
    stats, snapshot, installed, assets, models: what it says of itself, None = it does not; slip: the next prompt goes from
    the queue to the history just after the first was looked at; stumble: the next prompt is accepted and answered 500;
    broken: the worker is dead, and HTTP goes on; fails: the next prompt fails in this node; slow: prompts stay in the
    queue; dies: it is killed and started anew before the next look."""

    refusals: ClassVar[Mapping[type[ProviderError], Answered]] = {
        ProviderRefused: (
            400,
            {
                "error": {
                    "type": "prompt_outputs_failed_validation",
                    "message": "Prompt outputs failed validation",
                    "details": "",
                    "extra_info": {},
                },
                "node_errors": {},
            },
        ),
        KeyRefused: (401, {"message": "who are you"}),
        RateLimited: (429, {}),
    }

    def __init__(self, *, old: bool = False, token: bool = True, looks: int = 2) -> None:
        super().__init__()
        self.old, self.token, self.looks = old, token, looks
        self.nodes = known_nodes(old)
        self.files: dict[tuple[str, str], bytes] = {}
        self.sent: dict[tuple[str, str], bytes] = {}
        self.crimes: list[str] = []
        self.queue: list[Prompt] = []
        self.history: dict[str, Any] = {}
        self.cache: dict[str, dict[str, Any]] = {}
        self.snapshot: dict[str, Any] | None = None
        self.installed: dict[str, Any] = {}
        self.assets: list[dict[str, Any]] | None = None
        self.models: dict[str, tuple[str, list[dict[str, Any]]]] = {}
        self.slip = self.stumble = self.broken = self.slow = self.dies = False
        self.fails = False
        self.stats: dict[str, Any] = {
            "system": {
                "os": "linux",
                "ram_free": 1,
                "comfyui_version": "0.3.64" if old else "0.33.0",
                "python_version": "3.11.9 (main, Apr  6 2026, 17:59:24) [GCC 12.2.0]",
                "pytorch_version": "2.13.0+cpu",
                "argv": [
                    "/home/somebody/ComfyUI/main.py",
                    "--cpu",
                    "--listen",
                    "0.0.0.0",
                    "--output-directory",
                    "/data/out",
                ],
            },
            "devices": [{"name": "cpu", "type": "cpu", "index": None, "vram_free": 7}],
        }

    @property
    def environment(self) -> Mapping[str, str]:
        return {"SHOTBUILD_COMFY_URL": self.url, **({"SHOTBUILD_COMFY_TOKEN": self.key} if self.token else {})}

    @property
    def secrets(self) -> Sequence[str]:
        return (self.key,) if self.token else ()

    def fail(self, kind: type[ProviderError]) -> bool:
        self.fails = kind is VendorFault
        return self.fails

    def mumble(self) -> bool:
        self._failed.append((200, {"status": {"status_str": "meditating", "messages": []}, "outputs": {}}))
        return True

    def forget(self) -> bool:
        """It is killed before the next look."""
        self.dies = True
        return True

    def restart(self) -> None:
        """Killed and started anew: queue and history are gone, what was saved is not."""
        self.queue.clear()
        self.history.clear()
        self.cache.clear()

    # --- answers ------------------------------------------------------------------------------------------------------

    def given(self, heard: Heard) -> Given:
        with self._lock:
            if self.token and heard.headers.get("authorization") != f"Bearer {self.key}":
                return Given(401, {"message": "who are you"})
            path = [unquote(part) for part in heard.path]
            if path[:1] == ["api"] and path[1:2] not in (["jobs"], ["assets"]):
                path = path[1:]
            return self._answered(heard, path)

    def _answered(self, heard: Heard, path: list[str]) -> Given:
        query = {name: values[-1] for name, values in parse_qs(urlsplit(heard.url).query).items()}
        match heard.method, path:
            case "POST", ["prompt"]:
                return self._submitted(heard)
            case "GET", ["prompt"]:
                return Given(200, {"exec_info": {"queue_remaining": len(self.queue)}})
            case "GET", ["history", name]:
                return self._history(name)
            case "GET", ["queue"]:
                return Given(200, self._queue())
            case "POST", ["queue"]:
                self._delete(heard.json)
                return Given(200)
            case "POST", ["interrupt"]:
                self._interrupt(heard.json if heard.body else {})
                return Given(200)
            case "GET", ["api", "jobs", name] if not self.old:
                return self._look(name)
            case "POST", ["api", "jobs", name, "cancel"] if not self.old:
                found = [each for each in self.queue if each.id == name]
                self._delete({"delete": [name]})
                self._interrupt({"prompt_id": name})
                return Given(200, {"cancelled": bool(found)})
            case "POST", ["upload", "image"]:
                return self._upload(heard)
            case (("GET" | "HEAD"), ["view"]):
                return self._view(heard, query)
        return self._told(heard.method, path, query)

    def _told(self, method: str, path: list[str], query: Mapping[str, str]) -> Given:
        """What it says of itself."""
        match method, path:
            case "GET", ["object_info", kind]:
                return Given(200, {kind: self.nodes[kind]} if kind in self.nodes else {})
            case "GET", ["system_stats"]:
                return Given(200, self.stats)
            case "GET", ["v2", "snapshot", "get_current"] if self.snapshot is not None:
                return Given(200, self.snapshot)
            case "GET", ["v2", "customnode", "installed"] if self.snapshot is not None:
                return Given(200, self.installed)
            case "GET", ["api", "assets"] if not self.old:
                if self.assets is None:
                    return Given(503, {"error": {"code": "SERVICE_DISABLED"}})
                named = [row for row in self.assets if query.get("name_contains", "") in row["name"]]
                return Given(200, {"assets": named[: int(query.get("limit", 20))]})
            case "GET", ["experiment", "models"]:
                return Given(200, [{"name": name, "folders": [folder]} for name, (folder, _) in self.models.items()])
            case "GET", ["experiment", "models", kind] if kind in self.models:
                return Given(200, self.models[kind][1])
        return Given(404, b"404: Not Found", {"Content-Type": "text/plain; charset=utf-8"})

    def _submitted(self, heard: Heard) -> Given:
        try:
            said = heard.json
            graph = said["prompt"]
            assert isinstance(graph, dict)
        except (ValueError, TypeError, KeyError, AssertionError):
            self.crimes.append("a malformed prompt")
            return Given(500, b"500 Internal Server Error", {"Content-Type": "text/plain"})
        if "number" in said:
            self.crimes.append("a number: it kills the worker")
        name = said.get("prompt_id") or str(uuid.uuid4())
        if not self.old and not UUID.fullmatch(name):
            return self._no("invalid_prompt_id", "prompt_id must be a valid UUID")
        if (refused := self.refused()) is not None:
            return Given(*refused)
        outputs, errors, gone = self._validated(graph)
        if gone:
            return self._no("invalid_prompt" if self.old else "missing_node_type", f"Node '{gone}' not found.")
        if not outputs and not errors:
            return self._no("prompt_no_outputs", "Prompt has no outputs")
        if not outputs:
            return self._no("prompt_outputs_failed_validation", "Prompt outputs failed validation", errors)
        self.operations.append(name)  # the same id twice is accepted, too
        self.queue.append(Prompt(name, graph, outputs, self.looks))
        if self._cuts and self._cuts[0]:
            self._cuts.popleft()
            raise ConnectionAbortedError
        if self.stumble:
            self.stumble = False
            return Given(500, b"500 Internal Server Error", {"Content-Type": "text/plain"})
        return Given(200, {"prompt_id": name, "number": len(self.operations), "node_errors": errors})

    @property
    def paid(self) -> int:
        """What was accepted, but for what was taken back because it would have been made in part."""
        return len(self.operations)

    def _no(self, kind: str, message: str, errors: Mapping[str, Any] | None = None) -> Given:
        told = {"type": kind, "message": message, "details": "", "extra_info": {}}
        return Given(400, {"error": told, "node_errors": dict(errors or {})})

    def _validated(self, graph: Mapping[str, Any]) -> tuple[list[str], dict[str, Any], str]:
        """(outputs that can be made, what is wrong by node, a node that there is not)."""
        for each in graph.values():
            if each["class_type"] not in self.nodes:
                return [], {}, each["class_type"]
        outputs, errors = [], {}
        for name, each in graph.items():
            if self.nodes[each["class_type"]]["output_node"]:
                wrong = self._wrong(graph, name)
                errors |= wrong
                outputs += [] if wrong else [name]
        return outputs, errors, ""

    def _wrong(self, graph: Mapping[str, Any], name: str) -> dict[str, Any]:
        said, about, found = graph[name], self.nodes[graph[name]["class_type"]], []
        wrong: dict[str, Any] = {}
        for key, spec in about["input"].get("required", {}).items():
            value = said["inputs"].get(key)
            told = {"extra_info": {"input_name": key, "input_config": spec, "received_value": value}}
            if value is None:
                found.append(
                    {"type": "required_input_missing", "message": "Required input is missing", "details": key, **told}
                )
            elif isinstance(value, list):
                if value[0] not in graph:
                    more = {"input_name": key, "traceback": [TRACEBACK]}
                    detail = {"message": "Exception when validating inner node", "details": TRACEBACK, "extra_info": more}
                    found.append({"type": "exception_during_inner_validation", **detail})
                else:
                    wrong |= self._wrong(graph, value[0])
            elif spec[0] in tuple(NUMBERS) and not spec[1]["min"] <= float(value) <= spec[1]["max"]:
                kind = "value_smaller_than_min" if float(value) < spec[1]["min"] else "value_bigger_than_max"
                found.append({"type": kind, "message": "Value out of bounds", "details": key, **told})
            elif said["class_type"] == "LoadImage":
                folder, _, file = value.rpartition("/")
                if (folder, file) not in self.sent:
                    detail = f"image - Invalid image file: {value}"
                    kind = "custom_validation_failed"
                    found.append({"type": kind, "message": "Custom validation failed for node", "details": detail, **told})
            elif isinstance(spec[0], list) and value not in spec[0]:
                detail = f"{key}: '{value}' not in {spec[0]}"
                found.append({"type": "value_not_in_list", "message": "Value not in list", "details": detail, **told})
        if found:
            wrong[name] = {"errors": found, "dependent_outputs": [], "class_type": said["class_type"]}
        return wrong

    # --- what becomes of a prompt -------------------------------------------------------------------------------------

    def _history(self, name: str) -> Given:
        """Empty for what waits, runs, or was never heard of. A look is how time passes here."""
        if (strange := self.failed()) is not None:
            return Given(strange[0], {name: strange[1]})
        if self.dies:
            self.dies = False
            self.restart()
        if name not in self.history and not self.slow and not self.broken:
            for each in [each for each in self.queue if each.id == name]:
                if self.slip:
                    self.slip = False
                    self._done(each)
                    return Given(200, {})
                each.left -= 1
                each.running = each.left <= max(1, self.looks // 2)
                if each.left <= 0:
                    self._done(each)
        return Given(200, {name: self.history[name]} if name in self.history else {})

    def _done(self, prompt: Prompt, stopped: bool = False) -> None:
        self.queue = [each for each in self.queue if each is not prompt]
        said = {"prompt_id": prompt.id, "timestamp": 1}
        messages: list[Any] = [["execution_start", said]]
        outputs: dict[str, Any] = {}
        if stopped:
            word, messages = "error", [*messages, ["execution_interrupted", {**said, "node_id": "3", "executed": []}]]
        elif self.fails:
            self.fails = False
            word, why = "error", {"node_id": "3", "node_type": "KSampler", "exception_type": "torch.OutOfMemoryError"}
            more = {
                "exception_message": "Allocation on device\n",
                "traceback": [TRACEBACK],
                "current_inputs": {"x": [TENSOR]},
            }
            messages.append(["execution_error", {**said, **why, **more, "current_outputs": [], "executed": []}])
        else:
            word = "success"
            outputs = self._outputs(prompt)
            messages.append(["execution_success", said])
        self.history[prompt.id] = {
            "prompt": [1, prompt.id, prompt.graph, {}, prompt.outputs],
            "outputs": outputs,
            "status": {"status_str": word, "completed": word == "success", "messages": messages},
            "meta": {},
        }

    def _outputs(self, prompt: Prompt) -> dict[str, Any]:
        """An equal graph is answered from the cache: the same names, whether the files are still there or not."""
        key = json.dumps(prompt.graph, sort_keys=True)
        if key not in self.cache:
            self.cache[key] = {name: self.save(prompt.graph, name) for name in prompt.outputs}
        return self.cache[key]

    def save(self, graph: Mapping[str, Any], name: str) -> dict[str, Any]:
        """Makes what an output node makes; gives what the history says of it."""
        said = graph[name]
        folder, _, start = said["inputs"]["filename_prefix"].rpartition("/")
        suffix = {"SaveImage": "png", "SaveWEBM": "webm"}.get(said["class_type"], "mp4")
        number = 1 + sum(kept.startswith(f"{start}_") for place, kept in self.files if place == folder)
        file = f"{start}_{number:05}_.{suffix}"
        self.files[folder, file] = b"\x89PNG\r\n\x1a\n" if suffix == "png" else self._film(graph, name)
        row = {"filename": file, "subfolder": folder, "type": "output"}
        shown = {"filename": "ComfyUI_temp_1.png", "subfolder": "", "type": "temp"}
        return {"images": [row]} if suffix == "png" else {"images": [row], "animated": [True], "previews": [shown]}

    def _film(self, graph: Mapping[str, Any], name: str) -> bytes:
        found = {
            key: value for each in graph.values() for key, value in each["inputs"].items() if not isinstance(value, list)
        }
        frames = found.get("amount", found.get("batch_size", 24))
        rate = Fraction(found.get("fps", 24)).limit_denominator(1001)
        seconds = Fraction(frames) / rate
        return clip(f"{float(seconds):.6f}", f"{found.get('width', 64)}x{found.get('height', 64)}", str(rate))

    def _look(self, name: str) -> Given:
        for each in self.queue:
            if each.id == name:
                word = "in_progress" if each.running else "pending"
                return Given(200, {"id": name, "status": word, "workflow": {"prompt": each.graph}})
        if name in self.history:
            done = self.history[name]["status"]["completed"]
            return Given(200, {"id": name, "status": "completed" if done else "failed"})
        return Given(404, {"error": "Job not found"})

    def _queue(self) -> dict[str, Any]:
        rows = [(each.running, [1, each.id, each.graph, {}, each.outputs]) for each in self.queue]
        return {
            "queue_running": [row for running, row in rows if running],
            "queue_pending": [row for running, row in rows if not running],
        }

    def _delete(self, said: Mapping[str, Any]) -> None:
        if said.get("clear"):
            self.crimes.append("the whole queue was cleared")
        self.queue = [each for each in self.queue if each.running or each.id not in said.get("delete", ())]

    def _interrupt(self, said: Mapping[str, Any]) -> None:
        if not said.get("prompt_id"):
            self.crimes.append("an interrupt without an id: it stops anybody's")
        for each in [each for each in self.queue if each.running and each.id == said.get("prompt_id")]:
            self._done(each, stopped=True)

    # --- files --------------------------------------------------------------------------------------------------------

    def _upload(self, heard: Heard) -> Given:
        boundary = heard.headers["content-type"].partition("boundary=")[2].encode()
        parts: dict[str, tuple[str, bytes]] = {}
        for part in heard.body.split(b"--" + boundary)[1:-1]:
            head, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
            named = dict(re.findall(r'(name|filename)="([^"]*)"', head.decode()))
            parts[named["name"]] = (named.get("filename", ""), content)
        folder, (name, content) = parts["subfolder"][1].decode(), parts["image"]
        if parts["type"][1] != b"input" or ".." in folder or not name:
            return Given(400)
        stem, _, suffix = name.rpartition(".")
        number = 0
        while self.sent.get((folder, name), content) != content:
            number += 1
            name = f"{stem} ({number}).{suffix}"
        self.sent[folder, name] = content
        return Given(200, {"name": name, "subfolder": folder, "type": "input"})

    def _view(self, heard: Heard, query: Mapping[str, str]) -> Given:
        name, folder = query.get("filename", ""), query.get("subfolder", "")
        if not name or ".." in name or ".." in folder:
            return Given(403 if ".." in folder else 400)
        content = self.files.get((folder, name)) if query.get("type", "output") == "output" else None
        if content is None:
            return Given(404)
        headers = {"Content-Type": "video/mp4", "ETag": '"1"', "Accept-Ranges": "bytes"}
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", heard.headers.get("range", ""))
        if span is None:
            return Given(200, content, headers)
        start, end = int(span[1]), min(int(span[2] or len(content) - 1), len(content) - 1)
        if start >= len(content):
            return Given(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        return Given(206, content[start : end + 1], {**headers, "Content-Range": f"bytes {start}-{end}/{len(content)}"})


class LiveServer(_Serving):
    """Stands before a real server and leads on to it. pause: seconds before a look at the history, as the suite does not
    wait between two looks."""

    pause = 0.1

    def __init__(self, url: str) -> None:
        super().__init__()
        self.real = url.rstrip("/")
        self.crimes: list[str] = []

    @property
    def environment(self) -> Mapping[str, str]:
        return {"SHOTBUILD_COMFY_URL": self.url}

    @property
    def secrets(self) -> Sequence[str]:
        return ()

    def refuse(self, kind: type[ProviderError]) -> bool:
        return False

    def fail(self, kind: type[ProviderError]) -> bool:
        return False

    def mumble(self) -> bool:
        return False

    def forget(self) -> bool:
        return False

    def given(self, heard: Heard) -> Given:
        submits = heard.method == "POST" and heard.path == ["prompt"]
        if submits:
            self.refused()
        elif heard.path[:1] == ["history"]:
            threading.Event().wait(self.pause)
        kept = {name: value for name, value in heard.headers.items() if name in ("content-type", "range", "accept")}
        asked = Request(self.real + heard.url, heard.body or None, kept, method=heard.method)
        try:
            with urlopen(asked, timeout=60) as reply:
                given = Given(reply.status, reply.read(), _passed(reply.headers))
        except HTTPError as error:
            given = Given(error.code, error.read(), _passed(error.headers))
        if submits and given.status == 200:
            self.accept()
        return given


def _passed(headers: Any) -> dict[str, str]:
    names = ("content-type", "content-range", "etag", "last-modified", "accept-ranges")
    return {name.title(): headers[name] for name in names if headers[name]}


def _handler(server: _Serving) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        wbufsize = 1 << 16  # an answer leaves in one piece: in two, each would wait for the other's receipt

        def _serve(self) -> None:
            heard = Heard(
                self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, self._body()
            )
            server.heard.append(heard)
            try:
                given = server.given(heard)
            except ConnectionAbortedError:
                self.close_connection = True
                return
            content = given.body if isinstance(given.body, bytes) else json.dumps(given.body).encode()
            self.send_response(given.status)
            kind = "application/octet-stream" if isinstance(given.body, bytes) else "application/json"
            for name, value in {"Content-Type": kind, **given.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_HEAD = _serve  # noqa: N815

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                content = b""
                while size := int(self.rfile.readline().strip() or b"0", 16):
                    content += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return content
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def log_message(self, *_: object) -> None:
            pass

    return Handler
