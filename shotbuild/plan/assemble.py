"""A Cut and its deliverables → Steps: segments encoded per profile straight from the shots, sound mixed once, then joined.

Every deliverable ends in one step of its own name, `opening/web`; `opening/web/measure` and `opening/web/report` follow.
What that step is depends on the profile's kind. Profiles that cannot be made of chunks are encoded from `…/mezzanine`, a
lossless film that is itself joined of chunks: a change encodes only what it touches there too.
"""

import re
from collections.abc import Mapping
from collections.abc import Sequence as Rows
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from operator import itemgetter

from shotbuild.digest import canonical, of_text
from shotbuild.errors import Location, SpecError
from shotbuild.plan.cut import Cut, Heard
from shotbuild.plan.graph import Link
from shotbuild.plan.materials import Materials, ShotFilm
from shotbuild.plan.timeline import Blend, Over, Picture, Run, Shown, Slug, Stretch, frames_of, part, pieces, runs, starts
from shotbuild.records import (
    Caption,
    Captions,
    Deliverable,
    Fields,
    Origin,
    Output,
    Pin,
    Profile,
    Project,
    Recipe,
    SourceFile,
    Step,
    fields,
)
from shotbuild.units import Size, rate_name, rate_text, round_half_up, timecode

FILM, LADDERS, FRAMES, STEMS, ANIMATION, SHEET, POSTER = (
    "film",
    ("hls", "dash"),
    "frames",
    "stems",
    "animation",
    "sheet",
    "poster",
)
FOLDERS = (*LADDERS, FRAMES, STEMS)
"""Kinds whose result is a folder."""
SHEET_SIZE = Size(480, 270)
FIRST_NUMBER = 1001
GOP_SECONDS = 2
OTHER_STEPS = re.compile(r"sound|measure|report|whole|mezzanine|captions-.*|text-.*|frame\d+")
"""What else stands below a deliverable; `+` and `~` are in no name of a shot."""
ONE_PICTURE = fields(codec="png", extension="png", pixels="rgb24")
Inputs = list[tuple[str, Origin]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """One deliverable of a cut, with all that its steps are made from. prefix: of the names of its steps."""

    cut: Cut
    deliverable: Deliverable
    profile: Profile
    films: Mapping[str, ShotFilm]
    materials: Materials
    project: Project
    prefix: str

    @property
    def size(self) -> Size:
        """Of the delivered picture."""
        return out_size(self.cut.sequence.format.size, self.profile)

    def step(
        self,
        name: str,
        stage: str,
        parameters: Fields,
        inputs: Rows[tuple[str, Origin]],
        outputs: tuple[str, ...],
        tools: tuple[Pin, ...] = (),
        *,
        shots: tuple[str, ...] = (),
        batch: str | None = None,
        piece: int = 0,
        cites: tuple[tuple[str, Origin], ...] = (),
    ) -> Step:
        """tools: who does the work, none = ffmpeg."""
        return Step(
            name=name,
            recipe=_recipe(stage, self.materials, parameters, tools),
            inputs=tuple(inputs),
            outputs=outputs,
            shots=shots,
            batch=batch,
            piece=piece,
            cites=cites,
            sequence=self.cut.sequence.name,
            deliverable=self.deliverable.name,
            tags=self.cut.sequence.tags + self.deliverable.tags,
            location=self.deliverable.location,
        )


def commissioned(
    cut: Cut, deliverable: Deliverable, films: Mapping[str, ShotFilm], materials: Materials, project: Project
) -> Commission:
    return Commission(
        cut=cut,
        deliverable=deliverable,
        profile=materials.profiles[deliverable.profile],
        films=films,
        materials=materials,
        project=project,
        prefix=f"{cut.sequence.name}/{deliverable.name}",
    )


def sounds_of(cut: Cut, films: Mapping[str, ShotFilm], materials: Materials) -> list[Step]:
    """The sound of each shot that is heard in a cut, at its rate."""
    found: dict[str, Step] = {}
    for heard in cut.heard:
        film = films.get(heard.shot)
        if film is None or film.sound is None:
            continue
        frames = frames_of(film.seconds, cut.rate)
        own = rate_text(film.shot.format.rate) if film.retimed else None
        parameters = fields(effects=film.retimed, frames=frames, own=own, rate=rate_text(cut.rate))
        inputs: Inputs = [("source", film.sound)]
        found[film.shot.name] = Step(
            name=sound_name(film.shot.name, cut.rate),
            recipe=_recipe("clip-sound", materials, parameters),
            inputs=tuple(inputs),
            outputs=("sound.wav",),
            shots=(film.shot.name,),
            priority=film.shot.priority,
            tags=film.shot.tags,
            location=film.shot.location,
        )
    return list(found.values())


def sound_name(shot: str, rate: Fraction) -> str:
    return f"{shot}/sound-{rate_name(rate)}"


def mix(order: Commission, layout: str, roles: tuple[str, ...] | None) -> Step | None:
    """All sound of a cut in one file, or that of some roles; None when nothing is to be heard. layout: `mono`, `stereo`,
    `5.1`."""
    cut = order.cut
    if not cut.heard or (roles is not None and not any(heard.role in roles for heard in cut.heard)):
        return None
    rows: list[Fields] = []
    inputs: dict[str, Origin] = {}
    for index, heard in enumerate(cut.heard):
        name, origin = _source_of(index, heard, cut.rate)
        inputs[name] = origin
        rows.append(_sound_row(name, heard))
    parameters = fields(
        rate=rate_text(cut.rate),
        frames=cut.frames,
        layout=layout,
        roles=roles,
        tracks=tuple(rows),
    )
    own = "" if layout == "stereo" else f"-{layout}"
    name = f"mix{own}" + ("" if roles is None else f"-{'-'.join(roles)}")
    if any(each.sequence == cut.sequence.name and each.name == name for each in order.project.deliverables):
        name += "~"
    return Step(
        name=f"{cut.sequence.name}/{name}",
        recipe=_recipe("mix", order.materials, parameters),
        inputs=tuple(inputs.items()),
        outputs=("mix.wav",),
        sequence=cut.sequence.name,
        tags=cut.sequence.tags,
        location=cut.sequence.location,
    )


def deliver(order: Commission) -> tuple[list[Step], list[Link]]:
    """All steps of one deliverable, and the files that they give. Errors: SpecError for captions that the sequence lacks."""
    kind = order.profile.kind
    steps = _KINDS.get(kind, _film)(order)
    film = steps[-1]
    output, path = film.outputs[0], order.deliverable.file
    folder = kind in FOLDERS
    links = [
        Link(path=path if folder else f"{path}.{order.profile.extension}", step=film.name, output=output, folder=folder)
    ]
    measured = order.step(
        f"{order.prefix}/measure",
        "measure",
        fields(
            cuts=starts(order.cut.track),
            extension="tar" if folder else order.profile.extension,
            frames=None if kind in (ANIMATION, SHEET, POSTER) else order.cut.frames,
            rate=rate_text(order.cut.rate),
        ),
        [("film", Output(step=film.name, name=output)), *_mix_of(steps)],
        ("measured.json",),
    )
    report = order.step(
        f"{order.prefix}/report",
        "report",
        fields(
            must=order.profile.must,
            names=fields(
                project=order.project.name,
                sequence=order.cut.sequence.name,
                deliverable=order.deliverable.name,
                profile=order.profile.name,
            ),
            silent=not order.cut.heard,
            waived=Fields(order.deliverable.waived),
        ),
        [("measured", Output(step=measured.name, name="measured.json"))],
        ("report.json", "report.html"),
    )
    links += [Link(path=f"{path}.{each}", step=report.name, output=each) for each in report.outputs]
    return [*steps, measured, report], links


def _mix_of(steps: Rows[Step]) -> Inputs:
    """What the sound of a film is held against."""
    mixes = [step for step in steps if step.recipe.stage == "mix"] if steps[-1].recipe.stage == "join" else []
    return [("mix", Output(step=mixes[-1].name, name=mixes[-1].outputs[0]))] if mixes else []


# --- what each kind of profile gives ---------------------------------------------------------------------------------


def _film(order: Commission) -> list[Step]:
    if not order.profile.video.items:
        return _sound_alone(order)
    if order.materials.chunked(order.profile.video):
        steps = _encoded(order, order.profile.video)
        chunks = _chunks(steps)
    else:
        steps = _whole(order)
        chunks = steps[-1:]
    sound = _sound(order)
    captions = [_caption_track(order, language) for language in order.deliverable.captions]
    film = _joined(order, order.prefix, chunks, order.profile.video, order.profile.extension, sound[-1:], captions)
    return [*steps, *sound, *captions, film]


def _whole(order: Commission) -> list[Step]:
    """The picture in one go, from a lossless film."""
    steps = _mezzanine(order)
    video = order.profile.video
    parameters = fields(
        frames=order.cut.frames,
        rate=rate_text(order.cut.rate),
        size=str(order.size),
        video=video,
    )
    film: Inputs = [("film", Output(step=steps[-1].name, name=steps[-1].outputs[0]))]
    return [*steps, order.step(f"{order.prefix}/whole", "whole", parameters, film, (f"chunk.{video.text('extension')}",))]


def _mezzanine(order: Commission) -> list[Step]:
    """A lossless film of the delivered size, picture only."""
    pixels = order.profile.video.get("source_pixels") or order.profile.video.get("pixels")
    lossless = order.materials.mezzanine(str(pixels))
    inner = replace(order, prefix=f"{order.prefix}/mezzanine", profile=replace(order.profile, wrap=Fields()))
    steps = _encoded(inner, lossless)
    return [*steps, _bare(_joined(inner, inner.prefix, _chunks(steps), lossless, "mkv", [], []))]


def _ladder(order: Commission) -> list[Step]:
    steps: list[Step] = []
    rungs: list[Fields] = []
    inputs: Inputs = []
    for index, name in enumerate(order.profile.ladder):
        profile = replace(order.materials.profiles[name], wrap=Fields())
        rung = replace(order, profile=profile, prefix=f"{order.prefix}/{name}")
        chunks = _encoded(rung, profile.video)
        film = _joined(rung, rung.prefix, _chunks(chunks), profile.video, "mp4", [], [])
        film = _bare(film)
        steps += [*chunks, film]
        inputs.append((f"rung{index}", Output(step=film.name, name=film.outputs[0])))
        rungs.append(fields(name=name, size=str(rung.size)))
    sound = _sound(order)
    steps += sound
    if sound:
        inputs.append(("sound", Output(step=sound[-1].name, name=sound[-1].outputs[0])))
    for language in order.deliverable.captions:
        track = _caption_track(order, language)
        steps.append(track)
        inputs.append((f"captions-{language}", Output(step=track.name, name=track.outputs[0])))
    parameters = fields(
        kind=order.profile.kind,
        rate=rate_text(order.cut.rate),
        rows=tuple(rungs),
        seconds="6",
        title=order.cut.sequence.title,
    )
    tools = (order.materials.ffmpeg, order.materials.joiner)
    return [*steps, order.step(order.prefix, "ladder", parameters, inputs, ("package.tar",), tools)]


def _frames(order: Commission) -> list[Step]:
    video = order.profile.video
    steps = _encoded(order, video)
    chunks = _chunks(steps)
    first = video.get("first")
    parameters = fields(
        extension=video.text("codec"),
        first=first if isinstance(first, int) else FIRST_NUMBER,
        lengths=_lengths(chunks),
    )
    return [*steps, order.step(order.prefix, "frames", parameters, _numbered(chunks), ("package.tar",))]


def _animation(order: Commission) -> list[Step]:
    steps = _mezzanine(order)
    parameters = fields(
        frames=order.cut.frames, rate=rate_text(order.cut.rate), size=str(order.size), video=order.profile.video
    )
    film: Inputs = [("film", Output(step=steps[-1].name, name=steps[-1].outputs[0]))]
    return [*steps, order.step(order.prefix, "animation", parameters, film, (f"film.{order.profile.extension}",))]


def _sheet(order: Commission) -> list[Step]:
    """The middle frame of each clip, small."""
    order = replace(order, profile=replace(order.profile, size=_thumbnail(order.cut.sequence.format.size)))
    steps: list[Step] = []
    rows: list[Fields] = []
    start = order.cut.sequence.timecode.at(order.cut.rate)
    for index, (shot, first, last) in enumerate(order.cut.clips):
        middle = (first + last) // 2
        steps += _still(order, f"{order.prefix}/frame{index:04d}", middle, ONE_PICTURE)
        rows.append(fields(label=shot, timecode=timecode(start + first, order.cut.rate)))
    frames = [step for step in steps if step.recipe.stage == "encode"]
    inputs: Inputs = [
        (f"frame{index:04d}", Output(step=step.name, name=step.outputs[0])) for index, step in enumerate(frames)
    ]
    columns = order.profile.video.get("columns")
    parameters = fields(
        columns=columns if isinstance(columns, int) else None,
        rows=tuple(rows),
        size=str(order.size),
        title=order.cut.sequence.title,
    )
    return [*steps, order.step(order.prefix, "sheet", parameters, inputs, ("sheet.png",))]


def _poster(order: Commission) -> list[Step]:
    """One frame: at a share of the film, a third of it where nothing is said."""
    share = Fraction(str(order.profile.video.get("at") or "1/3"))
    frame = min(int(share * order.cut.frames), order.cut.frames - 1)
    return _still(order, order.prefix, frame, ONE_PICTURE)


def _stems(order: Commission) -> list[Step]:
    layout = str(order.profile.sound.get("layout") or "stereo")
    steps: list[Step] = []
    inputs: Inputs = []
    for role in dict.fromkeys(heard.role for heard in order.cut.heard):
        mixed = mix(order, layout, (role,))
        assert mixed is not None, "a role that is heard has a mix"
        steps.append(mixed)
        inputs.append((role, Output(step=mixed.name, name=mixed.outputs[0])))
    if not steps:
        raise SpecError(
            f"{order.cut.sequence.name} has no sound, so there are no stems",
            location=order.deliverable.location,
            hint="give it `audio`, or take this deliverable out",
        )
    parameters = fields(
        rate=rate_text(order.cut.rate),
        sound=order.profile.sound,
        timecode=order.cut.sequence.timecode.at(order.cut.rate),
    )
    return [*steps, order.step(order.prefix, "stems", parameters, inputs, ("package.tar",))]


def _sound_alone(order: Commission) -> list[Step]:
    sound = _sound(order)
    if not sound:
        raise SpecError(
            f"{order.cut.sequence.name} has no sound",
            location=order.deliverable.location,
            cause=f"profile {order.profile.name!r} delivers sound alone",
            hint="give the sequence `audio`, or use another profile",
        )
    return [*sound[:-1], replace(sound[-1], name=order.prefix)]


_KINDS = {
    "hls": _ladder,
    "dash": _ladder,
    FRAMES: _frames,
    ANIMATION: _animation,
    SHEET: _sheet,
    POSTER: _poster,
    STEMS: _stems,
}


# --- segments --------------------------------------------------------------------------------------------------------


def _encoded(order: Commission, video: Fields) -> list[Step]:
    """A chunk for each segment, with the texts that are drawn over it."""
    steps: dict[str, Step] = {}
    chunks: list[Step] = []
    burnt, output = _burnt(order), f"chunk.{video.text('extension')}"
    same = _same(order, video)
    for label, stretch, at in zip(_labels(order), order.cut.track, starts(order.cut.track), strict=True):
        parts = pieces(stretch, _gop(order.cut))
        for piece, (each, first) in enumerate(zip(parts, starts(parts), strict=True)):
            letters = [_title(order, shown, each.frames) for shown in each.titles]
            letters += [_caption(order, text, at + first, each.frames) for text in _over(burnt, at + first, each.frames)]
            steps.update((step.name, step) for step, _ in letters)
            name = f"{order.prefix}/{label}" + (f"/{piece + 1}" if len(parts) > 1 else "")
            batch = f"{order.cut.sequence.name}/{label}"
            chunks.append(_encode(order, each, at + first, name, same, letters, output, batch, piece))
    return [*steps.values(), *chunks]


def _chunks(steps: Rows[Step]) -> list[Step]:
    """The segments among the steps of a film, without those that draw its texts."""
    return [step for step in steps if step.recipe.stage == "encode"]


def _lengths(chunks: Rows[Step]) -> tuple[int, ...]:
    """Frames of each chunk."""
    return tuple(step.recipe.parameters.integer("frames") for step in chunks)


def _gop(cut: Cut) -> int:
    """Frames between key frames, as most profiles have them; it divides or is divided by those of the others."""
    return round_half_up(GOP_SECONDS * cut.rate)


def _still(order: Commission, name: str, frame: int, video: Fields) -> list[Step]:
    """One frame of a cut as a picture."""
    (stretch,) = part(order.cut.track, frame, frame + 1)
    letters = [_title(order, shown, 1) for shown in stretch.titles]
    return [*(step for step, _ in letters), _encode(order, stretch, frame, name, _same(order, video), letters, "frame.png")]


def _encode(
    order: Commission,
    stretch: Stretch,
    at: int,
    name: str,
    same: Fields,
    letters: Rows[tuple[Step, Fields]],
    output: str,
    batch: str | None = None,
    piece: int = 0,
) -> Step:
    """same: what all segments of the film have alike."""
    names = tuple(dict.fromkeys(run.shot for run in runs(stretch.picture)))
    inputs: dict[str, Origin] = {}
    shots: dict[str, Fields] = {}
    for index, shot in enumerate(names):
        film = order.films[shot]
        inputs[f"shot{index}"] = film.picture
        inputs.update((f"shot{index}-{key}", origin) for key, origin in film.files)
        shots[f"shot{index}"] = _shot_row(film, f"shot{index}", order.cut.rate)
    rows: list[Fields] = []
    for index, (step, row) in enumerate(letters):
        inputs[f"letters{index}"] = Output(step=step.name, name=step.outputs[0])
        rows.append(Fields(tuple(sorted((*row.items, ("input", f"letters{index}"))))))
    own = fields(
        burn_in=_burn_in(order, stretch.picture, names, at),
        frames=stretch.frames,
        letters=tuple(rows),
        picture=_node(stretch.picture, {shot: f"shot{index}" for index, shot in enumerate(names)}),
        shots=Fields(tuple(sorted(shots.items()))),
    )
    parameters = Fields(tuple(sorted((*own.items, *same.items), key=itemgetter(0))))
    inputs_ = tuple(inputs.items())
    return order.step(name, "encode", parameters, inputs_, (output,), shots=names, batch=batch, piece=piece)


def _same(order: Commission, video: Fields) -> Fields:
    format_ = order.cut.sequence.format
    return fields(
        out_size=str(order.size),
        pixels=format_.pixels,
        rate=rate_text(order.cut.rate),
        reframe=order.deliverable.reframe or order.profile.reframe,
        size=str(format_.size),
        video=video,
    )


def _shot_row(film: ShotFilm, name: str, rate: Fraction) -> Fields:
    length = frames_of(film.seconds, rate)
    if not film.effects:
        own = rate_text(film.shot.format.rate) if film.ready else None
        return _plain_row(film.shot.fit, name, length, own, film.ready)
    effects = []
    for row in film.effects:
        files = row.get("files")
        named = Fields(tuple((key, f"{name}-{plain}") for key, plain in files)) if isinstance(files, Fields) else Fields()
        effects.append(Fields(tuple(sorted((dict(row.items) | {"files": named}).items()))))
    return fields(
        effects=tuple(effects),
        fit=film.shot.fit,
        input=name,
        length=length,
        own=rate_text(film.shot.format.rate),
        pixels=film.shot.format.pixels,
        ready=film.ready,
    )


# Most clips of a season are alike: their rows are one value.
@lru_cache(maxsize=4096)
def _plain_row(fit: str, name: str, length: int, own: str | None, ready: bool) -> Fields:
    return fields(effects=(), fit=fit, input=name, length=length, own=own, pixels=None, ready=ready)


def _node(picture: Picture, names: Mapping[str, str]) -> Fields:
    """A picture as it stands in a recipe: shots by their place among the inputs, never by name."""
    match picture:
        case Run():
            return _run_node(names[picture.shot], picture.start, picture.held)
        case Slug():
            return fields(kind="slug", colour=picture.colour)
        case Blend():
            a, b = _node(picture.a, names), _node(picture.b, names)
            return fields(kind="blend", a=a, b=b, at=picture.at, of=picture.of, form=picture.form)
        case Over():
            return fields(
                kind="over",
                base=_node(picture.base, names),
                top=_node(picture.top, names),
                left=str(picture.left),
                upper=str(picture.upper),
                width=str(picture.width),
                opacity=str(picture.opacity),
                at=picture.at,
                of=picture.of,
                fade_in=picture.fade_in,
                fade_out=picture.fade_out,
            )


@lru_cache(maxsize=4096)
def _run_node(name: str, start: int, held: bool) -> Fields:
    return fields(kind="run", shot=name, start=start, held=held)


def _labels(order: Commission) -> list[str]:
    """A name for each segment, by its shots, so that moving a clip does not rename the others. A shot that is called as
    another step of a deliverable is gives its segments numbers from 2 on."""
    labels: list[str] = []
    used: dict[str, int] = {}
    for stretch in order.cut.track:
        label = "+".join(dict.fromkeys(run.shot for run in runs(stretch.picture))) or "slug"
        used[label] = used.get(label, 1 if OTHER_STEPS.fullmatch(label) else 0) + 1
        labels.append(label if used[label] == 1 else f"{label}~{used[label]}")
    return labels


def _label(picture: Picture, names: Mapping[str, str]) -> str:
    """What is seen, in words: `a > b` while one goes over into the other, `a + b` with one over the other."""
    match picture:
        case Run():
            return names[picture.shot]
        case Blend():
            return " > ".join(filter(None, dict.fromkeys((_label(picture.a, names), _label(picture.b, names)))))
        case Over():
            return " + ".join(filter(None, (_label(picture.base, names), _label(picture.top, names))))
    return ""


def _burn_in(order: Commission, picture: Picture, shots: tuple[str, ...], at: int) -> Fields | None:
    said = order.profile.burn_in
    if not said.items:
        return None
    names = {shot: f"{shot} {order.films[shot].label}".strip() if said.get("take") else shot for shot in shots}
    start = order.cut.sequence.timecode.at(order.cut.rate)
    return fields(
        clock=start + at if said.get("clock") else None,
        label=_label(picture, names) if said.get("shot") else None,
        mark=order.deliverable.watermark if said.get("watermark") and order.deliverable.watermark else None,
    )


# --- text ------------------------------------------------------------------------------------------------------------


def _title(order: Commission, shown: Shown, frames: int) -> tuple[Step, Fields]:
    step = _lettering(order, shown.title.text, shown.title.look, shown.title.location)
    row = fields(start=0, end=frames, at=shown.at, of=shown.of, fade_in=shown.fade_in, fade_out=shown.fade_out)
    return step, row


def _burnt(order: Commission) -> list[tuple[int, int, Caption, Captions]]:
    """The captions that are burnt in, in frames of the cut."""
    if order.deliverable.burn is None:
        return []
    captions = _captions(order, order.deliverable.burn)
    rate, late = order.cut.rate, captions.offset.exact(order.cut.rate)
    found = []
    for each in order.materials.captions(captions):
        start, end = round_half_up((each.start + late) * rate), round_half_up((each.end + late) * rate)
        if start < end and start < order.cut.frames:
            found.append((start, min(end, order.cut.frames), each, captions))
    return found


def _over(burnt: Rows[tuple[int, int, Caption, Captions]], at: int, frames: int) -> list[tuple[int, int, Caption, Captions]]:
    return [each for each in burnt if each[0] < at + frames and each[1] > at]


def _caption(order: Commission, burnt: tuple[int, int, Caption, Captions], at: int, frames: int) -> tuple[Step, Fields]:
    start, end, caption, captions = burnt
    step = _lettering(order, caption.text, captions.look, captions.location)
    first, last = max(start - at, 0), min(end - at, frames)
    return step, fields(start=first, end=last, at=0, of=end - start, fade_in=0, fade_out=0)


def _lettering(order: Commission, text: str, look: Fields, location: Location) -> Step:
    """Text drawn for a frame of the delivered size."""
    shown = dict(look.items)
    font = shown.pop("font", None)
    inputs: Inputs = []
    if isinstance(font, str):
        inputs.append(("font", SourceFile(path=font, location=location)))
    parameters = fields(frame=str(order.size), look=Fields(tuple(sorted(shown.items()))), text=text)
    name = f"{order.prefix}/text-{of_text(canonical(fields(font=font, parameters=parameters))).short}"
    return order.step(name, "lettering", parameters, inputs, ("letters.png",))


def _captions(order: Commission, language: str) -> Captions:
    found = {each.language: each for each in order.cut.sequence.captions}
    if language not in found:
        raise SpecError(
            f"sequence {order.cut.sequence.name} has no captions in {language!r}",
            location=order.deliverable.location,
            cause=f"it has {', '.join(found) or 'none'}",
            hint="add them to the sequence: `captions: {" + language + ": assets/….srt}`",
        )
    return found[language]


def _caption_track(order: Commission, language: str) -> Step:
    captions = _captions(order, language)
    form = "mov_text" if order.profile.kind == FILM and order.profile.extension in ("mp4", "mov") else "webvtt"
    parameters = fields(
        form=form,
        frames=order.cut.frames,
        language=language,
        offset=str(captions.offset.exact(order.cut.rate)),
        rate=rate_text(order.cut.rate),
    )
    output = "captions.vtt" if form == "webvtt" else "captions.mp4"
    source: Inputs = [("source", SourceFile(path=captions.file, location=captions.location))]
    return order.step(f"{order.prefix}/captions-{language}", "captions", parameters, source, (output,))


# --- sound and the film ----------------------------------------------------------------------------------------------


def _sound(order: Commission) -> list[Step]:
    """The mix, and its form for this deliverable; nothing for a silent cut or profile."""
    sound = order.profile.sound
    if not sound.items:
        return []
    mixed = mix(order, str(sound.get("layout") or "stereo"), None)
    if mixed is None:
        return []
    source: Inputs = [("mix", Output(step=mixed.name, name=mixed.outputs[0]))]
    parameters = fields(loudness=order.profile.loudness, sound=sound)
    output = f"sound.{sound.text('extension')}"
    return [mixed, order.step(f"{order.prefix}/sound", "sound", parameters, source, (output,))]


def _joined(
    order: Commission,
    name: str,
    chunks: Rows[Step],
    video: Fields,
    extension: str,
    sound: Rows[Step],
    captions: Rows[Step],
) -> Step:
    inputs = _numbered(chunks)
    inputs += [("sound", Output(step=step.name, name=step.outputs[0])) for step in sound]
    inputs += [(step.name.rpartition("/")[2], Output(step=step.name, name=step.outputs[0])) for step in captions]
    wrap, cut = order.profile.wrap, order.cut
    parameters = fields(
        captions=tuple(step.name.rpartition("/")[2] for step in captions),
        frames=cut.frames,
        lengths=_lengths(chunks),
        project=order.project.name,
        rate=rate_text(cut.rate),
        reel=cut.sequence.name if wrap.get("reel") else None,
        sequence=cut.sequence.name,
        size=str(order.size),
        timecode=cut.sequence.timecode.at(cut.rate) if wrap.get("timecode") else None,
        title=cut.sequence.title,
        video=video,
        wrap=wrap,
    )
    takes = {shot: order.films[shot].take for shot in cut.shots}
    tools = (order.materials.joiner,)
    return order.step(name, "join", parameters, inputs, (f"film.{extension}",), tools, cites=tuple(sorted(takes.items())))


def _bare(film: Step) -> Step:
    """A film that only another step reads: it says of itself neither what it is called nor what is in it."""
    parameters = dict(film.recipe.parameters.items) | {"title": "", "project": "", "sequence": ""}
    recipe = replace(film.recipe, parameters=Fields(tuple(sorted(parameters.items()))))
    return replace(film, recipe=recipe, cites=())


def _numbered(chunks: Rows[Step]) -> Inputs:
    return [(f"segment{index:05d}", Output(step=step.name, name=step.outputs[0])) for index, step in enumerate(chunks)]


def _source_of(index: int, heard: Heard, rate: Fraction) -> tuple[str, Origin]:
    if heard.track is not None:
        return f"track{index:04d}", SourceFile(path=heard.track.file, location=heard.track.location)
    return f"clip{index:04d}", Output(step=sound_name(heard.shot, rate), name="sound.wav")


def _sound_row(name: str, heard: Heard) -> Fields:
    return fields(
        input=name,
        at=heard.at,
        start=heard.start,
        length=heard.length,
        gain=str(heard.gain),
        fade_in=heard.fade_in,
        fade_out=heard.fade_out,
        role=heard.role,
        duck=str(heard.duck),
    )


def out_size(size: Size, profile: Profile) -> Size:
    """The size of a delivered picture: the profile's, or the cut's, made smaller where the profile has a limit."""
    if profile.size is not None:
        return profile.size
    if profile.height is None or size.height <= profile.height:
        return size
    return Size(2 * round_half_up(Fraction(size.width * profile.height, 2 * size.height)), profile.height)


def _thumbnail(size: Size) -> Size:
    return Size(SHEET_SIZE.width, 2 * round_half_up(Fraction(SHEET_SIZE.width * size.height, 2 * size.width)))


def _recipe(stage: str, materials: Materials, parameters: Fields, tools: tuple[Pin, ...] = ()) -> Recipe:
    return Recipe(
        stage=stage,
        version=materials.stages[stage],
        pins=tools or (materials.ffmpeg,),
        parameters=parameters,
    )
