"""Every step of a charge, payout or subscription, written down by the database and held against the tables."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from tests.support.builders import rows
from worker.billing.states import (
    ChargeState,
    PayoutState,
    SubscriptionStatus,
    check_payout_transition,
    check_subscription_transition,
    check_transition,
)

_WATCH = """
CREATE SCHEMA watched;
CREATE TABLE watched.steps (id bigserial, noun text, before text, after text);
CREATE FUNCTION watched.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO watched.steps (noun, before, after)
    VALUES (TG_TABLE_NAME, to_jsonb(OLD) ->> TG_ARGV[0], to_jsonb(NEW) ->> TG_ARGV[0]);
    RETURN NULL;
END $$;
CREATE TRIGGER watched_charges AFTER UPDATE OF state ON charges
    FOR EACH ROW EXECUTE FUNCTION watched.note('state');
CREATE TRIGGER watched_payouts AFTER UPDATE OF state ON payouts
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION watched.note('state');
CREATE TRIGGER watched_subscriptions AFTER UPDATE OF status ON subscriptions
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION watched.note('status')
"""


def _execute(engine: Engine, script: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        connection.exec_driver_sql(script, execution_options={"no_parameters": True})


def watch_steps(engine: Engine) -> None:
    """Have every step written down from now on; what was written down before is forgotten.

    The triggers stay in a database that is emptied and used again: what makes them anew for each test has every
    connection read its catalogue and plan its statements anew.
    """
    if rows(engine, "SELECT 1 FROM pg_namespace WHERE nspname = 'watched'"):
        _execute(engine, "DELETE FROM watched.steps")
    else:
        _execute(engine, _WATCH)


def check_steps(engine: Engine) -> int:
    """Hold each recorded step against its table; returns how many there were. Raises RuleError for a step it lacks."""
    found = rows(engine, "SELECT noun, before, after FROM watched.steps ORDER BY id")
    for step in found:
        if step["noun"] == "charges":
            check_transition(before=ChargeState(step["before"]), after=ChargeState(step["after"]))
        elif step["noun"] == "payouts":
            check_payout_transition(before=PayoutState(step["before"]), after=PayoutState(step["after"]))
        else:
            check_subscription_transition(
                before=SubscriptionStatus(step["before"]), after=SubscriptionStatus(step["after"])
            )
    return len(found)


@pytest.fixture(autouse=True)
def steps_stand_in_the_tables(request: pytest.FixtureRequest) -> Iterator[None]:
    """Around every test with a house: whatever moved, moved along a way that the tables have."""
    if "house" not in request.fixturenames:
        yield
        return
    engine: Engine = request.getfixturevalue("house").engine
    watch_steps(engine)
    yield
    check_steps(engine)
