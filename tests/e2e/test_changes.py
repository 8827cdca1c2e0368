"""After an edit, exactly the segments that it touches are encoded again; `plan` names them before.

One cut in three deliverables: plain; with burnt-in captions; with labels, a clock and a watermark.

    frame   0      4      8     12     16           28      42      58     64      80
            s0     s0~2   s0~3  s0+s1  s1           s2      s3      slug   s4
                   title                                     caption 1      caption 2
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.e2e import films
from tests.e2e.conftest import Ran, contents, shotbuild

CAPTIONS = "1\n00:00:02,000 --> 00:00:02,250\nhello\n\n2\n00:00:02,800 --> 00:00:03,000\nworld\n"
SPECS = """shots:
  s0: {plate: assets/s0.mkv}
  s1: {plate: assets/s1.mkv}
  s2: {plate: assets/s2.mkv}
  s3: {plate: assets/s3.mkv, finish: [lut: {file: assets/warm.cube}]}
  s4: {plate: assets/s4.mkv, finish: [denoise, sharpen]}
sequences:
  film:
    title: One
    cut:
      - s0
      - {shot: s1, transition: {dissolve: 4f}}
      - {shot: s2, in: 1f, out: 15f}
      - {shot: s3, gain: -3dB}
      - {gap: 6f}
      - s4
    titles: [{text: Hello, at: 4f, for: 4f}]
    audio: [{file: assets/music.mkv, gain: -6dB}]
    captions: {en: assets/en.srt}
deliverables:
  web: {sequence: film, profile: h264-web}
  burnt: {sequence: film, profile: prores-422-hq, burn: en, captions: [en]}
  seen: {sequence: film, profile: review, watermark: FOR ANNA}
"""
ALL = ("web", "burnt", "seen")
SEGMENTS = ("s0", "s0~2", "s0~3", "s0+s1", "s1", "s2", "s3", "slug", "s4")
END = ("", "/measure", "/report")


def parts(names: Iterable[str], of: Iterable[str] = ALL) -> set[str]:
    """Segments of deliverables, with the films that they are joined to, and what is measured of those."""
    listed = list(of)
    return {f"film/{name}/{part}" for name in listed for part in names} | ends(listed)


def ends(of: Iterable[str] = ALL) -> set[str]:
    return {f"film/{name}{end}" for name in of for end in END}


SOUND = {"film/mix", *(f"film/{name}/sound" for name in ALL), *ends()}


def table(red: str) -> str:
    return "LUT_3D_SIZE 2\n" + "".join(f"{r} {g} {b}\n" for b in "01" for g in "01" for r in ("0", red))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("built") / "film"
    for n in range(6):
        films.plate(root / f"assets/s{n}.mkv", 16, shot=n)
    films.plate(root / "assets/music.mkv", 80, sound=lambda at: films.beep(at, 3.3) / 4)
    more = {"assets/en.srt": CAPTIONS, "assets/warm.cube": table("0.9")}
    deliver(films.project(root, SPECS, more=more))
    return root


@pytest.fixture
def film(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "film"))


def deliver(root: Path) -> Ran:
    done = shotbuild(root, "deliver", "--json")
    assert done.code == 0, done.err
    return done


def after(root: Path) -> set[str]:
    """The steps that `plan` names and that then run, without those that draw letters."""
    lines = shotbuild(root, "plan", "film/*").out.splitlines()
    planned = {line.split()[1] for line in lines if line[:1] in ("+", "~", "!")}
    ran = deliver(root).steps
    assert ran <= planned
    # Where the same was measured, nothing is judged again, which nobody knows before.
    assert planned - ran <= {f"film/{name}/report" for name in ALL}
    assert deliver(root).steps == set()
    return {name for name in planned if "/text-" not in name}


def test_nothing_changed_runs_nothing(film: Path) -> None:
    assert after(film) == set()


@pytest.mark.slow
def test_the_words_of_a_title(film: Path) -> None:
    films.edit(film, "text: Hello", "text: Goodbye")
    assert after(film) == parts(["s0~2"])


@pytest.mark.slow
def test_a_title_that_is_seen_longer(film: Path) -> None:
    films.edit(film, "for: 4f", "for: 6f")
    assert after(film) == parts(["s0~2", "s0~3"])


@pytest.mark.slow
def test_a_title_that_is_taken_away(film: Path) -> None:
    films.edit(film, "    titles: [{text: Hello, at: 4f, for: 4f}]\n", "")
    assert after(film) == parts(["s0"])


def test_the_name_of_the_film(film: Path) -> None:
    films.edit(film, "title: One", "title: Two")
    assert after(film) == ends()


def test_the_gain_of_a_clip(film: Path) -> None:
    films.edit(film, "gain: -3dB", "gain: -4dB")
    assert after(film) == SOUND


def test_the_gain_of_the_music(film: Path) -> None:
    films.edit(film, "gain: -6dB", "gain: -8dB")
    assert after(film) == SOUND


def test_a_lut(film: Path) -> None:
    (film / "assets/warm.cube").write_text(table("0.8"))
    assert after(film) == parts(["s3"])


@pytest.mark.slow
def test_a_heavy_effect(film: Path) -> None:
    films.edit(film, "[denoise, sharpen]", "[denoise: {strength: 5}, sharpen]")
    assert after(film) == {"s4/finish", *parts(["s4"])}


@pytest.mark.slow
def test_the_out_of_a_clip(film: Path) -> None:
    """The clock of the review copy moves in all that follows; captions are now over other frames of s3 and the gap."""
    films.edit(film, "out: 15f", "out: 14f")
    ran = after(film)
    assert ran & {f"film/web/{part}" for part in SEGMENTS} == {"film/web/s2"}
    assert ran & {f"film/seen/{part}" for part in SEGMENTS} == {f"film/seen/{part}" for part in ("s2", "s3", "slug", "s4")}
    assert ran & {f"film/burnt/{part}" for part in SEGMENTS} == {f"film/burnt/{part}" for part in ("s2", "s3", "s4")}
    assert ran >= SOUND
    assert "s2/sound-24" not in ran


@pytest.mark.slow
def test_a_transition(film: Path) -> None:
    films.edit(film, "{dissolve: 4f}", "{wipe: 4f, form: circle}")
    assert after(film) == parts(["s0+s1"])


@pytest.mark.slow
def test_a_longer_transition(film: Path) -> None:
    films.edit(film, "{dissolve: 4f}", "{dissolve: 5f}")
    ran = after(film)
    assert ran & {f"film/web/{part}" for part in SEGMENTS} == {f"film/web/{part}" for part in ("s0~3", "s0+s1", "s1")}


@pytest.mark.slow
def test_the_order_of_clips(film: Path) -> None:
    """What does not know where it stands is not encoded again: chunks are joined in another order."""
    films.edit(
        film, "      - {shot: s2, in: 1f, out: 15f}\n      - {shot: s3, gain: -3dB}\n", "      - {shot: s3, gain: -3dB}\n"
    )
    films.edit(film, "      - {gap: 6f}\n", "      - {gap: 6f}\n      - {shot: s2, in: 1f, out: 15f}\n")
    ran = after(film)
    assert ran & {f"film/web/{part}" for part in SEGMENTS} == set()
    assert ran >= SOUND


@pytest.mark.slow
def test_a_clip_that_is_put_in(film: Path) -> None:
    films.edit(film, "s4: {plate", "s5: {plate: assets/s5.mkv}\n  s4: {plate")
    films.edit(film, "      - {gap: 6f}\n", "      - s5\n      - {gap: 6f}\n")
    ran = after(film)
    assert {name for name in ran if name.startswith("film/web/s") and "sound" not in name} == {"film/web/s5"}
    assert "s5/sound-24" in ran


def test_the_words_of_a_caption(film: Path) -> None:
    """The picture where it is burnt in, and the track; no other deliverable."""
    (film / "assets/en.srt").write_text(CAPTIONS.replace("hello", "hallo"))
    assert after(film) == parts(["s3", "captions-en"], ["burnt"])


def test_a_watermark(film: Path) -> None:
    films.edit(film, "FOR ANNA", "FOR BERTA")
    assert after(film) == parts(SEGMENTS, ["seen"])


def test_a_shot_that_has_another_name(film: Path) -> None:
    """Its name is seen in the review copy alone."""
    text = (film / "specs/film.yaml").read_text()
    (film / "specs/film.yaml").write_text(text.replace("  s2: {", "  z2: {").replace("shot: s2", "shot: z2"))
    ran = after(film)
    assert {name for name in ran if name.rpartition("/")[2] in (*SEGMENTS, "z2")} == {"film/seen/z2"}


def test_an_edit_and_back_gives_the_first_files(film: Path) -> None:
    first = contents(film)
    films.edit(film, "text: Hello", "text: Goodbye")
    films.edit(film, "{dissolve: 4f}", "{dip: 4f}")
    after(film)
    assert contents(film) != first
    films.edit(film, "text: Goodbye", "text: Hello")
    films.edit(film, "{dip: 4f}", "{dissolve: 4f}")
    assert after(film) == set()
    assert contents(film) == first
