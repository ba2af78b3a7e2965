"""`make crash`: dies at every failpoint, in every job and act that passes it, and audits what is left.

    python -m tests.crash [--scenes NAME,NAME] [--pairs 200] [--sample N] [--seed 1] [--players 2]

Exit code 0 when no case left a violation, every failpoint was reached or is excepted with a reason, and no broken
build went unnoticed; else 1.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.crash import bill
from tests.crash.matrix import Matrix, Wanted
from tests.crash.play import Place
from worker.sandbox.servers import PrivatePostgres, PrivateRedis
from worker.store import migrations


def main(arguments: Sequence[str]) -> int:
    """Play the matrix. Returns the process's exit code."""
    options = _options().parse_args(arguments)
    names = options.scenes.split(",") if options.scenes else list(bill.SCENES)
    wanted = Wanted(
        names, options.sample, options.pairs, options.seed, mutants=options.mutants, whole=not options.scenes
    )
    with tempfile.TemporaryDirectory(prefix="odnowa-crash-") as folder, ExitStack() as stack:
        if options.database:
            sink = Path(options.sink_log)
            places = [Place(options.database, options.redis, options.emulator, options.sink_port, sink)]
        else:
            places = []
            postgres, redis = stack.enter_context(PrivatePostgres(durable=False)), stack.enter_context(PrivateRedis())
            for n in range(options.players):
                postgres.create_database(f"crash_{n}")
                migrations.upgrade(postgres.url(f"crash_{n}"))
                places.append(Place(postgres.url(f"crash_{n}"), redis.url(n)))
        return Matrix(wanted, places, Path(folder)).play()


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.crash", description="Die at every failpoint and audit what is left.")
    parser.add_argument("--scenes", default="", help="names of scenes, with commas; all unless given")
    parser.add_argument("--sample", type=int, help="so many cases, drawn by the seed over different doors; else all")
    parser.add_argument("--pairs", type=int, default=200, help="so many pairs of deaths, drawn by the seed")
    parser.add_argument("--seed", type=int, default=1, help="what is drawn")
    parser.add_argument("--mutants", choices=["all", "only", "none"], default="all", help="broken builds")
    parser.add_argument("--players", type=int, default=2, help="processes that play side by side")
    for name in ("database", "redis", "emulator", "sink-log"):
        parser.add_argument(f"--{name}", help="servers to play on instead of private ones; all of them or none")
    parser.add_argument("--sink-port", type=int, help="the same")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
