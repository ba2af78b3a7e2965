"""What a corrected invoice says in place of the wrong one: what is left of the sale, under the right VAT (R16).

The net sum stays, as prices are net, and VAT falls or stays: the difference goes back. It cannot be asked of the
customer afterwards, so where VAT rises, and where prices contain it, what was paid stays and VAT is taken out of it.
"""

from dataclasses import dataclass

from worker.billing.catalogue import Line
from worker.billing.reversal import Invoiced, Reversed, spread
from worker.billing.vat import VatDecision


@dataclass(frozen=True, slots=True)
class Correction:
    """Both papers, in minor units of one currency.

    taken_back: what the credit note gives back, all that was left of the wrong invoice. lines, net_minor, vat_minor:
    what the new invoice says, under `vat`. given_back_minor: by how much it is less, gross.
    """

    taken_back: Reversed
    lines: tuple[Line, ...]
    net_minor: int
    vat_minor: int
    vat: VatDecision

    def __post_init__(self) -> None:
        assert self.net_minor == sum(line.net_minor for line in self.lines), "the lines are the net sum"
        assert self.given_back_minor >= 0, "a correction asks for nothing"

    @property
    def gross_minor(self) -> int:
        """Net and VAT of the new invoice."""
        return self.net_minor + self.vat_minor

    @property
    def given_back_minor(self) -> int:
        """The difference, which becomes credit or a refund."""
        return self.taken_back.gross_minor - self.gross_minor


def correct(sale: Invoiced, *, vat: VatDecision) -> Correction:
    """Sell what is left of a sale once more, under another decision or the same one.

    Raises:
        RuleError: nothing is left of it.
    """
    left = sale.take_back(sale.left_minor)
    if vat.rate == sale.vat.rate:
        # not worked out again: a rounding of the former steps would become a difference
        return Correction(left, left.lines, left.net_minor, left.vat_minor, vat)
    net_minor, vat_minor = left.net_minor, vat.on_net(left.net_minor)
    if vat.gross_prices or net_minor + vat_minor > left.gross_minor:
        vat_minor = vat.within_gross(left.gross_minor)
        net_minor = left.gross_minor - vat_minor
    return Correction(left, spread(left.lines, net_minor), net_minor, vat_minor, vat)
