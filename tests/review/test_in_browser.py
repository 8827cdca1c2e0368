"""The page in a real browser: the frame shown is the frame named, and what is decided there is what the command decides."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install 'shotbuild[test]'")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.review.browsing import (
    ALL,
    ANN,
    READ,
    browser_program,
    browsing,
    enter,
    events,
    numbered,
    seeks,
    served,
    shotbuild,
    shown,
    until,
    wait_for_films,
)

pytestmark = pytest.mark.skipif(browser_program() is None, reason="there is no Chromium on this machine")

RATES = {"r24": Fraction(24), "r25": Fraction(25), "r23": Fraction(24000, 1001), "r60": Fraction(60)}
FRAMES = 60
HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(2)> "quoted" & \u202eright to left'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films of numbered frames at four rates, of one of them four takes; and a cut with a dissolve and a trim."""
    root = tmp_path_factory.mktemp("numbers") / "film"
    (root / "specs").mkdir(parents=True)
    (root / "shotbuild.yaml").write_text(
        "shotbuild: 1\nproject: numbers\nformat: {size: 320x180, rate: 24}\ndefaults: {duration: 60f}\n"
    )
    shots = "".join(f"  {name}: {{prompt: A lighthouse.}}\n" for name in RATES)
    cuts = "  cut:\n    cut:\n      - {shot: r24, in: 10f, out: 40f}\n      - {shot: next, transition: {dissolve: 8f}}\n"
    (root / "specs/a.yaml").write_text(f"shots:\n{shots}  next: {{prompt: A boat.}}\nsequences:\n{cuts}")
    for name, rate in RATES.items():
        for take in range(4 if name == "r24" else 1):
            clip = numbered(root.parent / f"{name}{take}.mp4", FRAMES, rate, 40 + 40 * take)
            shotbuild(root, "import", str(clip), "--as", name)
        shotbuild(root, "pick", name, "t1", "--by", ANN)
    shotbuild(root, "import", str(numbered(root.parent / "next.mp4", FRAMES, Fraction(24), 200)), "--as", "next")
    shotbuild(root, "pick", "next", "t1", "--by", ANN)
    return root


@pytest.fixture(scope="module")
def address(numbers: Path) -> Iterator[str]:
    with served(numbers) as found:
        yield found


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A film of its own, with two takes of each shot."""
    root = tmp_path / "film"
    (root / "specs").mkdir(parents=True)
    (root / "shotbuild.yaml").write_text(
        "shotbuild: 1\nproject: film\nformat: {size: 320x180, rate: 24}\ndefaults: {duration: 8f}\n"
    )
    (root / "specs/a.yaml").write_text(
        "shots:\n  sh010: {prompt: A lighthouse., takes: 2}\n  sh020: {prompt: A boat., takes: 2}\n"
        "sequences:\n  opening: {cut: [sh010, sh020]}\ndeliverables:\n  web: {sequence: opening, profile: h264-web}\n"
    )
    shotbuild(root, "build", "sh010", "sh020")
    return root


def press(page: Page, deed: str) -> None:
    """Presses a button and waits until the page has heard what became of it."""
    with page.expect_response(lambda answer: f"/api/{deed}" in answer.url) as answer:
        page.click(f"[data-deed={deed}]")
    assert answer.value.status == 200, answer.value.text()


# --- frames -----------------------------------------------------------------------------------------------------------


def test_each_step_shows_the_next_frame_of_every_take(browser: Browser, address: str) -> None:
    page = enter(browser, address, "/shot/r24")
    wait_for_films(page)
    assert page.locator(".screen").count() == 4
    shown(page, 0)
    for frame in range(1, 30):
        page.keyboard.press("ArrowRight")
        until(page, f"document.querySelector('#player').dataset.frame === '{frame}'")
        assert page.evaluate(ALL) == [frame] * 4
    page.keyboard.press("ArrowLeft")
    until(page, "document.querySelector('#player').dataset.frame === '28'")
    assert page.evaluate(ALL) == [28] * 4


@pytest.mark.parametrize("name", list(RATES))
def test_the_frame_shown_is_the_frame_named(browser: Browser, address: str, name: str) -> None:
    page = enter(browser, address, f"/shot/{name}")
    wait_for_films(page)
    for frame in (0, FRAMES - 1, *seeks(FRAMES, 20, 7)):
        shown(page, frame)
        assert set(page.evaluate(ALL)) == {frame}


def test_takes_that_play_are_always_on_the_same_frame(browser: Browser, address: str) -> None:
    page = enter(browser, address, "/shot/r24")
    wait_for_films(page)
    shown(page, 0)
    seen = page.evaluate(
        """async () => {
          const read = () => ALL, player = document.querySelector("#player"), seen = [];
          player.play(1);
          const end = performance.now() + 4000;
          while (performance.now() < end) {
            await new Promise(requestAnimationFrame);
            seen.push([Number(player.dataset.frame), ...read()]);
          }
          player.pause();
          return seen;
        }""".replace("ALL", ALL)
    )
    assert [each for each in seen if len(set(each)) != 1] == []
    assert len({each[0] for each in seen}) > 10  # it did play


def test_wipe_difference_and_sheet(browser: Browser, address: str) -> None:
    page = enter(browser, address, "/shot/r24")
    wait_for_films(page)
    shown(page, 21)
    page.click("text=Wipe")
    until(page, "document.querySelector('#player').dataset.view === 'wipe'")
    shown(page, 22)
    shade = "(x) => document.querySelector('.screen canvas').getContext('2d').getImageData(x, 150, 1, 1).data[0]"
    left, right = page.evaluate(f"[20, 300].map({shade})")
    assert abs(left - right) > 20  # one take on each side
    assert page.evaluate(ALL) == [22]
    page.click("text=Difference")
    shown(page, 23)
    black = "(y) => document.querySelector('.screen canvas').getContext('2d').getImageData(100, y, 1, 1).data[0]"
    upper, lower = page.evaluate(f"[40, 150].map({black})")
    assert upper < 40 < lower  # the numbers are the same, the shades are not
    page.click("text=Sheet")
    page.click(".cells button >> nth=3")
    until(page, "document.querySelector('#player').dataset.view === 'side'")
    until(page, "document.querySelector('#player').dataset.frame === '10'")  # (2*3+1)*60 // 40
    assert page.evaluate(ALL) == [10] * 4


def test_in_the_cut_the_neighbours_follow_on(browser: Browser, address: str) -> None:
    page = enter(browser, address, "/shot/next")
    wait_for_films(page)
    page.click("text=In the cut")
    until(page, "document.querySelector('#player').dataset.view === 'context'")
    page.keyboard.press("Home")
    until(page, "document.querySelector('#player').dataset.part === 'before'")
    first = page.evaluate(ALL)[0]
    page.keyboard.press("ArrowRight")
    until(page, f"document.querySelector('.screen canvas').dataset.frame === '{-23}'")
    assert (first, page.evaluate(ALL)[0]) == (16, 17)  # the last second of what the cut has of it, up to frame 39
    shown(page, 5)
    assert page.evaluate(ALL) == [5]


def test_a_cut_shows_the_frames_that_the_build_would_encode(browser: Browser, address: str) -> None:
    page = enter(browser, address, "/sequence/cut")
    wait_for_films(page, "#cut")
    canvas = "document.querySelector('.screen canvas')"
    for frame, number in ((0, 10), (21, 31), (22 + 8, 8), (22 + 20, 20)):
        shown(page, frame, "#cut")
        assert page.evaluate(f"({READ})({canvas})") == number, frame
    lower = f"{canvas}.getContext('2d').getImageData(20, 150, 1, 1).data[0]"
    shades = []
    for frame in range(21, 31):
        shown(page, frame, "#cut")
        shades.append(page.evaluate(lower))
    assert shades == sorted(shades)
    assert shades[-1] - shades[0] > 60  # it goes over from the one to the other


# --- decisions --------------------------------------------------------------------------------------------------------


def test_what_is_approved_is_what_the_next_build_uses(browser: Browser, film: Path) -> None:
    shotbuild(film, "deliver")
    before = (film / "out/sequences/opening/web.mp4").read_bytes()
    with served(film) as address:
        page = enter(browser, address)
        page.click("#card-sh010")
        wait_for_films(page)
        page.click("#takes [data-show] >> nth=0")
        assert page.inner_text("#focus") == "t1"
        page.keyboard.press("a")
        page.wait_for_selector("#shot-head .chip.approved")
    said = shotbuild(film, "deliver", "--json")
    assert '"generated": 0' in said
    assert (film / "out/sequences/opening/web.mp4").read_bytes() != before
    assert '"number": 1' in shotbuild(film, "status", "sh010", "--json")


def plain(event: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in event.items() if name not in ("id", "at", "after")}


def test_each_deed_gives_the_event_that_the_command_gives(browser: Browser, film: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(film, other)
    with served(film) as address:
        page = enter(browser, address, "/shot/sh010")
        wait_for_films(page)
        page.click("#takes [data-show] >> nth=1")
        press(page, "pick")
        shown(page, 3)
        page.click("[aria-label='Draw: box']")
        box = page.locator(".screen .marks").first.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=3)
        page.mouse.up()
        page.fill("#why", "the horizon")
        press(page, "note")
        page.click("#takes [data-show] >> nth=0")
        page.fill("#why", "too dark")
        page.check("#pointed")
        page.fill("#from", "2")
        page.fill("#to", "5")
        press(page, "reject")
        press(page, "reopen")
        page.click("#takes [data-show] >> nth=1")
        press(page, "approve")
        page.goto(page.url.replace("/shot/sh010", "/shot/sh020"))
        wait_for_films(page)
        press(page, "pick")
        page.goto(page.url.replace("/shot/sh020", "/sequence/opening"))
        press(page, "approve-sequence")
    (mark,) = next(event["marks"] for event in events(film, "sh010") if "marks" in event)  # type: ignore[misc]
    by = ("--by", ANN)
    shotbuild(other, "pick", "sh010", "t2", *by)
    shotbuild(other, "note", "sh010", "t2", "the horizon", "--frames", "3", "--mark", str(mark), *by)
    shotbuild(other, "reject", "sh010", "t1", "--why", "too dark", "--frames", "2-5", *by)
    shotbuild(other, "reopen", "sh010", *by)
    shotbuild(other, "approve", "sh010", "t2", *by)
    shotbuild(other, "pick", "sh020", "t2", *by)
    shotbuild(other, "approve", "--sequence", "opening", *by)
    for shot in ("sh010", "sh020"):
        here, there = events(film, shot), events(other, shot)
        assert [plain(event) for event in here] == [plain(event) for event in there]


def test_of_two_browsers_that_decide_at_once_one_is_told(browser: Browser, film: Path) -> None:
    with served(film) as address:
        ann, mia = (enter(browser, address, "/shot/sh010") for _ in range(2))
        for page in (ann, mia):
            wait_for_films(page)
        mia.evaluate("window.EventSource = null")
        ann.click("#takes [data-show] >> nth=0")
        mia.click("#takes [data-show] >> nth=1")
        heads = mia.get_attribute("#decide", "data-heads")
        press(ann, "approve")
        # Before the page has heard of it.
        mia.evaluate("(heads) => { document.querySelector('#decide').dataset.heads = heads; }", heads)
        with mia.expect_response(lambda answer: "/api/approve" in answer.url) as answer:
            mia.evaluate("document.querySelector('[data-deed=approve]').click()")
        assert answer.value.status == 409
        mia.wait_for_selector(".toast.bad")
        assert "approve" in mia.inner_text(".toast.bad")
        mia.wait_for_selector("#shot-head .chip.approved")
    approvals = [event for event in events(film, "sh010") if event["event"] == "approve"]
    assert len(approvals) == 1


@pytest.mark.slow
def test_a_build_beside_it_is_followed(browser: Browser, film: Path) -> None:
    with served(film) as address:
        page = enter(browser, address)
        assert page.get_attribute("#card-sh010", "data-state") == "to-review"
        (film / "specs/b.yaml").write_text("shots:\n  sh030: {prompt: A storm., duration: 30s, takes: 3}\n")
        page.wait_for_selector("#card-sh030[data-state=missing]")
        build = subprocess.Popen(
            [sys.executable, "-m", "shotbuild", "build", "sh030", "--project", str(film)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            page.wait_for_selector("#build:not([hidden]) .run", timeout=60_000)
            assert "build" in page.inner_text("#build .run")
            page.wait_for_selector("#card-sh030[data-state=to-review]", timeout=120_000)
        finally:
            build.wait(120)


@pytest.mark.slow
def test_more_takes_are_made_once_their_price_is_confirmed(browser: Browser, film: Path) -> None:
    with served(film) as address:
        page = enter(browser, address, "/shot/sh010")
        wait_for_films(page)
        page.fill("#count", "2")
        page.click("#price")
        page.wait_for_selector("#confirm:not([hidden])")
        assert "2 takes of sh010: free" in page.inner_text("#priced")
        page.click("#confirm")
        until(page, "document.querySelector('#takes').dataset.takes.split(' ').length === 4")
    assert {event["number"] for event in events(film, "sh010") if event["event"] == "take"} == {1, 2, 3, 4}


# --- looks and safety -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_text_of_people_is_text_on_every_page(browser: Browser, film: Path) -> None:
    quoted = HOSTILE.replace('"', '\\"').replace("\u202e", "\\u202e")
    (film / "specs/b.yaml").write_text(f'shots:\n  sh030: {{title: "{quoted}", prompt: "{quoted}", tags: [x]}}\n')
    shotbuild(film, "build", "sh030")
    shotbuild(film, "note", "sh030", "t1", HOSTILE, "--frames", "1", "--by", "<b>Eve</b> <eve@x.example>")
    asked: list[str] = []
    errors: list[str] = []
    with served(film) as address:
        page = enter(browser, address)
        base = address.split("/enter/")[0]
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: errors.append(dialog.message))
        page.on(
            "console", lambda said: errors.append(said.text) if "503" not in said.text and said.type == "error" else None
        )
        for path in ("/", "/shot/sh030", "/sequence/opening", "/spending", "/?q=%3Cscript%3E&state=%22%3E%3Cb%3E"):
            page.goto(base + path)
            page.wait_for_timeout(500)
            assert page.evaluate("document.querySelectorAll('main img[onerror], main script:not([type])').length") == 0
        page.goto(f"{base}/shot/sh030")
        assert HOSTILE.split("\u202e", maxsplit=1)[0] in page.inner_text("#remarks")
    assert errors == []
    assert [url for url in asked if not url.startswith((base, "data:"))] == []


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/shot/r24", "/sequence/cut", "/spending"])
def test_axe_finds_nothing_serious(browser: Browser, address: str, path: str, theme: str) -> None:
    page = enter(browser, address, path, color_scheme=theme)
    page.wait_for_timeout(600)
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    assert [
        (each["id"], each["nodes"][0]["html"][:200]) for each in found if each["impact"] in ("serious", "critical")
    ] == []
    page.set_viewport_size({"width": 820, "height": 1180})
    assert page.evaluate("document.documentElement.scrollWidth") <= 820


def test_the_board_is_walked_by_keys(browser: Browser, address: str) -> None:
    page = enter(browser, address)
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "card-r24"
    page.keyboard.press("ArrowRight")
    second = page.evaluate("document.activeElement.id")
    assert second not in ("", "card-r24")
    page.keyboard.press("/")
    page.keyboard.type("boat")
    assert page.locator(".groups .card:visible").count() == 1
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert page.locator(".groups .card:visible").count() == 5
    page.keyboard.press("?")
    assert page.locator("#help[open]").count() == 1
    page.keyboard.press("Escape")
    page.keyboard.press("w")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.wait_for_url("**/shot/*")


def test_a_report_plays_without_a_server(browser: Browser, numbers: Path, tmp_path: Path) -> None:
    shotbuild(numbers, "report", "--to", str(tmp_path / "report"))
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"file://{tmp_path}/report/index.html")
    page.click("#card-r24")
    wait_for_films(page)
    shown(page, 17)
    page.evaluate("document.querySelector('#player').play(1)")
    time.sleep(1.0)
    assert int(page.get_attribute("#player", "data-frame") or "0") > 20
    page.goto(f"file://{tmp_path}/report/sequences/cut.html")
    wait_for_films(page, "#cut")
    shown(page, 25, "#cut")
    assert [url for url in asked if not url.startswith(f"file://{tmp_path}/report/")] == []
