"""A server for each test that changes what is on it, and one for all those that do not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the extra is not installed: pip install 'shotbuild[review]'")
pytest.importorskip("uvicorn", reason="the extra is not installed: pip install 'shotbuild[review]'")
pytest.importorskip("itsdangerous", reason="the extra is not installed: pip install 'shotbuild[review]'")

from tests.review.served import Running, running


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Shared by tests that only ask."""
    with running(tmp_path_factory.mktemp("page")) as found:
        yield found
        assert found.made.bugs == []


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Running]:
    """A server of this test alone."""
    with running(tmp_path / "page") as found:
        yield found
        assert found.made.bugs == []
