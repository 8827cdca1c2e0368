"""A shared folder in bad company: not mounted, full, not ours to write, with things in it that are no objects."""

import os
import secrets
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shotbuild.errors import StoreRefused, StoreUnavailable
from shotbuild.host.objects.folder import LEFT_BEHIND, FolderObjects
from tests.servers.program import short_folder

KEY = f"cas/{'ab' * 32}"
PLACE = f"cas/ab/{'ab' * 32}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "team's store"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_folder_that_was_never_seen_is_made(root: Path) -> None:
    objects = FolderObjects(root)
    assert objects.read(KEY, 10) is None
    assert not root.exists(), "reading makes nothing"
    objects.write(KEY, b"a take")
    assert (root / PLACE).read_bytes() == b"a take"


def test_a_folder_that_is_not_mounted_is_unavailable_and_not_quietly_made(root: Path, tmp_path: Path) -> None:
    objects = FolderObjects(root, seen=True)
    for call in (
        lambda: objects.size(KEY),
        lambda: objects.read(KEY, 10),
        lambda: objects.fetch(KEY, tmp_path / "take", 10),
        lambda: objects.write(KEY, b""),
        lambda: objects.create(KEY, b""),
        lambda: objects.remove(KEY),
        lambda: list(objects.each("cas")),
    ):
        with pytest.raises(StoreUnavailable, match="is not there"):
            call()
    assert not root.exists()
    root.mkdir()
    with pytest.raises(StoreUnavailable) as raised:
        objects.write(KEY, b"")
    assert raised.value.cause == "it is empty, and was not before"


def test_many_writers_may_be_the_first_at_once(root: Path) -> None:
    gate = threading.Barrier(8)

    def write(number: int) -> None:
        objects = FolderObjects(root)
        gate.wait()
        objects.write(f"cas/{number:064}", b"take")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(list(FolderObjects(root).each("cas"))) == 8


def test_the_parent_of_a_folder_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        FolderObjects(tmp_path / "mnt/team/store").write(KEY, b"")


def test_what_is_no_plain_file_is_no_object(root: Path, tmp_path: Path) -> None:
    objects = FolderObjects(root)
    objects.write(KEY, b"a take")
    secret = tmp_path / "secret"
    secret.write_text("private")
    place = root / PLACE
    for make in (lambda: place.symlink_to(secret), lambda: os.mkfifo(place), place.mkdir):
        place.unlink()
        make()
        assert objects.size(KEY) is None
        assert objects.read(KEY, 100) is None
        assert objects.fetch(KEY, tmp_path / "take", 100) is None
        assert list(objects.each("cas")) == []
        assert not objects.create(KEY, b"mine")
        if not stat.S_ISDIR(place.lstat().st_mode):
            objects.write(KEY, b"a take")
            assert objects.read(KEY, 100) == b"a take"
    assert secret.read_text() == "private"
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        objects.write(KEY, b"a take")


def test_nothing_is_written_through_a_link_that_leads_out(root: Path, tmp_path: Path) -> None:
    objects = FolderObjects(root)
    objects.write(f"cas/{'cd' * 32}", b"another")
    (tmp_path / "elsewhere").mkdir()
    (root / "cas/ab").symlink_to(tmp_path / "elsewhere")
    for put in (objects.write, objects.create):
        with pytest.raises(StoreRefused, match="leads elsewhere"):
            put(KEY, b"a take")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_store_that_is_itself_behind_a_link_is_fine(root: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    root.symlink_to(tmp_path / "disk")
    objects = FolderObjects(root)
    objects.write(KEY, b"a take")
    assert objects.read(KEY, 10) == b"a take"


def test_names_that_are_no_keys_are_not_listed(root: Path) -> None:
    objects = FolderObjects(root)
    objects.write(KEY, b"a take")
    for name in (".DS_Store", "Thumbs.db", "ab/thumb.jpg", "ab/.nfs0001", f"cd/{'ab' * 32}", f"ab/{'AB' * 32}", "ab/a b"):
        place = root / "cas" / name
        place.parent.mkdir(exist_ok=True)
        place.write_text("x")
    assert [found.key for found in objects.each("cas") if len(found.key) == len(KEY)] == [KEY]


def test_what_a_killed_writer_left_is_cleared_once_it_is_old(root: Path) -> None:
    FolderObjects(root).write(KEY, b"a take")
    assert list((root / "incoming").iterdir()) == []
    old, new = root / "incoming/.shotbuild-old", root / "incoming/.shotbuild-new"
    old.write_bytes(bytes(100))
    new.write_bytes(bytes(100))
    now = new.stat().st_mtime
    os.utime(old, (now - LEFT_BEHIND - 60, now - LEFT_BEHIND - 60))
    FolderObjects(root).write(KEY, b"a take")
    assert list((root / "incoming").iterdir()) == [new]


def test_whoever_may_use_the_folder_may_use_what_lies_in_it(root: Path) -> None:
    root.mkdir()
    root.chmod(0o2770)
    before = os.umask(0o077)
    try:
        FolderObjects(root).write(KEY, b"a take")
    finally:
        os.umask(before)
    assert stat.S_IMODE((root / PLACE).stat().st_mode) == 0o660
    for folder in ("cas", "cas/ab", "incoming"):
        assert stat.S_IMODE((root / folder).stat().st_mode) == 0o2770


@pytest.mark.skipif(os.geteuid() != 0, reason="another user can only be tried by root")
def test_a_folder_that_may_not_be_written_says_no() -> None:
    with short_folder() as folder:
        folder.chmod(0o755)
        FolderObjects(folder).write(KEY, b"a take")
        said = _as_nobody(folder, f"print(objects.read({KEY!r}, 10)); objects.write({KEY!r}, b'')")
    assert "StoreRefused: [Errno 13] Permission denied" in said.stderr
    assert said.stdout == "b'a take'\n"


def _as_nobody(root: Path, code: str) -> "subprocess.CompletedProcess[str]":
    """Runs code over the folder as a user who owns nothing."""
    words = f"""
import os
from pathlib import Path
from shotbuild.host.objects.folder import FolderObjects
os.setgid(65534); os.setuid(65534)
objects = FolderObjects(Path({str(root)!r}))
try:
    {code}
except Exception as error:
    raise SystemExit(f"{{type(error).__name__}}: {{error.cause}}")
"""
    return subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=False)


def test_a_full_disk_is_the_stores_when_it_is_the_stores(small: Path, tmp_path: Path) -> None:
    objects = FolderObjects(small)
    file = tmp_path / "file"
    file.write_bytes(secrets.token_bytes(2 << 20))
    with pytest.raises(StoreUnavailable) as raised:
        objects.send(KEY, file)
    assert "No space left" in str(raised.value.cause)
    assert objects.size(KEY) is None
    assert list((small / "incoming").iterdir()) == [], "and the room is given back"
    objects.write(KEY, b"a take")
    assert objects.read(KEY, 10) == b"a take"


def test_a_full_disk_is_ours_when_it_is_ours(root: Path, small: Path) -> None:
    objects = FolderObjects(root)
    objects.write(KEY, bytes(2 << 20))
    with pytest.raises(OSError, match="No space left"):
        objects.fetch(KEY, small / "take", 2 << 20)
    assert not (small / "take").exists()


def test_two_machines_share_a_folder(root: Path) -> None:
    one, other = FolderObjects(root), FolderObjects(root)
    assert one.create("claims/a/1", b"one")
    assert not other.create("claims/a/1", b"other")
    one.write(KEY, b"a take")
    assert other.read(KEY, 10) == b"a take"
    other.remove(KEY)
    assert one.size(KEY) is None
