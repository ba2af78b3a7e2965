"""Nobody is charged by surprise: who begins as live, and which go-live date stands."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.support.imports import customer, dump, import_rows, load_sample_catalogue, write_customers
from worker.billing.calendar import Interval
from worker.errors import RefusedError
from worker.ops.importing import ImportReport
from worker.sandbox.sample_dates import place

_TODAY = date(2026, 10, 15)


@pytest.fixture(autouse=True)
def _catalogue(engine: Engine) -> None:
    load_sample_catalogue(engine)


def ending(number: int, ends_on: date) -> dict[str, str]:
    placed = place(ends_on, Interval.MONTH, number=3)
    return customer(
        number,
        anchor_on=placed.anchor_on.isoformat(),
        first_paid_on=placed.anchor_on.isoformat(),
        term_starts_on=placed.starts_on.isoformat(),
        term_ends_on=ends_on.isoformat(),
    )


def file_of(tmp_path: Path, *ends: date, first: int = 1) -> Path:
    rows = [ending(number, day) for number, day in enumerate(ends, start=first)]
    return write_customers(tmp_path / f"from-{first}.csv", rows)


def statuses(engine: Engine) -> list[str]:
    with engine.begin() as connection:
        return list(connection.execute(text("SELECT status FROM subscriptions ORDER BY id")).scalars())


def recorded(engine: Engine) -> date | None:
    with engine.begin() as connection:
        day: date | None = connection.execute(text("SELECT go_live_on FROM installation")).scalar()
        return day


def note_a_run(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO runs (job, business_date, trigger, requested_by)"
                " VALUES ('renew', '2026-10-15', 'timetable', 'test')"
            )
        )


def bring(engine: Engine, path: Path, *, today: date = _TODAY, go_live_on: date | None = None) -> ImportReport:
    return import_rows(engine, path, today=today, go_live_on=go_live_on)


YESTERDAY, TOMORROW = _TODAY - timedelta(days=1), _TODAY + timedelta(days=1)


def test_without_a_date_what_ended_before_today_begins_as_suspended(engine: Engine, tmp_path: Path) -> None:
    report = bring(engine, file_of(tmp_path, YESTERDAY, _TODAY, TOMORROW))
    assert statuses(engine) == ["suspended", "active", "active"]
    assert (report.live, report.suspended, report.live_from) == (2, 1, _TODAY)
    assert recorded(engine) == report.go_live_on == _TODAY


def test_a_date_in_the_past_keeps_what_ended_since_live(engine: Engine, tmp_path: Path) -> None:
    day = _TODAY - timedelta(days=10)
    ends = (day - timedelta(days=1), day, YESTERDAY, TOMORROW)
    report = bring(engine, file_of(tmp_path, *ends), go_live_on=day)
    assert statuses(engine) == ["suspended", "active", "active", "active"]
    assert recorded(engine) == report.go_live_on == day


def test_a_date_in_the_future_suspends_what_ends_before_it(engine: Engine, tmp_path: Path) -> None:
    day = _TODAY + timedelta(days=5)
    bring(engine, file_of(tmp_path, TOMORROW, day), go_live_on=day)
    assert statuses(engine) == ["suspended", "active"]
    later = bring(engine, file_of(tmp_path, TOMORROW, day, first=3))
    assert later.live_from == day
    assert statuses(engine) == ["suspended", "active"] * 2


def test_the_date_lies_back_no_further_than_jobs_catch_up(engine: Engine, tmp_path: Path) -> None:
    before = dump(engine)
    path = file_of(tmp_path, _TODAY)
    with pytest.raises(RefusedError, match=r"too far back: jobs catch up 31 days, to 2026-09-14"):
        bring(engine, path, go_live_on=_TODAY - timedelta(days=32))
    assert dump(engine) == before
    assert bring(engine, path, go_live_on=_TODAY - timedelta(days=31)).imported == 1


def test_once_a_job_has_run_the_date_stands(engine: Engine, tmp_path: Path) -> None:
    bring(engine, file_of(tmp_path, TOMORROW), go_live_on=YESTERDAY)
    note_a_run(engine)
    before = dump(engine)
    with pytest.raises(RefusedError, match="went live on 2026-10-14 and jobs have run since"):
        bring(engine, file_of(tmp_path, TOMORROW, first=2), go_live_on=TOMORROW)
    assert dump(engine) == before
    assert bring(engine, file_of(tmp_path, YESTERDAY, first=2), go_live_on=YESTERDAY).live == 1
    # Without a date, today decides who is live, and the installation's date stays.
    assert bring(engine, file_of(tmp_path, YESTERDAY, first=3)).suspended == 1
    assert recorded(engine) == YESTERDAY


def test_before_anything_ran_the_date_moves_and_decides_anew(engine: Engine, tmp_path: Path) -> None:
    path = file_of(tmp_path, YESTERDAY, TOMORROW)
    bring(engine, path)
    assert statuses(engine) == ["suspended", "active"]
    report = bring(engine, path, go_live_on=YESTERDAY)
    assert (report.unchanged, recorded(engine)) == (2, YESTERDAY)
    assert statuses(engine) == ["active", "active"]
    bring(engine, path, go_live_on=_TODAY + timedelta(days=2))
    assert statuses(engine) == ["suspended", "suspended"]
    with engine.begin() as connection:
        notes = connection.execute(text("SELECT details FROM audit_log WHERE act = 'import' ORDER BY id"))
        assert [note.details.get("began_again") for note in notes] == [None, 1, 2]


def test_a_refused_import_moves_no_date(engine: Engine, tmp_path: Path) -> None:
    bring(engine, file_of(tmp_path, TOMORROW))
    before = dump(engine)
    bad = write_customers(tmp_path / "bad.csv", [{**ending(2, TOMORROW), "email": "x"}])
    report = bring(engine, bad, go_live_on=YESTERDAY)
    assert (report.refused_whole, report.go_live_on) == (True, _TODAY)
    assert dump(engine) == before
