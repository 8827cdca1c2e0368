"""Asks a provider on this machine for one take; what services make is driven by `engine.operations`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from shotbuild.digest import canonical
from shotbuild.errors import Cancelled, InternalError, MediaError
from shotbuild.providers.common import length_for
from shotbuild.providers.interface import Model, Provider, Receipt, Request, Workplace, is_local, request_fields
from shotbuild.records import Answer, Fields, Format, Operation, fields
from shotbuild.spec.fields import written_out
from shotbuild.stages.interface import Work
from shotbuild.units import parse_rate, parse_size

AGAIN = "again"
"""The parameter of a roll that makes a take once more: `of`, the action that made the take, and which roll it is."""
SHORT_FRAMES, SHORT_SHARE = 2, Fraction(2, 100)
LONG_SECONDS, LONG_SHARE = Fraction(1, 2), Fraction(10, 100)


@dataclass(frozen=True, slots=True)
class Generate:
    """providers: by name; the first pin of the work names the one to ask; probe: what a file is, as `media.probe` has it. It
    is handed over, because what it loads takes longer than to start the program that makes the take."""

    providers: Mapping[str, Provider]
    probe: Callable[[Path], Any]
    name: str = "generate"
    version: int = 1

    def run(self, work: Work) -> Answer:
        return made_here(self.providers, partial(request_of, work, self.providers), work)

    def request(self, work: Work, client: str) -> Request:
        """What a service is asked. client: as in `Request`."""
        return request_of(work, self.providers, client)

    def check(self, work: Work) -> None:
        request = request_of(work, self.providers)
        provider = self.providers[work.pins[0].provider]
        if not is_local(provider):
            self._check_length(work, request, provider.models[request.model])
            return
        found = self.probe(work.into / work.outputs[0]).video
        size, rate = (found.width, found.height), found.rate
        wanted = (request.format.size.width, request.format.size.height)
        if found.frames != request.frames or size != wanted or rate != request.format.rate:
            raise MediaError(
                "the take is not what was asked for",
                cause=f"asked: {request.frames} frames {wanted[0]}x{wanted[1]} at {request.format.rate}; "
                f"got: {found.frames} frames {size[0]}x{size[1]} at {rate}",
            )

    def _check_length(self, work: Work, request: Request, model: Model) -> None:
        """Services keep to seconds, not to frames: a take may be as much shorter as a cut can fill with its last frame."""
        found = self.probe(work.into / work.outputs[0]).video
        asked = length_for(model, request.seconds)
        short = max(SHORT_FRAMES / request.format.rate, asked * SHORT_SHARE)
        if not request.seconds - short <= found.seconds <= asked + max(LONG_SECONDS, asked * LONG_SHARE):
            raise MediaError(
                "the take is not as long as what was asked for",
                cause=f"asked: {float(asked):.3f} s; got: {float(found.seconds):.3f} s, {found.frames} frames "
                f"{found.width}x{found.height} at {float(found.rate):.3f}",
            )


def made_here(providers: Mapping[str, Provider], request: Callable[[], Request], work: Work) -> Answer:
    """What a provider on this machine makes of a request, into the first output. Errors: of the provider; Cancelled."""
    provider = providers[work.pins[0].provider]
    if not is_local(provider):
        raise InternalError(f"{provider.name} is a service, and was asked as if it were on this machine")
    if work.cancel.is_set():
        raise Cancelled(f"{provider.name} was not asked, because the build was stopped")
    asked = request()
    folder = work.into / "workplace"
    folder.mkdir()
    workplace = Workplace(
        ffmpeg=work.ffmpeg,
        folder=folder,
        cancel=work.cancel,
        root=work.root,
        progress=work.progress,
        workers=work.workers,
    )
    receipt = provider.make(asked, workplace, work.into / work.outputs[0])
    operation = Operation(provider=provider.name, id=work.action[:16], submitted="")
    record = record_text(provider.name, asked, operation, receipt)
    return Answer(operation=operation, pin=receipt.pin, charged=receipt.charged, record=record)


def record_text(provider: str, request: Request, operation: Operation, receipt: Receipt) -> str:
    """All that was sent and all that came back, as JSON: what the ledger keeps of a take beside the take itself."""
    return canonical(
        fields(
            schema="shotbuild/record/1",
            provider=provider,
            request=request_fields(request),
            sent=receipt.sent,
            answered=receipt.answered,
            operation=fields(id=operation.id, submitted=operation.submitted),
        )
    )


def request_of(work: Work, providers: Mapping[str, Provider], client: str = "") -> Request:
    """client: as in `Request`."""
    parameters = work.parameters
    written, pin = parameters.get("settings"), work.pins[0]
    fields_of = providers[pin.provider].models[pin.model].fields
    settings = written_out(fields_of, written if isinstance(written, Fields) else Fields())
    return Request(
        project=_shown(parameters, "project"),
        shot=_shown(parameters, "shot"),
        title=_shown(parameters, "title"),
        take=parameters.integer("take"),
        prompt=parameters.text("prompt"),
        seed=parameters.integer("seed"),
        frames=parameters.integer("frames"),
        format=Format(
            size=parse_size(parameters.text("size")),
            rate=parse_rate(parameters.text("rate")),
            color=parameters.text("color"),
            pixels="yuv420p",
        ),
        references=tuple(sorted(work.inputs.items())),
        settings=settings,
        # A roll asks in the name of the take that it repeats: some providers show or send it.
        recipe=_shown(parameters.inner(AGAIN), "of") or work.action,
        model=pin.model,
        client=client,
        version=pin.version,
    )


def _shown(parameters: Fields, name: str) -> str:
    value = parameters.get(name)
    return value if isinstance(value, str) else ""
