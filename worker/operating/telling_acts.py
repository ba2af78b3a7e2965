"""Rows of the audit log as sentences: who did what at the desk, what came of it, and what was refused."""

from collections.abc import Callable, Mapping
from typing import Any

from worker.operating import sums

Result = Mapping[str, Any]
_DESK = "desk."


def act_in_words(facts: Mapping[str, Any]) -> str:
    """Who did what, and why; an act that nobody put in words is told by its facts."""
    who, act, details = _who(facts["actor"]), facts["act"], facts["details"]
    reason = f"; reason: {facts['reason']}" if facts["reason"] else ""
    if "refused" in details and "erased" not in details:
        asked = act.removeprefix(_DESK).replace("_", " ")
        return f"{who} was refused {asked} ({details['refused']}): {details['because']}{reason}"
    if "erased" in details:
        return f"{who}: {act.removeprefix(_DESK).replace('_', ' ')}, of which nothing more is known since the erasure"
    told = _ACTS.get(act)
    if told is None:
        rest = facts_in_words({name: value for name, value in details.items() if name != "account"})
        return f"{who}: {act.removeprefix(_DESK).replace('_', ' ')}{': ' if rest else ''}{rest}{reason}"
    return f"{who} {told(details.get('result', details))}{reason}"


def facts_in_words(facts: Mapping[str, Any]) -> str:
    """An event's facts in a line, sums as money."""
    currency = facts.get("currency")
    said = {
        key.removesuffix("_minor"): sums.money(value, currency) if key.endswith("_minor") else value
        for key, value in facts.items()
        if value is not None and not (key == "currency" and any(name.endswith("_minor") for name in facts))
    }
    return sums.facts(said)


def _who(actor: str) -> str:
    role, _, name = actor.partition(":")
    return f"{role} ({name})" if name else actor


def _sum(result: Result, name: str) -> str:
    return sums.money(result[name], result.get("currency"))


def _attached(result: Result) -> str:
    what = "PayPal" if result["brand"] is None else f"{result['brand']} ending in {result['last4']}"
    return f"saved {what}{_in_use(result)}"


def _in_use(result: Result) -> str:
    tried = result.get("charges_tried_now")
    now = f", and a declined charge is tried with it at once ({tried})" if tried else ""
    return f", in use from now{now}" if result["in_use"] else ""


def _quoted(result: Result) -> str:
    extra = f", {result['extra_conversations']} extra conversations" if result["extra_conversations"] else ""
    agents = f"{result['agents']} agent{'' if result['agents'] == 1 else 's'}"
    less = [
        f"{sums.money(minor, result['currency'])} {what}"
        for minor, what in (
            (result["unused"]["gross_minor"], "for unused days"),
            (result["credit_used_minor"] - result["unused"]["gross_minor"], "of credit"),
        )
        if minor > 0
    ]
    return (
        f"asked for a price: {result['package']} by the {result['interval']}, {agents}{extra}, "
        f"{result['period']['starts_on']} to {result['period']['ends_on']}: {_sum(result, 'gross_minor')}"
        f"{', less ' + ' and '.join(less) if less else ''}; to pay {_sum(result, 'to_pay_minor')}"
    )


def _refunded(result: Result) -> str:
    ends = ", which ends the subscription" if result["ends_service"] else ""
    return f"had {_sum(result, 'amount_minor')} given back, as refund {result['refund']}{ends}"


def _repriced(result: Result) -> str:
    when = "not at all" if result["renews_on"] is None else f"from {result['renews_on']} on"
    return f"moved it to new prices, {when}: {_sum(result, 'old_minor')} becomes {_sum(result, 'new_minor')} net a term"


def _released(result: Result) -> str:
    held = result["still_held_by"] and f"; {result['still_held_by']} still holds it"
    return f"let the account go on after dispute {result['dispute']}, {result['status']}{held or ''}"


def _disputed(what: str) -> Callable[[Result], str]:
    def told(result: Result) -> str:
        ended = f"; subscription {result['suspended']} is suspended" if result["suspended"] else ""
        return f"heard that dispute {result['dispute']} over {_sum(result, 'amount_minor')} {what}{ended}"

    return told


def _noted(result: Result) -> str:
    where = f"on invoice {result['invoice']}" if result["invoice"] else "on all future invoices"
    return f"wrote a note {where}, version {result['version']}" if result["note"] else f"took the note {where} back"


def _erased(result: Result) -> str:
    forfeited = ", ".join(f"{_sum(one, 'amount_minor')} of {one['what']}" for one in result["forfeited"])
    given_up = f"; given up: {forfeited}" if forfeited else ""
    return f"erased the account's personal data; customer at the provider: {result['at_provider']}{given_up}"


_ACTS: Mapping[str, Callable[[Result], str]] = {
    "desk.open_account": lambda result: f"opened the account, in {result['currency']}, language {result['locale']}",
    "desk.billing_details": lambda result: (
        f"{'gave' if result['changed'] else 'repeated'} billing details, version {result['version']}"
    ),
    "desk.method_set_up": lambda result: f"began to save a payment method, {result['setup']}",
    "desk.method_attach": _attached,
    "desk.method_use": lambda result: f"put {result['method']} to use{_in_use(result)}",
    "desk.method_remove": lambda result: f"removed the payment method {result['method']}",
    "desk.quote": _quoted,
    "desk.order": lambda result: f"ordered, {_sum(result, 'to_pay_minor')} to pay",
    "desk.cancel_order": lambda _: "cancelled the order",
    "desk.renewal_on": lambda result: f"switched renewal on, it renews on {result['renews_on']}",
    "desk.renewal_off": lambda result: f"switched renewal off, it ends on {result['suspends_on']}",
    "desk.refund": _refunded,
    "desk.to_free": lambda result: f"put the account back to Free; credit kept: {_sum(result, 'credit_minor')}",
    "desk.erase": _erased,
    "desk.my_package": lambda _: "looked at the account page",
    "desk.invoice_note": _noted,
    "desk.invoice_resend": lambda result: f"sent {result['number']} again, to {result['to']}",
    "desk.grant_credit": lambda result: f"gave goodwill of {_sum(result, 'granted_minor')}",
    "desk.extend_term": lambda result: f"gave {result['days']} more days, until {result['ends_on']}",
    "desk.schedule_monthly": lambda result: (
        f"scheduled the move to monthly for {result['changes_on']}, at {_sum(result, 'term_minor')} net a month"
    ),
    "desk.keep_yearly": lambda result: f"stays yearly, it renews on {result['renews_on']}",
    "desk.new_prices": _repriced,
    "desk.dispute_release": _released,
    "dispute_opened": _disputed("was opened"),
    "dispute_won": _disputed("was won"),
    "dispute_lost": _disputed("was lost"),
}
