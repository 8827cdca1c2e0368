"""Speaks the wire format of Luma's Dream Machine API. Checked by its own SDK in tests/providers/test_luma_legacy.py."""

import uuid
from datetime import UTC, datetime
from typing import Any

from shotbuild.providers.luma_legacy import RATIOS, LumaLegacy
from tests.servers.service import Asked, Fault, Given, Job, VendorServer
from tests.servers.vendors import Vendor

BASE = "dream-machine"


class LumaLegacyServer(VendorServer):
    """most: how many generations a page of the list has, whatever was asked for."""

    most = 100

    def new_id(self, serial: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, str(serial)))

    def answer(self, asked: Asked) -> Given:
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            return self.refusal(Fault.SUBMIT_AUTH)
        match asked.method, asked.path.strip("/").split("/")[2:]:
            case "POST", ["generations", "video"]:
                return self._submitted(asked)
            case "GET", ["generations"]:
                return self._list(int(asked.query.get("limit", "100")), int(asked.query.get("offset", "0")))
            case "GET", ["generations", name] if name in self.jobs:
                return self._generation(self.jobs[name])
            case "DELETE", ["generations", name] if name in self.jobs:
                del self.jobs[name]
                return Given(204)
            case "GET", ["credits"]:
                return Given(200, {"credit_balance": 500.0})
        return Given(404, {"detail": "Not found"})

    def _submitted(self, asked: Asked) -> Given:
        body = asked.body or {}
        if body.get("model") not in ("ray-2", "ray-flash-2"):
            return Given(400, {"detail": f"Invalid model: {body.get('model')}"})
        if body.get("duration", "5s") not in ("5s", "9s") or body.get("aspect_ratio", "16:9") not in RATIOS:
            return Given(400, {"detail": "Invalid duration or aspect_ratio"})
        if any(frame.get("url", "https:").partition(":")[0] != "https" for frame in (body.get("keyframes") or {}).values()):
            return Given(400, {"detail": "keyframes take https addresses"})
        job = self.accept(asked)
        return job if isinstance(job, Given) else Given(201, self._said(job, "queued"))

    def _list(self, limit: int, offset: int) -> Given:
        rows = [self._said(job, "queued") for job in sorted(self.jobs.values(), key=lambda job: -job.created)]
        size = min(limit, self.most)
        page = rows[offset : offset + size]
        more = offset + len(page) < len(rows)
        return Given(200, {"generations": page, "count": len(page), "has_more": more, "limit": size, "offset": offset})

    def _said(self, job: Job, state: str, **more: Any) -> dict[str, Any]:
        return {
            "id": job.id,
            "state": state,
            "generation_type": "video",
            "model": job.request.body["model"],
            "created_at": datetime.fromtimestamp(job.created, UTC).isoformat(),
            "failure_reason": None,
            "assets": None,
            "request": job.request.body,
            **more,
        }

    def _generation(self, job: Job) -> Given:
        match self.polled(job):
            case Given() as given:
                return given
            case "running" | "stalled":
                return Given(200, self._said(job, "dreaming"))
            case "unknown":
                return Given(200, self._said(job, "daydreaming"))
            case "gone":
                return Given(404, {"detail": "Generation not found"})
            case Fault.POLL_MODERATED:
                return Given(200, self._said(job, "failed", failure_reason="content_moderated: frame moderation failed"))
            case Fault():
                return Given(200, self._said(job, "failed", failure_reason="generation_failed"))
        return Given(200, self._said(job, "completed", assets={"video": self.fresh_address(job)}))

    def refusal(self, fault: Fault) -> Given:
        match fault:
            case Fault.SUBMIT_AUTH:
                return Given(403, {"detail": "Not authenticated"})
            case Fault.SUBMIT_FUNDS:
                return Given(400, {"detail": "Insufficient credits"})
            case Fault.SUBMIT_MODEL_GONE:
                return Given(400, {"detail": "Invalid model: ray-1-6"})
            case Fault.SUBMIT_MODERATED:
                return Given(400, {"detail": "Prompt not allowed: content_moderated"})
            case Fault.SUBMIT_LIMITED | Fault.POLL_LIMITED:
                return Given(429, {"detail": "Rate limit exceeded"}, {"Retry-After": "1"})
            case Fault.POLL_500:
                return Given(503, {"detail": "Service unavailable"})
        return Given(400, {"detail": "Prompt is too short"})


VENDOR = Vendor(
    service=LumaLegacy(),
    server=LumaLegacyServer,
    model="ray-2",
    variables={"LUMAAI_BASE_URL": f"{{url}}/{BASE}/v1", "LUMAAI_API_KEY": "{key}"},
    # No quota of a day is known.
    never=frozenset({Fault.SUBMIT_DAILY_CAP}),
)
