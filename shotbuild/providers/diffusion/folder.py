"""A folder of weights before it is loaded: which files it has, what they are by sha256, and why it is refused.

A folder is refused as a whole. Whatever would run code when it is loaded (pickles, Python files, classes of other packages),
lie elsewhere, or be made up while it is loaded (weights that are missing or cut off) is found here, without torch. Files
whose names begin with a dot are not looked at: what downloads them keeps its own notes there.
"""

import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

from shotbuild.errors import ProviderRefused
from shotbuild.host.installed import version
from shotbuild.providers.diffusion.families import FAMILIES, Family
from shotbuild.providers.diffusion.settings import inside, loras_of
from shotbuild.records import Digest, Facts, Fields, fields

VARIABLE = "SHOTBUILD_MODELS"
INDEX = "model_index.json"
WEIGHTS = ".safetensors"
SHARDS = ".safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz", ".msgpack", ".h5", ".onnx", ".gguf")
CODE = (".py", ".pyc", ".pyd", ".so", ".dll", ".dylib")
LIBRARIES = ("diffusers", "transformers")
UNWEIGHTED = ("Processor", "Scheduler", "Extractor")
"""In the names of classes that have no weights."""
VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", ".model")
"""How files of words end. A tokenizer without one is made all the same, and knows no word."""
WORDLESS = "ByT5Tokenizer"
NEEDED = ("torch", "diffusers", "transformers", "tokenizers", "safetensors", "accelerate", "ftfy", "peft", "numpy", "pillow")
USED = ("sentencepiece", "torchvision", "xformers", "flash_attn", "sageattention", "kernels")
"""Packages that the ones before pick up where they are installed."""
HINT = 'run `pip install "shotbuild[diffusers]"`'
MOST_FILES, LONGEST_JSON, LONGEST_HEAD = 10_000, 100_000_000, 100_000_000
THREADS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What settings name, found on this machine. root: the folder of models, real; pipeline, loras: paths below it, as they
    are written; strengths: of the LoRAs; files: path in the pipeline's folder → where it lies; adapters: LoRA → where."""

    family: Family
    root: Path
    pipeline: str
    loras: tuple[str, ...]
    strengths: tuple[str, ...]
    files: Mapping[str, Path]
    adapters: Mapping[str, Path]

    @property
    def folder(self) -> Path:
        return self.root / self.pipeline

    @property
    def places(self) -> tuple[Path, ...]:
        return (*self.files.values(), *self.adapters.values())


def root_of(project: Path, environ: Mapping[str, str]) -> Path:
    """The folder of models, real: what the environment names, else the project's. Errors: ProviderRefused."""
    named = environ.get(VARIABLE, "")
    path = Path(os.path.expanduser(named)) if named else project
    if named and not (path.is_absolute() and path.is_dir()):
        cause = f"{VARIABLE} is {named!r}"
        raise ProviderRefused("the folder of models is not there", cause=cause, hint="name a folder by its absolute path")
    return Path(os.path.realpath(path))


def chosen(root: Path, model: str, pipeline: str, loras: str) -> Chosen:
    """The files that settings name. root: real; model: name of a family; loras: as in the setting. Errors: ProviderRefused
    when there is something that may not be loaded; OSError."""
    family = FAMILIES[model]
    try:
        pipeline, adapters = inside(pipeline), loras_of(loras)
    except ValueError as expected:
        raise ProviderRefused("this is no path of a model", cause=f"expected {expected}") from expected
    folder = root / pipeline
    if not folder.is_dir():
        raise ProviderRefused(
            f"there is no folder {pipeline!r} for the pipeline",
            cause=f"it would lie in {root}; a name is not looked up at a hub",
            hint=f"download it once, for example `hf download {pipeline} --local-dir models/{pipeline.rpartition('/')[2]}`",
        )
    _within(root, folder, pipeline)
    files = dict(sorted(_listed(root, folder)))
    _refuse(pipeline, files)
    found = Chosen(
        family=family,
        root=root,
        pipeline=pipeline,
        loras=tuple(path for path, _ in adapters),
        strengths=tuple(strength for _, strength in adapters),
        files=files,
        adapters={path: _adapter(root, path) for path, _ in adapters},
    )
    _refuse_parts(found)
    for name, place in (*found.files.items(), *found.adapters.items()):
        if name.endswith(WEIGHTS):
            _refuse_damage(name, place)
    return found


def facts(found: Chosen, digest: Callable[[Path], Digest], code: Fields) -> Facts:
    """What decides the takes of a pipeline. digest: sha256 of a file, called from several threads; code: the packages that
    run it. Errors: OSError."""
    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as threads:
        digests = [each.sha256 for each in threads.map(digest, found.places)]
    files = Fields(tuple(zip(found.files, digests, strict=False)))
    loras = Fields(tuple(sorted(zip(found.adapters, digests[len(found.files) :], strict=True))))
    return Facts(pinned=fields(files=files, loras=loras, packages=code))


def packages(look: Callable[[str], str] = version) -> Fields:
    """Package → version, torch's with its local tag. look: version of a package that is installed, else
    PackageNotFoundError; nothing is imported. Errors: ProviderRefused when one is missing."""
    there = {name: _version(name, look) for name in (*NEEDED, *USED)}
    missing = [name for name in NEEDED if there[name] is None]
    if missing:
        cause = f"not installed: {', '.join(missing)}"
        raise ProviderRefused("pipelines of diffusers need packages that are not there", cause=cause, hint=HINT)
    return Fields(tuple(sorted((name, found) for name, found in there.items() if found is not None)))


def limits(found: Chosen) -> Family:
    """The family with the limits that the configuration of these weights says, where it says any."""
    family = found.family
    vae, transformer = _json(found, "vae/config.json"), _json(found, "transformer/config.json")
    if family.name in ("wan", "wan-i2v"):
        patch = transformer.get("patch_size")
        spatial = vae.get("scale_factor_spatial", 8)
        side = _whole(spatial) * _whole(patch[1]) if isinstance(patch, list) and len(patch) == 3 else 0
        return replace(family, step=_whole(vae.get("scale_factor_temporal", 4)) or family.step, side=side or family.side)
    if family.name == "animatediff":
        return replace(
            family, most=_whole(_json(found, "motion_adapter/config.json").get("motion_max_seq_length")) or family.most
        )
    return family


# --- which files --------------------------------------------------------------------------------------------------------


def _listed(root: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Relative path → place of all files. Links to folders are refused: they could lead in circles."""
    waiting, count = [(folder, "")], 0
    while waiting:
        here, prefix = waiting.pop()
        with os.scandir(here) as entries:
            listed = list(entries)
        for entry in listed:
            name = f"{prefix}{entry.name}"
            count += 1
            if count > MOST_FILES:
                raise ProviderRefused("this folder has too many files for a pipeline", cause=f"more than {MOST_FILES}")
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                _within(root, Path(entry.path), name)
                if entry.is_dir():
                    raise ProviderRefused(f"{name} is a link to a folder", hint="put the folder itself there")
            if entry.is_dir():
                waiting.append((Path(entry.path), f"{name}/"))
            elif stat.S_ISREG(entry.stat().st_mode):
                yield name, Path(entry.path)
            else:
                raise ProviderRefused(f"{name} is no file", hint="take it out of the pipeline's folder")


def _within(root: Path, place: Path, name: str) -> None:
    real = Path(os.path.realpath(place))
    if not real.is_relative_to(root):
        cause, hint = (
            f"it leads out of {root}",
            f"put the files themselves there, or let {VARIABLE} name a folder above both",
        )
        raise ProviderRefused(f"{name} lies elsewhere", cause=cause, hint=hint)
    if not real.exists():
        raise ProviderRefused(f"{name} is a link to nothing", hint="download it once more")


def _adapter(root: Path, path: str) -> Path:
    place = root / path
    if not place.is_file():
        raise ProviderRefused(f"there is no LoRA {path!r}", cause=f"it would lie in {root}", hint="download it once")
    _within(root, place, path)
    return place


# --- what is refused ----------------------------------------------------------------------------------------------------


def _refuse(pipeline: str, names: Iterable[str]) -> None:
    for name in names:
        suffix = os.path.splitext(name)[1].lower()
        if suffix in PICKLES:
            raise ProviderRefused(
                f"{pipeline} has weights of a kind that is not loaded: {name}",
                cause=f"a {suffix} file may run code, or hold weights that nobody compares",
                hint="keep the `.safetensors` of the same weights, and take this file out",
            )
        if suffix in CODE:
            raise ProviderRefused(
                f"{pipeline} has code in it: {name}",
                cause="code that comes with weights is never run",
                hint="use a pipeline of diffusers itself, and take this file out",
            )


def _refuse_parts(found: Chosen) -> None:
    """Refuses what the index of a pipeline says, where that is not this family's, or not in the folder."""
    if INDEX not in found.files:
        cause = f"it has no {INDEX}"
        raise ProviderRefused(f"{found.pipeline!r} is no folder of a pipeline", cause=cause, hint="download it once more")
    index = _json(found, INDEX)
    said = index.get("_class_name")
    if said != found.family.pipeline:
        known = [family.name for family in FAMILIES.values() if family.pipeline == said]
        raise ProviderRefused(
            f"{found.pipeline!r} is no pipeline of {found.family.name}",
            cause=f"it is a {str(said)[:80]}, not a {found.family.pipeline}",
            hint=f"write `model: {known[0]}`" if known else f"models: {', '.join(FAMILIES)}",
        )
    for name, library, kind in parts(index):
        if library not in LIBRARIES:
            cause = f"it would load {library[:80]}.{kind[:80]}"
            raise ProviderRefused(f"{found.pipeline!r} asks for code from elsewhere for its {name[:80]}", cause=cause)
        within = [file for file in found.files if file.startswith(f"{name}/")]
        lacks = _lacks(kind, within)
        if lacks:
            raise ProviderRefused(
                f"{found.pipeline!r} has no {lacks} for its {name[:80]}",
                cause=f"{INDEX} names it",
                hint="download it once more",
            )
    for name in found.files:
        if name.endswith(SHARDS):
            _refuse_missing_shards(found, name)


def _lacks(kind: str, names: Sequence[str]) -> str:
    """What a component would be made up without. kind: its class; names: its files."""
    if not names:
        return "files"
    if "Tokenizer" in kind:
        return "" if kind == WORDLESS or any(name.endswith(VOCABULARIES) for name in names) else "words"
    weighted = not any(word in kind for word in UNWEIGHTED)
    return "weights" if weighted and not any(name.endswith(WEIGHTS) for name in names) else ""


def parts(index: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(name, library, class) of the components that the index of a pipeline names. Errors: ProviderRefused."""
    for name, value in index.items():
        if name.startswith("_") or not isinstance(value, list) or value == [None, None]:
            continue
        if len(value) != 2 or not all(isinstance(each, str) for each in value) or "/" in name or name.startswith("."):
            raise ProviderRefused(
                f"{INDEX} cannot be read", cause=f"{name[:80]} is {value!r:.80}", hint="download it once more"
            )
        yield name, value[0], value[1]


def _refuse_missing_shards(found: Chosen, name: str) -> None:
    named = _json(found, name).get("weight_map")
    here = name.rpartition("/")[0]
    for shard in sorted(set(map(str, named.values()))) if isinstance(named, dict) else []:
        if f"{here}/{shard}".lstrip("/") not in found.files:
            cause = f"{name} names {shard[:80]}"
            raise ProviderRefused("a part of the weights is not there", cause=cause, hint="download it once more")


def _refuse_damage(name: str, place: Path) -> None:
    """Compares the length of a safetensors file with what its head says. Errors: ProviderRefused, OSError."""
    size, ends = place.stat().st_size, -1
    with place.open("rb") as stream:
        told = int.from_bytes(stream.read(8), "little")
        if 2 <= told <= min(size, LONGEST_HEAD):
            try:
                head = json.loads(stream.read(told))
                tensors = [value["data_offsets"][1] for key, value in head.items() if key != "__metadata__"]
                ends = 8 + told + max(tensors, default=0)
            except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
                ends = -1
    if ends != size:
        cause = f"it has {size} bytes, and its head says {ends}" if ends >= 0 else "its head cannot be read"
        raise ProviderRefused(f"{name} is damaged or cut off", cause=cause, hint="download it once more")


# --- small things -------------------------------------------------------------------------------------------------------


def _json(found: Chosen, name: str) -> dict[str, Any]:
    """A JSON file of the folder; empty where there is none. Errors: ProviderRefused when it is none."""
    place = found.files.get(name)
    if place is None:
        return {}
    try:
        if place.stat().st_size > LONGEST_JSON:
            raise ValueError("it is too large")
        read = json.loads(place.read_bytes())
        if not isinstance(read, dict):
            raise ValueError("it is no object")
    except (ValueError, RecursionError) as error:
        raise ProviderRefused(f"{name} cannot be read", cause=str(error), hint="download it once more") from error
    return read


def _whole(value: object) -> int:
    """A positive whole number; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 4096 else 0


def _version(package: str, look: Callable[[str], str]) -> str | None:
    try:
        return look(package)
    except PackageNotFoundError:
        return None
