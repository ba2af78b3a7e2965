"""To new prices: support moves a subscription, or all of a package, to the catalogue of today, with notice (R3b).

All lots get today's unit prices with the first term that starts when the notice is over. A second move replaces the
first where it brings something else.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from worker import boundary
from worker.billing.calendar import Interval
from worker.billing.catalogue import Catalogue, Package
from worker.billing.holdings import Holdings, repriced
from worker.billing.money import Currency
from worker.charging.letters import Rung
from worker.desk.live import first_term_from, live_subscription
from worker.desk.request import Ask, Caller, Done, Role, noted, perform, send
from worker.errors import ActRefusedError, RuleError
from worker.runtime import Runtime
from worker.store import desk, scheduled
from worker.store.catalogue import load_catalogue
from worker.store.configurations import holdings_of
from worker.store.mails import NewMail

KIND = "prices"
PAGE = 200
"""Subscriptions that are looked at together when all of a package move."""


def move_to_new_prices(runtime: Runtime, caller: Caller, *, request_id: str, reason: str | None = None) -> Done:
    """Move a subscription to today's prices.

    Raises:
        ActRefusedError: a customer asks, no reason, not live, the prices are or will be today's already, or the price
            list lacks something.
    """
    ask = Ask(caller, "new_prices", request_id, reason=reason)
    with noted(runtime, ask, support_only=True):
        return perform(runtime, ask, partial(_move, runtime))


@dataclass
class Moved:
    """What became of all subscriptions of a package: how many, and the words of refusals by external id."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)


def move_all_to_new_prices(
    runtime: Runtime, *, by: str, package: Package, currency: Currency, request_id: str, reason: str
) -> Moved:
    """Move every live subscription to a package in a currency that would not have today's prices otherwise.

    Each is an act of its own, with its own transaction and audit row; those that stay leave none. A request id
    belongs to its account, so the given one serves for each, and the same call again goes on where it was broken off.
    """
    moved, after = Moved(), 0
    while True:
        with boundary.transaction(runtime.engine, "desk.new_prices.page") as connection:
            catalogue = load_catalogue(connection)
            rows = scheduled.live_of_package(
                connection, package=package.value, currency=currency.value, after=after, most=PAGE
            )
        for row in rows:
            if not _differs(row, catalogue, on=runtime.clock.today()):
                moved.counts["unchanged"] += 1
                continue
            try:
                caller = Caller(Role.SUPPORT, by, row.external_id)
                done = move_to_new_prices(runtime, caller, request_id=request_id, reason=reason)
                moved.counts["repeated" if done.repeated else "moved"] += 1
            except ActRefusedError as refusal:
                moved.counts["refused"] += 1
                moved.refused[row.external_id] = str(refusal)
        if len(rows) < PAGE:
            return moved
        after = rows[-1].id


def _differs(row: Row[Any], catalogue: Catalogue, *, on: date) -> bool:
    try:
        prices = _prices(row, catalogue, on=on)
    except RuleError:
        return True  # the act refuses it in its own words
    return prices.new != prices.expected


@dataclass(frozen=True, slots=True)
class _Prices:
    """What later terms sell as things stand, and what they would sell at the prices of a day.

    `standing` is without a waiting move to new prices, `expected` with it.
    """

    standing: Holdings
    expected: Holdings
    new: Holdings


def _prices(row: Row[Any], catalogue: Catalogue, *, on: date) -> _Prices:
    waiting, standing = row.waiting or {}, holdings_of(row)
    if "interval" in waiting:
        day = date.fromisoformat(waiting["interval"]["priced_on"])
        standing = repriced(standing, catalogue=catalogue, on=day, interval=Interval.MONTH)
    expected = standing
    if KIND in waiting:
        expected = repriced(standing, catalogue=catalogue, on=date.fromisoformat(waiting[KIND]["priced_on"]))
    return _Prices(standing, expected, repriced(standing, catalogue=catalogue, on=on))


def _move(runtime: Runtime, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    row = live_subscription(connection, account)
    today = runtime.clock.today()
    try:
        prices = _prices(row, load_catalogue(connection), on=today)
    except RuleError as error:
        raise ActRefusedError(
            "cannot_be_priced", f"{error}: ask ops to complete the price list, or the customer to change the order"
        ) from error
    if prices.new == prices.expected:
        raise ActRefusedError("nothing_to_change", "it has or is about to have today's prices: leave it as it is")
    # One that waits brings something else. What it announced and nobody read yet is not announced.
    scheduled.withdraw(connection, row.id, kind=KIND, now=runtime.clock.now())
    desk.take_back_mails(connection, row.id, ("prices_change",), because="another move to new prices replaces it")
    old_minor, new_minor = _sum(prices.standing), _sum(prices.new)
    result: dict[str, object] = {
        "renews_on": None,
        "old_minor": old_minor,
        "new_minor": new_minor,
        "currency": row.bought_in,
        "replaced": KIND in (row.waiting or {}),
    }
    if prices.new == prices.standing:
        return result
    not_before = today + timedelta(days=runtime.policy.price_notice_days)
    change = scheduled.schedule(connection, row.id, kind=KIND, not_before=not_before, priced_on=today)
    renews_on = first_term_from(row, not_before)
    if old_minor != new_minor:
        send(runtime, connection, _mail(runtime, row, change, renews_on, prices), rung)
    return result | {"renews_on": renews_on.isoformat()}


def _sum(holdings: Holdings) -> int:
    return sum(line.net_minor for line in holdings.lines)


def _mail(runtime: Runtime, row: Row[Any], change: int, renews_on: date, prices: _Prices) -> NewMail:
    currency = row.bought_in
    return NewMail(
        account_id=row.account_id,
        kind="prices_change",
        subject_key=f"subscription:{row.id}:scheduled:{change}",
        data={
            "company": row.company,
            "package": row.package,
            "renews_on": renews_on.isoformat(),
            "old_amount": {"amount_minor": _sum(prices.standing), "currency": currency},
            "new_amount": {"amount_minor": _sum(prices.new), "currency": currency},
            "account_url": runtime.links.account_page_url,
            "with_vat": currency in runtime.gross_currencies,
        },
        subscription_id=row.id,
        useless_on=renews_on,
    )
