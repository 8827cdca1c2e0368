"""A project's own profiles: what they inherit, what they change, and what is refused, with its place."""

import textwrap
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from shotbuild.media.encoders import encoder_arguments, sound_arguments
from shotbuild.media.profiles import PROFILES
from shotbuild.records import Profile
from shotbuild.spec import encodings
from shotbuild.spec.document import parse
from shotbuild.spec.kinds import Reader
from shotbuild.spec.profiles import profiles, schema
from shotbuild.spec.report import Report
from shotbuild.spec.tree import Tree
from shotbuild.units import Size

PAGE = Path(__file__).parents[2] / "docs" / "profiles.md"


@pytest.fixture
def load(tmp_path: Any) -> Any:
    """load(yaml): the profiles by name, and the messages with cause and hint."""

    def loaded(text: str) -> tuple[dict[str, Profile], list[Any]]:
        reader = Reader(Report(), Tree(tmp_path))
        node = parse(text, "shotbuild.yaml")
        found = profiles({name: (entry.key, entry.value) for name, entry in node.entries.items()}, PROFILES, reader)
        return {profile.name: profile for profile in found}, list(reader.report._errors.values())

    return loaded


def only(load: Any, text: str) -> Profile:
    found, errors = load(text)
    assert errors == []
    (profile,) = found.values()
    assert isinstance(profile, Profile)
    return profile


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_built_in_profile_fits_together_and_is_inherited_whole(load: Any, name: str) -> None:
    found = only(load, f"mine: {{base: {name}}}\n")
    assert replace(found, name=name, about=PROFILES[name].about) == PROFILES[name]
    assert found.about == f"Like {name}."


def test_what_is_written_changes_and_everything_else_stays(load: Any) -> None:
    text = "client: {base: youtube-1080p, video: {crf: 16}, must: {max_bitrate: 20000}, size: 1920x1080, about: For them.}\n"
    found, base = only(load, text), PROFILES["youtube-1080p"]
    assert dict(found.video.items) == dict(base.video.items) | {"crf": 16}
    assert dict(found.must.items) == dict(base.must.items) | {"max_bitrate": 20000}
    assert (found.size, found.sound, found.wrap, found.about) == (Size(1920, 1080), base.sound, base.wrap, "For them.")


def test_promises_that_the_settings_make_follow_the_settings(load: Any) -> None:
    found = only(
        load, "a: {base: youtube-1080p, size: 1280x720, video: {codec: hevc, profile: main10}, loudness: {target: -16}}\n"
    )
    assert found.must.get("size") == "1280x720"
    assert found.must.get("codec") == "hevc"
    assert found.must.get("profile") == "main10"
    assert found.must.get("pixels") == found.video.get("pixels") == "yuv420p10le"
    assert found.must.get("loudness") == "-16"
    assert found.must.get("gop") == "0.55"
    assert found.video.get("gop") == "1/2"


def test_a_promise_of_a_size_goes_with_the_size(load: Any) -> None:
    found = only(load, "a: {base: youtube-1080p, height: 720}\n")
    assert (found.size, found.height, found.must.get("size")) == (None, 720, None)


def test_profiles_inherit_from_each_other_in_any_order(load: Any) -> None:
    found, errors = load("b: {base: a, sound: {bitrate: 96k}}\na: {base: h264-web, video: {crf: 25}}\n")
    assert errors == []
    assert list(found) == ["a", "b"]
    assert found["b"].video == found["a"].video
    assert found["b"].sound.get("bitrate") == "96k"


def test_another_codec_brings_its_own_settings_and_container_of_chunks(load: Any) -> None:
    text = "a: {base: h264-web, extension: mov, video: {codec: prores}, sound: {codec: pcm}}\n"
    found = only(load, text)
    assert dict(found.video.items) == {"codec": "prores", "extension": "mov", "pixels": "yuv422p10le", "profile": "hq"}
    assert dict(found.sound.items) == {"codec": "pcm", "extension": "wav"}
    assert found.must.get("sound_codec") == "pcm_s24le"
    assert found.must.get("container") == "mov"
    animated = only(load, "a: {base: gif, video: {codec: webp, width: 320}}\n")
    assert (animated.extension, animated.must.get("container")) == ("webp", "webp")


def test_a_buffer_is_as_large_as_the_cap_unless_somebody_says_so(load: Any) -> None:
    found = only(load, "a: {base: h264-web, video: {rate: capped, maxrate: 6000}}\n")
    assert found.video.get("bufsize") == 6000
    assert encoder_arguments(found.video, Fraction(24))["maxrate"] == "6000k"


def test_text_that_is_burnt_in_can_be_taken_out(load: Any) -> None:
    found = only(load, "a: {base: review, burn_in: {watermark: false, take: false}}\n")
    assert dict(found.burn_in.items) == {"shot": True, "clock": True}


@pytest.mark.parametrize("codec", sorted(encodings.VIDEO))
def test_every_codec_can_be_asked_for_with_no_more_than_its_name(load: Any, codec: str) -> None:
    kind = next(kind for kind, codecs in encodings.KINDS.items() if codec in codecs)
    base = {"film": "h264-web", "frames": "png-sequence", "animation": "gif", "sheet": "contact-sheet"}[kind]
    extension = next((each for each, (takes, _) in encodings.CONTAINERS.items() if codec in takes), "")
    sound = {"webm": "opus", "mov": "pcm", "mkv": "flac", "mxf": "pcm"}.get(extension, "aac")
    more = f", extension: {extension}, sound: {{codec: {sound}}}" if kind == "film" else ""
    found = only(load, f"a: {{base: {base}, video: {{codec: {codec}}}, must: {{gop: 60}}{more}}}\n")
    assert found.video.text("extension")
    assert encoder_arguments(found.video, Fraction(25))["c:v"]


@pytest.mark.parametrize("codec", sorted(encodings.SOUND))
def test_every_sound_codec_can_be_asked_for(load: Any, codec: str) -> None:
    extension = next(each for each, (_, takes) in encodings.CONTAINERS.items() if codec in takes)
    video = "video: {codec: ffv1}, " if extension == "mkv" else "video: {codec: mpeg2}, " if extension == "mxf" else ""
    video = "video: {codec: prores}, " if extension == "mov" else video
    found = only(load, f"a: {{base: h264-web, extension: {extension}, {video}sound: {{codec: {codec}, layout: mono}}}}\n")
    assert sound_arguments(found.sound)["ac"] == "1"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("a: {base: b}\nb: {base: a}", "profile 'a' would inherit from itself", "name another base"),
        ("a: {base: a}", "profile 'a' would inherit from itself", "name another base"),
        ("a: {base: h264-wep}", "unknown profile 'h264-wep'", "did you mean `h264-web`?"),
        ("h264-web: {base: preview}", "there is a built-in profile 'h264-web' already", "my-h264-web"),
        ("a: {video: {crf: 3}}", "a profile needs `base`", "add `base: …`"),
        ("a: {base: h264-web, siez: 16x16}", "unknown key 'siez' of a profile", "did you mean `size`?"),
        ("a: {base: h264-web, video: {crff: 3}}", "unknown setting 'crff' of codec 'h264'", "did you mean `crf`?"),
        ("a: {base: prores-master, video: {crf: 3}}", "unknown setting 'crf' of codec 'prores'", None),
        ("a: {base: h264-web, video: {codec: h265}}", "unknown codec of the picture 'h265'", "did you mean `h264`?"),
        ("a: {base: h264-web, video: {crf: 99}}", "expected a whole number from 0 to 51", None),
        ("a: {base: av1-web, video: {rate: vbv}}", "unknown word 'vbv'", None),
        (
            "a: {base: h264-web, extension: webm, sound: {codec: opus}}",
            "codec `h264` does not go into `webm`",
            "extension: mp4",
        ),
        ("a: {base: h264-web, sound: {codec: pcm}}", "sound of codec `pcm` does not go into `mp4`", "codec: aac"),
        ("a: {base: h264-web, video: {rate: vbv, maxrate: 9}}", "`rate: vbv` needs `bitrate`", "add `bitrate: 8000`"),
        ("a: {base: h264-web, video: {rate: capped}}", "`rate: capped` needs `maxrate`", "add `maxrate: 12000`"),
        ("a: {base: h264-web, video: {maxrate: 9000}}", "`maxrate` means nothing here", "add `rate: capped`"),
        ("a: {base: h264-web, video: {rate: vbv, bitrate: 9, maxrate: 8}}", "`bitrate` 9 is above `maxrate` 8", "lower it"),
        ("a: {base: gif, extension: mp4}", "only films have a container", "take `extension` out"),
        ("a: {base: youtube-1080p, sound: {codec: opus}}", "sound of codec `opus` needs an edit list", "edit_list: true"),
        ("a: {base: youtube-1080p, loudness: {peak: 0}}", "`must` asks for `true_peak: -1`", "change the setting"),
        ("a: {base: youtube-1080p, video: {gop: 2}}", "`must` asks for `gop: 0.55`", "another `gop` under `must`"),
        ("a: {base: youtube-1080p, must: {level: 4.0}}", "`must` asks for `level: 4.0`", "change the setting"),
        ("a: {base: youtube-1080p, must: {b_frames: 1}}", "`must` asks for `b_frames: 1`", "change the setting"),
        ("a: {base: youtube-1080p, wrap: {edit_list: true}, must: {edit_list: false}}", "`must` asks for `edit_list", None),
        ("a: {base: h264-web, must: {codec: hevc}}", "`must` asks for `codec: hevc`", "change the setting"),
        (
            "a: {base: h264-web, must: {max_bitrte: 3}}",
            "unknown setting 'max_bitrte' of `must`",
            "did you mean `max_bitrate`?",
        ),
        ("a: {base: h264-web, must: {gop: soon}}", "expected seconds, from 0 to 600", None),
        ("a: {base: h264-web, video: {profile: high10, pixels: yuv420p}}", "profile `high10` has no pixels", "yuv420p10le"),
        ("a: {base: hls, video: {crf: 3}}", "a profile of kind `hls` encodes no picture itself", "rungs"),
        ("a: {base: hls, ladder: [preview]}", "profile 'preview' cannot be a rung", "scenecut: false"),
        ("a: {base: hls, ladder: [rung-721p]}", "unknown profile 'rung-721p'", "did you mean `rung-720p`?"),
        ("a: {base: hls, ladder: [rung-720p, rung-360p, rung-720p]}", "profile 'rung-720p' stands twice", "one of them out"),
        ("a: {base: h264-web, height: 361}", "`height` 361 is odd", "write `height: 360`"),
        ("a: {base: h264-web, height: 15}", "expected a whole number from 16 to 8192, found `15`", None),
        ("a: {base: h264-web, size: 640x361}", "both sides even and from 16 to 8192, found `640x361`", None),
        (
            "a: {base: hls, ladder: [rung-720p, b]}\nb: {base: rung-360p, video: {rate: vbv, bitrate: 700}}",
            "profile 'b' cannot be a rung",
            "rate: capped",
        ),
        (
            "a: {base: dash, ladder: [rung-720p, b]}\nb: {base: rung-360p, video: {gop: 1}, must: {gop: 1.1}}",
            "the rungs of the ladder have different `gop`",
            "give them one `gop`",
        ),
        ("a: {base: h264-web, wrap: {reel: true}}", "a reel needs `timecode`", "add `timecode: true`"),
        ("a: {base: vp9-web, wrap: {timecode: true}}", "`webm` has no timecode", "timecode: false"),
        ("a: {base: h264-web, size: 1280x720, height: 720}", "`size` and `height` are both written", "take one of them out"),
        ("a: {base: gif, sound: {codec: aac}}", "`gif` has no sound", "take `sound` out"),
        ("a: {base: h264-web, sound: {codec: mp3, layout: 5.1}}", "unknown word '5.1'", None),
        ("a: {base: h264-web, sound: {bitrate: 256}}", "expected a bit rate", None),
        ("a: {base: h264-web, loudness: {target: loud}}", "expected LUFS from -40 to -5", None),
        ("a: {base: dnxhr-sq, size: 64x36}", "codec `dnxhr` has no pictures of 64x36", "size: 256x120"),
        ("a: [x]", "expected a profile, found a list", "take the `- ` away"),
        ("a: {base: h264-web, video: [crf]}", "expected `video`, found a list", "take the `- ` away"),
    ],
)
def test_nonsense_is_refused_with_a_remedy(load: Any, text: str, message: str, hint: str | None) -> None:
    _, errors = load(text + "\n")
    (error,) = errors
    assert message in error.message
    assert hint is None or hint in error.hint
    assert error.location.file == "shotbuild.yaml"


def test_a_gop_may_be_written_in_two_ways_in_one_ladder(load: Any) -> None:
    text = "a: {base: hls, ladder: [b, c]}\n"
    for name, gop in (("b", "1/2"), ("c", "0.5")):
        text += f"{name}: {{base: rung-360p, video: {{gop: {gop}}}}}\n"
    found, errors = load(text)
    assert errors == []
    assert found["a"].ladder == ("b", "c")


def test_an_error_points_at_the_setting(load: Any) -> None:
    _, (error,) = load("a:\n  base: h264-web\n  video:\n    preset: medium\n    maxrate: 9000\n")
    assert (error.location.line, error.location.column) == (5, 14)


def test_the_example_of_the_page_is_right(load: Any) -> None:
    block = PAGE.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    written = block.partition("profiles:\n")[2]
    found, errors = load(textwrap.dedent(written))
    assert errors == []
    assert (found["small"].must.get("size"), found["small"].must.get("max_bitrate")) == ("1280x720", 20000)


def test_the_schema_takes_what_loading_takes() -> None:
    definition = {**schema(PROFILES), "$defs": {"profile": {"type": "string"}}}
    jsonschema.Draft202012Validator.check_schema(definition)
    good = {
        "base": "youtube-1080p",
        "video": {"crf": 16, "codec": "h264"},
        "must": {"max_bitrate": 20000},
        "size": "1920x1080",
    }
    jsonschema.validate(good, definition)
    for bad in (
        {"video": {}},
        {"base": "x", "video": {"crff": 1}},
        {"base": "x", "must": {"speed": 1}},
        {"base": "x", "x": 1},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, definition)
