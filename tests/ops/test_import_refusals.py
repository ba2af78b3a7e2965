"""What a row is refused for: every reason with its line and column, and all of a row's reasons at once."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.support.imports import (
    NO_METHOD,
    PAYPAL,
    customer,
    dump,
    import_rows,
    load_sample_catalogue,
    write_customers,
)
from worker.billing.calendar import Interval
from worker.billing.catalogue import Allowance, Catalogue, Package, Price
from worker.billing.money import Currency
from worker.ops.importing.check import check
from worker.ops.importing.columns import CUSTOMER_COLUMNS
from worker.ops.importing.report import Refusal
from worker.store.importing import CustomerRow

_DAYS = ("anchor_on", "term_starts_on", "term_ends_on")


_SINCE = date(2020, 1, 1)
_CATALOGUE = Catalogue(
    tuple(Price(Package.STANDARD, interval, Currency.PLN, _SINCE, 7900, 3900) for interval in Interval),
    (Allowance(Package.STANDARD, _SINCE, included=100, limit=500, block=100),),
)


def refused(changes: dict[str, str], catalogue: Catalogue = _CATALOGUE) -> dict[str, str]:
    row = customer(1, **changes)
    checked = check(7, tuple(row[column] for column in CUSTOMER_COLUMNS), catalogue)
    assert not isinstance(checked, CustomerRow), f"{changes} was not refused"
    assert {each.line for each in checked} == {7}
    return {each.column: each.reason for each in checked}


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("external_id", "", "is missing"),
        ("external_id", "x" * 101, "has 101 characters, more than 100"),
        ("company", "x" * 201, "has 201 characters, more than 200"),
        ("postcode", "1" * 21, "has 21 characters, more than 20"),
        ("email", "", "is missing"),
        ("email", "biuro", "'biuro' is not an e-mail address"),
        ("email", "a@b", "is not an e-mail address"),
        ("email", "a b@c.example", "is not an e-mail address"),
        ("email", "a@b.example,c@d.example", "is not an e-mail address"),
        ("email", "Jan <a@b.example>", "is not an e-mail address"),
        ("email", "żółw@b.example", "is not an e-mail address"),
        ("email", f"a@{'b.' * 130}example", "characters, more than 254"),
        ("locale", "", "is missing"),
        ("locale", "pl-PL", "'pl-PL' is not a locale like pl or en_GB"),
        ("locale", "polski", "is not a locale"),
        ("country", "Poland", "'Poland' is not a country of two capital letters like PL"),
        ("country", "pl", "is not a country"),
        ("country", "ZZ", "'ZZ' is no country"),
        ("vat_number", "1234567890", "is no VAT number"),
        ("vat_number", "PL5260001247", "a character is mistyped"),
        ("vat_number", "DE136695976", "is no VAT number of PL"),
        ("currency", "GBP", "'GBP' is none of PLN, EUR, USD, CZK"),
        ("currency", "", "is missing"),
        ("package", "enterprise", "'enterprise' is none of free, standard, pro"),
        ("package", "free", "free has no term to import"),
        ("interval", "week", "'week' is none of month, year"),
        ("agents", "0", "'0' does not lie within 1 and 100000"),
        ("agents", "-3", "does not lie within"),
        ("agents", "2.5", "'2.5' is not a whole number"),
        ("agents", "1e3", "is not a whole number"),
        ("agents", "٣", "is not a whole number"),
        ("agents", "--3", "is not a whole number"),
        ("agents", "9" * 5000, "does not lie within"),
        ("agents", "", "is missing"),
        ("extra_conversations", "150", "are sold in blocks of 100"),
        ("extra_conversations", "500", "exceed the limit of standard: 500 a month in all"),
        ("extra_conversations", "-100", "does not lie within"),
        ("agent_price_minor", "-1", "does not lie within"),
        ("agent_price_minor", "79.00", "is not a whole number"),
        ("conversation_price_minor", "100000000", "does not lie within 0 and 99999999"),
        ("term_paid_minor", "", "is missing"),
        ("credit_minor", "-1", "does not lie within"),
        ("first_paid_on", "31.1.2025", "'31.1.2025' is not a date like 2026-10-31"),
        ("first_paid_on", "2027-01-01", "lies after the end of the paid term"),
        ("anchor_on", "2025-02-30", "is not a date"),
        ("anchor_on", "20250131", "is not a date"),
        ("anchor_on", "1025-01-31", "does not lie within the years 1970 and 2199"),
        ("anchor_on", "2026-11-30", "lies after the term's start"),
        ("term_starts_on", "2026-09-29", "no term by month of the anchor 2025-01-31 starts on 2026-09-29"),
        ("term_ends_on", "2026-09-30", "does not lie after the term's start"),
        ("term_ends_on", "2026-01-31", "does not lie after the term's start"),
        ("term_ends_on", "2026-10-30", "that starts on 2026-09-30 ends on 2026-10-31, not 2026-10-30"),
        ("term_ends_on", "2027-09-30", "ends on 2026-10-31, not 2027-09-30"),
        ("auto_renew", "maybe", "is none of true, yes, 1, false, no, 0"),
        ("provider_customer", "", "is missing, and renewal is on"),
        ("provider_customer", "4242424242424242", "is not an id of the payment provider"),
        ("provider_payment_method", "", "is missing"),
        ("provider_payment_method", "4242424242424242", "is not an id of the payment provider"),
        ("method_type", "sepa_debit", "'sepa_debit' is not accepted; Visa and Mastercard cards, and PayPal are"),
        ("method_type", "amex", "American Express is not accepted; Visa and Mastercard cards, and PayPal are"),
        ("card_brand", "amex", "American Express is not accepted; Visa and Mastercard cards, and PayPal are"),
        ("card_brand", "American Express", "American Express is not accepted"),
        ("card_brand", "discover", "'discover' is not accepted; Visa and Mastercard cards, and PayPal are"),
        ("card_brand", "", "is missing"),
        ("card_last4", "", "must be the last four digits"),
        ("card_last4", "42424242", "must be the last four digits"),
        ("card_exp", "", "is missing"),
        ("card_exp", "13/2028", "'13/2028' is not a month like 09/2028"),
    ],
)
def test_one_wrong_cell_is_one_reason(column: str, cell: str, reason: str) -> None:
    reasons = refused({column: cell})
    assert list(reasons) == [column]
    assert reason in reasons[column]


@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({**NO_METHOD, "auto_renew": "yes"}, "auto_renew", "is on without a payment method"),
        ({**NO_METHOD, "card_last4": "4242"}, "card_last4", "is given without a method_type"),
        ({**PAYPAL, "card_exp": "09/2028"}, "card_exp", "which has no card"),
        (
            {"interval": "year", "anchor_on": "2025-01-31", "term_starts_on": "2026-01-31"},
            "term_ends_on",
            "a term by year that starts on 2026-01-31 ends on 2027-01-31, not 2026-10-31",
        ),
        (
            dict(zip(_DAYS, ("2019-10-01", "2019-10-01", "2019-11-01"), strict=True))
            | {"first_paid_on": "", "agent_price_minor": "1", "conversation_price_minor": "1"},
            "package",
            "no conversations for standard on 2019-10-01",
        ),
    ],
)
def test_columns_that_contradict_each_other(changes: dict[str, str], column: str, reason: str) -> None:
    reasons = refused(changes)
    assert list(reasons) == [column]
    assert reason in reasons[column]


def test_R3b_a_price_that_the_list_lacks_is_never_guessed() -> None:
    only_allowances = Catalogue((), _CATALOGUE.allowances)
    reasons = refused({}, only_allowances)
    assert reasons == {
        "agent_price_minor": "is empty, and the price list has no standard by month in PLN on 2026-09-30"
    }
    assert list(refused({"agent_price_minor": "7900"}, only_allowances)) == ["conversation_price_minor"]


def test_R5b_what_may_be_a_card_number_is_not_repeated() -> None:
    number = "4242424242424242"
    for column in ("provider_customer", "provider_payment_method", "card_last4"):
        assert number not in refused({column: number})[column]


def test_all_reasons_of_a_row_are_told_at_once() -> None:
    wrong = {"email": "x", "currency": "GBP", "agents": "0", "card_brand": "amex", "term_ends_on": "never"}
    assert set(refused(wrong)) == set(wrong)


@pytest.mark.parametrize(
    "changes",
    [
        {"email": "o'neil+shop@żółw.example"},
        {"country": ""},
        {"vat_number": ""},
        {"vat_number": "CHE-123.456.788 MWST", "country": "CH"},
        {"extra_conversations": "", "credit_minor": ""},
        {"first_paid_on": ""},
        {"auto_renew": "No", "provider_customer": ""},
        {"card_brand": "MasterCard", "card_exp": "01/29"},
        {"card_exp": "01/2020"},
        NO_METHOD,
        PAYPAL,
        dict(zip(_DAYS, ("2024-02-29", "2024-02-29", "2024-03-29"), strict=True)) | {"first_paid_on": ""},
        dict(zip(_DAYS, ("2024-02-29", "2025-02-28", "2026-02-28"), strict=True))
        | {"first_paid_on": "", "interval": "year"},
    ],
)
def test_unusual_rows_that_are_fine(changes: dict[str, str]) -> None:
    row = customer(1, **changes)
    checked = check(7, tuple(row[column] for column in CUSTOMER_COLUMNS), _CATALOGUE)
    assert isinstance(checked, CustomerRow), checked


def test_reasons_come_with_the_line_of_the_file(engine: Engine, tmp_path: Path) -> None:
    load_sample_catalogue(engine)
    before = dump(engine)
    rows = [customer(1), customer(2, company="two\nlines"), customer(3, agents="0"), customer(1)]
    report = import_rows(engine, write_customers(tmp_path / "in.csv", rows))
    assert report.refusals == (
        Refusal(3, "company", "holds the control character U+000A"),
        Refusal(5, "agents", "'0' does not lie within 1 and 100000"),
        Refusal(6, "external_id", "stands on line 2 already"),
    )
    assert dump(engine) == before
