"""Speaks BytePlus ModelArk's wire format, API v3. Driven by the vendor's own SDK in tests/providers/test_seedance.py."""

from typing import Any

from shotbuild.providers.seedance import MODELS, Seedance
from tests.servers.service import Asked, Fault, Given, Job, VendorServer
from tests.servers.vendors import Vendor

BASE = "/api/v3/contents/generations/tasks"
ROLES = {"first_frame", "last_frame", "reference_image"}


class SeedanceServer(VendorServer):
    def new_id(self, serial: int) -> str:
        return f"cgt-20261120180000-{serial:05d}"

    def answer(self, asked: Asked) -> Given:
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            return self.refusal(Fault.SUBMIT_AUTH)
        name = asked.path.removeprefix(BASE).lstrip("/")
        if not asked.path.startswith(BASE) or (name and name not in self.jobs):
            return said(404, "NotFound", "the task is not found")
        match asked.method, name:
            case "POST", "":
                return self._submitted(asked)
            case "GET", "":
                return self._list(asked)
            case "GET", _:
                return self._task(self.jobs[name])
            case "DELETE", _:
                self.jobs[name].state = "cancelled"
                return Given(200, {})
        return said(405, "MethodNotAllowed", "this cannot be done")

    def _submitted(self, asked: Asked) -> Given:
        # The vendor's SDK sends each field that was not set as null.
        body = {name: value for name, value in asked.body.items() if value is not None}
        missing = [name for name in ("model", "content") if not body.get(name)]
        if missing:
            return said(400, "MissingParameter", "a required parameter is missing", param=missing[0])
        if body["model"] not in MODELS:
            return self.refusal(Fault.SUBMIT_MODEL_GONE)
        for part in body["content"]:
            if part["type"] != "text" and (part["role"] not in ROLES or not part["image_url"]["url"]):
                return said(400, "InvalidParameter", "this role is not known", param="content.role")
        job = self.accept(asked)
        return job if isinstance(job, Given) else Given(200, {"id": job.id})

    def _list(self, asked: Asked) -> Given:
        model = asked.query.get("filter.model")
        rows = [self._shown(job) for job in self.jobs.values() if model in (None, job.request.body["model"])]
        number, size = int(asked.query.get("page_num", 1)), int(asked.query.get("page_size", 10))
        return Given(200, {"total": len(rows), "items": rows[(number - 1) * size : number * size]})

    def _shown(self, job: Job) -> dict[str, Any]:
        body = job.request.body
        same = {name: body.get(name) for name in ("resolution", "ratio", "duration", "seed") if body.get(name) is not None}
        created = {"created_at": int(job.created), "updated_at": int(job.created) + 1}
        return {"id": job.id, "model": body["model"], "status": "running", "service_tier": "default", **same, **created}

    def _task(self, job: Job) -> Given:
        shown = {"seed": 1276, **self._shown(job)}
        match self.polled(job):
            case Given() as given:
                return given
            case "running" | "stalled":
                return Given(200, shown)
            case "unknown":
                return Given(200, {**shown, "status": "dreaming"})
            case "cancelled":
                return Given(200, {**shown, "status": "cancelled"})
            case "gone":
                return said(404, "NotFound", "the task is not found")
            case Fault.POLL_MODERATED:
                error = {"code": "OutputVideoSensitiveContentDetected", "message": "the video may be sensitive"}
                return Given(200, {**shown, "status": "failed", "error": error})
            case Fault():
                error = {"code": "InternalServiceError", "message": "the service met an unexpected error"}
                return Given(200, {**shown, "status": "failed", "error": error})
        content = {"video_url": self.fresh_address(job)}
        usage = {"completion_tokens": 108900, "total_tokens": 108900}
        done = {"status": "succeeded", "content": content, "usage": usage, "framespersecond": 24, "error": None}
        return Given(200, {**shown, **done})

    def refusal(self, fault: Fault) -> Given:
        match fault:
            case Fault.SUBMIT_AUTH:
                return said(401, "AuthenticationError", "the API key is missing or invalid", kind="Unauthorized")
            case Fault.SUBMIT_FUNDS:
                return said(403, "AccountOverdueError", "your account has an overdue balance", kind="Forbidden")
            case Fault.SUBMIT_MODEL_GONE:
                return said(404, "InvalidEndpoint.NotFound", "the endpoint does not exist", kind="NotFound")
            case Fault.SUBMIT_LIMITED | Fault.POLL_LIMITED:
                return said(429, "RateLimitExceeded.EndpointRPMExceeded", "too many requests", kind="TooManyRequests")
            case Fault.SUBMIT_MODERATED:
                return said(400, "InputTextSensitiveContentDetected", "the input text may be sensitive")
            case Fault.POLL_500:
                return said(500, "InternalServiceError", "an unexpected error", kind="InternalServerError")
        return said(400, "InvalidParameter", "the value is not valid", param="duration")


def said(status: int, code: str, message: str, *, param: str = "", kind: str = "BadRequest") -> Given:
    return Given(status, {"error": {"code": code, "message": message, "param": param, "type": kind}})


VENDOR = Vendor(
    service=Seedance(),
    server=SeedanceServer,
    model="seedance-1-5-pro-251215",
    variables={"ARK_BASE_URL": "{url}/api/v3", "ARK_API_KEY": "{key}"},
    # Its limits are by minute and by what waits at once: none is by day.
    never=frozenset({Fault.SUBMIT_DAILY_CAP}),
)
