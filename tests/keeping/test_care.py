"""Looking after the store: what it holds, whether it is whole, what may go. All is real but the stages."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from shotbuild.cli import store as commands
from shotbuild.digest import of_file
from shotbuild.engine.journal import Intent, Journal
from shotbuild.errors import BytesLost, PlanError, StoreError
from shotbuild.host import files
from shotbuild.keeping import care
from shotbuild.keeping.care import Named
from shotbuild.records import ActionResult, Digest, Price
from shotbuild.rooms import Rooms
from shotbuild.units import size_text
from tests.fakes import SMALL, Count, fake_workspace, write_project


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project that was built."""
    root = write_project(tmp_path / "film", SMALL)
    assert fake_workspace(root).build().exit_code == 0
    return root


def rooms(root: Path) -> Rooms:
    return fake_workspace(root).rooms


def named(root: Path) -> dict[str, Named]:
    return care.named_of(fake_workspace(root))


def takes(root: Path) -> dict[str, Digest]:
    return {each.what: each.digest for each in named(root).values()}


def takes_of(root: Path, shot: str) -> list[Digest]:
    return [take.video for take in fake_workspace(root).rooms.ledgers.of(shot).takes]


def edit(root: Path, old: str = "a lighthouse", new: str = "a windmill") -> None:
    path = root / "specs/opening.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def cas(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((root / ".shotbuild/store/cas").rglob("*")) if path.is_file()}


def blob(root: Path, digest: Digest) -> Path:
    return root / ".shotbuild/store/cas" / digest.sha256[:2] / digest.sha256


def flip(path: Path) -> None:
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def copied(root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(root / ".shotbuild/store", tmp_path / "copy/store"))


# --- what is there -------------------------------------------------------------------------------------------------------


def test_every_blob_is_listed_with_what_it_is(root: Path) -> None:
    opened = rooms(root)
    plate = root / "assets/plate.mov"
    opened.memory.table("digests")["assets/plate.mov"] = [[], of_file(plate).sha256]
    found = care.listing(opened, named(root))
    assert [row.digest.sha256 for row in found] == list(cas(root))
    what = {row.what for row in found}
    assert {"take sh010 t1", "take sh020 t2", "record of sh030 t1", "encode", "join", "measure", "report", "still"} <= what
    assert {row.what for row in found if row.digest == of_file(plate)} == {"source assets/plate.mov"}


def test_without_action_cache_and_ledgers_all_is_unknown(root: Path) -> None:
    shutil.rmtree(root / ".shotbuild/cache")
    (root / ".shotbuild/memory.json").unlink()
    assert {row.what for row in care.listing(rooms(root), {})} == {"unknown"}


def test_a_take_or_digest_is_found_by_name(root: Path) -> None:
    opened, ledgers = rooms(root), named(root)
    video = takes(root)["sh020 t2"]
    for word in ("sh020 t2", "sh020/t2", video.sha256, video.sha256[:12]):
        assert care.path_of(opened, ledgers, word) == blob(root, video)
    assert json.loads(care.path_of(opened, ledgers, "record of sh020/t2").read_text())
    for word in ("sh020 t9", "sh020", "", "..", "abc", "../../../etc", "f" * 64):
        with pytest.raises(PlanError, match="no take and no digest"):
            care.path_of(opened, ledgers, word)
    blob(root, video).unlink()
    with pytest.raises(BytesLost):
        care.path_of(opened, ledgers, "sh020/t2")


def test_a_name_of_two_takes_is_not_guessed(root: Path) -> None:
    two = {letter * 64: Named(digest=Digest(sha256=letter * 64, size=1), what="sh010 t1") for letter in "ab"}
    with pytest.raises(PlanError, match="2 different files"):
        care.path_of(rooms(root), two, "sh010/t1")


# --- whether it is whole -------------------------------------------------------------------------------------------------


def test_a_whole_store_is_whole_and_every_byte_was_read(root: Path) -> None:
    told: list[tuple[str, int, int]] = []
    checked = care.check(rooms(root), named(root), progress=lambda *step: told.append(step))
    assert checked.whole
    assert (checked.damaged, checked.missing, checked.repaired) == ((), (), ())
    assert checked.blobs == len(cas(root))
    assert checked.size == sum(map(len, cas(root).values()))
    assert ("store", checked.size, checked.size) in told
    assert any(what == "copies" for what, _, _ in told)


def test_a_flipped_bit_in_any_blob_is_found(root: Path) -> None:
    shutil.rmtree(root / "out")
    opened, ledgers = rooms(root), named(root)
    for sha256, content in cas(root).items():
        place = blob(root, Digest(sha256=sha256, size=0))
        flip(place)
        checked = care.check(opened, ledgers, repair=False)
        assert [row.digest.sha256 for row in checked.damaged] == [sha256]
        assert not checked.whole
        assert place.read_bytes() != content  # nothing was moved or mended
        place.write_bytes(content)


def test_what_is_damaged_is_set_aside_and_repaired_from_a_copied_store(root: Path, tmp_path: Path) -> None:
    copy, whole = copied(root, tmp_path), cas(root)
    shutil.rmtree(root / "out")
    for path in sorted((root / ".shotbuild/store/cas").rglob("*")):
        if path.is_file():
            flip(path)
    checked = care.check(rooms(root), named(root), [copy])
    assert checked.whole
    assert {each.digest.sha256 for each in checked.repaired} == set(whole)
    assert all(each.source.is_relative_to(copy) for each in checked.repaired)
    assert cas(root) == whole
    assert {path.name for path in (root / ".shotbuild/store/damaged").iterdir()} == set(whole)
    assert fake_workspace(root).build().ran == ()


def test_a_torn_blob_is_repaired_too(root: Path, tmp_path: Path) -> None:
    copy, whole = copied(root, tmp_path), cas(root)
    for digest in takes(root).values():
        blob(root, digest).chmod(0o644)
        os.truncate(blob(root, digest), digest.size // 2)
    assert len(care.check(rooms(root), named(root), [copy]).repaired) == len(takes(root))
    assert cas(root) == whole


def test_a_take_is_repaired_from_what_was_delivered(root: Path) -> None:
    video = takes(root)["sh010 t1"]
    flip(blob(root, video))
    checked = care.check(rooms(root), named(root))
    assert checked.whole
    assert [(each.what, each.source.relative_to(root).parts[0]) for each in checked.repaired] == [("take sh010 t1", "out")]
    assert of_file(blob(root, video)) == video


def test_an_output_that_was_scribbled_on_repairs_nothing(root: Path) -> None:
    video = takes(root)["sh010 t1"]
    flip(blob(root, video))
    for path in (root / "out").rglob("*"):
        if path.is_file() and of_file(path) == video:
            flip(path)
    checked = care.check(rooms(root), named(root))
    assert [row.what for row in checked.damaged] == ["take sh010 t1"]
    assert checked.repaired == ()
    # It is out of the store now, and stays told.
    assert [row.what for row in care.check(rooms(root), named(root)).missing] == ["take sh010 t1"]


def test_a_missing_take_is_told_and_brought_from_a_copy(root: Path, tmp_path: Path) -> None:
    copy, video = copied(root, tmp_path), takes(root)["sh020 t1"]
    shutil.rmtree(root / "out")
    blob(root, video).unlink()
    checked = care.check(rooms(root), named(root))
    assert [row.what for row in checked.missing] == ["take sh020 t1"]
    assert not checked.whole
    checked = care.check(rooms(root), named(root), [copy], repair=False)
    assert [row.what for row in checked.missing] == ["take sh020 t1"]
    checked = care.check(rooms(root), named(root), [copy])
    assert checked.whole
    assert [each.what for each in checked.repaired] == ["take sh020 t1"]
    assert of_file(blob(root, video)) == video


def test_a_damaged_copy_repairs_nothing_and_the_next_one_is_asked(root: Path, tmp_path: Path) -> None:
    video = takes(root)["sh020 t1"]
    shutil.rmtree(root / "out")
    bad = Path(shutil.copytree(root, tmp_path / "bad"))
    good = copied(root, tmp_path)
    for place in (root, bad):
        flip(blob(place, video))
    assert care.check(rooms(root), named(root), [bad]).repaired == ()
    assert [each.source.is_relative_to(good) for each in care.check(rooms(root), named(root), [bad, good]).repaired] == [
        True
    ]


def only_here(root: Path, *copies: Path) -> set[str]:
    return {row.what for row in care.check(rooms(root), named(root), copies).only_here}


def test_what_no_copy_has_is_only_here(root: Path, tmp_path: Path) -> None:
    everything = {each if each.startswith("record") else f"take {each}" for each in takes(root)}
    copy = copied(root, tmp_path)
    delivered = {of_file(path) for path in (root / "out").rglob("*") if path.is_file()}
    there = {f"take {what}" for what, digest in takes(root).items() if digest in delivered}
    assert there
    assert only_here(root) == everything - there
    shutil.rmtree(root / "out")
    assert only_here(root) == everything
    assert only_here(root, copy) == set()
    video = takes(root)["sh010 t1"]
    flip(copy / "cas" / video.sha256[:2] / video.sha256)
    assert only_here(root, copy) == {"take sh010 t1"}


def test_a_hard_link_is_no_second_copy(root: Path, tmp_path: Path) -> None:
    shutil.rmtree(root / "out")
    linked = tmp_path / "linked"
    shutil.copytree(root / ".shotbuild/store", linked, copy_function=os.link)
    assert only_here(root, linked) == only_here(root)


@pytest.mark.parametrize("inner", ["", ".shotbuild", ".shotbuild/store"])
def test_a_copy_is_named_by_its_project_or_its_store(root: Path, tmp_path: Path, inner: str) -> None:
    other = Path(shutil.copytree(root, tmp_path / "other"))
    shutil.rmtree(root / "out")
    assert only_here(root, other / inner) == set()


def test_what_is_no_copy_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    for folder in (tmp_path, tmp_path / "nowhere", root, root / ".shotbuild/store", tmp_path / "link"):
        with pytest.raises(PlanError):
            care.check(rooms(root), named(root), [folder])


def test_links_and_pipes_in_out_and_store_are_not_read(root: Path) -> None:
    video = takes(root)["sh010 t1"]
    kept = blob(root, video).rename(root / "kept")
    blob(root, video).symlink_to(kept)
    shutil.rmtree(root / "out")
    (root / "out").mkdir()
    (root / "out/link.mp4").symlink_to(kept)
    os.mkfifo(root / "out/pipe.mp4")
    checked = care.check(rooms(root), named(root))
    assert [row.what for row in checked.missing] == ["take sh010 t1"]


# --- what may go ---------------------------------------------------------------------------------------------------------


def swept(root: Path, *, takes: bool = False, delete: bool = True) -> care.Swept:
    return care.sweep(rooms(root), lambda: care.kept_of(fake_workspace(root)), takes=takes, delete=delete)


def git(root: Path, *arguments: str) -> None:
    who = (
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "init.defaultBranch=main",
    )
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


def test_of_what_a_build_needs_nothing_may_go(root: Path) -> None:
    found = swept(root, takes=True)
    assert (found.free, found.takes, found.deleted) == ((), (), ())


def test_a_dry_run_shows_what_would_go_and_deletes_nothing(root: Path) -> None:
    edit(root)
    assert fake_workspace(root).build().exit_code == 0
    before = cas(root)
    found = swept(root, takes=True, delete=False)
    assert {"encode", "join", "measure"} <= {row.what for row in found.free}
    assert found.deleted == ()
    assert cas(root) == before


def test_intermediates_that_nothing_needs_go_and_are_made_again(root: Path) -> None:
    edit(root)
    assert fake_workspace(root).build().exit_code == 0
    before = set(cas(root))
    found = swept(root)
    assert (
        before - set(cas(root)) == {row.digest.sha256 for row in found.deleted} == {row.digest.sha256 for row in found.free}
    )
    assert found.free
    assert found.takes == ()  # the ledger names both takes of the shot
    assert fake_workspace(root).build().ran == ()
    edit(root, "a windmill", "a lighthouse")
    count = Count()
    assert fake_workspace(root, count).build().exit_code == 0
    assert "encode" in count.ran
    assert "generate" not in count.ran


def test_a_take_that_nothing_names_goes_only_when_takes_are_meant(root: Path) -> None:
    edit(root)
    assert fake_workspace(root).build().exit_code == 0
    lost = takes(root)["sh010 t1"]
    ledger = root / "takes/sh010.jsonl"
    ledger.write_text("")
    assert fake_workspace(root).build().ran == ()
    found = swept(root)
    assert lost.sha256 in {row.digest.sha256 for row in found.takes}
    assert blob(root, lost).exists()
    assert lost.sha256 in {row.digest.sha256 for row in swept(root, takes=True).deleted}
    assert not blob(root, lost).exists()
    assert fake_workspace(root).build().ran == ()


def on_a_branch(root: Path) -> None:
    git(root, "branch", "other", "side")


def on_a_tag(root: Path) -> None:
    git(root, "tag", "-am", "a version", "v1", "side")


def on_a_remote(root: Path) -> None:
    git(root, "update-ref", "refs/remotes/origin/side", "side")


def in_a_stash(root: Path) -> None:
    git(root, "checkout", "side", "--", "takes")
    git(root, "stash")


def in_the_index(root: Path) -> None:
    git(root, "checkout", "side", "--", "takes")
    git(root, "restore", "--worktree", "--source=main", "takes")


def nowhere(_: Path) -> None:
    pass


@pytest.mark.parametrize("place", [on_a_branch, on_a_tag, on_a_remote, in_a_stash, in_the_index, nowhere])
def test_a_take_that_any_ref_names_stays(root: Path, place: Callable[[Path], None]) -> None:
    git(root, "init", "-q")
    (root / ".gitignore").write_text("out/\n")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    git(root, "switch", "-qc", "side")
    edit(root)
    assert fake_workspace(root).build().exit_code == 0
    paid = takes(root)["sh010 t2"]
    git(root, "commit", "-qam", "another take")
    git(root, "switch", "-q", "main")
    place(root)
    git(root, "branch", "-D", "side")
    assert "sh010 t2" not in takes(root)
    deleted = {row.digest.sha256 for row in swept(root, takes=True).deleted}
    assert blob(root, paid).exists() == (place is not nowhere)
    assert (paid.sha256 in deleted) == (place is nowhere)


def test_what_a_damaged_or_newer_line_names_stays(root: Path) -> None:
    edit(root)
    assert fake_workspace(root).build().exit_code == 0
    first = takes(root)["sh010 t1"]
    (root / "takes/sh010.jsonl").unlink()
    (root / "takes/another.jsonl").write_text(f'{{"event":"hologram","v":9,"of":"{first.sha256}\n')
    assert fake_workspace(root).build().exit_code == 0
    assert first not in takes_of(root, "sh010")
    swept(root, takes=True)
    assert blob(root, first).exists()


@pytest.mark.parametrize("stage", ["generate", "enhance"])
def test_what_a_provider_gave_is_not_free_though_another_stage_gave_the_same(root: Path, tmp_path: Path, stage: str) -> None:
    opened = rooms(root)
    same, record = (opened.blobs.adopt(write_project(tmp_path, {"x": text}) / "x") for text in ("same bytes", "{}"))
    both = ActionResult(outputs=(("o", same),), milliseconds=1, record=record)
    for number, name in enumerate((stage, "encode")):
        opened.actions.put(f"{number}", both, json.dumps({"recipe": {"stage": name}}))
    found = care.sweep(rooms(root), set, takes=False, delete=False)
    assert {same, record} <= {row.digest for row in found.takes}


def asked(root: Path, tmp_path: Path) -> tuple[Journal, dict[str, Digest], ActionResult]:
    """An operation of a recipe that no spec asks for, its bytes, which the action cache takes for free, and its result."""
    opened = rooms(root)
    mine = {text: opened.blobs.adopt(write_project(tmp_path, {"x": text}) / "x") for text in ("frame", "clip", "record")}
    price = Price(amount=Fraction(1), currency="USD", exact=False)
    opened.journal.reserve(
        Intent(
            action="a", wanted=json.dumps({"inputs": [["first", mine["frame"].sha256, 5]]}), step="s/up", shot="s",
            sequences=(), provider="topaz", model="m", client="c", build="b", sent="{}", price=price, at_once=None,
        ),
        (),
    )  # fmt: skip
    result = ActionResult(outputs=(("o", mine["clip"]),), milliseconds=1, record=mine["record"])
    given = replace(result, outputs=(*result.outputs, ("f", mine["frame"])))
    opened.actions.put("k", given, json.dumps({"recipe": {"stage": "encode"}}))
    return opened.journal, mine, result


def test_what_an_operation_under_way_reads_and_gave_never_goes(root: Path, tmp_path: Path) -> None:
    journal, mine, result = asked(root, tmp_path)
    journal.fetched(1, result, "")
    assert swept(root, takes=True).deleted == ()
    journal.doubtful(1, "the answer was lost", "")
    assert mine["frame"] not in {row.digest for row in swept(root, takes=True, delete=False).takes}


def test_what_was_paid_for_and_is_done_goes_only_when_takes_are_meant(root: Path, tmp_path: Path) -> None:
    journal, mine, result = asked(root, tmp_path)
    journal.fetched(1, result, "")
    journal.done(1)
    assert {row.digest for row in swept(root).deleted} == {mine["frame"]}
    assert {row.digest for row in swept(root, takes=True).deleted} == {mine["clip"], mine["record"]}


def test_while_a_build_runs_nothing_is_deleted_and_its_leftovers_do_not_count(root: Path) -> None:
    edit(root)
    assert fake_workspace(root).build().exit_code == 0
    work = root / ".shotbuild/work"
    held = files.try_lock(work / "123-456.lock")
    assert held is not None
    before = cas(root)
    with pytest.raises(StoreError, match="a build is running"):
        swept(root)
    assert cas(root) == before
    held.release()
    (work / "123-456.lock").touch()
    assert swept(root).deleted != ()


def test_what_is_needed_is_asked_when_no_build_can_start(root: Path) -> None:
    lock = root / ".shotbuild/locks/work.lock"
    free: list[bool] = []

    def kept() -> set[str]:
        held = files.try_lock(lock)
        free.append(held is not None)
        if held is not None:
            held.release()
        return set(cas(root))

    care.sweep(rooms(root), kept, takes=True, delete=True)
    assert free == [False]


def test_names_are_found_in_whatever_a_ledger_holds() -> None:
    a, b, c, d, e = (letter * 64 for letter in "abcde")
    texts = [
        f'{{"sha256":"{a}"}}\n{{"torn":"{b}'.encode(),
        b"\xff\xfe\x00" + f'"{c.upper()}"'.encode("utf-16") + b"\xff",
        f'{{"id":"{d}0","short":"{e[:63]}"}}'.encode(),
        b"",
    ]
    assert care.ledger_names(texts) == {a, b, c}


# --- what is printed -----------------------------------------------------------------------------------------------------


def test_the_exit_code_of_check_tells_of_damage(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = copied(root, tmp_path)
    shutil.rmtree(root / "out")
    assert commands.check(root) == 0
    assert "only here" in capsys.readouterr().out
    flip(blob(root, takes(root)["sh010 t1"]))
    assert commands.check(root, json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert [row["what"] for row in told["damaged"]] == ["take sh010 t1"]
    assert commands.check(root) == 1
    assert "hint: name a copy" in capsys.readouterr().err
    assert commands.check(root, [copy]) == 0
    assert "repaired" in capsys.readouterr().out


def test_ls_and_path_print_data_to_stdout(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.ls(root, json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "shotbuild/store-ls/1"
    assert {row["sha256"] for row in told["blobs"]} == set(cas(root))
    assert commands.ls(root) == 0
    assert "take sh010 t1" in capsys.readouterr().out
    assert commands.path(["sh010", "t1"], root) == 0
    assert of_file(Path(capsys.readouterr().out.strip())) == takes(root)["sh010 t1"]


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB"), (1_400_000_000, "1.4 GB")],
)
def test_sizes_are_told_as_people_read_them(size: int, text: str) -> None:
    assert size_text(size) == text
