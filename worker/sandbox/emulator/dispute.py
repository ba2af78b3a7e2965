"""The dispute: a payer's bank takes the money of a charge back, and somebody decides whose it is."""

from dataclasses import dataclass
from typing import Any

from worker.sandbox.emulator.objects import PaymentMethod

Json = dict[str, Any]

NEEDS_RESPONSE = "needs_response"
WON = "won"
LOST = "lost"

REASONS = (
    "bank_cannot_process",
    "check_returned",
    "credit_not_processed",
    "customer_initiated",
    "debit_not_authorized",
    "duplicate",
    "fraudulent",
    "general",
    "incorrect_account_details",
    "insufficient_funds",
    "noncompliant",
    "product_not_received",
    "product_unacceptable",
    "subscription_canceled",
    "unrecognized",
)
_ANSWER_WITHIN_S = 9 * 86_400


@dataclass(slots=True)
class Dispute:
    """A version of a dispute; a change makes a new one, so events keep what they told."""

    id: str
    number: int
    created: int
    amount: int
    currency: str
    charge: str
    payment_intent: str
    payment_method: PaymentMethod
    reason: str
    status: str = NEEDS_RESPONSE

    def shown(self) -> Json:
        """The object as the API shows it."""
        return {
            "id": self.id,
            "object": "dispute",
            "amount": self.amount,
            "balance_transactions": [],
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "enhanced_eligibility_types": [],
            "evidence": {},
            "evidence_details": {
                "due_by": self.created + _ANSWER_WITHIN_S,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": False,
            "livemode": False,
            "metadata": {},
            "network_reason_code": None,
            "payment_intent": self.payment_intent,
            "payment_method_details": self._details(),
            "reason": self.reason,
            "status": self.status,
        }

    def _details(self) -> Json:
        if self.payment_method.type == "paypal":
            return {"paypal": {"case_id": f"PP-{self.id}", "reason_code": None}, "type": "paypal"}
        card = {"brand": self.payment_method.brand, "case_type": "chargeback", "network_reason_code": None}
        return {"card": card, "type": "card"}
