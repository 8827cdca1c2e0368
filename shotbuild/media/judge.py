"""Measured facts + what a profile asks + what was waived → verdicts, and the report that says them. Pure.

A constraint that could not be measured is not kept. Every film of a package has to keep what is asked.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from shotbuild.digest import canonical, from_plain
from shotbuild.errors import MediaError
from shotbuild.media.rules import (
    BOTH,
    FILE,
    FILM,
    PICTURE,
    RULES,
    SOUND,
    TOLERANCE,
    Found,
    Rule,
    Unmeasured,
    spoken,
    value_of,
)
from shotbuild.records import Fields, fields
from shotbuild.units import counted

SCHEMA = "shotbuild/report/1"
FRAMES, BANDWIDTH = "frames", "bandwidth"
"""Checked of every film, and of every ladder."""
SLACK = Fraction(101, 100)
"""Playlists say the lengths of segments with few digits."""
EXACT = frozenset({"pcm_s16le", "pcm_s24le", "pcm_f32le", "flac"})
NEAR, PACKET = Fraction(1, 1000), Fraction(1, 10)
"""Seconds that sound without a picture may be off: other codecs fill their last packet."""
MOST_SHOWN = 4

NO_SOUND = "nothing is to be heard in this cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One constraint. wanted, measured: as people read them; passed: it holds; waived: why it need not, None = it is not
    waived, or holds anyway; remedy: what a person can do; remark: what else there is to know."""

    name: str
    wanted: str
    measured: str
    passed: bool
    waived: str | None = None
    remedy: str = ""
    remark: str = ""

    @property
    def fails(self) -> bool:
        return not self.passed and self.waived is None


def read(text: bytes) -> Fields:
    """The facts of measured.json, or a report. Errors: MediaError when it is neither."""
    try:
        found = from_plain(json.loads(text))
    except (ValueError, TypeError) as error:
        raise MediaError("what was measured cannot be read", cause=str(error)) from error
    if not isinstance(found, Fields):
        raise MediaError("what was measured cannot be read", cause="it is no JSON object")
    return found


def judge(
    measured: Fields, must: Fields, waived: Fields, *, silent: bool = False
) -> tuple[tuple[Verdict, ...], tuple[str, ...]]:
    """Verdicts by name, and remarks on the whole. must: constraint → value, None = not asked; waived: → reason; silent:
    the cut has no sound at all, so that nothing can be asked of it."""
    asked = [name for name, value in must if value is not None and name != TOLERANCE]
    verdicts = [*_always(measured), *(_asked(name, measured, must, silent=silent) for name in asked)]
    reasons = {name: str(reason) for name, reason in waived}
    said = tuple(sorted((_waiving(each, reasons.get(each.name)) for each in verdicts), key=lambda each: each.name))
    known = {each.name for each in verdicts}
    remarks = [f"{name} is waived, but the profile does not ask for it" for name in sorted(set(reasons) - known)]
    return said, (*remarks, *_cuts(measured))


def report(measured: Fields, must: Fields, waived: Fields, names: Fields, *, silent: bool = False) -> str:
    """report.json. names: project, sequence, deliverable and profile; silent: as in `judge`."""
    verdicts, remarks = judge(measured, must, waived, silent=silent)
    rows = tuple(
        fields(
            name=each.name,
            wanted=each.wanted,
            measured=each.measured,
            passed=each.passed,
            waived=each.waived,
            remedy=each.remedy,
            remark=each.remark,
        )
        for each in verdicts
    )
    passed = not any(each.fails for each in verdicts)
    return canonical(fields(schema=SCHEMA, names=names, passed=passed, verdicts=rows, remarks=remarks, measured=measured))


def verdicts_of(report_json: bytes, name: str) -> tuple[Verdict, ...]:
    """The verdicts of a report. name: of the deliverable, for messages. Errors: MediaError when it is no report."""
    try:
        content = json.loads(report_json)
        if content["schema"] != SCHEMA:
            raise ValueError(f"its schema is {content['schema']!r}, not {SCHEMA!r}")
        return tuple(_verdict(row) for row in content["verdicts"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MediaError(
            f"the report of {name} cannot be read", cause=f"{type(error).__name__}: {error}", hint="build it again"
        ) from error


def _verdict(row: Mapping[str, Any]) -> Verdict:
    waived = row.get("waived")
    return Verdict(
        name=str(row["name"]),
        wanted=str(row["wanted"]),
        measured=str(row["measured"]),
        passed=bool(row["passed"]),
        waived=None if waived is None or waived is False else str(waived),
        remedy=str(row.get("remedy") or ""),
        remark=str(row.get("remark") or ""),
    )


def _asked(name: str, measured: Fields, must: Fields, *, silent: bool) -> Verdict:
    wanted, rule = value_of(name, must), RULES.get(name)
    if rule is None:
        remedy = "update shotbuild, or take it out of the profile's `must`"
        return Verdict(name=name, wanted=wanted, measured="not known to this shotbuild", passed=False, remedy=remedy)
    if silent and rule.part in (SOUND, BOTH):
        return Verdict(name=name, wanted=spoken(name, rule, wanted), measured=NO_SOUND, passed=True, remedy="")
    found = list(_found(rule, wanted, measured))
    passed = bool(found) and all(good for _, (_, good) in found)
    return Verdict(
        name=name,
        wanted=spoken(name, rule, wanted),
        measured=_told([(film, text) for film, (text, good) in found if good == passed]) if found else _lacks(rule),
        passed=passed,
        remedy="" if passed else rule.remedy,
    )


def _found(rule: Rule, wanted: str, measured: Fields) -> Iterator[tuple[str, Found]]:
    """Name of a film → what its part gives."""
    for name, facts in _parts(rule.part, measured):
        try:
            yield name, rule.look(facts, wanted)
        except Unmeasured as reason:
            yield name, (f"not measured: {reason}", False)


def _parts(part: str, measured: Fields) -> list[tuple[str, Fields]]:
    films = measured.rows("films")
    package = measured.get("package")
    if part == FILE:
        kind = package.get("kind") if isinstance(package, Fields) else films[0].get("container")
        return [("", fields(container=kind, bytes=measured.get("bytes")))]
    if part == FILM:
        return [(each.text("name"), each) for each in films]
    if part == BOTH and isinstance(package, Fields):
        # A ladder has them apart; each of its pictures goes with the one sound.
        sound = next((each.get(SOUND) for each in films if each.get(SOUND)), None)
        return [(each.text("name"), fields(picture=each.get(PICTURE), sound=sound)) for each in films if each.get(PICTURE)]
    if part == BOTH:
        return [(each.text("name"), each) for each in films]
    return [(each.text("name"), inner) for each in films if isinstance(inner := each.get(part), Fields)]


def _lacks(rule: Rule) -> str:
    return f"not measured: it has no {rule.part if rule.part in (PICTURE, SOUND) else 'film'}"


def _told(found: Sequence[tuple[str, str]]) -> str:
    """One text when all films say the same, else each with its name."""
    texts = {text for _, text in found}
    if len(texts) == 1:
        return texts.pop()
    shown = [f"{film}: {text}" for film, text in found[:MOST_SHOWN]]
    return "; ".join([*shown, f"{len(found) - MOST_SHOWN} more"] if len(found) > MOST_SHOWN else shown)


def _always(measured: Fields) -> Iterator[Verdict]:
    planned = measured.get("planned")
    if isinstance(planned, Fields) and planned.get("frames") is not None:
        yield _frames(measured, planned)
    package = measured.get("package")
    rungs = package.rows("rungs") if isinstance(package, Fields) else ()
    if rungs:
        over = [each for each in rungs if each.integer("needed") > each.integer("declared") * SLACK]
        shown = [
            (each.text("name"), f"{each.integer('needed')} bit/s of {each.integer('declared')}") for each in over or rungs
        ]
        yield Verdict(
            name=BANDWIDTH,
            wanted="no rung needs more than its playlist declares",
            measured=_told(shown),
            passed=not over,
            remedy="report it: the ladder declares what it measured" if over else "",
        )


def _frames(measured: Fields, planned: Fields) -> Verdict:
    frames, rate = planned.integer("frames"), planned.fraction("rate")
    found: list[tuple[str, str, bool]] = []
    pictures, sounds = _parts(PICTURE, measured), _parts(SOUND, measured)
    for name, picture in pictures:
        count = picture.integer("frames")
        found.append((name, counted(count, "frame"), count == frames))
    for name, sound in () if pictures else sounds:
        near = abs(sound.fraction("seconds") - frames / rate) <= (NEAR if sound.text("codec") in EXACT else PACKET)
        found.append((name, f"sound of {sound.text('seconds')} s", near))
    package = measured.get("package")
    missing = package.get("missing") if isinstance(package, Fields) else 0
    if isinstance(missing, int) and missing:
        found.append(("", f"{counted(missing, 'number')} missing", False))
    passed = bool(found) and all(good for _, _, good in found)
    return Verdict(
        name=FRAMES,
        wanted=counted(frames, "frame"),
        measured=_told([(film, text) for film, text, good in found if good == passed]) or "nothing",
        passed=passed,
        remedy="" if passed else "report it: the file is not what was planned",
    )


def _waiving(verdict: Verdict, reason: str | None) -> Verdict:
    if reason is None:
        return verdict
    told = {"remark": "it is waived, but holds: the waiver can go"} if verdict.passed else {"waived": reason}
    return Verdict(
        name=verdict.name,
        wanted=verdict.wanted,
        measured=verdict.measured,
        passed=verdict.passed,
        remedy=verdict.remedy,
        **told,
    )


def _cuts(measured: Fields) -> Iterator[str]:
    for film in measured.rows("films"):
        picture = film.get(PICTURE)
        lost = picture.get("cuts_without_key") if isinstance(picture, Fields) else None
        if isinstance(picture, Fields) and isinstance(lost, tuple) and lost:
            where = f" of {film.text('name')}" if film.text("name") else ""
            shown = ", ".join(str(each) for each in lost[:MOST_SHOWN])
            more = ", …" if len(lost) > MOST_SHOWN else ""
            yield f"{len(lost)} of {picture.integer('cuts')} segments{where} do not begin with a key frame: at {shown}{more}"
