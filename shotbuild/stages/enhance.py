"""A finishing stage that a provider does, such as upscaling by a model: one clip in, one clip out, of the same length."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from shotbuild.errors import MediaError
from shotbuild.media.probe import Picture, probe
from shotbuild.providers.interface import Provider, Request
from shotbuild.records import Answer, Fields, Format
from shotbuild.spec.fields import written_out
from shotbuild.stages.generate import made_here
from shotbuild.stages.interface import Work
from shotbuild.units import Size

VIDEO = "video"
SLACK_SECONDS, SLACK_SHARE = Fraction(1, 4), Fraction(2, 100)


@dataclass(frozen=True, slots=True)
class Enhance:
    """providers: by name; the first pin of the work names the one to ask."""

    providers: Mapping[str, Provider]
    name: str = "enhance"
    version: int = 1

    def run(self, work: Work) -> Answer:
        return made_here(self.providers, partial(self.request, work, ""), work)

    def request(self, work: Work, client: str) -> Request:
        """What a service is asked. The format and the frames are those of the clip itself: services price and check them."""
        picture = _read(work)
        written, pin = work.parameters.get("settings"), work.pins[0]
        model = self.providers[pin.provider].models[pin.model]
        return Request(
            project="",
            shot="",
            title="",
            take=1,
            prompt="",
            seed=0,
            frames=picture.frames,
            format=Format(
                size=Size(picture.width, picture.height),
                rate=picture.rate,
                color=work.parameters.text("color"),
                pixels="yuv420p",
            ),
            references=((VIDEO, work.inputs[VIDEO]),),
            settings=written_out(model.fields, written if isinstance(written, Fields) else Fields()),
            recipe=work.action,
            model=pin.model,
            client=client,
            version=pin.version,
        )

    def check(self, work: Work) -> None:
        before, after = _read(work), probe(work.into / work.outputs[0]).video
        slack = max(SLACK_SECONDS, before.seconds * SLACK_SHARE)
        if abs(after.seconds - before.seconds) > slack:
            raise MediaError(
                "what came back is not as long as what was handed over",
                cause=f"{float(before.seconds):.3f} s went, {float(after.seconds):.3f} s came",
            )
        if after.width * after.height < before.width * before.height:
            raise MediaError(
                "what came back is smaller than what was handed over",
                cause=f"{before.width}x{before.height} went, {after.width}x{after.height} came",
            )


def _read(work: Work) -> Picture:
    found = probe(work.inputs[VIDEO]).video
    if found.still:
        raise MediaError("a still picture cannot be enhanced as a clip", hint="take the stage out of `finish`")
    return found
