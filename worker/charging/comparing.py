"""Our books held against the provider's lists: what one of its objects and our row of it, side by side, come to.

No I/O: `provider_audit` reads both sides and asks here. Only what is ours is judged: what bears our mark, or belongs to
a PaymentIntent that our books carry. All else is foreign and is counted.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from worker.gateways.answers import (
    ChargeStatus,
    DisputeStatus,
    ProviderCharge,
    ProviderDispute,
    RefundAnswer,
    RefundStatus,
)
from worker.store.audit.invariant import Finding, Violation
from worker.store.audit.provider import RULES, mark_of

SETTLING = timedelta(minutes=30)
"""Younger than this nothing is accused: a lost answer is read back after minutes, events are read every minute while
anything is open and every 15 minutes otherwise, and what has no answer rests for 30 minutes at most."""
RENEWED_EARLIER = timedelta(days=2)
"""A term may have been charged before the day on which our row of it was planned: when the store was set back."""

_OVER = frozenset({"failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Money that was taken twice: the PaymentIntent that our books do not carry, and what of it is left to give back.

    `charge_id` is the row that carries the other payment, `booked` that one's PaymentIntent; the sum is minor units.
    """

    intent: str
    charge_id: int
    booked: str
    account: str
    subscription: int
    amount_minor: int
    currency: str


@dataclass
class Comparison:
    """What a comparison has come to so far. `counts` are figures: objects seen, foreign, settling, under way.

    Of each kind of finding at most `most` violations are kept, and all are counted; duplicates are all kept.
    """

    now: datetime
    most: int
    counts: Counter[str] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)
    kept: dict[str, list[Violation]] = field(default_factory=dict)
    suspects: list[Duplicate] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)

    def accuse(self, kind: str, row: Any, what: str) -> None:
        """Keep a finding about this row of ours, None when we have none."""
        self.totals[kind] += 1
        kept = self.kept.setdefault(kind, [])
        if len(kept) < self.most:
            named = row is not None
            violation = Violation(
                (row.id or 0) if named else 0,
                row.external_id if named else None,
                row.subscription_id if named else None,
                what,
            )
            kept.append(violation)

    def findings(self) -> list[Finding]:
        """One for each rule, broken or not, in the rules' order."""
        return [Finding(rule, self.totals[name], self.kept.get(name, [])) for name, rule in RULES.items()]

    def settled(self, at: datetime | None) -> bool:
        """Whether what happened then is old enough to be judged."""
        return at is not None and at <= self.now - SETTLING


def judge_charge(so_far: Comparison, theirs: ProviderCharge, ours: Row[Any] | None) -> None:
    """One of the provider's charges beside the row that it belongs to."""
    so_far.counts["charges"] += 1
    if not _ours(theirs, ours):
        so_far.counts["foreign"] += 1
    elif theirs.status is ChargeStatus.FAILED:
        return
    elif not so_far.settled(theirs.created_at):
        so_far.counts["settling"] += 1
    elif ours is not None and ours.found_by == "intent":
        _judge_carried(so_far, theirs, ours)
    elif (ours is not None and ours.given_back) or theirs.refunded_minor >= theirs.amount_minor:
        so_far.counts["given_back"] += 1
    elif (booked := _books_another(theirs, ours)) is not None:
        so_far.suspects.append(booked)
    else:
        marked = f", of the charge marked {theirs.metadata.get('charge')}" if theirs.metadata.get("charge") else ""
        so_far.accuse("unknown_here", _by_mark(ours), f"{theirs.intent}{marked}: {_sum(theirs)} {theirs.status}")


def _ours(theirs: ProviderCharge, ours: Row[Any] | None) -> bool:
    """Whether it bears all of our marks, or a row carries it; one of the marks alone may be anybody's."""
    if ours is not None and ours.found_by in {"intent", "mark"}:
        return True
    return mark_of(theirs.metadata.get("charge")) is not None and {"account", "term"} <= theirs.metadata.keys()


def _by_mark(ours: Row[Any] | None) -> Row[Any] | None:
    """The row if it is surely the one: that of the term may be another."""
    return ours if ours is not None and ours.found_by == "mark" else None


def _judge_carried(so_far: Comparison, theirs: ProviderCharge, ours: Row[Any]) -> None:
    name = f"{theirs.intent}, charge {ours.id}"
    if ours.amount_minor is not None and (ours.amount_minor, ours.currency) != (theirs.amount_minor, theirs.currency):
        so_far.accuse("amount_differs", ours, f"{name}: {_our_sum(ours)} here, {_sum(theirs)} there")
    paid = theirs.status is ChargeStatus.SUCCEEDED
    if paid and ours.state == "succeeded":
        return
    if ours.state == "succeeded" and not so_far.settled(ours.paid_at):
        so_far.counts["settling"] += 1  # it ended after the list was read
    elif ours.state == "succeeded" or ours.state in _OVER or (paid and not _followed(so_far, ours)):
        parked = " and parked" if ours.parked_at is not None else ""
        so_far.accuse("state_differs", ours, f"{name}: {ours.state}{parked} here, {theirs.status} there")
    else:
        so_far.counts["under_way"] += 1


def _followed(so_far: Comparison, ours: Row[Any]) -> bool:
    """Whether a job will look at it by itself: its look is to come, or has been due for less than anything settles."""
    return ours.parked_at is None and ours.check_after is not None and not so_far.settled(ours.check_after)


def _books_another(theirs: ProviderCharge, ours: Row[Any] | None) -> Duplicate | None:
    """The duplicate that this is, if our row carries another payment of the same, which is still to be proven."""
    if ours is None or theirs.status is not ChargeStatus.SUCCEEDED or ours.state != "succeeded":
        return None
    if ours.provider_intent is None or ours.currency != theirs.currency:
        return None
    if ours.found_by == "term" and not _same_term(theirs, ours):
        return None
    return Duplicate(
        theirs.intent,
        ours.id,
        ours.provider_intent,
        ours.external_id,
        ours.subscription_id,
        theirs.amount_minor - theirs.refunded_minor,
        theirs.currency,
    )


def _same_term(theirs: ProviderCharge, ours: Row[Any]) -> bool:
    """Whether a charge whose row is lost bought the term that our row bought again.

    An account may begin anew, and its terms then count from 1 again, so the sum and the days must fit too.
    """
    tried_on = theirs.created_at.date()
    return theirs.amount_minor == ours.amount_minor and bool(
        ours.business_date - RENEWED_EARLIER <= tried_on < ours.ends_on
    )


def prove_duplicate(so_far: Comparison, suspect: Duplicate, *, booked_is_paid: bool) -> None:
    """A suspect is a duplicate if what our books carry was paid too; else it may be the only payment."""
    what = f"{suspect.intent}: {suspect.amount_minor} {suspect.currency}"
    row = _Named(suspect.charge_id, suspect.account, suspect.subscription)
    if booked_is_paid:
        so_far.duplicates.append(suspect)
        so_far.accuse("charged_twice", row, f"{what}, beside {suspect.booked} of charge {suspect.charge_id}")
    else:
        so_far.accuse("unknown_here", row, f"{what}, and {suspect.booked} of charge {suspect.charge_id} was not paid")


@dataclass(frozen=True, slots=True)
class _Named:
    id: int
    external_id: str
    subscription_id: int


_REFUND_FITS: Mapping[RefundStatus, frozenset[str]] = {
    RefundStatus.SUCCEEDED: frozenset({"succeeded"}),
    RefundStatus.PENDING: frozenset({"pending"}),
}
_NO_REFUND = frozenset({RefundStatus.FAILED, RefundStatus.CANCELLED})


def judge_refund(so_far: Comparison, theirs: RefundAnswer, ours: Row[Any] | None, *, mark: str) -> None:
    """One of the provider's refunds beside the payout or charge that it belongs to; `mark` names the metadata's key."""
    so_far.counts["refunds"] += 1
    if ours is None and mark_of(theirs.metadata.get(mark)) is None:
        so_far.counts["foreign"] += 1
        return
    if not so_far.settled(theirs.created_at):
        so_far.counts["settling"] += 1
        return
    gone = theirs.status in _NO_REFUND
    if ours is None or ours.id is None:
        if not gone:
            of = "" if ours is None else f", of charge {ours.charge_id}"
            so_far.accuse("unknown_here", ours, f"{theirs.refund}{of}: {_refund_sum(theirs)} went back")
        return
    if ours.provider_refund not in {None, theirs.refund}:
        if not gone:
            said = f"{theirs.refund} and {ours.provider_refund} are both of payout {ours.id}"
            so_far.accuse("refunded_twice", ours, said)
        return
    _judge_paid_out(so_far, theirs, ours)


def _judge_paid_out(so_far: Comparison, theirs: RefundAnswer, ours: Row[Any]) -> None:
    name = f"{theirs.refund}, payout {ours.id}"
    gone = theirs.status in _NO_REFUND
    if not gone and (ours.amount_minor, ours.currency) != (theirs.amount_minor, theirs.currency):
        so_far.accuse("amount_differs", ours, f"{name}: {_our_sum(ours)} here, {_refund_sum(theirs)} there")
    if ours.state in _fitting(theirs.status):
        return
    if _followed(so_far, ours):
        so_far.counts["under_way"] += 1
    elif ours.state == "succeeded" and not so_far.settled(ours.paid_at):
        so_far.counts["settling"] += 1
    else:
        so_far.accuse("state_differs", ours, f"{name}: {ours.state} here, {theirs.status} there")


def _fitting(status: RefundStatus | None) -> frozenset[str]:
    # what failed there is planned anew here, or waits for a person
    return _REFUND_FITS.get(status or RefundStatus.PENDING, frozenset({"failed", "planned"}))


def judge_dispute(so_far: Comparison, theirs: ProviderDispute, ours: Row[Any] | None) -> None:
    """One of the provider's disputes beside our row of it."""
    so_far.counts["disputes"] += 1
    if ours is None:
        so_far.counts["foreign"] += 1
    elif not so_far.settled(theirs.created_at):
        so_far.counts["settling"] += 1
    elif ours.id is not None:
        _judge_disputed(so_far, theirs, ours)
    elif theirs.status is not DisputeStatus.WON:  # one that was won took nothing
        so_far.accuse("unknown_here", ours, f"{theirs.dispute}, of charge {ours.charge_id}: {theirs.status} there")


def _judge_disputed(so_far: Comparison, theirs: ProviderDispute, ours: Row[Any]) -> None:
    name = f"{theirs.dispute}, dispute {ours.id}"
    # a bank that argues in a currency of its own is booked with what was paid
    if ours.currency == theirs.currency and ours.amount_minor != theirs.amount_minor:
        there = f"{theirs.amount_minor} {theirs.currency}"
        so_far.accuse("amount_differs", ours, f"{name}: {_our_sum(ours)} here, {there} there")
    if ours.status != theirs.status:
        so_far.accuse("state_differs", ours, f"{name}: {ours.status} here, {theirs.status} there")


def _sum(theirs: ProviderCharge) -> str:
    return f"{theirs.amount_minor} {theirs.currency}"


def _refund_sum(theirs: RefundAnswer) -> str:
    return f"{theirs.amount_minor} {theirs.currency}"


def _our_sum(ours: Row[Any]) -> str:
    return f"{ours.amount_minor} {ours.currency}"
