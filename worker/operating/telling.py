"""Events of a subscription's story as sentences, for somebody who reads them in the night."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from worker.billing.vat import percent_text
from worker.operating import sums
from worker.operating.telling_acts import act_in_words, facts_in_words

Facts = Mapping[str, Any]


def sentence(kind: str, facts: Facts) -> str:
    """What happened, in words; an event that nobody put in words is told by its facts."""
    told = _SENTENCES.get(kind)
    return facts_in_words(facts) if told is None else told(facts)


def _join(*parts: object, between: str = ", ") -> str:
    """What is there of the parts."""
    return between.join(str(part) for part in parts if part)


def _sum(facts: Facts, name: str = "amount_minor") -> str:
    return sums.money(facts[name], facts.get("currency"))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _method(facts: Facts) -> str:
    return "PayPal" if facts.get("brand") is None else f"{facts['brand']} ending in {facts['last4']}"


def _package(facts: Facts) -> str:
    extra = facts["extra_conversations"]
    return _join(
        f"{facts['package']} by the {facts['interval']}",
        _count(facts["agents"], "agent"),
        extra and f"{extra} extra conversations",
    )


def _account(facts: Facts) -> str:
    return f"account {facts['external_id']}, in {facts['currency']}, language {facts['locale']}"


def _details(facts: Facts) -> str:
    city = _join(facts["postcode"], facts["city"], between=" ")
    place = _join(facts["company"], facts["street"], city, facts["country"])
    vat = facts["vat_number"] and f"; VAT number {facts['vat_number']}"
    return f"billing details, version {facts['version']}: {place}; mails go to {facts['email']}{vat or ''}"


def _vat_check(facts: Facts) -> str:
    said = facts["outcome"] if facts["reason"] is None else _join("unknown", facts["reason"], facts["code"])
    proof = facts["consultation"] and f"consultation {facts['consultation']}"
    return _join(f"VIES was asked about {facts['number']} on {facts['told_on']}: {said}", proof)


def _saved(facts: Facts) -> str:
    return f"payment method {_method(facts)}, now {facts['state'].replace('_', ' ')}"


def _subscription(facts: Facts) -> str:
    renewal = "on" if facts["auto_renew"] else "off"
    return (
        f"subscription {facts['subscription']} by the {facts['interval']}; now {facts['status'].replace('_', ' ')}, "
        f"paid until {facts['paid_until']}, renewal {renewal}"
    )


def _configuration(facts: Facts) -> str:
    lots = [f"{count} at {sums.money(minor, facts['currency'])}" for count, minor in facts["agent_lots"]]
    now = ", in force now" if facts["in_force"] else ""
    return f"{_package(facts)} ({', '.join(lots)}): {_sum(facts, 'list_minor')} net a term{now}"


_PAYERS = {"automatic": "", "saved_method": "by the saved method", "page": "on the payment page"}


def _charge(facts: Facts) -> str:
    amount = "not priced" if facts["amount_minor"] is None else _sum(facts)
    credit = facts["credit_used_minor"] and f"and {_sum(facts, 'credit_used_minor')} of credit"
    schedule = facts["suspends_on"] and facts["state"] in {"declined", "failed"}
    return _join(
        f"charge {facts['charge']}, {facts['for']}, term {facts['term_number']}: {amount}",
        credit,
        _PAYERS[facts["paid_by"]],
        facts["state"] != "succeeded" and f"now {facts['state']}",
        facts["state"] == "declined" and facts["next_try_on"] and f"next try {facts['next_try_on']}",
        schedule and f"schedule until {facts['suspends_on']}",
        facts["intent"],
        facts["vat"] and _vat(facts["vat"]),
    )


def _vat(frozen: Facts) -> str:
    """The decision, with its reasons; of a seller who charges none there is nothing to tell."""
    if frozen["treatment"] == "not_registered":
        return ""
    rate = percent_text(Fraction(frozen["rate"]))
    return f"VAT {rate} %, {frozen['treatment'].replace('_', ' ')}: {'; '.join(frozen['reasons'])}"


def _attempt(facts: Facts) -> str:
    why = _join(facts["decline_code"] or facts["code"], facts["advice_code"], between="; ")
    return _join(
        f"try {facts['number']} of charge {facts['charge']} with {_method(facts)}: {facts['state']}",
        why and f"({why})",
        facts["state"] != "succeeded" and facts["request_id"],
        between=" ",
    )


def _parked(facts: Facts) -> str:
    return f"charge {facts['charge']} parked: {_join(facts['reason'], facts['detail'], between=', ')}"


def _paid(facts: Facts) -> str:
    how = f"paid, {_sum(facts)}" if facts["amount_minor"] else "needs no payment"
    return f"charge {facts['charge']} {how}"


def _term(facts: Facts) -> str:
    days = f"term {facts['number']}, {facts['starts_on']} to {facts['ends_on']}"
    if facts["origin"] == "charge":
        return f"{days}, sold by charge {facts['charge']}"
    return f"{days}, given for nothing" if facts["origin"] == "gift" else f"{days}, brought by the import"


_CREDIT = {
    "import": "brought by the import",
    "used": "pays charge {charge}",
    "returned": "comes back from charge {charge}",
    "unused": "for the unused days that charge {charge} gives back",
    "applied": "pays charge {charge}",
    "refund": "by refund {refund}",
    "granted": "given",
    "forfeited": "given up, since the account was erased",
    "corrected": "by correction {correction}",
}


def _credit(facts: Facts) -> str:
    return f"credit {_sum(facts)}, {_CREDIT[facts['why']].format_map(facts)}"


def _goodwill(facts: Facts) -> str:
    return f"goodwill {_sum(facts)}, {_CREDIT[facts['why']].format_map(facts)}"


def _invoice(facts: Facts) -> str:
    return f"invoice {facts['number']} for charge {facts['charge']}: {_sum(facts, 'gross_minor')}"


def _credit_note(facts: Facts) -> str:
    return f"credit note {facts['number']} on the invoice of charge {facts['charge']}: {_sum(facts, 'gross_minor')}"


def _mail(facts: Facts) -> str:
    about, answer = facts["about"].replace("_", " "), facts["answer"]
    if facts["state"] == "sent":
        return f"mail {facts['mail']}, {about}, sent to {facts['recipient']}"
    return _join(f"mail {facts['mail']}, {about}, {facts['state']}", facts["recipient"], answer and f"({answer})")


def _notice(facts: Facts) -> str:
    return f"notice in the account: term {facts['term_number']} ends on {facts['ends_on']}"


def _notice_withdrawn(facts: Facts) -> str:
    return f"notice of term {facts['term_number']} taken down: {facts['because'].replace('_', ' ')}"


_REFUNDS = {
    "full": "in full",
    "part": "in part",
    "order": "of an order that could not be carried out",
    "duplicate": "of what was charged twice",
    "correction": "of what a corrected invoice says less",
}


def _refund(facts: Facts) -> str:
    outside = ", outside the rule" if facts["overridden"] else ""
    return f"refund {facts['refund']}, {_REFUNDS[facts['about']]}: {_sum(facts, 'total_minor')}{outside}"


def _reversal(facts: Facts) -> str:
    causes = {"correction": facts["correction"], "refund": facts["refund"], "charge": facts["cause_charge"]}
    cause = next(f"{what} {number}" for what, number in causes.items() if number is not None)
    sold = "what was sold before the import" if facts["charge"] is None else f"what charge {facts['charge']} sold"
    return f"{_sum(facts, 'gross_minor')} of {sold} taken back by {cause}"


def _correction(facts: Facts) -> str:
    return _join(
        f"correction {facts['correction']} of the invoice of charge {facts['charge']}: {_sum(facts, 'gross_minor')}",
        facts["to_credit_minor"] and f"{_sum(facts, 'to_credit_minor')} to credit",
        facts["to_refund_minor"] and f"{_sum(facts, 'to_refund_minor')} paid back",
        _vat(facts["vat"]),
    )


def _payout(facts: Facts) -> str:
    return _join(
        f"payout {facts['payout']} of refund {facts['refund']}: {_sum(facts)} of charge {facts['charge']}",
        f"now {facts['state']}",
        facts["parked"] and f"parked as {facts['parked']} ({facts['detail']})",
        f"uid {facts['uid']}",
        facts["provider_refund"],
    )


def _dispute(facts: Facts) -> str:
    released = "released" if facts["released_at"] else "not released"
    return (
        f"the bank takes {_sum(facts)} of charge {facts['charge']} back ({facts['reason']}), "
        f"{facts['dispute']}; now {facts['status']}, {released}"
    )


_SCHEDULED = {"interval": "the move to monthly", "prices": "the move to new prices"}


def _scheduled(facts: Facts) -> str:
    return (
        f"{_SCHEDULED[facts['what']]} scheduled for the first term from {facts['not_before']}, at the prices of "
        f"{facts['priced_on']}"
    )


def _decided(outcome: str) -> Callable[[Facts], str]:
    return lambda facts: _join(
        f"{_SCHEDULED[facts['what']]} {outcome}", facts["charge"] and f"charge {facts['charge']}", between=" by "
    )


_SENTENCES: Mapping[str, Callable[[Facts], str]] = {
    "account": _account,
    "billing_details": _details,
    "vat_check": _vat_check,
    "payment_method": _saved,
    "subscription": _subscription,
    "configuration": _configuration,
    "charge": _charge,
    "attempt": _attempt,
    "parked": _parked,
    "paid": _paid,
    "term": _term,
    "credit": _credit,
    "goodwill": _goodwill,
    "invoice": _invoice,
    "credit_note": _credit_note,
    "mail": _mail,
    "notice": _notice,
    "notice_withdrawn": _notice_withdrawn,
    "refund": _refund,
    "reversal": _reversal,
    "correction": _correction,
    "payout": _payout,
    "dispute": _dispute,
    "scheduled": _scheduled,
    "scheduled_applied": _decided("brought"),
    "scheduled_withdrawn": _decided("withdrawn"),
    "scheduled_void": _decided("void"),
    "audit": act_in_words,
}
