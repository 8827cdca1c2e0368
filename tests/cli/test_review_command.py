"""`shotbuild review` and its commands, as processes where they serve."""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

pytest.importorskip("starlette", reason="the extra is not installed: pip install 'shotbuild[review]'")
pytest.importorskip("uvicorn", reason="the extra is not installed: pip install 'shotbuild[review]'")
pytest.importorskip("itsdangerous", reason="the extra is not installed: pip install 'shotbuild[review]'")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cli.conftest import Call
from tests.e2e.conftest import argv, environment, shotbuild

BY = ("--by", "Ann <ann@studio.example>")
PLACE = ("--address", "https://review.studio.example:8443")


class Served:
    """A page that is served. address: with the token of the owner; base: without."""

    def __init__(self, process: subprocess.Popen[str], said: dict[str, object]) -> None:
        self.process = process
        self.address = str(said["address"])
        self.base = self.address.partition("/enter/")[0]

    def ended(self, number: signal.Signals) -> tuple[int, str]:
        """Its exit code and what it told, after a signal."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=20)
        return self.process.returncode, err


@contextmanager
def served(root: Path, *arguments: str) -> Iterator[Served]:
    command = argv(["review", "--json", *arguments])
    if "--read-only" not in arguments:
        command += BY
    process = subprocess.Popen(
        command, cwd=root, env=environment({}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        yield Served(process, json.loads(line))
    finally:
        process.kill()
        process.communicate()


def entered(address: str, verify: ssl.SSLContext | bool = True) -> httpx.Client:
    answer = httpx.get(address, verify=verify)
    assert answer.status_code == 200, answer.text
    return httpx.Client(base_url=address.partition("/enter/")[0], cookies=answer.cookies, verify=verify, timeout=30)


def test_the_page_of_a_project_is_served_to_its_owner_and_to_a_guest(film: Path) -> None:
    with served(film) as page:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/enter/[\w-]{43}", page.address)
        with entered(page.address) as owner:
            board = owner.get("/")
            assert "sh010" in board.text
            assert "sh030" in board.text
            token = re.search('name="shotbuild-token" content="([0-9a-f]+)"', board.text)
            assert token is not None
            headers = {"Origin": page.base, "X-Shotbuild-Token": token[1]}
            said = owner.post("/api/note", headers=headers, json={"shot": "sh010", "why": "<b>warmer</b>"})
            assert said.status_code == 200, said.text
            assert "&lt;b&gt;warmer" in owner.get("/shot/sh010").text
        ran = shotbuild(film, "review", "invite", "Cleo <client@brand.example>", "--sequence", "opening", "--json")
        with entered(json.loads(ran.out)["link"]) as guest:
            assert guest.get("/shot/sh010").status_code == 200
            assert "sh030" not in guest.get("/").text
            hidden, nothing = guest.get("/shot/sh030"), guest.get("/shot/sh999")
            assert (hidden.status_code, hidden.text) == (404, nothing.text)
            assert guest.get("/sequence/ending").status_code == guest.get("/spending").status_code == 404
            assert shotbuild(film, "review", "revoke", json.loads(ran.out)["id"]).code == 0
            assert guest.get("/shot/sh010").status_code == 403
    assert '"why":"<b>warmer</b>"' in (film / "takes/sh010.jsonl").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
def test_a_signal_ends_it_though_pages_are_open(film: Path, number: signal.Signals) -> None:
    with served(film) as page, entered(page.address) as owner, owner.stream("GET", "/events") as events:
        assert next(line for line in events.iter_lines() if line.startswith("data"))
        assert (film / ".shotbuild/review/server.json").exists()
        code, err = page.ended(number)
    assert code == 130
    assert err.splitlines() == ["the page is closed"]
    assert not (film / ".shotbuild/review/server.json").exists()


def test_a_server_that_was_killed_is_not_taken_to_run(film: Path, call: Call) -> None:
    with served(film) as page:
        ran = call(film, "review", "invite", "Cleo", "--everything")
        assert ran.out.startswith(f"{page.base}/enter/")
        assert "opens on this machine alone" in ran.err
        page.process.kill()
        page.process.wait()
    ran = call(film, "review", "invite", "Cleo", "--everything")
    assert ran.code == 2
    assert "no server runs for this project" in ran.err


def test_who_only_looks_need_not_say_who_they_are(film: Path) -> None:
    with served(film, "--read-only") as page, entered(page.address) as owner:
        assert "shotbuild-token" not in owner.get("/").text


def test_requests_and_tokens_are_told_to_nobody(film: Path) -> None:
    with served(film) as page, entered(page.address) as owner:
        owner.get("/nothing")
        httpx.get(f"{page.base}/enter/wrong")
        with socket.create_connection(("127.0.0.1", int(page.base.rpartition(":")[2]))) as raw:
            raw.sendall(b"nonsense\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 400")
        _, err = page.ended(signal.SIGTERM)
    assert err.splitlines() == ["the page is closed"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of localhost that it signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "chain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain, kind = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, plain))
    return folder / "chain.pem", folder / "key.pem"


def test_over_tls_the_cookie_is_for_tls_alone(film: Path, certificate: tuple[Path, Path]) -> None:
    chain, key = certificate
    trusted = ssl.create_default_context(cafile=str(chain))
    with served(film, "--tls-cert", str(chain), "--tls-key", str(key), "--host-name", "localhost") as page:
        assert page.address.startswith("https://localhost:")
        answer = httpx.get(page.address, verify=trusted)
        assert answer.headers["set-cookie"].startswith("__Host-shotbuild-")
        assert "; Secure" in answer.headers["set-cookie"]
        with entered(page.address, trusted) as owner:
            assert owner.get("/").status_code == 200
        with socket.create_connection(("127.0.0.1", int(page.base.rpartition(":")[2]))) as raw:
            raw.sendall(f"GET / HTTP/1.1\r\nHost: {page.base[8:]}\r\n\r\n".encode())
            assert raw.recv(100) == b"", "nothing is served in the clear"
        code, err = page.ended(signal.SIGTERM)
    assert (code, err.splitlines()) == (130, ["the page is closed"])


def test_on_all_addresses_it_answers_under_the_one_that_was_reached(film: Path) -> None:
    with served(film, "--listen", "0.0.0.0", "--insecure", "--host-name", "review.studio.example") as page:
        port = page.base.rpartition(":")[2]
        assert page.base == f"http://review.studio.example:{port}"
        for host, status in (
            (f"127.0.0.1:{port}", 200),
            (f"review.studio.example:{port}", 200),
            (f"evil.example:{port}", 421),
        ):
            assert httpx.get(f"http://127.0.0.1:{port}/static/page.css", headers={"Host": host}).status_code == status
        assert httpx.get(f"http://127.0.0.2:{port}/static/page.css").status_code == 200


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["--listen", "0.0.0.0"], "there is no TLS"),
        (["--listen", "192.168.7.7"], "there is no TLS"),
        (["--listen", "review.studio.example.invalid", "--insecure"], "is no address of this machine"),
        (["--listen", "192.0.2.1", "--insecure"], "cannot be listened on"),
        (["--tls-key", "key.pem"], "--tls-key goes with a certificate"),
        (["--tls-cert", "missing.pem"], "the certificate cannot be used"),
        (["--tls-cert", "shotbuild.yaml"], "the certificate cannot be used"),
        (["--host-name", "https://review.studio.example/path"], "is no name of this server"),
        (["--host-name", "ftp://review.studio.example"], "is no name of this server"),
        (["--host-name", "review.studio.example:x"], "is no name of this server"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_would_not_be_safe_or_cannot_be_is_refused(film: Path, call: Call, said: list[str], told: str) -> None:
    ran = call(film, "review", *BY, *said)
    assert ran.code == 2
    assert told in ran.err
    assert ran.out == ""


def test_a_port_that_is_taken_is_told(film: Path, call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ran = call(film, "review", *BY, "--port", str(other.getsockname()[1]))
    assert ran.code == 2
    assert "name another --port" in ran.err


def test_a_folder_that_is_a_link_is_refused(film: Path, call: Call, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (film / ".shotbuild/review").symlink_to(tmp_path / "elsewhere")
    for said in (["review", *BY], ["review", "invite", "Cleo", "--everything", *PLACE], ["review", "invites"]):
        ran = call(film, *said)
        assert ran.code == 1
        assert "holds a link, review" in ran.err
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_list_that_is_a_link_is_refused(film: Path, call: Call, tmp_path: Path) -> None:
    assert call(film, "review", "invite", "Cleo", "--everything", *PLACE).code == 0
    shutil.move(film / ".shotbuild/review/invites.json", tmp_path)
    (film / ".shotbuild/review/invites.json").symlink_to(tmp_path / "invites.json")
    assert call(film, "review", "invites").code == 1


def test_options_of_the_server_stand_after_its_commands(film: Path, call: Call) -> None:
    ran = call(film, "review", "--port", "1", "invites")
    assert ran.code == 2
    assert "options of `invites` stand after it" in ran.err


def test_without_the_extra_it_says_how_to_get_it(film: Path) -> None:
    code = "import sys; sys.modules['starlette'] = None; from shotbuild.cli.main import main; main()"
    for said in (["review", *BY], ["review", "invites"]):
        ran = subprocess.run(
            [sys.executable, "-c", code, *said], cwd=film, env=environment({}), capture_output=True, text=True, check=False
        )
        assert ran.returncode == 2
        assert ran.stderr.splitlines()[0] == "error: the review page needs starlette"
        assert ran.stderr.splitlines()[-1] == "hint: pip install 'shotbuild[review]'"


# --- invitations ------------------------------------------------------------------------------------------------------


def test_who_was_invited_is_listed_until_they_are_no_more(film: Path, call: Call) -> None:
    assert call(film, "review", "invites").err == "nobody was invited\n"
    said = [
        "--role",
        "client",
        "--sequence",
        "opening",
        "--shot",
        "sh030",
        "--may",
        "approve,note",
        "--expires",
        "2w",
        *PLACE,
    ]
    made = call(film, "review", "invite", "Cleo <client@brand.example>", *said)
    assert re.fullmatch(r"https://review\.studio\.example:8443/enter/1\.[\w.-]+\n", made.out)
    call(film, "review", "invite", "Ben", "--everything", "--read-only", *PLACE)
    cleo, ben = json.loads(call(film, "review", "invites", "--json").out)["invites"]
    left = datetime.fromisoformat(cleo.pop("until")) - datetime.now(UTC)
    assert timedelta(days=13, hours=23) < left <= timedelta(days=14)
    name = cleo.pop("id")
    assert cleo == {
        "by": "Cleo <client@brand.example>", "role": "client", "may": ["note", "approve"], "sequences": ["opening"],
        "shots": ["sh030"], "state": "valid",
    }  # fmt: skip
    assert (ben["by"], ben["may"], ben["sequences"], ben["shots"]) == ("Ben", [], [], [])
    assert call(film, "review", "revoke", name).out == f"{name}: Cleo <client@brand.example> is not let in any more\n"
    listed = call(film, "review", "invites").out
    assert re.search(r"Cleo <client@brand.example> +client +opening, sh030 +note, approve +\S+ +revoked", listed)
    assert re.search(r"Ben +everything +look +\S+ +valid", listed)
    assert call(film, "review", "revoke", "zzzz").code == 2


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["Cleo"], "it is not said what the link shows"),
        (["Cleo", "--everything", "--shot", "sh010"], "--everything goes without"),
        (["Cleo", "--sequence", "openin"], "did you mean 'opening'?"),
        (["Cleo", "--shot", "sh01"], "did you mean 'sh010'?"),
        (["Cleo", "--everything", "--may", "everything"], "name some of note, pick"),
        (["Cleo", "--everything", "--may", ""], "name some of note, pick"),
        (["Cleo", "--everything", "--may", "note", "--read-only"], "--read-only goes without --may"),
        (["Cleo", "--everything", "--expires", "7"], "--expires"),
        (["Cleo", "--everything", "--expires", "0d"], "from 1 to 365"),
        (["Cleo", "--everything", "--expires", "999w"], "from 1 to 365"),
        (["Cleo", "--everything", "--address", "review.studio.example"], "is no address of a page"),
        (["Cleo", "--everything", "--address", "https://review.studio.example/x"], "is no address of a page"),
        ([" ", "--everything"], "is no person"),
        (["Cleo\nBen", "--everything"], "is no person"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_an_invitation_that_cannot_be_meant_is_refused(film: Path, call: Call, said: list[str], told: str) -> None:
    ran = call(film, "review", "invite", *said, *(() if "--address" in said else PLACE))
    assert ran.code == 2
    assert told in ran.err
    assert not (film / ".shotbuild/review/invites.json").exists()


def test_a_role_is_one_of_the_projects(film: Path, call: Call) -> None:
    settings = film / "shotbuild.yaml"
    settings.write_text(settings.read_text() + "approvals: [director, client]\n")
    for said in (["review", "invite", "Cleo", "--everything", *PLACE], ["review", *BY]):
        ran = call(film, *said, "--role", "cleint")
        assert ran.code == 2
        assert "write `--role client`" in ran.err


def test_who_may_spend_is_told_of(film: Path, call: Call) -> None:
    ran = call(film, "review", "invite", "Cleo", "--everything", "--may", "roll", *PLACE)
    assert "warning: who may roll spends money" in ran.err
    assert "without TLS" in call(film, "review", "invite", "Cleo", "--everything", "--address", "http://studio.example").err


def test_nobody_else_can_read_what_is_kept(film: Path, call: Call) -> None:
    before = os.umask(0)
    try:
        assert call(film, "review", "invite", "Cleo", "--everything", *PLACE).code == 0
    finally:
        os.umask(before)
    for name in ("key", "invites.json"):
        assert (film / ".shotbuild/review" / name).stat().st_mode & 0o777 == 0o600
