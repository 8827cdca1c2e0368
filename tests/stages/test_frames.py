"""Pictures of segments become one sequence: numbered without gaps, the same bytes, nothing lost."""

import hashlib
import tarfile

import pytest

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.host.packing import pack, unpack
from shotbuild.host.tools import find_ffmpeg
from shotbuild.stages.frames import Frames

CODECS = {
    "png": ("png", "rgb48be"),
    "dpx": ("dpx", "gbrp10le"),
    "exr": ("exr", "gbrpf32le"),
}


@pytest.fixture
def segment(tmp_path):
    """A package of pictures as ffmpeg numbers them, and the digests of those."""

    def made(name, count, start=1, extension="png"):
        folder = tmp_path / name
        folder.mkdir()
        codec, pixels = CODECS[extension]
        graph = f"testsrc2=s=32x18:r=24,trim=start_frame={start}:end_frame={start + count}"
        command = (str(find_ffmpeg(None)), "-nostdin", "-v", "error", "-f", "lavfi", "-i", graph, "-threads", "1")
        command += ("-c:v", codec, "-pix_fmt", pixels, "-flags", "+bitexact")
        process.run((*command, "-start_number", str(start), f"%d.{extension}"), cwd=folder)
        assert len(pack(folder, tmp_path / f"{name}.tar")) == count
        digests = [
            hashlib.sha256((folder / f"{n}.{extension}").read_bytes()).hexdigest() for n in range(start, start + count)
        ]
        return tmp_path / f"{name}.tar", digests

    return made


def gathered(run, packages, lengths, first=1001, extension="png"):
    inputs = {f"segment{index:05d}": path for index, path in enumerate(packages)}
    return run(Frames(), inputs, ("package.tar",), extension=extension, first=first, lengths=tuple(lengths)) / "package.tar"


@pytest.mark.parametrize("extension", ["png", "dpx", "exr"])
def test_segments_become_one_sequence_without_gaps(run, segment, tmp_path, extension):
    a, of_a = segment("a", 11, extension=extension)
    b, of_b = segment("b", 1, 50, extension=extension)
    c, of_c = segment("c", 3, 9, extension=extension)
    names = unpack(gathered(run, [a, b, c], [11, 1, 3], extension=extension), tmp_path / "out")
    assert names == tuple(f"{number}.{extension}" for number in range(1001, 1016))
    found = [hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() for name in names]
    assert found == of_a + of_b + of_c


def test_the_package_of_a_segment_is_of_use_wherever_it_stands(run, segment, tmp_path):
    a, of_a = segment("a", 2)
    b, of_b = segment("b", 3)
    unpack(gathered(run, [b, a], [3, 2], first=0), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{number:04d}.png" for number in range(5)]
    found = [hashlib.sha256((tmp_path / "out" / f"{number:04d}.png").read_bytes()).hexdigest() for number in range(5)]
    assert found == of_b + of_a


def test_all_names_are_as_long_as_the_last(run, segment, tmp_path):
    a, _ = segment("a", 4)
    assert unpack(gathered(run, [a], [4], first=9998), tmp_path / "out") == (
        "09998.png",
        "09999.png",
        "10000.png",
        "10001.png",
    )


def test_the_same_bytes_twice(run, segment):
    a, _ = segment("a", 4)
    b, _ = segment("b", 4)
    assert a.read_bytes() == b.read_bytes()
    assert gathered(run, [a, b], [4, 4]).read_bytes() == gathered(run, [b, a], [4, 4]).read_bytes()


def test_a_missing_picture_is_told(run, segment, tmp_path):
    a, _ = segment("a", 4)
    unpack(a, tmp_path / "out")
    (tmp_path / "out" / "3.png").unlink()
    pack(tmp_path / "out", tmp_path / "again.tar")
    with pytest.raises(MediaError, match="has a gap") as caught:
        gathered(run, [tmp_path / "again.tar"], [3])
    assert caught.value.cause == "picture 3 is missing"


def test_a_segment_of_another_length_is_refused(run, segment):
    a, _ = segment("a", 4)
    with pytest.raises(MediaError, match="has 4 pictures") as caught:
        gathered(run, [a], [5])
    assert caught.value.cause == "the cut takes 5 of it"
    with pytest.raises(MediaError, match="cannot be gathered"):
        gathered(run, [a, a], [4])


def test_other_files_in_a_segment_are_refused(run, tmp_path):
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "odd" / "notes.txt").write_bytes(b"hello")
    pack(tmp_path / "odd", tmp_path / "odd.tar")
    with pytest.raises(MediaError, match="is no package of png pictures"):
        gathered(run, [tmp_path / "odd.tar"], [1])


def test_what_is_no_picture_is_found_by_the_check(run, tmp_path):
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "1.png").write_bytes(b"GIF89a")
    pack(tmp_path / "odd", tmp_path / "odd.tar")
    with pytest.raises(MediaError, match="is no png picture"):
        gathered(run, [tmp_path / "odd.tar"], [1])


def test_the_package_is_a_tar_that_any_program_reads(run, segment):
    a, _ = segment("a", 2)
    with tarfile.open(gathered(run, [a], [2])) as archive:
        assert [(each.name, each.isreg(), each.mode) for each in archive] == [
            ("1001.png", True, 0o644),
            ("1002.png", True, 0o644),
        ]
