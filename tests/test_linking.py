"""Results go under their names while the build goes on."""

import threading

import pytest

from shotbuild.engine.done import Done
from shotbuild.errors import BytesLost, Location, ShotbuildError
from shotbuild.linking import Linker
from shotbuild.plan.bind import Wanted
from shotbuild.plan.graph import Link, Plan
from shotbuild.records import Action, ActionResult, Digest, Fields, Recipe, Step

ONE, TWO = (Digest(sha256=letter * 64, size=1) for letter in "ab")
LINKS = (Link(path="one.mp4", step="one", output="film.mp4"), Link(path="two.mp4", step="two", output="film.mp4"))
PLAN = Plan(steps=(), links=LINKS)


def done(name: str, digest: Digest) -> Done:
    recipe = Recipe(stage="join", version=1, pins=(), parameters=Fields())
    where = Location(file="specs/a.yaml", line=1, column=1)
    step = Step(name=name, recipe=recipe, inputs=(), outputs=("film.mp4",), location=where)
    action = Action(recipe=recipe, inputs=(), outputs=("film.mp4",))
    result = ActionResult(outputs=(("film.mp4", digest),), milliseconds=0)
    return Done(wanted=Wanted(step=step, action=action, key=name, continues=None), result=result, ran=True)


def test_what_is_done_is_put_in_its_place_at_once_and_told_in_the_order_of_the_plan() -> None:
    placed = threading.Event()

    def put(link: Link, _: Digest) -> bool:
        placed.set()
        return link.step == "two"

    with Linker(PLAN, put) as linker:
        linker.begin(done("two", TWO))
        assert placed.wait(10)
        linker.begin(done("one", ONE))
        linker.begin(done("other", ONE))
        found = linker.end({"one", "two", "other"})
    assert (found.written, found.present, found.lost) == (("two.mp4",), ("one.mp4", "two.mp4"), ())
    assert found.results == ((LINKS[0], ONE), (LINKS[1], TWO))


def test_what_was_damaged_is_tried_again_when_it_was_made_again() -> None:
    tries: list[str] = []

    def put(link: Link, _: Digest) -> bool:
        tries.append(link.path)
        if len(tries) == 1:
            raise BytesLost("damaged")
        return True

    with Linker(PLAN, put) as linker:
        linker.begin(done("one", ONE))
        lost = linker.end({"one"})
        assert [str(each) for each in lost.lost] == ["damaged"]
        # A step that is not made again is not asked after.
        assert linker.end(set()).lost == ()
        linker.begin(done("one", ONE))
        assert linker.end({"one"}).written == ("one.mp4",)
        # What is there is not put there twice.
        linker.begin(done("one", ONE))
        assert linker.end({"one"}).written == ("one.mp4",)
    assert len(tries) == 2


def test_one_that_cannot_be_written_does_not_keep_back_the_others() -> None:
    tries: list[str] = []

    def put(link: Link, _: Digest) -> bool:
        tries.append(link.path)
        if link.step == "one":
            raise ShotbuildError("the disk is full")
        return True

    with Linker(PLAN, put) as linker:
        linker.begin(done("one", ONE))
        linker.begin(done("two", TWO))
        with pytest.raises(ShotbuildError, match="the disk is full"):
            linker.end({"one", "two"})
    assert tries == ["one.mp4", "two.mp4"]
