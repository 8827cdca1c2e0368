"""The outbox: results on their way to the shared store, while other work goes on."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shotbuild.digest import of_text
from shotbuild.records import ActionResult, Digest
from shotbuild.store.blobs import FolderBlobs
from shotbuild.store.interface import Row
from shotbuild.store.outbox import SENDERS, Outbox, Parcel
from shotbuild.store.shared import Shared
from tests.store.memory_objects import MemoryObjects, refusing, unreachable


class Post:
    """An outbox with its store, and results to put into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.objects = MemoryObjects()
        self.told: list[str] = []
        self.shared = Shared(self.objects, {}, self.told.append)
        self.local = FolderBlobs(folder / "store")
        self.ended: list[tuple[int, int]] = []
        self.outbox = Outbox(self.shared, self.local, lambda done, total: self.ended.append((done, total)))

    def hold(self, text: str) -> Digest:
        file = self.folder / "made"
        file.write_text(text)
        return self.local.adopt(file)

    def parcel(self, text: str) -> Parcel:
        result = ActionResult(outputs=(("film.mp4", self.hold(text)),), milliseconds=7)
        row = Row(action=of_text(f"action of {text}").sha256, result=result, manifest=f"action of {text}")
        return Parcel(what=text, blobs=result.blobs, row=row, take=True)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    post = Post(tmp_path)
    yield post
    post.outbox.stop()


def test_all_of_it_is_there_when_the_outbox_ends(post: Post) -> None:
    parcels = [post.parcel(str(number)) for number in range(30)]
    for parcel in parcels:
        post.outbox.add(parcel)
    sent = post.outbox.end()
    assert len(sent.parcels) == 30
    assert (sent.unsent, sent.otherwise) == ([], [])
    assert sent.size == sum(len(str(number)) for number in range(30))
    assert len(post.objects.held) == 60
    assert (30, 30) in post.ended


def test_a_few_are_on_their_way_at_a_time(post: Post) -> None:
    under_way, most, lock, room = 0, 0, threading.Lock(), threading.Barrier(SENDERS, timeout=30)

    def count(_: int, name: str, key: str) -> None:
        nonlocal under_way, most
        if name == "send":
            with lock:
                under_way += 1
                most = max(most, under_way)
            room.wait()
            with lock:
                under_way -= 1

    post.objects.before = count
    for number in range(3 * SENDERS):
        post.outbox.add(post.parcel(str(number)))
    post.outbox.end()
    assert most == SENDERS


def test_who_is_stopped_waits_for_nothing_and_says_what_was_left(post: Post) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def hang(_: int, name: str, key: str) -> None:
        if name == "send":
            begun.release()
            go_on.wait(60)

    post.objects.before = hang
    for number in range(20):
        post.outbox.add(post.parcel(str(number)))
    for _ in range(SENDERS):
        assert begun.acquire(timeout=30)
    assert not post.outbox.wait(0.01)
    assert post.outbox.open == 20
    sent = post.outbox.stop()
    assert post.objects.held == {}
    assert len(sent.unsent) == 20 - SENDERS
    go_on.set()


def test_a_store_that_is_gone_is_not_tried_for_each(post: Post) -> None:
    post.objects.before = unreachable
    for number in range(50):
        post.outbox.add(post.parcel(str(number)))
    sent = post.outbox.end()
    assert len(sent.unsent) == 50
    assert all(each.why for each in sent.unsent)
    assert len(post.objects.calls) <= SENDERS
    assert len(post.told) == 1


def test_a_store_that_refuses_is_not_tried_for_each(post: Post) -> None:
    post.objects.before = refusing
    for number in range(50):
        post.outbox.add(post.parcel(str(number)))
    assert len(post.outbox.end().unsent) == 50
    assert len(post.objects.asked("send")) <= SENDERS
    assert len(post.told) == 1


def test_what_is_damaged_here_is_not_sent(post: Post) -> None:
    parcel = post.parcel("a take")
    place = post.local.path(parcel.blobs[0])
    place.chmod(0o644)
    place.write_text("a tale")
    post.outbox.add(parcel)
    (left,) = post.outbox.end().unsent
    assert "damaged here" in (left.why or "")
    assert post.objects.held == {}
    assert place.read_text() == "a tale", "and stays where it is"


def test_a_bug_costs_its_parcel_alone(post: Post) -> None:
    def fail(_: int, name: str, key: str) -> None:
        if key == f"cas/{of_text('bad').sha256}":
            raise RuntimeError("a bug of a library")

    post.objects.before = fail
    for text in ("one", "bad", "two"):
        post.outbox.add(post.parcel(text))
    sent = post.outbox.end()
    assert sorted(each.what for each in sent.parcels) == ["one", "two"]
    (left,) = sent.unsent
    assert (left.parcel.what, "a bug of a library" in (left.why or "")) == ("bad", True)


def test_what_somebody_else_said_first_is_told(post: Post) -> None:
    mine, theirs = post.parcel("a take"), post.hold("another take")
    assert mine.row is not None
    post.objects.held[f"cas/{theirs.sha256}"] = b"another take"
    there = ActionResult(outputs=(("film.mp4", theirs),), milliseconds=7)
    post.shared.record(Row(action=mine.row.action, result=there, manifest=mine.row.manifest))
    second = Outbox(Shared(post.objects, {}, post.told.append), post.local)
    second.add(mine)
    (other,) = second.end().otherwise
    assert other.there == there
    assert f"cas/{mine.blobs[0].sha256}" in post.objects.held, "the bytes of both are there"
