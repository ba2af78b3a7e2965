"""What a decline means: one table from the provider's codes to the next try; what customers may be told.

The issuer's advice is about this very charge, so it overrides the table, which knows only the code.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from worker.billing.states import DeclineKind

AUTHENTICATION_REQUIRED = "authentication_required"

DECLINE_CODES: Mapping[str, DeclineKind] = MappingProxyType(
    {AUTHENTICATION_REQUIRED: DeclineKind.NEEDS_ACTION}
    # The card is gone, blocked or not able to pay this: asking again costs fines and never helps.
    | dict.fromkeys(
        (
            "card_not_supported",
            "currency_not_supported",
            "fraudulent",
            "highest_risk_level",
            "incorrect_number",
            "invalid_account",
            "lost_card",
            "merchant_blacklist",
            # the payer has ended the agreement at PayPal: no try can succeed until another method is saved
            "payment_intent_mandate_invalid",
            "not_sent_to_network",
            "pickup_card",
            "previously_declined_do_not_retry",
            "restricted_card",
            "revocation_of_all_authorizations",
            "revocation_of_authorization",
            "security_violation",
            "stolen_card",
            "stop_payment_order",
            "transaction_not_allowed",
        ),
        DeclineKind.HARD,
    )
    # The card's data are wrong or old: only the customer can mend them.
    | dict.fromkeys(
        ("expired_card", "incorrect_cvc", "invalid_expiry_month", "invalid_expiry_year"),
        DeclineKind.HARD,
    )
    # Another day may bring another answer.
    | dict.fromkeys(
        (
            "call_issuer",
            "card_velocity_exceeded",
            "do_not_honor",
            "generic_decline",
            "insufficient_funds",
            "issuer_not_available",
            "processing_error",
            "reenter_transaction",
            "try_again_later",
            "withdrawal_count_limit_exceeded",
        ),
        DeclineKind.SOFT,
    )
)

ADVICE_CODES: Mapping[str, DeclineKind] = MappingProxyType(
    {
        "do_not_try_again": DeclineKind.HARD,
        "confirm_card_data": DeclineKind.HARD,
        "try_again_later": DeclineKind.SOFT,
    }
)

# Mastercard's advice: 01 asks for new card data, 03 and 21 forbid another try. The codes that name a time to
# try again are not listed: the schedule waits by its own days, and they must not soften a stolen card.
NETWORK_ADVICE_HARD = frozenset({"01", "03", "21"})
_NETWORK_ADVICE_STOP = frozenset({"03", "21"})


def classify(
    decline_code: str | None,
    *,
    code: str | None,
    advice_code: str | None,
    network_advice_code: str | None,
) -> DeclineKind:
    """The kind of a decline (R8b, R8c); never fails, since an answer about money must always be settled.

    In this order: advice never to try again; a demand for authentication, which no try of ours can answer;
    the issuer's other advice; the network's; the table. A code that nobody knows is soft: the schedule has
    few tries and an end, and a new code must not cost a customer the service.
    """
    if advice_code == "do_not_try_again" or network_advice_code in _NETWORK_ADVICE_STOP:
        return DeclineKind.HARD
    if AUTHENTICATION_REQUIRED in {decline_code, code}:
        return DeclineKind.NEEDS_ACTION
    if advice_code is not None and advice_code in ADVICE_CODES:
        return ADVICE_CODES[advice_code]
    if network_advice_code in NETWORK_ADVICE_HARD:
        return DeclineKind.HARD
    for known in (decline_code, code):
        if known is not None and known in DECLINE_CODES:
            return DECLINE_CODES[known]
    return DeclineKind.SOFT


class CustomerReason(StrEnum):
    """The reasons that a mail may give; the key of a text."""

    AUTHENTICATION = "authentication"
    CARD_DATA = "card_data"
    CARD_EXPIRED = "card_expired"
    CARD_LIMIT = "card_limit"
    CARD_UNSUITABLE = "card_unsuitable"
    FUNDS = "funds"
    DECLINED = "declined"


# What is not here is not told: that a card was reported lost, stolen or fraudulent is between its holder and
# the bank, and the person who reads our mail may not be the holder.
_TELLABLE: Mapping[str, CustomerReason] = MappingProxyType(
    {
        AUTHENTICATION_REQUIRED: CustomerReason.AUTHENTICATION,
        "card_not_supported": CustomerReason.CARD_UNSUITABLE,
        "card_velocity_exceeded": CustomerReason.CARD_LIMIT,
        "currency_not_supported": CustomerReason.CARD_UNSUITABLE,
        "expired_card": CustomerReason.CARD_EXPIRED,
        "incorrect_cvc": CustomerReason.CARD_DATA,
        "incorrect_number": CustomerReason.CARD_DATA,
        "insufficient_funds": CustomerReason.FUNDS,
        "invalid_expiry_month": CustomerReason.CARD_DATA,
        "invalid_expiry_year": CustomerReason.CARD_DATA,
        "withdrawal_count_limit_exceeded": CustomerReason.CARD_LIMIT,
    }
)


def may_tell_customer(code: str | None) -> bool:
    """Whether the customer may learn this code's reason; never for lost, stolen, fraudulent, unknown."""
    return code in _TELLABLE


def reason_for_customer(code: str | None) -> CustomerReason:
    """The reason that the mail gives: the true one if it may be told, else only that it was declined."""
    return _TELLABLE.get(code or "", CustomerReason.DECLINED)
