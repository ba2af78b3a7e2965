"""R13: yearly to monthly, scheduled by support for the end of the term, withdrawn, void, or brought by its renewal."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.builders import Subscriber, counts, new_prices, rows
from tests.support.counter import audited, customer_of, support_for
from tests.support.house import House
from tests.support.stories import charges_of, customer, kinds_of, next_days, paid, status_of, subscription_of
from worker.desk.interval_change import keep_yearly, schedule_monthly
from worker.desk.my_package import my_package
from worker.desk.renewal import renewal_off
from worker.desk.request import Done
from worker.desk.to_free import to_free
from worker.errors import ActRefusedError

DAYS = timedelta(days=1)
YEARLY: dict[str, Any] = {"interval": "year", "agent_price_minor": 15000}


def yearly(house: House, *script: str, days: int = 5, **facts: Any) -> Subscriber:
    """A yearly subscriber whose term ends in some days."""
    return customer(house, *script, ends_on=house.clock.today() + days * DAYS, **YEARLY, **facts)


def scheduled(house: House, of: Subscriber, request_id: str = "r-1") -> Done:
    """Support schedules it."""
    return schedule_monthly(house.runtime, support_for(of), request_id=request_id, reason="asked by mail")


def kept(house: House, of: Subscriber, request_id: str = "r-2") -> Done:
    """The customer thinks better of it."""
    return keep_yearly(house.runtime, customer_of(of), request_id=request_id)


def states(house: House) -> list[str]:
    """The states of all scheduled changes, oldest first."""
    return [row["state"] for row in rows(house.engine, "SELECT state FROM scheduled_changes ORDER BY id")]


def test_R13_the_renewal_brings_it_at_the_prices_of_the_day_it_was_scheduled(house: House) -> None:
    of = yearly(house)
    done = scheduled(house, of)
    assert done.result == {
        "changes_on": of.ends_on.isoformat(),
        "auto_renew": True,
        "term_minor": 3 * 1900,
        "currency": "EUR",
    }
    assert subscription_of(house, of)["interval"] == "year", "nothing changes before"
    new_prices(house.engine, valid_from=house.clock.today() + 3 * DAYS, agent_price_minor=9900)
    for _ in next_days(house, 6):
        house.run("renew")
    one = subscription_of(house, of)
    assert (one["interval"], one["anchor_on"], one["anchor_number"]) == ("month", of.ends_on, 1)
    assert paid(house, of) == [3 * 1900]
    assert states(house) == ["applied"]
    house.go_to(one["paid_until"])
    house.run("renew")
    assert paid(house, of) == [3 * 1900] * 2
    assert [charge["starts_on"] for charge in charges_of(house, of)] == [of.ends_on, one["paid_until"]]
    assert house.books().equal


def test_R13_it_is_mailed_and_shown_and_twice_is_once(house: House) -> None:
    of = yearly(house)
    first = scheduled(house, of)
    before = counts(house.engine)
    again = scheduled(house, of)
    assert (again.repeated, dict(again.result)) == (True, dict(first.result))
    assert counts(house.engine) == before
    house.drain()
    assert [str(mail["Subject"]) for mail in house.sink.mails] != []
    assert kinds_of(house, of) == ["interval_change_scheduled"]
    shown = my_package(house.runtime, customer_of(of))
    assert shown["scheduled"] == [{"kind": "interval", "comes_on": of.ends_on.isoformat()}]
    assert shown["next_charge"] == {"on": of.ends_on.isoformat(), "amount_minor": 3 * 1900, "currency": "EUR"}
    assert shown["interval"] == "year"


def test_R13b_it_can_be_withdrawn_until_then_by_the_customer(house: House) -> None:
    of = yearly(house)
    scheduled(house, of)
    done = kept(house, of)
    assert kept(house, of).repeated
    assert done.result == {"interval": "year", "renews_on": of.ends_on.isoformat(), "auto_renew": True}
    assert states(house) == ["withdrawn"]
    assert rows(house.engine, "SELECT state FROM mails") == [{"state": "withdrawn"}]
    house.go_to(of.ends_on)
    house.run("renew")
    assert paid(house, of) == [3 * 15000]
    assert subscription_of(house, of)["interval"] == "year"


def test_R13b_it_is_void_once_the_account_is_suspended(house: House) -> None:
    of = yearly(house, auto_renew=False)
    assert scheduled(house, of).result["auto_renew"] is False
    assert subscription_of(house, of)["auto_renew"] is False, "it never switches renewal on"
    house.go_to(of.ends_on)
    for job in ("renew", "suspend"):
        house.run(job)
    assert status_of(house, of) == "suspended"
    assert (states(house), paid(house, of)) == (["void"], [])


def test_R13b_it_is_void_once_a_schedule_of_tries_has_run_out(house: House) -> None:
    of = yearly(house, "insufficient_funds", days=0)
    # before the renewal of the day is planned
    scheduled(house, of)
    for _ in next_days(house, 9):
        house.run("renew")
        house.run("suspend")
    assert (status_of(house, of), states(house)) == ("suspended", ["void"])
    assert subscription_of(house, of)["interval"] == "year"


def test_R11_it_is_void_once_the_account_is_free(house: House) -> None:
    of = yearly(house)
    scheduled(house, of)
    to_free(house.runtime, support_for(of), request_id="r-2", reason="asked")
    assert states(house) == ["void"]


def test_R13_a_try_that_succeeds_later_brings_it_too(house: House) -> None:
    of = yearly(house, "insufficient_funds", "ok", days=0)
    scheduled(house, of)
    house.run("renew")
    assert (states(house), subscription_of(house, of)["interval"]) == (["waiting"], "year")
    house.go_to(house.clock.today() + DAYS)
    house.run("renew")
    one = subscription_of(house, of)
    assert (states(house), one["interval"], one["anchor_on"]) == (["applied"], "month", of.ends_on)


def test_R9c_no_other_year_is_announced_while_it_waits(house: House) -> None:
    of = yearly(house)
    house.run("remind")
    scheduled(house, of)
    house.run("remind")
    assert kinds_of(house, of).count("yearly_renewal") == 1, "that of before"
    other = yearly(house)
    scheduled(house, other)
    house.run("remind")
    assert kinds_of(house, other) == ["interval_change_scheduled"]
    keep_yearly(house.runtime, support_for(other), request_id="r-2", reason="asked")
    house.run("remind")
    assert kinds_of(house, other)[-1] == "yearly_renewal"


@pytest.mark.parametrize("script", ["insufficient_funds", "processing:succeeded:300"])
def test_R13_neither_scheduled_nor_withdrawn_while_the_renewal_is_charged(house: House, script: str) -> None:
    of = yearly(house, script, days=0)
    other = yearly(house, script, days=0)
    scheduled(house, other)
    house.run("renew")
    with pytest.raises(ActRefusedError, match="try again after it"):
        scheduled(house, of)
    with pytest.raises(ActRefusedError, match="try again after it"):
        kept(house, other)
    assert states(house) == ["waiting"]
    assert [row["details"].get("refused") for row in audited(house)][-2:] == ["charge_open"] * 2


def test_R7_renewal_that_is_off_later_leaves_nothing_behind(house: House) -> None:
    of = yearly(house)
    scheduled(house, of)
    renewal_off(house.runtime, customer_of(of), request_id="r-2")
    house.go_to(of.ends_on)
    house.run("renew")
    house.run("suspend")
    assert (status_of(house, of), states(house), paid(house, of)) == ("suspended", ["void"], [])
