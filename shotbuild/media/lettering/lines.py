"""Text → lines that fit: wrapped, balanced, and made smaller where they have to be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from shotbuild.errors import MediaError
from shotbuild.media.lettering.faces import SMALLEST_PIXELS, Face, Faces
from shotbuild.media.lettering.looks import Asked
from shotbuild.media.lettering.scripts import LONGEST, MARKS, begins_rightward, cells_of, pieces_of, visual, within
from shotbuild.units import round_half_up

LETTERS_A_LINE = 42
"""Of captions. Source: Netflix, Timed Text Style Guide."""
STEP = Fraction(15, 16)
PAUSES = ",.;:!?…—–،؛؟、。，！？"
DASHES = ("-", "–", "—", "♪", "•")


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    face: "Face"
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Block:
    size: int
    lines: tuple[Line, ...]

    @property
    def width(self) -> int:
        return max((line.width for line in self.lines), default=0)

    @property
    def height(self) -> int:
        return sum(line.height for line in self.lines)


def fitted(paragraphs: Sequence[str], asked: Asked, faces: Faces) -> Block:
    """The text as large as asked, or as much smaller as it needs: first to have few lines, then to fit at all."""
    wanted = max(asked.style.lines, len(paragraphs))
    least = max(asked.floor, int(asked.size * asked.style.least))
    attempts = [(size, wanted, False) for size in _sizes(asked.size, least)]
    attempts += [(size, LONGEST, False) for size in _sizes(least, max(asked.floor, asked.size // 3))]
    attempts += [(size, LONGEST, True) for size in _sizes(max(asked.floor, asked.size // 2), asked.floor)]
    for size, most, broken in attempts:
        block = _block(paragraphs, size, asked, faces, broken)
        sideways, up = asked.padding(size)
        room = asked.area[2] - asked.area[0] - 2 * sideways - 2 * asked.bar(size)
        if len(block.lines) <= most and block.width <= room and block.height + 2 * up <= asked.area[3] - asked.area[1]:
            return block
    letters = sum(map(len, paragraphs))
    raise MediaError(
        f"a text of {letters} characters does not fit into the frame",
        cause=f"it was tried down to letters of {asked.floor} pixels",
        hint="shorten it, or divide it into several that follow one another",
    )


def _sizes(first: int, last: int) -> Iterator[int]:
    size = first
    while size > last:
        yield size
        size = min(size - 1, int(size * STEP))
    yield last


def _block(paragraphs: Sequence[str], size: int, asked: Asked, faces: Faces, broken: bool) -> Block:
    style = asked.style
    room = asked.area[2] - asked.area[0] - 2 * asked.padding(size)[0] - 2 * asked.bar(size)
    main = faces.face(style.font, size)
    other = faces.face(style.second or style.font, max(SMALLEST_PIXELS, int(size * style.small)))
    most = LETTERS_A_LINE if asked.caption else LONGEST
    if asked.caption and not _as_written(paragraphs, main, room, most):
        paragraphs = [" ".join(filter(None, paragraphs))]
    lines: list[Line] = []
    for index, paragraph in enumerate(paragraphs):
        face = other if index and style.second else main
        rightward = begins_rightward(paragraph)
        height = round_half_up(face.size * style.leading)
        wrapped = _wrapped(paragraph, face, room, most, broken) or [""]
        lines += [Line(visual(line, rightward), face, face.width(line), height) for line in wrapped]
    return Block(size, tuple(lines))


def _as_written(paragraphs: Sequence[str], face: Face, room: int, most: int) -> bool:
    """Whether a caption's own line ends are kept: two people who speak, or lines that fit as they are."""
    if len(paragraphs) == 1 or all(line.startswith(DASHES) for line in paragraphs):
        return True
    return all(face.width(line) <= room and cells_of(line) <= most for line in paragraphs)


def _wrapped(paragraph: str, face: Face, room: int, most: int, broken: bool) -> list[str]:
    """A paragraph in as few lines as there have to be, of nearly one width."""
    pieces = [each for piece in pieces_of(paragraph) for each in (_parts(piece, face, room) if broken else [piece])]
    lines = _filled(pieces, face, room, most)
    if len(lines) < 2:
        return lines
    if len(lines) == 2 and (divided := _divided(pieces, face, room, most)):
        return divided
    low, high = room // 4, room
    while low < high:
        middle = (low + high) // 2
        if len(tried := _filled(pieces, face, middle, most)) <= len(lines) and all(face.width(t) <= room for t in tried):
            high = middle
        else:
            low = middle + 1
    return _filled(pieces, face, high, most)


def _filled(pieces: Sequence[str], face: Face, room: int, most: int) -> list[str]:
    """One line after the other as full as it can be; a piece begins with a space where one stood."""
    lines: list[str] = []
    width = cells = 0
    for piece in pieces:
        wide, long = face.width(piece), cells_of(piece)
        if lines and width + wide <= room and cells + long <= most:
            lines[-1] += piece
            width, cells = width + wide, cells + long
        else:
            lines.append(piece.lstrip(" "))
            width, cells = face.width(lines[-1]), cells_of(lines[-1])
    return lines


def _divided(pieces: Sequence[str], face: Face, room: int, most: int) -> list[str]:
    """The best two lines: equally wide, rather after a pause, rather the second one wider."""
    best: tuple[int, list[str]] | None = None
    for place in range(1, len(pieces)):
        lines = ["".join(pieces[:place]).lstrip(" "), "".join(pieces[place:]).lstrip(" ")]
        first, second = map(face.width, lines)
        if max(first, second) > room or max(map(cells_of, lines)) > most:
            continue
        cost = abs(first - second) + (first > second) * face.size - lines[0].endswith(tuple(PAUSES)) * 4 * face.size
        if best is None or cost < best[0]:
            best = cost, lines
    return best[1] if best else []


def _parts(piece: str, face: Face, room: int) -> Iterator[str]:
    """A piece that is too wide, cut between letters."""
    held, width = "", 0
    for char in piece:
        wide = face.width(char)
        if held.strip(" ") and width + wide > room and not within(char, MARKS):
            yield held
            held, width = "", 0
        held, width = held + char, width + wide
    yield held
