"""The sum of a charge: its lines, VAT, what credit pays, what is charged, and what is carried (R7b)."""

from dataclasses import dataclass, replace

from worker.billing.catalogue import Line, LineKind
from worker.billing.vat import VatDecision
from worker.errors import RuleError


def taxed(lines: tuple[Line, ...], *, vat: VatDecision) -> tuple[tuple[Line, ...], int, int]:
    """Lines as they are priced become lines net, with their net sum and its VAT, rounded once for all of them.

    Net prices: VAT is added to their sum. Gross prices: it is taken out of their sum, top-down, since many gross sums
    are the sum of no net sum and its VAT; the lines share the net sum by cumulative rounding, so that they add up.
    `unit_price_minor` stays the price on the list.
    """
    if not vat.gross_prices:
        net_minor = sum(line.net_minor for line in lines)
        return lines, net_minor, vat.on_net(net_minor)
    net_lines: list[Line] = []
    gross_minor = net_minor = 0
    for line in lines:
        gross_minor += line.net_minor
        upto_minor = gross_minor - vat.within_gross(gross_minor)
        net_lines.append(replace(line, net_minor=upto_minor - net_minor))
        net_minor = upto_minor
    return tuple(net_lines), net_minor, gross_minor - net_minor


@dataclass(frozen=True, slots=True)
class PricedCharge:
    """A charge as it is frozen with the intent, in minor units of one currency.

    `gross_minor` is what is owed; it is paid by `credit_used_minor` and `to_charge_minor`, or waits as
    `carried_out_minor` for the next charge.
    """

    lines: tuple[Line, ...]
    net_minor: int
    vat_minor: int
    gross_minor: int
    credit_used_minor: int
    carried_out_minor: int
    to_charge_minor: int

    @property
    def goodwill_minor(self) -> int:
        """The discount that goodwill gave, as prices are: net, or with VAT where they contain it."""
        return -sum(line.unit_price_minor for line in self.lines if line.kind is LineKind.GOODWILL)

    def __post_init__(self) -> None:
        parts = (self.to_charge_minor, self.credit_used_minor, self.carried_out_minor)
        assert min(parts) >= 0, "no part of a charge is negative"
        assert self.net_minor == sum(line.net_minor for line in self.lines), "the lines are the net sum"
        assert self.gross_minor == self.net_minor + self.vat_minor, "net and VAT are the gross sum"
        assert self.gross_minor == sum(parts), "what is owed is charged, paid by credit or carried"


def price_lines(
    sold: tuple[Line, ...],
    *,
    credit_minor: int,
    carried_in_minor: int,
    minimum_minor: int,
    vat: VatDecision,
    goodwill_minor: int = 0,
) -> PricedCharge:
    """Price lines, of a whole term or of a part of it, with the account's credit and what was carried here (R7b).

    `carried_in_minor` is gross, as it was carried: the VAT in it is worked out of it, so that it is owed to the unit
    and not taxed twice. `goodwill_minor` is as prices are, net or with VAT: as much of it as the lines take becomes a
    discount line (R15b). The lines of `sold` bear their prices; those of the result are net.

    Raises:
        RuleError: credit, carried sum, minimum or goodwill is negative.
    """
    if min(credit_minor, carried_in_minor, minimum_minor, goodwill_minor) < 0:
        raise RuleError(
            f"a sum is negative: credit {credit_minor}, carried {carried_in_minor}, minimum {minimum_minor}, "
            f"goodwill {goodwill_minor}"
        )
    discount_minor = min(goodwill_minor, sum(line.net_minor for line in sold))
    if discount_minor:
        sold = (*sold, Line(LineKind.GOODWILL, 1, -discount_minor, -discount_minor))
    sold, net_minor, vat_minor = taxed(sold, vat=vat)
    if carried_in_minor:
        vat_carried_minor = vat.within_gross(carried_in_minor)
        net_carried_minor = carried_in_minor - vat_carried_minor
        sold = (*sold, Line(LineKind.CARRIED, 1, net_carried_minor, net_carried_minor))
        vat_minor += vat_carried_minor
        net_minor += net_carried_minor
    gross_minor = net_minor + vat_minor
    payment = _pay(gross_minor, credit_minor=credit_minor, minimum_minor=minimum_minor)
    return PricedCharge(
        lines=sold,
        net_minor=net_minor,
        vat_minor=vat_minor,
        gross_minor=gross_minor,
        credit_used_minor=payment.credit_used_minor,
        carried_out_minor=payment.carried_out_minor,
        to_charge_minor=payment.to_charge_minor,
    )


@dataclass(frozen=True, slots=True)
class _Payment:
    credit_used_minor: int = 0
    carried_out_minor: int = 0
    to_charge_minor: int = 0


def _pay(total_minor: int, *, credit_minor: int, minimum_minor: int) -> _Payment:
    """Cover a sum so that the provider is asked for nothing or for at least its minimum."""
    if credit_minor >= total_minor:
        return _Payment(credit_used_minor=total_minor)
    if total_minor < minimum_minor:
        # Neither can it be charged nor does credit cover it: all of it waits, and the credit stays whole.
        return _Payment(carried_out_minor=total_minor)
    to_charge_minor = max(total_minor - credit_minor, minimum_minor)
    return _Payment(credit_used_minor=total_minor - to_charge_minor, to_charge_minor=to_charge_minor)
