"""The PaymentIntent: one sum to be paid once, through as many attempts as it takes."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

REQUIRES_METHOD = "requires_payment_method"
REQUIRES_CONFIRMATION = "requires_confirmation"
REQUIRES_ACTION = "requires_action"
PROCESSING = "processing"
SUCCEEDED = "succeeded"
CANCELED = "canceled"

CONFIRMABLE = (REQUIRES_METHOD, REQUIRES_CONFIRMATION, REQUIRES_ACTION)
CANCELABLE = CONFIRMABLE
ALL_TYPES = ["card", "paypal"]


@dataclass(slots=True)
class PaymentIntent:
    """A version of a PaymentIntent; a change makes a new one, so events keep what they told."""

    id: str
    number: int
    created: int
    amount: int
    currency: str
    client_secret: str
    status: str = REQUIRES_METHOD
    customer: str | None = None
    payment_method: str | None = None
    last_payment_method: str | None = None  # the method of the latest attempt; not shown by the API
    allowed_types: list[str] | None = None
    automatic: Json | None = None
    return_url: str | None = None
    description: str | None = None
    receipt_email: str | None = None
    statement_descriptor: str | None = None
    statement_descriptor_suffix: str | None = None
    setup_future_usage: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    latest_charge: str | None = None
    last_payment_error: Json | None = None
    next_action: Json | None = None
    canceled_at: int | None = None
    cancellation_reason: str | None = None
    key: str | None = None  # the idempotency key of the latest attempt; not shown by the API

    def types(self) -> list[str]:
        """The payment method types it accepts."""
        return ALL_TYPES if self.allowed_types is None else self.allowed_types

    def shown(self) -> Json:
        """The object as the API shows it."""
        return {
            "id": self.id,
            "object": "payment_intent",
            "allowed_payment_method_types": self.allowed_types,
            "amount": self.amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": self.amount if self.status == SUCCEEDED else 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": self.automatic,
            "canceled_at": self.canceled_at,
            "cancellation_reason": self.cancellation_reason,
            "capture_method": "automatic_async",
            "client_secret": self.client_secret,
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "description": self.description,
            "excluded_payment_method_types": None,
            "last_payment_error": self.last_payment_error,
            "latest_charge": self.latest_charge,
            "livemode": False,
            "metadata": self.metadata,
            "next_action": self.next_action,
            "on_behalf_of": None,
            "payment_method": self.payment_method,
            "payment_method_configuration_details": None,
            "payment_method_options": {},
            "payment_method_types": self.types(),
            "processing": None,
            "receipt_email": self.receipt_email,
            "review": None,
            "setup_future_usage": self.setup_future_usage,
            "shipping": None,
            "source": None,
            "statement_descriptor": self.statement_descriptor,
            "statement_descriptor_suffix": self.statement_descriptor_suffix,
            "status": self.status,
            "transfer_data": None,
            "transfer_group": None,
        }
