import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shotbuild import uptodate
from shotbuild.errors import SpecErrors
from shotbuild.host import forks
from shotbuild.host.memory import GRAIN_NS
from shotbuild.records import Project
from shotbuild.spec import kept as module
from shotbuild.spec import load as loading
from shotbuild.spec.kept import Kept
from shotbuild.spec.load import load

SHOT = """
shots:
  {name}:
    # a comment
    title: The {name}
    template: templates/wide.j2
    with: {{place: {place}}}
    duration: 00:00:02:00
    references: {{first_frame: assets/a.png}}
    finish: [upscale, {{upscale: {{provider: crisp, scale: 4}}}}]
    or: [{{provider: strict, settings: {{key: k}}}}]
    tags: [x, y]
    {more}
"""
FILES = {
    "shotbuild.yaml": """
shotbuild: 1
project: p
providers:
  board: {use: animatic}
  hero: {use: runway, model: gen4.5}
  strict: {use: strict}
  crisp: {use: topaz}
defaults: {provider: board, duration: 2s, format: {rate: 25}}
""",
    "templates/wide.j2": "{% include 'place.j2' %} wide",
    "templates/place.j2": "at {{ place }}",
    "templates/other.j2": "near {{ place }}",
    "assets/a.png": b"",
    "specs/a.yaml": SHOT.format(name="a", place="sea", more="seed: 3"),
    "specs/b.yaml": SHOT.format(name="b", place="hill", more="moved: old").replace("wide.j2", "other.j2"),
    "specs/c.yaml": "shots:\n  c: {prompt: on and on, continue: d}\n  m: {prompt: in x, matrix: {x: [one, two]}}\n",
    "specs/d.yaml": "shots:\n  d: {prompt: from the start}\n",
    "specs/cut.yaml": "sequences:\n  s: {cut: [a, b, c, d]}\n",
}


@pytest.fixture
def many(folder: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A project of several files that are old enough for their stamps to be trusted."""
    monkeypatch.setattr(uptodate, "programs", list)
    monkeypatch.setattr(module, "settled", lambda stamp: True)
    return folder.write(FILES)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The spec files that were parsed."""
    found: list[str] = []

    def parse(text: str, file: str, tell: Any) -> Any:
        if file.startswith("specs/"):
            found.append(file.removeprefix("specs/").removesuffix(".yaml"))
        return real(text, file, tell)

    real = loading.parse
    monkeypatch.setattr(loading, "parse", parse)
    return found


def again(many: Any, parsed: list[str]) -> list[str]:
    """Which files one more load parses; what it gives is what a fresh one does."""
    path = many.root.parent / "shelf"
    kept = Kept(path)
    parsed.clear()
    project = load(many.root, many.tables, kept)
    seen = sorted(parsed)
    kept.close()
    assert repr(project) == repr(load(many.root, many.tables))
    return seen


def test_only_what_was_edited_is_parsed(many: Any, parsed: list[str]) -> None:
    assert again(many, parsed) == ["a", "b", "c", "cut", "d"]
    assert again(many, parsed) == ["cut"]  # a cut needs to know what its shots are called now
    many.write({"specs/d.yaml": "shots:\n  d: {prompt: from another start}\n"})
    assert again(many, parsed) == ["cut", "d"]
    assert again(many, parsed) == ["cut"]


def test_a_template_is_read_again_by_those_that_use_it(many: Any, parsed: list[str]) -> None:
    again(many, parsed)
    many.write({"templates/place.j2": "by {{ place }}"})
    assert again(many, parsed) == ["a", "cut"]
    many.write({"templates/other.j2": "by {{ place }}"})
    assert again(many, parsed) == ["b", "cut"]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("shotbuild.yaml", FILES["shotbuild.yaml"] + "vars: {light: dusk}\n"),  # type: ignore[operator]
        ("shotbuild.yaml", str(FILES["shotbuild.yaml"]).replace("rate: 25", "rate: 50")),
    ],
)
def test_the_project_file_counts_for_all(many: Any, parsed: list[str], path: str, content: str) -> None:
    again(many, parsed)
    many.write({path: content})
    assert again(many, parsed) == ["a", "b", "c", "cut", "d"]


def test_code_counts_for_all(many: Any, parsed: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = tmp_path / "provider.py"
    code.touch()
    _age(code)
    monkeypatch.setattr(uptodate, "programs", lambda: [str(code)])
    again(many, parsed)
    assert again(many, parsed) == ["cut"]
    code.write_text("edited")
    _age(code)
    assert again(many, parsed) == ["a", "b", "c", "cut", "d"]


def test_code_that_nobody_needed_this_time_counts_as_well(
    many: Any, parsed: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = tmp_path / "provider.py"
    code.touch()
    _age(code)
    monkeypatch.setattr(uptodate, "programs", lambda: [str(code)])
    again(many, parsed)
    monkeypatch.setattr(uptodate, "programs", list)
    many.write({"specs/d.yaml": "shots:\n  d: {prompt: from another start}\n"})
    assert again(many, parsed) == ["cut", "d"]
    code.write_text("edited")
    _age(code)
    assert again(many, parsed) == ["a", "b", "c", "cut", "d"]


def test_code_that_was_edited_after_it_was_loaded_is_not_vouched_for(
    many: Any, parsed: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = tmp_path / "provider.py"
    code.touch()
    monkeypatch.setattr(uptodate, "programs", lambda: [str(code)])
    again(many, parsed)
    assert not (many.root.parent / "shelf").exists()


def _age(path: Path) -> None:
    """Makes a file old for who asks by a clock of its own: its time of status cannot be set."""
    found = path.stat()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns - 10 * GRAIN_NS))


@pytest.fixture(autouse=True)
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the time of content says here how old code is."""
    real = module._stamps
    monkeypatch.setattr(module, "_stamps", lambda programs: [(s[0], s[1], s[1], s[3]) for s in real(programs)])


ERRORS: list[Callable[[Any], object]] = [
    lambda many: many.write({"specs/d.yaml": "shots:\n  e: {prompt: d is gone}\n"}),
    lambda many: many.write({"specs/e.yaml": "shots:\n  a: {prompt: twice}\n"}),
    lambda many: many.write({"specs/e.yaml": "shots:\n  A: {prompt: nearly twice}\n"}),
    lambda many: many.write({"specs/d.yaml": "shots:\n  d: {prompt: in circles, continue: c}\n"}),
    lambda many: many.write({"specs/d.yaml": "shots:\n  d: {prompt: p, moved: old}\n"}),
    lambda many: many.write({"specs/d.yaml": "shots: ["}),
    lambda many: many.write({"templates/place.j2": "{{ nothing }}"}),
    lambda many: (many.root / "templates/place.j2").unlink(),
    lambda many: (many.root / "assets/a.png").unlink(),
    lambda many: (many.root / "specs/d.yaml").unlink(),
    lambda many: ((many.root / "specs/d.yaml").unlink(), (many.root / "specs/d.yaml").symlink_to(many.root.parent / "x")),
]


@pytest.mark.parametrize("spoil", ERRORS)
def test_errors_are_those_of_a_fresh_load(many: Any, parsed: list[str], spoil: Callable[[Any], object]) -> None:
    again(many, parsed)
    spoil(many)
    with pytest.raises(SpecErrors) as fresh:
        load(many.root, many.tables)
    with pytest.raises(SpecErrors) as known:
        load(many.root, many.tables, Kept(many.root.parent / "shelf"))
    assert repr(known.value.errors) == repr(fresh.value.errors)
    for path in ("specs/d.yaml", "specs/e.yaml"):
        (many.root / path).unlink(missing_ok=True)
    many.write(FILES)
    assert again(many, parsed)


def test_an_edit_of_the_same_size_within_the_clock_s_grain_is_seen(
    folder: Any, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uptodate, "programs", list)
    folder.write({"specs/a.yaml": "shots:\n  a: {prompt: one}\n"})
    path = folder.root / "specs/a.yaml"
    for prompt in ("two", "six", "ten"):
        before = path.stat()
        assert again(folder, parsed) == ["a"]
        path.write_text(path.read_text().replace(path.read_text()[-5:-2], prompt))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_file_that_is_edited_while_it_is_loaded_is_parsed_again(
    many: Any, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = loading.check_moves

    def edited(*args: Any) -> None:
        many.write({"specs/d.yaml": "shots:\n  d: {prompt: from another start}\n", "templates/place.j2": "by {{ place }}"})
        real(*args)

    monkeypatch.setattr(loading, "check_moves", edited)
    kept = Kept(many.root.parent / "shelf")
    load(many.root, many.tables, kept)
    kept.close()
    monkeypatch.setattr(loading, "check_moves", real)
    assert again(many, parsed) == ["a", "cut", "d"]


def test_damage_costs_time_alone(many: Any, parsed: list[str]) -> None:
    again(many, parsed)
    path = many.root.parent / "shelf"
    whole, fresh = path.read_bytes(), repr(load(many.root, many.tables))
    step = max(1, len(whole) // 150)
    for at in range(0, len(whole), step):
        for damaged in (
            whole[:at],
            whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :],
            whole[:at] + b"\0" * step + whole[at + step :],
            whole[:at] + whole[at + step :],
        ):
            path.write_bytes(damaged)
            assert repr(load(many.root, many.tables, Kept(path))) == fresh
    path.unlink()
    path.mkdir()
    kept = Kept(path)
    assert repr(load(many.root, many.tables, kept)) == fresh
    kept.close()


def test_rows_of_the_wrong_form_are_as_none(many: Any, parsed: list[str]) -> None:
    """With a digest that is right, as an older version may leave them."""
    again(many, parsed)
    path = many.root.parent / "shelf"
    content = path.read_bytes()
    body = content[len(module.MAGIC) + module.DIGEST_SIZE :]
    fresh = repr(load(many.root, many.tables))
    for old, new in ((b"The a", b"Th\xffa"), (b"duration", b"duratiom"), (b"upscale", b"\x00pscale")):
        assert old in body
        damaged = body.replace(old, new)
        path.write_bytes(module.MAGIC + module.hashlib.sha256(damaged).digest() + damaged)
        found = load(many.root, many.tables, Kept(path))
        assert isinstance(found, Project)
        if old != b"upscale":
            assert repr(found) == fresh


# --- on all cores --------------------------------------------------------------------------------------------------------


@pytest.fixture
def shared(many: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(loading, "MANY", 2)
    monkeypatch.setattr(loading, "cores", lambda: 3)
    monkeypatch.setattr(loading, "can_fork", lambda: True)
    many.write({f"specs/x{index}.yaml": SHOT.format(name=f"x{index}", place="sea", more="") for index in range(9)})
    return many


def test_many_files_are_shared_out(shared: Any, parsed: list[str]) -> None:
    seen = again(shared, parsed)
    assert seen == ["cut"]
    assert again(shared, parsed) == ["cut"]


@pytest.mark.parametrize("spoil", ERRORS)
def test_errors_are_the_same_on_all_cores(shared: Any, spoil: Callable[[Any], object]) -> None:
    spoil(shared)
    with pytest.raises(SpecErrors) as fresh:
        load(shared.root, shared.tables)
    with pytest.raises(SpecErrors) as known:
        load(shared.root, shared.tables, Kept(shared.root.parent / "shelf"))
    assert repr(sorted(map(str, known.value.errors))) == repr(sorted(map(str, fresh.value.errors)))


def test_a_helper_that_dies_costs_time_alone(shared: Any, parsed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_settled_alone", lambda root, tables, files: os._exit(3))
    assert len(again(shared, parsed)) == 14


def test_where_no_process_can_be_made_files_are_read_one_by_one(
    shared: Any, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(work: Callable[[], bytes]) -> forks.Answer:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(loading, "forked", refused)
    assert len(again(shared, parsed)) == 14


def test_work_in_a_copy_of_the_process() -> None:
    begun = time.monotonic()
    answers = [forks.forked(lambda index=index: bytes([index]) * 100_000) for index in range(3)]  # type: ignore[misc]
    assert [answer() for answer in answers] == [bytes([index]) * 100_000 for index in range(3)]

    def broken() -> bytes:
        raise RuntimeError("no")

    assert forks.forked(broken)() is None
    assert time.monotonic() - begun < 60
