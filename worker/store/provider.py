"""How far the provider's events have been read."""

from datetime import datetime

from sqlalchemy import Connection, text

_STREAM = "payment_intents"
_CURSOR = text("SELECT event_id FROM provider_cursors WHERE stream = :stream")
_MOVE = text("""
    INSERT INTO provider_cursors (stream, event_id, event_at) VALUES (:stream, :event, :at)
    ON CONFLICT (stream) DO UPDATE SET event_id = excluded.event_id, event_at = excluded.event_at
    WHERE provider_cursors.event_at IS NULL OR provider_cursors.event_at <= excluded.event_at
""")


def event_cursor(connection: Connection) -> str | None:
    """The event to read on from, None before the first."""
    found: str | None = connection.execute(_CURSOR, {"stream": _STREAM}).scalar_one_or_none()
    return found


def move_event_cursor(connection: Connection, *, event_id: str, event_at: datetime) -> None:
    """Move the cursor on; never back."""
    connection.execute(_MOVE, {"stream": _STREAM, "event": event_id, "at": event_at})


_LOOKED = text("""
    INSERT INTO provider_cursors (stream, read_at) VALUES (:stream, :now)
    ON CONFLICT (stream) DO UPDATE SET read_at = greatest(provider_cursors.read_at, excluded.read_at)
""")
_LOOK_IS_DUE = text("""
    SELECT EXISTS (SELECT 1 FROM charges WHERE provider_intent IS NOT NULL AND paid_at <= :before)
       AND NOT EXISTS (SELECT 1 FROM provider_cursors WHERE stream = :stream AND read_at > :before)
""")


def note_look(connection: Connection, *, now: datetime) -> None:
    """The events are read now, whatever is found."""
    connection.execute(_LOOKED, {"stream": _STREAM, "now": now})


def look_is_due(connection: Connection, *, before: datetime) -> bool:
    """Whether somebody was charged by that instant and nobody has looked since: a chargeback comes unasked."""
    return bool(connection.execute(_LOOK_IS_DUE, {"stream": _STREAM, "before": before}).scalar_one())
