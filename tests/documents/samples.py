"""One true set of facts per kind of mail, one true snapshot per kind of document, and a seller."""

from copy import deepcopy
from fractions import Fraction
from typing import Any

from worker.billing.catalogue import Line, LineKind
from worker.billing.money import round_half_up
from worker.billing.quote import taxed as price_with_vat
from worker.billing.vat import Treatment, VatDecision
from worker.documents.mail import SellerContact

SELLER = SellerContact("Odnowa Chat", "help@seller.example")
COMPANY = "Żółta Łódź Sp. z o.o."
ACCOUNT_URL = "https://app.seller.example/account"
_AMOUNT = {"amount_minor": 123450, "currency": "PLN"}

MAILS: dict[str, dict[str, Any]] = {
    "term_ending": {
        "company": COMPANY,
        "package": "pro",
        "ends_on": "2026-12-22",
        "days_left": 14,
        "account_url": ACCOUNT_URL,
    },
    "yearly_renewal": {
        "company": COMPANY,
        "package": "pro",
        "renews_on": "2026-12-22",
        "amount": _AMOUNT,
        "account_url": ACCOUNT_URL,
    },
    "card_expiring": {
        "company": COMPANY,
        "brand": "visa",
        "last4": "4242",
        "exp_month": 11,
        "exp_year": 2026,
        "renews_on": "2026-12-22",
        "account_url": ACCOUNT_URL,
    },
    "payment_declined": {
        "company": COMPANY,
        "package": "standard",
        "amount": _AMOUNT,
        "reason": "funds",
        "next_try_on": "2026-12-25",
        "suspends_on": "2026-12-29",
        "account_url": ACCOUNT_URL,
    },
    "payment_method_refused": {
        "company": COMPANY,
        "package": "standard",
        "amount": _AMOUNT,
        "has_method": True,
        "brand": "mastercard",
        "last4": "4444",
        "suspends_on": "2026-12-29",
        "account_url": ACCOUNT_URL,
    },
    "authentication_needed": {
        "company": COMPANY,
        "package": "pro",
        "amount": _AMOUNT,
        "payment_url": "https://pay.seller.example/confirm?token=abc&charge=7",
        "suspends_on": "2026-12-29",
    },
    "suspended": {
        "company": COMPANY,
        "package": "pro",
        "ended_on": "2026-12-22",
        "account_url": ACCOUNT_URL,
        "cause": "renewal_off",
    },
    "renewal_off_confirmed": {
        "company": COMPANY,
        "package": "pro",
        "suspends_on": "2026-12-22",
        "account_url": ACCOUNT_URL,
    },
    "invoice_issued": {
        "company": COMPANY,
        "invoice_number": "2026000123",
        "amount": _AMOUNT,
        "paid_on": "2026-12-22",
        "period_starts_on": "2026-12-22",
        "period_ends_on": "2027-01-22",
        "renewal": True,
        "replaces": None,
    },
    "credit_note_issued": {
        "company": COMPANY,
        "credit_note_number": "D2026000007",
        "invoice_number": "2026000123",
        "amount": _AMOUNT,
        "reason": "change",
        "to_credit": _AMOUNT,
        "to_refund": None,
    },
    "billing_details_needed": {
        "company": COMPANY,
        "missing": ["street", "city"],
        "renews_on": "2026-12-22",
        "account_url": ACCOUNT_URL,
    },
    "prices_change": {
        "company": COMPANY,
        "package": "pro",
        "renews_on": "2026-12-22",
        "old_amount": _AMOUNT,
        "new_amount": {"amount_minor": 134950, "currency": "PLN"},
        "account_url": ACCOUNT_URL,
        "with_vat": False,
    },
    "refund_made": {"company": COMPANY, "amount": _AMOUNT, "ends_service": True},
    "order_returned": {"company": COMPANY, "amount": _AMOUNT, "account_url": ACCOUNT_URL},
    "interval_change_scheduled": {
        "company": COMPANY,
        "package": "pro",
        "changes_on": "2026-12-22",
        "account_url": ACCOUNT_URL,
    },
    "term_extended": {
        "company": COMPANY,
        "package": "pro",
        "days": 14,
        "ends_on": "2026-12-22",
        "account_url": ACCOUNT_URL,
    },
    "reactivated": {"company": COMPANY, "package": "pro", "ends_on": "2026-12-22", "account_url": ACCOUNT_URL},
    "vat_number_not_confirmed": {
        "company": COMPANY,
        "vat_number": "PL5260001246",
        "register_url": "https://register.example/look",
        "account_url": ACCOUNT_URL,
    },
}

# The branches of the templates that the facts above do not take.
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((kind, {}) for kind in MAILS),
    ("payment_declined", {"next_try_on": None}),
    *(
        ("payment_declined", {"reason": reason})
        for reason in (
            "authentication",
            "card_data",
            "card_expired",
            "card_limit",
            "card_unsuitable",
            "declined",
        )
    ),
    ("payment_method_refused", {"has_method": False, "brand": None, "last4": None}),
    ("payment_method_refused", {"brand": None, "last4": None}),
    ("suspended", {"cause": "payment_failed"}),
    ("invoice_issued", {"renewal": False}),
    ("invoice_issued", {"replaces": "2026000041"}),
    ("credit_note_issued", {"reason": "refund", "to_credit": None, "to_refund": _AMOUNT}),
    ("credit_note_issued", {"reason": "refund", "to_refund": _AMOUNT}),
    ("credit_note_issued", {"reason": "correction"}),
    ("billing_details_needed", {"missing": ["name", "street", "city", "postcode", "country", "email"]}),
    ("prices_change", {"new_amount": {"amount_minor": 99900, "currency": "PLN"}}),
    ("refund_made", {"ends_service": False}),
    ("prices_change", {"with_vat": True}),
    ("term_extended", {"days": 1}),
]

_SNAPSHOT: dict[str, Any] = {
    "version": 3,
    "kind": "invoice",
    "number": "2026000123",
    "locale": "pl",
    "issued_on": "2026-11-22",
    "paid_on": "2026-11-21",
    "currency": "PLN",
    "seller": {
        "name": "Odnowa Chat s.r.o.",
        "street": "Příkladná 12",
        "city": "Praha 1",
        "postcode": "110 00",
        "country": "CZ",
        "company_id": "12345678",
        "register_entry": "Městský soud v Praze, C 12345",
        "vat": "not_registered",
        "email": "billing@seller.example",
        "web": "www.seller.example",
    },
    "buyer": {
        "name": COMPANY,
        "street": "ul. Świętokrzyska 1",
        "city": "Warszawa",
        "postcode": "00-360",
        "country": "PL",
        "email": "faktury@buyer.example",
        "vat_number": "PL5260001246",
    },
    "subscription": {"external_id": "SUB-00042", "package": "pro", "interval": "month"},
    "period": {"starts_on": "2026-11-22", "ends_on": "2026-12-22"},
    "lines": [
        {"kind": "agents", "quantity": 5, "unit_price_minor": 21900, "net_minor": 109500},
        {
            "kind": "conversations",
            "quantity": 2,
            "unit_price_minor": 7900,
            "net_minor": 15800,
            "conversation_block": 100,
        },
        {"kind": "goodwill", "quantity": 1, "unit_price_minor": -1850, "net_minor": -1850},
    ],
    "totals": {
        "net_minor": 123450,
        "vat_minor": 0,
        "gross_minor": 123450,
        "credit_used_minor": 10000,
        "paid_minor": 113450,
        "due_minor": 0,
    },
    "vat": {"treatment": "not_registered", "words": ["seller_not_registered"], "rate": "0"},
    "payment": {"method": "card", "brand": "visa", "last4": "4242"},
    "note": None,
}


# The invoice's agents were lowered from five to three with twelve days left: two are given back for these days.
_CREDIT_NOTE: dict[str, Any] = {
    name: _SNAPSHOT[name] for name in ("version", "locale", "currency", "seller", "buyer", "subscription", "vat")
} | {
    "kind": "credit_note",
    "number": "D2026000007",
    "issued_on": "2026-12-11",
    "corrected_on": "2026-12-10",
    "corrects": {"number": "2026000123", "issued_on": "2026-11-22"},
    "reason": "change",
    "period": {"starts_on": "2026-12-10", "ends_on": "2026-12-22"},
    "lines": [
        {
            "kind": "agents",
            "quantity": 2,
            "unit_price_minor": 21900,
            "net_minor": 17520,
            "days_left": 12,
            "days_whole": 30,
        }
    ],
    "totals": {
        "net_minor": 17520,
        "vat_minor": 0,
        "gross_minor": 17520,
        "to_credit_minor": 17520,
        "to_refund_minor": 0,
        "to_invoice_minor": 0,
    },
    "payment": {"method": "credit", "brand": None, "last4": None},
    "replaced_by": None,
    "note": None,
}


def snapshot(**changes: Any) -> dict[str, Any]:
    """The snapshot of the invoice with some of its blocks replaced."""
    return deepcopy(_SNAPSHOT) | changes


def credit_note(**changes: Any) -> dict[str, Any]:
    """The snapshot of the credit note with some of its blocks replaced."""
    return deepcopy(_CREDIT_NOTE) | changes


def whole_refund(**changes: Any) -> dict[str, Any]:
    """The credit note of a refund in full: a part was paid from credit and becomes credit again."""
    invoice = snapshot()
    sums = {name: invoice["totals"][name] for name in ("net_minor", "vat_minor", "gross_minor")}
    ways = {"to_credit_minor": 10000, "to_refund_minor": 113450, "to_invoice_minor": 0}
    refund = {name: invoice[name] for name in ("period", "lines", "payment")} | {"totals": sums | ways}
    return credit_note(**(refund | {"reason": "refund"} | changes))


_CATEGORIES = {"home": "S", "one_stop_shop": "S", "reverse_charge": "AE", "outside": "O", "not_registered": "O"}
_VAT_WORDS = {"reverse_charge": ["reverse_charge"], "outside": ["outside_eu_vat"]}
_TOLD_IN_CZK = Fraction("24.315")


def taxed(
    treatment: str, rate: str, *, currency: str = "EUR", gross_prices: bool = False, **changes: Any
) -> dict[str, Any]:
    """The invoice of a seller in Czechia who is registered for VAT; sums follow the lines and the rate."""
    paper = snapshot(**changes)
    decision = VatDecision(Treatment(treatment), Fraction(rate), _CATEGORIES[treatment], (), (), gross_prices)
    sold = tuple(
        Line(LineKind(of["kind"]), of["quantity"], of["unit_price_minor"], of["net_minor"]) for of in paper["lines"]
    )
    net_lines, net_minor, vat_minor = price_with_vat(sold, vat=decision)
    paper["lines"] = [of | {"net_minor": line.net_minor} for of, line in zip(paper["lines"], net_lines, strict=True)]
    gross_minor = net_minor + vat_minor
    used = min(paper["totals"]["credit_used_minor"], gross_minor)
    sums = {"net_minor": net_minor, "vat_minor": vat_minor, "gross_minor": gross_minor}
    paper["totals"] |= sums | {"credit_used_minor": used, "paid_minor": gross_minor - used}
    paper["seller"] |= {"vat": "registered", "vat_number": "CZ25123891"}
    paper["vat"] = {
        "treatment": treatment,
        "words": _VAT_WORDS.get(treatment, []),
        "rate": rate,
        "category": _CATEGORIES[treatment],
        "gross_prices": gross_prices,
        "reasons": [],
    }
    paper["currency"] = currency
    paper["exchange"] = None if currency == "CZK" else in_crowns(sums)
    return paper


def in_crowns(sums: dict[str, int]) -> dict[str, Any]:
    """The block of the tax office's currency for these sums."""
    net_minor, vat_minor = (round_half_up(sums[name] * _TOLD_IN_CZK) for name in ("net_minor", "vat_minor"))
    told = {"net_minor": net_minor, "vat_minor": vat_minor, "gross_minor": net_minor + vat_minor}
    return {"currency": "CZK", "rate": "24.315", "per": 1, "source": "CNB", "published_on": "2026-11-20", **told}


def taxed_credit_note(treatment: str, rate: str, *, currency: str = "EUR") -> dict[str, Any]:
    """A credit note on such an invoice."""
    invoice = taxed(treatment, rate, currency=currency)
    note = credit_note()
    net_minor = note["totals"]["net_minor"]
    vat_minor = round_half_up(net_minor * Fraction(rate) / 100)
    gross_minor = net_minor + vat_minor
    sums = {"net_minor": net_minor, "vat_minor": vat_minor, "gross_minor": gross_minor}
    note["totals"] |= sums | {"to_credit_minor": gross_minor}
    exchange = None if currency == "CZK" else in_crowns(sums)
    return note | {"vat": invoice["vat"], "seller": invoice["seller"], "currency": currency, "exchange": exchange}
