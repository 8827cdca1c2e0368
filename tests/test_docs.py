"""README, docs/ and CHANGELOG tell the truth: what they show runs, and every key, option, event and exit code is in them."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from PIL import Image

import shotbuild as api
from shotbuild import __version__, errors
from shotbuild.cli.app import COMMANDS, GROUPS, MODULES
from shotbuild.media.probe import probe
from shotbuild.media.profiles import PROFILES
from shotbuild.plan.choose import CHOICE_WORDS
from shotbuild.plugins import registry
from shotbuild.providers.diffusion.families import FAMILIES
from shotbuild.records import DECISIONS, Decision
from shotbuild.spec import fitting
from shotbuild.spec import format as written
from shotbuild.spec.events import decision_line
from shotbuild.spec.fitting import PROFILE_TABLE
from shotbuild.spec.sandbox import FILTERS, TEXT_FILTERS
from shotbuild.spec.tables import Key, Table
from shotbuild.stages.effects import EFFECTS
from shotbuild.takes.table import COLUMNS, CURRENT, FOREIGN, MISSING, REJECTED, STALE
from shotbuild.units import NTSC
from tests.e2e.conftest import Ran, shotbuild

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "shotbuild/README.md", *sorted(DOCS.glob("*.md"))]
PAGES += sorted((ROOT / "examples").glob("*/README.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def text(page: str) -> str:
    return (ROOT / page).read_text()


def blocks(page: str, language: str) -> list[str]:
    return [body for name, body in FENCE.findall(text(page)) if name == language]


def section(page: str, heading: str) -> str:
    """The text under a heading, up to the next great one; without fenced blocks, whose comments look like headings."""
    plain = FENCE.sub("", text(page))
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^## |\Z)", plain, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{page} has no section {heading!r}"
    return found[1]


def rows(of: str) -> dict[str, str]:
    """Table rows by the words in backquotes of their first column."""
    lines = re.findall(r"^ *\|(.+)\| *$", of, re.MULTILINE)
    return {name: line for line in lines for name in re.findall(r"`([^`]+)`", line.split("|")[0])}


# --- links, version, exit codes ----------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """The addresses that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        path = page.parent / file if file else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


def test_the_changelog_has_this_version() -> None:
    assert f"\n## {__version__}" in text("CHANGELOG.md")


def test_every_exit_code_is_documented() -> None:
    kinds = [errors.ShotbuildError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    listed = re.findall(r"^\| (\d+) \|", section("docs/guide.md", "Exit codes"), re.MULTILINE)
    assert set(map(int, listed)) == {kind.exit_code for kind in kinds} | {0, 4}


# --- the command line --------------------------------------------------------------------------------------------------


def commands(page: Path) -> Iterator[str]:
    """Every `shotbuild …` that a page shows to be typed: in blocks, in workflow steps and within sentences."""
    content = page.read_text()
    found = re.findall(r"^(?: {4,}|)(?:\$ |- run: |run: |.*&& )?(?:\S*/)?shotbuild ([a-z-].*)$", content, re.MULTILINE)
    found += re.findall(r"`shotbuild ([^`]+)`", content)
    for line in found:
        if not re.search(r"[\[…]", line) and line.split()[0] in COMMANDS | {"--version": ""}:
            yield line.split(" #")[0].strip()
        elif re.match(r"[a-z]+$", line.split()[0]):
            # A sentence that begins with the name of the program is no command; a wrong command in backquotes is.
            assert f"`shotbuild {line}`" not in content, line


def parser(name: str) -> "typer.core.TyperCommand":
    """Of a command, or of one in a group: `store ls`."""
    name, _, inner = name.partition(" ")
    module = import_module(f"shotbuild.cli.{MODULES.get(name, name)}")
    if name in GROUPS:
        group = typer.main.get_command(module.commands)
        return group.commands[inner] if inner else group
    app = typer.Typer(add_completion=False)
    app.command(name)(module.command)
    return typer.main.get_command(app)


def every_command() -> list[str]:
    groups = {name: import_module(f"shotbuild.cli.{name}").commands for name in GROUPS}
    inner = [f"{name} {each.name}" for name, group in groups.items() for each in group.registered_commands]
    alone = [name for name in COMMANDS if name not in GROUPS or groups[name].registered_callback is not None]
    return alone + inner


def called(words: list[str]) -> str:
    """The command that words call: that of a group, or the group itself."""
    return " ".join(words[:2]) if " ".join(words[:2]) in every_command() else words[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_is_shown_parses(page: Path) -> None:
    for line in commands(page):
        name, *arguments = shlex.split(line)
        if name in GROUPS and called([name, *arguments]) != name:
            name = f"{name} {arguments.pop(0)}"
        if name != "--version":
            parser(name).make_context(name, arguments)


def test_the_pages_show_commands() -> None:
    words = [line.split() for page in PAGES for line in commands(page)]
    shown = {called(line) for line in words}
    assert shown == {*every_command(), "--version"}


def test_every_option_of_every_command_is_in_the_guide() -> None:
    told = section("docs/guide.md", "Commands and options")
    lines = re.findall(r"^\|(.+)\|$", told, re.MULTILINE)
    for name in every_command():
        (row,) = [line for line in lines if re.search(rf"`{name}(`| [^a-z])", line.split("|")[0])]
        for option in parser(name).params:
            if option.name == "targets":
                assert "[TARGET…]" in row
            for word in option.opts:
                if option.name == "project":
                    assert f"`{word} DIR`" in told or f"`{word}`" in told
                elif word.startswith("-"):
                    assert re.search(rf"`{word}\b", row), f"{name} {word}"
    without_project = {name for name in every_command() if all(option.name != "project" for option in parser(name).params)}
    outside = {"init", "schema", "providers", "worker run", "worker collect"}
    assert without_project == outside, "the guide says which commands take no --project"


# --- the written format ------------------------------------------------------------------------------------------------

FORMAT, TITLING = "docs/format.md", "docs/titles.md"
PLACES: dict[tuple[str, str], list[Table]] = {
    (FORMAT, "The project file"): [
        written.PROJECT_TABLE,
        written.FORMAT_TABLE,
        written.PROVIDER_TABLE,
        written.DEFAULTS_TABLE,
        written.BUDGET.kind,
        written.STORE_TABLE,
    ],
    (FORMAT, "Shots"): [written.SHOT_TABLE],
    (FORMAT, "Sequences"): [
        written.SEQUENCE_TABLE,
        written.CLIP_TABLE,
        written.TRANSITION_TABLE,
        written.OVERLAY_TABLE,
        written.AUDIO_TABLE,
    ],
    (TITLING, "Titles"): [written.TITLE_TABLE],
    (TITLING, "Captions"): [replace(written.CAPTIONS_TABLE, keys=(written.CAPTION_FILE, written.OFFSET))],
    (FORMAT, "Deliverables"): [written.DELIVERABLE_TABLE],
    ("docs/profiles.md", "Keys of a profile"): [PROFILE_TABLE],
}
"""Page and heading → the tables that are told there. How captions are set is told with titles, which they are set like."""


def test_every_table_of_the_format_has_its_section() -> None:
    keys = {key.name for tables in PLACES.values() for table in tables for key in table.keys}
    assert {key.name for module in (written, fitting) for key in vars(module).values() if isinstance(key, Key)} <= keys


@pytest.mark.parametrize(("page", "heading"), PLACES)
def test_every_key_of_the_format_is_documented_with_its_default(page: str, heading: str) -> None:
    told = section(page, heading)
    documented = rows(told)
    for table in PLACES[page, heading]:
        for key in table.keys:
            assert f"`{key.name}`" in told, f"{table.what}: {key.name}"
            row = documented.get(key.name, "")
            if table is not written.DEFAULTS_TABLE:
                assert row, f"{table.what}: {key.name} has no row"
            if key.required:
                assert "required" in row or "has to be written" in row, f"{table.what}: {key.name}"
            if key.shown is not None and row:
                shown = str(key.shown).lower() if isinstance(key.shown, bool) else str(key.shown)
                assert shown in row, f"{table.what}: {key.name} is {shown}"


def test_every_setting_of_providers_and_stages_is_documented() -> None:
    documented = rows(section("docs/format.md", "Settings of `animatic`"))
    offered = registry()
    # What services take is too long for a page, and `shotbuild providers NAME MODEL` prints it.
    tables = [model.fields for model in offered.providers["animatic"].models.values()]
    tables += [entry.fields for entry in offered.stages.values() if entry.fields is not None]
    for name, field in [item for table in tables for item in table.items()]:
        assert name in documented
        words = getattr(field.kind, "words", ()) or ()
        assert all(f"`{word}`" in documented[name] for word in words), name
        assert field.default is None or f"`{field.default}`" in documented[name], name


def test_every_setting_of_a_command_is_documented() -> None:
    told = text("docs/command.md")
    for model in registry().providers["command"].models.values():
        assert all(f"`{name}`" in told for name in model.fields)


def test_every_model_and_setting_of_diffusers_is_documented_with_its_default() -> None:
    lines = text("docs/diffusers.md").splitlines()
    documented = {line.split("|")[1].strip(): line for line in lines if line.startswith("| `")}
    for family in FAMILIES.values():
        row = documented[f"`{family.name}`"]
        assert family.pipeline in row, family.name
        assert (f"{family.step}n + 1" if family.step > 1 else f"1 to {family.most}") in row, family.name
        assert f"multiples of {family.side} " in row, family.name
        said = registry().providers["diffusers"].models[family.name].fields
        for name, field in said.items():
            words = getattr(field.kind, "words", ())
            assert all(f"`{word}`" in documented[f"`{name}`"] for word in words), name
            plain = str(field.default).lower() if isinstance(field.default, bool) else field.default
            if name != "guidance" and isinstance(plain, str | int) and plain:
                assert f"`{plain}`" in documented[f"`{name}`"], (family.name, name)
        assert f"`{family.guidance}`" in documented["`guidance`"], family.name


def test_every_profile_is_listed_and_described_as_it_is() -> None:
    listed = section("docs/format.md", "Deliverables")
    described = rows(section("docs/profiles.md", "Built-in profiles"))
    for profile in PROFILES.values():
        assert f"`{profile.name}`" in listed
        row = described[profile.name]
        assert profile.about in row, profile.name
        if profile.kind == "film":
            assert f".{profile.extension}; {profile.video.text('codec')}" in row, profile.name
        assert profile.size is None or str(profile.size) in row, profile.name
        assert profile.height is None or f"at most {profile.height} rows" in row, profile.name
        if profile.kind == "film" and profile.video.get("crf") is not None:
            assert f"crf {profile.video.get('crf')}" in row, profile.name
        bitrate = profile.sound.get("bitrate")
        assert bitrate is None or f"{profile.sound.text('codec')} {bitrate}" in row, profile.name


def test_every_filter_and_rate_is_documented() -> None:
    told = text("docs/format.md")
    for word in (*FILTERS, *TEXT_FILTERS, *NTSC, "join", "replace"):
        assert f"`{word}`" in told, word


def test_every_effect_is_named_where_shots_are_written() -> None:
    told = section("docs/format.md", "Finishing stages")
    assert [name for name in EFFECTS if f"`{name}`" not in told] == []


def test_the_examples_of_the_format_load_as_one_project(tmp_path: Path) -> None:
    project, *specs = [block for block in blocks("docs/format.md", "yaml") if not block.startswith("finish:")]
    (tmp_path / "specs").mkdir()
    (tmp_path / "shotbuild.yaml").write_text(project)
    for number, block in enumerate(specs):
        (tmp_path / f"specs/{number}.yaml").write_text(block)
    (tmp_path / "assets").mkdir()
    Image.new("RGB", (64, 36)).save(tmp_path / "assets/hand.png")
    shutil.copy(ROOT / "examples/plates/assets/tide.mp4", tmp_path / "assets/harbour.mov")
    shutil.copy(ROOT / "assets/sea.flac", tmp_path / "assets/sea.wav")
    shutil.copytree(ROOT / "templates", tmp_path / "templates")
    (tmp_path / "templates/exterior.txt.j2").write_text("{{ place }} at {{ light }}")
    found = shotbuild(tmp_path, "lint")
    assert found.code == 0, found.err


# --- the README --------------------------------------------------------------------------------------------------------


def readme_spec() -> str:
    (spec,) = blocks("README.md", "yaml")
    return spec


def delivered(root: Path, spec: str) -> Ran:
    root.mkdir()
    (root / "shotbuild.yaml").write_text(spec)
    ran = shotbuild(root, "deliver", "--json")
    assert ran.code == 0, ran.out + ran.err
    files = sorted(path.relative_to(root / "out/sequences/opening").as_posix() for path in (root / "out").rglob("*.*"))
    assert files == sorted(
        ["master.mov", "master.report.html", "master.report.json", "web.mp4", "web.report.html", "web.report.json"]
    )
    return ran


def test_the_spec_of_the_readme_is_twenty_lines_and_builds_made_small(tmp_path: Path) -> None:
    spec = readme_spec()
    assert len(spec.splitlines()) == 20
    root = tmp_path / "lighthouse"
    delivered(root, spec.replace("1280x720", "128x72").replace("4s", "1s"))
    assert probe(root / "out/sequences/opening/web.mp4").video.frames == 24 + 24 - 12 - 12 + 24
    # "Change one word of one prompt, and `plan` names exactly the steps that will run. Change it back, and nothing runs."
    before = (root / "shotbuild.yaml").read_text()
    (root / "shotbuild.yaml").write_text(before.replace("at dusk", "at night"))
    planned = json.loads(shotbuild(root, "plan", "--json").out)["steps"]
    told = {step["name"] for step in planned if step["state"] != "cached"}
    steps = ("", "/sh010", "/sh010+sh020", "/measure", "/report")
    assert told == {"sh010/t1", *(f"opening/{name}{step}" for name in ("web", "master") for step in steps)}
    # A build runs no more than the plan says; less, where a step gives the same bytes as before.
    ran = shotbuild(root, "build", "--json").steps
    assert {"sh010/t1", "opening/web"} <= ran <= told
    (root / "shotbuild.yaml").write_text(before)
    assert shotbuild(root, "build", "--json").summary["ran"] == 0


@pytest.mark.slow
def test_the_spec_of_the_readme_builds_as_it_is(tmp_path: Path) -> None:
    delivered(tmp_path / "lighthouse", readme_spec())
    assert probe(tmp_path / "lighthouse/out/sequences/opening/web.mp4").video.frames == 96 + 96 - 12 - 12 + 96


def test_the_picture_of_the_readme_is_there_and_small() -> None:
    picture = DOCS / "pictures/opening.png"
    assert picture.stat().st_size <= 400_000
    with Image.open(picture) as image:
        assert 1400 <= image.width <= 1600


# --- the guide ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def film(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "my-film"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `shotbuild init` writes, made small, in Git, built, and then edited."""
    folder = tmp_path_factory.mktemp("guide")
    assert shotbuild(folder, "init", "my-film").code == 0
    root = folder / "my-film"
    settings = (root / "shotbuild.yaml").read_text()
    (root / "shotbuild.yaml").write_text(settings.replace("1280x720", "128x72").replace("3s", "1s"))
    specs = (root / "specs/opening.yaml").read_text()
    (root / "specs/opening.yaml").write_text(specs.replace("    title: ", "    tags: [exterior]\n    title: ", 1))
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "The film"]):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)
    assert shotbuild(root, "build").code == 0
    specs = (root / "specs/opening.yaml").read_text()
    (root / "specs/opening.yaml").write_text(specs.replace("climbs", "runs up"))
    return root


def test_init_writes_what_the_guide_says(film: Path) -> None:
    assert (film / ".gitignore").read_text().split() == [".shotbuild/", "out/"]
    assert (film / ".gitattributes").read_text() == "takes/*.jsonl merge=union\n"
    assert (film / "shotbuild.schema.json").is_file()


def test_every_target_of_the_guide_means_something(film: Path) -> None:
    told = [name for name in rows(section("docs/guide.md", "Targets")) if name not in ("new", "cached")]
    expressions = [shlex.split(name)[0] for name in told if name not in ("+x", "x+", "expression")]
    assert len(expressions) >= 9
    assert shotbuild(film, "approve", "sh010", "--by", "a").code == 0
    for expression in [*expressions, "status:cached", "+opening/web", "sh020+"]:
        assert api.open(film).plan([expression]).lines, expression


INNER = ("a", "b", "pictures", "proof", "handles", "frames")
"""Fields of documents that are tables with fields of their own."""


@pytest.mark.slow
def test_the_json_of_commands_is_as_documented(film: Path) -> None:
    documented = rows(section("docs/guide.md", "JSON"))
    records = rows(section("docs/on-disk.md", "Records of takes"))
    saying = ["--by", "Ann Lee <ann@studio.example>"]
    assert shotbuild(film, "deliver").code == 0
    shutil.copy(film / "out/sequences/opening/preview.mp4", film / "clip.mp4")
    calls = [["plan"], ["status"], ["explain", "sh020"], ["lint"], ["doctor"], ["takes"], ["takes", "--history"]]
    calls += [["approve", "sh020", "t1", *saying], ["note", "sh020", "good", *saying], ["diff", "sh010", "sh020"]]
    calls += [["why", "out/sequences/opening/web.mp4"], ["import", "clip.mp4", "--as", "sh030", *saying]]
    calls += [["audit"], ["store", "ls"], ["store", "check"], ["store", "sweep"]]
    calls += [["export", "frames", "sh010", "--to", "frames"], ["import", "frames/sh010", *saying]]
    calls += [["archive", "opening", "--to", "opening.tar"], ["archive", "verify", "opening.tar"]]
    for call in calls:
        found = document(film, *call, "--json")
        schema = found.pop("schema")
        row = documented[schema] + documented["choices"] + "".join(ledger_rows().values())
        for name, value in found.items():
            assert f"`{name}`" in documented[schema], f"{schema}: {name}"
            first = (
                value[0]
                if isinstance(value, list) and value
                else value
                if isinstance(value, dict) and name in INNER
                else None
            )
            for field in first if isinstance(first, dict) else ():
                assert f"`{field}`" in row, f"{schema}: {name}: {field}"
    for take in ("sh020 t1", "sh030 t2"):
        found = document(film, "takes", take, "--request")
        row = records[found.pop("schema")]
        assert all(f"`{name}`" in row for name in found), found


def document(root: Path, *arguments: str) -> dict[str, Any]:
    ran = shotbuild(root, *arguments)
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    return found


def ledger_rows() -> dict[str, str]:
    page = "docs/on-disk.md"
    return rows(section(page, "Decisions in a ledger")) | rows(section(page, "`takes/<shot>.jsonl`"))


def test_every_kind_and_field_of_decisions_is_documented() -> None:
    told = rows(section("docs/on-disk.md", "Decisions in a ledger"))
    common = rows(section("docs/on-disk.md", "`takes/<shot>.jsonl`"))
    place = errors.Location(file="", line=1, column=1)
    said = Decision(id="", after=(), kind="", by="a", at="", location=place)
    full: dict[str, Any] = {
        "video": "0" * 64,
        "role": "a",
        "why": "a",
        "frames": (1, 2),
        "marks": ("pen 1,2",),
        "kept": "a",
        "was": "a",
        "now": "a",
        "of": ("a",),
    }
    assert full.keys() | {"id", "after", "kind", "by", "at", "location"} == {field.name for field in fields(Decision)}
    for kind in DECISIONS:
        assert kind in told, kind
        for name in json.loads(decision_line(replace(said, kind=kind, **full))):
            assert name in told or name in common, name


def test_every_word_and_column_of_takes_is_documented() -> None:
    told = section("docs/takes.md", "Takes as a table")
    for word in (*COLUMNS, CURRENT, FOREIGN, MISSING, REJECTED, STALE):
        assert f"`{word}`" in told, word
    for word in CHOICE_WORDS:
        assert f"`status:{word}`" in text("docs/takes.md"), word
        assert f"`{word}`" in section("docs/guide.md", "Targets"), word


def test_the_id_of_an_event_is_found_by_hand_as_the_page_says(film: Path) -> None:
    (line,) = re.findall(r"^ {4}(head -1 .+)$", section("docs/on-disk.md", "`takes/<shot>.jsonl`"), re.MULTILINE)
    found = subprocess.run(["sh", "-c", line], cwd=film, check=True, capture_output=True, text=True).stdout.strip()
    assert found == json.loads((film / "takes/sh010.jsonl").read_text().splitlines()[0])["id"]


@pytest.mark.slow
def test_the_story_of_takes_runs_as_it_is_told(tmp_path: Path) -> None:
    """Every command of the story ends well, and says what the page says, but for digests and seconds."""
    story = re.findall(r"^ {4}(.*)$", section("docs/takes.md", "From Tuesday to Thursday"), re.MULTILINE)
    starts = [number for number, line in enumerate(story) if line.startswith("$ ")]
    who = {"GIT_AUTHOR_NAME": "Ann Lee", "GIT_AUTHOR_EMAIL": "ann@studio.example"}
    who |= {"GIT_COMMITTER_NAME": "Ann Lee", "GIT_COMMITTER_EMAIL": "ann@studio.example"}
    folder = tmp_path
    for start, end in zip(starts, [*starts[1:], len(story)], strict=True):
        command, told = story[start][2:], [line for line in story[start + 1 : end] if line != "…"]
        name, *arguments = shlex.split(command)
        if name == "cd":
            folder = folder / arguments[0]
            settings = folder / "shotbuild.yaml"
            settings.write_text(settings.read_text().replace("1280x720", "128x72"))
            continue
        if command == "shotbuild plan":
            specs = folder / "specs/opening.yaml"
            specs.write_text(specs.read_text().replace("climbs", "runs up"))
        if name == "git":
            subprocess.run(["sh", "-c", command], cwd=folder, check=True, capture_output=True, env={**os.environ, **who})
            continue
        ran = shotbuild(folder, *arguments, env=who)
        assert ran.code == 0, command + ran.err
        if arguments[0] in ("note", "reject", "approve", "plan"):
            assert [plain(line) for line in told] == [plain(line) for line in ran.out.splitlines()]
        elif arguments[0] == "deliver":
            assert plain(told[-1]) == plain(ran.err.splitlines()[-1])
        elif arguments[0] == "roll":
            assert [plain(line) for line in told[:2]] == [plain(line) for line in ran.out.splitlines()]


def plain(line: str) -> str:
    return re.sub(r"@[0-9a-f]{8}|[0-9.]+ s$", "", line)


@pytest.mark.slow
def test_every_command_of_the_guides_targets_runs(film: Path) -> None:
    for line in re.findall(r"^ {4}shotbuild (.+)$", section("docs/guide.md", "Targets"), re.MULTILINE):
        ran = shotbuild(film, *shlex.split(line))
        assert ran.code == 0, line + ran.err
    assert shotbuild(film, "deliver", "sh020").code == 2


def test_the_events_of_a_build_are_as_documented(film: Path) -> None:
    documented = rows(section("docs/guide.md", "JSON"))
    events = shotbuild(film, "build", "--json").events
    specs = film / "specs/opening.yaml"
    specs.write_text(specs.read_text().replace("dawn", "noon"))
    refused = shotbuild(film, "build", "--json", "--frozen")
    assert refused.code == 3
    seen = {}
    for event in [*events, *refused.events]:
        seen[event["event"]] = event
        for field in event.keys() - {"event"}:
            assert f"`{field}`" in documented[event["event"]], f"{event['event']}: {field}"
    assert set(seen) == {"planned", "started", "finished", "failed", "skipped", "linked", "summary"}
    assert "waiting" in documented
    assert "warning" in documented


def test_the_events_of_a_delivery_are_as_documented(film: Path, tmp_path: Path) -> None:
    documented = rows(section("docs/guide.md", "JSON"))
    settings, specs = film / "shotbuild.yaml", film / "specs/opening.yaml"
    settings.write_text(settings.read_text() + "profiles: {tight: {base: preview, must: {max_bytes: 1}}}\n")
    written = specs.read_text()
    found = []
    for more, code in (("", 3), (", waive: {max_bytes: it is a test}", 0)):
        specs.write_text(f"{written}  tight: {{sequence: opening, profile: tight{more}}}\n")
        ran = shotbuild(film, "deliver", "--only", "tight", "--to", str(tmp_path / "package"), "--json")
        assert ran.code == code, ran.out + ran.err
        found += [event for event in ran.events if event["event"] in ("gate", "waived", "handed-over")]
    assert [event["event"] for event in found] == ["gate", "waived", "handed-over"]
    for event in found:
        for field in event.keys() - {"event"}:
            assert f"`{field}`" in documented[event["event"]], f"{event['event']}: {field}"
    sidecar = json.loads((tmp_path / "package/sequences/opening/tight.json").read_text())
    told = section("docs/delivery.md", "Sidecars")
    assert sidecar.pop("schema") == "shotbuild/sidecar/1"
    assert [name for name in sidecar if f"`{name}`" not in told] == []
    assert [name for row in sidecar["shots"] for name in row if f"`{name}`" not in told] == []
    report = json.loads((tmp_path / "package/sequences/opening/tight.report.json").read_text())
    told = section("docs/reports.md", "The report as JSON")
    assert [name for name in (*report, *report["names"], *report["verdicts"][0]) if f"`{name}`" not in told] == []


def test_the_python_of_the_guide_runs(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = blocks("docs/guide.md", "python")
    monkeypatch.chdir(film.parent)
    exec(compile(example, "docs/guide.md", "exec"), {})


def test_the_files_of_a_build_are_as_documented(film: Path) -> None:
    pages = text("docs/on-disk.md")
    ledger = (film / "takes/sh010.jsonl").read_text().splitlines()
    fields = rows(section("docs/on-disk.md", "`takes/<shot>.jsonl`"))
    for name, value in json.loads(ledger[-1]).items():
        assert name in fields, name
        for inner in value if isinstance(value, dict) and name != "inputs" else ():
            assert f"`{inner}`" in fields[name], f"{name}: {inner}"
    lock = json.loads((film / "shotbuild.lock").read_text())
    fields = rows(section("docs/on-disk.md", "`shotbuild.lock`"))
    assert set(fields) == set(lock)
    for name in ("version", "identity", "configuration", "architecture", "encoders"):
        assert f"`{name}`" in fields["tools"]
        assert name in lock["tools"]["ffmpeg"]
    for path in (film / ".shotbuild").iterdir():
        assert f"`{path.name}" in pages, path.name


def test_deleting_what_may_be_deleted_costs_what_the_page_says(film: Path) -> None:
    assert shotbuild(film, "build").code == 0

    def again() -> Ran:
        ran = shotbuild(film, "build", "--json")
        assert ran.code == 0, ran.err
        return ran

    shutil.rmtree(film / "out")
    (film / ".shotbuild/memory.json").unlink()
    (film / ".shotbuild/ffmpeg.json").unlink()
    for name in ("work", "locks"):
        shutil.rmtree(film / ".shotbuild" / name)
    ran = again()
    assert ran.summary["ran"] == 0
    assert any(event["event"] == "linked" for event in ran.events)
    shutil.rmtree(film / "takes")
    assert again().summary["ran"] == 0
    assert len(list((film / "takes").iterdir())) == 3
    shutil.rmtree(film / ".shotbuild/cache")
    ran = again()
    assert ran.summary["generated"] == 0
    assert ran.summary["ran"] > 0


def test_the_workflow_of_the_guide_is_yaml_and_freezes() -> None:
    (workflow,) = blocks("docs/guide.md", "yaml")
    steps = yaml.safe_load(workflow)["jobs"]["film"]["steps"]
    assert "shotbuild deliver --frozen" in [step.get("run") for step in steps]
