"""A sequence → a Cut: what is seen and heard of it, in frames and samples. Nested sequences are laid open. Pure.

A transition of D frames takes the last D frames of one clip and the first D of the next, so each joins two runs:
[A without its last D] [D frames of A and B] [B without its first D]. The cut is D frames shorter than its clips.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from shotbuild.errors import Location, SpecError
from shotbuild.plan.timeline import (
    Over,
    Run,
    Shown,
    Slug,
    Stretch,
    Track,
    crossed,
    frames_of,
    joined,
    length,
    overlaid,
    part,
    runs,
    titled,
)
from shotbuild.records import AudioTrack, Clip, Overlay, Sequence, Title
from shotbuild.units import SAMPLE_RATE, Duration, round_half_up, samples

TO_THE_END = -1
BLACK = Slug("#000000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A part of a sound in a cut, in samples at 48 kHz. shot: whose sound it is, or file: a track's, with where it is
    written; at: in the cut; start, length: of the source, TO_THE_END = all that there is; gain, duck: in decibels."""

    shot: str = ""
    track: AudioTrack | None = None
    at: int
    start: int
    length: int
    gain: Fraction
    fade_in: int
    fade_out: int
    role: str
    duck: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A sequence settled in frames. track: what is seen; heard: what is heard; clips: each clip of the main track, and of
    sequences nested in it, with its first and last frame (not with it), for lists and sheets."""

    sequence: Sequence
    track: Track
    heard: tuple[Heard, ...]
    clips: tuple[tuple[str, int, int], ...]

    @property
    def frames(self) -> int:
        return length(self.track)

    @property
    def rate(self) -> Fraction:
        return self.sequence.format.rate

    @property
    def shots(self) -> tuple[str, ...]:
        """Every shot that is seen, once, in the order of the cut."""
        return tuple(dict.fromkeys(run.shot for stretch in self.track for run in runs(stretch.picture)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """What a cut must know of a shot. seconds: exact; sound: has it any."""

    seconds: Fraction
    sound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A clip before it is set beside its neighbours: what it shows and lets hear, from its own frame 0 on."""

    clip: Clip
    track: Track
    heard: tuple[Heard, ...]
    clips: tuple[tuple[str, int, int], ...]


def cut_of(sequence: Sequence, shots: Mapping[str, Length], sequences: Mapping[str, Sequence]) -> Cut:
    """Lays a sequence out. Errors: SpecError where trims, transitions, overlays or titles do not fit."""
    return _laid(sequence, shots, sequences, sequence.format.rate)


def _laid(sequence: Sequence, shots: Mapping[str, Length], sequences: Mapping[str, Sequence], rate: Fraction) -> Cut:
    pieces = [_piece(clip, shots, sequences, rate) for clip in sequence.clips]
    overlaps = [clip.transition.duration.at(rate) if clip.transition else 0 for clip in sequence.clips]
    tracks: list[Track] = []
    heard: list[Heard] = []
    clips: list[tuple[str, int, int]] = []
    at = 0
    for index, piece in enumerate(pieces):
        head = overlaps[index]
        tail = overlaps[index + 1] if index + 1 < len(pieces) else 0
        _check_overlaps(pieces, index, head, tail)
        own = length(piece.track)
        at -= head
        if head and (into := piece.clip.transition) is not None:
            before = pieces[index - 1].track
            leaving = part(before, length(before) - head, length(before))
            tracks.append(crossed(leaving, part(piece.track, 0, head), into.kind, into.style))
        tracks.append(part(piece.track, head, own - tail))
        heard += _placed(piece, at, own, head, tail, rate)
        clips += [(name, at + first, at + last) for name, first, last in piece.clips]
        at += own
    track = joined(tracks)
    for overlay in sequence.overlays:
        track, more = _over(track, overlay, shots, rate)
        heard += more
    for title in sequence.titles:
        track = _with_title(track, title, rate)
    heard += [_track_heard(each, length(track), rate) for each in sequence.audio]
    return Cut(sequence=sequence, track=track, heard=tuple(heard), clips=tuple(clips))


def _piece(clip: Clip, shots: Mapping[str, Length], sequences: Mapping[str, Sequence], rate: Fraction) -> _Piece:
    if clip.slug:
        frames = clip.length.at(rate) if clip.length is not None else 0
        return _Piece(clip=clip, track=(Stretch(frames=frames, picture=Slug(clip.slug)),), heard=(), clips=())
    if clip.sequence:
        inner = sequences[clip.sequence]
        if inner.format.rate != rate:
            raise SpecError(
                f"sequence {inner.name} runs at another rate than this cut",
                location=clip.location,
                cause=f"{float(inner.format.rate):.3f} and {float(rate):.3f} frames a second",
                hint="give both the same `rate`: pictures between frames are not invented",
            )
        laid = _laid(inner, shots, sequences, rate)
        start, end = _used(clip, laid.frames, rate)
        inside = _within(laid.heard, start, end, rate, ends=end == laid.frames)
        heard = tuple(_sounding(each, clip) for each in inside) if clip.sound else ()
        clips = tuple(
            (name, max(first, start) - start, min(last, end) - start)
            for name, first, last in laid.clips
            if first < end and last > start
        )
        return _Piece(clip=clip, track=part(laid.track, start, end), heard=heard, clips=clips)
    shot = shots[clip.shot]
    there = frames_of(shot.seconds, rate)
    if clip.hold is not None:
        start, frames = clip.start.at(rate), clip.hold.at(rate)
        if start >= there:
            _refuse_trim(clip, f"`in` of {clip.shot} is frame {start}, after its end", there)
        run = Stretch(frames=frames, picture=Run(shot=clip.shot, start=start, held=True))
        return _Piece(clip=clip, track=(run,), heard=(), clips=((clip.shot, 0, frames),))
    start, end = _used(clip, there, rate)
    track = (Stretch(frames=end - start, picture=Run(shot=clip.shot, start=start)),)
    heard = (_clip_heard(clip, start, end, rate),) if clip.sound and shot.sound else ()
    return _Piece(clip=clip, track=track, heard=heard, clips=((clip.shot, 0, end - start),))


def _used(clip: Clip, there: int, rate: Fraction) -> tuple[int, int]:
    start = clip.start.at(rate)
    end = there if clip.end is None else clip.end.at(rate)
    if end > there:
        _refuse_trim(clip, f"`out` of {clip.name} is {end} frames, after its end", there)
    if start >= end:
        raise SpecError(
            f"nothing is left of {clip.name} in this cut",
            location=clip.location,
            cause=f"it goes in at frame {start} and out at frame {end}; it is {there} frames long",
            hint="`in` has to come before `out`, and before the end",
        )
    return start, end


def _refuse_trim(clip: Clip, message: str, there: int) -> None:
    raise SpecError(
        message,
        location=clip.location,
        cause=f"it is {there} frames long at this cut's rate",
        hint="make it longer or take the clip out earlier",
    )


def _check_overlaps(pieces: list[_Piece], index: int, head: int, tail: int) -> None:
    own = length(pieces[index].track)
    if head + tail <= own:
        return
    clip = pieces[index].clip
    transition = clip.transition or pieces[index + 1].clip.transition
    assert transition is not None
    raise SpecError(
        f"transitions need {head + tail} frames of {clip.name}, but only {own} of it are in the cut",
        location=transition.location,
        cause=f"{head} frames overlap with the clip before and {tail} with the clip after",
        hint="shorten the transition, or use more of the shot",
    )


def _over(track: Track, overlay: Overlay, shots: Mapping[str, Length], rate: Fraction) -> tuple[Track, list[Heard]]:
    at = overlay.at.at(rate)
    _check_at(f"overlay {overlay.shot}", at, track, overlay.location)
    clip = Clip(
        shot=overlay.shot,
        start=overlay.start,
        end=overlay.end,
        sound=overlay.sound,
        gain=overlay.gain,
        fade_in=overlay.fade_in,
        fade_out=overlay.fade_out,
        location=overlay.location,
    )
    piece = _piece(clip, shots, {}, rate)
    seen = min(length(piece.track), length(track) - at)
    fade_in, fade_out = overlay.fade_in.at(rate), overlay.fade_out.at(rate)
    place = Over(
        base=BLACK,
        top=BLACK,
        left=overlay.left,
        upper=overlay.top,
        width=overlay.width,
        opacity=overlay.opacity,
        at=0,
        of=seen,
        fade_in=min(fade_in, seen),
        fade_out=min(fade_out, seen),
    )
    heard = [_moved(each, samples(at, rate)) for each in _within(piece.heard, 0, seen, rate)]
    return overlaid(track, at, piece.track, place), heard


def _with_title(track: Track, title: Title, rate: Fraction) -> Track:
    at = title.at.at(rate)
    _check_at("this title", at, track, title.location)
    there = length(track) - at
    of = min(title.length.at(rate), there) if title.length != Duration() else there
    fade_in, fade_out = min(title.fade_in.at(rate), of), min(title.fade_out.at(rate), of)
    return titled(track, at, Shown(title=title, at=0, of=of, fade_in=fade_in, fade_out=fade_out))


def _check_at(what: str, at: int, track: Track, location: Location) -> None:
    if at >= length(track):
        raise SpecError(
            f"{what} would start after the end of the cut",
            location=location,
            cause=f"it starts at frame {at}, the cut has {length(track)}",
            hint="give it an earlier `at`",
        )


# --- sound -----------------------------------------------------------------------------------------------------------


def _clip_heard(clip: Clip, start: int, end: int, rate: Fraction) -> Heard:
    first = samples(start, rate)
    return Heard(
        shot=clip.shot,
        at=0,
        start=first,
        length=samples(end, rate) - first,
        gain=clip.gain,
        fade_in=_samples(clip.fade_in, rate),
        fade_out=_samples(clip.fade_out, rate),
        role=clip.role,
    )


def _track_heard(track: AudioTrack, frames: int, rate: Fraction) -> Heard:
    at, start = _samples(track.at, rate), _samples(track.start, rate)
    seconds = frames / rate
    if track.at.exact(rate) >= seconds:
        raise SpecError(
            f"{track.file} would start after the end of the cut",
            location=track.location,
            cause=f"it starts at {float(track.at.exact(rate)):.3f} s, the cut lasts {float(seconds):.3f} s",
            hint="give it an earlier `at`",
        )
    return Heard(
        track=track,
        at=at,
        start=start,
        length=TO_THE_END if track.end is None else _samples(track.end, rate) - start,
        gain=track.gain,
        fade_in=_samples(track.fade_in, rate),
        fade_out=_samples(track.fade_out, rate),
        role=track.role,
        duck=track.duck,
    )


def _placed(piece: _Piece, at: int, own: int, head: int, tail: int, rate: Fraction) -> list[Heard]:
    """The sounds of a clip in the cut. Where it overlaps with a neighbour, the two cross with equal power."""
    # Places are counted by frames, so that rounding never adds up along a cut, and a sound that lasts to the end of its clip
    # ends where the next clip begins: at some rates that is a sample more or less than its own frames come to.
    start, end = samples(at, rate), samples(at + own, rate)
    placed: list[Heard] = []
    for each in piece.heard:
        first, last = each.at == 0, _ends(each, own, rate)
        length_ = end - start - each.at if last else each.length
        if length_ <= 0:
            continue
        placed.append(
            replace(
                each,
                at=start + each.at,
                length=length_,
                fade_in=max(each.fade_in, samples(head, rate)) if first else each.fade_in,
                fade_out=max(each.fade_out, samples(tail, rate)) if last else each.fade_out,
            )
        )
    return placed


def _ends(heard: Heard, frames: int, rate: Fraction) -> bool:
    return heard.at + heard.length >= samples(frames, rate) - 1


def _within(heard: tuple[Heard, ...], start: int, end: int, rate: Fraction, *, ends: bool = False) -> list[Heard]:
    """What of some sounds lies between two frames, from the first of them on. ends: the last frame is that of the film that
    they belong to, so that sounds which go on to its end fade out there as they would have."""
    first, last = samples(start, rate), samples(end, rate)
    found: list[Heard] = []
    for each in heard:
        late = max(first - each.at, 0)
        room = last - max(each.at, first)
        rest = room if each.length == TO_THE_END else min(each.length - late, room)
        if room <= 0 or rest <= 0:
            continue
        cut_off = not ends and (each.length == TO_THE_END or each.length - late > room)
        found.append(
            replace(
                each,
                at=max(each.at - first, 0),
                start=each.start + late,
                length=rest,
                fade_in=max(each.fade_in - late, 0),
                fade_out=0 if cut_off else each.fade_out,
            )
        )
    return found


def _sounding(heard: Heard, clip: Clip) -> Heard:
    """A sound of a nested sequence, with the gain of the clip that the sequence is."""
    return replace(heard, gain=heard.gain + clip.gain)


def _moved(heard: Heard, by: int) -> Heard:
    return replace(heard, at=heard.at + by)


def _samples(duration: Duration, rate: Fraction) -> int:
    return round_half_up(duration.exact(rate) * SAMPLE_RATE)
