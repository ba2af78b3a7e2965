"""Words for tests at the desk: who asks, every act as a call, and what each leaves in the store."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.support.builders import Subscriber, insert, rows
from tests.support.house import House
from worker.desk.billing_details import BillingDetails, change_billing_details
from worker.desk.extend_term import extend_term
from worker.desk.goodwill import grant_credit
from worker.desk.invoice_note import write_invoice_note
from worker.desk.open_account import open_account
from worker.desk.payment_methods import attach_method, remove_method, use_method
from worker.desk.renewal import renewal_off, renewal_on
from worker.desk.request import Caller, Done, Role
from worker.desk.to_free import to_free

DETAILS = BillingDetails("Nová s.r.o.", "Dlouhá 1", "Praha", "110 00", "CZ", "faktury@nova.example", "CZ25123891")


def customer_of(of: Subscriber) -> Caller:
    """The customer, on the account page."""
    return Caller(Role.CUSTOMER, "page", of.external_id)


def support_for(of: Subscriber) -> Caller:
    """Somebody of support."""
    return Caller(Role.SUPPORT, "eva", of.external_id)


Ask = Callable[[House, Subscriber, str], Done]

ACTS: Mapping[str, Ask] = {
    "open_account": lambda house, of, name: open_account(
        house.runtime, customer_of(of), locale="en", currency="EUR", request_id=name
    ),
    "renewal_on": lambda house, of, name: renewal_on(house.runtime, customer_of(of), request_id=name),
    "renewal_off": lambda house, of, name: renewal_off(house.runtime, customer_of(of), request_id=name),
    "method_attach": lambda house, of, name: attach_method(
        house.runtime, customer_of(of), given(house, of), request_id=name
    ),
    "method_use": lambda house, of, name: use_method(house.runtime, customer_of(of), second(of), request_id=name),
    "method_remove": lambda house, of, name: remove_method(house.runtime, customer_of(of), second(of), request_id=name),
    "billing_details": lambda house, of, name: change_billing_details(
        house.runtime, customer_of(of), DETAILS, request_id=name
    ),
    "invoice_note": lambda house, of, name: write_invoice_note(
        house.runtime, customer_of(of), note="Objednávka 7\nděkujeme", request_id=name
    ),
    "grant_credit": lambda house, of, name: grant_credit(
        house.runtime, support_for(of), amount_minor=500, currency="EUR", request_id=name, reason="a slow week"
    ),
    "extend_term": lambda house, of, name: extend_term(
        house.runtime, support_for(of), days=5, request_id=name, reason="a slow week"
    ),
    "to_free": lambda house, of, name: to_free(house.runtime, support_for(of), request_id=name, reason="asked"),
}
"""Each act in its plainest form; `prepared` makes what it needs."""


def second(of: Subscriber) -> str:
    """The provider's id of the second method."""
    return f"pm_{of.external_id.replace('-', '')}_second"


def given(house: House, of: Subscriber, *, brand: str = "mastercard", customer: str | None = None) -> str:
    """A method that the customer gave the provider, unknown to us; returns its id."""
    name = f"pm_{of.external_id.replace('-', '')}_{brand}"
    owner = customer or f"cus_{of.external_id}"
    kind = {"type": "paypal"} if brand == "paypal" else {"type": "card", "brand": brand, "last4": "4444"}
    house.emulator.seed([{"id": owner}], [{"id": name, "customer": owner, **kind}])
    return name


def with_second_method(house: House, of: Subscriber) -> None:
    """The account has a saved Mastercard beside the one in use."""
    insert(
        house.engine,
        "payment_methods",
        account_id=of.account_id,
        provider_method=second(of),
        type="card",
        brand="mastercard",
        last4="4444",
        exp_month=12,
        exp_year=2099,
        state="saved",
    )
    owner = f"cus_{of.external_id}"
    card = {"id": second(of), "customer": owner, "type": "card", "brand": "mastercard", "last4": "4444"}
    house.emulator.seed([{"id": owner}], [card])


def audited(house: House) -> list[dict[str, Any]]:
    """The desk's rows of the audit log, oldest first."""
    return rows(house.engine, "SELECT * FROM audit_log WHERE act LIKE 'desk.%' ORDER BY id")


def entitled(house: House, of: Subscriber) -> dict[str, Any]:
    """What the chat product reads of the account right now (R21)."""
    return rows(house.engine, "SELECT * FROM entitlements WHERE account = :name", name=of.external_id)[0]
