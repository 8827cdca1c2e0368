"""Where a film is cut, what its rates are, and what segments and heads say of themselves."""

import struct
from fractions import Fraction

import av
import pytest

from shotbuild.errors import MediaError
from shotbuild.media.fragments import Sample, codec_words, head, segment
from shotbuild.media.ladder import Ladder, Track, bits_at_most, boundaries
from shotbuild.media.playlists import manifest, master, media
from shotbuild.media.webvtt import pieces
from shotbuild.units import Size


def track(lengths=(6, 6, 3), sizes=(600, 1200, 300), **more) -> Track:
    starts = [0]
    for length in lengths:
        starts.append(starts[-1] + length * 1000)
    return Track(folder="video/a", scale=1000, words="avc1.64001f", starts=tuple(starts), sizes=sizes, **more)


def boxes(content: bytes) -> list[tuple[bytes, bytes]]:
    found, place = [], 0
    while place < len(content):
        size = struct.unpack_from(">I", content, place)[0]
        found.append((content[place + 4 : place + 8], content[place + 8 : place + size]))
        place += size
    return found


@pytest.mark.parametrize(
    ("keys", "frames", "most", "wanted"),
    [
        ([0, 48, 96, 144, 192], 240, 144, [0, 144, 240]),
        ([0, 48, 60, 108, 150, 198], 220, 144, [0, 108, 220]),
        ([0], 100, 144, [0, 100]),
        ([0], 1, 144, [0, 1]),
        ([0, 300], 400, 144, [0, 300, 400]),
        ([0, 1, 2, 3], 4, 1, [0, 1, 2, 3, 4]),
        ([0, 144], 288, 144, [0, 144, 288]),
    ],
)
def test_segments_are_as_long_as_key_frames_allow(keys, frames, most, wanted):
    assert boundaries([frozenset(keys)], frames, Fraction(most)) == wanted


def test_segments_begin_at_key_frames_of_all():
    assert boundaries([frozenset({0, 10, 48, 96}), frozenset({0, 48, 50, 96})], 120, Fraction(60)) == [0, 48, 96, 120]


def test_key_frames_that_do_not_meet_are_told_with_their_frame():
    with pytest.raises(MediaError) as caught:
        boundaries([frozenset({0, 48, 96}), frozenset({0, 50, 96})], 120, Fraction(60))
    assert caught.value.cause == "at frame 48 one has a key frame and another has none"


def test_a_film_begins_with_a_key_frame():
    with pytest.raises(MediaError, match="does not begin with a key frame"):
        boundaries([frozenset({1})], 10, Fraction(5))


def test_the_boundaries_of_a_long_film_take_no_time():
    keys = frozenset(range(0, 432_000, 48))
    assert len(boundaries([keys] * 5, 432_000, Fraction(144))) == 3001


def test_the_peak_is_of_segments_that_last_about_as_long_as_the_target():
    assert bits_at_most(track(), Fraction(6)) == 1600
    assert bits_at_most(track((6, 1), (600, 1000)), Fraction(6)) == 1829, "one second alone is no peak"
    assert bits_at_most(track((1,), (100,)), Fraction(6)) == 800, "a film that is shorter than all has its mean"


def test_the_mean_is_of_the_whole():
    assert track().mean == 1120


def test_a_segment_says_when_its_samples_are_decoded_and_shown():
    samples = [Sample(b"aa", 10, 20, True), Sample(b"bbb", 10, 40, False), Sample(b"c", 10, 10, False)]
    (_, styp), (kind, moof), (_, mdat) = boxes(segment(7, 480, samples))
    assert styp.startswith(b"msdh")
    assert kind == b"moof"
    assert mdat == b"aabbbc"
    (_, mfhd), (_, traf) = boxes(moof)
    assert mfhd == struct.pack(">II", 0, 7)
    (_, tfhd), (_, tfdt), (_, trun) = boxes(traf)
    assert tfhd == struct.pack(">III", 0x020008, 1, 10)
    assert tfdt == struct.pack(">IQ", 1 << 24, 480)
    flags, count, offset = struct.unpack_from(">III", trun)
    assert (flags, count) == (1 << 24 | 0x000E01, 3)
    assert offset == len(moof) + 8 + 8, "the first sample stands right after the head of mdat"
    rows = [struct.unpack_from(">III", trun, 12 + 12 * number) for number in range(3)]
    assert rows == [(2, 0x02000000, 20), (3, 0x01010000, 40), (1, 0x01010000, 10)]


def test_what_all_samples_share_is_written_once():
    samples = [Sample(b"x" * 5, 1024, 0, True)] * 40
    assert len(segment(1, 0, samples)) < 40 * (5 + 4) + 160


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (b"avcC" + bytes([1, 0x64, 0x00, 0x28, 0xFF]), "avc1.640028"),
        (b"hvcC" + bytes([1, 0x01, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93]), "hvc1.1.6.L93.90"),
        (b"hvcC" + bytes([1, 0x22, 0x20, 0, 0, 0, 0xB0, 0, 0, 0, 0, 0, 153]), "hvc1.2.4.H153.B0"),
        (b"av1C" + bytes([0x81, 0x08, 0x4C, 0]), "av01.0.08M.10"),
        (b"av1C" + bytes([0x81, 0x04, 0x0C, 0]), "av01.0.04M.08"),
        (b"vpcC" + bytes([1, 0, 0, 0, 0, 31, 0x82, 1, 1, 1]), "vp09.00.31.08"),
        (b"dOps", "opus"),
        (b"dfLa", "fLaC"),
    ],
)
def test_codecs_are_named_as_rfc_6381_wants(box, words):
    assert codec_words(b"\0\0\0\x20stsd" + box) == words


def test_a_codec_that_streaming_does_not_know_is_refused():
    with pytest.raises(MediaError, match="does not know"):
        codec_words(b"\0\0\0\x20stsdapch")


def test_a_head_has_an_edit_list_only_where_something_is_left_out(clip):
    with av.open(str(clip)) as source:
        sound = source.streams.audio[0]
        plain, edited = head(sound, 44100), head(sound, 44100, 1024)
    assert b"elst" not in plain
    place = edited.index(b"elst")
    assert struct.unpack_from(">IIIiHH", edited, place + 4) == (0, 1, 0, 1024, 1, 0)
    assert len(edited) == len(plain) + 36
    assert [kind for kind, _ in boxes(edited)] == [b"ftyp", b"moov"]
    assert codec_words(edited) == "mp4a.40.2"


def test_lengths_of_many_segments_do_not_drift():
    ticks = tuple(number * 144 * 1001 for number in range(2001))
    long = Track(folder="video/a", scale=24000, words="x", starts=ticks, sizes=(1,) * 2000)
    said = [Fraction(line[8:-1]) for line in media(long).splitlines() if line.startswith("#EXTINF")]
    assert abs(sum(said) - long.seconds) <= Fraction(1, 1_000_000)
    assert "#EXT-X-TARGETDURATION:6\n" in media(long)


def test_text_of_people_cannot_break_a_playlist_or_a_manifest():
    odd = 'a"b\n#EXT-X-ENDLIST\r<&>\x00\u2028'
    made = Ladder(
        title=odd, rungs=(track(size=Size(64, 36), rate=Fraction(24)),), sound=None, captions=(), seconds=Fraction(15)
    )
    assert """VALUE="a'b #EXT-X-ENDLIST <&>"\n""" in master(made)
    assert '<Title>a"b #EXT-X-ENDLIST &lt;&amp;&gt;</Title>' in manifest(made)


def test_a_caption_across_a_bound_is_in_both_pieces():
    cue = "id 1\n00:00:05.000 --> 00:00:07.000 align:start\nHi\n--> no\n"
    text = f"\ufeffWEBVTT - by us\n\nSTYLE\n::cue {{}}\n\n{cue}".replace("\n", "\r\n")
    one, two, three = pieces(text, [Fraction(0), Fraction(6), Fraction(12), Fraction(18)])
    assert one == two
    assert cue in one
    assert "Hi" not in three
    assert "::cue" in three


def test_a_caption_that_ends_at_a_bound_is_not_in_the_next_piece():
    assert "Hi" not in pieces("WEBVTT\n\n00:01.000 --> 00:06.000\nHi\n", [Fraction(0), Fraction(6), Fraction(9)])[1]


@pytest.mark.parametrize("text", ["", "1\n00:00:01,000 --> 00:00:02,000\nSRT\n", "WEBVTTX\n"])
def test_what_is_no_webvtt_is_refused(text):
    with pytest.raises(MediaError, match="no WebVTT"):
        pieces(text, [Fraction(0), Fraction(1)])
