"""Which provider and model makes which shot, and what every pin of a project resolves to. Reads no files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property

from shotbuild.digest import version_of
from shotbuild.engine.lanes import LaneRules
from shotbuild.engine.terms import Terms
from shotbuild.plan.materials import Generator
from shotbuild.providers.common import length_for
from shotbuild.providers.interface import Hosted, Model, Provider, Request, Service, is_hosted, is_service
from shotbuild.records import (
    FREE,
    Facts,
    Fallback,
    Fields,
    Finish,
    Lock,
    Pin,
    Price,
    Project,
    ProviderUse,
    Shot,
    Step,
    Tool,
    Value,
)
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
UNPINNED = "not pinned yet"
"""In place of the version of a generator of one's own that is not in the lock: no take has a recipe with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnGenerator:
    """A generator of one's own that shots of a project use. name: of its entry in the lock; use: the project's name of its
    provider; settings: of one of those shots, defaults written out."""

    name: str
    use: str
    provider: Hosted
    model: str
    settings: Fields


@dataclass(frozen=True)
class Casting:
    """One project's providers. providers: all that are installed, by their own names; locked: what the lock says of
    generators of one's own."""

    project: Project
    providers: Mapping[str, Provider]
    locked: Mapping[str, Facts] = field(default_factory=dict)

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
        for each in self._parts():
            provider, model = self._provider(each), self._model(each)
            own = self.own_by(each)
            if own is None:
                pins[f"{each.provider}/{model.name}"] = model.pin(provider.name)
            elif own.name in self.locked:
                pins[own.name] = self._pin(each)
        return Lock(
            providers=tuple(sorted(pins.items())),
            tools=tuple((tool.name, tool) for tool in tools),
            generators=tuple(sorted((name, facts) for name, facts in self.locked.items() if name in pins)),
        )

    @cached_property
    def own(self) -> Mapping[str, OwnGenerator]:
        """The generators of one's own, by their names in the lock."""
        if not any(is_hosted(self.providers[use.use]) for use in self.project.providers):
            return {}
        return {own.name: own for own in map(self.own_by, self._parts()) if own is not None}

    def own_of(self, step: Step) -> str | None:
        """The name in the lock of the generator of one's own that a step asks; None = it asks none, or one that is neither
        in the lock nor asked by its shot today."""
        if step.use is None or not self.own:
            return None
        pin, shot = step.recipe.pins[0], next(iter(step.shots), "")
        today = self._asked.get((shot, step.use, pin.model))
        if today is not None and self._version(today) == pin.version:
            return today
        return next((name for name in self.own if name in self.locked and self._version(name) == pin.version), None)

    @cached_property
    def _asked(self) -> Mapping[tuple[str, str, str], str]:
        """Shot, project's name of the provider, model → the generator of one's own that is meant."""
        owns = ((part, self.own_by(part)) for part in self._parts())
        return {(part.name, part.provider, own.model): own.name for part, own in owns if own is not None}

    def _parts(self) -> Iterator[Shot]:
        """Each shot as each provider that it names sees it."""
        for shot in self.project.shots:
            if shot.plate is None:
                yield shot
            yield from (in_place(shot, each) for each in shot.fallbacks)
            yield from (finisher(shot, each) for each in shot.finish if each.provider is not None)

    def own_by(self, shot: Shot) -> OwnGenerator | None:
        """The generator of one's own that makes a shot's takes; None = none does."""
        provider = self._provider(shot)
        if not is_hosted(provider):
            return None
        model = self._model(shot)
        settings = written_out(model.fields, shot.settings)
        subject = provider.subject(model.name, settings)
        name = f"{shot.provider}/{model.name}{subject and f':{subject}'}"
        return OwnGenerator(name=name, use=shot.provider, provider=provider, model=model.name, settings=settings)

    def _version(self, name: str) -> str:
        return version_of(self.locked[name]) if name in self.locked else UNPINNED

    def _pin(self, shot: Shot) -> Pin:
        own, pin = self.own_by(shot), self._model(shot).pin(self._provider(shot).name)
        return pin if own is None else replace(pin, version=self._version(own.name))

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
            pins=(self._pin(shot), *((ffmpeg,) if "ffmpeg" in model.uses else ())),
            extension=model.extension,
            sound=provider.has_sound(model.name, written_out(model.fields, shot.settings)),
            shows=model.shows,
            files=model.files,
        )

    def _provider(self, shot: Shot) -> Provider:
        return self.provider_of(shot.provider)

    def provider_of(self, use: str) -> Provider:
        """use: the project's name of it."""
        return self.providers[self._uses[use].use]

    def _model(self, shot: Shot) -> Model:
        models = self._provider(shot).models
        return models[shot.model] if shot.model is not None else next(iter(models.values()))
