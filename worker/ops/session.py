"""What a command works with: settings, clock and database, or all parts; closed again when the command ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine

from settings import Settings, load_settings
from worker import boundary
from worker.clock import Clock
from worker.errors import RefusedError
from worker.runtime import Runtime, make_clock, make_database, make_runtime
from worker.store import story
from worker.store.migrations import check_migrated

NAME = "odnowa-ops"


@dataclass(frozen=True, slots=True)
class Store:
    """Enough for commands that only look at the database or fill it."""

    settings: Settings
    clock: Clock
    engine: Engine


@contextmanager
def open_store() -> Iterator[Store]:
    """The database, reachable and migrated.

    Raises:
        SettingsError, UnreachableError, UnmigratedError: with a sentence for the operator.
    """
    settings = load_settings()
    clock = make_clock(settings)
    engine = make_database(settings, name=NAME)
    try:
        check_migrated(engine)
        yield Store(settings, clock, engine)
    finally:
        engine.dispose()


@contextmanager
def open_runtime() -> Iterator[Runtime]:
    """All parts, with the database reachable and migrated. Raises as `open_store` does."""
    runtime = make_runtime(load_settings())
    try:
        check_migrated(runtime.engine)
        yield runtime
    finally:
        runtime.engine.dispose()
        runtime.bell.broker.client.close()


@dataclass(frozen=True, slots=True)
class Found:
    """A subscription and its account."""

    subscription_id: int
    account_id: int
    external_id: str


def find_subscription(engine: Engine, name: str) -> Found:
    """The subscription of that number, or of the account of that external id: its live one, else its newest.

    Where both exist, `id:7` and `account:7` tell them apart.

    Raises:
        RefusedError: there is none, or the name means two.
    """
    kind, _, rest = name.partition(":")
    by_id = kind == "id" and rest.isdecimal()
    by_account = kind == "account" and rest != ""
    number = rest if by_id else name
    with boundary.transaction(engine, "ops.find") as connection:
        one = None
        if not by_account and number.isascii() and number.isdecimal() and len(number) < 19:  # noqa: PLR2004 - a bigint has 19 digits
            one = story.subscription_by_id(connection, int(number))
        other = None if by_id else story.subscription_of(connection, rest if by_account else name)
    if one is not None and other is not None and one.id != other.id:
        raise RefusedError(
            f"{name} is a subscription's number and another account's external id: write id:{name} or account:{name}"
        )
    row = one or other
    if row is None:
        raise RefusedError(f"no subscription and no account is called {name}")
    if row.id is None:
        raise RefusedError(f"the account {name} never had a subscription")
    return Found(row.id, row.account_id, row.external_id)
