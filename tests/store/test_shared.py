"""A shared store in bad company, over storage in memory: what is believed of it, and how often it is asked."""

import json
from pathlib import Path

import pytest

from shotbuild.digest import canonical_line, of_text
from shotbuild.errors import BytesLost, StoreRefused, StoreUnavailable
from shotbuild.records import ActionResult, Digest
from shotbuild.store.actions import DiskActions
from shotbuild.store.blobs import FolderBlobs
from shotbuild.store.interface import Row
from shotbuild.store.rows import row_of
from shotbuild.store.shared import LEFT_ALONE, Shared
from shotbuild.store.tiered import TieredActions, TieredBlobs
from tests.store.memory_objects import MemoryObjects, refusing, unreachable

TEXT = "a segment of a film"
DIGEST = of_text(TEXT)
OTHER = of_text("another segment")


class Team:
    """A shared store with a clock of its own, and the tiers of one machine over it."""

    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.objects = MemoryObjects()
        self.told: list[str] = []
        self.known: dict[str, int] = {}
        self.shared = Shared(self.objects, self.known, self.told.append, clock=lambda: self.now)
        self.blobs = TieredBlobs(FolderBlobs(folder / "store"), lambda: self.shared, lambda: made(folder / "fetching"))
        self.actions = TieredActions(DiskActions(folder / "cache"), lambda: self.shared)

    def hold(self, text: str = TEXT) -> Digest:
        digest = of_text(text)
        self.objects.held[f"cas/{digest.sha256}"] = text.encode()
        return digest


def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def row(manifest: str = "what is made", digest: Digest = DIGEST) -> Row:
    result = ActionResult(outputs=(("film.mp4", digest),), milliseconds=7)
    return Row(action=of_text(manifest).sha256, result=result, manifest=manifest)


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def test_bytes_are_fetched_when_they_are_read_and_stay(team: Team) -> None:
    digest = team.hold()
    assert team.blobs.has(digest)
    assert team.objects.asked("fetch") == []
    assert team.blobs.path(digest).read_text() == TEXT
    team.objects.held.clear()
    assert team.blobs.path(digest).read_text() == TEXT
    assert len(team.objects.asked("fetch")) == 1


@pytest.mark.parametrize("content", [b"", b"a segment of a FILM", b"a segment", b"a segment of a film, and", b"x" * 10**7])
def test_bytes_that_differ_are_not_used(team: Team, content: bytes) -> None:
    team.objects.held[f"cas/{DIGEST.sha256}"] = content
    team.known[DIGEST.sha256] = DIGEST.size
    with pytest.raises(BytesLost):
        team.blobs.path(DIGEST)
    assert not team.blobs.has(DIGEST), "it is not asked for in vain again"
    assert list(team.blobs.local.each()) == []


def test_damage_here_is_healed_from_there(team: Team, tmp_path: Path) -> None:
    digest = team.hold()
    place = team.blobs.path(digest)
    place.chmod(0o644)
    place.write_text(TEXT.upper())
    team.blobs.verify(digest)
    assert team.blobs.path(digest).read_text() == TEXT


def test_what_was_seen_is_not_asked_for_again_and_what_is_gone_is_forgotten(team: Team) -> None:
    digest = team.hold()
    assert team.blobs.has(digest)
    asked = len(team.objects.calls)
    assert team.blobs.has(digest)
    assert len(team.objects.calls) == asked
    team.objects.held.clear()
    with pytest.raises(BytesLost):
        team.blobs.path(digest)
    assert not team.blobs.has(digest)


def test_the_first_result_stands_and_another_one_is_told(team: Team) -> None:
    first, second = row(), row(digest=OTHER)
    team.hold()
    team.hold("another segment")
    assert team.shared.record(first) is None
    assert team.shared.record(first) is None, "the same again is no news"
    assert team.shared.record(second) == first.result
    found = team.shared.result(first.action)
    assert found is not None
    assert found.result == first.result


def test_a_result_whose_bytes_are_gone_makes_room_for_another_one(team: Team) -> None:
    team.shared.record(row())
    team.hold("another segment")
    assert team.shared.record(row(digest=OTHER)) is None
    found = team.shared.result(row().action)
    assert found is not None
    assert found.result == row(digest=OTHER).result


@pytest.mark.parametrize(
    "planted",
    [
        b"",
        b"nonsense",
        b"[" * 50_000,
        b"\xff\xfe",
        canonical_line(row_of(row().result) | {"manifest": "of another action"}).encode(),
        canonical_line(row_of(row().result)).encode(),
        json.dumps({**json.loads(canonical_line(row_of(row().result))), "manifest": "what is made", "outputs": 3}).encode(),
        b'{"manifest":"what is made","outputs":[["film.mp4","../../etc/passwd",5]]}',
        b"x" * (5 << 20),
    ],
)
def test_what_is_no_result_of_the_action_is_a_miss(team: Team, planted: bytes) -> None:
    team.objects.held[f"ac/{row().action}"] = planted
    assert team.shared.result(row().action) is None
    team.hold()
    assert team.shared.record(row()) is None, "and is replaced by one"
    assert team.shared.result(row().action) is not None


def test_a_result_is_kept_here_and_asked_for_once(team: Team) -> None:
    team.shared.record(row())
    assert team.actions.get(row().action) == row().result
    asked = len(team.objects.calls)
    assert team.actions.get(row().action) == row().result
    assert len(team.objects.calls) == asked


def test_a_store_out_of_reach_is_told_once_and_left_alone_for_a_while(team: Team) -> None:
    team.objects.before = unreachable
    for number in range(500):
        assert not team.blobs.has(of_text(str(number)))
        assert team.actions.get(of_text(str(number)).sha256) is None
    assert len(team.objects.calls) == 1
    assert len(team.told) == 1
    team.objects.before = lambda *_: None
    digest = team.hold()
    assert not team.blobs.has(digest)
    team.now += LEFT_ALONE
    assert team.blobs.has(digest)


def test_who_is_refused_once_writes_no_more(team: Team, tmp_path: Path) -> None:
    team.objects.before = refusing
    file = tmp_path / "film"
    file.write_text(TEXT)
    with pytest.raises(StoreRefused):
        team.shared.send(DIGEST, file)
    asked = len(team.objects.calls)
    with pytest.raises(StoreUnavailable):
        team.shared.record(row())
    assert len(team.objects.calls) == asked
    assert not team.shared.writes
    assert len(team.told) == 1


def test_many_are_asked_for_at_the_same_time_and_each_once(team: Team) -> None:
    rows = [row(f"action {number}") for number in range(300)]
    for each in rows[::2]:
        team.shared.record(each)
    team.objects.calls.clear()
    team.actions.ask([each.action for each in rows])
    assert sorted(team.objects.asked("read")) == sorted(f"ac/{each.action}" for each in rows)
    found = [team.actions.get(each.action) is not None for each in rows]
    assert found == [index % 2 == 0 for index in range(300)]
    assert len(team.objects.asked("read")) == 300, "who knows by now asks nobody"
