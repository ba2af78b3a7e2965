"""The clocks: UTC instants, days of the seller's zone, and a file that moves the sandbox's days."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from worker.clock import Clock, FixedClock, ShiftedClock, SystemClock, monotonic_s, sleep_s, wall_s
from worker.errors import SettingsError

PRAGUE = ZoneInfo("Europe/Prague")


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 1, 31, 22, 59, 59, tzinfo=UTC), date(2026, 1, 31)),
        (datetime(2026, 1, 31, 23, 0, tzinfo=UTC), date(2026, 2, 1)),
        (datetime(2026, 7, 31, 21, 59, 59, tzinfo=UTC), date(2026, 7, 31)),
        (datetime(2026, 7, 31, 22, 0, tzinfo=UTC), date(2026, 8, 1)),
        # the nights on which the offset changes
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 22, 0, tzinfo=UTC), date(2026, 3, 30)),
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 22, 59, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), date(2026, 10, 26)),
    ],
)
def test_today_is_the_day_of_the_sellers_zone(instant: datetime, day: date) -> None:
    assert FixedClock(PRAGUE, instant).today() == day


def test_the_system_clock_is_the_machines_in_utc() -> None:
    clock: Clock = SystemClock(PRAGUE)
    before = wall_s()
    now = clock.now()
    assert before <= now.timestamp() <= wall_s()
    assert now.utcoffset() == timedelta(0)
    assert clock.today() in {now.astimezone(PRAGUE).date(), (now + timedelta(seconds=5)).astimezone(PRAGUE).date()}


@pytest.mark.parametrize("shift_s", [0, 40 * 86_400, -40 * 86_400])
def test_the_shifted_clock_follows_its_file(tmp_path: Path, shift_s: int) -> None:
    file = tmp_path / "clock"
    clock = ShiftedClock(PRAGUE, file)
    for seconds in (0, shift_s):  # read anew each time
        file.write_text(f"{seconds}\n", encoding="ascii")
        before = wall_s()
        now = clock.now()
        assert before + seconds <= now.timestamp() <= wall_s() + seconds
        assert abs((clock.today() - now.astimezone(PRAGUE).date()).days) <= 1


@pytest.mark.parametrize("content", [None, "", "soon", "1.5"])
def test_a_shift_that_is_no_number_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "clock"
    if content is not None:
        file.write_text(content, encoding="ascii")
    clock = ShiftedClock(PRAGUE, file)
    for ask in (clock.now, clock.today):
        with pytest.raises(SettingsError, match=r"CLOCK_FILE .* number of seconds"):
            ask()


@pytest.mark.parametrize(("asked_s", "least_s"), [(-1.0, 0.0), (0.0, 0.0), (0.02, 0.02)])
def test_waiting_takes_the_time_asked_for_and_never_less(asked_s: float, least_s: float) -> None:
    started = monotonic_s()
    sleep_s(asked_s)
    assert monotonic_s() - started >= least_s
