"""Fixtures that hand tests the real thing: PostgreSQL, Redis, the emulator, a mail sink.

One pair of servers per pytest run: the process that the person started owns it, and its parallel processes
(pytest-xdist) get the addresses; each has a database and a Redis number to itself.
"""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import Engine, QueuePool, create_engine

from tests.support.bank import Bank
from tests.support.builders import NOON
from tests.support.house import House, build_house, register_seller
from tests.support.mail_sink import LINK, MailSink, fresh, lead
from tests.support.processes import Listening, listening
from tests.support.register import Register
from tests.support.servers import Servers, emptying, own_database, own_redis
from worker.sandbox.emulated import Emulated
from worker.store.engine import make_engine

_SERVERS = pytest.StashKey[Servers]()
_HIGHEST_REDIS_NUMBER = 15


def pytest_configure(config: pytest.Config) -> None:
    # A shell that starts us in the background has us ignore Ctrl-C, and every program that we start would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    given = getattr(config, "workerinput", None)
    if given is None:
        # Which servers to test on is asked of the person who starts the tests, not of the product's settings.
        given = {"postgres": os.environ.get("DATABASE_URL"), "redis": os.environ.get("REDIS_URL")}  # noqa: TID251 - see above
    config.stash[_SERVERS] = Servers(given["postgres"], given["redis"])


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_SERVERS].close()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    servers = node.config.stash[_SERVERS]
    node.workerinput["postgres"] = servers.postgres_url()
    node.workerinput["redis"] = servers.redis_url()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests with the longest time limits first, so that none of them is left alone at the end; else as shuffled."""
    items.sort(key=_time_limit_s, reverse=True)


def pytest_collection() -> None:
    """Hardly anything of what collecting makes is garbage."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What is there now stays to the end; the collector need not look through thousands of tests again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()


def _time_limit_s(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return 0.0 if mark is None else float(mark.args[0])


@pytest.fixture(scope="session")
def _process(request: pytest.FixtureRequest) -> int:
    """Number of this parallel test process, from 0."""
    name = getattr(request.config, "workerinput", {"workerid": "gw0"})["workerid"]
    return int(name.removeprefix("gw"))


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> str:
    """A server on which databases can be made; its own database stays untouched."""
    return request.config.stash[_SERVERS].postgres_url()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A migrated database of this test process."""
    from worker.store import migrations

    with own_database(postgres_server, f"odnowa_test_{os.getpid()}") as url:
        migrations.upgrade(url)
        yield url


@pytest.fixture(scope="session")
def _engine(postgres_url: str) -> Iterator[Engine]:
    engine = create_engine(postgres_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def _empty(postgres_url: str) -> Iterator[Callable[[], None]]:
    with emptying(postgres_url) as empty:
        yield empty


@pytest.fixture
def engine(_engine: Engine, _empty: Callable[[], None]) -> Engine:
    """The migrated database, emptied before each test."""
    _empty()
    return _engine


@pytest.fixture(scope="session")
def _redis_url(request: pytest.FixtureRequest, _process: int) -> str:
    return own_redis(request.config.stash[_SERVERS].redis_url(), _HIGHEST_REDIS_NUMBER - _process)


@pytest.fixture(scope="session")
def _redis_client(_redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(_redis_url) as client:
        yield client


@pytest.fixture
def redis_url(_redis_url: str, _redis_client: redis.Redis) -> str:
    """A Redis database of this test process, emptied before each test."""
    _redis_client.flushdb()
    return _redis_url


@pytest.fixture(scope="session")
def _emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    with listening("worker.sandbox.emulator", folder=tmp_path_factory.mktemp("emulator")) as process:
        yield process


@pytest.fixture
def emulator(_emulator: Listening) -> Listening:
    """A Stripe emulator that knows nothing yet: one process for all tests, reset before each."""
    Emulated(_emulator.url).reset()
    return _emulator


@pytest.fixture(scope="session")
def _bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with listening("worker.sandbox.cnb_stand_in", folder=tmp_path_factory.mktemp("bank")) as process:
        yield Bank(process.url)


@pytest.fixture
def bank(_bank: Bank) -> Bank:
    """A stand-in for the bank that publishes rates: one process for all tests, at its ease before each."""
    _bank.forget()
    return _bank


@pytest.fixture(scope="session")
def _mail_sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    folder = tmp_path_factory.mktemp("sink")
    link = lead(folder / LINK, folder / "nobody")
    with listening("worker.sandbox.mailsink", "--folder", link, folder=folder) as process:
        yield process


@pytest.fixture
def mail_sink(_mail_sink: Listening, tmp_path: Path) -> MailSink:
    """A mail server: one process for all tests, with a folder for each."""
    return fresh(_mail_sink, tmp_path / "mails")


@pytest.fixture(scope="session")
def _register(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Register]:
    with listening("worker.sandbox.vies_stand_in", folder=tmp_path_factory.mktemp("register")) as process:
        yield Register(process.url)


@pytest.fixture
def register(_register: Register) -> Register:
    """A stand-in for VIES that has heard nothing yet: one process for all tests."""
    _register.forget()
    return _register


@pytest.fixture
def registered(house: House, register: Register) -> House:
    """The house of a seller who is registered for VAT in Czechia and asks the stand-in for VIES."""
    return register_seller(house, vies_url=register.url)


@pytest.fixture(scope="session")
def _connected(postgres_url: str) -> Iterator[Engine]:
    """The connections of all houses, one after the other: a new one must read the catalogue and plan all anew."""
    engine = make_engine(postgres_url)
    yield engine
    engine.dispose()


@pytest.fixture
def house(
    engine: Engine, _connected: Engine, redis_url: str, emulator: Listening, mail_sink: MailSink
) -> Iterator[House]:
    """The whole house in this process, its clocks at noon of the builders' day."""
    built = build_house(
        engine=engine,
        redis_url=redis_url,
        emulator_url=emulator.url,
        sink=mail_sink,
        start=NOON,
        connected=_connected,
    )
    yield built
    built.keeper.stop()
    built.runtime.payments.close()
    built.runtime.bell.broker.client.close()
    assert isinstance(_connected.pool, QueuePool)
    if _connected.pool.checkedout():  # somebody went without giving a connection back: the next house takes others
        _connected.dispose()
