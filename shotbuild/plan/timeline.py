"""A cut as segments in frames: runs of one clip, and the overlaps of transitions. Knows no files and no encoders.

A transition of D frames takes the last D frames of one clip and the first D of the next, so each joins two runs:
[A without its last D] [D frames of A and B] [B without its first D]. The cut is D frames shorter than its clips.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from shotbuild.errors import SpecError
from shotbuild.records import Clip
from shotbuild.units import round_half_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of a clip that is seen. clip: its index in the cut; start: its first frame at the cut's rate."""

    clip: int
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """frames of the cut from frame `at`. into: the clip that a transition leads into, None for a run of one clip."""

    frames: int
    at: int
    a: Span
    into: Span | None
    transition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A clip in frames of the cut. at: where it starts in the cut; start, end: the part of the shot that is used;
    head, tail: frames that it shares with its neighbours."""

    at: int
    start: int
    end: int
    head: int
    tail: int


def frames_of(seconds: Fraction, rate: Fraction) -> int:
    """How many frames a length of time fills; at least one."""
    return max(1, round_half_up(seconds * rate))


def place(clips: Sequence[Clip], lengths: Mapping[str, int], rate: Fraction) -> tuple[Placed, ...]:
    """Clips → their places. lengths: frames of each shot at `rate`. Errors: SpecError, at the clip or its transition."""
    heads = [clip.transition.duration.at(rate) if clip.transition else 0 for clip in clips]
    placed: list[Placed] = []
    at = 0
    for index, clip in enumerate(clips):
        length = lengths[clip.shot]
        start = clip.start.at(rate)
        end = length if clip.end is None else clip.end.at(rate)
        head = heads[index]
        tail = heads[index + 1] if index + 1 < len(clips) else 0
        _check_trim(clip, start, end, length)
        _check_overlaps(clips, index, end - start, head, tail)
        at -= head
        placed.append(Placed(at=at, start=start, end=end, head=head, tail=tail))
        at += end - start
    return tuple(placed)


def total_frames(placed: Sequence[Placed]) -> int:
    return placed[-1].at + placed[-1].end - placed[-1].start


def segments(clips: Sequence[Clip], placed: Sequence[Placed]) -> tuple[Segment, ...]:
    """The whole cut, in order and without gaps."""
    found: list[Segment] = []
    for index, (clip, here) in enumerate(zip(clips, placed, strict=True)):
        if clip.transition is not None and here.head:
            before = placed[index - 1]
            found.append(
                Segment(
                    frames=here.head,
                    at=here.at,
                    a=Span(clip=index - 1, start=before.end - here.head),
                    into=Span(clip=index, start=here.start),
                    transition=clip.transition.kind,
                )
            )
        alone = here.end - here.start - here.head - here.tail
        if alone:
            body = Span(clip=index, start=here.start + here.head)
            found.append(Segment(frames=alone, at=here.at + here.head, a=body, into=None, transition=""))
    return tuple(found)


def _check_trim(clip: Clip, start: int, end: int, length: int) -> None:
    if end > length:
        raise SpecError(
            f"`out` of {clip.shot} is {end} frames, after its end",
            location=clip.location,
            cause=f"the shot is {length} frames long at this cut's rate",
            hint="make the shot longer or take the clip out earlier",
        )
    if start >= end:
        raise SpecError(
            f"nothing is left of {clip.shot} in this cut",
            location=clip.location,
            cause=f"it goes in at frame {start} and out at frame {end}; the shot is {length} frames long",
            hint="`in` has to come before `out`, and before the end of the shot",
        )


def _check_overlaps(clips: Sequence[Clip], index: int, length: int, head: int, tail: int) -> None:
    if head + tail <= length:
        return
    clip = clips[index]
    transition = clip.transition or clips[index + 1].transition
    assert transition is not None
    raise SpecError(
        f"transitions need {head + tail} frames of {clip.shot}, but only {length} of it are in the cut",
        location=transition.location,
        cause=f"{head} frames overlap with the clip before and {tail} with the clip after",
        hint="shorten the transition, or use more of the shot",
    )
