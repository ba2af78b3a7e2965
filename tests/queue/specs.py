"""Job specifications for tests of the queue: planners over real rows, and words for what tests ask for."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text

from tests.support.builders import NOON, rows
from worker.clock import FixedClock
from worker.queue import runs
from worker.queue.plans import Claimed, JobSpec, Plan, PlannedItem, Planner, PlanRequest, Trigger, in_items
from worker.queue.runs import PlannedRun

PRAGUE = ZoneInfo("Europe/Prague")
TODAY = NOON.date()
MANY = 100


def nothing(connection: Connection, request: PlanRequest) -> Plan:
    """A planner that finds no work."""
    del connection, request
    return Plan([])


def always(*items: PlannedItem, hold: str | None = None) -> Planner:
    """A planner that finds the same each time."""

    def plan(connection: Connection, request: PlanRequest) -> Plan:
        del connection, request
        return Plan(items, {"found": len(items)}, hold=hold)

    return plan


def free_rows(find: Callable[..., Sequence[int]], claims: Claimed, *, size: int = 2) -> Planner:
    """A planner over real rows that no living item holds."""

    def plan(connection: Connection, request: PlanRequest) -> Plan:
        del request
        return Plan(in_items(find(connection), size=size, claims=claims))

    return plan


def spec(
    name: str = "renew",
    planner: Planner = nothing,
    *,
    daily_at: time | None = time(5),
    minutely: bool = False,
    catch_up_days: int = 31,
    after: str | None = None,
    money: bool = False,
) -> JobSpec:
    """A job as the queue sees it."""
    return JobSpec(name, planner, daily_at, minutely, catch_up_days, after, money)


def items(count: int) -> list[PlannedItem]:
    """So many items that hold no rows."""
    return [PlannedItem(key=f"rows:{n}", ids=[n]) for n in range(count)]


def request(business_date: date = TODAY, *, today: date = TODAY, only: int | None = None) -> PlanRequest:
    """What planners of tests may know."""
    return PlanRequest(business_date, today, NOON, only_subscription=only, item_size_max=MANY)


def plan(
    engine: Engine, one: JobSpec, business_date: date = TODAY, *, trigger: Trigger = Trigger.MANUAL
) -> PlannedRun | None:
    """Insert and plan one run."""
    return runs.plan_run(engine, one, request(business_date), trigger=trigger, by="test")


def planned_items(engine: Engine, count: int = 1, *, name: str = "renew") -> list[int]:
    """Items of a fresh manual run, ready."""
    made = plan(engine, spec(name, always(*items(count))))
    assert made is not None
    return list(made.items)


def at(year: int, month: int, day: int, hour: int, minute: int = 0) -> FixedClock:
    """The house's clock at a wall-clock time of Prague."""
    return FixedClock(PRAGUE, datetime(year, month, day, hour, minute, tzinfo=PRAGUE).astimezone(UTC))


def ensure(engine: Engine, clock: FixedClock, *specs: JobSpec) -> list[tuple[str, date]]:
    """What `ensure_runs` planned, in order."""
    made = runs.ensure_runs(engine, specs, clock, item_size_max=MANY)
    return [(one.job, one.business_date) for one in made]


def go_live(engine: Engine, day: date | None) -> None:
    """Set the go-live date."""
    with engine.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO installation (id, go_live_on) VALUES (1, :day)
                ON CONFLICT (id) DO UPDATE SET go_live_on = excluded.go_live_on
            """),
            {"day": day},
        )


def item_row(engine: Engine, item_id: int) -> dict[str, object]:
    """An item as it stands, with its times in seconds from now."""
    found = rows(
        engine,
        """
        SELECT *, extract(epoch FROM lease_expires_at - now())::float AS lease_left_s,
               CASE WHEN isfinite(not_before) THEN extract(epoch FROM not_before - now())::float END AS pause_s,
               extract(epoch FROM next_dispatch_at - now())::float AS dispatch_in_s
        FROM work_items WHERE id = :id
        """,
        id=item_id,
    )
    return found[0]


def run_open(engine: Engine, run_id: int) -> bool:
    """Whether the run has not finished."""
    return rows(engine, "SELECT finished_at FROM runs WHERE id = :id", id=run_id)[0]["finished_at"] is None


def move(engine: Engine, item_id: int, column: str, seconds: float) -> None:
    """Move a time of an item, instead of waiting for it."""
    with engine.begin() as connection:
        connection.execute(
            text(f"UPDATE work_items SET {column} = {column} + make_interval(secs => :seconds) WHERE id = :id"),  # noqa: S608 - the column comes from a test
            {"seconds": seconds, "id": item_id},
        )
