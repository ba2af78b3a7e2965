"""R18 at size: eight processes issue ten thousand invoices, and one transaction in ten kills its process.

Run by `make storm`.
"""

import os
import random
import time
from collections import Counter
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import create_engine, text

from tests.support.house import House, build_house
from tests.support.mail_sink import MailSink
from tests.support.processes import Listening
from worker.boundary import doors
from worker.queue import items
from worker.sandbox.crowd import gather

JOB = "issue_invoices"
INVOICES, ISSUERS, DEATHS = 10_000, 8, 0.1
LEASE_S = 3
SEED = 20_261_126
_LEFT = "SELECT id, state FROM work_items WHERE state IN ('ready', 'leased') AND job = :job"
_PAID = """
    INSERT INTO charges (account_id, subscription_id, purpose, term_number, business_date, state, currency, net_minor,
                         vat_minor, gross_minor, amount_minor, provider_intent, configuration_id, starts_on, ends_on,
                         paid_at, paid_on, tries, last_method_id, frozen)
    SELECT s.account_id, s.id, 'renewal', 1, s.paid_until, 'succeeded', 'EUR', 5700, 0, 5700, 5700, 'pi_' || s.id, f.id,
           s.paid_until, s.paid_until + interval '1 month', :now, cast(:now AS date), 1, m.id,
           '{"lines": [{"kind": "agents", "quantity": 3, "unit_price_minor": 1900, "net_minor": 5700}],
             "vat": {"treatment": "not_registered", "rate": "0", "category": "O", "words": [], "reasons": []},
             "tax_on": "2026-03-15", "country": "CZ", "vat_number": null, "package": "standard", "interval": "month",
             "conversation_block": 100}'
    FROM subscriptions s JOIN configurations f ON f.subscription_id = s.id
    JOIN payment_methods m ON m.account_id = s.account_id
"""


class _Place(SimpleNamespace):
    """Where the house stands: database, redis, emulator, files, now."""


def _issue(place: _Place, seed: int) -> None:
    """Issue until nothing is left to lease; dies with a chance at every second door of a transaction."""
    nobody = cast("MailSink", SimpleNamespace(port=1, folder=Path(place.files).with_name("mails")))
    engine = create_engine(place.database)
    house = build_house(engine=engine, redis_url=place.redis, emulator_url=place.emulator, sink=nobody, start=place.now)
    engine.dispose()
    object.__setattr__(house.runtime.limits, "lease_s", LEASE_S)
    house.keeper._lease_s = LEASE_S
    chance = random.Random(seed)

    def die(passed: str) -> None:
        # two doors a transaction, so that one transaction in ten is struck, before its commit or after it
        if ":commit:invoices." in passed and chance.random() < DEATHS / 2:
            os._exit(1)

    doors.failpoint = die
    while True:
        waiting = house.fetch(_LEFT, job=JOB)
        if not waiting:
            os._exit(0)
        ready = [row["id"] for row in waiting if row["state"] == "ready"]
        if ready:
            house.execute(chance.choice(ready), JOB)
        else:
            time.sleep(0.1)  # a dead one's lease has to run out first


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_R18_ten_thousand_invoices_by_eight_processes_that_die_have_no_gap(
    house: House, redis_url: str, emulator: Listening
) -> None:
    gather(house.engine, house.emulator, count=INVOICES, due=house.clock.today())
    with house.engine.begin() as connection:
        connection.execute(text(_PAID), {"now": house.clock.now()})
    planned = house.plan(JOB)
    place = _Place(
        database=house.engine.url.render_as_string(hide_password=False),
        redis=redis_url,
        emulator=emulator.url,
        files=str(house.sink.folder.with_name("files")),
        now=house.clock.now(),
    )
    ended = _storm(house, place)
    print(f"\n{INVOICES} invoices, {len(planned.items)} items, {dict(ended)}")  # noqa: T201 - the measure of the storm
    assert ended["deaths"] > len(planned.items) / 4, "the storm was one"
    (told,) = house.fetch(
        """SELECT count(*) AS n, min(sequence) AS first, max(sequence) AS last, count(DISTINCT charge_id) AS charges,
                  count(DISTINCT number) AS numbers FROM invoices"""
    )
    assert told == {"n": INVOICES, "first": 1, "last": INVOICES, "charges": INVOICES, "numbers": INVOICES}
    assert house.fetch("SELECT 1 AS one FROM invoices GROUP BY sequence HAVING count(*) > 1") == []
    out_of_order = (
        "SELECT 1 AS one FROM invoices a JOIN invoices b ON b.sequence = a.sequence + 1 AND b.issued_on < a.issued_on"
    )
    assert house.fetch(out_of_order) == []
    assert house.fetch("SELECT count(DISTINCT invoice_id) AS n FROM invoice_documents")[0]["n"] == INVOICES
    assert house.fetch("SELECT count(*) AS n FROM mails WHERE kind = 'invoice_issued'")[0]["n"] == INVOICES


def _storm(house: House, place: _Place) -> Counter[str]:
    """Keep eight processes issuing until nothing is left; what became of them."""
    context, ended, chance = get_context("fork"), Counter[str](), random.Random(SEED)
    house.engine.dispose()  # no connection goes into two processes
    began = time.monotonic()
    running: list[ForkProcess] = []
    while True:
        for process in [one for one in running if one.exitcode is not None]:
            ended["deaths" if process.exitcode else "ends"] += 1
            running.remove(process)
        items.expire_leases(house.engine, attempts_max=10_000)
        house.engine.dispose()
        left = house.fetch(_LEFT, job=JOB)
        house.engine.dispose()
        if not left and not running:
            break
        while left and len(running) < ISSUERS:
            process = context.Process(target=_issue, args=(place, chance.randrange(10**9)))
            process.start()
            running.append(process)
        time.sleep(0.2)
    ended["seconds"] = round(time.monotonic() - began)
    return ended
