"""Papers of every kind for those who check them: treatments, currencies, languages, names, lengths."""

from collections.abc import Mapping
from typing import Any

from tests.documents.samples import snapshot, taxed, taxed_credit_note, whole_refund

GREEK, CYRILLIC, EMOJI = "Καφενείο «Ο Ήλιος» Ο.Ε.", "Цветарница „Роза“ ЕООД", "Kwiaty 😀🌷 sp. z o.o."
_NUMBERS = {"PL": "PL5260001246", "DE": "DE136695976", "GR": "EL094259216", "SK": "SK2020317068", "HU": "HU10597190"}


def _buyer(country: str, *, name: str = "Shop", numbered: bool = True) -> dict[str, Any]:
    return {
        "name": name,
        "street": "Main Street 1",
        "city": "City",
        "postcode": "10000",
        "country": country,
        "email": "invoices@shop.example",
        "vat_number": _NUMBERS.get(country) if numbered else None,
    }


def _line(net_minor: int, *, quantity: int = 1, kind: str = "agents", **more: Any) -> dict[str, Any]:
    unit_minor = more.pop("unit_price_minor", net_minor // quantity)
    return {"kind": kind, "quantity": quantity, "unit_price_minor": unit_minor, "net_minor": net_minor, **more}


_PART = [_line(9194, quantity=3, unit_price_minor=1900, days_left=25, days_whole=31)]
_PART[0]["net_minor"] = 4597
_LONG = [_line(1000 + n, quantity=1) for n in range(200)]
_CREDIT = {"method": "credit", "brand": None, "last4": None}
_PAYPAL = {"method": "paypal", "brand": None, "last4": None}

PAPERS: Mapping[str, dict[str, Any]] = {
    "home in CZK": taxed("home", "21", currency="CZK", locale="cs", buyer=_buyer("CZ", numbered=False)),
    "home in EUR": taxed("home", "21", locale="cs", buyer=_buyer("CZ", numbered=False)),
    "home in PLN, gross prices": taxed("home", "21", currency="PLN", gross_prices=True, locale="cs"),
    "reverse charge in PLN": taxed("reverse_charge", "0", currency="PLN", buyer=_buyer("PL")),
    "reverse charge in EUR, Greek": taxed("reverse_charge", "0", locale="en", buyer=_buyer("GR", name=GREEK)),
    "one-stop shop in EUR": taxed("one_stop_shop", "19", locale="de", buyer=_buyer("DE", numbered=False)),
    "one-stop shop at 25.5 %": taxed("one_stop_shop", "25.5", locale="en", buyer=_buyer("FI")),
    "one-stop shop, gross, Cyrillic": taxed(
        "one_stop_shop", "20", gross_prices=True, locale="en", buyer=_buyer("BG", name=CYRILLIC)
    ),
    "one-stop shop in PLN, emoji": taxed(
        "one_stop_shop", "23", currency="PLN", buyer=_buyer("PL", name=EMOJI, numbered=False)
    ),
    "outside in USD": taxed("outside", "0", currency="USD", locale="en", buyer=_buyer("US")),
    "not registered in PLN": snapshot(),
    "a note": taxed("home", "21", locale="sk", note="Objednávka 7/2026\nStredisko <3> & 4"),
    "a part of a term": taxed("one_stop_shop", "27", locale="hu", lines=_PART, buyer=_buyer("HU")),
    "a carried sum, paid by credit": taxed(
        "home", "21", lines=[_line(5700, quantity=3), _line(41, kind="carried")], payment=_CREDIT
    ),
    "200 lines by PayPal": taxed("one_stop_shop", "23", lines=_LONG, locale="sk", payment=_PAYPAL, buyer=_buyer("SK")),
    "credit note at home": taxed_credit_note("home", "21"),
    "credit note of a reverse charge": taxed_credit_note("reverse_charge", "0", currency="PLN"),
    "credit note of the one-stop shop": taxed_credit_note("one_stop_shop", "23"),
    "credit note of an unregistered seller": whole_refund(),
}
