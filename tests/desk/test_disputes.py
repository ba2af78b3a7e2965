"""Chargebacks: the account's money stands still, a lost one ends the service, support releases it (R14c)."""

from datetime import date, timedelta
from typing import Any

import pytest
import stripe

from tests.support.builders import Subscriber
from tests.support.counter import audited, customer_of, entitled, support_for
from tests.support.house import House
from tests.support.shopping import buy, newcomer, quoted, wish
from tests.support.stories import charges_of, customer, dying_at, hurry, minute, paid, restart, status_of
from worker.desk.disputes import release_dispute
from worker.desk.refund import refund
from worker.errors import ActRefusedError, UnreachableError


def renewed(house: House, *script: str, **facts: Any) -> tuple[Subscriber, str]:
    """A customer whose term was paid today, and the PaymentIntent that paid it."""
    of = customer(house, *script, **facts)
    house.run("renew")
    return of, str(charges_of(house, of)[-1]["provider_intent"])


def hear(house: House) -> None:
    """Time passes until the provider's events are read again."""
    house.wait(minutes=16)
    house.run("follow_payments")


def disputed(house: House, *script: str, **facts: Any) -> tuple[Subscriber, str]:
    """A customer whose bank has taken the newest payment back, and the dispute's name."""
    of, intent = renewed(house, *script, **facts)
    dispute = house.emulator.open_dispute(intent)
    hear(house)
    return of, dispute


def dispute_of(house: House) -> dict[str, Any]:
    """The only dispute."""
    (found,) = house.fetch("SELECT * FROM disputes")
    return found


def close(house: House, dispute: str, status: str) -> None:
    """The bank decides, and we hear of it."""
    house.emulator.close_dispute(dispute, status)
    hear(house)


def release(house: House, of: Subscriber, dispute: str, *, request_id: str = "r-1") -> bool:
    """Support lets the account go on; whether it was done before."""
    done = release_dispute(house.runtime, support_for(of), dispute, request_id=request_id, reason="settled")
    return done.repeated


def a_term_later(house: House, of: Subscriber) -> None:
    """The day on which the next renewal is due."""
    (row,) = house.fetch("SELECT paid_until FROM subscriptions WHERE id = :id", id=of.subscription_id)
    house.go_to(row["paid_until"])


def test_R14c_a_chargeback_is_kept_audited_and_stops_the_renewal(house: House) -> None:
    of, dispute = disputed(house)
    row = dispute_of(house)
    assert (row["provider_dispute"], row["status"], row["amount_minor"]) == (dispute, "open", of.list_minor)
    assert (row["account_id"], row["released_at"], row["closed_at"]) == (of.account_id, None, None)
    (audit,) = house.fetch("SELECT * FROM audit_log WHERE act = 'dispute_opened'")
    assert (audit["account_id"], audit["actor"], audit["reason"]) == (of.account_id, "follow_payments", "fraudulent")
    a_term_later(house, of)
    for job in ("renew", "suspend"):
        house.run(job)
    assert (status_of(house, of), paid(house, of)) == ("active", [of.list_minor]), "neither charged nor suspended"


def test_R14c_it_is_heard_of_within_a_quarter_of_an_hour_though_nothing_is_open(house: House) -> None:
    of, intent = renewed(house)
    minute(house, minutes=20)
    house.emulator.open_dispute(intent)
    house.emulator.reset_statistics()
    minute(house, minutes=16)
    assert dispute_of(house)["account_id"] == of.account_id
    assert house.emulator.statistics()["endpoints"]["events.list"]["requests"] <= 2, "the provider allows few reads"


def test_R14c_the_same_events_twice_change_nothing(house: House) -> None:
    disputed(house)
    before = (dispute_of(house), house.fetch("SELECT id FROM audit_log"))
    for _ in range(2):
        hear(house)
    assert (dispute_of(house), house.fetch("SELECT id FROM audit_log")) == before


def test_R14c_a_dispute_of_nobody_of_ours_is_passed_over(house: House) -> None:
    _, intent = renewed(house)
    with house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE charges SET provider_intent = 'pi_of_another_database'")
    house.emulator.open_dispute(intent)
    hear(house)
    assert house.fetch("SELECT * FROM disputes") == []
    assert house.fetch("SELECT state FROM work_items WHERE job = 'follow_payments' AND state <> 'done'") == []


def test_R14c_a_dispute_without_an_answer_is_read_again(house: House) -> None:
    _, intent = renewed(house)
    house.emulator.open_dispute(intent)
    house.emulator.fault("drop_after_execution", "disputes.retrieve")
    hear(house)
    assert house.fetch("SELECT * FROM disputes") == []
    hurry(house)
    house.drain()
    assert dispute_of(house)["status"] == "open"


def test_R14c_a_dispute_that_is_never_shown_holds_up_no_other_event(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, intent = renewed(house)
    house.emulator.open_dispute(intent)

    def gone(*_: object) -> None:
        refused = stripe.InvalidRequestError("No such dispute", "id")  # type: ignore[no-untyped-call] # as the library has it
        raise UnreachableError("cannot be read") from refused

    monkeypatch.setattr("worker.gateways.stripe.StripeGateway.dispute", gone)
    hear(house)
    (item,) = house.fetch("SELECT state, result FROM work_items WHERE job = 'follow_payments'")
    assert (item["state"], item["result"]["disputes_unreadable"]) == ("done", 1)


def test_R14c_won_waits_for_support_and_then_the_renewal_is_made_good(house: House) -> None:
    of, dispute = disputed(house)
    close(house, dispute, "won")
    assert dispute_of(house)["status"] == "won"
    a_term_later(house, of)
    house.run("renew")
    assert paid(house, of) == [of.list_minor]
    assert release(house, of, dispute) is False
    house.go_to(house.clock.today() + timedelta(days=1))
    house.run("renew")
    assert paid(house, of) == [of.list_minor] * 2
    assert status_of(house, of) == "active"
    assert audited(house)[-1]["details"]["result"]["status"] == "won"
    assert house.books().equal, house.books().differences


def test_R14c_lost_the_account_is_suspended_at_once_and_the_loss_is_booked(house: House) -> None:
    of, dispute = disputed(house)
    close(house, dispute, "lost")
    row = dispute_of(house)
    assert (row["status"], row["amount_minor"], row["released_at"]) == ("lost", of.list_minor, None)
    assert status_of(house, of) == "suspended"
    has = entitled(house, of)
    assert (has["status"], has["support"], has["valid_until"]) == ("suspended", False, house.clock.today())
    (audit,) = house.fetch("SELECT details FROM audit_log WHERE act = 'dispute_lost'")
    assert (audit["details"]["suspended"], audit["details"]["amount_minor"]) == (of.subscription_id, of.list_minor)
    for days in (1, 31):
        house.go_to(house.clock.today() + timedelta(days=days))
        for job in ("renew", "suspend"):
            house.run(job)
    assert paid(house, of) == [of.list_minor]
    assert house.books().equal, house.books().differences


@pytest.mark.parametrize("amount_minor", [None, 500])
def test_R14b_what_the_bank_took_back_is_not_given_back_again(house: House, amount_minor: int | None) -> None:
    of, dispute = disputed(house)
    close(house, dispute, "lost")
    release(house, of, dispute)
    with pytest.raises(ActRefusedError) as refused:
        refund(
            house.runtime,
            support_for(of),
            request_id="r-2",
            override=True,
            amount_minor=amount_minor,
            reason="asked for twice",
        )
    assert refused.value.code == "nothing_to_refund"
    assert house.fetch("SELECT id FROM mails WHERE kind = 'refund_made'") == []


def test_R14c_after_a_lost_one_only_an_order_starts_the_service_again(house: House) -> None:
    newcomer(house, "shop")
    buy(house, "shop", wish("standard", "month", 3))
    (charge,) = house.fetch("SELECT provider_intent, account_id FROM charges")
    dispute = house.emulator.open_dispute(charge["provider_intent"])
    hear(house)
    with pytest.raises(ActRefusedError) as refusal:
        quoted(house, "shop", wish("standard", "month", 3))
    assert refusal.value.code == "disputed"
    close(house, dispute, "lost")
    (of,) = house.fetch("SELECT external_id FROM accounts")
    assert of["external_id"] == "shop"
    release_dispute(house.runtime, _support("shop"), dispute, request_id="r-1", reason="paid by transfer")
    house.go_to(date(2026, 3, 20))
    assert buy(house, "shop", wish("standard", "month", 3))["outcome"] == "paid"
    (has,) = house.fetch("SELECT status, valid_until FROM entitlements WHERE account = 'shop'")
    assert (has["status"], has["valid_until"]) == ("active", date(2026, 4, 20))
    assert house.books().equal, house.books().differences


def _support(name: str) -> Any:
    from worker.desk.request import Caller, Role

    return Caller(Role.SUPPORT, "eva", name)


def test_R14c_lost_gives_up_what_was_about_to_be_paid(house: House) -> None:
    of, intent = renewed(house, "ok", "insufficient_funds")
    a_term_later(house, of)
    house.run("renew")
    assert status_of(house, of) == "past_due"
    dispute = house.emulator.open_dispute(intent)
    hear(house)
    close(house, dispute, "lost")
    minute(house)
    assert [charge["state"] for charge in charges_of(house, of)] == ["succeeded", "cancelled"]
    assert status_of(house, of) == "suspended"


def test_R14c_a_declined_renewal_is_not_tried_while_one_stands(house: House) -> None:
    of, intent = renewed(house, "ok", "insufficient_funds", "ok")
    a_term_later(house, of)
    house.run("renew")
    house.emulator.open_dispute(intent)
    hear(house)
    house.go_to(house.clock.today() + timedelta(days=1))
    house.run("renew")
    assert paid(house, of) == [of.list_minor]


def test_R14c_a_dispute_heard_of_when_it_is_lost_already_suspends_too(house: House) -> None:
    of, intent = renewed(house)
    house.emulator.close_dispute(house.emulator.open_dispute(intent), "lost")
    hear(house)
    assert (dispute_of(house)["status"], status_of(house, of)) == ("lost", "suspended")


def test_R14c_a_death_in_the_middle_loses_no_dispute(house: House) -> None:
    for door in ("before:commit:follow.dispute", "after:commit:follow.dispute", "after:call:stripe.dispute"):
        of, intent = renewed(house)
        house.emulator.open_dispute(intent)
        with dying_at(door) as passes:
            hear(house)
        assert passes, f"nobody came to {door}"
        restart(house)
        house.drain()
        found = house.fetch("SELECT status FROM disputes WHERE account_id = :of", of=of.account_id)
        assert found == [{"status": "open"}], door
    assert len(house.fetch("SELECT id FROM audit_log WHERE act = 'dispute_opened'")) == 3


def test_R14c_a_release_has_one_effect_and_is_refused_a_second_time(house: House) -> None:
    of, dispute = disputed(house)
    close(house, dispute, "won")
    assert [release(house, of, dispute) for _ in range(2)] == [False, True]
    with pytest.raises(ActRefusedError) as refusal:
        release(house, of, dispute, request_id="r-2")
    assert refusal.value.code == "dispute_released"


@pytest.mark.parametrize(
    ("code", "name", "who"),
    [
        ("dispute_open", None, support_for),
        ("no_dispute", "du_of_another", support_for),
        ("support_only", None, customer_of),
    ],
)
def test_R14c_refusals_of_a_release(house: House, code: str, name: str | None, who: Any) -> None:
    of, dispute = disputed(house)
    with pytest.raises(ActRefusedError) as refusal:
        release_dispute(house.runtime, who(of), name or dispute, request_id="r-1", reason="x")
    assert refusal.value.code == code
    assert dispute_of(house)["released_at"] is None
