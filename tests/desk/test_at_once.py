"""Eight processes at once: every act has one effect per request id, and of two that contradict each other one wins."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import timedelta
from threading import Thread

import pytest
from sqlalchemy import text

from tests.support.builders import size
from tests.support.crowd import ACTS, Outcome, act, crowd, night, prepared
from tests.support.house import House
from tests.support.invariants import hold
from tests.support.shopping import caller, credit_of, entitled, newcomer, ordered, quoted, wish
from tests.support.stories import customer, hurry, minute, subscription_of
from worker.billing.states import Payer
from worker.desk.order import cancel_order, order
from worker.errors import ActRefusedError
from worker.queue.runs import PLANNING_LOCK
from worker.store.charges import plan_renewals

STANDARD = wish("standard", "month", 3)
REQUESTS = 20

FACTS = """
    SELECT (SELECT count(*) FROM quotes) AS quotes, (SELECT count(*) FROM charges) AS charges,
           (SELECT count(*) FROM subscriptions) AS subscriptions, (SELECT count(*) FROM refunds) AS refunds,
           (SELECT count(*) FROM invoice_notes) AS notes, (SELECT count(*) FROM billing_details) AS details,
           (SELECT count(*) FROM accounts) AS accounts, (SELECT count(*) FROM desk_requests) AS requests,
           (SELECT count(*) FROM audit_log WHERE act LIKE 'desk.%' AND NOT details ? 'refused') AS audited,
           (SELECT count(*) FROM payment_methods) AS methods, (SELECT count(*) FROM terms) AS terms,
           (SELECT count(*) FROM goodwill_entries) AS goodwill, (SELECT count(*) FROM scheduled_changes) AS scheduled,
           (SELECT count(*) FROM disputes WHERE released_at IS NOT NULL) AS released,
           (SELECT count(*) FROM mails WHERE kind IN ('renewal_off_confirmed', 'refund_made', 'term_extended',
                                                      'interval_change_scheduled', 'prices_change')) AS letters
"""
ADDED = {
    "open_account": {"accounts"},
    "quote": {"quotes"},
    "order": {"charges", "subscriptions", "terms"},
    "order_on_page": {"charges", "subscriptions"},
    "cancel_order": set(),
    "renewal_on": set(),
    "renewal_off": {"letters"},
    "method_set_up": set(),
    "method_attach": {"methods"},
    "method_remove": set(),
    "method_use": set(),
    "billing_details": {"details"},
    "invoice_note": {"notes"},
    "refund": {"refunds", "letters"},
    "to_free": set(),
    "invoice_correct": set(),
    "erase": set(),
    "schedule_monthly": {"scheduled", "letters"},
    "keep_yearly": set(),
    "new_prices": {"scheduled", "letters"},
    "grant_credit": {"goodwill"},
    "extend_term": {"terms", "letters"},
    "dispute_release": {"released"},
}
"""What one act adds, beside its request and its audit row."""


def facts(house: House) -> Counter[str]:
    """How much of everything there is."""
    return Counter(house.fetch(FACTS)[0])


def answers(asked: Sequence[Future[Outcome]]) -> list[Outcome]:
    """What all of them were told."""
    return [one.result() for one in asked]


def settle_down(house: House) -> None:
    """Minutes pass until nothing is left to do."""
    for _ in range(3):
        hurry(house)
        minute(house)
    assert house.fetch("SELECT job, last_error FROM work_items WHERE state <> 'done'") == []


@pytest.mark.timeout(120)
def test_every_act_twenty_times_at_once_from_eight_processes_has_one_effect(house: House, redis_url: str) -> None:
    made = {what: prepared(house, what) for what in ACTS}
    house.drain()
    with crowd(house, redis_url) as pool:
        for what in ACTS:
            before = facts(house)
            asked = [pool.submit(act, what, what, "r-1", made[what]) for _ in range(REQUESTS)]
            told = answers(asked)
            refused = {one.refused for one in told if one.refused}
            done = [one for one in told if not one.refused]
            # who comes while the first is at the provider is told to ask again, and is then told what came of it
            assert refused <= {"payment_under_way"}, what
            assert [one.repeated for one in done].count(False) == 1, what
            kept = {
                key: done[0].result[key]
                for key in done[0].result
                if key in {"quote", "order", "refund", "version", "setup", "ends_on", "goodwill_minor"}
            }
            assert all(kept.items() <= one.result.items() for one in done), what
            again = pool.submit(act, what, what, "r-1", made[what]).result()
            assert (again.refused, again.repeated) == (None, True), what
            added = facts(house) - before
            assert added == dict.fromkeys({*ADDED[what], "requests", "audited"}, 1), what
    settle_down(house)
    assert [entry["amount"] for entry in house.emulator.journal()] == [5700] * 4, (
        "the dispute's, the refund's, the corrected invoice's, the order's"
    )
    hold(house)


@pytest.mark.timeout(120)
def test_R4_what_contradicts_each_other_at_once_is_decided_once(house: House, redis_url: str) -> None:
    rounds = 4
    live = {f"live-{n}": customer(house, external_id=f"live-{n}", ends_on=house.clock.today()) for n in range(rounds)}
    ending = [f"ending-{n}" for n in range(rounds)]
    for name in ending:
        customer(house, external_id=name, ends_on=house.clock.today() + timedelta(days=10))
    buying = [f"buying-{n}" for n in range(rounds)]
    for name in buying:
        newcomer(house, name)
    quotes = {name: quoted(house, name, wish(agents=1))["quote"] for name in live}
    quotes |= {name: quoted(house, name, wish(agents=7))["quote"] for name in ending}
    pairs = {
        name: [quoted(house, name, STANDARD)["quote"], quoted(house, name, wish("pro", "year", 1))["quote"]]
        for name in buying
    }
    with crowd(house, redis_url) as pool:
        two_orders = {
            name: [pool.submit(act, "order", name, f"o-{n}", of) for n, of in enumerate(pair)]
            for name, pair in pairs.items()
        }
        with_night = {
            name: [pool.submit(act, "order", name, "o", quotes[name]), pool.submit(night, of.subscription_id)]
            for name, of in live.items()
        }
        with_end = {
            name: [pool.submit(act, "order", name, "o", quotes[name]), pool.submit(act, "to_free", name, "f")]
            for name in ending
        }
        told = {name: answers(asked) for name, asked in (two_orders | with_night | with_end).items()}
    settle_down(house)
    hold(house)
    taken = Counter(entry["customer"] for entry in house.emulator.journal())
    for name in buying:
        assert sorted(one.refused or "" for one in told[name]) in (["", "stale"], ["", "payment_under_way"]), name
        assert taken[f"cus_{name}"] == 1, name
    for name, of in live.items():
        assert taken[f"cus_{name}"] == 1, f"{name}: the term is paid once, by the order or by the renewal"
        assert subscription_of(house, of)["status"] == "active"
        assert told[name][0].refused in {None, "stale", "payment_under_way", "paid_meanwhile"}
        assert (entitled(house, name)["agents"] == 1) is (told[name][0].refused is None)
    for name in ending:
        ordered_first, ended = told[name]
        assert ordered_first.refused in {None, "stale", "payment_under_way"}, name
        assert ended.refused in {None, "payment_under_way", "paid_meanwhile"}, name
        assert (entitled(house, name)["status"] == "free") is (ended.refused is None), name
        if ordered_first.refused:
            assert taken[f"cus_{name}"] == credit_of(house, name) == 0, name


def test_R12d_an_order_and_the_planner_of_renewals_do_not_wait_for_each_other(house: House) -> None:
    customer(house, external_id="shop", ends_on=house.clock.today())
    shown = quoted(house, "shop", wish(agents=1))
    told: list[str] = []

    def confirm() -> None:
        try:
            order(house.runtime, caller("shop"), shown["quote"], request_id="o-1")
        except ActRefusedError as refusal:
            told.append(refusal.code)

    with house.engine.begin() as planner:
        planner.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": PLANNING_LOCK})
        thread = Thread(target=confirm)
        thread.start()
        waiting = "SELECT 1 AS one FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while not house.fetch(waiting):
            assert thread.is_alive()
        assert plan_renewals(planner, business_date=house.clock.today(), only=None) == 1
    thread.join(20)
    assert told == ["stale"]
    house.run("renew")
    assert [entry["amount"] for entry in house.emulator.journal()] == [5700]
    hold(house)


def test_an_order_that_was_given_up_can_be_given_up_again(house: House) -> None:
    newcomer(house, "shop", saved=False)
    made = ordered(house, "shop", quoted(house, "shop", STANDARD)["quote"], payer=Payer.PAGE)["order"]
    house.wait(hours=24)
    minute(house)
    done = cancel_order(house.runtime, caller("shop"), made, request_id="c-1")
    assert done.result == {"order": made, "outcome": "cancelled"}
    assert size(house.engine, "charges") == 1
