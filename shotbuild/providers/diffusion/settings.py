"""The settings of a pipeline: fields of the spec, and the notation of paths below the folder of models."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from shotbuild.providers.diffusion.families import Family
from shotbuild.spec.fields import REQUIRED, Field, choice, factor, integer, text, truth
from shotbuild.spec.kinds import Parsed, Reader, Schema, written_text
from shotbuild.spec.nodes import Listing, Node

LONGEST = 400
STRENGTH = re.compile(r"-?\d{1,2}(\.\d{1,4})?")
ATTENTION: Mapping[str, str] = {
    "native": "native",
    "native-math": "_native_math",
    "native-efficient": "_native_efficient",
    "native-flash": "_native_flash",
    "native-cudnn": "_native_cudnn",
    "flash": "flash",
    "sage": "sage",
    "xformers": "xformers",
}
"""Our word → that of diffusers. Those that fetch their code when they are first used are left out."""


def inside(written: str) -> str:
    """A path below the folder of models, as posix text. Errors: ValueError that says what was expected."""
    path = written.removesuffix("/")
    if not _is_inside(path):
        raise ValueError("a folder below the folder of models, such as `models/wan`, without `..` and no name of a hub")
    return path


def _is_inside(path: str) -> bool:
    plain = path.isprintable() and len(path) <= LONGEST and not re.search(r"[\\:,]", path) and not path.startswith("~")
    return plain and not any(part == "" or part.startswith(".") for part in path.split("/"))


def loras_of(written: str) -> tuple[tuple[str, str], ...]:
    """Paths below the folder of models and strengths: `style.safetensors@0.8, other.safetensors`. Errors: ValueError."""
    found: dict[str, str] = {}
    for entry in filter(None, (each.strip() for each in re.split(r"[,\n]", written))):
        path, mark, strength = entry.rpartition("@")
        if not mark or not STRENGTH.fullmatch(strength):
            path, strength = entry, "1"
        if not path.endswith(".safetensors") or not _is_inside(path) or path in found:
            raise ValueError("LoRA files below the folder of models, each once, such as `loras/style.safetensors@0.8`")
        found[path] = format(Decimal(strength).normalize(), "f")
    return tuple(found.items())


@dataclass(frozen=True, slots=True)
class Loras:
    """LoRA files with their strengths, as a list or as one text; the value is text."""

    def read(self, node: Node, reader: Reader) -> str | None:
        nodes = node.items if isinstance(node, Listing) else (node,)
        written = [written_text(each, reader, "a LoRA file, such as `loras/style.safetensors@0.8`") for each in nodes]
        if None in written:
            return None
        try:
            found = loras_of(", ".join(filter(None, written)))
        except ValueError as expected:
            reader.report.say(node.location, f"expected {expected}")
            return None
        return ", ".join(path if strength == "1" else f"{path}@{strength}" for path, strength in found)

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


def fields_of(family: Family) -> dict[str, Field]:
    known = {
        "pipeline": Field(
            Parsed(inside, r"^[^/.~][^:\\]*$"), REQUIRED, "The pipeline's folder, below the folder of models."
        ),
        "lora": Field(Loras(), "", "LoRA files, below the folder of models, each with its strength after an `@`."),
        "steps": integer(1, 1000, default=family.steps, doc="Steps of denoising."),
        "guidance": factor(0, 100, default=family.guidance, doc="How closely the prompt is followed."),
        "negative_prompt": text(default="", doc="What should not be seen."),
        "dtype": choice("float32", "bfloat16", "float16", default=family.dtype, doc="The numbers that it calculates with."),
        "device": choice("auto", "cpu", "cuda", default="auto", doc="Where it runs; `auto`: on a GPU where there is one."),
        "threads": integer(1, 256, default=1, doc="Threads on a CPU. Some pipelines make other bits with another number."),
        "attention": choice(*ATTENTION, default="native", doc="Which code computes attention."),
        "tiling": truth(default=False, doc="Whether pictures are decoded in tiles, which needs less memory."),
    }
    if family.tokens is not None:
        known["max_sequence_length"] = integer(8, 4096, default=family.tokens, doc="The longest prompt, in tokens.")
    if family.two:
        doc = "The guidance of the second transformer, where there is one."
        known["guidance_2"] = factor(0, 100, default=None, doc=doc)
    if family.distilled:
        doc = "The guidance away from the negative prompt; 1 = there is none."
        known["true_guidance"] = factor(0, 100, default="1", doc=doc)
    return known
