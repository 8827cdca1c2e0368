"""What a bench found: lines for people, figures for the verdict, and what was wrong."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class Report:
    """lines: Markdown, in order; figures: of (what, of whom, at so many shots), in seconds or as it is named; faults: counts
    that were not those that had to be."""

    lines: list[str] = field(default_factory=list)
    figures: dict[tuple[str, str, int], float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        print(line, flush=True)
        self.lines.append(line)

    def table(self, title: str, heads: Sequence[str], rows: Mapping[str, Mapping[str, str]]) -> None:
        """rows: by name → cells by head; a cell that is not there was not measured."""
        self.say(f"\n{title}\n")
        self.say("| | " + " | ".join(heads) + " |")
        self.say("|---|" + "---|" * len(heads))
        for name, row in rows.items():
            self.say(f"| {name} | " + " | ".join(row.get(head, "-") for head in heads) + " |")

    def largest(self, what: str, who: str, most: int = 10**9) -> tuple[int, float] | None:
        """The figure for the most shots at which it was measured, and these. most: so many count."""
        sizes = [shots for (named, of, shots) in self.figures if (named, of) == (what, who) and shots <= most]
        return (max(sizes), self.figures[what, who, max(sizes)]) if sizes else None


def tell(line: str) -> None:
    """Says on stderr what is going on, for whoever waits."""
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)
