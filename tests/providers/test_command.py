"""Provider `command`: arguments that stay apart whatever is in them, programs that were allowed, and what they leave."""

import json
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shotbuild.errors import BadTake, Cancelled, Location, ProcessError, ProviderRefused
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media.probe import probe
from shotbuild.providers.command import MODELS, ROLES, TOLD, VARIABLE, Command, Names, allowed, arguments, words_of
from shotbuild.providers.interface import Request, Wish, Workplace, request_fields
from shotbuild.records import FREE, Fields, Format, fields
from shotbuild.spec.kinds import Reader
from shotbuild.spec.nodes import Listing, Scalar
from shotbuild.spec.report import Refusal, Report
from shotbuild.spec.tree import Tree
from shotbuild.units import parse_rate, parse_size
from tests.e2e.conftest import shotbuild
from tests.fakes import write_project
from tests.providers.driving import PNG, reference
from tests.servers.service import environment
from tests.testing.pages import ROOT
from tests.testing.programs import ARGV, program

HOSTILE = [
    "--out=/etc/passwd",
    "-rf /",
    "{seed} {prompt} {nothing} {0} {prompt.__class__}",
    "two\nlines \"quoted\" and 'quoted' $(id) `id` ; rm -rf / | cat > /tmp/x && true",
    r"\ back \\ slashes {{ }} %s %(x)s",
    "ümlaut 灯台 🎬",
    "",
]
PLACE = Location(file="shotbuild.yaml", line=3, column=7)


def settings(**said: Any) -> Fields:
    usual = {"argv": ARGV, "version": "1", "inputs": "", "sound": False, "deadline": 60, "environment": ""}
    return fields(**{**usual, **said})


def request(prompt: str = "A lighthouse at dawn.", **said: Any) -> Request:
    base = Request(
        project="film",
        shot="sh010",
        title="sh010",
        take=2,
        prompt=prompt,
        seed=7,
        frames=12,
        format=Format(size=parse_size("64x36"), rate=parse_rate("24000/1001"), color="bt709", pixels="yuv420p"),
        references=(),
        settings=settings(),
        recipe="ab" * 32,
        model="mp4",
    )
    return replace(base, **said)


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    folder = tmp_path / "own"
    folder.mkdir()
    return Workplace(ffmpeg=find_ffmpeg(None), folder=folder, cancel=threading.Event())


@pytest.fixture(autouse=True)
def allowed_program(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "bin"
    folder.mkdir()
    path = program(folder)
    with environment(**{VARIABLE: str(path)}):
        yield path


def told(workplace: Workplace, tmp_path: Path, wanted: Request, line: str = ARGV) -> Any:
    """What a program saw of its arguments and its environment."""
    seen = tmp_path / "seen.json"
    wanted = replace(wanted, settings=Fields(tuple({**dict(wanted.settings), "argv": f"{line} --told={seen}"}.items())))
    Command().make(wanted, workplace, tmp_path / "take.mp4")
    return json.loads(seen.read_text())


# --- arguments ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", HOSTILE)
def test_a_prompt_stays_one_argument_whatever_is_in_it(workplace: Workplace, tmp_path: Path, prompt: str) -> None:
    seen = told(workplace, tmp_path, request(prompt))
    assert seen["argv"][:5] == [f"--prompt={prompt}", "--frames=12", "--size=64x36", "--rate=24000/1001", seen["argv"][4]]
    assert probe(tmp_path / "take.mp4").video.frames == 12


def test_words_are_split_before_names_are_replaced() -> None:
    words = words_of("""run.py '{prompt} here' --x="{seed} {take}" {out} '{"a": {seed}}'""")
    assert words == ("run.py", "{prompt} here", "--x={seed} {take}", "{out}", '{"a": {seed}}')
    values = {"prompt": "{seed}' \" --out", "seed": "7", "take": "2", "out": "/o"}
    assert arguments(words[1:], values) == ["{seed}' \" --out here", "--x=7 2", "/o", '{"a": 7}']


def test_an_argument_of_an_input_that_is_not_there_is_left_out() -> None:
    assert arguments(("--first={first_frame}", "{out}"), {"out": "o"}) == ["o"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("render.py --prompt={prompt}", "`{out}` is missing"),
        ("render.py {promt} {out}", "no program is told {promt}"),
        ("render.py '{out}", "these arguments cannot be told apart"),
        ("render.py {out} \\", "these arguments cannot be told apart"),
        ("", "cannot be the name of a program"),
        ("./render.py {out}", "cannot be the name of a program"),
        ("/bin/sh -c {out}", "cannot be the name of a program"),
        ("{prompt} {out}", "cannot be the name of a program"),
        ("{out}", "cannot be the name of a program"),
    ],
)
def test_a_line_that_cannot_be_is_refused(line: str, said: str) -> None:
    with pytest.raises(Refusal) as caught:
        words_of(line)
    assert said in caught.value.message
    assert caught.value.hint


def test_a_wrong_line_is_a_spec_error_with_its_place(tmp_path: Path) -> None:
    text = "shotbuild: 1\nproject: film\nproviders:\n  mine: {use: command, argv: 'render.py {promt} {out}', version: 1}\n"
    found = shotbuild(write_project(tmp_path / "film", {"shotbuild.yaml": text}), "lint")
    assert found.code == 2
    assert "shotbuild.yaml:4:30: error: no program is told {promt}" in found.err
    assert "did you mean `{prompt}`?" in found.err


def test_the_page_tells_every_setting_and_its_example_loads(tmp_path: Path) -> None:
    page = (ROOT / "docs/command.md").read_text()
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert set(rows) == set(MODELS["mp4"].fields)
    assert all(f"`{role}`" in page or role in ("reference_3",) for role in ROLES)
    assert all(f"`{{{name}}}`" in page for name in TOLD)
    (example,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    found = shotbuild(write_project(tmp_path / "film", {"shotbuild.yaml": example}), "lint")
    assert found.code == 0, found.err


def test_names_are_written_as_a_list_or_as_text() -> None:
    reader = Reader(Report(), Tree(Path.cwd()))
    one, two = Scalar("first_frame, mask?", False, PLACE), Scalar("mask?", False, PLACE)
    inputs = MODELS["mp4"].fields["inputs"]
    assert inputs.read(one, reader) == "first_frame mask?"
    assert inputs.read(Listing((two, Scalar("first_frame", False, PLACE)), PLACE), reader) == "first_frame mask?"
    assert not reader.report.found
    Names("variable").read(Scalar("A=1", False, PLACE), reader)
    inputs.read(Scalar("first_fram", False, PLACE), reader)
    assert reader.report.found


# --- which programs -----------------------------------------------------------------------------------------------------


def test_only_a_program_that_the_environment_names_is_run(tmp_path: Path) -> None:
    mine = program(tmp_path, name="mine.py")
    assert allowed("mine.py", {VARIABLE: f"/elsewhere/other.py{os.pathsep}{mine}"}) == mine
    assert allowed("mine.py", {VARIABLE: "mine.py", "PATH": str(tmp_path)}) == mine
    for environ in ({}, {VARIABLE: "/elsewhere/other.py"}, {"PATH": str(tmp_path)}, {VARIABLE: str(tmp_path)}):
        with pytest.raises(ProviderRefused, match="not among the programs"):
            allowed("mine.py", environ)


@pytest.mark.parametrize("name", ["sh", "python3", "env"])
def test_what_lies_on_path_is_not_run_unasked(name: str) -> None:
    with pytest.raises(ProviderRefused) as caught:
        allowed(name, {"PATH": os.environ["PATH"]})
    assert "not run unasked" in (caught.value.cause or "")


def test_a_relative_entry_or_path_leads_nowhere(tmp_path: Path) -> None:
    """They would lead into whichever project is built."""
    program(tmp_path, name="mine.py")
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        for environ in ({VARIABLE: "./mine.py"}, {VARIABLE: "mine.py", "PATH": "."}, {VARIABLE: "mine.py", "PATH": ""}):
            with pytest.raises(ProviderRefused):
                allowed("mine.py", environ)
    finally:
        os.chdir(here)


def test_a_file_that_cannot_be_run_is_said(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("")
    with pytest.raises(ProviderRefused, match="cannot be run"):
        allowed("mine.py", {VARIABLE: str(tmp_path / "mine.py")})


def test_a_cloned_project_runs_nothing_of_its_own(tmp_path: Path) -> None:
    text = (
        "shotbuild: 1\nproject: film\nformat: {size: 64x36, rate: 24}\ndefaults: {duration: 12f}\n"
        "providers:\n  mine: {use: command, version: 1, argv: 'evil.py {out}'}\n"
        "shots: {one: {prompt: x}}\nsequences: {film: {cut: [one]}}\n"
    )
    root = write_project(tmp_path / "film", {"shotbuild.yaml": text})
    program(root, "#!/bin/sh\ntouch ran\n", "evil.py")
    for env in ({VARIABLE: ""}, {VARIABLE: "", "PATH": f"{root}{os.pathsep}{os.environ['PATH']}"}):
        built = shotbuild(root, "build", env=env)
        assert built.code == 1
        assert f"export {VARIABLE}=/absolute/path/evil.py" in built.err
    assert not list(root.rglob("ran"))


# --- what it sees -------------------------------------------------------------------------------------------------------


def test_a_program_sees_few_variables_and_those_that_are_named(workplace: Workplace, tmp_path: Path) -> None:
    wanted = request(settings=settings(environment="STUDIO_TOKEN MISSING_ONE"))
    with environment(STUDIO_TOKEN="s3cret-token", RUNWAYML_API_SECRET="other", LANG="C.UTF-8"):
        seen = told(workplace, tmp_path, wanted)["environment"]
    # What Python and the system add by themselves, such as LC_CTYPE, is none of ours.
    assert set(seen) - {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"} <= {"PATH", "HOME", "LANG", "TMPDIR", "STUDIO_TOKEN"}
    assert seen["STUDIO_TOKEN"] == "s3cret-token"


def test_values_of_variables_are_in_no_recipe_no_receipt_and_no_error(workplace: Workplace, tmp_path: Path) -> None:
    wanted = request("fail", settings=settings(environment="STUDIO_TOKEN"))
    with environment(STUDIO_TOKEN="s3cret-token"):
        with pytest.raises(ProcessError) as caught:
            Command().make(wanted, workplace, tmp_path / "take.mp4")
        receipt = Command().make(replace(wanted, prompt="x"), workplace, tmp_path / "take.mp4")
    assert "s3cret" not in f"{caught.value.message} {caught.value.cause} {receipt} {request_fields(wanted)}"


def test_it_runs_in_a_folder_of_its_own_with_copies_of_its_inputs(workplace: Workplace, tmp_path: Path) -> None:
    first, mask = reference(tmp_path, "first_frame"), reference(tmp_path, "mask")
    wanted = request(
        references=(("first_frame", first), ("mask", mask)), settings=settings(inputs="first_frame mask? video?")
    )
    line = f"{ARGV} --first={{first_frame}}:{{mask}}"
    with pytest.raises(ProviderRefused, match="the input 'video' is never told"):
        told(workplace, tmp_path, wanted, line)
    wanted = replace(wanted, settings=settings(inputs="first_frame mask?"))
    seen = told(workplace, tmp_path, wanted, line)
    assert Path(seen["cwd"]) == workplace.folder.resolve()
    assert seen["here"] == ["first_frame.png", "mask.png"]
    assert seen["argv"][5] == f"--first={workplace.folder}/first_frame.png:{workplace.folder}/mask.png"
    assert (workplace.folder / "first_frame.png").read_bytes() == PNG + b"first_frame"
    assert not (workplace.folder / "first_frame.png").samefile(first)


def test_the_receipt_names_the_program_by_its_bytes_and_no_place_of_this_machine(
    workplace: Workplace, tmp_path: Path, allowed_program: Path
) -> None:
    receipt = Command().make(request(), workplace, tmp_path / "take.mp4")
    assert receipt.sent.get("argv") == (
        "render.py", "--prompt=A lighthouse at dawn.", "--frames=12", "--size=64x36", "--rate=24000/1001", "--out=take.mp4",
    )  # fmt: skip
    before = receipt.answered.text("program")
    allowed_program.write_text(allowed_program.read_text() + "\n")
    assert Command().make(request(), workplace, tmp_path / "take.mp4").answered.text("program") != before


# --- how it ends --------------------------------------------------------------------------------------------------------


def test_a_program_that_fails_is_told_with_the_end_of_all_that_it_said(workplace: Workplace, tmp_path: Path) -> None:
    with pytest.raises(ProcessError) as caught:
        Command().make(request("fail"), workplace, tmp_path / "take.mp4")
    assert caught.value.message == "render.py ended with exit code 3"
    assert caught.value.cause == "told to standard output\ntold to standard error: no token"


def test_a_file_that_is_no_program_is_told(workplace: Workplace, tmp_path: Path, allowed_program: Path) -> None:
    allowed_program.write_text("#!/no/such/interpreter\n")
    with pytest.raises(ProcessError) as caught:
        Command().make(request(), workplace, tmp_path / "take.mp4")
    assert "cannot be started" in caught.value.message
    assert "Traceback" not in (caught.value.cause or "")


@pytest.mark.parametrize("prompt", ["nothing", "link"])
def test_a_program_that_leaves_no_file_has_made_no_take(workplace: Workplace, tmp_path: Path, prompt: str) -> None:
    with pytest.raises(BadTake) as caught:
        Command().make(request(prompt), workplace, tmp_path / "take.mp4")
    assert "told to standard output" in (caught.value.cause or "")
    assert not (tmp_path / "take.mp4").exists()


def test_a_program_that_takes_too_long_is_stopped(workplace: Workplace, tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match=r"render\.py took longer than 1 s and was stopped"):
        Command().make(request("for ever", settings=settings(deadline=1)), workplace, tmp_path / "take.mp4")


def test_a_stopped_build_stops_the_program(workplace: Workplace, tmp_path: Path) -> None:
    threading.Timer(0.3, workplace.cancel.set).start()
    with pytest.raises(Cancelled, match=r"render\.py was stopped"):
        Command().make(request("for ever"), workplace, tmp_path / "take.mp4")


# --- what is asked before ------------------------------------------------------------------------------------------------


def test_objections_say_what_does_not_fit_together() -> None:
    line = f"{ARGV} --first={{first_frame}}"

    def keys(given: tuple[str, ...] = (), prompt: str = "x", **said: Any) -> list[str]:
        look = parse_size("64x36"), parse_rate("24")
        shape = Format(size=look[0], rate=look[1], color="bt709", pixels="yuv420p")
        wish = Wish(prompt=prompt, seconds=look[1], format=shape, references=given, settings=settings(**said))
        return [objection.key for objection in Command().objections("mp4", wish)]

    assert keys() == []
    assert keys(argv=line) == ["argv"]
    assert keys(inputs="mask?") == ["inputs"]
    assert keys(argv=line, inputs="first_frame") == ["references"]
    assert keys(argv=line, inputs="first_frame?") == []
    assert keys(("first_frame",), argv=line, inputs="first_frame") == []
    assert keys(("first_frame", "mask"), argv=line, inputs="first_frame") == ["references"]
    assert keys(prompt="a\0b") == ["prompt"]


def test_it_is_free_and_says_whether_it_has_sound() -> None:
    assert Command().price("mp4", Fields()) == FREE
    assert Command().has_sound("mp4", settings(sound=True))
    assert not Command().has_sound("mp4", settings())


# --- a whole build ------------------------------------------------------------------------------------------------------


def test_a_film_is_made_by_a_program_and_only_a_new_version_makes_it_again(tmp_path: Path, allowed_program: Path) -> None:
    text = (
        "shotbuild: 1\nproject: film\nformat: {size: 128x72, rate: 24}\ndefaults: {duration: 12f}\n"
        f"providers:\n  mine: {{use: command, version: 1, argv: '{ARGV}'}}\n"
        "shots: {one: {prompt: '{out} --frames=1'}, two: {prompt: The sea.}}\n"
        "sequences: {film: {cut: [one, two]}}\ndeliverables: {web: {sequence: film, profile: h264-web}}\n"
    )
    root = write_project(tmp_path / "film", {"shotbuild.yaml": text})
    env = {VARIABLE: str(allowed_program)}
    built = shotbuild(root, "deliver", "--json", env=env)
    assert built.code == 0, built.out + built.err
    assert probe(root / "out/sequences/film/web.mp4").video.frames == 24
    assert shotbuild(root, "deliver", "--json", env={VARIABLE: ""}).summary["ran"] == 0, "what is made needs no program"
    (root / "shotbuild.yaml").write_text(text.replace("version: 1,", "version: 2,"))
    assert shotbuild(root, "deliver", "--json", env=env).summary["generated"] == 2
    (root / "shotbuild.yaml").write_text(text.replace("--frames={frames}", "--frames=5"))
    wrong = shotbuild(root, "build", env=env)
    assert wrong.code == 1
    assert "the take is not what was asked for" in wrong.err
