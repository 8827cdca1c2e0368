"""What may go: only what nothing names, and what cannot be made again apart from the rest."""

from shotbuild.records import Digest
from shotbuild.store.sweep import Sweep, sweepable


def digest(letter: str) -> Digest:
    return Digest(sha256=letter * 64, size=1)


A, B, C, D = map(digest, "abcd")


def test_what_is_named_stays_whoever_made_it() -> None:
    assert sweepable([A, B], {A.sha256, B.sha256}, {A.sha256}) == Sweep(free=(), takes=())


def test_an_intermediate_that_nothing_names_is_free() -> None:
    assert sweepable([A, B, C], {B.sha256}, {A.sha256, B.sha256, C.sha256}) == Sweep(free=(A, C), takes=())


def test_what_nobody_knows_may_be_a_take() -> None:
    assert sweepable([D, A, B], (), {B.sha256}) == Sweep(free=(B,), takes=(D, A))


def test_what_is_named_or_known_but_not_there_is_no_matter() -> None:
    assert sweepable([], {A.sha256}, {B.sha256}) == Sweep(free=(), takes=())
