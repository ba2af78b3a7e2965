"""`odnowa run`: one job for one date, now; really, or as a rehearsal that writes nothing."""

from typing import TYPE_CHECKING, Annotated

import typer

from worker.ops.edge import EXIT_CODES, ExitCode, say
from worker.ops.options import By, Day, Json, Reason

if TYPE_CHECKING:
    from datetime import date

    from worker.operating.running import DryRun, Followed
    from worker.queue.runs import PlannedRun
    from worker.runtime import Runtime

Job = Annotated[str, typer.Argument(help="One of those that `odnowa jobs` lists.", metavar="JOB")]
Only = Annotated[
    str | None,
    typer.Option("--only", help="One subscription: its number, or its account's external id.", metavar="SUBSCRIPTION"),
]
DryRunFlag = Annotated[
    bool, typer.Option("--dry-run", help="Select and price as the job would, write nothing; any date may be asked.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the run and all that it caused has ended.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0, help="Seconds to wait at most, with --wait.")]


def run(  # noqa: PLR0913 - one argument per option
    job: Job,
    *,
    date: Day = None,
    only: Only = None,
    dry_run: DryRunFlag = False,
    wait: Wait = False,
    timeout: Timeout = 600.0,
    reason: Reason = None,
    by: By,
    as_json: Json = False,
) -> None:
    """Run a job for a business date."""
    from worker import jobs
    from worker.job import find
    from worker.operating import running
    from worker.ops.session import find_subscription, open_runtime

    if dry_run and wait:
        raise typer.BadParameter("a dry run leaves nothing to wait for: --dry-run or --wait, not both")
    with open_runtime() as runtime:
        jobs.load()
        find(job)
        business_date = date or runtime.clock.today()
        subscription = None if only is None else find_subscription(runtime.engine, only).subscription_id
        if dry_run:
            found = running.dry_run(runtime, job, business_date=business_date, only=subscription)
            _show_dry_run(job, business_date, found, as_json=as_json)
            return
        planned = running.plan_by_hand(
            runtime, job, business_date=business_date, only=subscription, by=by, reason=reason
        )
        if not running.ring(runtime, planned.items):
            say("Redis does not take messages; the scheduler will ring later, nothing is lost")
        followed = _follow(runtime, planned, timeout_s=timeout) if wait else None
        _show(planned, followed, as_json=as_json)
    code = _exit_code(planned, followed)
    if code is not ExitCode.DONE:
        raise typer.Exit(code)


run.__doc__ = f"{run.__doc__}\n\n{EXIT_CODES}"


def _follow(runtime: "Runtime", planned: "PlannedRun", *, timeout_s: float) -> "Followed":
    from rich.console import Console

    from worker.operating import running

    with Console(stderr=True).status(f"run {planned.run_id} of {planned.job}") as status:

        def tell(now: running.Progress) -> None:
            status.update(
                f"run {planned.run_id} of {planned.job}: {now.items - now.open} of {now.items} items "
                f"of {now.runs} runs, {now.dead} dead, {now.seconds:.0f} s"
            )

        try:
            return running.follow(runtime, planned.run_id, timeout_s=timeout_s, on_progress=tell)
        except KeyboardInterrupt:
            say(f"run {planned.run_id} goes on without being watched; see `odnowa runs`")
            raise


def _exit_code(planned: "PlannedRun", followed: "Followed | None") -> ExitCode:
    if followed is not None:
        return ExitCode[followed.state.name]
    return ExitCode.DONE if planned.held is None else ExitCode.HELD


def _show(planned: "PlannedRun", followed: "Followed | None", *, as_json: bool) -> None:
    from worker.ops import show

    if as_json:
        show.document(
            {
                "run": planned.run_id,
                "job": planned.job,
                "business_date": planned.business_date,
                "items": len(planned.items),
                "held": planned.held,
                "followed": followed,
            }
        )
        return
    show.line(f"run {planned.run_id}: {planned.job} for {planned.business_date}, {len(planned.items)} items")
    if planned.held is not None:
        show.line(f"held: {planned.held}")
        show.line(f'let it go with: odnowa release {planned.run_id} --reason "..."')
        show.line(f'or drop it with: odnowa drop {planned.run_id} --reason "..."')
    if followed is not None:
        _show_followed(followed)


def _show_followed(followed: "Followed") -> None:
    from worker.operating.running import Ending
    from worker.ops import show

    counted = [(job, word, total) for job, of in followed.counts.items() for word, total in of.items()]
    if counted:
        show.table(("job", "what", "how many"), counted, title="What it came to")
    show.line(
        f"{followed.state}: {followed.dead} items dead, {followed.parked} charges parked, "
        f"{followed.unsettled} still with the provider, {followed.open} items open, {followed.seconds:.1f} s"
    )
    advice = {
        Ending.DEAD: "see `odnowa stuck`",
        Ending.PARKED: "see `odnowa stuck`",
        Ending.TIMEOUT: "the run goes on; see `odnowa runs`",
        Ending.NO_WORKER: "no worker is alive; the run waits for one: `make run`, or see `odnowa doctor`",
    }
    if followed.state in advice:
        say(advice[followed.state])


def _show_dry_run(job: str, business_date: "date", found: "DryRun", *, as_json: bool) -> None:
    from worker.ops import show

    if as_json:
        show.document({"job": job, "business_date": business_date, "dry_run": found})
        return
    show.line(f"dry run of {job} for {business_date}; nothing was written")
    show.line(f"planned: {show.facts(found.figures)}")
    rows = [
        (
            currency,
            of["charges"],
            show.money(of["to_charge_minor"], currency),
            show.money(of["credit_minor"], currency),
            show.money(of["carried_minor"], currency),
        )
        for currency, of in found.sums.items()
    ]
    if rows:
        show.table(("currency", "charges", "to charge", "from credit", "carried"), rows, title="New charges")
    tries = [
        (currency, of["charges"], show.money(of["to_charge_minor"], currency)) for currency, of in found.tries.items()
    ]
    if tries:
        show.table(("currency", "charges", "to charge"), tries, title="Priced before, to be tried")
    if found.parked or found.unwanted:
        show.line(f"parked: {show.facts(found.parked) or 'none'}; dropped, because nobody wants them: {found.unwanted}")
    if found.hold is not None:
        show.line(f"it would be held: {found.hold}")
    if found.refusal is not None:
        show.line(f"a real run would be refused: {found.refusal}")
