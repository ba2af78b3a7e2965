"""The product as the model's story plays it: acts at the desk, days with their jobs, and what is read of the books."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar

from sqlalchemy import text

from tests.model.reference import RefusedError, Wish
from tests.support.builders import catalogue
from tests.support.house import API_KEY, PRAGUE, House
from tests.support.invariants import AT_ONCE, broken
from tests.support.servers import emptying
from tests.support.shopping import caller, newcomer, wish
from tests.support.stories import Died, hurry, restart, watching_doors
from worker import jobs
from worker.desk.order import cancel_order, order
from worker.desk.quote import quote
from worker.desk.request import Caller, Done, Role
from worker.errors import ActRefusedError, UnreachableError
from worker.jobs.audit import as_of
from worker.queue import runs
from worker.queue.plans import JobSpec, PlanRequest
from worker.runtime import Runtime

Did = TypeVar("Did")
Act = Callable[[Runtime, Caller, str], Done]
"""An act at the desk, with the name of its request."""

FIRST_DAY = date(2026, 1, 30)
"""So that the anchor meets a month that is too short for it."""
MORNING, ACTS = time(5), time(10)
NIGHTLY = ("renew", "suspend", "remind", "issue_invoices")
MINUTES_MAX = 15
TIMES_MAX = 5

_SHOWN = text("""
    SELECT e.*, a.currency, t.starts_on, t.ends_on, coalesce(s.auto_renew, false) AS renewal,
           (SELECT coalesce(sum(amount_minor), 0) FROM credit_entries c
            WHERE c.account_id = a.id AND c.currency = a.currency)::bigint AS credit,
           (SELECT coalesce(sum(amount_minor), 0) FROM goodwill_entries g WHERE g.account_id = a.id)::bigint
               AS goodwill,
           (SELECT coalesce(sum(k.amount_minor), 0) FROM carried_sums k
            WHERE k.account_id = a.id AND k.into_charge_id IS NULL AND k.refund_id IS NULL)::bigint AS carried,
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
_OPEN = text("""
    SELECT 1 FROM charges WHERE state NOT IN ('succeeded', 'failed', 'cancelled')
    UNION ALL SELECT 1 FROM work_items WHERE state IN ('ready', 'leased')
    UNION ALL SELECT 1 FROM payouts WHERE state IN ('planned', 'sent', 'unknown', 'pending')
""")
_UNSETTLED = """
    SELECT job || ' ' || coalesce(last_error, '') AS open FROM work_items WHERE state IN ('ready', 'leased')
    UNION ALL SELECT 'charge ' || state FROM charges WHERE parked_at IS NULL
        AND state IN ('planned', 'priced', 'confirming', 'unknown', 'cancelling')
    UNION ALL SELECT 'payout ' || state FROM payouts WHERE parked_at IS NULL AND state IN ('planned', 'sent', 'unknown')
"""


@dataclass
class Played:
    """The house in the hands of one story."""

    house: House
    story: list[str] = field(default_factory=list)
    """What happened so far, in words."""
    requests: int = 0
    deaths: int = 0
    dies_at: int | None = None
    """The process dies at so manieth door that the next act or job passes; None lets it live."""
    specs: dict[str, JobSpec] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing, on the first day."""
        with emptying(self.house.engine.url.render_as_string(hide_password=False)) as empty:
            empty()
        self.house.emulator.reset()
        self.house.go_to(FIRST_DAY, at=ACTS)
        catalogue(self.house.engine)
        # one renewal is more than five usual days where there are three customers (R8d)
        self.house.with_policy(hold_multiple=1000)
        self.specs = {name: job.spec(self.house.runtime) for name, job in jobs.load().items()}

    @property
    def now(self) -> datetime:
        """The instant of the story, in the seller's zone."""
        return self.house.clock.now().astimezone(PRAGUE)

    # --- acts ---

    def act(self, do: Callable[[str], Done]) -> Mapping[str, Any]:
        """What the desk answers; a caller who got no answer asks again with the same request. Raises RefusedError."""
        self.requests += 1
        request = f"story-{self.requests}"
        for _ in range(TIMES_MAX):
            try:
                done = self._lives_through(lambda: do(request))
                if done is not None:
                    return done.result
            except UnreachableError:
                pass
            except ActRefusedError as refusal:
                self.settle()
                raise RefusedError(refusal.code) from refusal
            self.settle()
        raise self._lost(f"asked {TIMES_MAX} times, and got no answer")

    def _lost(self, what: str) -> AssertionError:
        return AssertionError("\n".join(["", *self.story, f"    and then {what}"]))

    def _lives_through(self, do: Callable[[], Did]) -> Did | None:
        """What it came to; None when the process died meanwhile, and another stands in its place."""
        if self.dies_at is None:
            return do()
        passes = 0

        def die(door: str) -> None:
            nonlocal passes
            passes += 1
            if passes == self.dies_at:
                raise Died(door)

        try:
            with watching_doors(die):
                did = do()
        except Died:
            self.deaths += 1
            self.dies_at = None
            restart(self.house)
            return None
        self.dies_at = None
        return did

    def opens(self, name: str, currency: str) -> None:
        """A customer with billing details and a card."""
        newcomer(self.house, name, currency=currency)

    def orders(self, name: str, asked: Wish) -> tuple[str, int]:
        """Quote, order, and what is caused; returns how it ended, and the sum that was quoted. Raises RefusedError."""
        runtime, who = self.house.runtime, caller(name)
        wanted = wish(asked.package, asked.interval, asked.agents, asked.extra)
        shown = self.act(lambda request: quote(self.house.runtime, who, wanted, currency=None, request_id=request))
        named = str(shown["quote"])
        made = self.act(lambda request: order(self.house.runtime, who, named, request_id=request))
        request = f"story-{self.requests}"
        self.settle()
        outcome = str(order(runtime, who, named, request_id=request).result["outcome"])
        if outcome in {"declined", "waiting"}:
            order_uid = str(made["order"])
            self.act(lambda request: cancel_order(self.house.runtime, who, order_uid, request_id=request))
            self.settle()
        return outcome, int(made["to_pay_minor"])

    def does(self, name: str, what: Act, role: Role = Role.CUSTOMER) -> Mapping[str, Any]:
        """Another act of the customer or of support, and what it causes. Raises RefusedError."""
        answer = self.act(lambda request: what(self.house.runtime, caller(name, role), request))
        self.settle()
        return answer

    def approves_at_bank(self, name: str) -> None:
        """The customer follows the link of the mail (R8c)."""
        (row,) = self.house.fetch(
            """SELECT c.provider_intent FROM charges c JOIN accounts a ON a.id = c.account_id
               WHERE a.external_id = :name AND c.state = 'declined'""",
            name=name,
        )
        self.house.emulator.approve_at_bank(row["provider_intent"], api_key=API_KEY)
        self.house.wait(minutes=2)
        self.settle()

    # --- days ---

    def is_quiet(self, day: date, business_dates: Sequence[date]) -> bool:
        """Go to the morning of a day; whether no job has anything to do then, and no payment is open."""
        house = self.house
        house.clock.instant = datetime.combine(day, MORNING, PRAGUE).astimezone(UTC)
        with house.engine.connect() as connection:
            for due in business_dates:
                request = PlanRequest(due, day, house.clock.now())
                if any(self.specs[job].planner(connection, request).items for job in NIGHTLY):
                    return False
            return connection.execute(_OPEN).first() is None

    def to_morning(self, day: date) -> None:
        """The clocks of house and provider go to the hour of the jobs."""
        self.house.go_to(day, at=MORNING)

    def to_acts(self) -> None:
        """The clocks go to the hour at which customers act."""
        self.house.go_to(self.now.date(), at=ACTS)
        self.settle()

    def runs(self, job: str, due: date) -> None:
        """The job of a business date; one that finds nothing to do is only asked."""
        request = PlanRequest(due, self.now.date(), self.house.clock.now())
        with self.house.engine.connect() as connection:
            planned = self.specs[job].planner(connection, request)
            connection.rollback()
        # `suspend` and `remind` refuse a date whose `renew` was not planned
        if not planned.items and job != "renew":
            return
        if self._lives_through(lambda: self.house.run(job, day=due)) is None:
            self.settle()
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
        raise self._lost(f"after {MINUTES_MAX} minutes something is still open: {house.fetch(_UNSETTLED)}")

    def shown(self) -> dict[str, dict[str, object]]:
        """What the books and the provider's journal say of every account."""
        charged, returned = self._journal()
        with self.house.engine.begin() as connection:
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
        "carried": row["carried"],
        "charges": sums,
        "returned": returned[customer],
        "invoices": list(row["invoices"]),
        "credit notes": row["credited"],
    }
