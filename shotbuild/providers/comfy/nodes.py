"""Whether a server can run a workflow, by what it says of its nodes; and its own complaints, in a line. Makes nothing."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from shotbuild.errors import nearest
from shotbuild.host.wire import Body, Http
from shotbuild.providers.comfy.inject import Given
from shotbuild.providers.comfy.outputs import answered
from shotbuild.providers.comfy.workflow import Node, Workflow, is_link
from shotbuild.providers.interface import Facts, Objection
from shotbuild.spec.report import Refusal, listed

LINKED = frozenset(
    (
        "IMAGE", "LATENT", "MODEL", "CLIP", "VAE", "CONDITIONING", "MASK", "AUDIO", "VIDEO", "NOISE", "SAMPLER", "SIGMAS",
        "GUIDER", "CLIP_VISION", "CLIP_VISION_OUTPUT", "CONTROL_NET", "STYLE_MODEL", "UPSCALE_MODEL", "LORA_MODEL",
    )
)  # fmt: skip
"""Types of the core that no value can be written for."""
UPLOADS = ("image_upload", "video_upload", "audio_upload", "animated_image_upload", "file_upload", "upload")
CUSTOM = "custom_nodes."
FILE_NAME = re.compile(r"[^\0\n]*\.[A-Za-z0-9]{2,11}")
WHOLE = re.compile(r"\s*[+-]?\d+\s*")
DECIMAL = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
MANY = 5


def described(kind: str, http: Http) -> Body | None:
    """What a server says of a node; None when it has none of that name. Errors: ProviderUnavailable."""
    found = answered(http.get(f"object_info/{quote(kind, safe='')}").json.value).at(kind)
    return None if found is None else answered(found)


def module(said: Body) -> str:
    """Where a node comes from; `""` where it does not say."""
    return said.word("python_module")


def declared(said: Body) -> Iterator[tuple[str, Any, Mapping[str, Any], bool]]:
    """The inputs of a node: (name, type, options, has it to be there). A list of words stands for a type that has these."""
    for section, needed in (("required", True), ("optional", False)):
        table = said.at("input", section)
        for name, spec in table.items() if isinstance(table, dict) else ():
            if isinstance(spec, list) and spec:
                more = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
                yield str(name), spec[0], more, needed


def objections(
    workflow: Workflow, bound: Mapping[str, Mapping[str, Given]], unknown: Iterable[tuple[str, str]], http: Http
) -> list[Objection]:
    """What of a workflow a server cannot do. bound: node → input → value; unknown: inputs of which only the type is known,
    as (node, input). Errors: ProviderUnavailable."""
    found: list[Objection] = []
    saves = False
    said = {kind: described(kind, http) for kind in workflow.kinds}
    free = set(unknown)
    for node in workflow.nodes.values():
        about = said[node.kind]
        if about is None:
            found.append(
                Objection(
                    key="workflow",
                    message=f"the server has no node `{node.kind}`",
                    cause=f"it is {node}",
                    remedy="install what offers it on the server, or update the server",
                )
            )
            continue
        saves |= about.at("output_node") is True
        given = bound.get(node.id, {})
        known = {name for name, *_ in declared(about)}
        for name in sorted(set(given) - known):
            # Some nodes of others take inputs that they do not tell of. The core ignores them without a word.
            if name.partition(".")[0] not in known and not module(about).startswith(CUSTOM):
                guess = nearest(name, sorted(known))
                remedy = f"did you mean `{guess}`?" if guess else "name an input that the node has"
                message = f"{node} takes no `{name}`, and would ignore it"
                found.append(Objection(key="inject", message=message, cause=listed(sorted(known)), remedy=remedy))
        for name, kind, more, needed in declared(about):
            if name in given:
                found += _value(node, name, kind, more, given[name], (node.id, name) in free, "inject")
            elif name in node.inputs and not is_link(node.inputs[name]):
                found += _value(node, name, kind, more, node.inputs[name], False, "workflow")
            elif needed and name not in node.inputs and not _is_dynamic(kind):
                message = f"{node} needs `{name}`"
                found.append(Objection(key="workflow", message=message, remedy="export the workflow anew from this server"))
    if not saves and not found:
        message, remedy = "nothing in this workflow is an output for the server", "end it in a node such as SaveVideo"
        found.append(Objection(key="workflow", message=message, remedy=remedy))
    return list(dict.fromkeys(found))


def beside_lock(workflow: Workflow, digest: str, facts: Facts) -> list[Objection]:
    """The same as far as the lock can tell."""
    lacking = [kind for kind in workflow.kinds if facts.pinned.get(f"node {kind}") is None]
    take_on = "start the server and say `shotbuild lock --update`"
    if lacking:
        message = f"the lock has no node `{lacking[0]}`, and the server cannot be asked"
        return [Objection(key="workflow", message=message, cause=", ".join(lacking[:MANY]), remedy=take_on)]
    if facts.pinned.get("workflow") != digest:
        message = "this is another workflow than the lock has"
        return [Objection(key="workflow", message=message, remedy=take_on)]
    return []


def objection(key: str, refusal: Refusal, before: str = "") -> Objection:
    return Objection(key=key, message=f"{before}{refusal.message}", cause=refusal.cause or "", remedy=refusal.hint or "")


def complaints(reply: Body) -> str:
    """Why a server will not run a workflow, node by node. Tracebacks and values stay behind."""
    rows = []
    errors = reply.at("node_errors")
    for name, said in list(errors.items())[:MANY] if isinstance(errors, dict) else ():
        told = Body(said)
        for each in list(told.rows("errors"))[:MANY]:
            input_name = each.word("extra_info", "input_name")
            where = f"node {name[:40]} ({told.word('class_type')[:80]}){f' `{input_name[:80]}`' if input_name else ''}"
            what = each.word("message") if each.word("type").startswith("exception") else _both(each)
            rows.append(f"{where}: {what[:300]}")
    if not rows:
        rows = [_both(Body(reply.at("error")))[:600] or "it does not say why"]
    return "; ".join(rows)[:1500]


def _both(said: Body) -> str:
    return ": ".join(part for part in (said.word("message"), said.word("details")) if part)


def options(kind: Any, more: Mapping[str, Any]) -> list[Any] | None:
    """The words of an input that takes one of some; None when it is of another type."""
    words = kind if isinstance(kind, list) else more.get("options") if kind == "COMBO" else None
    return words if isinstance(words, list) else None


def is_of_files(words: list[Any], more: Mapping[str, Any]) -> bool:
    """Whether the words are names of files, which come and go."""
    named = any(isinstance(word, str) and FILE_NAME.fullmatch(word) for word in words)
    return not words or named or any(more.get(flag) for flag in UPLOADS) or "remote" in more


def _is_dynamic(kind: Any) -> bool:
    """Whether it holds other inputs, named with a point: `format.codec`."""
    return isinstance(kind, str) and kind.startswith("COMFY_")


def _value(
    node: Node, name: str, kind: Any, more: Mapping[str, Any], value: Any, unknown: bool, key: str
) -> Iterator[Objection]:
    """unknown: what it will be is not known before the take is asked for, only of which type."""
    words = options(kind, more)
    shown = f"`{str(value)[:80]}`"
    if words is not None:
        held = is_of_files(words, more) and any(more.get(flag) for flag in UPLOADS)
        if not unknown and not held and not any(word == value or str(word) == str(value) for word in words):
            guess = nearest(str(value), [str(word) for word in words])
            yield Objection(
                key=key,
                message=f"the server has no {shown} for `{name}` of {node}",
                cause=listed([str(word)[:80] for word in words]),
                remedy=f"did you mean `{guess}`?" if guess else "put the file on the server, or name one that is there",
            )
        return
    fits = {"INT": _whole, "FLOAT": _number, "BOOLEAN": _truth}.get(kind if isinstance(kind, str) else "")
    if kind in LINKED if isinstance(kind, str) else False:
        yield Objection(
            key=key,
            message=f"`{name}` of {node} takes what another node makes, of type {kind}",
            remedy="bind a value of the node that makes it",
        )
    elif fits is not None and not fits(value):
        message = f"`{name}` of {node} takes {kind}, and is given {shown}"
        yield Objection(key=key, message=message, remedy="give it a value of that type")
    elif kind in ("INT", "FLOAT") and not unknown:
        low, high = more.get("min"), more.get("max")
        if not _within(float(value), low, high):
            message = f"`{name}` of {node} is given {shown}"
            yield Objection(key=key, message=message, cause=f"it takes {low} to {high}", remedy="give it one within that")


def _within(value: float, low: Any, high: Any) -> bool:
    least = low if isinstance(low, int | float) else value
    most = high if isinstance(high, int | float) else value
    return bool(least <= value <= most)


def _whole(value: Any) -> bool:
    return type(value) is int or (type(value) is float and value.is_integer()) or bool(WHOLE.fullmatch(_text(value)))


def _number(value: Any) -> bool:
    return type(value) in (int, float) or bool(DECIMAL.fullmatch(_text(value)))


def _truth(value: Any) -> bool:
    return isinstance(value, bool)  # any text that is not empty would be true


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
