from pathlib import Path

from shotbuild.media.alike import Files


def test_a_command_is_given_its_files_in_their_places() -> None:
    files = Files()
    first, second = files.stand_in(Path("/cas/a")), files.stand_in(Path("/cas/b"))
    assert files.stand_in(Path("/cas/a")) == first != second
    command = ("ffmpeg", "-i", str(second), "-i", str(first), "-vf", f"movie={first}", "file:video.mkv")
    assert files.given_to(command) == ("ffmpeg", "-i", "/cas/b", "-i", "/cas/a", "-vf", f"movie={first}", "file:video.mkv")
