"""Cuts against a model that writes out every frame, sounds to the sample; what does not fit is refused with its place."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotbuild.errors import Location, SpecError
from shotbuild.plan.cut import TO_THE_END, Cut, Length, cut_of
from shotbuild.plan.timeline import Over, frames_of
from shotbuild.records import START, AudioTrack, Clip, Fields, Format, Overlay, Sequence, Title, Transition
from shotbuild.units import Duration, Size, parse_duration, parse_rate, samples
from tests.plan.test_timeline import written_out

HERE = Location(file="specs/a.yaml", line=1, column=1)
THERE = HERE._replace(line=2)
RATES = ("24", "23.976", "29.97", "25", "30", "59.94")
SHOTS = {
    "a": Length(seconds=Fraction(1), sound=True),
    "b": Length(seconds=Fraction(1), sound=True),
    "mute": Length(seconds=Fraction(1), sound=False),
    "frame": Length(seconds=Fraction(1, 24), sound=True),
}


def clip(text: str = "", **more: Any) -> Clip:
    """clip("a 2f-20f"): a shot and the part of it."""
    name, _, part = text.partition(" ")
    start, _, end = part.partition("-")
    said: dict[str, Any] = {"shot": name} if name else {}
    said |= {"start": parse_duration(start)} if start else {}
    said |= {"end": parse_duration(end)} if end else {}
    return Clip(**said, **more, location=HERE)


def over(kind: str, text: str, style: str = "") -> Transition:
    return Transition(kind=kind, duration=parse_duration(text), style=style, location=THERE)


def sequence(*clips: Clip, rate: str = "24", name: str = "s", **more: Any) -> Sequence:
    format_ = Format(size=Size(64, 36), rate=parse_rate(rate), color="bt709", pixels="yuv420p")
    return Sequence(
        name=name, title=name, format=format_, clips=clips, audio=more.pop("audio", ()), tags=(), location=HERE, **more
    )


def laid(*clips: Clip, nested: tuple[Sequence, ...] = (), **more: Any) -> Cut:
    return cut_of(sequence(*clips, **more), SHOTS, {each.name: each for each in nested})


def seen(cut: Cut) -> list[Any]:
    """Each frame, with no titles."""
    return [picture for picture, _ in written_out(cut.track)]


def runs(shot: str, start: int, end: int) -> list[Any]:
    return [(shot, number) for number in range(start, end)]


def blend(a: Any, b: Any, of: int) -> list[Any]:
    return [("blend", one, other, Fraction(k + 1, of + 1)) for k, (one, other) in enumerate(zip(a, b, strict=True))]


def refused(*clips: Clip, **more: Any) -> SpecError:
    with pytest.raises(SpecError) as caught:
        laid(*clips, **more)
    assert caught.value.location is not None
    return caught.value


# --- the picture -----------------------------------------------------------------------------------------------------


def test_trims_count_on_the_shots_own_clock() -> None:
    assert seen(laid(clip("a 2f-5f"), clip("b 20f-"), clip("a -1f"))) == [
        *runs("a", 2, 5), *runs("b", 20, 24), *runs("a", 0, 1),
    ]  # fmt: skip


def test_one_frame_is_a_clip_and_so_is_the_last_one() -> None:
    assert seen(laid(clip("frame"), clip("a 23f-"))) == [("frame", 0), ("a", 23)]


def test_a_frame_that_is_held_stands_still_and_is_silent() -> None:
    cut = laid(clip("a 7f-", hold=Duration(frames=30)))
    assert seen(cut) == [("a", 7)] * 30
    assert cut.heard == ()
    assert cut.clips == (("a", 0, 30),)


def test_a_frame_is_held_through_a_transition() -> None:
    cut = laid(clip("a 7f-", hold=Duration(frames=6)), clip("b", transition=over("dissolve", "4f")))
    assert seen(cut) == [("a", 7)] * 2 + blend([("a", 7)] * 4, runs("b", 0, 4), 4) + runs("b", 4, 24)


def test_a_gap_is_a_colour_and_silent() -> None:
    cut = laid(clip("a"), clip(slug="#102030", length=Duration(frames=3)), clip("b"))
    assert seen(cut) == runs("a", 0, 24) + ["#102030"] * 3 + runs("b", 0, 24)
    assert [(heard.shot, heard.at) for heard in cut.heard] == [("a", 0), ("b", samples(27, Fraction(24)))]
    assert [name for name, *_ in cut.clips] == ["a", "b"]


@pytest.mark.parametrize("of", [1, 2, 23, 24])
@pytest.mark.parametrize("kind", ["dissolve", "wipe"])
def test_a_transition_is_one_frame_or_as_long_as_both_clips(kind: str, of: int) -> None:
    cut = laid(clip("a"), clip("b", transition=over(kind, f"{of}f", "left" if kind == "wipe" else "")))
    crossing = blend(runs("a", 24 - of, 24), runs("b", 0, of), of)
    assert seen(cut) == runs("a", 0, 24 - of) + crossing + runs("b", of, 24)
    assert cut.clips == (("a", 0, 24), ("b", 24 - of, 48 - of))


def test_a_clip_may_be_nothing_but_two_transitions() -> None:
    dissolve = over("dissolve", "12f")
    cut = laid(clip("a"), clip("mute", transition=dissolve), clip("b", transition=dissolve))
    assert [stretch.frames for stretch in cut.track] == [12, 12, 12, 12]
    assert cut.frames == 48


def test_the_form_of_a_wipe_is_that_of_its_clip() -> None:
    forms = [laid(clip("a"), clip("b", transition=over("wipe", "4f", form))).track[1].picture for form in ("left", "clock")]
    assert [picture.form for picture in forms] == ["left", "clock"]  # type: ignore[union-attr]


@pytest.mark.parametrize("of", [1, 2, 5, 24])
def test_a_dip_lasts_as_long_as_it_says_and_passes_its_colour(of: int) -> None:
    cut = laid(clip("a"), clip("b", transition=over("dip", f"{of}f", "#ff0000")))
    assert cut.frames == 48 - of
    out = of // 2
    colour = ["#ff0000"] * of
    assert seen(cut)[24 - of : 24] == (
        blend(runs("a", 24 - of, 24)[:out], colour[:out], out) + blend(colour[out:], runs("b", 0, of)[out:], of - out)
    )


# --- nesting ---------------------------------------------------------------------------------------------------------

INNER = sequence(
    clip("a"), clip("b", transition=over("dissolve", "8f")), clip(slug="#000000", length=Duration(frames=4)), name="t"
)


def test_a_nested_cut_shows_what_it_shows_alone() -> None:
    cut = laid(clip(sequence="t"), nested=(INNER,))
    alone = cut_of(INNER, SHOTS, {})
    assert (cut.track, cut.heard, cut.clips) == (alone.track, alone.heard, alone.clips)
    assert cut.shots == ("a", "b")


@pytest.mark.parametrize(("start", "end"), [(0, 20), (18, 22), (20, 44), (16, 24), (43, 44), (0, 44)])
def test_a_nested_cut_is_trimmed_as_its_frames_are_seen(start: int, end: int) -> None:
    cut = laid(clip("mute"), clip(f" {start}f-{end}f", sequence="t"), nested=(INNER,))
    assert seen(cut) == runs("mute", 0, 24) + seen(cut_of(INNER, SHOTS, {}))[start:end]


def test_a_nested_cut_melts_in_and_out_like_a_shot() -> None:
    inner = seen(cut_of(INNER, SHOTS, {}))
    cut = laid(
        clip("mute"),
        clip(" 10f-30f", sequence="t", transition=over("dissolve", "12f")),
        clip("mute", transition=over("dissolve", "8f")),
        nested=(INNER,),
    )
    part = inner[10:30]
    assert seen(cut) == (
        runs("mute", 0, 12) + blend(runs("mute", 12, 24), part[:12], 12) + blend(part[12:], runs("mute", 0, 8), 8)
        + runs("mute", 8, 24)
    )  # fmt: skip


def test_cuts_nest_in_cuts_with_their_titles_and_overlays() -> None:
    title = Title(
        text="One", at=Duration(frames=20), length=Duration(frames=6), fade_in=START, fade_out=START, look=Fields(),
        location=HERE,
    )  # fmt: skip
    inner = replace(INNER, titles=(title,), overlays=(overlay("b", "0f"),))
    middle = sequence(clip("mute"), clip(" 2f-", sequence="t"), name="m")
    cut = laid(clip(" 20f-", sequence="m"), nested=(inner, middle))
    alone = written_out(cut_of(inner, SHOTS, {}).track)
    assert written_out(cut.track) == [(each, ()) for each in runs("mute", 20, 24)] + alone[2:]
    assert [name for name, *_ in cut.clips] == ["mute", "a", "b"]


def test_clips_of_a_nested_cut_keep_their_frames() -> None:
    cut = laid(clip("mute"), clip(" 10f-30f", sequence="t"), nested=(INNER,))
    assert cut.clips == (("mute", 0, 24), ("a", 24, 38), ("b", 30, 44))


def test_sounds_of_a_nested_cut_are_trimmed_and_made_louder_together() -> None:
    cut = laid(clip(" 10f-30f", sequence="t", gain=Fraction(-6)), nested=(INNER,))
    assert [(each.shot, each.at, each.start, each.length, each.gain) for each in cut.heard] == [
        ("a", 0, 20000, 28000, -6),
        ("b", 12000, 0, 28000, -6),
    ]
    assert laid(clip(sequence="t", sound=False), nested=(INNER,)).heard == ()


def test_a_nested_cut_of_another_rate_is_refused() -> None:
    error = refused(clip(sequence="t"), nested=(replace(INNER, format=replace(INNER.format, rate=Fraction(25))),))
    assert "another rate" in error.message
    assert error.cause == "25.000 and 24.000 frames a second"


def test_a_mistake_in_a_nested_cut_is_told_where_it_is_written() -> None:
    wrong = replace(clip("a 30f-"), location=THERE)
    assert refused(clip(sequence="t"), nested=(sequence(wrong, name="t"),)).location == THERE


# --- overlays and titles ---------------------------------------------------------------------------------------------


def overlay(shot: str, at: str, **more: Any) -> Overlay:
    said: dict[str, Any] = {
        "start": START, "end": None, "left": Fraction(1, 2), "top": Fraction(1, 4), "width": Fraction(3, 10),
        "opacity": Fraction(1), "fade_in": START, "fade_out": START, "sound": False, "gain": Fraction(0),
    }  # fmt: skip
    return Overlay(shot=shot, at=parse_duration(at), **(said | more), location=THERE)


def test_an_overlay_ends_with_the_cut() -> None:
    cut = laid(clip("a"), overlays=(overlay("b", "20f", fade_out=Duration(frames=90)),))
    assert seen(cut) == runs("a", 0, 20) + [("over", ("a", 20 + k), ("b", k), k, 4) for k in range(4)]
    picture = cut.track[-1].picture
    assert isinstance(picture, Over)
    assert (picture.left, picture.upper, picture.width, picture.fade_in, picture.fade_out) == (
        Fraction(1, 2), Fraction(1, 4), Fraction(3, 10), 0, 4,
    )  # fmt: skip


def test_an_overlay_goes_on_over_cuts_and_transitions() -> None:
    cut = laid(clip("a"), clip("b", transition=over("dissolve", "8f")), overlays=(overlay("mute", "10f"),))
    under = seen(laid(clip("a"), clip("b", transition=over("dissolve", "8f"))))
    assert seen(cut)[10:34] == [("over", under[10 + k], ("mute", k), k, 24) for k in range(24)]
    assert (seen(cut)[:10], seen(cut)[34:]) == (under[:10], under[34:])


def test_an_overlay_is_heard_only_when_it_is_asked_for_and_no_longer_than_it_is_seen() -> None:
    assert [each.shot for each in laid(clip("a"), overlays=(overlay("b", "0f"),)).heard] == ["a"]
    cut = laid(clip("a"), overlays=(overlay("b", "20f", sound=True, start=Duration(frames=3), gain=Fraction(-3)),))
    found = cut.heard[-1]
    assert (found.shot, found.at, found.start, found.length, found.gain) == ("b", 40000, 6000, 8000, -3)


def title(at: str, length: str = "0f", **more: Any) -> Title:
    said: dict[str, Any] = {"fade_in": START, "fade_out": START} | more
    return Title(text=at, at=parse_duration(at), length=parse_duration(length), look=Fields(), location=THERE, **said)


def test_titles_split_a_cut_where_they_begin_and_end_and_later_ones_lie_above() -> None:
    cut = laid(clip("a"), clip("b"), titles=(title("20f", "10f"), title("28f")))
    assert [stretch.frames for stretch in cut.track] == [20, 4, 4, 2, 18]
    assert [tuple(shown.title.text for shown in stretch.titles) for stretch in cut.track] == [
        (), ("20f",), ("20f",), ("20f", "28f"), ("28f",),
    ]  # fmt: skip
    assert [shown.at for stretch in cut.track for shown in stretch.titles] == [0, 4, 8, 0, 2]


def test_a_title_without_a_length_stays_to_the_end_and_none_fades_longer_than_it_is_seen() -> None:
    (shown,) = (
        laid(clip("a"), titles=(title("20f", fade_in=Duration(frames=9), fade_out=Duration(seconds=Fraction(9))),))
        .track[-1]
        .titles
    )
    assert (shown.of, shown.fade_in, shown.fade_out) == (4, 4, 4)


def test_titles_leave_the_sound_alone() -> None:
    assert laid(clip("a"), titles=(title("3f"),)).heard == laid(clip("a")).heard


# --- sound -----------------------------------------------------------------------------------------------------------


def sound(at: str = "0s", **more: Any) -> AudioTrack:
    said: dict[str, Any] = {"start": START, "end": None, "gain": Fraction(0), "fade_in": START, "fade_out": START} | more
    return AudioTrack(file="assets/sea.wav", at=parse_duration(at), location=THERE, **said)


@pytest.mark.parametrize("rate", RATES)
def test_the_sound_of_a_clip_starts_on_its_frame_at_every_rate(rate: str) -> None:
    cut = laid(clip("a 3f-10f"), clip("b 1f-"), clip("a 2f-9f"), rate=rate)
    first = [frame for _, frame, _ in cut.clips]
    assert [each.at for each in cut.heard] == [samples(frame, cut.rate) for frame in first]
    assert [each.start for each in cut.heard] == [samples(frame, cut.rate) for frame in (3, 1, 2)]


@given(
    st.sampled_from(RATES),
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 10), st.integers(1, 12)), min_size=2, max_size=6),
    st.booleans(),
)
def test_sounds_of_clips_that_follow_each_other_leave_no_sample_between_them(
    rate: str, parts: list[tuple[str, int, int]], nested: bool
) -> None:
    clips = [clip(f"{shot} {start}f-{start + frames}f") for shot, start, frames in parts]
    if nested:
        inner = sequence(*clips, rate=rate, name="t")
        cut = laid(clip("a 0f-7f"), clip(" 1f-", sequence="t"), clip("b 0f-5f"), rate=rate, nested=(inner,))
    else:
        cut = laid(*clips, rate=rate)
    for one, other in pairwise(cut.heard):
        assert one.at + one.length == other.at
    assert cut.heard[-1].at + cut.heard[-1].length == samples(cut.frames, cut.rate)


def test_sounds_cross_where_pictures_do() -> None:
    cut = laid(clip("a"), clip("b", transition=over("dissolve", "8f")), clip("a", transition=over("wipe", "4f")))
    fades = [(each.at, each.fade_in, each.fade_out) for each in cut.heard]
    assert fades == [(0, 0, 16000), (32000, 16000, 8000), (72000, 8000, 0)]


def test_a_fade_of_ones_own_holds_where_it_is_longer_than_a_transition() -> None:
    second = clip("b", transition=over("dissolve", "2f"), fade_in=parse_duration("500ms"), fade_out=parse_duration("250ms"))
    found = laid(clip("a"), second).heard[1]
    assert (found.fade_in, found.fade_out) == (24000, 12000)


def test_a_shot_without_sound_and_a_clip_that_is_mute_are_not_heard() -> None:
    assert laid(clip("mute"), clip("a", sound=False)).heard == ()


@pytest.mark.parametrize("rate", RATES)
def test_a_track_lies_where_it_was_written_to_the_sample(rate: str) -> None:
    second = sound("0.5s", start=parse_duration("12f"), end=parse_duration("1s"), duck=Fraction(-12), gain=Fraction(-3))
    first, cut_off = laid(clip("mute"), rate=rate, audio=(sound(), second)).heard
    assert (first.at, first.start, first.length) == (0, 0, TO_THE_END)
    start = samples(12, parse_rate(rate))
    assert (cut_off.at, cut_off.start, cut_off.start + cut_off.length) == (24000, start, 48000)
    assert (cut_off.role, cut_off.duck, cut_off.gain) == ("music", -12, -3)


def test_a_track_of_a_nested_cut_ends_with_it() -> None:
    inner = sequence(clip("mute"), name="t", audio=(sound("0.5s", fade_out=Duration(frames=6)),))
    cut = laid(clip(" 6f-18f", sequence="t"), clip("mute"), nested=(inner,))
    (found,) = cut.heard
    assert (found.at, found.start, found.length) == (12000, 0, 12000)


# --- what does not fit -----------------------------------------------------------------------------------------------


def test_trims_beyond_the_shot_are_refused_with_its_length() -> None:
    assert refused(clip("a 0f-25f")).cause == "it is 24 frames long at this cut's rate"
    assert "nothing is left of a" in refused(clip("a 24f-")).message
    assert "nothing is left of a" in refused(clip("a 12f-500ms")).message
    assert "after its end" in refused(clip("a 24f-", hold=Duration(frames=1))).message
    assert "after its end" in refused(clip(" 0f-45f", sequence="t"), nested=(INNER,)).message
    assert "nothing is left of t" in refused(clip(" 44f-", sequence="t"), nested=(INNER,)).message


def test_transitions_longer_than_a_clip_are_refused_where_they_are_written() -> None:
    error = refused(clip("a"), clip("b 0f-8f", transition=over("dissolve", "9f")))
    assert error.message == "transitions need 9 frames of b, but only 8 of it are in the cut"
    assert error.location == THERE
    first = refused(clip("b 0f-8f"), clip("a", transition=over("dip", "9f", "#000000")))
    assert (first.message, first.location) == ("transitions need 9 frames of b, but only 8 of it are in the cut", THERE)
    both = refused(clip("a"), clip("b", transition=over("dissolve", "20f")), clip("a", transition=over("dissolve", "5f")))
    assert both.message == "transitions need 25 frames of b, but only 24 of it are in the cut"


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"overlays": (overlay("b", "24f"),)}, "overlay b"),
        ({"titles": (title("1s", "1s"),)}, "this title"),
        ({"audio": (sound("1s"),)}, "assets/sea.wav"),
    ],
)
def test_what_would_begin_after_the_cut_is_refused_where_it_is_written(more: dict[str, Any], what: str) -> None:
    error = refused(clip("a"), **more)
    assert error.message == f"{what} would start after the end of the cut"
    assert error.location == THERE


def test_an_overlay_that_is_trimmed_beyond_its_shot_is_refused() -> None:
    assert refused(clip("a"), overlays=(overlay("b", "0f", end=Duration(frames=25)),)).location == THERE


@pytest.mark.parametrize("rate", RATES)
def test_a_shot_of_another_rate_is_counted_in_the_frames_of_the_cut(rate: str) -> None:
    assert laid(clip("a"), rate=rate).frames == frames_of(Fraction(1), parse_rate(rate))
    assert laid(clip("frame"), rate=rate).frames >= 1


def test_five_hours_of_five_hundred_clips_are_laid_out_at_once() -> None:
    lengths = {f"s{n}": Length(seconds=Fraction(36), sound=True) for n in range(500)}
    clips = [clip(f"s{n}", transition=over("dissolve", "12f") if n else None) for n in range(500)]
    titles = tuple(title(f"{n * 800}f", "24f") for n in range(500))
    cut = cut_of(sequence(*clips, titles=titles), lengths, {})
    assert cut.frames == 500 * 864 - 499 * 12
    assert len(cut.heard) == 500
