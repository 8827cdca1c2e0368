"""Speaks the wire format of Kling's /v1/videos, as its documentation and `vercel/ai` show it: there is no SDK."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from shotbuild.providers.kling_legacy import MODELS, KlingLegacy
from tests.servers.kling import CENSURED, CREATED, REFUSALS, good, told
from tests.servers.service import Asked, Fault, Given, Job, VendorServer
from tests.servers.vendors import Vendor

ACCESS = "test-access-key"


class KlingLegacyServer(VendorServer):
    """key: the secret that tokens are signed with."""

    def new_id(self, serial: int) -> str:
        return f"CjN{serial:013d}"

    def answer(self, asked: Asked) -> Given:
        wrong = self._wrong_token(asked.headers.get("authorization", ""))
        if wrong is not None:
            return told(401, *wrong)
        match asked.method, asked.path.strip("/").split("/"):
            case "POST", ["v1", "videos", "text2video" | "image2video" as kind]:
                return self._submitted(asked, kind)
            case "GET", ["v1", "videos", kind, name]:
                return self._asked_for(kind, name)
        return told(404, 1202, "method is invalid")

    def _wrong_token(self, header: str) -> tuple[int, str] | None:
        """Code and message by which a token is refused; None = it is good."""
        if not header.startswith("Bearer "):
            return 1001, "Authorization is empty"
        try:
            head, claims, signature = header.removeprefix("Bearer ").split(".")
            made = hmac.new(self.key.encode(), f"{head}.{claims}".encode(), hashlib.sha256).digest()
            said = json.loads(_bytes(claims))
            good_token = hmac.compare_digest(made, _bytes(signature)) and said["iss"] == ACCESS
            if json.loads(_bytes(head)) != {"alg": "HS256", "typ": "JWT"} or not good_token:
                return 1002, "Authorization is invalid"
            if said["nbf"] > time.time():
                return 1003, "Authorization is not yet valid"
            return (1004, "Authorization has expired") if said["exp"] <= time.time() else None
        except (ValueError, KeyError):
            return 1002, "Authorization is invalid"

    def _submitted(self, asked: Asked, kind: str) -> Given:
        body = asked.body or {}
        if body.get("model_name") not in MODELS:
            return self.refusal(Fault.SUBMIT_MODEL_GONE)
        wrong = self._wrong(body, kind)
        if wrong is not None:
            return told(400, 1201, wrong)
        job = self.accept(asked)
        return job if isinstance(job, Given) else good(self._task(job, "submitted"))

    def _wrong(self, body: dict[str, Any], kind: str) -> str | None:
        """What the vendor would not take."""
        name, external = body["model_name"], body.get("external_task_id")
        lengths = range(3, 16) if name == "kling-v3" else (5, 10)
        if body.get("duration", "5") not in [str(length) for length in lengths]:
            return "duration: invalid value, text is wanted"
        if kind == "text2video" and not body.get("prompt"):
            return "prompt: required"
        if ("image" in body) != (kind == "image2video") or ("image_tail" in body and "image" not in body):
            return "image: invalid"
        if body.get("mode", "std") not in ("std", "pro") or body.get("sound", "off") not in ("on", "off"):
            return "mode, sound: invalid value"
        if name.startswith("kling-v2") and ("cfg_scale" in body or (body.get("sound") == "on" and body["mode"] != "pro")):
            return "cfg_scale, sound: not supported by this model"
        if name == "kling-v2-5-turbo" and "sound" in body:
            return "sound: not supported by this model"
        if external and any(external == self.external(job) for job in self.jobs.values()):
            return "external_task_id: not unique"
        return None

    def external(self, job: Job) -> str:
        return str(job.request.body.get("external_task_id", ""))

    def _asked_for(self, kind: str, name: str) -> Given:
        for job in self.jobs.values():
            if job.request.path.endswith(kind) and name in (job.id, self.external(job)):
                return self._polled(job) if name == job.id else good(self._task(job, "processing"))
        return told(404, 1203, "task not found")

    def _polled(self, job: Job) -> Given:
        match self.polled(job):
            case Given() as given:
                return given
            case "running" | "stalled":
                return good(self._task(job, "processing"))
            case "unknown":
                return good(self._task(job, "meditating"))
            case "gone":
                return told(404, 1203, "task not found")
            case Fault() as fault:
                said = CENSURED if fault is Fault.POLL_MODERATED else "Internal error"
                return good({**self._task(job, "failed"), "task_status_msg": said})
        video = {"id": f"v-{job.id}", "url": self.fresh_address(job), "duration": "5.1"}
        return good({**self._task(job, "succeed"), "task_result": {"videos": [video]}, "final_unit_deduction": "1.5"})

    def _task(self, job: Job, word: str) -> dict[str, Any]:
        times = {"created_at": CREATED, "updated_at": CREATED + 1000}
        info = {"external_task_id": self.external(job)}
        return {"task_id": job.id, "task_status": word, "task_status_msg": "", "task_info": info, **times}

    def refusal(self, fault: Fault) -> Given:
        return told(*REFUSALS[fault])


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


VENDOR = Vendor(
    service=KlingLegacy(),
    server=KlingLegacyServer,
    model="kling-v2-6",
    variables={"KLING_BASE_URL": "{url}", "KLING_ACCESS_KEY": ACCESS, "KLING_SECRET_KEY": "{key}"},
    # It limits what runs at once, and nothing by the day.
    never=frozenset({Fault.SUBMIT_DAILY_CAP}),
)
