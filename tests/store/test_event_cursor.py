"""How far the provider's events were read: remembered, moved on, never back."""

from datetime import timedelta

from sqlalchemy import Engine

from tests.support.builders import NOON, rows
from worker.store.provider import event_cursor, move_event_cursor


def test_the_cursor_moves_on_and_never_back(engine: Engine) -> None:
    with engine.begin() as connection:
        assert event_cursor(connection) is None
        for event_id, minutes, expected in (
            ("evt_1", 0, "evt_1"),
            ("evt_2", 5, "evt_2"),
            ("evt_older", 4, "evt_2"),
            ("evt_same_second", 5, "evt_same_second"),
            ("evt_3", 6, "evt_3"),
        ):
            move_event_cursor(connection, event_id=event_id, event_at=NOON + timedelta(minutes=minutes))
            assert event_cursor(connection) == expected
    assert len(rows(engine, "SELECT 1 FROM provider_cursors")) == 1
