"""`jobs`, `recover`, `cost`, `providers` and the keys of `doctor`, as they are typed and read."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shotbuild.cli.columns import for_how_long
from shotbuild.engine.journal import Phase
from shotbuild.plugins import registry
from tests.cli.conftest import Call
from tests.e2e.conftest import Ran
from tests.servers import kling, runway
from tests.servers.service import Fault, VendorServer, environment
from tests.services.filming import Film, filming

WIDTHS = ("100", "160")
HOSTILE = "A lighthouse \\u202e and a very long prompt " * 6


@pytest.fixture
def film(tmp_path: Path) -> Iterator[Film]:
    with filming(tmp_path / "film", runway.VENDOR, shots=2) as film:
        yield film


def server(film: Film) -> VendorServer:
    (only,) = film.servers.values()
    return only


def running(film: Film) -> None:
    """Both shots are under way, and no build looks after them."""
    server(film).always.add(Fault.POLL_STALL)
    film.build()
    server(film).always.clear()


def finish(film: Film) -> None:
    for job in server(film).jobs.values():
        job.fault, job.polls = None, 0


def lost_one(film: Film) -> tuple[str, str]:
    """One of the shots is unknown, the other one has a take. Gives the name of that operation, and its id at the service."""
    server(film).faults.append(Fault.SUBMIT_DROP_AFTER)
    film.build()
    known = {entry.operation.id for entry in film.entries() if entry.operation is not None}
    (name,) = [entry.name for entry in film.entries() if entry.phase is Phase.UNKNOWN]
    (job,) = server(film).jobs.keys() - known
    return name, job


def document(ran: Ran) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ran.out)
    return found


# --- jobs -----------------------------------------------------------------------------------------------------------------


def test_nothing_under_way_is_said_on_stderr(film: Film, call: Call) -> None:
    ran = call(film.root, "jobs")
    assert (ran.code, ran.out) == (0, "")
    assert "nothing is under way" in ran.err
    assert document(call(film.root, "jobs", "--json")) == {"schema": "shotbuild/jobs/1", "operations": []}


@pytest.mark.parametrize("width", WIDTHS)
def test_the_list_fits_and_hostile_text_steers_no_terminal(film: Film, call: Call, width: str) -> None:
    spec = film.root / "specs/film.yaml"
    spec.write_text(spec.read_text().replace("A lighthouse", HOSTILE))
    running(film)
    film.open().rooms.journal.polled(1, "\x1b[31mRUNNING\x07", 99, '{"said": "\x1b[2J"}')
    with environment(COLUMNS=width):
        ran = call(film.root, "jobs")
        every = call(film.root, "jobs", "--all")
        shown = call(film.root, "jobs", "show", "op1")
    assert ran.code == every.code == shown.code == 0
    for said in (ran.out, every.out, shown.out):
        assert "\x1b" not in said
        assert "\u202e" not in said
    for said in (ran.out, every.out):
        assert max(map(len, said.splitlines())) <= int(width)
        assert re.search(r"^op1 +sh0\d0/t1 ", said, re.MULTILINE)
    assert re.search(r"^op2 .*RUNNING, 99 %", ran.out, re.MULTILINE)


def test_the_story_of_one_has_what_was_sent_and_what_came_back(film: Film, call: Call) -> None:
    running(film)
    (job,) = [job for job in server(film).jobs.values() if job.id in call(film.root, "jobs", "show", "op1").out]
    ran = call(film.root, "jobs", "show", "op1")
    assert job.id in ran.out
    assert "promptText" in ran.out
    assert "about to be asked" in ran.out
    assert server(film).key not in ran.out
    (one,) = document(call(film.root, "jobs", "show", "op1", "--json"))["operations"]
    assert one["operation"] == job.id
    assert [each["phase"] for each in one["told"]][:2] == ["intent", "submitted"]
    assert one["sent"]["body"]["model"] == "gen4.5"


def test_a_cancelled_one_is_said_to_stay_counted(film: Film, call: Call) -> None:
    running(film)
    ran = call(film.root, "jobs", "cancel", "op1", "op2")
    assert ran.code == 0
    assert ran.out.count("cancelled.") == 2
    assert {job.state for job in server(film).jobs.values()} == {"cancelled"}
    again = call(film.root, "jobs", "cancel", "op1")
    assert again.code == 2
    assert "nothing to cancel" in again.err


def test_what_is_not_cancelled_is_1_and_says_that_nothing_changed(tmp_path: Path, call: Call) -> None:
    with filming(tmp_path / "film", kling.VENDOR) as film:
        server(film).faults.append(Fault.POLL_STALL)
        film.build()
        ran = call(film.root, "jobs", "cancel", "op1")
    assert ran.code == 1
    assert "NOT cancelled" in ran.out
    assert "Nothing was changed" in ran.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["jobs", "cancle", "op1"], "jobs cancel"),
        (["jobs", "show"], "one operation"),
        (["jobs", "cancel"], "at least one"),
        (["jobs", "show", "op1"], "nothing was asked"),
        (["jobs", "cancel", "op1", "--all"], "--all goes with the list"),
        (["recover", "adopt", "op1"], "recover adopt OP ID"),
        (["recover", "lots", "op1"], "recover lost OP"),
        (["recover", "lost", "op1", "op2"], "recover lost OP"),
        (["recover", "retry", "op1", "--unchecked"], "adopt"),
        (["recover", "retry", "op1", "--unpaid"], "recover lost OP --unpaid"),
        (["recover", "lost", "op1", "--unpaid", "--unchecked"], "do not go together"),
        (["recover", "retry", "op3"], "no operation is called 'op3'"),
        (["cost", "--by", "shots"], "--by shot"),
        (["cost", "nothing"], "no shot or sequence"),
        (["cost", "--csv", "--json"], "one of them at a time"),
        (["providers", "rnway"], "write `runway`"),
        (["providers", "runway", "gen-4.5"], "write `gen4.5`"),
    ],
)
def test_what_was_asked_wrong_is_2_and_says_what_to_write(film: Film, call: Call, arguments: list[str], told: str) -> None:
    ran = call(film.root, *arguments)
    assert ran.code == 2
    assert told in ran.err


# --- recover --------------------------------------------------------------------------------------------------------------


def test_what_is_done_is_fetched_and_what_runs_is_left(film: Film, call: Call) -> None:
    running(film)
    first = server(film).jobs[next(iter(server(film).jobs))]
    first.fault, first.polls = None, 0
    ran = call(film.root, "recover")
    assert ran.code == 0, ran.out
    assert re.search(r"^collected  op\d  sh0\d0/t1 at runway: sh0\d0 t1 \(sh0\d0@[0-9a-f]{8}\)", ran.out, re.MULTILINE)
    assert re.search(r"^running    op\d  .*RUNNING", ran.out, re.MULTILINE)
    assert server(film).paid == 2


def test_an_unknown_one_is_5_and_says_how_to_clear_it_up(film: Film, call: Call) -> None:
    name, job = lost_one(film)
    ran = call(film.root, "recover")
    assert ran.code == 5
    assert f"shotbuild recover adopt {name} ID" in ran.out
    assert "A lighthouse at dawn" in ran.out
    assert "may cost ~0.05 USD" in ran.out
    found = document(call(film.root, "recover", "--json"))
    assert found["unknown"][0]["name"] == name
    assert "gen4.5" in found["unknown"][0]["look"]
    finish(film)
    said = call(film.root, "recover", "adopt", name, job)
    assert said.code == 0, said.err
    assert "no build asks for it again" in said.out
    assert call(film.root, "recover").code == 0
    assert server(film).paid == 2


def test_each_word_of_a_person_says_what_the_next_build_does(film: Film, call: Call) -> None:
    name, _ = lost_one(film)
    ran = call(film.root, "recover", "lost", name)
    assert ran.code == 0
    assert "stay counted as possibly spent" in ran.out
    assert "the next build asks for it again" in ran.out
    (said,) = document(call(film.root, "recover", "retry", "--json", "--", *failed(film)))["said"]
    assert said["verb"] == "retry"
    assert said["next"]


def test_what_was_not_billed_is_said_to_count_for_nothing(film: Film, call: Call) -> None:
    name, _ = lost_one(film)
    ran = call(film.root, "recover", "lost", name, "--unpaid")
    assert ran.code == 0
    assert "nothing is counted as possibly spent" in ran.out


def test_what_is_given_up_while_it_runs_is_warned_of(film: Film, call: Call) -> None:
    running(film)
    refused = call(film.root, "recover", "lost", "op1")
    assert refused.code == 2
    assert "is not lost" in refused.err
    ran = call(film.root, "recover", "lost", "op1", "--unchecked")
    assert ran.code == 0
    assert "op1 may still be made by runway, and charged for" in ran.err
    assert "stay counted" in ran.out


def failed(film: Film) -> list[str]:
    server(film).always.add(Fault.POLL_FAULT)
    film.build()
    server(film).always.clear()
    return [film.entries()[-1].name]


# --- cost -----------------------------------------------------------------------------------------------------------------


def test_costs_are_a_table_with_totals_and_what_is_left(film: Film, call: Call) -> None:
    lost_one(film)
    ran = call(film.root, "cost")
    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == (
        ["shot", "takes", "charged", "estimated", "under", "way", "total", "wasted", "per", "approved", "s", "currency"]
    )
    assert "budget of the project: 10000.00 USD" in ran.out


def test_costs_for_machines_are_exact_text(film: Film, call: Call) -> None:
    lost_one(film)
    found = document(call(film.root, "cost", "--by", "provider", "--json"))
    (total,) = found["totals"]
    assert found["by"] == "provider"
    assert [each["name"] for each in found["rows"]] == ["runway"]
    assert total["under_way"] == "0.05"
    assert total["takes"] == 1
    assert total["per_approved_second"] is None
    assert found["budgets"][0]["currency"] == "USD"
    assert not re.search(r": -?[0-9]+\.[0-9]", json.dumps(found))
    rows = list(csv.DictReader(io.StringIO(call(film.root, "cost", "--csv").out)))
    assert [each["name"] for each in rows] == ["sh010", "sh020"]


def test_a_project_that_bought_nothing_spent_nothing(film: Film, call: Call) -> None:
    ran = call(film.root, "cost")
    assert ran.code == 0
    assert "nothing was spent" in ran.err
    assert document(call(film.root, "cost", "--json"))["rows"] == []


# --- providers and doctor -------------------------------------------------------------------------------------------------


def test_providers_are_listed_without_a_project_and_keys_are_never_shown(tmp_path: Path, call: Call) -> None:
    with environment(RUNWAYML_API_SECRET="a-secret-that-nobody-sees", COLUMNS="100"):
        ran = call(tmp_path, "providers")
        as_json = call(tmp_path, "providers", "--json")
    assert ran.code == as_json.code == 0
    assert "a-secret" not in ran.out + as_json.out
    assert re.search(r"^runway +service +\d+ +by a person +set +RUNWAYML_API_SECRET$", ran.out, re.MULTILINE)
    assert {each["name"] for each in document(as_json)["providers"]} == set(registry().providers)
    assert max(map(len, ran.out.splitlines())) <= 100


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", sorted(registry().providers))
def test_the_models_of_a_provider_fit_the_terminal(tmp_path: Path, call: Call, name: str, width: str) -> None:
    with environment(COLUMNS=width):
        ran = call(tmp_path, "providers", name)
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 1 + len(registry().providers[name].models)
    assert max(map(len, ran.out.splitlines())) <= int(width)


def test_every_model_is_told_whole(tmp_path: Path, call: Call) -> None:
    for name, provider in registry().providers.items():
        (found,) = document(call(tmp_path, "providers", name, "--json"))["providers"]
        assert [each["name"] for each in found["models"]] == list(provider.models)
        for model in provider.models.values():
            ran = call(tmp_path, "providers", name, model.name)
            assert ran.code == 0
            assert all(f"  {setting}: " in ran.out for setting in model.fields)
            assert model.tariff is None or model.tariff.date in ran.out


def test_doctor_says_which_keys_are_set_and_never_their_values(film: Film, call: Call) -> None:
    ran = call(film.root, "doctor")
    assert "runway: RUNWAYML_API_SECRET set; asked at http://127.0.0.1:" in ran.out
    assert "KLING" not in ran.out
    assert server(film).key not in ran.out
    with environment(RUNWAYML_API_SECRET="", RUNWAYML_BASE_URL="https://me:pass@proxy.example/v1?token=t"):
        ran = call(film.root, "doctor")
        found = document(call(film.root, "doctor", "--json"))
    assert "runway: NO KEY: RUNWAYML_API_SECRET not set; asked at https://proxy.example/v1" in ran.out
    assert "pass" not in ran.out
    services = {each["name"]: each for each in found["services"]}
    assert "kling" in services
    assert services["runway"]["ready"] is False
    assert found["ending"] == []


# --- words ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (59.9, "59 s"), (60, "1 min"), (7500, "2 h 5 min"), (7200, "2 h"), (90000, "1 d 1 h"), (86400, "1 d")],
)
def test_an_age_is_told_in_two_units_at_most(seconds: float, text: str) -> None:
    assert for_how_long(seconds) == text
