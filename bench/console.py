"""Measures every page of the console over a store with a year of history: median and slowest of 15 requests each.

    python -m bench.console [SUBSCRIPTIONS] [--folder FOLDER]

Default a million. The store is a private PostgreSQL under FOLDER, which is filled when it is empty and stays, so that
a second run measures at once. Requests go through the whole application in this process, with a session and a role,
as a browser's do.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, text
from starlette.testclient import TestClient

from bench import history
from settings import Settings
from worker import boundary
from worker.clock import FixedClock, SystemClock, monotonic_s
from worker.runtime import make_runtime
from worker.sandbox.servers import PrivatePostgres
from worker.store import migrations
from worker.store.console import people
from worker.store.engine import make_engine
from worker.web.app import PAGES, build_app
from worker.web.console import make_console
from worker.web.signing import fingerprint

REQUESTS = 15
LIMIT_MS = 150
SERVER = {
    "shared_buffers": "2GB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
    "effective_cache_size": "8GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "autovacuum": "off",
}
ZONE = ZoneInfo("Europe/Prague")
_FILLED = text("SELECT count(*) FROM accounts")
_ONE = text("""
    SELECT a.id, a.external_id, b.company, b.email, i.number, c.provider_intent FROM charges c
    JOIN invoices i ON i.charge_id = c.id JOIN accounts a ON a.id = c.account_id
    JOIN billing_details b ON b.account_id = a.id
    WHERE c.id = (SELECT max(id) / 2 FROM charges)
""")


def main(arguments: list[str]) -> int:
    """Fill, measure, print a table. Returns 1 when a page's median is above the limit."""
    parser = argparse.ArgumentParser(description="Measure the console's pages over a year of history.")
    parser.add_argument("subscriptions", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the store stays; by default nowhere")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        with PrivatePostgres(folder, durable=False, settings=SERVER) as server:
            url = server.url("postgres")
            migrations.upgrade(url)
            engine = make_engine(url)
            today = _filled(engine, options.subscriptions)
            slow = _measure(url, engine, today)
            engine.dispose()
    return 1 if slow else 0


def _filled(engine: Engine, subscriptions: int) -> date:
    """The store's last day, after filling it when it is empty."""
    with engine.connect() as connection:
        known = connection.execute(_FILLED).scalar_one()
    if not known:
        for line in history.fill(engine, subscriptions=subscriptions, today=SystemClock(ZONE).today()):
            _say(line)
    for line in history.sum_months(engine):
        _say(line)
    with engine.connect() as connection:
        size = connection.execute(text("SELECT pg_size_pretty(pg_database_size(current_database()))")).scalar_one()
        for table in ("subscriptions", "charges", "invoices", "mails", "runs", "work_items"):
            _say(f"{connection.execute(text(f'SELECT count(*) FROM {table}')).scalar_one():>12,} {table}")  # noqa: S608 - our own names
        _say(f"{size} in all")
        found: date = connection.execute(text("SELECT max(business_date) FROM charges")).scalar_one()
    return found


@contextmanager
def _inside(url: str, today: date) -> Iterator[TestClient]:
    """A browser of an operator who has logged in, at noon of the store's last day."""
    settings = Settings(
        _env_file=None,
        database_url=url,
        redis_url="redis://127.0.0.1:9",
        stripe_api_key="sk_test_emulator",
        stripe_api_base="http://127.0.0.1:9",
        link_signing_key="only-for-measuring-" * 2,
        web_session_key="only-for-measuring-" * 2,
        web_page_timeout_s=120,
    )
    clock = FixedClock(ZONE, datetime.combine(today, time(12), ZONE))
    console = make_console(settings, replace(make_runtime(settings), clock=clock))
    cookie = console.signing.new_cookie()
    token = fingerprint(console.signing.token(cookie) or "")
    with boundary.transaction(console.runtime.engine, "bench.session") as connection:
        people.add_user(connection, name="bench", role="operator", password_hash=None)
        user = people.by_name(connection, "bench")
        assert user is not None
        people.begin_session(connection, user.id, token_sha256=token, now=clock.now(), hours=12)
    with TestClient(build_app(console), base_url="http://127.0.0.1:8090", client=("127.0.0.1", 50000)) as client:
        client.cookies.set("odnowa", cookie, domain="127.0.0.1")
        yield client
    console.reading.dispose()
    console.runtime.engine.dispose()


def _paths(engine: Engine) -> list[str]:
    """Every page that is shown without being asked for one row, one of each kind of row, and searches of all kinds."""
    shown = [one.path for group in PAGES for one in group if one.method == "GET" and "{" not in one.path]
    with engine.connect() as connection:
        item = connection.execute(text("SELECT max(id) FROM work_items WHERE state = 'dead'")).scalar_one()
        charge = connection.execute(text("SELECT max(id) FROM charges WHERE parked_at IS NOT NULL")).scalar_one()
        one = connection.execute(_ONE).one()
    return [
        *(path for path in shown if path != "/login"),
        *(f"/stuck/item/{item}", f"/stuck/charge/{charge}", f"/customer/{one.id}"),
        # a name that a sixth of all begin with, one of its own, addresses likewise, ids, numbers, and nobody's name
        *(f"/customer?q={said}" for said in ("K", "Kwiaty", one.company.replace(" ", "+"), "billing", one.email)),
        *(f"/customer?q={said}" for said in (one.external_id, one.number, one.provider_intent, "cus_7", "nobody")),
        *("/audit?person=ania", f"/audit?account={one.external_id}"),
    ]


def _measure(url: str, engine: Engine, today: date) -> list[str]:
    """Print the table; returns the pages that are too slow."""
    slow = []
    _say(f"\n{'page':<24}{'median ms':>10}{'slowest':>9}{'kB':>7}")
    with _inside(url, today) as client:
        for path in _paths(engine):
            took = []
            for _ in range(REQUESTS):
                began = monotonic_s()
                answer = client.get(path, follow_redirects=False)
                took.append((monotonic_s() - began) * 1000)
                assert answer.status_code == 200, (path, answer.status_code, answer.text[:200])  # noqa: PLR2004 - OK
            _say(f"{path:<24}{median(took):>10.0f}{max(took):>9.0f}{len(answer.content) / 1000:>7.0f}")
            if median(took) > LIMIT_MS:
                slow.append(path)
    _say(f"above {LIMIT_MS} ms: {', '.join(slow) or 'none'}")
    return slow


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
