"""`make model`: random lives, played through the product and in a notebook by the rules; nothing may differ.

    python -m tests.model [--examples 150] [--steps 25] [--seed 1]

Exit code 0 when nothing differed; else 1, with the shortest story found that tells the difference.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import create_engine

from tests.model.ground import Size, play, quick
from tests.model.machine import Tally
from tests.support.builders import NOON
from tests.support.house import House, build_house
from tests.support.mail_sink import LINK, fresh, lead
from tests.support.processes import listening
from worker.sandbox.servers import PrivatePostgres, PrivateRedis
from worker.store import migrations


def main(arguments: Sequence[str]) -> int:
    """Play. Returns the process's exit code."""
    options = _options().parse_args(arguments)
    size, tally, began = Size(options.examples, options.steps, options.seed), Tally(), time.monotonic()
    differences = 0
    with tempfile.TemporaryDirectory(prefix="odnowa-model-") as folder, _house(Path(folder)) as house:
        try:
            play(house, size, tally)
        except AssertionError as difference:
            differences = 1
            sys.stdout.write("\n".join([str(difference), *getattr(difference, "__notes__", ())]) + "\n")
    sys.stdout.write(
        f"{tally.examples} examples, {tally.steps} steps, {tally.nights} nights, {tally.charges} charges, "
        f"{tally.refunds} refunds, {tally.deaths} deaths, {tally.faults} faults, {differences} differences, "
        f"{time.monotonic() - began:.0f} s\n"
    )
    return 1 if differences else 0


@contextmanager
def _house(folder: Path) -> Iterator[House]:
    """A house over private servers."""
    for part in ("sink", "emulator"):
        (folder / part).mkdir()
    link = lead(folder / "sink" / LINK, folder / "nobody")
    with ExitStack() as stack:
        postgres = stack.enter_context(PrivatePostgres(durable=False))
        redis = stack.enter_context(PrivateRedis())
        emulator = stack.enter_context(listening("worker.sandbox.emulator", folder=folder / "emulator"))
        sink = listening("worker.sandbox.mailsink", "--folder", link, folder=folder / "sink")
        mails = fresh(stack.enter_context(sink), folder / "mails")
        postgres.create_database("model")
        migrations.upgrade(postgres.url("model"))
        engine = create_engine(postgres.url("model"))
        stack.callback(engine.dispose)
        house = build_house(engine=engine, redis_url=redis.url(0), emulator_url=emulator.url, sink=mails, start=NOON)
        stack.callback(house.keeper.stop)
        yield stack.enter_context(quick(house, engine))
        house.runtime.payments.close()


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.model", description="Hold the product against a model of its rules.")
    parser.add_argument("--examples", type=int, default=150, help="so many stories")
    parser.add_argument("--steps", type=int, default=25, help="at most so many things happen in each")
    parser.add_argument("--seed", type=int, default=1, help="what is drawn")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
