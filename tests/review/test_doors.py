"""Who is let in, by which link, for how long, and what they see then."""

import json
import os
import re
import shutil
import threading
from pathlib import Path

import httpx
import pytest

from shotbuild.errors import PlanError, ShotbuildError
from shotbuild.review.links import Links
from shotbuild.review.people import Refusal
from tests.review.served import OWNER, SHOTS, Running, running

PAGES = ["/", "/shot/sh010", "/sequence/opening", "/spending", "/events", "/api/price?shot=sh010", "/nothing/here"]


def told(answer: httpx.Response) -> str:
    found = re.search("<h1>(.*?)</h1>", answer.text)
    assert found is not None
    return found[1]


# --- the owner --------------------------------------------------------------------------------------------------------


def test_the_printed_address_lets_the_owner_in_again_and_again(page: Running) -> None:
    for _ in range(2):
        with page.client() as client:
            assert OWNER.by in client.get("/").text
            assert client.get("/spending").status_code == 200


def test_an_address_for_a_browser_opens_once(fresh: Running) -> None:
    token = fresh.entrance.once()
    fresh.client(token).close()
    assert httpx.get(f"{fresh.address}/enter/{token}").status_code == 403
    late = fresh.entrance.once()
    fresh.clock.seconds += 61
    assert httpx.get(f"{fresh.address}/enter/{late}").status_code == 403


def test_an_owners_cookie_of_another_start_opens_nothing(fresh: Running, tmp_path: Path) -> None:
    with fresh.client() as client, running(tmp_path / "again") as again:
        (value,) = client.cookies.values()
        answer = httpx.get(again.address, headers={"Cookie": f"shotbuild-{again.port}={value}"})
    assert answer.status_code == 403


def test_the_cookie_is_for_this_server_and_no_script(page: Running) -> None:
    said = httpx.get(f"{page.address}/enter/{page.entrance.token}").headers["set-cookie"]
    assert said.startswith(f"shotbuild-{page.port}=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(said.split("; "))
    assert "Max-Age" not in said
    assert "Domain" not in said


def test_a_guests_cookie_ends_with_the_link(page: Running) -> None:
    said = httpx.get(f"{page.address}/enter/{page.invited(seconds=500)[1]}").headers["set-cookie"]
    seconds = re.search(r"Max-Age=(\d+)", said)
    assert seconds is not None
    assert 490 <= int(seconds[1]) <= 500


def test_entering_leads_on_by_a_page_and_not_by_a_redirect(page: Running) -> None:
    """A redirect would keep a strict cookie back when the link stood in a mail."""
    answer = httpx.get(
        f"{page.address}/enter/{page.entrance.token}", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    )
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0;url=/">' in answer.text


def test_a_link_to_a_page_in_a_mail_comes_back_from_here(page: Running) -> None:
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    answer = httpx.get(f"{page.address}/shot/sh010?a=1&b=%22", headers=elsewhere)
    assert answer.status_code == 200
    assert 'content="0;url=/shot/sh010?a=1&amp;b=%22"' in answer.text
    assert "sh010</h1>" not in answer.text
    again = httpx.get(f"{page.address}/shot/sh010", headers={"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"})
    assert again.status_code == 403


@pytest.mark.parametrize("address", PAGES)
def test_without_a_session_every_address_is_answered_alike(page: Running, address: str) -> None:
    answer = httpx.get(page.address + address)
    assert answer.status_code == 403
    assert "sh010" not in answer.text
    said = answer.json()["message"] if address.startswith("/api/") else told(answer)
    assert said in (
        "This page opens by a link",
        "Open the link that was sent to you, or the address that `shotbuild review` printed. Both end at some time.",
    )


@pytest.mark.parametrize("cookie", ["", "x", "a" * 5000, "ImEi.", ".", "WzFd.AAAA", "é"])
def test_a_made_up_cookie_is_none(page: Running, cookie: str) -> None:
    answer = httpx.get(page.address, headers={"Cookie": f"shotbuild-{page.port}={cookie}".encode()})
    assert answer.status_code in (400, 403)


def test_two_cookies_of_our_name_are_none(page: Running) -> None:
    with page.client() as client:
        (value,) = client.cookies.values()
    name = f"shotbuild-{page.port}"
    assert httpx.get(page.address, headers={"Cookie": f"{name}={value}"}).status_code == 200
    assert httpx.get(page.address, headers={"Cookie": f"{name}={value}; {name}={value}"}).status_code == 403


# --- guests -----------------------------------------------------------------------------------------------------------


def test_a_guest_sees_what_the_link_names_and_nothing_of_the_rest(page: Running) -> None:
    with page.guest() as guest:
        assert guest.get("/shot/sh010").status_code == guest.get("/sequence/opening").status_code == 200
        assert guest.get(page.made.film("sh010")).status_code == 200
        nothing = guest.get("/shot/sh999")
        assert nothing.status_code == 404
        for address in (
            "/shot/sh020", "/sequence/ending", "/sequence/nothing", "/spending", page.made.film("sh020"),
            f"/media/{'b' * 64}/take",
            f"/sound/{'b' * 64}", f"/reference/{'b' * 64}", "/delivered/nothing", "/nothing/here", "/static/nothing",
        ):  # fmt: skip
            answer = guest.get(address)
            assert (answer.status_code, answer.text) == (404, nothing.text), address


def test_a_guests_deed_on_what_is_not_theirs_is_answered_as_on_nothing(page: Running) -> None:
    with page.guest() as guest:
        theirs, nobodys = (page.post(guest, json={"shot": shot}) for shot in ("sh020", "sh999"))
        assert (theirs.status_code, theirs.text) == (nobodys.status_code, nobodys.text) == (404, nobodys.text)
    with page.guest(may=["roll"]) as guest:
        assert guest.get("/api/price", params={"shot": "sh010"}).json() == {"amount": "1.20"}
        assert guest.get("/api/price", params={"shot": "sh020"}).status_code == 404


def test_a_guest_does_what_the_link_allows(fresh: Running) -> None:
    with fresh.guest(may=["note", "approve"]) as guest:
        assert fresh.post(guest, "note").status_code == 200
        assert fresh.post(guest, "approve-sequence").status_code == 200
        for deed in ("pick", "reject", "reopen", "roll"):
            assert fresh.post(guest, deed).status_code == 403
        assert guest.get("/api/price", params={"shot": "sh010"}).status_code == 404
        assert fresh.post(guest, "nothing").status_code == 404
    assert [(by, deed) for by, deed, _ in fresh.made.done] == [
        ("Cleo <client@brand.example>", "note"), ("Cleo <client@brand.example>", "approve-sequence"),
    ]  # fmt: skip


def test_a_guest_who_only_looks_has_no_token_to_write_with(page: Running) -> None:
    with page.guest(may=[]) as guest:
        answer = page.post(guest)
        assert answer.status_code == 403
        assert answer.json()["message"] == "Nothing can be decided here."


def test_a_page_to_look_at_takes_deeds_from_nobody(tmp_path: Path) -> None:
    with running(tmp_path / "page", read_only=True) as page, page.client() as owner:
        assert page.token(owner) == ""
        for token in ("", "0" * 64):
            assert page.post(owner, headers={"X-Shotbuild-Token": token}).status_code == 403
        assert page.made.done == []


def test_a_guest_of_everything_sees_everything(page: Running) -> None:
    with page.guest(sequences=[], shots=[]) as guest:
        assert [guest.get(f"/shot/{shot}").status_code for shot in SHOTS] == [200, 200]
        assert guest.get("/spending").status_code == 200


# --- links that end ---------------------------------------------------------------------------------------------------


def test_a_link_ends(fresh: Running) -> None:
    _, token = fresh.invited(seconds=3600)
    with fresh.client(token) as guest:
        fresh.clock.seconds += 3599
        assert guest.get("/").status_code == 200
        fresh.clock.seconds += 2
        for address in ("/", fresh.made.film("sh010")):
            answer = guest.get(address)
            assert (answer.status_code, told(answer)) == (403, "This link has ended")
    assert told(httpx.get(f"{fresh.address}/enter/{token}")) == "This link has ended"


def test_a_link_that_is_taken_back_ends_at_once_also_for_who_is_in(fresh: Running) -> None:
    name, token = fresh.invited()
    other = fresh.guest()
    with fresh.client(token) as guest, other:
        Links(fresh.made.folder / "review", lambda _: None, fresh.clock).revoke(name)  # as another process does
        answer = guest.get("/")
        assert (answer.status_code, told(answer)) == (403, "This link was taken back")
        assert guest.post("/api/note", headers={"Origin": fresh.address}, json={}).status_code == 403
        assert other.get("/").status_code == 200
    assert told(httpx.get(f"{fresh.address}/enter/{token}")) == "This link was taken back"
    assert fresh.made.done == []


def test_who_follows_a_page_hears_nothing_after_the_link_was_taken_back(fresh: Running) -> None:
    name, token = fresh.invited()
    with fresh.client(token) as guest, guest.stream("GET", "/events") as events:
        lines = events.iter_lines()
        assert next(line for line in lines if line.startswith("data"))
        fresh.links.revoke(name)
        assert [line for line in lines if line] in ([], [": still here"])
    assert fresh.made.streams == 0


def test_links_outlive_the_server(fresh: Running, tmp_path: Path) -> None:
    _, token = fresh.invited()
    with fresh.client(token) as guest:
        (cookie,) = guest.cookies.values()
        write = fresh.token(guest)
    shutil.copytree(fresh.made.folder, tmp_path / "again", ignore=shutil.ignore_patterns("review"))
    os.rename(fresh.made.folder / "review", tmp_path / "again/review")
    with running(tmp_path / "again") as again, httpx.Client(base_url=again.address) as guest:
        guest.cookies.set(f"shotbuild-{again.port}", cookie)
        assert again.token(guest) == write
        again.client(token).close()


# --- links that are none ----------------------------------------------------------------------------------------------


def test_an_altered_link_opens_nothing(page: Running) -> None:
    _, token = page.invited()
    for at in range(len(token) - 1):  # the last letter has bits that mean nothing
        other = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        found = page.links.opened(other)
        assert isinstance(found, Refusal), at
    for other in (
        "",
        "1.",
        token[:-1],
        token + "A",
        token[2:],
        token.replace(".", ""),
        f"1.{'A' * 5000}",
        "é" * 100,
        "1.\x00",
    ):
        assert isinstance(page.links.opened(other), Refusal), other
    answer = httpx.get(f"{page.address}/enter/x{token}")
    assert (answer.status_code, told(answer)) == (403, "This link does not open this page")


def test_no_signature_serves_two_purposes(page: Running) -> None:
    name, token = page.invited()
    with page.client(token) as guest:
        (cookie,) = guest.cookies.values()
    assert isinstance(page.links.opened(f"1.{cookie}"), Refusal)
    assert page.entrance.person(token.partition(".")[2]) is None
    for row in ([name, 9**10, "x"], [name, 9**10], [name], {"id": name}, "x", [name, "9", "x"]):
        assert page.entrance.person(page.links.signer("link").dumps(row)) is None
    assert page.entrance.person(page.links.signer("session").dumps([name, "9", "x"])) is None


def test_a_link_of_another_project_opens_nothing(page: Running, tmp_path: Path) -> None:
    other = Links(tmp_path / "review", lambda _: None)
    _, token = other.invite("Cleo", role=None, may=[], sequences=[], shots=[], seconds=1000)
    assert told(httpx.get(f"{page.address}/enter/{token}")) == "This link does not open this page"


def test_a_link_of_a_newer_version_is_called_that(page: Running) -> None:
    assert told(httpx.get(f"{page.address}/enter/2.abc.def")) == "This link cannot be read here"


# --- what lies on the disk --------------------------------------------------------------------------------------------


def test_no_file_has_a_link_in_it_and_nobody_else_reads_them(fresh: Running) -> None:
    _, token = fresh.invited()
    fresh.client(token).close()
    for path in (fresh.made.folder / "review").iterdir():
        content = path.read_text()
        assert token not in content
        assert token.rpartition(".")[2] not in content
        if path.name in ("key", "invites.json"):
            assert path.stat().st_mode & 0o777 == 0o600


def test_a_stolen_list_opens_nothing_elsewhere(fresh: Running, tmp_path: Path) -> None:
    fresh.invited()
    (tmp_path / "review").mkdir()
    shutil.copy(fresh.made.folder / "review/invites.json", tmp_path / "review")
    mine = Links(tmp_path / "review", lambda _: None)
    (row,) = mine.listed()
    token = mine.signer("link").dumps([row.id, row.until])
    assert isinstance(fresh.links.opened(f"1.{token}"), Refusal)
    assert mine.listed() == (), "a new key knows nobody"


def test_a_key_that_came_with_a_copied_folder_is_replaced(fresh: Running, tmp_path: Path) -> None:
    _, token = fresh.invited()
    shutil.copytree(fresh.made.folder / "review", tmp_path / "copy")
    warned: list[str] = []
    copied = Links(tmp_path / "copy", warned.append)
    assert isinstance(copied.opened(token), Refusal)
    assert copied.listed() == ()
    assert len(warned) == 1
    assert "was not made here" in warned[0]


def test_a_key_that_others_can_read_is_refused(fresh: Running) -> None:
    fresh.invited()
    (fresh.made.folder / "review/key").chmod(0o640)
    with pytest.raises(ShotbuildError, match="read by others"):
        Links(fresh.made.folder / "review", lambda _: None).invite("X", role=None, may=[], sequences=[], shots=[], seconds=9)


def test_keys_and_lists_that_are_links_are_refused(fresh: Running, tmp_path: Path) -> None:
    fresh.invited()
    folder = fresh.made.folder / "review"
    os.rename(folder / "key", tmp_path / "key")
    (folder / "key").symlink_to(tmp_path / "key")
    with pytest.raises(ShotbuildError, match="cannot be read"):
        Links(folder, lambda _: None).invite("X", role=None, may=[], sequences=[], shots=[], seconds=9)
    os.rename(folder / "invites.json", tmp_path / "invites.json")
    (folder / "invites.json").symlink_to(tmp_path / "invites.json")
    with pytest.raises(OSError, match="symbolic"):
        fresh.links.listed()


@pytest.mark.parametrize(
    "change",
    [
        {"may": ["everything"]}, {"until": "9"}, {"until": 1e99}, {"sequences": [1]}, {"revoked": 0}, {"id": ""},
        {"role": 1}, {"more": 1}, {"may": "note"},
    ],
)  # fmt: skip
def test_a_damaged_list_lets_nobody_in(fresh: Running, change: dict[str, object]) -> None:
    _, token = fresh.invited()
    path = fresh.made.folder / "review/invites.json"
    content = json.loads(path.read_text())
    content["invites"][0] |= change
    path.write_text(json.dumps(content))
    assert httpx.get(f"{fresh.address}/enter/{token}").status_code == 403
    with pytest.raises(ShotbuildError, match="damaged"):
        fresh.links.listed()
    for text in ("", "{", "[" * 100_000, "null", '{"invites": 1}'):
        path.write_text(text)
        assert httpx.get(f"{fresh.address}/enter/{token}").status_code == 403


def test_invitations_made_at_once_are_all_there(tmp_path: Path) -> None:
    def make() -> None:
        links = Links(tmp_path / "review", lambda _: None)
        for _ in range(5):
            links.invite("X", role=None, may=[], sequences=[], shots=[], seconds=900)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(Links(tmp_path / "review", lambda _: None).listed()) == 20


def test_an_id_is_said_by_its_beginning_and_an_unclear_one_is_refused(tmp_path: Path) -> None:
    links = Links(tmp_path / "review", lambda _: None)
    made, _ = links.invite("Cleo", role=None, may=[], sequences=[], shots=[], seconds=900)
    for wrong in ("", "zz", made.id + "0"):
        with pytest.raises(PlanError, match="no invitation"):
            links.revoke(wrong)
    assert links.revoke(made.id[:6]).revoked
    assert [row.revoked for row in links.listed()] == [True]
