"""Provider `diffusers`: video pipelines of the library of that name, from folders of weights that lie on this machine.

A pipeline runs in a program of its own (`diffusion.worker`), which is started with the environment that decides its bits and
stays loaded from one take to the next. Takes are kept as FFV1 in RGB: the frames are the bits that the pipeline made.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

from shotbuild.digest import canonical_line
from shotbuild.errors import BadTake, ProviderError, ProviderRefused, ProviderUnavailable
from shotbuild.host import process
from shotbuild.host.workers import Row, Workers
from shotbuild.providers.common import refused
from shotbuild.providers.diffusion import families, folder
from shotbuild.providers.diffusion.families import FAMILIES, FIRST_FRAME, Family
from shotbuild.providers.diffusion.settings import ATTENTION, fields_of, loras_of
from shotbuild.providers.interface import (
    Facts,
    Model,
    Objection,
    Receipt,
    Request,
    Site,
    Strength,
    Wish,
    Workplace,
    request_fields,
)
from shotbuild.records import FREE, Fields, Format, Pin, Price, fields

ARGV = (sys.executable, "-P", "-m", "shotbuild.providers.diffusion.worker")
"""`-P`: nothing that lies where it is started is taken for a module."""
KEPT = (
    "PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "CUDA_HOME", "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES",
)  # fmt: skip
"""All that it sees of our environment: other variables choose other instructions, and so other bits."""
FIXED: Mapping[str, str] = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "NVIDIA_TF32_OVERRIDE": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONHASHSEED": "0",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
MADE = 95
"""Percent, when all steps are done: decoding and encoding come after."""
KINDS: Mapping[str, type[ProviderError]] = {"refused": ProviderRefused, "bad": BadTake}
LONGEST_SECONDS = 60


def _model(family: Family) -> Model:
    return Model(
        name=family.name,
        version="1",
        fields=fields_of(family),
        roles=(FIRST_FRAME,) if family.starts else (),
        needs=(FIRST_FRAME,) if family.starts else (),
        seconds=LONGEST_SECONDS,
        extension="mkv",
        strength=Strength.CONTENT,
        notes=f"A folder of a {family.pipeline}, each file pinned by its sha256.",
    )


class Diffusers:
    name = "diffusers"
    models: Mapping[str, Model] = {family.name: _model(family) for family in FAMILIES.values()}
    declared = "provider:diffusers"

    def price(self, model: str, request: Fields) -> Price:
        return FREE

    def has_sound(self, model: str, settings: Fields) -> bool:
        return False

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        return families.objections(FAMILIES[model], wish)

    def subject(self, model: str, settings: Fields) -> str:
        loras = sorted(path for path, _ in loras_of(_text(settings, "lora")))
        return " + ".join((_text(settings, "pipeline"), *loras))

    def examine(self, model: str, settings: Fields, site: Site) -> Facts:
        root = folder.root_of(site.root, os.environ)
        found = folder.chosen(root, model, _text(settings, "pipeline"), _text(settings, "lora"))
        return folder.facts(found, site.digest, folder.packages())

    def inspect(self, model: str, wish: Wish, facts: Facts | None, site: Site) -> Iterable[Objection]:
        """Weights may have narrower limits than their family, and a folder may be no pipeline."""
        root, pipeline = folder.root_of(site.root, os.environ), _text(wish.settings, "pipeline")
        if not (root / pipeline).is_dir():
            raise ProviderUnavailable(f"the folder {pipeline!r} is not on this machine")
        try:
            found = folder.chosen(root, model, pipeline, _text(wish.settings, "lora"))
            narrow = folder.limits(found)
        except ProviderRefused as error:
            yield Objection(key="pipeline", message=error.message, cause=error.cause or "", remedy=error.hint or "")
            return
        except OSError as error:
            raise ProviderUnavailable(f"the folder {pipeline!r} cannot be read", cause=str(error)) from error
        known = list(families.objections(FAMILIES[model], wish))
        yield from (each for each in families.objections(narrow, wish) if each not in known)

    def make(self, request: Request, workplace: Workplace, into: Path) -> Receipt:
        """Errors: ProviderRefused before anything is loaded; ProcessError when the program ends; BadTake; Cancelled."""
        self._refuse(request)
        load, call = self._load(request, workplace), self._call(request)
        pictures = workplace.folder / "frames.rgb"
        try:
            answer = self._asked({**load, "call": {**call, "into": str(pictures.absolute())}}, request.settings, workplace)
            _refuse_size(pictures, request)
            argv = encode_argv(workplace.ffmpeg, request.format, pictures, into)
            process.run(argv, cwd=workplace.folder, cancel=workplace.cancel)
        finally:
            pictures.unlink(missing_ok=True)
        machine = Fields(tuple(sorted((str(name), str(value)) for name, value in answer["machine"].items())))
        pin = Pin(provider=self.name, model=request.model, version=answer["version"])
        return Receipt(sent=request_fields(request), answered=fields(machine=machine), pin=pin, charged=FREE)

    def _refuse(self, request: Request) -> None:
        for objection in self.objections(request.model, request.wish):
            raise refused(objection)
        for role in self.models[request.model].needs:
            if request.file(role) is None:
                raise ProviderRefused(f"{request.model} needs a `{role}`", hint=f"add `references: {{{role}: assets/…}}`")

    def _load(self, request: Request, workplace: Workplace) -> dict[str, Any]:
        """What is loaded, and is the same for many takes. It is looked at here too, where no program has to be started to
        say no."""
        root, settings = folder.root_of(workplace.root, os.environ), request.settings
        pipeline, lora = settings.text("pipeline"), _text(settings, "lora")
        try:
            folder.chosen(root, request.model, pipeline, lora)
        except OSError as error:
            raise ProviderRefused(f"the folder {pipeline!r} cannot be read", cause=str(error)) from error
        folder.packages()
        said = {name: settings.get(name) for name in ("dtype", "device", "threads", "attention", "tiling")}
        return {
            "root": str(root),
            "model": request.model,
            "pipeline": pipeline,
            "lora": lora,
            "version": request.version,
            "load": said,
        }

    def _call(self, request: Request) -> dict[str, Any]:
        settings, size, first = request.settings, request.format.size, request.file(FIRST_FRAME)
        return {
            "prompt": request.prompt,
            "negative_prompt": _text(settings, "negative_prompt"),
            "seed": request.seed,
            "frames": request.frames,
            "width": size.width,
            "height": size.height,
            "rate": float(request.format.rate),
            "steps": settings.integer("steps"),
            "guidance": _number(settings, "guidance"),
            "guidance_2": _number(settings, "guidance_2"),
            "true_guidance": _number(settings, "true_guidance"),
            "max_sequence_length": settings.get("max_sequence_length"),
            "first_frame": None if first is None else str(first.absolute()),
        }

    def _asked(self, question: Row, settings: Fields, workplace: Workplace) -> dict[str, Any]:
        """The answer of the program that has the pipeline loaded. Errors: as it says; ProcessError; Cancelled."""
        environ = environment(os.environ, settings.integer("threads"), settings.text("attention"))
        loaded = {name: value for name, value in question.items() if name != "call"}
        key = f"diffusers {canonical_line([loaded, environ])}"
        kept = workplace.workers
        with nullcontext(kept) if kept is not None else Workers() as workers:
            row = workers.ask(
                key,
                ARGV,
                question,
                # Any folder that stays: takes come and go, and the program remains.
                cwd=Path(sys.prefix),
                environ=environ,
                cancel=workplace.cancel,
                hear=lambda row: _tell(row, workplace),
            )
        error = row.get("error")
        if isinstance(error, dict):
            kind = KINDS.get(str(error.get("kind")), ProviderRefused)
            raise kind(str(error.get("message")), cause=error.get("cause"), hint=error.get("hint"))
        answer: dict[str, Any] = row["answer"]
        return answer


def environment(ours: Mapping[str, str], threads: int, attention: str) -> dict[str, str]:
    """What the program sees, from its start: libraries read most of it once, when they are imported."""
    counts = dict.fromkeys(THREADS, str(threads))
    kept = {name: ours[name] for name in KEPT if name in ours}
    return {**kept, **FIXED, **counts, "DIFFUSERS_ATTN_BACKEND": ATTENTION[attention]}


def encode_argv(ffmpeg: Path, look: Format, pictures: Path, into: Path) -> list[str]:
    """Raw rgb24 → FFV1 in Matroska, in the same RGB: nothing is lost, and the same bytes come out each time."""
    tags = ["-color_range", "pc", "-colorspace", "rgb", "-color_primaries", "bt709", "-color_trc", "bt709"]
    raw = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", str(look.size), "-framerate", str(look.rate), *tags]
    return [
        str(ffmpeg), "-nostdin", "-hide_banner", "-v", "error", "-y",
        "-protocol_whitelist", "file", *raw, "-i", f"file:{pictures}",
        "-map", "0:v", "-an", "-c:v", "ffv1", "-level", "3", "-g", "1", "-slices", "4", "-slicecrc", "1", "-coder", "0",
        "-context", "0", "-threads", "2", "-pix_fmt", "bgr0", *tags, "-r", str(look.rate), "-fps_mode", "cfr",
        "-map_metadata", "-1", "-map_chapters", "-1",
        "-fflags", "+bitexact", "-flags:v", "+bitexact", "-f", "matroska", f"file:{into}",
    ]  # fmt: skip


def _refuse_size(pictures: Path, request: Request) -> None:
    size = request.format.size
    wanted = request.frames * size.width * size.height * 3
    found = pictures.stat().st_size if pictures.is_file() else 0
    if found != wanted:
        cause = f"{request.frames} frames {size} are {wanted} bytes; it wrote {found}"
        raise BadTake("the pipeline wrote other pictures than it was asked for", cause=cause)


def _tell(row: Row, workplace: Workplace) -> None:
    step, of = row.get("step"), row.get("of")
    if isinstance(step, int) and isinstance(of, int) and of > 0:
        workplace.progress(min(MADE, MADE * step // of))


def _text(settings: Fields, name: str) -> str:
    value = settings.get(name)
    return value if isinstance(value, str) else ""


def _number(settings: Fields, name: str) -> float | None:
    value = settings.get(name)
    return float(Fraction(value)) if isinstance(value, str) else None
