"""Our books against the provider's lists: each way in which they may differ, and all in which they only seem to."""

from datetime import date, time, timedelta

import pytest
from sqlalchemy import text

from tests.support.builders import update
from tests.support.doubles import charge_of, charged_twice, marks, paid_by_hand
from tests.support.house import House
from tests.support.money_back import bought, override
from tests.support.stories import customer, minute
from worker.charging import provider_audit
from worker.charging.comparing import Comparison
from worker.charging.provider_audit import business_days, compare_provider, figures
from worker.errors import UnreachableError
from worker.gateways import stripe_lists
from worker.gateways.stripe import RefundRequest

DAYS = timedelta(days=1)


def compared(house: House, first: date, last: date | None = None) -> Comparison:
    """Those days, compared."""
    return compare_provider(house.runtime, business_days(house.clock, first, last or first))


def found(so_far: Comparison) -> dict[str, list[str]]:
    """What is broken, as it is told."""
    return {
        one.invariant.name: sorted(f"{each.account}: {each.what}" for each in one.violations)
        for one in so_far.findings()
        if one.broken
    }


def night(house: House, *names: str) -> date:
    """A morning on which these are renewed, looked at on the next; returns the day."""
    today = house.clock.today()
    for name in names:
        customer(house, external_id=name)
    house.run("renew")
    return today


def next_day(house: House) -> None:
    """The next day, half past twelve."""
    house.go_to(house.clock.today() + DAYS, at=time(12, 30))


def intent(house: House, name: str) -> str:
    """The PaymentIntent of the account's newest charge."""
    (row,) = house.fetch(
        "SELECT provider_intent AS name FROM charges WHERE id = :charge", charge=charge_of(house, name)
    )
    return str(row["name"])


def forget(house: House, name: str) -> None:
    """The row of a charge is lost, as after a restore of an older backup."""
    charge = charge_of(house, name)
    with house.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in ("terms", "attempts"):
            connection.execute(text(f"DELETE FROM {table} WHERE charge_id = :charge"), {"charge": charge})  # noqa: S608 - two words of this file
        connection.execute(text("DELETE FROM charges WHERE id = :charge"), {"charge": charge})


def test_a_day_with_everything_in_it_is_found_equal(house: House) -> None:
    house.emulator.tell_events()
    today = house.clock.today()
    for script in ("insufficient_funds", "stolen_card", "authentication_required", "processing:succeeded:60"):
        customer(house, script)
    customer(house, credit_minor=5700)
    lost = customer(house)
    house.emulator.fault("drop_after_execution", "payment_intents.confirm", customer=f"cus_{lost.external_id}")
    house.run("renew")
    for name in ("back", "part", "fails"):
        bought(house, name)
    house.emulator.script_refunds("pm_fails", "pending:failed:60")
    override(house, name="back")
    override(house, 1000, name="part", request_id="r-2")
    override(house, name="fails", request_id="r-3")
    bought(house, "disputed")
    house.emulator.open_dispute(intent(house, "disputed"))
    paid_by_hand(house, "part", {"charge": "an order of somebody else's"}, amount_minor=900)
    house.drain()
    for _ in range(18):
        house.wait(minutes=1)
        minute(house)
    next_day(house)
    so_far = compared(house, today)
    assert found(so_far) == {}
    assert figures(so_far) == {
        "charges": 10, "refunds": 3, "disputes": 1, "ours": 9, "foreign": 1, "broken": 0,
    }  # fmt: skip


def test_what_differs_is_told_by_kind_and_only_on_its_day(house: House) -> None:
    today = night(house, "double", "lost", "sum", "state", "gone")
    booked, double = charged_twice(house, "double")
    lost, mark = intent(house, "lost"), marks(house, charge_of(house, "lost"))["charge"]
    forget(house, "lost")
    update(house.engine, "charges", charge_of(house, "sum"), amount_minor=5600, credit_used_minor=100)
    update(house.engine, "charges", charge_of(house, "gone"), provider_intent="pi_gone")
    with house.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # no way of ours leads there
        connection.execute(
            text("UPDATE charges SET state = 'failed', paid_at = NULL WHERE id = :charge"),
            {"charge": charge_of(house, "state")},
        )
    next_day(house)
    charge = {name: charge_of(house, name) for name in ("double", "sum", "state", "gone")}
    so_far = compared(house, today)
    told = found(so_far)
    assert told["charged_twice"] == [f"double: {double}: 5700 EUR, beside {booked} of charge {charge['double']}"]
    assert f"None: {lost}, of the charge marked {mark}: 5700 EUR succeeded" in told["unknown_here"]
    assert told["amount_differs"] == [
        f"sum: {intent(house, 'sum')}, charge {charge['sum']}: 5600 EUR here, 5700 EUR there"
    ]
    assert told["state_differs"] == [
        f"state: {intent(house, 'state')}, charge {charge['state']}: failed here, succeeded there"
    ]
    assert told["unknown_there"] == [f"gone: pi_gone, charge {charge['gone']}: resource_missing"]
    # the payment that `gone` had is not proven to be a second one, since the first does not exist
    (other,) = [one for one in told["unknown_here"] if "pi_gone" in one]
    assert other.startswith("gone: ")
    assert len(told["unknown_here"]) == 2
    assert [one.intent for one in so_far.duplicates] == [double]
    assert (found(compared(house, today - DAYS)), found(compared(house, today + DAYS))) == ({}, {})


def test_a_term_that_was_charged_again_after_its_row_was_lost_is_charged_twice(house: House) -> None:
    today = night(house, "shop")
    mark = marks(house, charge_of(house, "shop"))
    first = paid_by_hand(house, "shop", {**mark, "charge": "0b8a2f0e-0000-4000-8000-000000000001"})
    other_sum = paid_by_hand(
        house, "shop", {**mark, "charge": "0b8a2f0e-0000-4000-8000-000000000002"}, amount_minor=900
    )
    next_day(house)
    so_far = compared(house, today)
    assert [one.intent for one in so_far.duplicates] == [first]
    assert found(so_far)["unknown_here"] == [
        f"None: {other_sum}, of the charge marked 0b8a2f0e-0000-4000-8000-000000000002: 900 EUR succeeded"
    ]


def test_what_is_young_or_still_followed_is_not_accused(house: House) -> None:
    today = night(house, "shop")
    charged_twice(house, "shop")
    forget_not = charge_of(house, "shop")
    update(house.engine, "charges", forget_not, amount_minor=5600, credit_used_minor=100)
    so_far = compared(house, today)
    assert (found(so_far), so_far.counts["settling"], so_far.counts["ours"]) == ({}, 2, 0)
    slow = customer(house, "processing:succeeded:60")
    house.run("renew", only=slow.subscription_id)
    house.emulator.withhold_events(withheld=True)
    house.wait(minutes=40)
    so_far = compared(house, today)
    assert (sorted(found(so_far)), so_far.counts["under_way"]) == (["amount_differs", "charged_twice"], 1)
    house.wait(hours=7)
    assert sorted(found(compared(house, today))) == ["amount_differs", "charged_twice", "state_differs"]


def test_nothing_falls_between_two_days_and_nothing_into_both(house: House) -> None:
    """A payment seconds before midnight is booked after it, and another one days after it was begun."""
    today = house.clock.today()
    late, slow = customer(house, external_id="late"), customer(house, "processing:succeeded:100000")
    house.go_to(today, at=time(23, 59, 30))
    house.emulator.fault("drop_after_execution", "payment_intents.confirm", customer="cus_late")
    for of in (late, slow):
        house.run("renew", only=of.subscription_id)
    house.go_to(today + DAYS, at=time(0, 5))
    minute(house)
    house.go_to(today + 2 * DAYS, at=time(9))
    for _ in range(2):
        minute(house)
    next_day(house)
    days = [compared(house, today + n * DAYS) for n in range(3)]
    assert [found(one) for one in days] == [{}, {}, {}]
    assert [(one.counts["charges"], one.counts["ours"]) for one in days] == [(2, 0), (0, 1), (0, 1)]
    house.emulator.reset_statistics()
    whole = compared(house, today, today + 2 * DAYS)
    assert (whole.counts["charges"], whole.counts["ours"], found(whole)) == (2, 2, {})
    assert "payment_intents.retrieve" not in house.emulator.statistics()["endpoints"]


def test_all_pages_are_compared(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe_lists, "LIST_PAGE_MAX", 2)
    monkeypatch.setattr(provider_audit, "ROWS_MAX", 2)
    today = night(house, "a", "b", "c", "d", "e", "f", "g")
    _, oldest = charged_twice(house, "a")
    update(house.engine, "charges", charge_of(house, "g"), provider_intent="pi_gone")
    next_day(house)
    house.emulator.reset_statistics()
    so_far = compared(house, today)
    assert (so_far.counts["charges"], so_far.counts["ours"]) == (8, 7)
    assert [one.intent for one in so_far.duplicates] == [oldest]
    assert so_far.totals == {"charged_twice": 1, "unknown_here": 1, "unknown_there": 1}
    assert house.emulator.statistics()["endpoints"]["charges.list"]["requests"] == 4


def test_more_than_can_be_read_singly_is_said_and_not_accused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_audit, "READS_MAX", 2)
    today = night(house, "a", "b", "c")
    next_day(house)
    house.emulator.reset()  # another account of the provider
    house.emulator.set_clock(house.clock.now())
    so_far = compared(house, today)
    assert so_far.totals == {"unknown_there": 2, "not_compared": 1}


def test_money_that_went_back_is_compared_too(house: House) -> None:
    today = house.clock.today()
    for name in ("hand", "twice", "sum", "state", "gone"):
        bought(house, name)
        if name != "hand":
            override(house, 1000, name=name, request_id=f"r-{name}")
    house.drain()
    payout = {
        row["external_id"]: row
        for row in house.fetch(
            "SELECT a.external_id, p.id, p.uid, p.provider_refund FROM payouts p JOIN charges c ON c.id = p.charge_id"
            " JOIN accounts a ON a.id = c.account_id"
        )
    }
    by_hand, second = house.runtime.payments.refund(
        [
            RefundRequest("by-hand", intent(house, "hand"), 700, {}),
            RefundRequest("again", intent(house, "twice"), 1000, {"payout": str(payout["twice"]["uid"])}),
        ]
    )
    update(house.engine, "payouts", payout["sum"]["id"], amount_minor=900)
    update(house.engine, "payouts", payout["state"]["id"], state="failed", paid_at=None)
    update(house.engine, "payouts", payout["gone"]["id"], provider_refund="re_gone", uid=payout["gone"]["uid"])
    next_day(house)
    told = found(compared(house, today))
    number = {name: row["id"] for name, row in payout.items()}
    assert told == {
        "unknown_here": [f"hand: {by_hand.refund}, of charge {charge_of(house, 'hand')}: 700 EUR went back"],
        "refunded_twice": [
            f"gone: {payout['gone']['provider_refund']} and re_gone are both of payout {number['gone']}",
            f"twice: {second.refund} and {payout['twice']['provider_refund']} are both of payout {number['twice']}",
        ],
        "amount_differs": [
            f"sum: {payout['sum']['provider_refund']}, payout {number['sum']}: 900 EUR here, 1000 EUR there"
        ],
        "state_differs": [
            f"state: {payout['state']['provider_refund']}, payout {number['state']}: failed here, succeeded there"
        ],
        "unknown_there": [f"gone: re_gone, payout {number['gone']}: resource_missing"],
    }


def test_R14c_disputes_are_compared_and_one_whose_end_was_never_told_is_found(house: House) -> None:
    today = house.clock.today()
    for name in ("unheard", "ended", "won"):
        bought(house, name)
    ended = house.emulator.open_dispute(intent(house, "ended"))
    for _ in range(16):
        house.wait(minutes=1)
        minute(house)
    house.emulator.withhold_events(withheld=True)
    unheard = house.emulator.open_dispute(intent(house, "unheard"))
    house.emulator.close_dispute(house.emulator.open_dispute(intent(house, "won")), "won")
    next_day(house)
    charge = charge_of(house, "unheard")
    assert found(compared(house, today)) == {"unknown_here": [f"unheard: {unheard}, of charge {charge}: open there"]}
    house.emulator.close_dispute(ended, "lost")
    house.go_to(house.clock.today() + 20 * DAYS)
    told = found(compared(house, house.clock.today() - DAYS))
    (row,) = house.fetch("SELECT id FROM disputes")
    assert told == {"state_differs": [f"ended: {ended}, dispute {row['id']}: open here, lost there"]}


@pytest.mark.parametrize("endpoint", ["charges.list", "refunds.list", "disputes.list", "payment_intents.retrieve"])
def test_a_provider_that_is_away_is_no_finding(house: House, endpoint: str) -> None:
    today = night(house, "shop")
    update(house.engine, "charges", charge_of(house, "shop"), provider_intent="pi_gone")
    next_day(house)
    house.emulator.fault("error_before_execution", endpoint)
    with pytest.raises(UnreachableError):
        compared(house, today)
    assert sorted(found(compared(house, today))) == ["unknown_here", "unknown_there"]
