"""Kept tables: they save time, and two builds that write them lose nothing of each other."""

import os
from pathlib import Path

import pytest

from shotbuild.host.files import append_line
from shotbuild.host.memory import Memory, settled


def test_two_that_save_keep_what_the_other_wrote(tmp_path: Path) -> None:
    first, second = Memory(tmp_path / "memory.json"), Memory(tmp_path / "memory.json")
    first.table("built")["a"] = "1"
    second.table("built")["b"] = "2"
    first.save()
    second.save()
    assert Memory(tmp_path / "memory.json").table("built") == {"a": "1", "b": "2"}


def test_what_was_taken_out_stays_out(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "memory.json")
    memory.table("built")["a"] = "1"
    memory.save()
    again = Memory(tmp_path / "memory.json")
    del again.table("built")["a"]
    again.save()
    assert Memory(tmp_path / "memory.json").table("built") == {}


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"built": []}', b"\xff", b"[" * 100_000])
def test_a_damaged_file_is_an_empty_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "memory.json").write_bytes(content)
    memory = Memory(tmp_path / "memory.json")
    assert memory.table("built") == {}
    memory.table("built")["a"] = "1"
    memory.save()
    assert Memory(tmp_path / "memory.json").table("built") == {"a": "1"}


def test_an_edit_of_the_same_size_within_the_clocks_grain_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "plate"
    memory = Memory(tmp_path / "memory.json")
    file.write_bytes(b"one")
    stamp = os.stat(file)
    first = memory.digest("plate", file)
    file.write_bytes(b"two")
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert memory.digest("plate", file) != first


def test_a_young_stamp_is_not_trusted() -> None:
    assert not settled([1, 10, 10, 1], clock=lambda: 1_000_000_010)
    assert settled([1, 10, 10, 1], clock=lambda: 3_000_000_000)
    assert not settled([1, 10, 2_500_000_000, 1], clock=lambda: 3_000_000_000)


def test_a_line_is_not_glued_to_one_that_was_torn(tmp_path: Path) -> None:
    file = tmp_path / "takes" / "a.jsonl"
    append_line(file, "one")
    with file.open("a") as stream:
        stream.write("to")
    append_line(file, "three")
    assert file.read_text().splitlines() == ["one", "to", "three"]
