"""The inbox of the provider's webhooks: each event once, whatever is delivered twice."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

KEPT_DAYS = 30
"""How long an event is remembered: the provider delivers again for three days, and forgets after thirty itself."""

_STORE = text("""
    INSERT INTO provider_inbox (event_id, type, object_id, intent_id, api_version, created_at, state)
    VALUES (:event, :type, :object, :intent, :version, :created_at,
            CASE WHEN :wanted THEN 'waiting' ELSE 'ignored' END)
    ON CONFLICT (event_id) DO NOTHING
    RETURNING id
""")


def store(  # noqa: PLR0913 - one argument per column
    connection: Connection,
    *,
    event_id: str,
    type: str,  # noqa: A002 - the column's name
    object_id: str,
    intent_id: str,
    api_version: str | None,
    created_at: datetime,
    wanted: bool,
) -> int | None:
    """Keep an event; one that nobody asks for is `ignored`. Returns None when it was here before."""
    values = {
        "event": event_id,
        "type": type,
        "object": object_id,
        "intent": intent_id,
        "version": api_version,
        "created_at": created_at,
        "wanted": wanted,
    }
    found: int | None = connection.execute(_STORE, values).scalar_one_or_none()
    return found


_WAITING = text("""
    SELECT id, event_id, type, object_id, intent_id, created_at FROM provider_inbox
    WHERE state = 'waiting' ORDER BY id LIMIT :most
""")
_ANY_WAITING = text("SELECT EXISTS (SELECT 1 FROM provider_inbox WHERE state = 'waiting')")


def waiting(connection: Connection, *, most: int) -> Sequence[Row[Any]]:
    """Events that nobody has looked into yet, in the order in which they came."""
    return connection.execute(_WAITING, {"most": most}).all()


def any_waiting(connection: Connection) -> bool:
    """Whether there are some."""
    return bool(connection.execute(_ANY_WAITING).scalar_one())


_HANDLED = text("""
    UPDATE provider_inbox SET state = 'handled', handled_at = now() WHERE id = ANY(:ids) AND state = 'waiting'
""")
_FORGET = text(f"""
    DELETE FROM provider_inbox WHERE state <> 'waiting' AND received_at < now() - interval '{KEPT_DAYS} days'
""")  # noqa: S608 - the number is a constant


def handled(connection: Connection, ids: Sequence[int]) -> None:
    """These were looked into; what is older than `KEPT_DAYS` goes."""
    connection.execute(_HANDLED, {"ids": list(ids)})
    connection.execute(_FORGET)


# The planner of a minute and a webhook may both insert one: two items find the second of them nothing to do.
_RUNG = text("""
    SELECT EXISTS (SELECT 1 FROM work_items WHERE state = 'ready' AND job = :job AND key = :key AND not_before <= now())
""")


def is_rung_for(connection: Connection, *, job: str, key: str) -> bool:
    """Whether an item that nobody has begun will look into the inbox anyway."""
    return bool(connection.execute(_RUNG, {"job": job, "key": key}).scalar_one())
