"""What a build says of a step that has its result, for those who read it and build nothing."""

from dataclasses import dataclass

from shotbuild.plan.bind import Wanted
from shotbuild.records import Action, ActionResult, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A step with its result. ran: executed in this build."""

    wanted: Wanted
    result: ActionResult
    ran: bool

    @property
    def step(self) -> Step:
        return self.wanted.step

    @property
    def key(self) -> str:
        """The digest of its action's manifest."""
        return self.wanted.key

    @property
    def action(self) -> Action:
        return self.wanted.action
