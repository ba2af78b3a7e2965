"""R8b, R8c: what a decline code means for the next try, and what the customer may be told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.billing.declines import (
    DECLINE_CODES,
    CustomerReason,
    classify,
    may_tell_customer,
    reason_for_customer,
)
from worker.billing.states import DeclineKind

SOFT, HARD, NEEDS_ACTION = DeclineKind.SOFT, DeclineKind.HARD, DeclineKind.NEEDS_ACTION

# The provider's published codes, by what its documentation says of another try. Written out once more on
# purpose: the table must not lose a row unseen.
STOP = [
    "incorrect_number",
    "lost_card",
    "pickup_card",
    "stolen_card",
    "revocation_of_authorization",
    "revocation_of_all_authorizations",
    "highest_risk_level",
    "transaction_not_allowed",
    "fraudulent",
    "stop_payment_order",
    "invalid_account",
    "card_not_supported",
    "currency_not_supported",
    "restricted_card",
    "merchant_blacklist",
    "security_violation",
    "not_sent_to_network",
    "previously_declined_do_not_retry",
]
MEND = ["expired_card", "incorrect_cvc", "invalid_expiry_month", "invalid_expiry_year"]
LATER = [
    "insufficient_funds",
    "generic_decline",
    "do_not_honor",
    "card_velocity_exceeded",
    "withdrawal_count_limit_exceeded",
    "try_again_later",
    "call_issuer",
]
AGREEMENT_ENDED = "payment_intent_mandate_invalid"
SOON = ["issuer_not_available", "processing_error", "reenter_transaction"]


def kind_of(
    decline_code: str | None,
    code: str | None = "card_declined",
    advice: str | None = None,
    network: str | None = None,
) -> DeclineKind:
    return classify(decline_code, code=code, advice_code=advice, network_advice_code=network)


@pytest.mark.parametrize("decline_code", STOP + MEND)
def test_R8b_hard_codes(decline_code: str) -> None:
    assert kind_of(decline_code) is HARD


@pytest.mark.parametrize("decline_code", LATER + SOON)
def test_R8b_soft_codes(decline_code: str) -> None:
    assert kind_of(decline_code) is SOFT


def test_every_published_code_is_mapped_and_no_other() -> None:
    assert set(DECLINE_CODES) == {*STOP, *MEND, *LATER, *SOON, AGREEMENT_ENDED, "authentication_required"}


@pytest.mark.parametrize(
    ("decline_code", "code", "advice", "network", "kind"),
    [
        # R8b: the payer has ended the agreement at PayPal, which comes as a code without a decline code
        (None, AGREEMENT_ENDED, None, None, HARD),
        # R8c: the demand stands in either field
        ("authentication_required", "authentication_required", None, None, NEEDS_ACTION),
        (None, "authentication_required", None, None, NEEDS_ACTION),
        ("authentication_required", "card_declined", None, None, NEEDS_ACTION),
        # no try of ours can answer the demand, whatever the advice on trying says
        (None, "authentication_required", "try_again_later", None, NEEDS_ACTION),
        (None, "authentication_required", "confirm_card_data", None, NEEDS_ACTION),
        # but never is never
        (None, "authentication_required", "do_not_try_again", None, HARD),
        # the issuer's advice overrides the table, in both directions
        ("insufficient_funds", "card_declined", "do_not_try_again", None, HARD),
        ("insufficient_funds", "card_declined", "confirm_card_data", None, HARD),
        ("transaction_not_allowed", "card_declined", "try_again_later", None, SOFT),
        # Mastercard: 01 wants new data, 03 and 21 forbid, even against milder advice
        ("do_not_honor", "card_declined", None, "01", HARD),
        ("do_not_honor", "card_declined", None, "03", HARD),
        ("do_not_honor", "card_declined", None, "21", HARD),
        ("do_not_honor", "card_declined", "try_again_later", "03", HARD),
        ("do_not_honor", "card_declined", "try_again_later", "01", SOFT),
        # its "later" leaves the table alone: soft stays soft, and stolen stays stolen
        ("do_not_honor", "card_declined", None, "02", SOFT),
        ("stolen_card", "card_declined", None, "24", HARD),
        # the error's own code speaks where there is no decline code, or an unknown one
        (None, "expired_card", None, None, HARD),
        (None, "processing_error", None, None, SOFT),
        ("new_in_2031", "incorrect_cvc", None, None, HARD),
        # the decline code is the more exact of the two
        ("stolen_card", "processing_error", None, None, HARD),
        # what nobody knows is soft
        ("new_in_2031", "card_declined", None, None, SOFT),
        ("new_in_2031", "card_declined", "new_advice", "99", SOFT),
        (None, None, None, None, SOFT),
        ("", "", "", "", SOFT),
    ],
)
def test_R8b_r8c_advice_code_and_table(
    decline_code: str | None, code: str | None, advice: str | None, network: str | None, kind: DeclineKind
) -> None:
    assert kind_of(decline_code, code, advice, network) is kind


words = st.none() | st.text(max_size=5) | st.sampled_from([*DECLINE_CODES, "try_again_later", "01", "03", "02"])


@settings(deadline=None)
@given(words, words, words, words)
def test_every_answer_is_classified_and_a_ban_is_never_softened(
    decline_code: str | None, code: str | None, advice: str | None, network: str | None
) -> None:
    assert isinstance(kind_of(decline_code, code, advice, network), DeclineKind)
    assert kind_of(decline_code, code, "do_not_try_again", network) is HARD
    assert kind_of(decline_code, code, advice, "03") is HARD


@pytest.mark.parametrize(
    "code",
    [
        # what the provider asks never to tell
        "lost_card",
        "stolen_card",
        "pickup_card",
        "fraudulent",
        "merchant_blacklist",
        "highest_risk_level",
        "security_violation",
        "restricted_card",
        # what says nothing to anybody
        "generic_decline",
        "new_in_2031",
        None,
    ],
)
def test_the_customer_is_not_told(code: str | None) -> None:
    assert not may_tell_customer(code)
    assert reason_for_customer(code) is CustomerReason.DECLINED


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("insufficient_funds", "funds"),
        ("expired_card", "card_expired"),
        ("incorrect_cvc", "card_data"),
        ("incorrect_number", "card_data"),
        ("card_not_supported", "card_unsuitable"),
        ("card_velocity_exceeded", "card_limit"),
        ("authentication_required", "authentication"),
    ],
)
def test_the_customer_is_told_what_helps(code: str, reason: str) -> None:
    assert may_tell_customer(code)
    assert reason_for_customer(code) == reason


def test_every_reason_has_a_code_that_leads_to_it() -> None:
    assert {reason_for_customer(code) for code in DECLINE_CODES} == set(CustomerReason)
