"""`make demo-console`: the ops console over what `make demo` left, with all that works behind it.

The clocks go on from where they stood. Enter lets the next night begin, before the eyes of whoever looks on; Ctrl-C
ends every process, and the next time it goes on from there.
"""

import argparse
import secrets
import select
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.request import urlopen

from settings import load_settings
from worker import boundary, jobs
from worker.clock import monotonic_s, sleep_s
from worker.errors import OdnowaError, UnreachableError
from worker.operating.people import Role, add, set_password
from worker.queue import runs
from worker.sandbox import sample
from worker.sandbox.demo import BY, DATABASE, FOLDER, NOT_CONFIRMED_EVERY, OVERRIDES
from worker.sandbox.stage import Stage
from worker.store.console import people

PEOPLE = {"operator": Role.OPERATOR, "support": Role.SUPPORT, "reader": Role.READ_ONLY}
MORNING = time(6, 0)
UP_LIMIT_S = 30.0
WATCH_S = 0.5


def main(arguments: list[str]) -> int:
    """Serve the console until Ctrl-C, SIGTERM, or until a process ends by itself. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Serve the ops console over the data that the demo left.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the demo left it")
    parser.add_argument("--port", type=int, help="of the console; 0 picks a free one (default WEB_PORT)")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        return serve(options.folder, port=load_settings().web_port if options.port is None else options.port)
    except OdnowaError as error:
        print(f"demo-console: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nended; every process of the demo is gone, and its data stays")
        return 0


def _interrupt(signum: int, frame: FrameType | None) -> None:
    del signum, frame
    raise KeyboardInterrupt


def open_stage(folder: Path) -> Stage:
    """The demo's stage, to go on with. The console's cookies are signed with a key of this run alone."""
    overrides = {**OVERRIDES, "WEB_SESSION_KEY": secrets.token_urlsafe(32)}
    return Stage(folder, database=DATABASE, shifted=True, overrides=overrides, again=True, database_follows=True)


def serve(folder: Path, *, port: int) -> int:
    """Bring everything up, say how to come in, and watch. Returns the exit code when a process ends by itself."""
    with open_stage(folder) as stage:
        try:
            address = bring_up(stage, port=port)
            password = let_in(stage)
            print(f"\nThe console over the demo's data:  {address}")
            print(f"Log in as {', '.join(PEOPLE)}; the password of all three, made for this run: {password}\n")
            print("Enter lets the next night begin: watch it on the first page. Ctrl-C ends everything.", flush=True)
            return _watch(stage)
        finally:
            stage.leave()


def bring_up(stage: Stage, *, port: int) -> str:
    """Start workers, scheduler and web over a stage that was left, its clocks where they stood.

    Returns the console's address. Raises UnreachableError when it does not come up.
    """
    stage.go_to(stage.left_at())
    numbers = sample.vat_numbers(stage.folder / "customers.csv")
    stage.tell_register(dict.fromkeys(numbers[::NOT_CONFIRMED_EVERY], "INVALID"))
    stage.start_workers(processes=1, threads=4)
    stage.start_scheduler()
    chosen = port or _free_port()
    web = stage.start_web(port=chosen)
    address = f"http://127.0.0.1:{chosen}/"
    _wait_for(web, f"{address}livez", log=stage.folder / "web.log")
    return address


def let_in(stage: Stage) -> str:
    """Three people, one of each role, with a new password. Returns it; nothing keeps it."""
    password, engine = secrets.token_urlsafe(12), stage.runtime.engine
    with boundary.transaction(engine, "demo.people") as connection:
        known = {row.name for row in people.list_users(connection, now=stage.runtime.clock.now())}
    for name, role in PEOPLE.items():
        if name in known:
            set_password(engine, name=name, password=password, by=BY)
        else:
            add(engine, name=name, role=role, password=password, by=BY)
    return password


def next_night(stage: Stage) -> datetime:
    """Move the clocks to the next day's morning and plan what the timetable owes by then. Returns the instant."""
    clock = stage.runtime.clock
    day = clock.now().astimezone(clock.zone).date() + timedelta(days=1)
    morning = datetime.combine(day, MORNING, clock.zone)
    stage.go_to(morning.astimezone(UTC))
    specs = [job.spec(stage.runtime) for job in jobs.load().values()]
    runs.ensure_runs(stage.runtime.engine, specs, clock, item_size_max=stage.runtime.limits.item_size_max)
    return morning


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait_for(web: "subprocess.Popen[bytes]", url: str, *, log: Path) -> None:
    deadline = monotonic_s() + UP_LIMIT_S
    while monotonic_s() < deadline and web.poll() is None:
        try:
            with urlopen(url, timeout=5):  # noqa: S310 - always http on loopback
                return
        except (URLError, ConnectionError):
            sleep_s(0.05)
    raise UnreachableError(f"the console did not come up: {log.read_text(encoding='utf-8')[-500:]}")


def _watch(stage: Stage) -> int:
    listening = [sys.stdin]
    while True:
        for process in stage.processes:
            if process.poll() is not None:
                print(f"{process.args!r} ended with code {process.returncode}; see {stage.folder}")
                return 1
        if not listening:
            sleep_s(WATCH_S)
        elif select.select(listening, [], [], WATCH_S)[0]:
            if sys.stdin.readline():
                print(f"the clocks stand at {next_night(stage):%A %d %B %Y, %H:%M}; the night begins", flush=True)
            else:  # nobody can press Enter
                listening = []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
