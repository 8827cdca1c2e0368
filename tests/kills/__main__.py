"""`python -m tests.kills --runs 300 --seed 1`: builds that are killed at random moments and started again, in numbers."""

import argparse
import sys
import time

from tests.kills.many import outcomes, table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the next ones count up")
    parser.add_argument("--workers", type=int, default=2, help="processes that play runs side by side")
    said = parser.parse_args()
    began = time.monotonic()
    ended = []
    for outcome in outcomes(said.runs, said.seed, said.workers):
        ended.append(outcome)
        for sentence in outcome.wrong:
            print(sentence, flush=True)
        if sys.stderr.isatty():
            print(f"\r{len(ended)}/{said.runs}", end="", file=sys.stderr)
    print(table(ended, time.monotonic() - began))
    return 1 if any(outcome.wrong for outcome in ended) else 0


if __name__ == "__main__":
    sys.exit(main())
