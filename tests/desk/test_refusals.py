"""Every refusal: its code, a sentence that says what to do, and no trace but one audit row."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.support.builders import Subscriber, catalogue, counts, subscriber
from tests.support.counter import DETAILS, audited, customer_of, given, support_for, with_second_method
from tests.support.house import House
from worker.desk.billing_details import change_billing_details
from worker.desk.invoice_note import write_invoice_note
from worker.desk.my_package import my_package
from worker.desk.payment_methods import attach_method, remove_method, use_method
from worker.desk.renewal import renewal_off, renewal_on
from worker.desk.request import Caller, Role
from worker.desk.to_free import to_free
from worker.errors import ActRefusedError

Try = Callable[[House, Subscriber], object]


def details(**changes: str) -> Try:
    """Billing details with a fault."""
    return lambda house, of: change_billing_details(
        house.runtime, customer_of(of), replace(DETAILS, **changes), request_id="r-1"
    )


def note(text: str, **more: Any) -> Try:
    """A note with a fault."""
    return lambda house, of: write_invoice_note(house.runtime, customer_of(of), note=text, request_id="r-1", **more)


def switch(act: Callable[..., object], **more: Any) -> Try:
    """Renewal on or off by the customer."""
    return lambda house, of: act(house.runtime, customer_of(of), **{"request_id": "r-1", **more})


def attach(brand: str, **more: Any) -> Try:
    """A method of that brand."""
    return lambda house, of: attach_method(
        house.runtime, customer_of(of), given(house, of, brand=brand, **more), request_id="r-1"
    )


def method(act: Callable[..., object], name: str) -> Try:
    """Something with a method of that name."""
    return lambda house, of: act(house.runtime, customer_of(of), name, request_id="r-1")


def free(**more: Any) -> Try:
    """Back to Free, by support unless told otherwise."""
    return lambda house, of: to_free(
        house.runtime, more.get("caller", support_for)(of), request_id="r-1", reason=more.get("reason", "asked")
    )


SUSPENDED = {"status": "suspended"}
FREE = {"status": "ended"}
BARE = {"method": None, "auto_renew": False}

REFUSED: list[tuple[str, dict[str, Any], Try, str, str]] = [
    ("on when free", FREE, switch(renewal_on), "free", "buy a package first"),
    ("off when free", FREE, switch(renewal_off), "free", "buy a package first"),
    ("on when suspended", SUSPENDED, switch(renewal_on), "suspended", "which starts it again"),
    ("off when suspended", SUSPENDED, switch(renewal_off), "suspended", "which starts it again"),
    ("on without a method", BARE, switch(renewal_on), "no_method", "add a Visa or Mastercard card or PayPal first"),
    ("no request id", {}, switch(renewal_off, request_id=""), "request_id", "1 to 100 printable"),
    ("long request id", {}, switch(renewal_off, request_id="r" * 101), "request_id", "1 to 100 printable"),
    ("request id with a break", {}, switch(renewal_off, request_id="r\n1"), "request_id", "1 to 100 printable"),
    ("amex", {}, attach("amex"), "method_not_accepted", "American Express is not accepted; Visa"),
    ("method of another", {}, attach("visa", customer="cus_other"), "method_of_another", "enter one of your own"),
    ("unknown method", {}, method(attach_method, "pm_nowhere"), "method_unknown", "enter it again"),
    ("a card's number", {}, method(attach_method, "4242424242424242"), "method_id", "give the provider's"),
    ("a path for a method", {}, method(attach_method, "pm_/../x"), "method_id", "give the provider's"),
    ("nobody there", {"provider_customer": None}, attach("visa"), "no_customer", "enter the method on its page first"),
    ("use of what is not there", {}, method(use_method, "pm_nowhere"), "no_such_method", "add it first"),
    ("removal of what is not there", {}, method(remove_method, "pm_nowhere"), "no_such_method", "add it first"),
    ("no name", {}, details(company=" "), "missing", "please fill it in"),
    ("no street", {}, details(street=""), "missing", "please fill it in"),
    ("long name", {}, details(company="x" * 201), "too_long", "please shorten it"),
    ("a header in a name", {}, details(company="Shop\r\nBcc: x@y.example"), "characters", "without it"),
    ("a bidi override in a name", {}, details(company="Shop \u202egnp"), "characters", "U.202E"),
    ("an e-mail without a domain", {}, details(email="me@home"), "email", "please correct it"),
    ("two addresses", {}, details(email="a@b.example,c@d.example"), "email", "please correct it"),
    ("an e-mail with a dot at its end", {}, details(email="a.@b.example"), "email", "please correct it"),
    ("a country in words", {}, details(country="Czechia"), "country", "two capital letters"),
    ("a country that is none", {}, details(country="XX"), "country", "two capital letters"),
    ("a VAT number without country", {}, details(vat_number="25123891"), "vat_number", "such as CZ25123891"),
    ("a mistyped VAT number", {}, details(vat_number="CZ25123892"), "vat_number", "tax office's letter"),
    ("a VAT number of another country", {}, details(vat_number="PL5260001246"), "vat_number", "begin with CZ"),
    ("a note of 501", {}, note("x" * 501), "too_long", "at most 500 fit"),
    ("a note that rings", {}, note("ding\x07"), "characters", "U.0007"),
    ("a note turned around", {}, note("\u2067abc"), "characters", "U.2067"),
    ("an invoice that is not there", {}, note("x", invoice_number="2026000999"), "no_invoice", "check the number"),
    ("to free by a customer", {}, free(caller=customer_of), "support_only", "contact support"),
    ("to free without a reason", {}, free(reason=" "), "reason_missing", "say why"),
    ("to free when free", FREE, free(), "free", "nothing to end"),
]


@pytest.mark.parametrize(
    ("facts", "ask", "code", "words"), [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED]
)
def test_a_refusal_says_what_to_do_and_leaves_an_audit_row(
    house: House, facts: dict[str, Any], ask: Try, code: str, words: str
) -> None:
    catalogue(house.engine)
    of = subscriber(house.engine, **{"ends_on": house.clock.today() + timedelta(days=9), **facts})
    if "method" not in facts and facts.get("provider_customer", "") is not None:
        with_second_method(house, of)
    before = counts(house.engine, but=("audit_log",))
    with pytest.raises(ActRefusedError, match=words) as refused:
        ask(house, of)
    assert refused.value.code == code
    assert counts(house.engine, but=("audit_log",)) == before
    (row,) = audited(house)
    assert (row["details"]["refused"], row["account_id"]) == (code, of.account_id)
    assert "4242424242424242" not in str(row)


def test_an_account_that_is_not_there_is_refused_and_audited(house: House) -> None:
    with pytest.raises(ActRefusedError, match="no account is called 'nobody'"):
        my_package(house.runtime, Caller(Role.CUSTOMER, "page", "nobody"))
    (row,) = audited(house)
    assert (row["account_id"], row["details"]["refused"]) == (None, "no_account")


def test_the_table_is_long_enough() -> None:
    assert len(REFUSED) >= 25
