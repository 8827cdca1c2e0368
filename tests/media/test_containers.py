"""A playlist in disguise opens nothing: no other file, no address. For PyAV and for ffmpeg."""

import http.server
import os
import struct
import subprocess
import threading

import pytest

from shotbuild.errors import MediaError, ProcessError
from shotbuild.host import process
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media.containers import container_of
from shotbuild.media.filters import argv, picked, source, written
from shotbuild.media.probe import contents

HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{0}\n#EXT-X-ENDLIST\n"
PLAYLISTS = {
    "hls": HLS,
    "concat": "ffconcat version 1.0\nfile '{0}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "dash": '<?xml version="1.0"?><MPD><Period><AdaptationSet><Representation><BaseURL>{0}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{0}"/></svg>',
}


@pytest.fixture
def server():
    asked: list[str] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/x.ts", asked
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("name", ["harbour.mov", "harbour.m3u8", "harbour"])
def test_a_playlist_in_disguise_opens_nothing(tmp_path, server, kind, name):
    address, asked = server
    secret = tmp_path / "secret.ts"
    os.mkfifo(secret)  # opening it would hang, so a hang of this test means that it was opened
    for target in (address, str(secret), f"file:{secret}"):
        path = tmp_path / name
        path.write_text(PLAYLISTS[kind].format(target))
        with pytest.raises(MediaError):
            contents(path)
        for forced in ("mov", "matroska", "mpegts", "wav", "png_pipe", "mp3"):
            graph = written(picked(source(path, forced), 0), "out.mkv", "matroska", {})
            with pytest.raises(ProcessError):
                process.run(argv(find_ffmpeg(None), graph), cwd=tmp_path, deadline=20)
    assert asked == []


def boxes(content):
    at = 0
    while at < len(content):
        size = struct.unpack(">I", content[at : at + 4])[0]
        yield content[at + 4 : at + 8], content[at + 8 : at + size]
        at += size


def with_alias(content, alias):
    """The same boxes, with every data reference pointing to another file. Source: QuickTime File Format, `dref`, `alis`."""
    out = b""
    for name, old in boxes(content):
        new = old
        if name in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
            new = with_alias(old, alias)
        elif name == b"dref":
            new = struct.pack(">II", 0, 1) + struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
        out += struct.pack(">I4s", 8 + len(new), name) + new
    return out


def test_a_mov_that_names_another_file_does_not_open_it(clip, tmp_path):
    secret = tmp_path / "secret.mp4"
    os.mkfifo(secret)
    for target in (str(secret), "secret.mp4"):
        place = b"disk:" + target.encode()
        alias = bytes(10) + b"\x04disk" + bytes(23 + 12) + b"\x0asecret.mp4" + bytes(53 + 16)
        alias += struct.pack(">HH", 1, 1) + bytes(16)
        alias += struct.pack(">HH", 2, len(place)) + place + b"\x00" * (len(place) % 2) + struct.pack(">HH", 0xFFFF, 0)
        path = tmp_path / "harbour.mov"
        path.write_bytes(with_alias(clip.read_bytes(), alias))
        try:
            contents(path)  # its own bytes are there as well: what counts is that nothing else was opened
        except MediaError:
            pass
        graph = written(picked(source(path, "mov"), 0), "out.mkv", "matroska", {"frames:v": "1"})
        argument = argv(find_ffmpeg(None), graph)
        done = subprocess.run(argument, cwd=tmp_path, timeout=20, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode >= 0


def test_a_picture_whose_name_is_a_pattern_is_only_itself(make, tmp_path):
    plate = make("pattern.png", "-f", "lavfi", "-i", "testsrc2=s=64x36", "-frames:v", "1")
    for name in ("shot%03d.png", "shot001.png", "shot002.png"):
        (tmp_path / name).write_bytes(plate.read_bytes())
    assert contents(tmp_path / "shot%03d.png").video.frames == 1


@pytest.mark.parametrize(
    ("suffix", "container"),
    [
        ("mp4", "mov"),
        ("mov", "mov"),
        ("mkv", "matroska"),
        ("webm", "matroska"),
        ("avi", "avi"),
        ("ts", "mpegts"),
        ("mxf", "mxf"),
        ("gif", "gif"),
    ],
)
def test_containers_are_known_by_their_bytes(make, tmp_path, suffix, container):
    codec = ("-c:v", "libvpx") if suffix == "webm" else ()
    path = make(f"kind.{suffix}", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=0.2", *codec)
    hidden = tmp_path / "noname"
    hidden.write_bytes(path.read_bytes())
    assert container_of(hidden) == container
    assert contents(hidden).video is not None


@pytest.mark.parametrize(
    ("suffix", "container"),
    [("wav", "wav"), ("flac", "flac"), ("mp3", "mp3"), ("ogg", "ogg"), ("aac", "aac"), ("m4a", "mov"), ("aiff", "aiff")],
)
def test_sounds_are_known_by_their_bytes(make, suffix, container):
    path = make(f"kind.{suffix}", "-f", "lavfi", "-i", "sine=d=0.3")
    assert container_of(path) == container
    assert contents(path).sound is not None
