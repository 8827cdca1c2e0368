"""A Step and the digests of what it reads → an Action. The same bytes give the same Action, wherever they came from."""

from collections.abc import Callable
from dataclasses import replace

from shotbuild.records import Action, Digest, Fields, Origin, Step

CITES = "cites"


def bind(step: Step, digest_of: Callable[[Origin], Digest]) -> Action:
    recipe = step.recipe
    if step.cites:
        cites = Fields(tuple(sorted((name, digest_of(origin).sha256) for name, origin in step.cites)))
        parameters = Fields(tuple(sorted((*recipe.parameters, (CITES, cites)))))
        recipe = replace(recipe, parameters=parameters)
    return Action(
        recipe=recipe,
        inputs=tuple(sorted(((name, digest_of(origin)) for name, origin in step.inputs), key=lambda item: item[0])),
        outputs=step.outputs,
    )
