"""Life stories: a year of many customers in one store, each as a text in `lives/`, played day by day in one pass."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from tests.support.builders import catalogue
from tests.support.house import build_house
from tests.support.invariants import at, broken
from tests.support.lives.timeline import Story, read, read_stories
from tests.support.lives.year import Year, live_through
from tests.support.mail_sink import LINK, fresh, lead
from tests.support.processes import listening
from tests.support.servers import own_database
from tests.support.steps import check_steps, watch_steps
from tests.support.terminal import CliRunner
from worker.jobs import audit
from worker.operating import stuck
from worker.ops.app import app
from worker.store import migrations

pytestmark = pytest.mark.timeout(300)
"""The first of these tests waits for the whole pass."""
STORIES = read_stories(Path(__file__).parent / "lives")
WRONG = read(
    """Wrong in each of its expectations, and all of them must be found.
proves R4

2026-04-01  opens an account in EUR, speaking en
2026-04-01  adds visa                      -> refused method_not_accepted
2026-04-01  buys standard month 3 agents   -> paid 57.01; free
2026-04-02  support puts the account back to Free, because it was wrong -> free; credit 1.00
""",
    name="wrong",
)
"""Lives among the others."""


@pytest.fixture(scope="module")
def year(postgres_server: str, _redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    """One pass of all stories, over servers of its own that live as long as its tests."""
    folder = tmp_path_factory.mktemp("lives")
    (folder / "sink").mkdir()
    link = lead(folder / "sink" / LINK, folder / "nobody")
    with (
        own_database(postgres_server, f"odnowa_lives_{os.getpid()}") as url,
        listening("worker.sandbox.emulator", folder=folder / "emulator") as emulator,
        listening("worker.sandbox.mailsink", "--folder", link, folder=folder / "sink") as listener,
    ):
        migrations.upgrade(url)
        engine, sink = create_engine(url), fresh(listener, folder / "mails")
        start = datetime(2026, 1, 1, tzinfo=UTC)
        house = build_house(engine=engine, redis_url=_redis_url, emulator_url=emulator.url, sink=sink, start=start)
        keepers = house.runtime.engine
        # a pool that does not ask each connection whether it lives: a year has ten thousand transactions
        house.runtime = replace(house.runtime, engine=engine)
        # some thirty customers are no crowd: one yearly renewal is ten usual days (R8d)
        house.with_policy(hold_multiple=1000)
        catalogue(engine)
        watch_steps(engine)
        yield live_through(house, [*STORIES, WRONG])
        house.keeper.stop()
        house.runtime.payments.close()
        keepers.dispose()
        engine.dispose()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_life(year: Year, story: Story) -> None:
    played = year.played[story.name]
    assert played.checked == len(story.lines) + 1, "every line, and the end"
    assert not played.differences, "\n".join(["", story.title, *map(str, played.differences)])


def test_a_wrong_expectation_is_found_with_its_day_and_line(year: Year) -> None:
    found = year.played["wrong"].differences
    assert [(each.line, each.aspect, each.expected, each.found) for each in found] == [
        (5, "refused", "method_not_accepted", "nothing"),
        (6, "charged", "57.01", "57.00"),
        (6, "mails", "nothing", "invoice_issued"),
        (6, "status", "free", "active until 2026-05-01"),
        (7, "credit", "1.00", "0.00"),
    ]
    assert str(found[1]) == (
        "2026-04-01, line 6, buys standard month 3 agents\n    charged: expected 57.01\n                found 57.00"
    )


def test_at_the_end_of_the_year_the_books_are_the_providers_and_every_rule_holds(year: Year) -> None:
    house = year.house
    assert broken(house.engine, as_of=at(house.clock.now())) == []
    assert house.books().equal, house.books().differences
    assert check_steps(house.engine) > len(STORIES)


def test_at_the_end_of_the_year_nothing_is_left_to_do_and_only_what_a_story_tells_is_stuck(year: Year) -> None:
    house = year.house
    assert house.fetch("SELECT job, state, last_error FROM work_items WHERE state <> 'done'") == []
    assert house.fetch("SELECT job, business_date FROM runs WHERE held_at IS NOT NULL OR finished_at IS NULL") == []
    assert house.fetch("SELECT id FROM work_items WHERE attempts > 0") == [], "nothing failed on its way"
    with house.engine.begin() as connection:
        found = [(one["about"].split(",")[0], one["runbook"]) for one in stuck.look(connection, house.clock, most=99)]
    assert found == [("refund_fails_late", "payout_failed")]


def test_in_every_week_of_the_year_the_audit_found_nothing(year: Year) -> None:
    looks = year.house.fetch("SELECT key, result FROM work_items WHERE job = 'audit' ORDER BY id")
    found = [row for row in looks if row["key"] == audit.STORE]
    assert len(looks) == 2 * len(found), "the store, and the day before at the provider"
    assert len(found) == year.last_day.toordinal() // 7 - (year.first.toordinal() - 1) // 7 > 52
    assert [row["result"] for row in looks if row["result"]["broken"]] == []


def test_every_mail_of_the_year_left_once(year: Year) -> None:
    house = year.house
    sent = house.fetch("SELECT id FROM mails WHERE state = 'sent'")
    assert house.fetch("SELECT kind, state FROM mails WHERE state NOT IN ('sent', 'withdrawn')") == []
    names = [mail["Message-ID"] for mail in house.sink.mails]
    assert len(names) == len(set(names)) == len(sent)


def test_every_planner_was_asked_on_every_day_and_busy_nights_were_whole(year: Year) -> None:
    assert year.asked == (year.last_day - year.first).days + 1 > 365
    found = year.house.fetch("""
        SELECT business_date, array_agg(job ORDER BY job) AS jobs FROM runs WHERE trigger = 'timetable'
        GROUP BY business_date
    """)
    nightly = ("check_vat_numbers", "fetch_exchange_rates", "issue_invoices", "remind", "renew", "suspend")
    assert {tuple(job for job in row["jobs"] if job != "audit") for row in found} == {nightly}


def explained(year: Year, name: str, *options: str, folder: Path) -> str:
    """What the operator reads."""
    url = year.house.engine.url.render_as_string(hide_password=False)
    result = CliRunner().invoke(app, ["explain", name, *options], env={"DATABASE_URL": url})
    assert result.exit_code == 0, result.output
    assert folder.exists()
    return result.stdout


MUST_BE_TOLD = {
    "charge": "SELECT id AS name FROM charges WHERE subscription_id = :subscription",
    "mail": """SELECT id AS name FROM mails WHERE account_id = :account
               AND (subscription_id = :subscription OR subscription_id IS NULL)""",
    "refund": "SELECT id AS name FROM refunds WHERE subscription_id = :subscription",
    "payout": "SELECT p.id AS name FROM payouts p JOIN refunds f ON f.id = p.refund_id"
    " WHERE f.subscription_id = :subscription",
    "dispute": "SELECT provider_dispute AS name FROM disputes WHERE account_id = :account",
    "credit": "SELECT amount_minor AS name FROM credit_entries WHERE account_id = :account",
    "goodwill": "SELECT amount_minor AS name FROM goodwill_entries WHERE account_id = :account",
    "audit": "SELECT act AS name FROM audit_log WHERE account_id = :account",
}
NAMED = {"credit": "amount_minor", "goodwill": "amount_minor", "audit": "act"}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_explain_tells_it_all_in_order_of_time_and_in_words(
    year: Year, story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # nobody's .env
    lived = year.house.fetch(
        """SELECT s.id, s.account_id FROM subscriptions s JOIN accounts a ON a.id = s.account_id
           WHERE a.external_id = :n""",
        n=story.name,
    )
    for one in lived:
        events: list[dict[str, Any]] = json.loads(explained(year, f"id:{one['id']}", "--json", folder=tmp_path))[
            "events"
        ]
        assert [event["at"] for event in events] == sorted(event["at"] for event in events)
        for kind, query in MUST_BE_TOLD.items():
            rows = year.house.fetch(query, **_given(query, one["id"], one["account_id"]))
            told = [event["facts"][NAMED.get(kind, kind)] for event in events if event["kind"] == kind]
            assert sorted(map(str, told)) == sorted(str(row["name"]) for row in rows), kind
        text = " ".join(explained(year, f"id:{one['id']}", folder=tmp_path).split())
        for said in (event["told"] for event in events):
            assert " ".join(said.split()) in text
            for raw in ("{", "None", "null", "_minor", "False", "True", "  "):
                assert raw not in said, said


def _given(query: str, subscription: int, account: int) -> dict[str, int]:
    values = {"subscription": subscription, "account": account}
    return {name: value for name, value in values.items() if f":{name}" in query}
