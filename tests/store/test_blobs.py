"""The content-addressed store: written once, read-only, verified, and never changed through what it hands out."""

import os
import stat
from pathlib import Path

import pytest

from shotbuild.digest import of_file
from shotbuild.errors import StoreError
from shotbuild.records import Digest
from shotbuild.store.blobs import FolderBlobs


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "store")


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_an_adopted_file_is_found_under_its_digest_and_read_only(blobs: FolderBlobs, tmp_path: Path) -> None:
    file = written(tmp_path / "a", b"take")
    digest = blobs.adopt(file)
    assert not file.exists()
    assert blobs.path(digest).read_bytes() == b"take"
    assert stat.S_IMODE(blobs.path(digest).stat().st_mode) == 0o444


def test_copying_in_leaves_the_file(blobs: FolderBlobs, tmp_path: Path) -> None:
    file = written(tmp_path / "a", b"plate")
    digest = blobs.copy_in(file)
    assert file.read_bytes() == b"plate"
    assert digest == of_file(file)
    blobs.verify(digest)


def test_missing_bytes_are_told(blobs: FolderBlobs) -> None:
    digest = Digest(sha256="0" * 64, size=3)
    assert not blobs.has(digest)
    with pytest.raises(StoreError, match="are not in the store"):
        blobs.path(digest)


def test_a_flipped_bit_is_found_and_never_served(blobs: FolderBlobs, tmp_path: Path) -> None:
    digest = blobs.adopt(written(tmp_path / "a", b"take"))
    place = blobs.path(digest)
    place.chmod(0o644)
    place.write_bytes(b"tbke")
    with pytest.raises(StoreError, match="do not match their digest"):
        blobs.hand_out(digest, tmp_path / "out" / "a")
    assert not (tmp_path / "out" / "a").exists()
    assert not blobs.has(digest)


def test_putting_the_same_bytes_again_heals_damaged_ones(blobs: FolderBlobs, tmp_path: Path) -> None:
    digest = blobs.adopt(written(tmp_path / "a", b"take"))
    blobs.path(digest).chmod(0o644)
    blobs.path(digest).write_bytes(b"tbke")
    blobs.adopt(written(tmp_path / "b", b"take"))
    blobs.verify(digest)


def test_writing_through_a_handed_out_file_does_not_reach_the_store(blobs: FolderBlobs, tmp_path: Path) -> None:
    digest = blobs.adopt(written(tmp_path / "a", b"take" * 100_000))
    target = tmp_path / "out" / "a"
    blobs.hand_out(digest, target)
    with target.open("r+b") as stream:
        stream.write(b"scribble")
    blobs.verify(digest)


def test_a_hard_link_is_handed_out_only_when_asked_for(blobs: FolderBlobs, tmp_path: Path) -> None:
    digest = blobs.adopt(written(tmp_path / "a", b"take"))
    blobs.hand_out(digest, tmp_path / "copy")
    blobs.hand_out(digest, tmp_path / "hard", hard=True)
    assert not os.path.samefile(blobs.path(digest), tmp_path / "copy")
    assert os.path.samefile(blobs.path(digest), tmp_path / "hard")


def test_handing_out_replaces_what_a_person_put_there(blobs: FolderBlobs, tmp_path: Path) -> None:
    digest = blobs.adopt(written(tmp_path / "a", b"take"))
    written(tmp_path / "target", b"something else")
    blobs.hand_out(digest, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"take"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".shotbuild-")] == []
