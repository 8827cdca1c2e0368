"""What is under way is seen, cancelled, collected and cleared up, against two vendors' servers; nothing is paid twice."""

import json
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shotbuild.engine.journal import Cap, Entry, Phase
from shotbuild.engine.operations import Line
from shotbuild.errors import Cancelled, KeyRefused, PlanError, ProviderRefused
from shotbuild.host import files
from shotbuild.paying.cancel import cancel
from shotbuild.paying.collect import Fate
from shotbuild.paying.named import entry_named
from shotbuild.paying.recover import Recovered, Settled, adopt, looking_for, lost, recover, retry
from shotbuild.providers.interface import Service
from shotbuild.purchasing import Lines
from shotbuild.units import Money
from tests.servers import kling, runway, topaz
from tests.servers.clips import clip
from tests.servers.service import Fault, VendorServer, environment
from tests.services.filming import Film, filming


@pytest.fixture
def film(tmp_path: Path) -> Iterator[Film]:
    with filming(tmp_path / "film", runway.VENDOR) as film:
        yield film


@pytest.fixture
def kling_film(tmp_path: Path) -> Iterator[Film]:
    with filming(tmp_path / "film", kling.VENDOR) as film:
        yield film


def server(film: Film) -> VendorServer:
    (only,) = film.servers.values()
    return only


def under_way(film: Film) -> Entry:
    """One operation that runs at the service, and that no build looks after."""
    server(film).faults.append(Fault.POLL_STALL)
    film.fails()
    (entry,) = film.entries()
    assert entry.phase is Phase.SUBMITTED
    return entry


def finish(film: Film) -> None:
    """The service makes what it has."""
    for job in server(film).jobs.values():
        job.fault, job.polls = None, 0


def in_doubt(film: Film) -> Entry:
    """One operation that the service accepted, and whose answer was lost for good."""
    server(film).faults.append(Fault.SUBMIT_DROP_AFTER)
    film.fails()
    entry = film.entries()[-1]
    assert entry.phase is Phase.UNKNOWN
    return entry


def recovered(film: Film) -> Recovered:
    with closing(Lines()) as lines:
        return recover(film.open(), lines)


def adopted(film: Film, entry: Entry, found: str, *, unchecked: bool = False) -> Settled:
    with closing(Lines()) as lines:
        return adopt(film.open(), entry.name, found, lines, unchecked=unchecked)


def given_up(film: Film, entry: Entry, *, unpaid: bool = False, unchecked: bool = False) -> Settled:
    with closing(Lines()) as lines:
        return lost(film.open(), entry.name, lines, unpaid=unpaid, unchecked=unchecked)


def counted(film: Film) -> Fraction:
    """What counts against a budget."""
    return film.open().rooms.journal.owed(Cap(of="the project", limit=Money(Fraction(1000), "USD")))


def entry_of(film: Film, number: int = 1) -> Entry:
    found = film.open().rooms.journal.entry(number)
    assert found is not None
    return found


# --- names ----------------------------------------------------------------------------------------------------------------


def test_an_operation_that_is_not_there_is_told_with_those_that_are(film: Film) -> None:
    with pytest.raises(PlanError) as none:
        entry_named(film.work.rooms.journal, "op1")
    assert "nothing was asked" in (none.value.cause or "")
    film.build()
    for word in ("op7", "1", "OP1", "sh010", "op99999999999999999999"):
        with pytest.raises(PlanError) as wrong:
            entry_named(film.work.rooms.journal, word)
        assert "only op1" in (wrong.value.cause or ""), word


# --- collecting -----------------------------------------------------------------------------------------------------------


def test_what_still_runs_is_looked_at_once_and_left(film: Film) -> None:
    under_way(film)
    asked = len(server(film).asked)
    found = recovered(film)
    assert [each.fate for each in found.collected] == [Fate.RUNNING], found.collected[0].error
    assert len(server(film).asked) == asked + 1
    assert entry_of(film).phase is Phase.SUBMITTED
    assert server(film).paid == 1


def test_what_is_done_becomes_a_take_and_is_asked_for_no_more(film: Film) -> None:
    under_way(film)
    finish(film)
    (each,) = recovered(film).collected
    assert each.fate is Fate.COLLECTED
    assert each.take == film.takes()[0]
    assert entry_of(film).phase is Phase.DONE
    assert film.build().generated == ()
    assert server(film).paid == 1
    assert len(film.takes()) == 1


def test_what_the_specs_no_longer_ask_for_is_collected_as_well(film: Film) -> None:
    under_way(film)
    finish(film)
    spec = film.root / "specs/film.yaml"
    spec.write_text(spec.read_text().replace("dawn", "noon"))
    (each,) = recovered(film).collected
    assert each.take is not None
    assert [take.id for take in film.takes()] == [each.take.id]


def test_a_take_of_a_shot_that_moved_goes_to_its_new_name(film: Film) -> None:
    under_way(film)
    finish(film)
    spec = film.root / "specs/film.yaml"
    spec.write_text(spec.read_text().replace('sh010: {"prompt"', 'tower: {"moved": "sh010", "prompt"'))
    (each,) = recovered(film).collected
    assert each.take is not None
    assert each.take.shot == "tower"
    assert len(film.takes("tower")) == 1
    assert film.build().generated == ()
    assert server(film).paid == 1


def test_a_shot_that_moved_while_it_was_made_is_paid_for_once(film: Film) -> None:
    under_way(film)
    finish(film)
    spec = film.root / "specs/film.yaml"
    spec.write_text(spec.read_text().replace('sh010: {"prompt"', 'tower: {"moved": "sh010", "prompt"'))
    assert film.open().plan().bill.free
    assert film.build().failed == ()
    assert server(film).paid == 1
    assert len(film.takes("tower")) == 1
    assert film.build().generated == ()


def test_what_was_fetched_before_a_kill_is_entered_without_being_fetched_again(film: Film) -> None:
    film.build()
    (film.root / "takes/sh010.jsonl").unlink()
    journal = film.open().rooms.journal
    entry = entry_of(film)
    assert entry.result is not None
    journal.fetched(entry.id, entry.result, entry.answer)
    asked = len(server(film).asked)
    (each,) = recovered(film).collected
    assert each.take is not None
    assert len(film.takes()) == 1
    assert len(server(film).asked) == asked


def test_a_take_that_the_ledger_has_is_not_entered_twice(film: Film) -> None:
    film.build()
    entry = entry_of(film)
    assert entry.operation is not None
    film.open().rooms.journal.submitted(entry.id, entry.operation, entry.answer)
    (each,) = recovered(film).collected
    assert each.fate is Fate.COLLECTED
    assert len(film.takes()) == 1


def test_what_another_build_works_on_is_left_to_it(film: Film) -> None:
    entry = under_way(film)
    finish(film)
    asked = len(server(film).asked)
    lock = files.try_lock(film.work.rooms.folder("locks") / f"{entry.action}.lock")
    assert lock is not None
    try:
        assert [each.fate for each in recovered(film).collected] == [Fate.ELSEWHERE]
    finally:
        lock.release()
    assert len(server(film).asked) == asked
    assert entry_of(film).phase is Phase.SUBMITTED


def test_without_a_key_it_is_left_with_the_reason(film: Film) -> None:
    under_way(film)
    with environment(RUNWAYML_API_SECRET=""):
        (each,) = recovered(film).collected
    assert each.fate is Fate.LEFT
    assert isinstance(each.error, KeyRefused)
    assert entry_of(film).phase is Phase.SUBMITTED


def test_what_the_service_failed_to_make_is_ended_and_not_asked_for_again(film: Film) -> None:
    under_way(film)
    for job in server(film).jobs.values():
        job.fault = Fault.POLL_FAULT
        job.polls = 0
    (each,) = recovered(film).collected
    assert each.fate is Fate.ENDED
    assert entry_of(film).phase is Phase.FAILED
    assert server(film).paid == 1


def test_an_intent_of_a_dead_build_is_looked_up_where_the_service_can(kling_film: Film) -> None:
    film = kling_film
    under_way(film)
    film.open().rooms.journal.doubtful(1, "the build was killed", "")
    finish(film)
    (each,) = recovered(film).collected
    assert each.fate is Fate.COLLECTED
    assert each.take is not None
    assert server(film).paid == 1


def test_an_intent_of_a_dead_build_becomes_unknown_where_it_cannot(film: Film) -> None:
    under_way(film)
    film.open().rooms.journal.doubtful(1, "the build was killed", "")
    found = recovered(film)
    assert [each.fate for each in found.collected] == [Fate.UNKNOWN]
    assert [entry.name for entry in found.unknown] == ["op1"]
    assert server(film).paid == 1


def test_nothing_left_behind_is_nothing_found(film: Film) -> None:
    found = recovered(film)
    assert found == Recovered(collected=(), unknown=())
    assert server(film).asked == []


@pytest.mark.parametrize("part", [{"recipe": {"pins": []}}, {"use": ["runway"]}, {"recipe": {"pins": [], "stage": "x"}}])
def test_a_row_that_makes_no_sense_is_left_and_the_others_are_looked_at(tmp_path: Path, part: dict[str, Any]) -> None:
    with filming(tmp_path / "film", runway.VENDOR, shots=2) as film:
        server(film).always.add(Fault.POLL_STALL)
        film.build()
        server(film).always.clear()
        finish(film)
        said = json.loads(entry_of(film).wanted)
        recipe = {"recipe": said["recipe"] | part["recipe"]} if "recipe" in part else {}
        with closing(sqlite3.connect(film.root / ".shotbuild/journal.db")) as database, database:
            text = json.dumps(said | part | recipe)
            database.execute("UPDATE operations SET wanted = ? WHERE id = 1", (text,))
        first, second = recovered(film).collected
        assert first.fate is Fate.LEFT
        assert "op1 makes no sense" in str(first.error)
        assert second.fate is Fate.COLLECTED
        assert entry_of(film).phase is Phase.SUBMITTED


def test_what_was_fetched_and_names_no_bytes_is_left(film: Film) -> None:
    film.build()
    entry = entry_of(film)
    assert entry.result is not None
    (film.root / "takes/sh010.jsonl").unlink()
    film.open().rooms.journal.fetched(1, replace(entry.result, outputs=()), "")
    (each,) = recovered(film).collected
    assert each.fate is Fate.LEFT
    assert entry_of(film).phase is Phase.FETCHED


def test_a_look_that_is_interrupted_waits_for_no_download(film: Film) -> None:
    under_way(film)
    finish(film)
    stopped: list[bool] = []

    class Interrupted(Lines):
        """Ctrl-C comes while an output is fetched; the download ends when it is told to, or after a minute."""

        def connect(self, service: Service, before: Callable[[str], None] | None = None) -> Line:
            line = super().connect(service, before)
            vars(line)["fetch"] = fetch
            return line

    def fetch(url: str, into: Path, *, bare: bool, stop: Callable[[], bool]) -> object:
        signal.raise_signal(signal.SIGINT)
        until = time.monotonic() + 20
        while not stop() and time.monotonic() < until:
            time.sleep(0.01)
        stopped.append(stop())
        raise Cancelled("the build was stopped")

    with closing(Interrupted()) as lines, pytest.raises(KeyboardInterrupt):
        recover(film.open(), lines)
    assert stopped == [True]
    assert entry_of(film).phase is Phase.SUBMITTED
    assert [each.fate for each in recovered(film).collected] == [Fate.COLLECTED]


# --- what a person says ---------------------------------------------------------------------------------------------------


def test_an_unknown_one_says_where_to_look(film: Film) -> None:
    entry = in_doubt(film)
    said = looking_for(runway.VENDOR.service, entry)
    assert "RUNWAYML_API_SECRET" in said
    assert entry.model in said
    assert entry.began[:10] in said


def test_what_a_person_finds_is_fetched_and_paid_for_once(film: Film) -> None:
    entry = in_doubt(film)
    finish(film)
    (job,) = server(film).jobs.values()
    settled = adopted(film, entry, job.id)
    assert settled.entry.phase is Phase.DONE
    assert "sh010 t1" in settled.next
    assert film.build().generated == ()
    assert server(film).paid == 1


def test_an_adopted_one_that_runs_is_fetched_by_the_next_build(film: Film) -> None:
    entry = in_doubt(film)
    (job,) = server(film).jobs.values()
    job.polls = 5
    assert "next build" in adopted(film, entry, job.id).next
    assert entry_of(film).phase is Phase.SUBMITTED
    finish(film)
    assert film.build().failed == ()
    assert server(film).paid == 1


def test_an_id_that_the_service_does_not_know_is_refused_and_nothing_changes(film: Film) -> None:
    entry = in_doubt(film)
    with pytest.raises(ProviderRefused):
        adopted(film, entry, "0b5c1f6e-0000-4000-8000-000000000009")
    assert entry_of(film).phase is Phase.UNKNOWN
    for wrong in ("", "two words", "é", "x" * 600):
        with pytest.raises(PlanError):
            adopted(film, entry, wrong)


def test_the_id_of_another_operation_is_refused(tmp_path: Path) -> None:
    with filming(tmp_path / "film", runway.VENDOR, takes=2) as film:
        server(film).faults.append(Fault.SUBMIT_DROP_AFTER)
        film.build()
        done, open_ = sorted(film.entries(), key=lambda entry: entry.phase is Phase.UNKNOWN)
        assert done.operation is not None
        for unchecked in (False, True):
            with pytest.raises(PlanError) as refused:
                adopted(film, open_, done.operation.id, unchecked=unchecked)
            assert done.name in refused.value.message
        assert entry_of(film, open_.id).phase is Phase.UNKNOWN


def test_an_unchecked_id_is_believed(film: Film) -> None:
    entry = in_doubt(film)
    (job,) = server(film).jobs.values()
    with environment(RUNWAYML_API_SECRET=""):
        adopted(film, entry, job.id, unchecked=True)
    assert entry_of(film).phase is Phase.SUBMITTED
    assert film.build().failed == ()
    assert server(film).paid == 1


def test_a_lost_one_may_be_asked_for_again_and_stays_counted(film: Film) -> None:
    entry = in_doubt(film)
    settled = given_up(film, entry)
    assert settled.entry.phase is Phase.LOST
    assert settled.entry.owed == entry.price
    assert "asks for it again" in settled.next
    assert film.build().failed == ()
    assert server(film).paid == 2
    assert [each.phase for each in film.entries()] == [Phase.LOST, Phase.DONE]


def test_what_was_not_billed_is_counted_no_more(film: Film) -> None:
    entry = in_doubt(film)
    assert counted(film) == entry.price.amount
    settled = given_up(film, entry, unpaid=True)
    assert settled.entry.owed.amount == 0
    assert settled.entry.owed.currency == entry.price.currency
    assert counted(film) == 0


def test_what_was_not_billed_and_is_found_after_all_is_counted_again(film: Film) -> None:
    entry = in_doubt(film)
    given_up(film, entry, unpaid=True)
    (job,) = server(film).jobs.values()
    assert adopted(film, entry, job.id, unchecked=True).entry.phase is Phase.SUBMITTED
    assert counted(film) == entry.price.amount


def test_what_runs_where_nothing_can_be_cancelled_is_given_up_unchecked_with_a_warning(kling_film: Film) -> None:
    film = kling_film
    entry = under_way(film)
    with pytest.raises(PlanError) as alive:
        given_up(film, entry)
    assert "op1 is not lost" in alive.value.message
    with pytest.raises(PlanError):
        given_up(film, entry, unpaid=True, unchecked=True)
    assert entry_of(film).phase is Phase.SUBMITTED
    assert given_up(film, entry, unchecked=True).entry.phase is Phase.LOST
    assert any("op1 may still be made by kling, and charged for" in told for told in film.told)
    assert counted(film) == entry.price.amount
    assert film.build().failed == ()
    assert server(film).paid == 2


def test_what_its_service_knows_no_more_is_given_up_without_another_word(kling_film: Film) -> None:
    film = kling_film
    entry = under_way(film)
    for job in server(film).jobs.values():
        job.fault, job.polls = Fault.POLL_GONE, 0
    assert given_up(film, entry).entry.phase is Phase.LOST
    assert not any("charged for" in told for told in film.told)


def test_what_is_done_and_no_longer_here_may_be_tried_again(film: Film) -> None:
    film.build()
    (take,) = film.takes()
    film.work.rooms.blobs.remove(take.video)
    (settled,) = retry(film.open(), ["op1"])
    assert settled.entry.phase is Phase.DONE
    assert f"shotbuild reject {take.name} --why lost" in settled.next
    (film.root / "takes/sh010.jsonl").unlink()
    (settled,) = retry(film.open(), ["op1"])
    assert "asks for it again" in settled.next
    assert server(film).paid == 1
    assert film.build().failed == ()
    assert server(film).paid == 2


def test_several_attempts_at_the_same_are_forgiven_together_and_not_while_a_build_has_it(film: Film) -> None:
    server(film).always.add(Fault.POLL_FAULT)
    film.fails()
    server(film).always.clear()
    lock = files.try_lock(film.work.rooms.folder("locks") / f"{entry_of(film).action}.lock")
    assert lock is not None
    with pytest.raises(PlanError) as busy:
        retry(film.open(), ["op2"])
    assert "a build is looking after op2" in busy.value.message
    lock.release()
    assert len(retry(film.open(), ["op1", "op2", "op3"])) == 3
    assert film.build().failed == ()


def test_retry_forgives_what_failed_as_often_as_it_may(film: Film) -> None:
    server(film).always.add(Fault.POLL_FAULT)
    film.fails()
    server(film).always.clear()
    assert [entry.phase for entry in film.entries()] == [Phase.FAILED] * 3
    assert "retry" in (film.fails().hint or "")
    assert server(film).paid == 3
    (settled,) = retry(film.open(), ["op3", "op3"])
    assert "asks for it again" in settled.next
    assert film.build().failed == ()
    assert server(film).paid == 4


def test_retry_of_an_unknown_one_lets_the_next_build_ask(film: Film) -> None:
    entry = in_doubt(film)
    (settled,) = retry(film.open(), [entry.name])
    assert settled.entry.phase is Phase.LOST
    assert film.build().failed == ()
    assert server(film).paid == 2


def test_words_that_make_no_sense_change_nothing(film: Film) -> None:
    under_way(film)
    for say in (
        lambda: retry(film.open(), ["op1"]),
        lambda: adopted(film, entry_of(film), "some-id"),
    ):
        with pytest.raises(PlanError) as refused:
            say()
        assert "under way" in refused.value.message
    finish(film)
    film.build()
    for say in (lambda: given_up(film, entry_of(film)), lambda: retry(film.open(), ["op1"])):
        with pytest.raises(PlanError) as refused:
            say()
        assert "is done" in refused.value.message
    assert entry_of(film).phase is Phase.DONE


def test_of_several_none_is_forgiven_when_one_cannot_be(film: Film) -> None:
    entry = in_doubt(film)
    with pytest.raises(PlanError):
        retry(film.open(), [entry.name, "op9"])
    assert entry_of(film).phase is Phase.UNKNOWN


def test_the_next_build_is_told_from_the_specs_of_now(film: Film) -> None:
    entry = in_doubt(film)
    spec = film.root / "specs/film.yaml"
    spec.write_text(spec.read_text().replace("dawn", "noon"))
    assert "no longer ask" in given_up(film, entry).next


# --- cancelling -----------------------------------------------------------------------------------------------------------


def test_what_was_taken_back_is_written_down_and_stays_counted(film: Film) -> None:
    entry = under_way(film)
    with closing(Lines()) as lines:
        done = cancel(film.open(), entry, lines)
    assert done.taken_back
    assert done.entry.phase is Phase.CANCELLED
    assert server(film).paid == 1
    (job,) = server(film).jobs.values()
    assert job.state == "cancelled"


def test_what_cannot_be_taken_back_is_left_as_it_is(kling_film: Film) -> None:
    film = kling_film
    entry = under_way(film)
    with closing(Lines()) as lines:
        done = cancel(film.open(), entry, lines)
    assert not done.taken_back
    assert entry_of(film).phase is Phase.SUBMITTED
    finish(film)
    assert film.build().failed == ()
    assert server(film).paid == 1


def test_only_what_has_an_id_and_runs_can_be_cancelled(film: Film) -> None:
    with closing(Lines()) as lines:
        entry = in_doubt(film)
        with pytest.raises(PlanError) as unknown:
            cancel(film.open(), entry, lines)
        assert "no id" in unknown.value.message
        given_up(film, entry)
        film.build()
        with pytest.raises(PlanError) as done:
            cancel(film.open(), entry_of(film, 2), lines)
        assert "nothing to cancel" in done.value.message


# --- what is no take ------------------------------------------------------------------------------------------------------


def test_a_paid_upscale_is_kept_for_the_next_build_and_enters_no_ledger(tmp_path: Path) -> None:
    with filming(tmp_path / "film", runway.VENDOR) as film, topaz.VENDOR.server(clip=clip("5")) as upscaler:
        settings, specs = film.root / "shotbuild.yaml", film.root / "specs/film.yaml"
        settings.write_text(settings.read_text() + "  crisp: {use: topaz, model: prob-4}\n")
        specs.write_text(specs.read_text().replace('{"prompt"', '{"finish": [{"upscale": {"provider": "crisp"}}], "prompt"'))
        with environment(**topaz.VENDOR.environment(upscaler)):
            upscaler.faults.append(Fault.POLL_STALL)
            film.build()
            assert [entry.phase for entry in film.entries()] == [Phase.DONE, Phase.SUBMITTED]
            for job in upscaler.jobs.values():
                job.fault, job.polls = None, 0
            (each,) = recovered(film).collected
            assert (each.fate, each.take) == (Fate.COLLECTED, None), each.error
            assert film.build().failed == ()
            # Found by the journal alone, it is in the cache again afterwards, and neither of them is needed from then on.
            shutil.rmtree(film.root / ".shotbuild/cache")
            assert film.build().failed == ()
            for file in (film.root / ".shotbuild").glob("journal.db*"):
                file.unlink()
            assert film.build().failed == ()
        assert upscaler.paid == 1
        assert len(film.takes()) == 1
