"""What comes of shared storage that is cut off, slow, overloaded, gone, or lies: no wrong bytes, an end, and clear words."""

import hashlib
import secrets
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shotbuild.errors import StoreError, StoreRefused, StoreUnavailable, render
from shotbuild.host.objects.interface import Objects
from shotbuild.records import Digest
from tests.host.objects.conftest import LONG, SHORT, Shared, params
from tests.servers.faulty import Fault, Faulty

pytestmark = pytest.mark.parametrize("started", params(over_http=True), indirect=True)
CONTENT = secrets.token_bytes(3 << 20)
DIGEST = Digest(sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))
KEY = f"cas/{DIGEST.sha256}"


@pytest.fixture
def behind(started: Shared, proxy: Faulty) -> Iterator[Objects]:
    """The storage as it is seen through the proxy, with a large object in it."""
    direct = started.opened()
    if direct.size(KEY) != DIGEST.size:
        direct.write(KEY, CONTENT)
    direct.close()
    found = started.opened(web=proxy.web, patience=LONG)
    yield found
    found.close()


@pytest.fixture
def hurried(behind: Objects, started: Shared, proxy: Faulty) -> Iterator[Objects]:
    """The same, by somebody who gives up soon."""
    found = started.opened(web=proxy.web, patience=SHORT)
    yield found
    found.close()


def test_the_proxy_alone_changes_nothing(behind: Objects, proxy: Faulty, tmp_path: Path) -> None:
    assert behind.size(KEY) == DIGEST.size
    assert behind.fetch(KEY, tmp_path / "take", DIGEST.size) == DIGEST
    assert len(proxy.asked) == 2


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_that_is_busy_is_asked_again(behind: Objects, proxy: Faulty, tmp_path: Path, status: int, key: str) -> None:
    proxy.faults.extend([Fault(status=status)] * 2)
    assert behind.read(KEY, DIGEST.size) == CONTENT
    proxy.faults.append(Fault(status=status))
    assert behind.fetch(KEY, tmp_path / "take", DIGEST.size) == DIGEST
    proxy.faults.append(Fault(status=status))
    behind.write(key, b"put again")
    assert behind.read(key, 100) == b"put again"
    proxy.faults.append(Fault(status=status))
    assert behind.size(KEY) == DIGEST.size


def test_a_server_that_stays_busy_is_given_up(hurried: Objects, proxy: Faulty, tmp_path: Path) -> None:
    proxy.always = Fault(status=503)
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    for call in (
        lambda: hurried.size(KEY),
        lambda: hurried.read(KEY, 10),
        lambda: hurried.write(KEY, b""),
        lambda: hurried.fetch(KEY, tmp_path / "take", DIGEST.size),
        lambda: hurried.send(KEY, file),
    ):
        with pytest.raises(StoreUnavailable) as raised:
            call()
        assert not isinstance(raised.value, StoreRefused)
    assert "503" in str(raised.value.cause)
    assert not (tmp_path / "take").exists()


def test_an_object_that_is_cut_off_is_asked_for_again(behind: Objects, proxy: Faulty, tmp_path: Path) -> None:
    proxy.faults.extend([Fault(cut=100_000), Fault(cut=2_000_000)])
    assert behind.fetch(KEY, tmp_path / "take", DIGEST.size) == DIGEST
    assert (tmp_path / "take").read_bytes() == CONTENT
    proxy.faults.append(Fault(cut=1000))
    assert behind.read(KEY, DIGEST.size) == CONTENT


def test_an_object_that_is_cut_off_each_time_is_given_up_and_leaves_no_file(
    hurried: Objects, proxy: Faulty, tmp_path: Path
) -> None:
    proxy.always = Fault(cut=1_500_000)
    with pytest.raises(StoreUnavailable):
        hurried.fetch(KEY, tmp_path / "take", DIGEST.size)
    assert not (tmp_path / "take").exists()


def test_an_object_that_stops_coming_is_given_up_and_leaves_no_file(hurried: Objects, proxy: Faulty, tmp_path: Path) -> None:
    proxy.always = Fault(hold=1_500_000)
    with pytest.raises(StoreUnavailable):
        hurried.fetch(KEY, tmp_path / "take", DIGEST.size)
    assert not (tmp_path / "take").exists()
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        hurried.read(KEY, DIGEST.size)


def test_half_an_object_that_is_said_to_be_whole_is_told_by_its_digest(
    behind: Objects, proxy: Faulty, tmp_path: Path
) -> None:
    proxy.faults.append(Fault(shorten=1_000_000))
    found = behind.fetch(KEY, tmp_path / "take", DIGEST.size)
    assert found == Digest(sha256=hashlib.sha256(CONTENT[:1_000_000]).hexdigest(), size=1_000_000)


def test_a_changed_byte_is_told_by_its_digest(behind: Objects, proxy: Faulty, tmp_path: Path) -> None:
    proxy.faults.append(Fault(flip=True))
    found = behind.fetch(KEY, tmp_path / "take", DIGEST.size)
    assert found is not None
    assert found.size == DIGEST.size
    assert found != DIGEST


def test_an_upload_that_is_cut_off_is_sent_again_whole(behind: Objects, proxy: Faulty, tmp_path: Path, key: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    proxy.faults.append(Fault(taken=500_000))
    behind.send(key, file)
    assert behind.fetch(key, tmp_path / "back", DIGEST.size) == DIGEST


def test_an_upload_that_never_gets_through_leaves_nothing_to_read(
    hurried: Objects, proxy: Faulty, tmp_path: Path, key: str
) -> None:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    proxy.always = Fault(taken=500_000)
    with pytest.raises(StoreUnavailable):
        hurried.send(key, file)
    proxy.always = None
    assert hurried.read(key, DIGEST.size) is None


def test_who_was_first_knows_it_also_when_the_answer_is_lost(behind: Objects, proxy: Faulty, started: Shared) -> None:
    if not started.kind.exclusive:
        pytest.skip("nobody wins here")
    key = f"claims/{secrets.token_hex(32)}/1"
    proxy.faults.append(Fault(lose=True))
    assert behind.create(key, b"mine, and nobody else's")
    proxy.faults.append(Fault(lose=True))
    assert not behind.create(key, b"somebody else's")
    assert behind.read(key, 100) == b"mine, and nobody else's"


def test_a_server_that_says_nothing_is_given_up(started: Shared, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        objects = started.opened(web=f"http://127.0.0.1:{silent.getsockname()[1]}", patience=SHORT)
        for call in (
            lambda: objects.size(key),
            lambda: objects.write(key, b""),
            lambda: objects.create("ac" + key[3:], b""),
        ):
            with pytest.raises(StoreUnavailable) as raised:
                call()
            assert raised.value.cause == "no answer in time"
        objects.close()


def test_nobody_there_is_told(started: Shared, key: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        web = f"http://127.0.0.1:{gone.getsockname()[1]}"
    objects = started.opened(web=web, patience=SHORT)
    with pytest.raises(StoreUnavailable, match="cannot be used") as raised:
        objects.size(key)
    assert "efused" in str(raised.value.cause)
    with pytest.raises(StoreUnavailable):
        objects.fetch(key, tmp_path / "take", 10)
    if started.kind.exclusive:
        with pytest.raises(StoreUnavailable):
            objects.exclusive()
    objects.close()


def test_a_server_that_goes_down_while_it_is_used_is_given_up(hurried: Objects, proxy: Faulty, tmp_path: Path) -> None:
    def down() -> None:
        proxy.always = Fault(lose=True)

    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    proxy.faults.append(Fault(taken=200_000, then=down))
    with pytest.raises(StoreUnavailable):
        hurried.send(KEY, file)
    proxy.always = None
    proxy.faults.append(Fault(cut=200_000, then=down))
    with pytest.raises(StoreUnavailable):
        hurried.fetch(KEY, tmp_path / "take", DIGEST.size)
    assert not (tmp_path / "take").exists()


def test_wrong_credentials_are_told_without_the_secret(started: Shared, key: str) -> None:
    if started.kind.name == "moto":
        pytest.skip("moto lets everybody in")
    wrong = "a-wrong-secret-nobody-may-see"
    if started.served.endpoint is None:
        objects = _logged_in(started, wrong)
    elif started.kind.name == "azurite":
        wrong = "YSB3cm9uZyBzZWNyZXQgbm9ib2R5IG1heSBzZWU="
        objects = started.opened(AZURE_STORAGE_ACCOUNT_KEY=wrong)
    else:
        objects = started.opened(AWS_SECRET_ACCESS_KEY=wrong)
    with pytest.raises(StoreRefused) as raised:
        objects.write(key, b"")
    told = render(raised.value) + repr(raised.value) + objects.shown
    assert wrong not in told
    assert started.served.secret not in told
    assert "hint" in render(raised.value)
    objects.close()


def _logged_in(started: Shared, secret: str) -> Objects:
    served = started.served
    return Shared(started.kind, type(served)(address=served.address.replace(served.secret, secret), web=served.web)).opened()


def test_nobody_in_particular_may_not_write_and_hears_what_is_missing(started: Shared, key: str) -> None:
    served = started.served
    if started.kind.name == "moto":
        pytest.skip("moto lets everybody in")
    address = served.address if served.endpoint else served.web
    account = {name: value for name, value in served.environment.items() if name.endswith("ACCOUNT_NAME")}
    nobody = Shared(
        started.kind,
        type(served)(address=address, web=served.web, endpoint=served.endpoint, region=served.region, environment=account),
    ).opened()
    with pytest.raises(StoreRefused) as raised:
        nobody.write(key, b"")
    assert raised.value.hint is not None
    assert any(word in raised.value.hint for word in ("AWS_", "AZURE_", "netrc"))
    nobody.close()


def test_a_store_that_hands_over_without_end_is_stopped(started: Shared, key: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as endless:
        thread = threading.Thread(target=_flood, args=(endless,), daemon=True)
        thread.start()
        objects = started.opened(web=f"http://127.0.0.1:{endless.getsockname()[1]}", patience=SHORT)
        with pytest.raises(StoreError):
            objects.read(key, 1000)
        with pytest.raises(StoreError):
            objects.fetch(key, tmp_path / "take", 1000)
        assert not (tmp_path / "take").exists()
        objects.close()
        endless.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _flood(endless: socket.socket) -> None:
    """Answers whatever is asked with a body that has no length and no end."""
    try:
        while True:
            client, _ = endless.accept()
            threading.Thread(target=_pour, args=(client,), daemon=True).start()
    except OSError:
        return


def _pour(client: socket.socket) -> None:
    try:
        client.recv(1 << 16)
        client.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: "1"\r\n')
        client.sendall(b"Last-Modified: Mon, 23 Nov 2026 10:00:00 GMT\r\n\r\n")
        while True:
            client.sendall(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
    except OSError:
        client.close()
