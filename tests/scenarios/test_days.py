"""Whole days of all jobs: a day run twice, days that were missed, and two months of mixed customers."""

from datetime import date, timedelta

from tests.support.builders import Subscriber
from tests.support.house import API_KEY, House
from tests.support.snapshot import everything
from tests.support.stories import (
    attempts_of,
    charge_of,
    customer,
    hurry,
    kinds_of,
    minute,
    next_days,
    paid,
    replace_method,
    status_of,
    subscription_of,
    switch_renewal,
    whole_day,
)
from tests.support.work import run as past_run
from worker import jobs
from worker.queue import runs

DAYS = timedelta(days=1)


def test_a_day_run_twice_changes_nothing_but_runs_items_and_audit(house: House) -> None:
    today = house.clock.today()
    scripts = ("ok", "insufficient_funds", "stolen_card", "authentication_required", "processing:succeeded:900000")
    for script in scripts:
        customer(house, script)
    lost = customer(house)
    house.emulator.fault("drop_after_execution", "payment_intents.confirm", customer=f"cus_{lost.external_id}")
    customer(house, auto_renew=False)
    customer(house, method=None)
    customer(house, credit_minor=9000)
    customer(house, agents=1, agent_price_minor=20)
    customer(house, auto_renew=False, ends_on=today + 14 * DAYS, email="bounce@customers.example")
    customer(house, auto_renew=False, ends_on=today + 7 * DAYS)
    customer(house, interval="year", ends_on=today + 30 * DAYS)
    customer(house, ends_on=today + 14 * DAYS, card_exp=(2026, 2), country="")
    whole_day(house)
    house.wait(minutes=1)
    whole_day(house)
    before, sent, journal = everything(house.engine), len(house.sink.mails), house.emulator.journal()
    assert sent == 12
    whole_day(house)
    after = everything(house.engine)
    assert {name for name in before if before[name] != after[name]} == set()
    assert len(house.sink.mails) == sent
    assert house.emulator.journal() == journal
    assert house.books().equal, house.books().differences


def test_five_missed_days_are_caught_up_in_order_on_one_day(house: House) -> None:
    today = house.clock.today()
    due = {n: customer(house, ends_on=today - n * DAYS) for n in range(1, 6)}
    poor = customer(house, "insufficient_funds", ends_on=today - 5 * DAYS)
    off = customer(house, auto_renew=False, ends_on=today - 3 * DAYS)
    soon = customer(house, auto_renew=False, ends_on=today + 2 * DAYS)
    for job in ("renew", "suspend", "remind", "issue_invoices"):
        past_run(house.engine, job=job, business_date=today - 6 * DAYS)
    specs = [job.spec(house.runtime) for job in jobs.load().values()]
    made = runs.ensure_runs(house.engine, specs, house.clock, item_size_max=100)
    dates = [today - n * DAYS for n in (5, 4, 3, 2, 1, 0)]
    for job in ("renew", "suspend", "remind", "issue_invoices"):
        assert [run.business_date for run in made if run.job == job] == dates, job
    assert runs.ensure_runs(house.engine, specs, house.clock, item_size_max=100) == []
    house.drain()
    for of in due.values():
        assert paid(house, of) == [of.list_minor]
        assert subscription_of(house, of)["paid_until"] == of.term(1).ends_on
    assert len(attempts_of(house, poor)) == 1, "no two tries of one charge on one real day"
    assert attempts_of(house, poor)[0]["sent_on"] == today
    assert status_of(house, off) == "suspended"
    assert kinds_of(house, soon) == ["term_ending"], "late reminders are one"
    subjects = [str(mail["Subject"]).replace("\xa0", " ") for mail in house.sink.mails]
    assert "Your Standard subscription ends in 2 days" in subjects
    dated = house.fetch("SELECT DISTINCT issued_on, paid_on FROM invoices")
    assert dated == [{"issued_on": today, "paid_on": today}], "documents bear the real date"
    assert house.books().equal, house.books().differences


def live(house: House, people: dict[str, Subscriber], day: date, first: date) -> None:
    """What the customers do on their days."""
    n = (day - first).days
    if n == 3:
        replace_method(house, people["forgetful"])
    if n == 5:
        switch_renewal(house, people["gives up"], on=False)
    if n == 6:
        intent = charge_of(house, people["asked by the bank"])["provider_intent"]
        house.emulator.approve_at_bank(intent, api_key=API_KEY)
    if n == 20:
        switch_renewal(house, people["leaves in time"], on=False)


def test_two_months_of_mixed_customers_ends_with_equal_books(house: House) -> None:
    first = house.clock.today()
    people = {
        "good": customer(house),
        "poor, then paid": customer(house, "insufficient_funds", "insufficient_funds", "ok"),
        "never pays": customer(house, "do_not_honor"),
        "forgetful": customer(house, "expired_card"),
        "gives up": customer(house, "insufficient_funds"),
        "asked by the bank": customer(house, "authentication_required"),
        "leaves in time": customer(house, method="paypal"),
        "small": customer(house, agents=1, agent_price_minor=20),
        "rich": customer(house, credit_minor=2 * 5700 + 100),
        "late bank": customer(house, "processing:succeeded:200000"),
    }
    house.emulator.script(f"pm_{people['asked by the bank'].account_id}_6", "authentication_required", "ok")
    for day in next_days(house, 67):
        live(house, people, day, first)
        for job in ("renew", "suspend", "remind"):
            house.plan(job)
        house.drain(pick=lambda job: job in {"renew", "suspend", "remind", "follow_payments"})
        if (day - first).days % 31 < 8:
            minute(house)
    hurry(house)
    house.drain()
    statuses = {name: status_of(house, of) for name, of in people.items()}
    gone = {"never pays", "gives up", "leaves in time"}
    assert statuses == {name: "suspended" if name in gone else "active" for name in people}
    terms = {name: subscription_of(house, of)["term_number"] for name, of in people.items()}
    assert terms == {name: {"leaves in time": 1}.get(name, 0 if name in gone else 3) for name in people}
    assert paid(house, people["rich"]) == [5700 - 100]
    assert paid(house, people["small"]) == [60], "three times below the minimum, then all of it"
    assert house.books().equal, house.books().differences
    assert house.fetch("SELECT * FROM attempts WHERE state IN ('sent', 'unknown', 'processing')") == []
    assert house.fetch("SELECT * FROM charges WHERE parked_at IS NOT NULL") == []
    per_day = house.fetch("SELECT 1 AS one FROM attempts GROUP BY charge_id, sent_on HAVING count(*) > 1")
    assert per_day == [], "no two tries of one charge on one real day"
