"""The shared store looked after: what is missing or damaged there, what may go, what is sent and brought by hand."""

import json
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shotbuild.digest import canonical_line, of_text
from shotbuild.errors import GateError, PlanError, StoreUnavailable
from shotbuild.keeping import care, team, transfer
from shotbuild.records import Sample
from shotbuild.store.outbox import Otherwise
from tests.store.memory_objects import WRITES, MemoryObjects, unreachable
from tests.test_pushing import SHOTS, Machine, flip, second

OLD = time.time() + 15 * 24 * 3600
ALL = Sample(share=Fraction(1), seed="any")


@pytest.fixture
def objects() -> MemoryObjects:
    return MemoryObjects()


@pytest.fixture
def one(tmp_path: Path, objects: MemoryObjects) -> Machine:
    """A machine that has built everything; the store has everything."""
    machine = Machine(tmp_path / "one", objects, "all")
    assert machine.build().exit_code == 0
    return machine


def check(machine: Machine, **options: Any) -> team.CheckedShared:
    work = machine.open()
    return team.check(work, care.named_of(work), **options)


def sweep(machine: Machine, *, delete: bool = True, now: float = OLD) -> team.SweptShared:
    work = machine.open()
    return team.sweep(work, lambda: care.kept_of(work), delete=delete, now=now)


def takes(machine: Machine) -> dict[str, bytes]:
    work = machine.open()
    named = {f"cas/{sha256}" for sha256 in care.named_of(work)}
    return {key: machine.objects.held[key] for key in named}


def spec(machine: Machine, text: str) -> None:
    (machine.root / "templates/wide.j2").write_text(text)


def rows(objects: MemoryObjects, stage: str) -> dict[str, dict[str, Any]]:
    said = {key: json.loads(text) for key, text in objects.held.items() if key.startswith("ac/")}
    return {key: row for key, row in said.items() if json.loads(row["manifest"])["recipe"]["stage"] == stage}


# --- check ---------------------------------------------------------------------------------------------------------------


def test_a_whole_store_is_whole(one: Machine) -> None:
    found = check(one, read=True)
    assert found.whole
    assert (found.blobs, found.read) == (8, 8)


def test_what_was_deleted_there_is_missed_whatever_was_seen_and_put_back_from_here(one: Machine) -> None:
    held = takes(one)
    for key in held:
        del one.objects.held[key]
    two = second(one)
    lost = check(two)
    assert (len(lost.missing), lost.sent, lost.whole) == (8, (), False)
    found = check(one)
    assert found.whole
    assert len(found.sent) == 8
    assert takes(one) == held
    assert check(two).whole


@pytest.mark.parametrize("harm", [flip, lambda content: content[:-1], lambda content: content + b"x", lambda _: b""])
def test_what_is_damaged_there_is_replaced_from_here(one: Machine, harm: Callable[[bytes], bytes]) -> None:
    held = takes(one)
    one.objects.held.update((key, harm(content)) for key, content in held.items())
    lost = check(second(one), read=True)
    assert len(lost.damaged) == 8
    found = check(one, read=True)
    assert found.whole
    assert len(found.replaced) == 8
    assert takes(one) == held


def test_who_may_only_read_finds_and_changes_nothing(one: Machine) -> None:
    for key in takes(one):
        one.objects.held[key] = b""
    reader = Machine(one.root, one.objects, "nothing")
    one.objects.calls.clear()
    found = check(reader, read=True)
    assert len(found.damaged) == 8
    assert [call for call in one.objects.calls if call[0] in WRITES] == []


def test_a_store_out_of_reach_is_not_called_damaged(one: Machine) -> None:
    one.objects.before = unreachable
    with pytest.raises(StoreUnavailable, match="memory://store"):
        check(one, read=True)
    with pytest.raises(StoreUnavailable):
        transfer.push(one.open())
    with pytest.raises(StoreUnavailable):
        sweep(one)


def test_a_store_that_goes_while_it_is_read_is_not_called_damaged(one: Machine) -> None:
    def go(_: int, name: str, key: str) -> None:
        if name == "fetch":
            unreachable()

    one.objects.before = go
    with pytest.raises(StoreUnavailable):
        check(one, read=True)


def poison(objects: MemoryObjects, change: Callable[[dict[str, Any]], object]) -> str:
    ((key, row),) = rows(objects, "mix").items()
    other = of_text("another mix")
    objects.held[f"cas/{other.sha256}"] = b"another mix"
    row["outputs"] = [[name, other.sha256, other.size] for name, _, _ in row["outputs"]]
    change(row)
    objects.held[key] = canonical_line(row).encode()
    return other.sha256


@pytest.mark.parametrize(
    "change",
    [lambda _: None, lambda row: row["outputs"][0].__setitem__(0, "x.wav"), lambda row: row.update(outputs=[])],
    ids=["other bytes", "another name", "no outputs"],
)
def test_a_poisoned_result_is_found_by_a_sample(one: Machine, change: Callable[[dict[str, Any]], object]) -> None:
    whole = check(one, sample=ALL)
    assert whole.sampled is not None
    assert whole.whole
    assert (whole.sampled.made, whole.sampled.differing) == (20, 0)
    poison(one.objects, change)
    held = dict(one.objects.held)
    found = check(one, sample=ALL)
    assert [failure.step.name for failure in found.failed] == ["opening/mix"]
    assert not found.whole
    assert one.objects.held == held, "nothing is swapped there"


def test_a_build_that_verifies_uses_what_it_made_itself(one: Machine) -> None:
    other = poison(one.objects, lambda _: None)
    two = second(one)
    built = two.build(sample=ALL)
    assert built.exit_code == 1
    (error,) = [failure.error for failure in built.failed]
    assert other in (error.cause or "")
    assert two.out == one.out
    assert two.build(sample=ALL).exit_code == 0, "its own results are not held against themselves"


def test_a_sample_is_the_share_that_was_asked_for_and_the_same_for_a_seed(one: Machine) -> None:
    def made(seed: str) -> list[str]:
        two = second(one).forget()
        two.build(sample=Sample(share=Fraction(1, 4), seed=seed))
        return sorted(two.count.ran)

    counts = [len(made(str(seed))) for seed in range(6)]
    assert 6 < sum(counts) < 60
    assert made("again") == made("again")


# --- sweep ---------------------------------------------------------------------------------------------------------------


def test_what_is_needed_and_what_is_young_stays(one: Machine) -> None:
    held = dict(one.objects.held)
    assert (sweep(one).results, one.objects.held) == ((), held)
    spec(one, "Another shot of {{ place }}.")
    young = sweep(one, now=time.time())
    assert (young.results, young.blobs, one.objects.held) == ((), (), held)


def test_what_stages_make_again_goes_and_takes_stay_whoever_named_them(one: Machine) -> None:
    kept = takes(one)
    generated = rows(one.objects, "generate")
    (one.root / "specs/opening.yaml").write_text("shots:\n  sh900: {prompt: Nothing of all that.}\n")
    for ledger in (one.root / "takes").iterdir():
        ledger.unlink()  # as in the folder of another project
    shown = sweep(one, delete=False)
    before = dict(one.objects.held)
    assert one.objects.held == before
    swept = sweep(one)
    assert swept.deleted
    assert (len(swept.results), swept.results, swept.blobs) == (20, shown.results, shown.blobs)
    assert rows(one.objects, "generate") == generated
    assert {key: one.objects.held[key] for key in kept} == kept
    assert {key for key in one.objects.held if key.startswith("ac/")} == generated.keys()


def test_results_go_before_their_bytes(one: Machine) -> None:
    (one.root / "specs/opening.yaml").write_text("shots:\n  sh900: {prompt: Nothing of all that.}\n")
    one.objects.calls.clear()
    sweep(one)
    kinds = [key.partition("/")[0] for key in one.objects.asked("remove")]
    assert kinds == sorted(kinds)
    assert {"ac", "cas"} == set(kinds)


def test_what_nobody_can_read_or_explain_stays(one: Machine) -> None:
    objects = one.objects
    strange, named = of_text("an imported take of others"), of_text("of a newer version")
    objects.held[f"cas/{strange.sha256}"] = b"an imported take of others"
    objects.held[f"cas/{named.sha256}"] = b"of a newer version"
    ((_, row),) = rows(objects, "mix").items()
    row["outputs"] += [["also", named.sha256, named.size]]
    objects.held[f"ac/{'0' * 64}"] = json.dumps({"shape": 9, "gave": named.sha256}).encode()
    (one.root / "specs/opening.yaml").write_text("shots:\n  sh900: {prompt: Nothing of all that.}\n")
    sweep(one)
    assert {f"cas/{strange.sha256}", f"cas/{named.sha256}", f"ac/{'0' * 64}"} <= objects.held.keys()


def test_bytes_that_a_take_shares_with_a_stage_stay(one: Machine) -> None:
    take = next(iter(rows(one.objects, "generate").values()))
    ((key, row),) = rows(one.objects, "mix").items()
    row["outputs"] = [["mix.flac", *take["outputs"][0][1:]]]
    one.objects.held[key] = canonical_line(row).encode()
    (one.root / "specs/opening.yaml").write_text("shots:\n  sh900: {prompt: Nothing of all that.}\n")
    for ledger in (one.root / "takes").iterdir():
        ledger.unlink()
    sweep(one)
    assert f"cas/{take['outputs'][0][1]}" in one.objects.held


def test_after_a_sweep_everybody_still_builds_and_nobody_generates(one: Machine) -> None:
    film = one.out
    other = Machine(one.root.with_name("other"), one.objects)
    (other.root / "specs/opening.yaml").write_text("shots:\n  sh900: {prompt: Nothing of all that.}\n")
    two = second(one)
    two.open().plan()  # remembers what is about to go
    sweep(other)
    built = two.build()
    assert (built.exit_code, built.generated) == (0, ())
    assert two.out == film
    assert one.build().ran == ()


def test_what_cannot_be_listed_is_not_swept(one: Machine) -> None:
    one.objects.lists = False
    with pytest.raises(PlanError, match="cannot list"):
        sweep(one, delete=False)


# --- push and pull -------------------------------------------------------------------------------------------------------


def test_push_sends_takes_and_with_all_everything(one: Machine) -> None:
    everything = dict(one.objects.held)
    one.objects.held.clear()
    first = transfer.push(one.open())
    assert (len(first.sent), first.there, first.unsent) == (4, 0, ())
    assert len(rows(one.objects, "generate")) == 4
    rest = transfer.push(one.open(), everything=True)
    assert (len(rest.sent), rest.there) == (20, 4)
    assert one.objects.held.keys() == everything.keys()
    again = transfer.push(one.open(), everything=True)
    assert (again.sent, again.there) == ((), 24)


def test_push_sends_what_targets_need(one: Machine) -> None:
    one.objects.held.clear()
    assert [parcel.what for parcel in transfer.push(one.open(), ["sh010"]).sent] == ["sh010 t1"]


def test_push_says_what_differs_there(one: Machine) -> None:
    other = poison(one.objects, lambda _: None)
    held = dict(one.objects.held)
    sent = transfer.push(one.open(), everything=True)
    (found,) = sent.otherwise
    assert isinstance(found, Otherwise)
    assert found.there.outputs[0][1].sha256 == other
    assert one.objects.held == held


def test_push_is_refused_where_nothing_may_be_written(one: Machine) -> None:
    reader = Machine(one.root, one.objects, "nothing")
    one.objects.calls.clear()
    with pytest.raises(GateError) as caught:
        transfer.push(reader.open())
    assert caught.value.exit_code == 3
    assert "push: nothing" in (caught.value.cause or "")
    assert one.objects.calls == []


def test_pull_brings_what_a_delivery_reads_and_takes_when_told(one: Machine) -> None:
    two = second(one)
    pulled = transfer.pull(two.open())
    assert (pulled.missing, pulled.to_run) == ((), 0)
    one.objects.before = unreachable
    built = two.open().deliver()
    assert (built.exit_code, built.ran) == (0, ())
    one.objects.before = lambda *_: None
    more = transfer.pull(two.open(), takes=True)
    local = two.open().rooms.local
    work = two.open()
    _ = work.project
    videos = [take.video for shot in SHOTS for take in work.rooms.ledgers.of(shot).takes]
    assert all(map(local.has, videos))
    assert len(more.brought) >= len(videos)


def test_pull_brings_what_has_to_be_read_to_make_the_rest(one: Machine) -> None:
    for key in [key for key in one.objects.held if key.startswith("ac/")]:
        if key not in rows(one.objects, "generate"):
            del one.objects.held[key]
    two = second(one)
    pulled = transfer.pull(two.open())
    assert pulled.missing == ()
    assert pulled.to_run > 0
    one.objects.before = unreachable
    built = two.open().deliver()
    assert (built.exit_code, built.generated) == (0, ())


def test_pull_says_what_is_nowhere(one: Machine) -> None:
    two = second(one)
    two.open().plan()
    lost = takes(one)
    for key in lost:
        del one.objects.held[key]
    pulled = transfer.pull(two.open(), takes=True)
    assert {f"cas/{each.digest.sha256}" for each in pulled.missing} == lost.keys()
