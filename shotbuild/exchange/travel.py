"""Which steps may be made on a machine that has neither the project nor its keys."""

from shotbuild.plugins import Registry
from shotbuild.providers.interface import is_service
from shotbuild.records import Recipe
from shotbuild.stages.catalogue import ASKING

FREE_ANYWHERE = ("animatic", "diffusers")
"""Providers that need the request alone, or models that lie where the machine says, and never cost anything."""


def objection(recipe: Recipe, registry: Registry) -> str | None:
    """Why a step has to be made where the project is; None when it may go."""
    if recipe.stage not in ASKING:
        return None
    pin = recipe.pins[0] if recipe.pins else None
    if pin is None or pin.provider in FREE_ANYWHERE:
        return None if pin is not None else "nobody is named to make it"
    if pin.provider in registry.providers and is_service(registry.providers[pin.provider]):
        return f"{pin.provider} {pin.model} is a service"
    return f"{pin.provider} needs a program or files of this machine"
