"""An archive on its way to another machine, with the real programs and real pictures."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import contents, shotbuild
from tests.fakes import write_project

ANN = ("--by", "Ann Lee <ann@studio.example>")


def document(text: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(text)
    assert read["schema"] == "shotbuild/archive/1"
    return read


def flipped(path: Path, inside: bytes) -> None:
    content = path.read_bytes()
    at = content.index(inside) + len(inside) // 2
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])


def films(made: dict[str, str]) -> dict[str, str]:
    """What was delivered, without the reports on it: those of another project's folder say its names."""
    return {path: sha256 for path, sha256 in made.items() if ".report." not in path}


def test_an_archive_delivers_on_another_machine(tiny: Path, tmp_path: Path) -> None:
    assert shotbuild(tiny, "deliver").code == 0
    made = films(contents(tiny))
    packed = shotbuild(tiny, "archive", "opening", "--json")
    assert packed.code == 0, packed.err
    said = document(packed.out)
    tar = tiny / "film-opening.tar"
    assert said["path"] == str(tar)
    assert {f"{row['path']}": row["sha256"] for row in said["deliverables"].values()} == made
    assert said["ffmpeg"] == json.loads((tiny / "shotbuild.lock").read_text())["tools"]["ffmpeg"]["identity"]

    # Without network, keys, Git, a home, or the project that it came from.
    away = tmp_path / "away"
    away.mkdir()
    shutil.copy(tar, away)
    tiny.rename(tmp_path / "gone")
    bare = {"PATH": str(away), "HOME": str(away), "GIT_DIR": "/nowhere"}
    proof = shotbuild(away, "archive", "verify", "film-opening.tar", "--json", env=bare)
    assert proof.code == 0, proof.err
    proved = document(proof.out)["proof"]
    assert (proved["holds"], proved["generated"], proved["failures"]) == (True, 0, [])
    assert proved["ran"] > 0
    assert {(each["path"], each["sha256"], each["verdict"]) for each in proved["delivered"]} == {
        (path, sha256, "same") for path, sha256 in made.items()
    }

    # By hand, as somebody without this command would do it.
    with tarfile.open(tar if tar.exists() else away / tar.name) as opened:
        opened.extractall(away / "by hand", filter="data")
    frozen = shotbuild(away / "by hand", "deliver", "--frozen", "--json", env=bare)
    assert frozen.code == 0, frozen.err
    assert frozen.summary["generated"] == 0
    assert films(contents(away / "by hand")) == made


@pytest.mark.slow
def test_one_bit_is_found_and_named(tiny: Path) -> None:
    assert shotbuild(tiny, "build").code == 0
    packed = document(shotbuild(tiny, "archive", "opening", "--to", "a.tar", "--json").out)
    take = next(row for row in packed["takes"] if row["shot"] == "sh020")
    name = f".shotbuild/store/cas/{take['video'][:2]}/{take['video']}"
    flipped(tiny / "a.tar", (tiny / name).read_bytes())
    for more in ([], ["--quick"]):
        proof = shotbuild(tiny, "archive", "verify", "a.tar", *more)
        assert proof.code == 1
        assert proof.out == f"damaged: {name} (sh020 t1)\n"
    told = document(shotbuild(tiny, "archive", "verify", "a.tar", "--json").out)["proof"]
    assert (told["holds"], told["damaged"], told["delivered"]) == (False, [name], None)


def test_the_same_state_gives_the_same_archive(tiny: Path, tmp_path: Path) -> None:
    assert shotbuild(tiny, "build").code == 0
    one, two = tmp_path / "one.tar", tmp_path / "two.tar"
    assert shotbuild(tiny, "archive", "opening", "--to", str(one)).code == 0
    for path in tiny.rglob("*"):
        path.touch()
    shutil.rmtree(tiny / "out")
    assert shotbuild(tiny, "archive", "opening", "--to", str(two), env={"TZ": "Asia/Tokyo"}, umask=0o077).code == 0
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.slow
def test_the_approved_picture_travels_though_the_spec_has_moved_on(tiny: Path, tmp_path: Path) -> None:
    assert shotbuild(tiny, "build").code == 0
    assert shotbuild(tiny, "approve", "sh010", "sh020", "sh030", *ANN).code == 0
    assert shotbuild(tiny, "build").code == 0
    made = films(contents(tiny, "out/sequences"))
    (tiny / "templates/wide.j2").write_text("A close look at {{ place }}, upside down.")
    packed = shotbuild(tiny, "archive", "opening", "--chosen", "--to", str(tmp_path / "crate"))
    assert packed.code == 0, packed.err
    proof = document(shotbuild(tmp_path, "archive", "verify", "crate", "--json").out)["proof"]
    assert {each["path"]: each["sha256"] for each in proof["delivered"]} == made
    assert proof["generated"] == 0
    delivered = shotbuild(tmp_path / "crate", "deliver", "--frozen", "--strict", "--json")
    assert delivered.code == 0, delivered.err
    assert films(contents(tmp_path / "crate", "out/sequences")) == made


@pytest.mark.slow
def test_a_sequence_called_verify(tmp_path: Path) -> None:
    root = write_project(
        tmp_path / "film",
        {
            "shotbuild.yaml": "shotbuild: 1\nproject: film\nformat: {size: 64x36, rate: 24}\ndefaults: {duration: 2f}\n",
            "specs/a.yaml": "shots: {a: {prompt: A door.}}\nsequences: {verify: {cut: [a]}}\n"
            "deliverables: {v: {sequence: verify, profile: preview}}\n",
        },
    )
    early = shotbuild(root, "archive", "verify")
    assert (early.code, "a has no take of what the spec asks for now" in early.err, list(root.glob("*.tar"))) == (
        2,
        True,
        [],
    )
    assert shotbuild(root, "build").code == 0
    assert shotbuild(root, "archive", "verify").code == 0
    proof = shotbuild(root, "archive", "verify", "film-verify.tar")
    assert proof.code == 0, proof.err
    assert "v.mp4: the same bytes" in proof.out


@pytest.mark.slow
def test_words_that_make_no_sense(tiny: Path) -> None:
    for words, said in (
        (["opening", "ending"], "one sequence is wanted"),
        (["opening", "--quick"], "takes no --quick"),
        (["verify", "a.tar", "--force"], "takes no --force"),
        (["verify", "a.tar"], "there is no archive"),
        (["openin"], "write `opening`"),
        (["opening"], "no take of what the spec asks for now"),
    ):
        ran = shotbuild(tiny, "archive", *words)
        assert (ran.code, said in ran.err) == (2, True), ran.err
