"""What a media file says of itself in its metadata, and what that tells of how the clip was made. Nothing of it is believed.

ComfyUI writes its graph as JSON under `prompt` (API format) and `workflow` (of the editor). VideoHelperSuite writes the
same, encoded once or twice, or both inside one JSON object under `comment`. Source: their `save_to` and `ffmpeg_process`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from shotbuild.media.containers import opened
from shotbuild.records import Fields, Value, fields

MOST_TAGS = 200
LONGEST = 1 << 20
LONGEST_NAME = 100
LONGEST_PROMPT, LONGEST_WORD = 20_000, 200
MOST_HOPS = 8
LARGEST_SEED = (1 << 64) - 1
GRAPH, EDITOR = "prompt", "workflow"
HOLDERS = ("comment", "description")

Tags: TypeAlias = Sequence[tuple[str, str]]
Node: TypeAlias = tuple[str, Mapping[str, object]]
"""One node of a ComfyUI graph: its class and its inputs."""


def tags_of(path: Path) -> tuple[tuple[str, str], ...]:
    """Names (lower case; those of streams as `stream0.handler_name`) and texts, sorted; characters are as they stand there.

    At most MOST_TAGS, the container's first; a text at most LONGEST characters, a longer one is cut and ends with how long
    it was. Errors: MediaError when the file is no media.
    """
    with opened(path) as source:
        found = [(_tag_name(name), _cut(text)) for name, text in source.metadata.items()]
        for stream in source.streams:
            more = [(f"stream{stream.index}.{_tag_name(name)}", _cut(text)) for name, text in stream.metadata.items()]
            found += more[: max(0, MOST_TAGS - len(found))]
    return tuple(sorted(found[:MOST_TAGS]))


def workflow_of(tags: Tags) -> str | None:
    """The JSON text of the ComfyUI graph in the API format, else of the editor's workflow; None when there is neither."""
    graphs = (text for text, found in _objects(tags, GRAPH) if _nodes(found))
    editors = (text for text, found in _objects(tags, EDITOR) if isinstance(found.get("nodes"), list))
    return next(graphs, None) or next(editors, None)


def known_of(tags: Tags) -> Fields:
    """How a foreign clip was made, as far as it says so plainly: `software`, `encoder`, `prompt`, `seed`, `model`.

    Texts are printable but for line ends, and bounded; what is not there, or there in two ways, is left out.
    """
    known: dict[str, Value] = {
        "software": _word(_first(tags, "software", "com.apple.quicktime.software")),
        "encoder": _word(_first(tags, "encoder")),
    }
    graph = next((nodes for _, found in _objects(tags, GRAPH) if (nodes := _nodes(found))), None)
    known |= _plainly(tags) if graph is None else _from_graph(graph)
    return fields(**{name: value for name, value in known.items() if value is not None})


def _tag_name(name: str) -> str:
    return _printable(name.lower())[:LONGEST_NAME]


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    said = f" [cut: {len(text)} characters]"
    return text[: LONGEST - len(said)] + said


def _first(tags: Tags, *names: str) -> str | None:
    return next((text for name in names for tag, text in tags if tag == name), None)


def _named(tags: Tags, name: str) -> Iterator[str]:
    """The texts under a name: of the container, then of its streams."""
    yield from (text for tag, text in tags if tag == name)
    yield from (text for tag, text in tags if tag.startswith("stream") and tag.partition(".")[2] == name)


# --- JSON from anywhere -------------------------------------------------------------------------------------------------


def _read(text: str) -> object:
    """None when it is no JSON, too deep, or holds a number too long to read."""
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _objects(tags: Tags, key: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Each JSON object under a key: as a tag of its own, then inside those that hold several."""
    for text in _named(tags, key):
        yield from _object(text)
    for held in _held(tags):
        yield from _object(held.get(key))


def _held(tags: Tags) -> Iterator[dict[str, object]]:
    for holder in HOLDERS:
        for text in _named(tags, holder):
            yield from (found for _, found in _object(text))


def _object(value: object, again: bool = True) -> Iterator[tuple[str, dict[str, object]]]:
    """A value that is a JSON object, or the text of one, or the text of that text."""
    if isinstance(value, dict):
        try:
            yield json.dumps(value), value
        except RecursionError:
            return
    elif isinstance(value, str):
        found = _read(value)
        if isinstance(found, dict):
            yield value, found
        elif again and isinstance(found, str):
            yield from _object(found, again=False)


# --- what is said plainly -----------------------------------------------------------------------------------------------


def _plainly(tags: Tags) -> dict[str, Value]:
    prompt = next(filter(None, map(_plain_prompt, _named(tags, GRAPH))), None)
    known: dict[str, Value] = {"prompt": prompt}
    for held in _held(tags):
        found: dict[str, Value] = {
            "prompt": _plain_prompt(held.get("prompt")),
            "seed": _seed(held.get("seed")),
            "model": _word(held.get("model")),
        }
        known |= {name: value for name, value in found.items() if known.get(name) is None}
    return known


def _plain_prompt(value: object) -> str | None:
    """Text that is meant for people: no JSON, also none that was cut off."""
    inner = _read(value) if isinstance(value, str) else None
    text = inner if isinstance(inner, str) else value
    if not isinstance(text, str) or text.lstrip().startswith(("{", "[")):
        return None
    return _text(text, LONGEST_PROMPT)


def _seed(value: object) -> Value:
    if isinstance(value, float):
        return repr(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_SEED else None


def _word(value: object) -> str | None:
    return _text(value.replace("\n", " "), LONGEST_WORD) if isinstance(value, str) else None


def _text(value: str, longest: int) -> str | None:
    return _printable(value.strip()[:longest]).strip() or None


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


# --- the graph of ComfyUI -----------------------------------------------------------------------------------------------


def _nodes(graph: dict[str, object]) -> dict[str, Node]:
    """The nodes of a graph in the API format; empty when it is none."""
    nodes: dict[str, Node] = {}
    for name, node in graph.items():
        kind, inputs = (node.get("class_type"), node.get("inputs")) if isinstance(node, dict) else (None, None)
        if isinstance(kind, str) and isinstance(inputs, dict):
            nodes[name] = (kind, inputs)
    return nodes


def _from_graph(nodes: Mapping[str, Node]) -> dict[str, Value]:
    # The later sampler of two in a row takes the picture of the first as it is: its seed is not used.
    samplers = [
        inputs
        for kind, inputs in nodes.values()
        if ("Sampler" in kind or kind in ("RandomNoise", "CFGGuider")) and inputs.get("add_noise") != "disable"
    ]
    seeds = [_seed(each[name]) for each in samplers for name in ("seed", "noise_seed") if name in each]
    prompts = [_encoded(nodes, each["positive"]) for each in samplers if "positive" in each]
    models = [
        _word(inputs.get(name))
        for kind, inputs in nodes.values()
        for name in ("ckpt_name", "unet_name")
        if "Loader" in kind and name in inputs
    ]
    whole = None if None in models else ", ".join(each for each in dict.fromkeys(models) if each)
    return {"seed": _agreed(seeds), "prompt": _agreed(prompts), "model": _word(whole)}


def _agreed(values: Sequence[Value]) -> Value:
    return values[0] if values and all(value == values[0] for value in values) else None


def _encoded(nodes: Mapping[str, Node], link: object) -> str | None:
    """The text behind a link, also through nodes that take a `positive` and hand it on as their first output."""
    for _ in range(MOST_HOPS):
        if not (isinstance(link, list) and len(link) == 2 and isinstance(link[0], str | int)):
            return None
        kind, inputs = nodes.get(str(link[0]), ("", {}))
        if kind == "CLIPTextEncode":
            text = inputs.get("text")
            return _text(text, LONGEST_PROMPT) if isinstance(text, str) else None
        if link[1] != 0:
            return None
        link = inputs.get("positive")
    return None
