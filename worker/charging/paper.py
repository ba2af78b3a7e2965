"""Snapshots of invoices and credit notes: everything printed, from what was frozen when the price was made (R16).

Country, VAT number, VAT and sums come from there; name, address, e-mail and language are those of the day of issue.
"""

import hashlib
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from sqlalchemy import Row

from worker.billing.catalogue import LineKind
from worker.billing.vat import percent_text
from worker.documents.invoice_snapshot import VERSION
from worker.runtime import Runtime

_BY_THE_DAY = frozenset({LineKind.AGENTS, LineKind.CONVERSATIONS})
"""Lines whose unit price is for a whole term; carried sums and discounts have none."""


def invoice_snapshot(
    runtime: Runtime, row: Row[Any], *, today: date, number: str, exchange: Mapping[str, object] | None = None
) -> dict[str, object]:
    """The snapshot of an invoice for a charge as `store.invoices.to_invoice` reads it.

    `exchange` is what `charging.exchanging` says of it.
    """
    frozen, corrected = row.frozen, row.corrected
    by_credit = row.amount_minor == 0
    part = {} if row.buys_term else _part(row.starts_on, row.ends_on, days_whole=frozen.get("days_whole"))
    seller = _seller(runtime) if corrected is None else {**_seller(runtime), **_standing(corrected["seller"])}
    return {
        "version": VERSION,
        "kind": "invoice",
        "number": number,
        "locale": row.locale,
        "issued_on": today.isoformat(),
        "paid_on": row.paid_on.isoformat(),
        "currency": row.currency,
        "seller": seller,
        "buyer": _buyer(row, country=frozen["country"], vat_number=frozen["vat_number"]),
        "subscription": _subscription(row, frozen),
        "period": {"starts_on": row.starts_on.isoformat(), "ends_on": row.ends_on.isoformat()},
        # a corrected line counts so many days of its price only if it is as it was sold
        "lines": [
            _line(line, frozen["conversation_block"], part if line in row.sold["lines"] else {})
            for line in frozen["lines"]
        ],
        "totals": {
            "net_minor": row.net_minor,
            "vat_minor": row.vat_minor,
            "gross_minor": row.gross_minor,
            "credit_used_minor": row.credit_used_minor,
            "paid_minor": row.amount_minor,
            "due_minor": 0,
        },
        "vat": _vat(frozen["vat"]),
        "exchange": None if exchange is None else dict(exchange),
        "payment": {"method": "credit", "brand": None, "last4": None} if by_credit else _method(row),
        "note": row.note or None,
    }


def credit_note_snapshot(
    runtime: Runtime, row: Row[Any], *, today: date, number: str, exchange: Mapping[str, object] | None = None
) -> dict[str, object]:
    """The snapshot of a credit note for a reversal as `store.credit_notes.to_credit` reads it (R15b).

    What a change gives back becomes account credit, whole; a refund goes back the way that it was paid, as far as it
    was decided so; a correction pays the invoice in its place, and only the difference goes back (R16).
    """
    frozen, corrected = row.frozen, row.corrected
    refunded_minor = _refunded(row)
    to_invoice_minor = frozen.get("to_invoice_minor", 0)
    starts_on, ends_on = _days_given_back(row)
    return {
        "version": VERSION,
        "kind": "credit_note",
        "number": number,
        "locale": row.locale,
        "issued_on": today.isoformat(),
        "corrected_on": row.reversed_on.isoformat(),
        "currency": row.currency,
        "corrects": {"number": row.corrected_number, "issued_on": row.corrected_issued_on.isoformat()},
        "reason": "correction" if row.correction_id else "refund" if row.refund_id else "change",
        "seller": {**_seller(runtime), **_standing(corrected["seller"])},
        "buyer": _buyer_of_correction(row),
        "subscription": _subscription(row, frozen),
        "period": {"starts_on": starts_on.isoformat(), "ends_on": ends_on.isoformat()},
        "lines": _lines_given_back(row, starts_on, ends_on),
        "totals": {
            "net_minor": row.net_minor,
            "vat_minor": row.vat_minor,
            "gross_minor": row.gross_minor,
            "to_credit_minor": row.gross_minor - refunded_minor - to_invoice_minor,
            "to_refund_minor": refunded_minor,
            "to_invoice_minor": to_invoice_minor,
        },
        "vat": corrected["vat"],
        "exchange": None if exchange is None else dict(exchange),
        "payment": _method(row) if refunded_minor else {"method": "credit", "brand": None, "last4": None},
        "replaced_by": {"number": row.replaced_by, "issued_on": row.replaced_on.isoformat()}
        if row.correction_id
        else None,
        "note": None,
    }


def _buyer_of_correction(row: Row[Any]) -> dict[str, object]:
    """The buyer of a credit note: as today, but for tax data; that of a correction names whom the invoice named."""
    wrong: Mapping[str, Any] = row.corrected["buyer"]
    if row.correction_id:
        return {**wrong, "email": row.email}
    return _buyer(row, country=wrong["country"], vat_number=wrong["vat_number"])


def _standing(seller: Mapping[str, Any]) -> dict[str, object]:
    """What the seller was to the tax office when he sold; later papers on that sale say the same."""
    return {"vat": seller["vat"], "vat_number": seller.get("vat_number")}


def _refunded(row: Row[Any]) -> int:
    """What of it goes back to where it came from, in minor units.

    A refund decides that for all its charges together and a correction for its own, since what one of them paid may
    have been another one's unused
    part; without such a decision it is what the provider pays out for this very charge.
    """
    if row.refund_id is None and row.correction_id is None:
        return 0
    decided: int | None = row.frozen.get("to_refund_minor")
    return min(row.gross_minor, row.paid_out_minor) if decided is None else decided


def _days_given_back(row: Row[Any]) -> tuple[date, date]:
    """The day of a change belongs to what it brought, so the days given back begin with it (R12c)."""
    frozen = row.frozen
    starts_on, ends_on = date.fromisoformat(frozen["starts_on"]), date.fromisoformat(frozen["ends_on"])
    return (starts_on, ends_on) if row.changed_on is None else (max(starts_on, row.changed_on), ends_on)


def _lines_given_back(row: Row[Any], starts_on: date, ends_on: date) -> list[dict[str, object]]:
    frozen = row.frozen
    block = frozen["conversation_block"]
    if row.changed_on is not None:
        whole = (ends_on - date.fromisoformat(frozen["starts_on"])).days
        part = {} if frozen.get("is_rest") else _part(starts_on, ends_on, days_whole=whole)
        return [_line(line, block, part) for line in frozen["lines"]]
    # A refund takes lines back as they were sold, or in proportion; only the former are so many days of the price.
    part = {} if row.buys_term else _part(row.starts_on, row.ends_on, days_whole=row.sold.get("days_whole"))
    return [_line(line, block, part if line in row.sold["lines"] else {}) for line in frozen["lines"]]


def _part(starts_on: date, ends_on: date, *, days_whole: int | None) -> dict[str, object]:
    """The days that a line of a part of a term counts; nothing for a whole term, which needs no word of it."""
    days_left = (ends_on - starts_on).days
    if days_whole is None or days_left >= days_whole:
        return {}
    return {"days_left": days_left, "days_whole": days_whole}


def _line(line: Mapping[str, object], block: int, part: Mapping[str, object]) -> dict[str, object]:
    kind = LineKind(str(line["kind"]))
    return {
        **line,
        **({"conversation_block": block} if kind is LineKind.CONVERSATIONS else {}),
        **(part if kind in _BY_THE_DAY else {}),
    }


def _seller(runtime: Runtime) -> dict[str, object]:
    seller = runtime.seller_details
    return {
        "name": seller.name,
        "street": seller.street,
        "city": seller.city,
        "postcode": seller.postcode,
        "country": seller.country,
        "company_id": seller.company_id,
        "register_entry": seller.register_entry,
        "vat": runtime.seller.vat.value,
        "vat_number": seller.vat_number or None,
        "logo": None
        if runtime.logo is None
        else {"sha256": _sha256(runtime.logo.content), "format": runtime.logo.format},
        "email": seller.email,
        "web": seller.web,
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _vat(frozen: Mapping[str, Any]) -> dict[str, object]:
    """The frozen decision with its rate as people and machines write it: 51/2 is 25.5."""
    return {
        "treatment": frozen["treatment"],
        "words": frozen["words"],
        "rate": percent_text(Fraction(frozen["rate"])),
        "category": frozen["category"],
        "gross_prices": frozen.get("gross_prices", False),
        "reasons": frozen["reasons"],
    }


def _buyer(row: Row[Any], *, country: str, vat_number: str | None) -> dict[str, object]:
    return {
        "name": row.company,
        "street": row.street,
        "city": row.city,
        "postcode": row.postcode,
        "country": country,
        "email": row.email,
        "vat_number": vat_number,
    }


def _subscription(row: Row[Any], frozen: Mapping[str, object]) -> dict[str, object]:
    return {"external_id": row.external_id, "package": frozen["package"], "interval": frozen["interval"]}


def _method(row: Row[Any]) -> dict[str, object]:
    return {"method": row.method_type, "brand": row.brand, "last4": row.last4}
