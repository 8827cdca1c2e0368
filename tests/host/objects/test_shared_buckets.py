"""A bucket: who we are in each cloud, over which addresses, with how much memory, and what is told when it does not work."""

import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from shotbuild.errors import StoreError, StoreRefused, StoreUnavailable, render
from shotbuild.host.objects.credentials import AZURE, GCS, NAMES, S3, credentials_of
from tests.host.objects.conftest import SHORT
from tests.servers.faulty import faulty_before
from tests.servers.identity import KEY as KEY_FOR_AN_HOUR
from tests.servers.identity import SESSION, Identities, identity_running
from tests.servers.moto_server import moto_running
from tests.servers.program import Served

obstore = pytest.importorskip("obstore", reason="obstore is not installed")
bucket = pytest.importorskip("shotbuild.host.objects.bucket")
KEY = f"cas/{'ab' * 32}"
NOBODY = {"HOME": "/nowhere"}


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with moto_running(tmp_path_factory.mktemp("moto")) as served:
        yield served


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".aws").mkdir()
    return tmp_path


# --- credentials -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cloud", [S3, GCS, AZURE])
def test_without_credentials_we_are_nobody(cloud: str) -> None:
    found = credentials_of(cloud, NOBODY)
    assert not found.known
    assert found.settings == {}


@pytest.mark.parametrize(
    ("cloud", "environment"),
    [
        (S3, {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}),
        (S3, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/run/token", "AWS_ROLE_ARN": "arn:aws:iam::1:role/ci"}),
        (S3, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials"}),
        (S3, {"AWS_METADATA_ENDPOINT": "http://169.254.169.254"}),
        (GCS, {"GOOGLE_APPLICATION_CREDENTIALS": "/run/key.json"}),
        (GCS, {"GOOGLE_BEARER_TOKEN": "token-token"}),
        (AZURE, {"AZURE_STORAGE_ACCOUNT_NAME": "films", "AZURE_STORAGE_SAS_TOKEN": "sv=1&sig=2"}),
        (AZURE, {"AZURE_STORAGE_ACCOUNT_NAME": "films", "AZURE_USE_AZURE_CLI": "true"}),
    ],
)
def test_one_way_to_sign_in_is_enough(cloud: str, environment: Mapping[str, str]) -> None:
    found = credentials_of(cloud, {**NOBODY, **environment})
    assert found.known
    assert found.settings == {name.lower(): value for name, value in environment.items()}


def test_the_keys_of_a_profile_are_those_of_amazons_own_tools(home: Path) -> None:
    (home / ".aws/credentials").write_text(
        "[default]\naws_access_key_id = D\naws_secret_access_key = default%secret\n"
        "[team]\naws_access_key_id=T\naws_secret_access_key=team-secret\naws_session_token=team-token\n"
    )
    (home / ".aws/config").write_text("[default]\nregion = eu-north-1\n[profile team]\nregion = eu-central-1\n")
    default = credentials_of(S3, {"HOME": str(home)})
    assert default.known
    assert default.settings == {
        "aws_access_key_id": "D",
        "aws_secret_access_key": "default%secret",
        "aws_region": "eu-north-1",
    }
    team = credentials_of(S3, {"HOME": str(home), "AWS_PROFILE": "team", "AWS_REGION": "us-west-2"})
    assert (team.settings["aws_access_key_id"], team.settings["aws_region"]) == ("T", "us-west-2")
    assert set(team.secrets) == {"team-secret", "team-token"}


def test_the_environment_comes_before_a_profile(home: Path) -> None:
    (home / ".aws/credentials").write_text("[default]\naws_access_key_id = D\naws_secret_access_key = default-secret\n")
    environment = {"HOME": str(home), "AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "env-secret"}
    assert credentials_of(S3, environment).settings["aws_access_key_id"] == "E"


def test_a_profile_that_is_not_there_or_has_no_keys_is_told(home: Path) -> None:
    with pytest.raises(StoreRefused, match="no profile 'team'"):
        credentials_of(S3, {"HOME": str(home), "AWS_PROFILE": "team"})
    (home / ".aws/config").write_text("[profile team]\nsso_session = studio\n")
    with pytest.raises(StoreRefused, match="has no keys") as raised:
        credentials_of(S3, {"HOME": str(home), "AWS_PROFILE": "team"})
    assert "export-credentials --profile team" in str(raised.value.hint)


def test_a_file_of_credentials_that_is_broken_shows_nothing_of_it(home: Path) -> None:
    (home / ".aws/credentials").write_text("aws_secret_access_key = a-secret-without-section\n")
    with pytest.raises(StoreRefused, match="cannot be read") as raised:
        credentials_of(S3, {"HOME": str(home)})
    assert "a-secret" not in render(raised.value)
    assert raised.value.__cause__ is None


def test_credentials_of_google_that_are_not_taken_are_told(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text('{"type": "external_account", "subject_token": "a-secret-of-google"}')
    with pytest.raises(StoreRefused) as raised:
        opened("gs://films", endpoint="http://127.0.0.1:1", GOOGLE_APPLICATION_CREDENTIALS=str(file))
    assert "external_account" in str(raised.value.cause)
    assert "a-secret" not in render(raised.value)


@pytest.mark.parametrize("cloud", [S3, GCS, AZURE])
def test_the_client_knows_every_variable_that_is_read(cloud: str) -> None:
    kind = {S3: bucket.S3Store, GCS: bucket.GCSStore, AZURE: bucket.AzureStore}[cloud]
    for name in NAMES[cloud]:
        try:
            kind("films", config={name.lower(): "true"})
        except obstore.exceptions.UnknownConfigurationKeyError:
            pytest.fail(f"{name} is not known")
        except obstore.exceptions.BaseError:
            pass  # it is known, and one variable alone does not open the door


def test_ci_reads_and_writes_with_a_token_and_no_key(moto: Served, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("the-token-of-this-run")
    with identity_running(tmp_path) as identities, faulty_before(moto.web) as proxy:
        said = _in_ci(moto, proxy.web, identities, token)
        assert said.stdout == "b'a take'\n", said.stderr
        assert [(each["WebIdentityToken"], each["RoleArn"]) for each in identities.asked] == [
            ("the-token-of-this-run", "arn:aws:iam::123456789012:role/ci")
        ]
        assert all(f"Credential={KEY_FOR_AN_HOUR}/" in head and SESSION in head for head in proxy.heads)


def test_a_token_that_is_not_taken_is_told_and_not_shown(moto: Served, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("the-token-of-this-run")
    no = "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>No such audience</Message></Error></ErrorResponse>"
    with identity_running(tmp_path, no, 400) as identities:
        said = _in_ci(moto, moto.web, identities, token)
    assert "InvalidIdentityToken: No such audience" in said.stderr
    assert said.stderr.startswith("StoreRefused")
    assert "the-token" not in said.stderr


def _in_ci(moto: Served, web: str, identities: Identities, token: Path) -> "subprocess.CompletedProcess[str]":
    """Puts an object there and reads it, in a process that trusts the certificate of the token service."""
    code = f"""
import sys
from shotbuild.errors import ShotbuildError, render
from shotbuild.host.objects.bucket import opened
objects = opened({moto.address!r}, endpoint={web!r}, region="us-east-1")
try:
    objects.write({KEY!r}, b"a take")
    print(objects.read({KEY!r}, 10))
except ShotbuildError as error:
    sys.stderr.write(type(error).__name__ + " " + render(error))
"""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "HOME": "/nowhere",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/ci",
        "AWS_ENDPOINT_URL_STS": identities.web,
        "SSL_CERT_FILE": str(identities.certificate),
    }
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)


# --- addresses ---------------------------------------------------------------------------------------------------------


def opened(address: str, *, endpoint: str | None = None, region: str | None = None, **environment: str) -> "bucket.Objects":
    known = {**NOBODY, **environment}
    return bucket.opened(address, endpoint=endpoint, region=region, environment=known, patience=SHORT)


@pytest.mark.parametrize(
    "address", ["s3://", "s3:///films", "ftp://films", "films", "s3://key:word@films/x", "s3://films?x=1", "s3://films/#x"]
)
def test_what_is_no_address_is_told_without_what_stands_in_it(address: str) -> None:
    with pytest.raises(StoreError, match="no address of a bucket") as raised:
        opened(address)
    assert "word" not in render(raised.value)


def test_obstore_that_is_missing_is_told_with_what_to_type() -> None:
    code = """
import sys
sys.modules["obstore"] = sys.modules["obstore.exceptions"] = None
from shotbuild.errors import PluginError
from shotbuild.plugins import load
try:
    load("shotbuild.host.objects.bucket:opened", "the shared store")("s3://films", endpoint=None, region=None)
except PluginError as error:
    print(error.hint)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "pip install 'shotbuild[s3]'\n"


def test_plain_http_is_taken_on_loopback_or_where_the_project_says_so(moto: Served) -> None:
    by_environment = opened(moto.address, AWS_ENDPOINT_URL=moto.web, **moto.environment)
    by_environment.write(KEY, b"a take")
    assert opened(moto.address, endpoint=moto.web, **moto.environment).read(KEY, 10) == b"a take"
    elsewhere = opened(moto.address, AWS_ENDPOINT_URL="http://store.invalid", **moto.environment)
    with pytest.raises(StoreUnavailable) as raised:
        elsewhere.size(KEY)
    assert raised.value.cause == "it is not behind https"
    assert "`endpoint`" in str(raised.value.hint)


def test_the_endpoint_of_the_project_comes_before_that_of_the_environment(moto: Served) -> None:
    objects = opened(
        moto.address,
        endpoint=moto.web,
        AWS_ENDPOINT_URL_S3="http://127.0.0.1:1",
        AWS_ENDPOINT_URL="http://127.0.0.1:1",
        **moto.environment,
    )
    objects.write(KEY, b"a take")
    assert objects.read(KEY, 10) == b"a take"


def test_a_bucket_that_is_not_there_is_told(moto: Served, tmp_path: Path) -> None:
    objects = opened("s3://no-such-films/x", endpoint=moto.web, **moto.environment)
    file = tmp_path / "file"
    file.write_bytes(b"x")
    for call in (
        lambda: objects.size(KEY),
        lambda: objects.read(KEY, 10),
        lambda: objects.fetch(KEY, tmp_path / "take", 10),
        lambda: objects.write(KEY, b""),
        lambda: objects.create(KEY, b""),
        lambda: objects.send(KEY, file),
        lambda: list(objects.each("cas")),
        objects.exclusive,
    ):
        with pytest.raises(StoreUnavailable, match="there is no bucket at s3://no-such-films/x"):
            call()


# --- what goes over the line -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "endpoint", "wanted"),
    [
        ("s3://films/a b", "http://{}", "HEAD /films/a%20b/cas/ab/{} HTTP/1.1"),
        ("gs://films/x", "http://{}", "HEAD /films/x%2Fcas%2Fab%2F{} HTTP/1.1"),
        ("az://films/x", "http://{}/account", "HEAD /account/films/x/cas/ab/{} HTTP/1.1"),
        ("abfss://films@account.dfs.core.windows.net/x", "http://{}/account", "HEAD /account/films/x/cas/ab/{} HTTP/1.1"),
    ],
)
def test_nobody_asks_for_objects_unsigned_and_asks_no_machine_of_a_cloud(address: str, endpoint: str, wanted: str) -> None:
    heads: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_404, args=(server, heads), daemon=True)
        thread.start()
        place = f"127.0.0.1:{server.getsockname()[1]}"
        account = {"AZURE_STORAGE_ACCOUNT_NAME": "account"} if address.startswith("az") else {}
        objects = opened(address, endpoint=endpoint.format(place), **account)
        with pytest.raises(StoreUnavailable, match="there is no bucket"):
            objects.size(KEY)
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
    line, _, rest = heads[0].decode().partition("\r\n")
    assert line == wanted.format("ab" * 32)
    assert "authorization" not in rest.lower()


def test_a_token_of_google_is_sent_and_never_shown() -> None:
    heads: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_404, args=(server, heads), daemon=True)
        thread.start()
        place = f"http://127.0.0.1:{server.getsockname()[1]}"
        objects = opened("gs://films", endpoint=place, GOOGLE_BEARER_TOKEN="a-token-of-google")
        with pytest.raises(StoreUnavailable) as raised:
            objects.size(KEY)
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
    assert b"Bearer a-token-of-google" in heads[0]
    assert "a-token" not in render(raised.value)


def _answer_404(server: socket.socket, heads: list[bytes]) -> None:
    try:
        while True:
            client, _ = server.accept()
            with client:
                heads.append(client.recv(1 << 16))
                client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    except OSError:
        return


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not say how much memory was used")
def test_a_large_file_is_never_in_memory_as_a_whole(moto: Served, tmp_path: Path) -> None:
    file = tmp_path / "large"
    block = secrets.token_bytes(1 << 20)
    with file.open("wb") as stream:
        for _ in range(200):
            stream.write(block)
    code = f"""
from pathlib import Path
from shotbuild.host.objects.bucket import opened
def peak():
    # What getrusage says begins with the peak of whoever started us.
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
objects = opened({moto.address!r}, endpoint={moto.web!r}, region=None)
objects.size({KEY!r})
before = peak()
objects.send({KEY!r}, Path({str(file)!r}))
sent = peak()
objects.fetch({KEY!r}, Path({str(tmp_path / "back")!r}), 1 << 30)
print(sent - before, peak() - before)
"""
    environment = {**os.environ, **moto.environment}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    sent, fetched = map(int, said.stdout.split())
    print(f"{sent >> 10} MB more to send 200 MB, {fetched >> 10} MB to fetch it as well")
    assert 0 < sent >> 10 < 100
    assert fetched >> 10 < 120
