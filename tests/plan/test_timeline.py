"""The algebra of tracks, held against a model that writes out what is seen in every single frame."""

from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shotbuild.errors import Location
from shotbuild.plan.timeline import (
    Blend,
    Over,
    Picture,
    Run,
    Shown,
    Slug,
    Stretch,
    Track,
    crossed,
    joined,
    length,
    overlaid,
    part,
    runs,
    starts,
    titled,
)
from shotbuild.records import Fields, Title
from shotbuild.units import Duration

HERE = Location(file="specs/a.yaml", line=1, column=1)
TITLE = Title(
    text="One", at=Duration(), length=Duration(), fade_in=Duration(), fade_out=Duration(), look=Fields(), location=HERE
)


def frame(picture: Picture, k: int) -> Any:
    """Frame k of a picture, written out."""
    match picture:
        case Run():
            return picture.shot, picture.start + (0 if picture.held else k)
        case Slug():
            return picture.colour
        case Blend():
            return "blend", frame(picture.a, k), frame(picture.b, k), Fraction(picture.at + k + 1, picture.of + 1)
    return "over", frame(picture.base, k), frame(picture.top, k), picture.at + k, picture.of


def written_out(track: Track) -> list[Any]:
    return [
        (frame(stretch.picture, k), tuple((shown.title.text, shown.at + k, shown.of) for shown in stretch.titles))
        for stretch in track
        for k in range(stretch.frames)
    ]


stretches = st.builds(
    lambda frames, picture: Stretch(frames=frames, picture=picture),
    st.integers(1, 6),
    st.one_of(
        st.builds(
            lambda shot, start, held: Run(shot=shot, start=start, held=held),
            st.sampled_from("abc"),
            st.integers(0, 9),
            st.booleans(),
        ),
        st.builds(Slug, st.sampled_from(("#000000", "#ffffff"))),
    ),
)
tracks = st.lists(stretches, min_size=1, max_size=5).map(tuple)


@given(tracks, st.integers(0, 30), st.integers(0, 30))
def test_a_part_shows_what_the_whole_showed_there(track: Track, one: int, other: int) -> None:
    start, end = sorted((min(one, length(track)), min(other, length(track))))
    assert written_out(part(track, start, end)) == written_out(track)[start:end]


@given(tracks, tracks, st.integers(1, 12))
def test_a_dissolve_goes_evenly_from_one_track_to_the_other(a: Track, b: Track, wanted: int) -> None:
    of = min(wanted, length(a), length(b))
    a, b = part(a, 0, of), part(b, 0, of)
    seen = written_out(crossed(a, b, "dissolve", ""))
    expected = [
        (("blend", one, other, Fraction(k + 1, of + 1)), ())
        for k, ((one, _), (other, _)) in enumerate(zip(written_out(a), written_out(b), strict=True))
    ]
    assert seen == expected


@given(tracks, tracks, st.integers(1, 12), st.integers(0, 12), st.integers(0, 12))
def test_a_part_of_a_transition_goes_on_where_it_is(a: Track, b: Track, wanted: int, one: int, other: int) -> None:
    of = min(wanted, length(a), length(b))
    whole = crossed(part(a, 0, of), part(b, 0, of), "wipe", "left")
    start, end = sorted((min(one, of), min(other, of)))
    assert written_out(part(whole, start, end)) == written_out(whole)[start:end]


@given(tracks, tracks, st.integers(1, 12))
def test_a_dip_shows_the_first_clip_then_the_second_and_never_both(a: Track, b: Track, wanted: int) -> None:
    of = min(wanted, length(a), length(b))
    seen = written_out(crossed(part(a, 0, of), part(b, 0, of), "dip", "#102030"))
    assert len(seen) == of
    for k, ((_, one, other, _), _) in enumerate(seen):
        if k < of // 2:
            assert (one, other) == (written_out(a)[k][0], "#102030")
        else:
            assert (one, other) == ("#102030", written_out(b)[k][0])


@given(tracks, tracks, st.integers(0, 30))
def test_an_overlay_lies_over_its_frames_and_no_others(track: Track, top: Track, wanted: int) -> None:
    at = min(wanted, length(track) - 1)
    place = Over(
        base=Slug("#000000"), top=Slug("#000000"), left=Fraction(1, 2), upper=Fraction(1, 2), width=Fraction(1, 4),
        opacity=Fraction(1), at=0, of=0, fade_in=0, fade_out=0,
    )  # fmt: skip
    seen, under, over = written_out(overlaid(track, at, top, place)), written_out(track), written_out(top)
    of = min(len(over), len(under) - at)
    for k, (one, _) in enumerate(seen):
        if at <= k < at + of:
            assert one == ("over", under[k][0], over[k - at][0], k - at, of)
        else:
            assert one == under[k][0]


@given(tracks, st.integers(0, 30), st.integers(1, 12))
def test_a_title_splits_only_where_it_begins_and_ends(track: Track, wanted: int, frames: int) -> None:
    at = min(wanted, length(track) - 1)
    of = min(frames, length(track) - at)
    shown = Shown(title=TITLE, at=0, of=of, fade_in=0, fade_out=0)
    lit = titled(track, at, shown)
    assert [titles for _, titles in written_out(lit)] == [
        (("One", k - at, of),) if at <= k < at + of else () for k in range(length(track))
    ]
    assert set(starts(lit)) <= {*starts(track), at, at + of}


@given(st.lists(tracks, max_size=3))
def test_joined_tracks_follow_one_another(several: list[Track]) -> None:
    assert written_out(joined(several)) == [each for track in several for each in written_out(track)]


def test_runs_are_found_in_the_order_in_which_they_are_written() -> None:
    a, b, c = (Run(shot=name, start=0) for name in "abc")
    blend = Blend(a=a, b=Blend(a=Slug("#000000"), b=b, at=0, of=1), at=0, of=1)
    over = Over(
        base=blend, top=c, left=Fraction(0), upper=Fraction(0), width=Fraction(1), opacity=Fraction(1), at=0, of=1,
        fade_in=0, fade_out=0,
    )  # fmt: skip
    assert [run.shot for run in runs(over)] == ["a", "b", "c"]
