"""What is refused of deliverables: files in each other's way, and keys that change nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shotbuild.errors import SpecError, SpecErrors
from shotbuild.media.profiles import PROFILES
from shotbuild.spec.load import load
from shotbuild.stages.ladder import _NAME

Told = Callable[[str], list[SpecError]]

PROJECT = """\
shotbuild: 1
project: p
providers: {board: {use: animatic}}
defaults: {provider: board, duration: 2s}
profiles:
  marked: {base: rung-360p, burn_in: {watermark: true}}
  marked-hls: {base: hls, ladder: [marked]}
  marked-poster: {base: poster, burn_in: {watermark: true}}
  matroska: {base: h264-web, extension: mkv}
shots: {a: {prompt: x}}
sequences:
  s: {cut: [a], captions: {en: assets/en.srt}}
deliverables:
"""


@pytest.fixture
def told(tmp_path: Path, tables: Any) -> Told:
    """told(deliverables): all errors of a project with them, each a line such as `a: {profile: hls}`."""
    sound_alone = replace(PROFILES["h264-web"], name="sound-alone", extension="m4a", video=PROFILES["stems"].video)
    assert not sound_alone.video.items
    offered = replace(tables, profiles={**PROFILES, "sound-alone": sound_alone})
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets/en.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n", encoding="utf-8")

    def errors(deliverables: str) -> list[SpecError]:
        lines = deliverables.replace("{profile", "{sequence: s, profile").splitlines()
        text = PROJECT + "".join(f"  {line}\n" for line in lines)
        (tmp_path / "shotbuild.yaml").write_text(text, encoding="utf-8")
        try:
            load(tmp_path, offered)
        except SpecErrors as found:
            return [error for error in found.errors if isinstance(error, SpecError)]
        return []

    return errors


@pytest.mark.parametrize(
    ("first", "second", "path"),
    [
        ("{profile: hls, file: web}", "{profile: h264-web, file: web/film}", "web/film.mp4"),
        ("{profile: dash, file: Web}", "{profile: h264-web, file: wEB/deep/film}", "wEB/deep/film.mp4"),
        ("{profile: h264-web, file: web/film}", "{profile: png-sequence, file: web}", "web"),
        ("{profile: h264-web, file: web/film}", "{profile: stems, file: WEB}", "WEB"),
        ("{profile: hls, file: web}", "{profile: hls, file: web/hls}", "web/hls"),
        ("{profile: hls, file: x.mp4}", "{profile: h264-web, file: x}", "x.mp4"),
        ("{profile: h264-web, file: x}", "{profile: hls, file: X.MP4}", "X.MP4"),
        ("{profile: h264-web, file: x}", "{profile: h264-web, file: x.mp4/y}", "x.mp4/y.mp4"),
        ("{profile: h264-web, file: x}", "{profile: hls, file: x.report.json}", "x.report.json"),
        ("{profile: h264-web, file: x.report.html/y}", "{profile: h264-web, file: x}", "x.report.html"),
    ],
)
def test_files_in_each_others_way_are_refused(told: Told, first: str, second: str, path: str) -> None:
    (error,) = told(f"d: {first}\ne: {second}")
    assert error.message == f"deliverable 'e' cannot write `out/{path}`"
    assert "deliverable 'd' (shotbuild.yaml:14:" in (error.cause or "")
    assert error.location is not None
    assert error.location.line == 15


def test_a_folder_and_a_film_of_one_file_are_told_as_one_file(told: Told) -> None:
    (error,) = told("d: {profile: hls, file: x}\ne: {profile: h264-web, file: X}")
    assert error.message == "deliverable 'e' writes `out/X` once more"


def test_files_side_by_side_are_taken(told: Told) -> None:
    text = "a: {profile: hls, file: web}\nb: {profile: h264-web, file: web-film}\nc: {profile: h264-web, file: sub/web}\n"
    text += "d: {profile: h264-web, file: sub/web/film}\ne: {profile: prores-422-hq, file: web.mp4}"
    assert told(text) == []


@pytest.mark.parametrize(
    ("written", "key", "cause", "hint"),
    [
        ("profile: h264-web, watermark: ANNA", "watermark", "`burn_in` has no `watermark`", "such as `review`"),
        ("profile: png-sequence, watermark: ANNA", "watermark", "`burn_in` has no", "burn_in: {watermark: true}"),
        ("profile: hls, watermark: ANNA", "watermark", "`burn_in` has no", "rungs of your own"),
        ("profile: stems, watermark: ANNA", "watermark", "kind `stems`", "with a picture"),
        ("profile: stems, burn: en", "burn", "kind `stems`", "with a picture"),
        ("profile: contact-sheet, burn: en", "burn", "kind `sheet`", "of a film"),
        ("profile: poster, burn: en", "burn", "kind `poster`", "of a film"),
        ("profile: sound-alone, burn: en", "burn", "a profile of sound alone", "with a picture"),
        ("profile: stems, reframe: crop", "reframe", "kind `stems`", "with a picture"),
        ("profile: sound-alone, reframe: pad", "reframe", "sound alone", "with a picture"),
        ("profile: xdcam, captions: [en]", "captions", "it makes `mxf`; films of mp4, mov, mkv, webm", "`burn: …`"),
        ("profile: gif, captions: [en]", "captions", "kind `animation`", "`burn: …`"),
        ("profile: dpx-sequence, captions: [en]", "captions", "kind `frames`", "`burn: …`"),
        ("profile: poster, captions: [en]", "captions", "kind `poster`", "take it out"),
        ("profile: stems, captions: [en]", "captions", "kind `stems`", "take it out"),
        ("profile: sound-alone, captions: [en]", "captions", "sound alone", "take it out"),
    ],
)
def test_an_option_that_changes_nothing_is_refused_at_its_place(
    told: Told, written: str, key: str, cause: str, hint: str
) -> None:
    (error,) = told(f"d: {{{written}}}")
    assert error.message.endswith(f"makes nothing of `{key}`")
    assert cause in (error.cause or "")
    assert hint in (error.hint or "")
    assert error.location is not None
    assert error.location.column > len("  d: {sequence: s, profile: ")


@pytest.mark.parametrize(
    "written",
    [
        "profile: review, watermark: ANNA, burn: en, captions: [en], reframe: crop",
        "profile: marked-hls, watermark: ANNA, captions: [en], burn: en, reframe: crop",
        "profile: marked-poster, watermark: ANNA, reframe: crop",
        "profile: matroska, captions: [en]",
        "profile: vp9-web, captions: [en]",
        "profile: prores-master, captions: [en]",
        "profile: dash, captions: [en]",
        "profile: gif, burn: en, reframe: pad",
        "profile: exr-sequence, burn: en",
        "profile: h264-web, watermark: '', captions: []",
    ],
)
def test_an_option_that_the_profile_follows_is_taken(told: Told, written: str) -> None:
    assert told(f"d: {{{written}}}") == []


def test_a_rung_may_have_a_name_as_long_as_a_profile_may() -> None:
    assert _NAME.fullmatch("r" * 64)
    assert not _NAME.fullmatch("r" * 65)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("d: {profile: h264-web, waive: {min_duration: ''}}", "`min_duration` is waived without a reason"),
        ("d: {profile: h264-web, waive: {min_duration: '  '}}", "`min_duration` is waived without a reason"),
        ("d: {profile: h264-web, file: sha256SUMS}", "this name is kept for the list of checksums of a package"),
        ("d: {profile: h264-web, file: a/SHA256SUMS}", "this name is kept for the list of checksums of a package"),
    ],
)
def test_a_waiver_needs_a_reason_and_a_package_its_list(told: Told, line: str, said: str) -> None:
    assert [error.message for error in told(line)] == [said]
