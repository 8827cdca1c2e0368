"""Speaks Vertex AI's wire format for Veo, v1beta1. Checked by Google's own SDK in tests/providers/test_vertex.py."""

import base64
import re
from typing import Any

from shotbuild.providers.vertex import MODELS, Vertex
from tests.servers.service import Asked, Fault, Given, Job, VendorServer
from tests.servers.vendors import Vendor

MODEL = re.compile(r"^/v1(?:beta1)?/(projects/[^/]+/locations/[^/]+/publishers/google/models/([^/:]+)):(\w+)$")


def refused(status: int, word: str, message: str) -> Given:
    return Given(status, {"error": {"code": status, "message": message, "status": word}})


class VertexServer(VendorServer):
    """seen: jobs that said once that they are done; what goes wrong with an output does so when it is asked for again,
    because the first answer is the poll that learns of it."""

    def __init__(self, **serving: Any) -> None:
        super().__init__(**serving)
        self.seen: set[str] = set()

    def answer(self, asked: Asked) -> Given:
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            return self.refusal(Fault.SUBMIT_AUTH)
        found = MODEL.match(asked.path)
        if asked.method != "POST" or found is None:
            return Given(404, b"<html>Not Found</html>", {"Content-Type": "text/html"})
        resource, model, verb = found.groups()
        if model not in MODELS:
            return self.refusal(Fault.SUBMIT_MODEL_GONE)
        if verb == "predictLongRunning":
            return self._submitted(asked, resource)
        job = self.jobs.get(str((asked.body or {}).get("operationName")))
        if verb != "fetchPredictOperation" or job is None:
            return refused(404, "NOT_FOUND", "Operation not found.")
        return self._operation(job)

    def _submitted(self, asked: Asked, resource: str) -> Given:
        wrong = self._wrong(asked.body or {})
        if wrong is not None:
            return refused(400, "INVALID_ARGUMENT", wrong)
        with self.lock:  # two that come at once must not get the same name
            job = self.accept(asked, f"{resource}/operations/{self.new_id(self.paid + 1)}")
        return job if isinstance(job, Given) else Given(200, {"name": job.id})

    def _wrong(self, body: dict[str, Any]) -> str | None:
        """What the vendor would not take."""
        instance = (body.get("instances") or [{}])[0]
        said = body.get("parameters") or {}
        seconds, large = said.get("durationSeconds", 8), said.get("resolution", "720p") != "720p"
        if not instance.get("prompt") and not instance.get("image"):
            return "instances[0]: prompt or image is required"
        if seconds not in (4, 6, 8) or (seconds != 8 and (large or instance.get("referenceImages"))):
            return f"parameters.durationSeconds: {seconds} is not supported here"
        if said.get("aspectRatio", "16:9") not in ("16:9", "9:16"):
            return "parameters.aspectRatio: not supported"
        if instance.get("lastFrame") and not instance.get("image"):
            return "instances[0].lastFrame: needs an image"
        return None

    def _operation(self, job: Job) -> Given:
        match self.polled(job):
            case Given() as given:
                return given
            case "running" | "stalled":
                return Given(200, {"name": job.id})
            case "unknown":
                return Given(200, {"name": job.id, "done": False, "metadata": {"state": "MEDITATING"}})
            case "gone":
                return refused(404, "NOT_FOUND", "Operation not found.")
            case Fault.POLL_MODERATED:
                reasons = ["Veo could not generate videos because the input violates the usage guidelines: 58061214"]
                return self._done(job, {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": reasons})
            case Fault():
                error = {"code": 13, "message": "Video generation failed due to an internal server issue."}
                return Given(200, {"name": job.id, "done": True, "error": error})
        video = {"bytesBase64Encoded": base64.b64encode(self._content(job)).decode(), "mimeType": "video/mp4"}
        return self._done(job, {"videos": [video]})

    def _done(self, job: Job, response: dict[str, Any]) -> Given:
        kind = "type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse"
        return Given(200, {"name": job.id, "done": True, "response": {"@type": kind, **response}})

    def _content(self, job: Job) -> bytes:
        if job.id not in self.seen:
            self.seen.add(job.id)
            return job.output
        if self.wants(Fault.OUTPUT_EMPTY):
            return b""
        if self.wants(Fault.OUTPUT_HTML):
            return b"<html><body>Please log in</body></html>"
        if self.wants(Fault.OUTPUT_WRONG_LENGTH):
            return self.other_clip
        if self.wants(Fault.OUTPUT_HALF):
            return job.output[: len(job.output) // 2]
        return job.output

    def refusal(self, fault: Fault) -> Given:
        match fault:
            case Fault.SUBMIT_AUTH:
                return refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
            case Fault.SUBMIT_FUNDS:
                return refused(403, "PERMISSION_DENIED", "This API method requires billing to be enabled.")
            case Fault.SUBMIT_MODEL_GONE:
                return refused(404, "NOT_FOUND", "Publisher Model was not found or your project does not have access to it.")
            case Fault.SUBMIT_LIMITED | Fault.POLL_LIMITED:
                return refused(429, "RESOURCE_EXHAUSTED", "Quota exceeded for aiplatform.googleapis.com.")
            case Fault.SUBMIT_MODERATED:
                return refused(400, "INVALID_ARGUMENT", "The prompt contains words that violate the usage guidelines.")
            case Fault.POLL_500:
                return refused(503, "UNAVAILABLE", "The service is currently unavailable.")
        return refused(400, "INVALID_ARGUMENT", "parameters.aspectRatio: not supported")


VENDOR = Vendor(
    service=Vertex(),
    server=VertexServer,
    model="veo-3.1-fast-generate-001",
    variables={
        "GOOGLE_VERTEX_BASE_URL": "{url}",
        "GOOGLE_OAUTH_ACCESS_TOKEN": "{key}",
        "GOOGLE_CLOUD_PROJECT": "film-project",
        "GOOGLE_CLOUD_LOCATION": "us-central1",
    },
    seconds=4,
    # Quotas are by the minute. The take lies within an answer: no download breaks off and no address expires.
    never=frozenset({Fault.SUBMIT_DAILY_CAP, Fault.OUTPUT_TRUNCATED, Fault.OUTPUT_EXPIRED}),
)
