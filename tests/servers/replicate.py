"""Speaks Replicate's wire format. Checked by the vendor's own SDK in tests/providers/test_replicate.py."""

import re
from datetime import UTC, datetime
from typing import Any

from shotbuild.providers.replicate import Replicate
from tests.servers.service import Asked, Fault, Given, Job, VendorServer
from tests.servers.vendors import Vendor

SHA = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"
NEEDS = {"runwayml/gen4-turbo": ("prompt", "image"), "minimax/video-01": ("prompt",)}
PAGE = 2
"""Predictions on one page of the list; the real one has 100."""


class ReplicateServer(VendorServer):
    """removed: inputs and outputs are gone, as after an hour; lists: an older model, which answers with a list."""

    removed = False
    lists = False

    def new_id(self, serial: int) -> str:
        return f"rrr4z55ocneqzikepnug6xezp{serial:x}"

    def answer(self, asked: Asked) -> Given:
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            return self.refusal(Fault.SUBMIT_AUTH)
        match asked.method, asked.path.strip("/").split("/"):
            case "POST", ["v1", "files"]:
                return self._file(asked)
            case "POST", ["v1", "models", owner, name, "predictions"]:
                return self._submitted(asked, NEEDS.get(f"{owner}/{name}", ("prompt",)))
            case "POST", ["v1", "predictions"]:
                return self._submitted(asked, ())
            case "GET", ["v1", "predictions"]:
                return self._listed(int(asked.query.get("cursor", "0")))
            case "GET", ["v1", "predictions", name] if name in self.jobs:
                return self._prediction(self.jobs[name])
            case "POST", ["v1", "predictions", name, "cancel"] if name in self.jobs:
                job = self.jobs[name]
                if job.state == "running":
                    job.state = "cancelled"
                return Given(200, self._said(job, {"cancelled": "canceled", "done": "succeeded"}.get(job.state, job.state)))
        return Given(404, {"title": "Not found", "detail": "The requested resource could not be found.", "status": 404})

    def _file(self, asked: Asked) -> Given:
        found = re.search(rb'name="content"; filename="([^"]+)"\r\n.*?\r\n\r\n(.*?)\r\n--', asked.raw, re.DOTALL)
        if found is None:
            return Given(400, {"title": "Bad request", "detail": "Missing content", "status": 400})
        name = f"file{len(self.uploads)}"
        self.uploads[name] = found[2]
        urls = {"get": f"{self.url}/v1/files/{name}"}
        more = {"content_type": "image/png", "size": len(found[2]), "etag": "x", "checksums": {}, "metadata": {}}
        times = {"created_at": self._now(), "expires_at": self._now()}
        return Given(201, {"id": name, "name": found[1].decode(), "urls": urls, **more, **times})

    def _submitted(self, asked: Asked, needs: tuple[str, ...]) -> Given:
        said = asked.body or {}
        version = str(said.get("version", "")).rpartition(":")[2]
        if "version" in said and not re.fullmatch("[0-9a-f]{64}", version):
            return self.refusal(Fault.SUBMIT_MODEL_GONE)
        missing = [name for name in needs if name not in said.get("input", {})]
        if "input" not in said or missing:
            return self._invalid(missing or ["input"], "required", "is required")
        job = self.accept(asked)
        return job if isinstance(job, Given) else Given(201, self._said(job, "starting"))

    def _listed(self, start: int) -> Given:
        jobs = list(reversed(self.jobs.values()))
        words = {"running": "processing", "done": "succeeded", "cancelled": "canceled"}
        rows = [self._said(job, words.get(job.state, job.state)) for job in jobs[start : start + PAGE]]
        more = f"{self.url}/v1/predictions?cursor={start + PAGE}" if len(jobs) > start + PAGE else None
        return Given(200, {"previous": None, "next": more, "results": rows})

    def _prediction(self, job: Job) -> Given:
        match self.polled(job):
            case Given() as given:
                return given
            case "running":
                return Given(200, self._said(job, "processing", logs="Using seed: 7\n 40%|████      | 8/20\n"))
            case "stalled":
                return Given(200, self._said(job, "processing", logs=" 99%|█████████ | 99/100\n"))
            case "unknown":
                return Given(200, self._said(job, "booting"))
            case "cancelled":
                return Given(200, self._said(job, "canceled"))
            case "gone":
                return Given(404, {"title": "Not found", "detail": "Prediction not found", "status": 404})
            case Fault.POLL_MODERATED:
                error = "The input or output was flagged as sensitive. Please try again with different inputs. (E005)"
                return Given(200, self._said(job, "failed", error=error))
            case Fault():
                return Given(200, self._said(job, "failed", error="Director: unexpected error handling prediction (E9243)"))
        if self.removed:
            return Given(200, self._said(job, "succeeded", output=None))
        address = self.fresh_address(job)
        return Given(200, self._said(job, "succeeded", output=[address] if self.lists else address))

    def _said(self, job: Job, status: str, **more: Any) -> dict[str, Any]:
        said, url = job.request.body, f"{self.url}/v1/predictions/{job.id}"
        path = job.request.path.strip("/").split("/")
        done = status in ("succeeded", "failed", "canceled")
        return {
            "id": job.id,
            "model": "/".join(path[2:4]) if path[1] == "models" else "somebody/model",
            "version": str(said["version"]).rpartition(":")[2] if "version" in said else "hidden",
            "input": {} if self.removed else said["input"],
            "output": None,
            "logs": "",
            "error": None,
            "status": status,
            "created_at": datetime.fromtimestamp(job.created, UTC).isoformat().replace("+00:00", "Z"),
            "started_at": self._now(),
            "completed_at": self._now() if done else None,
            "data_removed": self.removed,
            "metrics": {"predict_time": 12.5} if done else {},
            "urls": {"get": url, "cancel": f"{url}/cancel", "web": f"https://replicate.com/p/{job.id}"},
            **more,
        }

    def _now(self) -> str:
        return datetime.now(UTC).isoformat().replace("+00:00", "Z")

    def _invalid(self, names: list[str], kind: str, said: str) -> Given:
        fields = [{"type": kind, "field": f"input.{name}", "description": f"{name} {said}"} for name in names]
        detail = "\n".join(f"- {row['field']}: {row['description']}" for row in fields)
        problem = {"title": "Input validation failed", "detail": detail, "status": 422, "invalid_fields": fields}
        return Given(422, problem)

    def refusal(self, fault: Fault) -> Given:
        match fault:
            case Fault.SUBMIT_AUTH:
                detail = "You did not pass a valid authentication token"
                return Given(401, {"title": "Unauthenticated", "detail": detail, "status": 401})
            case Fault.SUBMIT_FUNDS:
                detail = "You have insufficient credit to run this model. Go to the billing page to purchase credit."
                return Given(402, {"title": "Insufficient credit", "detail": detail, "status": 402})
            case Fault.SUBMIT_MODEL_GONE:
                detail = "The specified version does not exist (or perhaps you don't have permission to use it?)"
                return Given(422, {"title": "Invalid version or not permitted", "detail": detail, "status": 422})
            case Fault.SUBMIT_LIMITED | Fault.POLL_LIMITED:
                detail = "Request was throttled. Your rate limit resets in ~1s."
                return Given(429, {"title": "Too many requests", "detail": detail, "status": 429})
            case Fault.POLL_500:
                return Given(503, {"title": "Service unavailable", "detail": "try again", "status": 503})
        return self._invalid(["prompt"], "string_type", "must be a string")


VENDOR = Vendor(
    service=Replicate(),
    server=ReplicateServer,
    model="bytedance/seedance-1-pro",
    variables={"REPLICATE_BASE_URL": "{url}", "REPLICATE_API_TOKEN": "{key}"},
    # It counts a minute, not a day, and nothing is looked at before it runs.
    never=frozenset({Fault.SUBMIT_DAILY_CAP, Fault.SUBMIT_MODERATED}),
)
