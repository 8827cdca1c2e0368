"""`plan --markdown`: what a branch changes and costs, for a comment on its pull request."""

import re
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.ci.test_markdown import HOSTILE, spans
from tests.cli.conftest import Call, edit

BY = ("--by", "Ann <ann@studio.example>")


def git(root: Path, *words: str) -> str:
    person = ("-c", "user.name=Ann", "-c", "user.email=ann@studio.example")
    return subprocess.run(["git", *person, *words], cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def branch(film: Path) -> Path:
    """A film in Git, on a branch of which nothing is committed."""
    (film / ".gitignore").write_text(".shotbuild/\nout/\n")
    git(film, "init", "-q", "-b", "main")
    git(film, "add", "-A")
    git(film, "commit", "-qm", "a film")
    git(film, "switch", "-qc", "work")
    return film


def page(call: Call, root: Path, *words: str) -> str:
    told = call(root, "plan", "--markdown", *words)
    assert told.code == 0, told.err
    return told.out


def test_nothing_changed_is_a_short_page(branch: Path, call: Call) -> None:
    text = page(call, branch, "--base", "main")
    assert "Against `main`: 0 shots and 0 films change. A build runs 0 of" in text
    assert "Nothing is generated, and nothing is spent." in text
    assert "####" not in text


def test_an_edited_prompt_changes_its_shot_and_the_films_that_it_is_in(branch: Path, call: Call) -> None:
    edit(branch, "he reaches the lamp room", "he reaches the roof")
    for words in (["--base", "main"], []):
        text = page(call, branch, *words)
        assert "1 shot and 1 film change" in text
        assert re.search(r"^- `ending/end`, changed: `sh030` \(\d+ steps to run\)$", text, re.MULTILINE)
        assert "opening/web" not in text
        assert "**`sh030`**, changed" in text
        assert '-   "prompt": "Close-up, he reaches the lamp room.",' in text
        assert '+   "prompt": "Close-up, he reaches the roof.",' in text
        assert "**1 take to generate; cost: free**" in text


def test_a_revision_is_compared_where_the_branch_left_it(branch: Path, call: Call) -> None:
    git(branch, "switch", "-q", "main")
    edit(branch, "a lighthouse", "a ruin")
    git(branch, "commit", "-qam", "meanwhile")
    git(branch, "switch", "-q", "work")
    edit(branch, "the sea", "the bay")
    text = page(call, branch, "--base", "main")
    assert "**`sh020`**" in text
    assert "sh010" not in text


def test_a_shot_that_is_new_and_one_that_is_gone(branch: Path, call: Call) -> None:
    edit(branch, "sh030: {continue: sh020,", "sh040: {continue: sh020,")
    edit(branch, "cut: [sh030]", "cut: [sh040]")
    text = page(call, branch, "--base", "main")
    assert "**`sh040`**, new" in text
    assert "**`sh030`**, gone" in text


def test_a_film_that_is_cut_otherwise_changes_by_itself(branch: Path, call: Call) -> None:
    edit(branch, "cut: [sh010, sh020]", "cut: [sh020, sh010]")
    text = page(call, branch, "--base", "main")
    assert "0 shots and 1 film change" in text
    assert "- `opening/web`, changed: its own cut, sound or profile" in text


def test_an_approved_take_stays_and_the_page_says_so(branch: Path, call: Call) -> None:
    assert call(branch, "approve", "sh010", "t1", *BY).code == 0
    git(branch, "commit", "-qam", "approved")
    edit(branch, "a lighthouse", "a ruin")
    text = page(call, branch, "--base", "HEAD")
    assert "**`sh010`**, edited, its chosen take stays: t1 approved by `Ann <ann@studio.example>`" in text
    assert '+   "prompt": "Wide shot of a ruin at dusk.",' in text
    assert "Nothing is generated, and nothing is spent." in text


def test_another_choice_is_told_with_both_takes_and_both_pictures(branch: Path, call: Call) -> None:
    assert call(branch, "roll", "sh010").code == 0
    assert call(branch, "pick", "sh010", "t1", *BY).code == 0
    git(branch, "commit", "-qam", "picked")
    assert call(branch, "approve", "sh010", "t2", *BY).code == 0
    text = page(call, branch, "--base", "HEAD", "--stills", "my stills")
    assert "**`sh010`**, chosen anew: t1 picked by `Ann <ann@studio.example>` → t2 approved by" in text
    for when in ("before", "now"):
        assert f"{when}: ![sh010, {when}](my%20stills/sh010/{when}.png)" in text
        with Image.open(branch / f"my stills/sh010/{when}.png") as picture:
            assert (picture.format, picture.size) == ("PNG", (64, 36))
    before, now = ((branch / f"my stills/sh010/{when}.png").read_bytes() for when in ("before", "now"))
    assert before != now


def test_a_take_whose_bytes_are_not_here_has_no_picture(branch: Path, call: Call) -> None:
    edit(branch, "he reaches the lamp room", "he reaches the roof")
    for blob in (branch / ".shotbuild/store/cas").glob("*/*"):
        blob.unlink()
    text = page(call, branch, "--base", "main", "--stills", "stills")
    assert "**`sh030`**, changed" in text
    assert "![" not in text
    assert not (branch / "stills").exists()


@pytest.mark.parametrize("hostile", HOSTILE)
def test_foreign_text_is_text(branch: Path, call: Call, hostile: str) -> None:
    spec = branch / "specs/opening.yaml"
    printed = "".join(char for char in hostile if char.isprintable() or char == "\n")
    quoted = "".join(char if char.isalnum() else f"\\u{ord(char):04x}" for char in printed)
    spec.write_text(spec.read_text().replace('"Close-up, he reaches the lamp room."', f'"{quoted}"'))
    text = page(call, branch, "--base", "main")
    assert "**`sh030`**, changed" in text
    blocks = re.sub(r"^(`{3,})diff\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    rows = re.sub(r"^\|[a-z0-9 |-]*\|$", "", blocks, flags=re.MULTILINE)
    said = "\n".join("".join(spans(line)) for line in rows.split("\n"))
    assert not re.search(r"[@<|]|\]\(|alert|octocat|code|two", said)


def test_a_page_of_very_many_shots_has_an_end(branch: Path, call: Call) -> None:
    rows = "\n".join(f"  extra{number:04}: {{prompt: {'a very long prompt ' * 20}{number}}}" for number in range(900))
    (branch / "specs/more.yaml").write_text(f"shots:\n{rows}\n")
    text = page(call, branch, "--base", "main")
    assert len(text.encode()) < 65_536
    assert "900 shots and 0 films change" in text
    assert re.search(r"…and \d+ shots more, for which there is no room here", text)


def test_a_base_that_cannot_be_read_is_said_and_one_that_is_none_is_an_error(branch: Path, call: Call) -> None:
    edit(branch, "prompt:", "promt:")
    git(branch, "commit", "-qam", "wrong")
    edit(branch, "promt:", "prompt:")
    text = page(call, branch, "--base", "HEAD")
    assert "not compared with HEAD, where the project cannot be read" in text
    assert "Since the last build here" in text
    assert call(branch, "plan", "--markdown", "--base", "nowhere").code == 2
    assert call(branch, "plan", "--markdown", "--base", "--output=/tmp/x").code == 2


def test_what_a_build_stops_at_is_on_the_page(branch: Path, call: Call) -> None:
    edit(branch, "the sea", "the bay")
    told = call(branch, "plan", "--markdown", "--frozen", "--base", "main")
    assert told.code == 3
    assert "#### What a build stops at" in told.out
    assert "`sh020/t1 is missing, and a frozen build generates nothing`" in told.out


@pytest.mark.parametrize("words", [["--json", "--markdown"], ["--stills", "x"], ["--base", "main"]])
def test_options_that_do_not_go_together(branch: Path, call: Call, words: list[str]) -> None:
    told = call(branch, "plan", *words)
    assert told.code == 2
    assert "--markdown" in told.err
    assert not (branch / "x").exists()
