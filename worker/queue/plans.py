"""What a job's planner is given and gives back; one planner serves timetable, operator and dry run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum

from sqlalchemy import Connection


class Trigger(StrEnum):
    """Why a run exists."""

    TIMETABLE = "timetable"
    MANUAL = "manual"
    RUNG = "rung"
    MINUTELY = "minutely"


class Claimed(StrEnum):
    """Tables whose rows an item may hold; the rows bear the item's id while it lives."""

    CHARGES = "charges"
    MAILS = "mails"
    PAYOUTS = "payouts"


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """A work item to be.

    Args:
        key: unique within the run.
        ids: the rows that the item works on, a few hundred at most.
        claims: the table of those rows if no other item may hold them meanwhile.
    """

    key: str
    ids: Sequence[int]
    claims: Claimed | None = None


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What a planner may know.

    Args:
        business_date: what the run is for.
        today: the real day in the seller's zone.
        now: the instant, by the house's clock.
        only_subscription: restrict the set to one subscription, None for all.
        item_size_max: rows per item.
        trigger: who asks; a planner that finds work for itself each minute may want to know.
        newest_seen: the newest run by hand of that job and date when the person looked, 0 for none; a newer one means
            that the same was asked for twice. None where nobody looked.
    """

    business_date: date
    today: date
    now: datetime
    only_subscription: int | None = None
    item_size_max: int = 100
    trigger: Trigger = Trigger.MANUAL
    newest_seen: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a planner found.

    Args:
        items: the work, empty when there is none.
        figures: counts and sums by currency, kept with the run.
        hold: why nothing of it may start before an operator lets it go (R8d), None when it may.
    """

    items: Sequence[PlannedItem]
    figures: Mapping[str, object] = field(default_factory=dict)
    hold: str | None = None


Planner = Callable[[Connection, PlanRequest], Plan]


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job as the queue sees it.

    Args:
        name: file = job = log key = runbook heading.
        planner: finds the work.
        daily_at: wall-clock time in the seller's zone, None when the job has no daily run.
        minutely: whether the scheduler looks for work every minute.
        catch_up_days: how many missed dates are made good, oldest first.
        after: the job whose run for the same date must be planned before.
        money: whether the job moves money and so never runs before the go-live date.
    """

    name: str
    planner: Planner
    daily_at: time | None
    minutely: bool
    catch_up_days: int
    after: str | None
    money: bool

    def __post_init__(self) -> None:
        """Refuse times that daylight saving doubles or skips."""
        if self.daily_at is not None and self.daily_at < time(4):
            raise AssertionError(f"{self.name}: 00:00-04:00 is where clocks jump; choose a later time")


def in_items(ids: Sequence[int], *, size: int, claims: Claimed | None, prefix: str = "rows") -> list[PlannedItem]:
    """Cut a list of rows into items of at most `size`."""
    return [
        PlannedItem(key=f"{prefix}:{ids[start]}", ids=ids[start : start + size], claims=claims)
        for start in range(0, len(ids), size)
    ]
