"""Claims of paid work between machines: over a shared folder, with clocks of our own."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shotbuild.errors import StoreUnavailable
from shotbuild.host.objects.folder import FolderObjects
from shotbuild.store.claims import LASTS, LEFT_FOR, SKEW, Claims
from shotbuild.store.shared import Shared

ACTION = "ab" * 32


@dataclass
class Machine:
    """One of several that share a folder. now: by its own clock."""

    folder: Path
    name: str
    now: float = 1_000_000.0
    writes: bool = True
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shared = Shared(FolderObjects(self.folder), {}, self.told.append, writes=self.writes)
        self.claims = Claims(self.shared, self.name.encode().hex().ljust(16, "0"), self.name, clock=lambda: self.now)

    def take(self) -> str | None:
        other = self.claims.take(ACTION)
        return None if other is None else other.by


@pytest.fixture
def machine(tmp_path: Path) -> Callable[..., Machine]:
    return lambda name, **more: Machine(tmp_path / "store", name, **more)


def test_one_of_two_machines_wins_and_the_other_learns_who(machine: Callable[..., Machine]) -> None:
    first, second = machine("a"), machine("b")
    assert first.take() is None
    assert second.take() == "a"
    assert first.take() is None, "it has it already"
    assert (first.claims.held, second.claims.held) == ((ACTION,), ())


def test_of_many_at_once_one_alone_wins(machine: Callable[..., Machine]) -> None:
    machines = [machine(name) for name in "abcdefghijkl"]
    gate, won = threading.Barrier(len(machines)), list[str]()

    def race(each: Machine) -> None:
        gate.wait()
        if each.take() is None:
            won.append(each.name)

    threads = [threading.Thread(target=race, args=(each,)) for each in machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert [each.name for each in machines if each.claims.held] == won


def test_a_claim_that_was_let_go_of_is_free(machine: Callable[..., Machine]) -> None:
    first, second = machine("a"), machine("b")
    first.take()
    first.claims.release(ACTION)
    assert first.claims.held == ()
    assert second.take() is None
    assert first.take() == "b"


def test_a_claim_that_nobody_renews_ends_by_itself(machine: Callable[..., Machine]) -> None:
    first, second = machine("a"), machine("b")
    first.take()
    second.now += LASTS + SKEW
    assert second.take() == "a"
    second.now += 1
    assert second.take() is None


def test_a_claim_that_is_renewed_goes_on(machine: Callable[..., Machine]) -> None:
    first, second = machine("a"), machine("b")
    first.take()
    for _ in range(5):
        first.now += LASTS / 2
        first.claims.renew()
    second.now = first.now + LASTS
    assert second.take() == "a"


def test_what_was_left_under_way_stays_its_machines_own(machine: Callable[..., Machine]) -> None:
    first, second = machine("a"), machine("b")
    first.take()
    first.claims.leave(ACTION)
    second.now += LEFT_FOR
    other = second.claims.take(ACTION)
    assert other is not None
    assert (other.by, other.left) == ("a", True)
    assert machine("a").take() is None, "its next build goes on with it"


@pytest.mark.parametrize(
    "planted",
    [
        b"",
        b"[" * 4000,
        b"null",
        b'{"holder":"aaaaaaaaaaaaaaaa","left":false,"machine":"x","until":"soon"}',
        b'{"holder":"aaaaaaaaaaaaaaaa","left":false,"machine":"x","until":1e400}',
        b'{"holder":"aaaaaaaaaaaaaaaa","left":false,"machine":"x","until":true}',
        b'{"holder":"aaaaaaaaaaaaaaaa","left":false,"machine":"x","until":' + b"9" * 3000 + b"}",
        json.dumps({"holder": "../..", "left": False, "machine": "x", "until": 1_000_100}).encode(),
    ],
)
def test_what_is_no_claim_holds_up_nobody(machine: Callable[..., Machine], planted: bytes) -> None:
    each = machine("a")
    each.shared.objects.write(f"claims/{ACTION}/1", planted)
    assert each.take() is None
    assert each.claims.held == (ACTION,)


def test_a_claim_too_large_to_be_one_is_told_and_nothing_is_read(machine: Callable[..., Machine]) -> None:
    each = machine("a")
    each.shared.objects.write(f"claims/{ACTION}/1", b"x" * 100_000)
    assert each.take() is None
    assert "may pay for it too" in each.told[0]


def test_who_may_not_write_heeds_the_claims_of_others_and_makes_none(
    machine: Callable[..., Machine], tmp_path: Path
) -> None:
    reader = machine("r", writes=False)
    assert reader.take() is None
    assert not (tmp_path / "store").exists()
    machine("a").take()
    assert reader.take() == "a"


def test_a_store_out_of_reach_is_told_once_and_nobody_waits(tmp_path: Path) -> None:
    each = Machine(tmp_path / "gone" / "store", "a")
    assert each.take() is None
    assert each.take() is None
    assert len(each.told) == 1
    assert "may pay for it too" in each.told[0]
    assert each.claims.held == ()


def test_a_claim_that_cannot_be_renewed_is_told(machine: Callable[..., Machine], tmp_path: Path) -> None:
    each = machine("a")
    each.take()
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    (tmp_path / "store").write_text("no folder")
    each.claims.renew()
    assert "may pay for it too" in each.told[0]
    with pytest.raises(StoreUnavailable):
        each.shared.objects.write("ac/" + ACTION, b"{}")
