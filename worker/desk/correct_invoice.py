"""A wrong invoice, taken back by a credit note and issued once more, by support (R16).

The issued one never changes. What is corrected is what the customer was called and how the sale was taxed, by the
billing details and the evidence of today; what was sold, and for how much, is not. The difference becomes credit, or
goes back the way that it was paid.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from worker import boundary
from worker.billing.catalogue import LineKind
from worker.billing.correction import Correction, correct
from worker.billing.vat import Buyer, Seller, SellerVat, Treatment, VatDecision, decide
from worker.charging.letters import Rung
from worker.charging.price import evidence_of, frozen_evidence, frozen_lines, frozen_vat
from worker.charging.sold import COPIED, invoiced
from worker.desk.disputes import demand_undisputed
from worker.desk.open_payments import LATER
from worker.desk.request import Ask, Caller, Done, account_of, noted, perform
from worker.errors import ActRefusedError, RuleError
from worker.queue.plans import Claimed, in_items
from worker.queue.runs import ring
from worker.runtime import Runtime
from worker.store import corrections, refunds

_PLACE = ("street", "city", "postcode")


@dataclass(frozen=True, slots=True)
class _Wish:
    """Which document; whether VAT, country and number stay as they were; which way a difference goes; and why."""

    number: str
    keep_vat: bool
    refund: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a correction does: the document's row, both papers, the tax data of the new one, and what goes back."""

    row: Row[Any]
    papers: Correction
    tax: Mapping[str, object]
    to_refund_minor: int

    @property
    def to_credit_minor(self) -> int:
        """What of the difference becomes credit."""
        return self.papers.given_back_minor - self.to_refund_minor


def correct_invoice(
    runtime: Runtime,
    caller: Caller,
    *,
    number: str,
    request_id: str,
    keep_vat: bool = False,
    refund: bool = False,
    reason: str | None = None,
) -> Done:
    """Replace the invoice of that number by one for the billing details of today.

    Args:
        runtime: the parts.
        caller: somebody of support.
        number: of an invoice in force.
        request_id: the caller's own.
        keep_vat: country, VAT number and VAT stay; only name and address are corrected.
        refund: a difference goes back the way that it was paid, as far as the payment reaches, instead of into credit.
        reason: for the audit log and for whoever asks later.

    Raises:
        ActRefusedError: a customer asks, no reason, no such invoice, it was corrected or given back before, nothing
            would change, an order is open, a dispute stands, or the sale of today's details would be refused.
    """
    wish = _Wish(number, keep_vat, refund, reason)
    with noted(runtime, _ask(caller, wish, request_id), support_only=True):
        return perform(runtime, _ask(caller, wish, request_id), partial(_correct, runtime, wish))


def preview_correction(
    runtime: Runtime, caller: Caller, *, number: str, keep_vat: bool = False, refund: bool = False
) -> Mapping[str, object]:
    """What `correct_invoice` would do; nothing is written.

    Raises:
        ActRefusedError: as there.
    """
    wish = _Wish(number, keep_vat, refund, None)
    with boundary.transaction(runtime.engine, "desk.invoice_correct.preview") as connection:
        account = account_of(connection, _ask(caller, wish, "preview"), lock=False)
        return _told(_planned(runtime, connection, account, wish))


def _ask(caller: Caller, wish: _Wish, request_id: str) -> Ask:
    content = {"number": wish.number, "keep_vat": wish.keep_vat, "refund": wish.refund}
    return Ask(caller, "invoice_correct", request_id, content, wish.reason)


def _correct(runtime: Runtime, wish: _Wish, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    plan = _planned(runtime, connection, account, wish)
    papers, row, today = plan.papers, plan.row, runtime.clock.today()
    refund = _pay_back(runtime, connection, account, plan, reason=wish.reason, rung=rung)
    made = corrections.add_correction(
        connection,
        charge=row.charge_id,
        of_correction=row.in_force_id,
        refund=refund,
        net_minor=papers.net_minor,
        vat_minor=papers.vat_minor,
        to_credit_minor=plan.to_credit_minor,
        to_refund_minor=plan.to_refund_minor,
        frozen={**row.frozen, **plan.tax, "lines": frozen_lines(papers.lines)},
        today=today,
        now=runtime.clock.now(),
    )
    refunds.add_reversal(
        connection,
        correction=made,
        charge=row.charge_id,
        of_correction=row.in_force_id,
        net_minor=papers.taken_back.net_minor,
        vat_minor=papers.taken_back.vat_minor,
        frozen={
            **{name: row.frozen.get(name) for name in COPIED},
            "starts_on": row.starts_on.isoformat(),
            "ends_on": row.ends_on.isoformat(),
            "lines": frozen_lines(papers.taken_back.lines),
            "to_invoice_minor": papers.gross_minor,
            "to_credit_minor": plan.to_credit_minor,
            "to_refund_minor": plan.to_refund_minor,
        },
        today=today,
        now=runtime.clock.now(),
    )
    rung.items += ring(
        connection,
        job="issue_invoices",
        items=in_items([row.charge_id], size=1, claims=None, prefix="charges"),
        business_date=today,
        root_run_id=None,
        by="desk",
    )
    return {"correction": made, **_told(plan)}


def _pay_back(
    runtime: Runtime, connection: Connection, account: int, plan: _Plan, *, reason: str | None, rung: Rung
) -> int | None:
    """Plan the payout of the difference; returns the refund, None when nothing goes back."""
    if not plan.to_refund_minor:
        return None
    row, today = plan.row, runtime.clock.today()
    refund = refunds.add_refund(
        connection,
        account_id=account,
        subscription_id=row.subscription_id,
        kind="correction",
        overridden=True,
        reason=reason,
        currency=row.currency,
        total_minor=plan.to_refund_minor,
        today=today,
    )
    made = refunds.add_payouts(connection, refund, [(row.charge_id, plan.to_refund_minor)], currency=row.currency)
    rung.items += ring(
        connection,
        job="pay_refunds",
        items=in_items(made, size=len(made), claims=Claimed.PAYOUTS, prefix="payouts"),
        business_date=today,
        root_run_id=None,
        by="desk",
    )
    return refund


def _told(plan: _Plan) -> dict[str, object]:
    papers, vat = plan.papers, plan.papers.vat
    return {
        "number": plan.row.number,
        "currency": plan.row.currency,
        "taken_back_minor": papers.taken_back.gross_minor,
        "net_minor": papers.net_minor,
        "vat_minor": papers.vat_minor,
        "gross_minor": papers.gross_minor,
        "treatment": vat.treatment.value,
        "rate": str(vat.rate),
        "reasons": list(vat.reasons),
        "to_credit_minor": plan.to_credit_minor,
        "to_refund_minor": plan.to_refund_minor,
    }


def _planned(runtime: Runtime, connection: Connection, account: int, wish: _Wish) -> _Plan:
    demand_undisputed(connection, account)
    row = _in_force(connection, account, wish.number)
    sale = invoiced(row._asdict())
    if not sale.left_minor:
        raise ActRefusedError(
            "nothing_left", f"all of {row.number} was given back, and nothing is left: choose another invoice"
        )
    try:
        vat = sale.vat if wish.keep_vat else _decide(runtime, row, sale.vat)
    except RuleError as error:
        raise ActRefusedError(
            "cannot_be_sold", f"{error}: correct the billing details first, or keep the VAT as it was"
        ) from error
    tax: dict[str, object] = {"vat": frozen_vat(vat)}
    if not wish.keep_vat:
        tax |= {"country": row.country, "postcode": row.postcode, "vat_number": row.vat_number}
    if vat != sale.vat:
        tax["vat_evidence"] = frozen_evidence(row)
    _demand_change(row, tax, sale.vat, vat)
    papers = correct(sale, vat=vat)
    payable_minor = max(row.amount_minor - row.paid_out_minor, 0) if wish.refund else 0
    return _Plan(row, papers, tax, min(papers.given_back_minor, payable_minor))


def _in_force(connection: Connection, account: int, number: str) -> Row[Any]:
    """The invoice, if it can be corrected now."""
    # what cannot be stored is no number of ours either
    row = corrections.to_correct(connection, account, number) if number.isascii() and number.isprintable() else None
    if row is None or row.kind != "invoice":
        raise ActRefusedError("no_invoice", f"the account has no invoice {number[:40]!r}: check the number on it")
    if row.correction_id != row.in_force_id:
        by = row.in_force_number or "one that is being issued"
        raise ActRefusedError("not_in_force", f"{number} was corrected before, by {by}: correct that one")
    if row.ordering:
        raise ActRefusedError("payment_under_way", LATER)
    if row.parked_at is not None:
        raise ActRefusedError("parked", "the charge of this invoice is parked: look at `odnowa stuck` first")
    if any(line["kind"] == LineKind.CARRIED.value for line in row.frozen["lines"]):
        raise ActRefusedError(
            "holds_carried_sum",
            f"{number} holds a sum of an earlier order, and two sales cannot be corrected as one: correct it by hand",
        )
    missing = [name for name in ("company", *_PLACE, "country") if not getattr(row, name)]
    if missing:
        raise ActRefusedError("details_missing", f"an invoice needs billing details: add {', '.join(missing)}")
    return row


def _decide(runtime: Runtime, row: Row[Any], sold: VatDecision) -> VatDecision:
    """The VAT of that sale as it is known today: the rates of its day, and a proof of then or of now (R19b, R20).

    A number that was confirmed for the sale stays good for it, whatever became of it since.

    Raises:
        RuleError: the sale would be refused.
    """
    frozen = row.frozen
    same = (row.country, row.vat_number) == (frozen["country"], frozen["vat_number"])
    if same and sold.treatment is Treatment.REVERSE_CHARGE:
        return sold
    tax_on, evidence = date.fromisoformat(frozen["tax_on"]), evidence_of(row)
    confirmed_later = evidence is not None and evidence.checked_on > tax_on
    decision = decide(
        seller=Seller(runtime.seller.country, SellerVat(row.snapshot["seller"]["vat"])),
        buyer=Buyer(country=row.country, postcode=row.postcode, is_business=row.vat_number is not None),
        evidence=evidence,
        tax_on=tax_on,
        rates=runtime.rates,
        vies_valid_days=runtime.policy.vies_valid_days,
        proven_on=runtime.clock.today() if confirmed_later else None,
    )
    return replace(decision, gross_prices=sold.gross_prices)


def _demand_change(row: Row[Any], tax: Mapping[str, object], sold: VatDecision, vat: VatDecision) -> None:
    """Refuse a correction after which the paper would say the same."""
    wrong: Mapping[str, Any] = row.snapshot["buyer"]
    named = {"name": row.company, **{name: getattr(row, name) for name in _PLACE}}
    named |= {name: tax[name] for name in ("country", "vat_number") if name in tax}
    same_vat = (sold.treatment, sold.rate) == (vat.treatment, vat.rate)
    if same_vat and all(wrong[name] == value for name, value in named.items()):
        raise ActRefusedError(
            "nothing_changes", f"{row.number} says all of this already: change the billing details first"
        )
