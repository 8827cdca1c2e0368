"""Keys are nowhere: not in what is kept, not in what is heard, not in what is said, whatever a service does with them.

`test_faults` and `test_mixes` look for them after each of their builds; here are services that are careless with them.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from shotbuild.cli import app
from shotbuild.providers.interface import Finds
from tests.servers.service import Fault
from tests.services.filming import Film, filming
from tests.services.vendors import VENDORS

OFTEN = ("runway", "vertex", "kling-legacy", "minimax")
"""A plain key, a token that expires, one that is made for each call, and words of no that come with status 200."""
TOLD = (
    Fault.SUBMIT_INVALID, Fault.SUBMIT_AUTH, Fault.SUBMIT_FUNDS, Fault.SUBMIT_MODERATED, Fault.SUBMIT_MODEL_GONE,
    Fault.SUBMIT_500, Fault.POLL_500, Fault.POLL_LIMITED, Fault.POLL_MODERATED, Fault.POLL_FAULT, Fault.POLL_GONE,
    Fault.OUTPUT_HTML, Fault.OUTPUT_EXPIRED,
)  # fmt: skip
MATRIX = [
    pytest.param(name, fault, id=f"{name}-{fault.name.lower()}", marks=[] if name in OFTEN else [pytest.mark.slow])
    for name, vendor in VENDORS.items()
    for fault in TOLD
    if fault not in vendor.never
]
COMMANDS = (
    ("plan", "--json"), ("status", "--json"), ("takes", "--json"), ("takes",), ("plan",), ("lint",), ("explain", "sh010"),
)  # fmt: skip


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def said(root: Path, *arguments: str) -> str:
    """All that a command prints."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with inside(root), redirect_stdout(out), redirect_stderr(out):
        try:
            app.run(list(arguments))
        except SystemExit:
            pass
    out.flush()
    return out.buffer.getvalue().decode()


def test_the_search_finds_a_key_where_there_is_one(tmp_path: Path) -> None:
    with filming(tmp_path, VENDORS["kling-legacy"]) as film:
        film.build()
        [server] = film.servers.values()
        token = server.asked[0].headers["authorization"].partition(" ")[2]
        assert {server.key, token} <= film.secrets()
        (tmp_path / "out" / "note").write_text(f"…{token}…")
        film.told.append(server.key)
        assert film.leaks() == ["out/note", f"error {len(film.told) - 1}"]


@pytest.mark.parametrize("name", VENDORS)
def test_a_key_that_a_service_sends_back_is_kept_nowhere(tmp_path: Path, name: str) -> None:
    with filming(tmp_path, VENDORS[name]) as film:
        [server] = film.servers.values()
        server.echoes = True
        assert not film.build().failed
        assert server.shown
        assert film.leaks() == []


@pytest.mark.parametrize(("name", "fault"), MATRIX)
def test_a_key_in_the_words_of_a_refusal_is_told_nobody(tmp_path: Path, name: str, fault: Fault) -> None:
    with filming(tmp_path, VENDORS[name]) as film:
        [server] = film.servers.values()
        server.echoes = True
        server.faults.append(fault)
        film.build()
        film.build()
        assert server.shown
        assert film.leaks() == []


@pytest.mark.parametrize("name", [name for name, vendor in VENDORS.items() if Fault.OUTPUT_EXPIRED not in vendor.never])
def test_a_key_in_the_address_of_a_redirect_is_told_nobody(tmp_path: Path, name: str) -> None:
    with filming(tmp_path, VENDORS[name]) as film:
        [server] = film.servers.values()
        server.echoes = True
        server.moved = f"http://127.0.0.2/{server.key}/take.mp4?token={server.key}"
        assert film.fails()
        server.moved = f"http://[{server.key}/take.mp4"
        film.build()
        assert film.leaks() == []


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in OFTEN else [pytest.mark.slow]) for name in VENDORS])
def test_commands_print_no_key(tmp_path: Path, name: str) -> None:
    vendor = VENDORS[name]
    with filming(tmp_path, vendor, takes=2) as film:
        [server] = film.servers.values()
        server.echoes = True
        server.faults.append(Fault.SUBMIT_500 if vendor.service.finds is Finds.NO else Fault.POLL_MODERATED)
        film.build()
        for command in COMMANDS:
            text = said(tmp_path, *command)
            assert text
            film.told.append(text)
        assert film.leaks() == []


@pytest.mark.parametrize("name", VENDORS)
def test_outputs_are_fetched_without_the_key(tmp_path: Path, name: str) -> None:
    with filming(tmp_path, VENDORS[name]) as film:
        film.build()
        [server] = film.servers.values()
        fetched = [asked for asked in server.asked if asked.path.startswith("/outputs/")]
        assert bool(fetched) == (Fault.OUTPUT_EXPIRED not in VENDORS[name].never)
        assert not any(holds(film, value) for asked in fetched for value in asked.headers.values())


def holds(film: Film, text: str) -> bool:
    return any(secret in text for secret in film.secrets())
