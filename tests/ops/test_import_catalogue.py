"""The price list's file: what it adds, and that what was once listed never changes (R3b)."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.support.imports import dump
from worker.ops.importing import CatalogueReport, load_catalogue_file
from worker.sandbox.sample import SAMPLE_CATALOGUE

_HEADER = "kind,package,interval,currency,valid_from,agent_price_minor,conversation_price_minor,included,limit,block"
_PRICE = "price,pro,month,EUR,2026-01-01,3500,800,,,"
_ALLOWANCE = "allowance,pro,,,2026-01-01,,,500,10000,100"


def load(engine: Engine, tmp_path: Path, *lines: str) -> CatalogueReport:
    path = tmp_path / "prices.csv"
    path.write_text("\n".join([_HEADER, *lines]), encoding="utf-8")
    return load_catalogue_file(engine, path, "tester")


def test_the_shipped_price_list_loads_and_loads_again_without_a_change(engine: Engine) -> None:
    first = load_catalogue_file(engine, SAMPLE_CATALOGUE, "tester")
    assert (first.rows, first.prices_added, first.allowances_added) == (19, 16, 3)
    before = dump(engine)
    second = load_catalogue_file(engine, SAMPLE_CATALOGUE, "tester")
    assert (second.unchanged, second.prices_added, second.allowances_added) == (19, 0, 0)
    assert dump(engine) == before
    with engine.begin() as connection:
        (note,) = connection.execute(text("SELECT * FROM audit_log")).all()
    assert (note.actor, note.act) == ("tester", "load catalogue")
    assert note.details == {"file": "sample_catalogue.csv", "prices": 16, "allowances": 3}


def test_R3b_a_listed_price_never_changes(engine: Engine, tmp_path: Path) -> None:
    load(engine, tmp_path, _PRICE, _ALLOWANCE)
    before = dump(engine)
    report = load(engine, tmp_path, _PRICE.replace("3500", "3600"), _ALLOWANCE.replace("10000", "9000"), _PRICE)
    assert (report.refused, report.unchanged) == (2, 1)
    price, allowance = report.refusals
    assert (price.line, price.column, allowance.line, allowance.column) == (2, "agent_price_minor", 3, "included")
    assert "3500 an agent and 800 a block stand already and never change" in price.reason
    assert dump(engine) == before


def test_a_new_price_comes_with_a_later_day(engine: Engine, tmp_path: Path) -> None:
    load(engine, tmp_path, _PRICE)
    report = load(engine, tmp_path, _PRICE, _PRICE.replace("2026", "2027").replace("3500", "3700"))
    assert (report.prices_added, report.unchanged, report.refused) == (1, 1, 0)


def test_two_rows_of_a_file_must_not_contradict_each_other(engine: Engine, tmp_path: Path) -> None:
    report = load(engine, tmp_path, _PRICE, _PRICE, _PRICE.replace("800", "900"))
    assert [(each.line, each.column) for each in report.refusals] == [(4, "agent_price_minor")]


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("discount,pro,month,EUR,2026-01-01,1,1,,,", "kind", "is none of price, allowance"),
        ("price,gold,month,EUR,2026-01-01,1,1,,,", "package", "is none of free, standard, pro"),
        ("price,free,month,EUR,2026-01-01,1,1,,,", "package", "free is not for sale"),
        ("price,pro,week,EUR,2026-01-01,1,1,,,", "interval", "is none of month, year"),
        ("price,pro,month,GBP,2026-01-01,1,1,,,", "currency", "is none of PLN, EUR, USD, CZK"),
        ("price,pro,month,EUR,soon,1,1,,,", "valid_from", "is not a date like"),
        ("price,pro,month,EUR,2026-01-01,-1,1,,,", "agent_price_minor", "does not lie within"),
        ("price,pro,month,EUR,2026-01-01,1,,,,", "conversation_price_minor", "is missing"),
        ("price,pro,month,EUR,2026-01-01,1,1,,,100", "block", "has no place in a row of kind price"),
        ("allowance,pro,month,,2026-01-01,,,1,2,1", "interval", "has no place in a row of kind allowance"),
        ("allowance,pro,,,2026-01-01,,,500,400,100", "limit", "includes 500 conversations of at most 400"),
        ("allowance,pro,,,2026-01-01,,,1,2,0", "limit", "sells conversations in blocks of 0"),
        ("allowance,pro,,,2026-01-01", "", "has 5 columns instead of 10"),
    ],
)
def test_a_wrong_row_leaves_everything_unwritten(
    engine: Engine, tmp_path: Path, line: str, column: str, reason: str
) -> None:
    before = dump(engine)
    report = load(engine, tmp_path, _PRICE, line)
    assert (report.refused, report.prices_added) == (1, 0)
    assert [(each.line, each.column) for each in report.refusals] == [(3, column)]
    assert reason in report.refusals[0].reason
    assert dump(engine) == before


def test_a_wrong_header_is_refused(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("kind;package\n", encoding="utf-8")
    report = load_catalogue_file(engine, path, "tester")
    assert (report.rows, report.refused) == (0, 1)
