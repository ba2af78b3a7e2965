"""What an answer that is lost does to an order: one charge at the provider or none, as if nothing had been."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.support.builders import insert, size
from tests.support.house import House
from tests.support.invariants import hold
from tests.support.shopping import (
    caller,
    credit_of,
    entitled,
    newcomer,
    ordered,
    pay_on_page,
    quoted,
    wish,
)
from tests.support.stories import customer, dying_at, hurry, minute, restart, status_of
from worker.billing.states import Payer
from worker.desk.renewal import renewal_off
from worker.errors import ActRefusedError

STANDARD = wish("standard", "month", 3)

_ENDED = "('succeeded', 'failed', 'cancelled', 'declined')"

Scene = Callable[[House, str], Callable[[], object]]
"""Makes an account of that name and all before the step; returns the step whose answers are lost."""
Check = Callable[[House, str], None]


def name_of(house: House) -> str:
    """The next account's."""
    return f"shop-{1 + size(house.engine, 'accounts')}"


def settle_down(house: House) -> None:
    """Minutes pass until no work is left; a declined renewal may stay, which is followed for days."""
    for _ in range(2):
        hurry(house)
        minute(house)
    hurry(house)
    house.drain()
    assert house.fetch("SELECT job, last_error FROM work_items WHERE state <> 'done'") == []
    left = house.fetch(f"SELECT id, state FROM charges WHERE state NOT IN {_ENDED}")  # noqa: S608 - a constant
    assert left == []


def patiently(house: House, step: Callable[[], object]) -> None:
    """The customer asks again, and waits when told to."""
    try:
        step()
    except ActRefusedError as refusal:
        assert refusal.code == "payment_under_way"  # noqa: PT017 - anything else goes on its way
        settle_down(house)
        step()


def taken_from(house: House, name: str) -> list[int]:
    """What the provider took from the account."""
    return [entry["amount"] for entry in house.emulator.journal() if entry["customer"] == f"cus_{name}"]


def orders_of(house: House, name: str) -> list[str]:
    """The states of the account's orders."""
    found = house.fetch(
        """SELECT c.state FROM charges c JOIN accounts a ON a.id = c.account_id
           WHERE a.external_id = :name AND c.purpose <> 'renewal' ORDER BY c.id""",
        name=name,
    )
    return [row["state"] for row in found]


def ordering(house: House, name: str, asked: str) -> Callable[[], object]:
    """The customer confirms a quote, always by the same request."""
    return lambda: ordered(house, name, asked, request_id="order-1")


def buying(house: House, name: str) -> Callable[[], object]:
    """A purchase with the saved card, partly paid by credit."""
    number = newcomer(house, name)
    insert(house.engine, "credit_entries", account_id=number, currency="EUR", amount_minor=700, kind="import")
    insert(house.engine, "goodwill_entries", account_id=number, currency="EUR", amount_minor=200, kind="granted")
    return ordering(house, name, quoted(house, name, STANDARD, request_id="quote-1")["quote"])


def bought(house: House, name: str) -> None:
    """Bought and paid once, or not at all, and then the credit is untouched."""
    if orders_of(house, name) == ["succeeded"]:
        assert (taken_from(house, name), credit_of(house, name)) == ([4800], 0)
        assert (entitled(house, name)["status"], entitled(house, name)["agents"]) == ("active", 3)
    else:
        assert (orders_of(house, name), taken_from(house, name), credit_of(house, name)) == ([], [], 700)
        assert entitled(house, name)["status"] == "free"


def raising(house: House, name: str) -> Callable[[], object]:
    """From 3 to 5 agents in the middle of a term, with the saved card."""
    customer(house, external_id=name, ends_on=house.clock.today() + timedelta(days=10))
    return ordering(house, name, quoted(house, name, wish(agents=5), request_id="quote-1")["quote"])


def raised(house: House, name: str) -> None:
    """Raised and paid once, or neither."""
    done = orders_of(house, name) == ["succeeded"]
    assert len(taken_from(house, name)) == (1 if done else 0)
    assert entitled(house, name)["agents"] == (5 if done else 3)
    assert credit_of(house, name) == 0


def replacing(house: House, name: str) -> Callable[[], object]:
    """An order in place of a declined renewal (R12d)."""
    of = customer(house, "insufficient_funds", "ok", external_id=name)
    house.run("renew", only=of.subscription_id)
    return ordering(house, name, quoted(house, name, wish(agents=1), request_id="quote-1")["quote"])


def replaced(house: House, name: str) -> None:
    """The term is paid once, by the order; or it is past due as before."""
    done = orders_of(house, name) == ["succeeded"]
    assert taken_from(house, name) == ([1900] if done else [])
    assert entitled(house, name)["status"] == ("active" if done else "past_due")


def paying_on_page(house: House, name: str) -> Callable[[], object]:
    """A purchase that its customer has just paid on the page."""
    newcomer(house, name, saved=False)
    shown = quoted(house, name, STANDARD, request_id="quote-1")
    ordered(house, name, shown["quote"], payer=Payer.PAGE, request_id="order-1")
    house.drain()
    pay_on_page(house, name)
    return lambda: minute(house)


def paid_on_page(house: House, name: str) -> None:
    """Active, with the card that it was paid with."""
    assert (orders_of(house, name), taken_from(house, name)) == (["succeeded"], [5700])
    assert entitled(house, name)["status"] == "active"


def nobody_pays(house: House, name: str) -> Callable[[], object]:
    """A purchase that is a day old and not paid; its credit waits in it."""
    number = newcomer(house, name, saved=False)
    insert(house.engine, "credit_entries", account_id=number, currency="EUR", amount_minor=700, kind="import")
    insert(house.engine, "goodwill_entries", account_id=number, currency="EUR", amount_minor=200, kind="granted")
    shown = quoted(house, name, STANDARD, request_id="quote-1")
    ordered(house, name, shown["quote"], payer=Payer.PAGE, request_id="order-1")
    house.drain()
    house.wait(hours=24)
    return lambda: minute(house)


def given_up(house: House, name: str) -> None:
    """Cancelled, and the credit is back."""
    assert (orders_of(house, name), taken_from(house, name), credit_of(house, name)) == (["cancelled"], [], 700)
    assert entitled(house, name)["status"] == "free"


def paid_too_late(house: House, name: str) -> Callable[[], object]:
    """A change that is paid when its term has been renewed (R4)."""
    of = customer(house, external_id=name, ends_on=house.clock.today() + timedelta(days=1))
    shown = quoted(house, name, wish(agents=9), request_id="quote-1")
    ordered(house, name, shown["quote"], payer=Payer.PAGE, request_id="order-1")
    house.go_to(house.clock.today() + timedelta(days=1))
    house.run("renew", only=of.subscription_id)
    pay_on_page(house, name)
    return lambda: minute(house)


def returned(house: House, name: str) -> None:
    """The money went back, once, and nothing else has changed."""
    renewal, late = taken_from(house, name)
    back = [each for each in house.emulator.journal_refunds() if each["amount"] == late and each["charge"]]
    assert (renewal, entitled(house, name)["agents"], credit_of(house, name)) == (5700, 3, 0)
    assert len(back) == len([row for row in house.fetch("SELECT * FROM refunds") if row["total_minor"] == late])


@pytest.mark.parametrize("kind", ["stall", "drop_after_execution"])
@pytest.mark.parametrize(
    ("scene", "check", "endpoint"),
    [
        (buying, bought, "payment_intents.create"),
        (buying, bought, "payment_intents.confirm"),
        (raising, raised, "payment_intents.confirm"),
        (replacing, replaced, "payment_intents.cancel"),
        (paying_on_page, paid_on_page, "payment_intents.retrieve"),
        (paying_on_page, paid_on_page, "payment_methods.retrieve"),
        (nobody_pays, given_up, "payment_intents.cancel"),
        (paid_too_late, returned, "refunds.create"),
    ],
)
def test_R6_a_lost_answer_to_any_call_of_an_order_is_made_good(
    house: House, scene: Scene, check: Check, endpoint: str, kind: str
) -> None:
    step = scene(house, name_of(house))
    house.emulator.fault(kind, endpoint, seconds=1.3)
    patiently(house, step)
    settle_down(house)
    check(house, "shop-1")
    hold(house)


def test_R12d_an_order_replaces_the_renewal_also_after_it_was_switched_off(house: House) -> None:
    customer(house, "insufficient_funds", "ok", external_id="shop")
    house.run("renew")
    renewal_off(house.runtime, caller("shop"), request_id="r-1")
    made = quoted(house, "shop", wish(agents=1))
    assert made["renewal_on"] is False
    assert ordered(house, "shop", made["quote"])["outcome"] == "paid"
    settle_down(house)
    has = entitled(house, "shop")
    assert (has["status"], has["agents"]) == ("active", 1)
    assert "suspended" not in [kind for kind, _ in house.mails()]
    hold(house)


def test_R10_an_order_that_does_not_come_after_all_leaves_its_account_to_the_next_suspension(house: House) -> None:
    of = customer(house, "insufficient_funds", "ok", external_id="shop")
    house.run("renew")
    renewal_off(house.runtime, caller("shop"), request_id="r-1")
    step = ordering(house, "shop", quoted(house, "shop", wish(agents=1))["quote"])
    with dying_at("after:call:stripe.cancel") as passes:
        step()
    assert passes
    restart(house)
    settle_down(house)
    assert status_of(house, of) == "past_due"
    house.run("suspend")
    assert status_of(house, of) == "suspended"
    hold(house)
