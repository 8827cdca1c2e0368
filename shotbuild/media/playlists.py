"""What a player reads first: the playlists of HLS and the manifest of DASH, as text. Knows nothing of files.

Sources: RFC 8216 and its successor draft-pantos-hls-rfc8216bis; ISO/IEC 23009-1. No time of day stands in either.
"""

from fractions import Fraction
from itertools import pairwise
from math import ceil
from xml.sax.saxutils import escape, quoteattr

from shotbuild.media.ladder import HEAD, SEGMENT, Ladder, Track, bits_at_most
from shotbuild.units import decimal_text, round_half_up

MASTER, MEDIA, MANIFEST = "master.m3u8", "playlist.m3u8", "manifest.mpd"
CAPTIONS, CAPTIONS_SEGMENT = "captions", "{:05d}.vtt"
MICRO = 1_000_000


def master(ladder: Ladder) -> str:
    """The list of rungs, best first as they came, with rates that were measured: BANDWIDTH is the peak of both."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if ladder.title:
        lines.append(f"#EXT-X-SESSION-DATA:DATA-ID={_quoted('com.apple.hls.title')},VALUE={_quoted(ladder.title)}")
    if ladder.sound is not None:
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,'
            f'CHANNELS="{ladder.sound.channels}",URI="{ladder.sound.folder}/{MEDIA}"'
        )
    lines += [
        f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="{language}",LANGUAGE="{language}",DEFAULT=NO,'
        f'AUTOSELECT=YES,FORCED=NO,URI="{CAPTIONS}/{language}/{MEDIA}"'
        for language in ladder.captions
    ]
    for rung in ladder.rungs:
        lines += [f"#EXT-X-STREAM-INF:{_attributes(ladder, rung)}", f"{rung.folder}/{MEDIA}"]
    return "\n".join(lines) + "\n"


def _attributes(ladder: Ladder, rung: Track) -> str:
    tracks = [rung] if ladder.sound is None else [rung, ladder.sound]
    words = ",".join(track.words for track in tracks)
    listed = [
        f"BANDWIDTH={sum(bits_at_most(track, target_seconds(ladder)) for track in tracks)}",
        f"AVERAGE-BANDWIDTH={sum(track.mean for track in tracks)}",
        f'CODECS="{words}"',
        f"RESOLUTION={rung.size}",
        f"FRAME-RATE={decimal_text(rung.rate, 3)}",
    ]
    listed += ['AUDIO="sound"'] if ladder.sound is not None else []
    listed += ['SUBTITLES="captions"'] if ladder.captions else []
    return ",".join([*listed, "CLOSED-CAPTIONS=NONE"])


def target_seconds(ladder: Ladder) -> Fraction:
    """How long the longest segment of a picture is, in whole seconds."""
    return Fraction(_target(ladder.rungs[0].starts, ladder.rungs[0].scale))


def media(track: Track) -> str:
    """The list of the segments of one track."""
    return _listed(track.starts, track.scale, SEGMENT, f'#EXT-X-MAP:URI="{HEAD}"')


def captions_media(track: Track) -> str:
    """The list of the pieces of a caption file, which are as long as the segments of a picture."""
    return _listed(track.starts, track.scale, CAPTIONS_SEGMENT, None)


def _target(starts: tuple[int, ...], scale: int) -> int:
    """EXT-X-TARGETDURATION: no segment, rounded, is longer."""
    longest = max(Fraction(later - earlier, scale) for earlier, later in pairwise(starts))
    return max(1, round_half_up(longest))


def _listed(starts: tuple[int, ...], scale: int, name: str, head: str | None) -> str:
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{_target(starts, scale)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        *(["#EXT-X-INDEPENDENT-SEGMENTS", head] if head else []),
    ]
    # Each bound is rounded by itself, so that many segments add up to the whole.
    bounds = [round_half_up(Fraction(start * MICRO, scale)) for start in starts]
    for number, (earlier, later) in enumerate(pairwise(bounds)):
        lines += [f"#EXTINF:{decimal_text(Fraction(later - earlier, MICRO), 6)},", name.format(number)]
    return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"


def manifest(ladder: Ladder) -> str:
    """The MPD of a finished film: one period, one set of pictures, one of sound, one for each language of captions."""
    sets = [_set("video", 0, ladder.rungs, ladder)]
    if ladder.sound is not None:
        sets.append(_set("audio", 1, (ladder.sound,), ladder))
    sets += [_captions_set(number, language) for number, language in enumerate(ladder.captions, 2)]
    longest = max(_target(track.starts, track.scale) for track in (*ladder.rungs, *([ladder.sound] if ladder.sound else [])))
    title = f"  <ProgramInformation><Title>{escape(_plain(ladder.title))}</Title></ProgramInformation>"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static"',
        f'  mediaPresentationDuration="{_iso(ladder.seconds)}" maxSegmentDuration="PT{longest}S"',
        f'  minBufferTime="PT{longest}S">',
        *([title] if ladder.title else []),
        f'  <Period id="0" start="PT0S" duration="{_iso(ladder.seconds)}">',
        *(line for each in sets for line in each),
        "  </Period>",
        "</MPD>",
    ]
    return "\n".join(lines) + "\n"


def _set(kind: str, number: int, tracks: tuple[Track, ...], ladder: Ladder) -> list[str]:
    lines = [
        f'    <AdaptationSet id="{number}" contentType="{kind}" mimeType="{kind}/mp4" segmentAlignment="true"',
        '      startWithSAP="1">',
        '      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>',
    ]
    for track in tracks:
        lines.append(f"      <Representation {_representation(track, target_seconds(ladder))}>")
        if track.channels:
            scheme = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"
            lines.append(f'        <AudioChannelConfiguration schemeIdUri="{scheme}" value="{track.channels}"/>')
        lines += [*_template(track), "      </Representation>"]
    return [*lines, "    </AdaptationSet>"]


def _representation(track: Track, target: Fraction) -> str:
    name = track.folder.rpartition("/")[2]
    shown = f'id={quoteattr(name)} bandwidth="{bits_at_most(track, target)}" codecs="{track.words}"'
    if track.size is None:
        return f'{shown} audioSamplingRate="{track.scale}"'
    return f'{shown} width="{track.size.width}" height="{track.size.height}" frameRate="{track.rate}" sar="1:1"'


def _template(track: Track) -> list[str]:
    segments = SEGMENT.replace("{:05d}", "$Number%05d$")
    return [
        f'        <SegmentTemplate timescale="{track.scale}" startNumber="0" initialization="{track.folder}/{HEAD}" '
        f'media="{track.folder}/{segments}">',
        "          <SegmentTimeline>",
        *(f"            {each}" for each in _timeline(track)),
        "          </SegmentTimeline>",
        "        </SegmentTemplate>",
    ]


def _timeline(track: Track) -> list[str]:
    """Segments of one length stand in one element."""
    runs: list[tuple[int, int, int]] = []
    for earlier, later in pairwise(track.starts):
        if runs and runs[-1][1] == later - earlier:
            runs[-1] = (runs[-1][0], runs[-1][1], runs[-1][2] + 1)
        else:
            runs.append((earlier, later - earlier, 0))
    return [f'<S t="{start}" d="{length}"{f" r={chr(34)}{more}{chr(34)}" if more else ""}/>' for start, length, more in runs]


def _captions_set(number: int, language: str) -> list[str]:
    return [
        f'    <AdaptationSet id="{number}" contentType="text" mimeType="text/vtt" lang="{language}">',
        '      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="subtitle"/>',
        f'      <Representation id="captions-{language}" bandwidth="256">',
        f"        <BaseURL>{CAPTIONS}/{language}.vtt</BaseURL>",
        "      </Representation>",
        "    </AdaptationSet>",
    ]


def _iso(seconds: Fraction) -> str:
    """Rounded up: a player would leave out what lies beyond the end."""
    return f"PT{decimal_text(Fraction(ceil(seconds * MICRO), MICRO), 6)}S"


def _quoted(text: str) -> str:
    return f'"{_plain(text).replace(chr(34), chr(39))}"'


def _plain(text: str) -> str:
    """One line without controls, which neither format can hold."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
