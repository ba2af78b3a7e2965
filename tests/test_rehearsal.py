"""A rehearsal is a transaction in everything but its end."""

import pytest
from sqlalchemy import Engine, text

from tests.support.builders import size
from worker import boundary
from worker.boundary import CallInsideTransactionError

_INSERT = text("INSERT INTO accounts (external_id, locale, currency) VALUES ('shop-1', 'en', 'EUR')")


def test_what_a_rehearsal_writes_is_seen_inside_and_gone_after(engine: Engine) -> None:
    with boundary.rehearsal(engine, "test.rehearse") as connection:
        connection.execute(_INSERT)
        assert connection.scalar(text("SELECT count(*) FROM accounts")) == 1
    assert size(engine, "accounts") == 0


def test_a_rehearsal_that_fails_leaves_nothing_and_closes_its_door(engine: Engine) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        boundary.rehearsal(engine, "test.rehearse") as connection,
    ):
        connection.execute(_INSERT)
        _ = 1 // 0
    assert size(engine, "accounts") == 0
    with boundary.transaction(engine, "test.after") as connection:
        connection.execute(_INSERT)
    assert size(engine, "accounts") == 1


def test_no_call_and_no_transaction_inside_a_rehearsal(engine: Engine) -> None:
    with boundary.rehearsal(engine, "test.rehearse"):
        with pytest.raises(CallInsideTransactionError, match="test.rehearse"), boundary.call("stripe.read"):
            pass
        with (
            pytest.raises(CallInsideTransactionError, match="test.rehearse"),
            boundary.transaction(engine, "test.inner"),
        ):
            pass
    with boundary.transaction(engine, "test.outer"):
        with pytest.raises(CallInsideTransactionError, match="test.outer"), boundary.rehearsal(engine, "test.in"):
            pass


def test_a_rehearsal_is_timed_and_meets_no_failpoint(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[tuple[str, str]] = []
    met: list[str] = []
    monkeypatch.setattr(boundary.doors, "timing", lambda kind, name, _seconds: timed.append((kind, name)))
    monkeypatch.setattr(boundary.doors, "failpoint", met.append)
    with boundary.rehearsal(engine, "test.rehearse"):
        pass
    assert (timed, met) == ([("rehearsal", "test.rehearse")], [])
