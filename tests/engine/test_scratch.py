"""A store that is kept below a size: what goes, and what stays."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shotbuild.engine.scratch import Scratch
from shotbuild.records import Digest
from shotbuild.store.blobs import FolderBlobs

Put = Callable[[str], Digest]


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "store")


@pytest.fixture
def put(blobs: FolderBlobs, tmp_path: Path) -> Put:
    def put_in(letter: str) -> Digest:
        (tmp_path / "new").write_text(letter * 10)
        return blobs.adopt(tmp_path / "new")

    return put_in


def test_what_was_used_longest_ago_goes_first(blobs: FolderBlobs, put: Put) -> None:
    scratch = Scratch(blobs, 25)
    a, b, c = put("a"), put("b"), put("c")
    scratch.made([a])
    scratch.made([b])
    with scratch.using([a]):
        pass
    scratch.made([c])
    assert [blobs.has(each) for each in (a, b, c)] == [True, False, True]


def test_what_is_used_stays_however_full_it_is(blobs: FolderBlobs, put: Put) -> None:
    scratch = Scratch(blobs, 5)
    a, b = put("a"), put("b")
    with scratch.using([a]), scratch.using([a, b]):
        scratch.made([a, b])
        assert blobs.has(a)
        assert blobs.has(b)
    assert not blobs.has(a)
    assert not blobs.has(b)


def test_what_two_use_stays_until_both_are_done(blobs: FolderBlobs, put: Put) -> None:
    scratch = Scratch(blobs, 5)
    a = put("a")
    with scratch.using([a]):
        with scratch.using([a]):
            pass
        assert blobs.has(a)
    assert not blobs.has(a)


def test_what_did_not_come_through_it_is_left_alone(blobs: FolderBlobs, put: Put) -> None:
    scratch = Scratch(blobs, 5)
    stranger, a = put("s"), put("a")
    scratch.made([a])
    assert blobs.has(stranger)
    assert not blobs.has(a)
