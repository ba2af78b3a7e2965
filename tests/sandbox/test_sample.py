"""The sample: the shipped file is what the code writes, it shows what it promises, and both sides take it."""

import csv
import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import Engine

from tests.support.imports import import_rows, load_sample_catalogue
from tests.support.processes import Listening
from worker.billing.calendar import Interval, term_start
from worker.ops.importing.columns import CUSTOMER_COLUMNS
from worker.sandbox.sample import (
    BEHAVIOURS,
    HOSTILE_COMPANY,
    SAMPLE_CUSTOMERS,
    SAMPLE_GO_LIVE_ON,
    SAMPLE_ROWS,
    SAMPLE_TODAY,
    emulator_seed,
    redate,
    write_sample,
)
from worker.sandbox.sample_dates import later_month, place


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_shipped_file_is_what_the_code_writes(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    write_sample(path, rows=SAMPLE_ROWS, today=SAMPLE_TODAY, go_live_on=SAMPLE_GO_LIVE_ON)
    assert path.read_bytes() == SAMPLE_CUSTOMERS.read_bytes()


def test_another_seed_gives_other_customers(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    write_sample(path, rows=50, today=SAMPLE_TODAY, go_live_on=SAMPLE_GO_LIVE_ON, seed=1)
    assert rows(path) != rows(SAMPLE_CUSTOMERS)[:50]


def test_the_shipped_customers_import_without_a_refusal(engine: Engine) -> None:
    load_sample_catalogue(engine)
    report = import_rows(engine, SAMPLE_CUSTOMERS, today=SAMPLE_GO_LIVE_ON, go_live_on=SAMPLE_GO_LIVE_ON)
    assert (report.rows, report.imported, report.refusals) == (SAMPLE_ROWS, SAMPLE_ROWS, ())
    assert report.suspended in range(3, 20)
    assert report.incomplete in range(5, 40)


def test_the_mix_is_that_of_a_real_shop() -> None:
    sample = rows(SAMPLE_CUSTOMERS)
    share = {name: Counter(row[name] for row in sample) for name in CUSTOMER_COLUMNS}
    assert share["interval"]["month"] > 4 * share["interval"]["year"] > 0
    assert set(share["currency"]) == {"PLN", "EUR", "CZK", "USD"}
    assert {locale[:2] for locale in share["locale"]} == {"pl", "cs", "en"}
    assert share["auto_renew"]["false"] in range(60, 100)
    assert share["method_type"]["paypal"] in range(120, 180)
    assert share["method_type"][""] in range(5, 40)
    behaviours = Counter(row["provider_payment_method"].rpartition("_")[2] for row in sample)
    assert set(behaviours) == {*BEHAVIOURS, ""}
    declined = ("fundslater", "nofunds", "stolen", "asks")
    assert sum(behaviours[name] for name in declined) in range(45, 75)
    assert {int(day[8:]) for day in share["anchor_on"]} == set(range(1, 32))
    assert share["company"][HOSTILE_COMPANY] == 1
    ends = [date.fromisoformat(row["term_ends_on"]) for row in sample]
    window = [SAMPLE_GO_LIVE_ON + timedelta(days=n) for n in range(31)]
    assert min(Counter(ends)[day] for day in window) > 0
    assert sum(day in window for day in ends) > 0.9 * SAMPLE_ROWS


def test_a_copy_for_the_same_day_is_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "copy.csv"
    redate(SAMPLE_CUSTOMERS, path, from_on=SAMPLE_GO_LIVE_ON, go_live_on=SAMPLE_GO_LIVE_ON)
    assert path.read_bytes() == SAMPLE_CUSTOMERS.read_bytes()


@pytest.mark.parametrize("go_live_on", [date(2026, 11, 23), date(2027, 2, 1), date(2028, 2, 20)])
def test_a_copy_for_another_day_fits_as_well(engine: Engine, tmp_path: Path, go_live_on: date) -> None:
    path = tmp_path / "copy.csv"
    redate(SAMPLE_CUSTOMERS, path, from_on=SAMPLE_GO_LIVE_ON, go_live_on=go_live_on)
    load_sample_catalogue(engine)
    report = import_rows(engine, path, today=go_live_on, go_live_on=go_live_on)
    assert (report.imported, report.refusals) == (SAMPLE_ROWS, ())
    distances = [
        {date.fromisoformat(row["term_ends_on"]) - first for row in rows(source)}
        for source, first in ((SAMPLE_CUSTOMERS, SAMPLE_GO_LIVE_ON), (path, go_live_on))
    ]
    assert distances[0] == distances[1]


def test_a_copy_keeps_how_long_cards_last_beyond_the_renewal(tmp_path: Path) -> None:
    path = tmp_path / "copy.csv"
    redate(SAMPLE_CUSTOMERS, path, from_on=SAMPLE_GO_LIVE_ON, go_live_on=date(2028, 1, 15))
    months = []
    for source in (SAMPLE_CUSTOMERS, path):
        found = []
        for row in rows(source):
            if row["card_exp"]:
                ends_on = date.fromisoformat(row["term_ends_on"])
                found.append(
                    int(row["card_exp"][3:]) * 12 + int(row["card_exp"][:2]) - ends_on.year * 12 - ends_on.month
                )
        months.append(found)
    assert months[0] == months[1]
    assert -1 in months[0]


@pytest.mark.parametrize("interval", Interval)
def test_an_anchor_is_found_for_every_day_of_four_years(interval: Interval) -> None:
    for n in range(4 * 365 + 1):
        ends_on = date(2026, 1, 1) + timedelta(days=n)
        placed = place(ends_on, interval, number=n % 7)
        starts = [term_start(placed.anchor_on, interval, k) for k in range(60)]
        at = starts.index(placed.starts_on)
        assert starts[at + 1] == ends_on
        assert at >= n % 7


def test_months_of_cards_move_over_the_turn_of_a_year() -> None:
    assert later_month("12/2026", months=1) == "01/2027"
    assert later_month("01/2027", months=-1) == "12/2026"
    assert later_month("05/2026", before=date(2026, 10, 31), after=date(2027, 1, 1)) == "08/2026"


def call(emulator: Listening, path: str, *, body: dict[str, Any] | None = None) -> dict[str, Any]:
    request = Request(  # noqa: S310 - loopback, our own process
        f"{emulator.url}/_emulator/{path}",
        data=None if body is None else json.dumps(body).encode(),
        method="GET" if body is None else "POST",
    )
    with urlopen(request, timeout=10) as answer:  # noqa: S310 - see above
        answered: dict[str, Any] = json.loads(answer.read())
    return answered


def test_the_emulator_takes_the_whole_sample(emulator: Listening) -> None:
    seed = emulator_seed(SAMPLE_CUSTOMERS)
    methods = sum(bool(row["provider_payment_method"]) for row in rows(SAMPLE_CUSTOMERS))
    assert methods == len(seed["payment_methods"])
    taken = call(emulator, "seed", body=seed)
    assert taken == {"customers": len(seed["customers"]), "payment_methods": methods}
