"""Generators of one's own: looked at, pinned in the lock, held there, and taken on only when somebody says so."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from shotbuild.built import BuildOptions
from shotbuild.casting import UNPINNED
from shotbuild.digest import version_of
from shotbuild.engine.events import Warned
from shotbuild.errors import GateError, ProviderUnavailable, SpecError, SpecErrors
from shotbuild.providers.interface import Facts, Model, Objection, Site, Wish
from shotbuild.records import Fields, fields
from shotbuild.spec.fields import text
from shotbuild.spec.lockfile import facts_differ, read_lock
from shotbuild.workspace import Workspace
from tests.fakes import Count, FakeProvider, fake_workspace, write_project

SPEC = """\
shots:
  sh010: {prompt: A boat., duration: 1s}
"""
PROJECT = """\
shotbuild: 1
project: film
format: {size: 128x72, rate: 24}
providers: {mine: {use: animatic, weights: weights.txt}}
defaults: {provider: mine}
"""
MODEL = Model(
    name="own", version="asked", fields={"weights": text(doc="Which weights.")}, roles=("first_frame",), seconds=10
)


@dataclass(frozen=True, slots=True)
class Own(FakeProvider):
    """A provider whose model is a file of the project; the file `away` makes it unreachable."""

    models: dict[str, Model] = field(default_factory=lambda: {"own": MODEL})  # type: ignore[assignment]
    looked: list[str] = field(default_factory=list)

    def subject(self, model: str, settings: Fields) -> str:
        return settings.text("weights")

    def examine(self, model: str, settings: Fields, site: Site) -> Facts:
        self.looked.append(settings.text("weights"))
        if (site.root / "away").exists():
            raise ProviderUnavailable("the server does not answer", hint="start it")
        weights = site.digest(site.root / settings.text("weights")).sha256
        said = (site.root / "said").read_text() if (site.root / "said").exists() else "1.0"
        return Facts(pinned=fields(code=fields(torch=said), weights=weights), unread=fields(nodes="nobody tells them"))

    def inspect(self, model: str, wish: Wish, facts: Facts | None, site: Site) -> Iterable[Objection]:
        if (site.root / "away").exists():
            raise ProviderUnavailable("the server does not answer")
        if "whale" in wish.prompt:
            yield Objection(key="prompt", message="it knows no whales", remedy="write `fish`")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_project(tmp_path / "film", {"shotbuild.yaml": PROJECT, "specs/a.yaml": SPEC, "weights.txt": "one"})


def opened(root: Path, heard: list[str] | None = None, provider: Own | None = None) -> Workspace:
    told = [] if heard is None else heard
    space = fake_workspace(root, Count(), provider=provider or Own())
    space.hear = lambda event: told.append(event.message) if isinstance(event, Warned) else None
    space.rooms.warn = told.append
    return space


def test_a_build_puts_what_it_found_into_the_lock(root: Path) -> None:
    built = opened(root).build()
    assert built.generated == ("sh010/t1",)
    lock = read_lock((root / "shotbuild.lock").read_text())
    ((name, facts),) = lock.generators
    assert name == "mine/own:weights.txt"
    assert facts.pinned.inner("code") == fields(torch="1.0")
    assert facts.unread == fields(nodes="nobody tells them")
    assert dict(lock.providers)[name].version == version_of(facts)
    assert dict(lock.providers)[name].version in (root / "takes/sh010.jsonl").read_text()
    assert opened(root).build().ran == ()


def test_what_is_made_is_not_looked_at_again(root: Path) -> None:
    opened(root).build()
    (root / "away").touch()
    own = Own()
    assert opened(root, provider=own).build().ran == ()
    assert own.looked == []


def test_what_is_not_as_the_lock_has_it_makes_nothing_and_each_difference_is_told(root: Path) -> None:
    opened(root).build()
    (root / "weights.txt").write_text("two")
    (root / "said").write_text("2.0")
    (root / "specs/b.yaml").write_text("shots: {sh020: {prompt: A bird., duration: 1s}}\n")
    built = opened(root).build()
    (failed,) = built.failed
    assert isinstance(failed.error, GateError)
    assert failed.step.name == "sh020/t1"
    assert 'code.torch is "2.0", the lock has "1.0"' in str(failed.error.cause)
    assert "weights is " in str(failed.error.cause)
    assert "lock --update" in str(failed.error.hint)
    assert built.exit_code == 3


def test_an_update_takes_it_on_and_asks_for_new_takes(root: Path) -> None:
    opened(root).build()
    (root / "weights.txt").write_text("two")
    now, found = opened(root).lock(update=True)
    assert [sentence.partition(" is ")[0] for sentence in found] == ["mine/own:weights.txt: weights"]
    assert opened(root).build().generated == ("sh010/t1",)
    (root / "weights.txt").write_text("one")
    opened(root).lock(update=True)
    assert opened(root).build().generated == (), "the first take is of the current recipe again"
    assert dict(now.generators) != dict(opened(root).lock()[0].generators)


def test_a_frozen_build_refuses_what_is_not_pinned(root: Path) -> None:
    opened(root).lock(update=True)
    text = (root / "shotbuild.lock").read_text()
    opened(root).build()
    (root / "shotbuild.lock").write_text(text.replace("mine/own:weights.txt", "mine/own:other.txt"))
    own = Own()
    space = opened(root, provider=own)
    built = space.build(options=BuildOptions(frozen=True))
    assert (built.exit_code, [failed.step.name for failed in built.failed]) == (3, ["sh010/t1"])
    assert own.looked == []


def test_a_plan_looks_at_nothing_and_says_what_is_not_pinned(root: Path) -> None:
    own, heard = Own(), list[str]()
    planned = opened(root, heard, own).plan()
    assert own.looked == []
    assert any("mine/own:weights.txt is not in the lock yet" in sentence for sentence in heard)
    assert [line.step.recipe.pins[0].version for line in planned.to_run if line.step.generates] == [UNPINNED]


def test_what_cannot_be_reached_fails_its_step_alone(root: Path) -> None:
    (root / "away").touch()
    (root / "specs/p.yaml").write_text("shots: {sh030: {plate: p.txt}}\n")
    (root / "p.txt").write_text("plate")
    built = opened(root).build()
    assert [str(failed.error) for failed in built.failed] == ["the server does not answer"]
    assert "generators" not in (root / "shotbuild.lock").read_text()


def test_an_update_keeps_what_cannot_be_looked_at(root: Path) -> None:
    opened(root).build()
    before = (root / "shotbuild.lock").read_text()
    (root / "away").touch()
    heard = list[str]()
    opened(root, heard).lock(update=True)
    assert (root / "shotbuild.lock").read_text() == before
    assert heard == ["not looked at: mine/own:weights.txt: the server does not answer"]


def test_comparing_what_could_not_be_looked_at_is_said(root: Path) -> None:
    opened(root).build()
    space = opened(root)
    space.lock()
    assert space.unseen == ()
    (root / "away").touch()
    space = opened(root)
    assert space.lock()[1] == ()
    assert space.unseen == ("mine/own:weights.txt",)


def test_a_version_that_is_not_the_digest_of_its_facts_is_damage(root: Path) -> None:
    opened(root).build()
    lock = root / "shotbuild.lock"
    facts = read_lock(lock.read_text()).generators[0][1]
    lock.write_text(lock.read_text().replace(version_of(facts), f"sha256:{'0' * 64}"))
    with pytest.raises(SpecError, match="the lock cannot be read"):
        opened(root).plan()


def test_shots_of_one_generator_are_told_its_fault_once(root: Path) -> None:
    (root / "specs/a.yaml").write_text(
        "shots: {sh010: {prompt: whale, duration: 1s}, sh020: {prompt: whale, duration: 1s}}\n"
    )
    with pytest.raises(SpecErrors) as caught:
        opened(root).lint()
    assert len(caught.value.errors) == 1


def test_lint_tells_what_the_generator_cannot_do(root: Path) -> None:
    opened(root).lint()
    (root / "specs/a.yaml").write_text(SPEC.replace("A boat", "A whale"))
    with pytest.raises(SpecErrors) as caught:
        opened(root).lint()
    (error,) = caught.value.errors
    assert (error.location.file, error.location.line) == ("specs/a.yaml", 2)
    assert "it knows no whales" in error.message
    (root / "away").touch()
    heard = list[str]()
    opened(root, heard).lint()
    assert heard == ["mine was not asked what it can do: the server does not answer"]


def test_a_setting_that_is_a_file_is_read_by_its_bytes(root: Path) -> None:
    model = replace(MODEL, files=("weights",))
    own = Own(models={"own": model})
    opened(root, provider=own).build()
    ledger = (root / "takes/sh010.jsonl").read_text()
    assert '"inputs":{"weights":"' in ledger
    assert "weights.txt" not in ledger, "a file's name is in no recipe"
    (root / "weights.txt").write_text("other")
    opened(root, provider=own).lock(update=True)
    assert opened(root, provider=own).build().generated == ("sh010/t1",)


def test_differences_name_what_came_went_and_can_no_longer_be_read() -> None:
    was = Facts(pinned=fields(a="1", b=fields(c="2"), d="3"))
    now = Facts(pinned=fields(a="1", b=fields(c="4"), e="5"), unread=fields(d="no"))
    assert facts_differ("x", was, now) == (
        'x: b.c is "4", the lock has "2"',
        'x: d cannot be read any more, the lock has "3"',
        'x: e is "5", the lock has nothing of it',
    )


@pytest.mark.parametrize("damaged", ['"generators": {"x": {}}', '"generators": [1]', '"generators": {"x": {"pinned": 1}}'])
def test_a_damaged_lock_is_told(root: Path, damaged: str) -> None:
    opened(root).build()
    text = (root / "shotbuild.lock").read_text()
    begin = text.index('"generators"')
    end = text.index('"providers"')
    (root / "shotbuild.lock").write_text(f"{text[:begin]}{damaged},\n{text[end:]}")
    with pytest.raises(Exception, match="the lock cannot be read"):
        opened(root).plan()
