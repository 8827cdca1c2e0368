"""A project with a shared store in bad company: what goes there, what comes from there, and that nothing is lost or wrong.

All is real but the stages and the storage, which lies in memory and does what it is told.
"""

import errno
import json
import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shotbuild.built import BuildOptions, Built
from shotbuild.digest import canonical_line, of_text
from shotbuild.engine.events import Event, Pushed
from shotbuild.errors import ShotbuildError, StoreUnavailable
from shotbuild.takes.decide import approve
from shotbuild.takes.table import rows
from shotbuild.whereabouts import name_of, only_here
from shotbuild.workspace import Workspace
from tests.fakes import SMALL, Count, fake_workspace, write_project
from tests.store.memory_objects import READS, WRITES, MemoryObjects, refusing, unreachable

TAKES = {"sh010 t1", "sh020 t1", "sh020 t2", "sh030 t1"}
SHOTS = ("sh010", "sh020", "sh030")


class Machine:
    """A clone of the project on a disk of its own, over the same storage."""

    def __init__(self, root: Path, objects: MemoryObjects, push: str = "takes") -> None:
        self.root, self.objects = root, objects
        store = f"store: {{address: /nowhere, push: {push}}}\n"
        write_project(root, SMALL | {"shotbuild.yaml": SMALL["shotbuild.yaml"] + store})
        self.told: list[str] = []
        self.heard: list[Event] = []
        self.count = Count()

    def open(self) -> Workspace:
        """The project as a new process would see it."""
        self.count = Count()
        return fake_workspace(self.root, self.count, hear=self.heard.append, warn=self.told.append, objects=self.objects)

    def build(self, **options: Any) -> Built:
        self.told.clear()
        self.heard.clear()
        return self.open().build(options=BuildOptions(**options))

    def pull_git(self, other: "Machine") -> "Machine":
        """Has what Git would bring from another machine: ledgers and the lock."""
        shutil.copytree(other.root / "takes", self.root / "takes", dirs_exist_ok=True)
        shutil.copy(other.root / "shotbuild.lock", self.root)
        return self

    def forget(self) -> "Machine":
        """Loses its disk, and has what Git has."""
        shutil.rmtree(self.root / ".shotbuild", ignore_errors=True)
        shutil.rmtree(self.root / "out", ignore_errors=True)
        return self

    @property
    def out(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.root)): path.read_bytes() for path in self.root.glob("out/**/*") if path.is_file()}

    @property
    def alone(self) -> set[str]:
        """The takes that lie here only, as a look says."""
        work = self.open()
        _ = work.project
        return {name_of(take) for take in only_here(work.rooms, SHOTS)}


@pytest.fixture
def objects() -> MemoryObjects:
    return MemoryObjects()


@pytest.fixture
def one(tmp_path: Path, objects: MemoryObjects) -> Machine:
    """A machine that has built everything; the store has its takes."""
    machine = Machine(tmp_path / "one", objects)
    assert machine.build().exit_code == 0
    return machine


@pytest.fixture
def full(tmp_path: Path, objects: MemoryObjects) -> Machine:
    """The same; the store has everything."""
    machine = Machine(tmp_path / "one", objects, "all")
    assert machine.build().exit_code == 0
    return machine


def second(one: Machine, push: str = "takes") -> Machine:
    return Machine(one.root.with_name("two"), one.objects, push).pull_git(one)


# --- what goes there -----------------------------------------------------------------------------------------------------


def test_takes_with_their_records_go_there_and_nothing_else(one: Machine) -> None:
    manifests = [json.loads(json.loads(text)["manifest"]) for key, text in one.objects.held.items() if key.startswith("ac/")]
    assert [each["recipe"]["stage"] for each in manifests] == ["generate"] * 4
    takes = [take for shot in SHOTS for take in one.open().rooms.ledgers.of(shot).takes]
    wanted = {digest.sha256 for take in takes for digest in (take.video, take.record) if digest is not None}
    assert {key.removeprefix("cas/") for key in one.objects.held if key.startswith("cas/")} == wanted
    assert len(wanted) == 8
    assert [event.results for event in one.heard if isinstance(event, Pushed)] == [4]
    assert one.alone == set()


def test_a_result_is_there_after_its_bytes_alone(full: Machine) -> None:
    names = [key for name, key in full.objects.calls if name in ("send", "create")]
    there: set[str] = set()
    for key in names:
        if key.startswith("ac/"):
            row = json.loads(full.objects.held[key])
            assert {sha256 for _, sha256, _ in row["outputs"]} <= there
        else:
            there.add(key.removeprefix("cas/"))
    assert len(names) > 30


def test_who_pushes_everything_leaves_nothing_to_run(full: Machine) -> None:
    two = second(full)
    built = two.build()
    assert built.exit_code == 0
    assert two.count.ran == []
    assert two.out == full.out
    assert two.told == []


def test_takes_that_were_there_before_the_store_was_go_there_with_the_next_build(
    tmp_path: Path, objects: MemoryObjects
) -> None:
    machine = Machine(tmp_path / "one", objects)
    plain = machine.root / "shotbuild.yaml"
    written = plain.read_text()
    plain.write_text(SMALL["shotbuild.yaml"])
    assert machine.build().exit_code == 0
    assert objects.calls == []
    plain.write_text(written)
    assert machine.alone == TAKES
    built = machine.build()
    assert (built.exit_code, built.ran) == (0, ())
    assert machine.alone == set()


def test_nothing_is_asked_of_the_network_that_is_here_or_was_seen(one: Machine) -> None:
    one.build()
    one.objects.calls.clear()
    work = one.open()
    assert work.plan().only_here == ()
    work.status()
    rows(work)
    one.build()
    assert one.objects.calls == []


def test_damaged_takes_are_not_sent(one: Machine) -> None:
    one.objects.held.clear()
    take = one.open().rooms.ledgers.of("sh010").takes[0]
    shutil.rmtree(one.root / ".shotbuild/cache")
    (one.root / ".shotbuild/memory.json").unlink()
    place = one.open().rooms.local.path(take.video)
    place.chmod(0o644)
    place.write_bytes(place.read_bytes().swapcase())
    one.build()
    held = one.objects.held.get(f"cas/{take.video.sha256}")
    assert held is None or of_text(held.decode()) == take.video, "the animatic draws the same again"


# --- a store that fails --------------------------------------------------------------------------------------------------


def test_a_store_out_of_reach_costs_one_wait_and_one_sentence(tmp_path: Path, objects: MemoryObjects) -> None:
    objects.before = unreachable
    for look in (Workspace.plan, Workspace.status, Workspace.build):
        machine = Machine(tmp_path / look.__name__, objects)
        objects.calls.clear()
        look(machine.open())
        assert len(objects.calls) <= 32, "as many as are asked at the same time"
        assert len([sentence for sentence in machine.told if "goes on without the shared store" in sentence]) == 1


def test_takes_that_could_not_be_sent_are_told_each_time_until_they_are(one: Machine) -> None:
    one.objects.held.clear()
    one.forget()
    one.objects.before = unreachable
    for _ in range(2):
        built = one.build()
        assert built.exit_code == 0
        (told,) = [sentence for sentence in one.told if "on this disk only" in sentence]
        assert "4 takes" in told
        assert "shotbuild store push" in told
    one.objects.before = lambda *_: None
    assert one.build().ran == ()
    assert one.told == []
    assert one.alone == set()


def test_who_is_refused_reads_on_and_is_told_once(tmp_path: Path, objects: MemoryObjects) -> None:
    objects.before = refusing
    machine = Machine(tmp_path / "one", objects, "all")
    assert machine.build().exit_code == 0
    assert len([sentence for sentence in machine.told if "reading only" in sentence]) == 1
    assert len([key for name, key in objects.calls if name in WRITES]) <= 4, "one of each thread that sends"
    assert objects.held == {}


def test_who_may_only_read_writes_nothing(full: Machine) -> None:
    before = dict(full.objects.held)
    two = second(full, "nothing")
    (two.root / "templates/wide.j2").write_text("Another shot of {{ place }}.")
    full.objects.calls.clear()
    assert two.build().exit_code == 0
    assert two.open().plan().only_here != ()
    assert [call for call in full.objects.calls if call[0] in WRITES] == []
    assert full.objects.held == before


@pytest.mark.parametrize("seed", range(12))
def test_whenever_the_store_dies_nothing_is_lost(tmp_path: Path, seed: int) -> None:
    chance, objects = random.Random(seed), MemoryObjects()
    dies = chance.randrange(1, 110)
    comes_back = dies + chance.choice((1, 5, 10**6))

    def fail(number: int, name: str, key: str) -> None:
        if dies <= number < comes_back:
            raise StoreUnavailable("the store is gone", cause=f"call {number}")

    objects.before = fail
    one = Machine(tmp_path / "one", objects, chance.choice(("takes", "all")))
    assert one.build().exit_code == 0
    objects.before = lambda *_: None
    assert one.build().ran == ()
    assert one.alone == set()
    two = second(one)
    assert two.build().generated == ()
    assert two.out == one.out


@pytest.mark.parametrize("seed", range(12))
def test_whenever_the_store_dies_while_it_is_read_the_film_is_the_same(full: Machine, seed: int) -> None:
    dies = random.Random(seed).randrange(1, 90)
    start = len(full.objects.calls)

    def fail(number: int, name: str, key: str) -> None:
        if number >= start + dies:
            raise StoreUnavailable("the store is gone")

    full.objects.before = fail
    two = second(full)
    built = two.build()
    if built.exit_code:  # bytes that it had seen there, and has not here: it is said, and nothing else comes in their place
        assert all(isinstance(failure.error, ShotbuildError) and failure.error.exit_code == 1 for failure in built.failed)
    full.objects.before = lambda *_: None
    assert two.build().exit_code == 0
    assert two.out == full.out


def test_what_was_sent_without_its_result_is_sent_with_it_by_the_next_build(tmp_path: Path, objects: MemoryObjects) -> None:
    def killed(_: int, name: str, key: str) -> None:
        if name == "create":
            raise StoreUnavailable("killed between bytes and result")

    objects.before = killed
    one = Machine(tmp_path / "one", objects)
    one.build()
    assert [key for key in objects.held if key.startswith("ac/")] == []
    objects.before = lambda *_: None
    one.build()
    assert len([key for key in objects.held if key.startswith("ac/")]) == 4


# --- what the store says -------------------------------------------------------------------------------------------------


def poisons() -> dict[str, Callable[[dict[str, Any]], object]]:
    def outputs(change: Callable[[list[Any]], object]) -> Callable[[dict[str, Any]], object]:
        return lambda row: [change(each) for each in row["outputs"]]

    def put(index: int, value: object) -> Callable[[list[Any]], object]:
        return lambda each: each.__setitem__(index, value)

    price = {"amount": "1e999999", "currency": "USD", "exact": True}
    return {
        "another name": outputs(put(0, "other.mp4")),
        "a name that is a path": outputs(put(0, "../../../etc/passwd")),
        "a name that is a list": outputs(put(0, ["a"])),
        "another size": outputs(lambda each: each.__setitem__(2, each[2] + 1)),
        "ten gigabytes": outputs(put(2, 10 << 30)),
        "a size below nothing": outputs(put(2, -1)),
        "a size that is true": outputs(put(2, True)),
        "bytes that nobody has": outputs(put(1, "ab" * 32)),
        "a digest that is a path": outputs(put(1, "../../x")),
        "no outputs": lambda row: row.update(outputs=[]),
        "twice the outputs": lambda row: row.update(outputs=row["outputs"] * 2),
        "a price that fills the memory": lambda row: row.update(price=price),
        "a price of one letter": lambda row: row.update(price={**price, "amount": "x"}),
        "charged in lists": lambda row: row.update(charged=[1, 2, 3]),
        "a time without an end": lambda row: row.update(milliseconds=10**4000),
        "a time that is text": lambda row: row.update(milliseconds="7"),
        "an operation of numbers": lambda row: row.update(operation={"provider": 1, "id": [], "submitted": {}}),
        "a pin of something else": lambda row: row.update(pin={"provider": "x"}),
        "a record that is text": lambda row: row.update(record="x"),
        "a record without an end": lambda row: row.update(record=["ab" * 32, 10**400]),
        "another action": lambda row: row.update(manifest=row["manifest"] + " "),
        "half a letter": lambda row: row.update(manifest=row["manifest"] + "\ud800"),
    }


def plant(objects: MemoryObjects, poison: Callable[[dict[str, Any]], object]) -> None:
    for key in [key for key in objects.held if key.startswith("ac/")]:
        row = json.loads(objects.held[key])
        poison(row)
        objects.held[key] = json.dumps(row).encode()


@pytest.mark.parametrize("poison", poisons())
def test_a_poisoned_result_gives_no_other_film(full: Machine, poison: str) -> None:
    plant(full.objects, poisons()[poison])
    two = second(full)
    for ledger in (two.root / "takes").iterdir():
        ledger.unlink()  # else the ledgers answer for takes
    built = two.build()
    assert built.exit_code == 0, built.failed
    assert two.out == full.out
    assert two.alone == set()
    assert two.open().plan().to_run == ()


@pytest.mark.parametrize("held", [b"", b"{" * 10**5, b"[" * 10**5, b"3", b"\xff", b"x" * (5 << 20)])
def test_what_is_no_result_is_a_miss_and_makes_room(full: Machine, held: bytes) -> None:
    keys = [key for key in full.objects.held if key.startswith("ac/")]
    full.objects.held.update((key, held) for key in keys)
    two = second(full, "all")
    assert two.build().exit_code == 0
    assert two.out == full.out
    assert all(json.loads(full.objects.held[key])["manifest"] for key in keys), "whoever makes it again says so there"


def flip(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


@pytest.mark.parametrize("harm", [flip, lambda content: content[:-1], lambda content: content + b"x", lambda _: b""])
def test_bytes_that_are_not_what_they_should_be_are_never_used(full: Machine, harm: Callable[[bytes], bytes]) -> None:
    objects = full.objects
    objects.held.update((key, harm(content)) for key, content in objects.held.items() if key.startswith("cas/"))
    two = second(full)
    assert two.build().exit_code == 0
    assert two.out == full.out


def test_bytes_that_were_deleted_behind_our_back_are_made_again(full: Machine) -> None:
    two = second(full)
    two.open().plan()  # remembers that all is there
    for key in [key for key in full.objects.held if key.startswith("cas/")]:
        del full.objects.held[key]
    built = two.build()
    assert built.exit_code == 0, built.failed
    assert two.out == full.out


def test_chosen_bytes_that_are_nowhere_are_said_to_be_and_where_they_were_looked_for(one: Machine) -> None:
    approve(one.open(), ["sh010", "t1"], by="Ann <ann@x.example>")
    two = second(one)
    two.open().plan()
    for key in [key for key in one.objects.held if key.startswith("cas/")]:
        del one.objects.held[key]
    built = two.build()
    assert built.exit_code == 1
    (error,) = [failure.error for failure in built.failed if "sh010" in failure.step.shots]
    assert "the shared store memory://store does not have them" in (error.cause or "")
    assert "shotbuild store push" in (error.hint or "")
    assert "sh010/t1" not in built.ran, "a take that was chosen is never made anew"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_takes_nothing_fails_what_needs_it_and_nothing_else(full: Machine, number: int) -> None:
    def refuse(_: int, name: str, key: str) -> None:
        if name == "fetch":
            raise OSError(number, "of this disk")

    full.objects.before = refuse
    two = second(full)
    with pytest.raises(ShotbuildError, match="cannot be written") as caught:
        two.build()
    assert "of this disk" in (caught.value.cause or "")
    full.objects.before = lambda *_: None
    assert two.build().exit_code == 0
    assert two.out == full.out


def test_results_that_came_out_otherwise_are_told_and_nothing_is_swapped(full: Machine) -> None:
    key = next(
        key
        for key, text in full.objects.held.items()
        if key.startswith("ac/") and json.loads(json.loads(text)["manifest"])["recipe"]["stage"] == "mix"
    )
    row = json.loads(full.objects.held[key])
    other = of_text("another mix")
    full.objects.held[f"cas/{other.sha256}"] = b"another mix"
    row["outputs"] = [[name, other.sha256, other.size] for name, _, _ in row["outputs"]]
    planted = full.objects.held[key] = canonical_line(row).encode()
    two = second(full, "all")
    cut_off = full.objects.before
    full.objects.before = unreachable  # it makes its own, and hears of the other one later
    assert two.build().exit_code == 0
    full.objects.before = cut_off
    two.build()
    assert [sentence for sentence in two.told if "came out otherwise" in sentence and other.short in sentence]
    assert full.objects.held[key] == planted
    assert two.out == full.out
    two.build()
    assert two.told == [], "once is enough"


# --- how it is asked -----------------------------------------------------------------------------------------------------


def test_a_fresh_clone_asks_for_everything_at_once_and_for_each_thing_once(full: Machine) -> None:
    seen: list[tuple[str, str, str]] = []
    full.objects.before = lambda _, name, key: seen.append((threading.current_thread().name.partition("_")[0], name, key))
    for look in (Workspace.plan, Workspace.status, Workspace.build):
        two = second(full).forget()
        seen.clear()
        look(two.open())
        asked = [(name, key) for thread, name, key in seen if name in READS]
        assert len(set(asked)) == len(asked)
        assert len(asked) >= 2 * (len(two.open().whole.steps) - 4), "takes are in ledgers"
        assert {thread for thread, name, _ in seen if name in READS} <= {"ask", "bring"}, look.__name__
