"""The journal: limits to the last millionth, many processes at once, and files that cannot be used."""

import os
import resource
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from shotbuild.engine.journal import VERSION, Cap, Full, Intent, Journal, Phase
from shotbuild.errors import LimitReached, StoreError
from shotbuild.records import Operation, Price
from shotbuild.units import Money
from tests.kills.films import film
from tests.kills.nursery import Nursery
from tests.kills.serving import SERVERS, VENDORS
from tests.kills.work import Order
from tests.servers.clips import clip

NOBODY = 65534


def dollars(amount: str | Fraction | None) -> Price:
    return Price(amount=None if amount is None else Fraction(amount), currency="USD", exact=True)


def cap(limit: str, **more: Any) -> Cap:
    return Cap(of="the budget", limit=Money(Fraction(limit), "USD"), **more)


def intent(name: str, price: str | Fraction | None = "0.75", **more: Any) -> Intent:
    known: dict[str, Any] = {"sequences": ("one",), "build": "b", "at_once": None, "sent": f'{{"body": "{name}"}}'}
    return Intent(
        action=f"action-{name}", wanted="{}", step=name, shot="sh010", provider="runway", model="gen4.5",
        client=f"client-{name}", price=dollars(price), **{**known, **more},
    )  # fmt: skip


def operation(name: str) -> Operation:
    return Operation(provider="runway", id=name, submitted="")


@pytest.fixture
def path(place: Path) -> Path:
    return place / "hidden" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    opened = Journal(path)
    yield opened
    opened.close()


# --- limits -------------------------------------------------------------------------------------------------------------


def test_a_limit_may_be_reached_exactly_and_not_passed(journal: Journal) -> None:
    for name in ("a", "b", "c", "d"):
        journal.reserve(intent(name), [cap("3.00")])
    with pytest.raises(LimitReached):
        journal.reserve(intent("e", "0.000001"), [cap("3.00")])
    journal.reserve(intent("free", "0"), [cap("3.00")])


def test_thirds_of_a_cent_are_rounded_against_us(journal: Journal) -> None:
    third = Fraction(1, 3)
    journal.reserve(intent("a", third), [cap("1")])
    journal.reserve(intent("b", third), [cap("1")])
    with pytest.raises(LimitReached):
        journal.reserve(intent("c", third), [cap("1")])
    assert journal.owed(cap("1")) == Fraction("0.666668")


def test_what_the_ledgers_know_besides_counts(journal: Journal) -> None:
    journal.reserve(intent("a"), [cap("2.25", spent=Fraction("1.50"))])
    with pytest.raises(LimitReached):
        journal.reserve(intent("b"), [cap("2.25", spent=Fraction("1.50"))])


def test_a_refused_reservation_leaves_nothing_behind(journal: Journal) -> None:
    with pytest.raises(LimitReached):
        journal.reserve(intent("a"), [cap("10"), cap("0.74")])
    assert journal.entries() == []
    assert journal.owed(cap("10")) == 0


def test_an_unknown_price_and_another_currency_are_over_any_limit(journal: Journal) -> None:
    with pytest.raises(LimitReached, match="a was not asked for"):
        journal.reserve(intent("a", None), [cap("1000000")])
    euros = replace(intent("b"), price=Price(amount=Fraction(1), currency="EUR", exact=True))
    with pytest.raises(LimitReached) as refused:
        journal.reserve(euros, [cap("1000000")])
    assert "EUR" in (refused.value.cause or "")


def test_a_limit_of_a_sequence_is_asked_only_of_its_shots(journal: Journal) -> None:
    one, two = cap("1", sequence="one"), cap("2", sequence="two")
    journal.reserve(intent("a"), [one, two])
    journal.reserve(intent("b", sequences=("two",)), [one, two])
    journal.reserve(intent("c", sequences=("two",)), [one, two])
    with pytest.raises(LimitReached):
        journal.reserve(intent("d", "0.26", sequences=("one", "two")), [one, two])
    journal.reserve(intent("e", sequences=()), [one, two])


def test_a_limit_of_one_build_does_not_count_what_others_spend(journal: Journal) -> None:
    mine = cap("1", build="mine")
    journal.reserve(intent("a", "5", build="other"), [])
    journal.reserve(intent("b", build="mine"), [mine])
    with pytest.raises(LimitReached):
        journal.reserve(intent("c", build="mine"), [mine])


@pytest.mark.parametrize(
    ("phase", "counts"),
    [
        (Phase.INTENT, True), (Phase.SUBMITTED, True), (Phase.UNKNOWN, True), (Phase.FAILED, True), (Phase.CANCELLED, True),
        (Phase.LOST, True), (Phase.DONE, True), (Phase.REFUSED, False), (Phase.UNSENT, False),
    ],
)  # fmt: skip
def test_all_that_may_have_to_be_paid_counts(journal: Journal, phase: Phase, counts: bool) -> None:
    number = journal.reserve(intent("a"), [])
    ends = {
        Phase.INTENT: lambda: None,
        Phase.SUBMITTED: lambda: journal.submitted(number, operation("x"), ""),
        Phase.UNKNOWN: lambda: journal.unknown(number, "why"),
        Phase.FAILED: lambda: journal.failed(number, "VendorFault", "why"),
        Phase.CANCELLED: lambda: journal.cancelled(number, "why"),
        Phase.LOST: lambda: journal.lost(number, "why"),
        Phase.DONE: lambda: journal.done(number),
        Phase.REFUSED: lambda: journal.refused(number, "ProviderRefused", "why", ""),
        Phase.UNSENT: lambda: journal.unsent(number, "why"),
    }
    ends[phase]()
    assert journal.owed(cap("1")) == (Fraction("0.75") if counts else 0)


def test_what_the_service_says_that_it_took_replaces_the_reserve(journal: Journal) -> None:
    number = journal.reserve(intent("a"), [cap("1")])
    journal.submitted(number, operation("x"), "")
    journal.charged(number, dollars("0.10"))
    assert journal.owed(cap("1")) == Fraction("0.10")
    journal.reserve(intent("b"), [cap("1")])
    journal.charged(number, Price(amount=Fraction(99), currency="credits", exact=True))
    assert journal.owed(cap("1")) == Fraction("0.85")


def test_no_more_are_under_way_than_the_lane_allows(journal: Journal) -> None:
    first = journal.reserve(intent("a", at_once=2), [])
    journal.submitted(first, operation("x"), "")
    journal.reserve(intent("b", at_once=2), [])
    with pytest.raises(Full):
        journal.reserve(intent("c", at_once=2), [])
    journal.done(first)
    journal.reserve(intent("c", at_once=2), [])


# --- a lost submit that is found again ------------------------------------------------------------------------------------


def test_an_operation_that_another_attempt_has_is_not_found_twice(journal: Journal) -> None:
    first, second = journal.reserve(intent("a"), []), journal.reserve(intent("b"), [])
    assert journal.found(first, operation("x"), "", "found again")
    assert not journal.found(second, operation("x"), "", "found again")
    entry = journal.entry(second)
    assert entry is not None
    assert (entry.phase, entry.operation) == (Phase.INTENT, None)


def test_of_two_that_made_the_same_call_neither_is_taken_for_what_was_found(journal: Journal) -> None:
    """The other one may be on its way at this moment, with the answer that names this very operation."""
    first = journal.reserve(intent("a", sent="the same"), [])
    second = journal.reserve(intent("b", sent="the same"), [])
    assert not journal.found(first, operation("x"), "", "found again")
    journal.submitted(second, operation("x"), "")
    assert not journal.found(first, operation("x"), "", "found again")
    assert journal.found(first, operation("y"), "", "found again")


# --- many processes -------------------------------------------------------------------------------------------------------


def reserve_many(path: Path, place: int, count: int, limit: str, at_once: int | None) -> tuple[int, int]:
    """In a process of its own: how many were written, and how many refused."""
    journal, done, refused = Journal(path), 0, 0
    for number in range(count):
        try:
            journal.reserve(intent(f"{place}-{number}", at_once=at_once), [cap(limit)])
            done += 1
        except (LimitReached, Full):
            refused += 1
    journal.close()
    return done, refused


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "at_once", "most"), [("10.00", None, 13), ("100.00", 7, 7)])
def test_processes_that_reserve_at_once_keep_to_the_limit(path: Path, limit: str, at_once: int | None, most: int) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        ended = [pool.submit(reserve_many, path, place, 10, limit, at_once) for place in range(4)]
        counts = [each.result() for each in ended]
    assert sum(done for done, _ in counts) == most
    assert sum(refused for _, refused in counts) == 40 - most


def open_new(place: str, begin: float) -> int:
    """In a process of its own: asks a hundred journals that nobody has made yet, each at the moment when others do; how many
    could not be asked."""
    failed = 0
    for number in range(100):
        journal = Journal(Path(place) / str(number) / "journal.db")
        while time.time() < begin + number * 0.02:
            pass
        try:
            journal.forgive("an action")
        except StoreError:
            failed += 1
        journal.close()
    return failed


def test_processes_that_make_the_journal_at_once_wait_for_each_other(place: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        list(pool.map(abs, range(4)))  # they are there
        ended = [pool.submit(open_new, str(place), time.time() + 0.5) for _ in range(4)]
        assert [each.result() for each in ended] == [0, 0, 0, 0]


# --- the file -------------------------------------------------------------------------------------------------------------


def test_every_change_is_on_the_disk_before_the_next_thing_happens(journal: Journal) -> None:
    journal.reserve(intent("a"), [])
    with journal._reading() as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_another_process_sees_what_was_written_though_nothing_was_closed(journal: Journal, path: Path) -> None:
    number = journal.reserve(intent("a"), [])
    other = Journal(path)
    assert [entry.id for entry in other.unfinished()] == [number]
    other.close()


def test_asking_a_journal_that_is_not_there_makes_none(journal: Journal, path: Path) -> None:
    assert journal.open("x") is None
    assert journal.entries() == journal.unfinished() == []
    assert journal.known("runway") == frozenset()
    assert journal.owed(cap("1")) == 0
    assert not path.exists()


def test_a_journal_of_a_newer_version_is_not_touched(journal: Journal, path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    for use in (lambda: journal.reserve(intent("a"), []), journal.unfinished):
        with pytest.raises(StoreError, match="newer shotbuild") as refused:
            use()
        assert refused.value.hint is not None
        assert "upgrade" in refused.value.hint


def damage_by_garbage(path: Path) -> None:
    path.write_bytes(os.urandom(20000))


def damage_by_text(path: Path) -> None:
    path.write_text("<html>a page that a proxy wrote here</html>" * 50)


def damage_by_truncation(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def damage_in_a_page(path: Path) -> None:
    with path.open("r+b") as stream:
        for page in range(1, path.stat().st_size // 4096):
            stream.seek(page * 4096)
            stream.write(b"\xff" * 200)


DAMAGES = [damage_by_garbage, damage_by_text, damage_by_truncation, damage_in_a_page]


def filled(path: Path) -> None:
    journal = Journal(path)
    for number in range(50):
        journal.reserve(intent(str(number)), [])
    journal.close()
    assert not path.with_name("journal.db-wal").exists(), "who leaves last writes everything into the file"


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_journal_is_told_and_not_written_over(path: Path, damage: Any) -> None:
    filled(path)
    damage(path)
    before = path.read_bytes()
    journal = Journal(path)
    for use in (lambda: journal.reserve(intent("new"), [cap("1000")]), journal.entries, lambda: journal.open("action-7")):
        with pytest.raises(StoreError, match="nothing is asked of any service") as refused:
            use()
        assert "backup" in (refused.value.hint or "")
    journal.close()
    assert path.read_bytes() == before


@contextmanager
def without_rights() -> Iterator[None]:
    """As somebody who is not root, to whom folders cannot be closed."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_that_cannot_be_written_is_told(path: Path, exists: bool) -> None:
    path.parent.parent.chmod(0o755)
    path.parent.mkdir()
    if exists:
        filled(path)
        path.chmod(0o444)
    path.parent.chmod(0o555)
    journal = Journal(path)
    try:
        with without_rights(), pytest.raises(StoreError, match="nothing is asked of any service") as refused:
            journal.reserve(intent("new"), [])
    finally:
        journal.close()
        path.parent.chmod(0o755)
    assert "writable" in (refused.value.hint or "")


@contextmanager
def full_at(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: what is left of a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_and_is_over_when_there_is_room_again(journal: Journal, path: Path) -> None:
    written = journal.reserve(intent("before"), [])
    with full_at(path.with_name("journal.db-wal").stat().st_size):
        for name in ("a", "b"):
            with pytest.raises(StoreError, match="nothing is asked of any service") as refused:
                journal.reserve(intent(name), [])
            assert "disk" in (refused.value.cause or ""), refused.value.cause
            assert "free some space" in (refused.value.hint or "")
    after = journal.reserve(intent("after"), [])
    assert [entry.id for entry in journal.entries()] == [written, after]


# --- a build whose journal cannot be used ---------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [damage_by_garbage, damage_by_truncation, damage_in_a_page])
def test_a_build_with_a_damaged_journal_asks_nothing(damage: Any, nursery: Nursery, place: Path) -> None:
    root = film(place / "film", "runway", {"sh010": 2})
    filled(root / ".shotbuild" / "journal.db")
    damage(root / ".shotbuild" / "journal.db")
    with SERVERS["runway"](clip=clip("5")) as server:
        child = nursery.start(Order(root=str(root), environ=VENDORS["runway"].environment(server)), place / "log")
        assert child.wait() == 1, child.log.read_text()
        assert server.asked == []
    assert "the journal of paid operations cannot be used" in child.log.read_text()


def test_a_build_whose_disk_is_full_asks_nothing(nursery: Nursery, place: Path) -> None:
    root = film(place / "film", "runway", {"sh010": 2})
    with SERVERS["runway"](clip=clip("5")) as server:
        environ = VENDORS["runway"].environment(server)
        child = nursery.start(Order(root=str(root), environ=environ, full_after=0), place / "log")
        assert child.wait() == 1, child.log.read_text()
        assert server.asked == []
        assert [row["error"] for row in child.said("failed")] == ["StoreError"] * 2
        again = nursery.start(Order(root=str(root), environ=environ), place / "log2")
        assert again.wait() == 0, again.log.read_text()
        assert server.paid == 2


@pytest.mark.parametrize("full_after", [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4])
def test_a_disk_that_fills_up_at_any_time_makes_nobody_pay_twice(full_after: float, nursery: Nursery, place: Path) -> None:
    root = film(place / "film", "kling", {"sh010": 3}, use=", at_once: 1")
    with SERVERS["kling"](clip=clip("5"), polls=2) as server:
        environ = VENDORS["kling"].environment(server)
        child = nursery.start(Order(root=str(root), environ=environ, speed=150, full_after=full_after), place / "log")
        code = child.wait()
        said = child.log.read_text()
        assert code in (0, 1), said
        assert "a bug" not in said
        again = nursery.start(Order(root=str(root), environ=environ), place / "log2")
        assert again.wait() == 0, (said, again.log.read_text())
        assert server.paid == 3
