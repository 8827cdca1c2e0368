"""The action cache: keeps everything, runs nothing that it finds, and survives damage."""

import json
import pickle
import sqlite3
from fractions import Fraction
from pathlib import Path

import pytest
from diskcache import Cache

from shotbuild.errors import StoreError
from shotbuild.records import ActionResult, Digest, Operation, Price
from shotbuild.store.actions import SETTINGS, DiskActions
from shotbuild.store.interface import Row

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


def test_results_of_a_group_are_all_recorded_or_none(tmp_path: Path) -> None:
    actions = DiskActions(tmp_path / "cache")
    good = [Row(action=name, result=RESULT, manifest="text") for name in "ab"]
    with pytest.raises(UnicodeEncodeError):
        actions.put_all([*good, Row(action="c", result=RESULT, manifest="\ud800")])
    assert DiskActions(tmp_path / "cache").get("a") is None
    actions.put_all(good)
    assert [DiskActions(tmp_path / "cache").get(name) for name in "abc"] == [RESULT, RESULT, None]


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


# --- all rows ------------------------------------------------------------------------------------------------------------


def manifest_of(stage: object) -> str:
    return json.dumps({"recipe": {"stage": stage}})


def test_every_row_is_told_with_its_stage_in_order(tmp_path: Path) -> None:
    actions = DiskActions(tmp_path / "cache")
    for key, text in (("c", manifest_of("conform")), ("a", manifest_of("generate")), ("b", "no manifest")):
        actions.put(key, RESULT, text)
    assert list(actions.rows()) == [("a", "generate", RESULT), ("b", "", RESULT), ("c", "conform", RESULT)]
    assert list(DiskActions(tmp_path / "empty").rows()) == []


def test_a_row_may_be_put_while_others_are_told(tmp_path: Path) -> None:
    actions = DiskActions(tmp_path / "cache")
    for key in "abc":
        actions.put(key, RESULT, "text")
    for key, _, _ in actions.rows():
        actions.put(f"{key} again", RESULT, "text")
    assert len(list(actions.rows())) == 6


@pytest.mark.parametrize("text", ["[1", "[]", '"text"', "5", "[" * 5000, '{"recipe": 5}', '{"recipe": {"stage": ["mix"]}}'])
def test_a_manifest_that_is_none_names_no_stage(tmp_path: Path, text: str) -> None:
    actions = DiskActions(tmp_path / "cache")
    actions.put("a", RESULT, text)
    assert list(actions.rows()) == [("a", "", RESULT)]


GOOD = {
    "outputs": [["o", "a" * 64, 1]],
    "milliseconds": 1,
    "price": {"amount": "0", "currency": "USD", "exact": True},
    "charged": None,
    "pin": None,
    "record": None,
    "operation": None,
}
PLANTED: dict[str, tuple[str, tuple[object, ...]]] = {
    "all right": ("value = ?", (json.dumps(GOOD),)),
    "no JSON": ("value = ?", ("[1, 2",)),
    "a record of no kind": ("value = ?", (json.dumps(GOOD | {"record": "ab"}),)),
    "no row": ("value = ?", ("[]",)),
    "no UTF-8": ("value = CAST(? AS TEXT)", (b'{"\xff": 1}',)),
    "no UTF-8 in the key": ("key = CAST(? AS TEXT)", (b"\xff",)),
    "bytes": ("value = ?", (b"{}",)),
    "a number": ("value = 5", ()),
    "nothing": ("value = NULL", ()),
    "a file": ("mode = 3, filename = '../../etc/hostname', value = NULL", ()),
    "a pickle": ("mode = 4, value = ?", (pickle.dumps(Bomb()),)),
    "a pickled key": ("raw = 0, key = ?", (pickle.dumps(Bomb()),)),
    "a path": ("value = ?", (json.dumps(GOOD | {"outputs": [["o", "../../x", 1]]}),)),
    "a size of no kind": ("value = ?", (json.dumps(GOOD | {"outputs": [["o", "a" * 64, "1"]]}),)),
    "endless": ("value = ?", (json.dumps(GOOD | {"milliseconds": float("inf")}),)),
    "no fields": ("value = ?", (json.dumps(GOOD | {"price": [], "operation": 5}),)),
    "a divided price": (
        "value = ?", (json.dumps(GOOD | {"price": {"amount": "1/0", "currency": "USD", "exact": True}}),)
    ),
}  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED)
def test_what_was_planted_is_passed_over_and_not_run(tmp_path: Path, planted: str) -> None:
    actions = DiskActions(tmp_path / "cache")
    for key in "abc":
        actions.put(key, RESULT, manifest_of("mix"))
    actions.close()
    change, values = PLANTED[planted]
    with sqlite3.connect(tmp_path / "cache" / "cache.db") as database:
        database.execute(f"UPDATE Cache SET {change} WHERE key = 'b'", values)
    database.close()
    assert [key for key, _, _ in DiskActions(tmp_path / "cache").rows()] == (
        list("abc") if planted == "all right" else ["a", "c"]
    )
    assert not BOMB_FILE.exists()


def test_an_endless_number_is_no_result(tmp_path: Path) -> None:
    DiskActions(tmp_path / "cache").put("a", RESULT, "text")
    with sqlite3.connect(tmp_path / "cache" / "cache.db") as database:
        database.execute("UPDATE Cache SET value = ?", (json.dumps(GOOD | {"milliseconds": float("inf")}),))
    database.close()
    assert DiskActions(tmp_path / "cache").get("a") is None
