import gzip
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from shotbuild.errors import (
    AddressExpired,
    BadTake,
    Cancelled,
    DailyCap,
    FateUnknown,
    KeyRefused,
    LimitReached,
    Moderated,
    OutOfFunds,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    ShotbuildError,
    VendorFault,
)
from shotbuild.host import network
from shotbuild.host.network import Connection, Network
from shotbuild.host.wire import LONGEST_WAIT, Account, Limits, Payment, Reply
from tests.services.scripted import KEY, answer, fault, scripted

CLIP = bytes(range(256)) * 40
ETAG = '"one"'
NOWHERE = (
    "http://example.com/take.mp4",
    "http://127.0.0.2/take.mp4",
    "https://127.0.0.2/take.mp4",
    "https://localhost/take.mp4",
    "https://10.0.0.1/take.mp4",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/take.mp4",
    "https://[::ffff:192.168.0.1]/take.mp4",
    "https://[64:ff9b::7f00:1]/take.mp4",
    "https://[2002:7f00:1::]/take.mp4",
    "https://0.0.0.0/take.mp4",
    "https://224.0.0.1/take.mp4",
    "file:///etc/passwd",
    "ftp://example.com/take.mp4",
    "https:///take.mp4",
)
BROKEN = ("https://[half/take.mp4", "https://example.com:99999/take.mp4", "http://[::1")


@contextmanager
def connections(
    address: str, *origins: str, key: str = KEY, says: ProviderError | None = None
) -> Iterator[Callable[..., Connection]]:
    """As of `scripted`, with a key, and with what the service's adapter makes of every answer."""
    account = Account(
        name="studio",
        address=address,
        origins=origins,
        headers=lambda: {"Authorization": f"Bearer {key}"},
        fault=fault if says is None else lambda _: says,
        secrets=(key,),
    )
    with closing(Network()) as opened:
        yield lambda before=lambda sent: None: opened.connect(account, before)


def unbound() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


# --- paying ------------------------------------------------------------------------------------------------------------


def test_what_is_paid_for_is_written_down_before_it_leaves() -> None:
    with scripted(answer(b'{"id": "1"}')) as script, connections(script.url) as connect:
        seen: list[tuple[str, int]] = []
        line = connect(lambda sent: seen.append((sent, len(script.heard))))
        assert line.pay("takes", {"prompt": "the sea"}).json.text("id") == "1"
        [(sent, before)] = seen
        assert (before, len(script.heard)) == (0, 1)
        assert json.loads(sent) == {"method": "POST", "url": f"{script.url}/takes", "body": {"prompt": "the sea"}}
        assert (line.payment, line.unsent, line.refused) == (Payment.ACCEPTED, False, False)


def test_nothing_leaves_when_it_cannot_be_written_down() -> None:
    def full(sent: str) -> None:
        raise LimitReached("enough")

    with scripted(answer()) as script, connections(script.url) as connect:
        line = connect(full)
        with pytest.raises(LimitReached):
            line.pay("takes", {})
        assert (script.heard, line.payment) == ([], Payment.NONE)


def test_a_submit_that_pays_twice_is_a_bug_of_its_adapter() -> None:
    with scripted(answer(b"{}")) as script, connections(script.url) as connect:
        line = connect()
        line.pay("takes", {})
        with pytest.raises(RuntimeError, match="pays twice"):
            line.pay("takes", {})
        assert len(script.heard) == 1


@pytest.mark.parametrize("says", [answer(b"no", "400 Bad Request"), answer(b"later", "502 Bad Gateway")])
def test_a_submit_does_not_pay_again_after_a_no(says: bytes) -> None:
    with scripted(says) as script, connections(script.url) as connect:
        line = connect()
        with pytest.raises(ShotbuildError):
            line.pay("takes", {})
        with pytest.raises(RuntimeError, match="pays twice"):
            line.pay("takes", {})
        assert len(script.heard) == 1


def test_nothing_but_a_submit_pays() -> None:
    with scripted(answer()) as script, connections(script.url) as connect:
        with pytest.raises(RuntimeError, match="outside of submit"):
            connect(None).pay("takes", {})
        assert script.heard == []


def test_where_nobody_listens_nothing_was_sent() -> None:
    with connections(unbound()) as connect:
        line = connect()
        with pytest.raises(ProviderUnavailable):
            line.pay("takes", {})
        assert line.unsent


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        answer(b'{"id": ', length=100),
        b"these are not the words of HTTP\r\n\r\n",
        answer(b"bad gateway", "502 Bad Gateway"),
        answer(b"", "302 Found", Location="/elsewhere"),
        answer(b"half", Content_Encoding="gzip"),
    ],
    ids=["nothing", "half a head", "half a body", "no http", "502", "redirect", "no gzip"],
)
def test_an_answer_that_says_neither_yes_nor_no_leaves_the_fate_unknown(says: bytes) -> None:
    with scripted(says) as script, connections(script.url) as connect:
        line = connect()
        with pytest.raises(FateUnknown):
            line.pay("takes", {})
        assert (line.payment, len(script.heard)) == (Payment.UNKNOWN, 1)


def test_a_no_means_that_nothing_was_made() -> None:
    with scripted(answer(b'{"error": "too long"}', "400 Bad Request")) as script, connections(script.url) as connect:
        line = connect()
        with pytest.raises(ProviderRefused):
            line.pay("takes", {})
        assert line.refused


@pytest.mark.parametrize("kind", [KeyRefused, OutOfFunds, Moderated, RateLimited, DailyCap])
def test_a_refusal_and_too_fast_mean_that_nothing_was_made(kind: type[ProviderError]) -> None:
    with scripted(answer(b"no", "418 No")) as script, connections(script.url, says=kind("no")) as connect:
        line = connect()
        with pytest.raises(kind):
            line.pay("takes", {})
        assert line.refused


@pytest.mark.parametrize("kind", [VendorFault, BadTake, ProviderUnavailable, AddressExpired, ProviderError])
def test_every_other_fault_after_it_left_leaves_the_fate_unknown(kind: type[ProviderError]) -> None:
    with scripted(answer(b"no", "418 No")) as script, connections(script.url, says=kind("it broke")) as connect:
        line = connect()
        with pytest.raises(FateUnknown) as caught:
            line.pay("takes", {})
        assert (line.payment, caught.value.cause) == (Payment.UNKNOWN, "it broke")


@pytest.mark.parametrize("key", ["sk-l\u2019ete", "sk-1\nX: y", "sk-1 "])
def test_a_key_that_cannot_be_sent_is_no_lost_submit(key: str) -> None:
    sent: list[str] = []
    with scripted(answer()) as script, connections(script.url, key=key) as connect:
        line = connect(sent.append)
        with pytest.raises(KeyRefused, match="cannot be sent") as caught:
            line.pay("takes", {})
        assert (line.payment, sent, script.heard) == (Payment.NONE, [], [])
        assert key not in f"{caught.value.message} {caught.value.cause} {caught.value.hint}"


@pytest.mark.parametrize(
    ("body", "headers"), [({"prompt": "\ud800"}, {}), ({"scale": float("nan")}, {}), ({}, {"X-Note": "caf\u00e9 \u2019"})]
)
def test_what_cannot_be_written_as_a_request_is_no_lost_submit(body: dict[str, Any], headers: dict[str, str]) -> None:
    sent: list[str] = []
    with scripted(answer()) as script, connections(script.url) as connect:
        line = connect(sent.append)
        with pytest.raises(ProviderRefused, match="cannot be written as a request"):
            line.pay("takes", body, headers=headers)
        assert (line.payment, sent, script.heard) == (Payment.NONE, [], [])


# --- keys --------------------------------------------------------------------------------------------------------------


def test_the_key_is_sent_to_the_service_and_to_no_other_origin() -> None:
    with scripted(answer(b"{}")) as script, scripted(answer(b"{}")) as other, connections(script.url) as connect:
        connect().get("takes/1")
        assert script.heads[0]["authorization"] == f"Bearer {KEY}"
        for url in (f"{other.url}/takes", script.url.replace("127.0.0.1", "localhost"), script.url.replace("http", "https")):
            with pytest.raises(ProviderError, match="is not sent to"):
                connect().get(url)
            with pytest.raises(ProviderError, match="is not sent to"):
                connect().pay(url, {})
        assert other.heard == []


def test_the_key_may_be_sent_to_origins_that_a_service_names() -> None:
    with scripted(answer(b"{}")) as script, scripted(answer(b"{}")) as other:
        with connections(script.url, other.url) as connect:
            connect().get(f"{other.url}/takes")
        assert other.heads[0]["authorization"] == f"Bearer {KEY}"


def test_no_redirect_carries_the_key_elsewhere() -> None:
    with scripted(answer(b"{}")) as other:
        with scripted(answer(b"", "302 Found", Location=f"{other.url}/takes")) as script, connections(script.url) as connect:
            with pytest.raises(ProviderUnavailable):
                connect().get("takes")
        assert other.heard == []


def test_bare_calls_carry_no_key(tmp_path: Path) -> None:
    (tmp_path / "frame").write_bytes(b"png")
    with scripted(answer(b"{}")) as script, connections(script.url) as connect:
        connect().send("PUT", f"{script.url}/bucket", raw=tmp_path / "frame", bare=True)
        connect().fetch(f"{script.url}/outputs/1", tmp_path / "take", bare=True)
        assert all("authorization" not in head for head in script.heads)
        assert script.heads[0]["content-length"] == "3"


def test_a_bare_call_is_made_to_public_places_only(tmp_path: Path) -> None:
    (tmp_path / "frame").write_bytes(b"png")
    with scripted(answer(b"{}")) as script, scripted(answer(b"{}")) as other, connections(script.url) as connect:
        for url in (f"{other.url}/bucket", "https://10.0.0.1/bucket"):
            with pytest.raises(BadTake):
                connect().send("PUT", url, raw=tmp_path / "frame", bare=True)
        assert other.heard == []


@pytest.mark.parametrize("spelt", [KEY, quote(KEY, safe=""), KEY.replace("/", r"\/")])
def test_a_key_that_comes_back_is_hidden_from_everybody(spelt: str) -> None:
    for status in ("200 OK", "400 Bad Request", "500 Oops", "401 Unauthorized"):
        says = answer(f'{{"error": "of {spelt}, no"}}'.encode(), status, X_Note=spelt)
        with scripted(says) as script, connections(script.url) as connect:
            line = connect()
            try:
                reply = line.get("takes")
                told = f"{reply.text} {reply.headers} {reply.json}"
            except ProviderError as error:
                told = f"{error} {error.cause}"
            assert network.HIDDEN in told
            assert KEY not in told + line.last
            assert spelt not in told + line.last


def test_signatures_in_addresses_are_hidden_in_what_is_kept() -> None:
    says = answer(b'{"url": "https://cdn.example.com/take.mp4?X-Amz-Signature=abc"}')
    with scripted(says) as script, connections(script.url) as connect:
        line = connect()
        assert line.get("takes").json.text("url").endswith("=abc")
        assert "abc" not in line.last


# --- how long to wait ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "999999999"}, LONGEST_WAIT),
        ({"retry-after": "Fri, 20 Nov 2026 10:01:00 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 60.0),
        ({"retry-after": "Fri, 20 Nov 2026 10:01:00 -0000", "date": "Fri, 20 Nov 2026 11:00:00 +0100"}, 60.0),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:00 GMT", "date": "Fri, 20 Nov 2026 10:01:00 GMT"}, 0.0),
        ({"retry-after": "Fri, 20 Nov 2099 10:00:00 GMT"}, LONGEST_WAIT),
        ({"retry-after": "Friday, 20-Nov-26 10:01:00 GMT", "date": "Fri Nov 20 10:00:00 2026"}, 60.0),
        ({"retry-after": "Fri Nov  6 10:01:00 2026", "date": "Fri, 06 Nov 2026 10:00:00 GMT"}, 60.0),
        ({"retry-after": "Fri, 20 Nov 2026 10:01:00 GMT", "date": "today"}, None),
    ],
)
def test_a_time_to_wait_is_finite_and_at_most_a_week(headers: dict[str, str], seconds: float | None) -> None:
    assert Reply(429, headers, b"").wait == seconds


# --- answers -----------------------------------------------------------------------------------------------------------


def test_an_answer_that_is_no_json_says_nothing() -> None:
    for content in (b"", b"<html>", b"{", b"[" * 100_000, b"\xff\xfe\x00"):
        with scripted(answer(content)) as script, connections(script.url) as connect:
            reply = connect().get("takes")
            assert reply.json.at("id") is None
            with pytest.raises(ProviderUnavailable):
                reply.json.text("id")


def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "LARGEST_ANSWER", 10_000)
    packed = gzip.compress(b" " * 1_000_000)
    for says in (answer(b" " * 20_000), answer(packed, Content_Encoding="gzip")):
        with scripted(says) as script, connections(script.url) as connect:
            with pytest.raises(ProviderUnavailable) as caught:
                connect().get("takes")
            assert "larger than 10000" in str(caught.value.cause)


def test_an_address_that_is_none_is_an_error_of_the_service() -> None:
    with connections("https://studio.example.com") as connect:
        for url in BROKEN:
            with pytest.raises(ProviderError, match="an address that is none"):
                connect().get(url)


def test_a_status_that_no_adapter_knows_is_told_by_its_kind() -> None:
    with scripted(answer(b"", "304 Not Modified"), answer(b"", "101 Switching Protocols")) as script:
        with connections(script.url) as connect:
            with pytest.raises(ProviderUnavailable):
                connect().get("takes")


# --- outputs -----------------------------------------------------------------------------------------------------------


def test_an_output_comes_whole(tmp_path: Path) -> None:
    with scripted(answer(CLIP, ETag=ETAG)) as script, connections(script.url) as connect:
        digest = connect().fetch(f"{script.url}/take", tmp_path / "take", bare=True)
        assert (tmp_path / "take").read_bytes() == CLIP
        assert digest.size == len(CLIP)
        assert "range" not in script.heads[0]
        assert [path.name for path in tmp_path.iterdir()] == ["take"]


def rest(start: int, content: bytes = CLIP, etag: str = ETAG, said: str | None = None) -> bytes:
    place = said or f"bytes {start}-{len(content) - 1}/{len(content)}"
    return answer(content[start:], "206 Partial Content", Content_Range=place, ETag=etag)


def test_an_output_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    cut = answer(CLIP[:1000], length=len(CLIP), ETag=ETAG)
    with scripted(cut, rest(1000)) as script, connections(script.url) as connect:
        digest = connect().fetch(f"{script.url}/take", tmp_path / "take", bare=True)
        assert (tmp_path / "take").read_bytes() == CLIP
        assert digest.size == len(CLIP)
        assert (script.heads[1]["range"], script.heads[1]["if-range"]) == ("bytes=1000-", ETAG)


@pytest.mark.parametrize(
    "second",
    [
        answer(CLIP, ETag='"two"'),
        rest(900),
        rest(1000, said="bytes garbage"),
        rest(1000, said=""),
        rest(1000, CLIP[::-1], etag='"two"'),
    ],
    ids=["the whole", "another part", "garbage", "unsaid", "of another file"],
)
def test_what_does_not_fit_what_is_there_is_fetched_anew(tmp_path: Path, second: bytes) -> None:
    cut = answer(CLIP[:1000], length=len(CLIP), ETag=ETAG)
    with scripted(cut, second, answer(CLIP, ETag='"two"')) as script, connections(script.url) as connect:
        for _ in range(3):
            try:
                connect().fetch(f"{script.url}/take", tmp_path / "take", bare=True)
                break
            except ProviderUnavailable:
                continue
        assert (tmp_path / "take").read_bytes() == CLIP


def test_another_process_goes_on_with_the_same_file_only(tmp_path: Path) -> None:
    cut = answer(b"", length=len(CLIP), ETag='"two"')
    with scripted(answer(CLIP[:1000], length=len(CLIP), ETag=ETAG), cut) as script, connections(script.url) as connect:
        with pytest.raises(ProviderUnavailable):
            connect().fetch(f"{script.url}/take", tmp_path / "take", bare=True)
    (tmp_path / "take").write_bytes(CLIP[:1000])
    (tmp_path / "take.mark").write_text(ETAG)
    with scripted(answer(CLIP[::-1], ETag='"two"')) as script, connections(script.url) as connect:
        connect().fetch(f"{script.url}/take", tmp_path / "take", bare=True)
        assert script.heads[0]["if-range"] == ETAG
        assert (tmp_path / "take").read_bytes() == CLIP[::-1]


def test_nothing_is_added_to_what_its_server_gave_no_name(tmp_path: Path) -> None:
    """The next address may lead to other bytes, of which just the rest would come."""
    other = answer(CLIP[::-1][1000:], "206 Partial Content", Content_Range=f"bytes 1000-{len(CLIP) - 1}/{len(CLIP)}")
    with scripted(answer(CLIP[:1000], length=len(CLIP))) as script, connections(script.url) as connect:
        with pytest.raises(ProviderUnavailable):
            connect().fetch(f"{script.url}/take", tmp_path / "take", bare=True)
    with scripted(answer(CLIP[::-1]), other) as script, connections(script.url) as connect:
        connect().fetch(f"{script.url}/take?new", tmp_path / "take", bare=True)
        assert "range" not in script.heads[0]
        assert (tmp_path / "take").read_bytes() == CLIP[::-1]


def test_a_file_that_is_whole_already_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "take").write_bytes(CLIP)
    (tmp_path / "take.mark").write_text(ETAG)
    says = answer(b"", "416 Range Not Satisfiable", Content_Range=f"bytes */{len(CLIP)}")
    with scripted(says) as script, connections(script.url) as connect:
        assert connect().fetch(f"{script.url}/take", tmp_path / "take", bare=True).size == len(CLIP)
        assert (tmp_path / "take").read_bytes() == CLIP


def test_a_file_that_is_longer_than_the_output_is_never_handed_over(tmp_path: Path) -> None:
    (tmp_path / "take").write_bytes(CLIP + b"more")
    (tmp_path / "take.mark").write_text(ETAG)
    says = answer(b"", "416 Range Not Satisfiable", Content_Range=f"bytes */{len(CLIP)}")
    with scripted(says, answer(CLIP)) as script, connections(script.url) as connect:
        with pytest.raises(ProviderUnavailable):
            connect().fetch(f"{script.url}/take", tmp_path / "take", bare=True)
        connect().fetch(f"{script.url}/take", tmp_path / "take", bare=True)
        assert (tmp_path / "take").read_bytes() == CLIP
        assert "range" not in script.heads[1]


def test_an_output_that_is_packed_is_unpacked(tmp_path: Path) -> None:
    packed = gzip.compress(CLIP)
    cut = answer(packed[: len(packed) // 2], length=len(packed), Content_Encoding="gzip", ETag=ETAG)
    with scripted(cut, answer(packed, Content_Encoding="gzip", ETag=ETAG)) as script, connections(script.url) as connect:
        with pytest.raises(ProviderUnavailable):
            connect().fetch(f"{script.url}/take", tmp_path / "take", bare=True)
        connect().fetch(f"{script.url}/take", tmp_path / "take", bare=True)
        assert (tmp_path / "take").read_bytes() == CLIP
        assert [head.get("range") for head in script.heads] == [None, None]
        assert script.heads[0]["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("says", "error"),
    [
        (answer(b"<html>", Content_Type="text/html; charset=utf-8"), BadTake),
        (answer(b"{}", Content_Type="application/json"), BadTake),
        (answer(b"", Content_Type="video/mp4"), BadTake),
        (answer(b"denied", "403 Forbidden"), AddressExpired),
        (answer(b"", "410 Gone"), AddressExpired),
        (answer(b"", "500 Oops"), ProviderUnavailable),
        (answer(b"", "304 Not Modified"), ProviderUnavailable),
        (answer(b"", "302 Found"), ProviderUnavailable),
    ],
)
def test_what_is_no_output_is_told_by_its_kind(tmp_path: Path, says: bytes, error: type[ShotbuildError]) -> None:
    with scripted(says) as script, connections(script.url) as connect:
        with pytest.raises(error):
            connect().fetch(f"{script.url}/take", tmp_path / "take", bare=True)


def test_an_output_that_is_too_large_is_refused(tmp_path: Path) -> None:
    packed = answer(gzip.compress(b" " * 1_000_000), Content_Encoding="gzip")
    for says in (answer(CLIP), packed):
        with scripted(says) as script, connections(script.url) as connect:
            with pytest.raises(BadTake, match="larger than 5000 bytes"):
                connect().fetch(f"{script.url}/take", tmp_path / "take", bare=True, limits=Limits(size=5000))
        (tmp_path / "take").unlink(missing_ok=True)


def test_fetching_stops_when_it_is_told_to(tmp_path: Path) -> None:
    with scripted(answer(CLIP)) as script, connections(script.url) as connect:
        with pytest.raises(Cancelled):
            connect().fetch(f"{script.url}/take", tmp_path / "take", bare=True, stop=lambda: True)


@pytest.mark.parametrize("url", [*NOWHERE, *BROKEN])
def test_an_output_is_not_fetched_from_a_private_place(tmp_path: Path, url: str) -> None:
    with scripted(answer(b"", "302 Found", Location=url)) as script, connections(script.url) as connect:
        with pytest.raises(BadTake if url in NOWHERE else ProviderError):
            connect().fetch(f"{script.url}/take", tmp_path / "take", bare=True)
        with pytest.raises(ProviderError):
            connect().fetch(url, tmp_path / "take", bare=True)
        assert len(script.heard) == 1
        assert not (tmp_path / "take").exists()


def test_a_redirect_within_the_service_is_followed_and_one_in_circles_is_not(tmp_path: Path) -> None:
    with scripted(answer(b"", "302 Found", Location="/there"), answer(CLIP)) as script, connections(script.url) as connect:
        connect().fetch(f"{script.url}/take", tmp_path / "take", bare=False)
        assert (tmp_path / "take").read_bytes() == CLIP
        assert all(head["authorization"] == f"Bearer {KEY}" for head in script.heads)
    with scripted(answer(b"", "302 Found", Location="/again")) as script, connections(script.url) as connect:
        with pytest.raises(BadTake, match="more than 5 redirects"):
            connect().fetch(f"{script.url}/take", tmp_path / "other", bare=True)
        assert len(script.heard) == network.REDIRECTS + 1
