"""Each effect declares how far its bytes can be relied on; here that is proved: twice, on more threads, and without SIMD."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from shotbuild.stages.effects import EFFECTS, EXACT
from tests.media.effects.conftest import row, settings_of

CUBE = 9
CHAINS = {
    "upscale": [row("upscale", factor="2")],
    "crop": [row("crop", x="1/10", width="1/2")],
    "reframe": [row("reframe", aspect="9:16", keys="0s:1/5,1/2 500ms:4/5,1/2")],
    "denoise": [row("denoise")],
    "denoise-atadenoise": [row("denoise", method="atadenoise")],
    "denoise-nlmeans": [row("denoise", method="nlmeans")],
    "deband": [row("deband")],
    "sharpen": [row("sharpen")],
    "sharpen-unsharp": [row("sharpen", method="unsharp")],
    "grain": [row("grain", strength=20)],
    "grain-coarse": [row("grain", strength=20, size=2)],
    "interpolate": [row("interpolate", rate="48")],
    "interpolate-blend": [row("interpolate", rate="60", method="blend")],
    "stabilise": [row("stabilise")],
    "speed": [row("speed", factor="3/2")],
    "speed-smooth": [row("speed", factor="1/2", smooth=True)],
    "freeze": [row("freeze", at="250ms", for_="250ms")],
    "lut": [row("lut", file="x.cube")],
    "lut-spaces": [row("lut", file="x.cube", input="srgb", output="p3-d65")],
    "lut-trilinear": [row("lut", file="x.cube", interpolation="trilinear")],
    "title": [row("title", text="x", for_="500ms", fade_in="2f", fade_out="2f")],
    "fade": [row("fade", in_="4f", out="4f", color="#c02040", length="2/3")],
}


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A table of colours and letters."""
    folder = tmp_path_factory.mktemp("drawn")
    points = [index / (CUBE - 1) for index in range(CUBE)]
    rows = [f"{r**0.8:.6f} {g**1.1:.6f} {b * 0.9 + 0.05:.6f}" for b in points for g in points for r in points]
    (folder / "x.cube").write_text(f"LUT_3D_SIZE {CUBE}\n" + "\n".join(rows) + "\n")
    letters = Image.new("RGBA", (160, 90))
    ImageDraw.Draw(letters).ellipse((40, 20, 120, 70), fill=(255, 220, 40, 200))
    letters.save(folder / "letters.png")
    return {"effect0-file.cube": folder / "x.cube", "effect0-letters.png": folder / "letters.png"}


def test_every_effect_on_films_is_proved() -> None:
    assert {name.partition("-")[0] for name in CHAINS} == {name for name, effect in EFFECTS.items() if not effect.reads}


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le"])
@pytest.mark.parametrize("name", CHAINS)
def test_an_exact_effect_gives_the_same_bytes_on_other_threads_and_without_simd(
    name, pixels, run, prepare, film_file, drawn
) -> None:
    effect = name.partition("-")[0]
    assert EFFECTS[effect].determinism == EXACT
    path = film_file("shaken" if effect == "stabilise" else "moving", pixels)
    files = dict(drawn)
    if effect == "stabilise":
        files["effect0-motion.trf"] = prepare(path, "stabilise", settings_of("stabilise"))
    once = run(path, CHAINS[name], pixels=pixels, files=files)
    assert len(set(once.digests)) > 1
    for more in ({}, {"threads": 4}, {"before": ("-cpuflags", "0")}):
        again = run(path, CHAINS[name], pixels=pixels, files=files, **more)
        assert again.path.read_bytes() == once.path.read_bytes(), more
