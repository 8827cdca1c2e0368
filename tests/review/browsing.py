"""A real browser on the real server, films whose frames can be told apart by their pixels, and a project of them."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from playwright.sync_api import Browser, Error, Page, sync_playwright

BITS = 10
WIDTH, HEIGHT = 320, 180
OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
ANN = "Ann <ann@studio.example>"

READ = """(canvas) => {
  const context = canvas.getContext("2d"), wide = canvas.width / BITS;
  let number = 0;
  for (let bit = 0; bit < BITS; bit++) {
    const [red] = context.getImageData(Math.round((bit + 0.5) * wide), Math.round(canvas.height / 4), 1, 1).data;
    number = number * 2 + (red > 127 ? 1 : 0);
  }
  return number;
}""".replace("BITS", str(BITS))
"""The number of the frame that a canvas shows, by its pixels."""
ALL = f"[...document.querySelectorAll('.screen > canvas:first-child')].map({READ})"


def browser_program() -> str | None:
    """Chromium, where there is one."""
    return next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)


@contextmanager
def browsing() -> Iterator[Browser]:
    program = browser_program()
    assert program is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


def numbered(path: Path, frames: int, rate: Fraction, shade: int = 60) -> Path:
    """A film whose frames spell their numbers in ten blocks, black or white. shade: of the lower half, to know films by."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": "8", "preset": "ultrafast"}
        for number in range(frames):
            picture = np.full((HEIGHT, WIDTH, 3), shade, dtype=np.uint8)
            for bit in range(BITS):
                white = number >> (BITS - 1 - bit) & 1
                picture[: HEIGHT // 2, bit * WIDTH // BITS : (bit + 1) * WIDTH // BITS] = 235 if white else 16
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def shotbuild(root: Path, *words: str, code: int = 0) -> str:
    found = subprocess.run(
        [sys.executable, "-m", "shotbuild", *words, "--project", str(root)], capture_output=True, text=True, check=False
    )
    assert found.returncode == code, found.stderr
    return found.stdout


@contextmanager
def served(root: Path, *words: str) -> Iterator[str]:
    """The real command; gives the address that lets in."""
    server = subprocess.Popen(
        [sys.executable, "-m", "shotbuild", "review", "--project", str(root), "--no-open", "--json", "--by", ANN, *words],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        address: str = json.loads(server.stdout.readline())["address"]
        yield address
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)
        assert server.stdout is not None
        server.stdout.close()


def enter(browser: Browser, address: str, path: str = "/", **more: object) -> Page:
    """A page of somebody who came in by a link."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, **more)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(address)
    base = address.split("/enter/", maxsplit=1)[0]
    page.wait_for_url(f"{base}/")
    if path != "/":
        page.goto(base + path)
    return page


def until(page: Page, expression: str, seconds: float = 20.0) -> None:
    """Waits until an expression is true. Playwright's own way to wait needs `eval`, which these pages do not allow."""
    end = time.monotonic() + seconds
    while not _is(page, expression):
        assert time.monotonic() < end, expression
        time.sleep(0.03)


def _is(page: Page, expression: str) -> bool:
    try:
        return page.evaluate(f"Boolean({expression})") is True
    except Error:
        return False  # the page is being loaded again


def shown(page: Page, frame: int, selector: str = "#player") -> None:
    """Goes to a frame and waits until the page says that it is there."""
    page.evaluate(f"document.querySelector('{selector}').go({frame})")
    until(page, f"document.querySelector('{selector}').dataset.frame === '{frame}'")


def wait_for_films(page: Page, selector: str = "#player") -> None:
    """Until proxies are made and the first frame is drawn."""
    until(page, f"document.querySelector('{selector} canvas')?.dataset.frame !== undefined", 60)


def seeks(frames: int, count: int, seed: int) -> list[int]:
    return [random.Random(seed).randrange(frames) for _ in range(count)]


def events(root: Path, shot: str) -> list[dict[str, object]]:
    path = root / f"takes/{shot}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
