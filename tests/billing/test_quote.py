"""R7b: the sum of a renewal, what credit pays of it, and what is too small to be charged."""

from fractions import Fraction

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from worker.billing.catalogue import Line, LineKind
from worker.billing.quote import PricedCharge, price_lines
from worker.billing.vat import Treatment, VatDecision
from worker.errors import RuleError

NO_VAT = VatDecision(Treatment.NOT_REGISTERED, Fraction(0), "O", (), ())
MINIMUM = 200


def bought(agent_price_minor: int, *, agents: int = 1, blocks: int = 0, block_price_minor: int = 0) -> tuple[Line, ...]:
    chats = (Line(LineKind.CONVERSATIONS, blocks, block_price_minor, blocks * block_price_minor),) if blocks else ()
    return (Line(LineKind.AGENTS, agents, agent_price_minor, agents * agent_price_minor), *chats)


def price(total_minor: int, *, credit: int = 0, carried: int = 0, vat: VatDecision = NO_VAT) -> PricedCharge:
    return price_lines(
        bought(total_minor),
        credit_minor=credit,
        carried_in_minor=carried,
        minimum_minor=MINIMUM,
        vat=vat,
    )


@pytest.mark.parametrize(
    ("total", "credit", "charged", "credit_used", "carried_out"),
    [
        (9900, 0, 9900, 0, 0),  # no credit
        (9900, 900, 9000, 900, 0),  # credit first
        (9900, 9900, 0, 9900, 0),  # credit covers it to the last unit
        (9900, 20_000, 0, 9900, 0),  # the rest stays credit
        (9900, 9700, 200, 9700, 0),  # the rest is exactly the minimum
        (9900, 9701, 200, 9700, 0),  # one unit below: one unit of credit is kept
        (9900, 9899, 200, 9700, 0),  # far below: the credit is kept as far as needed
        (200, 0, 200, 0, 0),  # the total is exactly the minimum
        (200, 1, 200, 0, 0),  # no credit can be used at all
        (200, 200, 0, 200, 0),
        (199, 0, 0, 0, 199),  # below the minimum without credit: carried
        (199, 198, 0, 0, 199),  # credit does not cover it: carried whole, the credit stays
        (199, 199, 0, 199, 0),  # credit covers it
        (0, 0, 0, 0, 0),  # nothing to pay
        (0, 500, 0, 0, 0),  # nothing to pay: the credit stays
    ],
)
def test_R7b_what_is_charged(total: int, credit: int, charged: int, credit_used: int, carried_out: int) -> None:
    priced = price(total, credit=credit)
    assert priced.gross_minor == total
    assert priced.to_charge_minor == charged
    assert priced.credit_used_minor == credit_used
    assert priced.carried_out_minor == carried_out


def test_R7b_a_carried_sum_is_a_line_of_its_own() -> None:
    priced = price_lines(
        bought(9900, agents=3, blocks=2, block_price_minor=2500),
        credit_minor=0,
        carried_in_minor=150,
        minimum_minor=MINIMUM,
        vat=NO_VAT,
    )
    assert priced.lines == (
        Line(LineKind.AGENTS, 3, 9900, 29_700),
        Line(LineKind.CONVERSATIONS, 2, 2500, 5_000),
        Line(LineKind.CARRIED, 1, 150, 150),
    )
    assert priced.to_charge_minor == 34_850


def test_R7b_small_sums_are_carried_until_they_reach_the_minimum() -> None:
    carried, charged = 0, []
    for _ in range(6):
        priced = price(80, carried=carried)
        carried = priced.carried_out_minor
        charged.append(priced.to_charge_minor)
    assert charged == [0, 0, 240, 0, 0, 240]  # 80, 160, 240
    assert carried == 0


def test_R7b_a_carried_sum_is_not_taxed_twice() -> None:
    vat = VatDecision(Treatment.NOT_REGISTERED, Fraction(21), "S", (), ())
    first = price(100, vat=vat)
    assert (first.net_minor, first.vat_minor, first.carried_out_minor) == (100, 21, 121)
    second = price(100, carried=first.carried_out_minor, vat=vat)
    assert (second.net_minor, second.vat_minor, second.to_charge_minor) == (200, 42, 242)


@pytest.mark.parametrize(
    ("credit", "carried", "minimum"),
    [
        (-1, 0, 200),
        (0, -1, 200),
        (0, 0, -1),
    ],
)
def test_R7b_negative_sums_are_refused(credit: int, carried: int, minimum: int) -> None:
    with pytest.raises(RuleError, match="negative"):
        price_lines(
            bought(9900),
            credit_minor=credit,
            carried_in_minor=carried,
            minimum_minor=minimum,
            vat=NO_VAT,
        )


# Small sums meet the minimum often, large ones are the usual case.
sums = st.integers(0, 600) | st.integers(0, 10_000_000)
rates = st.sampled_from([Fraction(0), Fraction(21), Fraction(51, 2), Fraction(27)])


@settings(deadline=None, max_examples=300)
@given(sums, st.integers(1, 5), sums, sums, st.integers(0, 1500), rates)
def test_R7b_what_is_owed_is_charged_paid_by_credit_or_carried(
    unit_minor: int, agents: int, credit: int, carried: int, minimum: int, percent: Fraction
) -> None:
    priced = price_lines(
        bought(unit_minor, agents=agents),
        credit_minor=credit,
        carried_in_minor=carried,
        minimum_minor=minimum,
        vat=VatDecision(Treatment.NOT_REGISTERED, percent, "S", (), ()),
    )
    net = unit_minor * agents
    owed = priced.gross_minor
    assert abs((owed - carried - net) * 100 - net * percent) <= 50
    assert owed == priced.net_minor + priced.vat_minor
    assert owed == priced.to_charge_minor + priced.credit_used_minor + priced.carried_out_minor
    # The provider is asked for nothing or for at least its minimum.
    assert priced.to_charge_minor == 0 or priced.to_charge_minor >= minimum
    assert priced.credit_used_minor <= credit
    # Credit is kept back only where the rest would fall below the minimum.
    if priced.to_charge_minor > minimum:
        assert priced.credit_used_minor == credit
    # What is carried is the whole sum, and only one that neither card nor credit could pay.
    if priced.carried_out_minor:
        event("carried")
        assert priced.carried_out_minor == owed
        assert credit < owed < minimum


def test_R15b_goodwill_lowers_what_VAT_is_counted_on() -> None:
    at_21 = VatDecision(Treatment.NOT_REGISTERED, Fraction(21), "S", (), ())
    sold = (Line(LineKind.AGENTS, 3, 1000, 3000),)
    priced = price_lines(sold, credit_minor=0, carried_in_minor=0, minimum_minor=50, goodwill_minor=1000, vat=at_21)
    assert (priced.net_minor, priced.vat_minor, priced.to_charge_minor) == (2000, 420, 2420)
    assert priced.lines[1] == Line(LineKind.GOODWILL, 1, -1000, -1000)
    assert priced.goodwill_minor == 1000


def test_R15b_goodwill_is_never_more_than_the_lines_and_credit_pays_after_it() -> None:
    sold = (Line(LineKind.AGENTS, 3, 1000, 3000),)
    whole = price_lines(sold, credit_minor=500, carried_in_minor=0, minimum_minor=50, goodwill_minor=9000, vat=NO_VAT)
    assert (whole.gross_minor, whole.goodwill_minor, whole.credit_used_minor) == (0, 3000, 0)
    part = price_lines(sold, credit_minor=500, carried_in_minor=0, minimum_minor=50, goodwill_minor=1000, vat=NO_VAT)
    assert (part.gross_minor, part.credit_used_minor, part.to_charge_minor) == (2000, 500, 1500)
