"""What each family of pipelines can do, as a table, and what of a wish it cannot. Pure; knows nothing of files or of torch.

Limits are those of the code of diffusers 0.42, defaults those of its documentation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from shotbuild.records import Objection, Wish
from shotbuild.units import Size, round_half_up

FIRST_FRAME = "first_frame"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Pipelines of one kind. pipeline: the class in diffusers; step: it makes a multiple of so many frames and one more,
    1 = any number; side: width and height are multiples of it; most: frames of a take, None = no limit of the code; steps,
    guidance, dtype: defaults; tokens: the default length of a prompt, None = it cannot be said; exact: components that stay
    in float32; starts: it needs a first frame; paced: it is told the frame rate; two: it may have a second transformer with
    a guidance of its own; distilled: guidance is told to the model, and a negative prompt has a guidance of its own."""

    name: str
    pipeline: str
    step: int
    side: int
    most: int | None = None
    steps: int
    guidance: str
    dtype: str = "bfloat16"
    tokens: int | None = None
    exact: tuple[str, ...] = ()
    starts: bool = False
    paced: bool = False
    two: bool = False
    distilled: bool = False


FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(
            name="wan", pipeline="WanPipeline", step=4, side=16, steps=50, guidance="5", tokens=512, exact=("vae",), two=True
        ),
        Family(
            name="wan-i2v", pipeline="WanImageToVideoPipeline", step=4, side=16, steps=50, guidance="5", tokens=512,
            exact=("vae", "image_encoder"), starts=True, two=True,
        ),
        Family(name="ltx", pipeline="LTXPipeline", step=8, side=32, steps=50, guidance="3", tokens=128, paced=True),
        Family(name="cogvideox", pipeline="CogVideoXPipeline", step=4, side=16, steps=50, guidance="6", tokens=226),
        Family(
            name="animatediff", pipeline="AnimateDiffPipeline", step=1, side=8, most=32, steps=25, guidance="7.5",
            dtype="float16",
        ),
        Family(
            name="hunyuan-video", pipeline="HunyuanVideoPipeline", step=4, side=16, steps=50, guidance="6", tokens=256,
            distilled=True,
        ),
    )
}  # fmt: skip


def objections(family: Family, wish: Wish) -> Iterator[Objection]:
    """What of a wish is outside a family's limits."""
    frames = round_half_up(wish.seconds * wish.format.rate)
    if not fits(family, frames):
        near = " or ".join(f"`duration: {each}f`" for each in nearest_lengths(family, frames))
        yield Objection(
            key="duration",
            message=f"{family.name} does not make {frames} frames",
            cause=lengths(family),
            remedy=f"write {near}, or another frame rate",
        )
    size = wish.format.size
    if size.width % family.side or size.height % family.side:
        near = " or ".join(f"`{each}`" for each in nearest_sizes(size, family.side))
        yield Objection(
            key="format",
            message=f"{family.name} does not make pictures of {size}",
            cause=f"width and height are multiples of {family.side}",
            remedy=f"write `format: {{size: …}}` with {near}",
        )
    if str(wish.settings.get("negative_prompt") or "") and not _heard(family, wish):
        name = "true_guidance" if family.distilled else "guidance"
        yield Objection(
            key="negative_prompt",
            message="with this guidance nobody listens to the negative prompt",
            cause=f"{name} is {wish.settings.get(name)}; it has to be above 1",
            remedy=f"write for example `{name}: {'6' if family.distilled else family.guidance}`, or take the words out",
        )


def fits(family: Family, frames: int) -> bool:
    return frames >= 1 and (frames - 1) % family.step == 0 and (family.most is None or frames <= family.most)


def lengths(family: Family) -> str:
    """Which numbers of frames a family makes, in words."""
    longest = f", at most {family.most}" if family.most is not None else ""
    if family.step == 1:
        return f"it makes any number of frames{longest}"
    return f"it makes {family.step}n + 1 frames, such as {5 * family.step + 1}{longest}"


def nearest_lengths(family: Family, frames: int) -> tuple[int, ...]:
    """The allowed numbers of frames below and above one that is not."""
    below = max(1, (frames - 1) // family.step * family.step + 1)
    last = None if family.most is None else (family.most - 1) // family.step * family.step + 1
    near = (below, below + family.step) if below < frames else (below,)
    return tuple(sorted({each if last is None else min(each, last) for each in near}))


def nearest_sizes(size: Size, side: int) -> tuple[Size, ...]:
    """The allowed sizes below and above one that is not."""
    below = Size(max(side, size.width // side * side), max(side, size.height // side * side))
    above = Size(-(-size.width // side) * side, -(-size.height // side) * side)
    return (below, above) if below != above else (below,)


def _heard(family: Family, wish: Wish) -> bool:
    guidance = wish.settings.get("true_guidance" if family.distilled else "guidance")
    return isinstance(guidance, str) and Fraction(guidance) > 1
