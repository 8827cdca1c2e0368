"""Speaks DashScope's wire format for Wan. Driven by the vendor's own SDK in tests/providers/test_wan.py."""

from typing import Any

from shotbuild.providers.wan import MODELS, Wan
from tests.servers.service import Asked, Fault, Given, Job, VendorServer
from tests.servers.vendors import Vendor

POLICY = {
    "policy": "cG9saWN5",
    "signature": "c2lnbmF0dXJl",
    "upload_dir": "dashscope-instant/abc/2026-11-20/1",
    "oss_access_key_id": "LTAItest",
    "x_oss_object_acl": "private",
    "x_oss_forbid_overwrite": "true",
    "expire_in_seconds": 300,
    "max_file_size_mb": 100,
}
FORM = {"OSSAccessKeyId", "Signature", "policy", "key", "x-oss-object-acl", "x-oss-forbid-overwrite", "file"}


class WanServer(VendorServer):
    def new_id(self, serial: int) -> str:
        return f"77093787-0000-4000-8000-{serial:012d}"

    def answer(self, asked: Asked) -> Given:
        if asked.path == "/oss":
            return self._stored(asked)
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            return self.refusal(Fault.SUBMIT_AUTH)
        match asked.method, asked.path.removeprefix("/api/v1/").strip("/").split("/"):
            case "POST", ["services", "aigc", "video-generation", "video-synthesis"]:
                return self._submitted(asked)
            case "GET", ["uploads"] if asked.query.get("action") == "getPolicy" and asked.query.get("model"):
                return Given(200, {"request_id": "r", "data": {**POLICY, "upload_host": f"{self.url}/oss"}})
            case "GET", ["tasks"]:
                return self._list(asked)
            case "GET", ["tasks", name] if name in self.jobs:
                return self._task(self.jobs[name])
            case "GET", ["tasks", name]:
                return Given(200, {"request_id": "r", "output": {"task_id": name, "task_status": "UNKNOWN"}})
            case "POST", ["tasks", name, "cancel"] if name in self.jobs:
                if self.jobs[name].state != "pending":
                    return said(400, "UnsupportedOperation", "please confirm if the task is in PENDING status.")
                self.jobs[name].state = "cancelled"
                return Given(200, {"request_id": "r"})
        return said(404, "NotFound", "this is not there")

    def _stored(self, asked: Asked) -> Given:
        parts = form(asked)
        if parts.keys() < FORM or parts["Signature"].decode() != POLICY["signature"]:
            return Given(403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})
        self.uploads[f"oss://{parts['key'].decode()}"] = parts["file"]
        return Given(200, b"")

    def _submitted(self, asked: Asked) -> Given:
        if asked.headers.get("x-dashscope-async") != "enable":
            return said(403, "AccessDenied", "current user api does not support synchronous calls.")
        body = asked.body
        if body.get("model") not in MODELS:
            return self.refusal(Fault.SUBMIT_MODEL_GONE)
        given = body["input"]
        urls = [part["url"] for part in given.get("media", [])] + [url for url in [given.get("img_url")] if url]
        resolved = asked.headers.get("x-dashscope-ossresourceresolve") == "enable"
        if any(url.startswith("oss://") and (not resolved or url not in self.uploads) for url in urls):
            return said(400, "InvalidParameter", "url error, please check url！")
        if not given.get("prompt") or ("-i2v" in body["model"] and not urls):
            return said(400, "InvalidParameter", "Required parameter(s) missing or invalid: input")
        job = self.accept(asked)
        if isinstance(job, Given):
            return job
        return Given(200, {"request_id": "r", "output": {"task_id": job.id, "task_status": "PENDING"}})

    def _list(self, asked: Asked) -> Given:
        model = asked.query.get("model_name")
        rows = [row(job) for job in self.jobs.values() if model in (None, job.request.body["model"])]
        number, size = int(asked.query.get("page_no", 1)), int(asked.query.get("page_size", 10))
        pages = {"total": len(rows), "total_page": -(-len(rows) // size), "page_no": number, "page_size": size}
        return Given(200, {"request_id": "r", "data": rows[(number - 1) * size : number * size], **pages})

    def _task(self, job: Job) -> Given:
        shown: dict[str, Any] = {"task_id": job.id, "submit_time": "2026-11-20 18:00:00.000"}
        match self.polled(job):
            case Given() as given:
                return given
            case "running" | "stalled":
                return output({**shown, "task_status": "RUNNING"})
            case "unknown":
                return output({**shown, "task_status": "PONDERING"})
            case "cancelled":
                return output({**shown, "task_status": "CANCELED"})
            case "gone":
                return output({"task_id": job.id, "task_status": "UNKNOWN"})
            case Fault.POLL_MODERATED:
                words = {"code": "DataInspectionFailed", "message": "Output data may contain inappropriate content."}
                return output({**shown, "task_status": "FAILED", **words})
            case Fault():
                words = {"code": "InternalError", "message": "An internal error has occured."}
                return output({**shown, "task_status": "FAILED", **words})
        body = job.request.body
        seconds = body["parameters"].get("duration", 5)
        usage = {"duration": seconds, "output_video_duration": seconds, "video_count": 1, "SR": 720}
        done = {"task_status": "SUCCEEDED", "video_url": self.fresh_address(job), "orig_prompt": body["input"]["prompt"]}
        return output({**shown, **done}, usage)

    def refusal(self, fault: Fault) -> Given:
        match fault:
            case Fault.SUBMIT_AUTH:
                return said(401, "InvalidApiKey", "Invalid API-key provided.")
            case Fault.SUBMIT_FUNDS:
                return said(400, "Arrearage", "Access denied, please make sure your account is in good standing.")
            case Fault.SUBMIT_MODEL_GONE:
                return said(404, "ModelNotFound", "The model could not be found.")
            case Fault.SUBMIT_LIMITED | Fault.POLL_LIMITED:
                return said(429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later.")
            case Fault.SUBMIT_MODERATED:
                return said(400, "DataInspectionFailed", "Input data may contain inappropriate content.")
            case Fault.POLL_500:
                return said(503, "InternalError", "An internal error has occured, please try again later.")
        return said(400, "InvalidParameter", "duration must be in [2, 15]")


def said(status: int, code: str, message: str) -> Given:
    return Given(status, {"code": code, "message": message, "request_id": "r"})


def output(words: dict[str, Any], usage: dict[str, Any] | None = None) -> Given:
    return Given(200, {"request_id": "r", "output": words, **({"usage": usage} if usage else {})})


def row(job: Job) -> dict[str, Any]:
    model = job.request.body["model"]
    key = f"apikey:v1:aigc:video-generation:video-synthesis:{model}"
    who = {"api_key_id": "15", "caller_parent_id": "1", "caller_uid": "1", "region": "cn-beijing", "request_id": "r"}
    times = {"gmt_create": int(job.created * 1000), "start_time": int(job.created * 1000) + 20}
    return {**who, **times, "model_name": model, "status": "RUNNING", "task_id": job.id, "user_api_unique_key": key}


def form(asked: Asked) -> dict[str, bytes]:
    """The parts of a multipart form by name."""
    mark = b"--" + asked.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    parts: dict[str, bytes] = {}
    for piece in asked.raw.split(mark)[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n")
        parts[head.partition(b'name="')[2].partition(b'"')[0].decode()] = content.removesuffix(b"\r\n")
    return parts


VENDOR = Vendor(
    service=Wan(),
    server=WanServer,
    model="wan2.7-t2v-2026-06-12",
    variables={"DASHSCOPE_HTTP_BASE_URL": "{url}/api/v1", "DASHSCOPE_API_KEY": "{key}"},
    # Its limits are by second and by what runs at once: none is by day.
    never=frozenset({Fault.SUBMIT_DAILY_CAP}),
)
