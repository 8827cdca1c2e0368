"""Which steps a change touches: exactly those, and `plan` says so. Stages are fakes that write text; the rest is real."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from shotbuild.errors import SpecErrors
from shotbuild.plan.assemble import _label
from shotbuild.plan.timeline import Blend, Over, Run, Slug
from shotbuild.records import Fields, Output, Step
from tests.fakes import Count, fake_workspace, write_project

SPEC = """shots:
  a: {prompt: A., settings: {sound: scratch}}
  b: {prompt: B., settings: {sound: scratch}}
  c: {prompt: C., finish: [{lut: {file: assets/look.cube}}]}
  d: {prompt: D.}
sequences:
  main:
    cut:
      - a
      - {shot: b, transition: {dissolve: 6f}}
      - c
      - d
    audio: [{file: assets/sea.wav, gain: -6dB}]
    captions: {en: assets/en.srt}
TITLES
deliverables:
  web: {sequence: main, profile: h264-web}
  master: {sequence: main, profile: prores-422-hq}
"""
SUBTITLES = "1\n00:00:00,000 --> 00:00:00,500\nOne.\n\n2\n00:00:02,000 --> 00:00:02,500\nTwo.\n"
FILES = {
    "shotbuild.yaml": "shotbuild: 1\nproject: film\nformat: {size: 64x36, rate: 24}\ndefaults: {duration: 24f}\n",
    "assets/sea.wav": "sea",
    "assets/look.cube": "LUT_3D_SIZE 2\n",
    "assets/en.srt": SUBTITLES,
    "specs/film.yaml": SPEC.replace("TITLES\n", ""),
}
TITLE = "    titles: [{text: One, at: 30f, for: 6f}]\n"
Write = Callable[..., Path]


@pytest.fixture
def film(tmp_path: Path) -> Write:
    """film(titles="…", more="…"): a project of four shots of 24 frames."""

    def written(titles: str = "", more: str = "") -> Path:
        return write_project(tmp_path / "film", FILES | {"specs/film.yaml": SPEC.replace("TITLES\n", titles) + more})

    return written


def change(root: Path, old: str, new: str, path: str = "specs/film.yaml") -> None:
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))


def again(root: Path, *changes: tuple[str, ...]) -> set[str]:
    """Builds, changes, builds again: what ran then, which is what `plan` had said."""
    assert fake_workspace(root).build().exit_code == 0
    for each in changes:
        change(root, *each)
    promised = {line.step.name for line in fake_workspace(root).plan().to_run}
    ran = set(fake_workspace(root).build().ran)
    assert ran == promised
    return ran


def of(ran: set[str], deliverable: str = "web") -> set[str]:
    """What ran of a deliverable, without the file, its measures and its report, which are part of every change."""
    own = {
        name.removeprefix(f"main/{deliverable}").removeprefix("/") for name in ran if name.startswith(f"main/{deliverable}")
    }
    assert not own or {"", "measure", "report"} <= own
    return {name for name in own if name not in ("", "measure", "report") and not name.startswith("text-")}


def steps(root: Path) -> dict[str, Step]:
    return {step.name: step for step in fake_workspace(root).whole.steps}


def video(step: Step) -> Fields:
    found = step.recipe.parameters.get("video")
    assert isinstance(found, Fields)
    return found


CHANGES: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "a word of a prompt": (("C.", "See."), {"c"}),
    "a word of a prompt of a shot with sound": (("B.", "Bee."), {"a+b", "b", "sound"}),
    "the gain of a track": (("-6dB", "-9dB"), {"sound"}),
    "the gain of a clip": (("- {shot: b, ", "- {shot: b, gain: -3dB, "), {"sound"}),
    "a fade of a clip's sound": (("- {shot: b, ", "- {shot: b, fade_out: 6f, "), {"sound"}),
    "a clip that is mute": (("- {shot: b, ", "- {shot: b, sound: false, "), {"sound"}),
    "another sound file": (("sea", "sea!", "assets/sea.wav"), {"sound"}),
    "a LUT": (("2", "3", "assets/look.cube"), {"c"}),
    "an out": (("      - d\n", "      - {shot: d, out: 20f}\n"), {"d", "sound"}),
    "an in": (("      - a\n", "      - {shot: a, in: 2f}\n"), {"a", "sound"}),
    "a shorter dissolve": (("6f}", "4f}"), {"a", "a+b", "b", "sound"}),
    "a dissolve that becomes a wipe": (("dissolve:", "wipe:"), {"a+b"}),
    "a dissolve that becomes a dip": (("dissolve:", "dip:"), {"a~2", "b"}),
    "no transition": ((", transition: {dissolve: 6f}", ""), {"a", "b", "sound"}),
    "the order of two clips": (("      - c\n      - d\n", "      - d\n      - c\n"), set()),
    "a gap": (("      - d\n", "      - {gap: 5f}\n      - d\n"), {"slug", "sound"}),
    "a colour of a gap that is not there": (("      - d\n", "      - d\n"), set()),
    "a clip less": (("      - d\n", ""), {"sound"}),
    "a clip once more": (("      - d\n", "      - d\n      - c\n"), {"sound"}),
    "a frame that is held": (("      - d\n", "      - d\n      - {shot: d, in: 3f, hold: 8f}\n"), {"d~2", "sound"}),
    "captions that nobody carries": (("One.", "Uno.", "assets/en.srt"), set()),
    "a title": (("deliverables:", TITLE.replace("    titles", "x", 0) + "deliverables:"), {"b", "b~2", "b~3"}),
    "an overlay": (
        ("deliverables:", "    overlays: [{shot: a, at: 50f, in: 0f, out: 6f}]\ndeliverables:"),
        {"c", "c+a", "c~2"},
    ),
    "a timecode that nobody carries": (("deliverables:", "    timecode: 01:00:00:00\ndeliverables:"), set()),
}
NOTHING = {"captions that nobody carries", "a timecode that nobody carries", "a colour of a gap that is not there"}


@pytest.mark.parametrize(("edit", "touched"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_encodes_the_segments_that_it_touches_and_no_others(
    film: Write, edit: tuple[str, ...], touched: set[str], request: pytest.FixtureRequest
) -> None:
    ran = again(film(), edit)
    assert of(ran, "web") == of(ran, "master") == touched
    assert ("main/mix" in ran) == ("sound" in touched)
    assert bool(ran) == (request.node.callspec.id not in NOTHING)


TITLES: dict[str, tuple[tuple[str, str], set[str]]] = {
    "its words": (("One", "Two"), {"b~2"}),
    "its look": (("for: 6f", "for: 6f, color: red"), {"b~2"}),
    "its fades": (("for: 6f", "for: 6f, fade_in: 2f"), {"b~2"}),
    "its place in time": (("at: 30f", "at: 31f"), {"b", "b~2", "b~3"}),
    "its length": (("for: 6f", "for: 7f"), {"b~2", "b~3"}),
}


@pytest.mark.parametrize(("edit", "touched"), TITLES.values(), ids=TITLES.keys())
def test_a_title_that_changes_encodes_what_it_lies_over(film: Write, edit: tuple[str, str], touched: set[str]) -> None:
    ran = again(film(TITLE), edit)
    assert of(ran, "web") == of(ran, "master") == touched
    assert not [name for name in ran if name.endswith(("/mix", "/sound", "/t1"))]


def test_a_title_over_two_clips_is_drawn_once_for_each_size(film: Write) -> None:
    made = steps(
        film("    titles: [{text: One, at: 10f, for: 40f}]\n", "  small: {sequence: main, profile: social-vertical}\n")
    )
    drawn = [step for step in made.values() if step.recipe.stage == "lettering"]
    assert sorted(str(step.recipe.parameters.get("frame")) for step in drawn) == ["1080x1920", "64x36", "64x36"]
    over = [step for step in made.values() if step.deliverable == "web" and step.recipe.parameters.rows("letters")]
    assert [step.name for step in over] == ["main/web/a~2", "main/web/a+b", "main/web/b", "main/web/c"]


def test_the_words_of_one_title_leave_the_others_as_they_are(film: Write) -> None:
    ran = again(film("    titles: [{text: One, at: 2f, for: 6f}, {text: Two, at: 70f, for: 6f}]\n"), ("Two", "Three"))
    assert of(ran) == {"d~2"}
    # Both deliverables have one size, so it is drawn once for both.
    assert len([name for name in ran if "/text-" in name]) == 1


def test_captions_that_are_burnt_in_touch_the_segments_that_they_lie_over(film: Write) -> None:
    ran = again(film(more="  burnt: {sequence: main, profile: h264-web, burn: en}\n"), ("Two.", "Zwei.", "assets/en.srt"))
    # 48 to 60 of the cut: c has 42 to 66.
    assert of(ran, "burnt") == {"c"}
    assert of(ran, "web") == set()


def test_captions_that_are_carried_touch_no_picture(film: Write) -> None:
    ran = again(
        film(more="  told: {sequence: main, profile: h264-web, captions: [en]}\n"), ("Two.", "Zwei.", "assets/en.srt")
    )
    assert of(ran, "told") == {"captions-en"}


def test_captions_that_the_sequence_lacks_are_refused_where_they_are_asked_for(film: Write) -> None:
    root = film(more="  told: {sequence: main, profile: h264-web, captions: [de]}\n")
    with pytest.raises(SpecErrors) as told:
        fake_workspace(root).plan()
    assert told.value.errors[0].message == "sequence main has no captions in 'de'"


def test_a_clock_in_the_picture_is_encoded_anew_from_where_the_cut_moved(film: Write) -> None:
    ran = again(film(more="  look: {sequence: main, profile: preview}\n"), ("      - c\n", "      - {shot: c, out: 20f}\n"))
    assert of(ran, "look") == {"c", "d", "sound"}
    assert of(ran, "web") == {"c", "sound"}


def test_a_timecode_track_is_written_without_encoding(film: Write) -> None:
    root = film(more="  tape: {sequence: main, profile: prores-master}\n")
    ran = again(root, ("deliverables:", "    timecode: 01:00:00:00\ndeliverables:"))
    assert of(ran, "tape") == set()
    assert "main/tape" in ran
    assert "main/web" not in ran


def test_all_profiles_of_a_segment_share_a_batch_and_read_the_same(film: Write) -> None:
    found = steps(film(more="  tape: {sequence: main, profile: xdcam}\n"))
    batches: dict[str, list[Step]] = {}
    for step in found.values():
        if step.batch is not None:
            batches.setdefault(step.batch, []).append(step)
    assert {batch: {step.name for step in mates} for batch, mates in batches.items()} == {
        f"main/{label}": {f"main/{way}/{label}" for way in ("web", "master", "tape/mezzanine")}
        for label in ("a", "a+b", "b", "c", "d")
    }
    for mates in batches.values():
        for name in ("frames", "picture", "pixels", "rate", "shots", "size"):
            assert len({repr(step.recipe.parameters.get(name)) for step in mates}) == 1, name


def test_what_a_profile_says_of_itself_is_not_in_the_recipe_of_another(film: Write) -> None:
    before = steps(film())
    after = steps(film(more="  tape: {sequence: main, profile: xdcam}\n"))
    assert {name: after[name] for name in before} == before


def test_strict_rate_control_encodes_a_lossless_film_whole(film: Write) -> None:
    found = steps(film(more="  tape: {sequence: main, profile: xdcam}\n"))
    chunks = [step for step in found.values() if step.recipe.stage == "encode" and step.deliverable == "tape"]
    assert {video(step).text("codec") for step in chunks} == {"ffv1"}
    assert {step.recipe.parameters.text("out_size") for step in chunks} == {"1920x1080"}
    lossless, whole, tape = (found[f"main/tape{part}"] for part in ("/mezzanine", "/whole", ""))
    assert (lossless.recipe.stage, lossless.outputs, lossless.cites) == ("join", ("film.mkv",), ())
    assert dict(whole.inputs) == {"film": Output(step="main/tape/mezzanine", name="film.mkv")}
    assert dict(tape.inputs)["segment00000"] == Output(step="main/tape/whole", name=whole.outputs[0])
    assert [shot for shot, _ in tape.cites] == ["a", "b", "c", "d"]


def test_a_change_encodes_only_its_segments_of_a_lossless_film_too(film: Write) -> None:
    ran = again(film(more="  tape: {sequence: main, profile: xdcam}\n"), ("C.", "See."))
    assert of(ran, "tape") == {"mezzanine", "mezzanine/c", "whole"}


def test_two_deliverables_of_one_profile_are_encoded_once(film: Write) -> None:
    count = Count()
    fake_workspace(film(), count).build()
    alone = count.ran.count("encode")
    twice = Count()
    fake_workspace(film(more="  again: {sequence: main, profile: h264-web}\n"), twice).build()
    assert alone == 2 * 5
    assert twice.ran.count("encode") == 0


def test_a_mix_of_every_layout_is_made_once(film: Write) -> None:
    more = "profiles:\n  round: {base: prores-master, sound: {layout: 5.1}}\n"
    root = film(more="  tape: {sequence: main, profile: round}\n  more: {sequence: main, profile: round, file: more}\n")
    (root / "shotbuild.yaml").write_text(FILES["shotbuild.yaml"] + more)
    mixes = {name: step.recipe.parameters.get("layout") for name, step in steps(root).items() if step.recipe.stage == "mix"}
    assert mixes == {"main/mix": "stereo", "main/mix-5.1": "5.1"}


def test_stems_are_mixes_of_one_role_each(film: Write) -> None:
    found = steps(film(more="  stems: {sequence: main, profile: stems}\n"))
    assert [name for name, _ in found["main/stems"].inputs] == ["dialogue", "music"]
    assert found["main/mix-music"].recipe.parameters.get("roles") == ("music",)


def test_a_nested_cut_encodes_what_it_encodes_alone(film: Write) -> None:
    root = film()
    change(root, "sequences:\n", "sequences:\n  reel: {cut: [{sequence: main}]}\n")
    change(root, "deliverables:\n", "deliverables:\n  whole: {sequence: reel, profile: h264-web}\n")
    found = steps(root)
    for name in ("a", "a+b", "b", "c", "d"):
        one, other = found[f"main/web/{name}"], found[f"reel/whole/{name}"]
        assert (one.recipe, one.inputs, one.outputs) == (other.recipe, other.inputs, other.outputs)


def test_a_shot_may_be_called_as_a_step_of_a_deliverable_is(film: Write) -> None:
    root = film()
    for old in ("  d:", "- d\n"):
        change(root, old, old.replace("d", "sound"))
    found = steps(root)
    segments = [step for step in found.values() if step.deliverable == "web" and step.recipe.stage == "encode"]
    assert len(segments) == 5
    assert fake_workspace(root).build().exit_code == 0


def test_a_deliverable_may_be_called_as_a_step_of_its_sequence_is(film: Write) -> None:
    found = steps(film(more="  mix: {sequence: main, profile: h264-web}\n"))
    assert [step.recipe.stage for step in found.values()].count("join") == 3


def test_a_label_says_what_goes_over_and_what_lies_over() -> None:
    a, b, c = (Run(shot=name, start=0) for name in "abc")
    names = {"a": "a t1", "b": "b t2", "c": "c"}
    blend = Blend(a=a, b=b, at=0, of=4)
    over = Over(
        base=blend, top=c, left=Fraction(0), upper=Fraction(0), width=Fraction(1), opacity=Fraction(1), at=0, of=4,
        fade_in=0, fade_out=0,
    )  # fmt: skip
    assert _label(over, names) == "a t1 > b t2 + c"
    assert _label(Blend(a=a, b=Slug("#000000"), at=0, of=4), names) == "a t1"
