"""Delivered films, decoded and measured: a flash and a beep at the start of every shot, through every kind of codec."""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from urllib.parse import unquote

import numpy as np
import pytest

from tests.e2e import films
from tests.e2e.conftest import contents, shotbuild

PROFILES = {
    "h264": ("h264-web", "mp4"),
    "hevc": ("hevc-web", "mp4"),
    "av1": ("av1-web", "mp4"),
    "vp9": ("vp9-web", "webm"),
    "prores": ("prores-422-hq", "mov"),
    "dnxhr": ("small-dnxhr", "mov"),
}
HOUSE = "profiles: {small-dnxhr: {base: dnxhr-sq, size: 256x144}}\n"
"""The smallest picture that DNxHR knows is 256x120."""
Form = Callable[[int], tuple[list["Clip"], str]]
MILLISECOND = Fraction(1, 1000)
LATE = 96
"""Samples, 2 ms: a tone is heard 29 after it begins, stamps in milliseconds and codecs add up to 24. Half a frame is 800."""
DELIVERABLES = "deliverables:\n" + "".join(
    f"  {name}: {{sequence: film, profile: {profile}}}\n" for name, (profile, _) in PROFILES.items()
)


def lengths(count: int) -> list[int]:
    """8 to 24 frames, one after the other and never twice alike in a row."""
    return [8 + (n * 7) % 17 for n in range(count)]


# --- what a cut shows, counted here once more ------------------------------------------------------------------------


@dataclass(frozen=True)
class Clip:
    """What stands in a cut: its words, what each frame of it shows (shot and frame, None = black), and how many of them it
    shares with the one before."""

    words: str
    shows: Sequence[tuple[int, int] | None]
    shared: int = 0


@dataclass
class Laid:
    """frames: what each frame shows, () = black, two = a transition; starts: where each clip begins."""

    frames: list[tuple[tuple[int, int], ...]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)


def laid(clips: Sequence[Clip]) -> Laid:
    cut = Laid()
    for clip in clips:
        start = len(cut.frames) - clip.shared
        cut.starts.append(start)
        for n, shown in enumerate(clip.shows):
            at = start + n
            if at == len(cut.frames):
                cut.frames.append(())
            elif not cut.frames[at]:
                cut.frames[at] = ((-1, -1),)  # a transition with black
            cut.frames[at] += (shown,) if shown else ((-1, -1),) if n < clip.shared else ()
    return cut


def straight(count: int) -> tuple[list[Clip], str]:
    own = lengths(count)
    return [Clip(f"s{n}", [(n, k) for k in range(own[n])]) for n in range(count)], ""


def mixed(count: int) -> tuple[list[Clip], str]:
    """Clips that dissolve, are wiped in, dip, are trimmed, follow a gap; a tenth of the shots in a sequence of their own."""
    own = lengths(count)
    clips: list[Clip] = []
    inside = range(count // 2, count // 2 + max(count // 10, 2))
    for n in range(count):
        frames = [(n, k) for k in range(own[n])]
        if n in inside:
            continue
        match n % 6:
            case 1:
                clips.append(Clip(f"{{shot: s{n}, transition: {{dissolve: 3f}}}}", frames, 3))
            case 2:
                clips.append(Clip(f"{{shot: s{n}, transition: {{wipe: 4f, form: circle}}}}", frames, 4))
            case 3:
                clips.append(Clip(f"{{gap: {1 + n % 4}f}}", [None] * (1 + n % 4)))
                clips.append(Clip(f"s{n}", frames))
            case 4:
                clips.append(Clip(f"{{shot: s{n}, in: 2f, out: 7f}}", frames[2:7]))
            case 5:
                clips.append(Clip(f"{{shot: s{n}, transition: {{dip: 3f}}}}", frames, 3))
            case _:
                clips.append(Clip(f"s{n}", frames))
        if n == inside.start - 1:
            nested = laid([Clip(f"s{k}", [(k, j) for j in range(own[k])], 2 if k > inside.start else 0) for k in inside])
            shows = [one[0] if len(one) == 1 else (-1, -1) for one in nested.frames]
            clips.append(Clip("{sequence: inner}", shows))
    words = [f"s{k}" if k == inside.start else f"{{shot: s{k}, transition: {{dissolve: 2f}}}}" for k in inside]
    return clips, f"  inner: {{cut: [{', '.join(words)}]}}\n"


def written(root: Path, clips: Sequence[Clip], inner: str, count: int, rate: str) -> Path:
    for n, frames in enumerate(lengths(count)):
        films.plate(root / f"assets/s{n}.mkv", frames, rate, shot=n)
    shots = "".join(f"  s{n}: {{plate: assets/s{n}.mkv}}\n" for n in range(count))
    cut = "".join(f"      - {clip.words}\n" for clip in clips)
    specs = f"shots:\n{shots}sequences:\n{inner}  film:\n    cut:\n{cut}{DELIVERABLES}"
    return films.project(root, specs, rate={"30000/1001": "29.97"}.get(rate, rate), house=HOUSE)


def build(root: Path, *arguments: str) -> None:
    done = shotbuild(root, "deliver", *arguments)
    assert done.code == 0, done.err


MANY = [
    pytest.param(12, "24", mixed, id="12 mixed 24"),
    *(
        pytest.param(60, rate, form, id=f"60 {form.__name__} {rate}", marks=pytest.mark.slow)
        for rate in ("24", "30000/1001")
        for form in (straight, mixed)
    ),
]


@pytest.mark.parametrize(("count", "rate", "form"), MANY)
def test_every_frame_and_every_beep_is_where_the_cut_says(tmp_path: Path, count: int, rate: str, form: Form) -> None:
    clips, inner = form(count)
    root = written(tmp_path, clips, inner, count, rate)
    build(root)
    cut, exact = laid(clips), Fraction(rate)
    for name, (_, extension) in PROFILES.items():
        path = root / f"out/sequences/film/{name}.{extension}"
        slack = MILLISECOND if extension == "webm" else Fraction(0)
        assert films.complaints(path) == [], name

        seen = films.look(path)
        assert len(seen.stamps) == len(cut.frames), name
        assert films.uneven(seen.stamps, exact, slack) == [], name
        packets = films.packets(path)
        assert len(packets) == len(cut.frames), name
        assert films.rises([decoded for _, decoded in packets]), name
        assert films.uneven(sorted(shown for shown, _ in packets), exact, slack) == [], name

        wrong = [
            (at, shown, seen.left[at], seen.right[at])
            for at, shown in enumerate(cut.frames)
            if not shows(shown, seen.left[at], seen.right[at])
        ]
        assert wrong == [], name

        starts = [at for at in cut.starts if at < len(cut.frames)]
        assert all(seen.keys[at] for at in starts), name
        for at, (stamp, left, right) in zip(starts, films.sought(path, [seen.stamps[at] for at in starts]), strict=True):
            assert (stamp, left, right) == (seen.stamps[at], seen.left[at], seen.right[at]), (name, at)

        for at in [at for at in starts if len(cut.frames[at]) == 1 and cut.frames[at][0][0] >= 0][-3:]:
            assert shows(cut.frames[at], *films.jumped(path, seen.stamps[at])), (name, at)

        heard = films.listen(path)
        beeps = [at for at, shown in enumerate(cut.frames) if len(shown) == 1 and shown[0][1] == 0 and shown[0][0] >= 0]
        assert len(beeps) >= count // 4
        frame = round(48000 / exact)
        late = {}
        for at in beeps:
            start = round(at / exact * 48000)
            begun = films.onset(heard, start, frame // 2)
            late[at] = None if begun is None else begun - start
        assert all(each is not None and 0 <= each <= LATE for each in late.values()), (name, late)


def shows(shown: tuple[tuple[int, int], ...], left: float, right: float) -> bool:
    """Whether a frame is the one that is meant. Lossy codecs are off by some levels; frames differ by six."""
    if not shown:
        return left < 20 and right < 20
    if len(shown) > 1 or shown[0][0] < 0:
        return True
    (shot, number), *_ = shown
    return abs(left - films.grey(number)) < 2.9 and abs(right - films.tint(shot)) < 2.9


@pytest.mark.parametrize("rate", ["24", "30000/1001"])
def test_a_tone_that_is_cut_into_sixty_clips_has_no_clicks(tmp_path: Path, rate: str) -> None:
    exact = Fraction(rate)
    ends = np.cumsum([1 + (n * 5) % 7 for n in range(60)]).tolist()
    films.plate(tmp_path / "assets/tone.mkv", ends[-1], rate, sound=tone)
    clips = "".join(
        f"      - {{shot: tone, in: {start}f, out: {end}f}}\n" for start, end in zip([0, *ends[:-1]], ends, strict=True)
    )
    specs = f"shots:\n  tone: {{plate: assets/tone.mkv}}\nsequences:\n  film:\n    cut:\n{clips}{DELIVERABLES}"
    root = films.project(tmp_path, specs, rate={"30000/1001": "29.97"}.get(rate, rate), house=HOUSE)
    build(root, "--only", "h264", "--only", "vp9", "--only", "prores")
    seams = [round(end / exact * 48000) for end in ends[:-1]]
    for name in ("h264", "vp9", "prores"):
        heard = films.listen(root / f"out/sequences/film/{name}.{PROFILES[name][1]}")
        bent = np.abs(np.diff(heard, 2))
        bent[: 48000 // 20] = bent[ends[-1] * 48000 * exact.denominator // exact.numerator - 2400 :] = 0
        near = np.zeros(len(bent), bool)
        for seam in seams:
            near[max(seam - 4, 0) : seam + 4] = True
        assert bent[near].max() <= bent[~near].max() * 1.02, name
        if name == "prores":
            wanted = tone(np.arange(len(heard)) / 48000)
            assert np.abs(heard - wanted).max() < 2 / 2**15


def tone(seconds: np.ndarray) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 220 * seconds)


# --- the same bytes --------------------------------------------------------------------------------------------------

EVERY = {
    "h264": "base: h264-web",
    "h264-cap": "base: h264-web, video: {rate: capped, maxrate: 200, bufsize: 200}",
    "h264-vbv": "base: h264-web, video: {rate: vbv, bitrate: 200, maxrate: 300, bufsize: 300}",
    "hevc": "base: hevc-web",
    "hevc10": "base: hevc-main10",
    "av1": "base: av1-web",
    "vp9": "base: vp9-web",
    "youtube": "base: youtube-1080p, size: 64x36, must: {loudness: null, loudness_tolerance: null}",
    "prores": "base: prores-422-hq",
    "master": "base: prores-master",
    "p422": "base: prores-422",
    "p4444": "base: prores-4444",
    "hqx": "base: dnxhr-hqx, size: 256x144",
    "sq": "base: dnxhr-sq, size: 256x144",
    "review": "base: review",
    "gif": "base: gif, video: {width: 64}",
    "webp": "base: webp, video: {width: 64}",
    "hls": "base: hls",
    "dash": "base: dash",
    "png": "base: png-sequence",
    "dpx": "base: dpx-sequence",
    "exr": "base: exr-sequence",
    "stems": "base: stems",
    "sheet": "base: contact-sheet",
    "poster": "base: poster",
}
BUSY = """shots:
  s0: {plate: assets/s0.mkv, finish: [denoise, grain]}
  s1: {plate: assets/s1.mkv, finish: [speed: {factor: 2}, sharpen]}
  s2: {plate: assets/s2.mkv}
  s3: {plate: assets/s3.mkv, finish: [interpolate]}
sequences:
  film:
    timecode: 01:00:00:00
    cut: [s0, {shot: s1, transition: {dissolve: 3f}}, {gap: 3f}, s2, {shot: s3, transition: {wipe: 4f}}]
    overlays: [{shot: s2, at: 4f, fade_in: 3f}]
    titles: [{text: "Same", at: 2f, for: 20f, fade_in: 3f}]
"""


@pytest.mark.slow
def test_one_and_four_jobs_in_two_folders_give_the_same_files_for_every_profile(tmp_path: Path) -> None:
    house = "profiles:\n" + "".join(f"  my-{name}: {{{words}}}\n" for name, words in EVERY.items())
    specs = BUSY + "deliverables:\n" + "".join(f"  {name}: {{sequence: film, profile: my-{name}}}\n" for name in EVERY)
    made = []
    for folder, jobs in (("one", "1"), ("a n o t h e r", "4")):
        root = tmp_path / folder
        for n in range(4):
            films.plate(root / f"assets/s{n}.mkv", 16, shot=n)
        done = shotbuild(films.project(root, specs, house=house), "deliver", "-j", jobs)
        assert done.code in (0, 3), done.err  # a picture so small may break a promise of its profile
        made.append(contents(root) | contents(root, ".shotbuild/store/cas"))
    assert {path for path in made[0] if made[0][path] != made[1].get(path)} == set()
    assert set(made[0]) == set(made[1])


# --- a browser -------------------------------------------------------------------------------------------------------

PAGE = """<!doctype html><body><script>
function tell(name, what) { new Image().src = "http://127.0.0.1:PORT/" + name + "/" + encodeURIComponent(what); }
for (const name of NAMES) {
  const video = document.createElement("video");
  video.onended = () => tell(name, "ended at " + video.currentTime.toFixed(2));
  video.onerror = () => tell(name, "error " + video.error.code + " " + video.error.message);
  video.src = name;
  document.body.append(video);
  video.play().catch(refused => tell(name, "refused " + refused));
}
</script>"""


@pytest.fixture
def heard() -> Iterator[tuple[int, "Queue[str]"]]:
    """A port of this machine, and what a page says to it."""
    said: Queue[str] = Queue()

    class Ear(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said.put(unquote(self.path))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Ear)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], said
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium on this machine")
def test_web_films_play_to_their_end_in_a_browser(tmp_path: Path, heard: tuple[int, "Queue[str]"]) -> None:
    port, said = heard
    clips, inner = straight(4)
    root = written(tmp_path, clips, inner, 4, "24")
    build(root, "--only", "h264", "--only", "vp9", "--only", "av1")
    names = ["h264.mp4", "vp9.webm", "av1.mp4"]
    page = root / "out/sequences/film/page.html"
    page.write_text(PAGE.replace("PORT", str(port)).replace("NAMES", str(names)))
    argv = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'user'}"]
    argv += ["--mute-audio", "--autoplay-policy=no-user-gesture-required", page.as_uri()]
    browser = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        told = sorted(said.get(timeout=60) for _ in names)
    except Empty:
        told = []
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()
    seconds = sum(lengths(4)) / 24
    ends = {each.split("/")[1]: each.split("/")[2] for each in told}
    assert set(ends) == set(names), ends
    for name, end in ends.items():
        assert end.startswith("ended at "), (name, end)
        assert abs(float(end.removeprefix("ended at ")) - seconds) < 0.02, (name, end)
