"""Packages: the same bytes wherever they are made, and nothing of a foreign one is believed."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from shotbuild.errors import MediaError
from shotbuild.host.packing import pack, unpack


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "folder"
    (made / "b").mkdir(parents=True)
    (made / "b" / "two.bin").write_bytes(b"2" * 700)
    (made / "a.txt").write_bytes(b"one")
    (made / "b-c.txt").write_bytes(b"")
    return made


def foreign(path: Path, *members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.USTAR_FORMAT, mode: str = "w") -> Path:
    with tarfile.open(path, mode, format=form) as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return path


def plain(name: str, content: bytes = b"x", **more: object) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in more.items():
        setattr(member, key, value)
    return member, content


def refused(path: Path, into: Path) -> str:
    with pytest.raises(MediaError) as caught:
        unpack(path, into)
    assert not into.exists() or not any(into.iterdir()), "something was written before it was refused"
    return f"{caught.value.message}: {caught.value.cause}"


def test_what_was_packed_comes_back(folder, tmp_path):
    names = pack(folder, tmp_path / "p.tar")
    assert names == ("a.txt", "b-c.txt", "b/two.bin")
    assert unpack(tmp_path / "p.tar", tmp_path / "back") == names
    assert {name: (tmp_path / "back" / name).read_bytes() for name in names} == {
        "a.txt": b"one",
        "b-c.txt": b"",
        "b/two.bin": b"2" * 700,
    }


def test_bytes_depend_on_names_and_contents_alone(folder, tmp_path):
    other = tmp_path / "elsewhere"
    (other / "b").mkdir(parents=True)
    for name in ("b-c.txt", "a.txt", "b/two.bin"):
        (other / name).write_bytes((folder / name).read_bytes())
        os.utime(other / name, (1, 1))
        (other / name).chmod(0o755)
    pack(folder, tmp_path / "1.tar")
    pack(other, tmp_path / "2.tar")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    with tarfile.open(tmp_path / "1.tar") as archive:
        assert {(each.mtime, each.uid, each.gid, each.uname, each.mode) for each in archive} == {(0, 0, 0, "", 0o644)}


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../up",
        "a/../../up",
        "a/..",
        "./a",
        "a//b",
        ".hidden",
        "a b",
        "a\nb",
        "ä",
        "C:\\x",
        "a\\b",
        "-rf",
        "a/",
        "x" * 101,
    ],
)
def test_a_name_that_is_not_clean_is_refused(tmp_path, name):
    package = foreign(tmp_path / "p.tar", plain("good"), plain(name), form=tarfile.GNU_FORMAT)
    assert "cannot hold" in refused(package, tmp_path / "into")


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        tarfile.DIRTYPE,
        tarfile.GNUTYPE_SPARSE,
    ],
)
def test_what_is_no_plain_file_is_refused(tmp_path, kind):
    package = foreign(tmp_path / "p.tar", plain("good"), plain("odd", b"", type=kind, linkname="good"))
    refused(package, tmp_path / "into")


def test_one_name_twice_is_refused_also_in_capitals_and_as_a_folder(tmp_path):
    for index, names in enumerate((("a", "a"), ("a", "A"), ("a", "a/b"), ("A/b", "a"))):
        package = foreign(tmp_path / f"{index}.tar", *(plain(name) for name in names))
        assert "twice" in refused(package, tmp_path / "into")


def test_headers_of_extensions_are_refused(tmp_path):
    package = foreign(tmp_path / "p.tar", plain("a", pax_headers={"path": "b"}), form=tarfile.PAX_FORMAT)
    refused(package, tmp_path / "into")


@pytest.mark.parametrize("cut", [1, 511, 512, 1024, 1500, 9000, 10239])
def test_a_package_that_was_cut_off_is_refused(folder, tmp_path, cut):
    pack(folder, tmp_path / "p.tar")
    whole = (tmp_path / "p.tar").read_bytes()
    (tmp_path / "p.tar").write_bytes(whole[:-cut] if cut < 9000 else whole[: len(whole) - cut])
    if cut in (1, 511, 512, 1024, 1500):  # what is left still ends in two empty blocks: nothing of it is missing
        assert unpack(tmp_path / "p.tar", tmp_path / "into")
    else:
        refused(tmp_path / "p.tar", tmp_path / "into")


def test_a_size_that_is_not_there_is_refused(folder, tmp_path):
    pack(folder, tmp_path / "p.tar")
    content = bytearray((tmp_path / "p.tar").read_bytes())
    header = bytearray(content[:512])
    header[124:136] = b"77777777777\0"
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    content[:512] = header
    (tmp_path / "p.tar").write_bytes(content)
    refused(tmp_path / "p.tar", tmp_path / "into")


@pytest.mark.parametrize("content", [b"", b"not a tar", b"\0" * 10240, os.urandom(10240)])
def test_what_is_no_tar_is_refused(tmp_path, content):
    (tmp_path / "p.tar").write_bytes(content)
    refused(tmp_path / "p.tar", tmp_path / "into")


def test_a_compressed_package_is_refused(tmp_path):
    refused(foreign(tmp_path / "p.tar", plain("a"), mode="w:gz"), tmp_path / "into")


def test_what_follows_the_end_is_refused(folder, tmp_path):
    pack(folder, tmp_path / "p.tar")
    with (tmp_path / "p.tar").open("ab") as stream:
        stream.write(b"more")
    refused(tmp_path / "p.tar", tmp_path / "into")


def test_a_folder_that_is_not_empty_is_left_alone(folder, tmp_path):
    pack(folder, tmp_path / "p.tar")
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / "mine").write_text("kept")
    with pytest.raises(MediaError):
        unpack(tmp_path / "p.tar", tmp_path / "into")
    assert [path.name for path in (tmp_path / "into").iterdir()] == ["mine"]


def test_a_link_is_not_packed(folder, tmp_path):
    (folder / "link").symlink_to("a.txt")
    with pytest.raises(MediaError, match="cannot be packed"):
        pack(folder, tmp_path / "p.tar")


def test_an_empty_folder_is_not_packed(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(MediaError, match="is empty"):
        pack(tmp_path / "empty", tmp_path / "p.tar")
