"""Prices of planned charges: pure arithmetic under the accounts' locks, frozen with the intent (R16)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Any

from sqlalchemy import Row

from worker import boundary
from worker.billing import calendar, vat
from worker.billing.calendar import Interval
from worker.billing.catalogue import Catalogue, Line
from worker.billing.change import Purse, price_term
from worker.billing.holdings import Holdings, repriced
from worker.billing.money import Currency
from worker.billing.quote import PricedCharge
from worker.billing.states import LIVE, SubscriptionStatus
from worker.errors import RuleError
from worker.queue.items import Lease, fence
from worker.runtime import Runtime
from worker.store import charges
from worker.store.catalogue import load_catalogue
from worker.store.configurations import holdings_of


@dataclass
class Pricing:
    """What became of the planned charges of a batch; `sums` are to be charged, by currency.

    `scheduled` are the holdings of charges that bring a change which support scheduled, by charge.
    """

    frozen: list[dict[str, object]] = field(default_factory=list)
    scheduled: dict[int, Holdings] = field(default_factory=dict)
    unwanted: list[int] = field(default_factory=list)
    parked: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def sums(self) -> dict[str, dict[str, int]]:
        """Per currency: how many charges, and their sums to charge, paid by credit, and carried."""
        found: dict[str, dict[str, int]] = {}
        for row in self.frozen:
            of = found.setdefault(
                str(row["currency"]),
                {"charges": 0, "to_charge_minor": 0, "credit_minor": 0, "carried_minor": 0},
            )
            of["charges"] += 1
            of["to_charge_minor"] += int(str(row["amount_minor"]))
            of["credit_minor"] += int(str(row["credit_used_minor"]))
            of["carried_minor"] += int(str(row["carried_out_minor"]))
        return found


def price_planned(runtime: Runtime, lease: Lease) -> Pricing:
    """Price the lease's planned charges in one transaction."""
    with boundary.transaction(runtime.engine, "charging.price") as connection:
        fence(connection, lease)
        rows = charges.to_price(connection, lease.ids, item=lease.item_id)
        catalogue = load_catalogue(connection) if any(row.scheduled for row in rows) else None
        pricing = price_rows(runtime, list(rows), today=runtime.clock.today(), catalogue=catalogue)
        charges.freeze(connection, pricing.frozen)
        charges.freeze_scheduled(connection, pricing.scheduled)
        charges.cancel_planned(connection, pricing.unwanted)
        charges.park(connection, pricing.parked, now=runtime.clock.now())
    return pricing


def price_rows(runtime: Runtime, rows: list[Row[Any]], *, today: date, catalogue: Catalogue | None) -> Pricing:
    """Decide each row alone: one that cannot be priced is parked and holds up nobody.

    The catalogue is needed for rows with a scheduled change only.
    """
    pricing = Pricing()
    for row in rows:
        if not row.auto_renew or SubscriptionStatus(row.status) not in LIVE:
            pricing.unwanted.append(row.id)
            continue
        try:
            holdings = next_holdings(row, catalogue=catalogue)
            term = _next_term(row, holdings)
            if term.ends_on <= today:
                detail = f"term {term.starts_on} to {term.ends_on} was over before it was charged (R8d)"
                pricing.parked.append((row.id, "term_already_over", detail))
                continue
            pricing.frozen.append(_freeze(runtime, row, holdings, term, today=today))
            if row.scheduled:
                pricing.scheduled[row.id] = holdings
        except RuleError as error:
            pricing.parked.append((row.id, "cannot_be_priced", str(error)))
    return pricing


def next_holdings(row: Row[Any], *, catalogue: Catalogue | None) -> Holdings:
    """What the next term sells: what stands, or what support scheduled for it (R3b, R13).

    Raises:
        RuleError: the price list lacks what is scheduled.
    """
    held = holdings_of(row)
    for kind, priced_on in sorted((row.scheduled or {}).items()):
        assert catalogue is not None, "whoever prices a scheduled change brings the catalogue"
        interval = Interval.MONTH if kind == "interval" else held.interval
        held = repriced(held, catalogue=catalogue, on=date.fromisoformat(priced_on), interval=interval)
    return held


def _next_term(row: Row[Any], holdings: Holdings) -> calendar.Term:
    """The term that the charge buys; another interval counts from the day on which the paid term ends."""
    if holdings.interval.value == row.interval:
        return calendar.term(
            anchor_on=row.anchor_on,
            anchor_number=row.anchor_number,
            interval=holdings.interval,
            number=row.term_number,
        )
    return calendar.term(
        anchor_on=row.paid_until, anchor_number=row.term_number, interval=holdings.interval, number=row.term_number
    )


def decide_vat(runtime: Runtime, row: Row[Any], *, currency: Currency, tax_on: date) -> vat.VatDecision:
    """The VAT of a sale in a currency to the buyer of a row with country, postcode, VAT number and its evidence.

    Raises:
        RuleError: the sale is refused (R20).
    """
    buyer = vat.Buyer(country=row.country, postcode=row.postcode, is_business=row.vat_number is not None)
    decision = vat.decide(
        seller=runtime.seller,
        buyer=buyer,
        evidence=evidence_of(row),
        tax_on=tax_on,
        rates=runtime.rates,
        vies_valid_days=runtime.policy.vies_valid_days,
    )
    return replace(decision, gross_prices=currency in runtime.gross_currencies)


def evidence_of(row: Row[Any]) -> vat.ViesEvidence | None:
    """What VIES said of the number that the row's account has now (R19b); None when it was never asked."""
    if row.vat_check_id is None:
        return None
    return vat.ViesEvidence(
        number=row.vat_checked_number,
        valid={"valid": True, "invalid": False}.get(row.vat_outcome),
        checked_on=row.vat_told_on,
        consultation=row.vat_consultation,
    )


def price_row(
    runtime: Runtime, row: Row[Any], *, tax_on: date, catalogue: Catalogue | None
) -> tuple[PricedCharge, vat.VatDecision]:
    """The next term's price of a row with configuration, buyer's tax data and purse.

    Raises:
        RuleError: it cannot be priced; never guessed.
    """
    holdings = next_holdings(row, catalogue=catalogue)
    decision = decide_vat(runtime, row, currency=holdings.currency, tax_on=tax_on)
    return price_term(holdings=holdings, purse=purse_of(runtime, row, holdings.currency), vat=decision), decision


def purse_of(runtime: Runtime, row: Row[Any], currency: Currency) -> Purse:
    """What the account of a row brings to a charge in that currency."""
    return Purse(
        credit_minor=row.credit_minor,
        carried_in_minor=row.carried_in_minor,
        minimum_minor=runtime.policy.minimum_minor[currency],
        goodwill_minor=row.goodwill_minor,
    )


def _freeze(
    runtime: Runtime, row: Row[Any], holdings: Holdings, term: calendar.Term, *, today: date
) -> dict[str, object]:
    if row.bought_in != row.currency:
        raise RuleError(f"the account pays in {row.currency}, its configuration is priced in {row.bought_in} (R3)")
    decision = decide_vat(runtime, row, currency=holdings.currency, tax_on=today)
    priced = price_term(holdings=holdings, purse=purse_of(runtime, row, holdings.currency), vat=decision)
    return {
        "id": row.id,
        "configuration_id": row.configuration_id,
        "starts_on": term.starts_on.isoformat(),
        "ends_on": term.ends_on.isoformat(),
        "currency": row.currency,
        "net_minor": priced.net_minor,
        "vat_minor": priced.vat_minor,
        "gross_minor": priced.gross_minor,
        "carried_in_minor": row.carried_in_minor,
        "credit_used_minor": priced.credit_used_minor,
        "carried_out_minor": priced.carried_out_minor,
        "goodwill_minor": priced.goodwill_minor,
        "amount_minor": priced.to_charge_minor,
        "anchor_on": None if holdings.interval.value == row.interval else term.starts_on.isoformat(),
        "frozen": frozen(row, holdings, priced.lines, decision, today=today),
    }


def frozen(
    row: Row[Any], holdings: Holdings, lines: Sequence[Line], decision: vat.VatDecision, *, today: date
) -> dict[str, object]:
    """What the invoice will print of the tax and the lines, as it was when the price was made (R16)."""
    return {
        "lines": frozen_lines(lines),
        "vat": frozen_vat(decision),
        "tax_on": today.isoformat(),
        "country": row.country,
        "postcode": row.postcode,
        "vat_number": row.vat_number,
        "vat_evidence": frozen_evidence(row),
        "package": holdings.package.value,
        "interval": holdings.interval.value,
        "conversation_block": holdings.conversation_block,
    }


def frozen_evidence(row: Row[Any]) -> dict[str, object] | None:
    """Which answer of VIES the decision was made from, so that it can be made again years later (R19b)."""
    if row.vat_check_id is None:
        return None
    return {
        "check": row.vat_check_id,
        "number": row.vat_checked_number,
        "outcome": row.vat_outcome,
        "checked_on": row.vat_told_on.isoformat(),
        "consultation": row.vat_consultation,
    }


def frozen_lines(lines: Sequence[Line]) -> list[dict[str, object]]:
    """Lines as JSON."""
    return [
        {
            "kind": line.kind.value,
            "quantity": line.quantity,
            "unit_price_minor": line.unit_price_minor,
            "net_minor": line.net_minor,
        }
        for line in lines
    ]


def frozen_vat(decision: vat.VatDecision) -> dict[str, object]:
    """A VAT decision as JSON."""
    return {
        "treatment": decision.treatment.value,
        "rate": str(decision.rate),
        "category": decision.category,
        "words": list(decision.words),
        "reasons": list(decision.reasons),
        "gross_prices": decision.gross_prices,
    }


def thawed_vat(kept: Mapping[str, Any]) -> vat.VatDecision:
    """The decision that was frozen."""
    return vat.VatDecision(
        treatment=vat.Treatment(kept["treatment"]),
        rate=Fraction(kept["rate"]),
        category=kept["category"],
        words=tuple(kept["words"]),
        reasons=tuple(kept["reasons"]),
        gross_prices=kept.get("gross_prices", False),
    )
