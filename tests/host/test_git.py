"""The door to Git: real repositories, also ones that somebody prepared."""

import os
import subprocess
from pathlib import Path

import pytest

from shotbuild.errors import PlanError, ShotbuildError
from shotbuild.host import git as door

LINE = '{"event":"take"}\n'


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the settings nor the name of who runs the tests."""
    for name in [name for name in os.environ if name.startswith("GIT_") or name == "EMAIL"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))


def git(root: Path, *arguments: str) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def commit(root: Path, path: str, text: str) -> str:
    write(root, path, text)
    git(root, "add", "-A")
    git(root, "commit", "-qm", text)
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project in a folder of a repository."""
    (tmp_path / "repository/film").mkdir(parents=True)
    git(tmp_path / "repository", "init", "-qb", "main")
    return tmp_path / "repository/film"


def seen(root: Path) -> set[str]:
    found = [text.decode() for text in door.texts_everywhere(root, "takes", ".jsonl")]
    assert len(found) == len(set(found))
    return set(found)


# --- who ---------------------------------------------------------------------------------------------------------------


def test_who_commits_is_told_outside_of_a_repository_too(tmp_path: Path) -> None:
    assert door.identity(tmp_path) is None
    write(tmp_path, "gitconfig", "[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n")
    assert door.identity(tmp_path) == ("Ada Lovelace", "ada@example.org")


def test_the_environment_comes_before_the_repository_and_that_before_the_person(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "gitconfig", "[user]\n\tname = Ada\n\temail = ada@example.org\n")
    git(root, "config", "user.name", "Ada at work")
    assert door.identity(root) == ("Ada at work", "ada@example.org")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Grace")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "grace@example.org")
    assert door.identity(root) == ("Grace", "grace@example.org")


def test_half_a_name_and_no_git_at_all_are_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "gitconfig", "[user]\n\tname = Ada\n")
    assert door.identity(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert door.identity(tmp_path) is None


# --- one revision ------------------------------------------------------------------------------------------------------


def test_a_revision_is_a_commit(root: Path) -> None:
    first = commit(root, "a", "1")
    git(root, "tag", "-am", "tagged", "v1")
    second = commit(root, "a", "2")
    assert [door.commit_of(root, name) for name in ("HEAD", "main", "HEAD~1", "v1", first[:10])] == [
        second,
        second,
        first,
        first,
        first,
    ]


@pytest.mark.parametrize("name", ["", "nowhere", "--help", "-h", "HEAD:film/a", "HEAD\0", "HEAD;id", "--all"])
def test_what_is_no_revision_is_told(root: Path, name: str) -> None:
    commit(root, "a", "1")
    with pytest.raises(PlanError, match="cannot be read"):
        door.commit_of(root, name)


def test_a_file_of_the_project_as_it_was(root: Path) -> None:
    commit(root, "takes/-a [1]*.jsonl", "1")
    (root / "link").symlink_to("takes/-a [1]*.jsonl")
    write(root.parent, "outside", "x")
    commit(root, "takes/-a [1]*.jsonl", "2")
    assert door.file_at(root, "HEAD~1", "takes/-a [1]*.jsonl") == "1"
    assert door.file_at(root, "main", "takes/-a [1]*.jsonl") == "2"
    for none in ("takes", "takes/b.jsonl", "link", "outside", "takes/*", "film/takes/-a [1]*.jsonl"):
        assert door.file_at(root, "main", none) is None
    with pytest.raises(PlanError):
        door.file_at(root, "nowhere", "takes")


def test_a_folder_is_packed_alone(root: Path, tmp_path: Path) -> None:
    write(root.parent, "outside", "x")
    commit(root, "a", "1")
    door.archive(root, "HEAD", tmp_path / "a.tar")
    assert subprocess.check_output(["tar", "tf", tmp_path / "a.tar"], text=True).split() == ["a"]


# --- everywhere --------------------------------------------------------------------------------------------------------


def test_outside_of_a_repository_there_is_nothing_and_no_need_of_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "takes/a.jsonl", LINE)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert seen(tmp_path) == set()


def test_in_a_repository_git_is_needed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))
    with pytest.raises(ShotbuildError, match="Git cannot say") as caught:
        seen(root)
    assert "git cannot be started" in str(caught.value.cause)


def test_a_broken_repository_is_not_taken_for_none(root: Path) -> None:
    commit(root, "takes/a.jsonl", "1")
    (root.parent / ".git/HEAD").unlink()
    with pytest.raises(ShotbuildError, match="Git cannot say"):
        seen(root)


def test_a_lost_object_is_told(root: Path) -> None:
    commit(root, "takes/a.jsonl", "1")
    blob = git(root, "rev-parse", "HEAD:./takes/a.jsonl")
    commit(root, "takes/a.jsonl", "2")
    git(root, "branch", "old", "HEAD~1")
    (root.parent / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(ShotbuildError, match="Git cannot say") as caught:
        seen(root)
    assert blob in str(caught.value.cause)


def test_before_the_first_commit_the_index_counts(root: Path) -> None:
    assert seen(root) == set()
    write(root, "takes/a.jsonl", "staged")
    write(root, "takes/b.jsonl", "not added")
    git(root, "add", "takes/a.jsonl")
    assert seen(root) == {"staged"}


def test_everything_that_git_keeps_is_seen(root: Path, tmp_path: Path) -> None:
    commit(root, "takes/a.jsonl", "on main")
    for name in ("local", "deleted", "remote", "elsewhere"):
        git(root, "switch", "-qc", name, "main")
        commit(root, f"takes/deep/{name}.jsonl", f"on {name}")
    git(root, "tag", "-am", "annotated", "v1", "deleted")
    git(root, "branch", "-D", "deleted")
    git(root, "update-ref", "refs/remotes/origin/remote", "remote")
    git(root, "switch", "-q", "main")
    git(root, "branch", "-D", "remote")
    git(root, "worktree", "add", "-q", "--detach", str(tmp_path / "other"), "elsewhere")
    git(root, "branch", "-D", "elsewhere")
    for name in ("first", "second"):
        write(root, "takes/a.jsonl", f"{name} stash")
        write(root, f"takes/{name}.jsonl", f"{name} stash, not tracked")
        git(root, "stash", "-qu")
    git(root, "tag", "blob", git(root, "rev-parse", "main:./takes/a.jsonl"))
    git(root, "switch", "-q", "--detach")
    commit(root, "takes/a.jsonl", "detached")
    write(root, "takes/a.jsonl", "staged")
    write(root, "takes/no-ledger.txt", "no ledger")
    write(root.parent, "takes/a.jsonl", "of another project")
    git(root, "add", "-A", ":/")
    on_refs = {f"on {name}" for name in ("main", "local", "deleted", "remote", "elsewhere")}
    stashed = {"first stash", "first stash, not tracked", "second stash", "second stash, not tracked"}
    assert seen(root) == on_refs | stashed | {"detached", "staged"}


def test_both_sides_of_a_merge_that_stopped_are_seen(root: Path) -> None:
    commit(root, "takes/a.jsonl", "base")
    git(root, "switch", "-qc", "theirs")
    commit(root, "takes/a.jsonl", "theirs")
    git(root, "switch", "-q", "main")
    commit(root, "takes/a.jsonl", "ours")
    with pytest.raises(subprocess.CalledProcessError):
        git(root, "merge", "theirs")
    git(root, "branch", "-D", "theirs")
    assert seen(root) == {"base", "ours", "theirs"}


def test_many_and_large_files_come_in_several_answers(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "BATCH_BYTES", 20)
    texts = {"", "\n", "x" * 50, *(f"line {number}\n\n" for number in range(9))}
    for number, text in enumerate(sorted(texts)):
        write(root, f"takes/{number}.jsonl", text)
    git(root, "add", "-A")
    assert seen(root) == texts


# --- prepared repositories ---------------------------------------------------------------------------------------------


def test_contents_that_look_like_answers_and_no_text_do_no_harm(root: Path) -> None:
    blob = "0" * 40
    commit(root, "takes/a.jsonl", f"{blob} missing\n{blob} blob 3\nabc\n")
    (root / "takes/b.jsonl").write_bytes(b'\xff\xfe{"sha256":"' + b"a" * 64 + b'"\xc3}\0')
    write(root, "takes/new\nline\t.jsonl", "odd name")
    (root / "takes/link.jsonl").symlink_to("/etc/hostname")
    git(root, "add", "-A")
    texts = list(door.texts_everywhere(root, "takes", ".jsonl"))
    assert len(texts) == 3
    assert sum(b'"' + b"a" * 64 + b'"' in text for text in texts) == 1
    assert b"odd name" in texts


def test_a_ref_whose_takes_are_a_file_or_a_link_is_passed_over(root: Path) -> None:
    commit(root, "takes", "a file")
    (root / "takes").unlink()
    (root / "takes").symlink_to("/etc")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "link")
    assert seen(root) == set()


def test_nothing_that_the_repository_names_is_run(root: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    bad = tmp_path / "bad"
    bad.write_text(f"#!/bin/sh\ntouch '{canary}'\ncat\n")
    bad.chmod(0o755)
    write(root, ".gitattributes", "* filter=x diff=x\n")
    commit(root, "takes/a.jsonl", LINE)
    write(root, "takes/b.jsonl", LINE)
    hooks = root.parent / ".git/hooks"
    for hook in ("post-index-change", "post-checkout", "reference-transaction", "fsmonitor-watchman"):
        (hooks / hook).symlink_to(bad)
    for name in ("core.fsmonitor", "filter.x.smudge", "filter.x.process", "FILTER.x.Clean", "diff.x.textconv", "core.pager"):
        git(root.parent, "config", name, str(bad))
    git(root.parent, "config", "filter.x.required", "true")
    canary.unlink(missing_ok=True)
    assert door.file_at(root, "HEAD", "takes/a.jsonl") == LINE
    assert seen(root) == {LINE}
    door.archive(root, "HEAD", tmp_path / "a.tar")
    assert subprocess.check_output(["tar", "xOf", tmp_path / "a.tar", "takes/a.jsonl"], text=True) == LINE
    assert door.identity(root) is None
    assert not canary.exists()


@pytest.mark.parametrize("name", ["filter.a=b.smudge", "filter.\u00ff.process", "filter.a b.smudge"])
def test_a_filter_that_could_not_be_switched_off_is_refused(root: Path, tmp_path: Path, name: str) -> None:
    commit(root, "a", "1")
    git(root, "config", name, "false")
    with pytest.raises(PlanError) as caught:
        door.archive(root, "HEAD", tmp_path / "a.tar")
    assert "odd filter" in str(caught.value.cause)


def test_a_filter_of_the_persons_own_works_as_in_a_checkout(root: Path, tmp_path: Path) -> None:
    write(tmp_path, "gitconfig", '[filter "loud"]\n\tsmudge = tr a-z A-Z\n')
    write(root, ".gitattributes", "plate filter=loud\n")
    commit(root, "plate", "sea")
    door.archive(root, "HEAD", tmp_path / "a.tar")
    assert subprocess.check_output(["tar", "xOf", tmp_path / "a.tar", "plate"], text=True) == "SEA"


def test_what_a_partial_clone_lacks_is_not_fetched_but_told(root: Path, tmp_path: Path) -> None:
    commit(root, "takes/a.jsonl", LINE)
    git(root, "config", "uploadpack.allowFilter", "true")
    part = tmp_path / "part"
    git(tmp_path, "clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{root.parent}", str(part))
    canary = tmp_path / "canary"
    git(part, "config", "remote.origin.url", f"ext::sh -c touch% {canary}")
    git(part, "config", "protocol.ext.allow", "always")
    with pytest.raises(ShotbuildError, match="Git cannot say"):
        seen(part / "film" if (part / "film").is_dir() else _made(part / "film"))
    assert not canary.exists()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_how_ledgers_are_merged_is_read_from_the_attributes(tmp_path: Path) -> None:
    assert door.merge_driver(tmp_path, "takes/sh010.jsonl") is None
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert door.merge_driver(tmp_path, "takes/sh010.jsonl") == "unspecified"
    (tmp_path / ".gitattributes").write_text("takes/*.jsonl merge=union\n")
    assert door.merge_driver(tmp_path, "takes/sh010.jsonl") == "union"


def test_a_project_that_lay_elsewhere_on_a_branch_is_seen(root: Path) -> None:
    commit(root, "takes/a.jsonl", "here\n")
    git(root, "checkout", "-q", "-b", "old")
    commit(root, "film/takes/b.jsonl", "there\n")
    git(root, "checkout", "-q", "-")
    assert {"here\n", "there\n"} <= {text.decode() for text in door.texts_everywhere(root, "takes", ".jsonl")}


def test_a_branch_whose_commit_is_lost_is_said_and_not_passed_over(root: Path) -> None:
    commit(root, "takes/a.jsonl", "here\n")
    git(root, "checkout", "-q", "-b", "other")
    commit(root, "takes/b.jsonl", "there\n")
    name = git(root, "rev-parse", "HEAD").strip()
    git(root, "checkout", "-q", "-")
    (root.parent / ".git/objects" / name[:2] / name[2:]).unlink()
    with pytest.raises(ShotbuildError, match="Git cannot say"):
        list(door.texts_everywhere(root, "takes", ".jsonl"))
