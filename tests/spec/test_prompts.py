import time
from pathlib import Path
from typing import Any

import pytest

from shotbuild.errors import Location, SpecError
from shotbuild.spec.prompts import Prompts, Use
from shotbuild.spec.report import Report
from shotbuild.spec.tree import Tree

USE = Use("shot 'sh010'", Location(file="specs/a.yaml", line=4, column=15))
VARIABLES: dict[str, Any] = {"place": "lighthouse", "words": ("dawn", "fog"), "title": 'The <light> & "fog"'}


class Room:
    """Renders templates of a folder, and says the one error that came of it."""

    def __init__(self, root: Path) -> None:
        self.root, self.report = root, Report()
        self.prompts = Prompts(Tree(root), self.report)

    def write(self, files: dict[str, str]) -> "Room":
        for name, content in files.items():
            path = self.root / "templates" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return self

    def text(self, source: str) -> str | None:
        return self.prompts.text(source, VARIABLES, USE)

    def template(self, name: str) -> str | None:
        return self.prompts.template(f"templates/{name}", VARIABLES, USE)

    def error(self) -> SpecError:
        (error,) = self.report._errors.values()
        return error


@pytest.fixture
def room(tmp_path: Path) -> Room:
    (tmp_path / "room" / "templates").mkdir(parents=True)
    return Room(tmp_path / "room")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("No marks: 100 % {sure}", "No marks: 100 % {sure}"),
        ("A {{ place }}.", "A lighthouse."),
        ("{{ title }}", 'The <light> & "fog"'),
        ("{{ place|upper }} {{ place.title() }}", "LIGHTHOUSE Lighthouse"),
        ("{% for word in words %}{{ loop.index }}{{ word }}{{ ', ' if not loop.last }}{% endfor %}", "1dawn, 2fog"),
        ("{{ words|join(' and ') }} {{ words|length }}", "dawn and fog 2"),
        ("{{ [1, 2, 3]|map('string')|join('-') }}", "1-2-3"),
        ("{{ 'x' * 3 ~ (1 + 2) }}", "xxx3"),
        ("{% set n = namespace(i=0) %}{% for w in words %}{% set n.i = n.i + 1 %}{% endfor %}{{ n.i }}", "2"),
        ("{% for i in range(3) %}{{ i }}{% endfor %}", "012"),
        ("{{ 'fog'|replace('f', 'd') }}", "dog"),
        ("{{ missing|default('none') }}", "none"),
        ("{{ {'a': 'b'}.a }}", "b"),
    ],
)
def test_texts_are_templates(source: str, text: str, room: Room) -> None:
    assert room.text(source) == text
    assert not room.report.found


def test_includes_imports_macros_and_inheritance_work_from_templates(room: Room) -> None:
    room.write(
        {
            "lib/words.j2": "{% macro loud(word) %}{{ word|upper }}!{% endmacro %}",
            "lib/end.j2": "at {{ words[0] }}",
            "base.j2": "[{% block middle %}{% endblock %}]",
            "a.j2": "{% extends 'base.j2' %}{% from 'lib/words.j2' import loud %}"
            "{% block middle %}{{ loud(place) }} {% include 'lib/end.j2' %}{% endblock %}",
        }
    )
    assert room.template("a.j2") == "[LIGHTHOUSE! at dawn]"
    assert room.prompts.files == {"templates/a.j2", "templates/base.j2", "templates/lib/words.j2", "templates/lib/end.j2"}


def test_lines_of_statements_leave_no_empty_lines(room: Room) -> None:
    room.write({"a.j2": "{% if place %}\r\n  {% set x = 1 %}\r\nA {{ place }}\r\n{% endif %}\r\n"})
    assert room.template("a.j2") == "A lighthouse\n"


def test_an_unknown_variable_names_line_use_and_nearest_name(room: Room) -> None:
    room.write({"a.j2": "one\n{% include 'b.j2' %}", "b.j2": "two\n\n{{ plaec }}"})
    assert room.template("a.j2") is None
    error = room.error()
    assert str(error.location) == "templates/b.j2:3:1"
    assert error.message == "unknown variable 'plaec'"
    assert error.cause == "used by shot 'sh010' (specs/a.yaml:4:15)"
    assert error.hint == "did you mean `place`?"


def test_an_error_in_a_text_is_told_at_the_text_with_its_line(room: Room) -> None:
    assert room.text("one\n{{ nothing }}") is None
    assert str(room.error().location) == "specs/a.yaml:4:15"
    assert room.error().cause == "line 2 of the text of shot 'sh010'"


def test_a_syntax_error_names_the_template_line(room: Room) -> None:
    room.write({"a.j2": "one\n{% if %}"})
    assert room.template("a.j2") is None
    assert str(room.error().location) == "templates/a.j2:2:1"


def test_a_broken_template_that_many_shots_use_is_told_once(room: Room) -> None:
    room.write({"a.j2": "{% if %}"})
    for line in range(1, 50):
        use = Use(f"shot {line}", Location(file="specs/a.yaml", line=line, column=1))
        assert room.prompts.template("templates/a.j2", {}, use) is None
    assert "used by shot 1 " in (room.error().cause or "")


@pytest.mark.parametrize(
    "name",
    ["../secret", "/etc/passwd", "lib/../../secret", "lib\\x", "nothing.j2", ".", "", "link.j2", "linked/secret", "near.j2"],
)
def test_no_template_reaches_outside(name: str, room: Room) -> None:
    secret = room.root.parent / "elsewhere"
    secret.mkdir()
    (secret / "secret").write_text("SECRET")
    (room.root / "secret").write_text("SECRET")
    (room.root / "templates/link.j2").symlink_to(secret / "secret")
    (room.root / "templates/linked").symlink_to(secret)
    (room.root / "templates/near.j2").symlink_to(room.root / "secret")
    room.write({"a.j2": "{% include " + repr(name) + " %}"})
    assert room.template("a.j2") is None
    assert str(room.error().location) == "templates/a.j2:1:1"
    assert room.prompts.files == {"templates/a.j2"}


HOSTILE = {
    "attributes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "attributes by subscript": "{{ ''['__class__'] }}",
    "globals of a macro": "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
    "the environment": "{{ self._TemplateReference__context.environment }}",
    "a filter for attributes": "{{ place|attr('__class__') }}",
    "a map over attributes": "{{ [place]|map(attribute='__class__')|list }}",
    "format": "{{ '{0.__class__}'.format(place) }}",
    "a wide format": "{{ '{:>999999999}'.format(1) }}",
    "a wide percent": "{{ '%999999999d' % 1 }}",
    "a wide centre": "{{ place.center(999999999) }}",
    "a wide filter": "{{ place|center(999999999) }}",
    "a long repetition": "{{ 'a' * 10 * 999999999 }}",
    "a long list": "{{ ([1] * 999999999)|length }}",
    "a power": "{{ 9 ** 9 ** 9 }}",
    "a growing number": "{% set n = namespace(i=9) %}{% for i in range(99) %}{% set n.i = n.i * n.i %}{% endfor %}",
    "doubling by plus": "{% set n = namespace(s='aa') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
    "doubling by tilde": "{% set n = namespace(s='aa') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
    "doubling by join": "{% set n = namespace(s='aa') %}{% for i in range(99) %}{% set n.s = [n.s, n.s]|join %}{% endfor %}",
    "doubling by replace": "{% set n = namespace(s='aa') %}"
    "{% for i in range(99) %}{% set n.s = n.s|replace('a', n.s) %}{% endfor %}",
    "nested lists": "{% set a = [0] %}" + "{% set a = [a, a] %}" * 60 + "{{ a|string }}",
    "comparing nested lists": "{% set a = [0] %}{% set b = [0] %}"
    + "{% set a = [a, a] %}{% set b = [b, b] %}" * 60
    + "{{ a == b }}",
    "a giant range": "{% for i in range(10000000000) %}{% endfor %}",
    "a range as a list": "{{ range(10000000000)|list|length }}",
    "nested loops": "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
    "loops over text": "{% set s = 'a' * 9999 %}"
    "{% for i in s %}{% for j in s %}{% for k in s %}{% endfor %}{% endfor %}{% endfor %}",
    "a long output": "{% for i in range(9999) %}aaaaaaaaaa{% endfor %}",
    "a long hidden output": "{% set x %}{% for i in range(19999) %}" + "a" * 60_000 + "{% endfor %}{% endset %}",
    "recursive macros": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(99) }}",
    "an endless macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "an endless block": "{% block a %}{{ self.a() }}{% endblock %}",
    "a recursive loop": "{% for i in words recursive %}{{ loop(words) }}{% endfor %}",
    "an endless include": "{% include 'again.j2' %}",
    "deep brackets": "{{ " + "(" * 5000 + " }}",
    "deep signs": "{{ " + "-" * 5000 + "1 }}",
    "deep blocks": "{% if 1 %}" * 2000 + "{% endif %}" * 2000,
    "chance": "{{ words|random }}",
    "chance in words": "{{ lipsum() }}",
    "a list written out": "{{ words }}",
    "an object written out": "{{ range }}",
    "a very long template": "{{ place }}" + "a" * 70_000,
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_templates_end_quickly_with_an_error(source: str, room: Room) -> None:
    room.write({"again.j2": "{% include 'again.j2' %}{% include 'again.j2' %}"})
    start = time.process_time()
    assert room.text(source) is None
    assert time.process_time() - start < 3
    assert room.error().message
    assert "SECRET" not in str(room.error())


def test_a_dear_template_does_not_spoil_the_next(room: Room) -> None:
    for _ in range(20):
        assert room.text("{% for i in range(15000) %}{% endfor %}{{ place }}") == "lighthouse"


def test_a_compiled_template_renders_in_microseconds(room: Room) -> None:
    room.text("A {{ place }} at {{ words[0] }}, {{ place|upper }}")
    start = time.process_time()
    for _ in range(1000):
        room.text("A {{ place }} at {{ words[0] }}, {{ place|upper }}")
    assert time.process_time() - start < 0.2
