import os
import pickle
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shotbuild.errors import Location
from shotbuild.records import Fields
from shotbuild.spec.load import read_line
from shotbuild.units import Duration, Size

Specs = Callable[[str], Any]

FULL = (Path(__file__).parent / "examples/full.yaml").read_text()
FILES = {
    "templates/exterior.txt.j2": "{{ place }} at {{ light }}\n",
    "assets/keeper.png": b"",
    "assets/harbour.mov": b"",
    "assets/sea.wav": b"",
}


@pytest.fixture
def full(folder: Any) -> Any:
    return folder.write({"specs/opening.yaml": FULL, **FILES})


def shot(project: Any, name: str) -> Any:
    return next(each for each in project.shots if each.name == name)


def test_a_project_is_settled_whole(full: Any) -> None:
    project = full.load()
    assert (project.name, [each.name for each in project.shots]) == ("lighthouse", ["sh010", "sh020", "sh030", "sh040"])
    assert [(use.name, use.use, use.model, use.at_once) for use in project.providers] == [
        ("board", "animatic", "animatic", None),
        ("hero", "runway", "gen4.5", 3),
    ]
    assert project.files == ("shotbuild.yaml", "specs/opening.yaml", "templates/exterior.txt.j2")
    assert (project.budget.limit, project.budget.takes_per_shot, project.settings.link) == (None, 30, "copy")
    assert (project.format.size, project.format.rate, project.format.pixels) == (Size(1280, 720), 24, "yuv420p")


def test_a_generated_shot_has_everything_it_says(full: Any) -> None:
    first = shot(full.load(), "sh010")
    assert (first.title, first.prompt, first.seed, first.takes) == ("The light comes on", "lighthouse at dawn", 7, 1)
    assert (first.provider, first.model, first.duration) == ("board", "animatic", Duration(Fraction(4)))
    assert (first.format.size, first.format.rate) == (Size(640, 360), Fraction(24000, 1001))
    assert first.tags == ("day", "sea")
    assert first.settings == Fields((("caption", True), ("sound", "silent"), ("zoom", "2")))
    assert [(each.stage, each.settings.get("factor")) for each in first.finish] == [
        ("upscale", "2"),
        ("upscale", "3/2"),
        ("grain", None),
    ]


def test_references_and_continuations_are_names_and_paths(full: Any) -> None:
    project = full.load()
    assert [(each.role, each.path) for each in shot(project, "sh020").references] == [("first_frame", "assets/keeper.png")]
    assert shot(project, "sh030").continues == "sh020"
    assert (shot(project, "sh030").priority, shot(project, "sh030").fit) == (-3, "crop")


def test_a_plate_has_no_prompt_and_no_provider(full: Any) -> None:
    plate = shot(full.load(), "sh040")
    assert (plate.plate, plate.prompt, plate.provider, plate.duration) == ("assets/harbour.mov", None, "", None)


def test_a_cut_has_clips_and_sound(full: Any) -> None:
    (opening,) = full.load().sequences
    clip = opening.clips[1]
    assert (clip.shot, clip.start, clip.end, clip.sound) == (
        "sh020",
        Duration(Fraction(1, 2)),
        Duration(Fraction(7, 2)),
        False,
    )
    assert (clip.transition.kind, clip.transition.duration.frames) == ("dissolve", 12)
    (track,) = opening.audio
    assert (track.file, track.gain, track.at.at(Fraction(24))) == ("assets/sea.wav", -6, 36)


def test_deliverables_have_file_names_from_templates(full: Any) -> None:
    phone, web = full.load().deliverables
    assert (web.file, web.reframe) == ("sequences/opening/web", None)
    assert (phone.file, phone.reframe) == ("lighthouse opening/vertical", "crop")


def test_a_project_can_be_pickled(full: Any) -> None:
    project = full.load()
    assert pickle.loads(pickle.dumps(project)) == project


def test_comments_and_key_order_change_nothing(full: Any) -> None:
    before = full.load()
    shots, rest = FULL.split("sequences:\n")
    blocks = ["  sh0" + block for block in shots.split("  sh0")[1:]]
    full.write({"specs/opening.yaml": "# a comment\nsequences:\n" + rest + "shots:\n" + "".join(reversed(blocks))})
    assert full.load() == before


def test_how_files_are_split_changes_nothing_but_the_files(full: Any) -> None:
    before = full.load()
    shots, rest = FULL.split("sequences:\n")
    os.unlink(full.root / "specs/opening.yaml")
    full.write({"specs/a/b.yml": shots, "specs/z.yaml": "sequences:\n" + rest})
    after = full.load()
    assert (after.shots, after.sequences, after.deliverables) == (before.shots, before.sequences, before.deliverables)


def test_the_folder_we_stand_in_does_not_matter(full: Any, monkeypatch: Any, tmp_path: Any) -> None:
    before = full.load()
    monkeypatch.chdir(tmp_path)
    assert full.load() == before


def test_the_smallest_project_has_one_free_provider(folder: Any) -> None:
    folder.write({"shotbuild.yaml": "shotbuild: 1\nproject: p\nshots:\n  a: {prompt: A door., duration: 2s}\n"})
    project = folder.load()
    assert [(use.name, use.use) for use in project.providers] == [("board", "animatic")]
    assert project.shots[0].provider == "board"


def test_several_providers_need_a_default_or_a_name(folder: Any) -> None:
    providers = "shotbuild: 1\nproject: p\nproviders: {a: {use: animatic}, b: {use: runway}}\n"
    text = providers + "shots:\n  x: {prompt: A door., duration: 2s}\n"
    assert folder.write({"shotbuild.yaml": text}).refused() == ["shotbuild.yaml:5:6: no provider is named for this shot"]


def test_settings_are_merged_from_model_to_shot(folder: Any) -> None:
    project = (
        "shotbuild: 1\nproject: p\nproviders: {board: {use: animatic, zoom: 2, sound: scratch}}\n"
        "defaults: {duration: 2s, settings: {zoom: 3}}\n"
        "shots:\n  a: {prompt: x}\n  b: {prompt: x, settings: {zoom: 4, caption: false}}\n"
    )
    loaded = folder.write({"shotbuild.yaml": project}).load()
    assert shot(loaded, "a").settings == Fields((("caption", True), ("sound", "scratch"), ("zoom", "3")))
    assert shot(loaded, "b").settings == Fields((("caption", False), ("sound", "scratch"), ("zoom", "4")))
    assert loaded.providers[0].settings == Fields((("caption", True), ("sound", "scratch"), ("zoom", "2")))


def test_a_default_setting_counts_only_for_models_that_have_it(folder: Any) -> None:
    project = (
        "shotbuild: 1\nproject: p\nproviders: {board: {use: animatic}, hero: {use: runway}}\n"
        "defaults: {duration: 2s, provider: board, settings: {zoom: 3}}\nshots:\n  a: {prompt: x, provider: hero}\n"
    )
    assert shot(folder.write({"shotbuild.yaml": project}).load(), "a").settings == Fields((("steps", 20),))


def test_the_default_model_counts_for_the_default_provider_only(folder: Any) -> None:
    project = (
        "shotbuild: 1\nproject: p\nproviders: {board: {use: animatic}, hero: {use: runway}}\n"
        "defaults: {duration: 2s, provider: hero, model: gen4.5}\n"
        "shots:\n  a: {prompt: x}\n  b: {prompt: x, provider: board}\n"
        "  c: {prompt: x, model: gen4}\n"
    )
    loaded = folder.write({"shotbuild.yaml": project}).load()
    assert [each.model for each in loaded.shots] == ["gen4.5", "animatic", "gen4"]


def test_a_default_template_wraps_the_prompt_of_each_shot(folder: Any) -> None:
    folder.write(
        {
            "shotbuild.yaml": "shotbuild: 1\nproject: p\nvars: {film: 35 mm}\n"
            "defaults: {duration: 2s, template: templates/style.j2}\n",
            "templates/style.j2": "{{ prompt }} On {{ film }}, {{ shot }}: {{ title }}.",
            "specs/a.yaml": 'shots:\n  a: {title: "T", prompt: "A {{ thing }}.", with: {thing: door}}\n',
        }
    )
    assert folder.load().shots[0].prompt == "A door. On 35 mm, a: T."


def test_an_empty_list_takes_a_default_away(folder: Any) -> None:
    folder.write(
        {
            "shotbuild.yaml": "shotbuild: 1\nproject: p\ndefaults: {duration: 2s, finish: [grain], tags: [day]}\n",
            "specs/a.yaml": "shots:\n  a: {prompt: x}\n  b: {prompt: x, finish: [], tags: []}\n",
        }
    )
    loaded = folder.load()
    assert [(len(each.finish), each.tags) for each in loaded.shots] == [(1, ("day",)), (0, ())]


@pytest.mark.parametrize(
    "title",
    ['It\'s: 100 % \\ "new"', "two\nlines", "-rf", "null", "${HOME} `id` $(id)", "a'b;c|d", "%{localtime}", "字幕 🎬"],
)
def test_titles_may_hold_anything_that_can_be_read(title: str, specs: Specs) -> None:
    quoted = '"' + title.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    assert specs(f"shots:\n  a: {{prompt: x, title: {quoted}}}\n").load().shots[0].title == title


MISTAKES = {
    "unknown key": ("a: {promt: x, prompt: y}", "unknown key 'promt' of a shot"),
    "a project key in a spec file": (None, "a spec file has no key 'budget'"),
    "nothing to see": ("a: {title: x}", "shot 'a' says nothing of what should be seen"),
    "nothing at all": ("a:", "shot 'a' says nothing of what should be seen"),
    "not a mapping": ("a: door", "expected a shot, found `door`"),
    "prompt and plate": ("a: {prompt: x, plate: assets/p.mov}", "a shot has a `plate` or a `prompt`, not both"),
    "plate with a provider": ("a: {plate: assets/p.mov, provider: board}", "a plate takes no `provider`"),
    "plate with a seed": ("a: {plate: assets/p.mov, seed: 1}", "a plate takes no `seed`"),
    "plate with takes": ("a: {plate: assets/p.mov, takes: 2}", "a plate takes no `takes`"),
    "plate with settings": ("a: {plate: assets/p.mov, settings: {zoom: 2}}", "a plate takes no `settings`"),
    "plate with continue": ("a: {plate: assets/p.mov, continue: a}", "a plate takes no `continue`"),
    "empty prompt": ('a: {prompt: "{% if 0 %}x{% endif %}"}', "the prompt is empty"),
    "seed too large": (
        "a: {prompt: x, seed: 2147483648}",
        "expected a whole number from 0 to 2147483647, found `2147483648`",
    ),
    "no takes": ("a: {prompt: x, takes: 0}", "expected a whole number from 1 to 1000, found `0`"),
    "bad duration": (
        "a: {prompt: x, duration: 4}",
        "expected a duration such as `4s`, `96f`, `500ms` or `00:00:04:00`, up to a day, found `4`",
    ),
    "no frame": ("a: {prompt: x, duration: 0s}", "this is shorter than one frame"),
    "less than a frame": ("a: {prompt: x, duration: 1ms}", "this is shorter than one frame"),
    "too long": ("a: {prompt: x, provider: hero, duration: 11s}", "this is longer than model 'gen4.5' makes"),
    "unknown provider": ("a: {prompt: x, provider: bord}", "unknown provider 'bord'"),
    "unknown model": ("a: {prompt: x, provider: hero, model: gen5}", "unknown model 'gen5'"),
    "unknown setting": ("a: {prompt: x, settings: {zoon: 2}}", "unknown setting 'zoon' of model 'animatic'"),
    "settings are text": ("a: {prompt: x, settings: high}", "expected settings, found `high`"),
    "unknown role": ("a: {prompt: x, references: {start: assets/p.mov}}", "unknown role 'start' of model 'animatic'"),
    "missing reference": ("a: {prompt: x, references: {style: assets/q.png}}", "there is no file `assets/q.png`"),
    "unknown shot": ("a: {prompt: x, continue: b}", "unknown shot 'b'"),
    "model cannot continue": (
        "a: {prompt: x, provider: hero, model: gen4, continue: b}\n  b: {prompt: x}",
        "this shot cannot continue another one",
    ),
    "continue and a first frame": (
        "a: {prompt: x, continue: b, references: {first_frame: assets/p.mov}}\n  b: {prompt: x}",
        "`continue` and the reference `first_frame` both say how the shot starts",
    ),
    "unknown stage": ("a: {prompt: x, finish: [upscal]}", "unknown finishing stage 'upscal'"),
    "two stages in one": ("a: {prompt: x, finish: [{upscale: , grain: }]}", "expected one finishing stage, found a mapping"),
    "finish is text": ("a: {prompt: x, finish: upscale}", "expected a list of finishing stages, found `upscale`"),
    "unknown stage setting": ("a: {prompt: x, finish: [{upscale: {by: 2}}]}", "unknown setting 'by' of stage 'upscale'"),
    "bad fit": ("a: {prompt: x, fit: fill}", "unknown fit 'fill'"),
    "bad rate": (
        "a: {prompt: x, format: {rate: 23.9}}",
        "expected a frame rate from 1 to 240, such as `24`, `23.976` or `24000/1001`, found `23.9`",
    ),
    "color of a shot": ("a: {prompt: x, format: {color: bt709}}", "a format has no key 'color'"),
    "bad tag": ("a: {prompt: x, tags: [a b]}", "'a b' cannot be the name of a tag"),
    "empty tag": ("a: {prompt: x, tags: [~]}", "expected the name of a tag, found nothing"),
    "template elsewhere": ("a: {template: assets/p.mov}", "`assets/p.mov` is not below `templates/`"),
    "missing template": ("a: {template: templates/x.j2}", "there is no file `templates/x.j2`"),
    "reserved variable": (
        "a: {prompt: x, with: {title: y}}",
        "the variable 'title' means something else in templates already",
    ),
    "bad variable": ("a: {prompt: x, with: {my-place: y}}", "'my-place' cannot be the name of a variable"),
    "device name": ("con: {prompt: x}", "'con' cannot be the name of a shot"),
    "device name with extension": ("NUL.txt: {prompt: x}", "'NUL.txt' cannot be the name of a shot"),
    "option name": ("-rf: {prompt: x}", "'-rf' cannot be the name of a shot"),
    "name ends in a dot": ("a.: {prompt: x}", "'a.' cannot be the name of a shot"),
    "name with a slash": ("a/b: {prompt: x}", "'a/b' cannot be the name of a shot"),
    "empty name": ('"": {prompt: x}', "'' cannot be the name of a shot"),
    "long name": ("a" * 65 + ": {prompt: x}", f"'{'a' * 65}' cannot be the name of a shot"),
    "names differ by case": ("a: {prompt: x}\n  A: {prompt: x}", "shots 'A' and 'a' differ only by case"),
}


@pytest.mark.parametrize(("spec", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_each_mistake_in_a_shot_is_told_alone(spec: str | None, message: str, specs: Specs) -> None:
    text = "budget: {}\n" if spec is None else f"shots:\n  {spec}\n"
    folder = specs(text).write({"assets/p.mov": b""})
    told = folder.refused()
    assert [line.split(": ", 1)[1] for line in told] == [message]
    assert told[0].startswith("specs/a.yaml:")


CUTS = {
    "empty cut": ("sequences:\n  s: {cut: []}", "the list of clips is empty"),
    "no cut": ("sequences:\n  s: {title: x}", "a sequence needs `cut`"),
    "unknown shot": ("sequences:\n  s: {cut: [b]}", "unknown shot 'b'"),
    "clip of nothing": ("sequences:\n  s: {cut: [{in: 1s}]}", "this clip is not one thing"),
    "clip of two things": ("sequences:\n  s: {cut: [{shot: a, sequence: s0}]}", "this clip is not one thing"),
    "clip of an unknown sequence": ("sequences:\n  s: {cut: [{sequence: t}]}", "unknown sequence 't'"),
    "shot with a colour": ("sequences:\n  s: {cut: [{shot: a, color: black}]}", "a clip with `shot` takes no `color`"),
    "sequence that is held": (
        "sequences:\n  s: {cut: [{sequence: s0, hold: 1s}]}",
        "a clip with `sequence` takes no `hold`",
    ),
    "gap with an out": ("sequences:\n  s: {cut: [{gap: 1s, out: 1s}]}", "a clip with `gap` takes no `out`"),
    "empty gap": ("sequences:\n  s: {cut: [{gap: 10ms}]}", "this is shorter than one frame"),
    "gap of no colour": (
        "sequences:\n  s: {cut: [{gap: 1s, color: reddish}]}",
        "expected a colour such as `#20242c`, or one of black, white, grey, red, blue, green, found `reddish`",
    ),
    "empty hold": ("sequences:\n  s: {cut: [{shot: a, hold: 0f}]}", "this is shorter than one frame"),
    "hold and out": ("sequences:\n  s: {cut: [{shot: a, hold: 1s, out: 2s}]}", "a clip has an `out` or a `hold`, not both"),
    "role that is none": ("sequences:\n  s: {cut: [{shot: a, role: noise}]}", "unknown role 'noise'"),
    "nested in itself": ("sequences:\n  s: {cut: [{sequence: s}]}", "sequence 's' is nested in itself"),
    "nested in itself by way of another": (
        "sequences:\n  s: {cut: [{sequence: t}]}\n  t: {cut: [a, {sequence: s}]}",
        "sequence 's' is nested in itself",
    ),
    "transition of nothing": ("sequences:\n  s: {cut: [a, {shot: a, transition: {}}]}", "this transition is not one thing"),
    "dissolve of a colour": (
        "sequences:\n  s: {cut: [a, {shot: a, transition: {dissolve: 1s, color: red}}]}",
        "a dissolve takes no `color`",
    ),
    "dip with a form": (
        "sequences:\n  s: {cut: [a, {shot: a, transition: {dip: 1s, form: left}}]}",
        "a dip takes no `form`",
    ),
    "form that is none": (
        "sequences:\n  s: {cut: [a, {shot: a, transition: {wipe: 1s, form: star}}]}",
        "unknown form of a wipe 'star'",
    ),
    "overlay of an unknown shot": ("sequences:\n  s: {cut: [a], overlays: [{shot: b}]}", "unknown shot 'b'"),
    "overlay beyond the frame": (
        "sequences:\n  s: {cut: [a], overlays: [{shot: a, width: 120%}]}",
        "expected a share such as `30%` or `0.3`, at most 1, found `120%`",
    ),
    "overlay that is out before in": (
        "sequences:\n  s: {cut: [a], overlays: [{shot: a, in: 2s, out: 1s}]}",
        "`out` is not after `in`",
    ),
    "title without words": ("sequences:\n  s: {cut: [a], titles: [{at: 1s}]}", "a title needs `text`"),
    "title of an unknown variable": (
        "sequences:\n  s: {cut: [a], titles: [{text: '{{ lang }}'}]}",
        "unknown variable 'lang'",
    ),
    "title in a font that is not there": (
        "sequences:\n  s: {cut: [a], titles: [{text: x, font: assets/b.ttf}]}",
        "there is no file `assets/b.ttf`",
    ),
    "captions that are not there": (
        "sequences:\n  s: {cut: [a], captions: {en: assets/en.srt}}",
        "there is no file `assets/en.srt`",
    ),
    "captions in no language": (
        "sequences:\n  s: {cut: [a], captions: {english!: assets/a.wav}}",
        "'english!' is not a language",
    ),
    "ducking upwards": (
        "sequences:\n  s: {cut: [a], audio: [{file: assets/a.wav, duck: 6dB}]}",
        "a track that ducks gets softer",
    ),
    "first clip has a transition": (
        "sequences:\n  s: {cut: [{shot: a, transition: {dissolve: 1s}}]}",
        "the first clip has no transition",
    ),
    "transition of two kinds": (
        "sequences:\n  s: {cut: [a, {shot: a, transition: {wipe: 1s, dissolve: 1s}}]}",
        "this transition is not one thing",
    ),
    "empty dissolve": (
        "sequences:\n  s: {cut: [a, {shot: a, transition: {dissolve: 0f}}]}",
        "this is shorter than one frame",
    ),
    "out before in": ("sequences:\n  s: {cut: [{shot: a, in: 2s, out: 1s}]}", "`out` is not after `in`"),
    "out at in": ("sequences:\n  s: {cut: [{shot: a, in: 12f, out: 12f}]}", "`out` is not after `in`"),
    "missing sound": ("sequences:\n  s: {cut: [a], audio: [{file: assets/b.wav}]}", "there is no file `assets/b.wav`"),
    "bad gain": (
        "sequences:\n  s: {cut: [a], audio: [{file: assets/a.wav, gain: -6}]}",
        "expected a gain from -120dB to +40dB, such as `-6dB`, found `-6`",
    ),
    "unknown sequence": ("deliverables:\n  d: {sequence: t, profile: h264-web}", "unknown sequence 't'"),
    "unknown profile": ("deliverables:\n  d: {sequence: s0, profile: h265}", "unknown profile 'h265'"),
    "no profile": ("deliverables:\n  d: {sequence: s0}", "a deliverable needs `profile`"),
    "file leaves out": (
        "deliverables:\n  d: {sequence: s0, profile: h264-web, file: ../x}",
        "`../x` cannot be a path below `out/`",
    ),
    "absolute file": (
        "deliverables:\n  d: {sequence: s0, profile: h264-web, file: /tmp/x}",
        "`/tmp/x` cannot be a path below `out/`",
    ),
    "hidden file": (
        "deliverables:\n  d: {sequence: s0, profile: h264-web, file: a/.x}",
        "`a/.x` cannot be a path below `out/`",
    ),
    "device file": (
        "deliverables:\n  d: {sequence: s0, profile: h264-web, file: aux/x}",
        "`aux/x` cannot be a path below `out/`",
    ),
    "file among shots": (
        "deliverables:\n  d: {sequence: s0, profile: h264-web, file: shots/x}",
        "`out/shots/` is kept for shots",
    ),
    "two of one file": (
        "deliverables:\n  d: {sequence: s0, profile: h264-web, file: x}\n  e: {sequence: s0, profile: h264-web, file: X}",
        "deliverable 'e' writes `out/X` once more",
    ),
    "unknown variable in a file": (
        "deliverables:\n  d: {sequence: s0, profile: h264-web, file: '{{ lang }}'}",
        "unknown variable 'lang'",
    ),
}


@pytest.mark.parametrize(("spec", "message"), CUTS.values(), ids=CUTS.keys())
def test_each_mistake_in_a_cut_is_told_alone(spec: str, message: str, specs: Specs) -> None:
    base = "shots:\n  a: {prompt: x}\nsequences:\n  s0: {cut: [a]}\n"
    folder = specs(spec + "\n").write({"specs/base.yaml": base, "assets/a.wav": b""})
    assert [line.split(": ", 1)[1] for line in folder.refused()] == [message]


PROJECTS = {
    "newer format": ("shotbuild: 2\nproject: p", "format 2 is not known here"),
    "older format": ("shotbuild: 0\nproject: p", "format 0 is not known here"),
    "no format": ("project: p", "the project file needs `shotbuild`"),
    "no name": ("shotbuild: 1\nproject:", "the project file needs `project`"),
    "unknown key": ("shotbuild: 1\nproject: p\nprovider: {}", "unknown key 'provider' of the project file"),
    "unknown provider": ("shotbuild: 1\nproject: p\nproviders: {a: {use: sora}}", "unknown provider 'sora'"),
    "provider without use": ("shotbuild: 1\nproject: p\nproviders: {a: }", "a provider needs `use`"),
    "unknown model": ("shotbuild: 1\nproject: p\nproviders: {a: {use: runway, model: gen5}}", "unknown model 'gen5'"),
    "unknown inline setting": (
        "shotbuild: 1\nproject: p\nproviders: {a: {use: animatic, zoon: 2}}",
        "unknown setting 'zoon' of model 'animatic'",
    ),
    "unknown default provider": ("shotbuild: 1\nproject: p\ndefaults: {provider: hero}", "unknown provider 'hero'"),
    "unknown default setting": (
        "shotbuild: 1\nproject: p\ndefaults: {settings: {zoon: 2}}",
        "unknown setting 'zoon' of any model in use",
    ),
    "bad budget": (
        "shotbuild: 1\nproject: p\nbudget: {limit: 250}",
        "expected an amount and a currency, such as `250 USD`, found `250`",
    ),
    "bad link": ("shotbuild: 1\nproject: p\nlink: symlink", "unknown link 'symlink'"),
    "other colour": ("shotbuild: 1\nproject: p\nformat: {color: bt2020}", "unknown colour standard 'bt2020'"),
    "odd size": (
        "shotbuild: 1\nproject: p\nformat: {size: 1279x720}",
        "expected a size such as `1280x720`, both sides even and from 16 to 8192, found `1279x720`",
    ),
    "defaults are text": (
        "shotbuild: 1\nproject: p\ndefaults: fast\nshots: {a: {prompt: x}}",
        "expected defaults, found `fast`",
    ),
}


@pytest.mark.parametrize(("text", "message"), PROJECTS.values(), ids=PROJECTS.keys())
def test_each_mistake_in_the_project_file_is_told_alone(text: str, message: str, folder: Any) -> None:
    told = folder.write({"shotbuild.yaml": text + "\n"}).refused()
    assert [line.split(": ", 1)[1] for line in told] == [message]


def test_a_folder_without_a_project_says_how_to_start(folder: Any) -> None:
    os.unlink(folder.root / "shotbuild.yaml")
    assert "there is no file `shotbuild.yaml`" in folder.told()
    assert "`shotbuild init`" in folder.told()


def test_a_missing_required_setting_is_told_at_the_shot(folder: Any) -> None:
    settings = "shotbuild: 1\nproject: p\nproviders: {s: {use: strict}}\ndefaults: {duration: 2s}\n"
    project = settings + "shots:\n  a: {prompt: x}\n  b: {prompt: x, settings: {key: k}}\n"
    assert folder.write({"shotbuild.yaml": project}).refused() == ["shotbuild.yaml:6:3: the setting 'key' is missing"]


def test_names_in_a_file_that_cannot_be_read_are_not_unknown(folder: Any) -> None:
    folder.write({"specs/a.yaml": "shots: {a: [\n", "specs/b.yaml": "sequences:\n  s: {cut: [a]}\n"})
    assert [line.split(":")[0] for line in folder.refused()] == ["specs/a.yaml"]


def test_the_same_name_in_two_files_names_both(folder: Any) -> None:
    folder.write({"specs/a.yaml": "shots:\n  a: {prompt: x}\n", "specs/b.yaml": "shots:\n  a: {prompt: y}\n"})
    assert folder.refused() == ["specs/b.yaml:2:3: shot 'a' stands twice"]
    assert "specs/a.yaml:2:3" in folder.told()


@pytest.mark.parametrize("length", [1, 2, 3, 500])
def test_a_circle_of_continuations_is_told_once_with_every_place(length: int, specs: Specs) -> None:
    lines = [f"  s{n:03}: {{prompt: x, continue: s{(n + 1) % length:03}}}" for n in range(length)]
    folder = specs("shots:\n" + "\n".join([*lines, "  tail: {prompt: x, continue: s000}"]) + "\n")
    told = folder.told()
    assert told.startswith("specs/a.yaml:2:3: ")
    assert told.endswith("\n\n1 error\n")
    assert all(f"specs/a.yaml:{line}:" in told for line in range(2, length + 2))
    assert "tail" not in told


def test_two_circles_are_two_errors(specs: Specs) -> None:
    text = "shots:\n" + "".join(f"  {a}: {{prompt: x, continue: {b}}}\n" for a, b in ("ab", "ba", "cd", "dc"))
    assert len(specs(text).refused()) == 2


def test_a_long_chain_of_continuations_loads(specs: Specs) -> None:
    lines = [f"  s{n:05}: {{prompt: x, continue: s{n + 1:05}}}" for n in range(3000)]
    assert len(specs("shots:\n" + "\n".join([*lines, "  s03000: {prompt: x}"]) + "\n").load().shots) == 3001


def test_all_errors_of_all_files_are_told_in_order(folder: Any) -> None:
    folder.write(
        {
            "specs/b.yaml": "shots:\n  b: {prompt: x, seed: -1, takes: 0}\n  c: {prompt: '{{ x }}'}\n",
            "specs/a.yaml": "shots:\n  a: {promt: x}\n  a: {}\n",
            "specs/c.yaml": b"\xff\xfeb\x00",
            "specs/sub/d.yml": "sequences: {s: {cut: [b, zzz]}}\ndeliverables: {d: {sequence: s, profile: x}}\n",
        }
    )
    places = [line.split(": ")[0] for line in folder.refused()]
    assert places == [
        "specs/a.yaml:2:7",
        "specs/a.yaml:3:3",
        "specs/b.yaml:2:24",
        "specs/b.yaml:2:35",
        "specs/b.yaml:3:15",
        "specs/c.yaml:1:1",
        "specs/sub/d.yml:2:42",
    ]


@pytest.mark.parametrize(
    ("content", "place", "line"),
    [
        (b"one\r\ntwo\r\n", 2, "two"),
        (b"\xef\xbb\xbfone\n", 1, "one"),
        (b"a\xff\x00b\n", 1, "a\ufffd\x00b"),
        (b"one", 2, None),
        (b"", 1, ""),
        (b"x" * (5 << 20), 1, None),
    ],
)
def test_a_line_can_be_read_for_an_excerpt(content: bytes, place: int, line: str | None, folder: Any) -> None:
    folder.write({"specs/a.yaml": content})
    assert read_line(folder.root, Location(file="specs/a.yaml", line=place, column=1)) == line


@pytest.mark.parametrize("name", ["specs/none.yaml", "../x", "/etc/passwd", "specs"])
def test_no_line_is_read_from_elsewhere(name: str, folder: Any) -> None:
    assert read_line(folder.root, Location(file=name, line=1, column=1)) is None
