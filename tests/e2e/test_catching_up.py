"""A scheduler that was off for five days, with real processes and a clock that is moved."""

from datetime import UTC, date, datetime, time, timedelta
from email import message_from_bytes, policy

import pytest
from sqlalchemy import text

from tests.e2e.conftest import MakeStage
from tests.support.nights import books, broken_rules, number, rows, until
from worker.sandbox.crowd import gather
from worker.sandbox.processes import end
from worker.sandbox.stage import Stage

PER_DAY = 4
FIRST = date(2026, 9, 7)
DAYS_OFF = 5
DAILY = ("check_vat_numbers", "issue_invoices", "remind", "renew", "suspend")


def _go_to(stage: Stage, day: date) -> None:
    wanted = datetime.combine(day, time(9, 30), stage.runtime.clock.zone)
    stage.set_shift(round((wanted - datetime.now(UTC)).total_seconds()))  # noqa: TID251 - the shift is against real time


def _spread(stage: Stage) -> None:
    """Four subscribers due on each day from the first on; one each day has no funds, one has renewal off."""
    with stage.runtime.engine.begin() as connection:
        connection.execute(text("DELETE FROM terms"))
        connection.execute(
            text("""UPDATE subscriptions SET paid_until = cast(:first AS date) + ((id - 1) / :per_day)::integer,
                           anchor_on = cast(:first AS date) + ((id - 1) / :per_day)::integer - interval '1 month',
                           auto_renew = id % :per_day <> 0"""),
            {"first": FIRST, "per_day": PER_DAY},
        )
        connection.execute(
            text("""INSERT INTO terms (subscription_id, number, starts_on, ends_on, configuration_id, paid_minor,
                                       currency, origin)
                    SELECT s.id, 0, s.anchor_on, s.paid_until, f.id, 5700, 'EUR', 'import'
                    FROM subscriptions s JOIN configurations f ON f.subscription_id = s.id""")
        )
    for n in range(1, PER_DAY * (DAYS_OFF + 2), PER_DAY):
        stage.emulator.script(f"pm_crowd_{n}", "insufficient_funds")


def _quiet(stage: Stage, last: date) -> bool:
    planned = number(stage, "SELECT count(*) FROM runs WHERE trigger = 'timetable' AND business_date = :day", day=last)
    return planned == len(DAILY) and number(stage, "SELECT count(*) FROM work_items WHERE state <> 'done'") == 0


@pytest.mark.timeout(120)
def test_five_days_off_are_caught_up_oldest_first(make_stage: MakeStage) -> None:
    stage = make_stage(shifted=True, overrides={"STRIPE_PACED": "false"})
    _go_to(stage, FIRST)
    gather(stage.runtime.engine, stage.emulator, count=PER_DAY * (DAYS_OFF + 2), due=FIRST)
    _spread(stage)
    stage.start_workers(processes=1)
    scheduler = stage.start_scheduler()
    until(lambda: _quiet(stage, FIRST), limit_s=40, what="the first day")
    end([scheduler])
    back = FIRST + timedelta(days=DAYS_OFF)
    _go_to(stage, back)
    stage.start_scheduler()
    until(lambda: _quiet(stage, back), limit_s=40, what="five days caught up")

    for job in DAILY:
        dates = [
            row["business_date"]
            for row in rows(
                stage,
                "SELECT business_date FROM runs WHERE job = :job AND trigger = 'timetable' ORDER BY id",
                job=job,
            )
        ]
        assert dates == [FIRST + timedelta(days=n) for n in range(DAYS_OFF + 1)], f"{job}, oldest first, none twice"
    _demand_rules(stage, back)


def _demand_rules(stage: Stage, back: date) -> None:
    held = books(stage)
    assert held.equal, held.differences
    assert broken_rules(stage) == []
    twice = "SELECT count(*) FROM (SELECT 1 FROM attempts GROUP BY charge_id, sent_on HAVING count(*) > 1) t"
    assert number(stage, twice) == 0, "R8b: no two tries of one charge on one real day"
    assert number(stage, "SELECT count(*) FROM attempts WHERE sent_on NOT IN ('2026-09-07', '2026-09-12')") == 0
    assert (
        number(stage, "SELECT count(*) FROM invoices WHERE issued_on NOT IN (:first, :back)", first=FIRST, back=back)
        == 0
    )
    _demand_reminders(stage, back)
    assert number(stage, "SELECT count(*) FROM subscriptions WHERE status = 'suspended' AND auto_renew") == 0
    off_and_over = "SELECT count(*) FROM subscriptions WHERE NOT auto_renew AND paid_until <= :back"
    assert number(stage, off_and_over, back=back) == number(
        stage, "SELECT count(*) FROM subscriptions WHERE status = 'suspended'"
    ), "R9: renewal off and over, and only those"


def _demand_reminders(stage: Stage, back: date) -> None:
    """R9b: of the terms that have not ended, the late mail tells the days truly left."""
    waiting = rows(
        stage,
        """SELECT a.external_id, s.paid_until - cast(:back AS date) AS days FROM subscriptions s
           JOIN accounts a ON a.id = s.account_id WHERE NOT s.auto_renew AND s.paid_until > :back""",
        back=back,
    )
    assert waiting
    for row in waiting:
        last = max(stage.mails.glob(f"*term_ending*{row['external_id']}@*.eml"))
        message = message_from_bytes(last.read_bytes(), policy=policy.default)
        body = message.get_body(("plain",))
        assert body is not None
        told = body.get_content().replace("\xa0", " ")
        days = "1 day" if row["days"] == 1 else f"{row['days']} days"
        assert days in f"{message['Subject']} {told}".replace("\xa0", " ")
