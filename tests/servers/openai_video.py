"""Speaks `/v1/videos` as vLLM-Omni 0.30.0 and SGLang 0.5.23 do, by their source: neither runs without its devices."""

import email
import email.policy
import json
import uuid
from dataclasses import replace
from typing import Any

from shotbuild.providers.openai_video import OpenAIVideo
from tests.servers.service import Asked, Fault, Given, Job, VendorServer
from tests.servers.vendors import Vendor

MODEL = "Wan-AI/Wan2.2-TI2V-5B-Diffusers"
WHOLE = ("num_frames", "fps", "seed", "width", "height", "num_inference_steps")
PARTS = ("guidance_scale", "guidance_scale_2", "flow_shift")


class OpenAIVideoServer(VendorServer):
    """vllm: its dialect, else SGLang's; task: what kind of model it serves; silent: it does not tell its version; open: it
    wants no key; code: of the error of what fails; stored: addresses in a storage, in place of its own."""

    vllm = True
    task = "TI2V"
    silent = False
    open = False
    code = 500
    stored = ""
    owner = ""

    def new_id(self, serial: int) -> str:
        name = uuid.uuid5(uuid.NAMESPACE_OID, str(serial))
        return f"video_gen_{name.hex}" if self.vllm else str(name)

    def answer(self, asked: Asked) -> Given:
        if not self.open and asked.headers.get("authorization") != f"Bearer {self.key}":
            return self.refusal(Fault.SUBMIT_AUTH)
        match asked.method, asked.path.strip("/").split("/"):
            case "GET", ["v1", "models"]:
                return Given(200, {"object": "list", "data": [self._card()]})
            case "GET", ["version"] if self.vllm and not self.silent:
                return Given(200, {"version": "0.30.0"})
            case "GET", ["server_info"] if not self.vllm and not self.silent:
                return Given(200, {"model_path": MODEL, "served_model_name": MODEL, "tp_size": 1, "version": "0.5.23"})
            case "POST", ["v1", "videos"]:
                return self._submitted(asked)
            case "GET", ["v1", "videos", name] if name in self.jobs:
                return self._video(self.jobs[name])
            case "GET", ["v1", "videos", name, "content"] if name in self.jobs:
                return self._content(asked, self.jobs[name])
            case "DELETE", ["v1", "videos", name] if name in self.jobs:
                return self._deleted(self.jobs[name])
        return _no(404, "Video not found" if asked.path.startswith("/v1/videos") else "Not Found")

    def _card(self) -> dict[str, Any]:
        card = {"id": MODEL, "object": "model", "created": 1_790_000_000 + len(self.asked), "root": MODEL, "parent": None}
        if self.vllm:
            permission = [{"id": f"modelperm-{len(self.asked)}", "object": "model_permission"}]
            return {**card, "owned_by": self.owner or "vllm", "max_model_len": None, "permission": permission}
        more = {"num_gpus": 1, "task_type": self.task, "dit_precision": "bf16", "vae_precision": "fp32"}
        return {**card, "owned_by": self.owner or "sglang", **more, "pipeline_class": "WanPipeline"}

    def _submitted(self, asked: Asked) -> Given:
        said, files = _form(asked) if "multipart" in asked.headers.get("content-type", "") else (asked.body, {})
        if self.vllm and asked.body is not None:
            return self._invalid("prompt", "Field required")
        if not isinstance(said, dict) or not said.get("prompt"):
            return self._invalid("prompt", "Field required") if self.vllm else _no(400, "prompt is required")
        if said.get("model") not in (None, MODEL):
            return self.refusal(Fault.SUBMIT_MODEL_GONE)
        for name in (*WHOLE, *PARTS):
            kind: Any = int if name in WHOLE else float
            try:
                said |= {name: kind(said[name])} if name in said else {}
            except ValueError:
                return self._invalid(name, "Input should be a valid number")
        job = self.accept(replace(asked, body=said))
        if isinstance(job, Given):
            return job
        self.uploads |= files
        return Given(200, self._said(job, "queued"))

    def _video(self, job: Job) -> Given:
        match self.polled(job):
            case Given() as given:
                return given
            case "running":
                return Given(200, self._said(job, "in_progress"))
            case "stalled":
                return Given(200, self._said(job, "in_progress", progress=99))
            case "unknown":
                return Given(200, self._said(job, "postprocessing"))
            case "gone" | "cancelled":
                return _no(404, "Video not found")
            case Fault():
                error = (
                    {"code": self.code, "message": "CUDA out of memory"} if self.vllm else {"message": "CUDA out of memory"}
                )
                return Given(self.code if self.vllm else 200, self._said(job, "failed", error=error))
        where = {"url": self.stored} if self.stored else {}
        return Given(200, self._said(job, "completed", progress=100, completed_at=int(job.created) + 5, **where))

    def _content(self, asked: Asked, job: Job) -> Given:
        if job.state == "failed":
            return _no(422, "Generation failed") if self.vllm else _no(404, "Video output not found")
        if job.state != "done":
            return _no(404, "Generation is still in-progress")
        if self.stored:
            return _no(400, "Video has been uploaded to cloud storage.")
        return self.output(replace(asked, path=f"/outputs/{job.id}/{job.address}.mp4"))

    def _deleted(self, job: Job) -> Given:
        del self.jobs[job.id]
        self.forgotten += 1
        if self.vllm:
            return Given(200, {"id": job.id, "deleted": True, "object": "video.deleted"})
        return Given(200, self._said(job, "deleted"))

    forgotten = 0
    """Operations that were deleted: they were paid for all the same."""

    @property
    def paid(self) -> int:
        return super().paid + self.forgotten

    def _said(self, job: Job, status: str, **more: Any) -> dict[str, Any]:
        asked = job.request.body
        size = asked.get("size") or f"{asked.get('width')}x{asked.get('height')}"
        seconds = round(asked.get("num_frames", 1) / asked.get("fps", 24)) or 1
        said = {
            "id": job.id,
            "object": "video",
            "model": asked.get("model") or (MODEL if self.vllm else "sora-2"),
            "status": status,
            "progress": 0,
            "created_at": int(job.created),
            "size": size,
            "seconds": str(seconds),
            "quality": "standard",
            "error": None,
        }
        return {**said, **({"prompt": asked["prompt"], "media_type": "video/mp4"} if self.vllm else {}), **more}

    def _invalid(self, name: str, said: str) -> Given:
        if self.vllm:
            return Given(422, {"detail": [{"type": "value_error", "loc": ["body", name], "msg": said, "input": None}]})
        return _no(400, f"Invalid request body: {name}: {said}")

    def refusal(self, fault: Fault) -> Given:
        match fault:
            case Fault.SUBMIT_AUTH:
                return Given(401, {"error": "Unauthorized"})
            case Fault.SUBMIT_MODEL_GONE:
                said = f"The model `x` does not exist; this server serves {MODEL}."
                return Given(404, {"error": {"message": said, "type": "NotFoundError", "param": "model", "code": 404}})
            case Fault.SUBMIT_LIMITED | Fault.POLL_LIMITED:
                # Neither of them counts requests: this is what stands before them.
                return Given(429, {"error": {"message": "Too many requests"}}, {"Retry-After": "1"})
            case Fault.POLL_500:
                return Given(503, b"<html>no healthy upstream</html>", {"Content-Type": "text/html"})
        return self._invalid("prompt", "Input should be a valid string")


class SglangServer(OpenAIVideoServer):
    vllm = False


def _form(asked: Asked) -> tuple[dict[str, Any], dict[str, bytes]]:
    """(fields, files by the names that they were given) of a multipart form."""
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    said: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    for part in email.message_from_bytes(head + asked.raw, policy=email.policy.HTTP).iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if part.get_filename():
            files[str(part.get_filename())] = content
            said[str(name)] = f"file of {len(content)} bytes"
        else:
            said[str(name)] = content.decode()
    for name in ("lora", "extra_params", "extra_body"):
        said |= {name: json.loads(said[name])} if name in said else {}
    return said, files


def _no(status: int, detail: str) -> Given:
    return Given(status, {"detail": detail})


# What costs nothing has no funds to run out of; nobody looks at what is asked; an address of its own does not expire.
NEVER = frozenset({Fault.SUBMIT_DAILY_CAP, Fault.SUBMIT_FUNDS, Fault.SUBMIT_MODERATED, Fault.POLL_MODERATED})
VARIABLES = {"SHOTBUILD_OPENAI_VIDEO_URL": "{url}", "SHOTBUILD_OPENAI_VIDEO_KEY": "{key}"}
VENDOR = Vendor(service=OpenAIVideo(), server=OpenAIVideoServer, model="video", variables=VARIABLES, never=NEVER)
VENDOR_SGLANG = replace(VENDOR, server=SglangServer)
