"""Speaks MiniMax' wire format: version 1 for Hailuo, version 2 for H3. No SDK exists to check it; the shapes are records."""

from typing import Any

from shotbuild.providers.minimax import H3, MODELS, MiniMax
from tests.servers.service import Asked, Fault, Given, Job, VendorServer
from tests.servers.vendors import Vendor

WORDS = {
    Fault.SUBMIT_AUTH: (401, 2049, "invalid api key"),
    Fault.SUBMIT_FUNDS: (402, 1008, "insufficient balance"),
    Fault.SUBMIT_LIMITED: (429, 1002, "rate limit"),
    Fault.SUBMIT_DAILY_CAP: (429, 2056, "usage limit exceeded"),
    Fault.SUBMIT_MODERATED: (422, 1026, "input new_sensitive"),
    Fault.SUBMIT_INVALID: (400, 2013, "invalid params, duration"),
    Fault.SUBMIT_MODEL_GONE: (400, 2013, "invalid params, unknown model 'MiniMax-Hailuo-2.3'"),
    Fault.POLL_LIMITED: (429, 1002, "rate limit"),
    Fault.POLL_500: (500, 1033, "system error"),
    Fault.POLL_GONE: (400, 2013, "invalid params, task_id not exist"),
}
FILE = 205258526306433
"""What is added to a job's number to name its file."""


class MiniMaxServer(VendorServer):
    version = "v1"

    def new_id(self, serial: int) -> str:
        return str(106916112212032 + serial)

    def answer(self, asked: Asked) -> Given:
        self.version, *path = asked.path.strip("/").split("/")
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            return self.refusal(Fault.SUBMIT_AUTH)
        match asked.method, self.version, path:
            case "POST", _, ["video_generation"]:
                return self._submitted(asked)
            case "GET", "v1", ["query", "video_generation"]:
                return self._queried(asked.query.get("task_id", ""))
            case "GET", "v2", ["query", "video_generation", name]:
                return self._queried(name)
            case "GET", "v1", ["files", "retrieve"]:
                return self._file(asked.query.get("file_id", ""))
        return Given(404, b"404 page not found", {"Content-Type": "text/plain"})

    def _submitted(self, asked: Asked) -> Given:
        body = asked.body
        if body.get("model") not in MODELS or (body["model"] == H3) != (self.version == "v2"):
            return self.refusal(Fault.SUBMIT_MODEL_GONE)
        words = body.get("prompt") if self.version == "v1" else body["content"][0].get("text")
        if not words or not isinstance(body.get("duration"), int):
            return self.refusal(Fault.SUBMIT_INVALID)
        job = self.accept(asked)
        if isinstance(job, Given):
            return job
        return Given(200, {"task_id": job.id, **({"base_resp": good()} if self.version == "v1" else {})})

    def _queried(self, name: str) -> Given:
        if name not in self.jobs:
            return self.refusal(Fault.POLL_GONE)
        job = self.jobs[name]
        stood = self.polled(job)
        match stood:
            case Given() as given:
                return given
            case "gone":
                return self.refusal(Fault.POLL_GONE)
        return self._stands_v1(job, stood) if self.version == "v1" else self._stands_v2(job, stood)

    def _stands_v1(self, job: Job, stood: Fault | str) -> Given:
        match stood:
            case "running" | "stalled":
                word: dict[str, Any] = {"status": "Processing", "file_id": ""}
            case "unknown":
                word = {"status": "Meditating", "file_id": ""}
            case Fault.POLL_MODERATED:
                bad = {"status_code": 1027, "status_msg": "output new_sensitive"}
                return Given(200, {"task_id": job.id, "status": "Fail", "file_id": "", "base_resp": bad})
            case Fault():
                bad = {"status_code": 1000, "status_msg": "unknown error"}
                return Given(200, {"task_id": job.id, "status": "Fail", "file_id": "", "base_resp": bad})
            case _:
                size = {"video_width": 1366, "video_height": 768}
                word = {"status": "Success", "file_id": str(FILE + int(job.id)), **size}
        return Given(200, {"task_id": job.id, **word, "base_resp": good()})

    def _stands_v2(self, job: Job, stood: Fault | str) -> Given:
        match stood:
            case "running" | "stalled":
                word: dict[str, Any] = {"status": "running"}
            case "unknown":
                word = {"status": "meditating"}
            case Fault.POLL_MODERATED:
                word = {"status": "failed", "error": {"code": "1027", "message": "output new_sensitive"}}
            case Fault():
                word = {"status": "failed", "error": {"code": 1000, "message": "unknown error"}}
            case _:
                seconds = job.request.body["duration"]
                usage = {"total_seconds": seconds, "input_seconds": 0, "output_seconds": seconds}
                shown = {name: job.request.body.get(name) for name in ("resolution", "duration", "ratio")}
                word = {"status": "succeeded", "content": {"url": self.fresh_address(job)}, "usage": usage, **shown}
        return Given(200, {"task": {"id": job.id, **word}})

    def _file(self, name: str) -> Given:
        job = self.jobs.get(str(int(name or 0) - FILE))
        if job is None:
            return self.refusal(Fault.SUBMIT_INVALID)
        file = {"file_id": int(name), "bytes": len(job.output), "filename": "output.mp4", "purpose": "video_generation"}
        return Given(200, {"file": {**file, "download_url": self.fresh_address(job)}, "base_resp": good()})

    def refusal(self, fault: Fault) -> Given:
        status, code, message = WORDS[fault]
        if self.version == "v1":
            return Given(200, {"task_id": "", "base_resp": {"status_code": code, "status_msg": message}})
        error = {"type": "api_error", "message": f"{message} ({code})", "http_code": str(status)}
        return Given(status, {"type": "error", "error": error, "request_id": "r"})


def good() -> dict[str, Any]:
    return {"status_code": 0, "status_msg": "success"}


VENDOR = Vendor(
    service=MiniMax(),
    server=MiniMaxServer,
    model="MiniMax-Hailuo-2.3",
    variables={"MINIMAX_BASE_URL": "{url}", "MINIMAX_API_KEY": "{key}"},
    seconds=6,
)
VENDOR_H3 = Vendor(service=VENDOR.service, server=MiniMaxServer, model=H3, variables=VENDOR.variables)
