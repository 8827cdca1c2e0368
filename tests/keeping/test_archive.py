"""What goes into an archive, that it is whole or not there, and what is refused of one that a stranger made."""

import errno
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest

from shotbuild.engine.events import Event
from shotbuild.errors import NeedsPerson, PlanError, ShotbuildError, SpecErrors, StoreError
from shotbuild.keeping import crate
from shotbuild.keeping.archive import ABOUT, archive
from shotbuild.keeping.crate import CHECKSUMS
from shotbuild.keeping.proof import DIFFERENT, NOT_RECORDED, OTHER_TOOLS, SAME, Delivery, Proof, prove
from shotbuild.records import Take, Tool
from shotbuild.takes.decide import approve, reject
from shotbuild.workspace import Workspace
from tests.fakes import SMALL, TOOL, Count, fake_workspace, write_project

BY = "Ann Lee <ann@studio.example>"
FILES = SMALL | {
    "assets/keeper.png": "a face",
    "assets/rain.wav": "rain",
    "specs/opening.yaml": """shots:
  sh010: {template: templates/wide.j2, with: {place: a lighthouse}, references: {first_frame: assets/keeper.png}}
  sh020: {template: templates/wide.j2, with: {place: the sea}, takes: 2}
  sh030: {continue: sh020, prompt: He reaches the lamp room.}
  sh040: {plate: assets/plate.mov}
  sh050: {prompt: Rain., takes: 2}
sequences:
  opening: {cut: [sh010, sh030, sh040], audio: [{file: assets/sea.wav}]}
  ending: {cut: [sh050], audio: [{file: assets/rain.wav}]}
  bare: {cut: [sh050]}
deliverables:
  web: {sequence: opening, profile: h264-web}
  master: {sequence: opening, profile: prores-422-hq}
  end: {sequence: ending, profile: preview}
""",
}
OTHER = replace(TOOL, version="fake-2", identity="e" * 64)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project that was built."""
    root = write_project(tmp_path / "film", FILES)
    assert fake_workspace(root).build().exit_code == 0
    return root


@pytest.fixture
def packed(root: Path, tmp_path: Path) -> Path:
    return archive(fake_workspace(root), "opening", tmp_path / "a.tar").path


def content(path: Path) -> dict[str, bytes]:
    """Name → bytes of what a tar holds."""
    with tarfile.open(path) as tar:
        return {entry.name: stream.read() for entry in tar if (stream := tar.extractfile(entry))}


def about(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(content(path)[ABOUT])
    return read


def blob(take: Take) -> str:
    return f".shotbuild/store/cas/{take.video.sha256[:2]}/{take.video.sha256}"


def takes(root: Path, shot: str) -> tuple[Take, ...]:
    return fake_workspace(root).rooms.ledgers.of(shot).takes


def lose(root: Path, take: Take) -> None:
    (root / blob(take)).unlink()


def rewrite(tar: Path, change: Callable[[dict[str, bytes]], None], *, listed: bool = False) -> Path:
    """A tar with other files. listed: in the list of checksums as well, as one who knows how would do it."""
    files = content(tar)
    change(files)
    if listed:
        rows = (f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items()) if name != CHECKSUMS)
        files[CHECKSUMS] = "".join(rows).encode()
    return write_tar(tar.with_name("changed.tar"), files)


def write_tar(path: Path, files: dict[str, bytes], *odd: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as tar:
        for entry in odd:
            tar.addfile(entry)
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


def proved(path: Path, count: Count | None = None, tool: Tool = TOOL) -> Proof:
    def opened(folder: Path, hear: Callable[[Event], None]) -> Workspace:
        return fake_workspace(folder, count, hear=hear, tool=tool)

    return prove(path, open_copy=opened)


def delivery(proof: Proof) -> Delivery:
    assert proof.delivery is not None
    return proof.delivery


def verdicts(proof: Proof) -> set[str]:
    return {each.verdict for each in delivery(proof).delivered}


def beside(path: Path) -> set[str]:
    return {each.name for each in path.parent.iterdir()}


# --- what goes in -----------------------------------------------------------------------------------------------------


def test_everything_that_a_delivery_reads_is_in_it_and_no_more(root: Path, packed: Path) -> None:
    made = [*takes(root, "sh010"), *takes(root, "sh020"), *takes(root, "sh030")]
    assert len(made) == 4
    records = {take.record.sha256 for take in made if take.record}
    blobs = {blob(take) for take in made} | {f".shotbuild/store/cas/{sha[:2]}/{sha}" for sha in records}
    assert len(blobs) == 8
    assert set(content(packed)) == blobs | set(FILES) | {ABOUT, CHECKSUMS, "shotbuild.lock"} | {
        f"takes/{shot}.jsonl" for shot in ("sh010", "sh020", "sh030", "sh050")
    }
    assert all(content(packed)[name] == (root / name).read_bytes() for name in blobs | set(FILES))


def test_archive_json_says_what_it_is(root: Path, packed: Path) -> None:
    said = about(packed)
    assert (said["schema"], said["project"], said["sequence"]) == ("shotbuild/archive/1", "film", "opening")
    assert said["ffmpeg"] == TOOL.identity
    assert [(row["shot"], row["number"], row["stands"]) for row in said["takes"]] == [
        ("sh010", 1, True),
        ("sh020", 1, False),
        ("sh020", 2, True),
        ("sh030", 1, True),
    ]
    assert set(said["deliverables"]) == {"web", "master"}
    for row in said["deliverables"].values():
        assert row["sha256"] == hashlib.sha256((root / row["path"]).read_bytes()).hexdigest()


def test_deliverables_that_are_not_up_to_date_are_not_recorded(root: Path, tmp_path: Path) -> None:
    approve(fake_workspace(root), ["sh010", "sh030"], by=BY)
    (root / "assets/sea.wav").write_text("another sea")
    found = archive(fake_workspace(root), "opening", tmp_path / "a.tar")
    assert about(found.path)["deliverables"]["web"]["sha256"] is None
    proof = proved(found.path)
    assert (proof.exit_code, verdicts(proof)) == (0, {NOT_RECORDED})


def test_only_the_takes_that_stand(root: Path, tmp_path: Path) -> None:
    small = archive(fake_workspace(root), "opening", tmp_path / "a.tar", chosen=True)
    assert [(row["shot"], row["number"]) for row in about(small.path)["takes"]] == [("sh010", 1), ("sh020", 2), ("sh030", 1)]
    assert blob(takes(root, "sh020")[0]) not in content(small.path)
    assert proved(small.path).exit_code == 0


def test_the_approved_take_is_packed_when_the_spec_has_moved_on(root: Path, tmp_path: Path) -> None:
    approve(fake_workspace(root), ["sh010", "sh030"], by=BY)
    made = fake_workspace(root).build().present
    assert made
    delivered = (root / "out/sequences/opening/web.mp4").read_bytes()
    (root / "templates/wide.j2").write_text("Nothing like {{ place }}.")
    assert fake_workspace(root).whole.chosen["sh010"].stale
    old = takes(root, "sh010")[0]
    found = archive(fake_workspace(root), "opening", tmp_path / "a.tar", chosen=True)
    assert old.video.sha256 in {row["video"] for row in about(found.path)["takes"]}
    count = Count()
    proof = proved(found.path, count)
    assert proof.exit_code == 0
    assert "generate" not in count.ran
    web = next(each for each in delivery(proof).delivered if each.name == "web")
    assert web.sha256 == hashlib.sha256(delivered).hexdigest() == web.recorded


def test_a_take_brings_the_take_that_it_goes_on_from(root: Path, tmp_path: Path) -> None:
    approve(fake_workspace(root), ["sh030"], by=BY)
    spec = root / "specs/opening.yaml"
    spec.write_text(spec.read_text().replace("{continue: sh020, prompt", "{prompt"))
    found = archive(fake_workspace(root), "opening", tmp_path / "a.tar")
    assert [(row["shot"], row["number"]) for row in about(found.path)["takes"]] == [("sh010", 1), ("sh020", 2), ("sh030", 1)]


def test_ledgers_of_former_names_are_in_it(root: Path, tmp_path: Path) -> None:
    spec = root / "specs/opening.yaml"
    spec.write_text(spec.read_text().replace("  sh010: {", "  sh011: {moved: sh010, ").replace("cut: [sh010", "cut: [sh011"))
    assert fake_workspace(root).deliver(["opening"]).generated == ()
    found = archive(fake_workspace(root), "opening", tmp_path / "a.tar")
    assert {"takes/sh010.jsonl", "takes/sh011.jsonl"} <= set(content(found.path))
    count = Count()
    assert proved(found.path, count).exit_code == 0
    assert "generate" not in count.ran


def test_the_list_is_what_sha256sum_reads(packed: Path, tmp_path: Path) -> None:
    with tarfile.open(packed) as tar:
        tar.extractall(tmp_path / "copy", filter="data")
    done = subprocess.run(["sha256sum", "-c", "--strict", CHECKSUMS], cwd=tmp_path / "copy", capture_output=True, check=True)
    listed = (tmp_path / "copy" / CHECKSUMS).read_text().splitlines()
    assert len(done.stdout.splitlines()) == len(listed) == len(content(packed)) - 1
    assert [line[66:] for line in listed] == sorted(line[66:] for line in listed)


# --- the same state, the same bytes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz"])
def test_the_same_state_gives_the_same_bytes(root: Path, tmp_path: Path, name: str) -> None:
    first = archive(fake_workspace(root), "opening", tmp_path / name).path.read_bytes()
    copy = Path(shutil.copytree(root, tmp_path / "elsewhere" / "Film"))
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
    again = archive(fake_workspace(copy), "opening", tmp_path / "elsewhere" / f"b{name}").path
    assert again.read_bytes() == first
    with tarfile.open(again) as tar:
        entries = tar.getmembers()
    names = [entry.name for entry in entries]
    assert names == [*sorted(names[:-1]), CHECKSUMS]
    assert {(each.mtime, each.uid, each.gid, each.uname, each.gname, each.mode) for each in entries} == {
        (0, 0, 0, "", "", 0o644)
    }


def test_a_folder_holds_what_the_tar_holds_and_is_a_project(root: Path, packed: Path, tmp_path: Path) -> None:
    folder = archive(fake_workspace(root), "opening", tmp_path / "crate").path
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == content(packed)
    assert proved(folder).exit_code == 0
    assert fake_workspace(folder).deliver(["opening"]).generated == ()


# --- nothing half-made, nothing lost ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.tar", "a.tgz", "folder"])
def test_a_full_disk_leaves_nothing(root: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = beside(tmp_path / name)
    add = crate._Folder.add if name == "folder" else crate._Tar.add

    def full(self: Any, path: str, stream: IO[bytes], size: int) -> None:
        if path == CHECKSUMS:
            raise OSError(errno.ENOSPC, "No space left on device")
        add(self, path, stream, size)

    monkeypatch.setattr(crate._Folder if name == "folder" else crate._Tar, "add", full)
    with pytest.raises(ShotbuildError, match="cannot be written") as error:
        archive(fake_workspace(root), "opening", tmp_path / name)
    assert "No space left" in str(error.value.cause)
    assert beside(tmp_path / name) == before


def test_what_is_there_is_replaced_only_when_told(root: Path, packed: Path, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="there already"):
        archive(fake_workspace(root), "opening", packed)
    assert archive(fake_workspace(root), "opening", packed, force=True).files

    folder = tmp_path / "crate"
    folder.mkdir()
    (folder / "diary.txt").write_text("dear diary")
    for force in (False, True):
        with pytest.raises(PlanError, match="is not empty"):
            archive(fake_workspace(root), "opening", folder, force=force)
    assert (folder / "diary.txt").read_text() == "dear diary"
    (folder / "diary.txt").unlink()
    archive(fake_workspace(root), "opening", folder)
    (folder / "left.txt").write_text("by hand")
    archive(fake_workspace(root), "opening", folder, force=True)
    assert proved(folder).exit_code == 0
    assert beside(folder) == {"film", "a.tar", "crate"}


def test_an_archive_inside_the_project_does_not_pack_itself(root: Path, packed: Path) -> None:
    inside = archive(fake_workspace(root), "opening", root / "assets" / "a.tar").path
    assert inside.read_bytes() == packed.read_bytes()
    again = archive(fake_workspace(root), "opening", inside, force=True).path
    assert again.read_bytes() == packed.read_bytes()
    folder = archive(fake_workspace(root), "opening", root / "crate").path
    assert archive(fake_workspace(root), "opening", folder, force=True).files == len(content(packed)) - 1


@pytest.mark.parametrize("place", [".", "..", "specs/crate", "assets/sea.wav"])
def test_an_archive_takes_no_place_of_the_projects_own(root: Path, place: str) -> None:
    with pytest.raises(PlanError, match="cannot stand at"):
        archive(fake_workspace(root), "opening", root / place, force=True)
    assert (root / "assets/sea.wav").read_text() == "sea"


def test_takes_that_stand_and_are_missing_are_all_named(root: Path, tmp_path: Path) -> None:
    for shot in ("sh010", "sh030"):
        approve(fake_workspace(root), [shot], by=BY)
        lose(root, takes(root, shot)[0])
    with pytest.raises(StoreError, match="2 takes that stand in opening") as error:
        archive(fake_workspace(root), "opening", tmp_path / "a.tar")
    assert "sh010 t1: sha256" in str(error.value.cause)
    assert "sh030 t1: sha256" in str(error.value.cause)
    assert beside(root) == {"film"}


def test_other_takes_that_are_missing_are_a_warning(root: Path, tmp_path: Path) -> None:
    lose(root, takes(root, "sh020")[0])
    said: list[str] = []
    workspace = fake_workspace(root)
    workspace.rooms.warn = said.append
    found = archive(workspace, "opening", tmp_path / "a.tar")
    assert said == ["the video of sh020 t1 is not in the store, so it is not in the archive"]
    assert about(found.path)["absent"] == [takes(root, "sh020")[0].name]
    assert proved(found.path).exit_code == 0


def test_bytes_that_do_not_match_their_digest_are_not_packed(root: Path, tmp_path: Path) -> None:
    for shot in ("sh010", "sh020"):
        path = root / blob(takes(root, shot)[0])
        path.chmod(0o644)
        path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    with pytest.raises(StoreError, match="2 of the files to pack do not match") as error:
        archive(fake_workspace(root), "opening", tmp_path / "a.tar")
    assert "sh010 t1 (.shotbuild/store/cas/" in str(error.value.cause)
    assert "sh020 t1 (.shotbuild/store/cas/" in str(error.value.cause)
    assert beside(root) == {"film"}


def test_a_shot_without_a_take_is_built_first(root: Path, tmp_path: Path) -> None:
    (root / "templates/wide.j2").write_text("Nothing like {{ place }}.")
    with pytest.raises(PlanError, match=r"sh010, sh020, sh030 have no take of what the spec asks for now") as error:
        archive(fake_workspace(root), "opening", tmp_path / "a.tar")
    assert "shotbuild build opening" in str(error.value.hint)
    assert beside(root) == {"film"}


def test_a_sequence_that_is_not_there(root: Path) -> None:
    with pytest.raises(PlanError, match="no sequence is called 'openning'") as error:
        archive(fake_workspace(root), "openning")
    assert error.value.hint == "write `opening`"
    with pytest.raises(PlanError, match="bare has no deliverable"):
        archive(fake_workspace(root), "bare")


def test_decisions_that_contradict_each_other_stop_it(root: Path, tmp_path: Path) -> None:
    ledger = root / "takes/sh020.jsonl"
    before = ledger.read_text()
    approve(fake_workspace(root), ["sh020 t1"], by=BY)
    one = ledger.read_text()
    ledger.write_text(before)
    approve(fake_workspace(root), ["sh020 t2"], by="Bo <bo@studio.example>")
    ledger.write_text(one + ledger.read_text().removeprefix(before))
    with pytest.raises(NeedsPerson):
        archive(fake_workspace(root), "opening", tmp_path / "a.tar")


def test_a_file_that_goes_away_is_named(root: Path, tmp_path: Path) -> None:
    workspace = fake_workspace(root)
    assert workspace.whole
    (root / "assets/rain.wav").unlink()
    with pytest.raises(ShotbuildError, match=r"assets/rain\.wav cannot be read"):
        archive(workspace, "opening", tmp_path / "a.tar")
    assert beside(root) == {"film"}


@pytest.mark.parametrize("path", ["assets/rain.wav", "takes/sh050.jsonl", "takes/sh999.jsonl", ".gitignore"])
def test_a_link_that_leads_outside_is_not_followed(root: Path, tmp_path: Path, path: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("")
    (root / path).unlink(missing_ok=True)
    (root / path).symlink_to(secret)
    with pytest.raises((ShotbuildError, SpecErrors), match=r"leads out of the project|1 error"):
        archive(fake_workspace(root), "opening", tmp_path / "a.tar")
    assert not (tmp_path / "a.tar").exists()


# --- what is proved ---------------------------------------------------------------------------------------------------


def test_a_proof_generates_nothing_and_leaves_the_archive_as_it_is(root: Path, packed: Path) -> None:
    folder = archive(fake_workspace(root), "opening", packed.with_name("crate")).path
    before = {path: (path.stat().st_mtime_ns, path.is_dir() or path.read_bytes()) for path in folder.rglob("*")}
    for path in (packed, folder):
        count = Count()
        proof = proved(path, count)
        assert (proof.exit_code, verdicts(proof)) == (0, {SAME})
        assert count.ran
        assert "generate" not in count.ran
    assert {path: (path.stat().st_mtime_ns, path.is_dir() or path.read_bytes()) for path in folder.rglob("*")} == before
    assert prove(packed, quick=True).delivery is None


def test_other_bytes_are_told_by_their_tools(root: Path, tmp_path: Path) -> None:
    approve(fake_workspace(root), ["sh010", "sh020", "sh030"], by=BY)
    fake_workspace(root).build()
    path = archive(fake_workspace(root), "opening", tmp_path / "a.tar").path
    blind = {"encode"}  # gives other bytes, as a broken encoder would
    same_tools = proved(path, Count(blind=blind))
    assert same_tools.exit_code == 3
    assert verdicts(same_tools) == {DIFFERENT}
    other_tools = proved(path, Count(blind=blind), OTHER)
    assert other_tools.exit_code == 0
    assert {(each.verdict, each.tools) for each in delivery(other_tools).delivered} == {(OTHER_TOOLS, ("ffmpeg",))}
    assert delivery(other_tools).lock


def test_takes_that_nobody_chose_stand_only_where_the_tools_are_the_same(root: Path, tmp_path: Path) -> None:
    found = archive(fake_workspace(root), "opening", tmp_path / "a.tar")
    assert found.undecided == ("sh010", "sh020", "sh030")
    proof = proved(found.path, tool=OTHER)
    assert proof.exit_code == 1
    assert delivery(proof).generated == 0
    assert "is missing, and a frozen build generates nothing" in delivery(proof).failures[0].message


def test_a_delivery_that_fails_is_no_proof(packed: Path) -> None:
    proof = proved(packed, Count(fail={"join": "the joiner broke"}))
    assert proof.exit_code == 1
    assert [failure.message for failure in delivery(proof).failures] == ["the joiner broke"] * 2


def test_a_rejected_take_stays_rejected(root: Path, tmp_path: Path) -> None:
    reject(fake_workspace(root), ["sh020 t2"], by=BY, why="six fingers")
    assert fake_workspace(root).build().exit_code == 0
    found = archive(fake_workspace(root), "opening", tmp_path / "a.tar", chosen=True)
    assert takes(root, "sh020")[1].name not in {row["name"] for row in about(found.path)["takes"]}
    assert proved(found.path).exit_code == 0


# --- what is refused --------------------------------------------------------------------------------------------------


def test_each_damage_is_named(root: Path, packed: Path, tmp_path: Path) -> None:
    name = blob(takes(root, "sh010")[0])

    def flip(files: dict[str, bytes]) -> None:
        files[name] = bytes([files[name][0] ^ 1]) + files[name][1:]

    for listed in (False, True):
        proof = proved(rewrite(packed, flip, listed=listed))
        assert (proof.exit_code, proof.contents.damaged, proof.delivery) == (1, (name,), None)
        assert proof.about(name) == f"{name} (sh010 t1)"

    lost = proved(rewrite(packed, lambda files: files.__delitem__("specs/opening.yaml")))
    assert (lost.exit_code, lost.contents.missing) == (1, ("specs/opening.yaml",))
    more = proved(rewrite(packed, lambda files: files.update({"specs/more.yaml": b""})))
    assert (more.exit_code, more.contents.extra) == (1, ("specs/more.yaml",))

    folder = archive(fake_workspace(root), "opening", tmp_path / "crate").path
    (folder / "specs/more.yaml").write_text("")
    (folder / "templates/wide.j2").write_text("wide")
    (folder / "assets/sea.wav").unlink()
    contents = proved(folder).contents
    assert (contents.damaged, contents.missing, contents.extra) == (
        ("templates/wide.j2",),
        ("assets/sea.wav",),
        ("specs/more.yaml",),
    )


@pytest.mark.parametrize(
    "name", [".shotbuild/memory.json", ".shotbuild/cache/cache.db", ".git/config", "out/x.mp4", ".GIT/config", "a\nb"]
)
def test_what_is_no_file_of_a_project_is_extra_even_when_it_is_listed(packed: Path, name: str) -> None:
    path = rewrite(packed, lambda files: files.update({name: b"x"}), listed="\n" not in name)
    proof = proved(path)
    assert (proof.exit_code, proof.contents.extra, proof.delivery) == (1, (name,), None)


def odd(kind: bytes, name: str = "specs/odd.yaml", link: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, link
    return entry


@pytest.mark.parametrize(
    "entry",
    [
        odd(tarfile.SYMTYPE, link="opening.yaml"),
        odd(tarfile.SYMTYPE, link="/etc/passwd"),
        odd(tarfile.LNKTYPE, link="shotbuild.yaml"),
        odd(tarfile.FIFOTYPE),
        odd(tarfile.CHRTYPE),
        odd(tarfile.REGTYPE, "../outside"),
        odd(tarfile.GNUTYPE_SPARSE),
    ],
    ids=["link", "link out", "hard link", "pipe", "device", "out", "sparse"],
)
def test_links_devices_and_ways_out_are_refused(packed: Path, tmp_path: Path, entry: tarfile.TarInfo) -> None:
    hostile = write_tar(tmp_path / "hostile.tar", content(packed), entry)
    before = beside(packed)
    for quick in (False, True):
        with pytest.raises(StoreError):
            prove(hostile, quick=quick)
    assert beside(packed) == before


def test_an_absolute_path_is_not_written(packed: Path, tmp_path: Path) -> None:
    target = tmp_path / "planted"
    hostile = write_tar(tmp_path / "hostile.tar", content(packed) | {str(target): b"x"})
    assert proved(hostile).exit_code == 1
    assert not target.exists()


def test_a_head_that_asks_for_too_much_memory_is_refused(tmp_path: Path) -> None:
    head = odd(tarfile.XHDTYPE, "././@PaxHeader")
    head.size = 1 << 40
    bomb = tmp_path / "bomb.tar.gz"
    with gzip.open(bomb, "wb") as stream:
        stream.write(head.tobuf(tarfile.GNU_FORMAT))
        stream.write(bytes(4 << 20))
    with pytest.raises(StoreError, match="cannot be read to its end") as error:
        prove(bomb, quick=True)
    assert error.value.cause == "a header is too long"


def test_a_file_twice_is_refused(packed: Path, tmp_path: Path) -> None:
    twice = write_tar(tmp_path / "twice.tar", content(packed), odd(tarfile.REGTYPE, "shotbuild.yaml"))
    with pytest.raises(StoreError, match="twice"):
        prove(twice)


def test_more_than_the_disk_holds_is_refused(packed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ShotbuildError, match="there is no room"):
        proved(packed)
    assert prove(packed, quick=True).exit_code == 0


@pytest.mark.parametrize("ending", [".tar", ".tgz"])
def test_a_tar_that_was_cut_off_is_refused(root: Path, tmp_path: Path, ending: str) -> None:
    path = archive(fake_workspace(root), "opening", tmp_path / f"a{ending}").path
    whole = path.read_bytes()
    for length in (0, 1, 100, len(whole) // 3, len(whole) // 2, len(whole) * 9 // 10 if ending == ".tgz" else 512 * 9):
        path.write_bytes(whole[:length])
        with pytest.raises(StoreError):
            prove(path)


def test_what_is_no_archive(tmp_path: Path, root: Path) -> None:
    with pytest.raises(PlanError, match="there is no archive"):
        prove(tmp_path / "nothing.tar")
    with pytest.raises(StoreError):
        prove(root)
    write_project(tmp_path, {"film.mp4": "no tar at all" * 100})
    with pytest.raises(StoreError):
        prove(tmp_path / "film.mp4")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": "shotbuild/archive/2"}', '{"schema": "shotbuild/archive/1"}'])
def test_an_archive_json_that_is_none(packed: Path, text: str) -> None:
    with pytest.raises(StoreError, match=r"ARCHIVE\.json"):
        prove(rewrite(packed, lambda files: files.update({ABOUT: text.encode()}), listed=True))


def test_a_list_that_is_none(packed: Path) -> None:
    with pytest.raises(StoreError, match=r"line 1 of CHECKSUMS\.sha256"):
        prove(rewrite(packed, lambda files: files.update({CHECKSUMS: b"hello\n"})))


def test_a_tar_that_was_packed_anew_by_hand_is_read(packed: Path, tmp_path: Path) -> None:
    again = write_tar(
        tmp_path / "again.tar",
        {f"./{name}": data for name, data in content(packed).items()},
        odd(tarfile.DIRTYPE, "./specs"),
    )
    assert proved(again).exit_code == 0
