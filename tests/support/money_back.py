"""Words and builders for money that goes back: who asks, what came of it, payouts and disputes as rows."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.support.builders import NOON, Subscriber, insert
from tests.support.house import House
from tests.support.shopping import buy, caller, newcomer, wish
from worker.desk.refund import refund
from worker.desk.request import Done, Role
from worker.errors import ActRefusedError

STANDARD = wish("standard", "month", 3)


def ask(house: House, name: str = "shop", request_id: str = "r-1", **how: Any) -> Done:
    """The customer asks for the money back."""
    return refund(house.runtime, caller(name), request_id=request_id, **how)


def override(house: House, amount_minor: int | None = None, *, name: str = "shop", request_id: str = "r-1") -> Done:
    """Support gives it outside the rule."""
    return refund(
        house.runtime,
        caller(name, Role.SUPPORT),
        request_id=request_id,
        override=True,
        amount_minor=amount_minor,
        reason="a promise by phone",
    )


def refused(code: str, do: Callable[[], Done]) -> None:
    """What is asked for is refused with that code."""
    with pytest.raises(ActRefusedError) as refusal:
        do()
    assert refusal.value.code == code, str(refusal.value)


def went_back(house: House) -> list[int]:
    """What the provider gave back, in minor units, in the order in which it was asked."""
    return [each["amount"] for each in house.emulator.journal_refunds() if each["status"] == "succeeded"]


def reversed_sums(house: House) -> list[int]:
    """What refunds took back of invoices, by charge."""
    found = house.fetch("SELECT gross_minor FROM reversals WHERE refund_id IS NOT NULL ORDER BY charge_id, id")
    return [row["gross_minor"] for row in found]


def bought(house: House, name: str = "shop", **facts: Any) -> None:
    """A first purchase of three agents for a month, 57.00."""
    newcomer(house, name, **facts)
    assert buy(house, name, STANDARD)["outcome"] == "paid"


def payout(engine: Engine, of: Subscriber, charge_id: int, *, amount_minor: int = 5700, **columns: Any) -> int:
    """A refund in full of one charge, with its payout; planned unless told otherwise."""
    decided = insert(
        engine,
        "refunds",
        account_id=of.account_id,
        subscription_id=of.subscription_id,
        kind="full",
        overridden=True,
        reason="built by a test",
        currency=of.currency,
        total_minor=amount_minor,
        requested_on=NOON.date(),
    )
    if "parked_reason" in columns:
        columns = {"parked_at": NOON, **columns}
    values = {"refund_id": decided, "charge_id": charge_id, "currency": of.currency, "amount_minor": amount_minor}
    return insert(engine, "payouts", **(values | columns))


def dispute(engine: Engine, of: Subscriber, charge_id: int, *, status: str = "open", **columns: Any) -> int:
    """A chargeback of a charge."""
    values: dict[str, Any] = {
        "account_id": of.account_id,
        "charge_id": charge_id,
        "provider_dispute": f"du_{charge_id}",
        "currency": of.currency,
        "amount_minor": of.list_minor,
        "reason": "fraudulent",
        "status": status,
        "opened_at": NOON,
        "closed_at": None if status == "open" else NOON,
    }
    return insert(engine, "disputes", **(values | columns))
