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


def test_what_is_settled_later_is_there_at_once_and_settled_together(blobs: FolderBlobs, tmp_path: Path) -> None:
    digests = [blobs.adopt(written(tmp_path / name, name.encode()), settled=False) for name in "abb"]
    assert all(blobs.sound(digest) for digest in digests)
    blobs.settle(digests)
    with pytest.raises(FileNotFoundError):
        blobs.settle([*digests, Digest(sha256="0" * 64, size=3)])


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


# --- looking after it ----------------------------------------------------------------------------------------------------


def test_a_link_or_a_pipe_is_no_blob(blobs: FolderBlobs, tmp_path: Path) -> None:
    digest = blobs.adopt(written(tmp_path / "a", b"take"))
    place = blobs.path(digest)
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert not blobs.has(digest)
    place.unlink()
    os.mkfifo(place)
    assert not blobs.has(Digest(sha256=digest.sha256, size=0))
    assert list(blobs.each()) == []
    assert list(blobs.strays()) == [place]


def test_every_blob_is_listed_in_order_and_strays_apart(blobs: FolderBlobs, tmp_path: Path) -> None:
    assert list(blobs.each()) == list(blobs.strays()) == []
    digests = [blobs.adopt(written(tmp_path / "a", f"take {number}".encode())) for number in range(20)]
    place = blobs.path(digests[0])
    strays = [place.with_name("notes.txt"), place.with_name("f" * 63 + "g"), place.parents[1] / ("a" * 64)]
    wrong = place.parents[1] / ("00" if place.parent.name != "00" else "11") / place.name
    wrong.parent.mkdir(exist_ok=True)
    (place.parent / ("b" * 64)).mkdir()
    (place.parents[1] / "link").symlink_to(place.parent)
    for stray in (*strays, wrong):
        stray.write_bytes(b"x")
    assert list(blobs.each()) == sorted(digests, key=lambda each: each.sha256)
    assert set(blobs.strays()) == {*strays, wrong, place.parent / ("b" * 64), place.parents[1] / "link"}


def test_listing_reads_nothing_so_a_torn_blob_has_the_size_of_its_file(blobs: FolderBlobs, tmp_path: Path) -> None:
    digest = blobs.adopt(written(tmp_path / "a", b"take"))
    blobs.path(digest).chmod(0o644)
    os.truncate(blobs.path(digest), 2)
    assert list(blobs.each()) == [Digest(sha256=digest.sha256, size=2)]


def test_asking_whether_a_blob_is_sound_leaves_it_where_it_is(blobs: FolderBlobs, tmp_path: Path) -> None:
    digest = blobs.adopt(written(tmp_path / "a", b"take"))
    assert blobs.sound(digest)
    blobs.path(digest).chmod(0o644)
    blobs.path(digest).write_bytes(b"tbke")
    assert not blobs.sound(digest)
    assert blobs.path(digest).read_bytes() == b"tbke"
    assert not blobs.sound(Digest(sha256="0" * 64, size=3))


def test_removed_bytes_are_gone_and_removing_twice_is_no_error(blobs: FolderBlobs, tmp_path: Path) -> None:
    digest, other = (blobs.adopt(written(tmp_path / "a", content)) for content in (b"take", b"other"))
    blobs.remove(digest)
    blobs.remove(digest)
    assert list(blobs.each()) == [other]
    with pytest.raises(StoreError, match="is not a digest"):
        blobs.remove(Digest(sha256="../../../../etc/hostname", size=1))


def test_a_damaged_or_missing_blob_is_repaired_from_the_right_bytes_alone(blobs: FolderBlobs, tmp_path: Path) -> None:
    digest = blobs.adopt(written(tmp_path / "a", b"take"))
    right, other = written(tmp_path / "right", b"take"), written(tmp_path / "other", b"tbke")
    blobs.path(digest).chmod(0o644)
    blobs.path(digest).write_bytes(b"tcke")
    for wrong in (other, written(tmp_path / "longer", b"takes"), tmp_path / "nowhere", tmp_path):
        assert not blobs.repair(digest, wrong)
        assert blobs.path(digest).read_bytes() == b"tcke"
    assert blobs.repair(digest, right)
    blobs.verify(digest)
    assert stat.S_IMODE(blobs.path(digest).stat().st_mode) == 0o444
    blobs.remove(digest)
    assert blobs.repair(digest, right)
    assert right.read_bytes() == b"take"
    assert list(blobs.each()) == [digest]
    assert list(blobs.strays()) == []


def test_a_repair_into_an_empty_store_makes_it(tmp_path: Path) -> None:
    source = written(tmp_path / "a", b"take")
    blobs = FolderBlobs(tmp_path / "new")
    assert blobs.repair(of_file(source), source)
    blobs.verify(of_file(source))


def test_a_folder_in_the_place_of_a_blob_is_not_overwritten(blobs: FolderBlobs, tmp_path: Path) -> None:
    source = written(tmp_path / "a", b"take")
    digest = blobs.copy_in(source)
    place = blobs.path(digest)
    blobs.remove(digest)
    place.mkdir()
    assert not blobs.repair(digest, source)
    assert list(blobs.strays()) == [place]
