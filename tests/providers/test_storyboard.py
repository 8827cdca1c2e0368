"""What is drawn: the same bytes everywhere, other pictures for other words, and no text or size that breaks it."""

import os
import subprocess
import sys
from fractions import Fraction
from itertools import combinations, islice
from pathlib import Path

import numpy as np
import pytest

from shotbuild.media import fonts
from shotbuild.providers.interface import Request
from shotbuild.providers.storyboard import letters, vocabulary, words
from shotbuild.providers.storyboard.film import Film
from shotbuild.providers.storyboard.letters import Face, clean
from tests.providers.requests import luma, planes_digest, request, unlike

ROOT = Path(__file__).parents[2]
SCRIPTS = "שלום (עולם) مرحبا 灯台の夜 «naïve» 🎬 50%: \\ '\"\n"

# sha256 of the raw planes. They change only together with the version of the model `storyboard`.
# Version 2: calculated with Pillow 13.0 and numpy 2.4. Version 1 was found equal from Pillow 10.4 and numpy 2.2 on.
GOLDEN: dict[str, tuple[Request, str]] = {
    "push": (request(), "74d2fbf0f7ce113688efa3b989228b9eaa8557b490e05002b32e80a398e82dd4"),
    "forest": (
        request("A girl runs through the forest at dawn, tracking", seed=3),
        "84a0ad9b435ac6e98ae1b4e26e921b96e88e56c7ee6b8f47221d47415f0f9aeb",
    ),
    "street": (
        request("A rainy street at night, handheld", size=(320, 180), rate=Fraction(24000, 1001)),
        "91730c25e3c6495f089f37f6803abc451fac1d07b88cb018727ab678f0d3ab6f",
    ),
    "inside": (
        request("The keeper climbs the stairs with a lantern, night", seed=2),
        "eb87a557a89ecc0c14603422ee3e6915b40c85091796f5508fca1458befe18c7",
    ),
    "insert": (
        request("Insert: a hand lights a candle, pull out", overlay="slate"),
        "34961d54753fea2e1195768064a95538ff6c1255d8927726906111a95f4b480f",
    ),
    "upright": (
        request("A boat sails at golden hour, pan right", size=(136, 240)),
        "6c7ef3bf029c91ceabd561ccf3ccec98e45c6c3fe35616280468314f8ca38ab7",
    ),
    "aerial": (
        request("Aerial over snowy mountains, fog, tilt down", overlay="none"),
        "516e54c6dd2a963bb0047302e463f66feb53a4cc8d60e1b243645e1c20c1b154",
    ),
    "scripts": (
        request(SCRIPTS, size=(480, 270), frames=2),
        "d7a411b8a13aaeb9787feff890bc9e57b1287117ed2d0156e231f87416646dd6",
    ),
    "face": (
        request("Close-up of a woman at the window, crane up", seed=9),
        "1c79626915ffbef77a9505c9b8e72b0557422062e45cca55d7363d98b02bdb56",
    ),
    "crowd": (
        request("A crowd crosses the square, snow, a car", seed=4),
        "3e150404b3cd01adad2721ccc949be6caadbd229ed68cc4be8fa2d1ed27c8c1b",
    ),
}

PROMPTS = (
    "A lighthouse at dusk",
    "A woman walks through the forest at dawn",
    "City skyline at night",
    "A cup of coffee on a kitchen table, morning",
    "Close-up of an old man, rain",
    "A car drives along a desert road at noon",
    "An empty corridor",
    "Un vieux pêcheur répare ses filets",
)


@pytest.mark.parametrize("name", GOLDEN)
def test_planes_are_the_same_on_every_machine(name: str) -> None:
    wanted, digest = GOLDEN[name]
    assert planes_digest(wanted) == digest


def test_planes_do_not_depend_on_hash_seed_or_locale() -> None:
    program = "from tests.providers.requests import *; print(planes_digest(request('A crowd in a market, rain', frames=3)))"
    found = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env=os.environ | extra, capture_output=True, text=True, check=True
        ).stdout
        for extra in (
            {"PYTHONHASHSEED": "1", "LC_ALL": "C"},
            {"PYTHONHASHSEED": "77", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Tokyo"},
        )
    }
    assert len(found) == 1


def test_other_prompts_give_other_pictures() -> None:
    shots = [luma(request(prompt), 6) for prompt in PROMPTS]
    assert min(unlike(a, b) for a, b in combinations(shots, 2)) > 6


@pytest.mark.parametrize("prompt", PROMPTS)
def test_other_seeds_give_other_pictures(prompt: str) -> None:
    shots = [luma(request(prompt, seed=seed), 6) for seed in range(4)]
    assert min(unlike(a, b) for a, b in combinations(shots, 2)) > 2.5


@pytest.mark.parametrize("move", ["push in", "pull out", "pan left", "tilt up", "tracking", "crane up", "handheld"])
def test_a_camera_move_moves_the_picture(move: str) -> None:
    wanted = request(f"Mountains and a lone hiker at noon, {move}", frames=48)
    assert unlike(luma(wanted, 0), luma(wanted, 47)) > 1


def test_a_static_camera_keeps_what_stands_still() -> None:
    wanted = request("An empty corridor, static", frames=48)
    assert unlike(luma(wanted, 0), luma(wanted, 47)) == 0


def test_a_film_is_drawn_frame_by_frame_however_long_it_is() -> None:
    film = Film(request(frames=86_400))
    assert [len(chunk) for chunk in islice(film.frames(), 6)] == [240 * 136, 120 * 68, 120 * 68] * 2


@pytest.mark.parametrize("overlay", ["full", "slate", "none"])
@pytest.mark.parametrize("size", [(16, 16), (64, 64), (160, 90), (90, 160), (130, 128), (320, 180), (180, 320), (512, 16)])
def test_any_size_gives_whole_frames(size: tuple[int, int], overlay: str) -> None:
    wanted = request("A man waits on a rainy street, two birds, handheld", size=size, frames=2, overlay=overlay)
    assert sum(map(len, Film(wanted).frames())) == 2 * size[0] * size[1] * 3 // 2


@pytest.mark.parametrize("place", vocabulary.PLACES)
@pytest.mark.parametrize(
    "size", ["aerial", "low angle", "medium shot", "close-up", "over the shoulder", "insert", "extreme wide"]
)
def test_every_place_is_drawn_in_every_shot_size(place: str, size: str) -> None:
    word = vocabulary.PLACES[place].split()[0]
    wanted = request(f"{size}, a woman in the {word}", size=(64, 36), frames=2, overlay="none")
    assert np.ptp(luma(wanted, 1)) > 8


@pytest.mark.parametrize("subject", vocabulary.SUBJECTS)
def test_every_subject_changes_the_picture(subject: str) -> None:
    word = vocabulary.SUBJECTS[subject].split()[0]
    empty = luma(request("an empty street at noon, full shot, static", size=(160, 90), frames=2, overlay="none"), 1)
    shown = luma(request(f"a {word} on the street at noon, full shot, static", size=(160, 90), frames=2, overlay="none"), 1)
    assert unlike(empty, shown) > 0.4


CAPTIONS = (
    SCRIPTS,
    "",
    " \t\n ",
    "\x00\x1b[31mred\x07\u202e\ufeff",
    "It's 10:30, 50% [ok]; a\\b {x} %{pts} ${HOME} $(id) `id` -rf con",
    "Donaudampfschifffahrt" * 40,
    "word " * 3000,
    "👨‍👩‍👧‍👦 🇩🇪 ☺️ é é ﷽ ỹ ไทย हिन्दी",
    "\ud800 lone surrogate \udfff",
    "١٢٣ abc (שלום) [مرحبا بالعالم] 12:30",
    "\U0010ffff\ue000\ufffe",
)


@pytest.mark.parametrize("caption", CAPTIONS)
@pytest.mark.parametrize("size", [(320, 180), (136, 240), (128, 128)])
def test_no_caption_breaks_a_frame(caption: str, size: tuple[int, int]) -> None:
    wanted = request(caption, title=caption, size=size, frames=1)
    assert sum(map(len, Film(wanted).frames())) == size[0] * size[1] * 3 // 2


@pytest.mark.parametrize("caption", CAPTIONS)
def test_wrapped_lines_fit(caption: str) -> None:
    face = Face(fonts.REGULAR, 15)
    lines = face.wrap(clean(caption), 260, 3)
    assert len(lines) <= 3
    assert all(face.width(line) <= 260 for line in lines)


def test_what_does_not_fit_ends_in_an_ellipsis() -> None:
    face = Face(fonts.REGULAR, 15)
    assert face.wrap("word " * 100, 200, 2)[-1].endswith(letters.ELLIPSIS)
    assert face.wrap("short", 200, 2) == ["short"]


def test_control_characters_are_dropped_and_marks_composed() -> None:
    assert clean("a\x00b\u202ec\n  d\te\u0301") == "abc d é"


def test_words_decide() -> None:
    idea = words.read("Close-up: an old man in the kitchen at night, rain, slow push in")
    assert (idea.place, idea.hour, idea.weather, idea.size, idea.move) == ("room", "night", "rain", "close", "push")
    assert idea.subjects == ("old", "man")


@pytest.mark.parametrize(
    ("prompt", "place", "action", "move"),
    [
        ("She runs down the stairs, the camera tracks", "stairs", "run", "track"),
        ("Boats drifting in the harbour, pan left", "sea", None, "left"),
        ("A dog is climbing mountains; crane up", "mountains", "climb", "rise"),
        ("The camera pulls back from a city", "city", None, "pull"),
    ],
)
def test_words_are_found_in_their_forms(prompt: str, place: str, action: str | None, move: str) -> None:
    idea = words.read(prompt)
    assert (idea.place, idea.move) == (place, move)
    assert action is None or idea.action == action
