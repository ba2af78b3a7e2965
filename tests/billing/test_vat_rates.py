"""R20: the table of rates against two independent lists, an old and a new one, and the days on which rates moved."""

import json
from datetime import date
from fractions import Fraction
from importlib.resources import files
from itertools import pairwise, product

import pytest
import pyvat
from pyvat.vat_rules import VAT_RULES

from worker.billing.vat_area import MEMBER_STATES
from worker.billing.vat_rates import CHECKED_ON, STANDARD_RATES
from worker.errors import RuleError

BEGINNING = date(2024, 1, 1)
OLD_LIST_ON = date(2024, 1, 31)
"""When the newest pyvat was published; it is not kept up, so it tells what held then."""

ISLANDS = {"PT-20", "PT-30"}
"""Neither list has Portugal's islands; facts on them stand beside their rows."""


MOVED = (
    ("FI", date(2024, 9, 1), Fraction(24), Fraction(51, 2)),
    ("SK", date(2025, 1, 1), Fraction(20), Fraction(23)),
    ("EE", date(2025, 7, 1), Fraction(22), Fraction(24)),
    ("RO", date(2025, 8, 1), Fraction(19), Fraction(21)),
)
"""(state, first day, before, from then on): the rows in which the old list is outdated, with the days of the laws."""


def new_list() -> dict[str, Fraction]:
    """eu-vat-rates-data: what the Commission's own database said when the package was published."""
    told = json.loads((files("eu_vat_rates_data") / "eu_vat_rates_data.json").read_text(encoding="utf-8"))
    assert date.fromisoformat(told["version"]) >= CHECKED_ON
    return {code: Fraction(str(row["standard"])) for code, row in told["rates"].items() if row["eu_member"]}


def old_list() -> dict[str, Fraction]:
    """pyvat: electronic services have the standard rate."""
    kind = pyvat.ItemType.generic_electronic_service
    return {code: Fraction(VAT_RULES[code].get_vat_rate(kind)) for code in VAT_RULES if code != "EL"}


def test_R20_today_agrees_with_the_commissions_database() -> None:
    assert {state: STANDARD_RATES.standard(state, on=CHECKED_ON) for state in MEMBER_STATES} == new_list()


def test_R20_the_beginning_of_2024_agrees_with_a_list_of_that_time() -> None:
    assert {state: STANDARD_RATES.standard(state, on=OLD_LIST_ON) for state in MEMBER_STATES} == old_list()


def test_R20_what_the_two_lists_disagree_about_is_what_has_moved() -> None:
    old, new = old_list(), new_list()
    moved = {state: (before, after) for state, _, before, after in MOVED}
    assert {state: (old[state], new[state]) for state in MEMBER_STATES if old[state] != new[state]} == moved


@pytest.mark.parametrize(("state", "on", "before", "after"), MOVED)
def test_R20_a_rate_holds_from_its_day(state: str, on: date, before: Fraction, after: Fraction) -> None:
    assert STANDARD_RATES.standard(state, on=date.fromordinal(on.toordinal() - 1)) == before
    assert STANDARD_RATES.standard(state, on=on) == after


def test_R20_rates_moved_on_no_other_day() -> None:
    starts = {(row.country, row.valid_from) for row in STANDARD_RATES.rows if row.valid_from > BEGINNING}
    assert starts == {(state, on) for state, on, _, _ in MOVED}


@pytest.mark.parametrize(("region", "percent"), [("PT-20", 16), ("PT-30", 22)])
def test_R20_the_portuguese_islands_have_rates_of_their_own(region: str, percent: int) -> None:
    assert STANDARD_RATES.standard(region, on=BEGINNING) == percent


def test_R20_every_state_has_a_rate_on_each_day_since_2024_and_every_row_a_source() -> None:
    for country, on in product(MEMBER_STATES | ISLANDS, (BEGINNING, CHECKED_ON)):
        assert STANDARD_RATES.standard(country, on=on) >= 15  # the directive's least, article 97
    assert {row.country for row in STANDARD_RATES.rows} == MEMBER_STATES | ISLANDS
    assert all(row.source for row in STANDARD_RATES.rows)


def test_R20_rows_stand_in_order_and_each_changes_the_rate() -> None:
    order = [(row.country, row.valid_from) for row in STANDARD_RATES.rows]
    assert order == sorted(set(order))
    for earlier, later in pairwise(STANDARD_RATES.rows):
        assert earlier.country != later.country or earlier.percent != later.percent


def test_R20_what_is_not_in_the_table_is_refused() -> None:
    for country, on in (("EE", date(2023, 12, 31)), ("GB", CHECKED_ON), ("EL", CHECKED_ON)):
        with pytest.raises(RuleError, match=f"none for {country} on {on}"):
            STANDARD_RATES.standard(country, on=on)
