"""Random projects and random edits: a second build runs nothing, an edit runs its dependants, the cache changes no byte."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes import Count, fake_workspace, write_project

SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class RandomShot:
    name: str
    words: str
    template: int | None
    takes: int
    continues: str | None
    finish: bool


@dataclass(frozen=True)
class RandomFilm:
    shots: tuple[RandomShot, ...]
    templates: tuple[str, ...]
    cuts: tuple[tuple[tuple[str, int], ...], ...]
    comments: int = 0

    def files(self) -> dict[str, str]:
        lines = ["# a comment"] * self.comments + ["shots:"]
        for shot in self.shots:
            lines.append(f"  {shot.name}:")
            if shot.template is None:
                lines.append(f"    prompt: '{shot.words}'")
            else:
                lines += [f"    template: templates/t{shot.template}.j2", f"    with: {{words: '{shot.words}'}}"]
            lines.append(f"    takes: {shot.takes}")
            lines += [f"    continue: {shot.continues}"] if shot.continues else []
            lines += ["    finish: [{upscale: {factor: 2}}]"] if shot.finish else []
        lines.append("sequences:")
        for index, cut in enumerate(self.cuts):
            lines += [f"  cut{index}:", "    cut:"]
            for place, (shot, overlap) in enumerate(cut):
                transition = f", transition: {{dissolve: {overlap}f}}" if overlap and place else ""
                lines.append(f"      - {{shot: {shot}{transition}}}")
        lines.append("deliverables:")
        for index in range(len(self.cuts)):
            lines.append(f"  web{index}: {{sequence: cut{index}, profile: h264-web}}")
        templates = {f"templates/t{index}.j2": text + " {{ words }}" for index, text in enumerate(self.templates)}
        project = "shotbuild: 1\nproject: film\nformat: {size: 64x64, rate: 24}\ndefaults: {duration: 1s}\n"
        return {"shotbuild.yaml": project, "specs/film.yaml": "\n".join(lines) + "\n"} | templates


FILMS = ("join", "measure", "report")
"""Stages that read all of a cut."""

WORDS = st.sampled_from(["dawn", "dusk", "a road", "the sea: wide", "50% fog", "rain"])


@st.composite
def films(draw: st.DrawFn) -> RandomFilm:
    templates = tuple(draw(st.lists(WORDS, min_size=1, max_size=2)))
    names = [f"sh{index:03d}" for index in range(draw(st.integers(1, 5)))]
    shots = []
    for index, name in enumerate(names):
        shots.append(
            RandomShot(
                name=name,
                words=draw(WORDS),
                template=draw(st.none() | st.integers(0, len(templates) - 1)),
                takes=draw(st.integers(1, 2)),
                continues=draw(st.none() | st.sampled_from(names[:index])) if index else None,
                finish=draw(st.booleans()),
            )
        )
    clip = st.tuples(st.sampled_from(names), st.sampled_from([0, 0, 3, 8]))
    cuts = tuple(draw(st.lists(st.lists(clip, min_size=1, max_size=4).map(tuple), min_size=1, max_size=2)))
    return RandomFilm(shots=tuple(shots), templates=templates, cuts=cuts)


@contextmanager
def folder() -> Iterator[Path]:
    name = tempfile.mkdtemp(prefix="shotbuild-random-")
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name)


def outputs(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in (root / "out").rglob("*") if path.is_file()}


def build(root: Path) -> tuple[set[str], dict[str, bytes]]:
    """(steps that ran, what is in out/)"""
    built = fake_workspace(root, Count()).build()
    assert built.failed == ()
    return set(built.ran), outputs(root)


def readers_of(film: RandomFilm, shot: str) -> set[str]:
    """The shot and all that continue it, by the specs alone."""
    found = {shot}
    for each in film.shots:
        if each.continues in found:
            found.add(each.name)
    return found


@SLOW
@given(films())
def test_a_second_build_runs_nothing(film: RandomFilm) -> None:
    with folder() as root:
        write_project(root, film.files())
        ran, first = build(root)
        assert ran
        again, second = build(root)
        assert again == set()
        assert second == first


@pytest.mark.slow
@SLOW
@given(films(), st.data())
def test_an_edited_prompt_runs_its_shot_and_what_contains_it(film: RandomFilm, data: st.DataObject) -> None:
    with folder() as root:
        write_project(root, film.files())
        _, before = build(root)
        edited = data.draw(st.sampled_from(film.shots))
        changed = replace(edited, words=edited.words + ", closer")
        write_project(root, replace(film, shots=tuple(changed if s is edited else s for s in film.shots)).files())
        workspace = fake_workspace(root, Count())
        planned = workspace.plan()
        promised = {line.step.name for line in planned.to_run}
        twins = {line.step.name for line in planned.lines if line.why.startswith("the same as")}
        ran = set(workspace.build().ran)
        assert ran == promised
        touched = readers_of(film, edited.name)
        for step in workspace.whole.steps:
            contains = bool(touched & set(step.shots)) or (
                step.recipe.stage in FILMS and any(shot in touched for shot, _ in film.cuts[int(str(step.sequence)[3:])])
            )
            assert (step.name in ran | twins) == contains, step.name
        write_project(root, film.files())
        reverted, after = build(root)
        assert reverted == set()
        assert after == before


@SLOW
@given(films(), films())
def test_what_a_cache_gives_is_what_no_cache_gives(first: RandomFilm, second: RandomFilm) -> None:
    with folder() as root, folder() as fresh:
        write_project(root, first.files())
        build(root)
        write_project(root, second.files())
        _, cached = build(root)
        write_project(fresh, second.files())
        # Which take is the newest is said by the ledgers, which are in Git beside the specs.
        shutil.copytree(root / "takes", fresh / "takes")
        _, made = build(fresh)
        assert {path: content for path, content in cached.items() if path in made} == made


@pytest.mark.slow
@SLOW
@given(films())
def test_a_comment_runs_nothing_and_a_template_runs_its_users(film: RandomFilm) -> None:
    with folder() as root:
        write_project(root, film.files())
        build(root)
        write_project(root, replace(film, comments=3).files())
        assert build(root)[0] == set()
        write_project(root, replace(film, templates=("a new view of", *film.templates[1:])).files())
        ran, _ = build(root)
        generated = {name.split("/")[0] for name in ran if "/t" in name and name.split("/")[1][1:].isdigit()}
        users = {shot.name for shot in film.shots if shot.template == 0}
        assert generated == set().union(*(readers_of(film, user) for user in users))
