"""Provider `comfyui`: a ComfyUI server of one's own. Sources: servers of version 0.33.0 and 0.3.64 (asked), source of both.

The id of a prompt is ours, so one whose answer was lost is looked up. A server knows its prompts for as long as it runs: one
that it knows no longer, and that left no film behind, is asked for again under another id.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlencode

from shotbuild.errors import (
    BadTake,
    KeyRefused,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    VendorFault,
)
from shotbuild.host.wire import Body, Http, Part, Reply
from shotbuild.providers.comfy import facts, inject, nodes
from shotbuild.providers.comfy.outputs import Saved, answered, failure, left_over, state_of, the_take
from shotbuild.providers.comfy.workflow import FOLDER, Workflow, digest_of, load
from shotbuild.providers.common import kind_of
from shotbuild.providers.interface import (
    Address,
    Doubt,
    Facts,
    Finds,
    Model,
    Objection,
    Request,
    Site,
    State,
    Status,
    Strength,
    Wish,
)
from shotbuild.records import FREE, Fields, Operation, Price
from shotbuild.spec.fields import REQUIRED, Field, text, truth
from shotbuild.spec.kinds import FilePath
from shotbuild.spec.report import Refusal

KEY = "SHOTBUILD_COMFY_TOKEN"
PLACES = {"pending": State.QUEUED, "in_progress": State.RUNNING}
MODEL = Model(
    name="workflow",
    version="as the lock has it",
    fields={
        "workflow": Field(FilePath(template=True), REQUIRED, "The workflow, as ComfyUI exports it for its API."),
        "inject": Field(inject.Bindings(), "{}", "Inputs of its nodes and what they are given."),
        "output": text(default=None, doc="The node whose file is the take, where several save films.", longest=200),
        "sound": truth(default=False, doc="Whether its takes carry sound."),
    },
    roles=inject.ROLES,
    seconds=3600,
    strength=Strength.CONTENT,
    files=("workflow",),
    # One is made at a time. Another one waits behind it, so that the server is never idle.
    at_once=2,
    notes="A server of one's own. What of it cannot be read, the lock says under `unread`.",
)


class ComfyUI:
    name = "comfyui"
    models: Mapping[str, Model] = {MODEL.name: MODEL}
    address = "http://127.0.0.1:8188"
    variable = "SHOTBUILD_COMFY_URL"
    origins: tuple[str, ...] = ()
    keys: tuple[tuple[str, ...], ...] = ((KEY,), ())
    variables: tuple[str, ...] = ()
    pace = 1.0
    finds = Finds.BY_ID

    def price(self, model: str, request: Fields) -> Price:
        return FREE

    def has_sound(self, model: str, settings: Fields) -> bool:
        return settings.get("sound") is True

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        return inject.objections(wish)

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        token = keys.get(KEY)
        return {"Authorization": f"Bearer {token}"} if token else {}

    def fault(self, reply: Reply) -> ProviderError | None:
        if reply.ok:
            dropped = reply.json.at("node_errors") if reply.json.word("prompt_id") else None
            if not dropped:
                return None
            # Outputs that cannot be made are left out without a word, and the rest is made and called a success.
            return ProviderRefused("ComfyUI would make only a part of this", cause=nodes.complaints(reply.json))
        message = f"ComfyUI answered {reply.status}"
        if reply.status == 400 and reply.json.word("error", "type"):
            hint = "correct the workflow, or install what the server lacks"
            return ProviderRefused("ComfyUI refused the workflow", cause=nodes.complaints(reply.json), hint=hint)
        if reply.status in (401, 403):
            return KeyRefused(f"{message}: what stands before it wants another key", hint=f"check {KEY}")
        if reply.status == 413:
            hint = "start the server with a larger `--max-upload-size`"
            return ProviderRefused("a reference is too large for ComfyUI", hint=hint)
        if reply.status == 429:
            return RateLimited.after(reply.wait, message)
        return ProviderUnavailable(message, cause=reply.text[:200] or None)

    # --- one take -------------------------------------------------------------------------------------------------------

    def submit(self, request: Request, http: Http) -> Operation:
        values, output = inject.bindings(request.settings), request.settings.get("output")
        try:
            workflow = load(request.file("workflow") or Path())
            workflow.bound(values)  # before anything is sent up
            used = frozenset[str]().union(*map(inject.mentioned, values.values()))
            sent = {role: _sent_up(path, http) for role, path in sorted(request.references) if role in used}
            bound = workflow.bound(inject.rendered(values, {**inject.told(request), **sent}))
            graph = workflow.graph(bound, request.client, output if isinstance(output, str) else None)
        except Refusal as refusal:
            raise ProviderRefused(refusal.message, cause=refusal.cause, hint=refusal.hint) from refusal
        try:
            # Never a `number`: two of one number and id stop the server's worker for good.
            reply = http.pay("prompt", {"prompt": graph, "prompt_id": request.client})
        except ProviderRefused:
            # What was accepted in part would be made. This answers last, too, and is what is kept of a refusal, in place of
            # tracebacks.
            with suppress(ProviderError):
                self._drop(request.client, http)
            raise
        return Operation(provider=self.name, id=reply.json.text("prompt_id"), submitted="")

    def poll(self, operation: Operation, http: Http) -> Status:
        entry = _history(operation.id, http)
        if entry is None:
            waiting = _waiting(operation.id, http)
            if waiting is not None:
                return _under_way(waiting, http)
            # It may have gone from the queue to the history between the two looks.
            entry = _history(operation.id, http)
        if entry is None:
            return _lost(operation.id, http)
        state = state_of(entry)
        fault: ProviderError | None = failure(entry) if state is State.FAILED else None
        if state is State.DONE:
            try:
                saved = the_take(entry, operation.id)
            except BadTake as error:
                fault = error
            else:
                fault = (
                    None if _is_there(saved, http) else VendorFault("the film was deleted on the server", cause=str(saved))
                )
        word = entry.word("status", "status_str")
        return Status(state=state if fault is None else State.FAILED, word=word, fault=fault)

    def locate(self, operation: Operation, http: Http) -> Address:
        entry = _history(operation.id, http)
        saved = left_over(operation.id, http) if entry is None else the_take(entry, operation.id)
        if saved is None:
            raise ProviderUnavailable("ComfyUI no longer knows it", cause=operation.id)
        return Address(url=f"view?{urlencode(saved.query)}", bare=False)

    def cancel(self, operation: Operation, http: Http) -> bool:
        if _history(operation.id, http) is not None:
            return False
        self._drop(operation.id, http)
        # It may have come to its end meanwhile.
        entry = _history(operation.id, http)
        return entry is None or state_of(entry) is State.CANCELLED

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        name = doubt.request.client
        known = _history(name, http) or _waiting(name, http) or _history(name, http) or left_over(name, http)
        return Operation(provider=self.name, id=name, submitted="") if known else None

    def _drop(self, name: str, http: Http) -> None:
        """Takes one prompt back, waiting or running, and no other: an interrupt without an id would stop anybody's."""
        reply = http.send("POST", f"api/jobs/{quote(name, safe='')}/cancel", body={}, allow=(404, 405))
        if not reply.ok or not isinstance(reply.json.at("cancelled"), bool):
            http.send("POST", "queue", body={"delete": [name]})
            http.send("POST", "interrupt", body={"prompt_id": name})

    # --- what it is -----------------------------------------------------------------------------------------------------

    def subject(self, model: str, settings: Fields) -> str:
        values = inject.bindings(settings)
        same = {"keys": sorted(values), "fixed": inject.fixed(values)}
        mark = f"#{digest_of(same).removeprefix('sha256:')[:8]}" if values else ""
        return f"{settings.get('workflow')}{mark}"

    def examine(self, model: str, settings: Fields, site: Site) -> Facts:
        assert site.http is not None, "a service is looked at through a line"
        values = inject.bindings(settings)
        try:
            workflow = _workflow(settings, site)
            bound = workflow.bound(values)
        except Refusal as refusal:
            raise ProviderRefused(refusal.message, cause=refusal.cause, hint=refusal.hint) from refusal
        return facts.read(
            workflow, workflow.digest(bound), workflow.weights(_fixed(workflow, values)), site.http, site.digest
        )

    def inspect(self, model: str, wish: Wish, facts: Facts | None, site: Site) -> Iterable[Objection]:
        values, output = inject.bindings(wish.settings), wish.settings.get("output")
        try:
            workflow = _workflow(wish.settings, site)
        except Refusal as refusal:
            return [nodes.objection("workflow", refusal)]
        found: list[Objection] = []
        for key in values:
            try:
                workflow.place(key)
            except Refusal as refusal:
                found.append(nodes.objection("inject", refusal, f"`{key}`: "))
        try:
            workflow.film(output if isinstance(output, str) else None)
            bound = workflow.bound(inject.rendered(values, inject.foretold(wish)))
        except Refusal as refusal:
            # What cannot be rendered was told by `objections`, and what cannot be bound a moment ago.
            return found if found or list(self.objections(model, wish)) else [nodes.objection("output", refusal)]
        try:
            assert site.http is not None, "a service is looked at through a line"
            free = {key for key, value in values.items() if inject.mentioned(value) & {"seed", *inject.ROLES}}
            unknown = {(node.id, name) for node, name in map(workflow.place, free)}
            return nodes.objections(workflow, bound, unknown, site.http)
        except ProviderUnavailable:
            if facts is None:
                raise
            return nodes.beside_lock(workflow, workflow.digest(bound), facts)


# --- what is asked -------------------------------------------------------------------------------------------------------


def _workflow(settings: Fields, site: Site) -> Workflow:
    return load(site.root / settings.text("workflow"))


def _fixed(workflow: Workflow, values: Mapping[str, inject.Given]) -> dict[str, dict[str, inject.Given]]:
    """What is bound to the same value in all shots, and `""` for the rest."""
    same = inject.fixed(values)
    return workflow.bound({key: same.get(key, "") for key in values})


def _sent_up(path: Path, http: Http) -> str:
    """A reference, under its digest: what lies there already is not written twice. Gives the name that nodes know it by."""
    media, suffix = kind_of(path)
    form = (
        ("image", Part(content=path, name=f"{path.name[:12]}.{suffix}", kind=media)),
        ("type", Part(content="input")),
        ("subfolder", Part(content=f"{FOLDER}/{path.name}")),
    )
    reply = http.send("POST", "upload/image", form=form).json
    # A file of that name that has other bytes is kept, and ours gets another name.
    folder = reply.word("subfolder").replace("\\", "/")
    return f"{folder}/{reply.text('name')}" if folder else reply.text("name")


# --- what comes back -----------------------------------------------------------------------------------------------------


def _history(name: str, http: Http) -> Body | None:
    """The entry of a prompt that ended; None for one that waits, runs, or is not known."""
    entry = answered(http.get(f"history/{quote(name, safe='')}").json.value).at(name)
    return None if entry is None else answered(entry)


def _waiting(name: str, http: Http) -> State | None:
    """Whether a prompt waits or runs; None when it does neither."""
    reply = http.get(f"api/jobs/{quote(name, safe='')}", allow=(404, 405))
    if reply.ok or reply.json.word("error"):
        word = reply.json.word("status")
        return (PLACES.get(word) or State.RUNNING) if word not in ("", "completed", "failed", "cancelled") else None
    # Older servers do not know this address. Theirs shows everybody's prompts.
    queue = answered(http.get("queue").json.value)
    for place, state in (("queue_running", State.RUNNING), ("queue_pending", State.QUEUED)):
        if any(row.at(1) == name for row in queue.rows(place)):
            return state
    return None


def _under_way(state: State, http: Http) -> Status:
    """How many are before it moves while it waits. It is asked last, because the last answer is kept: the others hold
    whole workflows, and not only ours."""
    left = http.get("prompt").json.number("exec_info", "queue_remaining")
    word = "generating" if state is State.RUNNING else f"waiting, {left or 0:.0f} in the queue"
    return Status(state=state, word=word)


def _is_there(saved: Saved, http: Http) -> bool:
    return http.send("HEAD", "view", query=saved.query, allow=(404, 405, 501)).status != 404


def _lost(name: str, http: Http) -> Status:
    """The server was started anew, or somebody took the prompt out of its queue."""
    if left_over(name, http) is not None:
        return Status(state=State.DONE, word="saved before the server was stopped")
    return Status(state=State.GONE, word="lost")
