"""Reports stop a delivery, packages say what is in them, and a strict delivery holds everything that it should."""

import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from shotbuild.built import BuildOptions, Built
from shotbuild.delivery import gate, put, shots_in
from shotbuild.digest import of_file
from shotbuild.errors import BytesLost, GateError, Location, MediaError, PlanError
from shotbuild.host.handover import SUMS, Part
from shotbuild.media.judge import verdicts_of
from shotbuild.plan.graph import Link, Plan
from shotbuild.records import Clip, Deliverable, Digest, Output, Recipe, Step, fields
from shotbuild.rooms import Rooms
from shotbuild.stages.interface import Work
from shotbuild.takes.decide import approve
from shotbuild.workspace import Workspace
from tests.fakes import SMALL, TOOL, Count, fake_registry, fake_workspace, write_project

HERE = Location(file="specs/opening.yaml", line=15, column=3)
ANN, BOB = "Ann <a@x.example>", "Bob <b@x.example>"
GOOD = {"name": "frames", "wanted": "135", "measured": "135", "passed": True, "waived": None, "remedy": ""}
LOUD = {
    "name": "loudness",
    "wanted": "-14 LUFS",
    "measured": "-9.3 LUFS",
    "passed": False,
    "waived": None,
    "remedy": "turn the mix down",
}
MEANT = {**LOUD, "name": "max_bytes", "wanted": 10, "measured": 20, "waived": "agreed with the client"}


def report(*rows: Mapping[str, object]) -> bytes:
    return json.dumps({"schema": "shotbuild/report/1", "verdicts": rows}).encode()


DELIVERABLE = Deliverable(
    name="web",
    sequence="opening",
    profile="h264-web",
    reframe=None,
    file="sequences/opening/web",
    tags=(),
    location=HERE,
)


# --- reports -----------------------------------------------------------------------------------------------------------


def test_a_failed_constraint_is_told_with_what_was_wanted_and_measured() -> None:
    error = gate(DELIVERABLE, verdicts_of(report(GOOD, LOUD, MEANT), "opening/web"))
    assert error is not None
    assert (error.exit_code, error.location) == (3, HERE)
    assert error.message == "opening/web does not keep what its profile h264-web asks: loudness"
    assert error.cause == "loudness: -9.3 LUFS measured, -14 LUFS wanted"
    assert error.hint is not None
    assert error.hint.startswith("turn the mix down; `waive: {loudness: why}`")


def test_what_passed_or_is_waived_stops_nothing() -> None:
    assert gate(DELIVERABLE, verdicts_of(report(GOOD, MEANT), "opening/web")) is None
    assert gate(DELIVERABLE, verdicts_of(report(), "opening/web")) is None


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"schema": "x/1", "verdicts": []}', b"\xff", report({"name": "frames"}), b"[" * 9999]
)
def test_what_is_no_report_is_an_error_and_not_a_pass(content: bytes) -> None:
    with pytest.raises(MediaError, match="the report of opening/web cannot be read"):
        verdicts_of(content, "opening/web")


# --- a project whose deliverables have reports -------------------------------------------------------------------------


@dataclass(frozen=True)
class Reporting:
    """A stage that finds what it is told to find, by deliverable."""

    found: Mapping[str, bytes]
    name: str = "report"
    version: int = 1

    def run(self, work: Work) -> None:
        deliverable = work.parameters.text("deliverable")
        (work.into / "report.json").write_bytes(self.found.get(deliverable, report(GOOD)))
        (work.into / "report.html").write_text(f"<p>{deliverable}</p>")

    def check(self, work: Work) -> None:
        pass


class Reported(Workspace):
    """Each deliverable gets a report of the stage above, in place of what the plan has of its own."""

    @cached_property
    def whole(self) -> Plan:
        plan: Plan = Workspace.whole.func(self)
        own = [link for link in plan.links if not link.path.endswith((".report.json", ".report.html"))]
        steps = [step for step in plan.steps if step.recipe.stage not in ("report", "measure")]
        for each in self.project.deliverables:
            name = f"{each.sequence}/{each.name}"
            made = next(step for step in steps if step.name == name)
            steps.append(
                Step(
                    name=f"{name}/report",
                    recipe=Recipe(stage="report", version=1, pins=(), parameters=fields(deliverable=each.name)),
                    inputs=(("film", Output(step=name, name=made.outputs[0])),),
                    outputs=("report.json", "report.html"),
                    sequence=each.sequence,
                    deliverable=each.name,
                    location=each.location,
                )
            )
            own += [Link(path=f"{each.file}.{end}", step=steps[-1].name, output=end) for end in steps[-1].outputs]
        return replace(plan, steps=tuple(steps), links=tuple(own))


def workspace(root: Path, *, tool: Any = TOOL, **found: bytes) -> Workspace:
    plain = fake_workspace(root, tool=tool)
    registry = fake_registry(Count())
    registry.loaded["report"] = Reporting(found)
    return Reported(root, rooms=plain.rooms, offered=registry)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_project(tmp_path / "film", SMALL)


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "handover"


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def sidecar(to: Path, name: str = "web") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((to / f"sequences/opening/{name}.json").read_text())
    return found


def approved(root: Path, role: str | None = None) -> None:
    for shot in ("sh010", "sh020", "sh030"):
        approve(fake_workspace(root), [shot], by=ANN, role=role)


def test_a_report_that_fails_ends_with_3_and_the_files_are_there(root: Path) -> None:
    built = workspace(root, web=report(LOUD, MEANT)).deliver()
    assert built.exit_code == 3
    assert [error.message.partition(" ")[0] for error in built.gates] == ["opening/web"]
    assert len(built.waived) == 1
    assert "agreed with the client" in built.waived[0]
    assert [name for name in names(root / "out") if "web" in name] == [
        "sequences/opening/web.mp4",
        "sequences/opening/web.report.html",
        "sequences/opening/web.report.json",
    ]


def test_a_cached_report_stops_the_next_delivery_as_well(root: Path) -> None:
    workspace(root, web=report(LOUD)).deliver()
    again = workspace(root).deliver()
    assert (again.ran, again.exit_code) == ((), 3)


def test_nothing_that_fails_is_handed_over_and_the_rest_is_with_only(root: Path, to: Path) -> None:
    built = workspace(root, web=report(LOUD)).deliver(to=to)
    assert (built.exit_code, built.handed) == (3, None)
    assert not to.exists()
    built = workspace(root).deliver(only=["master"], to=to)
    assert built.exit_code == 0
    assert names(to) == [
        SUMS,
        "sequences/opening/master.json",
        "sequences/opening/master.mov",
        "sequences/opening/master.report.html",
        "sequences/opening/master.report.json",
    ]


def test_a_package_has_every_file_whole_and_a_list_that_checks(root: Path, to: Path) -> None:
    built = workspace(root, web=report(GOOD, MEANT)).deliver(to=to)
    assert built.handed is not None
    assert len(built.handed.written) == 8
    done = subprocess.run(["sha256sum", "-c", SUMS], cwd=to, check=True, capture_output=True, text=True)
    assert done.stdout.count(": OK") == 8
    for name in names(root / "out"):
        assert (to / name).read_bytes() == (root / "out" / name).read_bytes()


def test_a_second_package_leaves_every_file_alone(root: Path, to: Path) -> None:
    workspace(root).deliver(to=to)
    before = {path: path.stat().st_mtime_ns for path in to.rglob("*")}
    again = workspace(root).deliver(to=to)
    assert again.handed is not None
    assert (again.handed.written, len(again.handed.kept)) == ((), 8)
    assert {path: path.stat().st_mtime_ns for path in to.rglob("*")} == before


def test_another_clone_hands_over_the_same_bytes(root: Path, to: Path, tmp_path: Path) -> None:
    workspace(root).deliver(to=to)
    clone = tmp_path / "clone"
    shutil.copytree(root, clone, ignore=shutil.ignore_patterns(".shotbuild", "out"))
    workspace(clone).deliver(to=tmp_path / "other")
    assert (tmp_path / "other" / SUMS).read_text() == (to / SUMS).read_text()


def test_a_sidecar_says_what_is_in_the_file_and_who_approved_it(root: Path, to: Path) -> None:
    fake_workspace(root).build()
    approve(fake_workspace(root), ["sh010"], by=ANN, role="director", why="the light")
    approve(fake_workspace(root), ["sh010"], by=BOB, role="client")
    workspace(root, web=report(GOOD, MEANT)).deliver(to=to)
    said = sidecar(to)
    film = to / "sequences/opening/web.mp4"
    assert (said["schema"], said["project"], said["sequence"], said["deliverable"], said["profile"]) == (
        "shotbuild/sidecar/1",
        "film",
        "opening",
        "web",
        "h264-web",
    )
    assert (said["file"], said["bytes"]) == ("sequences/opening/web.mp4", film.stat().st_size)
    assert f"{said['sha256']}  {said['file']}" in (to / SUMS).read_text().splitlines()
    assert (said["rate"], said["timecode"]) == ("24", "00:00:00:00")
    assert [row["shot"] for row in said["shots"]] == ["sh010", "sh020", "sh030", "sh040"]
    first = said["shots"][0]
    assert (first["chosen"], first["approved"]) == ("approved", {"director": [ANN], "client": [BOB]})
    assert first["decisions"][0]["why"] == "the light"
    assert (first["take"]["number"], first["take"]["provider"], first["take"]["model"]) == (1, "animatic", "storyboard")
    assert isinstance(first["take"]["seed"], int)
    assert said["shots"][3]["plate"] == "assets/plate.mov"
    assert said["report"] == {"checked": 2, "failed": [], "waived": {"max_bytes": "agreed with the client"}}
    assert said["made_with"]["ffmpeg"]["version"] == "fake-1"
    assert (said["made_with"]["lock"], said["degraded"]) == ({"differs": []}, [])


def test_a_sidecar_says_when_the_spec_has_moved_on(root: Path, to: Path) -> None:
    workspace(root).build()
    approve(fake_workspace(root), ["sh010"], by=ANN)
    specs = root / "specs/opening.yaml"
    specs.write_text(specs.read_text().replace("a lighthouse", "a windmill"))
    workspace(root).deliver(to=to)
    assert sidecar(to)["degraded"] == ["the spec has moved on from sh010 t1"]


@pytest.mark.parametrize("inside", ["", "out", "out/sequences", ".shotbuild", "specs/deep", "takes", "templates"])
def test_a_package_does_not_go_into_the_project_itself(root: Path, inside: str) -> None:
    with pytest.raises(PlanError, match="the project's own"):
        workspace(root).deliver(to=root / inside)
    assert not (root / ".shotbuild/store/cas").exists()


def test_a_link_into_the_project_is_seen_through(root: Path, tmp_path: Path) -> None:
    (root / "out").mkdir()
    (tmp_path / "link").symlink_to(root / "out")
    with pytest.raises(PlanError, match="the project's own out/"):
        workspace(root).deliver(to=tmp_path / "link")


def test_a_package_above_the_project_does_not_reach_into_it(root: Path) -> None:
    specs = root / "specs/opening.yaml"
    specs.write_text(specs.read_text().replace("profile: h264-web", "profile: h264-web, file: film/assets/web"))
    with pytest.raises(PlanError, match="would lie in the project"):
        workspace(root).deliver(to=root.parent)


@pytest.mark.parametrize(
    ("folder", "path"),
    [("a", "film"), ("", "a"), ("a", "film/specs"), ("a", "film/assets/x"), ("a/film/x", "own"), ("a", "link/x")],
)
def test_no_part_takes_the_place_of_the_project_or_lies_in_its_own_folders(tmp_path: Path, folder: str, path: str) -> None:
    root = write_project(tmp_path / "a/film", SMALL)
    (root / "x").mkdir()
    (root / "x/own").symlink_to(root / "specs")
    (tmp_path / "a/link").symlink_to(root / "assets")
    before = names(tmp_path)
    part = Part(path=path, files={"1.png": of_file(root / "assets/sea.wav")}, fill=Path.mkdir)
    with pytest.raises(PlanError, match="the project"):
        put(fake_workspace(root).rooms, tmp_path / folder, [part], force=True)
    assert names(tmp_path) == before


def test_a_folder_inside_the_project_may_be_handed_to(root: Path) -> None:
    digest = of_file(root / "assets/sea.wav")

    def fill(target: Path) -> None:
        shutil.copy(root / "assets/sea.wav", target)

    part = Part(path="sea.wav", files={"": digest}, fill=fill)
    assert put(fake_workspace(root).rooms, root / "frames", [part], force=False).written == ("sea.wav",)


def test_files_of_somebody_else_stay_unless_forced(root: Path, to: Path) -> None:
    (to / "sequences/opening").mkdir(parents=True)
    film = to / "sequences/opening/web.mp4"
    film.write_text("the final one, do not touch")
    with pytest.raises(PlanError, match="would be overwritten"):
        workspace(root).deliver(to=to)
    assert names(to) == ["sequences/opening/web.mp4"]
    assert workspace(root).deliver(to=to, force=True).exit_code == 0
    assert film.read_text() != "the final one, do not touch"


def test_bytes_that_were_damaged_are_made_again_and_never_handed_over(root: Path, to: Path) -> None:
    built = workspace(root).deliver()
    digest = next(digest for link, digest in built.results if link.path.endswith("web.mp4"))
    blob = fake_workspace(root).rooms.blobs.path(digest)
    blob.chmod(0o600)
    blob.write_bytes(bytes(blob.stat().st_size))
    again = workspace(root).deliver(to=to)
    assert "opening/web" in again.ran
    assert digest == of_file(to / "sequences/opening/web.mp4")
    subprocess.run(["sha256sum", "-c", "--quiet", SUMS], cwd=to, check=True)


@pytest.mark.parametrize(
    ("targets", "only", "expected"),
    [
        ((), ("web",), {"web"}),
        ((), ("opening/m*",), {"master"}),
        ((), ("w*", "master"), {"web", "master"}),
        (("opening",), ("web",), {"web"}),
        (("master",), (), {"master"}),
        (("opening/web/report",), (), {"web"}),
    ],
)
def test_only_some_deliverables_are_made(root: Path, targets: Any, only: Any, expected: set[str]) -> None:
    built = workspace(root).deliver(targets, only=only)
    assert {path.rpartition("/")[2].partition(".")[0] for path in built.present} == expected
    assert len(built.present) == 3 * len(expected)


@pytest.mark.parametrize(
    ("targets", "only", "said"),
    [((), ["wev"], "no deliverable is called 'wev'"), (["master"], ["web"], "no deliverable is meant by master --only web")],
)
def test_what_names_no_deliverable_is_refused(root: Path, targets: list[str], only: list[str], said: str) -> None:
    with pytest.raises(PlanError, match=said):
        workspace(root).deliver(targets, only=only)


# --- strict ------------------------------------------------------------------------------------------------------------


STRICT = BuildOptions(strict=True)


def test_strict_wants_takes_approved_by_every_role(root: Path) -> None:
    workspace(root).build()
    with pytest.raises(GateError, match="every take approved"):
        workspace(root).deliver(options=STRICT)
    approved(root)
    assert workspace(root).deliver(options=STRICT).exit_code == 0
    (root / "shotbuild.yaml").write_text(SMALL["shotbuild.yaml"] + "approvals: [director]\n")
    with pytest.raises(GateError, match="every take approved") as caught:
        workspace(root).deliver(options=STRICT)
    assert "sh010 t1 is not approved by director" in (caught.value.cause or "")
    approved(root, "director")
    assert workspace(root).deliver(options=STRICT).exit_code == 0


def test_strict_holds_the_lock(root: Path) -> None:
    workspace(root).build()
    approved(root)
    other = replace(TOOL, version="fake-2", identity="e" * 64)
    with pytest.raises(GateError, match=r"shotbuild\.lock does not match, and a strict delivery holds it"):
        workspace(root, tool=other).deliver(options=STRICT)
    assert workspace(root, tool=other).deliver().exit_code == 0
    (root / "shotbuild.lock").unlink()
    with pytest.raises(GateError, match="a strict delivery needs it"):
        workspace(root).deliver(options=STRICT)


def test_strict_takes_waivers_for_clean_and_lists_them(root: Path) -> None:
    fake_workspace(root).build()
    approved(root)
    built = workspace(root, web=report(MEANT), master=report(LOUD)).deliver(only=["web"], options=STRICT)
    assert (built.exit_code, len(built.waived)) == (0, 1)


def test_shots_of_nested_cuts_come_in_order_once(root: Path) -> None:
    cut = fake_workspace(root).project.sequences[0]
    clip = cut.clips[0]
    outer = replace(
        cut, name="outer", clips=(Clip(shot="sh030", location=HERE), Clip(sequence="opening", location=HERE), clip)
    )
    assert shots_in(outer, {"outer": outer, "opening": cut}) == ("sh030", "sh010", "sh020", "sh040")


# --- folders below out/ ------------------------------------------------------------------------------------------------


def package_of(rooms: Rooms, **texts: str) -> Digest:
    path = rooms.folder("work") / "package.tar"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, text in sorted(texts.items()):
            member = tarfile.TarInfo(f"{name}.m4s")
            member.size = len(text)
            archive.addfile(member, BytesIO(text.encode()))
    return rooms.blobs.adopt(path)


LINK = Link(path="sequences/opening/hls", step="opening/hls", output="package.tar", folder=True)


def test_a_package_is_unpacked_below_out_and_put_right(root: Path) -> None:
    rooms = fake_workspace(root).rooms
    digest = package_of(rooms, a="first", b="second")
    target = root / "out/sequences/opening/hls"
    assert rooms.link(LINK, digest, hard=True)
    assert names(target) == ["a.m4s", "b.m4s"]
    assert rooms.is_linked(LINK.path)
    assert not rooms.link(LINK, digest, hard=False)
    for change in (
        lambda: (target / "a.m4s").write_text("f1rst"),
        (target / "b.m4s").unlink,
        lambda: (target / "c.m4s").write_text("more"),
        lambda: shutil.rmtree(target),
    ):
        change()
        assert rooms.link(LINK, digest, hard=False)
        assert {name: (target / name).read_text() for name in names(target)} == {"a.m4s": "first", "b.m4s": "second"}
    assert names(root / "out") == ["sequences/opening/hls/a.m4s", "sequences/opening/hls/b.m4s"]


def test_an_unchanged_folder_is_recognised_without_reading_it(root: Path) -> None:
    rooms = fake_workspace(root).rooms
    digest = package_of(rooms, a="first")
    rooms.link(LINK, digest, hard=False)
    blob = rooms.blobs.path(digest)
    blob.chmod(0o600)
    blob.write_bytes(bytes(blob.stat().st_size))  # who reads it finds it damaged
    rooms.memory.table("links")[LINK.path][2] = True  # as when some time has passed
    assert not rooms.link(LINK, digest, hard=False)
    (root / "out/sequences/opening/hls/a.m4s").touch()
    with pytest.raises(BytesLost):
        rooms.link(LINK, digest, hard=False)


def test_a_new_package_replaces_the_folder_and_leaves_nothing_behind(root: Path) -> None:
    rooms = fake_workspace(root).rooms
    rooms.link(LINK, package_of(rooms, a="first", b="second"), hard=False)
    left = root / "out/sequences/opening/.shotbuild-hls"
    left.mkdir()
    (left / "half").write_text("of a killed build")
    assert rooms.link(LINK, package_of(rooms, a="new"), hard=False)
    assert names(root / "out") == ["sequences/opening/hls/a.m4s"]


def test_exit_code_is_the_highest_of_failures_and_gates(root: Path) -> None:
    built: Built = workspace(root).deliver()
    assert replace(built, gates=(GateError("x"),)).exit_code == 3
    assert built.exit_code == 0
