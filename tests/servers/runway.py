"""Speaks Runway's wire format of 2024-11-06. Checked by the vendor's own SDK in tests/providers/test_runway.py."""

import uuid
from email.parser import BytesParser
from email.policy import HTTP

from shotbuild.providers.runway import Runway
from tests.servers.service import Asked, Fault, Given, Job, VendorServer
from tests.servers.vendors import Vendor

CREDITS = {"gen4.5": 12, "gen4_turbo": 5, "veo3.1": 20, "veo3.1_fast": 10, "aleph2": 28, "seedance2": 36}
REQUIRED = {
    "image_to_video": ("model", "promptImage"),
    "text_to_video": ("model", "promptText"),
    "video_to_video": ("model", "videoUri"),
    "video_upscale": ("model", "videoUri"),
}
"""What each endpoint cannot do without, whatever the model: `runwayml.types`, SDK 5.24."""
CREATED = "2026-11-20T10:00:00.000Z"


class RunwayServer(VendorServer):
    def new_id(self, serial: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, str(serial)))

    def answer(self, asked: Asked) -> Given:
        if asked.path.startswith("/upload-here/"):
            return self._uploaded(asked)
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            return self.refusal(Fault.SUBMIT_AUTH)
        if "x-runway-version" not in asked.headers:
            return Given(400, {"error": "X-Runway-Version is missing"})
        match asked.method, asked.path.strip("/").split("/"):
            case "POST", ["v1", "uploads"]:
                if asked.body.get("type") != "ephemeral" or "." not in asked.body.get("filename", ""):
                    return self.refusal(Fault.SUBMIT_INVALID)
                name = f"u{len(self.uploads)}"
                self.uploads[name] = b""
                fields = {"key": f"ephemeral/{name}", "policy": "p"}
                place = f"{self.url}/upload-here/{name}"
                return Given(200, {"uploadUrl": place, "fields": fields, "runwayUri": f"runway://{name}"})
            case "POST", ["v1", endpoint] if endpoint in REQUIRED:
                return self._submitted(asked, REQUIRED[endpoint])
            case "GET", ["v1", "tasks", name] if name in self.jobs:
                return self._task(self.jobs[name])
            case "DELETE", ["v1", "tasks", name] if name in self.jobs:
                job = self.jobs[name]
                if job.state == "running":
                    job.state = "cancelled"
                else:
                    # What is over is deleted: the next look at it finds nothing.
                    job.fault, job.polls = Fault.POLL_GONE, 0
                return Given(204)
        return Given(404, {"error": "Not found"})

    def _uploaded(self, asked: Asked) -> Given:
        """A form as S3 takes it: the fields that were given, then the file, last; no key of the service."""
        head = f"Content-Type: {asked.headers.get('content-type', '')}\r\n\r\n".encode()
        parts = [
            (part.get_param("name", header="content-disposition"), part.get_payload(decode=True))
            for part in BytesParser(policy=HTTP).parsebytes(head + asked.raw).iter_parts()
        ]
        if [name for name, _ in parts] != ["key", "policy", "file"] or "authorization" in asked.headers:
            return Given(403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})
        self.uploads[asked.path.rpartition("/")[2]] = bytes(parts[-1][1])
        return Given(204)

    def _submitted(self, asked: Asked, required: tuple[str, ...]) -> Given:
        missing = [name for name in required if not asked.body.get(name)]
        if missing:
            return Given(400, {"error": "Validation", "issues": [{"code": "x", "path": missing, "message": "Required"}]})
        job = self.accept(asked)
        if isinstance(job, Given):
            return job
        return Given(200, {"id": job.id, "estimatedCost": {"credits": self._credits(job)}})

    def _credits(self, job: Job) -> int:
        body = job.request.body
        return int(CREDITS.get(body["model"], 10) * body.get("duration", 5))

    def _task(self, job: Job) -> Given:
        cost = {"credits": self._credits(job)}
        common = {"id": job.id, "createdAt": CREATED}
        match self.polled(job):
            case Given() as given:
                return given
            case "running":
                return Given(200, {**common, "status": "RUNNING", "progress": 0.5, "estimatedCost": cost})
            case "stalled":
                return Given(200, {**common, "status": "RUNNING", "progress": 0.99, "estimatedCost": cost})
            case "unknown":
                return Given(200, {**common, "status": "MEDITATING"})
            case "cancelled":
                return Given(200, {**common, "status": "CANCELLED", "cost": cost})
            case "gone":
                return Given(404, {"error": "Not found"})
            case Fault.POLL_MODERATED:
                failure = {"failure": "Content moderation", "failureCode": "SAFETY.INPUT.TEXT"}
                return Given(200, {**common, "status": "FAILED", **failure, "cost": cost})
            case Fault():
                failure = {"failure": "Something went wrong", "failureCode": "INTERNAL.BAD_OUTPUT.CODE01"}
                return Given(200, {**common, "status": "FAILED", **failure, "cost": {"credits": 0}})
        return Given(200, {**common, "status": "SUCCEEDED", "output": [self.fresh_address(job)], "cost": cost})

    def refusal(self, fault: Fault) -> Given:
        match fault:
            case Fault.SUBMIT_AUTH:
                return Given(401, {"error": "Unauthorized"})
            case Fault.SUBMIT_FUNDS:
                return Given(400, {"error": "You do not have enough credits to run this task.", "docUrl": "https://docs"})
            case Fault.SUBMIT_MODEL_GONE:
                issue = {"code": "invalid_value", "path": ["model"], "message": "Invalid input"}
                return Given(400, {"error": "Validation of body failed", "issues": [issue], "docUrl": "https://docs"})
            case Fault.SUBMIT_LIMITED | Fault.SUBMIT_DAILY_CAP:
                return Given(429, {"error": "You have reached your daily limit."}, {"Retry-After": "3600"})
            case Fault.POLL_LIMITED:
                return Given(429, {"error": "Slow down."}, {"Retry-After": "1"})
            case Fault.POLL_500:
                return Given(503, {"error": "unavailable"})
        issue = {"code": "too_big", "path": ["promptText"], "message": "Too big: 1000 at most"}
        return Given(400, {"error": "Validation of body failed", "issues": [issue], "docUrl": "https://docs"})


VENDOR = Vendor(
    service=Runway(),
    server=RunwayServer,
    model="gen4.5",
    variables={"RUNWAYML_BASE_URL": "{url}", "RUNWAYML_API_SECRET": "{key}"},
    never=frozenset({Fault.SUBMIT_MODERATED}),
)
