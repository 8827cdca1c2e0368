"""A sequence as it stands → what a player draws in each frame of it, and the strip of its clips. Pure.

The stretches are those that a build encodes (`plan.timeline`), in plain values. A frame of a shot is named on its take's own
clock, so that the player asks for a frame of a file and counts nothing itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from shotbuild.plan.choose import APPROVED, PICKED
from shotbuild.plan.cut import Cut
from shotbuild.plan.timeline import Blend, Over, Picture, Run, Slug, runs
from shotbuild.review.board import PLATE, Card
from shotbuild.units import round_half_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Reel:
    """The film that stands for a shot, as a player has it. video: sha256; frames, rate: of its picture; exact: the frames
    are those that the cut shows: no finishing stage changes them in time."""

    shot: str
    video: str
    frames: int
    rate: Fraction
    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipView:
    """A clip of the main track: its first and last frame (not with it), in the cut."""

    card: Card
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CutView:
    """A sequence. frames, rate, size, first: as in its format, `first` the frame that its timecode begins at; stretches: as
    `review/static/cut.js` reads them; reels: by shot; undecided: shots that nobody picked or approved, or of which a person
    has to say more; stale: approved or picked, and the spec has moved on; unlike: shots that finishing changes in time, so
    that the player shows the take alone; sound: sha256 of the mix, None = it is not made yet; roles: that have to approve;
    delivered: name and path below out/ of what was delivered of it."""

    name: str
    title: str
    frames: int
    rate: Fraction
    size: tuple[int, int]
    first: int
    stretches: tuple[Mapping[str, Any], ...]
    reels: tuple[Reel, ...]
    clips: tuple[ClipView, ...]
    undecided: tuple[str, ...]
    stale: tuple[str, ...]
    unapproved: tuple[str, ...]
    unlike: tuple[str, ...]
    sound: str | None
    roles: tuple[str, ...]
    delivered: tuple[tuple[str, str], ...]
    heads: Mapping[str, tuple[str, ...]]


def cut_view(
    cut: Cut,
    cards: Mapping[str, Card],
    reels: Mapping[str, Reel],
    *,
    sound: str | None,
    roles: tuple[str, ...],
    delivered: tuple[tuple[str, str], ...],
    heads: Mapping[str, tuple[str, ...]],
) -> CutView:
    """cards: of every shot that it shows; reels: of those that have a film here."""
    sequence = cut.sequence
    shown = [cards[name] for name in cut.shots]
    return CutView(
        name=sequence.name,
        title=sequence.title,
        frames=cut.frames,
        rate=cut.rate,
        size=(sequence.format.size.width, sequence.format.size.height),
        first=sequence.timecode.at(cut.rate),
        stretches=tuple(
            {"frames": stretch.frames, "picture": plain(stretch.picture, reels, cut.rate), "titles": _titles(stretch.titles)}
            for stretch in cut.track
        ),
        reels=tuple(reels[name] for name in cut.shots if name in reels),
        clips=tuple(ClipView(card=cards[name], start=start, end=end) for name, start, end in cut.clips if name in cards),
        undecided=tuple(card.name for card in shown if card.state not in (PICKED, APPROVED, PLATE)),
        stale=tuple(card.name for card in shown if card.state.startswith("stale")),
        unapproved=tuple(card.name for card in shown if card.state == PICKED or (card.state == APPROVED and card.awaits)),
        unlike=tuple(name for name in cut.shots if name in reels and not reels[name].exact),
        sound=sound,
        roles=roles,
        delivered=delivered,
        heads=heads,
    )


def plain(picture: Picture, reels: Mapping[str, Reel], rate: Fraction) -> dict[str, Any]:
    """A picture in plain values. A run's frames are those of its film: `start` is its first, `step` how far each frame of
    the cut moves on, as numerator and denominator."""
    match picture:
        case Run(shot=shot, start=start, held=held):
            reel = reels.get(shot)
            if reel is None:
                return {"run": None, "shot": shot, "start": start, "held": held}
            step = reel.rate / rate
            return {
                "run": reel.video,
                "shot": shot,
                "start": start,
                "held": held,
                "step": [step.numerator, step.denominator],
            }
        case Slug(colour=colour):
            return {"slug": colour}
        case Blend(a=a, b=b, at=at, of=of, form=form):
            return {"blend": [plain(a, reels, rate), plain(b, reels, rate)], "at": at, "of": of, "form": form}
        case Over():
            return {
                "over": [plain(picture.base, reels, rate), plain(picture.top, reels, rate)],
                "left": float(picture.left),
                "top": float(picture.upper),
                "width": float(picture.width),
                "opacity": float(picture.opacity),
                "at": picture.at,
                "of": picture.of,
                "fade_in": picture.fade_in,
                "fade_out": picture.fade_out,
            }


def _titles(titles: Iterable[Any]) -> list[str]:
    return [shown.title.text for shown in titles]


def beside(cut: Cut, shot: str) -> tuple[tuple[str, int, int] | None, tuple[str, int, int] | None]:
    """The last second before a shot's first clip in a cut, and the first second after it: shot, first frame, the one after
    the last, on the shots' own clock at the cut's rate. None where the cut begins or ends there, or shows no shot."""
    second = max(1, round_half_up(cut.rate))
    spans: list[tuple[str, int, int]] = []  # of the main run in each stretch: shot, first, end
    for stretch in cut.track:
        main = next(iter(runs(stretch.picture)), None)
        if main is None:
            spans.append(("", 0, 0))
        elif spans and spans[-1][0] == main.shot and spans[-1][2] == main.start:
            spans[-1] = (main.shot, spans[-1][1], main.start + stretch.frames)
        else:
            spans.append((main.shot, main.start, main.start + (1 if main.held else stretch.frames)))
    index = next((index for index, span in enumerate(spans) if span[0] == shot), None)
    if index is None:
        return None, None
    last = next((at for at in range(index, len(spans)) if at + 1 == len(spans) or spans[at + 1][0] != shot), index)
    before = spans[index - 1] if index else None
    after = spans[last + 1] if last + 1 < len(spans) else None
    return (
        (before[0], max(before[1], before[2] - second), before[2]) if before and before[0] else None,
        (after[0], after[1], min(after[2], after[1] + second)) if after and after[0] else None,
    )
