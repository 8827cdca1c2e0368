"""Texts and templates → text, with the variables of whoever uses them. What renders them is the `sandbox`, which is loaded
for the first text with a mark in it: where all shots are known from before, nothing is rendered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

from shotbuild.errors import Location
from shotbuild.spec.report import Report
from shotbuild.spec.tables import Plain
from shotbuild.spec.tree import Tree

MARKS = re.compile(r"\{[{%#]")


@dataclass(frozen=True, slots=True)
class Use:
    """Who needs a text. what: such as "shot 'sh010'"; location: where the text or the template's path is written."""

    what: str
    location: Location


class Prompts:
    """The texts and templates of one project."""

    def __init__(self, tree: Tree, report: Report) -> None:
        self._tree, self._report = tree, report
        self.files: set[str] = set()
        """The templates that were rendered, in all."""
        self.noted: set[str] = set()
        """The same, since somebody set it."""

    def text(self, source: str, variables: Mapping[str, Plain], use: Use) -> str | None:
        """A text that may hold template marks → the text. None = an error was reported."""
        return self._render(source, variables, use, named=False) if MARKS.search(source) else source

    def template(self, path: str, variables: Mapping[str, Plain], use: Use) -> str | None:
        """A file below templates/, by its path in the project → the text. None = an error was reported."""
        self._note(path)
        return self._render(path, variables, use, named=True)

    def _render(self, source: str, variables: Mapping[str, Plain], use: Use, *, named: bool) -> str | None:
        text: str | None = self._sandbox.render(source, variables, use, named=named)
        return text

    @cached_property
    def _sandbox(self) -> Any:
        return import_module("shotbuild.spec.sandbox").Sandbox(self._tree, self._report, self._note)

    def _note(self, path: str) -> None:
        self.files.add(path)
        self.noted.add(path)
