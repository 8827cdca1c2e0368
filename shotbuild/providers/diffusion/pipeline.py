"""A pipeline of diffusers in memory: loaded with all of its weights and no others, and asked for pictures.

Imports torch: only the worker loads this module, in an environment that was set before.
"""

import json
import logging
import platform
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
import transformers

from shotbuild.errors import BadTake, ProviderRefused
from shotbuild.providers.diffusion.folder import INDEX, Chosen, parts
from shotbuild.providers.storyboard.photos import cover
from shotbuild.providers.storyboard.photos import load as picture

KEYS = ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs")
SHOWN = 3


def load(found: Chosen, said: Mapping[str, Any]) -> "Pipeline":
    """said: `dtype`, `device`, `threads`, `attention`, `tiling`. Errors: ProviderRefused; what diffusers raises."""
    exactly(said["threads"])
    device = device_of(said["device"])
    dtype = getattr(torch, said["dtype"])
    usual = {"local_files_only": True, "use_safetensors": True}
    index = json.loads(found.files[INDEX].read_bytes())
    made = {
        name: _weighted(found, name, library, kind, torch.float32 if name in found.family.exact else dtype)
        for name, library, kind in parts(index)
        if _has_weights(library, kind)
    }
    pipe = getattr(diffusers, found.family.pipeline).from_pretrained(str(found.folder), dtype=dtype, **usual, **made)
    if found.loras:
        _add_loras(pipe, found)
    pipe.set_progress_bar_config(disable=True)
    if said["tiling"]:
        pipe.vae.enable_tiling()
    return Pipeline(pipe.to(device), found, device, said["attention"])


def exactly(threads: int) -> None:
    """Makes torch repeat itself: on one machine the same call gives the same bits."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def device_of(word: str) -> str:
    """`cpu` or `cuda`. word: or `auto`. Errors: ProviderRefused."""
    there = torch.cuda.is_available()
    if word == "cuda" and not there:
        cause = f"torch {torch.__version__} sees none"
        raise ProviderRefused(
            "there is no GPU to run on", cause=cause, hint="write `device: auto`, or install torch for CUDA"
        )
    return "cuda" if there and word != "cpu" else "cpu"


class Pipeline:
    def __init__(self, pipe: Any, found: Chosen, device: str, attention: str) -> None:
        self._pipe, self._family, self._device, self._attention = pipe, found.family, device, attention

    def make(self, call: Mapping[str, Any], tell: Callable[[int, int], None]) -> None:
        """Writes the pictures as raw rgb24 to the file `into`. Errors: BadTake when they are not what was asked for."""
        steps, (width, height, frames) = call["steps"], (call["width"], call["height"], call["frames"])

        def heard(_pipe: Any, step: int, _time: Any, kept: dict[str, Any]) -> dict[str, Any]:
            tell(step + 1, steps)
            return kept

        # Start noise is drawn on the CPU: it is then the same on every device.
        noise = torch.Generator("cpu").manual_seed(call["seed"])
        made = self._pipe(
            **self._arguments(call),
            width=width,
            height=height,
            num_frames=frames,
            num_inference_steps=steps,
            generator=noise,
            output_type="np",
            callback_on_step_end=heard,
        ).frames[0]
        pictures = np.asarray(made)
        if pictures.shape != (frames, height, width, 3):
            got = f"{len(pictures)} frames, each {'x'.join(map(str, pictures.shape[1:]))}"
            cause = f"asked: {frames} frames {width}x{height}; got: {got}"
            raise BadTake("the pipeline made other pictures than it was asked for", cause=cause)
        with Path(call["into"]).open("wb") as stream:
            for each in pictures:
                if not np.isfinite(each).all():
                    hint = "write another `dtype`: numbers were too large for this one"
                    raise BadTake("the pipeline made pictures that are no numbers", hint=hint)
                stream.write(np.rint(each.astype(np.float64) * 255).clip(0, 255).astype(np.uint8).tobytes())

    def machine(self) -> Mapping[str, str]:
        """Of which class this machine is: with the pins it decides the bits."""
        said = {
            "attention": self._attention,
            "cpu": torch.backends.cpu.get_cpu_capability(),
            "device": self._device,
            "machine": platform.machine(),
            "python": platform.python_version(),
            "system": platform.system(),
            "threads": str(torch.get_num_threads()),
            "torch": str(torch.__version__),
            "torch_commit": str(torch.version.git_version),
        }
        return said if self._device == "cpu" else said | _gpu()

    def _arguments(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """What differs from family to family."""
        family = self._family
        said: dict[str, Any] = {
            "prompt": call["prompt"],
            "negative_prompt": call["negative_prompt"],
            "guidance_scale": call["guidance"],
        }
        if family.tokens is not None:
            said["max_sequence_length"] = call["max_sequence_length"]
        if family.two and call["guidance_2"] is not None:
            said["guidance_scale_2"] = call["guidance_2"]
        if family.distilled:
            said["true_cfg_scale"] = call["true_guidance"]
        if family.paced:
            said["frame_rate"] = call["rate"]
        if family.starts:
            said["image"] = cover(picture(Path(call["first_frame"])), call["width"], call["height"])
        return said


def _gpu() -> dict[str, str]:
    about = torch.cuda.get_device_properties(0)
    driver = getattr(torch._C, "_cuda_getDriverVersion", lambda: "unknown")
    return {
        "compute": f"{about.major}.{about.minor}",
        "cuda": str(torch.version.cuda),
        "cudnn": str(torch.backends.cudnn.version()),
        "driver": str(driver()),
        "gpu": about.name,
    }


def _has_weights(library: str, kind: str) -> bool:
    made = getattr(import_module(library), kind, None)
    return isinstance(made, type) and issubclass(made, diffusers.ModelMixin | transformers.PreTrainedModel)


def _weighted(found: Chosen, name: str, library: str, kind: str, dtype: Any) -> Any:
    """A component, loaded. A library starts weights that are missing at random, and only warns: here that is refused."""
    model, told = getattr(import_module(library), kind).from_pretrained(
        str(found.folder), subfolder=name, dtype=dtype, local_files_only=True, use_safetensors=True, output_loading_info=True
    )
    wrong = [f"{key.removesuffix('_keys')}: {_few(told[key])}" for key in KEYS if told.get(key)]
    if wrong:
        raise ProviderRefused(
            f"the weights of the {name} are not those of its configuration",
            cause="; ".join(wrong),
            hint="download the folder once more",
        )
    return model


def _few(keys: Any) -> str:
    listed = sorted(map(str, keys))
    return ", ".join(listed[:SHOWN]) + (f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else "")


def _add_loras(pipe: Any, found: Chosen) -> None:
    """Errors: ProviderRefused when one was made for another model; its weights would be left out with a warning."""
    names = [f"lora{index}" for index in range(len(found.loras))]
    heard = _Warnings()
    diffusers.utils.logging.add_handler(heard)
    try:
        for name, path in zip(names, found.loras, strict=True):
            place = found.adapters[path]
            try:
                pipe.load_lora_weights(
                    str(place.parent), weight_name=place.name, adapter_name=name, local_files_only=True, use_safetensors=True
                )
            except Exception as error:  # names that do not fit raise anything: ValueError, KeyError, RuntimeError, …
                raise _foreign(path, str(error)) from error
            listed = [each for adapters in pipe.get_list_adapters().values() for each in adapters]
            if name not in listed or heard.said:
                raise _foreign(path, "; ".join(heard.said) or "none of its weights has a place")
    finally:
        diffusers.utils.logging.remove_handler(heard)
    pipe.set_adapters(names, [float(strength) for strength in found.strengths])


def _foreign(path: str, cause: str) -> ProviderRefused:
    return ProviderRefused(f"{path} is no LoRA of this model", cause=cause[:1000], hint="use one of the same family")


class _Warnings(logging.Handler):
    """Keeps what a library warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())
