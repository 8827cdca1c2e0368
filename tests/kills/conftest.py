"""One warm process for all tests of a run, and projects in memory."""

from collections.abc import Iterator

import pytest

from tests.kills.nursery import Nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with Nursery() as started:
        yield started
