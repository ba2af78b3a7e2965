"""A rehearsal that fails leaves nothing behind, and its door is open again."""

import pytest
from sqlalchemy import Engine, text

from tests.support.builders import size
from worker import boundary

_INSERT = text("INSERT INTO accounts (external_id, locale, currency) VALUES ('shop-1', 'en', 'EUR')")


def _fail_inside(engine: Engine) -> None:
    with boundary.rehearsal(engine, "test.rehearse") as connection:
        connection.execute(_INSERT)
        _ = 1 // 0


def test_a_rehearsal_that_fails_leaves_nothing_and_closes_its_door(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        _fail_inside(engine)
    assert size(engine, "accounts") == 0
    with boundary.transaction(engine, "test.after") as connection:
        connection.execute(_INSERT)
    assert size(engine, "accounts") == 1
