"""The keys of a profile, what its settings say of the file, and whether they and its promises fit together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from shotbuild.errors import Location
from shotbuild.records import Profile, Value
from shotbuild.spec import encodings
from shotbuild.spec.encodings import CODEC
from shotbuild.spec.format import BURN, REFRAME, SIZE_KIND, TRACKS, WATERMARK
from shotbuild.spec.kinds import Choice, Integer, Reader, Text, Word
from shotbuild.spec.nodes import Node
from shotbuild.spec.report import Refusal
from shotbuild.spec.tables import Key, Later, ListOf, Row, Table

BASE = Key("base", Word("profile"), "The profile that it is like: a built-in one, or another of yours.", required=True)
EXTENSION = Key("extension", Choice("extension", tuple(encodings.CONTAINERS)), "The container of a film: `mp4`, `mov`, …")
SIZE = Key("size", SIZE_KIND, "The exact size of the picture; the sequence's when neither this nor `height` says anything.")
HEIGHT = Key("height", Integer(16, 8192), "The most rows, even; smaller pictures stay as they are.")
VIDEO: Key[Node] = Key("video", Later("profile_video"), "The encoder of the picture: `{crf: 16, preset: slow}`.")
SOUND: Key[Node] = Key("sound", Later("profile_sound"), "The encoder of the sound: `{codec: aac, bitrate: 256k}`.")
LOUDNESS: Key[Node] = Key("loudness", Later("profile_loudness"), "What the mix is brought to: `{target: -23, peak: -1}`.")
WRAP: Key[Node] = Key("wrap", Later("profile_wrap"), "What the container has: `{timecode: true}`.")
BURN_IN: Key[Node] = Key("burn_in", Later("profile_burn_in"), "Text over the picture: `{shot: true, clock: true}`.")
MUST_KEEP: Key[Node] = Key("must", Later("profile_must"), "What is asked of the delivered file: `{max_bitrate: 20000}`.")
LADDER = Key("ladder", ListOf(Text(64), "profiles", filled=True), "The profiles that HLS or DASH is made of.")
ABOUT = Key("about", Text(200), "One line for people.")
PROFILE_TABLE = Table(
    "a profile",
    (BASE, EXTENSION, SIZE, HEIGHT, REFRAME, VIDEO, SOUND, LOUDNESS, WRAP, BURN_IN, MUST_KEEP, LADDER, ABOUT),
)


def stated(profile: Profile) -> dict[str, Value]:
    """What a profile's settings say of its file, in the words of the constraints."""
    video, sound, loudness = profile.video, profile.sound, profile.loudness
    codec = str(sound.get(CODEC) or "")
    return {
        "container": profile.extension or profile.kind,
        "codec": video.get(CODEC),
        "profile": "422" if video.get(CODEC) == "mpeg2" and video.get("pixels") == "yuv422p" else video.get("profile"),
        "level": video.get("level") or ("high" if video.get(CODEC) == "mpeg2" else None),
        "size": None if profile.size is None else str(profile.size),
        "pixels": video.get("pixels"),
        "b_frames": video.get("bframes"),
        "edit_list": profile.wrap.get("edit_list") is not False if profile.extension in encodings.EDITABLE else None,
        "moov_first": True if profile.extension in encodings.EDITABLE else None,
        "sound_codec": encodings.SOUND_NAMES.get(codec, codec) or None,
        "layout": (sound.get("layout") or "stereo") if codec else None,
        "loudness": loudness.get("target"),
    }


def idle(profile: Profile, rungs: Iterable[Profile]) -> Iterator[tuple[Key[object], Refusal]]:
    """Keys of a deliverable that change nothing of what a profile makes, each with the reason and the remedy. rungs: the
    profiles of its ladder, which draw its pictures."""
    kind, pictured = profile.kind, bool(profile.video.items) or profile.kind in encodings.LADDERS
    what = f"a profile of kind `{kind}`" if pictured or kind != encodings.FILM else "a profile of sound alone"
    if not pictured:
        for key in (REFRAME, BURN, WATERMARK):
            yield key, _without(profile, key, f"it is {what}", "take it out, or use a profile with a picture")
    drawing = rungs if kind in encodings.LADDERS else (profile,)
    if pictured and not any(each.burn_in.get(WATERMARK.name) for each in drawing):
        hint = "use a profile such as `review`, or write one of your own with `burn_in: {watermark: true}`"
        if kind in encodings.LADDERS:
            hint = "write rungs of your own with `burn_in: {watermark: true}`, or take it out"
        yield WATERMARK, _without(profile, WATERMARK, "its `burn_in` has no `watermark`", hint)
    if kind in (encodings.SHEET, encodings.POSTER):
        cause = f"it is {what}, whose pictures are drawn without captions"
        yield BURN, _without(profile, BURN, cause, "take it out, or use a profile of a film")
    carried = kind in encodings.LADDERS or (kind == encodings.FILM and pictured and profile.extension in encodings.CAPTIONED)
    if not carried:
        cause = f"it makes `{profile.extension}`" if kind == encodings.FILM and pictured else f"it is {what}"
        cause += f"; films of {', '.join(encodings.CAPTIONED)} carry captions, and so do HLS and DASH"
        drawn = pictured and kind not in (encodings.SHEET, encodings.POSTER)
        hint = "write `burn: …` with one language, to have it drawn into the picture" if drawn else "take it out"
        yield TRACKS, _without(profile, TRACKS, cause, hint)


def _without(profile: Profile, key: Key[object], cause: str, hint: str) -> Refusal:
    return Refusal(f"profile {profile.name!r} makes nothing of `{key.name}`", cause=cause, hint=hint)


@dataclass(frozen=True, slots=True)
class Check:
    """Does it all fit together? Every sentence has the place where it was written, else that of the profile."""

    profile: Profile
    base: Profile
    row: Row
    reader: Reader

    def all(self) -> None:
        self._sizes()
        self._container()
        self._pixels()
        self._rate()
        self._wrap()
        self._promises()

    def _say(self, place: Location, message: str, cause: str, hint: str) -> None:
        self.reader.report.say(place, message, cause=cause, hint=hint)

    def _place(self, key: Key[Node], name: str) -> Location:
        entries = getattr(self.row.get(key), "entries", {})
        return entries[name].value.location if name in entries else self.row.place(key)

    def _sizes(self) -> None:
        if self.row.get(SIZE) and self.row.get(HEIGHT):
            cause = "`size` is exact, `height` is the most rows of a picture that keeps its shape"
            self._say(self.row.place(HEIGHT), "`size` and `height` are both written", cause, "take one of them out")
        height = self.row.get(HEIGHT)
        if height is not None and height % 2:
            cause = "delivered pictures have an even number of rows"
            self._say(self.row.place(HEIGHT), f"`height` {height} is odd", cause, f"write `height: {height - 1}`")
        size, least = self.profile.size, encodings.SMALLEST.get(str(self.profile.video.get(CODEC)))
        if size is not None and least is not None and (size.width < least.width or size.height < least.height):
            place = self.row.place(SIZE if self.row.has(SIZE) else VIDEO)
            codec = self.profile.video.text(CODEC)
            self._say(
                place, f"codec `{codec}` has no pictures of {size}", f"the smallest are {least}", f"write `size: {least}`"
            )

    def _container(self) -> None:
        profile, place = self.profile, self.row.place(EXTENSION if self.row.has(EXTENSION) else VIDEO)
        if profile.kind != encodings.FILM:
            if self.row.has(EXTENSION):
                cause = f"`{self.base.name}` is a profile of kind `{profile.kind}`"
                self._say(place, "only films have a container to choose", cause, "take `extension` out")
            return
        pictures, sounds = encodings.CONTAINERS[profile.extension]
        codec, sound = profile.video.get(CODEC), profile.sound.get(CODEC)
        if codec not in pictures:
            self._say(
                place,
                f"codec `{codec}` does not go into `{profile.extension}`",
                f"`{profile.extension}` takes {', '.join(pictures)}",
                _fitting(0, str(codec)),
            )
        if sound is not None and sound not in sounds:
            place = self.row.place(SOUND) if self.row.has(SOUND) else place
            cause = f"`{profile.extension}` takes {', '.join(sounds)}"
            hint = f"write `sound: {{codec: {sounds[0]}}}`, or {_fitting(1, str(sound))}"
            self._say(place, f"sound of codec `{sound}` does not go into `{profile.extension}`", cause, hint)

    def _pixels(self) -> None:
        video = self.profile.video
        allowed = encodings.allowed(str(video.get(CODEC)), video.get("profile"))
        if allowed and video.get("pixels") not in allowed:
            self._say(
                self._place(VIDEO, "pixels"),
                f"profile `{video.get('profile')}` has no pixels `{video.get('pixels')}`",
                f"it has {', '.join(allowed)}",
                f"write `pixels: {allowed[0]}`, or take `pixels` out",
            )

    def _rate(self) -> None:
        video = self.profile.video
        way, most, mean = (video.get(name) for name in ("rate", "maxrate", "bitrate"))
        if self.profile.kind != encodings.FILM or video.get(CODEC) == "mpeg2":
            return
        if way == encodings.VBV and mean is None:
            self._say(
                self._place(VIDEO, "rate"), "`rate: vbv` needs `bitrate`", "it is kept on average", "add `bitrate: 8000`"
            )
        if way in (encodings.CAPPED, encodings.VBV) and most is None:
            self._say(self._place(VIDEO, "rate"), f"`rate: {way}` needs `maxrate`", "it is the cap", "add `maxrate: 12000`")
        written = getattr(self.row.get(VIDEO), "entries", {})
        for name, ways in (("maxrate", (encodings.CAPPED, encodings.VBV)), ("bitrate", (encodings.VBV,))):
            if name in written and way not in ways:
                cause = f"the rate is kept by `{way or encodings.CRF}`"
                self._say(
                    self._place(VIDEO, name), f"`{name}` means nothing here", cause, f"add `rate: {ways[0]}`, or take it out"
                )
        if isinstance(most, int) and isinstance(mean, int) and mean > most and way == encodings.VBV:
            self._say(
                self._place(VIDEO, "bitrate"), f"`bitrate` {mean} is above `maxrate` {most}", "it is the average", "lower it"
            )

    def _wrap(self) -> None:
        profile = self.profile
        if profile.kind != encodings.FILM:
            return
        wrap, sound, extension = profile.wrap, profile.sound.get(CODEC), profile.extension
        if wrap.get("timecode") is True and extension not in encodings.TIMECODED:
            cause = f"a track of timecode goes into {', '.join(encodings.TIMECODED)}"
            self._say(self._place(WRAP, "timecode"), f"`{extension}` has no timecode", cause, "write `timecode: false`")
        if wrap.get("reel") is True and wrap.get("timecode") is not True:
            cause = "the timecode track holds its name"
            self._say(self._place(WRAP, "reel"), "a reel needs `timecode`", cause, "add `timecode: true`")
        if wrap.get("edit_list") is False and sound is not None and sound not in encodings.WITHOUT_EDIT_LIST:
            self._say(
                self._place(WRAP, "edit_list"),
                f"sound of codec `{sound}` needs an edit list",
                "without one it starts too late: its decoder has to warm up",
                f"use {' or '.join(encodings.WITHOUT_EDIT_LIST)}, or write `edit_list: true`",
            )

    def _promises(self) -> None:
        """What is asked of the file has to be what the settings make."""
        must = self.profile.must
        for name, made in stated(self.profile).items():
            asked = must.get(name)
            if asked is None or made is None:
                continue
            fits = str(made) in str(asked).split() or asked is True
            if name in ("level", "b_frames"):
                fits = _at_most(made, asked)
            if not fits:
                self._contradicts(name, f"the settings make `{made}`, which can never pass")
        gop, most = self.profile.video.get("gop"), must.get("gop")
        if isinstance(gop, str) and isinstance(most, str) and Fraction(gop) > Fraction(most):
            self._contradicts("gop", f"`video` has a key frame every {gop} s only")
        peak, true_peak = self.profile.loudness.get("peak"), must.get("true_peak")
        if isinstance(peak, str) and isinstance(true_peak, str) and Fraction(peak) > Fraction(true_peak):
            self._contradicts("true_peak", f"`loudness` lets peaks up to {peak} dBTP through")

    def _contradicts(self, name: str, cause: str) -> None:
        message = f"`must` asks for `{name}: {self.profile.must.get(name)}`"
        self._say(
            self._place(MUST_KEEP, name), message, cause, f"change the setting, or write another `{name}` under `must`"
        )


def _at_most(made: Value, asked: Value) -> bool:
    try:
        return Fraction(str(made)) <= Fraction(str(asked))
    except ValueError:
        return made == asked


def _fitting(place: int, codec: str) -> str:
    """What to write so that a codec finds a container."""
    found = [extension for extension, takes in encodings.CONTAINERS.items() if codec in takes[place]]
    return f"write `extension: {found[0]}`" if found else "use another codec"
