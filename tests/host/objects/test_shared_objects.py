"""What every kind of shared storage keeps, on a real server of each."""

import hashlib
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shotbuild.errors import StoreError
from shotbuild.host.objects.interface import Objects
from shotbuild.records import Digest
from tests.host.objects.conftest import Shared, params

pytestmark = pytest.mark.parametrize("started", params(), indirect=True)
HOSTILE = (
    "",
    "cas",
    "cas/",
    "/cas/a",
    "cas/../a",
    "cas/.a",
    "cas/a b",
    "cas/a\n",
    "cas//a",
    "CAS/a",
    "cas/a?b",
    "cas/ä",
    "cas/a\0",
)


def digest_of(content: bytes) -> Digest:
    return Digest(sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def test_what_was_put_comes_back(objects: Objects, key: str, tmp_path: Path) -> None:
    objects.write(key, b"a take")
    assert objects.size(key) == 6
    assert objects.read(key, 6) == b"a take"
    assert objects.fetch(key, tmp_path / "take", 6) == digest_of(b"a take")
    assert (tmp_path / "take").read_bytes() == b"a take"


def test_what_is_not_there_is_none_and_leaves_no_file(objects: Objects, key: str, tmp_path: Path) -> None:
    assert objects.size(key) is None
    assert objects.read(key, 10) is None
    assert objects.fetch(key, tmp_path / "take", 10) is None
    assert not (tmp_path / "take").exists()


def test_an_empty_object_is_there(objects: Objects, key: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    objects.send(key, empty)
    assert objects.size(key) == 0
    assert objects.read(key, 0) == b""
    assert objects.fetch(key, tmp_path / "take", 0) == digest_of(b"")


def test_writing_again_replaces(objects: Objects, key: str, tmp_path: Path) -> None:
    objects.write(key, b"the first, which is longer")
    objects.write(key, b"the second")
    assert objects.read(key, 100) == b"the second"
    file = tmp_path / "third"
    file.write_bytes(b"3")
    objects.send(key, file)
    assert objects.read(key, 100) == b"3"


def test_a_large_file_goes_there_and_back(objects: Objects, key: str, tmp_path: Path) -> None:
    """In several parts, the last of them short."""
    file = tmp_path / "large"
    block = secrets.token_bytes(1 << 20)
    with file.open("wb") as stream:
        for number in range(64):
            stream.write(number.to_bytes(4, "big") + block)
    objects.send(key, file)
    size = file.stat().st_size
    assert objects.size(key) == size
    found = objects.fetch(key, tmp_path / "back", size)
    with file.open("rb") as stream:
        assert found == Digest(sha256=hashlib.file_digest(stream, "sha256").hexdigest(), size=size)
    assert (tmp_path / "back").stat().st_size == size


def test_more_than_was_asked_for_is_refused_and_leaves_no_file(objects: Objects, key: str, tmp_path: Path) -> None:
    objects.write(key, bytes(1000))
    with pytest.raises(StoreError, match="larger than 999 bytes"):
        objects.read(key, 999)
    with pytest.raises(StoreError, match="larger than 999 bytes"):
        objects.fetch(key, tmp_path / "take", 999)
    assert not (tmp_path / "take").exists()


def test_what_is_wrong_with_our_own_file_is_said_as_such(objects: Objects, key: str, tmp_path: Path) -> None:
    objects.write(key, b"a take")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        objects.fetch(key, tmp_path / "nowhere/take", 10)
    with pytest.raises(FileNotFoundError, match="missing"):
        objects.send(key, tmp_path / "missing")
    assert objects.read(key, 10) == b"a take"


def test_a_key_that_is_none_is_not_asked_for(objects: Objects, tmp_path: Path) -> None:
    asked: list[Callable[[str], object]] = [
        objects.size,
        lambda key: objects.read(key, 1),
        lambda key: objects.fetch(key, tmp_path / "take", 1),
        lambda key: objects.write(key, b""),
        lambda key: objects.create(key, b""),
    ]
    for key in HOSTILE:
        for each in asked:
            with pytest.raises(ValueError, match="is not a key"):
                each(key)


def test_what_is_created_stays(objects: Objects, key: str) -> None:
    assert objects.create(key, b"the first")
    assert not objects.create(key, b"the second")
    assert objects.read(key, 100) == b"the first"


def test_only_what_promises_it_lets_exactly_one_win(objects: Objects, started: Shared) -> None:
    assert objects.exclusive() is started.kind.exclusive
    if started.kind.holds is None:
        assert list(objects.each("probe")) == [], "what was put there to try it out is gone"
    if not started.kind.exclusive:
        return
    for _ in range(5):
        key = f"claims/{secrets.token_hex(32)}/1"
        with ThreadPoolExecutor(8) as threads:
            won = list(threads.map(lambda racer, key=key: objects.create(key, b"%d" % racer), range(8)))  # type: ignore[misc]
        assert won.count(True) == 1
        assert objects.read(key, 1) == b"%d" % won.index(True)


def test_many_threads_share_it(objects: Objects, tmp_path: Path) -> None:
    def there_and_back(number: int) -> bool:
        content = os.urandom(50_000)
        key = f"cas/{hashlib.sha256(content).hexdigest()}"
        objects.write(key, content)
        return objects.fetch(key, tmp_path / str(number), len(content)) == digest_of(content)

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(there_and_back, range(64)))


def test_a_listing_has_all_of_a_kind_in_order(objects: Objects, started: Shared, own_kind: str) -> None:
    if started.kind.holds is not None:
        assert objects.lists is False
        with pytest.raises(StoreError, match="cannot say what lies there"):
            list(objects.each("cas"))
        return
    keys = [f"{own_kind}/{secrets.token_hex(32)}" for _ in range(20)] + [f"{own_kind}/plain"]
    keys.append(f"{own_kind}/{secrets.token_hex(32)}/1")
    for number, key in enumerate(keys):
        objects.write(key, bytes(number))
    objects.write(f"{own_kind}more/{secrets.token_hex(32)}", b"of another kind, whose name begins alike")
    found = list(objects.each(own_kind))
    assert [each.key for each in found] == sorted(keys)
    assert {each.key: each.size for each in found} == {key: number for number, key in enumerate(keys)}
    assert all(each.changed > 1_700_000_000 for each in found)


def test_what_is_taken_away_is_gone_and_may_be_taken_away_again(objects: Objects, started: Shared, key: str) -> None:
    objects.write(key, b"a take")
    if started.kind.holds is not None:
        with pytest.raises(StoreError, match="nothing can be taken away"):
            objects.remove(key)
        return
    objects.remove(key)
    objects.remove(key)
    assert objects.size(key) is None


def test_what_cannot_be_kept_is_said_and_never_found(objects: Objects, started: Shared, tmp_path: Path) -> None:
    key = f"claims/{secrets.token_hex(32)}/1"
    assert objects.size(key) is None
    assert objects.read(key, 10) is None
    if started.kind.holds is None:
        assert objects.create(key, b"mine")
        return
    assert objects.fetch(key, tmp_path / "claim", 10) is None
    for put in (objects.write, objects.create):
        with pytest.raises(StoreError, match="cannot be kept"):
            put(key, b"mine")


def test_a_list_of_an_unknown_kind_is_empty(objects: Objects, started: Shared, own_kind: str) -> None:
    if started.kind.holds is None:
        assert list(objects.each(own_kind)) == []
    else:
        assert objects.size(f"{own_kind}/{secrets.token_hex(32)}") is None
