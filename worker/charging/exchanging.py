"""The exchange rate of a document: which one an invoice gets, and what a credit note takes over from it (R16).

A seller who is registered for VAT tells the sums of a document in another currency in that of its tax office too. An
invoice without a rate waits; nothing is guessed, and nobody else waits with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from worker.billing.exchange import Credited, ExchangeRate, HomeSums, credited_home_sums, holding, home_sums
from worker.queue.plans import in_items
from worker.queue.runs import ring
from worker.runtime import Runtime
from worker.store import exchange_rates


def needs_rate(runtime: Runtime, currency: str) -> bool:
    """Whether an invoice in that currency tells its sums in the currency of the tax office too."""
    return runtime.home_currency not in {None, currency}


def rates_for(runtime: Runtime, connection: Connection, rows: Iterable[Row[Any]]) -> Sequence[ExchangeRate]:
    """The rates among which those of these charges are; none when no charge needs one."""
    days: list[date] = [row.paid_on for row in rows if needs_rate(runtime, row.currency)]
    if not days:
        return []
    oldest = min(days) - timedelta(days=runtime.policy.rate_days_max)
    return exchange_rates.rates_between(connection, from_on=oldest, to_on=max(days))


def rate_of(runtime: Runtime, row: Row[Any], rates: Iterable[ExchangeRate]) -> ExchangeRate | None:
    """The rate of the day on which a charge was paid; None when none is near enough, and the invoice waits."""
    return holding(rates, currency=row.currency, taxed_on=row.paid_on, days_max=runtime.policy.rate_days_max)


def exchange_of_invoice(runtime: Runtime, row: Row[Any], rate: ExchangeRate | None) -> dict[str, object] | None:
    """The block of an invoice's snapshot; None for one that needs none."""
    if rate is None or runtime.home_currency is None:
        return None
    sums = home_sums(net_minor=row.net_minor, vat_minor=row.vat_minor, rate=rate)
    return _block(runtime.home_currency, rate, sums)


def exchange_of_correction(row: Row[Any]) -> dict[str, object] | None:
    """The block of an invoice in place of a wrong one, at that one's rate; the tax date is the same (R16)."""
    told: Mapping[str, Any] | None = row.corrected.get("exchange")
    if told is None:
        return None
    rate = _rate_told(told, row.currency)
    return _block(told["currency"], rate, home_sums(net_minor=row.net_minor, vat_minor=row.vat_minor, rate=rate))


def exchange_of_credit_note(row: Row[Any], *, before: Credited) -> dict[str, object] | None:
    """The block of a credit note's snapshot: at the rate of the invoice that it corrects; None if that has none.

    Args:
        row: a reversal as `store.credit_notes.to_credit` reads it.
        before: what credit notes that come before this one give back of that invoice.
    """
    told: Mapping[str, Any] | None = row.corrected.get("exchange")
    if told is None:
        return None
    rate = _rate_told(told, row.corrected["currency"])
    sums = credited_home_sums(
        net_minor=row.net_minor,
        vat_minor=row.vat_minor,
        before=before,
        of_invoice=HomeSums(net_minor=told["net_minor"], vat_minor=told["vat_minor"]),
        rate=rate,
    )
    return _block(told["currency"], rate, sums)


def _rate_told(told: Mapping[str, Any], currency: str) -> ExchangeRate:
    """The rate that a document tells."""
    return ExchangeRate(
        source=told["source"],
        published_on=date.fromisoformat(told["published_on"]),
        currency=currency,
        per=told["per"],
        rate=told["rate"],
    )


def _block(home_currency: str, rate: ExchangeRate, sums: HomeSums) -> dict[str, object]:
    return {
        "currency": home_currency,
        "rate": rate.rate,
        "per": rate.per,
        "source": rate.source,
        "published_on": rate.published_on.isoformat(),
        "net_minor": sums.net_minor,
        "vat_minor": sums.vat_minor,
        "gross_minor": sums.gross_minor,
    }


def ring_for_invoices(
    runtime: Runtime, connection: Connection, *, business_date: date, root_run_id: int | None, by: str
) -> list[int]:
    """Queue the invoices that waited for rates which are there now; returns the items to ring for after the commit."""
    if runtime.home_currency is None:
        return []
    ids = exchange_rates.released_by_rates(
        connection, home_currency=runtime.home_currency, rate_days=runtime.policy.rate_days_max
    )
    return ring(
        connection,
        job="issue_invoices",
        items=in_items(ids, size=runtime.limits.item_size_max, claims=None, prefix="charges"),
        business_date=business_date,
        root_run_id=root_run_id,
        by=by,
    )
