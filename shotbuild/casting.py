"""Which provider and model makes which shot, and what every pin of a project resolves to. Reads no files."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from shotbuild.engine.lanes import LaneRules
from shotbuild.engine.terms import Terms
from shotbuild.plan.materials import Generator
from shotbuild.providers.common import length_for
from shotbuild.providers.interface import Model, Provider, Request, Service, is_service
from shotbuild.records import FREE, Fallback, Fields, Finish, Lock, Pin, Price, Project, ProviderUse, Shot, Step, Tool, Value
from shotbuild.spec.fields import written_out
from shotbuild.units import rate_text


def in_place(shot: Shot, fallback: Fallback) -> Shot:
    """A shot as one of its fallbacks would make it."""
    return replace(shot, provider=fallback.provider, model=fallback.model, settings=fallback.settings)


def finisher(shot: Shot, finish: Finish) -> Shot:
    """A shot as the provider of one of its finishing stages sees it."""
    assert finish.provider is not None, "the caller looked"
    return replace(shot, provider=finish.provider, model=finish.model, settings=finish.settings)


AT_ONCE = 4
"""Operations at once where neither the project nor the service's own table says."""


@dataclass(frozen=True)
class Casting:
    """One project's providers. providers: all that are installed, by their own names."""

    project: Project
    providers: Mapping[str, Provider]

    def generators(self, ffmpeg: Pin) -> dict[str, Generator]:
        """Who makes the takes of each generated shot."""
        found: dict[str, Generator] = {}
        same: dict[tuple[str, str | None, int], Generator] = {}
        for shot in self.project.shots:
            if shot.plate is None:
                # Most shots have the settings of another one, as one value.
                asked = shot.provider, shot.model, id(shot.settings)
                if asked not in same:
                    same[asked] = self._generator(shot, ffmpeg)
                found[shot.name] = same[asked]
        return found

    def fallbacks(self, ffmpeg: Pin) -> dict[str, tuple[Generator, ...]]:
        """Who may make the takes of each shot that names fallbacks, in order."""
        return {
            shot.name: tuple(self._generator(in_place(shot, each), ffmpeg) for each in shot.fallbacks)
            for shot in self.project.shots
            if shot.fallbacks
        }

    def finishers(self, ffmpeg: Pin) -> dict[str, tuple[Generator, ...]]:
        """Who does those finishing stages of each shot that name a provider, in order."""
        return {
            shot.name: tuple(
                self._generator(finisher(shot, each), ffmpeg) for each in shot.finish if each.provider is not None
            )
            for shot in self.project.shots
            if any(each.provider is not None for each in shot.finish)
        }

    def resolved(self, tools: tuple[Tool, ...]) -> Lock:
        """The pins of everything that the project uses, as they are now."""
        pins = {}
        for shot in self.project.shots:
            own = [shot] if shot.plate is None else []
            others = [in_place(shot, each) for each in shot.fallbacks]
            for each in (*own, *others, *(finisher(shot, each) for each in shot.finish if each.provider is not None)):
                provider, model = self._provider(each), self._model(each)
                pins[f"{each.provider}/{model.name}"] = model.pin(provider.name)
        return Lock(providers=tuple(sorted(pins.items())), tools=tuple((tool.name, tool) for tool in tools))

    def price(self, step: Step, request: Request | None = None) -> Price:
        """What one run of a step costs; only those that ask a provider cost anything. request: what is really asked, where
        that is known: a finishing stage is priced by its clip, which may be longer than the shot."""
        if step.use is None:
            return FREE
        use, pin = self._uses.get(step.use), step.recipe.pins[0]
        provider, parameters = self.providers[pin.provider], step.recipe.parameters
        if request is not None:
            said: dict[str, Value] = {"frames": request.frames, "rate": rate_text(request.format.rate)}
            parameters = Fields(tuple(sorted((dict(parameters.items) | said).items())))
        if use is None or use.price is None:
            return provider.price(pin.model, parameters)
        seconds = Fraction(parameters.integer("frames")) / parameters.fraction("rate")
        model = provider.models.get(pin.model)
        asked = seconds if model is None or model.kind != "take" else length_for(model, seconds)
        return Price(amount=use.price.amount * asked, currency=use.price.currency, exact=False)

    def lane(self, step: Step) -> tuple[str, int] | None:
        """The project's name of the local provider that a step asks and how many takes it works on at once; None = no
        limit."""
        use = self._uses.get(step.use or "")
        return None if use is None or use.at_once is None or self._service(step) is not None else (use.name, use.at_once)

    def terms(self, step: Step) -> Terms | None:
        """How a step asks its service; None = it asks none."""
        service = self._service(step)
        if service is None:
            return None
        use, pin = self._uses.get(step.use or ""), step.recipe.pins[0]
        model = service.models.get(pin.model)
        at_once = (None if use is None else use.at_once) or (None if model is None else model.at_once) or AT_ONCE
        per_minute = (None if use is None else use.per_minute) or (None if model is None else model.per_minute)
        sequences = self.sequences_of(step)
        rules = LaneRules(provider=service.name, model=pin.model, at_once=at_once, per_minute=per_minute)
        terms = Terms(
            service=service, rules=rules, priority=step.priority, sequence=next(iter(sequences), ""), sequences=sequences
        )
        if use is None:
            return terms
        stall_after = terms.stall_after if use.stall_after is None else float(use.stall_after)
        return replace(terms, stall_after=stall_after, on_stall=use.on_stall, attempts=use.attempts)

    def sequences_of(self, step: Step) -> tuple[str, ...]:
        """The sequences that show the shot of a step."""
        return self.sequences.get(step.shots[0], ()) if step.shots else ()

    def _service(self, step: Step) -> Service | None:
        if step.use is None:
            return None
        provider = self.providers.get(step.recipe.pins[0].provider)
        return provider if provider is not None and is_service(provider) else None

    @cached_property
    def _uses(self) -> dict[str, ProviderUse]:
        return {use.name: use for use in self.project.providers}

    @cached_property
    def sequences(self) -> Mapping[str, tuple[str, ...]]:
        """Which sequences show each shot."""
        found: dict[str, tuple[str, ...]] = {}
        for sequence in self.project.sequences:
            for shot in dict.fromkeys(clip.shot for clip in sequence.clips):
                found[shot] = (*found.get(shot, ()), sequence.name)
        return found

    def _generator(self, shot: Shot, ffmpeg: Pin) -> Generator:
        provider, model = self._provider(shot), self._model(shot)
        return Generator(
            use=shot.provider,
            pins=(model.pin(provider.name), *((ffmpeg,) if "ffmpeg" in model.uses else ())),
            extension=model.extension,
            sound=provider.has_sound(model.name, written_out(model.fields, shot.settings)),
            shows=model.shows,
        )

    def _provider(self, shot: Shot) -> Provider:
        return self.providers[self._uses[shot.provider].use]

    def _model(self, shot: Shot) -> Model:
        models = self._provider(shot).models
        return models[shot.model] if shot.model is not None else next(iter(models.values()))
