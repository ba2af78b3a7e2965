"""How far the provider's events have been read."""

from datetime import datetime

from sqlalchemy import Connection, text

_STREAM = "payment_intents"
_CURSOR = text("SELECT event_id FROM provider_cursors WHERE stream = :stream")
_MOVE = text("""
    INSERT INTO provider_cursors (stream, event_id, event_at) VALUES (:stream, :event, :at)
    ON CONFLICT (stream) DO UPDATE SET event_id = excluded.event_id, event_at = excluded.event_at, read_at = now()
    WHERE provider_cursors.event_at IS NULL OR provider_cursors.event_at <= excluded.event_at
""")


def event_cursor(connection: Connection) -> str | None:
    """The event to read on from, None before the first."""
    found: str | None = connection.execute(_CURSOR, {"stream": _STREAM}).scalar_one_or_none()
    return found


def move_event_cursor(connection: Connection, *, event_id: str, event_at: datetime) -> None:
    """Move the cursor on; never back."""
    connection.execute(_MOVE, {"stream": _STREAM, "event": event_id, "at": event_at})
