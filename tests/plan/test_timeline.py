"""Cuts in frames: what every timeline must satisfy, and what cannot be laid out."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotbuild.errors import Location, SpecError
from shotbuild.plan.timeline import place, segments, total_frames
from shotbuild.records import Clip, Transition
from shotbuild.units import Duration

HERE = Location(file="specs/a.yaml", line=1, column=1)
RATE = Fraction(24)


def clip(shot: str, start: int = 0, end: int | None = None, dissolve: int = 0) -> Clip:
    return Clip(
        shot=shot,
        start=Duration(frames=start),
        end=None if end is None else Duration(frames=end),
        transition=Transition(kind="dissolve", duration=Duration(frames=dissolve), location=HERE) if dissolve else None,
        sound=True,
        location=HERE,
    )


def test_a_dissolve_takes_the_last_frames_of_one_clip_and_the_first_of_the_next() -> None:
    clips = (clip("a"), clip("b", start=10, end=60, dissolve=12))
    placed = place(clips, {"a": 48, "b": 96}, RATE)
    first, over, last = segments(clips, placed)
    assert (first.at, first.a.start, first.frames) == (0, 0, 36)
    assert over.into is not None
    assert (over.at, over.a.start, over.into.start, over.frames) == (36, 36, 10, 12)
    assert (last.at, last.a.start, last.frames) == (48, 22, 38)
    assert total_frames(placed) == 48 + 50 - 12


def test_a_clip_that_is_all_transition_has_no_run_of_its_own() -> None:
    clips = (clip("a"), clip("b", dissolve=10), clip("c", dissolve=10))
    placed = place(clips, {"a": 30, "b": 20, "c": 30}, RATE)
    assert [(segment.transition, segment.frames) for segment in segments(clips, placed)] == [
        ("", 20),
        ("dissolve", 10),
        ("dissolve", 10),
        ("", 20),
    ]


def test_an_out_point_after_the_end_is_told_with_the_length() -> None:
    with pytest.raises(SpecError) as told:
        place((clip("a", end=49),), {"a": 48}, RATE)
    assert told.value.cause == "the shot is 48 frames long at this cut's rate"


def test_a_clip_with_nothing_left_is_refused() -> None:
    with pytest.raises(SpecError, match="nothing is left of a"):
        place((clip("a", start=48),), {"a": 48}, RATE)


def test_transitions_that_overlap_each_other_are_refused() -> None:
    with pytest.raises(SpecError, match="transitions need 22 frames of b"):
        place((clip("a"), clip("b", dissolve=12), clip("c", dissolve=10)), {"a": 48, "b": 21, "c": 48}, RATE)


@st.composite
def cuts(draw: st.DrawFn) -> tuple[tuple[Clip, ...], dict[str, int]]:
    count = draw(st.integers(1, 6))
    lengths, clips, free = {}, [], 0
    for index in range(count):
        length = draw(st.integers(1, 60))
        start = draw(st.integers(0, length - 1))
        end = draw(st.integers(start + 1, length))
        overlap = draw(st.integers(0, min(free, end - start))) if index else 0
        lengths[f"s{index}"] = length
        clips.append(clip(f"s{index}", start, end, overlap))
        free = end - start - overlap
    return tuple(clips), lengths


@given(cuts())
def test_segments_cover_the_cut_in_order_without_gaps(cut: tuple[tuple[Clip, ...], dict[str, int]]) -> None:
    clips, lengths = cut
    placed = place(clips, lengths, RATE)
    found = segments(clips, placed)
    at = 0
    for segment in found:
        assert segment.at == at
        assert segment.frames > 0
        for span in (segment.a, segment.into):
            if span is not None:
                used = placed[span.clip]
                assert used.start <= span.start <= span.start + segment.frames <= used.end
        at += segment.frames
    assert at == total_frames(placed)


@given(cuts())
def test_every_used_frame_of_every_clip_is_seen_exactly_once(cut: tuple[tuple[Clip, ...], dict[str, int]]) -> None:
    clips, lengths = cut
    placed = place(clips, lengths, RATE)
    seen: dict[int, list[int]] = {}
    for segment in segments(clips, placed):
        for span in (segment.a, segment.into):
            if span is not None:
                seen.setdefault(span.clip, []).extend(range(span.start, span.start + segment.frames))
    for index, used in enumerate(placed):
        assert sorted(seen[index]) == list(range(used.start, used.end))
