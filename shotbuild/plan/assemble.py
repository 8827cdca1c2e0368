"""One sequence and its deliverables → Steps: clips conformed, segments encoded per profile, sound mixed once, joined."""

from collections.abc import Mapping
from collections.abc import Sequence as Rows
from dataclasses import dataclass, replace
from fractions import Fraction

from shotbuild.errors import SpecError
from shotbuild.plan.graph import Link
from shotbuild.plan.materials import Materials, ShotFilm
from shotbuild.plan.timeline import Placed, Segment, frames_of, place, segments, total_frames
from shotbuild.records import (
    AudioTrack,
    Clip,
    Deliverable,
    Fields,
    Format,
    Origin,
    Output,
    Pin,
    Profile,
    Recipe,
    Sequence,
    SourceFile,
    Step,
    fields,
)
from shotbuild.units import SAMPLE_RATE, Duration, Size, rate_name, rate_text, round_half_up, samples

TO_THE_END = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A sequence settled in frames. conformed: the step that conforms each clip; heard: does that clip's step make sound."""

    sequence: Sequence
    placed: tuple[Placed, ...]
    segments: tuple[Segment, ...]
    conformed: tuple[str, ...]
    heard: tuple[bool, ...]

    @property
    def frames(self) -> int:
        return total_frames(self.placed)

    @property
    def rate(self) -> Fraction:
        return self.sequence.format.rate


def cut_of(sequence: Sequence, films: Mapping[str, ShotFilm]) -> Cut:
    """Lays a sequence out. Errors: SpecError where trims or transitions do not fit."""
    rate = sequence.format.rate
    lengths = {clip.shot: frames_of(films[clip.shot].seconds, rate) for clip in sequence.clips}
    placed = place(sequence.clips, lengths, rate)
    for track in sequence.audio:
        _check_track(track, total_frames(placed) / rate, rate)
    return Cut(
        sequence=sequence,
        placed=placed,
        segments=segments(sequence.clips, placed),
        conformed=tuple(conform_name(clip.shot, sequence.format) for clip in sequence.clips),
        heard=tuple(clip.sound and films[clip.shot].sound is not None for clip in sequence.clips),
    )


def _check_track(track: AudioTrack, seconds: Fraction, rate: Fraction) -> None:
    if track.at.exact(rate) >= seconds:
        raise SpecError(
            f"{track.file} would start after the end of the cut",
            location=track.location,
            cause=f"it starts at {float(track.at.exact(rate)):.3f} s, the cut lasts {float(seconds):.3f} s",
            hint="give it an earlier `at`",
        )


def conform_name(shot: str, format: Format) -> str:
    pixels = "" if format.pixels == "yuv420p" else f"-{format.pixels}"
    return f"{shot}/conform-{format.size}-{rate_name(format.rate)}{pixels}"


def conform(film: ShotFilm, format: Format, materials: Materials) -> Step:
    """Brings a finished shot to the format of a cut."""
    shot = film.shot
    inputs: list[tuple[str, Origin]] = [("source", film.picture)]
    if film.sound is not None and film.sound != film.picture:
        inputs.append(("sound", film.sound))
    parameters = fields(
        frames=frames_of(film.seconds, format.rate),
        size=str(format.size),
        rate=rate_text(format.rate),
        color=format.color,
        pixels=format.pixels,
        fit=shot.fit,
        sound=film.sound is not None,
    )
    return Step(
        name=conform_name(shot.name, format),
        recipe=_recipe("conform", materials, parameters),
        inputs=tuple(inputs),
        outputs=("video.mkv", "sound.wav") if film.sound is not None else ("video.mkv",),
        shots=(shot.name,),
        priority=shot.priority,
        tags=shot.tags,
        location=shot.location,
    )


def mix(cut: Cut, materials: Materials) -> Step | None:
    """All sound of a cut in one file; None when nothing is to be heard."""
    rows: list[Fields] = []
    inputs: list[tuple[str, Origin]] = []
    for index, (placed, step, heard) in enumerate(zip(cut.placed, cut.conformed, cut.heard, strict=True)):
        if heard:
            inputs.append((f"clip{index:04d}", Output(step=step, name="sound.wav")))
            rows.append(_clip_row(f"clip{index:04d}", placed, cut.rate))
    for index, track in enumerate(cut.sequence.audio):
        inputs.append((f"track{index:04d}", SourceFile(path=track.file, location=track.location)))
        rows.append(_track_row(f"track{index:04d}", track, cut.rate))
    if not rows:
        return None
    parameters = fields(rate=rate_text(cut.rate), frames=cut.frames, tracks=tuple(rows))
    return _sequence_step(cut, f"{cut.sequence.name}/mix", _recipe("mix", materials, parameters), inputs, "mix.wav")


def deliver(
    cut: Cut,
    deliverable: Deliverable,
    profile: Profile,
    mixed: Step | None,
    takes: Mapping[str, Origin],
    materials: Materials,
    project: str,
) -> tuple[list[Step], Link]:
    """The steps of one deliverable: a chunk for each segment, its sound, the joined file, which names its takes.

    takes: shot → the take or plate that it is."""
    name = f"{cut.sequence.name}/{deliverable.name}"
    encoded = [
        _encode(cut, segment, f"{name}/{label}", deliverable, profile, materials)
        for label, segment in zip(_labels(cut), cut.segments, strict=True)
    ]
    steps = list(encoded)
    inputs: list[tuple[str, Origin]] = [
        (f"segment{index:05d}", Output(step=step.name, name=step.outputs[0])) for index, step in enumerate(encoded)
    ]
    if mixed is not None:
        recipe = _recipe("sound", materials, fields(sound=profile.sound))
        output = f"sound.{profile.sound.text('extension')}"
        source: list[tuple[str, Origin]] = [("mix", Output(step=mixed.name, name=mixed.outputs[0]))]
        sound = _sequence_step(cut, f"{name}/sound", recipe, source, output, deliverable)
        steps.append(sound)
        inputs.append(("sound", Output(step=sound.name, name=output)))
    parameters = fields(
        frames=cut.frames,
        lengths=tuple(segment.frames for segment in cut.segments),
        rate=rate_text(cut.rate),
        project=project,
        sequence=cut.sequence.name,
        size=str(_out_size(cut.sequence.format.size, profile)),
        title=cut.sequence.title,
        video=profile.video,
    )
    output = f"film.{profile.extension}"
    recipe = _recipe("join", materials, parameters, materials.joiner)
    joined = _sequence_step(cut, name, recipe, inputs, output, deliverable)
    steps.append(replace(joined, cites=tuple(sorted(takes.items()))))
    return steps, Link(path=f"{deliverable.file}.{profile.extension}", step=name, output=output)


def _encode(cut: Cut, segment: Segment, name: str, deliverable: Deliverable, profile: Profile, materials: Materials) -> Step:
    inputs: list[tuple[str, Origin]] = [("a", Output(step=cut.conformed[segment.a.clip], name="video.mkv"))]
    clips = [cut.sequence.clips[segment.a.clip]]
    if segment.into is not None:
        inputs.append(("b", Output(step=cut.conformed[segment.into.clip], name="video.mkv")))
        clips.append(cut.sequence.clips[segment.into.clip])
    size = cut.sequence.format.size
    parameters = fields(
        burn_in=fields(label=_shots(clips), start=segment.at) if profile.burn_in else None,
        frames=segment.frames,
        out_size=str(_out_size(size, profile)),
        rate=rate_text(cut.rate),
        reframe=deliverable.reframe or profile.reframe,
        size=str(size),
        start_a=segment.a.start,
        start_b=segment.into.start if segment.into is not None else None,
        transition=segment.transition,
        video=profile.video,
    )
    recipe = _recipe("encode", materials, parameters)
    output = f"chunk.{profile.video.text('extension')}"
    shots = tuple(dict.fromkeys(clip.shot for clip in clips))
    return _sequence_step(cut, name, recipe, inputs, output, deliverable, shots)


def _sequence_step(
    cut: Cut,
    name: str,
    recipe: Recipe,
    inputs: Rows[tuple[str, Origin]],
    output: str,
    deliverable: Deliverable | None = None,
    shots: tuple[str, ...] = (),
) -> Step:
    tags = cut.sequence.tags + (deliverable.tags if deliverable else ())
    return Step(
        name=name,
        recipe=recipe,
        inputs=tuple(inputs),
        outputs=(output,),
        shots=shots,
        sequence=cut.sequence.name,
        deliverable=deliverable.name if deliverable else None,
        tags=tags,
        location=deliverable.location if deliverable else cut.sequence.location,
    )


def _labels(cut: Cut) -> list[str]:
    """A name for each segment, by its shots, so that moving a clip does not rename the others."""
    labels: list[str] = []
    used: dict[str, int] = {}
    for segment in cut.segments:
        spans = [segment.a] if segment.into is None else [segment.a, segment.into]
        label = "+".join(cut.sequence.clips[span.clip].shot for span in spans)
        used[label] = used.get(label, 0) + 1
        labels.append(label if used[label] == 1 else f"{label}~{used[label]}")
    return labels


def _shots(clips: Rows[Clip]) -> str:
    return " > ".join(clip.shot for clip in clips)


def _clip_row(name: str, placed: Placed, rate: Fraction) -> Fields:
    start = samples(placed.start, rate)
    return fields(
        input=name,
        at=samples(placed.at, rate),
        start=start,
        length=samples(placed.end, rate) - start,
        gain="0",
        fade_in=samples(placed.head, rate),
        fade_out=samples(placed.tail, rate),
    )


def _track_row(name: str, track: AudioTrack, rate: Fraction) -> Fields:
    start = _samples(track.start, rate)
    return fields(
        input=name,
        at=_samples(track.at, rate),
        start=start,
        length=TO_THE_END if track.end is None else _samples(track.end, rate) - start,
        gain=str(track.gain),
        fade_in=_samples(track.fade_in, rate),
        fade_out=_samples(track.fade_out, rate),
    )


def _samples(duration: Duration, rate: Fraction) -> int:
    return round_half_up(duration.exact(rate) * SAMPLE_RATE)


def _out_size(size: Size, profile: Profile) -> Size:
    """The size of a delivered picture: the profile's, or the cut's, made smaller where the profile has a limit."""
    if profile.size is not None:
        return profile.size
    if profile.height is None or size.height <= profile.height:
        return size
    return Size(2 * round_half_up(Fraction(size.width * profile.height, 2 * size.height)), profile.height)


def _recipe(stage: str, materials: Materials, parameters: Fields, tool: Pin | None = None) -> Recipe:
    """tool: who does the work, None = ffmpeg."""
    pins = (tool or materials.ffmpeg,)
    return Recipe(stage=stage, version=materials.stages[stage], pins=pins, parameters=parameters)
