"""Which provider and model makes which shot, and what every pin of a project resolves to. Reads no files."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from shotbuild.plan.materials import Generator
from shotbuild.providers.interface import Model, Provider
from shotbuild.records import FREE, Lock, Pin, Price, Project, ProviderUse, Shot, Step, Tool


@dataclass(frozen=True)
class Casting:
    """One project's providers. providers: all that are installed, by their own names."""

    project: Project
    providers: Mapping[str, Provider]

    def generators(self, ffmpeg: Pin) -> dict[str, Generator]:
        """Who makes the takes of each generated shot."""
        return {shot.name: self._generator(shot, ffmpeg) for shot in self.project.shots if shot.plate is None}

    def resolved(self, tools: tuple[Tool, ...]) -> Lock:
        """The pins of everything that the project uses, as they are now."""
        pins = {}
        for shot in self.project.shots:
            if shot.plate is None:
                provider, model = self._provider(shot), self._model(shot)
                pins[f"{shot.provider}/{model.name}"] = model.pin(provider.name)
        return Lock(providers=tuple(sorted(pins.items())), tools=tuple((tool.name, tool) for tool in tools))

    def price(self, step: Step) -> Price:
        """What one run of a step costs; only those that generate cost anything."""
        if not step.generates:
            return FREE
        pin = step.recipe.pins[0]
        return self.providers[pin.provider].price(pin.model, step.recipe.parameters)

    def lane(self, step: Step) -> tuple[str, int] | None:
        """The project's name of the provider that a step asks and how many takes it works on at once; None = no limit."""
        use = self._uses.get(step.shots[0]) if step.generates else None
        return None if use is None or use.at_once is None else (use.name, use.at_once)

    @cached_property
    def _uses(self) -> dict[str, ProviderUse]:
        uses = {use.name: use for use in self.project.providers}
        return {shot.name: uses[shot.provider] for shot in self.project.shots if shot.plate is None}

    def _generator(self, shot: Shot, ffmpeg: Pin) -> Generator:
        provider, model = self._provider(shot), self._model(shot)
        return Generator(
            pins=(model.pin(provider.name), *((ffmpeg,) if "ffmpeg" in model.uses else ())),
            extension=model.extension,
            sound=provider.has_sound(model.name, shot.settings),
            shows=model.shows,
        )

    def _provider(self, shot: Shot) -> Provider:
        return self.providers[self._uses[shot.name].use]

    def _model(self, shot: Shot) -> Model:
        models = self._provider(shot).models
        return models[shot.model] if shot.model is not None else next(iter(models.values()))
