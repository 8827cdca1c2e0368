"""The page on adding a provider: what it shows passes the suite, and the suite sees what is wrong with others like it."""

import time
from collections.abc import Mapping
from typing import Any

import pytest

from shotbuild.errors import ProviderError, ProviderRefused
from shotbuild.providers.interface import Address, Finds, State, Status
from shotbuild.records import Operation, Price
from shotbuild.testing.providers import ServiceContract
from tests.testing.pages import PAGE, ROOT, example

Tiny: Any = example().Tiny
TestTiny = example().TestTiny
"""pytest runs the page's own suite here."""


def test_the_page_is_short() -> None:
    assert len(PAGE.read_text().splitlines()) < 100


# --- what the suite has to see ------------------------------------------------------------------------------------------


class Waits(Tiny):
    def poll(self, operation: Operation, http: Any) -> Status:
        time.sleep(1)
        return super().poll(operation, http)


class PaysTwice(Tiny):
    def submit(self, request: Any, http: Any) -> Operation:
        http.send("POST", "videos", body={"prompt": "first"})
        return super().submit(request, http)


class KeyInTheAddress(Tiny):
    def poll(self, operation: Operation, http: Any) -> Status:
        http.get(f"videos/{operation.id}", {"key": example().TinyServer.key})
        return super().poll(operation, http)


class CancelsWithoutAWord(Tiny):
    def cancel(self, operation: Operation, http: Any) -> Any:
        super().cancel(operation, http)


class KeyInTheBody(Tiny):
    def submit(self, request: Any, http: Any) -> Operation:
        http.send("PUT", "anything", body={"key": example().TinyServer.key}, allow=(404,))
        return super().submit(request, http)


class OneKindOfNo(Tiny):
    def fault(self, reply: Any) -> Any:
        return None if reply.ok else ProviderRefused("no")


class UnknownIsFailed(Tiny):
    def poll(self, operation: Operation, http: Any) -> Status:
        word = http.get(f"videos/{operation.id}").json.text("state")
        return Status(state={"ready": State.DONE}.get(word, State.CANCELLED), word=word)


class GoneIsRefused(Tiny):
    def poll(self, operation: Operation, http: Any) -> Status:
        http.get(f"videos/{operation.id}")
        return super().poll(operation, http)


class Remembers(Tiny):
    def __init__(self) -> None:
        self.last = ""

    def submit(self, request: Any, http: Any) -> Operation:
        operation = super().submit(request, http)
        self.last = operation.id
        return operation

    def poll(self, operation: Operation, http: Any) -> Status:
        return super().poll(Operation(provider="tiny", id=self.last, submitted=""), http)


class FindsNothing(Tiny):
    finds = Finds.BY_LIST


class TakesAny(Tiny):
    finds = Finds.BY_LIST

    def find(self, doubt: Any, http: Any) -> Operation | None:
        return Operation(provider="tiny", id="op-1", submitted="")


class InTheClear(Tiny):
    def locate(self, operation: Operation, http: Any) -> Address:
        return Address(url=f"http://clips.example/{operation.id}.mp4")


class PricesByTheClock(Tiny):
    def price(self, model: str, request: Any) -> Price:
        return Price(amount=example().Fraction(time.monotonic_ns()), currency="USD", exact=False)


class PricesDrafts(Tiny):
    def price(self, model: str, request: Any) -> Price:
        return {"fine": super().price(model, request)}[request.get("settings").text("quality")]


WRONG: Mapping[type[Any], str] = {
    Waits: "test_a_take_comes_back_and_nothing_else_was_paid_for",
    PaysTwice: "test_one_submit_pays_once_and_gives_an_operation",
    KeyInTheAddress: "test_the_key_is_in_headers_and_nowhere_else",
    KeyInTheBody: "test_the_key_is_in_headers_and_nowhere_else",
    CancelsWithoutAWord: "test_cancelling_says_whether_it_was_in_time",
    OneKindOfNo: "test_each_no_is_of_its_kind_and_nothing_was_paid",
    UnknownIsFailed: "test_a_word_that_nobody_knows_means_that_it_runs",
    GoneIsRefused: "test_what_the_service_no_longer_knows_is_gone",
    Remembers: "test_two_objects_and_two_operations_do_not_disturb_each_other",
    FindsNothing: "test_a_lost_answer_is_found_again_where_the_service_can_do_it",
    TakesAny: "test_what_is_accounted_for_is_not_taken_for_what_was_lost",
    InTheClear: "test_a_take_comes_back_and_nothing_else_was_paid_for",
    PricesByTheClock: "test_a_price_is_a_function_of_the_recipe",
    PricesDrafts: "test_a_price_is_a_function_of_the_recipe",
}


@pytest.mark.parametrize("adapter", WRONG, ids=lambda adapter: adapter.__name__)
def test_the_suite_sees_what_is_wrong(adapter: type[Any]) -> None:
    class Suite(ServiceContract):
        def provider(self) -> Any:
            return adapter()

        def serving(self) -> Any:
            return example().TinyServer()

    with pytest.raises((AssertionError, KeyError, ProviderError)):
        getattr(Suite(), WRONG[adapter])()


def test_the_suite_does_not_need_pytest() -> None:
    source = "".join(path.read_text() for path in sorted((ROOT / "shotbuild/testing").glob("*.py")))
    assert "import pytest" not in source
