"""`odnowa stuck`: everything that waits for a person, with reason, age and next step; nothing else."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from tests.ops.conftest import Odnowa
from tests.support.builders import subscriber
from tests.support.work import attempt, charge, item, mail, run
from worker.runtime import Runtime


def test_nothing_is_stuck_where_all_goes_its_way(odnowa: Odnowa, engine: Engine) -> None:
    for state in ("planned", "processing", "declined", "succeeded"):
        charge(engine, subscriber(engine), state=state)
    one = subscriber(engine)
    for state in ("waiting", "sent", "withdrawn"):
        mail(engine, one.account_id, state=state)
    for state in ("ready", "done"):
        item(engine, state=state)
    run(engine)
    assert odnowa("stuck").stdout == "Stuck: nothing\n"
    assert json.loads(odnowa("stuck", "--json").stdout) == []


def test_each_kind_with_its_reason_age_and_next_step(odnowa: Odnowa, engine: Engine, runtime: Runtime) -> None:
    one = subscriber(engine, external_id="shop-1")
    an_hour_ago = runtime.clock.now() - timedelta(hours=1)
    parked = charge(
        engine, one, parked_reason="term_already_over", parked_at=an_hour_ago, parked_detail="the term was over"
    )
    two = subscriber(engine)
    unknown = charge(engine, two, state="unknown", checks=3)
    attempt(engine, unknown, two, state="unknown", sent_at=an_hour_ago)
    cancelling = charge(engine, subscriber(engine), state="cancelling")
    dead = item(engine, job="remind", state="dead", last_error="OSError: no route")
    held = run(engine, held_reason="5 times the usual day")
    failed = mail(engine, one.account_id, state="failed", recipient="x@a.example", last_answer="550 unknown user")
    found = {(row["kind"], row["id"]): row for row in json.loads(odnowa("stuck", "--json").stdout)}

    def told(kind: str, number: int) -> tuple[str, str, str]:
        row = found.pop((kind, number))
        return row["state"], row["reason"], row["next"]

    assert 3600 <= found["charge", parked]["age_s"] < 3700
    assert 3600 <= found["charge", unknown]["age_s"] < 3700
    assert told("charge", parked) == (
        "parked, planned",
        "term_already_over: the term was over",
        f'runbook "term_already_over"; odnowa requeue --charge {parked} --reason ...',
    )
    assert told("charge", unknown)[:2] == ("unknown", "the provider's answer is missing, read 3 times")
    assert told("charge", cancelling)[0] == "cancelling"
    assert told("item", dead) == (
        "dead",
        "OSError: no route (12 attempts)",
        f'runbook "remind"; odnowa requeue --item {dead} --reason ...',
    )
    assert told("run", held) == (
        "held",
        "5 times the usual day",
        f'runbook "held"; odnowa release {held} --reason ..., or odnowa drop {held} --reason ...',
    )
    assert told("mail", failed)[1] == "550 unknown user (0 attempts)"
    assert found == {}


def test_the_table_shows_what_strangers_wrote_as_it_is(odnowa: Odnowa, engine: Engine) -> None:
    one = subscriber(engine)
    mail(engine, one.account_id, state="failed", last_answer="550 [bold]no[/bold] such [user")
    assert "550 [bold]no[/bold] such [user" in odnowa("stuck").stdout


@pytest.mark.parametrize("limit", ["1", "2"])
def test_a_limit_holds_for_each_kind(odnowa: Odnowa, engine: Engine, limit: str) -> None:
    for _ in range(3):
        item(engine, state="dead")
        charge(engine, subscriber(engine), parked_reason="books_refuse")
    found = json.loads(odnowa("stuck", "--json", "--limit", limit).stdout)
    assert [row["kind"] for row in found] == ["charge"] * int(limit) + ["item"] * int(limit)
