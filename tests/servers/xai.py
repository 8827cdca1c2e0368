"""Speaks the wire format of xAI's videos, as it is recorded in tests/providers/test_xai.py: there is no SDK to check it."""

import base64
import uuid
from typing import Any

from shotbuild.providers.xai import MODELS, RATIOS, Xai
from tests.servers.service import Asked, Fault, Given, Job, VendorServer
from tests.servers.vendors import Vendor

TICKS = 2_500_000_000


class XaiServer(VendorServer):
    def new_id(self, serial: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, str(serial)))

    def answer(self, asked: Asked) -> Given:
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            return self.refusal(Fault.SUBMIT_AUTH)
        match asked.method, asked.path.strip("/").split("/"):
            case "POST", ["v1", "videos", "generations"]:
                return self._submitted(asked)
            case "GET", ["v1", "videos", name] if name in self.jobs:
                return self._video(self.jobs[name])
        return _no(404, "not_found", "The requested resource was not found")

    def _submitted(self, asked: Asked) -> Given:
        body = asked.body or {}
        if body.get("model") not in MODELS:
            return self.refusal(Fault.SUBMIT_MODEL_GONE)
        pictures = [picture for picture in (body.get("image"), *body.get("reference_images", [])) if picture]
        most = 720 if body["model"] == "grok-imagine-video" or "reference_images" in body else 1080
        wrong = {
            "prompt": not body.get("prompt"),
            "duration": not 1 <= body.get("duration", 5) <= 15,
            "aspect_ratio": body.get("aspect_ratio", "16:9") not in RATIOS,
            "resolution": int(body.get("resolution", "480p").removesuffix("p")) > most,
            "seed": "seed" in body,
            "image": any(set(picture) != {"url"} for picture in pictures),
        }
        if any(wrong.values()):
            return _no(400, "invalid-argument", f"Invalid {next(name for name, is_wrong in wrong.items() if is_wrong)}")
        job = self.accept(asked)
        if isinstance(job, Given):
            return job
        for picture in pictures:
            self.uploads[f"u{len(self.uploads)}"] = base64.b64decode(picture["url"].partition(",")[2], validate=True)
        return Given(200, {"request_id": job.id})

    def _video(self, job: Job) -> Given:
        model = {"model": job.request.body["model"]}
        match self.polled(job):
            case Given() as given:
                return given
            case "running":
                return Given(202)
            case "stalled":
                return Given(202, {"status": "pending", "progress": 99, **model})
            case "unknown":
                return Given(200, {"status": "imagining", **model})
            case "gone":
                return _no(404, "not_found", "The requested resource was not found")
            case Fault.POLL_MODERATED:
                return Given(200, {"status": "done", "video": self._clip(job, respected=False), **model})
            case Fault():
                return Given(200, {"status": "failed", "error": {"code": "internal_error", "message": "It broke"}, **model})
        usage = {"cost_in_usd_ticks": TICKS}
        return Given(200, {"status": "done", "progress": 100, "video": self._clip(job), "usage": usage, **model})

    def _clip(self, job: Job, *, respected: bool = True) -> dict[str, Any]:
        seconds = job.request.body["duration"]
        return {"url": self.fresh_address(job), "duration": seconds, "respect_moderation": respected}

    def refusal(self, fault: Fault) -> Given:
        match fault:
            case Fault.SUBMIT_AUTH:
                return _no(401, "unauthenticated", "Incorrect API key provided")
            case Fault.SUBMIT_FUNDS:
                said = "Your team has either used all available credits or reached its monthly spending limit."
                return Given(403, {"code": "permission-denied", "error": said})
            case Fault.SUBMIT_MODEL_GONE:
                return _no(404, "not_found", "The model grok-imagine-video does not exist")
            case Fault.SUBMIT_MODERATED:
                return _no(400, "invalid-argument", "The prompt was rejected by content moderation")
            case Fault.SUBMIT_LIMITED | Fault.POLL_LIMITED:
                return Given(429, {"code": "resource-exhausted", "error": "Too many requests"}, {"Retry-After": "1"})
            case Fault.POLL_500:
                return _no(503, "unavailable", "The service is unavailable")
        return _no(400, "invalid-argument", "Invalid prompt")


def _no(status: int, code: str, message: str) -> Given:
    return Given(status, {"error": {"code": code, "message": message}})


VENDOR = Vendor(
    service=Xai(),
    server=XaiServer,
    model="grok-imagine-video",
    variables={"XAI_BASE_URL": "{url}/v1", "XAI_API_KEY": "{key}"},
    # No quota of a day is known.
    never=frozenset({Fault.SUBMIT_DAILY_CAP}),
)
