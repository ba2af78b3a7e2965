"""What refunds take back of an invoice: exactly, at its own VAT, never more than is left (R14b, R15b)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.billing.catalogue import Line, LineKind
from worker.billing.reversal import Invoiced, Reversed
from worker.billing.vat import Treatment, VatDecision
from worker.errors import RuleError


def vat(rate: int) -> VatDecision:
    """A standard rate in percent."""
    return VatDecision(Treatment.NOT_REGISTERED, Fraction(rate), "S", (), ())


def invoiced(*nets: int, rate: int = 21, earlier: tuple[Reversed, ...] = ()) -> Invoiced:
    """An invoice with a line of agents for each net sum."""
    lines = tuple(Line(LineKind.AGENTS, 1, net_minor, net_minor) for net_minor in nets)
    net_minor = sum(nets)
    return Invoiced(lines, net_minor, vat(rate).on_net(net_minor), vat(rate), earlier)


def test_all_of_it_is_the_invoice_itself() -> None:
    invoice = invoiced(5700, 1000)
    assert invoice.take_back(invoice.left_minor) == Reversed(invoice.lines, 6700, 1407)


def test_a_part_has_the_vat_that_is_within_it() -> None:
    step = invoiced(10_000).take_back(1210)
    assert (step.net_minor, step.vat_minor) == (1000, 210)
    assert [line.net_minor for line in step.lines] == [1000]


def test_a_part_is_spread_over_the_lines_and_keeps_their_signs() -> None:
    discount = Line(LineKind.GOODWILL, 1, -1000, -1000)
    sold = (Line(LineKind.AGENTS, 3, 2000, 6000), discount)
    step = Invoiced(sold, 5000, 0, vat(0)).take_back(2500)
    assert [line.net_minor for line in step.lines] == [3000, -500]


def test_R15b_what_a_change_took_back_is_not_taken_back_twice() -> None:
    unused = Reversed((Line(LineKind.AGENTS, 3, 1900, 4781),), 4781, 0)
    sold = (Line(LineKind.AGENTS, 3, 1900, 5700), Line(LineKind.CONVERSATIONS, 1, 500, 500))
    invoice = Invoiced(sold, 6200, 0, vat(0), (unused,))
    assert invoice.left_minor == 1419
    assert [line.net_minor for line in invoice.take_back(1419).lines] == [919, 500]


@pytest.mark.parametrize("asked_minor", [0, -1, 12_101])
def test_no_more_than_is_left(asked_minor: int) -> None:
    with pytest.raises(RuleError, match="12100 is left"):
        invoiced(10_000).take_back(asked_minor)


@given(
    nets=st.lists(st.integers(1, 50_000), min_size=1, max_size=4),
    rate=st.sampled_from([0, 19, 21, 23, 27]),
    steps=st.lists(st.integers(1, 20_000), max_size=6),
)
def test_any_steps_add_up_to_the_invoice_and_overdraw_neither_net_nor_vat(
    nets: list[int], rate: int, steps: list[int]
) -> None:
    invoice = invoiced(*nets, rate=rate)
    taken: tuple[Reversed, ...] = ()
    for wanted_minor in [*steps, None]:
        left = Invoiced(invoice.lines, invoice.net_minor, invoice.vat_minor, invoice.vat, taken)
        gross_minor = left.left_minor if wanted_minor is None else min(wanted_minor, left.left_minor)
        if gross_minor:
            step = left.take_back(gross_minor)
            assert step.gross_minor == gross_minor
            assert min(step.net_minor, step.vat_minor) >= 0
            taken = (*taken, step)
    assert sum(step.net_minor for step in taken) == invoice.net_minor
    assert sum(step.vat_minor for step in taken) == invoice.vat_minor
