"""A release is rolled out: the code before this one works on this schema, and both work side by side.

The code before is taken out of the repository's history, so this is no part of the suite: `make rolling`.
"""

import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from tests.support.builders import Subscriber, catalogue, subscriber
from tests.support.house import PRAGUE, House, build_house
from tests.support.invariants import hold
from tests.support.mail_sink import MailSink
from tests.support.processes import CHECKOUT, Listening
from tests.support.servers import own_database
from tests.support.waiting import wait_until
from tests.support.workers import SCHEDULER, environment, older_worker_command, started, worker_command
from worker.clock import SystemClock
from worker.store import migrations

RELEASE = "41edc4c397d5eb040d0d8b7fe194e1b87b22d5ca"
"""The code before: the last commit whose schema was that of the release. To be moved on with each release."""
pytestmark = [pytest.mark.rolling, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the code before."""
    folder = tmp_path_factory.mktemp("before")
    packed = subprocess.run(["git", "archive", RELEASE], cwd=CHECKOUT, capture_output=True, check=False)  # noqa: S607 - the one in PATH
    if packed.returncode != 0:
        pytest.fail(
            f"{RELEASE} is not in this clone: git fetch --unshallow (git says: {packed.stderr.decode().strip()})"
        )
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def house(
    postgres_server: str, redis_url: str, emulator: Listening, mail_sink: MailSink, before: Path
) -> Iterator[House]:
    """A house over a database that the code before has migrated, at the machine's own time."""
    with own_database(postgres_server, "odnowa_rolling") as url:
        engine = create_engine(url)
        settings = environment(engine, redis_url)
        told = odnowa(before, settings, "db", "upgrade")
        assert told.returncode == 0, told.stderr
        now = SystemClock(PRAGUE).now()  # real processes take part
        made = build_house(engine=engine, redis_url=redis_url, emulator_url=emulator.url, sink=mail_sink, start=now)
        yield made
        made.keeper.stop()
        made.runtime.payments.close()
        made.runtime.engine.dispose()
        engine.dispose()


def odnowa(code: Path, settings: dict[str, str], *line: str) -> "subprocess.CompletedProcess[str]":
    """The command line of a folder's code."""
    return subprocess.run(
        [sys.executable, "-m", "worker.ops.app", *line],
        cwd=code,
        env={**settings, "PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def renewed(code: Path, settings: dict[str, str], of: Subscriber) -> None:
    """An operator with that code renews one subscription and waits for whoever works."""
    told = odnowa(code, settings, "run", "renew", "--only", str(of.subscription_id), "--wait", "--timeout", "60")
    assert told.returncode == 0, told.stdout + told.stderr


def head_of(code: Path) -> str:
    """The newest revision that a folder's code knows."""
    return max(path.name for path in (code / "worker/store/migrations/versions").glob("0*.sql"))[:4]


def test_both_releases_renew_on_the_schema_of_the_newer(
    house: House, before: Path, redis_url: str, tmp_path: Path
) -> None:
    engine: Engine = house.engine
    catalogue(engine)
    today = house.clock.today()
    shops = [subscriber(engine, ends_on=today) for _ in range(6)]
    house.seed(*shops)
    settings = environment(
        engine, redis_url, STRIPE_API_BASE=house.emulator.url, SMTP_PORT=str(house.sink.port), PYTHONPATH=""
    )
    old, new = {**settings, "PYTHONPATH": str(before)}, {**settings, "PYTHONPATH": str(CHECKOUT)}
    assert head_of(before) < head_of(CHECKOUT), "nothing is rolled out: move RELEASE"
    refused = odnowa(CHECKOUT, new, "runs")
    assert "run `odnowa db upgrade`" in refused.stderr, "new code waits for its schema"

    with (
        started(older_worker_command(), settings=old, log=tmp_path / "old", folder=before) as worker,
        started(SCHEDULER, settings=old, log=tmp_path / "old-scheduler", folder=before) as scheduler,
    ):
        wait_until(lambda: "ready for action" in worker.said)
        renewed(before, old, shops[0])
        upgraded = odnowa(CHECKOUT, new, "db", "upgrade")
        assert upgraded.returncode == 0, upgraded.stderr
        assert migrations.current_revision(engine) == head_of(CHECKOUT)
        renewed(before, old, shops[1])
        renewed(CHECKOUT, new, shops[2])
        with started(older_worker_command(), settings=old, log=tmp_path / "old-again", folder=before) as again:
            wait_until(lambda: "ready for action" in again.said)
            assert again.ask_to_end() == 0, "the code before also starts on the schema of the newer"
        with started(worker_command(), settings=new, log=tmp_path / "new") as newer:
            wait_until(lambda: "ready for action" in newer.said)
            renewed(CHECKOUT, new, shops[3])
            assert (worker.ask_to_end(), scheduler.ask_to_end()) == (0, 0)
            renewed(before, old, shops[4])
            with started(SCHEDULER, settings=new, log=tmp_path / "new-scheduler"):
                renewed(CHECKOUT, new, shops[5])
                wait_until(lambda: house.fetch("SELECT 1 FROM work_items WHERE state IN ('ready', 'leased')") == [])

    assert [entry["amount"] for entry in house.emulator.journal()] == [5700] * len(shops)
    assert house.fetch("SELECT count(*) AS n FROM invoices") == [{"n": len(shops)}]
    assert house.books().equal
    hold(house)
    for code, with_settings in ((before, old), (CHECKOUT, new)):
        audited = odnowa(code, with_settings, "audit")
        assert audited.returncode == 0, audited.stdout
