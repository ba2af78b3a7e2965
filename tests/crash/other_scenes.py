"""Scenes that are neither a job nor an act: the scheduler, the queue, imports, the operator's command line."""

import contextlib
import io
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import gettempdir

import scheduler
from tests.crash.scenes import Made, nothing, of_other, work
from tests.support.builders import update
from tests.support.doubles import charged_twice
from tests.support.house import API_KEY, House
from tests.support.imports import customer as csv_customer
from tests.support.imports import write_customers
from tests.support.stories import customer, expire
from tests.support.terminal import put_together
from worker import jobs
from worker.charging.duplicates import give_back
from worker.charging.provider_audit import business_days, compare_provider
from worker.errors import RefusedError
from worker.operating.requeueing import Chosen, drop, release, requeue
from worker.operating.running import follow, start_run
from worker.ops.app import app
from worker.ops.importing import import_customers, load_catalogue_file
from worker.queue import execution, heartbeats, items
from worker.sandbox.sample import SAMPLE_CATALOGUE

DAYS = timedelta(days=1)


def _due(house: House) -> Made:
    customer(house)
    customer(house, auto_renew=False, ends_on=house.clock.today() + 14 * DAYS)
    house.go_to(house.clock.today(), at=house.clock.instant.time().replace(hour=11))


@of_other("scheduler", _due)
def a_morning_of_the_scheduler(house: House, made: Made) -> None:
    """Every tick: the timetable's runs, the minutely looks, the sweep, leases that ran out."""
    del made
    ticks = scheduler.Ticks(house.runtime, [job.spec(house.runtime) for job in jobs.load().values()])
    ticks.ensure()
    ticks.sweep()
    ticks.expire()


def _planned(house: House) -> Made:
    customer(house)
    return house.plan("renew").items[0]


def _charged(house: House) -> Made:
    customer(house)
    house.run("renew")


@of_other("process", _charged)
def a_process_ends(house: House, made: Made) -> None:
    """Its connections to the provider are closed after the calls that are under way."""
    del made
    house.runtime.payments.ping()
    house.runtime.payments.close()
    house.runtime.vies.close()
    house.runtime.daily_rates.close()


@of_other("queue", _planned)
def a_lease_is_kept_alive(house: House, made: Made) -> None:
    """The beat of a process and its leases, as the keeper's thread does it."""
    held = items.lease(house.engine, made, lease_s=30)
    items.renew_leases(house.engine, [] if held is None else [held], lease_s=30)
    heartbeats.beat(house.engine, process="worker:here:1", kind="worker")
    expire(house)


class _AskedToEnd(BaseException):
    """What a worker raises in its work when it is asked to end; no error, so that only who waits for it catches it."""


@of_other("queue", _planned)
def an_item_is_handed_back(house: House, made: Made) -> object:
    """A worker is asked to end in the middle of its work."""

    def work(held: items.Lease) -> dict[str, object]:
        raise _AskedToEnd(held.item_id)

    with contextlib.suppress(_AskedToEnd):
        execution.execute(house.engine, house.keeper, made, work, lease_s=30, attempts_max=5, interrupts=(_AskedToEnd,))
    return None


def _charged_twice(house: House) -> Made:
    customer(house, external_id="shop")
    house.run("renew")
    charged_twice(house, "shop")
    house.wait(minutes=40)


@of_other("operator", _charged_twice)
def give_back_what_was_charged_twice(house: House, made: Made) -> object:
    """`odnowa audit --refund-duplicates`, at the house's time."""
    del made
    today = house.clock.today()
    compared = compare_provider(house.runtime, business_days(house.clock, today, today))
    give_back(house.runtime, compared.duplicates, by="eva", reason="charged twice")
    return None


def _dead(house: House) -> Made:
    """A dead item, a parked charge, a failed mail."""
    customer(house, external_id="dead")
    planned = house.plan("renew")
    (item,) = planned.items
    update(house.engine, "work_items", item, state="dead", last_error="built by a test")
    return item


@of_other("operator", _dead, waits=True)
def requeue_a_dead_item(house: House, made: Made) -> object:
    """Another life for what is stuck."""
    with contextlib.suppress(RefusedError):
        requeue(house.runtime, Chosen(items=[made]), by="eva", reason="mended")
    return None


def _held(house: House) -> Made:
    for _ in range(3):
        customer(house)
    planned = house.plan("renew")
    with house.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE runs SET held_at = now(), held_reason = 'built by a test' WHERE job = 'renew'"
        )
        connection.exec_driver_sql("UPDATE work_items SET not_before = 'infinity' WHERE job = 'renew'")
    return planned.run_id


@of_other("operator", _held, waits=True)
def release_a_held_run(house: House, made: Made) -> object:
    """An operator lets a day go (R8d)."""
    with contextlib.suppress(RefusedError):
        release(house.runtime, made, by="eva", reason="looked at")
    return None


@of_other("operator", _held, waits=True, gives_up=True)
def drop_a_held_run(house: House, made: Made) -> object:
    """An operator drops it, and asks for a run that takes what it held."""
    with contextlib.suppress(RefusedError):
        drop(house.runtime, made, by="eva", reason="wrong prices")
    work(house, "renew")
    return None


@of_other("operator", lambda house: customer(house) and None)
def run_by_hand_and_follow(house: House, made: Made) -> object:
    """`odnowa run --wait`, with nobody alive to do it."""
    del made
    planned = start_run(house.runtime, "renew", business_date=house.clock.today(), by="eva", reason="asked")
    house.drain()
    return follow(house.runtime, planned.run_id, timeout_s=1, poll_s=0.01).state.value


def _files(house: House) -> Made:
    del house
    path = Path(gettempdir()) / f"odnowa-crash-{os.getpid()}.csv"
    day = {"term_starts_on": "2026-03-01", "term_ends_on": "2026-04-01", "anchor_on": "2025-03-01"}
    write_customers(path, [csv_customer(n, first_paid_on="2025-03-01", **day) for n in (1, 2, 3)])
    return str(path)


@of_other("import", _files)
def import_everybody(house: House, made: Made) -> object:
    """The price list and the customers of a company, each in one transaction."""
    load_catalogue_file(house.engine, SAMPLE_CATALOGUE, "eva")
    report = import_customers(house.engine, Path(made), clock=house.clock, skip_bad=False, go_live_on=None, by="eva")
    assert not report.refusals, report.refusals
    return report.imported


def _an_account_with_paper(house: House) -> Made:
    of = customer(house, external_id="shop")
    house.run("renew")
    assert of.account_id
    return str(house.fetch("SELECT number FROM invoices")[0]["number"])


_COMMANDS = put_together(app)
"""Made before the cases are forked off."""


def typed(house: House, *lines: Sequence[str]) -> None:
    """Command lines as typed by an operator; what they print is of no interest here."""
    environment = {  # REDIS_URL is this process's already
        "DATABASE_URL": house.engine.url.render_as_string(hide_password=False),
        "STRIPE_API_KEY": API_KEY,
        "STRIPE_API_BASE": house.emulator.url,
        "LINK_SIGNING_KEY": "only-for-tests-and-not-a-secret-at-all",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(house.sink.port),
        "FILES_URL": str(house.sink.folder.with_name("files")),
    }
    os.environ.update(environment)  # noqa: TID251 - a process of its own, as an operator's is
    for line in lines:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            _COMMANDS(list(line), standalone_mode=True)


@of_other("operator", _an_account_with_paper)
def look_at_everything(house: House, made: Made) -> object:
    """Every command that only looks; a death there changes nothing."""
    typed(
        house,
        ["jobs"],
        ["runs"],
        ["stuck"],
        ["account", "shop"],
        ["explain", "shop"],
        ["invoice", "list", "shop"],
        ["invoice", "show", made],
        ["invoice", "pdf", made, "--to", str(house.sink.folder / "one.pdf")],
        ["invoice", "export", "--month", "2026-03", "--to", str(house.sink.folder / "month.zip")],
        ["vat", "show", "shop"],
        ["rates", "list"],
        ["catalogue", "show"],
        ["audit"],
        ["doctor"],
        ["db", "upgrade"],
    )
    return nothing(house)
