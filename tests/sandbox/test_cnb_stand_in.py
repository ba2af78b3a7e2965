"""The stand-in for the bank publishes as the bank does, and does what its control plane says."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from tests.support.bank import Bank
from worker.sandbox.cnb_stand_in import StandIn

PRAGUE = ZoneInfo("Europe/Prague")


def listed(bank: Bank, day: str) -> list[dict[str, Any]]:
    told: dict[str, list[dict[str, Any]]] = requests.get(
        f"{bank.url}/exrates/daily", params={"date": day, "lang": "EN"}, timeout=5
    ).json()
    return told["rates"]


@pytest.mark.parametrize(
    ("now", "asked", "told"),
    [
        ("2026-11-25T14:29:59", "2026-11-25", "2026-11-24"),
        ("2026-11-25T14:30:00", "2026-11-25", "2026-11-25"),
        ("2026-11-25T14:30:00", "2026-11-20", "2026-11-20"),
        ("2026-11-25T14:30:00", "2027-01-01", "2026-11-25"),
        ("2026-11-30T09:00:00", "2026-11-30", "2026-11-27"),  # a Monday morning
        ("2026-12-28T15:00:00", "2026-12-27", "2026-12-23"),  # holidays and a weekend
    ],
)
def test_a_day_without_a_list_is_told_the_last_one(bank: Bank, now: str, asked: str, told: str) -> None:
    bank.go_to(datetime.fromisoformat(now).replace(tzinfo=PRAGUE))
    bank.tell("holidays", {"days": ["2026-12-24", "2026-12-25"]})
    assert {line["validFor"] for line in listed(bank, asked)} == {told}


def test_its_rates_follow_from_the_day_unless_told_otherwise(bank: Bank) -> None:
    bank.go_to(datetime(2026, 11, 25, 15, tzinfo=PRAGUE))
    assert listed(bank, "2026-11-25") == listed(bank, "2026-11-25") != listed(bank, "2026-11-24")
    bank.tell("rates", {"2026-11-25": {"EUR": 25.5}})
    assert [one["rate"] for one in listed(bank, "2026-11-25") if one["currencyCode"] == "EUR"] == [25.5]
    assert {one["currencyCode"]: one["amount"] for one in listed(bank, "2026-11-25")}["HUF"] == 100


def test_faults_happen_as_often_as_told_and_nonsense_is_refused(bank: Bank) -> None:
    bank.tell("faults", {"kind": "down", "times": 2})
    seen = [requests.get(f"{bank.url}/exrates/daily", timeout=5).status_code for _ in range(3)]
    assert seen == [503, 503, 200]
    assert requests.get(f"{bank.url}/exrates/daily?date=soon", timeout=5).status_code == 400
    assert requests.post(f"{bank.url}/_cnb/faults", json={"kind": "odd"}, timeout=5).status_code == 400
    assert requests.get(f"{bank.url}/elsewhere", timeout=5).status_code == 404


def test_a_clock_file_shifts_it(tmp_path: Any) -> None:
    file = tmp_path / "clock"
    file.write_text("86400", encoding="ascii")
    stand_in = StandIn(file)
    later = stand_in._now()
    file.write_text("0", encoding="ascii")
    assert (later - stand_in._now()).total_seconds() == pytest.approx(86400, abs=5)
