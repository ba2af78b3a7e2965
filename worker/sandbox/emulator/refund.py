"""The refund: money on its way back from a charge to the customer."""

from dataclasses import dataclass, field
from typing import Any

from worker.sandbox.emulator.objects import PaymentMethod

Json = dict[str, Any]

PENDING = "pending"
SUCCEEDED = "succeeded"
FAILED = "failed"


@dataclass(slots=True)
class Refund:
    """A version of a refund; a change makes a new one, so events keep what they told."""

    id: str
    number: int
    created: int
    amount: int
    currency: str
    charge: str
    payment_intent: str
    payment_method: PaymentMethod
    status: str
    customer: str | None = None
    reason: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    failure_reason: str | None = None
    key: str | None = None  # the idempotency key of its creation; not shown by the API

    def shown(self) -> Json:
        """The object as the API shows it; the members about a failure or a wait are there only then."""
        shown: Json = {
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": f"txn_{self.id}",
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "destination_details": self._destination(),
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "payment_method": self.payment_method.id,
            "reason": self.reason,
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": self.status,
            "transfer_reversal": None,
        }
        if self.status == PENDING:
            shown["pending_reason"] = "processing"
        if self.status == FAILED:
            shown["failure_balance_transaction"] = f"txn_{self.id}_failed"
            shown["failure_reason"] = self.failure_reason
        return shown

    def _destination(self) -> Json:
        if self.payment_method.type == "paypal":
            return {"paypal": {}, "type": "paypal"}
        reference = {"reference_status": "pending", "reference_type": "acquirer_reference_number"}
        return {"card": {**reference, "type": "pending" if self.status == PENDING else "refund"}, "type": "card"}
