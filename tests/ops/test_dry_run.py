"""A dry run selects and prices as the job would, and leaves nothing behind."""

import json
from datetime import timedelta

from sqlalchemy import Engine

from tests.ops.conftest import Odnowa
from tests.support.builders import catalogue, counts, rows, subscriber
from tests.support.work import charge, run
from worker.operating.running import dry_run
from worker.runtime import Runtime

NOTHING_WRITTEN = "SELECT state, count(*) AS n FROM charges GROUP BY state ORDER BY state"


def test_sums_by_currency_with_credit_and_sums_below_the_minimum(runtime: Runtime, engine: Engine) -> None:
    today = runtime.clock.today()
    subscriber(engine, ends_on=today)
    subscriber(engine, ends_on=today, credit_minor=700)
    subscriber(engine, ends_on=today, currency="PLN", agents=1, agent_price_minor=150)
    subscriber(engine, ends_on=today + timedelta(days=1))
    subscriber(engine, ends_on=today, auto_renew=False)
    before = counts(engine)
    found = dry_run(runtime, "renew", business_date=today)
    assert found.sums == {
        "EUR": {"charges": 2, "to_charge_minor": 5700 + 5000, "credit_minor": 700, "carried_minor": 0},
        "PLN": {"charges": 1, "to_charge_minor": 0, "credit_minor": 0, "carried_minor": 150},
    }
    assert found.figures["due"] == 3
    assert (found.hold, found.refusal, found.parked) == (None, None, {})
    assert counts(engine) == before


def test_a_day_to_come_is_priced_as_of_that_day(runtime: Runtime, engine: Engine) -> None:
    ahead = runtime.clock.today() + timedelta(days=40)
    subscriber(engine, ends_on=ahead)
    before = counts(engine)
    found = dry_run(runtime, "renew", business_date=ahead)
    assert found.sums["EUR"]["to_charge_minor"] == 5700
    assert found.refusal == "that day has not come"
    assert dry_run(runtime, "renew", business_date=ahead - timedelta(days=1)).sums == {}
    assert counts(engine) == before


def test_tries_are_told_apart_and_what_would_be_parked_is_named(runtime: Runtime, engine: Engine) -> None:
    today = runtime.clock.today()
    declined = subscriber(engine, ends_on=today - timedelta(days=1), status="past_due")
    charge(engine, declined, state="declined", next_try_on=today, last_method_id=declined.method_id)
    subscriber(engine, ends_on=today - timedelta(days=60))
    before, states = counts(engine), rows(engine, NOTHING_WRITTEN)
    found = dry_run(runtime, "renew", business_date=today)
    assert found.tries == {"EUR": {"charges": 1, "to_charge_minor": 5700}}
    assert (found.sums, found.parked) == ({}, {"term_already_over": 1})
    assert (counts(engine), rows(engine, NOTHING_WRITTEN)) == (before, states)


def test_a_day_that_would_be_held_says_so(runtime: Runtime, engine: Engine) -> None:
    today = runtime.clock.today()
    for days in range(1, 8):
        day = today - timedelta(days=days)
        run(engine, business_date=day, planned={"sums": {"EUR": {"charges": 1, "sum_minor": 100}}})
    subscriber(engine, ends_on=today)
    found = dry_run(runtime, "renew", business_date=today)
    assert found.hold is not None
    assert "(R8d)" in found.hold


def test_one_subscription_only(runtime: Runtime, engine: Engine) -> None:
    today = runtime.clock.today()
    one = subscriber(engine, ends_on=today)
    subscriber(engine, ends_on=today)
    found = dry_run(runtime, "renew", business_date=today, only=one.subscription_id)
    assert found.sums["EUR"]["charges"] == 1


def test_other_jobs_are_planned_only(runtime: Runtime, engine: Engine) -> None:
    today = runtime.clock.today()
    subscriber(engine, ends_on=today + timedelta(days=7), auto_renew=False)
    subscriber(engine, ends_on=today, auto_renew=False)
    before = counts(engine)
    assert dry_run(runtime, "remind", business_date=today).figures["ending"] == 1
    suspended = dry_run(runtime, "suspend", business_date=today)
    assert (suspended.figures["renewal_off"], suspended.sums) == (1, {})
    assert "`renew` of that date must be planned first" in (suspended.refusal or "")
    assert counts(engine) == before


def test_the_command_prints_sums_and_says_that_nothing_was_written(
    odnowa: Odnowa, engine: Engine, runtime: Runtime
) -> None:
    catalogue(engine)
    ahead = runtime.clock.today() + timedelta(days=3)
    subscriber(engine, external_id="shop-x", ends_on=ahead)
    before = counts(engine)
    line = ["run", "renew", "--dry-run", "--date", ahead.isoformat(), "--only", "shop-x"]
    said = odnowa(*line)
    assert (said.exit_code, said.stderr) == (0, "")
    assert "nothing was written" in said.stdout
    assert "57.00 EUR" in said.stdout
    read = json.loads(odnowa(*line, "--json").stdout)
    assert read["dry_run"]["sums"]["EUR"]["to_charge_minor"] == 5700
    assert counts(engine) == before
