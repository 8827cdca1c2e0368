"""The suite of shotbuild is all that a provider has to be tested with; run it by `pytest`, in this folder."""

from shotbuild.testing.providers import LocalContract
from shotbuild_bars import Bars


class TestBars(LocalContract):
    def provider(self) -> Bars:
        return Bars()
