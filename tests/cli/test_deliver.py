"""`deliver --to`, `--only` and `export frames` as a person or a program sees them, with real films."""

import json
import subprocess
from pathlib import Path

from shotbuild.host.handover import SUMS
from tests.cli.conftest import Call


def packed(to: Path) -> list[str]:
    return sorted(path.relative_to(to).as_posix() for path in to.rglob("*.mp4"))


def test_a_package_is_listed_and_checks(film: Path, tmp_path: Path, call: Call) -> None:
    to = tmp_path / "handover"
    done = call(film, "deliver", "--to", str(to))
    assert done.code == 0
    assert f"{to}/sequences/opening/web.mp4" in done.out.splitlines()
    assert "there already; check with `sha256sum -c SHA256SUMS` in it" in done.err
    assert packed(to) == ["sequences/ending/end.mp4", "sequences/opening/web.mp4"]
    subprocess.run(["sha256sum", "-c", "--quiet", SUMS], cwd=to, check=True)
    said = json.loads((to / "sequences/opening/web.json").read_text())
    assert (said["frames"], said["rate"], said["made_with"]["lock"]) == (4, "24", {"differs": []})


def test_only_what_is_named_is_handed_over(film: Path, tmp_path: Path, call: Call) -> None:
    to = tmp_path / "a folder"
    assert call(film, "deliver", "--only", "e*", "--to", str(to)).code == 0
    assert packed(to) == ["sequences/ending/end.mp4"]
    refused = call(film, "deliver", "--only", "ends")
    assert refused.code == 2
    assert "write `--only end`" in refused.err


def test_a_package_is_told_as_json(film: Path, tmp_path: Path, call: Call) -> None:
    done = call(film, "deliver", "--only", "end", "--to", str(tmp_path / "to"), "--json")
    events = [json.loads(line) for line in done.out.splitlines()]
    told = next(event for event in events if event["event"] == "handed-over")
    assert (told["folder"], told["kept"]) == (str(tmp_path / "to"), [])
    assert "sequences/ending/end.mp4" in told["written"]
    assert events[-1]["event"] == "summary"


def test_the_project_itself_and_strange_files_are_refused(film: Path, tmp_path: Path, call: Call) -> None:
    refused = call(film, "deliver", "--to", "out/handover")
    assert (refused.code, "the project's own out/" in refused.err) == (2, True)
    place = tmp_path / "to/sequences/ending/end.mp4"
    place.parent.mkdir(parents=True)
    place.write_text("mine")
    refused = call(film, "deliver", "--to", str(tmp_path / "to"))
    assert (refused.code, "--force" in refused.err, place.read_text()) == (2, True, "mine")
    assert call(film, "deliver", "--to", str(tmp_path / "to"), "--force").code == 0


def test_frames_go_out_and_come_back_by_commands(film: Path, call: Call) -> None:
    out = call(film, "export", "frames", "sh010", "--handles", "1", "--first", "990")
    assert out.code == 0
    assert "2 frames 990 to 991, 64x36 at 24" in out.out
    assert "handles of 0 and 0 frames in place of 1" in out.err
    folder = film / "frames/sh010"
    assert sorted(path.name for path in folder.iterdir()) == ["sh010.0990.png", "sh010.0991.png", "sh010.json"]
    back = call(film, "import", str(folder))
    assert back.code == 0
    assert "sh010 t2" in back.out
    assert "2 frames 990 to 991 of sh010@" in back.out
    assert "this take is silent" in back.err
    assert call(film, "pick", "sh010", "t2", "--by", "Ann <a@x.example>").code == 0
    assert call(film, "deliver", "opening").code == 0
    again = json.loads(call(film, "import", str(folder), "--as", "sh010", "--json").out)
    assert (again["new"], again["frames"]["count"], again["frames"]["sound"]) == (False, 2, False)


def test_an_export_is_told_as_json(film: Path, call: Call) -> None:
    told = json.loads(call(film, "export", "frames", "sh020", "--format", "exr", "--finished", "--json").out)
    assert (told["schema"], told["first"], told["last"], told["used"]) == (
        "shotbuild/export-frames/1",
        1001,
        1002,
        [1001, 1002],
    )
    assert (film / told["folder"] / "sh020.1001.exr").is_file()


def test_a_clip_needs_a_shot_to_be_imported_into(film: Path, call: Call) -> None:
    refused = call(film, "import", "out/shots/sh010.mkv")
    assert refused.code == 2
    assert "add `--as SHOT`" in refused.err
