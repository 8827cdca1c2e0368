"""A Step and the digests of what it reads → an Action. The same bytes give the same Action, wherever they came from."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from shotbuild.digest import manifest, of_text
from shotbuild.records import Action, Digest, Fields, Origin, Step

CITES = "cites"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A step that is bound: what is looked up. key: digest of its action's manifest; continues: the clip that a take goes
    on from, if any."""

    step: Step
    action: Action
    key: str
    continues: Digest | None


def bound(step: Step, digest_of: Callable[[Origin], Digest]) -> tuple[str, Wanted]:
    """The text that is hashed, and what is looked up."""
    action = bind(step, digest_of)
    text = manifest(action)
    origin = None if step.asking is None else step.asking.continues
    continues = None if origin is None else digest_of(origin)
    return text, Wanted(step=step, action=action, key=of_text(text).sha256, continues=continues)


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
