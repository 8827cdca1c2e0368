"""Characters before any font: which are seen, in which order they are drawn, and where a line may end.

Pillow's basic layout sets one letter after the other. Hebrew and Arabic are brought into drawing order here, and scripts
whose letters change their shapes in other ways are refused.
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby, zip_longest
from typing import TypeAlias

from shotbuild.errors import MediaError

Ranges: TypeAlias = tuple[tuple[int, int], ...]

LONGEST = 2000
NO_BREAK = "\u00a0"
LINE_ENDS = str.maketrans(dict.fromkeys("\r\v\f\x1c\x1d\x1e\x85\u2028\u2029", "\n"))
SPACES = str.maketrans(
    dict.fromkeys("\t\u1680\u3000\u205f" + "".join(map(chr, range(0x2000, 0x2007))) + "\u2008\u2009\u200a", " ")
    | dict.fromkeys("\u2007\u202f", NO_BREAK)
    | {"\u2011": "-"}
)
# Ranges stand here and are not asked of `unicodedata`, whose tables differ between Python versions.
UNSEEN = (
    (0x00, 0x09), (0x0B, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x0591, 0x05BD), (0x05BF, 0x05BF), (0x05C1, 0x05C2),
    (0x05C4, 0x05C5), (0x05C7, 0x05C7), (0x0600, 0x0605), (0x0610, 0x061A), (0x061C, 0x061C), (0x064B, 0x065F),
    (0x0670, 0x0670), (0x06D6, 0x06ED), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0xD800, 0xDFFF),
    (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFF0, 0xFFFB), (0xE0000, 0xE0FFF),
)  # fmt: skip
SHAPED = ((0x0700, 0x08FF), (0x0900, 0x0DFF), (0x0F00, 0x109F), (0x1780, 0x17FF), (0x1A20, 0x1BFF), (0xA800, 0xABFF))
WIDE = (
    (0x1100, 0x115F), (0x2E80, 0xA4CF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFE30, 0xFE4F), (0xFF00, 0xFF60),
    (0x20000, 0x3FFFD),
)  # fmt: skip
HANGUL = ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7A3))
MARKS = ((0x0300, 0x036F), (0x0E31, 0x0E31), (0x0E34, 0x0E3A), (0x0E47, 0x0E4E), (0x1AB0, 0x1AFF), (0x20D0, 0x20FF))
NOT_FIRST = "、。，．・：；？！）」』】〉》〕］｝ー々…ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ,.!?:;)]}%"
NOT_LAST = "（「『【〈《〔［｛([{"
MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")


def within(char: str, ranges: Ranges) -> bool:
    code = ord(char)
    return any(low <= code <= high for low, high in ranges)


def paragraphs_of(text: str) -> list[str]:
    """The lines as they were written, of visible characters. Errors: MediaError, also for scripts that are shaped."""
    if len(text) > LONGEST:
        raise MediaError(
            f"a text of {len(text)} characters is too long for one picture", cause=f"{LONGEST} is the most", hint="divide it"
        )
    plain = text.replace("\r\n", "\n").translate(LINE_ENDS).translate(SPACES)
    composed = unicodedata.normalize("NFC", "".join(char for char in plain if not within(char, UNSEEN)))
    for char in composed:
        if within(char, SHAPED):
            raise MediaError(
                f"{named(char)} belongs to a script that shotbuild cannot set",
                cause="its letters change their shapes beside each other",
                hint="draw the text elsewhere as a picture with alpha and lay it over the cut: `overlays`",
            )
    lines = [" ".join(line.split(" ")).strip(" ") for line in composed.strip().split("\n")]
    return [" ".join(word for word in line.split(" ") if word) for line in lines] if any(lines) else []


def named(char: str) -> str:
    shown = f"`{char}` " if char.isprintable() else ""
    return f"{shown}(U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip() + ")"


def visual(text: str, rightward: bool) -> str:
    """One line in the order in which it is drawn. rightward: whether its paragraph begins at the right. Not all of UAX 9:
    words keep their direction, runs of right-to-left words are turned round, and Arabic letters are joined."""
    if not any(map(_is_rightward, text)):
        return text
    words = _joined(text).split(" ")
    runs = [(turned, list(group)) for turned, group in groupby(words, key=lambda word: any(map(_is_rightward, word)))]
    shown = [[_turned(word) for word in reversed(run)] if turned else run for turned, run in runs]
    return " ".join(word for run in (reversed(shown) if rightward else shown) for word in run)


def _is_rightward(char: str) -> bool:
    return "\u0590" <= char <= "\u08ff" or "\ufb1d" <= char <= "\ufdff" or "\ufe70" <= char <= "\ufefc"


def begins_rightward(text: str) -> bool:
    return _is_rightward(next((char for char in text if _is_rightward(char) or char.isalpha()), " "))


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
        here, before, after = (forms.get(each, {}) for each in (char, text[index - 1 : index], text[index + 1 : index + 2]))
        linked = "initial" in before and "final" in here
        links = "initial" in here and "final" in after
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
        base, form = "".join(chr(int(part, 16)) for part in parts), kind.strip("<>")
        if len(base) == 1:
            letters.setdefault(base, {})[form] = chr(code)
        elif form == "isolated":
            pairs.append((base, chr(code)))
            letters[chr(code)] = {"isolated": chr(code), "final": chr(code + 1)}
    return letters, pairs


def cells_of(text: str) -> int:
    return sum(2 if within(char, WIDE) else 1 for char in text)


def pieces_of(paragraph: str) -> Iterator[str]:
    """What stays together: words, each but the first with the space before it; single signs in Chinese and Japanese."""
    for index, word in enumerate(paragraph.split(" ")):
        held = " " if index else ""
        for char, following in zip_longest(word, word[1:], fillvalue=""):
            held += char
            parts = (within(char, WIDE) or within(following or " ", WIDE)) and not within(char, HANGUL)
            if following and parts and following not in NOT_FIRST and char not in NOT_LAST:
                yield held
                held = ""
        if held:
            yield held
