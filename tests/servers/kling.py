"""Speaks the wire format of Kling's 3.0 family, as its documentation shows it: there is no SDK that could check it."""

from typing import Any

from shotbuild.providers.kling import MODELS, SHAPES, Kling
from tests.servers.service import Asked, Fault, Given, Job, VendorServer
from tests.servers.vendors import Vendor

CREATED = 1795168800000
PRICES = {"720p": 84, "1080p": 112, "4k": 420}
"""Thousandths of a dollar for a second without sound."""
REFUSALS = {
    Fault.SUBMIT_AUTH: (401, 1002, "Authorization is invalid"),
    Fault.SUBMIT_FUNDS: (429, 1102, "Account balance not enough"),
    Fault.SUBMIT_LIMITED: (429, 1303, "parallel task over resource pack limit"),
    Fault.POLL_LIMITED: (429, 1302, "API request too fast"),
    Fault.SUBMIT_MODERATED: (400, 1301, "Content safety policy triggered"),
    Fault.SUBMIT_MODEL_GONE: (404, 1203, "Model not found"),
    Fault.SUBMIT_INVALID: (400, 1201, "settings.duration: invalid value"),
    Fault.POLL_500: (503, 5001, "Server temporarily unavailable"),
}
CENSURED = "Failure to pass the risk control system"


def told(status: int, code: int, message: str) -> Given:
    return Given(status, {"code": code, "message": message, "request_id": "r-1"})


def good(data: Any) -> Given:
    return Given(200, {"code": 0, "message": "SUCCEED", "request_id": "r-1", "data": data})


class KlingServer(VendorServer):
    def new_id(self, serial: int) -> str:
        return str(893605946402811000 + serial)

    def answer(self, asked: Asked) -> Given:
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            return self.refusal(Fault.SUBMIT_AUTH)
        match asked.method, asked.path.strip("/").split("/"):
            case "POST", ["text-to-video" | "image-to-video" | "omni-video" as family, model]:
                if model not in MODELS or (family == "omni-video") != model.endswith("-omni"):
                    return self.refusal(Fault.SUBMIT_MODEL_GONE)
                return self._submitted(asked, family, model)
            case "GET", ["tasks"]:
                return self._tasks(asked)
        return told(404, 1202, "method is invalid")

    def external(self, job: Job) -> str:
        return str(job.request.body["options"]["external_task_id"])

    def _submitted(self, asked: Asked, family: str, model: str) -> Given:
        wrong = self._wrong(asked.body or {}, family, model)
        if wrong is not None:
            return told(400, 1201, wrong)
        job = self.accept(asked)
        if isinstance(job, Given):
            return job
        return good(self._row(job, "submitted"))

    def _wrong(self, body: dict[str, Any], family: str, model: str) -> str | None:
        """What the vendor would not take."""
        settings, kinds = body.get("settings", {}), [item.get("type") for item in body.get("contents", [])]
        known = {"resolution", "duration", "aspect_ratio"} | (set() if model.endswith("turbo") else {"audio", "multi_shot"})
        if unknown := set(settings) - known:
            return f"settings: unknown {', '.join(sorted(unknown))}"
        if not body.get("prompt") if family == "text-to-video" else "prompt" not in kinds:
            return "prompt: required"
        if (family == "image-to-video" or "last_frame" in kinds) and "first_frame" not in kinds:
            return "contents: first_frame is required"
        if any(str(item.get("url", "")).startswith("data:") for item in body.get("contents", [])):
            return "contents: base64 without a prefix"
        if settings.get("duration", 5) not in range(3, 16):
            return "settings.duration: invalid value"
        if settings.get("resolution", "720p") not in PRICES or settings.get("aspect_ratio", "16:9") not in SHAPES:
            return "settings: invalid value"
        if family == "omni-video" and "first_frame" not in kinds and "aspect_ratio" not in settings:
            return "settings.aspect_ratio: required"
        external = body.get("options", {}).get("external_task_id")
        if not external or any(external == self.external(job) for job in self.jobs.values()):
            return "options.external_task_id: not unique"
        return None

    def _tasks(self, asked: Asked) -> Given:
        if external := asked.query.get("external_task_ids"):
            found = [job for job in self.jobs.values() if self.external(job) in external.split(",")]
            return good([self._row(job, "processing") for job in found])
        name = asked.query.get("task_ids", "")
        return self._polled(self.jobs[name]) if name in self.jobs else told(404, 1203, "task not found")

    def _polled(self, job: Job) -> Given:
        match self.polled(job):
            case Given() as given:
                return given
            case "running" | "stalled":
                return good([self._row(job, "processing")])
            case "unknown":
                return good([self._row(job, "meditating")])
            case "gone":
                return told(404, 1203, "task not found")
            case Fault() as fault:
                said = CENSURED if fault is Fault.POLL_MODERATED else "Internal error"
                return good([{**self._row(job, "failed"), "message": said, "billing": []}])
        video = {"type": "video", "id": f"v-{job.id}", "url": self.fresh_address(job), "duration": "5.041"}
        return good([{**self._row(job, "succeeded"), "outputs": [video], "billing": [self._bill(job)]}])

    def _row(self, job: Job, word: str) -> dict[str, Any]:
        times = {"create_time": CREATED, "update_time": CREATED + 1000}
        return {"id": job.id, "status": word, "message": "", **times, "external_id": self.external(job)}

    def _bill(self, job: Job) -> dict[str, str]:
        settings = job.request.body["settings"]
        amount = f"{PRICES[settings['resolution']] * settings['duration'] / 1000:.3f}"
        return {"charge_type": "cash", "cash_type": "balance", "amount": amount, "currency": "USD", "list_price": amount}

    def refusal(self, fault: Fault) -> Given:
        return told(*REFUSALS[fault])


VENDOR = Vendor(
    service=Kling(),
    server=KlingServer,
    model="kling-3.0",
    variables={"KLING_BASE_URL": "{url}", "KLING_API_KEY": "{key}"},
    # It limits what runs at once, and nothing by the day.
    never=frozenset({Fault.SUBMIT_DAILY_CAP}),
)
