"""What is made again, and what is not: the promises of the main job, with real pictures."""

import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import contents, shotbuild


def edit(root: Path, path: str, old: str, new: str) -> None:
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))


def planned(root: Path) -> set[str]:
    return {line.split()[1] for line in shotbuild(root, "plan").out.splitlines() if line[0] in "+~!"}


TOUCHED = ("", "/sh010", "/sh010+sh020", "/measure", "/report")
"""What of a deliverable runs again when its first shot changes."""


def test_the_life_of_a_project(tiny: Path) -> None:
    first = shotbuild(tiny, "deliver", "--json")
    assert first.code == 0, first.err
    assert first.summary["failed"] == 0
    assert first.summary["generated"] == 3
    made = contents(tiny)
    endings = ("mp4", "report.json", "report.html")
    assert set(made) == {f"out/sequences/opening/{name}.{end}" for name in ("web", "preview") for end in endings}

    # A second time, and after touching every file, nothing runs.
    assert shotbuild(tiny, "deliver", "--json").summary["ran"] == 0
    for path in tiny.rglob("*"):
        if path.is_file() and ".shotbuild" not in path.parts:
            path.touch()
    assert shotbuild(tiny, "deliver", "--json").summary["ran"] == 0

    # A comment and another order of keys mean the same.
    edit(tiny, "specs/opening.yaml", "shots:\n", "# a comment\nshots:\n")
    edit(
        tiny,
        "specs/opening.yaml",
        "{template: templates/wide.j2, with: {place: a lighthouse}}",
        "{with: {place: a lighthouse}, template: templates/wide.j2}",
    )
    assert shotbuild(tiny, "deliver", "--json").summary["ran"] == 0

    # One word in one prompt: that shot and what contains it, as `plan` said.
    edit(tiny, "specs/opening.yaml", "a lighthouse", "a light house")
    promised = planned(tiny)
    changed = shotbuild(tiny, "deliver", "--json")
    assert changed.steps == promised
    assert promised == {
        "sh010/t1",
        *(f"opening/{name}{part}" for name in ("web", "preview") for part in TOUCHED),
    }
    assert contents(tiny) != made

    # And back: nothing runs, and the files are the first ones again.
    edit(tiny, "specs/opening.yaml", "a light house", "a lighthouse")
    assert shotbuild(tiny, "deliver", "--json").summary["ran"] == 0
    assert contents(tiny) == made

    # Without out/, files are linked again and nothing runs.
    shutil.rmtree(tiny / "out")
    assert shotbuild(tiny, "deliver", "--json").summary["ran"] == 0
    assert contents(tiny) == made

    # A shared template: the shots that use it, and the shot that continues one of them.
    edit(tiny, "templates/wide.j2", "dusk", "dawn")
    generated = {name for name in shotbuild(tiny, "deliver", "--json").steps if name.endswith("/t1")}
    assert generated == {"sh010/t1", "sh020/t1", "sh030/t1"}


def test_a_file_that_was_edited_in_out_is_put_back_and_the_store_is_unharmed(tiny: Path) -> None:
    assert shotbuild(tiny, "build").code == 0
    made = contents(tiny)
    for path in (tiny / "out").rglob("*"):
        if path.is_file():
            with path.open("r+b") as stream:
                stream.write(b"scribbled over by a person")
    again = shotbuild(tiny, "build", "--json")
    assert again.summary["ran"] == 0
    assert contents(tiny) == made


def test_a_damaged_intermediate_is_made_again(tiny: Path) -> None:
    assert shotbuild(tiny, "deliver").code == 0
    made = contents(tiny)
    for blob in (tiny / ".shotbuild" / "store" / "cas").rglob("*"):
        if blob.is_file():
            blob.chmod(0o644)
            content = bytearray(blob.read_bytes())
            content[len(content) // 2] ^= 1
            blob.write_bytes(content)
    shutil.rmtree(tiny / "out")
    for _ in range(4):
        # Damage is found where bytes are read: each build heals what it needs.
        if shotbuild(tiny, "deliver").code == 0:
            break
    assert contents(tiny) == made


@pytest.mark.slow
def test_another_tool_than_the_locks_is_said_and_refused_when_frozen(tiny: Path) -> None:
    assert shotbuild(tiny, "build").code == 0
    edit(tiny, "shotbuild.lock", '"identity": "', '"identity": "0')
    said = shotbuild(tiny, "build")
    assert said.code == 0
    assert "warning: ffmpeg is" in said.err
    frozen = shotbuild(tiny, "build", "--frozen")
    assert frozen.code == 3
    assert "shotbuild.lock does not match" in frozen.err
    assert shotbuild(tiny, "lock").code == 3
    assert shotbuild(tiny, "lock", "--update").code == 0
    assert shotbuild(tiny, "build", "--frozen").code == 0


def test_a_frozen_build_generates_nothing(tiny: Path) -> None:
    assert shotbuild(tiny, "build").code == 0
    edit(tiny, "specs/opening.yaml", "a lighthouse", "a windmill")
    frozen = shotbuild(tiny, "build", "--frozen", "--json")
    assert frozen.code == 3
    assert frozen.summary["generated"] == 0
    assert "sh010/t1 is missing" in frozen.out


def test_exit_code_of_plan_tells_of_changes(tiny: Path) -> None:
    assert shotbuild(tiny, "plan", "--exit-code").code == 4
    assert shotbuild(tiny, "build").code == 0
    assert shotbuild(tiny, "plan", "--exit-code").code == 0
