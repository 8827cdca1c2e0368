"""A Step and the digests of what it reads → an Action. The same bytes give the same Action, wherever they came from."""

from collections.abc import Callable

from shotbuild.records import Action, Digest, Origin, Step


def bind(step: Step, digest_of: Callable[[Origin], Digest]) -> Action:
    return Action(
        recipe=step.recipe,
        inputs=tuple(sorted(((name, digest_of(origin)) for name, origin in step.inputs), key=lambda item: item[0])),
        outputs=step.outputs,
    )
