"""A clip from elsewhere becomes a take: what is kept of it, what is refused, and that nothing is chosen by it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shotbuild.errors import MediaError, PlanError, ShotbuildError, SpecError
from shotbuild.records import Take
from shotbuild.spec.events import recipe_of, written
from shotbuild.takes.adopt import Adopted, adopt
from shotbuild.takes.decide import pick
from tests.fakes import SMALL, fake_workspace, write_project

Make = Callable[..., Path]
ANN = "Ann <a@x.example>"
PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.2")
HEARD = ("-f", "lavfi", "-i", "sine=d=0.2")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_project(tmp_path / "film", SMALL)


@pytest.fixture
def clip(make: Make) -> Path:
    said = json.dumps({"prompt": "a fox", "seed": 7})
    return make("fox.mp4", *PICTURE, *HEARD, "-metadata", f"comment={said}")


def brought(root: Path, file: Path, shot: str = "sh010", **more: Any) -> Adopted:
    return adopt(fake_workspace(root), file, shot, **more)


def takes(root: Path, shot: str = "sh010") -> tuple[Take, ...]:
    workspace = fake_workspace(root)
    _ = workspace.project
    return workspace.rooms.ledgers.of(shot).takes


def recipe(root: Path, text: str | bytes) -> Path:
    path = root.parent / "recipe.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def record(root: Path, take: Take) -> dict[str, Any]:
    assert take.record is not None
    found: dict[str, Any] = json.loads(fake_workspace(root).rooms.blobs.path(take.record).read_text())
    return found


def blobs(root: Path) -> int:
    return sum(path.is_file() for path in (root / ".shotbuild").rglob("cas/*/*"))


def test_a_clip_becomes_a_foreign_take_with_all_that_it_says(root, clip):
    fake_workspace(root).build()
    found = brought(root, clip, by=ANN)
    assert found.new
    *_, take = takes(root)
    assert take == found.take
    assert (take.number, take.ordinal, take.foreign, take.asked, take.action) == (2, 0, True, "", "")
    assert (take.output, take.sound, take.seed, str(take.seconds)) == ("take.mp4", True, 7, "1/5")
    assert written(take)["streams"][0]["size"] == "64x48"
    assert recipe_of(take).parameters.get("prompt") == "a fox"
    assert fake_workspace(root).rooms.blobs.path(take.video).read_bytes() == clip.read_bytes()
    kept = record(root, take)
    assert (kept["file"], kept["sha256"], kept["by"]) == ("fox.mp4", take.video.sha256, ANN)
    assert ["comment", '{"prompt": "a fox", "seed": 7}'] in kept["tags"]


def test_nothing_is_chosen_until_it_is_picked(root, make):
    clip = make("long.mp4", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=2")
    fake_workspace(root).build()
    before = fake_workspace(root).whole.chosen["sh010"].take
    found = brought(root, clip)
    assert fake_workspace(root).whole.chosen["sh010"].take == before
    assert fake_workspace(root).plan().to_run == ()
    pick(fake_workspace(root), [found.take.name], by=ANN)
    choice = fake_workspace(root).whole.chosen["sh010"]
    assert (choice.how, choice.take, choice.stale) == ("picked", found.take, False)
    assert fake_workspace(root).build().generated == ()


def test_the_same_bytes_are_one_take(root, clip, tmp_path):
    first = brought(root, clip)
    ledger = (root / "takes/sh010.jsonl").read_bytes()
    other = tmp_path / "other name.mov"
    other.write_bytes(clip.read_bytes())
    again = brought(root, other)
    assert (again.new, again.take) == (False, first.take)
    assert (root / "takes/sh010.jsonl").read_bytes() == ledger
    assert brought(root, clip, "sh020").new


def test_importing_again_brings_lost_bytes_back(root, clip):
    take = brought(root, clip).take
    fake_workspace(root).rooms.blobs.path(take.video).unlink()
    assert not brought(root, clip).new
    assert fake_workspace(root).rooms.blobs.has(take.video)


def test_a_recipe_is_kept_whole_and_its_names_are_plain(root, clip):
    text = '{"Prompt": "a hen", "cfg": 6.5, "steps": [1, 2.0], "Model": "wan", "big": 99999999999999999999, "no": null}'
    take = brought(root, clip, recipe=recipe(root, text)).take
    said = dict(recipe_of(take).parameters.items)
    assert said.pop("encoder").startswith("Lavf")
    # The seed is of the file's own metadata: the recipe says none.
    assert said == {
        "big": "99999999999999999999", "cfg": "6.5", "model": "wan", "prompt": "a hen", "seed": 7, "steps": (1, "2.0"),
    }  # fmt: skip
    assert record(root, take)["recipe"] == text


@pytest.mark.parametrize(
    ("seed", "whole", "kept"),
    [
        ("42", 42, None),
        ('"42"', 42, None),
        ("0", 0, None),
        ("9223372036854775807", 2**63 - 1, None),
        ("18446744073709551615", 2**64 - 1, None),
        ("18446744073709551616", None, "18446744073709551616"),
        ("-1", None, "-1"),
        ("7.5", None, "7.5"),
        ("true", None, "true"),
        ('"random"', None, "random"),
    ],
)
def test_a_seed_is_a_whole_number_or_kept_as_text(root, make, seed, whole, kept):
    plain = make("plain.mkv", *PICTURE)
    brought(root, plain, recipe=recipe(root, f'{{"seed": {seed}}}'))
    [take] = takes(root)
    assert (take.seed, recipe_of(take).parameters.get("seed_as_written")) == (whole, kept)


def test_a_recipe_that_is_a_comfyui_graph_gives_what_it_says_plainly(root, make):
    graph = {
        "3": {"class_type": "KSampler", "inputs": {"seed": 5, "positive": ["6", 0]}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox"}},
    }
    take = brought(root, make("plain.mkv", *PICTURE), recipe=recipe(root, json.dumps(graph))).take
    said = recipe_of(take).parameters
    assert (said.get("prompt"), said.get("seed"), said.get("3")) == ("a fox", 5, None)
    assert json.loads(record(root, take)["recipe"]) == graph


def test_half_characters_in_a_recipe_do_not_reach_the_ledger(root, clip):
    brought(root, clip, recipe=recipe(root, '{"\\ud800": "\\udfff", "prompt": "x"}'))
    assert recipe_of(takes(root)[0]).parameters.get("?") == "?"


@pytest.mark.parametrize(
    ("content", "message", "line", "column"),
    [
        (b'{"prompt": "a",\n "seed": }', "is not JSON", 2, 10),
        (b"", "is not JSON", 1, 1),
        (b"[1]", "no JSON object", 1, 1),
        (b'{"a": 1}\n\xff', "not UTF-8", 2, 1),
        (b'{"a": "' + b"x" * (1 << 18) + b'"}', "larger than 256 KiB", 1, 1),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "nested too deep", 1, 1),
        (b'{"a":' * 30_000 + b"1" + b"}" * 30_000, "nested too deep", 1, 1),
    ],
)
def test_a_bad_recipe_is_told_with_its_place(root, clip, content, message, line, column):
    with pytest.raises(SpecError, match=message) as caught:
        brought(root, clip, recipe=recipe(root, content))
    place = caught.value.location
    assert place is not None
    assert (place.line, place.column) == (line, column)
    assert not (root / "takes").exists()


@pytest.mark.parametrize(
    ("shot", "message", "hint"),
    [("sh01", "no shot", "`--as sh010`"), ("sh040", "is a plate", "`plate`"), ("opening", "no shot", "status")],
)
def test_only_a_generated_shot_takes_a_clip(root, clip, shot, message, hint):
    with pytest.raises(PlanError, match=message) as caught:
        brought(root, clip, shot)
    assert hint in str(caught.value.hint)


def _files(folder: Path, make: Make) -> dict[str, Path]:
    found = {name: folder / name for name in ("folder", "fifo", "missing", "empty.mp4", "text.mp4", "cut.mp4", "secret.mp4")}
    found["folder"].mkdir()
    os.mkfifo(found["fifo"])
    found["empty.mp4"].touch()
    found["text.mp4"].write_text("#!/bin/sh\necho no clip\n")
    whole = make("plain.mp4", *PICTURE).read_bytes()
    found["cut.mp4"].write_bytes(whole[: len(whole) // 2])
    found["secret.mp4"].write_bytes(whole)
    found["secret.mp4"].chmod(0)
    return found | {
        "still": make("still.png", *PICTURE, "-frames:v", "1"),
        "sound": make("sound.wav", *HEARD),
        "zero": Path("/dev/zero"),
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("folder", PlanError),
        ("fifo", PlanError),
        ("missing", PlanError),
        ("zero", PlanError),
        ("empty.mp4", MediaError),
        ("text.mp4", MediaError),
        ("cut.mp4", MediaError),
        ("still", MediaError),
        ("sound", MediaError),
        pytest.param("secret.mp4", PlanError, marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may read it")),
    ],
)
def test_what_is_no_clip_leaves_nothing_behind(root, tmp_path, make, name, kind):
    file = _files(tmp_path, make)[name]
    with pytest.raises(kind) as caught:
        brought(root, file)
    assert isinstance(caught.value, ShotbuildError)
    assert file.name in caught.value.message
    assert (blobs(root), (root / "takes").exists()) == (0, False)


@pytest.mark.parametrize(
    ("made", "name", "suffix"),
    [
        (("-c:v", "libvpx", "-f", "webm"), "a.mkv", "webm"),
        (("-f", "matroska"), "b.MP4", "mkv"),
        (("-f", "mov"), "c.exe", "mov"),
        (("-f", "mp4"), "d\n\x1b[31m.mov", "mp4"),
        (("-f", "avi"), "e" * 200, "avi"),
        (("-f", "mpegts"), "-f", "ts"),
        (("-f", "gif"), "g\udcff.mp4", "gif"),
    ],
)
def test_the_name_of_a_take_is_by_what_it_is(root, tmp_path, make, made, name, suffix):
    file = tmp_path / name
    file.write_bytes(make(f"kind-{suffix}", *PICTURE, *made).read_bytes())
    take = brought(root, file).take
    assert take.output == f"take.{suffix}"
    assert takes(root) == (take,)


def test_huge_tags_do_not_make_a_huge_ledger(root, make, tmp_path):
    said = tmp_path / "tags.txt"
    said.write_text(";FFMETADATA1\n" + "".join(f"tag{number}={'x' * 900_000}\n" for number in range(12)))
    file = make("tagged.mkv", *PICTURE, "-i", str(said), "-map_metadata", "1")
    take = brought(root, file).take
    assert (root / "takes/sh010.jsonl").stat().st_size < 5_000
    kept = dict(record(root, take)["tags"])
    assert kept["tag0"] == "x" * 900_000
    assert sum(map(len, kept.values())) <= 8 << 20
    assert "[left out: 900000 characters]" in kept.values()


def test_a_shot_that_moved_takes_a_clip_under_either_name(root, clip):
    fake_workspace(root).build()
    specs = root / "specs/opening.yaml"
    specs.write_text(specs.read_text().replace("sh010: {", "sh015: {moved: sh010, ").replace("- sh010", "- sh015"))
    found = brought(root, clip, "sh010")
    assert found.take.shot == "sh015"
    assert [take.number for take in takes(root, "sh015")] == [1, 2]
