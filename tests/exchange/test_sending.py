"""What may not go to a farm is refused before anything is sent; what it reads is in the store before the job is written."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from shotbuild.digest import of_file
from shotbuild.errors import BytesLost, GateError, PlanError, StoreUnavailable
from shotbuild.exchange.parcel import read
from shotbuild.exchange.sending import export_openjd
from shotbuild.records import Price
from tests.exchange.test_parcel import Travelling, workspace_of
from tests.fakes import SMALL, FakeProvider, fake_workspace, write_project


def test_a_project_without_a_store_is_told_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(PlanError) as refused:
        export_openjd(workspace_of(tmp_path / "film"), [], tmp_path / "farm")
    assert "store:" in str(refused.value.hint)
    assert "--store" in str(refused.value.hint)
    assert not (tmp_path / "farm").exists()


def test_what_the_job_reads_is_in_the_store(tmp_path: Path) -> None:
    workspace, told = workspace_of(tmp_path / "film"), list[tuple[int, int]]()
    store = tmp_path / "store"
    sent = export_openjd(workspace, [], tmp_path / "farm", store=str(store), progress=lambda *each: told.append(each))
    parcel = read((tmp_path / "farm/plan.json").read_bytes())
    assert (sent.read, sent.sent, sent.there) == (len(parcel.read), len(parcel.read), 0)
    assert told[-1] == (sent.read, sent.read)
    for digest in parcel.read:
        assert (store / "cas" / digest.sha256[:2] / digest.sha256).stat().st_size == digest.size
    again = export_openjd(workspace, [], tmp_path / "farm", store=str(store))
    assert (again.sent, again.there) == (0, sent.read)
    assert read((tmp_path / "farm/plan.json").read_bytes()) == parcel


def test_without_push_nothing_is_sent(tmp_path: Path) -> None:
    sent = export_openjd(workspace_of(tmp_path / "film"), [], tmp_path / "farm", store=str(tmp_path / "store"), push=False)
    assert sent.sent is None
    assert not (tmp_path / "store").exists()
    assert (tmp_path / "farm/template.json").exists()


def test_the_store_of_the_project_is_meant_from_its_root(tmp_path: Path) -> None:
    head = SMALL["shotbuild.yaml"] + "store: ../team\n"
    workspace = fake_workspace(write_project(tmp_path / "film", SMALL | {"shotbuild.yaml": head}), provider=Travelling())
    sent = export_openjd(workspace, ["sh010"], tmp_path / "farm")
    assert sent.store == str(tmp_path / "team")
    values = json.loads((tmp_path / "farm/parameter_values.json").read_bytes())
    assert values == {"parameterValues": [{"name": "Store", "value": str(tmp_path / "team")}]}


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path / "film")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "template.json").write_text('{"name": "mine", "specificationVersion": "jobtemplate-2023-09"}')
    for folder in (theirs, theirs / "template.json"):
        with pytest.raises(PlanError):
            export_openjd(workspace, [], folder, store=str(tmp_path / "store"))
    assert [path.name for path in theirs.iterdir()] == ["template.json"]
    assert not (tmp_path / "store").exists()


def test_a_store_that_cannot_be_reached_leaves_no_job(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("no folder")
    with pytest.raises(StoreUnavailable):
        export_openjd(workspace_of(tmp_path / "film"), [], tmp_path / "farm", store=str(tmp_path / "store"))
    assert not (tmp_path / "farm").exists()


DEAR = Price(amount=Fraction(5, 4), currency="USD", exact=True)


@pytest.mark.parametrize(
    ("provider", "why"),
    [
        (FakeProvider(name="mine"), "mine needs a program or files of this machine"),
        (Travelling(name="mine", price_of_one=DEAR), "mine storyboard is not free, 1.25 USD"),
    ],
)
def test_takes_that_cost_or_need_this_machine_are_made_here(tmp_path: Path, provider: FakeProvider, why: str) -> None:
    root = write_project(
        tmp_path / "film",
        SMALL | {"shotbuild.yaml": SMALL["shotbuild.yaml"] + "providers: {board: {use: mine}}\n"
                 "budget: {limit: 50 USD}\n" "defaults: {duration: 2s, provider: board}\n"},
    )  # fmt: skip
    text = (root / "shotbuild.yaml").read_text().replace("defaults: {duration: 2s}\n", "", 1)
    (root / "shotbuild.yaml").write_text(text)
    with pytest.raises(GateError) as refused:
        export_openjd(fake_workspace(root, provider=provider), [], tmp_path / "farm", store=str(tmp_path / "store"))
    assert refused.value.exit_code == 3
    assert f"sh010/t1: {why}" in str(refused.value.cause)
    assert "shotbuild build sh010 sh020 sh030" in str(refused.value.hint)
    assert not (tmp_path / "farm").exists()
    assert not (tmp_path / "store").exists()


def test_a_damaged_file_of_the_local_store_is_not_sent(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path / "film")
    assert workspace.build(["sh010"]).exit_code == 0
    result = next(line.result for line in workspace.forecast_of(["sh010"]) if line.result is not None)
    place = workspace.rooms.local.path(result.outputs[0][1])
    place.chmod(0o644)
    place.write_bytes(b"x" * place.stat().st_size)
    store = tmp_path / "store"
    with pytest.raises(BytesLost):
        export_openjd(workspace_of(tmp_path / "film"), [], tmp_path / "farm", store=str(store))
    assert not (tmp_path / "farm").exists()
    digest = result.outputs[0][1].sha256
    assert not (store / "cas" / digest[:2] / digest).exists()


def test_a_store_that_is_only_read_gets_nothing(tmp_path: Path) -> None:
    head = SMALL["shotbuild.yaml"] + "store: {address: ../team, push: nothing}\n"
    root = write_project(tmp_path / "film", SMALL | {"shotbuild.yaml": head})
    with pytest.raises(GateError, match="nothing is written"):
        export_openjd(fake_workspace(root, provider=Travelling()), [], tmp_path / "farm")
    assert not (tmp_path / "team").exists()
    assert export_openjd(fake_workspace(root, provider=Travelling()), [], tmp_path / "farm", push=False).sent is None
    assert not (tmp_path / "team").exists()


def test_the_store_of_a_job_is_never_empty(tmp_path: Path) -> None:
    export_openjd(workspace_of(tmp_path / "film"), ["sh010"], tmp_path / "farm", store=str(tmp_path / "store"))
    plan = of_file(tmp_path / "farm/plan.json").sha256
    assert (tmp_path / "store/cas" / plan[:2] / plan).is_file()
