"""Broken and hostile projects through the real command line: a clear error or a right picture, nothing outside touched.

Every project stands beside a canary folder with a secret in it. After each command the canary has to be as it was, nothing
else may stand beside the project, and no word of the secret may have been said.
"""

import http.server
import io
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import pytest

from shotbuild.cli import app
from shotbuild.host.tools import find_ffmpeg, identify
from tests.e2e.conftest import Ran, shotbuild

FITTING = {0, 1, 2, 3, 5, 6}
SECRET = "TOPSECRET-4711"
HEAD = "shotbuild: 1\nproject: film\nformat: {size: 64x36, rate: 24}\ndefaults: {duration: 2f}\n"
SHOT = "shots:\n  s1: {prompt: Wide shot of a lighthouse.}\n"
CUT = "sequences:\n  one: {cut: [s1]}\n"
WEB = "deliverables:\n  web: {sequence: one, profile: preview}\n"
GOOD: Mapping[str, str] = {"shotbuild.yaml": HEAD, "specs/a.yaml": SHOT + CUT + WEB}
Files = Mapping[str, str | bytes]


@cache
def known_ffmpeg() -> bytes:
    """What shotbuild remembers of its ffmpeg, so that not each of these projects has to ask it."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "ffmpeg.json")
        identify(find_ffmpeg(None), kept)
        return kept.read_bytes()


@dataclass(frozen=True)
class House:
    """A folder with a project and a canary in it."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "project"

    @property
    def canary(self) -> Path:
        return self.folder / "canary"

    def write(self, files: Files) -> None:
        for path, content in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(content.encode() if isinstance(content, str) else content)

    def run(self, *arguments: str) -> Ran:
        """The command line in this process; anything but an exit is a failure of the test."""
        before = self._outside()
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
        with redirect_stdout(out), redirect_stderr(err):
            try:
                app.run([*arguments, "-C", str(self.root)])
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
        for stream in (out, err):
            stream.flush()
        said = [stream.buffer.getvalue().decode() for stream in (out, err)]  # type: ignore[attr-defined]
        return self.judged(Ran(code, *said), before)

    def run_apart(self, *arguments: str, env: Mapping[str, str] | None = None) -> Ran:
        """The same in a process of its own, in the project's folder."""
        before = self._outside()
        return self.judged(shotbuild(self.root, *arguments, env=env), before)

    def judged(self, told: Ran, before: object) -> Ran:
        everything = told.out + told.err
        assert told.code in FITTING, everything
        assert "Traceback" not in everything
        assert SECRET not in everything
        assert "\x1b" not in everything
        assert self._outside() == before, "something outside the project was changed"
        return told

    def _outside(self) -> object:
        assert {path.name for path in self.folder.iterdir()} <= {"project", "canary"}
        return [
            (str(path), path.is_dir() or path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns)
            for path in sorted(self.canary.rglob("*"))
        ]


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path / "house")
    (house.canary / "foo").mkdir(parents=True)
    house.root.mkdir()
    for path, content in {
        "secret.txt": f"{SECRET}: a password\nsecond line {SECRET}\n",
        "good.yaml": f"shots: {{stolen: {{prompt: {SECRET}}}}}\n",
        "bad.yaml": f"{SECRET}: [never closed\n",
        "foo/inside": SECRET,
        "foo.lock": SECRET,
    }.items():
        (house.canary / path).write_text(content)
    house.write({".shotbuild/ffmpeg.json": known_ffmpeg()})
    return house


# --- what is written wrong -----------------------------------------------------------------------------------------------


def spec(text: str | bytes, place: str, *told: str, **more: str | bytes) -> tuple[Files, str, tuple[str, ...]]:
    """A project whose specs/a.yaml says `text`. place: of the first error; told: what the error says."""
    return {"shotbuild.yaml": HEAD, "specs/a.yaml": text} | more, place, told


def head(text: str | bytes, place: str, *told: str) -> tuple[Files, str, tuple[str, ...]]:
    return {"shotbuild.yaml": text, "specs/a.yaml": SHOT}, place, told


def shot(inside: str, place: str, *told: str, **more: str | bytes) -> tuple[Files, str, tuple[str, ...]]:
    return spec(
        f"shots:\n  s1: {{{inside}}}\n",
        place,
        *told,
        **{name.replace("__", "/").replace("_dot_", "."): text for name, text in more.items()},
    )


def named(name: str, *told: str) -> tuple[Files, str, tuple[str, ...]]:
    return spec(f"shots:\n  {name}: {{prompt: x}}\n", "specs/a.yaml:2:3", *told)


def to_file(file: str, *told: str) -> tuple[Files, str, tuple[str, ...]]:
    text = SHOT + CUT + f"deliverables:\n  web:\n    sequence: one\n    profile: preview\n    file: {file}\n"
    return spec(text, "specs/a.yaml:9:11", *(told or ("cannot be a path below `out/`",)))


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
J2 = "templates__x_dot_j2"
TEMPLATE = "template: templates/x.j2"
AT = "specs/a.yaml:2:8"
BROKEN: Mapping[str, tuple[Files, str, tuple[str, ...]]] = {
    # the text itself
    "yaml-unclosed-bracket": spec("shots: {s1: [\n", "specs/a.yaml:"),
    "yaml-unclosed-quote": spec("shots: {s1: {prompt: 'x}}\n", "specs/a.yaml:"),
    "yaml-tab": spec("shots:\n\ts1: {prompt: x}\n", "specs/a.yaml:2:1", "tabs"),
    "yaml-indentation": spec("shots:\n  s1: {prompt: x}\n s2: {prompt: x}\n", "specs/a.yaml:3:"),
    "yaml-colon": spec("shots:\n  s1:\n    prompt: one: two\n", "specs/a.yaml:3:"),
    "yaml-duplicate-key": spec("shots:\n  s1: {prompt: x, prompt: y}\n", "specs/a.yaml:2:19", "stands twice"),
    "yaml-two-documents": spec(SHOT + "---\nshots: {}\n", "specs/a.yaml:3:1", "second document"),
    "yaml-list": spec("- a\n- b\n", "specs/a.yaml:1:1", "this is a list"),
    "yaml-text": spec("just text\n", "specs/a.yaml:1:1", "only text"),
    "yaml-tag": spec(
        "shots:\n  s1: {prompt: !!python/object/apply:os.system ['x']}\n", "specs/a.yaml:2:16", "tags are not read"
    ),
    "yaml-merge-key": spec("shots:\n  s1: &a {prompt: x}\n  s2: {<<: *a}\n", "specs/a.yaml:3:8", "merge keys"),
    "yaml-unknown-alias": spec("shots:\n  s1: {prompt: *nope}\n", "specs/a.yaml:2:16"),
    "yaml-own-alias": spec("shots: &a\n  s1: *a\n", "specs/a.yaml:2:7"),
    "yaml-bomb": spec(BOMB, "specs/a.yaml:", "far too large"),
    "yaml-deep": spec("shots: " + "[" * 5000 + "]" * 5000, "specs/a.yaml:1:", "levels deep"),
    "yaml-many": spec("shots: [" + "a," * 500_000 + "]", "specs/a.yaml:1:", "values"),
    "yaml-list-as-key": spec("shots: {? [a] : {prompt: x}}\n", "specs/a.yaml:1:", "plain text"),
    "bytes-binary": spec(bytes(range(256)) * 20, "specs/a.yaml:"),
    "bytes-elf": spec(b"\x7fELF\x02\x01\x01" + bytes(100), "specs/a.yaml:1:1", "control character"),
    "bytes-zip": spec(b"PK\x03\x04" + bytes(100), "specs/a.yaml:1:3", "control character"),
    "bytes-utf-16": spec(SHOT.encode("utf-16"), "specs/a.yaml:1:1", "UTF-16"),
    "bytes-utf-16-no-mark": spec(SHOT.encode("utf-16-le"), "specs/a.yaml:1:2", "control character"),
    "bytes-latin-1": spec("shots:\n  s1: {prompt: Café}\n".encode("latin-1"), "specs/a.yaml:2:19", "not UTF-8"),
    "bytes-nul": spec("shots:\n  s1: {prompt: a\0b}\n", "specs/a.yaml:2:17", "U+0000"),
    "bytes-escape-nul": spec('shots:\n  s1: {prompt: "a\\0b"}\n', "specs/a.yaml:2:16", "U+0000"),
    "bytes-surrogate": spec('shots:\n  s1: {prompt: "\\ud800"}\n', "specs/a.yaml:2:19"),
    "bytes-terminal-escape": spec("shots:\n  s1: {prompt: a\x1b[31mb}\n", "specs/a.yaml:2:17", "U+001B"),
    "bytes-10-mb": spec(f"shots:\n  s1: {{prompt: {'x' * 10_000_000}}}\n", "specs/a.yaml:1:1", "larger than 4 MiB"),
    "bytes-3-mb": spec(f"shots:\n  s1: {{prompt: {'x' * 3_000_000}}}\n", "specs/a.yaml:2:16", "at most 20000 characters"),
    # the project file
    "head-empty": head("", "shotbuild.yaml:1:1", "needs `shotbuild`", "needs `project`"),
    "head-newer": head(HEAD.replace("shotbuild: 1", "shotbuild: 2"), "shotbuild.yaml:1:12", "format 2 is not known"),
    "head-no-version": head(HEAD.replace("shotbuild: 1\n", ""), "shotbuild.yaml:1:1", "needs `shotbuild`"),
    "head-unknown-key": head(HEAD + "colour: x\n", "shotbuild.yaml:5:1", "unknown key"),
    "head-name-up": head(HEAD.replace("film", "../film"), "shotbuild.yaml:2:10", "cannot be the name"),
    "head-size-odd": head(HEAD.replace("64x36", "65x37"), "shotbuild.yaml:3:16", "even"),
    "head-size-huge": head(HEAD.replace("64x36", "99999x2"), "shotbuild.yaml:3:16"),
    "head-size-zero": head(HEAD.replace("64x36", "00x00"), "shotbuild.yaml:3:16"),
    "head-rate-zero": head(HEAD.replace("24", "0"), "shotbuild.yaml:3:29", "frame rate"),
    "head-rate-by-zero": head(HEAD.replace("24", "1/0"), "shotbuild.yaml:3:29", "frame rate"),
    "head-rate-exponent": head(HEAD.replace("24", "1e9"), "shotbuild.yaml:3:29", "frame rate"),
    "head-rate-infinite": head(HEAD.replace("24", ".inf"), "shotbuild.yaml:3:29", "frame rate"),
    "head-unknown-provider": head(HEAD + "providers: {a: {use: runwai}}\n", "shotbuild.yaml:5:22", "unknown provider"),
    "head-money": head(HEAD + "budget: {limit: 1e99 USD}\n", "shotbuild.yaml:5:17", "amount"),
    # numbers of shots
    "duration-eternal": shot("prompt: x, duration: 999999999s", "specs/a.yaml:2:29", "up to a day"),
    "duration-longer-than-the-model": shot("prompt: x, duration: 24:00:00:00", "specs/a.yaml:2:29"),
    "duration-digits": shot(f"prompt: x, duration: {'9' * 5000}s", "specs/a.yaml:2:29"),
    "duration-nothing": shot("prompt: x, duration: 0s", "specs/a.yaml:2:29", "shorter than one frame"),
    "duration-negative": shot("prompt: x, duration: -4s", "specs/a.yaml:2:29"),
    "takes-milliard": shot("prompt: x, takes: 1000000000", "specs/a.yaml:2:26", "from 1 to 1000"),
    "takes-digits": shot(f"prompt: x, takes: {'9' * 5000}", "specs/a.yaml:2:26", "from 1 to 1000"),
    "seed-float": shot("prompt: x, seed: 1.5", "specs/a.yaml:2:25", "whole number"),
    "shot-nothing": shot("", AT[:-1], "says nothing of what should be seen"),
    "shot-unknown-key": shot("promt: x", AT, "unknown key", "did you mean `prompt`?"),
    "continue-itself": shot("prompt: x, continue: s1", "specs/a.yaml:2:", "continues itself"),
    "continue-nobody": shot("prompt: x, continue: s2", "specs/a.yaml:2:29", "unknown shot"),
    "matrix-explosion": spec(
        "shots:\n  s1: {prompt: x, matrix: {"
        + ", ".join(f"{name}: [{','.join(map(str, range(20)))}]" for name in "abcdef")
        + "}}\n",
        "specs/a.yaml:2:27",
        "matrix makes",
    ),
    # names
    "name-device": named("con", "Windows keeps it"),
    "name-dash": named("-rf", "cannot be the name"),
    "name-dots": named("..", "cannot be the name"),
    "name-slash": named("a/b", "cannot be the name"),
    "name-newline": named('"a\\nb"', "cannot be the name"),
    "name-escape": named('"a\\eb"', "control character"),
    "name-nul": named('"a\\0b"', "control character"),
    "name-long": named("a" * 65, "cannot be the name"),
    "name-last-dot": named("a.", "Windows drops the last dot"),
    "name-not-ascii": named("schön", "cannot be the name"),
    "name-right-to-left": named('"a\\u202eb"', "cannot be the name"),
    "name-case": spec("shots:\n  a: {prompt: x}\n  A: {prompt: x}\n", "specs/a.yaml:2:3", "differ only by case"),
    # paths
    "path-up": shot("plate: ../canary/secret.txt", "specs/a.yaml:2:15", "holds `..`"),
    "path-up-inside": shot("plate: assets/../../canary/secret.txt", "specs/a.yaml:2:15", "holds `..`"),
    "path-absolute": shot("plate: /etc/passwd", "specs/a.yaml:2:15", "is absolute"),
    "path-home": shot("plate: ~/.ssh/id_rsa", "specs/a.yaml:2:15", "is absolute"),
    "path-address": shot('plate: "http://127.0.0.1/x.mov"', "specs/a.yaml:2:15", "is an address"),
    "path-protocol": shot('plate: "concat:/etc/passwd"', "specs/a.yaml:2:15"),
    "path-drive": shot('plate: "C:/x.mov"', "specs/a.yaml:2:15", "is absolute"),
    "path-backslash": shot("plate: ..\\canary\\secret.txt", "specs/a.yaml:2:15", "backslash"),
    "path-store": shot("plate: .shotbuild/ffmpeg.json", "specs/a.yaml:2:15", "lies in `.shotbuild/`"),
    "path-device": shot("plate: ../../../../dev/zero", "specs/a.yaml:2:15"),
    "path-folder": shot("plate: specs", "specs/a.yaml:2:15", "is a folder"),
    "path-template-elsewhere": shot("template: specs/a.yaml", "specs/a.yaml:2:18", "not below `templates/`"),
    # templates
    "template-syntax": shot(TEMPLATE, "templates/x.j2:2:1", "no template", "shot 's1'", **{J2: "one\n{% if %}\n"}),
    "template-unknown-name": shot(TEMPLATE, "templates/x.j2:1:1", "unknown variable 'plce'", **{J2: "{{ plce }}"}),
    "template-includes-itself": shot(TEMPLATE, "templates/x.j2:1:1", **{J2: "{% include 'x.j2' %}"}),
    "template-include-up": shot(TEMPLATE, "templates/x.j2:1:1", **{J2: "{% include '../../canary/secret.txt' %}"}),
    "template-include-absolute": shot(TEMPLATE, "templates/x.j2:1:1", **{J2: "{% include '/etc/passwd' %}"}),
    "template-macro-recursion": shot(
        TEMPLATE, "templates/x.j2:1:1", **{J2: "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"}
    ),
    "template-loops": shot(
        TEMPLATE,
        "specs/a.yaml:2:18",
        "parts; at most",
        **{J2: "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}"},
    ),
    "template-huge-range": shot(TEMPLATE, "templates/x.j2:1:1", **{J2: "{% for a in range(10**12) %}x{% endfor %}"}),
    "template-huge-text": shot(TEMPLATE, "templates/x.j2:1:1", **{J2: "{{ 'x' * 10000000000 }}"}),
    "template-power": shot(TEMPLATE, "templates/x.j2:1:1", **{J2: "{{ 9 ** 9 ** 9 }}"}),
    "template-format": shot(TEMPLATE, "templates/x.j2:1:1", **{J2: "{{ '%999999999d' % 1 }}"}),
    "template-class": shot(TEMPLATE, "templates/x.j2:1:1", **{J2: "{{ ''.__class__.__mro__[1].__subclasses__() }}"}),
    "template-attr": shot(TEMPLATE, "templates/x.j2:1:1", **{J2: "{{ ''|attr('__class__') }}"}),
    "template-format-escape": shot(TEMPLATE, "templates/x.j2:1:1", **{J2: "{{ '{0.__class__}'.format(1) }}"}),
    "template-globals": shot(
        TEMPLATE, "templates/x.j2:1:1", **{J2: "{{ cycler.__init__.__globals__.os.popen('id').read() }}"}
    ),
    "template-self": shot(TEMPLATE, "templates/x.j2:1:1", **{J2: "{{ self._TemplateReference__context }}"}),
    "template-empty": shot(TEMPLATE, "specs/a.yaml:2:18", "the prompt is empty", **{J2: "{# nothing #}"}),
    "template-binary": shot(TEMPLATE, "templates/x.j2:1:", **{J2: b"\x00\x01\x02"}),
    "template-in-prompt": shot('prompt: "{{ config }}"', "specs/a.yaml:2:16", "unknown variable 'config'"),
    # deliverables
    "file-up": to_file("../x"),
    "file-absolute": to_file("/abs"),
    "file-through": to_file("a/../../b"),
    "file-nul": to_file('"a\\0b"', "control character"),
    "file-newline": to_file('"a\\nb"'),
    "file-long": to_file("x" * 400),
    "file-template-up": to_file("\"{{ '..' }}/{{ deliverable }}\""),
    "file-hidden": to_file(".git/hooks/x"),
    "file-dash": to_file("-rf"),
    "file-shots": to_file("shots/s1", "kept for shots"),
    "file-stream": to_file('"a:b"'),
    "file-blank": to_file("\"{{ ' ' }}\""),
    "file-twice": spec(
        SHOT
        + CUT
        + "deliverables:\n  a: {sequence: one, profile: preview, file: x}\n"
        + "  b: {sequence: one, profile: preview, file: X}\n",
        "specs/a.yaml:7:3",
        "once more",
    ),
    "profile-unknown": spec(
        SHOT + CUT + "deliverables:\n  a: {sequence: one, profile: h264}\n", "specs/a.yaml:6:31", "unknown profile"
    ),
    "cut-empty": spec(SHOT + "sequences:\n  one: {cut: []}\n", "specs/a.yaml:4:14"),
    "cut-trim": spec(
        SHOT + "sequences:\n  one: {cut: [{shot: s1, in: 1f, out: 9f}]}\n", "specs/a.yaml:4:15", "after its end"
    ),
    "cut-dissolve": spec(
        SHOT + "sequences:\n  one: {cut: [s1, {shot: s1, transition: {dissolve: 9f}}]}\n",
        "specs/a.yaml:4:",
        "transitions need",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_written_wrong_is_told_with_its_place(house: House, case: str) -> None:
    files, place, told = BROKEN[case]
    house.write(files)
    began = time.monotonic()
    found = house.run("lint")
    assert time.monotonic() - began < 10
    assert found.code == 2, found.err
    assert f"\n{place}" in f"\n{found.err}", found.err[:500]
    for words in told:
        assert words in found.err, found.err[:2000]
    assert len(found.err) < 20_000
    assert not (house.root / "out").exists()
    machine = json.loads(house.run("lint", "--json").out)
    assert machine["schema"] == "shotbuild/lint/1"
    assert all(each["line"] >= 1 and each["column"] >= 1 for each in machine["errors"])


RIGHT: Mapping[str, Files] = {
    "byte-order-mark": {"specs/a.yaml": b"\xef\xbb\xbf" + (SHOT + CUT + WEB).encode()},
    "windows-line-ends": {
        "specs/a.yaml": (SHOT + CUT + WEB).replace("\n", "\r\n"),
        "shotbuild.yaml": HEAD.replace("\n", "\r\n"),
    },
    "empty-spec": {"specs/empty.yaml": b""},
    "blank-spec": {"specs/blank.yaml": "\n\n# nothing\n---\n"},
    "no-specs": {"specs/a.yaml": "", "shotbuild.yaml": HEAD},
    "other-files": {
        "specs/notes.txt": b"\xff\xfe\x00",
        "specs/.hidden.yaml": "[",
        "specs/sub/b.yml": "shots: {s2: {prompt: x}}",
    },
    "escapes": {"specs/b.yaml": 'shots: {s2: {prompt: "a\\tb \\u202e \\U0001F600"}}'},
    "no-as-text": {"specs/b.yaml": "shots: {s2: {prompt: no, title: 1:30}}"},
}


@pytest.mark.parametrize("case", RIGHT)
def test_what_looks_odd_but_is_right_is_read(house: House, case: str) -> None:
    house.write({**GOOD, **RIGHT[case]})
    found = house.run("lint")
    assert found.code == 0, found.err


def test_more_takes_than_the_limit_is_a_limit(house: House) -> None:
    house.write(GOOD | {"specs/a.yaml": "shots:\n  s1: {prompt: x, takes: 1000}\n"})
    assert house.run("build").code == 6


# --- links ---------------------------------------------------------------------------------------------------------------

LINKED_SPECS = {
    "shotbuild.yaml": "../canary/secret.txt",
    "specs/b.yaml": "../../canary/secret.txt",
    "specs/c.yaml": "../../canary/good.yaml",
    "specs/d.yaml": "../../canary/bad.yaml",
    "specs/folder": "../../canary",
    "specs": "../canary",
    "templates": "../canary",
    "templates/x.j2": "../../canary/secret.txt",
    "assets": "../canary",
    "assets/x.mov": "../../canary/secret.txt",
    "assets/y.mov": "/dev/zero",
}


def link(root: Path, path: str, target: str | Path) -> None:
    place = root / path
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


@pytest.mark.parametrize("path", LINKED_SPECS)
@pytest.mark.parametrize("command", ["lint", "build"])
def test_a_link_out_of_the_project_is_refused_and_not_read(house: House, path: str, command: str) -> None:
    """The caret under an error must not quote the file that the link leads to either."""
    reads = {
        "templates": "template: templates/secret.txt",
        "templates/x.j2": TEMPLATE,
        "assets": "plate: assets/secret.txt",
        "assets/x.mov": "plate: assets/x.mov",
        "assets/y.mov": "plate: assets/y.mov",
    }
    house.write(GOOD)
    if path in reads:
        house.write({"specs/a.yaml": f"shots:\n  s1: {{{reads[path]}}}\n"})
    link(house.root, path, LINKED_SPECS[path])
    told = house.run(command)
    assert told.code == 2, told.err
    assert "outside the project" in told.err


LINKED_PLACES = (
    ".shotbuild",
    ".shotbuild/store",
    ".shotbuild/store/cas",
    ".shotbuild/cache",
    ".shotbuild/work",
    ".shotbuild/locks",
    "out",
    "out/shots",
    "out/sequences",
    "takes",
    "shotbuild.lock",
)
LINKED_FILES = (
    "takes/s1.jsonl",
    "shotbuild.lock",
    "out/shots/s1.mp4",
    "out/sequences/one/web.mp4",
    ".shotbuild/memory.json",
    ".shotbuild/ffmpeg.json",
    ".shotbuild/cache/cache.db",
    ".shotbuild/locks/ledger-s1.lock",
    ".shotbuild/work/evil.lock",
)


@pytest.mark.parametrize("path", LINKED_PLACES)
def test_a_folder_that_leads_out_gets_nothing(house: House, path: str) -> None:
    house.write(GOOD)
    link(house.root, path, house.canary)
    told = house.run("build")
    assert told.code in (1, 2), told.err
    assert "leads out of the project" in told.err or "holds a link" in told.err


@pytest.mark.parametrize("target", ["secret.txt", "new"])
@pytest.mark.parametrize("path", LINKED_FILES)
def test_a_file_that_leads_out_is_not_written_through(house: House, path: str, target: str) -> None:
    house.write(GOOD)
    link(house.root, path, house.canary / target)
    house.run("build")


# --- state that is damaged -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("built") / "project"
    for path, content in GOOD.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    assert shotbuild(root, "build").code == 0
    return root


@pytest.fixture
def lived_in(house: House, built: Path) -> House:
    """A project that was built once."""
    shutil.rmtree(house.root)
    shutil.copytree(built, house.root, symlinks=True)
    return house


def put(root: Path, path: str, content: bytes | None) -> None:
    """content: None = a folder in its place."""
    place = root / path
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    if content is None:
        place.mkdir(parents=True)
    else:
        place.write_bytes(content)


JSON_DAMAGE = {
    "empty": b"",
    "half": b'{"a": [1, 2',
    "list": b"[]",
    "null": b"null",
    "not-text": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
    "infinite": b'{"digests": 1e999, "footage": NaN, "links": -1e999}',
    "kinds": b'{"digests": {"a": {}}, "built": {"s1/t1": 5}, "links": {"shots/s1.mp4": [1, 2, 3]}, "footage": "x"}',
    "conflict": b"<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n",
    "folder": None,
}


@pytest.mark.parametrize("damage", JSON_DAMAGE)
@pytest.mark.parametrize("file", [".shotbuild/memory.json", ".shotbuild/ffmpeg.json", "shotbuild.lock"])
def test_damaged_json_is_told_or_made_again(lived_in: House, file: str, damage: str) -> None:
    put(lived_in.root, file, JSON_DAMAGE[damage])
    told = lived_in.run("build")
    if file == "shotbuild.lock":
        assert told.code == 2
        assert told.err.startswith("shotbuild.lock:"), told.err
    elif damage != "folder":
        assert told.code == 0, told.err
    assert "hint: " in told.err or told.code == 0


def test_damaged_footage_is_measured_again(lived_in: House) -> None:
    ffmpeg(lived_in.root / "plate.mkv")
    lived_in.write({"specs/a.yaml": "shots:\n  s1: {plate: plate.mkv}\n"})
    assert lived_in.run("build").code == 0
    kept = lived_in.root / ".shotbuild/memory.json"
    for wrong in ("x", "1/0", "-1", "1e99999999"):
        memory = json.loads(kept.read_text())
        memory["footage"] = {name: [wrong, True] for name in memory["footage"]}
        kept.write_text(json.dumps(memory))
        assert lived_in.run("build").code == 0


CACHE_DAMAGE = {
    "empty": b"",
    "text": b"garbage" * 1000,
    "header": b"SQLite format 3\0" + bytes(100),
    "folder": None,
}


@pytest.mark.parametrize("damage", CACHE_DAMAGE)
def test_a_damaged_action_cache_starts_anew(lived_in: House, damage: str) -> None:
    put(lived_in.root, ".shotbuild/cache/cache.db", CACHE_DAMAGE[damage])
    assert lived_in.run("build").code == (1 if damage == "folder" else 0)


ROWS: Mapping[str, Callable[[dict[str, object]], object]] = {
    "number": lambda row: 5,
    "bytes": lambda row: b"\x80\x04K\x01.",
    "not-json": lambda row: "{",
    "deep": lambda row: "[" * 100_000,
    "no-outputs": lambda row: {**row, "outputs": []},
    "number-for-digest": lambda row: {**row, "outputs": [["take.mp4", 5, 5]]},
    "text-for-size": lambda row: {**row, "outputs": [["take.mp4", "a" * 64, "x"]]},
    "price-by-zero": lambda row: {**row, "price": {"amount": "1/0", "currency": "USD", "exact": True}},
    "operation": lambda row: {**row, "operation": {"provider": 1}},
    "path-for-digest": lambda row: {**row, "outputs": [["take.mp4", "../../../canary/secret.txt", 54]]},
    "absolute-for-digest": lambda row: {**row, "outputs": [["take.mp4", "{canary}/secret.txt", 54]]},
}


@pytest.mark.parametrize("case", ROWS)
def test_a_planted_row_of_the_action_cache_runs_nothing_and_moves_nothing(lived_in: House, case: str) -> None:
    """Somebody may put a .shotbuild/ into Git: what it says is not believed, and no path is made of it."""
    assert len((lived_in.canary / "secret.txt").read_bytes()) == 54
    (lived_in.root / "canary").mkdir()
    with sqlite3.connect(lived_in.root / ".shotbuild/cache/cache.db") as database:
        for key, value in database.execute("select key, value from Cache").fetchall():
            row = ROWS[case](json.loads(value))
            text = json.dumps(row).replace("{canary}", str(lived_in.canary)) if isinstance(row, dict) else row
            database.execute("update Cache set value = ? where key = ?", (text, key))
    database.close()
    shutil.rmtree(lived_in.root / "out")
    lived_in.run("build")
    assert list((lived_in.root / "canary").iterdir()) == []


LEDGER: Mapping[str, Callable[[bytes], bytes]] = {
    "conflict": lambda line: b"<<<<<<< HEAD\n" + line,
    "half": lambda line: line[:80],
    "nul": lambda line: b"\0" * 100,
    "list": lambda line: b"[]\n",
    "not-text": lambda line: b"\xff" + line,
    "deep": lambda line: b"[" * 100_000,
    "infinite-number": lambda line: line.replace(b'"number":1', b'"number":1e999').replace(
        b'"number": 1', b'"number": 1e999'
    ),
    "huge-number": lambda line: line.replace(b'"number":1', b'"number":' + b"9" * 4000).replace(
        b'"number": 1', b'"number": ' + b"9" * 4000
    ),
    "deep-parameters": lambda line: line.replace(b'"parameters":', b'"parameters":' + b"[" * 900 + b"]" * 900 + b',"old":'),
    "half-character": lambda line: line.replace(b'"stage":', b'"stage":"\\ud800","old":'),
    "wrong-pins": lambda line: line.replace(b'"pins":', b'"pins":[[1]],"old":'),
    "negative-size": lambda line: line.replace(b'"size":', b'"size":-1,"old":'),
}


@pytest.mark.parametrize("case", LEDGER)
def test_a_damaged_ledger_is_told_and_kept_as_it_is(lived_in: House, case: str) -> None:
    ledger = lived_in.root / "takes/s1.jsonl"
    wrong = LEDGER[case](ledger.read_bytes())
    assert wrong != ledger.read_bytes()
    ledger.write_bytes(wrong)
    lived_in.write({"specs/a.yaml": (SHOT + CUT + WEB).replace("lighthouse", "windmill")})
    for command in ("lint", "build"):
        told = lived_in.run(command)
        assert told.code == 2, told.err
        assert "takes/s1.jsonl:1:1: error: " in told.err
        assert ledger.read_bytes() == wrong


def test_an_event_of_a_later_version_is_passed_over(lived_in: House) -> None:
    ledger = lived_in.root / "takes/s1.jsonl"
    ledger.write_bytes(ledger.read_bytes() + b'{"event":"praise","after":[],"v":9}\n\n')
    assert lived_in.run("build").code == 0


@pytest.mark.parametrize(
    "path",
    [
        ".shotbuild",
        ".shotbuild/store",
        ".shotbuild/cache",
        ".shotbuild/work",
        ".shotbuild/locks",
        "out",
        "out/shots",
        "takes",
    ],
)
def test_a_file_where_a_folder_has_to_be_is_told(lived_in: House, path: str) -> None:
    shutil.rmtree(lived_in.root / path)
    put(lived_in.root, path, b"a file")
    told = lived_in.run("build")
    assert told.code in (1, 2)
    assert "cause: " in told.err


def test_what_vanished_is_made_again_or_told(lived_in: House) -> None:
    lived_in.write({"templates/x.j2": "x", "specs/b.yaml": f"shots:\n  s2: {{{TEMPLATE}}}\n"})
    assert lived_in.run("build").code == 0
    shutil.rmtree(lived_in.root / ".shotbuild/store")
    assert lived_in.run("build").code == 0
    (lived_in.root / "takes/s1.jsonl").unlink()
    assert lived_in.run("build").code == 0
    (lived_in.root / "templates/x.j2").unlink()
    told = lived_in.run("build")
    assert told.code == 2
    assert told.err.startswith("specs/b.yaml:2:18: error: there is no file")


def test_specs_that_may_not_be_read_are_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is for anyone but root, who may read everything."""
    house.write(GOOD)
    specs = str(house.root / "specs")
    scan, access = os.scandir, os.access

    def scandir(path: str) -> object:
        if path == specs:
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "access", lambda path, mode: path != specs and access(path, mode))
    told = house.run("lint")
    assert told.code == 2
    assert told.err.startswith("specs:1:1: error: `specs` may not be read"), told.err


# --- text in pictures ----------------------------------------------------------------------------------------------------

TEXTS = {
    "quotes": "It's \"quoted\" `so` 'it'' is",
    "colons": "a:b: c::d, text=x:fontsize=99",
    "percent": "100% %{pts} %{localtime} %% %d %s %n",
    "backslash": "\\N \\n \\\\ C:\\fonts\\x.ttf \\x41",
    "filter": "';[out];[0:v]drawtext=textfile=/etc/passwd,nullsink;'",
    "braces": "${HOME} $(id) `id` {0} {{ '{{' }}",
    "lines": "one\ntwo\n\nthree\ttab",
    "emoji": "a 😀 👩‍👩‍👧 🇩🇪 ﷽",
    "right-to-left": "שלום \u202egnirts\u202c עולם مرحبا",
    "marks": "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢",
    "long": "word " * 400,
    "one-word": "x" * 3000,
    "shell": "; rm -rf ~ && echo $HOME | tee /tmp/x > /dev/null #",
    "dash": "-i /etc/passwd -y",
    "space": "\u00a0\u2003\u200b\ufeff.",
}


def test_hostile_text_makes_a_right_picture(house: House) -> None:
    """Prompts, titles and captions go through the slate, the burn-in and the container's metadata."""
    shots, sequences, deliverables = {}, {}, {}
    for name, text in TEXTS.items():
        shots[name] = {"prompt": text, "title": text[:500]}
        sequences[name] = {"title": text[:500], "cut": [name]}
        deliverables[name] = {"sequence": name, "profile": "preview"}
    content = json.dumps({"shots": shots, "sequences": sequences, "deliverables": deliverables}, ensure_ascii=False)
    house.write({"shotbuild.yaml": HEAD.replace("64x36", "128x72"), "specs/a.yaml": content})
    told = house.run("build")
    assert told.code == 0, told.err
    for name, text in TEXTS.items():
        with av.open(str(house.root / f"out/sequences/{name}/{name}.mp4")) as film:
            frames = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
            assert len(frames) == 2
            assert frames[0].shape == (72, 128)
            assert frames[0].std() > 3
            assert film.metadata["title"] == " ".join(text[:500].split("\0")), name


# --- media in disguise ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/x.ts", asked
        running.shutdown()
        thread.join()


def ffmpeg(target: Path, *arguments: str) -> None:
    chosen = arguments or ("-f", "lavfi", "-i", "testsrc2=s=64x36:r=24:d=0.25", "-c:v", "ffv1")
    subprocess.run(
        [str(find_ffmpeg(None)), "-loglevel", "error", "-y", *chosen, str(target)], check=True, stdin=subprocess.DEVNULL
    )


DISGUISES = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{0}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{0}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=control:{0}\n",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{0}"/></svg>',
    "xml": '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "{0}">]><x>&y;</x>',
    "dash": "<MPD><Period><AdaptationSet><BaseURL>{0}</BaseURL></AdaptationSet></Period></MPD>",
    "image2": "{0}%03d.png",
    "png-then-hls": "\x89PNG\r\n\x1a\n#EXTM3U\n#EXTINF:1,\n{0}\n",
}


@pytest.mark.parametrize("kind", DISGUISES)
def test_a_playlist_in_disguise_opens_nothing(house: House, server: tuple[str, list[str]], kind: str) -> None:
    """As a plate, a reference and a sound: refused, and nobody was asked for anything."""
    address, asked = server
    ffmpeg(house.root / "local.ts", "-f", "lavfi", "-i", "testsrc2=s=64x36:r=24:d=0.25", "-f", "mpegts")
    for target in (address, str(house.canary / "secret.txt"), str(house.root / "local.ts")):
        content = DISGUISES[kind].format(target).encode("latin-1")
        for name in ("x.mov", "%d") if target is address else ("x.png",):
            for use in (
                f"shots:\n  s1: {{plate: {name!r}}}\n",
                f"shots:\n  s1: {{prompt: x, references: {{first_frame: {name!r}}}}}\n",
                SHOT + f"sequences:\n  one: {{cut: [s1], audio: [{{file: {name!r}}}]}}\n" + WEB,
            ):
                house.write({"shotbuild.yaml": HEAD, "specs/a.yaml": use, name: content})
                told = house.run("build")
                assert told.code in (1, 2), (name, use, told.out)
    assert asked == []


def png(width: int, height: int) -> bytes:
    """A picture of that many black pixels, packed into very few bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(30_000, 30_000), (12_000, 9_000)])
def test_a_picture_that_unpacks_to_gigabytes_is_refused_or_shown(house: House, size: tuple[int, int]) -> None:
    house.write({"shotbuild.yaml": HEAD, "specs/a.yaml": "shots:\n  s1: {prompt: x, references: {reference: bomb.png}}\n"})
    house.write({"bomb.png": png(*size)})
    told = house.run_apart("build")
    assert told.code in (0, 1, 2)
    assert size[0] < 30_000 or told.code != 0
    assert "Warning" not in told.err
    house.write({"specs/a.yaml": "shots:\n  s1: {plate: bomb.png}\n"})
    assert house.run_apart("lint").code in (0, 2)


def test_a_pipe_and_a_device_do_not_hold_a_build(house: House) -> None:
    os.mkfifo(house.root / "pipe.mov")
    for use in ("plate: pipe.mov", "prompt: x, references: {first_frame: pipe.mov}"):
        house.write({"shotbuild.yaml": HEAD, "specs/a.yaml": f"shots:\n  s1: {{{use}}}\n"})
        told = house.run("build")
        assert told.code == 2
        assert "not a regular file" in told.err
    os.mkfifo(house.root / "specs/b.yaml")
    assert house.run("lint").code == 2


# --- programs, environment, places ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "setting",
    [
        "tools/evil",
        "./tools/evil",
        "{root}/tools/evil",
        "tools/link",
        "../canary/evil",
    ],
)
def test_a_program_in_the_project_is_not_run(house: House, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    """Who clones a repository and builds must not run what lies in it."""
    monkeypatch.chdir(house.root)
    evil = f"#!/bin/sh\necho run > {house.folder}/canary/PWNED\n"
    house.write({**GOOD, "tools/evil": evil})
    (house.canary / "evil").write_text(evil)
    for path in (house.root / "tools/evil", house.canary / "evil"):
        path.chmod(0o755)
    link(house.root, "tools/link", "evil")
    house.write({"shotbuild.yaml": HEAD + f"ffmpeg: {setting.format(root=house.root)}\n"})
    for command in ("plan", "build", "doctor", "lock"):
        told = house.run(command)
        assert told.code == 1
        assert "may have come with the project" in told.err


def test_ffmpeg_writes_no_report_of_its_own(house: House) -> None:
    house.write(GOOD)
    report = house.root / "report.log"
    told = house.run_apart("build", env={"FFREPORT": f"file={report}:level=48", "PYTHONHASHSEED": "1"})
    assert told.code == 0
    assert not report.exists()


FOLDERS = {
    "space": "with space",
    "pattern": "%d %03d",
    "quotes": 'it\'s "so"',
    "variable": "$NOBODY_SET_THIS",
    "dash": "-rf",
    "unicode": "Schöne 😀 שלום",
    "newline": "new\nline",
    "colon": "a:b,c;d[e]='x'",
    "backslash": "back\\slash",
    "tilde": "~root",
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_project_may_lie_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    house = House(tmp_path / FOLDERS[name])
    house.canary.mkdir(parents=True)
    house.write({**GOOD, ".shotbuild/ffmpeg.json": known_ffmpeg()})
    told = house.run("build")
    assert told.code == 0, told.err
    assert (house.root / "out/sequences/one/web.mp4").is_file()


def test_a_folder_with_the_name_of_a_variable_is_told(tmp_path: Path) -> None:
    house = House(tmp_path / "$HOME")
    house.canary.mkdir(parents=True)
    house.write({**GOOD, ".shotbuild/ffmpeg.json": known_ffmpeg()})
    told = house.run("build")
    assert told.code in (0, 1)
    assert told.code == 0 or "rename the folder" in told.err


def test_the_words_of_a_lock_and_a_ledger_do_not_steer_the_terminal(lived_in: House) -> None:
    lock = lived_in.root / "shotbuild.lock"
    found = json.loads(lock.read_text())
    found["tools"]["ffmpeg"] |= {"version": "\x1b[2J\u202e\x9b31m", "identity": "\x1b[31m"}
    lock.write_text(json.dumps(found))
    ledger = lived_in.root / "takes/s1.jsonl"
    ledger.write_bytes(ledger.read_bytes() + json.dumps({"event": "\x1b[2Jx\u202e", "after": []}).encode() + b"\n")
    for command in (["build"], ["lock"], ["status"], ["plan"], ["doctor"]):
        told = lived_in.run(*command)
        assert not any(sign in told.out + told.err for sign in "\x1b\x9b\u202e"), command


# --- many ----------------------------------------------------------------------------------------------------------------


def test_five_thousand_shots_are_planned_in_reasonable_time(house: House) -> None:
    shots = "".join(
        f"  s{index:04d}: {{prompt: 'Shot {index} of a lighthouse at dusk.', tags: [t{index % 7}]}}\n"
        for index in range(5000)
    )
    cut = ", ".join(f"s{index:04d}" for index in range(5000))
    house.write({"shotbuild.yaml": HEAD, "specs/a.yaml": f"shots:\n{shots}sequences:\n  one: {{cut: [{cut}]}}\n{WEB}"})
    began = time.monotonic()
    assert house.run("lint").code == 0
    assert time.monotonic() - began < 15
    told = house.run("plan")
    assert time.monotonic() - began < 40
    assert "5000 to generate" in told.out


def test_two_thousand_shots_that_continue_one_another(house: House) -> None:
    shots = "".join(
        f"  s{index}: {{prompt: x" + (f", continue: s{index - 1}" if index else "") + "}\n"
        for index in reversed(range(2000))
    )
    house.write({"shotbuild.yaml": HEAD, "specs/a.yaml": f"shots:\n{shots}"})
    began = time.monotonic()
    told = house.run("plan")
    assert told.code == 0
    assert "2000 to generate" in told.out
    assert house.run("graph", "+s1999").code == 0
    house.write({"specs/a.yaml": f"shots:\n{shots}".replace("s0: {prompt: x", "s0: {prompt: x, continue: s1999")})
    told = house.run("lint")
    assert told.code == 2
    assert "2000 shots continue each other in a circle" in told.err
    assert time.monotonic() - began < 30


def test_three_thousand_mistakes_are_told_in_one_run(house: House) -> None:
    house.write(
        {
            "shotbuild.yaml": HEAD,
            "specs/a.yaml": "shots:\n" + "".join(f"  s{index}: {{promt: x}}\n" for index in range(3000)),
        }
    )
    began = time.monotonic()
    told = house.run("lint")
    assert told.code == 2
    assert told.err.count("unknown key 'promt' of a shot") == 3000
    assert time.monotonic() - began < 20
