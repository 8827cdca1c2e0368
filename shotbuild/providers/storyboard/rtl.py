"""Hebrew and Arabic for a drawer that only knows left to right: joined letter forms and visual order, kept simple.

Words keep their direction, runs of right-to-left words are turned round; numbers stay. Not the whole of UAX 9."""

import unicodedata
from functools import lru_cache
from itertools import groupby

MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")


def visual(text: str) -> str:
    """The characters in the order in which they are drawn."""
    if not any(_rightward(char) for char in text):
        return text
    words = _joined(text).split(" ")
    first = next((char for char in text if _rightward(char) or (char.isascii() and char.isalpha())), "")
    runs = [(turned, list(group)) for turned, group in groupby(words, key=lambda word: any(map(_rightward, word)))]
    shown = [[_turned(word) for word in reversed(run)] if turned else run for turned, run in runs]
    if _rightward(first):
        shown.reverse()
    return " ".join(word for run in shown for word in run)


def _rightward(char: str) -> bool:
    return "\u0590" <= char <= "\u08ff" or "\ufb1d" <= char <= "\ufdff" or "\ufe70" <= char <= "\ufefc"


def _turned(word: str) -> str:
    """A word reversed; digits and Latin letters in it stay in order."""
    parts = ["".join(part) for _, part in groupby(word, key=lambda char: char.isascii() and char.isalnum())]
    return "".join(part if part.isascii() and part.isalnum() else part[::-1].translate(MIRRORED) for part in reversed(parts))


def _joined(text: str) -> str:
    """Arabic letters in the form that their neighbours ask for, lam-alef as one sign."""
    forms, pairs = _forms()
    for pair, sign in pairs:
        text = text.replace(pair, sign)
    shown = []
    for index, char in enumerate(text):
        here = forms.get(char)
        if here is None:
            shown.append(char)
            continue
        before = forms.get(text[index - 1]) if index else None
        after = forms.get(text[index + 1]) if index + 1 < len(text) else None
        linked = before is not None and "initial" in before and ("final" in here or "medial" in here)
        links = after is not None and "initial" in here and ("final" in after or "medial" in after)
        form = ("medial" if links else "final") if linked else ("initial" if links else "isolated")
        shown.append(here.get(form, char))
    return "".join(shown)


@lru_cache(maxsize=1)
def _forms() -> tuple[dict[str, dict[str, str]], list[tuple[str, str]]]:
    """letter → form → sign, and pairs of letters → the sign that stands for both. Source: Unicode, block FE70-FEFF."""
    letters: dict[str, dict[str, str]] = {}
    pairs: list[tuple[str, str]] = []
    for code in range(0xFE80, 0xFEFD):
        kind, *parts = unicodedata.decomposition(chr(code)).split()
        base = "".join(chr(int(part, 16)) for part in parts)
        form = kind.strip("<>")
        if len(base) == 1:
            letters.setdefault(base, {})[form] = chr(code)
        elif form == "isolated":
            pairs.append((base, chr(code)))
            letters[chr(code)] = {"isolated": chr(code), "final": chr(code + 1)}
    return letters, pairs
