"""Payment methods: vouched for by the provider, tried at once while past due, kept under a renewal (R5, R8b)."""

from datetime import timedelta

import pytest

from tests.support.builders import rows, update
from tests.support.counter import ACTS, customer_of, given, second, with_second_method
from tests.support.house import House
from tests.support.stories import attempts_of, customer, dying_at, paid, status_of
from worker.desk.payment_methods import attach_method, remove_method, use_method
from worker.desk.renewal import renewal_off
from worker.errors import ActRefusedError, UnreachableError


@pytest.mark.parametrize("brand", ["visa", "mastercard", "paypal"])
def test_R5_an_accepted_method_is_kept_with_no_more_than_may_be_known(house: House, brand: str) -> None:
    of = customer(house)
    done = attach_method(house.runtime, customer_of(of), given(house, of, brand=brand), request_id="r-1")
    assert done.result["in_use"] is True
    found = rows(house.engine, "SELECT * FROM payment_methods ORDER BY id")
    assert [row["state"] for row in found] == ["saved", "in_use"]
    assert (found[1]["type"], found[1]["brand"]) == (("paypal", None) if brand == "paypal" else ("card", brand))


def test_R5_a_card_that_nobody_owns_yet_is_attached_at_the_provider(house: House) -> None:
    of = customer(house)
    made = house.runtime.payments._client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    done = attach_method(house.runtime, customer_of(of), made.id, use=False, request_id="r-1")
    assert done.result["in_use"] is False
    known = house.runtime.payments.payment_method(made.id)
    assert known is not None
    assert known.customer == f"cus_{of.external_id}"


@pytest.mark.parametrize(("brand", "name"), [("amex", "American Express"), ("diners", "Diners Club"), ("jcb", "JCB")])
def test_R5_any_other_card_is_refused_by_name_and_stays_unattached(house: House, brand: str, name: str) -> None:
    of = customer(house)
    with pytest.raises(ActRefusedError, match=f"{name} is not accepted; Visa and Mastercard cards, and PayPal"):
        attach_method(house.runtime, customer_of(of), given(house, of, brand=brand), request_id="r-1")
    assert len(rows(house.engine, "SELECT 1 FROM payment_methods")) == 1


def test_R8b_a_new_method_is_tried_at_once_while_past_due(house: House) -> None:
    of = customer(house, "insufficient_funds")
    house.run("renew")
    assert (status_of(house, of), paid(house, of)) == ("past_due", [])
    done = attach_method(house.runtime, customer_of(of), given(house, of), request_id="r-1")
    assert done.result["charges_tried_now"] == 1
    again = use_method(house.runtime, customer_of(of), given(house, of), request_id="r-2")
    assert again.result["charges_tried_now"] == 0, "it is on its way already"
    house.drain()
    assert (status_of(house, of), paid(house, of)) == ("active", [of.list_minor])
    assert len(attempts_of(house, of)) == 2


def test_R8b_a_new_method_with_renewal_off_is_not_charged(house: House) -> None:
    of = customer(house, "insufficient_funds")
    house.run("renew")
    renewal_off(house.runtime, customer_of(of), request_id="r-1")
    done = attach_method(house.runtime, customer_of(of), given(house, of), request_id="r-2")
    assert done.result["charges_tried_now"] == 0
    house.drain()
    assert paid(house, of) == []


def test_R5_a_removed_method_is_forgotten_at_the_provider_too(house: House) -> None:
    of = customer(house, ends_on=house.clock.today() + timedelta(days=9))
    with_second_method(house, of)
    ACTS["method_remove"](house, of, "r-1")
    known = house.runtime.payments.payment_method(second(of))
    assert known is not None
    assert known.customer is None


def test_R5_the_method_in_use_goes_only_when_renewal_is_off(house: House) -> None:
    of = customer(house, ends_on=house.clock.today() + timedelta(days=9))
    (used,) = rows(house.engine, "SELECT provider_method AS name FROM payment_methods")
    with pytest.raises(ActRefusedError, match="put another one to use first, or switch renewal off"):
        remove_method(house.runtime, customer_of(of), used["name"], request_id="r-1")
    renewal_off(house.runtime, customer_of(of), request_id="r-2")
    remove_method(house.runtime, customer_of(of), used["name"], request_id="r-1")
    assert rows(house.engine, "SELECT state FROM payment_methods") == [{"state": "removed"}]


def test_R5_a_method_that_pays_right_now_stays(house: House) -> None:
    of = customer(house)
    with dying_at("after:commit:charging.begin"):
        house.run("renew")
    update(house.engine, "subscriptions", of.subscription_id, auto_renew=False)
    (used,) = rows(house.engine, "SELECT provider_method AS name FROM payment_methods")
    with pytest.raises(ActRefusedError, match="try again in a few minutes"):
        remove_method(house.runtime, customer_of(of), used["name"], request_id="r-1")


def test_a_provider_that_gives_no_answer_leaves_nothing_and_the_request_may_come_again(house: House) -> None:
    of = customer(house)
    name = given(house, of)
    house.emulator.fault("stall", "payment_methods.retrieve", times=1)
    with pytest.raises(UnreachableError, match="try again"):
        attach_method(house.runtime, customer_of(of), name, request_id="r-1")
    assert rows(house.engine, "SELECT 1 FROM desk_requests") == []
    assert not attach_method(house.runtime, customer_of(of), name, request_id="r-1").repeated
