"""`odnowa audit`: what must hold over the store, or between it and the provider; what is broken, and what to do.

With `--refund-duplicates` it also has given back what it found to be charged twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.ops.edge import ExitCode, say
from worker.ops.options import By, Json, Reason, day

if TYPE_CHECKING:
    from worker.charging.comparing import Comparison, Duplicate
    from worker.runtime import Runtime
    from worker.store.audit import Finding

Names = Annotated[
    list[str] | None, typer.Option("--only", help="One invariant by its name; may be repeated.", metavar="NAME")
]
Most = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many violations of each are listed.")]
Provider = Annotated[bool, typer.Option("--provider", help="Compare with the provider's charges, refunds, disputes.")]
On = Annotated[
    date | None,
    typer.Option("--date", parser=day, metavar="YYYY-MM-DD", help="The day to compare; yesterday if not given."),
]
Since = Annotated[
    date | None, typer.Option("--since", parser=day, metavar="YYYY-MM-DD", help="The first day to compare.")
]
Until = Annotated[
    date | None, typer.Option("--until", parser=day, metavar="YYYY-MM-DD", help="The last day to compare.")
]
Duplicates = Annotated[
    bool, typer.Option("--refund-duplicates", help="Compare, and give back what was charged twice; needs --reason.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be given back.")]


@dataclass(frozen=True, slots=True)
class _Word:
    """What is to be done with what was charged twice; `reason` is None when nothing is."""

    reason: str | None
    by: str
    dry_run: bool


def audit(  # noqa: PLR0913 - one per option
    *,
    only: Names = None,
    limit: Most = 20,
    provider: Provider = False,
    on: On = None,
    since: Since = None,
    until: Until = None,
    refund_duplicates: Duplicates = False,
    reason: Reason = None,
    dry_run: DryRun = False,
    by: By,
    as_json: Json = False,
) -> None:
    """Ask all that must hold over the whole store, now; or with --provider, compare a day with the provider.

    Reads and writes nothing but with --refund-duplicates, which plans refunds. What was paid within the last hour may
    still lack its paper, and within the last 30 minutes may still be settling. Exit code 1 if anything is broken.
    """
    if refund_duplicates and not (reason or "").strip() and not dry_run:
        raise typer.BadParameter("--refund-duplicates needs --reason, for the audit log")
    if not (provider or refund_duplicates):
        if on or since or until or reason or dry_run:
            raise typer.BadParameter("days, --reason and --dry-run go with --provider or --refund-duplicates")
        _ask_store(only, limit=limit, as_json=as_json)
        return
    if only or (on and (since or until)) or (dry_run and not refund_duplicates):
        raise typer.BadParameter("--provider takes --date, or --since and --until, and no --only")
    word = _Word(reason, by, dry_run) if refund_duplicates else None
    _ask_provider((on or since, on or until), word, limit=limit, as_json=as_json)


def _ask_store(only: Sequence[str] | None, *, limit: int, as_json: bool) -> None:
    from worker import boundary
    from worker.jobs.audit import as_of
    from worker.ops import show
    from worker.ops.session import open_runtime
    from worker.store import audit as invariants

    chosen = None if only is None else [invariants.find(name) for name in dict.fromkeys(only)]
    with open_runtime() as runtime, boundary.transaction(runtime.engine, "ops.audit_look") as connection:
        found = invariants.look(connection, as_of(runtime), only=chosen, most=limit)
    if as_json:
        show.document([_told(one) for one in found])
    else:
        _show(found, "Audit")
        broken = sum(one.broken for one in found)
        show.line(f"{len(found)} invariants, {broken or 'nothing'} broken")
    if any(one.broken for one in found):
        raise typer.Exit(ExitCode.ERROR)


def _told(one: "Finding") -> dict[str, Any]:
    return {
        "invariant": one.invariant.name,
        "state": _state(one),
        "violations": one.total,
        "means": one.invariant.means,
        "runbook": one.invariant.page,
        "listed": one.violations,
    }


def _state(one: "Finding") -> str:
    return "broken" if one.broken else "holds"


def _ask_provider(days: tuple[date | None, date | None], word: _Word | None, *, limit: int, as_json: bool) -> None:
    from worker.charging.duplicates import give_back
    from worker.charging.provider_audit import business_days, compare_provider
    from worker.ops.session import open_runtime

    with open_runtime() as runtime:
        first, last = _checked(runtime, *days)
        compared = compare_provider(runtime, business_days(runtime.clock, first, last), most=limit)
        planned: dict[str, int | None] = {}
        if word is not None and not word.dry_run and word.reason is not None:
            done = give_back(runtime, compared.duplicates, by=word.by, reason=word.reason)
            planned = {one.duplicate.intent: one.payout for one in done}
    listed = [] if word is None else compared.duplicates
    _tell_compared(compared, (first, last), [(one, planned.get(one.intent)) for one in listed], as_json=as_json)
    if any(one.broken for one in compared.findings()):
        raise typer.Exit(ExitCode.ERROR)


def _checked(runtime: "Runtime", first: date | None, last: date | None) -> tuple[date, date]:
    """The days to compare. Raises RefusedError for a day that has not come, or the wrong way round."""
    from worker.errors import FutureDateError, RefusedError

    today = runtime.clock.today()
    first = first or last or today - timedelta(days=1)
    last = last or (today - timedelta(days=1) if first < today else today)
    if max(first, last) > today:
        raise FutureDateError(f"{max(first, last)}: that day has not come (today is {today})")
    if first > last:
        raise RefusedError(f"--since {first} lies after --until {last}")
    return first, last


def _tell_compared(
    compared: "Comparison",
    days: tuple[date, date],
    back: Sequence[tuple["Duplicate", int | None]],
    *,
    as_json: bool,
) -> None:
    from worker.charging.provider_audit import figures
    from worker.ops import show

    found = compared.findings()
    if as_json:
        given = [{"payout": payout, "duplicate": one} for one, payout in back]
        span = {"since": days[0], "until": days[1]}
        show.document({**span, **figures(compared), "found": [_told(one) for one in found], "given_back": given})
        return
    _show(found, f"Audit of {days[0]}" + (f" to {days[1]}" if days[1] > days[0] else "") + " at the provider")
    if back:
        rows = [
            (one.account, one.charge_id, one.booked, one.intent, f"{one.amount_minor} {one.currency}", payout or "-")
            for one, payout in back
        ]
        show.table(("account", "charge", "stays", "goes back", "minor units", "payout"), rows, title="Charged twice")
        if any(payout for _, payout in back):
            say("the job pay_refunds gives them back now; what fails shows in `odnowa stuck`")
    told = figures(compared)
    seen = ", ".join(f"{told[name]} {name}" for name in ("charges", "refunds", "disputes"))
    show.line(f"{seen} at the provider, {told['foreign']} of them foreign; {told['broken'] or 'nothing'} broken")


def _show(found: Sequence["Finding"], title: str) -> None:
    from worker.ops import show

    # what holds needs no advice, so that what does not is seen
    rows = [
        (
            one.invariant.name,
            _state(one),
            one.total,
            f"{one.invariant.says}. {one.invariant.means}" if one.broken else "",
            f'runbook "{one.invariant.page}"' if one.broken else "",
        )
        for one in found
    ]
    show.table(("invariant", "state", "violations", "what it means", "what to do"), rows, title=title)
    listed = [
        (one.invariant.name, each.account or "-", each.subscription or "-", each.what)
        for one in found
        for each in one.violations
    ]
    if listed:
        show.table(("invariant", "account", "subscription", "what is wrong"), listed, title="What was found")
