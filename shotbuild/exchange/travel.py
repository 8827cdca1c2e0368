"""Which steps may be made on a machine that has neither the project nor its keys."""

from shotbuild.plugins import Registry
from shotbuild.providers.interface import is_service, travels
from shotbuild.records import Recipe
from shotbuild.stages.catalogue import ASKING


def objection(recipe: Recipe, registry: Registry) -> str | None:
    """Why a step has to be made where the project is; None when it may go."""
    if recipe.stage not in ASKING:
        return None
    if not recipe.pins:
        return "nobody is named to make it"
    pin = recipe.pins[0]
    if pin.provider not in registry.providers:
        return f"{pin.provider} is not installed here"
    provider = registry.providers[pin.provider]
    if is_service(provider):
        return f"{pin.provider} {pin.model} is a service"
    if provider.price(pin.model, recipe.parameters).amount != 0:
        return f"{pin.provider} {pin.model} is not free"
    return None if travels(provider) else f"{pin.provider} needs a program or files of this machine"
