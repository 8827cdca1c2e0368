"""What a ComfyUI server is made of, as far as it can be read over HTTP: versions, nodes, models, and what stays unknown."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from shotbuild.errors import ProviderRefused
from shotbuild.host.wire import Body, Http
from shotbuild.providers.comfy.nodes import CUSTOM, described, is_of_files, module
from shotbuild.providers.comfy.outputs import answered
from shotbuild.providers.comfy.workflow import Workflow, digest_of
from shotbuild.providers.interface import Facts
from shotbuild.records import Digest, Fields, Value

ABSENT = (400, 401, 403, 404, 405, 500, 501, 503)
"""How servers say that they do not have, or do not open, what is asked for."""
PACKAGES = (
    "accelerate", "av", "comfy-kitchen", "diffusers", "einops", "flash-attn", "gguf", "kornia", "numpy", "opencv-python",
    "opencv-python-headless", "pillow", "safetensors", "sageattention", "scipy", "spandrel", "tokenizers", "torchaudio",
    "torchsde", "torchvision", "transformers", "triton", "xformers",
)  # fmt: skip
"""Those that compute pictures or write films. The others, of which there are a hundred, change with every update of the
editor: a digest of all would refuse takes that are the same."""
ELSEWHERE = re.compile(
    r"--(listen|port|tls-|enable-cors|max-upload|base-dir|output-dir|input-dir|temp-dir|user-dir|extra-model-paths|auto-launch"
    r"|disable-auto-launch|windows-standalone|preview|verbose|log-|dont-print|multi-user|front-end|database|enable-manager"
    r"|disable-manager|enable-assets|enable-asset|disable-asset|enable-compress|comfy-api|cuda-device$)"
)
"""Arguments that decide where a server is and what it shows, and no picture."""
SHOWN = frozenset(
    (
        "tooltip", "display_name", "placeholder", "advanced", "display", "lazy", "rawLink", "control_after_generate",
        "hidden", "image_upload", "video_upload", "audio_upload", "image_folder", "remote", "dynamicPrompts",
        "search_aliases",
    )
)  # fmt: skip
"""What is said of an input for the editor alone."""
COMMIT = re.compile(r"[0-9a-f]{40}")
RELEASE = re.compile(r"v?\d+(\.\w+)+")
DEEPEST = 30
MOST = 500


def read(workflow: Workflow, digest: str, weights: tuple[str, ...], http: Http, hashed: Callable[[Path], Digest]) -> Facts:
    """digest: of the workflow; weights: files that it names; hashed: digests of files on this machine. Errors:
    ProviderUnavailable; ProviderRefused when the server lacks a node."""
    pinned: dict[str, Value] = {"workflow": digest}
    unread: dict[str, Value] = {}
    _system(answered(http.get("system_stats").json.value), pinned, unread)
    folders = _nodes(workflow, http, pinned, unread)
    _code(folders, http, pinned, unread)
    _models(weights, http, hashed, pinned, unread)
    return Facts(pinned=Fields(tuple(sorted(pinned.items()))), unread=Fields(tuple(sorted(unread.items()))))


def _system(said: Body, pinned: dict[str, Value], unread: dict[str, Value]) -> None:
    pinned["comfyui"] = said.text("system", "comfyui_version")[:80]
    for name, key in (("python", "python_version"), ("torch", "pytorch_version")):
        word = said.word("system", key).partition(" ")[0]
        _either(name, word, "the server does not say", pinned, unread)
    devices = ", ".join(device.word("name") for device in said.rows("devices"))
    _either("devices", devices[:500], "the server does not say", pinned, unread)
    argv = said.at("system", "argv")
    if not isinstance(argv, list):
        unread["arguments"] = "the server does not say"
        return
    words = list(_arguments([word for word in argv[1:] if isinstance(word, str)]))
    pinned["arguments"] = " ".join(words)[:1000] or "none"
    if "--fast" in words:
        unread["repeating"] = "with `--fast`, the server picks faster and less exact sums: the same may come out otherwise"


def _arguments(words: list[str]) -> Iterator[str]:
    """Arguments that decide pictures; paths are nobody's business."""
    skipping = False
    for word in words:
        if word.startswith("--"):
            skipping = bool(ELSEWHERE.match(word))
        if not skipping and not re.search(r"[/\\]", word):
            yield word


def _nodes(workflow: Workflow, http: Http, pinned: dict[str, Value], unread: dict[str, Value]) -> list[str]:
    """Pins each node by its schema; gives the folders of those that are not ComfyUI's own."""
    found = {kind: described(kind, http) for kind in workflow.kinds}
    lacking = [kind for kind, said in found.items() if said is None]
    if lacking:
        raise ProviderRefused(
            f"the server has no node {', '.join(f'`{kind[:80]}`' for kind in lacking[:5])}",
            hint="install what offers it on the server, or update the server",
        )
    folders: set[str] = set()
    for kind, said in found.items():
        assert said is not None, "what is lacking was refused"
        kept = {name: said.at(name) for name in ("input", "output", "output_is_list", "output_node")}
        pinned[f"node {kind}"] = digest_of(_schema(kept))
        if module(said).startswith(CUSTOM):
            folders.add(module(said).removeprefix(CUSTOM))
        if said.at("api_node") is True:
            unread[f"node {kind}"] = "it asks a service elsewhere, which may change, and may cost money"
    return sorted(folders)


def _schema(value: Any, deep: int = 0) -> Any:
    """What a node takes and gives, without words for people and without lists of files."""
    if deep > DEEPEST:
        return None
    if isinstance(value, dict):
        words = value.get("options")
        files = isinstance(words, list) and is_of_files(words, value)
        left_out = {"options", "default"} if files else set()
        return {name: _schema(each, deep + 1) for name, each in value.items() if name not in SHOWN | left_out}
    if not isinstance(value, list):
        return value
    if (
        value
        and isinstance(value[0], list)
        and is_of_files(value[0], next((x for x in value[1:] if isinstance(x, dict)), {}))
    ):
        return ["files", *(_schema({**more, "default": None}, deep + 1) for more in value[1:] if isinstance(more, dict))]
    return [_schema(each, deep + 1) for each in value]


# --- code ---------------------------------------------------------------------------------------------------------------


def _code(folders: list[str], http: Http, pinned: dict[str, Value], unread: dict[str, Value]) -> None:
    """Commits and packages, by ComfyUI-Manager where it is installed."""
    snapshot = _first(http, "v2/snapshot/get_current", "snapshot/get_current")
    if snapshot is None:
        why = "the server has no ComfyUI-Manager that would say"
        unread["comfyui commit"] = unread["packages"] = why
        unread |= {f"custom node {folder}": why for folder in folders}
        return
    _either("comfyui commit", snapshot.word("comfyui"), "it is no checkout of git", pinned, unread)
    installed = _first(http, "v2/customnode/installed", "customnode/installed") or Body({})
    for folder in folders:
        why = "neither a checkout of git nor of the registry: ComfyUI-Manager knows nothing of it"
        _either(f"custom node {folder}", _commit(folder, snapshot, installed), why, pinned, unread)
    packages = _packages(snapshot)
    for name in PACKAGES:
        if name in packages:
            pinned[f"package {name}"] = packages[name]
    if not packages:
        unread["packages"] = "ComfyUI-Manager lists none"


def _commit(folder: str, snapshot: Body, installed: Body) -> str:
    """The commit or release of a folder of nodes; `""` where nobody knows."""
    said = Body(installed.at(folder))
    urls = snapshot.at("git_custom_nodes")
    meant = {folder.lower(), said.word("aux_id").rpartition("/")[2].lower()} - {""}
    for url, row in urls.items() if isinstance(urls, dict) else ():
        if url.rstrip("/").rpartition("/")[2].removesuffix(".git").lower() in meant and Body(row).word("hash"):
            return f"git {Body(row).word('hash')[:80]}"
    version = said.word("ver") or snapshot.word("cnr_custom_nodes", said.word("cnr_id") or folder)
    version = version or snapshot.word("cnr_custom_nodes", folder.lower())
    if COMMIT.fullmatch(version):
        return f"git {version}"
    return f"release {version[:80]}" if RELEASE.fullmatch(version) else ""


def _packages(snapshot: Body) -> dict[str, str]:
    said = snapshot.at("pips")
    rows = [re.split(r"==| @ ", name, maxsplit=1) for name in said] if isinstance(said, dict) else []
    return {row[0].strip().lower().replace("_", "-"): row[1].strip()[:200] for row in rows if len(row) == 2}


# --- models -------------------------------------------------------------------------------------------------------------


def _models(
    names: tuple[str, ...],
    http: Http,
    hashed: Callable[[Path], Digest],
    pinned: dict[str, Value],
    unread: dict[str, Value],
) -> None:
    missing = dict.fromkeys(names, "")
    for name in names:
        found = _listed(name, http)
        if found:
            pinned[f"model {name}"] = found
            del missing[name]
    if not missing:
        return
    for name, why in _on_disk(missing, http, hashed, pinned).items():
        unread[f"model {name}"] = why or "the server lists no file of this name"


def _listed(name: str, http: Http) -> str:
    """The hash that the server itself keeps of a model; `""` where it keeps none."""
    query = {"include_tags": "models", "name_contains": PurePosixPath(name).name, "limit": str(MOST)}
    reply = http.get("api/assets", query, allow=ABSENT)
    rows = reply.json.rows("assets") if reply.ok else iter(())
    wanted = name.replace("\\", "/")
    same = {row.word("hash") for row in rows if (row.word("loader_path") or row.word("name")).replace("\\", "/") == wanted}
    return ", ".join(sorted(same)) if same and "" not in same else ""


def _on_disk(
    names: Mapping[str, str], http: Http, hashed: Callable[[Path], Digest], pinned: dict[str, Value]
) -> dict[str, str]:
    """Pins the models that lie on this machine; gives the others, each with why it is not pinned."""
    left = dict(names)
    found: dict[str, set[str]] = {}
    listing = http.get("experiment/models", allow=ABSENT)
    for kind in Body(listing.json.value if listing.ok else None).rows():
        if not kind.word("name"):
            continue
        reply = http.get(f"experiment/models/{quote(kind.word('name'), safe='')}", allow=ABSENT)
        for row in Body(reply.json.value if reply.ok else None).rows():
            name = next((each for each in names if each.replace("\\", "/") == row.word("name").replace("\\", "/")), None)
            if name is None:
                continue
            digest = _here(kind, row, hashed)
            found.setdefault(name, set()).add(digest)
            left[name] = (
                f"{row.number('size') or 0:.0f} bytes, its content was not read: it does not lie on this machine; let the "
                "server hash its models, with `--enable-assets --enable-asset-hashing`"
            )
    for name, digests in found.items():
        if "" not in digests:
            pinned[f"model {name}"] = ", ".join(sorted(digests))
            del left[name]
    return left


def _here(kind: Body, row: Body, hashed: Callable[[Path], Digest]) -> str:
    """The digest of a model on this machine; `""` when it is not here. A path alone proves nothing, as a tunnel leads to
    other machines: size and time of change have to be those that the server sees."""
    index, size, changed = row.at("pathIndex"), row.number("size"), row.number("modified")
    folder = kind.word("folders", index if isinstance(index, int) else 0)
    path = Path(folder, row.word("name"))
    try:
        stat = path.stat() if path.is_absolute() else None
        if stat is None or size is None or changed is None or stat.st_size != size or abs(stat.st_mtime - changed) > 1:
            return ""
        return f"sha256:{hashed(path).sha256}"
    except (OSError, ValueError):
        return ""


def _first(http: Http, *urls: str) -> Body | None:
    """The first of some addresses that answers with an object."""
    for url in urls:
        reply = http.get(url, allow=ABSENT)
        if reply.ok and isinstance(reply.json.value, dict):
            return reply.json
    return None


def _either(name: str, found: str, why: str, pinned: dict[str, Value], unread: dict[str, Value]) -> None:
    if found:
        pinned[name] = found
    else:
        unread[name] = why
