"""How commands that only look say that takes lie on one disk alone."""

from collections.abc import Sequence

from shotbuild.cli import console
from shotbuild.records import Take
from shotbuild.whereabouts import REMEDY, sentence


def tell_lonely(takes: Sequence[Take]) -> None:
    if takes:
        console.err(f"warning: {sentence(takes)}; {REMEDY}")
