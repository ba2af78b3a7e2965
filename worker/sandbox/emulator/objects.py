"""Stripe's smaller objects: customer, payment method, mandate, charge, SetupIntent, and how each is shown.

Every object is a version: a change makes a new one (`changed`), so an event may keep the version it tells of.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from operator import attrgetter
from typing import Any, Protocol, TypeVar

Json = dict[str, Any]


class Shown(Protocol):
    """Whatever has an id, a place in its list, and a JSON form."""

    @property
    def id(self) -> str:
        """Stripe's id."""
        ...

    def shown(self) -> Json:
        """The object as the API shows it."""
        ...


T = TypeVar("T")


def changed(version: T, **members: Any) -> T:
    """The next version of an object, which is a dataclass with slots."""
    kind: Any = type(version)
    successor: T = kind(*_members(kind)(version))
    for name, value in members.items():
        setattr(successor, name, value)
    return successor


@lru_cache(maxsize=32)
def _members(kind: Any) -> Callable[[Any], tuple[Any, ...]]:
    names = [member.name for member in fields(kind)]
    return attrgetter(*names)


@dataclass(slots=True)
class Customer:
    """Somebody who pays."""

    id: str
    number: int
    created: int
    email: str | None = None
    name: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    deleted: bool = False

    def shown(self) -> Json:
        """The object as the API shows it; of a deleted one nothing but that it was there."""
        if self.deleted:
            return {"id": self.id, "object": "customer", "deleted": True}
        return {
            "id": self.id,
            "object": "customer",
            "address": None,
            "balance": 0,
            "created": self.created,
            "currency": None,
            "default_source": None,
            "delinquent": False,
            "description": self.description,
            "discount": None,
            "email": self.email,
            "invoice_settings": {"custom_fields": None, "default_payment_method": None, "footer": None},
            "livemode": False,
            "metadata": self.metadata,
            "name": self.name,
            "phone": None,
            "preferred_locales": [],
            "shipping": None,
            "tax_exempt": "none",
            "test_clock": None,
        }


@dataclass(slots=True)
class PaymentMethod:
    """A card or a PayPal account."""

    id: str
    number: int
    created: int
    type: str
    customer: str | None = None
    brand: str = "visa"
    last4: str = "4242"
    exp_month: int = 12
    exp_year: int = 2034
    payer_email: str | None = None
    mandate: str | None = None
    spent: bool = False  # detached, or used without a customer: never to be used again
    refuses_saving: bool = False  # declines as soon as somebody tries to save it
    wants_setup: bool = False  # off-session payments ask for authentication until a SetupIntent saved it
    metadata: dict[str, str] = field(default_factory=dict)

    def details(self) -> Json:
        """The part that a charge repeats."""
        if self.type == "paypal":
            return {"country": "PL", "payer_email": self.payer_email, "payer_id": "EMULATEDPAYER"}
        return {
            "brand": self.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": "PL",
            "exp_month": self.exp_month,
            "exp_year": self.exp_year,
            "fingerprint": f"emulated{self.last4}",
            "funding": "credit",
            "last4": self.last4,
            "wallet": None,
        }

    def shown(self) -> Json:
        """The object as the API shows it."""
        return {
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": {"address": None, "email": None, "name": None, "phone": None, "tax_id": None},
            self.type: self.details(),
            "created": self.created,
            "customer": self.customer,
            "livemode": False,
            "metadata": self.metadata,
            "type": self.type,
        }


@dataclass(slots=True)
class Mandate:
    """The payer's standing permission; for PayPal the billing agreement."""

    id: str
    payment_method: str
    accepted_at: int
    status: str = "active"

    def shown(self) -> Json:
        """The object as the API shows it."""
        return {
            "id": self.id,
            "object": "mandate",
            "customer_acceptance": {"accepted_at": self.accepted_at, "offline": {}, "type": "offline"},
            "livemode": False,
            "multi_use": {},
            "payment_method": self.payment_method,
            "payment_method_details": {
                "paypal": {"billing_agreement_id": f"B-{self.id}", "payer_id": "EMULATEDPAYER"},
                "type": "paypal",
            },
            "status": self.status,
            "type": "multi_use",
        }


@dataclass(slots=True)
class Charge:
    """One attempt to move money that reached the network, or was blocked just before it."""

    id: str
    number: int
    created: int
    amount: int
    currency: str
    customer: str | None
    payment_intent: str
    payment_method: PaymentMethod
    status: str  # pending, succeeded, failed
    outcome: Json
    description: str | None
    metadata: dict[str, str]
    statement_descriptor_suffix: str | None = None
    receipt_email: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    amount_refunded: int = 0  # by refunds that have not failed
    disputed: bool = False  # stays, however the dispute ended

    def shown(self) -> Json:
        """The object as the API shows it."""
        paid = self.status == "succeeded"
        method = self.payment_method
        return {
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": self.amount if paid else 0,
            "amount_refunded": self.amount_refunded,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": f"txn_{self.id}" if paid else None,
            "billing_details": {"address": None, "email": None, "name": None, "phone": None, "tax_id": None},
            "calculated_statement_descriptor": "EMULATOR" if method.type == "card" else None,
            "captured": paid,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "description": self.description,
            "disputed": self.disputed,
            "failure_balance_transaction": None,
            "failure_code": self.failure_code,
            "failure_message": self.failure_message,
            "fraud_details": {},
            "livemode": False,
            "metadata": self.metadata,
            "on_behalf_of": None,
            "outcome": self.outcome,
            "paid": paid,
            "payment_intent": self.payment_intent,
            "payment_method": method.id,
            "payment_method_details": {method.type: self._details(), "type": method.type},
            "radar_options": {},
            "receipt_email": self.receipt_email,
            "receipt_number": None,
            "receipt_url": None,
            "refunded": paid and self.amount_refunded == self.amount,
            "review": None,
            "shipping": None,
            "source_transfer": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": self.statement_descriptor_suffix,
            "status": self.status,
            "transfer_data": None,
            "transfer_group": None,
        }

    def _details(self) -> Json:
        if self.payment_method.type == "paypal":
            return {**self.payment_method.details(), "transaction_id": self.id}
        return {**self.payment_method.details(), "network": self.payment_method.brand, "three_d_secure": None}


@dataclass(slots=True)
class SetupIntent:
    """The saving of a payment method for later charges without the customer."""

    id: str
    number: int
    created: int
    client_secret: str
    status: str
    payment_method_types: list[str]
    customer: str | None = None
    payment_method: str | None = None
    description: str | None = None
    usage: str = "off_session"
    mandate: str | None = None
    last_setup_error: Json | None = None
    next_action: Json | None = None
    return_url: str | None = None
    restricted: bool = False  # the request named the types it allows
    consented: bool = False  # mandate data was given
    metadata: dict[str, str] = field(default_factory=dict)

    def shown(self) -> Json:
        """The object as the API shows it."""
        return {
            "id": self.id,
            "object": "setup_intent",
            "application": None,
            "allowed_payment_method_types": self.payment_method_types if self.restricted else None,
            "automatic_payment_methods": None if self.restricted else {"enabled": True},
            "cancellation_reason": None,
            "client_secret": self.client_secret,
            "created": self.created,
            "customer": self.customer,
            "description": self.description,
            "flow_directions": None,
            "last_setup_error": self.last_setup_error,
            "latest_attempt": None,
            "livemode": False,
            "mandate": self.mandate,
            "metadata": self.metadata,
            "next_action": self.next_action,
            "on_behalf_of": None,
            "payment_method": self.payment_method,
            "payment_method_configuration_details": None,
            "payment_method_options": {},
            "payment_method_types": self.payment_method_types,
            "single_use_mandate": None,
            "status": self.status,
            "usage": self.usage,
        }
