"""Files of customers, a catalogue that they were sold by, and the whole store as text to compare."""

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, text

from worker.clock import FixedClock
from worker.ops.importing import ImportReport, import_customers, load_catalogue_file
from worker.ops.importing.columns import CUSTOMER_COLUMNS
from worker.sandbox.sample import SAMPLE_CATALOGUE

TODAY = date(2026, 10, 1)

_GOOD = {
    "external_id": "shop-1",
    "company": "Kwiaciarnia Różyczka",
    "street": "ul. Łąkowa 5",
    "city": "Łódź",
    "postcode": "90-001",
    "email": "biuro@rozyczka.example",
    "locale": "pl",
    "country": "PL",
    "vat_number": "PL5260001246",
    "currency": "PLN",
    "package": "standard",
    "interval": "month",
    "agents": "3",
    "extra_conversations": "200",
    "agent_price_minor": "",
    "conversation_price_minor": "",
    "term_paid_minor": "31500",
    "credit_minor": "1200",
    "first_paid_on": "2025-01-31",
    "anchor_on": "2025-01-31",
    "term_starts_on": "2026-09-30",
    "term_ends_on": "2026-10-31",
    "auto_renew": "true",
    "provider_customer": "cus_1",
    "provider_payment_method": "pm_1",
    "method_type": "card",
    "card_brand": "visa",
    "card_last4": "4242",
    "card_exp": "09/2028",
}
PAYPAL = {"method_type": "paypal", "card_brand": "", "card_last4": "", "card_exp": ""}
NO_METHOD = {**PAYPAL, "method_type": "", "provider_payment_method": "", "auto_renew": "false"}


def customer(number: int = 1, **changes: str) -> dict[str, str]:
    """A good row, with an id and a payment method of its own, and what a test wants otherwise."""
    own = {"external_id": f"shop-{number}", "provider_payment_method": f"pm_{number}"}
    return {**_GOOD, **own, **changes}


def write_customers(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    """A file with these rows below its header; the first row stands on line 2."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, CUSTOMER_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def standing_clock(day: date = TODAY) -> FixedClock:
    """A clock that stands at the morning of a day."""
    return FixedClock(ZoneInfo("Europe/Prague"), datetime(day.year, day.month, day.day, 8, tzinfo=UTC))


def load_sample_catalogue(engine: Engine) -> None:
    """The shipped price list."""
    assert not load_catalogue_file(engine, SAMPLE_CATALOGUE, "test").refusals


def import_rows(
    engine: Engine,
    path: Path,
    *,
    today: date = TODAY,
    skip_bad: bool = False,
    go_live_on: date | None = None,
) -> ImportReport:
    """An import on a day, by the name of `tester`."""
    return import_customers(
        engine, path, clock=standing_clock(today), skip_bad=skip_bad, go_live_on=go_live_on, by="tester"
    )


def dump(engine: Engine) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    tables = text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1")
    with engine.begin() as connection:
        return {
            name: sorted(connection.execute(text(f"SELECT t::text FROM {name} t")).scalars())  # noqa: S608 - our own table names
            for name in connection.execute(tables).scalars().all()
        }
