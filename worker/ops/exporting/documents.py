"""A document as a line of the accountant's table; the sums of credit notes are negative, so that columns add up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row

from worker.ops.exporting.sheets import Amount, Cell, Number, percent

HEADER = (
    *("number", "kind", "issued_on", "tax_on", "period_starts_on", "period_ends_before", "corrects"),
    *("account", "buyer", "country", "vat_number", "treatment", "vat_rate"),
    *("currency", "net", "vat", "gross", "home_currency", "home_net", "home_vat", "home_gross"),
    *("exchange_rate", "exchange_per", "exchange_source", "exchange_on", "payment_method", "provider_id"),
)


@dataclass(frozen=True, slots=True)
class Sums:
    """Signed sums in minor units of one currency."""

    currency: str
    net_minor: int
    vat_minor: int
    gross_minor: int


@dataclass(frozen=True, slots=True)
class Document:
    """What the table and the summaries need of a document.

    tax_on: the day of the payment; of a credit note, that of the correction. home: in the currency of the tax office,
    None where nothing is told in it.
    """

    number: str
    kind: str
    tax_on: date
    country: str
    vat_number: str
    treatment: str
    rate: Number
    sums: Sums
    home: Sums | None
    line: Sequence[Cell]

    @property
    def tax_month(self) -> str:
        """The month whose return it belongs to, which may be the one before its issue."""
        return f"{self.tax_on:%Y-%m}"


def read(row: Row[Any], *, home_currency: str) -> Document:
    """A document as `store.bookkeeping.issued_between` reads it."""
    told: Mapping[str, Any] = row.snapshot
    sign = -1 if row.kind == "credit_note" else 1
    sums = Sums(row.currency, sign * row.net_minor, sign * row.vat_minor, sign * row.gross_minor)
    exchange = told.get("exchange")
    home = _home(sums, exchange, sign=sign, home_currency=home_currency)
    buyer, vat, period = told["buyer"], told["vat"], told["period"]
    rate = percent(str(vat["rate"]))
    line: list[Cell] = [
        *(row.number, row.kind, row.issued_on.isoformat(), row.paid_on.isoformat()),
        *(period["starts_on"], period["ends_on"], row.corrects),
        *(row.external_id, buyer["name"], buyer["country"], buyer["vat_number"], vat["treatment"], rate),
        *_cells(sums),
        *([None] * 4 if home is None else _cells(home)),
        *_rate(exchange),
        *(told["payment"]["method"], row.provider),
    ]
    return Document(
        number=row.number,
        kind=row.kind,
        tax_on=row.paid_on,
        country=buyer["country"],
        vat_number=buyer["vat_number"] or "",
        treatment=vat["treatment"],
        rate=rate,
        sums=sums,
        home=home,
        line=line,
    )


def _home(sums: Sums, exchange: Mapping[str, Any] | None, *, sign: int, home_currency: str) -> Sums | None:
    if exchange is None:
        return sums if sums.currency == home_currency else None
    parts = (sign * exchange[f"{name}_minor"] for name in ("net", "vat", "gross"))
    return Sums(exchange["currency"], *parts)


def _cells(sums: Sums) -> list[Cell]:
    return [sums.currency, Amount(sums.net_minor), Amount(sums.vat_minor), Amount(sums.gross_minor)]


def _rate(exchange: Mapping[str, Any] | None) -> list[Cell]:
    if exchange is None:
        return [None] * 4
    return [Number(exchange["rate"]), exchange["per"], exchange["source"], exchange["published_on"]]
