"""What a refund takes back of an invoice: lines, net and VAT at the invoice's own rate, never more than is left (R15b).

An invoice may be taken back in several steps: the unused part that a change gave back, refunds in part, and all the
rest with a full refund. VAT is worked out of the sum of all steps so far, so that many small ones add up to the VAT
that one big one would have had.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from worker.billing.catalogue import Line
from worker.billing.money import round_half_up
from worker.billing.vat import VatDecision
from worker.errors import RuleError


@dataclass(frozen=True, slots=True)
class Reversed:
    """A step, in minor units: what a credit note says of it."""

    lines: tuple[Line, ...]
    net_minor: int
    vat_minor: int

    def __post_init__(self) -> None:
        assert self.net_minor == sum(line.net_minor for line in self.lines), "the lines are the net sum"

    @property
    def gross_minor(self) -> int:
        """Net and VAT."""
        return self.net_minor + self.vat_minor


@dataclass(frozen=True, slots=True)
class Invoiced:
    """What a charge sold, as it was frozen with it, and the steps in which some of it was taken back already."""

    lines: tuple[Line, ...]
    net_minor: int
    vat_minor: int
    vat: VatDecision
    earlier: tuple[Reversed, ...] = ()

    @property
    def left_minor(self) -> int:
        """The gross sum that was not taken back yet."""
        return self.net_minor + self.vat_minor - sum(step.gross_minor for step in self.earlier)

    def take_back(self, gross_minor: int) -> Reversed:
        """The next step: a gross sum, all that is left or less.

        Raises:
            RuleError: the sum is not positive, or more than is left.
        """
        if not 0 < gross_minor <= self.left_minor:
            raise RuleError(f"{gross_minor} cannot be taken back: {self.left_minor} is left of the invoice")
        net_left_minor = self.net_minor - sum(step.net_minor for step in self.earlier)
        vat_before_minor = sum(step.vat_minor for step in self.earlier)
        vat_left_minor = self.vat_minor - vat_before_minor
        vat_minor = vat_left_minor
        if gross_minor < self.left_minor:
            gross_so_far_minor = sum(step.gross_minor for step in self.earlier) + gross_minor
            vat_minor = self.vat.within_gross(gross_so_far_minor) - vat_before_minor
            # neither the net nor the VAT of the invoice may be overdrawn by a rounding
            vat_minor = min(max(vat_minor, gross_minor - net_left_minor, 0), gross_minor, vat_left_minor)
        net_minor = gross_minor - vat_minor
        return Reversed(spread(self._lines_left(), net_minor), net_minor, vat_minor)

    def _lines_left(self) -> tuple[Line, ...]:
        """The lines less what was taken back of each; an earlier line belongs to the first of its kind and price."""
        left = list(self.lines)
        for back in (line for step in self.earlier for line in step.lines):
            same = [i for i, line in enumerate(left) if line.kind is back.kind]
            same.sort(key=lambda i: left[i].unit_price_minor != back.unit_price_minor)
            if same:
                first = left[same[0]]
                left[same[0]] = replace(first, net_minor=first.net_minor - back.net_minor)
        kept = tuple(line for line in left if line.net_minor)
        return kept if sum(line.net_minor for line in kept) > 0 else self.lines


def spread(lines: Sequence[Line], net_minor: int) -> tuple[Line, ...]:
    """The lines in proportion, so that they add up to a net sum exactly; equal lines if that is their sum."""
    whole_minor = sum(line.net_minor for line in lines)
    spread: list[Line] = []
    so_far_minor = done_minor = 0
    for line in lines:
        so_far_minor += line.net_minor
        upto_minor = round_half_up(Fraction(net_minor * so_far_minor, whole_minor))
        spread.append(replace(line, net_minor=upto_minor - done_minor))
        done_minor = upto_minor
    return tuple(line for line in spread if line.net_minor)
