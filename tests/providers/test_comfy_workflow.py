"""ComfyUI: what a workflow is and what goes into it, what of a server is pinned, and what lint says of both."""

import json
import pickle
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shotbuild.digest import of_file
from shotbuild.errors import (
    KeyRefused,
    Location,
    ProviderRefused,
    ProviderUnavailable,
    SpecErrors,
)
from shotbuild.host.network import Network
from shotbuild.host.wire import Reply
from shotbuild.providers.comfy.inject import TOLD, Bindings, bindings, written
from shotbuild.providers.comfy.workflow import load, read
from shotbuild.providers.comfyui import KEY, MODEL
from shotbuild.providers.interface import Facts, Objection, Site, Wish
from shotbuild.purchasing import account
from shotbuild.records import Fields, Format
from shotbuild.spec.kinds import Reader
from shotbuild.spec.nodes import Entry, Scalar
from shotbuild.spec.nodes import Mapping as Table
from shotbuild.spec.report import Refusal, Report
from shotbuild.spec.tree import Tree
from shotbuild.units import parse_size
from shotbuild.workspace import open_project
from tests.fakes import write_project
from tests.providers.comfy import (
    FROM_PICTURE,
    INJECT,
    LIVE,
    SERVICE,
    both,
    closed,
    desk,
    from_picture,
    nodes,
    request,
)

__all__ = ["closed"]

# --- the workflow's file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"1": {"class_type": "A", "inputs": {"x": NaN}}}', "no JSON"),
        (b"[]", "object of nodes"),
        (b"{}", "object of nodes"),
        (b'{"nodes": [], "links": [], "version": 0.4}', "editor saves it"),
        (b'{"1": 7}', "`class_type`"),
        (b'{"1": {"inputs": {}}}', "`class_type`"),
        (b'{"1": {"class_type": "A", "inputs": []}}', "no object"),
        (b'{"1": {"class_type": "A", "inputs": {"x": ["2", 0]}}}', "not there"),
        (b'{"1": {"class_type": "A", "inputs": {}}}', "saves a file"),
    ],
)
def test_what_is_no_workflow_is_refused_with_a_remedy(content: bytes, told: str) -> None:
    with pytest.raises(Refusal) as raised:
        read(content)
    assert told in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    ("key", "told", "hint"),
    [
        ("7.text", "no node '7'", "number or its title"),
        ("Promt.value", "no node 'Promt'", "`Prompt`"),
        ("1.widht", "no input 'widht'", "`width`"),
        ("Canvas.inputs.widht", "no input 'widht'", "`width`"),
        ("2.images", "fed by node 1", "that node"),
        ("3.filename_prefix", "cannot be bound", "take it out"),
        ("Twin.a", "2 nodes are titled", "number"),
    ],
)
def test_a_key_that_names_no_input_is_told(tmp_path: Path, key: str, told: str, hint: str) -> None:
    flow = nodes()
    for name in ("20", "21"):
        flow[name] = {"class_type": "PrimitiveString", "_meta": {"title": "Twin"}, "inputs": {"a": "b"}}
    with pytest.raises(Refusal) as raised:
        read(json.dumps(flow).encode()).place(key)
    assert told in raised.value.message
    assert hint in str(raised.value.hint)
    with desk() as it, pytest.raises(ProviderRefused):
        it.submit(request(tmp_path, flow, {key: "x"}))


def test_titles_and_inputs_with_points_are_named_as_they_are() -> None:
    flow = nodes()
    flow["57:8"] = {"class_type": "X", "_meta": {"title": "v1.5 film"}, "inputs": {"format.codec": "auto"}}
    workflow = read(json.dumps(flow).encode())
    for key in ("57:8.format.codec", "57:8.inputs.format.codec", "v1.5 film.format.codec", "v1.5 film.inputs.format.codec"):
        node, name = workflow.place(key)
        assert (node.id, name) == ("57:8", "format.codec")


def test_an_input_is_bound_once() -> None:
    with pytest.raises(Refusal, match="bound twice"):
        read(json.dumps(nodes()).encode()).bound({"1.width": 1, "Canvas.width": 2})


# --- the settings -------------------------------------------------------------------------------------------------------

PLACE = Location(file="shotbuild.yaml", line=3, column=5)


def table(**values: tuple[str, bool]) -> Table:
    entries = {
        name: Entry(Scalar(name, True, PLACE), Scalar(text, quoted, PLACE)) for name, (text, quoted) in values.items()
    }
    return Table(entries, PLACE)


def test_bindings_keep_what_was_written() -> None:
    report = Report()
    written_ = {
        "6.a": ("7", False),
        "6.b": ("7", True),
        "6.c": ("true", False),
        "6.d": ("1.50", False),
        "6.e": ("no", False),
    }
    said = Bindings().read(table(**written_), Reader(report, Tree(Path())))
    assert said is not None
    assert json.loads(said) == {"6.a": 7, "6.b": "7", "6.c": True, "6.d": 1.5, "6.e": "no"}
    assert not report.found
    assert Bindings().read(Scalar(said, True, PLACE), Reader(report, Tree(Path()))) == said


@pytest.mark.parametrize(
    "node",
    [table(**{"6": ("x", True)}), table(**{"6.a": ("~", False)}), Scalar("x", True, PLACE), Scalar("[]", True, PLACE)],
)
def test_what_binds_nothing_is_told_at_its_place(node: Any) -> None:
    report = Report()
    Bindings().read(node, Reader(report, Tree(Path())))
    assert report.found


def wish(inject: Mapping[str, Any], *roles: str, **settings: Any) -> Wish:
    said = {"workflow": "templates/film.json", "inject": written(inject), "output": None, "sound": False, **settings}
    look = Format(size=parse_size("128x72"), rate=Fraction(24), color="bt709", pixels="yuv420p")
    settled = Fields(tuple(sorted(said.items())))
    return Wish(prompt="A lighthouse.", seconds=Fraction(1, 2), format=look, references=roles, settings=settled)


@pytest.mark.parametrize(
    ("inject", "roles", "key", "told"),
    [
        ({"4.value": "{{ promt }}"}, (), "inject", "unknown variable 'promt'"),
        ({"4.value": "{{ prompt"}, (), "inject", "no template"),
        ({"4.value": "{% include 'x' %}"}, (), "inject", "cannot be included"),
        ({"4.value": "{{ [1] }}"}, (), "inject", "a list cannot be written"),
        ({"4.value": "{{ ''.__class__ }}"}, (), "inject", "not available"),
        ({"4.value": "{{ 9 ** 9 ** 9 }}"}, (), "inject", "not available"),
        ({"1.image": "{{ first_frame }}"}, (), "references", "needs a `first_frame`"),
        ({"1.image": "x"}, ("first_frame",), "references", "never told of the `first_frame`"),
    ],
)
def test_a_wrong_binding_is_told_before_anything_is_asked(
    inject: dict[str, Any], roles: tuple[str, ...], key: str, told: str
) -> None:
    (found,) = SERVICE.objections("workflow", wish(inject, *roles))
    assert found.key == key
    assert told in found.message
    assert found.remedy


def test_a_reference_may_be_used_where_it_is_there() -> None:
    maybe = {"1.image": "{{ first_frame if first_frame is defined else 'example.png' }}"}
    assert list(SERVICE.objections("workflow", wish(maybe))) == []
    assert list(SERVICE.objections("workflow", wish(maybe, "first_frame"))) == []


def test_shots_with_other_keys_or_values_have_other_entries_in_the_lock() -> None:
    def subject(inject: Mapping[str, Any]) -> str:
        return SERVICE.subject("workflow", wish(inject).settings)

    assert subject({}) == "templates/film.json"
    assert subject(INJECT).startswith("templates/film.json#")
    assert subject({"4.value": "{{ prompt }}"}) == subject({"4.value": "{{ seed }}"})
    assert len({subject(each) for each in ({"4.value": "a"}, {"4.value": "b"}, {"1.width": "{{ seed }}"})}) == 3


# --- what it is ---------------------------------------------------------------------------------------------------------


@contextmanager
def site(tmp_path: Path, flow: Mapping[str, Any] | None = None, **serving: Any) -> Iterator[tuple[Site, Any]]:
    (tmp_path / "templates").mkdir(exist_ok=True)
    (tmp_path / "templates/film.json").write_text(json.dumps(flow or nodes()))
    with desk(**serving) as it:
        yield Site(root=tmp_path, digest=of_file, http=it.line()), it.server


def examined(place: Site, inject: Mapping[str, Any] = INJECT) -> Facts:
    return SERVICE.examine("workflow", wish(inject).settings, place)


@both
def test_a_server_without_plug_ins_is_pinned_by_versions_and_nodes(tmp_path: Path, old: bool) -> None:
    with site(tmp_path, old=old, live=True) as (place, _):
        facts = examined(place)
        assert pickle.loads(pickle.dumps(facts)) == facts
        said = dict(facts.pinned)
        kinds = {f"node {each['class_type']}" for each in nodes().values()}
        assert {*kinds, "workflow", "comfyui", "python", "torch", "devices", "arguments"} <= set(said)
        assert all(isinstance(value, str) and value for value in said.values())
        assert examined(place) == facts
        if not LIVE:
            assert said["arguments"] == "--cpu", "addresses and paths are nobody's business"
            assert said["python"] == "3.11.9"
            assert said["comfyui"] == ("0.3.64" if old else "0.33.0")
            assert set(dict(facts.unread)) == {"comfyui commit", "packages"}


def test_a_workflow_is_the_same_whatever_was_exported_in_what_is_bound(tmp_path: Path) -> None:
    flow = nodes()
    with site(tmp_path, flow) as (place, _):
        before = examined(place).pinned
        flow["4"]["inputs"]["value"], flow["4"]["_meta"]["title"] = "another prompt", "Prompt"
        flow["3"]["inputs"]["filename_prefix"] = "elsewhere"
        flow["2"]["_meta"] = {"title": "moved"}
        (tmp_path / "templates/film.json").write_text(json.dumps(flow, indent=3))
        assert examined(place).pinned == before
        flow["3"]["inputs"]["codec"] = "auto"
        (tmp_path / "templates/film.json").write_text(json.dumps(flow))
        assert differing(examined(place).pinned, before) == {"workflow"}


def differing(one: Fields, other: Fields) -> set[str]:
    a, b = dict(one), dict(other)
    return {name for name in {*a, *b} if a.get(name) != b.get(name)}


def test_a_changed_server_differs_where_it_changed(tmp_path: Path) -> None:
    with site(tmp_path) as (place, server):
        before = examined(place).pinned
        server.stats["system"]["comfyui_version"] = "0.34.0"
        assert differing(examined(place).pinned, before) == {"comfyui"}
        server.stats["system"]["argv"] += ["--fast", "--use-pytorch-cross-attention"]
        facts = examined(place)
        assert differing(facts.pinned, before) == {"comfyui", "arguments"}
        assert "repeating" in dict(facts.unread)


def test_a_node_with_other_inputs_is_another_node_and_other_words_or_files_are_not(tmp_path: Path) -> None:
    flow = {**nodes(), "6": {"class_type": "LoadImage", "inputs": {"image": "example.png"}}}
    with site(tmp_path, flow) as (place, server):
        before = examined(place).pinned
        server.nodes["LoadImage"]["input"]["required"]["image"][0].append("another.png")
        server.nodes["LoadImage"]["description"] = "other words"
        server.nodes["CreateVideo"]["input"]["required"]["fps"][1]["tooltip"] = "other words"
        assert differing(examined(place).pinned, before) == set()
        server.nodes["CreateVideo"]["input"]["required"]["fps"] = ["FLOAT", {"default": 24.0, "min": 1.0, "max": 120.0}]
        assert differing(examined(place).pinned, before) == {"node CreateVideo"}


def with_custom_node() -> dict[str, Any]:
    flow = nodes()
    flow["5"] = {"class_type": "FilmGrain", "inputs": {"image": ["1", 0]}}
    flow["2"]["inputs"]["images"] = ["5", 0]
    return flow


COMMIT = "ab" * 20
SNAPSHOT: dict[str, Any] = {
    "comfyui": "cd" * 20,
    "git_custom_nodes": {"https://github.com/somebody/comfyui-grain.git": {"hash": COMMIT, "disabled": False}},
    "cnr_custom_nodes": {},
    "file_custom_nodes": [],
    "pips": {"torch==2.13.0+cpu": "", "numpy==2.3.1": "", "requests==2.0": "", "SageAttention==2.2": "", "-e git": ""},
}


def test_custom_nodes_and_packages_are_pinned_by_the_manager(tmp_path: Path) -> None:
    with site(tmp_path, with_custom_node()) as (place, server):
        assert "custom node ComfyUI-Grain" in dict(examined(place).unread)
        server.snapshot = SNAPSHOT
        facts = examined(place)
        said = dict(facts.pinned)
        assert said["custom node ComfyUI-Grain"] == f"git {COMMIT}"
        assert said["comfyui commit"] == "cd" * 20
        assert (said["package numpy"], said["package sageattention"]) == ("2.3.1", "2.2")
        assert "package requests" not in said
        assert facts.unread == Fields()


@pytest.mark.parametrize(
    ("installed", "registry", "pinned"),
    [
        ({"ver": "1.2.3", "cnr_id": "comfyui-grain", "aux_id": "", "enabled": True}, {}, "release 1.2.3"),
        ({"ver": COMMIT, "cnr_id": "", "aux_id": "", "enabled": True}, {}, f"git {COMMIT}"),
        ({}, {"comfyui-grain": "2.0.1"}, "release 2.0.1"),
        ({"ver": "unknown", "cnr_id": "", "aux_id": ""}, {}, None),
        ({}, {}, None),
    ],
)
def test_a_custom_node_in_neither_list_is_unread(
    tmp_path: Path, installed: dict[str, Any], registry: dict[str, str], pinned: str | None
) -> None:
    with site(tmp_path, with_custom_node()) as (place, server):
        server.snapshot = {**SNAPSHOT, "git_custom_nodes": {}, "cnr_custom_nodes": registry}
        server.installed = {"ComfyUI-Grain": installed} if installed else {}
        facts = examined(place)
        assert facts.pinned.get("custom node ComfyUI-Grain") == pinned
        assert ("custom node ComfyUI-Grain" in dict(facts.unread)) == (pinned is None)


def with_model() -> dict[str, Any]:
    return {**nodes(), "6": {"class_type": "VAELoader", "inputs": {"vae_name": "tiny.safetensors"}}}


def test_models_are_pinned_by_the_hashes_that_the_server_keeps(tmp_path: Path) -> None:
    row = {"name": "tiny.safetensors", "loader_path": "tiny.safetensors", "hash": "blake3:12", "size": 4, "tags": ["models"]}
    with site(tmp_path, with_model()) as (place, server):
        server.assets = [
            {**row, "name": "not-tiny.safetensors", "loader_path": "other/tiny.safetensors", "hash": "blake3:9"},
            row,
        ]
        assert examined(place).pinned.get("model tiny.safetensors") == "blake3:12"
        server.assets = [{**row, "hash": None}]
        facts = examined(place)
        assert facts.pinned.get("model tiny.safetensors") is None
        assert "model tiny.safetensors" in dict(facts.unread)


@both
def test_models_on_this_machine_are_read(tmp_path: Path, old: bool) -> None:
    model = tmp_path / "models/vae/tiny.safetensors"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"weights")
    with site(tmp_path, with_model(), old=old) as (place, server):
        row = {"name": "tiny.safetensors", "pathIndex": 0, "modified": model.stat().st_mtime, "size": 7}
        server.models = {"vae": (str(model.parent), [row])}
        assert examined(place).pinned.get("model tiny.safetensors") == f"sha256:{of_file(model).sha256}"


@pytest.mark.parametrize("change", [{"size": 8}, {"modified": 1.0}, {"pathIndex": 7}, {"size": "x"}])
def test_a_file_here_that_is_not_the_one_there_is_not_read_for_it(tmp_path: Path, change: dict[str, Any]) -> None:
    """The server may be behind a tunnel, with the same paths as here."""
    model = tmp_path / "tiny.safetensors"
    model.write_bytes(b"weights")
    with site(tmp_path, with_model()) as (place, server):
        row = {"name": "tiny.safetensors", "pathIndex": 0, "modified": model.stat().st_mtime, "size": 7, **change}
        server.models = {"vae": (str(tmp_path), [row])}
        facts = examined(place)
        assert facts.pinned.get("model tiny.safetensors") is None
        assert "was not read" in str(facts.unread.get("model tiny.safetensors"))


def test_a_bound_model_is_pinned_as_it_is_bound(tmp_path: Path) -> None:
    with site(tmp_path, with_model()) as (place, _):
        facts = examined(place, {**INJECT, "6.vae_name": "other.safetensors"})
        assert [name for name, _ in facts.unread if name.startswith("model")] == ["model other.safetensors"]


def test_a_node_that_pays_somebody_else_is_unread(tmp_path: Path) -> None:
    with site(tmp_path, {**nodes(), "6": {"class_type": "PaidCloud", "inputs": {}}}) as (place, _):
        assert "may cost money" in str(examined(place).unread.get("node PaidCloud"))


def test_a_server_without_a_node_cannot_be_used(tmp_path: Path) -> None:
    with site(tmp_path, {**nodes(), "6": {"class_type": "Absent", "inputs": {}}}) as (place, _):
        with pytest.raises(ProviderRefused, match="`Absent`"):
            examined(place)


@pytest.mark.parametrize("nonsense", [None, [], 7, {}, {"system": 7}, {"system": {"comfyui_version": 3}, "devices": 7}])
def test_a_server_that_says_nonsense_of_itself_is_unavailable(tmp_path: Path, nonsense: Any) -> None:
    with site(tmp_path) as (place, server):
        server.stats = nonsense
        with pytest.raises(ProviderUnavailable):
            examined(place)


@pytest.mark.parametrize(
    "nonsense",
    [{"git_custom_nodes": 7, "pips": []}, {"git_custom_nodes": {"x": 7}, "cnr_custom_nodes": [], "pips": {"a": 1}}],
)
def test_a_manager_that_says_nonsense_leaves_it_unread(tmp_path: Path, nonsense: Any) -> None:
    with site(tmp_path, with_custom_node()) as (place, server):
        server.snapshot = nonsense
        assert {"comfyui commit", "packages", "custom node ComfyUI-Grain"} <= set(dict(examined(place).unread))


# --- what lint says -----------------------------------------------------------------------------------------------------


def inspected(
    place: Site, inject: Mapping[str, Any] = INJECT, *roles: str, facts: Facts | None = None, **settings: Any
) -> list[Objection]:
    return list(SERVICE.inspect("workflow", wish(inject, *roles, **settings), facts, place))


@both
def test_a_workflow_that_fits_is_not_objected_to(tmp_path: Path, old: bool) -> None:
    with site(tmp_path, old=old, live=True) as (place, _):
        assert inspected(place) == []


def test_a_workflow_from_a_picture_fits_before_the_picture_is_there(tmp_path: Path) -> None:
    with site(tmp_path, from_picture(), live=True) as (place, _):
        assert inspected(place, FROM_PICTURE, "first_frame") == []


@pytest.mark.parametrize(
    ("change", "inject", "key", "told"),
    [
        ({}, {"1.width": "{{ prompt }}"}, "inject", "takes INT"),
        ({}, {"1.width": 0}, "inject", "`0`"),
        ({}, {"1.batch_size": "{{ frames * 1000 }}"}, "inject", "`12000`"),
        ({}, {"3.video": "x"}, "inject", "fed by node"),
        ({}, {"Nobody.text": "x"}, "inject", "no node 'Nobody'"),
        ({"1": {"class_type": "EmptyImage", "inputs": {"width": 9, "height": 9, "batch_size": 1, "color": 0, "tint": 1}}},
         {"1.tint": 3}, "inject", "takes no `tint`"),
        ({"6": {"class_type": "Absent", "inputs": {}}}, {}, "workflow", "no node `Absent`"),
        ({"6": {"class_type": "VAELoader", "inputs": {"vae_name": "tinny.safetensors"}}}, {}, "workflow",
         "no `tinny.safetensors`"),
        ({"6": {"class_type": "VAELoader", "inputs": {}}}, {}, "workflow", "needs `vae_name`"),
        ({"6": {"class_type": "VAELoader", "inputs": {"vae_name": "tiny.safetensors"}}}, {"6.vae_name": "a"}, "inject",
         "no `a`"),
        ({"6": {"class_type": "FilmGrain", "inputs": {"image": "x"}}}, {"6.image": "y"}, "inject", "another node makes"),
    ],
)  # fmt: skip
def test_what_the_server_cannot_do_is_told(
    tmp_path: Path, change: dict[str, Any], inject: dict[str, Any], key: str, told: str
) -> None:
    with site(tmp_path, {**nodes(), **change}) as (place, _):
        (found,) = inspected(place, inject)
        assert found.key == key
        assert told in found.message
        assert found.remedy


def test_a_number_in_quotes_is_a_number_and_a_seed_may_be_any(tmp_path: Path) -> None:
    with site(tmp_path) as (place, _):
        assert inspected(place, {"1.width": "640", "2.fps": "23.976", "1.height": "{{ seed }}"}) == []


def test_an_output_has_to_be_a_node_that_saves(tmp_path: Path) -> None:
    with site(tmp_path) as (place, _):
        for output in ("1", "nobody"):
            (found,) = inspected(place, output=output)
            assert found.key == "output"


def test_an_unreadable_workflow_is_told_by_lint_too(tmp_path: Path) -> None:
    with site(tmp_path) as (place, _):
        (tmp_path / "templates/film.json").write_text('{"nodes": [], "links": []}')
        (found,) = inspected(place)
        assert found.key == "workflow"
        (tmp_path / "templates/film.json").unlink()
        (found,) = inspected(place)
        assert "cannot be read" in found.message


def test_without_its_server_lint_looks_into_the_lock(tmp_path: Path) -> None:
    with site(tmp_path) as (there, server):
        facts = examined(there)
        server.__exit__()
    with closing(Network()) as unused:
        place = replace(there, http=unused.connect(account(SERVICE, {"SHOTBUILD_COMFY_URL": server.url})))
        assert inspected(place, facts=facts) == []
        with pytest.raises(ProviderUnavailable):
            inspected(place)
        flow = nodes()
        flow["3"]["inputs"]["codec"] = "auto"
        (tmp_path / "templates/film.json").write_text(json.dumps(flow))
        (found,) = inspected(place, facts=facts)
        assert "another workflow" in found.message
        (tmp_path / "templates/film.json").write_text(json.dumps(with_custom_node()))
        (found,) = inspected(place, facts=facts)
        assert "no node `FilmGrain`" in found.message


def test_the_model_needs_a_file_below_templates() -> None:
    report = Report()
    MODEL.fields["workflow"].read(Scalar("pyproject.toml", True, PLACE), Reader(report, Tree(Path(__file__).parents[2])))
    (error,) = raised_by(report)
    assert "not below `templates/`" in error
    assert MODEL.files == ("workflow",)


def raised_by(report: Report) -> list[str]:
    with pytest.raises(SpecErrors) as raised:
        report.settle()
    return [error.message for error in raised.value.errors]


def test_a_token_that_is_refused_stops_the_provider() -> None:
    assert isinstance(SERVICE.fault(Reply(401, {}, b"")), KeyRefused)


# --- its page -----------------------------------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs/comfyui.md").read_text()


def test_every_setting_and_every_name_is_on_the_page() -> None:
    for name in (*MODEL.fields, *TOLD, "first_frame", "last_frame", "reference_4", "video", "mask", "sound"):
        assert f"`{name}`" in PAGE, name
    assert SERVICE.variable in PAGE
    assert KEY in PAGE
    assert SERVICE.address in PAGE


def test_what_the_page_shows_is_a_project(tmp_path: Path) -> None:
    shown = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    flow = {
        **nodes(),
        "3": {"class_type": "KSampler", "inputs": {"seed": 0, "steps": 20}},
        "6": {"class_type": "CLIPTextEncode", "_meta": {"title": "Prompt"}, "inputs": {"text": ""}},
        "7": {
            "class_type": "EmptyHunyuanLatentVideo",
            "_meta": {"title": "Latent"},
            "inputs": {"length": 49, "width": 640, "height": 360},
        },
        "8": {"class_type": "SaveWEBM", "_meta": {"title": "Video"}, "inputs": {"fps": 24.0, "filename_prefix": "x"}},
    }
    del flow["4"]
    files = {
        "shotbuild.yaml": shown[1],
        "specs/a.yaml": "shots: {sh010: {prompt: A boat.}}",
        "templates/wan.json": json.dumps(flow),
    }
    project = open_project(write_project(tmp_path / "film", files)).project
    settings = project.shots[0].settings
    workflow = load(tmp_path / "film/templates/wan.json")
    assert {node.kind for node, _ in map(workflow.place, bindings(settings))} == {
        "KSampler", "CLIPTextEncode", "EmptyHunyuanLatentVideo", "SaveWEBM",
    }  # fmt: skip
    assert list(SERVICE.objections("workflow", replace(wish({}), settings=settings))) == []


def test_a_workflow_that_feeds_itself_is_no_workflow() -> None:
    graph = nodes()
    first = next(iter(graph))
    last = next(name for name, node in graph.items() if any(isinstance(each, list) for each in node["inputs"].values()))
    graph[first]["inputs"]["again"] = [last, 0]
    graph[last]["inputs"]["from"] = [first, 0]
    with pytest.raises(Refusal, match="feeds itself") as caught:
        read(json.dumps(graph).encode())
    assert " → " in str(caught.value.cause)
