"""How sums, ages and facts read."""

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from worker.operating.running import Progress
from worker.ops import show
from worker.ops.edge import explained


@pytest.mark.parametrize(
    ("minor", "currency", "words"),
    [
        (5700, "EUR", "57.00 EUR"),
        (5, "PLN", "0.05 PLN"),
        (-1, "CZK", "-0.01 CZK"),
        (-12345, "USD", "-123.45 USD"),
        (0, None, "0.00"),
        (None, "EUR", ""),
    ],
)
def test_money(minor: int | None, currency: str | None, words: str) -> None:
    assert show.money(minor, currency) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (59.9, "59 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (86399, "23 h 59 min"),
        (86400, "1 d 0 h"),
        (200_000, "2 d 7 h"),
    ],
)
def test_age(seconds: float, words: str) -> None:
    assert show.age(seconds) == words


def test_facts_leave_out_what_is_empty() -> None:
    assert show.facts({"a": 1, "b": None, "c": {}, "d": {"e": 0}, "f": ""}) == "a 1, d e 0"


def test_a_document_holds_dates_sums_and_our_own_records(capsys: pytest.CaptureFixture[str]) -> None:
    show.document(
        {
            "on": date(2026, 3, 31),
            "at": datetime(2026, 3, 31, 5, tzinfo=UTC),
            "daily": time(5),
            "sum": Decimal(7),
            "now": Progress(1, 2, 3, 4, 0.5),
        }
    )
    assert json.loads(capsys.readouterr().out) == {
        "on": "2026-03-31",
        "at": "2026-03-31T05:00:00+00:00",
        "daily": "05:00:00",
        "sum": 7,
        "now": {"runs": 1, "items": 2, "open": 3, "dead": 4, "seconds": 0.5},
    }


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    assert explained(ZeroDivisionError("division by zero")) is None
