"""Speaks the wire format of fal's queue and storage. Checked by the vendor's own SDK in tests/providers/test_fal.py."""

import uuid
from collections import Counter
from typing import Any

from shotbuild.providers.fal import Fal
from tests.servers.service import Asked, Fault, Given, Job, VendorServer
from tests.servers.vendors import Vendor

TOKEN = "cdn-token-of-this-hour"


class FalServer(VendorServer):
    """Hosts the queue, the storage and the CDN on one address."""

    def new_id(self, serial: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, str(serial)))

    def __init__(self, **known: Any) -> None:
        super().__init__(**known)
        self._seen: Counter[str] = Counter()

    def answer(self, asked: Asked) -> Given:
        if asked.path == "/files/upload":
            return self._uploaded(asked)
        if asked.headers.get("authorization") != f"Key {self.key}":
            return self.refusal(Fault.SUBMIT_AUTH)
        path = asked.path.strip("/").split("/")
        match asked.method, path:
            case "POST", ["storage", "auth", "token"] if asked.query.get("storage_type") == "fal-cdn-v3":
                until = "2099-01-01T00:00:00+00:00"
                token = {"token": TOKEN, "token_type": "Bearer", "base_url": self.url, "expires_at": until}
                return Given(200, token)
            case _, [_, _, "requests", name, *rest] if name in self.jobs:
                # Of the endpoint's name, only two segments stand in these addresses.
                return self._request(asked, self.jobs[name], rest)
            case "POST", [_, _, *_] if "requests" not in path:
                return self._submitted(asked)
        return Given(404, {"detail": "Not found"})

    def _uploaded(self, asked: Asked) -> Given:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Given(401, {"detail": "Unauthorized"})
        name = f"u{len(self.uploads)}-{asked.headers['x-fal-file-name']}"
        self.uploads[name] = asked.raw
        return Given(200, {"access_url": f"https://v3.fal.media/files/{name}"})

    def _submitted(self, asked: Asked) -> Given:
        needs = ["video_url"] if "upscale" in asked.path else ["prompt"]
        if "image-to-video" in asked.path:
            needs.append("start_image_url" if "kling-video/v3" in asked.path else "image_url")
        missing = [name for name in needs if name not in (asked.body or {})]
        if missing:
            rows = [{"loc": ["body", name], "msg": "field required", "type": "missing"} for name in missing]
            return Given(422, {"detail": rows})
        job = self.accept(asked)
        if isinstance(job, Given):
            return job
        place = self._place(job)
        links = {"response_url": place, "status_url": f"{place}/status", "cancel_url": f"{place}/cancel"}
        return Given(200, {"status": "IN_QUEUE", "request_id": job.id, "queue_position": 0, **links})

    def _place(self, job: Job) -> str:
        owner, app = job.request.path.strip("/").split("/")[:2]
        return f"{self.url}/{owner}/{app}/requests/{job.id}"

    def _request(self, asked: Asked, job: Job, rest: list[str]) -> Given:
        match asked.method, rest:
            case "GET", ["status"]:
                return self._status(job)
            case "GET", []:
                return self._result(job)
            case "PUT", ["cancel"]:
                return self._cancelled(job)
        return Given(405, {"detail": "Method Not Allowed"})

    def _cancelled(self, job: Job) -> Given:
        if job.state != "running":
            return Given(400, {"status": "ALREADY_COMPLETED"})
        job.state = "cancelled"
        waiting = self._seen[job.id] == 0
        return Given(200, {"status": "OK"}) if waiting else Given(202, {"status": "CANCELLATION_REQUESTED"})

    def _status(self, job: Job) -> Given:
        place = self._place(job)
        common = {"request_id": job.id, "response_url": place, "status_url": f"{place}/status", "logs": None}
        told = self.polled(job)
        match told:
            case Given() as given:
                return given
            case "running" | "stalled":
                self._seen[job.id] += 1
                return Given(202, {"status": "IN_PROGRESS", **common})
            case "unknown":
                return Given(202, {"status": "WARMING_UP", **common})
            case "cancelled":
                return Given(200, {"status": "COMPLETED", "metrics": {}, "error": "Request was cancelled", **common})
            case "gone":
                return Given(404, {"detail": "Request not found"})
        ended = {"status": "COMPLETED", "metrics": {"inference_time": 12.5}, **common}
        if told is Fault.POLL_FAULT:
            ended |= {"error": "Runner disconnected", "error_type": "runner_disconnected"}
        return Given(200, ended)

    def _result(self, job: Job) -> Given:
        if job.state == "cancelled":
            return Given(400, {"detail": "Request was cancelled"})
        if job.state == "running":
            return Given(400, {"detail": "Request is still in progress"})
        if job.fault is Fault.POLL_MODERATED:
            return _refused("content_policy_violation", "The content could not be processed")
        if job.fault is Fault.POLL_FAULT:
            body = {"detail": "Runner disconnected", "error_type": "runner_disconnected"}
            return Given(503, body, {"X-Fal-Error-Type": "runner_disconnected", "X-Fal-Request-Id": job.id})
        video = {"url": self.fresh_address(job), "content_type": "video/mp4", "file_name": "output.mp4", "file_size": 1}
        seed = {"seed": job.request.body["seed"]} if "seed" in job.request.body else {}
        return Given(200, {"video": video, **seed}, {"X-Fal-Request-Id": job.id, "X-Fal-Billable-Units": "5"})

    def refusal(self, fault: Fault) -> Given:
        match fault:
            case Fault.SUBMIT_AUTH:
                return Given(401, {"detail": "Cannot access application. Authentication is required."})
            case Fault.SUBMIT_FUNDS:
                detail = "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
                return Given(403, {"detail": detail})
            case Fault.SUBMIT_MODEL_GONE:
                return Given(404, {"detail": 'Application "video" not found'})
            case Fault.SUBMIT_LIMITED | Fault.POLL_LIMITED:
                return Given(429, {"detail": "Too many requests"}, {"Retry-After": "1"})
            case Fault.SUBMIT_MODERATED:
                return _refused("content_policy_violation", "The content could not be processed")
            case Fault.POLL_500:
                return Given(503, b"<html><center>nginx</center></html>", {"Content-Type": "text/html"})
        return _refused("literal_error", "Input should be '5' or '10'", "duration")


def _refused(kind: str, said: str, name: str = "prompt") -> Given:
    return Given(422, {"detail": [{"loc": ["body", name], "msg": said, "type": kind}]})


VENDOR = Vendor(
    service=Fal(),
    server=FalServer,
    model="fal-ai/bytedance/seedance/v1.5/pro/image-to-video",
    variables={"FAL_QUEUE_URL": "{url}", "FAL_KEY": "{key}"},
    roles=("first_frame",),
    # It limits how many run at once, and the rest wait in its queue: nothing counts a day.
    never=frozenset({Fault.SUBMIT_DAILY_CAP}),
)
