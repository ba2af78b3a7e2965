"""/metrics: true from the store alone, right with many processes, and held to its page."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.ops.workers import pretend_alive
from tests.support.builders import insert
from tests.support.house import House
from tests.support.processes import CHECKOUT
from tests.support.stories import customer
from tests.support.work import charge
from worker import jobs, meters
from worker.errors import ProviderRefusedError, UnreachableError
from worker.gateways.stripe_line import counted
from worker.queue import metering
from worker.store import gauges
from worker.store import meters as stored
from worker.store.audit import INVARIANTS
from worker.store.audit.provider import RULES
from worker.web import metrics

_ROW = re.compile(r"^\| `(odnowa_\w+)` \| (\w+) \| ([^|]*) \| (.+) \|$", re.MULTILINE)
Samples = dict[tuple[str, tuple[str, ...]], float]


def scrape(house: House, token: str | None = None) -> Samples:
    """Samples by name and labels' values, the labels in alphabetical order."""
    keys = replace(house.runtime.door_keys, metrics_token=token)
    app = Starlette(routes=metrics.routes(replace(house.runtime, door_keys=keys)))
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with TestClient(app) as client:
        answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.fixture
def counting() -> Iterator[None]:
    """This process counts while the test runs."""
    metering.begin()
    yield
    metering.end()


def test_a_night_is_told_with_its_money_items_and_counts(house: House, counting: None) -> None:
    del counting
    paying, declining = customer(house), customer(house, "insufficient_funds")
    house.run("renew")
    found = scrape(house)
    currency = paying.currency
    assert found["odnowa_day_charges", (currency, "today", "succeeded", "renewal")] == 1
    assert found["odnowa_day_money_minor", (currency, "today", "succeeded", "renewal")] == paying.list_minor
    assert found["odnowa_day_money_minor", (currency, "today", "declined", "renewal")] == declining.list_minor
    assert found["odnowa_charges_declined", ("soft",)] == 1
    assert [value for (name, _), value in found.items() if name == "odnowa_documents_last_number"] == [1]
    assert found["odnowa_items_ended_total", ("renew", "done")] == 1
    assert any(name == "odnowa_results_total" and labels[0] == "renew" for name, labels in found)
    assert found["odnowa_provider_answers_total", ("declined", "stripe.confirm")] == 1
    assert found["odnowa_call_duration_seconds_count", ("stripe.confirm",)] == 2
    assert found["odnowa_commit_duration_seconds_count", ("charging.settle",)] >= 1
    assert found["odnowa_pace_slots_total", ("stripe.confirm", "shared")] == 2
    assert {value for (name, _), value in found.items() if name == "odnowa_measure_ok"} == {1.0}


def test_whatever_the_provider_is_asked_its_answer_is_counted(house: House, counting: None) -> None:
    del counting
    house.run("audit")
    house.runtime.payments.events(after=None, since=house.clock.now())
    for wrong in (ProviderRefusedError, UnreachableError):
        with pytest.raises(wrong), counted("stripe.attach"):
            raise wrong
    found = scrape(house)
    answers = {labels: n for (name, labels), n in found.items() if name == "odnowa_provider_answers_total"}
    lists = ("stripe.events", "stripe.charges", "stripe.refunds", "stripe.disputes")
    assert {("answered", name) for name in lists} <= set(answers)
    assert answers["rejected", "stripe.attach"] == answers["unknown", "stripe.attach"] == 1


def test_mails_are_told_by_what_they_are_about(house: House) -> None:
    of = customer(house)
    for kind, state in (("suspended", "waiting"), ("suspended", "failed"), ("receipt", "failed")):
        insert(house.engine, "mails", account_id=of.account_id, kind=kind, subject_key=state, state=state, data={})
    found = scrape(house)
    assert found["odnowa_mails_by_kind", ("suspended", "waiting")] == 1
    assert found["odnowa_mails_by_kind", ("receipt", "failed")] == 1
    assert found["odnowa_mails", ("failed",)] == 2


def test_gauges_need_neither_redis_nor_a_counting_process(house: House) -> None:
    of = customer(house)
    charge(house.engine, of, state="unknown", parked_reason="unknown_too_long")
    pretend_alive(house.engine, "scheduler")
    house.plan("audit")
    with house.engine.begin() as connection:
        connection.execute(text("UPDATE work_items SET state = 'dead'"))
    found = scrape(house)
    assert found["odnowa_parked", ("unknown_too_long", "charge")] == 1
    assert found["odnowa_items", ("audit", "dead")] == 2, "the store and the provider"
    assert found["odnowa_processes", ("scheduler",)] == 1
    assert found["odnowa_processes", ("worker",)] == 0, "none is a number, not a gap"
    assert found["odnowa_check_ok", ("worker",)] == 0
    assert found["odnowa_job_days_owed", ("renew",)] == 1, "the timetable's own run of today is not there"


def test_what_many_processes_count_is_added_up_and_survives_them(house: House) -> None:
    for _ in range(3):  # three processes, one after the other, each of which ends
        metering.begin()
        meters.count(meters.SLOTS, "stripe.read", "shared", by=2)
        meters.observe(meters.PACE_WAITS, "stripe.read", seconds=0.3)
        metering.flush(house.engine)
        metering.end()
    found = scrape(house)
    assert found["odnowa_pace_slots_total", ("stripe.read", "shared")] == 6
    assert found["odnowa_pace_wait_seconds_bucket", ("stripe.read", "0.25")] == 0
    assert found["odnowa_pace_wait_seconds_bucket", ("stripe.read", "0.5")] == 3
    assert found["odnowa_pace_wait_seconds_bucket", ("stripe.read", "+Inf")] == 3
    assert found["odnowa_pace_wait_seconds_sum", ("stripe.read",)] == pytest.approx(0.9)


def test_what_cannot_be_kept_is_kept_later(house: House, counting: None) -> None:
    del counting
    meters.count(meters.WEBHOOKS, "kept")
    with house.engine.begin() as connection:
        connection.execute(text("ALTER TABLE meters RENAME TO meters_away"))
    try:
        metering.flush(house.engine)
    finally:
        with house.engine.begin() as connection:
            connection.execute(text("ALTER TABLE meters_away RENAME TO meters"))
    metering.flush(house.engine)
    with house.engine.begin() as connection:
        assert [row.total for row in stored.totals(connection) if row.metric == meters.WEBHOOKS.name] == [1]


def test_what_was_counted_before_a_fork_is_not_counted_again() -> None:
    metering.begin()
    meters.count(meters.WEBHOOKS, "kept")
    metering.begin()
    assert meters.take() == {}
    metering.end()
    meters.count(meters.WEBHOOKS, "kept")
    assert meters.take() == {}, "nothing is counted by who has not begun"


def test_one_measure_that_fails_leaves_the_others(house: House) -> None:
    with house.engine.begin() as connection:
        connection.execute(text("ALTER TABLE disputes RENAME TO disputes_away"))
    try:
        found = scrape(house)
    finally:
        with house.engine.begin() as connection:
            connection.execute(text("ALTER TABLE disputes_away RENAME TO disputes"))
    assert found["odnowa_measure_ok", ("disputes",)] == 0
    assert found["odnowa_measure_ok", ("items",)] == 1


@pytest.mark.parametrize("last", ["audit", "provider"])
def test_the_audit_is_told_invariant_by_invariant_whichever_part_ended_last(house: House, last: str) -> None:
    house.run("audit")
    with house.engine.begin() as connection:
        connection.execute(
            text("""UPDATE work_items SET done_at = now(),
                        result = result || jsonb_build_object(
                            'broken', 1, cast(:broken AS text), 2)
                    WHERE job = 'audit' AND key = :key"""),
            {"key": last, "broken": "renewal_missed" if last == "audit" else "charged_twice"},
        )
    found = scrape(house)
    assert found["odnowa_audit_violations", ("renewal_missed",)] == (2 if last == "audit" else 0)
    assert found["odnowa_audit_violations", ("charged_twice",)] == (2 if last == "provider" else 0)
    assert found["odnowa_audit_violations", ("broken",)] == 1
    assert 0 <= found["odnowa_audit_age_seconds", ()] < 60
    told = {labels[0] for name, labels in found if name == "odnowa_audit_violations"}
    assert told == {"broken", *INVARIANTS, *RULES}, "and nothing that a result merely counts"


def test_with_a_token_only_who_bears_it_reads(house: House) -> None:
    token = "only-for-tests-no-secret"  # noqa: S105 - nobody else takes it
    keys = replace(house.runtime.door_keys, metrics_token=token)
    with TestClient(Starlette(routes=metrics.routes(replace(house.runtime, door_keys=keys)))) as client:
        for said in (None, "Bearer", f"Basic {token}", "Bearer other", f"Bearer {token}x"):
            answer = client.get("/metrics", headers={} if said is None else {"Authorization": said})
            assert answer.status_code == 401, said
            assert "odnowa_" not in answer.text
    assert scrape(house, token)


def test_every_metric_stands_on_its_page_with_type_and_labels() -> None:
    page = (CHECKOUT / "docs/metrics.md").read_text(encoding="utf-8")
    told = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in _ROW.findall(page)}
    assert told == metrics.declared()


@pytest.mark.parametrize("name", [name for name, one in gauges.MEASURES.items() if one.indexes])
def test_measures_read_what_is_open_or_recent_and_not_the_years(house: House, name: str) -> None:
    """With sequential scans discouraged, a plan that lacks the index is one that could not use it."""
    measure = gauges.MEASURES[name]
    as_of = gauges.AsOf(now=house.clock.now(), today=house.clock.today(), jobs=sorted(jobs.load()))
    wanted = {key: value for key, value in as_of.values().items() if f":{key}" in measure.query.text}
    with house.engine.connect() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join(connection.execute(text(f"EXPLAIN {measure.query.text}"), wanted).scalars())
    for index in measure.indexes:
        assert index in plan, plan
    for table in ("charges", "work_items", "runs", "mails", "invoices", "payouts"):
        assert f"Seq Scan on {table} " not in plan, plan
