"""What a prompt asks for: English words → Idea. What it does not say stays None, and the seed decides later."""

import re
from dataclasses import dataclass

from shotbuild.providers.storyboard.vocabulary import (
    ACTIONS,
    HELD,
    HOURS,
    KINDS,
    LINKS,
    MOVES,
    PLACES,
    SIZES,
    SUBJECTS,
    TINTS,
    WEATHERS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Idea:
    """subjects: in the order in which the prompt names them, each once."""

    place: str | None
    hour: str | None
    weather: str | None
    tint: str | None
    size: str | None
    move: str | None
    action: str | None
    held: str | None
    room: str | None
    subjects: tuple[str, ...]
    empty: bool


def read(prompt: str) -> Idea:
    tokens = re.findall(r"[a-z]+", prompt[:20000].lower())[:2000]
    names = _names(tokens)
    camera = set(_all(names, MOVES)) - {"static"}
    action = _first(names, ACTIONS)
    place = _most(names, PLACES)
    if place == "sea" and "coast" in _all(names, PLACES):
        place = "coast"  # it has the sea in it
    subjects = tuple(dict.fromkeys(_all(names, SUBJECTS)))
    size = _first(names, SIZES)
    if size == "insert" and not subjects and not {"eye", "eyes", "face", "lips", "mouth"}.isdisjoint(tokens):
        size, subjects = "close", ("person",)
    return Idea(
        place=place,
        hour=_most(names, HOURS),
        weather=_first(names, WEATHERS),
        tint=_first(names, TINTS),
        size=size,
        move=next((word for word in _all(names, MOVES) if word in camera), _first(names, MOVES)),
        action=action,
        held=_first(names, HELD),
        room=_first(names, KINDS),
        subjects=subjects,
        empty=not subjects and not {"empty", "deserted", "abandoned", "nobody"}.isdisjoint(tokens),
    )


def _names(tokens: list[str]) -> list[str]:
    """Words and phrases of two and three words, plain and stemmed, in the order of the text."""
    bare = [token for token in tokens if token not in LINKS or token in {"in", "on", "i"}]
    tight = [token for token in tokens if token not in LINKS]
    found: list[str] = []
    for words in (bare, tight):
        for index, word in enumerate(words):
            for count in (3, 2):
                phrase = words[index : index + count]
                if len(phrase) == count:
                    found += ["-".join(phrase), "-".join([*stems(phrase[0])[-1:], *phrase[1:]])]
            found += stems(word)
    return list(dict.fromkeys(found)) if found else []


def stems(word: str) -> list[str]:
    """A word and what may be its root: `running` → running, runn, run, runne."""
    found = [word]
    for ending, change in (
        ("ies", "y"),
        ("ves", "f"),
        ("es", ""),
        ("s", ""),
        ("ing", ""),
        ("ing", "e"),
        ("ed", ""),
        ("ed", "e"),
        ("er", ""),
        ("ers", ""),
    ):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            root = word[: len(word) - len(ending)] + change
            found.append(root)
            if len(root) > 3 and root[-1] == root[-2]:
                found.append(root[:-1])
    return found


def _table(words: dict[str, str]) -> dict[str, str]:
    return {word: name for name, text in reversed(words.items()) for word in text.split()}


def _all(names: list[str], words: dict[str, str]) -> list[str]:
    table = _table(words)
    return [table[name] for name in names if name in table]


def _first(names: list[str], words: dict[str, str]) -> str | None:
    return next(iter(_all(names, words)), None)


def _most(names: list[str], words: dict[str, str]) -> str | None:
    """The meaning with the most words for it; of equals, the first."""
    found = _all(names, words)
    return max(dict.fromkeys(found), key=found.count) if found else None
