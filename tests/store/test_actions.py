"""The action cache: keeps everything, runs nothing that it finds, and survives damage."""

import pickle
import sqlite3
from fractions import Fraction
from pathlib import Path

import pytest
from diskcache import Cache

from shotbuild.errors import StoreError
from shotbuild.records import ActionResult, Digest, Operation, Price
from shotbuild.store.actions import SETTINGS, DiskActions

RESULT = ActionResult(
    outputs=(("take.mp4", Digest(sha256="a" * 64, size=3)), ("sound.wav", Digest(sha256="b" * 64, size=0))),
    milliseconds=12,
    price=Price(amount=Fraction(3, 4), currency="USD", exact=False),
    operation=Operation(provider="hero", id="op/1", submitted="2026-01-01T00:00:00Z"),
)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (str(BOMB_FILE), "w"))


BOMB_FILE = Path("never-written-by-unpickling")


def test_a_result_comes_back_as_it_was_put(tmp_path: Path) -> None:
    DiskActions(tmp_path / "cache").put("action", RESULT, "the text")
    again = DiskActions(tmp_path / "cache")
    assert again.get("action") == RESULT
    assert again.manifest("action") == "the text"
    assert again.get("another") is None


def test_settings_that_evict_are_written_over(tmp_path: Path) -> None:
    with Cache(str(tmp_path / "cache"), eviction_policy="least-recently-stored", size_limit=1000, cull_limit=10) as loose:
        assert loose.eviction_policy == "least-recently-stored"
    DiskActions(tmp_path / "cache").put("action", RESULT, "text")
    with Cache(str(tmp_path / "cache")) as opened:
        assert {name: getattr(opened, name) for name in SETTINGS} == SETTINGS


@pytest.mark.parametrize("column", ["value", "key"])
def test_a_planted_pickle_is_not_run(tmp_path: Path, column: str) -> None:
    DiskActions(tmp_path / "cache").put("action", RESULT, "text")
    with sqlite3.connect(tmp_path / "cache" / "cache.db") as database:
        if column == "value":
            database.execute("UPDATE Cache SET mode = 4, value = ?", (pickle.dumps(Bomb()),))
        else:
            database.execute("UPDATE Cache SET raw = 0, key = ?", (pickle.dumps(Bomb()),))
    database.close()
    actions = DiskActions(tmp_path / "cache")
    if column == "value":
        with pytest.raises(StoreError):
            actions.get("action")
    else:
        assert actions.get("action") is None
    assert not BOMB_FILE.exists()


def test_a_planted_file_name_is_not_followed(tmp_path: Path) -> None:
    DiskActions(tmp_path / "cache").put("action", RESULT, "text")
    with sqlite3.connect(tmp_path / "cache" / "cache.db") as database:
        database.execute("UPDATE Cache SET mode = 3, filename = '../../../etc/hostname', value = NULL")
    database.close()
    with pytest.raises(StoreError):
        DiskActions(tmp_path / "cache").get("action")


def test_a_row_that_is_no_result_is_a_miss(tmp_path: Path) -> None:
    DiskActions(tmp_path / "cache").put("action", RESULT, "text")
    with sqlite3.connect(tmp_path / "cache" / "cache.db") as database:
        database.execute("UPDATE Cache SET value = '[1, 2'")
    database.close()
    assert DiskActions(tmp_path / "cache").get("action") is None


def test_a_damaged_database_is_set_aside_and_said(tmp_path: Path) -> None:
    DiskActions(tmp_path / "cache").put("action", RESULT, "text")
    (tmp_path / "cache" / "cache.db").write_bytes(b"not a database at all" * 1000)
    for extra in ("cache.db-wal", "cache.db-shm"):
        (tmp_path / "cache" / extra).unlink(missing_ok=True)
    said: list[str] = []
    actions = DiskActions(tmp_path / "cache", said.append)
    assert actions.get("action") is None
    actions.put("action", RESULT, "text")
    assert actions.get("action") == RESULT
    assert len(said) == 1
    assert len(list(tmp_path.glob("cache.damaged-*"))) == 1


def test_a_folder_named_like_a_variable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMEWHERE", "/tmp/elsewhere")
    with pytest.raises(StoreError, match="a name that the action cache cannot hold"):
        DiskActions(tmp_path / "$SOMEWHERE" / "cache")
    assert not (tmp_path / "$SOMEWHERE").exists()
