"""Runs histories: many seeds, one seed with its timeline, or the planted bugs."""

import argparse
import sys
import time
from collections import Counter

from tests.simulation.history import Outcome, happen
from tests.simulation.planted import BUGS, find, table


def main() -> int:
    """The command line; the exit status is 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many histories")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--seed", type=int, help="one history")
    parser.add_argument("--verbose", action="store_true", help="with --seed: its timeline")
    parser.add_argument("--planted", action="store_true", help="how many seeds find each planted bug")
    asked = parser.parse_args()
    if asked.planted:
        return plant()
    if asked.seed is not None:
        return one(asked.seed, verbose=asked.verbose)
    return many(range(asked.first, asked.first + asked.seeds))


def plant() -> int:
    """A table of the planted bugs."""
    found = [(bug, find(bug)) for bug in BUGS]
    print("\n".join(table(found)))
    return int(not all(one for _, one in found))


def one(seed: int, *, verbose: bool) -> int:
    """One history, with its timeline."""
    outcome = happen(seed)
    for at, who, what, detail in outcome.timeline if verbose else ():
        print(f"{at:12.6f}  {who:8} {what} {detail}")
    print(_verdict(outcome))
    print(f"fingerprint {outcome.fingerprint}, {outcome.seconds:.0f} virtual seconds, {outcome.counts}")
    return int(outcome.broken is not None)


def many(seeds: range) -> int:
    """Many histories, and what happened in them."""
    began, counts, seconds, failed = time.perf_counter(), Counter[str](), 0.0, Counter[str]()
    for seed in seeds:
        outcome = happen(seed)
        counts.update(outcome.counts)
        seconds += outcome.seconds
        if outcome.broken is not None:
            failed[outcome.broken.promise.name] += 1
            print(_verdict(outcome))
    took = time.perf_counter() - began
    print(
        f"{len(seeds)} histories in {took:.1f} s ({len(seeds) / took:.0f}/s), "
        f"{seconds / 3600:.1f} virtual hours"
    )
    print(", ".join(f"{what}: {count}" for what, count in sorted(counts.items())))
    print(f"broken: {dict(failed) or 'nothing'}")
    return int(bool(failed))


def _verdict(outcome: Outcome) -> str:
    return f"seed {outcome.seed}: {outcome.broken or 'every promise is kept'}"


if __name__ == "__main__":
    sys.exit(main())
