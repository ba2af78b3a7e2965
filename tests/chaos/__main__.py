"""`make chaos SECONDS=60 SEED=1`: a storm, and what it left.

    python -m tests.chaos [--seconds 60] [--seed 1] [--only KIND,KIND] [--subscribers 300]

Exit code 0 when nothing was lost, nothing is double and all was quiet within two minutes; else 1.
"""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from tests.chaos.plan import KINDS, plan
from tests.chaos.storm import QUIET_LIMIT_S, Result, Storm, play
from worker.sandbox.processes import CHECKOUT


def main(arguments: list[str]) -> int:
    """Play a storm. Returns the process's exit code."""
    parser = argparse.ArgumentParser(prog="tests.chaos", description="A seeded storm over the real processes.")
    parser.add_argument("--seconds", type=int, default=60, help="how long it rages (default 60, at least 5)")
    parser.add_argument("--seed", type=int, default=1, help="which storm it is (default 1)")
    parser.add_argument("--only", default="", help=f"kinds of blows, with commas: {', '.join(KINDS)}")
    parser.add_argument("--subscribers", type=int, default=300, help="subscriptions due during the storm (default 300)")
    parser.add_argument("--folder", type=Path, default=CHECKOUT / "var" / "chaos", help="where logs and mails are left")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    only = options.only.split(",") if options.only else []
    try:
        planned = plan(options.seed, options.seconds, only)
        print(f"storm {options.seed}, {options.seconds} s, {len(planned)} blows, {options.subscribers} subscriptions")
        storm = Storm(seed=options.seed, seconds=options.seconds, only=only, subscribers=options.subscribers)
        result = play(storm, options.folder)
    except ValueError as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; every process of the storm has ended")
        return 130
    _report(result)
    if result.violations:
        said = f"make chaos SECONDS={options.seconds} SEED={options.seed}"
        print(f"the same storm again: {said}{f' ONLY={options.only}' if only else ''}")
        print(f"what is known of those concerned, and all logs: {result.evidence}")
    return 1 if result.violations else 0


def _interrupt(signum: int, frame: FrameType | None) -> None:
    del signum, frame
    raise KeyboardInterrupt


def _report(result: Result) -> None:
    print("\nblows that hit:")
    for kind, count in sorted(result.blows.items()):
        print(f"  {kind:<20} {count:>3}  {KINDS[kind]}")
    print("\nwhat came of it:")
    for name, number in result.figures.items():
        print(f"  {name:<28} {number:>6}")
    print(f"  {'seconds that customers went on':<28} {result.shopping_s:>4.1f}")
    print(f"  {'seconds to quiet':<28} {result.quiet_s:>6.1f}  (at most {QUIET_LIMIT_S:.0f})")
    for one in result.violations:
        print(f"  VIOLATION {one}")
    print("\n0 lost, 0 double" if not result.violations else f"\n{len(result.violations)} violations")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
