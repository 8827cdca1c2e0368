"""What a project stands on, with providers and a day that are passed in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pytest

from shotbuild.casting import UNPINNED
from shotbuild.cli.audit import shown
from shotbuild.errors import PlanError, PluginError
from shotbuild.providers.interface import Facts, Model, Site, Strength, Wish
from shotbuild.records import Fields, fields
from shotbuild.spec.fields import text
from shotbuild.takes.adopt import adopt
from shotbuild.takes.audit import Audit, AuditedPin, Where, audit, whereabouts
from shotbuild.takes.decide import approve, pick, reopen
from shotbuild.workspace import Workspace
from tests.fakes import SMALL, TOOL, FakeProvider, fake_workspace, write_project
from tests.takes.test_adopt import PICTURE

TODAY = date(2026, 11, 23)
WHO = "Ann Lee <ann@studio.example>"
(DRAWN,) = FakeProvider().models.values()


def offering(**changed: object) -> FakeProvider:
    """A provider whose one model is not quite that of before."""
    return FakeProvider(models={"storyboard": replace(DRAWN, **changed)})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = write_project(tmp_path / "film", SMALL)
    assert fake_workspace(root).build().failed == ()
    return root


def audited(root: Path, *words: str, provider: FakeProvider | None = None) -> Audit:
    return audit(fake_workspace(root, provider=provider), words, today=TODAY)


def only(root: Path, provider: FakeProvider | None = None) -> AuditedPin:
    (pin,) = audited(root, provider=provider).pins
    return pin


def relock(root: Path, old: str, new: str) -> None:
    path = root / "shotbuild.lock"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


# --- pins ---------------------------------------------------------------------------------------------------------------


def test_a_pin_is_told_with_its_strength(root: Path) -> None:
    pin = only(root, offering(strength=Strength.BITS, notes="It draws."))
    assert (pin.name, pin.pin.provider, pin.pin.model, pin.pin.version) == (
        "board/storyboard",
        "animatic",
        "storyboard",
        "1",
    )
    assert (pin.used, pin.locked, pin.vanished, pin.strength) == (True, True, None, Strength.BITS)
    assert (pin.ends, pin.days, pin.read, pin.unread, pin.notes) == (None, None, None, (), "It draws.")


def test_a_pin_that_ends_is_told_with_the_days_that_are_left(root: Path) -> None:
    found = audited(root, provider=offering(ends="2026-12-20"))
    assert (found.pins[0].ends, found.pins[0].days) == (date(2026, 12, 20), 27)
    assert found.ending(27) == found.pins
    assert found.ending(26) == ()
    assert only(root, offering(ends="2026-11-23")).days == 0
    over = audited(root, provider=offering(ends="2026-10-01"))
    assert over.pins[0].days == -53
    assert over.ending(0) == over.pins


def test_an_end_that_is_no_date_is_the_providers_mistake(root: Path) -> None:
    with pytest.raises(PluginError, match="ends on 'soon', which is no date"):
        audited(root, provider=offering(ends="soon"))


def test_what_the_lock_lacks_is_told(root: Path) -> None:
    (root / "shotbuild.lock").unlink()
    found = audited(root)
    assert not found.locked
    assert [(pin.used, pin.locked, pin.vanished) for pin in found.pins] == [(True, False, None)]
    assert [(tool.name, tool.locked) for tool in found.tools] == [("ffmpeg", None), ("pyav", None)]
    assert not (root / "shotbuild.lock").exists()


def test_what_the_lock_has_and_nothing_uses_is_told_and_ends_unnoticed(root: Path) -> None:
    before = '"before/storyboard": {"model": "storyboard", "provider": "animatic", "version": "1"}'
    relock(root, '"board/storyboard": {', f'{before}, "board/storyboard": {{')
    found = audited(root, provider=offering(ends="2026-12-20"))
    assert [(pin.name, pin.used, pin.locked) for pin in found.pins] == [
        ("before/storyboard", False, True),
        ("board/storyboard", True, True),
    ]
    assert [pin.name for pin in found.ending(60)] == ["board/storyboard"]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"version": "1"\n', '"version": "0"\n', "1 is offered"),
        ('"model": "storyboard"', '"model": "scribble"', "animatic offers no scribble any more"),
        ('"provider": "animatic"', '"provider": "sora"', "sora is not installed"),
    ],
)
def test_a_pin_of_the_lock_that_vanished_is_told(root: Path, old: str, new: str, why: str) -> None:
    relock(root, old, new)
    pin = only(root)
    assert (pin.locked, pin.vanished) == (True, why)
    assert (pin.strength is None) == ("offers no" in why or "installed" in why)


def test_a_tool_is_told_as_the_lock_has_it_and_as_it_is(root: Path) -> None:
    other = replace(TOOL, identity="e" * 64)
    found = audit(fake_workspace(root, tool=other), today=TODAY).tools
    assert [tool.name for tool in found] == ["ffmpeg", "pyav"]
    assert (found[0].locked, found[0].now) == (TOOL, other)
    assert found[1].locked == found[1].now


# --- generators of one's own ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Own(FakeProvider):
    """A provider that says of its model what it is told to."""

    models: Mapping[str, Model] = field(
        default_factory=lambda: {
            "own": Model(
                name="own",
                version="asked",
                fields={"weights": text(doc="Which.")},
                roles=(),
                seconds=60,
                strength=Strength.CONTENT,
            )
        }
    )
    says: str = "1.0"
    looked: list[str] = field(default_factory=list)

    def subject(self, model: str, settings: Fields) -> str:
        return settings.text("weights")

    def examine(self, model: str, settings: Fields, site: Site) -> Facts:
        self.looked.append(model)
        return Facts(pinned=fields(code=fields(torch=self.says, numpy="2"), weights="ab"), unread=fields(nodes="silent"))

    def inspect(self, model: str, wish: Wish, facts: Facts | None, site: Site) -> tuple[()]:
        return ()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return write_project(
        tmp_path / "own",
        {
            "shotbuild.yaml": "shotbuild: 1\nproject: film\nformat: {size: 64x64, rate: 24}\n"
            "providers: {mine: {use: animatic, weights: wan}}\ndefaults: {provider: mine, duration: 1s}\n",
            "specs/a.yaml": "shots: {sh010: {prompt: A boat.}}\n",
        },
    )


def test_a_generator_of_ones_own_is_told_with_what_could_not_be_read_and_is_not_looked_at(own: Path) -> None:
    fake_workspace(own, provider=Own()).build()
    provider = Own(says="2.0")
    pin = only(own, provider)
    assert (pin.name, pin.read, pin.unread) == ("mine/own:wan", 3, (("nodes", "silent"),))
    assert (pin.locked, pin.vanished, pin.strength) == (True, None, Strength.CONTENT)
    assert provider.looked == []


def test_a_generator_of_ones_own_that_nobody_pinned_yet_is_told(own: Path) -> None:
    pin = only(own, Own())
    assert (pin.name, pin.used, pin.locked, pin.vanished) == ("mine/own:wan", True, False, None)
    assert (pin.pin.version, pin.read) == (UNPINNED, None)


def test_an_approved_take_of_what_the_lock_had_before_is_told(own: Path) -> None:
    fake_workspace(own, provider=Own()).build()
    approve(fake_workspace(own, provider=Own()), ["sh010"], by=WHO)
    assert audited(own, provider=Own()).takes[0].vanished is None
    fake_workspace(own, provider=Own(says="2.0")).lock(update=True)
    (take,) = audited(own, provider=Own()).takes
    assert take.vanished == "the lock does not have it any more"
    assert take.video is Where.ONLY_HERE


# --- takes --------------------------------------------------------------------------------------------------------------


def test_approved_takes_alone_are_told_with_where_they_lie(root: Path) -> None:
    approve(fake_workspace(root), ["sh010"], by=WHO, role=None)
    pick(fake_workspace(root), ["sh020 t2"], by=WHO)
    (take,) = audited(root).takes
    assert (take.take.shot, take.take.number, [each.by for each in take.approvals]) == ("sh010", 1, [WHO])
    assert take.pin is not None
    assert (take.pin.provider, take.pin.version, take.vanished) == ("animatic", "1", None)
    assert (take.video, take.record) == (Where.ONLY_HERE, Where.ONLY_HERE)
    reopen(fake_workspace(root), ["sh010"], by=WHO)
    assert audited(root).takes == ()


def test_bytes_that_are_gone_or_cut_short_are_missing(root: Path) -> None:
    approve(fake_workspace(root), ["sh010", "sh020"], by=WHO)
    space = fake_workspace(root)
    first, second = (each.take for each in audited(root).takes)
    assert first.record is not None
    space.rooms.blobs.path(first.record).unlink()
    path = space.rooms.blobs.path(second.video)
    path.chmod(0o600)
    path.write_bytes(b"short")
    assert [(each.video, each.record) for each in audited(root).takes] == [
        (Where.ONLY_HERE, Where.MISSING),
        (Where.MISSING, Where.ONLY_HERE),
    ]
    assert whereabouts(space, second.video) is Where.MISSING


def test_an_approved_take_of_a_pin_that_vanished_is_told(root: Path) -> None:
    approve(fake_workspace(root), ["sh010"], by=WHO)
    (take,) = audited(root, provider=offering(version="2")).takes
    assert (take.vanished, take.video) == ("2 is offered", Where.ONLY_HERE)


def test_a_take_from_elsewhere_has_no_pin_that_could_vanish(root: Path, tmp_path: Path, make) -> None:  # type: ignore[no-untyped-def]
    clip = make("audit.mov", *PICTURE)
    adopt(fake_workspace(root), clip, "sh010", by=WHO)
    approve(fake_workspace(root), ["sh010 t2"], by=WHO)
    (take,) = audited(root).takes
    assert (take.pin, take.vanished, take.take.foreign) == (None, None, True)


def test_words_limit_the_takes_and_nothing_else(root: Path) -> None:
    approve(fake_workspace(root), ["sh010", "sh020", "sh030"], by=WHO)
    assert [each.take.shot for each in audited(root).takes] == ["sh010", "sh020", "sh030"]
    assert [each.take.shot for each in audited(root, "opening").takes] == ["sh010", "sh020", "sh030"]
    found = audited(root, "sh03*", "sh010")
    assert [each.take.shot for each in found.takes] == ["sh010", "sh030"]
    assert len(found.pins) == 1
    with pytest.raises(PlanError):
        audited(root, "sh099")


# --- as it is shown -------------------------------------------------------------------------------------------------------


def said(space: Workspace, limit: int | None = None, *, json: bool = False) -> int:
    return shown(space, (), limit, TODAY, json=json)


def test_end_dates_alone_are_no_failure_and_within_a_limit_they_are(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = fake_workspace(root, provider=offering(ends="2026-12-20", notes="Use the next one."))
    assert said(space) == 0
    assert "2026-12-20, in 27 days" in capsys.readouterr().out
    assert said(space, 26) == 0
    assert said(space, 27) == 3
    told = capsys.readouterr()
    assert told.err == "ends: board/storyboard: 2026-12-20, in 27 days; Use the next one.\n"
    assert told.out.splitlines()[-1] == "1 pin in use (1 with an end date); no approved take"
    assert said(space, 27, json=True) == 3
    content = json.loads(capsys.readouterr().out)
    assert (content["schema"], content["date"], content["within"]) == ("shotbuild/audit/1", "2026-11-23", 27)
    assert content["ending"] == ["board/storyboard"]
    assert content["pins"][0]["days"] == 27


def test_all_of_it_is_shown(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake_workspace(own, provider=Own()).build()
    approve(fake_workspace(own, provider=Own()), ["sh010"], by=WHO)
    fake_workspace(own, provider=Own(says="2.0")).lock(update=True)
    space = fake_workspace(own, provider=Own(), tool=replace(TOOL, version="fake-2", identity="e" * 64))
    space.rooms.blobs.path(audit(space, today=TODAY).takes[0].take.video).unlink()
    assert said(space) == 0
    out = capsys.readouterr().out
    assert "3 of 4" in out
    assert "mine/own:wan  nodes     silent" in out
    assert "pinned; fake-2 (eeeeeeee) is here" in out
    assert "the lock does not have it any more" in out
    assert "still delivers" in out
    assert "no shared store" in out
    assert out.splitlines()[-1] == (
        "1 pin in use (1 not read in full); 1 approved take (1 missing, 1 of a pin that is not offered any more)"
    )


def test_what_the_lock_lacks_or_has_besides_is_in_the_summary(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    relock(root, '"board/storyboard": {', '"before/storyboard": {')
    assert said(fake_workspace(root)) == 0
    out = capsys.readouterr().out
    assert "pinned; nothing uses it" in out
    assert out.splitlines()[-1] == "1 pin in use (1 not in the lock); 1 more pin in the lock; no approved take"
    (root / "shotbuild.lock").unlink()
    assert said(fake_workspace(root)) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("there is no lock yet; ")
