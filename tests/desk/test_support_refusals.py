"""Every refusal of what support does: its code, what to do, and no trace but one audit row; none is the customer's."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.support.builders import Subscriber, catalogue, counts, subscriber
from tests.support.counter import audited, customer_of, support_for
from tests.support.house import House
from worker.desk.extend_term import extend_term
from worker.desk.goodwill import grant_credit
from worker.desk.interval_change import keep_yearly, schedule_monthly
from worker.desk.new_prices import move_to_new_prices
from worker.errors import ActRefusedError

Try = Callable[[House, Subscriber], object]


def asked(act: Callable[..., object], **more: Any) -> Try:
    """An act by support with a reason, unless told otherwise."""
    caller = more.pop("caller", support_for)
    return lambda house, of: act(house.runtime, caller(of), **({"request_id": "r-1", "reason": "asked"} | more))


def grant(amount_minor: int, currency: str = "EUR", **more: Any) -> Try:
    """Goodwill."""
    return asked(grant_credit, amount_minor=amount_minor, currency=currency, **more)


YEARLY = {"interval": "year", "agent_price_minor": 19000}
SUSPENDED = {"status": "suspended"}
FREE = {"status": "ended"}

REFUSED: list[tuple[str, dict[str, Any], Try, str, str]] = [
    ("monthly by a customer", YEARLY, asked(schedule_monthly, caller=customer_of), "support_only", "contact support"),
    ("prices by a customer", {}, asked(move_to_new_prices, caller=customer_of), "support_only", "contact support"),
    ("goodwill by a customer", {}, grant(1, caller=customer_of), "support_only", "contact support"),
    ("days by a customer", {}, asked(extend_term, days=1, caller=customer_of), "support_only", "contact support"),
    ("monthly without a reason", YEARLY, asked(schedule_monthly, reason=None), "reason_missing", "say why"),
    ("prices without a reason", {}, asked(move_to_new_prices, reason=" "), "reason_missing", "say why"),
    ("goodwill without a reason", {}, grant(1, reason=""), "reason_missing", "say why"),
    ("days without a reason", {}, asked(extend_term, days=1, reason=None), "reason_missing", "say why"),
    ("monthly when monthly", {}, asked(schedule_monthly), "monthly_already", "leave it as it is"),
    ("monthly when suspended", YEARLY | SUSPENDED, asked(schedule_monthly), "suspended", "order again first"),
    ("monthly when free", YEARLY | FREE, asked(schedule_monthly), "free", "buy one first"),
    (
        "monthly without a price",
        YEARLY | {"currency": "USD"},
        asked(schedule_monthly),
        "cannot_be_priced",
        "price list",
    ),
    ("keeping what is kept", YEARLY, asked(keep_yearly, caller=customer_of), "nothing_scheduled", "leave it as it is"),
    ("keeping when suspended", YEARLY | SUSPENDED, asked(keep_yearly), "suspended", "order again first"),
    ("keeping when free", YEARLY | FREE, asked(keep_yearly), "free", "buy one first"),
    ("today's prices", {}, asked(move_to_new_prices), "nothing_to_change", "leave it as it is"),
    ("prices when suspended", SUSPENDED, asked(move_to_new_prices), "suspended", "order again first"),
    ("prices when free", FREE, asked(move_to_new_prices), "free", "buy one first"),
    ("prices that are not there", {"currency": "USD"}, asked(move_to_new_prices), "cannot_be_priced", "price list"),
    ("goodwill of nothing", {}, grant(0), "amount", "choose 1 to 99999999"),
    ("goodwill below nothing", {}, grant(-1), "amount", "choose 1 to 99999999"),
    ("goodwill without measure", {}, grant(100_000_000), "amount", "choose 1 to 99999999"),
    ("goodwill in crowns", {}, grant(1, "CZK"), "currency", "give it a sum in EUR"),
    ("no day", {}, asked(extend_term, days=0), "days", "choose 1 to 366"),
    ("too many days", {}, asked(extend_term, days=367), "days", "choose 1 to 366"),
    ("days when suspended", SUSPENDED, asked(extend_term, days=1), "suspended", "order again first"),
    ("days when free", FREE, asked(extend_term, days=1), "free", "buy one first"),
    ("days when past due", {"status": "past_due"}, asked(extend_term, days=1), "past_due", "wait until it is paid"),
]


@pytest.mark.parametrize(
    ("facts", "ask", "code", "words"), [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED]
)
def test_a_refusal_says_what_to_do_and_leaves_an_audit_row(
    house: House, facts: dict[str, Any], ask: Try, code: str, words: str
) -> None:
    catalogue(house.engine)
    with house.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM catalogue_prices WHERE currency = 'USD'")
    of = subscriber(house.engine, **({"ends_on": house.clock.today() + timedelta(days=9)} | facts))
    before = counts(house.engine, but=("audit_log",))
    with pytest.raises(ActRefusedError, match=words) as refused:
        ask(house, of)
    assert refused.value.code == code
    assert counts(house.engine, but=("audit_log",)) == before
    (row,) = audited(house)
    assert (row["details"]["refused"], row["account_id"]) == (code, of.account_id)
