"""Quotes: what an order would cost, shown before paying and kept, so that what is charged is what was seen (R4).

One act serves every purchase and every change: package, interval, agents, conversations. What is not named stays.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from worker.billing.calendar import Interval
from worker.billing.catalogue import Package
from worker.billing.holdings import Wish
from worker.billing.money import Currency
from worker.charging.letters import Rung
from worker.desk.disputes import demand_undisputed
from worker.desk.offer import Offer, make_offer
from worker.desk.renewal import demand_quiet
from worker.desk.request import Ask, Caller, Done, noted, perform
from worker.errors import ActRefusedError
from worker.runtime import Runtime
from worker.store import orders
from worker.store.catalogue import load_catalogue


def quote(
    runtime: Runtime,
    caller: Caller,
    wish: Wish,
    *,
    currency: Currency | None = None,
    request_id: str,
    reason: str | None = None,
) -> Done:
    """Price what is wished for and keep the quote; it may be ordered for a quarter of an hour.

    Args:
        runtime: the parts.
        caller: who asks.
        wish: what is to be had; None leaves it as it is.
        currency: for an account that is not live another than its own may be chosen (R3).
        request_id: the caller's name for this request.
        reason: for the audit log.

    Raises:
        ActRefusedError: it cannot be had; the sentence says why and what to do.
    """
    content = {"wish": wish_as_json(wish), "currency": None if currency is None else currency.value}
    ask = Ask(caller, "quote", request_id, content, reason)
    with noted(runtime, ask):
        return perform(runtime, ask, partial(_quote, runtime, wish, currency))


def wish_as_json(wish: Wish) -> dict[str, Any]:
    """A wish as it is kept with its quote."""
    return {name: value if isinstance(value, int | None) else str(value) for name, value in asdict(wish).items()}


def wish_of(kept: Mapping[str, Any]) -> Wish:
    """The wish that was kept."""
    return Wish(
        package=None if kept["package"] is None else Package(kept["package"]),
        interval=None if kept["interval"] is None else Interval(kept["interval"]),
        agents=kept["agents"],
        extra_conversations=kept["extra_conversations"],
    )


def offer_now(
    runtime: Runtime, connection: Connection, account: int, wish: Wish, currency: Currency | None
) -> tuple[Offer, Row[Any]]:
    """The offer as of now, and the account as it was made from. Raises ActRefusedError."""
    demand_undisputed(connection, account)
    pay_in = currency or Currency(orders.currency_of(connection, account))
    row = orders.basis(connection, account, currency=pay_in.value)
    offer = make_offer(runtime, row, wish, catalogue=load_catalogue(connection), today=runtime.clock.today())
    return offer, row


def _quote(
    runtime: Runtime, wish: Wish, currency: Currency | None, connection: Connection, account: int, rung: Rung
) -> Mapping[str, object]:
    del rung
    demand_quiet(orders.lock_open_charges(connection, account))
    demand_whole_numbers(wish)
    offer, row = offer_now(runtime, connection, account, wish, currency)
    now = runtime.clock.now()
    valid_until = now + timedelta(minutes=runtime.policy.quote_minutes)
    shown = offer.shown()
    uid = orders.keep_quote(
        connection,
        {
            "account": account,
            "subscription": row.subscription_id,
            "purpose": offer.purpose.value,
            "priced_on": runtime.clock.today(),
            "made_at": now,
            "valid_until": valid_until,
            "currency": offer.holdings.currency.value,
            "to_charge_minor": offer.sale.to_charge_minor,
            "wish": wish_as_json(wish),
            "offer": shown,
            "sha256": offer.fingerprint(),
        },
    )
    return {"quote": str(uid), "valid_until": valid_until.isoformat(), **shown}


def demand_whole_numbers(wish: Wish) -> None:
    """Pass unless a number was given as something else, as an untyped caller may. Raises ActRefusedError."""
    for name in ("agents", "extra_conversations"):
        value = getattr(wish, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise ActRefusedError("not_a_number", f"{name.replace('_', ' ')} must be a whole number: correct it")
