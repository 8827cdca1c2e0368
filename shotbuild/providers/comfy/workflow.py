"""A workflow of ComfyUI in its API format: read, checked, its inputs named, and as it is sent. Knows no server."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shotbuild.errors import nearest
from shotbuild.providers.comfy.inject import Given
from shotbuild.spec.report import Refusal, listed

PREFIX = "filename_prefix"
"""The input of each node that saves: every one known, of the core and of others, calls it so."""
FOLDER = "shotbuild"
"""Below the server's folders: where our references and our takes lie."""
TAKE = "take"
FILMS = ("SaveVideo", "SaveWEBM", "VHS_VideoCombine")
"""Nodes that save films: of several nodes that save, the one of these is meant."""
LARGEST = 16 << 20
WEIGHTS = re.compile(r"[^\0\n]{1,500}\.(safetensors|sft|ckpt|pt|pth|bin|gguf|onnx|pkl)", re.IGNORECASE)
"""How an input looks that names a file of weights."""
EXPORT = "export it anew in ComfyUI with Workflow › Export (API)"


@dataclass(frozen=True, slots=True)
class Node:
    """kind: the class that does the work; title: what a person called it, `""` = nothing; inputs: name → literal or link."""

    id: str
    kind: str
    title: str
    inputs: Mapping[str, Any]

    def __str__(self) -> str:
        return f"node {self.id} ({self.title or self.kind})"


@dataclass(frozen=True, slots=True)
class Workflow:
    nodes: Mapping[str, Node]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(sorted({node.kind for node in self.nodes.values()}))

    @property
    def saving(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes.values() if PREFIX in node.inputs)

    def place(self, key: str) -> tuple[Node, str]:
        """The node and the input that a key names: `6.inputs.text`, `6.text`, or with the node's title. Errors: Refusal."""
        dots = [found.start() for found in re.finditer(r"\.", key)]
        for dot in dots:
            named, name = key[:dot], key[dot + 1 :].removeprefix("inputs.")
            if name and (named in self.nodes or self._titled(named)):
                node = self.node(named)
                _check_input(node, name)
                return node, name
        return self.node(key.partition(".inputs.")[0] if ".inputs." in key else key.partition(".")[0]), ""

    def node(self, named: str) -> Node:
        """By its id, else by its title. Errors: Refusal."""
        if named in self.nodes:
            return self.nodes[named]
        found = self._titled(named)
        if len(found) == 1:
            return found[0]
        if found:
            cause = f"they are {', '.join(node.id for node in found)}"
            hint = "name one by its number, or give them titles of their own"
            raise Refusal(f"{len(found)} nodes are titled {named[:80]!r}", cause=cause, hint=hint)
        known = sorted({*self.nodes, *(node.title for node in self.nodes.values() if node.title)})
        guess = nearest(named, known)
        hint = f"did you mean `{guess}`?" if guess else "name a node by its number or its title"
        raise Refusal(f"the workflow has no node {named[:80]!r}", cause=listed(known), hint=hint)

    def film(self, output: str | None) -> Node | None:
        """The node whose file is the take; None = it is known when there are files. output: the setting. Errors: Refusal."""
        if output is not None:
            node = self.node(output)
            if PREFIX not in node.inputs:
                raise Refusal(f"{node} saves nothing", hint=f"name one of {', '.join(each.id for each in self.saving)}")
            return node
        films = [node for node in self.saving if node.kind in FILMS]
        if len(films) > 1:
            raise Refusal(
                f"{len(films)} nodes save films",
                cause=", ".join(str(node) for node in films),
                hint=f"name the one whose film is the take: `output: {films[0].title or films[0].id}`",
            )
        likely = films or list(self.saving)
        return likely[0] if len(likely) == 1 else None

    def bound(self, values: Mapping[str, Given]) -> dict[str, dict[str, Given]]:
        """Node → input → value. values: by keys. Errors: Refusal."""
        found: dict[str, dict[str, Given]] = {}
        for key, value in values.items():
            node, name = self.place(key)
            if name in found.setdefault(node.id, {}):
                raise Refusal(f"`{name}` of {node} is bound twice", hint=f"take `{key}` out, or the other one")
            found[node.id][name] = value
        return found

    def graph(self, bound: Mapping[str, Mapping[str, Given]], client: str, output: str | None) -> dict[str, Any]:
        """What is sent. All files of an attempt begin with its own id: an equal prefix would be answered from the server's
        cache, with a file that may be gone. Errors: Refusal."""
        film = self.film(output)
        names = {
            node.id: TAKE if film is None or node.id == film.id else f"other-{number}"
            for number, node in enumerate(self.saving, 1)
        }
        return {
            node.id: {
                "class_type": node.kind,
                "inputs": {
                    **node.inputs,
                    **bound.get(node.id, {}),
                    **({PREFIX: f"{FOLDER}/{client}/{names[node.id]}"} if node.id in names else {}),
                },
            }
            for node in self.nodes.values()
        }

    def digest(self, bound: Mapping[str, Mapping[str, Given]]) -> str:
        """Of what stays the same from take to take."""
        kept = {
            node.id: {
                "class_type": node.kind,
                "inputs": {
                    name: value
                    for name, value in node.inputs.items()
                    if name != PREFIX and name not in bound.get(node.id, {})
                },
            }
            for node in self.nodes.values()
        }
        return digest_of(kept)

    def weights(self, bound: Mapping[str, Mapping[str, Given]]) -> tuple[str, ...]:
        """The files of weights that it names, with the values that are bound."""
        values = [value for node in self.nodes.values() for value in {**node.inputs, **bound.get(node.id, {})}.values()]
        return tuple(sorted({value for value in values if isinstance(value, str) and WEIGHTS.fullmatch(value)}))

    def _titled(self, title: str) -> list[Node]:
        return [node for node in self.nodes.values() if node.title == title]


def load(path: Path) -> Workflow:
    """Errors: Refusal."""
    try:
        if path.stat().st_size > LARGEST:
            raise Refusal("this file is too large for a workflow", hint=EXPORT)
        return read(path.read_bytes())
    except OSError as error:
        raise Refusal("the workflow cannot be read", cause=error.strerror, hint="check the file") from error


def read(content: bytes) -> Workflow:
    """Errors: Refusal for what is no workflow that could be sent."""
    try:
        said = json.loads(content, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise Refusal("this is no JSON", cause=str(error)[:200], hint=EXPORT) from error
    if isinstance(said, dict) and isinstance(said.get("nodes"), list) and "links" in said:
        raise Refusal(
            "this is a workflow as ComfyUI's editor saves it",
            cause="it says where nodes stand, and the server takes only what they do",
            hint=EXPORT,
        )
    if not isinstance(said, dict) or not said:
        raise Refusal("this is no workflow: a workflow is an object of nodes", hint=EXPORT)
    workflow = Workflow({name: _node(name, each) for name, each in said.items()})
    for node in workflow.nodes.values():
        for name, target in links(node):
            if target not in workflow.nodes:
                raise Refusal(
                    f"`{name}` of {node} is linked to node {target[:40]}, which is not there",
                    hint="link it to another node, or export the workflow anew",
                )
    if circle := _circle(workflow):
        raise Refusal(
            "the workflow feeds itself: no node could be done first",
            cause=" → ".join(circle),
            hint="take one of these links out, and export the workflow anew",
        )
    if not workflow.saving:
        raise Refusal(
            "nothing in this workflow saves a file",
            cause=f"no node has the input `{PREFIX}`",
            hint="end it in a node that does, such as SaveVideo",
        )
    return workflow


def _circle(workflow: Workflow) -> list[str]:
    """The ids of nodes of which each is fed by the next, the first one again at the end; empty where there are none."""
    done: set[str] = set()
    for start in workflow.nodes:
        way: list[str] = []
        waiting = [(start, False)]
        while waiting:
            name, left = waiting.pop()
            if left:
                done.add(way.pop())
            elif name in way:
                return [*way[way.index(name) :], name]
            elif name not in done:
                way.append(name)
                waiting.append((name, True))
                waiting += [(target, False) for _, target in links(workflow.nodes[name])]
    return []


def links(node: Node) -> Iterator[tuple[str, str]]:
    """Inputs that another node feeds: (name, id of that node)."""
    for name, value in node.inputs.items():
        if is_link(value):
            yield name, value[0]


def is_link(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and type(value[1]) in (int, float)


def digest_of(value: Any) -> str:
    """Of JSON, numbers with a point among it, which manifests have none of."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _node(name: str, said: Any) -> Node:
    kind = said.get("class_type") if isinstance(said, dict) else None
    if not isinstance(kind, str) or not kind:
        raise Refusal(f"node {name[:80]!r} has no `class_type`", hint=EXPORT)
    inputs, meta = said.get("inputs", {}), said.get("_meta")
    if not isinstance(inputs, dict):
        raise Refusal(f"the inputs of node {name[:80]!r} are no object", hint=EXPORT)
    title = meta.get("title") if isinstance(meta, dict) else None
    return Node(name, kind, title if isinstance(title, str) else "", inputs)


def _check_input(node: Node, name: str) -> None:
    if name == PREFIX:
        raise Refusal(
            f"`{PREFIX}` of {node} cannot be bound",
            cause="each attempt has one of its own, by which its files are found",
            hint="take it out of `inject`",
        )
    if name not in node.inputs:
        guess = nearest(name, sorted(node.inputs))
        raise Refusal(
            f"{node} has no input {name[:80]!r}",
            cause=listed(sorted(node.inputs)),
            hint=f"did you mean `{guess}`?" if guess else "write it into the workflow first, with any value",
        )
    if is_link(node.inputs[name]):
        raise Refusal(
            f"`{name}` of {node} is fed by node {node.inputs[name][0]}",
            hint="bind an input of that node, or make this one a value in the workflow",
        )


def _refused(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")
