"""Every frame of a segment in its place: numbered clips blended, laid over and lettered, against plain arithmetic."""

import io
import re
import tarfile
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from shotbuild.errors import Location, MediaError
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media import joining
from shotbuild.media.profiles import PROFILES, mezzanine
from shotbuild.media.segments import WIPES
from shotbuild.plan.cut import Length, cut_of
from shotbuild.plan.timeline import Blend, Over, Run, Slug
from shotbuild.records import Clip, Fields, Format, Overlay, Sequence, Transition, fields
from shotbuild.stages.encode import Encode
from shotbuild.stages.finish import Finish
from shotbuild.units import Duration, Size, rate_text
from tests.stages.conftest import LOSSLESS, blended, laid_over, plain, seen, shot_of, together, work_of

SAMPLES = {"f32": "<f4", "f16": "<f2"}
BOTH = {"shot0": shot_of("shot0", 48), "shot1": shot_of("shot1", 48)}
COLOURS = (
    ("#000000", (16, 128, 128)), ("#ffffff", (235, 128, 128)), ("#c8283c", (81, 121, 197)), ("#0000ff", (32, 240, 118)),
)  # fmt: skip
"""As ITU-R BT.709-6 has them in limited range."""
HERE = Location(file="specs/a.yaml", line=1, column=1)


def luma(frame):
    """Of frame `frame` of a numbered clip."""
    return 16 + 4 * frame


@pytest.fixture
def pair(numbered):
    """Two numbered clips that differ only in being two files."""
    return {"shot0": numbered(48), "shot1": numbered(48, filters="null,null")}


@pytest.fixture
def white(make):
    """A PNG of the frame's size: white letters on nothing, in the middle third."""

    def made(size="64x36"):
        width, height = (int(side) for side in size.split("x"))
        path = make(f"letters-{size}.png", "-f", "lavfi", "-i", f"color=black@0:s={size},format=rgba", "-frames:v", "1")
        picture = Image.new("RGBA", (width, height), (0, 0, 0, 0))
        picture.paste((255, 255, 255, 255), (width // 3, height // 3, 2 * width // 3, 2 * height // 3))
        picture.save(path)
        return path

    return made


def equal(one, other):
    assert len(one) == len(other)
    for first, second in zip(one, other, strict=True):
        assert all((a == b).all() for a, b in zip(first, second, strict=True))


# --- runs, stills, colours -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "frames"), [(0, 1), (0, 48), (7, 5), (47, 1), (20, 28)])
def test_a_run_is_those_frames_to_the_bit(encode, numbered, planes, start, frames):
    source = numbered(48)
    equal(planes(encode(source, seen(start=start), frames, 48)), planes(source)[start : start + frames])


@pytest.mark.parametrize("start", [0, 11, 47])
def test_a_held_frame_is_one_frame_all_the_time(encode, numbered, lumas, start):
    assert lumas(encode(numbered(48), seen(start=start, held=True), 9, 48)) == [luma(start)] * 9


def test_the_last_frame_stands_in_for_the_few_that_are_missing(encode, numbered, lumas):
    short = numbered(10)
    assert lumas(encode(short, seen(start=8), 4, 12)) == [luma(8), luma(9), luma(9), luma(9)]
    assert lumas(encode(short, seen(start=11, held=True), 2, 12)) == [luma(9)] * 2
    with pytest.raises(MediaError, match="too short"):
        encode(short, seen(start=0), 13, 13)


@pytest.mark.parametrize(("colour", "expected"), COLOURS)
def test_a_slug_is_its_colour_in_bt709(encode, planes, colour, expected):
    frames = planes(encode({}, plain(colour), 5, {}))
    assert len(frames) == 5
    for frame in frames:
        assert [int(plane[plane.shape[0] // 2, plane.shape[1] // 2]) for plane in frame] == pytest.approx(expected, abs=1)
        assert all(np.ptp(plane) == 0 for plane in frame)


# --- transitions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", [1, 2, 3, 8, 48])
@pytest.mark.parametrize("rate", ["24", "24000/1001"])
def test_a_dissolve_goes_evenly_and_shows_neither_clip_alone(encode, numbered, lumas, of, rate):
    files = {"shot0": numbered(48, rate), "shot1": numbered(48, rate, filters="lutyuv=y=16+235-val")}
    shots = {name: shot_of(name, 48, own=rate) for name in files}
    found = lumas(encode(files, blended(seen(start=48 - of), seen("shot1"), of), of, shots, rate=rate))
    wanted = [(1 - w) * luma(48 - of + k) + w * (251 - luma(k)) for k in range(of) for w in [(k + 1) / (of + 1)]]
    assert found == pytest.approx(wanted, abs=1.01)


@pytest.mark.parametrize(("at", "frames"), [(0, 5), (5, 1), (7, 9), (23, 1)])
@pytest.mark.parametrize("form", ["", "left", "circle"])
def test_a_part_of_a_transition_is_what_the_whole_has_there(encode, pair, planes, at, frames, form):
    whole = planes(encode(pair, blended(seen(start=24), seen("shot1"), 24, form=form), 24, BOTH))
    part = blended(seen(start=24 + at), seen("shot1", at), 24, at=at, form=form)
    equal(planes(encode(pair, part, frames, BOTH)), whole[at : at + frames])


@pytest.mark.parametrize("form", WIPES)
def test_every_wipe_moves_on_from_one_picture_to_the_other(encode, planes, form):
    picture = blended(plain("#000000"), plain("#ffffff"), 12, form=form)
    shares = [float(frame[0].mean() - 16) / 219 for frame in planes(encode({}, picture, 12, {}))]
    assert shares == sorted(shares)
    assert shares[0] < 0.25
    assert shares[-1] > 0.75
    assert shares[5] < 0.7


def test_wipes_go_where_they_say(encode, planes):
    def halfway(form):
        return planes(encode({}, blended(plain("#000000"), plain("#ffffff"), 7, form=form), 7, {}))[3][0].astype(int)

    left, right, up, down = (halfway(form) for form in ("left", "right", "up", "down"))
    assert (left[:, 60].mean(), left[:, 4].mean()) == (235, 16)  # the new picture comes from the right
    assert (right[:, 60].mean(), right[:, 4].mean()) == (16, 235)
    assert (up[33].mean(), up[3].mean()) == (235, 16)
    assert (down[33].mean(), down[3].mean()) == (16, 235)


def test_transitions_nest(encode, pair, lumas):
    inner = blended(seen(start=10), seen("shot1"), 6)
    found = lumas(encode(pair, blended(inner, plain("#ffffff"), 6), 6, BOTH))
    values = []
    for k in range(6):
        w = (k + 1) / 7
        values.append((1 - w) * ((1 - w) * luma(10 + k) + w * luma(k)) + w * 235)
    assert found == pytest.approx(values, abs=1.6)


def test_a_clip_may_go_over_into_itself(encode, numbered, lumas):
    found = lumas(encode(numbered(48), blended(seen(start=20), seen(start=0), 8), 8, 48))
    assert found == pytest.approx([luma(k) + 80 * (1 - (k + 1) / 9) for k in range(8)], abs=1.01)


# --- overlays --------------------------------------------------------------------------------------------------------


def test_an_overlay_lies_where_it_is_put_and_nowhere_else(encode, planes):
    top = laid_over(plain("#000000"), plain("#ffffff"), 3, left="3/4", upper="1/4", width="1/4")
    for frame in planes(encode({}, top, 3, {})):
        found = frame[0]
        rows, columns = (found > 200).nonzero()
        assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (4, 14, 40, 56)
        assert sorted({*np.unique(found)}) == [16, 235]


def fade(k, of, fade_in, fade_out):
    """The opacity of frame k of a whole that comes and goes."""
    return min(1.0, k / fade_in if fade_in else 1.0, (of - k) / fade_out if fade_out else 1.0)


@pytest.mark.parametrize(("at", "frames"), [(0, 16), (2, 3), (5, 6), (11, 5), (15, 1)])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le"])
def test_an_overlay_comes_and_goes_by_its_frames(encode, lumas, at, frames, pixels):
    top = laid_over(plain("#000000"), plain("#ffffff"), 16, at=at, fade_in=4, fade_out=6)
    video = mezzanine(pixels)
    found = [each / (4 if "10" in pixels else 1) for each in lumas(encode({}, top, frames, {}, video, pixels=pixels))]
    assert found == pytest.approx([16 + 219 * fade(at + k, 16, 4, 6) for k in range(frames)], abs=2)


def test_an_overlay_that_is_see_through_is_so_while_it_fades(encode, lumas):
    top = laid_over(plain("#000000"), plain("#ffffff"), 8, opacity="1/2", fade_in=4)
    found = lumas(encode({}, top, 8, {}))
    assert found == pytest.approx([16 + 219 * 0.5 * fade(k, 8, 4, 0) for k in range(8)], abs=2)


def test_frames_run_under_and_in_an_overlay(encode, pair, planes):
    top = laid_over(seen(start=30), seen("shot1", 5), 10, width="1/2")
    for k, frame in enumerate(planes(encode(pair, top, 10, BOTH))):
        assert (int(frame[0][18, 32]), int(frame[0][2, 2])) == (luma(5 + k), luma(30 + k))


def test_an_overlay_may_reach_over_the_edge(encode, planes):
    top = laid_over(plain("#000000"), plain("#ffffff"), 2, left="1", upper="0", width="1/2")
    found = planes(encode({}, top, 2, {}))[0][0]
    assert (found[0, 63], found[30, 63], found[0, 40]) == (235, 16, 16)


# --- text ------------------------------------------------------------------------------------------------------------


def letters(start, end, **more):
    place = {"at": 0, "of": 12, "fade_in": 0, "fade_out": 0}
    return fields(input="letters0", start=start, end=end, **(place | more))


@pytest.mark.parametrize(("start", "end"), [(0, 12), (0, 1), (3, 7), (11, 12)])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le", "yuv444p10le"])
def test_a_text_lies_over_its_frames_and_leaves_the_others_as_they_are(encode, numbered, white, planes, start, end, pixels):
    files = {"shot0": numbered(48), "letters0": white()}
    video = mezzanine(pixels)
    bare = planes(encode(files, seen(start=20), 12, 48, video))
    lit = planes(encode(files, seen(start=20), 12, 48, video, letters=(letters(start, end),)))
    full = 940 if "10" in pixels else 235
    for k, (before, after) in enumerate(zip(bare, lit, strict=True)):
        if start <= k < end:
            assert abs(int(after[0][18, 32]) - full) <= 2
            assert after[0][2, 2] == before[0][2, 2]
        else:
            equal([before], [after])


@pytest.mark.parametrize("at", [0, 3, 9])
def test_a_text_fades_by_the_frames_of_the_whole_title(encode, white, lumas, at):
    row = letters(0, 12 - at, at=at, fade_in=4, fade_out=4)
    found = lumas(encode({"letters0": white()}, plain(), 12 - at, {}, letters=(row,)))
    assert found == pytest.approx([16 + 219 * fade(at + k, 12, 4, 4) for k in range(12 - at)], abs=2)


def test_later_texts_lie_above_earlier_ones_and_all_are_drawn_for_the_delivered_frame(encode, numbered, white, planes):
    files = {"shot0": numbered(48), "letters0": white("32x18"), "letters1": white("32x18")}
    rows = (letters(0, 12), fields(input="letters1", start=2, end=4, at=0, of=2, fade_in=0, fade_out=0))
    frames = planes(encode(files, seen(), 12, 48, out_size="32x18", letters=rows))
    assert frames[3][0].shape == (18, 32)
    assert {int(frame[0][9, 16]) for frame in frames} == {235}


# --- what comes out --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv444p", "yuv422p"])
def test_other_pixels_keep_every_level(encode, numbered, planes, pixels):
    chunk = encode(numbered(48), seen(), 48, 48, mezzanine(pixels))
    factor = 4 if "10" in pixels else 1
    for k, frame in enumerate(planes(chunk)):
        assert int(frame[0][18, 32]) == luma(k) * factor
        assert abs(int(frame[1][2, 2]) - 128 * factor) <= 1


def pictures(chunk):
    with tarfile.open(chunk) as packed:
        return {member.name: packed.extractfile(member).read() for member in packed}


def test_pictures_are_numbered_and_in_rgb(encode, numbered):
    chunk = encode(numbered(48), seen(start=10), 12, 48, PROFILES["png-sequence"].video)
    found = pictures(chunk)
    assert sorted(found, key=lambda name: int(name.partition(".")[0])) == [f"{n}.png" for n in range(1, 13)]
    for n in range(12):
        level = np.asarray(Image.open(io.BytesIO(found[f"{n + 1}.png"])))[18, 32]
        level = level / 257 if level.dtype == np.uint16 or level.max() > 255 else level
        assert level.tolist() == pytest.approx([(luma(10 + n) - 16) * 255 / 219] * 3, abs=1)


@pytest.mark.parametrize(("profile", "full"), [("dpx-sequence", 1023), ("exr-sequence", 1.0)])
def test_pictures_of_a_ten_bit_cut_keep_ten_bits(encode, make, tmp_path, profile, full):
    levels = [64, 65, 66, 67, 400, 401, 402, 403, 937, 938, 939, 940]
    luma_ = "mod(N,4)+if(lt(N,4),64,if(lt(N,8),400,937))"
    graph = f"nullsrc=s=64x36:r=24,format=yuv422p10le,geq=lum='{luma_}':cb=512:cr=512"
    tags = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
    graph = f"{graph},trim=end_frame=12,format=yuv422p10le,{tags}"
    source = make("levels.mkv", "-f", "lavfi", "-i", graph, "-c:v", "ffv1", "-fps_mode", "passthrough")
    video = PROFILES[profile].video
    chunk = encode(source, seen(), 12, {"shot0": shot_of("shot0", 12, pixels="yuv422p10le")}, video, pixels="yuv422p10le")
    found = []
    for name, content in sorted(pictures(chunk).items(), key=lambda each: int(each[0].partition(".")[0])):
        (tmp_path / name).write_bytes(content)
        with av.open(str(tmp_path / name)) as picture:
            frame = next(picture.decode(video=0))
        kind = next((kind for name, kind in SAMPLES.items() if name in frame.format.name), "<u2")
        plane = np.frombuffer(frame.planes[0], kind)
        found.append(float(plane[plane.size // 2 + frame.width // 2]) / full)
    assert found == pytest.approx([(level - 64) / 876 for level in levels], abs=0.6 / 876)


ALIKE = {
    "yuva420p": "yuv420p", "yuva422p": "yuv422p", "yuva444p": "yuv444p", "yuva422p10le": "yuv422p10le",
    "yuva444p10le": "yuv444p10le", "rgba": "gbrap", "rgb24": "gbrp", "rgb48be": "gbrp16le",
}  # fmt: skip
"""Pixels that differ in their order or in being opaque, and in no value."""


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le"])
@pytest.mark.parametrize("name", ["h264-web", "prores-422-hq", "prores-4444", "png-sequence", "dpx-sequence", "preview"])
def test_no_conversion_is_left_to_ffmpegs_own_choice(tmp_path_factory, tmp_path, segment, numbered, white, name, pixels):
    """What it inserts by itself has no colours, no rounding and no instruction set that anybody chose."""
    told = tmp_path / "told.log"
    program = tmp_path / "ffmpeg"
    program.write_text(f'#!/bin/sh\nFFREPORT=file={told}:level=40 exec {find_ffmpeg(None)} "$@"\n')
    program.chmod(0o755)
    shots = {"shot0": shot_of("shot0", 48, pixels=pixels)}
    picture = blended(laid_over(seen(), plain("#306090"), 6, opacity="1/2", fade_in=3), plain("#ffffff"), 6, form="left")
    more = {"letters": (letters(1, 4, fade_in=2),), "burn_in": fields(label="x", clock=3, mark="y"), "pixels": pixels}
    parameters = segment(picture, 6, shots, PROFILES[name].video, out_size="128x72", **more)
    output = f"chunk.{PROFILES[name].video.text('extension')}"
    files = {"shot0": numbered(48), "letters0": white("128x72")}
    work = replace(work_of(tmp_path_factory.mktemp("encode"), files, (output,), parameters), ffmpeg=program)
    Encode().run(work)
    said = re.findall(r"^\[auto_.*? fmt:(\w+) .* -> .*? fmt:(\w+) ", told.read_text(errors="replace"), re.M)
    assert said
    assert [(one, other) for one, other in said if ALIKE.get(one, one) != ALIKE.get(other, other)] == []


# --- several profiles at once ----------------------------------------------------------------------------------------

SEVERAL = ("h264-web", "hevc-web", "prores-422-hq", "preview", "png-sequence", "vp9-web")


def test_profiles_encoded_together_give_the_bytes_that_each_gives_alone(tmp_path_factory, segment, numbered, pair, white):
    picture = blended(laid_over(seen(start=3), seen("shot1", 5), 8, fade_in=3), plain("#306090"), 8, form="left")
    burn_in = fields(label="sh010 > sh020", clock=77, mark="draft")
    sizes = {"h264-web": "64x36", "hevc-web": "128x72", "preview": "320x180", "vp9-web": "36x64"}
    several = [
        segment(
            picture, 8, BOTH, PROFILES[name].video, out_size=sizes.get(name, "64x36"),
            reframe="crop" if name == "vp9-web" else "pad", burn_in=burn_in if name == "preview" else None,
            letters=(letters(2, 6),) if name == "hevc-web" else (),
        )
        for name in SEVERAL
    ]  # fmt: skip
    files = pair | {"letters0": white("128x72")}
    at_once = [work.into / work.outputs[0] for work in together(tmp_path_factory, files, several)]
    for name, parameters, made in zip(SEVERAL, several, at_once, strict=True):
        (alone,) = together(tmp_path_factory, files, [parameters])
        assert (alone.into / alone.outputs[0]).read_bytes() == made.read_bytes(), name


def test_files_of_effects_and_texts_of_several_profiles_do_not_get_in_each_others_way(
    tmp_path_factory, segment, numbered, tmp_path, lumas
):
    table = tmp_path / "look.cube"
    points = [f"{b} {b} {b}" for blue in range(2) for green in range(2) for red in range(2) for b in [1 - red]]
    table.write_text("LUT_3D_SIZE 2\n" + "\n".join(points) + "\n")
    settings = fields(input="bt709", output="bt709", interpolation="tetrahedral", strength="1")
    row = fields(effect="lut", version=1, settings=settings, files=fields(file="shot0-effect0-file.cube"))
    shots = {"shot0": shot_of("shot0", 48, effects=(row,))}
    files = {"shot0": numbered(48), "shot0-effect0-file": table}
    burnt = fields(label="one", clock=None, mark=None)
    several = [segment(seen(), 4, shots, LOSSLESS, burn_in=each) for each in (None, burnt, burnt)]
    works = together(tmp_path_factory, files, several)
    dark = [lumas(work.into / work.outputs[0]) for work in works]
    assert dark[0] == dark[1] == dark[2]
    assert dark[0] == pytest.approx([251 - luma(k) for k in range(4)], abs=3)


# --- chunks that join ------------------------------------------------------------------------------------------------

TAGS = "setparams=color_primaries={0}:color_trc={0}:colorspace={0}:range={1}:chroma_location={2}"
JOINED = ("h264-web", "hevc-web", "hevc-main10", "av1-web", "vp9-web", "prores-422-hq", "prores-4444", "dnxhr-hqx", "review")


@pytest.fixture(scope="module")
def odd_sources(make):
    """Six frames each, of one picture that was made and tagged in different ways."""
    sizes = "s=256x144:r=24,trim=end_frame=6"
    graphs = {
        "tagged": f"testsrc2={sizes},format=yuv420p,{TAGS.format('bt709', 'tv', 'left')}",
        "untagged": f"testsrc2={sizes},format=yuv420p",
        "centre": f"testsrc2={sizes},format=yuv420p,{TAGS.format('bt709', 'tv', 'center')}",
        "topleft": f"testsrc2={sizes},format=yuv420p,{TAGS.format('bt709', 'tv', 'topleft')}",
        "full": f"testsrc2={sizes},format=yuvj420p,{TAGS.format('bt709', 'pc', 'center')}",
        "bt601": f"testsrc2={sizes},format=yuv422p,{TAGS.format('smpte170m', 'tv', 'left')}",
        "444": f"testsrc2={sizes},format=yuv444p10le,{TAGS.format('bt709', 'tv', 'left')}",
        "rgb": f"testsrc2={sizes},format=gbrp",
        "wide": f"testsrc2={sizes},scale=128:144,setsar=2,format=yuv420p",
        "fields": f"testsrc2={sizes},setfield=tff,format=yuv420p,{TAGS.format('bt709', 'tv', 'left')}",
        "other": "testsrc2=s=160x90:r=25,trim=end_frame=9,format=yuv420p",
    }
    made = {
        name: make(f"odd-{name}.mkv", "-f", "lavfi", "-i", graph, "-c:v", "ffv1", "-fps_mode", "passthrough")
        for name, graph in graphs.items()
    }
    made["still"] = make("odd.jpg", "-f", "lavfi", "-i", "testsrc2=s=256x144", "-frames:v", "1")
    made["h264"] = make("odd.mp4", "-i", str(made["untagged"]), "-c:v", "libx264", "-pix_fmt", "yuv420p")
    return made


def told(chunk):
    """What of a chunk stands in the description of the film: parameter sets, pixels, colours."""
    with av.open(str(chunk)) as source:
        context = source.streams.video[0].codec_context
        colours = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
        return context.extradata, context.pix_fmt, context.width, context.height, context.profile, colours


@pytest.mark.parametrize("name", JOINED)
def test_chunks_of_one_film_join_wherever_their_pictures_come_from(
    tmp_path_factory, tmp_path, segment, odd_sources, white, name
):
    video = PROFILES[name].video
    common = {"size": "256x144", "out_size": "256x144"}
    parts = {source: seen("shot0") for source in odd_sources}
    several = [(odd_sources[source], picture, {}) for source, picture in parts.items()]
    first = odd_sources["untagged"]
    text = {"letters": (letters(0, 6),)}
    several += [
        (first, seen("shot0", 2, held=True), {}),
        (first, plain("#406080"), {}),
        (first, plain("#000000"), text),
        (first, seen(), text),
        (first, blended(seen(), plain("#ffffff"), 6), {}),
        (first, blended(plain(), seen(), 6, form="clock"), {}),
        (first, laid_over(seen(), plain("#ffffff"), 6, fade_in=2), {}),
        (first, laid_over(plain(), seen(), 6), {}),
        (odd_sources["still"], laid_over(plain(), seen(), 6, opacity="1/2"), text),
    ]
    chunks = []
    for source, picture, more in several:
        files = {"shot0": source, "letters0": white("256x144")}
        (work,) = together(
            tmp_path_factory, files, [segment(picture, 6, {"shot0": shot_of("shot0", 6)}, video, **common, **more)]
        )
        chunks.append(work.into / work.outputs[0])
    assert len({repr(told(chunk)) for chunk in chunks}) == 1
    suffix = {"mkv": "mkv", "mov": "mov"}.get(video.text("extension"), "mp4")
    film = joining.Film(
        lengths=[6] * len(chunks), rate=Fraction(24), size=Size(256, 144), title="Film", identity="",
        muxer={"mkv": "matroska"}.get(suffix, suffix),
    )  # fmt: skip
    joining.join(chunks, None, film, tmp_path / f"film.{suffix}")


# --- a whole cut -----------------------------------------------------------------------------------------------------


def clip(shot="", start=0, end=None, **more):
    said = {"start": Duration(frames=start), "end": None if end is None else Duration(frames=end)} if shot else {}
    return Clip(shot=shot, **said, **more, location=HERE)


def over(kind, frames, style=""):
    return Transition(kind=kind, duration=Duration(frames=frames), style=style, location=HERE)


def as_written(picture):
    """A picture as it stands in a recipe, its shots by their own names."""
    match picture:
        case Run():
            return seen(picture.shot, picture.start, held=picture.held)
        case Slug():
            return plain(picture.colour)
        case Blend():
            return blended(as_written(picture.a), as_written(picture.b), picture.of, at=picture.at, form=picture.form)
    place = {name: str(getattr(picture, name)) for name in ("left", "upper", "width", "opacity")}
    place |= {name: getattr(picture, name) for name in ("at", "fade_in", "fade_out")}
    return laid_over(as_written(picture.base), as_written(picture.top), picture.of, **place)


def value(picture, k):
    """The luma in the middle of frame k; None where a wipe may or may not have come by."""
    match picture:
        case Run():
            return luma(picture.start + (0 if picture.held else k))
        case Slug():
            return {"#000000": 16, "#ffffff": 235}[picture.colour]
        case Blend():
            if picture.form:
                return None
            w = (picture.at + k + 1) / (picture.of + 1)
            return (1 - w) * value(picture.a, k) + w * value(picture.b, k)
        case Over():
            w = float(picture.opacity) * fade(picture.at + k, picture.of, picture.fade_in, picture.fade_out)
            return (1 - w) * value(picture.base, k) + w * value(picture.top, k)


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30000, 1001)])
def test_every_frame_of_a_cut_is_in_its_place(tmp_path_factory, tmp_path, segment, numbered, lumas, rate):
    text = rate_text(rate)
    files = {"shot0": numbered(48, text), "shot1": numbered(48, text, filters="null,null")}
    format_ = Format(size=Size(64, 36), rate=rate, color="bt709", pixels="yuv420p")
    base = Sequence(name="s", title="s", format=format_, clips=(), audio=(), tags=(), location=HERE)
    inner = replace(base, name="t", clips=(clip("shot0", 30, 40), clip("shot1", 0, 10, transition=over("dissolve", 4))))
    overlay = Overlay(
        shot="shot1", at=Duration(frames=6), start=Duration(frames=3), end=Duration(frames=15), left=Fraction(1, 2),
        top=Fraction(1, 2), width=Fraction(1, 2), opacity=Fraction(3, 4), fade_in=Duration(frames=2),
        fade_out=Duration(frames=2), sound=False, gain=Fraction(0), location=HERE,
    )  # fmt: skip
    clips = (
        clip("shot0", 0, 12),
        clip("shot1", 20, 30, transition=over("dissolve", 1)),
        clip("shot0", 5, hold=Duration(frames=6), transition=over("dip", 5, "#ffffff")),
        clip(slug="#000000", length=Duration(frames=3)),
        clip("shot1", 40, 48),
        clip(sequence="t", start=Duration(frames=5), transition=over("dissolve", 3)),
        clip("shot0", 44, 48, transition=over("dissolve", 4)),
        clip("shot1", 8, 9),
    )
    lengths = {name: Length(seconds=48 / rate, sound=False) for name in files}
    cut = cut_of(replace(base, clips=clips, overlays=(overlay,)), lengths, {"t": inner})
    shots = {name: shot_of(name, 48, own=text) for name in files}
    chunks = []
    for stretch in cut.track:
        parameters = segment(as_written(stretch.picture), stretch.frames, shots, rate=text)
        (work,) = together(tmp_path_factory, files, [parameters])
        chunks.append(work.into / work.outputs[0])
    found = [each for chunk in chunks for each in lumas(chunk)]
    wanted = [value(stretch.picture, k) for stretch in cut.track for k in range(stretch.frames)]
    assert len(found) == cut.frames == len(wanted)
    assert found == pytest.approx(wanted, abs=2)


# --- where frames are read from --------------------------------------------------------------------------------------

LONG = "nullsrc=s=64x36:r=24,geq=lum=16+4*mod(N\\,50):cb=128:cr=128,trim=end_frame=1000,format=yuv420p"
CODED = ("-c:v", "libx264", "-crf", "4", "-bf", "3", "-g", "250", "-pix_fmt", "yuv420p")
SOURCES = {
    "mp4": ("long.mp4", *CODED),
    "late mp4": ("late.mp4", *CODED, "-output_ts_offset", "3"),
    "fragments": ("frag.mp4", *CODED, "-movflags", "+frag_keyframe+empty_moov"),
    "mkv": ("long.mkv", *CODED),
    "late mkv": ("late.mkv", *CODED, "-output_ts_offset", "3"),
    "ts": ("long.ts", *CODED),
    "vp9": ("long.webm", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-crf", "10", "-b:v", "0"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_far_into_a_long_plate_the_right_frame_is_found(encode, make, lumas, kind):
    name, *arguments = SOURCES[kind]
    source = make(f"jump-{name}", "-f", "lavfi", "-i", LONG, *arguments)
    for start in (0, 479, 480, 481, 731, 995):
        found = lumas(encode(source, seen(start=start), 5, 1000))
        assert [round((each - 16) / 4) for each in found] == [(start + k) % 50 for k in range(5)], start


@pytest.mark.parametrize("rate", ["30000/1001", "25", "60", "12"])
def test_segments_of_another_rate_are_parts_of_one_whole(encode, make, planes, rate):
    graph = f"testsrc2=s=64x36:r={rate},trim=end=1.5,format=yuv420p,setparams=colorspace=bt709:range=tv"
    source = make(f"parts-{rate.replace('/', '-')}.mp4", "-f", "lavfi", "-i", graph, "-c:v", "libx264", "-bf", "3")
    whole = planes(encode(source, seen(), 36, 36))
    for start, end in ((0, 1), (1, 17), (17, 36), (35, 36)):
        equal(planes(encode(source, seen(start=start), end - start, 36)), whole[start:end])


@pytest.fixture
def ready(run, numbered):
    """An intermediate of ours: 40 frames at 24 with an effect that changes nothing."""
    settings = fields(x="0", y="0", width="1", height="1")
    row = fields(effect="crop", version=1, settings=settings, files=Fields())
    made = run(Finish(), {"source": numbered(40)}, ("video.mkv",), frames=40, effects=(row,), own="24", pixels="yuv420p")
    return made / "video.mkv"


def test_an_intermediate_is_entered_at_any_frame(encode, ready, lumas):
    shots = {"shot0": shot_of("shot0", 40, ready=True)}
    for start, frames in ((0, 40), (1, 3), (17, 20), (39, 1)):
        assert lumas(encode(ready, seen(start=start), frames, shots)) == [luma(start + k) for k in range(frames)]
    assert lumas(encode(ready, seen(start=39, held=True), 3, shots)) == [luma(39)] * 3


@pytest.mark.parametrize("rate", ["30000/1001", "12", "25"])
def test_an_intermediate_of_another_rate_is_the_same_in_parts(encode, ready, lumas, rate):
    length = int(40 / 24 * Fraction(rate))
    shots = {"shot0": shot_of("shot0", length, ready=True)}
    whole = lumas(encode(ready, seen(), length, shots, rate=rate))
    per = 24 / Fraction(rate)
    assert all(abs((each - 16) / 4 - k * per) <= 0.55 * max(1, per) for k, each in enumerate(whole))
    for start, end in ((0, 7), (7, length), (length - 1, length)):
        assert lumas(encode(ready, seen(start=start), end - start, shots, rate=rate)) == whole[start:end]


def test_an_effect_gives_the_same_frames_fused_and_by_way_of_an_intermediate(encode, ready, numbered, planes):
    settings = fields(x="0", y="0", width="1", height="1")
    row = fields(effect="crop", version=1, settings=settings, files=Fields())
    fused = encode(numbered(40), seen(start=9), 12, {"shot0": shot_of("shot0", 40, effects=(row,))})
    equal(planes(fused), planes(encode(ready, seen(start=9), 12, {"shot0": shot_of("shot0", 40, ready=True)})))
