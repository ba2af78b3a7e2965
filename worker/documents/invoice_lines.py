"""The lines of an invoice or credit note in words: what each is for, and why it is less than quantity times price."""

from collections.abc import Callable
from fractions import Fraction

from worker.billing.calendar import Interval
from worker.billing.catalogue import LineKind
from worker.billing.money import round_half_up
from worker.documents import formats
from worker.documents.invoice_snapshot import DocumentSnapshot, LineBlock

Gettext = Callable[[str], str]


def title(line: LineBlock, _: Gettext) -> str:
    """What the line sells or takes off."""
    return {
        LineKind.AGENTS: _("Agents"),
        LineKind.CONVERSATIONS: _("Extra chatbot conversations"),
        LineKind.CARRIED: _("Carried over from an earlier period"),
        LineKind.GOODWILL: _("Goodwill discount"),
    }[line["kind"]]


def detail(document: DocumentSnapshot, line: LineBlock, _: Gettext) -> str:
    """Package and interval, or the size of a block; nothing for other lines."""
    if line["kind"] is LineKind.AGENTS:
        package = {"package": formats.package(document["subscription"]["package"])}
        if document["subscription"]["interval"] is Interval.YEAR:
            return _("%(package)s package, yearly") % package
        return _("%(package)s package, monthly") % package
    if line["kind"] is LineKind.CONVERSATIONS and "conversation_block" in line:
        size = formats.count(line["conversation_block"], locale=document["locale"])
        return _("Conversations a month in one block: %(size)s") % {"size": size}
    return ""


def full_minor(line: LineBlock) -> int:
    """Quantity times unit price, in minor units and as prices are: net, or with VAT."""
    return line["quantity"] * line["unit_price_minor"]


def part(document: DocumentSnapshot, line: LineBlock, _: Gettext) -> str:
    """Why a line is less than its quantity times its price; the figures would look wrong without it."""
    if "days_left" in line and "days_whole" in line:
        return _("%(left)s of %(whole)s days") % {"left": line["days_left"], "whole": line["days_whole"]}
    full, off = full_minor(line), 0
    if document["vat"].get("gross_prices") and line["kind"] is not LineKind.CARRIED:
        full, off = round_half_up(Fraction(full) * 100 * _share(document)), 1  # lines share the net by their sums
    return _("in part") if abs(line["net_minor"] - full) > off else ""


def _share(document: DocumentSnapshot) -> Fraction:
    hundred = 100 + Fraction(document["vat"]["rate"])
    return Fraction(hundred.denominator, hundred.numerator)
