import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shotbuild.errors import SpecErrors
from shotbuild.records import Project
from shotbuild.spec.load import load

TEXT = """
    shots sequences deliverables shotbuild project title prompt template with plate provider model seed takes duration format
    references continue finish settings tags priority fit matrix cut audio shot in out transition dissolve file gain profile
    reframe sequence upscale factor zoom a b sh010 board hero animatic h264-web 4s 96f 24 1280x720 -6dB ~ no true ../x
    or narrow crisp polish quality style video per_minute stall_after on_stall attempts price
    /etc/passwd assets/a.png con -rf &x *x << !!str ' " | > % @ ` \\ é --- ... "\\u0000"
"""
WORDS = TEXT.split()
WORDS += ["{{ a }}", "{% for x in a %}", "\t", "\ufeff", "\x85", "\u2028", "\x00", "- ", "? "]
PROJECT = """\
shotbuild: 1
project: p
providers:
  board: {use: animatic}
  hero: {use: runway, model: gen4.5}
  second: {use: strict, model: narrow}
  crisp: {use: topaz}
defaults: {provider: board, duration: 2s}
"""
MARKS = [": ", ":\n  ", ":\n    ", "\n", "\n  ", "\n    - ", ", ", "{", "}", "[", "]", " "]
VALUES = st.recursive(
    st.sampled_from([*WORDS, ""]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=25,
)


def flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in value.items()) + "}"
    return "[" + ", ".join(map(flow, value)) + "]" if isinstance(value, list) else str(value)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fuzz")
    (root / "specs").mkdir()
    (root / "assets").mkdir()
    (root / "assets/a.png").touch()
    (root / "shotbuild.yaml").write_text(PROJECT)
    return root


def check(root: Path, tables: Any, name: str, content: bytes) -> None:
    (root / name).write_bytes(content)
    start = time.process_time()
    try:
        assert isinstance(load(root, tables), Project)
    except SpecErrors as errors:
        assert all(error.location is not None and error.message for error in errors.errors)  # noqa: PT017
    assert time.process_time() - start < 6, name


QUIET = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


LARGE = {
    "a long text": b"a: " + b"x" * (10 << 20),
    "a long text within the limit": b"a: " + b"x" * ((4 << 20) - 10),
    "a long comment": b"#" * 4_000_000,
    "many brackets": b"[" * 100_000,
    "many keys of keys": b"? " * 10_000,
    "many anchors": b"&a " * 10_000,
    "a long tag": b"!" * 100_000,
    "a long list": b"a: [" + b"a," * 1_000_000 + b"]",
    "many unknown keys": b"".join(b"k%d: x\n" % number for number in range(20_000)),
    "many broken shots": b"shots:\n" + b"".join(b"  k%d: {x: 1}\n" % number for number in range(5_000)),
    "one key many times": b"a: 1\n" * 20_000,
}


@pytest.mark.parametrize("name", LARGE)
def test_large_files_give_errors_quickly(root: Path, tables: Any, name: str) -> None:
    check(root, tables, "specs/a.yaml", LARGE[name])


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf", b"\x00", b"\xff", b"%", b"---"]
)
def test_files_of_hardly_anything_give_errors_or_a_project(root: Path, tables: Any, content: bytes) -> None:
    check(root, tables, "specs/a.yaml", content)


@QUIET
@given(st.binary(max_size=400))
def test_any_bytes_give_errors_or_a_project(root: Path, tables: Any, content: bytes) -> None:
    check(root, tables, "specs/a.yaml", content)


@QUIET
@given(
    st.lists(
        st.sampled_from([*WORDS, ": ", ":\n  ", ":\n    ", "\n", "\n  ", "\n    - ", ", ", "{", "}", "[", "]", " "]),
        max_size=60,
    )
)
def test_any_words_give_errors_or_a_project(root: Path, tables: Any, words: list[str]) -> None:
    check(root, tables, "specs/a.yaml", "".join(words).encode())


@QUIET
@given(st.sampled_from(["shots", "sequences", "deliverables"]), VALUES)
def test_any_tree_under_a_known_key_gives_errors_or_a_project(root: Path, tables: Any, key: str, value: object) -> None:
    check(root, tables, "specs/a.yaml", f"{key}: {flow(value)}\n".encode())


@QUIET
@given(st.text(st.sampled_from("{}%#- abx.()[]|~*+'\"=0123456789\n_,:"), max_size=80), st.text(max_size=40))
def test_any_template_gives_errors_or_a_project(root: Path, tables: Any, template: str, text: str) -> None:
    (root / "templates").mkdir(exist_ok=True)
    (root / "templates/a.j2").write_text("{{ " + template + " }}" + text, encoding="utf-8", errors="replace")
    check(root, tables, "specs/a.yaml", b"shots:\n  a: {template: templates/a.j2, with: {a: b, x: [1, 2]}}\n")
