"""R14, R14b: what goes back, on which charge, until which day, and what becomes of the credit."""

from datetime import date

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from worker.billing.refund import PaidCharge, last_refund_day, partial_parts, price_refund
from worker.errors import RuleError

patient = settings(deadline=None, max_examples=150)


@pytest.mark.parametrize(
    ("paid_on", "last_on"),
    [
        (date(2027, 4, 1), date(2027, 4, 16)),  # the 15th day after that of the purchase
        (date(2027, 2, 20), date(2027, 3, 7)),  # 8 days of February and 7 of March
        (date(2028, 2, 20), date(2028, 3, 6)),  # 29 February is one of them
        (date(2027, 12, 31), date(2028, 1, 15)),
    ],
)
def test_R14_the_15_days(paid_on: date, last_on: date) -> None:
    assert last_refund_day(paid_on) == last_on


def test_R14_the_number_of_days_is_a_setting() -> None:
    assert last_refund_day(date(2027, 4, 1), days=30) == date(2027, 5, 1)


# The sums are in minor units; (charged, credit used, credit given, refunded) of each charge, oldest first.
EXAMPLES = {
    # 297.00 paid for three agents: all of it goes back.
    "first payment alone": ([(29_700,)], 0, 0, (29_700,), 0, 0),
    # 3 to 5 agents in the middle: sold 247.50, 148.50 by the unused part, 99.00 charged. 396.00 were paid.
    "upgrade": ([(29_700,), (9_900, 14_850, 14_850)], 0, 0, (29_700, 9_900), 0, 0),
    # 5 to 3 in the middle: 247.50 unused, 148.50 of it used, 99.00 are credit and are cancelled.
    "downgrade": ([(49_500,), (0, 14_850, 24_750)], 0, 0, (49_500, 0), 9_900, 0),
    # The same, then up to 5 again: the 99.00 stayed inside and are lost by nobody.
    "down and up": ([(49_500,), (0, 14_850, 24_750), (0, 24_750, 14_850)], 0, 0, (49_500, 0, 0), 0, 0),
    # Ops refund later: the renewal of 148.50 took the credit of 99.00 and is not refunded.
    "credit spent on a renewal": ([(49_500,), (0, 14_850, 24_750)], 0, 9_900, (39_600, 0), 0, 0),
    # 40.00 of the 99.00 were spent, 59.00 are cancelled.
    "credit spent in part": ([(49_500,), (0, 14_850, 24_750)], 0, 4_000, (45_500, 0), 5_900, 0),
    # The account had 50.00 from elsewhere, which are not touched.
    "other credit stays": ([(49_500,), (0, 14_850, 24_750)], 5_000, 0, (49_500, 0), 14_900, 5_000),
    # 80.00 spent: first the 50.00 from elsewhere, then 30.00 of these charges' credit.
    "other credit is spent first": ([(49_500,), (0, 14_850, 24_750)], 5_000, 8_000, (46_500, 0), 6_900, 0),
    # The purchase of 297.00 took 50.00 of older credit: they come back as credit, not as money.
    "older credit comes back": ([(24_700, 5_000)], 5_000, 0, (24_700,), 0, 5_000),
    # Up to five, then down to one: 198.00 of credit, all spent elsewhere: 99.00 off the change, 99.00 off the first.
    "lowered from the newest": (
        [(29_700,), (9_900, 14_850, 14_850), (0, 4_950, 24_750)],
        0,
        19_800,
        (19_800, 0, 0),
        0,
        0,
    ),
    # Ops gave 100.00 back before: only the rest goes back now.
    "after a refund in part": ([(29_700, 0, 0, 10_000)], 0, 0, (19_700,), 0, 0),
    # The worked change `conversations-last-day`: 2.00 charged where 0.83 was missing, 1.17 became credit.
    "minimum charged": ([(9_900,), (200, 213, 330)], 0, 0, (9_900, 200), 117, 0),
}


@pytest.mark.parametrize(
    ("charges", "other", "elsewhere", "parts", "before", "after"), EXAMPLES.values(), ids=EXAMPLES.keys()
)
def test_R14b_a_worked_example(
    charges: list[tuple[int, ...]], other: int, elsewhere: int, parts: tuple[int, ...], before: int, after: int
) -> None:
    refund = price_refund(
        [PaidCharge(*charge) for charge in charges], other_credit_minor=other, spent_elsewhere_minor=elsewhere
    )
    assert refund.parts == parts
    assert refund.total_minor == sum(parts)
    assert (refund.credit_before_minor, refund.credit_after_minor) == (before, after)


@pytest.mark.parametrize(
    ("charges", "other", "elsewhere", "reason"),
    [
        ([], 0, 0, "nothing left"),
        ([PaidCharge(0, credit_used_minor=100)], 100, 0, "nothing left"),  # no money was paid
        ([PaidCharge(100, refunded_minor=100)], 0, 0, "nothing left"),  # the same money a second time
        ([PaidCharge(100)], 0, 1, "more credit was spent"),
        ([PaidCharge(100, credit_used_minor=5)], 4, 0, "more credit was spent"),
        ([PaidCharge(100)], -1, 0, "negative"),
        ([PaidCharge(100)], 0, -1, "negative"),
    ],
)
def test_R14b_what_is_no_refund_is_refused(charges: list[PaidCharge], other: int, elsewhere: int, reason: str) -> None:
    with pytest.raises(RuleError, match=reason):
        price_refund(charges, other_credit_minor=other, spent_elsewhere_minor=elsewhere)


@pytest.mark.parametrize("sums", [(-1, 0, 0, 0), (1, -1, 0, 0), (1, 0, -1, 0), (1, 0, 0, -1), (1, 0, 0, 2)])
def test_R14b_a_charge_that_makes_no_sense_is_refused(sums: tuple[int, int, int, int]) -> None:
    with pytest.raises(RuleError):
        PaidCharge(*sums)


money = st.integers(0, 99_999)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[PaidCharge], int, int]:
    """Charges that took effect one after the other, with credit from elsewhere and spent elsewhere between."""
    other = draw(money)
    credit, elsewhere, sold = other, 0, 0
    charges: list[PaidCharge] = []
    for _ in range(draw(st.integers(1, 5))):
        given_minor = draw(st.integers(0, sold))
        used = draw(st.integers(0, credit + given_minor))
        charged = draw(st.integers(0 if charges else 1, 99_999))
        sold = used + charged
        credit += given_minor - used
        charges.append(PaidCharge(charged, used, given_minor, 0))
        spent = draw(st.integers(0, credit))
        credit, elsewhere = credit - spent, elsewhere + spent
    return charges, other, elsewhere


@patient
@given(histories())
def test_R14b_no_more_goes_back_than_was_paid_and_nothing_is_lost(history: tuple[list[PaidCharge], int, int]) -> None:
    charges, other, elsewhere = history
    refund = price_refund(charges, other_credit_minor=other, spent_elsewhere_minor=elsewhere)
    paid = sum(charge.charged_minor for charge in charges)
    assert all(0 <= part <= charge.charged_minor for part, charge in zip(refund.parts, charges, strict=True))
    assert 0 <= refund.credit_after_minor <= other
    event("lowered" if refund.total_minor < paid else "in full")
    # The money and the credit that are left are all that ever came in, less what bought something that stays.
    assert refund.total_minor + refund.credit_after_minor == paid + other - elsewhere
    if elsewhere <= other:
        assert refund.total_minor == paid


def test_R14b_a_refund_in_part_comes_from_the_newest_charge() -> None:
    charges = [PaidCharge(29_700), PaidCharge(9_900, refunded_minor=900)]
    assert partial_parts(charges, asked_minor=5_000) == (0, 5_000)
    assert partial_parts(charges, asked_minor=10_000) == (1_000, 9_000)
    assert partial_parts(charges, asked_minor=38_700) == (29_700, 9_000)


@pytest.mark.parametrize("asked", [0, -1, 38_701])
def test_R14b_a_refund_in_part_is_never_more_than_is_left(asked: int) -> None:
    with pytest.raises(RuleError, match="38700 is left"):
        partial_parts([PaidCharge(29_700), PaidCharge(9_900, refunded_minor=900)], asked_minor=asked)


@patient
@given(st.lists(st.builds(PaidCharge, money), min_size=1, max_size=5), st.data())
def test_R14b_refunds_in_part_never_exceed_the_whole(charges: list[PaidCharge], data: st.DataObject) -> None:
    paid = left = sum(charge.charged_minor for charge in charges)
    back = 0
    while left:
        asked = data.draw(st.integers(max(left // 3, 1), left))
        parts = partial_parts(charges, asked_minor=asked)
        charges = [
            PaidCharge(charge.charged_minor, refunded_minor=charge.refunded_minor + part)
            for charge, part in zip(charges, parts, strict=True)
        ]
        back += sum(parts)
        left -= asked
    assert back == paid
    with pytest.raises(RuleError, match="0 is left"):
        partial_parts(charges, asked_minor=1)
