"""R3b, R7b, R12 to R13: every row of the table of worked examples, run through the rules."""

import csv
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from worker.billing.calendar import Interval, Term, ordinal, term, term_start
from worker.billing.catalogue import Allowance, Catalogue, Line, LineKind, Package, Price
from worker.billing.change import ChangeQuote, Effect, Purse, Standing, price_change
from worker.billing.holdings import Holdings, Lot, Wish, changed
from worker.billing.money import Currency
from worker.billing.policy import Policy
from worker.billing.vat import Treatment, VatDecision

FOLDER = Path(__file__).parent / "examples"
NO_VAT = VatDecision(Treatment.NOT_REGISTERED, Fraction(0), "O", (), ())
LONG_AGO = date(2023, 1, 1)
KINDS = {LineKind.AGENTS: "a", LineKind.CONVERSATIONS: "c"}


def read(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table, strict=True))


CATALOGUE = Catalogue(
    prices=tuple(
        Price(
            Package(row["package"]),
            Interval(row["interval"]),
            Currency(row["currency"]),
            date.fromisoformat(row["valid_from"]),
            int(row["agent_price"]),
            int(row["block_price"]),
        )
        for row in read("prices.csv")
    ),
    allowances=(
        Allowance(Package.STANDARD, LONG_AGO, included=100, limit=500, block=50),
        Allowance(Package.PRO, LONG_AGO, included=500, limit=10_000, block=50),
    ),
)
ROWS = {row["id"]: row for row in read("changes.csv")}


@dataclass(frozen=True)
class Start:
    """Where a row starts from."""

    standing: Standing
    credit_minor: int
    carried_minor: int


def days(text: str) -> tuple[date, date]:
    starts_on, ends_on = text.split("..")
    return date.fromisoformat(starts_on), date.fromisoformat(ends_on)


def lots(text: str) -> tuple[Lot, ...]:
    pairs = (lot.split("@") for lot in text.split())
    return tuple(Lot(int(quantity), int(price)) for quantity, price in pairs)


def standing(row: dict[str, str]) -> Standing:
    package, interval, currency, had = row["held"].split(" ", 3)
    agents, _, blocks = had.partition("+")
    holdings = Holdings(Package(package), Interval(interval), Currency(currency), lots(agents), lots(blocks), 50)
    starts_on, ends_on = days(row["term"])
    anchor_on = date.fromisoformat(row["anchor"]) if row["anchor"] else starts_on
    k = ordinal(anchor_on=anchor_on, interval=holdings.interval, starts_on=starts_on)
    assert k is not None, "the term belongs to its anchor"
    paid, following = (
        term(anchor_on=anchor_on, anchor_number=1 - k, interval=holdings.interval, number=number) for number in (1, 2)
    )
    assert paid == Term(1, starts_on, ends_on), "the term is one of its anchor"
    return Standing(holdings, paid, following, NO_VAT)


def start(row: dict[str, str]) -> Start:
    if not row["held"].startswith("= "):
        return Start(standing(row), int(row["credit"] or 0), int(row["carried"] or 0))
    first_row = ROWS[row["held"].removeprefix("= ")]
    before = quote(first_row)
    following = Term(
        before.term.number + 1,
        before.term.ends_on,
        term_start(before.term.starts_on, before.holdings.interval, 2),
    )
    then = Standing(before.holdings, before.term, following, NO_VAT)
    return Start(then, before.credit_left_minor, before.carried_out_minor)


def wish(text: str) -> Wish:
    words = dict(word.split("=") for word in text.split())
    asked = Wish(
        package=Package(words.pop("package")) if "package" in words else None,
        interval=Interval(words.pop("interval")) if "interval" in words else None,
        agents=int(words.pop("agents")) if "agents" in words else None,
        extra_conversations=int(words.pop("conversations")) if "conversations" in words else None,
    )
    assert not words, "every word of a wish is understood"
    return asked


def quote(row: dict[str, str]) -> ChangeQuote:
    begin = start(row)
    on = date.fromisoformat(row["on"])
    held = begin.standing.holdings
    purse = Purse(begin.credit_minor, begin.carried_minor, Policy().minimum_minor[held.currency])
    new = changed(held, wish(row["wish"]), catalogue=CATALOGUE, on=on)
    return price_change(standing=begin.standing, new=new, on=on, purse=purse, vat=NO_VAT)


def written(lines: tuple[Line, ...]) -> str:
    return " ".join(
        f"carried={line.net_minor}"
        if line.kind is LineKind.CARRIED
        else f"{line.quantity}{KINDS[line.kind]}{line.unit_price_minor}={line.net_minor}"
        for line in lines
    )


def test_the_table_is_large_and_every_row_says_why() -> None:
    assert len(ROWS) == len(read("changes.csv")) >= 60
    assert all(len(row["reasoning"]) > 30 for row in ROWS.values())


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_R12c_a_worked_example(row: dict[str, str]) -> None:
    came_out = quote(row)
    assert written(came_out.sale.lines) == row["sold"]
    assert written(came_out.unused.lines) == row["unused"]
    assert came_out.to_charge_minor == int(row["charge"] or 0)
    assert came_out.credit_left_minor == int(row["credit_left"] or 0)
    assert came_out.carried_out_minor == int(row["carried_out"] or 0)
    assert came_out.effect is Effect(row["takes_effect"].replace(" ", "_"))
    assert came_out.is_new_term == bool(row["new_term"])
    if row["new_term"]:
        assert (came_out.term.starts_on, came_out.term.ends_on) == days(row["new_term"])
    assert came_out.switches_renewal_on == ("interval=year" in row["wish"])
