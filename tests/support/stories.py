"""Words for stories of customers and their charges: who they are, what happened to them, how a worker dies."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text

from tests.support.builders import Subscriber, catalogue, method, rows, subscriber, update
from tests.support.house import House
from worker import jobs
from worker.boundary import doors
from worker.gateways.answers import AnswerKind
from worker.queue import items, runs

DAILY = ("renew", "suspend", "remind", "issue_invoices", "deliver_mail", "follow_payments")
"""The jobs of a day, in its order."""


def customer(house: House, *script: str, **facts: Any) -> Subscriber:
    """A subscriber whose term ends today unless told otherwise; `script` is what confirmations come to."""
    catalogue(house.engine)
    of = subscriber(house.engine, **({"ends_on": house.clock.today()} | facts))
    house.seed(of, script=script or ("ok",))
    return of


def replace_method(house: House, of: Subscriber, *script: str, type: str = "card") -> str:  # noqa: A002 - the column's name
    """The customer replaces the payment method; returns the provider's name of the new one."""
    for row in house.fetch("SELECT id FROM payment_methods WHERE account_id = :of", of=of.account_id):
        update(house.engine, "payment_methods", row["id"], state="removed")
    method(house.engine, of.account_id, type=type)
    house.seed(of, script=script or ("ok",))
    found = "SELECT provider_method FROM payment_methods WHERE account_id = :of AND state = 'in_use'"
    return str(house.fetch(found, of=of.account_id)[0]["provider_method"])


def switch_renewal(house: House, of: Subscriber, *, on: bool) -> None:
    """The customer switches automatic renewal."""
    update(house.engine, "subscriptions", of.subscription_id, auto_renew=on)


def subscription_of(house: House, of: Subscriber) -> dict[str, Any]:
    """Where the subscription stands."""
    return house.fetch("SELECT * FROM subscriptions WHERE id = :id", id=of.subscription_id)[0]


def status_of(house: House, of: Subscriber) -> str:
    """Its status."""
    return str(subscription_of(house, of)["status"])


def charges_of(house: House, of: Subscriber) -> list[dict[str, Any]]:
    """All its charges, oldest first."""
    return house.fetch("SELECT * FROM charges WHERE subscription_id = :id ORDER BY id", id=of.subscription_id)


def charge_of(house: House, of: Subscriber) -> dict[str, Any]:
    """Its only charge."""
    (found,) = charges_of(house, of)
    return found


def attempts_of(house: House, of: Subscriber) -> list[dict[str, Any]]:
    """The attempts of all its charges, oldest first."""
    return house.fetch(
        """SELECT t.* FROM attempts t JOIN charges c ON c.id = t.charge_id
           WHERE c.subscription_id = :id ORDER BY t.id""",
        id=of.subscription_id,
    )


def kinds_of(house: House, of: Subscriber) -> list[str]:
    """The kinds of the account's mails, oldest first."""
    found = house.fetch("SELECT kind FROM mails WHERE account_id = :of ORDER BY id", of=of.account_id)
    return [row["kind"] for row in found]


def paid(house: House, of: Subscriber) -> list[int]:
    """What the provider really took from the customer, in minor units."""
    return [entry["amount"] for entry in house.emulator.journal() if entry["customer"] == f"cus_{of.external_id}"]


def provider_says(house: House, intent: str) -> AnswerKind:
    """What the provider says of a PaymentIntent."""
    return house.runtime.payments.read([intent])[0].kind


def minute(house: House, *, minutes: int = 1) -> list[str]:
    """Let minutes pass, each with its look for work; returns the jobs that had some."""
    found = []
    for _ in range(minutes):
        house.wait(minutes=1)
        specs = [job.spec(house.runtime) for job in jobs.load().values()]
        made = runs.look_for_work(house.engine, specs, house.clock, item_size_max=100)
        found += [run.job for run in made]
        house.drain()
    return found


def whole_day(house: House, day: date | None = None) -> None:
    """All jobs for a business date, in the order of the day."""
    for job in DAILY:
        house.run(job, day=day)


def next_days(house: House, days: int) -> Iterator[date]:
    """Today and the days after it, the clock moved to each."""
    first = house.clock.today()
    for n in range(days):
        house.go_to(first + timedelta(days=n))
        yield first + timedelta(days=n)


def hurry(house: House) -> None:
    """Let items that wait for their next try be due now; held ones stay held.

    Rows that somebody else has locked are left out: two who hurry at once would wait for each other in a circle.
    """
    with house.engine.begin() as connection:
        connection.execute(
            text("""
                UPDATE work_items SET not_before = now() WHERE id IN (
                    SELECT id FROM work_items WHERE state = 'ready' AND not_before < 'infinity'
                    ORDER BY id FOR UPDATE SKIP LOCKED)
            """)
        )


class Died(BaseException):
    """The process is gone; it is no error, so nothing catches it."""


@contextmanager
def watching_doors(told: Any) -> Iterator[None]:
    """Have each pass through a door told, but for those of the thread that keeps leases."""

    def failpoint(name: str) -> None:
        if threading.current_thread().name != "lease-keeper":
            told(name)

    doors.failpoint = failpoint
    try:
        yield
    finally:
        doors.failpoint = None


@contextmanager
def dying_at(name: str, *, time: int = 1) -> Iterator[list[str]]:
    """The process dies at a door, at the n-th pass; yields the passes of that door. Survivors are not told."""
    passes: list[str] = []

    def die(passed: str) -> None:
        if passed == name:
            passes.append(passed)
            if len(passes) == time:
                raise Died(name)

    with watching_doors(die):
        try:
            yield passes
        except Died:
            return


def expire(house: House) -> None:
    """Every lease runs out; whoever holds one does not know yet."""
    past = text("UPDATE work_items SET lease_expires_at = now() - interval '1 s' WHERE state = 'leased'")
    # again when the thread that keeps leases came in between
    while house.fetch("SELECT 1 AS one FROM work_items WHERE state = 'leased'"):
        with house.engine.begin() as connection:
            connection.execute(past)
        items.expire_leases(house.engine, attempts_max=house.runtime.limits.item_attempts_max)


def restart(house: House) -> None:
    """A new process in place of a dead one: calls under way end, leases run out, their items are ready again."""
    payments = house.runtime.payments
    payments.close()
    house.runtime = replace(house.runtime, payments=replace(payments))
    expire(house)
    hurry(house)


def until_quiet(house: House, *, most: int = 8) -> None:
    """Minutes pass until nothing is open any more. Fails when something stays open."""
    for _ in range(most):
        hurry(house)
        house.drain()
        if not minute(house):
            return
    stuck = rows(house.engine, "SELECT job, state, last_error FROM work_items WHERE state <> 'done'")
    raise AssertionError(f"after {most} minutes something is still open: {stuck}")
