"""From yearly to monthly: scheduled by support for the end of the term, withdrawn by whoever thinks better (R13).

It changes nothing before: the renewal that starts the first monthly term is priced at the prices of the day on which
it was scheduled, and brings it when it is paid. It never switches renewal on, and a suspension makes it void.
"""

from collections.abc import Mapping
from functools import partial

from sqlalchemy import Connection

from worker.billing.calendar import Interval
from worker.billing.holdings import repriced
from worker.charging.letters import Rung
from worker.desk.live import demand_nothing_open, live_subscription
from worker.desk.request import Ask, Caller, Done, noted, perform, send
from worker.errors import ActRefusedError, RuleError
from worker.runtime import Runtime
from worker.store import desk, scheduled
from worker.store.catalogue import load_catalogue
from worker.store.configurations import holdings_of
from worker.store.mails import NewMail

KIND = "interval"


def schedule_monthly(runtime: Runtime, caller: Caller, *, request_id: str, reason: str | None = None) -> Done:
    """Let a yearly subscription go on by the month after its term.

    Raises:
        ActRefusedError: a customer asks, no reason, not live, monthly already, scheduled already, a charge is open, or
            the price list lacks it by the month.
    """
    ask = Ask(caller, "schedule_monthly", request_id, reason=reason)
    with noted(runtime, ask, support_only=True):
        return perform(runtime, ask, partial(_schedule, runtime))


def keep_yearly(runtime: Runtime, caller: Caller, *, request_id: str, reason: str | None = None) -> Done:
    """Withdraw the move to monthly; by the customer or by support.

    Raises:
        ActRefusedError: nothing is scheduled, not live, or the renewal that brings it is being charged.
    """
    ask = Ask(caller, "keep_yearly", request_id, reason=reason)
    with noted(runtime, ask):
        return perform(runtime, ask, partial(_keep, runtime))


def _schedule(runtime: Runtime, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    demand_nothing_open(connection, account)
    row = live_subscription(connection, account)
    if row.interval != Interval.YEAR:
        raise ActRefusedError("monthly_already", "the subscription is paid by the month already: leave it as it is")
    if KIND in (row.waiting or {}):
        raise ActRefusedError(
            "scheduled_already", f"the move to monthly is scheduled for {row.paid_until} already: leave it as it is"
        )
    today = runtime.clock.today()
    try:
        monthly = repriced(holdings_of(row), catalogue=load_catalogue(connection), on=today, interval=Interval.MONTH)
    except RuleError as error:
        raise ActRefusedError("cannot_be_priced", f"{error}: ask ops to complete the price list first") from error
    change = scheduled.schedule(connection, row.id, kind=KIND, not_before=row.paid_until, priced_on=today)
    # the announcement of another year would mislead by now
    desk.take_back_mails(connection, row.id, ("yearly_renewal",), because="the move to monthly was scheduled first")
    mail = NewMail(
        account_id=account,
        kind="interval_change_scheduled",
        subject_key=f"subscription:{row.id}:scheduled:{change}",
        data={
            "company": row.company,
            "package": row.package,
            "changes_on": row.paid_until.isoformat(),
            "account_url": runtime.links.account_page_url,
        },
        subscription_id=row.id,
        useless_on=row.paid_until,
    )
    send(runtime, connection, mail, rung)
    return {
        "changes_on": row.paid_until.isoformat(),
        "auto_renew": row.auto_renew,
        "term_minor": sum(line.net_minor for line in monthly.lines),
        "currency": row.bought_in,
    }


def _keep(runtime: Runtime, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    del rung
    demand_nothing_open(connection, account)
    row = live_subscription(connection, account)
    if KIND not in (row.waiting or {}):
        raise ActRefusedError("nothing_scheduled", "no move to monthly is scheduled: leave it as it is")
    scheduled.withdraw(connection, row.id, kind=KIND, now=runtime.clock.now())
    kinds = ("interval_change_scheduled",)
    desk.take_back_mails(connection, row.id, kinds, because="the move to monthly was withdrawn first")
    return {"interval": Interval.YEAR.value, "renews_on": row.paid_until.isoformat(), "auto_renew": row.auto_renew}
