"""Stuck: everything that waits for a person, closely looked at; one or many retried or given up, with a reason."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row
from starlette.responses import Response

from worker import boundary
from worker.errors import RefusedError
from worker.operating import requeueing
from worker.operating.people import Role
from worker.operating.stuck import RateRule, look
from worker.store.console import stuck as store
from worker.web.render import masked
from worker.web.visit import Visit, act, page
from worker.web.words import N_

SHOWN = 200
KINDS = {
    "charge": N_("charge"),
    "payout": N_("payout"),
    "dispute": N_("dispute"),
    "item": N_("item"),
    "run": N_("run"),
    "mail": N_("mail"),
    "invoice of charge": N_("invoice of charge"),
}
LABELS = {
    "job": N_("Job"),
    "key": N_("Key"),
    "state": N_("State"),
    "attempts": N_("Attempts"),
    "last_error": N_("Last error"),
    "created_at": N_("Made"),
    "done_at": N_("Ended"),
    "run_id": N_("Run"),
    "business_date": N_("Business day"),
    "requested_by": N_("Asked by"),
    "external_id": N_("Account"),
    "subscription_id": N_("Subscription"),
    "term_number": N_("Term"),
    "purpose": N_("Purpose"),
    "amount_minor": N_("Sum"),
    "tries": N_("Tries"),
    "checks": N_("Times read back"),
    "decline_kind": N_("Declined"),
    "decline_code": N_("Code"),
    "next_try_on": N_("Next try"),
    "provider_intent": N_("At the provider"),
    "provider_refund": N_("At the provider"),
    "parked_at": N_("Parked"),
    "parked_reason": N_("Reason"),
    "parked_detail": N_("Detail"),
    "kind": N_("Kind"),
    "recipient": N_("To"),
    "last_answer": N_("Answer"),
    "charge_id": N_("Charge"),
    "sent_at": N_("Sent"),
}
"""Columns that are shown, by the words for them; the others are for machines."""

CLOSELY: Mapping[str, Callable[[Connection, int], Row[Any] | None]] = {
    "item": store.item,
    "charge": store.charge,
    "mail": store.mail,
    "payout": store.payout,
}
"""Kinds that have a page of their own."""


@page("/stuck", role=Role.READ_ONLY, menu=N_("Stuck"))
def stuck(visit: Visit) -> Response:
    """The list, oldest first of each kind; one kind of it if asked."""
    console, only = visit.console, visit.field("kind")
    rule = RateRule(console.runtime.home_currency, console.rate_days_max)
    with boundary.transaction(console.reading, "web.stuck") as connection:
        found = look(connection, console.runtime.clock, most=SHOWN, rule=rule)
    counts = {kind: sum(one["kind"] == kind for one in found) for kind in KINDS}
    shown = [one | {"retries": _may_retry(one)} for one in found if not only or one["kind"] == only]
    return visit.render(
        "stuck.html.j2", entries=shown, counts=counts, kinds=KINDS, only=only, closely=CLOSELY, most=SHOWN
    )


def _may_retry(entry: Mapping[str, Any]) -> bool:
    """What has no answer yet asks again by itself; runs, disputes and invoices have acts of their own."""
    return entry["kind"] in requeueing.WHAT and entry["state"].split(",")[0] in {"parked", "dead", "failed"}


@page("/stuck/{kind}/{number}", role=Role.READ_ONLY)
def closely(visit: Visit) -> Response:
    """One of them, with how it came to that."""
    kind, said = visit.request.path_params["kind"], visit.request.path_params["number"]
    if kind not in CLOSELY or not (said.isascii() and said.isdecimal() and len(said) < 19):  # noqa: PLR2004 - a bigint's digits
        return visit.refused("there is no such row", status=404)
    number = int(said)
    with boundary.transaction(visit.console.reading, "web.stuck_one") as connection:
        row = CLOSELY[kind](connection, number)
        failures = store.failures(connection, number) if kind == "item" else ()
        attempts = store.attempts(connection, number) if kind == "charge" else ()
    if row is None:
        return visit.refused("there is no such row", status=404)
    return visit.render(
        "stuck_one.html.j2",
        kind=kind,
        words=KINDS[kind],
        row=row,
        pairs=_pairs(row, masks=not visit.may(Role.SUPPORT)),
        failures=failures,
        attempts=attempts,
        may_retry=_is_stuck(kind, row),
    )


def _is_stuck(kind: str, row: Row[Any]) -> bool:
    if kind == "item":
        return row.state in {"dead", "cancelled"}
    return bool(row.state == "failed") if kind == "mail" else row.parked_at is not None


def _pairs(row: Row[Any], *, masks: bool) -> list[tuple[str, str, Any]]:
    """Name, words and value of the columns that hold something."""
    held = row._mapping  # noqa: SLF001 - SQLAlchemy's public name begins with an underscore
    return [
        (name, words, masked(held[name]) if masks and isinstance(held[name], str) else held[name])
        for name, words in LABELS.items()
        if held.get(name) is not None
    ]


def _chosen(visit: Visit) -> dict[str, list[int]]:
    """The rows that were ticked, as `kind:number`."""
    ticked: Sequence[str] = visit.fields.get("chosen", ())
    found: dict[str, list[int]] = {}
    for one in ticked:
        kind, _, number = one.partition(":")
        if kind not in requeueing.WHAT or not (number.isascii() and number.isdecimal() and len(number) < 19):  # noqa: PLR2004 - a bigint's digits
            raise RefusedError(f"{one[:40]!r} cannot be chosen here")
        found.setdefault(kind, []).append(int(number))
    if not found:
        raise RefusedError("nothing was chosen: tick a row")
    return found


@act("/stuck/retry", role=Role.OPERATOR)
def retry(visit: Visit) -> Response:
    """Give what was ticked another life: all of it or none."""
    found, reason = _chosen(visit), visit.need("reason")
    chosen = requeueing.Chosen(
        items=found.get("item", ()),
        charges=found.get("charge", ()),
        mails=found.get("mail", ()),
        payouts=found.get("payout", ()),
    )
    requeueing.requeue(visit.console.runtime, chosen, by=visit.by, reason=reason)
    return visit.done("/stuck", "requeued")


@act("/stuck/cancel", role=Role.OPERATOR)
def cancel(visit: Visit) -> Response:
    """Give dead items up."""
    found, reason = _chosen(visit), visit.need("reason")
    if set(found) != {"item"}:
        raise RefusedError("only dead items can be cancelled; untick all else")
    requeueing.cancel(visit.console.runtime, found["item"], by=visit.by, reason=reason)
    return visit.done("/stuck", "cancelled")


pages = [stuck, closely, retry, cancel]
