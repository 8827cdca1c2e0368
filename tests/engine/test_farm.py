"""What goes to machines of a farm and what is believed of what comes back, with machines that do as a test says."""

import hashlib
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from shotbuild.digest import of_text
from shotbuild.engine.dispatch import Dispatch, Returned, read_dispatch, read_returned, returned_text
from shotbuild.engine.executor import Executor, Split
from shotbuild.engine.farm import MACHINES, MARK, Farm
from shotbuild.errors import (
    BytesLost,
    Cancelled,
    FarmError,
    InternalError,
    Location,
    MachineUnfit,
    ProcessError,
    ShotbuildError,
    StoreError,
    StoreUnavailable,
)
from shotbuild.plan.bind import Wanted
from shotbuild.records import Action, ActionResult, Chosen, Digest, Fields, Recipe, Step, StoreUse
from shotbuild.store.blobs import FolderBlobs
from shotbuild.store.shared import Shared
from shotbuild.store.tiered import TieredBlobs
from tests.store.memory_objects import MemoryObjects

Answer = ActionResult | Exception


def digest_of(content: bytes) -> Digest:
    return Digest(sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def wanted(name: str, *reads: bytes) -> Wanted:
    inputs = tuple((f"in{number}", digest_of(content)) for number, content in enumerate(reads))
    recipe = Recipe(stage="encode", version=1, pins=(), parameters=Fields())
    step = Step(
        name=name,
        recipe=recipe,
        inputs=tuple((each, Chosen(digest=digest)) for each, digest in inputs),
        outputs=("out",),
        location=Location("specs/film.yaml", 1, 1),
    )
    return Wanted(
        step=step, action=Action(recipe=recipe, inputs=inputs, outputs=("out",)), key=of_text(name).sha256, continues=None
    )


@dataclass
class Machines:
    """A cluster of machines that answer as `does` says: the machine, what it was sent → an answer for each action."""

    does: Callable[[str, Dispatch], Sequence[Answer]]
    names: list[str] = field(default_factory=lambda: ["a", "b", "c"])
    out: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    shown: str = "tcp://farm:1"

    def fit(self, avoid: Collection[str] = (), needs: Iterable[str] = ()) -> Sequence[object]:
        return [] if list(needs) else [each for each in self.names if each not in self.out and each not in avoid]

    def leave_out(self, address: str) -> bool:
        new = address not in self.out
        self.out.add(address)
        return new

    def hands(self) -> int:
        return len(self.names)

    def ask(
        self, key: str, text: str, needs: Sequence[str], priority: int, avoid: Collection[str], stopped: Callable[[], bool]
    ) -> Returned:
        name = str(next(iter(self.fit(avoid)), self.names[0]))
        assert key not in {before for _, before in self.asked}, "an answer that is held would be given again"
        self.asked.append((name, key))
        return read_returned(returned_text(name, name, self.does(name, read_dispatch(text))))

    def close(self) -> None:
        pass


class Site:
    """A farm over storage in memory, and a store of this machine."""

    def __init__(self, folder: Path, does: Callable[[str, Dispatch], Sequence[Answer]]) -> None:
        self.objects, self.told = MemoryObjects(), list[str]()
        self.shared = Shared(self.objects, {}, self.told.append)
        self.local = FolderBlobs(folder / "store")
        (folder / "fetching").mkdir()
        self.machines = Machines(does)
        self.folder = folder
        self.cancel = threading.Event()
        self.farm = Farm(
            self.machines,
            build="b1",
            version="1",
            store=StoreUse(address="s3://films"),
            shared=self.shared,
            blobs=TieredBlobs(self.local, lambda: self.shared, lambda: folder / "fetching"),
            needs=lambda step: (["provider:diffusers"], []) if step.name == "needy" else ([], ["cpu"]),
            urgency=lambda _: 0,
            fetches=lambda step: step.name == "take",
            folder=folder,
            warn=self.told.append,
            cancel=self.cancel,
        )

    def here(self, content: bytes) -> bytes:
        """Puts bytes into the store of this machine."""
        file = self.folder / "new"
        file.write_bytes(content)
        self.local.adopt(file)
        return content

    def there(self, content: bytes) -> Digest:
        """Puts bytes into the shared store, as a machine would."""
        digest = digest_of(content)
        self.objects.held[f"cas/{digest.sha256}"] = content
        return digest

    def gave(self, content: bytes) -> ActionResult:
        return ActionResult(outputs=(("out", self.there(content)),), milliseconds=5)


@pytest.fixture
def make(tmp_path: Path) -> Callable[[Callable[["Site", str, Dispatch], Sequence[Answer]]], Site]:
    def made(does: Callable[[Site, str, Dispatch], Sequence[Answer]]) -> Site:
        site = Site(tmp_path, lambda machine, dispatch: does(site, machine, dispatch))
        return site

    return made


Make = Callable[[Callable[[Site, str, Dispatch], Sequence[Answer]]], Site]


def test_what_a_step_reads_is_in_the_shared_store_before_a_machine_is_asked(make: Make) -> None:
    seen: list[bool] = []

    def does(site: Site, _: str, dispatch: Dispatch) -> list[Answer]:
        seen.extend(f"cas/{digest.sha256}" in site.objects.held for _, digest in dispatch.wanted[0].action.inputs)
        return [site.gave(b"out")]

    site = make(does)
    site.here(b"picture")
    site.there(b"sound")
    result = site.farm.run(wanted("step", b"picture", b"sound"))
    assert seen == [True, True]
    assert result.output("out") == digest_of(b"out")
    assert ("send", f"cas/{digest_of(b'sound').sha256}") not in site.objects.calls, "what is there is not sent again"


def test_bytes_that_are_nowhere_are_lost_before_anybody_is_asked(make: Make) -> None:
    site = make(lambda site, *_: [site.gave(b"out")])
    with pytest.raises(BytesLost):
        site.farm.run(wanted("step", b"gone"))
    assert site.machines.asked == []


def test_what_a_farm_begins_with_is_something_in_the_store(make: Make) -> None:
    # A worker that finds the store of the team empty has not mounted it.
    site = make(lambda *_: [])
    assert site.objects.held == {f"cas/{digest_of(MARK).sha256}": MARK}


@pytest.mark.parametrize("held", [None, b"p1cture"])
def test_an_input_that_vanished_or_was_damaged_there_is_put_there_anew(make: Make, held: bytes | None) -> None:
    key = f"cas/{digest_of(b'picture').sha256}"

    def does(site: Site, _: str, __: Dispatch) -> list[Answer]:
        return [site.gave(b"out") if site.objects.held.get(key) == b"picture" else BytesLost("it is not there")]

    site = make(does)
    site.here(b"picture")
    site.there(b"picture")
    assert site.shared.has(digest_of(b"picture"))
    if held is None:
        del site.objects.held[key]
    else:
        site.objects.held[key] = held
    assert site.farm.run(wanted("step", b"picture")).output("out") == digest_of(b"out")
    assert len(site.machines.asked) == 2


def test_an_input_that_cannot_be_had_again_is_lost_and_not_believed_in_any_more(make: Make) -> None:
    site = make(lambda *_: [BytesLost("it is not there")])
    digest = site.there(b"picture")
    assert site.shared.has(digest)
    del site.objects.held[f"cas/{digest.sha256}"]
    with pytest.raises(BytesLost):
        site.farm.run(wanted("step", b"picture"))
    assert not site.shared.has(digest), "the step that made it is missing now, and is made again"


def test_a_machine_that_is_unfit_is_left_out_and_another_one_does_it(make: Make) -> None:
    def does(site: Site, machine: str, _: Dispatch) -> list[Answer]:
        return [MachineUnfit("another ffmpeg", cause="6 and 7") if machine == "a" else site.gave(b"out")]

    site = make(does)
    site.farm.run(wanted("one"))
    site.farm.run(wanted("two"))
    assert [name for name, _ in site.machines.asked] == ["a", "b", "b"]
    assert site.told == ["a is left out: another ffmpeg (6 and 7)"]


def test_where_no_machine_is_fit_the_step_says_why(make: Make) -> None:
    site = make(lambda *_: [MachineUnfit("another ffmpeg")])
    with pytest.raises(MachineUnfit, match="another ffmpeg"):
        site.farm.run(wanted("one"))
    assert [name for name, _ in site.machines.asked] == ["a", "b", "c"]


def test_a_disk_that_is_full_or_a_store_out_of_reach_concerns_one_machine_and_one_step(make: Make) -> None:
    def does(site: Site, machine: str, _: Dispatch) -> list[Answer]:
        wrong = {"a": StoreError("no space left"), "b": StoreUnavailable("no road to the store")}
        return [wrong.get(machine) or site.gave(b"out")]

    site = make(does)
    site.farm.run(wanted("one"))
    assert [name for name, _ in site.machines.asked] == ["a", "b", "c"]
    assert site.machines.out == set()
    assert len(site.machines.asked) <= MACHINES


def test_a_step_that_fails_by_itself_fails_once_with_its_own_words(make: Make) -> None:
    site = make(lambda *_: [ProcessError("ffmpeg ended with exit code 1", cause="no such filter", hint="mend it")])
    with pytest.raises(ProcessError) as told:
        site.farm.run(wanted("one"))
    assert (told.value.message, told.value.cause, told.value.hint) == (
        "ffmpeg ended with exit code 1",
        "no such filter",
        "mend it",
    )
    assert len(site.machines.asked) == 1


def test_a_bug_on_a_machine_is_told_as_one(make: Make) -> None:
    site = make(lambda *_: [ZeroDivisionError("division by zero")])
    with pytest.raises(InternalError, match="ZeroDivisionError"):
        site.farm.run(wanted("one"))


def test_what_another_build_stopped_is_asked_for_again(make: Make) -> None:
    answers: list[Answer] = [Cancelled("it was stopped")]
    site = make(lambda site, *_: [answers.pop() if answers else site.gave(b"out")])
    site.farm.run(wanted("one"))
    assert len(site.machines.asked) == 2


def test_what_this_build_stopped_is_not(make: Make) -> None:
    site = make(lambda *_: [Cancelled("it was stopped")])
    site.cancel.set()
    with pytest.raises(Cancelled):
        site.farm.run(wanted("one"))
    assert len(site.machines.asked) == 1


def test_a_result_whose_bytes_are_not_in_the_store_is_none(make: Make) -> None:
    site = make(lambda *_: [ActionResult(outputs=(("out", digest_of(b"nowhere")),), milliseconds=1)])
    with pytest.raises(StoreError, match="not in memory://store"):
        site.farm.run(wanted("one"))


def test_a_result_with_other_files_is_none(make: Make) -> None:
    site = make(lambda site, *_: [ActionResult(outputs=(("other", site.there(b"x")),), milliseconds=1)])
    with pytest.raises(FarmError, match="other files"):
        site.farm.run(wanted("one"))


def test_a_batch_has_a_result_or_an_error_for_each(make: Make) -> None:
    def does(site: Site, _: str, dispatch: Dispatch) -> list[Answer]:
        return [site.gave(b"1") if each.step.name == "one" else ProcessError("it fell") for each in dispatch.wanted]

    site = make(does)
    one, lost, two = site.farm.run_all([wanted("one"), wanted("lost", b"gone"), wanted("two")])
    assert isinstance(one, ActionResult)
    assert isinstance(lost, BytesLost)
    assert isinstance(two, ProcessError)
    assert len(site.machines.asked) == 1


def test_takes_are_fetched_at_once_and_the_rest_stays_where_it_is(make: Make) -> None:
    site = make(lambda site, _, dispatch: [site.gave(dispatch.wanted[0].step.name.encode())])
    site.farm.run(wanted("take"))
    site.farm.run(wanted("segment"))
    assert site.local.has(digest_of(b"take"))
    assert not site.local.has(digest_of(b"segment"))


GOOD = returned_text("a", "b", [ActionResult(outputs=(("out", digest_of(b"x")),), milliseconds=1)])


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        "",
        "[]",
        "{",
        '{"machine": "a"}',
        '{"machine": "a", "address": "b", "answers": [{"outputs": 3}]}',
        GOOD.replace(digest_of(b"x").sha256, "../../etc/passwd"),
        GOOD.replace('"milliseconds"', '"seconds"'),
    ],
)
def test_an_answer_that_is_none_is_an_error_of_the_farm(text: object) -> None:
    assert read_returned(GOOD).machine == "a"
    assert text != GOOD
    with pytest.raises(FarmError, match="cannot be read"):
        read_returned(text)


@pytest.mark.parametrize("kind", ["SystemExit", "Path", "render", "__name__", "NoSuch", "printable"])
def test_the_kind_of_an_error_is_one_of_ours_whatever_a_machine_says(kind: str) -> None:
    row = f'{{"error": {{"kind": "{kind}", "message": "m", "cause": null, "hint": null}}}}'
    (answer,) = read_returned(f'{{"machine": "a", "address": "b", "answers": [{row}]}}').answers
    assert type(answer) is ShotbuildError


# --- here and there -----------------------------------------------------------------------------------------------------


@dataclass
class Plain:
    """An executor that notes what it is given. most: that it has seen at the same time."""

    name: str
    ran: list[str] = field(default_factory=list)
    now: int = 0
    most: int = 0
    closed: bool = False
    full: threading.Event = field(default_factory=threading.Event)
    needy: bool = False

    def run(self, wanted: Wanted) -> ActionResult:
        self.ran.append(wanted.step.name)
        return ActionResult(outputs=(), milliseconds=0)

    def run_all(self, all_wanted: Sequence[Wanted]) -> Sequence[ActionResult | Exception]:
        return [self.run(each) for each in all_wanted]

    def takes(self, step: Step) -> bool:
        return not self.needy

    def at_once(self) -> int:
        return 2

    def hands(self) -> int:
        return 7

    def close(self) -> None:
        self.closed = True


def test_nobody_is_asked_for_a_farm_before_a_step_goes_there() -> None:
    here, there, opened = Plain("here"), Plain("there"), list[str]()

    def open_it() -> Executor:
        opened.append("now")
        return there

    split = Split(here, open_it, lambda step: step.name == "goes")
    split.run(wanted("stays"))
    assert (opened, split.at_once(), split.hands()) == ([], 2, 7)
    split.run(wanted("goes"))
    split.run_all([wanted("goes")])
    assert (opened, split.at_once()) == (["now"], 4)
    assert (here.ran, there.ran) == (["stays"], ["goes", "goes"])
    split.close()
    assert here.closed
    assert there.closed


def test_a_farm_that_cannot_be_opened_is_told_once_and_what_stays_is_made() -> None:
    def refused() -> Executor:
        raise FarmError("no scheduler answers")

    here = Plain("here")
    split = Split(here, refused, lambda step: step.name.startswith("goes"))
    with pytest.raises(FarmError, match="no scheduler"):
        split.run(wanted("goes1"))
    with pytest.raises(Cancelled):
        split.run(wanted("goes2"))
    split.run(wanted("stays"))
    assert here.ran == ["stays"]


def test_a_step_that_no_machine_can_take_is_made_here() -> None:
    here, there = Plain("here"), Plain("there", needy=True)
    Split(here, lambda: there, lambda _: True).run(wanted("one"))
    assert (here.ran, there.ran) == (["one"], [])


def test_a_step_that_needs_what_no_machine_declares_is_not_taken(make: Make) -> None:
    site = make(lambda *_: [])
    assert site.farm.takes(wanted("any").step)
    assert not site.farm.takes(replace(wanted("any").step, name="needy"))
