"""JUnit XML: what a call looked at, a test case each. The elements and attributes are those that every reader knows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from shotbuild.built import Built
from shotbuild.engine.events import Event, Failed, Finished, Skipped
from shotbuild.errors import ShotbuildError, SpecErrors, render

CHECK, GATE = "check", "gate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """name: of a step, or of what was checked; stage: of the step; seconds: that it took, 0 = cached; failure: why it
    failed; skipped: why it was not tried."""

    name: str
    stage: str
    seconds: float = 0.0
    failure: ShotbuildError | None = None
    skipped: str | None = None


class Heard:
    """What became of each step, by the events of a build. A step that was made twice is told of as it ended."""

    def __init__(self) -> None:
        self._cases: dict[str, Case] = {}

    def hear(self, event: Event) -> None:
        if isinstance(event, Finished):
            seconds = event.result.milliseconds / 1000 if event.ran else 0.0
            self._keep(Case(name=event.step.name, stage=event.step.recipe.stage, seconds=seconds))
        elif isinstance(event, Failed):
            self._keep(Case(name=event.step.name, stage=event.step.recipe.stage, failure=event.error))
        elif isinstance(event, Skipped):
            why = f"{event.because} was not made"
            self._keep(Case(name=event.step.name, stage=event.step.recipe.stage, skipped=why))

    def cases(self, built: Built | None, error: ShotbuildError | None) -> tuple[Case, ...]:
        """built: what came of it, None = nothing did, because of error."""
        gates = [] if built is None else [Case(name=gate.message, stage=GATE, failure=gate) for gate in built.gates]
        return (*self._cases.values(), *gates, *([] if error is None else cases_of(error)))

    def _keep(self, case: Case) -> None:
        self._cases[case.name] = case


def cases_of(error: ShotbuildError) -> tuple[Case, ...]:
    """What stopped a call before there were steps: a case for each error, called by its place."""
    each = error.errors if isinstance(error, SpecErrors) else (error,)
    return tuple(Case(name=str(one.location or one.message), stage=CHECK, failure=one) for one in each)


def of_check(suite: str, error: ShotbuildError | None) -> str:
    """A check without steps as a document: a case for each error, or one that says that there was none."""
    return xml(suite, (Case(name="no errors", stage=CHECK),) if error is None else cases_of(error))


def xml(suite: str, cases: Sequence[Case]) -> str:
    """One suite as a document. suite: such as `shotbuild build`."""
    seconds = sum(case.seconds for case in cases)
    counts = {
        "name": _fit(suite),
        "tests": str(len(cases)),
        "failures": str(sum(case.failure is not None for case in cases)),
        "errors": "0",
        "skipped": str(sum(case.skipped is not None for case in cases)),
        "time": f"{seconds:.3f}",
    }
    root = ElementTree.Element("testsuites")
    tree = ElementTree.SubElement(root, "testsuite", counts)
    for name, case in zip(_apart(case.name for case in cases), cases, strict=True):
        said = {"name": name, "classname": _fit(case.stage), "time": f"{case.seconds:.3f}"}
        element = ElementTree.SubElement(tree, "testcase", said)
        if case.failure is not None:
            attributes = {"message": _fit(case.failure.message), "type": type(case.failure).__name__}
            ElementTree.SubElement(element, "failure", attributes).text = _fit(render(case.failure))
        elif case.skipped is not None:
            ElementTree.SubElement(element, "skipped", {"message": _fit(case.skipped)})
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _apart(names: Iterable[str]) -> list[str]:
    """Each name once: of two cases of one name, readers show the first alone."""
    taken: set[str] = set()
    found: list[str] = []
    for name in map(_fit, names):
        fresh, number = name, 2
        while fresh in taken:
            fresh, number = f"{name} ({number})", number + 1
        taken.add(fresh)
        found.append(fresh)
    return found


def _fit(text: str) -> str:
    """What XML 1.0 may hold: of control characters, line ends and tabs alone."""
    return "".join(char if _fits(ord(char)) else "\N{REPLACEMENT CHARACTER}" for char in text)


def _fits(code: int) -> bool:
    return (
        code in (0x9, 0xA) or 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
    )
