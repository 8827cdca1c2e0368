"""A bound step ↔ text: what the journal needs of a step to finish it when no plan has it any more."""

import json
from typing import Any

from shotbuild.digest import canonical_line, from_plain, recipe_fields
from shotbuild.errors import Location, StoreError
from shotbuild.plan.bind import Wanted
from shotbuild.records import Action, Asking, Chosen, Digest, Fields, Pin, Recipe, Step, Value, fields


def saved(wanted: Wanted) -> str:
    step, action = wanted.step, wanted.action
    asking = step.asking
    return canonical_line(
        fields(
            name=step.name,
            recipe=recipe_fields(action.recipe),
            inputs=tuple((name, digest.sha256, digest.size) for name, digest in action.inputs),
            outputs=action.outputs,
            shots=step.shots,
            use=step.use,
            tags=step.tags,
            place=(step.location.file, step.location.line, step.location.column),
            key=wanted.key,
            continues=None if wanted.continues is None else (wanted.continues.sha256, wanted.continues.size),
            asking=None if asking is None else _asking(asking),
        )
    )


def _asking(asking: Asking) -> Fields:
    instead = asking.instead
    return fields(
        ordinal=asking.ordinal,
        first_seed=asking.first_seed,
        asked=asking.asked,
        number=asking.number,
        instead=None if instead is None else fields(provider=instead.provider, model=instead.model, version=instead.version),
    )


def read(text: str) -> Wanted:
    """Errors: StoreError when it is no saved step."""
    try:
        return _read(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError("the journal has a step that cannot be read", cause=f"{type(error).__name__}: {error}") from error


def _read(said: Any) -> Wanted:
    recipe = said["recipe"]
    parameters: Value = from_plain(recipe["parameters"])
    if not isinstance(parameters, Fields):
        raise TypeError("the parameters have no names")
    inputs = tuple((name, Digest(sha256=sha256, size=size)) for name, sha256, size in said["inputs"])
    continues = None if said["continues"] is None else Digest(sha256=said["continues"][0], size=said["continues"][1])
    asking = said["asking"] and Asking(
        ordinal=said["asking"]["ordinal"],
        first_seed=said["asking"]["first_seed"],
        continues=None if continues is None else Chosen(digest=continues),
        asked=said["asking"]["asked"],
        number=said["asking"]["number"],
        instead=said["asking"]["instead"] and Pin(**said["asking"]["instead"]),
    )
    file, line, column = said["place"]
    action = Action(
        recipe=Recipe(
            stage=recipe["stage"],
            version=recipe["version"],
            pins=tuple(Pin(**pin) for pin in recipe["pins"]),
            parameters=parameters,
        ),
        inputs=inputs,
        outputs=tuple(said["outputs"]),
    )
    step = Step(
        name=said["name"],
        recipe=action.recipe,
        inputs=tuple((name, Chosen(digest=digest)) for name, digest in inputs),
        outputs=action.outputs,
        shots=tuple(said["shots"]),
        asking=asking,
        use=said["use"],
        tags=tuple(said["tags"]),
        location=Location(file=file, line=line, column=column),
    )
    return Wanted(step=step, action=action, key=said["key"], continues=continues)
