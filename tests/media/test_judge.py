"""Facts, wishes and waivers → verdicts: without any file."""

import pytest

from shotbuild.digest import canonical
from shotbuild.errors import MediaError
from shotbuild.media.judge import SCHEMA, Verdict, judge, read, report, verdicts_of
from shotbuild.media.page import page
from shotbuild.records import Fields, Value, fields

NAMES = fields(project="lighthouse", sequence="opening", deliverable="master", profile="youtube-1080p")


def picture(**changed: Value) -> Fields:
    usual: dict[str, Value] = {
        "codec": "h264",
        "profile": "high",
        "level": "4.0",
        "size": "1920x1080",
        "rate": "24",
        "constant_rate": True,
        "frames": 48,
        "start": "0.000000",
        "seconds": "2.000000",
        "gop_frames": 48,
        "gop_at": 0,
        "peak_bitrate": 9000,
        "mean_bitrate": 5000,
    }
    return fields(**(usual | changed))


def sound(**changed: Value) -> Fields:
    usual: dict[str, Value] = {
        "codec": "aac",
        "layout": "stereo",
        "sample_rate": 48000,
        "start": "0.000000",
        "seconds": "2.000000",
        "loudness": "-14.2",
        "loudness_range": None,
        "true_peak": "-1.5",
        "why": "",
    }
    return fields(**(usual | changed))


def film(name: str = "", **changed: Value) -> Fields:
    usual: dict[str, Value] = {
        "name": name,
        "container": "mp4",
        "moov_first": True,
        "edits": (),
        "timecode": None,
        "picture": picture(),
        "sound": sound(),
    }
    return fields(**(usual | changed))


def measured(*films: Fields, package: Fields | None = None, frames: int = 48, rate: str = "24") -> Fields:
    planned = fields(frames=frames, rate=rate, extension="mp4")
    return fields(bytes=1000, planned=planned, package=package, films=films or (film(),))


def verdict(facts: Fields, name: str, value: Value, **waived: str) -> Verdict:
    found, _ = judge(facts, fields(**{name: value}), fields(**waived))
    return next(each for each in found if each.name == name)


def test_a_constraint_that_is_kept_passes_and_needs_no_remedy() -> None:
    kept = verdict(measured(), "codec", "h264 hevc")
    assert (kept.passed, kept.fails, kept.wanted, kept.measured, kept.remedy) == (True, False, "h264 or hevc", "h264", "")


def test_a_constraint_that_is_broken_says_what_to_do() -> None:
    broken = verdict(measured(), "max_bitrate", 8000)
    assert broken.fails
    assert (broken.wanted, broken.measured) == ("at most 8000 kbit in any second", "9000 kbit in a second")
    assert broken.remedy == "raise `crf`, or set `maxrate` in the profile's `video`"


def test_a_waiver_lets_a_broken_constraint_pass_with_its_reason() -> None:
    waived = verdict(measured(), "timecode", "01:00:00:00", timecode="the client adds it")
    assert (waived.passed, waived.fails, waived.waived) == (False, False, "the client adds it")


def test_a_waiver_of_what_holds_is_remarked_and_not_used() -> None:
    kept = verdict(measured(), "codec", "h264", codec="old camera")
    assert (kept.passed, kept.waived, kept.remark) == (True, None, "it is waived, but holds: the waiver can go")


def test_a_waiver_of_what_nobody_asks_for_is_a_remark() -> None:
    found, remarks = judge(measured(), Fields(), fields(loudness="quiet"))
    assert not any(each.fails for each in found)
    assert remarks == ("loudness is waived, but the profile does not ask for it",)


def test_what_cannot_be_measured_fails_with_the_reason() -> None:
    assert verdict(measured(film(sound=None)), "loudness", "-14").measured == "not measured: it has no sound"
    assert verdict(measured(film(picture=picture(level=""))), "level", "4.2").measured == (
        "not measured: the file does not say its level"
    )


def test_a_constraint_of_a_newer_version_fails() -> None:
    assert verdict(measured(), "smell", "roses").fails


def test_what_is_not_asked_is_not_judged() -> None:
    found, _ = judge(measured(), fields(codec=None, loudness_tolerance="0.2"), Fields())
    assert [each.name for each in found] == ["frames"]


@pytest.mark.parametrize(("tolerance", "holds"), [(None, True), ("0.2", True), ("0.1", False)])
def test_loudness_may_be_off_by_its_tolerance(tolerance: str | None, holds: bool) -> None:
    found, _ = judge(measured(), fields(loudness="-14", loudness_tolerance=tolerance), Fields())
    assert next(each.passed for each in found if each.name == "loudness") is holds


@pytest.mark.parametrize(("level", "most", "holds"), [("4.0", "4", True), ("5.1", "4.2", False), ("high", "main", False)])
def test_levels_are_compared_as_numbers_and_mpeg2_by_rank(level: str, most: str, holds: bool) -> None:
    assert verdict(measured(film(picture=picture(level=level))), "level", most).passed is holds


def test_half_a_second_at_23_976_is_12_frames() -> None:
    rate = "24000/1001"
    assert verdict(measured(film(picture=picture(rate=rate, gop_frames=12))), "gop", "0.5").passed
    assert verdict(measured(film(picture=picture(rate=rate, gop_frames=13))), "gop", "0.5").fails


def test_a_largest_size_holds_either_way_round() -> None:
    assert verdict(measured(film(picture=picture(size="1080x1920"))), "most_size", "1920x1080").passed
    assert verdict(measured(film(picture=picture(size="1080x1922"))), "most_size", "1920x1080").fails


def test_pixels_that_are_not_square_count_for_the_shape() -> None:
    wide = picture(size="1440x1080", pixel_aspect="4:3")
    assert verdict(measured(film(picture=wide)), "aspect", "16:9").passed


def test_a_rate_that_is_not_constant_fails() -> None:
    assert verdict(measured(film(picture=picture(constant_rate=False))), "rate", "24").fails


def test_sound_that_is_heard_late_fails_sync() -> None:
    late = verdict(measured(film(sound=sound(offset="0.021333"))), "sync", 10)
    assert (late.fails, late.measured) == (True, "starts 0 ms, ends 0 ms apart, heard 21.333 ms late")


def test_every_film_of_a_package_has_to_keep_a_constraint() -> None:
    package = fields(kind="hls", missing=0)
    two = (film("a", sound=None), film("b", sound=None, picture=picture(codec="hevc")))
    broken = verdict(measured(*two, package=package), "codec", "h264")
    assert (broken.fails, broken.measured) == (True, "hevc")
    assert verdict(measured(*two, package=package), "container", "hls").passed


def test_a_rung_that_needs_more_than_it_declares_fails() -> None:
    rows = tuple(fields(name=name, declared=1_000_000, needed=needed) for name, needed in (("a", 900_000), ("b", 1_100_000)))
    package = fields(kind="hls", missing=0, rungs=rows)
    broken = verdict(measured(package=package), "bandwidth", None)
    assert (broken.fails, broken.measured) == (True, "1100000 bit/s of 1000000")


def test_a_report_is_read_back_as_it_was_judged() -> None:
    must = fields(codec="hevc", timecode="01:00:00:00", layout="stereo")
    text = report(measured(), must, fields(timecode="the client adds it"), NAMES)
    found = verdicts_of(text.encode(), "opening/web")
    assert found == judge(measured(), must, fields(timecode="the client adds it"))[0]
    assert [(each.name, each.wanted, each.measured) for each in found if each.fails] == [("codec", "hevc", "h264")]
    assert read(text.encode()).get("passed") is False


def test_a_report_holds_what_was_measured_and_is_the_same_each_time() -> None:
    texts = {report(measured(), fields(codec="h264"), Fields(), NAMES) for _ in range(2)}
    found = read(texts.pop().encode())
    assert not texts
    assert (found.get("schema"), found.get("passed"), found.get("names")) == (SCHEMA, True, NAMES)
    assert canonical(found.get("measured")) == canonical(measured())


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"a": 1.5}', b"\xff"])
def test_what_is_no_report_is_refused(text: bytes) -> None:
    with pytest.raises(MediaError):
        read(text)
    with pytest.raises(MediaError, match="the report of opening/web cannot be read"):
        verdicts_of(text, "opening/web")


def test_the_page_escapes_every_text_and_has_no_script() -> None:
    odd = '<script>alert("x")</script>&'
    facts = measured(film(odd, container=odd, picture=picture(codec=odd)), package=fields(kind=odd, missing=0))
    text = report(facts, fields(codec="h264", timecode=odd), fields(timecode=odd, **{odd: odd}), fields(deliverable=odd))
    html = page(read(text.encode()))
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;") >= 6


def test_the_page_says_verdicts_in_words_and_what_fails_first() -> None:
    text = report(measured(), fields(codec="hevc", layout="stereo", timecode="01:00:00:00"), fields(timecode="later"), NAMES)
    html = page(read(text.encode()))
    places = [html.index(f"</span>{word}</span>") for word in ("fails", "waived", "holds")]
    assert places == sorted(places)
    assert "Not ready: 1 of 4 constraints fail, 1 waived." in html
    assert "waived: later" in html


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    html = page(read(report(measured(), Fields(), Fields(), NAMES).encode()))
    assert not any(word in html for word in ("http", "src=", "@import", "url("))
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
