"""The two summaries of a month: reverse charges by the buyer's VAT number, the one-stop shop by country and rate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from worker.billing.vat import Treatment
from worker.ops.exporting.documents import Document
from worker.ops.exporting.sheets import Amount, Cell, Number

EC_SALES_HEADER = ("tax_month", "country", "vat_number", "home_currency", "net", "documents")
OSS_HEADER = ("tax_month", "country", "vat_rate", "currency", "net", "vat", "documents")


@dataclass
class _Sum:
    net_minor: int = 0
    vat_minor: int = 0
    documents: int = 0

    def add(self, *, net_minor: int, vat_minor: int) -> None:
        self.net_minor += net_minor
        self.vat_minor += vat_minor
        self.documents += 1


@dataclass
class Summaries:
    """Sums that grow with each document; they take the room of customers and countries, not of documents."""

    _reverse: dict[tuple[str, str, str, str], _Sum] = field(default_factory=dict)
    _one_stop: dict[tuple[str, str, str, str], _Sum] = field(default_factory=dict)

    def add(self, document: Document) -> None:
        """Count a document where it belongs; most belong to neither."""
        if document.treatment == Treatment.REVERSE_CHARGE and document.home is not None:
            home = document.home
            by = (document.tax_month, document.country, document.vat_number, home.currency)
            self._reverse.setdefault(by, _Sum()).add(net_minor=home.net_minor, vat_minor=home.vat_minor)
        elif document.treatment == Treatment.ONE_STOP_SHOP:
            sums = document.sums
            by = (document.tax_month, document.country, document.rate, sums.currency)
            self._one_stop.setdefault(by, _Sum()).add(net_minor=sums.net_minor, vat_minor=sums.vat_minor)

    def ec_sales(self) -> Iterator[Sequence[Cell]]:
        """What was sold by reverse charge, net, in the home currency, by buyer."""
        yield EC_SALES_HEADER
        for by, one in sorted(self._reverse.items()):
            yield [*by, Amount(one.net_minor), one.documents]

    def oss(self) -> Iterator[Sequence[Cell]]:
        """What belongs to the one-stop shop, in the currencies of the documents."""
        yield OSS_HEADER
        for (month, country, rate, currency), one in sorted(self._one_stop.items()):
            sums = (Amount(one.net_minor), Amount(one.vat_minor))
            yield [month, country, Number(rate), currency, *sums, one.documents]
