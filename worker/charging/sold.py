"""What an invoice sold and what of it was taken back, for all that gives back more of it (R14b, R15b, R16)."""

from collections.abc import Mapping, Sequence
from typing import Any

from worker.billing.catalogue import Line, LineKind
from worker.billing.reversal import Invoiced, Reversed
from worker.charging.price import thawed_vat

COPIED = ("vat", "package", "interval", "conversation_block", "days_whole")
"""What a reversal keeps of the sale that it takes back, as it was frozen with it."""


def invoiced(sale: Mapping[str, Any]) -> Invoiced:
    """The invoice in force of a charge as `store.sales.SALE` reads it; a carried sum is invoiced with another (R7b)."""
    vat = thawed_vat(sale["frozen"]["vat"])
    if sale["carried_out_minor"]:
        return Invoiced((), 0, 0, vat)
    earlier = tuple(Reversed(_lines(each["lines"]), each["net_minor"], each["vat_minor"]) for each in sale["reversed"])
    return Invoiced(_lines(sale["frozen"]["lines"]), sale["net_minor"], sale["vat_minor"], vat, earlier)


def _lines(kept: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
    return tuple(
        Line(LineKind(line["kind"]), line["quantity"], line["unit_price_minor"], line["net_minor"]) for line in kept
    )
