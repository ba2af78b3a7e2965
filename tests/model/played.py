"""The product as the model's story plays it: acts at the desk, days with their jobs, and what is read of the books."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import text

from tests.model.reference import Wish
from tests.support.builders import catalogue
from tests.support.house import PRAGUE, House
from tests.support.invariants import AT_ONCE, broken
from tests.support.servers import empty
from tests.support.shopping import caller, newcomer, wish
from tests.support.stories import hurry
from worker import jobs
from worker.desk.order import cancel_order, order
from worker.desk.quote import quote
from worker.desk.renewal import renewal_off, renewal_on
from worker.errors import ActRefusedError
from worker.jobs.audit import as_of
from worker.queue import runs
from worker.queue.plans import JobSpec, PlanRequest

FIRST_DAY = date(2026, 1, 20)
MORNING, ACTS = time(5), time(10)
NIGHTLY = ("renew", "suspend", "remind", "issue_invoices")
MINUTES_MAX = 15

_SHOWN = text("""
    SELECT e.*, a.currency, t.starts_on, t.ends_on, coalesce(s.auto_renew, false) AS renewal,
           (SELECT coalesce(sum(amount_minor), 0) FROM credit_entries c
            WHERE c.account_id = a.id AND c.currency = a.currency)::bigint AS credit,
           (SELECT coalesce(sum(amount_minor), 0) FROM goodwill_entries g WHERE g.account_id = a.id)::bigint
               AS goodwill,
           (SELECT coalesce(array_agg(gross_minor ORDER BY gross_minor), '{}') FROM invoices i
            WHERE i.account_id = a.id AND i.kind = 'invoice') AS invoices,
           (SELECT coalesce(sum(abs(gross_minor)), 0) FROM invoices i
            WHERE i.account_id = a.id AND i.kind = 'credit_note')::bigint AS credited
    FROM accounts a JOIN entitlements e ON e.account = a.external_id
    LEFT JOIN LATERAL (SELECT * FROM subscriptions WHERE account_id = a.id AND status NOT IN ('pending', 'ended')
                       ORDER BY (status IN ('active', 'past_due')) DESC, id DESC LIMIT 1) s ON true
    LEFT JOIN terms t ON t.subscription_id = s.id AND t.number = s.term_number
    ORDER BY a.id
""")
_UNSETTLED = """
    SELECT 1 AS one FROM work_items WHERE state IN ('ready', 'leased')
    UNION ALL SELECT 1 FROM charges WHERE parked_at IS NULL
        AND state IN ('planned', 'priced', 'confirming', 'unknown', 'cancelling')
    UNION ALL SELECT 1 FROM payouts WHERE parked_at IS NULL AND state IN ('planned', 'sent', 'unknown')
"""


@dataclass
class Played:
    """The house in the hands of one story."""

    house: House
    requests: int = 0
    specs: dict[str, JobSpec] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing, on the first day."""
        empty(self.house.engine)
        self.house.emulator.reset()
        self.house.go_to(FIRST_DAY, at=ACTS)
        catalogue(self.house.engine)
        # one renewal is more than five usual days where there are three customers (R8d)
        self.house.with_policy(hold_multiple=1000)
        self.specs = {name: job.spec(self.house.runtime) for name, job in jobs.load().items()}

    @property
    def today(self) -> date:
        """The day of the story."""
        return self.house.clock.today()

    def request_id(self) -> str:
        """A new one each time."""
        self.requests += 1
        return f"story-{self.requests}"

    def opens(self, name: str, currency: str) -> None:
        """A customer with billing details and a card."""
        newcomer(self.house, name, currency=currency)

    def orders(self, name: str, asked: Wish) -> tuple[str, int]:
        """Quote, order, and what is caused; returns how it ended, and the sum that was quoted."""
        runtime, who = self.house.runtime, caller(name)
        wanted = wish(asked.package, asked.interval, asked.agents, asked.extra)
        try:
            shown = quote(runtime, who, wanted, currency=None, request_id=self.request_id()).result
            made = order(runtime, who, str(shown["quote"]), request_id=self.request_id()).result
        except ActRefusedError as refusal:
            return refusal.code, 0
        self.settle()
        outcome = str(made["outcome"])
        if outcome in {"declined", "waiting"}:
            cancel_order(runtime, who, str(made["order"]), request_id=self.request_id())
            self.settle()
        return outcome, int(str(made["to_pay_minor"]))

    def switches_renewal(self, name: str, *, on: bool) -> str:
        """Returns `done`, or the refusal."""
        switch = renewal_on if on else renewal_off
        try:
            switch(self.house.runtime, caller(name), request_id=self.request_id())
        except ActRefusedError as refusal:
            return refusal.code
        self.settle()
        return "done"

    def to_morning(self, day: date) -> None:
        """The clocks go to the hour of the jobs."""
        self.house.go_to(day, at=MORNING)

    def to_acts(self) -> None:
        """The clocks go to the hour at which customers act."""
        self.house.go_to(self.today, at=ACTS)
        self.settle()

    def runs(self, job: str, due: date) -> None:
        """The job of a business date; one that finds nothing to do is only asked."""
        request = PlanRequest(due, self.today, self.house.clock.now())
        with self.house.engine.connect() as connection:
            planned = self.specs[job].planner(connection, request)
            connection.rollback()
        # `suspend` and `remind` refuse a date whose `renew` was not planned
        if planned.items or job == "renew":
            self.house.run(job, day=due)

    def settle(self) -> None:
        """Minutes pass until nothing is open but what waits for a customer or a bank."""
        house = self.house
        house.drain()
        minutely = [spec for spec in self.specs.values() if spec.minutely]
        for _ in range(MINUTES_MAX):
            del house.ran[:]
            hurry(house)
            runs.look_for_work(house.engine, minutely, house.clock, item_size_max=100)
            house.drain()
            if set(house.ran) <= {"follow_payments"} and not house.fetch(_UNSETTLED):
                return
            house.wait(minutes=1)
        raise AssertionError(f"after {MINUTES_MAX} minutes something is still open")

    def shown(self) -> dict[str, dict[str, object]]:
        """What the books and the provider's journal say of every account."""
        charged, returned = self._journal()
        with self.house.engine.connect() as connection:
            rows = connection.execute(_SHOWN).mappings().all()
        return {row["account"]: _account(row, charged, returned) for row in rows}

    def _journal(self) -> tuple[dict[str, list[int]], Counter[str]]:
        charged: dict[str, list[int]] = {}
        for entry in self.house.emulator.journal():
            charged.setdefault(entry["customer"], []).append(entry["amount"])
        returned: Counter[str] = Counter()
        for entry in self.house.emulator.journal_refunds():
            if entry["status"] == "succeeded":
                returned[entry["customer"]] += entry["amount"]
        return charged, returned

    def audit(self) -> list[str]:
        """What the product's own audit and the comparison of the books find."""
        found = broken(self.house.engine, as_of=as_of(self.house.runtime, grace=AT_ONCE))
        return [*found, *self.house.books().differences]

    def minutes(self) -> datetime:
        """The instant."""
        return self.house.clock.now().astimezone(PRAGUE)


def _account(row: Any, charged: dict[str, list[int]], returned: Counter[str]) -> dict[str, object]:
    customer = f"cus_{row['account']}"
    has = row["status"] != "free"
    sums = charged.get(customer, [])
    return {
        "status": row["status"],
        "package": row["package"],
        "agents": row["agents"],
        "conversations": row["conversations"],
        "term": (row["starts_on"], row["ends_on"]) if has else None,
        "renewal": row["renewal"],
        "credit": row["credit"],
        "goodwill": row["goodwill"],
        "charged": sum(sums),
        "charges": len(sums),
        "returned": returned[customer],
        "invoices": list(row["invoices"]),
        "credit notes": row["credited"],
    }


def next_day(day: date) -> date:
    """Tomorrow."""
    return day + timedelta(days=1)
