"""What people call takes, and which take they mean: `sh010 t3`, `sh010@9b1c4e7a`, `sh010t03`, or `sh010` for what stands.

The number is the everyday name. Two branches may give one number twice; the digest tells those takes apart. The code has
eight characters, as edit lists have room for, and is unique in the project.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from shotbuild.errors import PlanError, nearest
from shotbuild.plan.choose import CHOICE_WORDS
from shotbuild.records import ShotState, Take
from shotbuild.spec.kinds import NAME
from shotbuild.spec.ledger import FOLDER, SUFFIX
from shotbuild.workspace import Workspace

CODE = 8
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
NUMBER = re.compile(r"t([0-9]{1,9})")
SHORTEST = 4
PREFIX = re.compile(f"[0-9a-f]{{{SHORTEST},64}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What a reference means. take: None when it names a shot for which nothing stands yet; exact: it names one take, not
    just the shot."""

    shot: str
    take: Take | None
    exact: bool


def states(workspace: Workspace) -> dict[str, ShotState]:
    """What the ledgers of all generated shots come to."""
    return {shot.name: workspace.rooms.ledgers.of(shot.name) for shot in workspace.project.shots if shot.plate is None}


def states_gone(workspace: Workspace, known: Mapping[str, ShotState]) -> dict[str, ShotState]:
    """What the ledgers come to whose shot the specs no longer have, under this or a later name. known: today's shots."""
    now = {*known, *(name for state in known.values() for name in state.formerly)}
    files = sorted(workspace.rooms.inside(FOLDER).glob(f"*{SUFFIX}"))
    names = [file.name.removesuffix(SUFFIX) for file in files]
    return {name: workspace.rooms.ledgers.of(name) for name in names if name not in now and re.fullmatch(NAME, name)}


def meant(workspace: Workspace, words: Sequence[str]) -> list[Meant]:
    """What some words of a command line mean, in their order; `sh010 t3` may be one word or two. Errors: PlanError."""
    known = states(workspace)
    found: list[Meant] = []
    parts = [part for word in words for part in word.split()]
    if words and not parts:
        raise PlanError("a take has no name", hint="write `sh010 t3`; `shotbuild takes` lists them")
    while parts:
        word = parts.pop(0)
        shot = _shot(word, known)
        if shot is not None and parts and NUMBER.fullmatch(parts[0]):
            found.append(Meant(shot=shot, take=_numbered(shot, known[shot], parts.pop(0)), exact=True))
        elif shot is not None:
            found.append(Meant(shot=shot, take=_standing(workspace, shot), exact=False))
        else:
            _ = several(workspace, word, known)  # which says so of a plate
            found.append(_exact(word, known))
    return found


def shots_meant(workspace: Workspace, words: Sequence[str]) -> list[str]:
    """The shots that some words name, all generated ones for none; globs as elsewhere, old names too. Errors: PlanError."""
    known = states(workspace)
    if not words:
        return list(known)
    found: dict[str, None] = {}
    for word in words:
        named = several(workspace, word, known)
        if named is None:
            named = {name for name in known if fnmatchcase(name, word)} or {name for name in [_shot(word, known)] if name}
        if not named:
            raise _unknown(word, known)
        found.update(dict.fromkeys(sorted(named)))
    return list(found)


def several(workspace: Workspace, word: str, known: Mapping[str, ShotState]) -> set[str] | None:
    """The generated shots that a word means which is no shot's name: `tag:x`, `status:x`, a sequence, `sequence/shot`; None
    for any other word. Errors: PlanError for a tag or state that nothing has, and for a plate."""
    project = workspace.project
    kind, colon, asked = word.partition(":")
    if colon and kind == "status":
        if asked not in CHOICE_WORDS:
            raise PlanError(f"no state of a take is called {asked[:80]!r}", hint=f"they are {', '.join(CHOICE_WORDS)}")
        return {choice.shot for choice in workspace.chosen.values() if asked in choice.words}
    if colon and kind == "tag":
        tags = {tag for things in (project.shots, project.sequences) for thing in things for tag in thing.tags}
        if asked not in tags:
            raise PlanError(f"nothing has the tag {asked[:80]!r}", hint="`shotbuild status --json` lists the tags")
        cut = {clip.shot for each in project.sequences if asked in each.tags for clip in each.clips}
        return {shot.name for shot in project.shots if shot.name in known and (asked in shot.tags or shot.name in cut)}
    if word in known:
        return None
    name, slash, inside = word.partition("/")
    sequence = next((each for each in project.sequences if each.name == name), None)
    if sequence is not None:
        clips = {clip.shot for clip in sequence.clips if clip.shot in known}
        return clips if not slash else {shot for shot in clips if fnmatchcase(shot, inside)}
    if any(shot.name == word for shot in project.shots):
        raise PlanError(f"{word} is a plate, which has no takes", hint="`shotbuild takes` lists the takes of all shots")
    return None


def take_meant(workspace: Workspace, words: Sequence[str]) -> Take:
    """The one take that some words mean. Errors: PlanError, also when they mean a shot that has none, or several takes."""
    found = meant(workspace, words)
    if len(found) != 1:
        raise PlanError(f"one take is wanted, and {' '.join(words)!r} names {len(found)}", hint="write `sh010 t3`")
    return taken(found[0])


def taken(one: Meant) -> Take:
    """The take of a reference. Errors: PlanError when there is none."""
    if one.take is None:
        raise PlanError(
            f"shot {one.shot} has no take yet that stands for it",
            hint=f"run `shotbuild build {one.shot}` first, or name a take: `shotbuild takes {one.shot}`",
        )
    return one.take


def codes(known: Mapping[str, ShotState]) -> dict[str, str]:
    """The code of each take, by the id of its event. known: all shots of the project."""
    found: dict[str, str] = {}
    used: set[str] = set()
    hashed: list[Take] = []
    for shot, state in sorted(known.items()):
        numbers = [take.number for take in state.takes]
        for take in state.takes:
            code = _plain(shot, take.number) if numbers.count(take.number) == 1 else None
            if code is None or code.casefold() in used:
                hashed.append(take)
            else:
                found[take.id] = code
                used.add(code.casefold())
    for take in sorted(hashed, key=lambda take: take.id):
        found[take.id] = code = next(each for each in _hashes(take.id) if each not in used)
        used.add(code)
    return found


def _plain(shot: str, number: int) -> str | None:
    """`sh010t03`: a short name made of letters and digits, and the number with as many zeros as fit; None when it is too
    long. The last `t` ends the name, so no two of these are equal."""
    room = CODE - len(shot) - 1
    if not (shot.isascii() and shot.isalnum()) or room < max(2, len(str(number))):
        return None
    return f"{shot}t{number:0{room}d}"


def _hashes(name: str) -> Iterable[str]:
    """Codes from a digest of an event's id; the first one that is free is taken."""
    text = name
    while True:
        text = hashlib.sha256(text.encode()).hexdigest()
        number = int(text[:16], 16)
        yield "x" + "".join(LETTERS[number >> shift & 31] for shift in range(0, 5 * (CODE - 1), 5))


def _shot(word: str, known: Mapping[str, ShotState]) -> str | None:
    """The shot that a name means: of today, or the name that one had before it moved."""
    if word in known:
        return word
    return next((shot for shot, state in known.items() if word in state.formerly), None)


def _exact(word: str, known: Mapping[str, ShotState]) -> Meant:
    name, at, prefix = word.partition("@")
    if at:
        shot = _shot(name, known)
        if shot is None:
            raise _unknown(name, known)
        take = _digested(word, prefix.lower(), known[shot].takes)
        return Meant(shot=shot, take=take, exact=True)
    for shot, state in known.items():
        if word.startswith(shot) and NUMBER.fullmatch(word[len(shot) :]) and len(word) == CODE:
            number = next((take.number for take in state.takes if _plain(shot, take.number) == word), None)
            if number is not None:
                return Meant(shot=shot, take=_numbered(shot, state, f"t{number}"), exact=True)
    if len(word) == CODE:
        ids = {code: name for name, code in codes(known).items()}
        for shot, state in known.items():
            for take in state.takes:
                if ids.get(word) == take.id:
                    return Meant(shot=shot, take=take, exact=True)
    raise _unknown(word, known)


def _numbered(shot: str, state: ShotState, word: str) -> Take:
    number = int(word[1:])
    found = [take for take in state.takes if take.number == number]
    if not found:
        last = f"it has takes up to t{state.takes[-1].number}" if state.takes else "it has no takes yet"
        raise PlanError(f"shot {shot} has no take {word}", cause=last, hint=f"`shotbuild takes {shot}` lists them")
    if len(found) > 1:
        names = ", ".join(take.name for take in found)
        raise PlanError(
            f"{shot} {word} means {len(found)} takes: two branches gave the same number",
            cause=names,
            hint=f"name the one that is meant by its digest, such as `{found[0].name}`",
        )
    return found[0]


def _digested(word: str, prefix: str, takes: Sequence[Take]) -> Take:
    if not PREFIX.fullmatch(prefix):
        raise PlanError(
            f"{word[:120]!r} is no name of a take", hint=f"write `SHOT@` and at least {SHORTEST} digits of its digest"
        )
    found = {take.video.sha256: take for take in reversed(takes) if take.video.sha256.startswith(prefix)}
    if len(found) == 1:
        return next(iter(found.values()))
    shot = word.partition("@")[0]
    if not found:
        raise PlanError(f"shot {shot} has no take {word[:120]}", hint=f"`shotbuild takes {shot}` lists them")
    raise PlanError(f"{word} means {len(found)} takes", cause=", ".join(found), hint="write more digits")


def _standing(workspace: Workspace, shot: str) -> Take | None:
    return workspace.chosen[shot].take


def _unknown(word: str, known: Mapping[str, ShotState]) -> PlanError:
    close = nearest(word, list(known))
    return PlanError(
        f"no shot or take is called {word[:120]!r}",
        cause="a take is named `sh010 t3`, `sh010@9b1c4e7a` or by its code, `sh010t03`",
        hint=f"write `{close}`" if close else "`shotbuild takes` lists them all",
    )
