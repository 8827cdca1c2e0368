"""What has to hold, beside what was measured."""

from collections.abc import Iterator, Sequence

from bench.growth import STRAIGHT, straightness
from bench.report import Report

SHOTS = 10_000
HEADS = ("asked", "measured", "holds")
RATIOS = (
    ("nothing", "nothing changed", "ninja", 0.8),
    ("nothing", "nothing changed", "doit", 1 / 15),
    ("nothing", "nothing changed", "Snakemake", 1 / 70),
    ("nothing", "nothing changed", "DVC", 1 / 500),
    ("first step", "one prompt edited, until the first step", "ninja", 2.0),
    ("first step", "one prompt edited, until the first step", "doit", 1 / 5),
)
MB = 150


def table(report: Report, sizes: Sequence[int]) -> None:
    """sizes: of the growth that was measured."""
    rows: dict[str, dict[str, str]] = {}
    for name, asked, measured, holds in (*_ratios(report), *_others(report, sizes)):
        rows[name] = {"asked": asked, "measured": measured, "holds": holds}
    report.table("What has to hold", HEADS, rows)


def _ratios(report: Report) -> Iterator[tuple[str, str, str, str]]:
    for what, said, other, most in RATIOS:
        theirs = report.largest(what, other)
        name, asked = f"{said}, beside {other}", f"at most {_times(most)} at {SHOTS:,} shots"
        if theirs is None or (ours := report.figures.get((what, "shotbuild", theirs[0]))) is None:
            yield name, asked, "not installed", "-"
            continue
        shots, seconds = theirs
        yield name, asked, f"{_times(ours / seconds)} at {shots:,}", _holds(ours / seconds <= most, shots)


def _others(report: Report, sizes: Sequence[int]) -> Iterator[tuple[str, str, str, str]]:
    wrong = [fault for fault in report.faults if fault.startswith("shotbuild")]
    counted = sorted({shots for what, who, shots in report.figures if (what, who) == ("nothing", "shotbuild")})
    said = f"{len(wrong)} wrong at {', '.join(f'{shots:,}' for shots in counted)} shots"
    yield (
        "steps that run: one edit, touch, revert, comment, checkout, template and back",
        "exactly the needed",
        said,
        _yes(not wrong),
    )
    if (plan := report.largest("cold plan", "growth", SHOTS)) is not None:
        shots, seconds = plan
        cpu = seconds / report.figures["loader", "growth", shots]
        for how, times in (("by the clock", report.figures["clock", "growth", shots]), ("CPU of all cores", cpu)):
            yield (
                f"cold plan, beside PyYAML's C loader alone, {how}",
                f"at most 3 times at {SHOTS:,} shots",
                f"{times:.1f} at {shots:,}",
                _holds(times <= 3, shots),
            )
    peaks = [("peak MB", "one edit"), ("cold peak", "cold build")]
    found = [(report.largest(what, "shotbuild", SHOTS), said) for what, said in peaks]
    if (plans := report.largest("plan MB", "growth", SHOTS)) is not None:
        found.append((plans, "cold plan"))
    for each, doing in found:
        if each is not None:
            yield (
                f"memory, {doing}",
                f"under {MB} MB at {SHOTS:,} shots",
                f"{each[1]:.0f} MB at {each[0]:,}",
                _holds(each[1] < MB, each[0]),
            )
    ours, theirs = report.largest("overhead", "shotbuild"), report.largest("overhead", "doit")
    if ours is not None and theirs is not None:
        measured = f"{1000 * ours[1]:.2f} ms; doit {1000 * theirs[1]:.2f} ms"
        yield (
            "added to each of 1,000 trivial steps",
            "at most what doit adds",
            f"{measured} ({ours[0]:,} steps)",
            _yes(ours[1] <= theirs[1]),
        )
    if (drawn := report.largest("animatic", "light")) is not None:
        yield (
            "frames of the animatic a second, beside x264 medium",
            "at least as many",
            f"{drawn[1]:.2f} times",
            _yes(drawn[1] >= 1),
        )
    if (start := report.largest("--version", "light")) is not None:
        yield (
            "`shotbuild --version`, beside `python -c pass`",
            "at most 2 times",
            f"{start[1]:.2f} times",
            _yes(start[1] <= 2),
        )
    for what, named in (("cold plan", "a cold plan"), ("idle", "nothing to do")):
        if sizes and (factor := straightness(report, what, sizes)) is not None:
            measured = f"differs by {factor:.2f} up to {max(sizes):,}"
            asked = "a straight line up to 100,000"
            yield (
                f"{named}: what each further shot costs",
                asked,
                measured,
                _yes(factor <= STRAIGHT) if max(sizes) >= 100_000 else "-",
            )


def _times(value: float) -> str:
    return f"{value:.2f} times" if value >= 0.1 else f"1/{1 / value:.0f}"


def _yes(holds: bool) -> str:
    return "yes" if holds else "**no**"


def _holds(holds: bool, shots: int) -> str:
    """Only the size that is asked for decides."""
    return _yes(holds) if shots == SHOTS else f"{'yes' if holds else 'no'}, at {shots:,} shots"
