"""The bank's daily rates: a list, nothing yet, or an error that says why; and what a list may not say."""

import json
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.bank import Bank
from worker.errors import RefusedError
from worker.gateways.rate_lists import BYTES_MAX, read_list
from worker.gateways.rates import DailyRates, RatesOutcome

PRAGUE = ZoneInfo("Europe/Prague")
WEDNESDAY, FRIDAY, SUNDAY = date(2026, 11, 25), date(2026, 11, 27), date(2026, 11, 29)
TEXT = """25 Nov 2026 #227
Country|Currency|Amount|Code|Rate
Australia|dollar|1|AUD|13.710
EMU|euro|1|EUR|24.310
Hungary|forint|100|HUF|6.123
Poland|zloty|1|PLN|5.712
USA|dollar|1|USD|20.901
"""
CZECH = """25.11.2026 #227
země|měna|množství|kód|kurz
EMU|euro|1|EUR|24,310
Polsko|zlotý|1|PLN|5,712
USA|dolar|1|USD|20,901
"""


def as_json(**changes: Any) -> dict[str, Any]:
    """One line of the JSON form."""
    line = {"validFor": "2026-11-25", "order": 227, "amount": 1, "currencyCode": "EUR", "rate": 24.31}
    return {**line, "country": "EMU", "currency": "euro", **changes}


def listed(*lines: dict[str, Any]) -> bytes:
    others = [as_json(currencyCode="PLN", rate=5.712), as_json(currencyCode="USD", rate=20.901)]
    return json.dumps({"rates": [*lines, *others]}).encode()


def test_the_three_forms_of_a_list_say_the_same() -> None:
    found = [read_list(content) for content in (TEXT.encode(), ("\ufeff" + CZECH).encode(), listed(as_json()))]
    assert found[0] == found[1] == found[2]
    assert found[0].published_on == WEDNESDAY
    assert [(one.source, one.currency, one.per, one.rate) for one in found[0].rates] == [
        ("CNB", "EUR", 1, "24.31"),
        ("CNB", "PLN", 1, "5.712"),
        ("CNB", "USD", 1, "20.901"),
    ]


def test_units_of_a_hundred_and_many_decimals_stay_exact() -> None:
    raw = listed(as_json()).replace(b"24.31", b"2431.123456789").replace(b'"amount": 1', b'"amount": 100', 1)
    euro = read_list(raw).rates[0]
    assert (euro.per, euro.rate) == (100, "2431.123456789")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "neither JSON nor a day"),
        (b"\xff\xfe", "UTF-8"),
        (b"x" * (BYTES_MAX + 1), "no more than"),
        (b"{", "no JSON"),
        (b'{"rates": 1}', "no list called rates"),
        (b'{"rates": []}', "empty"),
        (b'{"rates": [1]}', "rate 1 is no object"),
        (listed(as_json(validFor=None)), "rate 1 has no day"),
        (listed(as_json(validFor="2026-11-24")), "several days"),
        (listed(as_json(amount=0)), "rate 1: .* units"),
        (listed(as_json(amount=True)), "lacks its currency or its amount"),
        (listed(as_json(amount="1")), "lacks its currency or its amount"),
        (listed(as_json(rate=0)), "no positive rate"),
        (listed(as_json(rate=-1.5)), "no positive rate"),
        (listed(as_json(rate="24.31")), "no positive rate"),
        (listed(as_json()).replace(b"24.31", b"1e999999"), "no positive rate"),
        (listed(as_json()).replace(b"24.31", b"1e-999999"), "decimals"),
        (listed(as_json()).replace(b"24.31", b"NaN"), "no JSON"),
        (listed(as_json(), as_json()), "rate 2: EUR stands there twice"),
        (listed(as_json(), as_json(currencyCode="CZK")), "home currency"),
        (listed(as_json(currencyCode="€")), "rate 1"),
        (listed(), "no rate of EUR"),
        (TEXT.replace("25 Nov", "25 Non").encode(), "first line is no day"),
        (TEXT.replace("25 Nov", "31 Nov").encode(), "first line is no day"),
        (TEXT.replace("Amount|", "").encode(), "line 2 is not the header"),
        (TEXT.replace("|EUR|", "|EUR").encode(), "line 4 has 4 fields"),
        (TEXT.replace("24.310", "24.3.1").encode(), "line 4 has no positive rate"),
        (TEXT.replace("24.310", "24 310").encode(), "line 4 has no positive rate"),
        (TEXT.replace("euro|1|", "euro|-1|").encode(), "line 4 lacks"),
        (TEXT.replace("EMU|euro|1|EUR|24.310\n", "").encode(), "no rate of EUR"),
    ],
)
def test_a_list_with_anything_wrong_in_it_is_none(content: bytes, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        read_list(content)


def test_the_bank_answers_with_the_list_of_the_day_or_the_last_before_it(bank: Bank) -> None:
    rates = DailyRates(bank.url, timeout_s=2)
    bank.go_to(datetime(2026, 11, 29, 18, tzinfo=PRAGUE))
    bank.tell("rates", {"2026-11-25": {"EUR": 24.31}})
    found = rates.of(WEDNESDAY)
    assert found.outcome is RatesOutcome.LIST
    assert found.published is not None
    assert [one.rate for one in found.published.rates if one.currency == "EUR"] == ["24.31"]
    weekend = rates.of(SUNDAY)
    assert weekend.outcome is RatesOutcome.NOTHING_YET
    assert weekend.published is not None
    assert weekend.published.published_on == FRIDAY
    assert rates.of(date(1990, 12, 31)).published is None
    assert bank.asked == ["2026-11-25", "2026-11-29", "1990-12-31"]
    rates.close()


@pytest.mark.parametrize(
    ("fault", "timeout_s", "words"),
    [
        ({"kind": "down"}, 2.0, "HTTP 503"),
        ({"kind": "html"}, 2.0, "no list of rates: this is no JSON"),
        ({"kind": "late", "seconds": 1}, 0.2, "does not answer: ReadTimeout"),
    ],
)
def test_trouble_is_an_answer_that_says_why(bank: Bank, fault: dict[str, Any], timeout_s: float, words: str) -> None:
    bank.tell("faults", fault)
    found = DailyRates(bank.url, timeout_s=timeout_s).of(WEDNESDAY)
    assert (found.outcome, found.published) == (RatesOutcome.FAILED, None)
    assert words in str(found.problem)


def test_nobody_there_is_an_answer_too() -> None:
    found = DailyRates("http://127.0.0.1:9", timeout_s=2).of(WEDNESDAY)
    assert found.outcome is RatesOutcome.FAILED
    assert "does not answer" in str(found.problem)
