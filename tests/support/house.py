"""The whole house in one process: real PostgreSQL, emulator and mail sink, jobs as functions, a clock to move."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from sqlalchemy import Engine

from settings import Settings
from tests.support.builders import Subscriber, rows
from tests.support.mail_sink import MailSink
from worker import jobs
from worker.billing.vat import Seller, SellerVat
from worker.gateways.pacing import Unpaced
from worker.gateways.vies import Vies
from worker.queue import execution, items, runs
from worker.queue.execution import LeaseKeeper
from worker.queue.items import Lease
from worker.queue.plans import PlanRequest
from worker.queue.runs import PlannedRun
from worker.runtime import Runtime, make_runtime, make_vies
from worker.sandbox.books import Books, compare
from worker.sandbox.emulated import Emulated

PRAGUE = ZoneInfo("Europe/Prague")
API_KEY = "sk_test_emulator"
OWN_NUMBER = "CZ25123891"
"""The seller's VAT number."""


@dataclass
class MovableClock:
    """A clock that tests move; the emulator's follows through `House.go_to`."""

    instant: datetime
    zone: ZoneInfo = PRAGUE

    def now(self) -> datetime:
        """The instant it was set to."""
        return self.instant

    def today(self) -> date:
        """Its day in the seller's zone."""
        return self.instant.astimezone(self.zone).date()


@dataclass
class House:
    """A runtime with everything real, and short words for what tests do all day."""

    runtime: Runtime
    clock: MovableClock
    emulator: Emulated
    sink: MailSink
    keeper: LeaseKeeper
    ran: list[str] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        """The emptied database."""
        return self.runtime.engine

    def go_to(self, day: date, *, at: time = time(9, 0)) -> None:
        """Move the clocks of house and provider to a day, 09:00 in the seller's zone."""
        self.clock.instant = datetime.combine(day, at, PRAGUE).astimezone(UTC)
        self.emulator.set_clock(self.clock.instant)

    def wait(self, **time_passed: float) -> None:
        """Let time pass: `wait(minutes=2)`."""
        self.clock.instant += timedelta(**time_passed)
        self.emulator.set_clock(self.clock.instant)

    def with_policy(self, **numbers: Any) -> None:
        """Change rule numbers."""
        self.runtime = replace(self.runtime, policy=replace(self.runtime.policy, **numbers))

    def plan(self, job: str, *, day: date | None = None, only: int | None = None) -> PlannedRun:
        """An operator's run of a job for a business date, today unless told otherwise; nothing is executed yet."""
        request = PlanRequest(day or self.clock.today(), self.clock.today(), self.clock.now(), only_subscription=only)
        return runs.request_run(self.engine, jobs.load()[job].spec(self.runtime), request, by="test")

    def run(self, job: str, *, day: date | None = None, only: int | None = None) -> PlannedRun:
        """Plan a job and execute it with all that it causes."""
        planned = self.plan(job, day=day, only=only)
        self.drain()
        return planned

    def drain(self, *, most: int = 500, pick: Callable[[str], bool] = lambda _: True) -> None:
        """Execute ready items, oldest first, until nothing is left; `pick` restricts them by job name.

        Items that failed wait for their pause in real time, so they are left where they are.
        """
        for _ in range(most):
            waiting = rows(
                self.engine,
                "SELECT id, job FROM work_items WHERE state = 'ready' AND not_before <= now() ORDER BY id",
            )
            due = [item for item in waiting if pick(item["job"])]
            if not due:
                return
            self.execute(due[0]["id"], due[0]["job"])
        raise AssertionError(f"more than {most} items: something causes itself")

    def execute(self, item_id: int, job: str) -> str | None:
        """Execute one item as a worker would."""
        one = jobs.load()[job]

        def work(held: Lease) -> dict[str, object]:
            return dict(one.work(self.runtime, held))

        self.ran.append(job)
        limits = self.runtime.limits
        return execution.execute(
            self.engine, self.keeper, item_id, work, lease_s=limits.lease_s, attempts_max=limits.item_attempts_max
        )

    def lease(self, item_id: int) -> Lease:
        """Take an item's lease, to call a job's function directly."""
        held = items.lease(self.engine, item_id, lease_s=self.runtime.limits.lease_s)
        assert held is not None
        return held

    def seed(self, *subscribers: Subscriber, script: tuple[str, ...] = ("ok",)) -> None:
        """Make the subscribers' customers and methods known to the provider, with what confirmations come to."""
        ids = [of.account_id for of in subscribers]
        found = rows(
            self.engine,
            """SELECT a.provider_customer, m.provider_method, m.type, m.brand, m.last4, m.exp_month, m.exp_year
               FROM accounts a LEFT JOIN payment_methods m ON m.account_id = a.id AND m.state = 'in_use'
               WHERE a.id = ANY(:ids) AND a.provider_customer IS NOT NULL""",
            ids=ids,
        )
        methods: list[dict[str, Any]] = []
        for row in found:
            if row["provider_method"] is not None:
                method = {"id": row["provider_method"], "customer": row["provider_customer"], "type": row["type"]}
                if row["type"] == "card":
                    method |= {name: row[name] for name in ("brand", "last4", "exp_month", "exp_year")}
                methods.append({**method, "script": list(script)})
        self.emulator.seed([{"id": row["provider_customer"]} for row in found], methods)

    def books(self) -> Books:
        """Our books against the provider's journal."""
        return compare(self.engine, self.emulator.journal(), self.emulator.journal_refunds())

    def fetch(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """Rows of a query, as dicts."""
        return rows(self.engine, query, **values)

    def pages(self, sha256: str) -> bytes:
        """The bytes of a printed document."""
        return self.runtime.files.get(sha256)

    def mails(self) -> list[tuple[str, str]]:
        """(kind, subject key) of every mail in the outbox, oldest first."""
        return [
            (row["kind"], row["subject_key"]) for row in self.fetch("SELECT kind, subject_key FROM mails ORDER BY id")
        ]


def register_seller(house: House, *, vies_url: str) -> House:
    """Make the house's seller one who is registered for VAT in Czechia."""
    runtime = house.runtime
    house.runtime = replace(
        runtime,
        seller=Seller("CZ", SellerVat.REGISTERED),
        home_currency="CZK",
        seller_details=replace(runtime.seller_details, vat_number=OWN_NUMBER),
        vies=Vies(vies_url, requester=OWN_NUMBER, timeout_s=2, pacer=Unpaced(), clock=house.clock),
    )
    return house


class Told(Settings):
    """Settings that are what they are told to be; nobody's environment is read, which takes longer than all else."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What was said in the call, and no other source."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


@cache
def _told(database_url: str, redis_url: str, emulator_url: str, smtp_port: int) -> Told:
    """Settings for the fixtures' servers, but for the place of files; read once, since reading takes long."""
    return Told(
        database_url=database_url,
        redis_url=redis_url,
        stripe_api_key=API_KEY,
        stripe_api_base=emulator_url,
        stripe_timeout_s=1,
        stripe_calls_per_second=500,
        smtp_host="127.0.0.1",
        smtp_port=smtp_port,
        link_signing_key="only-for-tests-and-not-a-secret-at-all",
    )


def build_house(
    *,
    engine: Engine,
    redis_url: str,
    emulator_url: str,
    sink: MailSink,
    start: datetime,
    connected: Engine | None = None,
) -> House:
    """Wire a house over the fixtures' servers, its clocks at `start`.

    Its connections are `connected`, which others used before it, or its own.
    """
    database_url = engine.url.render_as_string(hide_password=False)
    settings = _told(database_url, redis_url, emulator_url, sink.port).model_copy(
        update={"files_url": str(sink.folder.with_name("files"))}
    )
    clock = MovableClock(start)
    runtime = replace(make_runtime(settings), clock=clock)
    runtime = replace(runtime, vies=make_vies(settings, clock))
    if connected is not None:
        runtime = replace(runtime, engine=connected)
    keeper = LeaseKeeper(runtime.engine, lease_s=settings.lease_s)
    house = House(runtime, clock, Emulated(emulator_url), sink, keeper)
    house.emulator.set_clock(start)
    return house
