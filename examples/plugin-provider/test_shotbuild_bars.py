"""The suite of shotbuild is all that a provider has to be tested with; run it by `pytest`, in this folder."""

from shotbuild_bars import Bars

from shotbuild.testing.providers import LocalContract


class TestBars(LocalContract):
    def provider(self) -> Bars:
        return Bars()
