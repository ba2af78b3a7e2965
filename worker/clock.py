"""The only reader of time; gives the instant in UTC and today in the seller's zone."""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from worker.errors import SettingsError


class Clock(Protocol):
    """Whatever can tell the time. Rules are handed dates; only the edges hold a clock."""

    @property
    def zone(self) -> ZoneInfo:
        """The seller's time zone, in which business dates are counted."""
        ...

    def now(self) -> datetime:
        """The instant, in UTC."""
        ...

    def today(self) -> date:
        """The real day in the seller's zone."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock."""

    zone: ZoneInfo

    def now(self) -> datetime:
        """The instant, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the one reader

    def today(self) -> date:
        """The real day in the seller's zone."""
        return self.now().astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class ShiftedClock:
    """The machine's clock, moved by the seconds that a file holds; the sandbox plays days with it."""

    zone: ZoneInfo
    path: Path

    def now(self) -> datetime:
        """The instant, in UTC, with the file's shift. Raises SettingsError when the file holds no number."""
        try:
            shift = timedelta(seconds=int(self.path.read_text(encoding="ascii")))
        except (OSError, ValueError) as error:
            raise SettingsError(f"CLOCK_FILE {self.path} does not hold a number of seconds") from error
        return datetime.now(UTC) + shift  # noqa: TID251 - this is the one reader

    def today(self) -> date:
        """The shifted day in the seller's zone."""
        return self.now().astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class FixedClock:
    """A clock that stands still, for tests and dry runs."""

    zone: ZoneInfo
    instant: datetime

    def now(self) -> datetime:
        """The instant it was made with."""
        return self.instant

    def today(self) -> date:
        """The day of that instant in the seller's zone."""
        return self.instant.astimezone(self.zone).date()


def monotonic_s() -> float:
    """Seconds on a clock that never goes back; only differences mean something."""
    return time.monotonic()


def wall_s() -> float:
    """Seconds since 1970, for pacing between machines; never for business."""
    return time.time()  # noqa: TID251 - this is the one reader


def sleep_s(seconds: float) -> None:
    """Wait; here so that every wait has one door."""
    if seconds > 0:
        time.sleep(seconds)
