"""Which tracks are heard, how they are grouped, and that commands hold nothing that a person wrote."""

from fractions import Fraction
from pathlib import Path

import pytest

from shotbuild.media import sounds
from shotbuild.media.probe import Sound
from shotbuild.records import fields

FFMPEG = Path("/ffmpeg")
SECOND = 48000


def heard(channels=2, layout="stereo", rate=48000, container="wav", seconds=10):
    found = Sound(
        index=0, codec="pcm", rate=rate, channels=channels, layout=layout, start=Fraction(0), seconds=Fraction(seconds)
    )
    return sounds.Heard(path=Path("/in/it's a [song];,=.wav"), container=container, sound=found)


def graph(argv):
    return argv[argv.index("-filter_complex") + 1]


@pytest.mark.parametrize(
    ("channels", "layout", "kept"),
    [
        (1, "mono", "mono"),
        (2, "stereo", "stereo"),
        (2, "2 channels", "stereo"),
        (6, "5.1", "5.1"),
        (6, "5.1(side)", "5.1"),
        (6, "6 channels", "5.1"),
        (6, "6.0", "stereo"),
        (6, "hexagonal", "stereo"),
        (4, "quad", "stereo"),
        (8, "7.1", "stereo"),
    ],
)
def test_a_clip_keeps_mono_stereo_and_surround(channels, layout, kept):
    assert heard(channels, layout).layout == kept


def test_a_track_ends_with_its_part_its_file_or_the_cut():
    track = sounds.Track(heard=heard(), at=5 * SECOND, start=2 * SECOND, length=4 * SECOND)
    assert [track.used(length * SECOND) for length in (20, 7, 5, 1)] == [4 * SECOND, 2 * SECOND, 0, -4 * SECOND]
    assert sounds.Track(heard=heard(), at=0, start=2 * SECOND).used(60 * SECOND) == 8 * SECOND


def test_tracks_are_grouped_by_time_and_what_is_not_heard_is_left_out():
    tracks = [sounds.Track(heard=heard(), at=at) for at in range(100, 0, -1)] + [sounds.Track(heard=heard(), at=999_999_999)]
    groups = sounds.groups(tracks, 100 * SECOND)
    assert [len(group) for group in groups] == [24, 24, 24, 24, 4]
    assert [track.at for group in groups for track in group] == list(range(1, 101))


def test_tracks_that_follow_one_another_are_strung_together():
    tracks = [sounds.Track(heard=heard(), at=at * SECOND, length=2 * SECOND) for at in (0, 2, 5, 6)]
    made = graph(sounds.mix(FFMPEG, tracks, 60 * SECOND, "stereo", "mix.wav"))
    assert "concat=a=1:n=3:v=0" in made
    assert "amix=dropout_transition=0:duration=longest:inputs=2:normalize=0" in made


def test_what_has_the_rate_and_layout_of_the_mix_is_taken_as_it_is():
    same = graph(sounds.mix(FFMPEG, [sounds.Track(heard=heard(), at=0)], SECOND, "stereo", "mix.wav"))
    assert "aresample" not in same
    other = graph(sounds.mix(FFMPEG, [sounds.Track(heard=heard(rate=44100), at=0)], SECOND, "stereo", "mix.wav"))
    assert "aresample=48000:internal_sample_fmt=s32p" in other


def test_names_of_files_stand_in_no_graph():
    argv = sounds.mix(FFMPEG, [sounds.Track(heard=heard(), at=0)] * 2, SECOND, "5.1", "mix.wav")
    assert "song" not in graph(argv)
    assert argv[-1] == "file:mix.wav"
    assert argv.count("/in/it's a [song];,=.wav") == 2


def test_gaps_are_looked_for_only_where_there_are_stamps():
    for container, looked in (("wav", False), ("mp3", False), ("matroska", True), ("mov", True)):
        assert ("async=1" in graph(sounds.conform(FFMPEG, heard(container=container), 0, SECOND, "sound.wav"))) == looked


def test_a_stem_says_at_which_sample_of_the_day_it_starts():
    argv = sounds.stem(FFMPEG, Path("/in/mix.wav"), fields(codec="pcm", extension="wav"), 172_800_000, "music.wav")
    assert "time_reference=172800000" in argv
    assert "+bitexact" in argv
