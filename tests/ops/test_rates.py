"""`odnowa rates`: the bank's list of a day from a file, all of it or nothing, and what is there."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.gateways.test_rates import CZECH, TEXT
from tests.ops.conftest import Odnowa
from tests.support.builders import catalogue, rows, subscriber
from tests.support.work import charge

STORED = "SELECT source, published_on, currency, per, rate FROM exchange_rates ORDER BY id"
REGISTERED = {"SELLER_VAT": "registered", "SELLER_VAT_NUMBER": "CZ25123891"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "rates.txt"
    found.write_text(TEXT.replace("2026", "2025"), encoding="utf-8")
    return found


def test_a_list_is_added_once_and_the_same_again_changes_nothing(odnowa: Odnowa, engine: Engine, file: Path) -> None:
    assert odnowa("rates", "import", str(file)).stdout == f"{file}: 3 rates of 2025-11-25, 3 added\n"
    before = rows(engine, STORED)
    assert [(row["currency"], row["per"], row["rate"]) for row in before] == [
        ("EUR", 1, "24.31"),
        ("PLN", 1, "5.712"),
        ("USD", 1, "20.901"),
    ]
    file.write_text(CZECH.replace("2026", "2025"), encoding="utf-8")
    told = json.loads(odnowa("rates", "import", str(file), "--by", "eva", "--json").stdout)
    assert told == {"published_on": "2025-11-25", "rates": 3, "added": 0, "items": []}
    assert rows(engine, STORED) == before
    assert len(rows(engine, "SELECT 1 AS one FROM audit_log WHERE act = 'rates_import'")) == 1
    assert "5.712" in odnowa("rates", "list").stdout
    listed = json.loads(odnowa("rates", "list", "--limit", "2", "--json").stdout)
    assert [one["currency"] for one in listed] == ["EUR", "PLN"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (TEXT.replace("2026", "2025").replace("24.310", "25.310"), "what stands never changes"),
        (TEXT.replace("2026", "2025").replace("24.310", "x"), "line 4 has no positive rate; nothing was written"),
        (TEXT.replace("2026", "2999"), "the list is of 2999-11-25, which has not come"),
    ],
)
def test_a_wrong_list_is_told_in_one_line_and_writes_nothing(
    odnowa: Odnowa, engine: Engine, file: Path, wrong: str, words: str
) -> None:
    odnowa("rates", "import", str(file))
    before = rows(engine, STORED)
    file.write_text(wrong, encoding="utf-8")
    result = odnowa("rates", "import", str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert rows(engine, STORED) == before
    assert "No such file" in odnowa("rates", "import", "nowhere.txt").stderr


def test_R16_what_waited_is_told_by_stuck_and_rung_for(odnowa: Odnowa, engine: Engine, file: Path) -> None:
    catalogue(engine)
    of = subscriber(engine)
    charge(engine, of, state="succeeded", last_method_id=of.method_id)
    file.write_text(TEXT.replace("25 Nov", "13 Mar"), encoding="utf-8")
    (entry,) = json.loads(odnowa("stuck", "--json", env=REGISTERED).stdout)
    assert (entry["kind"], entry["runbook"]) == ("invoice of charge", "waiting_for_rate")
    assert json.loads(odnowa("stuck", "--json").stdout) == [], "who is not registered needs no rates"
    told = json.loads(odnowa("rates", "import", str(file), "--json", env=REGISTERED).stdout)
    (item,) = rows(engine, "SELECT id, job, payload FROM work_items")
    assert (told["items"], item["job"]) == ([item["id"]], "issue_invoices")
    assert json.loads(odnowa("stuck", "--json", env=REGISTERED).stdout) == []


def test_a_registered_seller_needs_crowns_since_the_rates_are_in_crowns(odnowa: Odnowa) -> None:
    result = odnowa("rates", "import", "x", env={**REGISTERED, "SELLER_CURRENCY": "EUR"})
    assert result.exit_code == 1
    result = odnowa("doctor", env={**REGISTERED, "SELLER_CURRENCY": "EUR"})
    assert "SELLER_CURRENCY must be CZK" in result.stdout
