"""Speaks the wire format of Luma's agents API, 2026-04-01. Checked by the vendor's own SDK in tests/providers/test_luma.py.

What a refusal looks like is not documented; the bodies here are `detail` in FastAPI's two forms.
"""

import uuid
from typing import Any

from shotbuild.providers.luma import VERSION, Luma
from tests.servers.service import Asked, Fault, Given, Job, VendorServer
from tests.servers.vendors import Vendor

CREATED = "2026-11-20T10:00:00Z"
LOOKS = ("loop", "start_frame", "end_frame")


class LumaServer(VendorServer):
    """looks: how often a file that was asked for is still being looked at; looked: state that a file comes to."""

    def __init__(self, **said: Any) -> None:
        super().__init__(**said)
        self.files: dict[str, dict[str, Any]] = {}
        self.looks, self.looked = 0, "ready"

    def new_id(self, serial: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, str(serial)))

    def answer(self, asked: Asked) -> Given:
        if asked.path.startswith("/bucket/"):
            return self._stored(asked)
        given = self._answer(asked)
        given.headers["X-API-Version"] = VERSION
        return given

    def _answer(self, asked: Asked) -> Given:
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            return self.refusal(Fault.SUBMIT_AUTH)
        match asked.method, asked.path.strip("/").split("/"):
            case "POST", ["v1", "generations"]:
                return self._submitted(asked)
            case "GET", ["v1", "generations", name] if name in self.jobs:
                return self._generation(self.jobs[name])
            case "POST", ["v1", "files"]:
                return self._file(asked)
            case "GET", ["v1", "files"]:
                state = asked.query.get("state")
                rows = [file for file in reversed(self.files.values()) if state in (None, file["state"])]
                return Given(200, {"data": rows, "has_more": False, "next_cursor": None})
            case "POST", ["v1", "files", name, "complete"] if name in self.files:
                if name not in self.uploads:
                    return Given(409, {"detail": "Nothing was uploaded"})
                return Given(200, self.files[name])
            case "GET", ["v1", "files", name] if name in self.files:
                return self._looked_at(name)
            case "DELETE", ["v1", "files", name] if name in self.files:
                self.files[name]["state"] = "deleted"
                return Given(204)
        return Given(404, {"detail": "Not Found"})

    # --- files --------------------------------------------------------------------------------------------------------

    def _file(self, asked: Asked) -> Given:
        missing = [name for name in ("mime_type", "size_bytes") if name not in (asked.body or {})]
        if missing:
            return _invalid(missing[0], "Field required")
        name = self.new_id(1000 + len(self.files))
        about = {"purpose": "input", **asked.body}
        self.files[name] = {"id": name, "created_at": CREATED, "state": "pending", **about}
        upload = {
            "expires_at": "2026-11-20T11:00:00Z",
            "method": "PUT",
            "url": f"{self.url}/bucket/{name}?signature=s3cr3t",
            "headers": {"Content-Type": about["mime_type"]},
        }
        return Given(201, {"id": name, "state": "pending", "file": self.files[name], "upload": upload})

    def _stored(self, asked: Asked) -> Given:
        file = self.files[asked.path.rpartition("/")[2]]
        signed = asked.headers.get("content-type") == file["mime_type"] and "authorization" not in asked.headers
        if asked.method != "PUT" or not signed or len(asked.raw) != file["size_bytes"]:
            return Given(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>", {"Content-Type": "application/xml"})
        self.uploads[file["id"]] = asked.raw
        return Given(200, b"")

    def _looked_at(self, name: str) -> Given:
        file = self.files[name]
        if file["state"] == "pending" and name in self.uploads:
            self.looks -= 1
            if self.looks < 0:
                file["state"] = self.looked
                if self.looked == "failed":
                    file["failure_reason"] = "Refused by moderation"
        return Given(200, file)

    # --- generations --------------------------------------------------------------------------------------------------

    def _submitted(self, asked: Asked) -> Given:
        body = asked.body or {}
        video = body.get("video") or {}
        if not body.get("prompt") or len(body["prompt"]) > 6000:
            return _invalid("prompt", "String should have 1 to 6000 characters")
        if body.get("model") not in ("ray-3.2", "uni-1"):
            return _invalid("model", "Input should be 'ray-3.2'")
        if video.get("duration") not in ("5s", "10s"):
            return _invalid("duration", "Input should be '5s' or '10s'")
        if video.get("loop") and (video["duration"] == "10s" or video.get("hdr")):
            return _invalid("loop", "Not with 10s, not with HDR")
        if "keyframes" in video and (any(video.get(name) for name in LOOKS) or not _placed(video)):
            return _invalid("keyframes", "Not with start_frame, end_frame or loop; one index for each")
        if any(video.get(name) for name in LOOKS[1:]) and (video["duration"] == "10s" or video.get("hdr")):
            return _invalid("start_frame", "Not with 10s, not with HDR")
        given = [video[name] for name in LOOKS[1:] if video.get(name)] + list(video.get("keyframes", []))
        if any(self.files.get(each.get("file_id"), {}).get("state") != "ready" for each in given):
            return _invalid("file_id", "The file is not ready")
        job = self.accept(asked)
        return job if isinstance(job, Given) else Given(201, self._said(job, "queued"))

    def _said(self, job: Job, state: str, **more: Any) -> dict[str, Any]:
        empty = {"failure_code": None, "failure_reason": None, "output": None}
        body = job.request.body
        return {
            "id": job.id,
            "created_at": CREATED,
            "model": body["model"],
            "type": body["type"],
            "state": state,
            **empty,
            **more,
        }

    def _generation(self, job: Job) -> Given:
        match self.polled(job):
            case Given() as given:
                return given
            case "running" | "stalled":
                return Given(200, self._said(job, "processing"))
            case "unknown":
                return Given(200, self._said(job, "contemplating"))
            case "gone":
                return Given(404, {"detail": "Generation not found"})
            case Fault.POLL_MODERATED:
                why = {"failure_code": "content_moderated", "failure_reason": "The prompt was refused"}
                return Given(200, self._said(job, "failed", **why))
            case Fault():
                why = {"failure_code": "generation_failed", "failure_reason": "Something went wrong"}
                return Given(200, self._said(job, "failed", **why))
        return Given(200, self._said(job, "completed", output=[{"type": "video", "url": self.fresh_address(job)}]))

    def refusal(self, fault: Fault) -> Given:
        match fault:
            case Fault.SUBMIT_AUTH:
                return Given(401, {"detail": "Invalid API key"})
            case Fault.SUBMIT_FUNDS:
                return Given(402, {"detail": "Insufficient credits", "failure_code": "budget_exhausted"})
            case Fault.SUBMIT_MODEL_GONE:
                return _invalid("model", "Input should be 'ray-9'")
            case Fault.SUBMIT_LIMITED | Fault.POLL_LIMITED:
                return Given(429, {"detail": "Too many concurrent jobs"}, {"Retry-After": "1"})
            case Fault.POLL_500:
                return Given(503, {"detail": "Service unavailable"})
        return _invalid("aspect_ratio", "Not one that ray-3.2 makes")


def _placed(video: dict[str, Any]) -> bool:
    places, last = video.get("keyframe_indexes", []), 24 * int(video["duration"].removesuffix("s"))
    return len(places) == len(set(places)) == len(video["keyframes"]) and all(0 <= place <= last for place in places)


def _invalid(name: str, message: str) -> Given:
    return Given(422, {"detail": [{"loc": ["body", name], "msg": message, "type": "value_error"}]})


VENDOR = Vendor(
    service=Luma(),
    server=LumaServer,
    model="ray-3.2",
    variables={"LUMA_BASE_URL": "{url}/v1", "LUMA_AGENTS_API_KEY": "{key}"},
    # Moderation is known only as the end of a generation or of a file, and no quota of a day is known.
    never=frozenset({Fault.SUBMIT_MODERATED, Fault.SUBMIT_DAILY_CAP}),
)
