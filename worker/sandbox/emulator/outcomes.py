"""What a payment method's issuer will answer: scripts, and the table of declines with their advice."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar


@dataclass(frozen=True, slots=True)
class Decline:
    """A refusal.

    Args:
        decline_code: Stripe's decline code, None where the provider gives none.
        code: Stripe's error code.
        advice: `do_not_try_again`, `try_again_later`, `confirm_card_data`, or None.
        network_decline: the issuer's own two characters, or None.
        network_advice: Mastercard's advice (MAC), or None.
        blocked: the charge was stopped before it reached the network.
    """

    decline_code: str | None
    code: str = "card_declined"
    advice: str | None = None
    network_decline: str | None = None
    network_advice: str | None = None
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """The issuer pays."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """The issuer wants the customer to authenticate."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The answer comes later, on the emulator's clock.

    Args:
        seconds: how long it takes.
        final: what it will be.
    """

    seconds: float
    final: Accepted | Decline


Outcome = Accepted | Challenge | Decline | Pending


@dataclass(frozen=True, slots=True)
class MoneyBack:
    """What becomes of a refund.

    Args:
        status: the refund's status in the answer to its creation.
        later: the status it comes to afterwards; None when it keeps the first.
        seconds: how long that takes on the emulator's clock.
    """

    status: str
    later: str | None = None
    seconds: float = 0.0


_LATER, _STOP, _DATA = "try_again_later", "do_not_try_again", "confirm_card_data"

# decline code: advice, issuer's code, Mastercard's advice
_TABLE: dict[str, tuple[str | None, str | None, str | None]] = {
    "approve_with_id": (_LATER, "08", "02"),
    "call_issuer": (_LATER, "01", "02"),
    "card_not_supported": (_STOP, "57", "03"),
    "card_velocity_exceeded": (_LATER, "65", "25"),
    "currency_not_supported": (_STOP, "57", "03"),
    "do_not_honor": (_LATER, "05", "02"),
    "do_not_try_again": (_STOP, "05", "03"),
    "expired_card": (_DATA, "54", "01"),
    "fraudulent": (_STOP, "59", "03"),
    "generic_decline": (_LATER, "05", "02"),
    "incorrect_cvc": (_DATA, "N7", "01"),
    "incorrect_number": (_DATA, "14", "01"),
    "insufficient_funds": (_LATER, "51", "24"),
    "invalid_account": (_DATA, "14", "01"),
    "invalid_amount": (None, "13", None),
    "invalid_expiry_month": (_DATA, "54", "01"),
    "invalid_expiry_year": (_DATA, "54", "01"),
    "issuer_not_available": (_LATER, "91", "02"),
    "lost_card": (_STOP, "41", "03"),
    "merchant_blacklist": (_STOP, None, None),
    "new_account_information_available": (_DATA, "79", "01"),
    "no_action_taken": (_LATER, "21", "02"),
    "not_permitted": (_STOP, "57", "03"),
    "pickup_card": (_STOP, "04", "03"),
    "processing_error": (_LATER, "96", "02"),
    "reenter_transaction": (_LATER, "19", "02"),
    "restricted_card": (_STOP, "62", "03"),
    "revocation_of_all_authorizations": (_STOP, "R3", "21"),
    "revocation_of_authorization": (_STOP, "R1", "21"),
    "security_violation": (_STOP, "63", "03"),
    "service_not_allowed": (_STOP, "57", "03"),
    "stolen_card": (_STOP, "43", "03"),
    "stop_payment_order": (_STOP, "R0", "21"),
    "transaction_not_allowed": (_STOP, "57", "03"),
    "try_again_later": (_LATER, "91", "02"),
    "withdrawal_count_limit_exceeded": (_LATER, "65", "25"),
}
# these decline codes are error codes of their own; all others come under card_declined
_OWN_CODE = {
    "expired_card",
    "incorrect_cvc",
    "incorrect_number",
    "invalid_expiry_month",
    "invalid_expiry_year",
    "processing_error",
}

MANDATE_INACTIVE = Decline(None, code="payment_intent_mandate_invalid")
AUTHENTICATION_REQUIRED = Decline("authentication_required", code="authentication_required", network_decline="1A")
BLOCKED = Decline("generic_decline", advice=_STOP, blocked=True)

TEST_METHODS: dict[str, tuple[str, str, str]] = {
    # Stripe's test id: brand, last four digits, script
    "pm_card_visa": ("visa", "4242", "ok"),
    "pm_card_visa_debit": ("visa", "5556", "ok"),
    "pm_card_mastercard": ("mastercard", "4444", "ok"),
    "pm_card_mastercard_debit": ("mastercard", "8210", "ok"),
    "pm_card_amex": ("amex", "8431", "ok"),
    "pm_card_authenticationRequired": ("visa", "3184", "authentication_required"),
    "pm_card_authenticationRequiredOnSetup": ("visa", "3155", "ok"),
    "pm_card_chargeCustomerFail": ("visa", "0341", "generic_decline"),
    "pm_card_visa_chargeDeclined": ("visa", "0002", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("visa", "9995", "insufficient_funds"),
    "pm_card_visa_chargeDeclinedLostCard": ("visa", "9987", "lost_card"),
    "pm_card_visa_chargeDeclinedStolenCard": ("visa", "9979", "stolen_card"),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": ("visa", "6975", "card_velocity_exceeded"),
    "pm_card_chargeDeclinedExpiredCard": ("visa", "0069", "expired_card"),
    "pm_card_chargeDeclinedIncorrectCvc": ("visa", "0127", "incorrect_cvc"),
    "pm_card_chargeDeclinedProcessingError": ("visa", "0119", "processing_error"),
    "pm_card_pendingRefund": ("visa", "7726", "ok"),
    "pm_card_refundFail": ("visa", "5126", "ok"),
}
TEST_REFUNDS = {
    # Stripe's test id: refund script; how long it takes is the emulator's guess
    "pm_card_pendingRefund": "pending:succeeded:60",
    "pm_card_refundFail": "ok_then_failed:60",
}
# every declining card of Stripe's but this one also refuses to be saved
ATTACHES_THOUGH_DECLINING = "pm_card_chargeCustomerFail"
WANTS_SETUP = "pm_card_authenticationRequiredOnSetup"

_PENDING_YES = re.compile(r"processing:succeeded:([0-9]+(?:\.[0-9]+)?)\Z")
_PENDING_NO = re.compile(r"processing:failed:([a-z_]+):([0-9]+(?:\.[0-9]+)?)\Z")
_REFUND = re.compile(r"(?:(pending):(succeeded|failed)|(ok)_then_(failed)):([0-9]+(?:\.[0-9]+)?)\Z")
_CODED = re.compile(r"decline:([a-z_]+)(?::([a-z_]+))?\Z")


def parse(words: str) -> Outcome:
    """The outcome that a script's entry names. Raises ValueError for one that is not known."""
    if words == "ok":
        return Accepted()
    if words == "authentication_required":
        return Challenge()
    if words == "blocked":
        return BLOCKED
    if words in _TABLE:
        return decline(words)
    if found := _CODED.match(words):
        return decline(found[1], advice=found[2])
    if found := _PENDING_YES.match(words):
        return Pending(float(found[1]), Accepted())
    if found := _PENDING_NO.match(words):
        return Pending(float(found[2]), decline(found[1]))
    raise ValueError(f"unknown outcome {words!r}")


def parse_refund(words: str) -> MoneyBack:
    """The outcome that a refund script's entry names. Raises ValueError for one that is not known."""
    if words == "ok":
        return MoneyBack("succeeded")
    found = _REFUND.match(words)
    if found is None:
        raise ValueError(f"unknown outcome of a refund {words!r}")
    return MoneyBack(found[1] or "succeeded", found[2] or found[4], float(found[5]))


def decline(decline_code: str, *, advice: str | None = None) -> Decline:
    """The refusal with that code; the advice of the table gives way to `advice`."""
    usual, network_decline, network_advice = _TABLE.get(decline_code, (None, None, None))
    return Decline(
        decline_code,
        code=decline_code if decline_code in _OWN_CODE else "card_declined",
        advice=advice or usual,
        network_decline=network_decline,
        network_advice=network_advice,
    )


Kind = TypeVar("Kind")


class Script(Generic[Kind]):
    """A payment method's outcomes, consumed one per confirmation or refund; the last one repeats."""

    __slots__ = ("_at", "entries", "outcomes")

    def __init__(self, entries: list[str], parser: Callable[[str], Kind]) -> None:
        """Raises ValueError for an empty script or an entry that `parser` does not know."""
        if not entries:
            raise ValueError("a script needs at least one outcome")
        self.entries = entries
        self.outcomes = [parser(entry) for entry in entries]
        self._at = 0

    def coming(self) -> Kind:
        """The outcome that `take` would give, left where it is."""
        return self.outcomes[self._at]

    def take(self) -> Kind:
        """The next outcome."""
        outcome = self.outcomes[self._at]
        self._at = min(self._at + 1, len(self.outcomes) - 1)
        return outcome
