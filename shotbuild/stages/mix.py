"""All sound of a cut in one file, counted in samples at 48 kHz.

Parameters: rate, frames (of the cut), layout (`mono`, `stereo`, `5.1`), roles (of the sounds that are heard, None = all) and
tracks: rows of input, at, start, length (-1 = to the end), gain (decibels as a fraction), fade_in, fade_out, role, and duck:
decibels by which it steps back while any dialogue is heard, with its sign or without, `0` = it does not. Dialogue that is
not among the roles still makes the others step back, so that stems add up to the mix.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.media import ducking, sounds
from shotbuild.media.checks import sound_is
from shotbuild.media.containers import container_of
from shotbuild.media.encoders import CHANNELS
from shotbuild.media.probe import probe_sound
from shotbuild.records import DIALOGUE, Fields
from shotbuild.stages.interface import Work
from shotbuild.units import SAMPLE_RATE, samples


class Mix:
    name = "mix"
    version = 2

    def run(self, work: Work) -> None:
        rows = work.parameters.rows("tracks")
        heard = {name: _heard(work, name) for name in sorted({row.text("input") for row in rows})}
        tracks = [_track(row, heard[row.text("input")]) for row in rows]
        desk = _Desk(work=work, length=_length(work.parameters), layout=work.parameters.text("layout"))
        desk.mix(tracks, _roles(work.parameters))

    def check(self, work: Work) -> None:
        channels = CHANNELS[work.parameters.text("layout")]
        sound_is(work.into / work.outputs[0], length=_length(work.parameters), channels=channels)


@dataclass(slots=True, kw_only=True)
class _Desk:
    """One mix on its way. bounced: how many tracks were made of others."""

    work: Work
    length: int
    layout: str
    bounced: int = field(default=0)

    def mix(self, tracks: Sequence[sounds.Track], roles: frozenset[str] | None) -> None:
        heard = [track for track in tracks if roles is None or track.role in roles]
        steps_back = [track for track in heard if _steps_back(track)]
        steady = [track for track in heard if not _steps_back(track) and track.role != DIALOGUE]
        dialogue = [track for track in tracks if track.role == DIALOGUE]
        if steps_back and dialogue:
            dialogue = self._few(dialogue)
            steps_back = self._ducked(steps_back, self._spoken(dialogue))
        if roles is None or DIALOGUE in roles:
            steady = dialogue + steady
        last = self._few(steady + steps_back)
        self._run(sounds.mix(self.work.ffmpeg, last, self.length, self.layout, self.work.outputs[0]))

    def _few(self, tracks: Sequence[sounds.Track]) -> list[sounds.Track]:
        """The same sound in so few tracks that one command takes them."""
        while len(groups := sounds.groups(tracks, self.length)) > 1:
            tracks = [self._bounced(group) for group in groups]
        return groups[0] if groups else []

    def _bounced(self, group: list[sounds.Track]) -> sounds.Track:
        """Tracks that follow one another as one track."""
        first, moved = self._from_first(group)
        path = self._path("wav")
        self._run(sounds.bounce(self.work.ffmpeg, moved, self.length - first, self.layout, path.name))
        return self._made(path, first, group)

    def _spoken(self, dialogue: list[sounds.Track]) -> list[ducking.Span]:
        path = self._path("raw")
        self._run(sounds.speech(self.work.ffmpeg, dialogue, self.length, self.layout, ducking.RATE, path.name))
        return ducking.spoken(path)

    def _ducked(self, tracks: list[sounds.Track], spans: list[ducking.Span]) -> list[sounds.Track]:
        """Tracks that step back by the same amount are one track, which steps back once."""
        made = []
        for duck in sorted({track.duck for track in tracks}):
            group = self._few([replace(track, duck=Fraction(0)) for track in tracks if track.duck == duck])
            if not group:
                continue
            first, moved = self._from_first(group)
            length = max(track.at + track.used(self.length) for track in group) - first
            path = self._path("wav")
            argv = sounds.ducked(self.work.ffmpeg, moved, length, self.layout, path.name)
            feed = ducking.factors(spans, duck, first, length)
            process.run(argv, cwd=self.work.into, cancel=self.work.cancel, feed=feed)
            made.append(self._made(path, first, group))
        return made

    def _from_first(self, group: list[sounds.Track]) -> tuple[int, list[sounds.Track]]:
        first = min(track.at for track in group)
        return first, [replace(track, at=track.at - first) for track in group]

    def _made(self, path: Path, at: int, group: list[sounds.Track]) -> sounds.Track:
        """The track that a group became, whose own files are not needed any more where we made them."""
        for spent in {track.heard.path for track in group if track.heard.path.parent == self.work.into}:
            spent.unlink()
        heard = sounds.Heard(path=path, container="wav", sound=probe_sound(path))
        return sounds.Track(heard=heard, at=at, role=group[0].role)

    def _path(self, extension: str) -> Path:
        self.bounced += 1
        return self.work.into / f"bounce-{self.bounced}.{extension}"

    def _run(self, argv: tuple[str, ...]) -> None:
        process.run(argv, cwd=self.work.into, cancel=self.work.cancel)


def _steps_back(track: sounds.Track) -> bool:
    return track.duck > 0 and track.role != DIALOGUE


def _heard(work: Work, name: str) -> sounds.Heard:
    path = work.inputs[name]
    return sounds.Heard(path=path, container=container_of(path), sound=probe_sound(path))


def _track(row: Fields, heard: sounds.Heard) -> sounds.Track:
    if row.integer("start") >= heard.samples:
        raise MediaError(
            f"nothing is left of {heard.path.name}",
            cause=f"it is used from {row.integer('start') / SAMPLE_RATE:.3f} s on "
            f"and lasts {float(heard.sound.seconds):.3f} s",
            hint="`in` has to come before the end of the sound",
        )
    return sounds.Track(
        heard=heard,
        at=row.integer("at"),
        start=row.integer("start"),
        length=row.integer("length"),
        gain=row.fraction("gain"),
        fade_in=row.integer("fade_in"),
        fade_out=row.integer("fade_out"),
        role=row.text("role"),
        duck=abs(row.fraction("duck")),
    )


def _roles(parameters: Fields) -> frozenset[str] | None:
    roles = parameters.get("roles")
    return frozenset(map(str, roles)) if isinstance(roles, tuple) else None


def _length(parameters: Fields) -> int:
    return samples(parameters.integer("frames"), parameters.fraction("rate"))
