"""Back to Free: support, a reason, credit kept, nothing left open at the provider (R11)."""

from datetime import timedelta

import pytest

from tests.support.counter import audited, entitled, support_for
from tests.support.house import House
from tests.support.stories import charges_of, customer, dying_at, paid, provider_says, status_of
from worker.desk.to_free import to_free
from worker.errors import ActRefusedError
from worker.gateways.answers import AnswerKind


def test_R11_credit_is_kept_and_an_open_payment_is_cancelled_first(house: House) -> None:
    of = customer(house, "insufficient_funds", credit_minor=300)
    house.run("renew")
    done = to_free(house.runtime, support_for(of), request_id="r-1", reason="the shop has closed")
    assert done.result == {"package": "free", "credit_minor": 300, "currency": "EUR"}
    (charge,) = charges_of(house, of)
    assert charge["state"] == "cancelled"
    assert provider_says(house, charge["provider_intent"]) is AnswerKind.CANCELLED
    assert (status_of(house, of), entitled(house, of)["package"]) == ("ended", "free")
    assert audited(house)[0]["reason"] == "the shop has closed"
    for job in ("renew", "suspend", "remind"):
        house.run(job)
    assert paid(house, of) == []
    assert status_of(house, of) == "ended"


def test_R8d_giving_up_is_a_decision_that_a_parked_charge_waits_for(house: House) -> None:
    of = customer(house, ends_on=house.clock.today() - timedelta(days=70))
    house.run("renew")
    assert [charge["parked_reason"] for charge in charges_of(house, of)] == ["term_already_over"]
    to_free(house.runtime, support_for(of), request_id="r-1", reason="nobody answers the phone")
    assert [(charge["state"], charge["parked_reason"]) for charge in charges_of(house, of)] == [("cancelled", None)]
    house.run("renew")
    assert (status_of(house, of), paid(house, of)) == ("ended", [])


def test_R11_a_suspended_account_may_go_back_to_free(house: House) -> None:
    of = customer(house, auto_renew=False)
    house.run("renew")
    house.run("suspend")
    assert entitled(house, of)["status"] == "suspended"
    to_free(house.runtime, support_for(of), request_id="r-1", reason="asked")
    assert entitled(house, of)["status"] == "free"


def test_R11_not_while_a_payment_has_no_answer(house: House) -> None:
    of = customer(house)
    with dying_at("after:commit:charging.begin"):
        house.run("renew")
    with pytest.raises(ActRefusedError, match="try again in a few minutes"):
        to_free(house.runtime, support_for(of), request_id="r-1", reason="asked")
    assert status_of(house, of) == "active"


def test_R11_money_that_came_after_all_renews_and_support_is_told(house: House) -> None:
    of = customer(house, "authentication_required")
    house.run("renew")
    (charge,) = charges_of(house, of)
    house.emulator.approve_at_bank(charge["provider_intent"], api_key="sk_test_emulator")
    with pytest.raises(ActRefusedError, match="arrived after all"):
        to_free(house.runtime, support_for(of), request_id="r-1", reason="asked")
    assert status_of(house, of) == "active"
    assert [charge["state"] for charge in charges_of(house, of)] == ["succeeded"]
    house.drain()
    assert house.books().equal


def test_R11_a_provider_that_does_not_answer_leaves_the_account_as_it_is(house: House) -> None:
    of = customer(house, "insufficient_funds")
    house.run("renew")
    house.emulator.fault("stall", "payment_intents.cancel", times=1)
    with pytest.raises(ActRefusedError, match="still being cancelled"):
        to_free(house.runtime, support_for(of), request_id="r-1", reason="asked")
    assert status_of(house, of) == "past_due"
    to_free(house.runtime, support_for(of), request_id="r-1", reason="asked")
    assert status_of(house, of) == "ended"
