"""Whether an OpenEXR picture is all there."""

import pytest

from shotbuild.media.exr import is_cut_off


@pytest.fixture
def picture(make):
    source = ("-f", "lavfi", "-i", "testsrc2=s=160x90", "-frames:v", "1", "-pix_fmt", "gbrpf32le")
    return lambda compression: make(f"whole-{compression}.exr", *source, "-c:v", "exr", "-compression", compression)


@pytest.mark.parametrize("compression", ["none", "rle", "zip1", "zip16"])
def test_every_cut_is_seen_and_a_whole_picture_is_whole(picture, tmp_path, compression):
    whole = picture(compression)
    assert not is_cut_off(whole)
    content = whole.read_bytes()
    for length in (400, len(content) // 2, len(content) - 1):
        short = tmp_path / f"{compression}-{length}.exr"
        short.write_bytes(content[:length])
        assert is_cut_off(short), length


def test_nothing_is_said_of_what_is_no_exr(tmp_path):
    other = tmp_path / "picture.png"
    other.write_bytes(b"\x89PNG" + bytes(40))
    assert not is_cut_off(other)
