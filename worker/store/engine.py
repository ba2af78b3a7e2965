"""The engine: one small pool per process, timeouts on every statement, JSON as it is."""

from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import InvalidatePoolError

from worker.clock import monotonic_s
from worker.errors import SettingsError

PREPARED_MAX = 500
"""Statements that a connection keeps prepared: more than the product has, so that none drives another out."""
RESTED_S = 1.0
"""Who rested longer is asked whether it still lives before it is used; asking each time is a round trip each time."""


def database_url(url: str) -> URL:
    """The address with psycopg 3 as its driver. Raises SettingsError when it is none of PostgreSQL's."""
    try:
        parsed = make_url(url)
    except Exception as error:
        raise SettingsError("DATABASE_URL is not an address like postgresql://user@host/name") from error
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise SettingsError("DATABASE_URL must name a PostgreSQL database: postgresql://user@host/name")
    return parsed.set(drivername="postgresql+psycopg")


def make_engine(url: str, *, pool_max: int = 10, statement_timeout_s: int = 60, name: str = "odnowa") -> Engine:
    """An engine whose statements and idle transactions end by themselves.

    Args:
        url: any PostgreSQL address.
        pool_max: connections that this process may hold at once.
        statement_timeout_s: no statement runs longer; an idle transaction is ended after the same time.
        name: what the server's own views show for these connections.
    """
    timeout_ms = statement_timeout_s * 1000
    options = (
        f"-c statement_timeout={timeout_ms} -c lock_timeout={timeout_ms // 2}"
        f" -c idle_in_transaction_session_timeout={timeout_ms} -c timezone=UTC"
    )
    engine = create_engine(
        database_url(url),
        pool_size=pool_max,
        max_overflow=0,
        pool_timeout=30,
        connect_args={"options": options, "connect_timeout": 5, "application_name": name},
    )
    _keep_prepared(engine)
    _ask_who_rested(engine)
    return engine


def _keep_prepared(engine: Engine) -> None:
    """Let each connection keep all statements that it was given often; the driver would keep a hundred."""

    @event.listens_for(engine, "connect")
    def keep(connection: Any, _record: object) -> None:
        connection.prepared_max = PREPARED_MAX


def _ask_who_rested(engine: Engine) -> None:
    """Replace a connection that died while it rested, and all that rest beside it.

    What dies between two uses shortly after one another fails like what dies within one, and is tried again like it.
    """
    rested_since = "rested_since"

    @event.listens_for(engine, "checkin")
    def remember(_connection: object, record: Any) -> None:
        record.info[rested_since] = monotonic_s()

    @event.listens_for(engine, "checkout")
    def ask(connection: Any, record: Any, _user: object) -> None:
        since = record.info.get(rested_since)
        if since is None or monotonic_s() - since < RESTED_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error
