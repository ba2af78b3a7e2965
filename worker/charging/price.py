"""Prices of planned charges: pure arithmetic under the accounts' locks, frozen with the intent (R16)."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Row

from worker import boundary
from worker.billing import calendar, vat
from worker.billing.calendar import Interval
from worker.billing.catalogue import Configuration, Package
from worker.billing.money import Currency
from worker.billing.quote import PricedCharge, price_renewal
from worker.billing.states import LIVE, SubscriptionStatus
from worker.errors import RuleError
from worker.queue.items import Lease, fence
from worker.runtime import Runtime
from worker.store import charges


@dataclass
class Pricing:
    """What became of the planned charges of a batch; `sums` are to be charged, by currency."""

    frozen: list[dict[str, object]] = field(default_factory=list)
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
        pricing = price_rows(runtime, list(rows), today=runtime.clock.today())
        charges.freeze(connection, pricing.frozen)
        charges.cancel_planned(connection, pricing.unwanted)
        charges.park(connection, pricing.parked, now=runtime.clock.now())
    return pricing


def price_rows(runtime: Runtime, rows: list[Row[Any]], *, today: date) -> Pricing:
    """Decide each row alone: one that cannot be priced is parked and holds up nobody."""
    pricing = Pricing()
    for row in rows:
        if not row.auto_renew or SubscriptionStatus(row.status) not in LIVE:
            pricing.unwanted.append(row.id)
            continue
        try:
            term = calendar.term(
                anchor_on=row.anchor_on,
                anchor_number=row.anchor_number,
                interval=Interval(row.interval),
                number=row.term_number,
            )
            if term.ends_on <= today:
                detail = f"term {term.starts_on} to {term.ends_on} was over before it was charged (R8d)"
                pricing.parked.append((row.id, "term_already_over", detail))
                continue
            pricing.frozen.append(_freeze(runtime, row, term, today=today))
        except RuleError as error:
            pricing.parked.append((row.id, "cannot_be_priced", str(error)))
    return pricing


def price_row(runtime: Runtime, row: Row[Any], *, tax_on: date) -> tuple[PricedCharge, vat.VatDecision]:
    """The next term's price of a row with configuration, buyer's tax data, credit and carried sums.

    Raises:
        RuleError: it cannot be priced; never guessed.
    """
    currency = Currency(row.currency)
    buyer = vat.Buyer(country=row.country, postcode=row.postcode, is_business=row.vat_number is not None)
    decision = vat.decide(seller=runtime.seller, buyer=buyer, evidence=None, tax_on=tax_on, rates=runtime.rates)
    priced = price_renewal(
        configuration=Configuration(
            package=Package(row.package),
            interval=Interval(row.interval),
            currency=currency,
            agents=row.agents,
            extra_conversations=row.extra_conversations,
            conversation_block=row.conversation_block,
            agent_price_minor=row.agent_price_minor,
            conversation_price_minor=row.conversation_price_minor,
        ),
        credit_minor=row.credit_minor,
        carried_in_minor=row.carried_in_minor,
        minimum_minor=runtime.policy.minimum_minor[currency],
        vat=decision,
    )
    return priced, decision


def _freeze(runtime: Runtime, row: Row[Any], term: calendar.Term, *, today: date) -> dict[str, object]:
    if row.bought_in != row.currency:
        raise RuleError(f"the account pays in {row.currency}, its configuration is priced in {row.bought_in} (R3)")
    priced, decision = price_row(runtime, row, tax_on=today)
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
        "amount_minor": priced.to_charge_minor,
        "frozen": _frozen(row, priced, decision, today=today),
    }


def _frozen(row: Row[Any], priced: PricedCharge, decision: vat.VatDecision, *, today: date) -> dict[str, object]:
    """What the invoice will print of the tax and the lines, as it was when the price was made."""
    return {
        "lines": [
            {
                "kind": line.kind.value,
                "quantity": line.quantity,
                "unit_price_minor": line.unit_price_minor,
                "net_minor": line.net_minor,
            }
            for line in priced.lines
        ],
        "vat": {
            "treatment": decision.treatment.value,
            "rate": str(decision.rate),
            "category": decision.category,
            "words": list(decision.words),
            "reasons": list(decision.reasons),
        },
        "tax_on": today.isoformat(),
        "country": row.country,
        "vat_number": row.vat_number,
        "package": row.package,
        "interval": row.interval,
        "conversation_block": row.conversation_block,
    }
