"""Speaks the wire format of Topaz Labs' video API, by its public OpenAPI document 1.0.0 of 2026-11. There is no SDK."""

import hashlib
import uuid
from typing import Any

from shotbuild.providers.topaz import MODELS, Topaz
from tests.servers.service import Asked, Dropped, Fault, Given, Job, VendorServer
from tests.servers.vendors import Vendor

SOURCE = ("container", "size", "duration", "frameCount", "frameRate", "resolution")
OUTPUT = ("resolution", "frameRate", "audioTransfer")
COST = [3, 4]


class TopazServer(VendorServer):
    """requests: the body of each, by its id, accepted or not; uploaded: those that are complete; parts: into how many a clip
    has to be cut; cuts: how many uploads are cut off, at first; refused: are answered 403, at first; spoilt: lose their last
    byte, at first."""

    def __init__(self, *, parts: int = 1, cuts: int = 0, refused: int = 0, spoilt: int = 0, **known: Any) -> None:
        super().__init__(**known)
        self.parts, self.cuts, self.refused, self.spoilt = parts, cuts, refused, spoilt
        self.requests: dict[str, Any] = {}
        self.uploaded: set[str] = set()

    def answer(self, asked: Asked) -> Given:
        match asked.method, asked.path.strip("/").split("/"):
            case "PUT", ["upload-here", name, part]:
                return self._put(asked, name, part)
        if asked.headers.get("x-api-key") != self.key:
            return self.refusal(Fault.SUBMIT_AUTH)
        match asked.method, asked.path.split("/")[1:]:
            case "POST", ["video", ""]:
                return self._requested(asked)
            case "PATCH", ["video", name, "accept"] if name in self.requests:
                return self._accepted(asked, name)
            case "PATCH", ["video", name, "complete-upload", ""] if name in self.jobs:
                return self._completed(asked, name)
            case "GET", ["video", name, "status"] if name in self.requests:
                return self._status(name)
            case "DELETE", ["video", name] if name in self.jobs:
                return self._stopped(self.jobs[name])
        return Given(404, {"message": "Not Found", "errorCode": "INVALID_INPUT"})

    def _requested(self, asked: Asked) -> Given:
        fault = self.wants(Fault.SUBMIT_INVALID, Fault.SUBMIT_AUTH, Fault.SUBMIT_MODEL_GONE)
        if fault is not None:
            return self.refusal(fault)
        body = asked.body or {}
        missing = [f"source.{name}" for name in SOURCE if name not in body.get("source", {})]
        missing += [f"output.{name}" for name in OUTPUT if name not in body.get("output", {})]
        missing += [] if body.get("filters") else ["filters"]
        if missing:
            return _invalid(missing[0], "is required")
        if body["filters"][0]["model"] not in MODELS:
            return self.refusal(Fault.SUBMIT_MODEL_GONE)
        name = str(uuid.uuid5(uuid.NAMESPACE_OID, str(len(self.requests))))
        self.requests[name] = body
        return Given(200, {"requestId": name, "estimates": {"cost": COST, "time": [60, 90]}})

    def _accepted(self, asked: Asked, name: str) -> Given:
        if name not in self.jobs:
            job = self.accept(asked, name)
            if isinstance(job, Given):
                return job
        return Given(202, {"uploadId": f"upload-{name}", "urls": self._addresses(name)})

    def _addresses(self, name: str) -> list[str]:
        return [f"{self.url}/upload-here/{name}/{part}?X-Amz-Signature=s3cr3t" for part in range(1, self.parts + 1)]

    def _put(self, asked: Asked, name: str, part: str) -> Given:
        """As S3 does it: the signature is in the address, and no key of the service comes along."""
        if self.cuts > 0:
            self.cuts -= 1
            raise Dropped
        if self.refused > 0 or "x-api-key" in asked.headers or name not in self.jobs:
            self.refused -= 1
            return Given(403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})
        self.uploads[f"{name}/{part}"] = asked.raw[:-1] if self.spoilt > 0 else asked.raw
        self.spoilt -= 1
        return Given(200, b"", {"ETag": f'"{hashlib.md5(asked.raw).hexdigest()}"'})

    def _completed(self, asked: Asked, name: str) -> Given:
        parts = [self.uploads.get(f"{name}/{part}", b"") for part in range(1, self.parts + 1)]
        told = asked.body.get("uploadResults") or []
        if self.parts > 1 and [row["eTag"] for row in told] != [hashlib.md5(part).hexdigest() for part in parts]:
            return _invalid("uploadResults", "does not match")
        if not told or [row["partNum"] for row in told] != list(range(1, self.parts + 1)):
            return _invalid("uploadResults", "is required")
        whole = b"".join(parts)
        if len(whole) != self.requests[name]["source"]["size"] or hashlib.md5(whole).hexdigest() != asked.body["md5Hash"]:
            return _invalid("md5Hash", "does not match")
        self.uploaded.add(name)
        return Given(202, {"message": "Processing has been queued"})

    def _status(self, name: str) -> Given:
        common = {"estimates": {"cost": COST, "time": [60, 90]}, "message": "…"}
        job = self.jobs.get(name)
        if job is None:
            return Given(200, {"status": "requested", "progress": 0, **common})
        if name not in self.uploaded and job.state == "running":
            waiting = {"uploadId": f"upload-{name}", "urls": self._addresses(name)}
            return Given(200, {"status": "accepted", "progress": 0, **common, **waiting})
        match self.polled(job):
            case Given() as given:
                return given
            case "running":
                return Given(200, {"status": "processing", "progress": 50, **common})
            case "stalled":
                return Given(200, {"status": "postprocessing", "progress": 99, **common})
            case "unknown":
                return Given(200, {"status": "contemplating", "progress": 50, **common})
            case "cancelled":
                return Given(200, {"status": "canceled", "progress": 50, **common})
            case "gone":
                return Given(404, {"message": "Not Found", "errorCode": "INVALID_INPUT"})
            case Fault():
                failed = {"message": "Processing failed", "errorCode": "PROCESSING_FAILURE"}
                return Given(200, {"status": "failed", "progress": 50, **common, **failed})
        download = {"url": self.fresh_address(job), "expiresIn": 86400000, "expiresAt": 1795000000000}
        return Given(200, {"status": "complete", "progress": 100, **common, "download": download})

    def _stopped(self, job: Job) -> Given:
        if job.state in ("done", "failed"):
            return Given(400, {"message": "Request cannot be canceled", "errorCode": "INVALID_INPUT"})
        job.state = "cancelled"
        return Given(200, {"message": "Cancellation in progress. Partial credits have been refunded."})

    def refusal(self, fault: Fault) -> Given:
        match fault:
            case Fault.SUBMIT_AUTH:
                return Given(401, {"message": "Unauthorized", "errorCode": "UNAUTHORIZED"})
            case Fault.SUBMIT_FUNDS:
                return Given(402, {"message": "Insufficient credits", "errorCode": "INSUFFICIENT_CREDITS"})
            case Fault.SUBMIT_MODEL_GONE:
                return _invalid("filters[0].model", "model is not supported")
            case Fault.SUBMIT_LIMITED | Fault.POLL_LIMITED:
                return Given(429, {"message": "Too many requests"}, {"Retry-After": "1"})
            case Fault.POLL_500:
                return Given(503, {"message": "Service unavailable", "errorCode": "SERVER_MAINTENANCE"})
        return _invalid("source.container", "container must be one of mp4, mov, mkv")


def _invalid(path: str, text: str) -> Given:
    row = {"type": "field", "path": path, "location": "body", "msg": text}
    return Given(400, {"message": "Invalid input", "errorCode": "INVALID_INPUT", "errors": [row]})


VENDOR = Vendor(
    service=Topaz(),
    server=TopazServer,
    model="prob-4",
    variables={"TOPAZ_BASE_URL": "{url}", "TOPAZ_API_KEY": "{key}"},
    roles=("video",),
    size="64x64",
    # No quota of a day and no judging of content is in the document, neither at once nor later.
    never=frozenset({Fault.SUBMIT_DAILY_CAP, Fault.SUBMIT_MODERATED, Fault.POLL_MODERATED}),
)
