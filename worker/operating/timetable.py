"""When jobs run next."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def next_daily(daily_at: time, *, now: datetime, zone: ZoneInfo) -> datetime:
    """The next instant at which the seller's clock shows that time."""
    local = now.astimezone(zone)
    on: date = local.date() if local.time() < daily_at else local.date() + timedelta(days=1)
    return datetime.combine(on, daily_at, tzinfo=zone)
