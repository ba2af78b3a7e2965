"""What may be expected of a customer's life: words of a story on one side, the same words from the store on the other.

Money that moves, mails that arrive and refusals are compared at every line, told or not, with all that happened since
the story's line before: a story that leaves one of them out fails.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

NOTHING = "nothing"
ALWAYS = ("charged", "refunded", "refund failed", "mails", "refused")
"""Compared at every line; what is not told is expected not to have happened."""

_SUM = r"\d+\.\d\d"
_SUMS = rf"{_SUM}(?: \+ {_SUM})*"
_DAY = r"\d{4}-\d\d-\d\d"
_WORDS = r"[a-z_]+(?:, [a-z_]+)*"

_FORMS: Mapping[str, Callable[[str], dict[str, str]]] = {
    rf"paid ({_SUM})": lambda said: {"order": "paid", "charged": NOTHING if said == "0.00" else said},
    rf"charged ({_SUMS})": lambda said: {"charged": said},
    rf"refunded ({_SUMS})": lambda said: {"refunded": said},
    rf"refund failed ({_SUM})": lambda said: {"refund failed": said},
    rf"mails: ({_WORDS})": lambda said: {"mails": ", ".join(sorted(said.split(", ")))},
    r"refused ([a-z_]+)": lambda said: {"refused": said},
    r"order (waiting|declined|pending|cancelled)": lambda said: {"order": said},
    rf"((?:active|past due|suspended) until {_DAY}|free)": lambda said: {"status": said},
    r"agents (\d+)": lambda said: {"agents": said},
    r"package (free|standard|pro)": lambda said: {"package": said},
    r"paid by the (month|year)": lambda said: {"interval": said},
    r"conversations (\d+)": lambda said: {"conversations": said},
    rf"credit ({_SUM})": lambda said: {"credit": said},
    rf"goodwill ({_SUM})": lambda said: {"goodwill": said},
    r"renewal (on|off)": lambda said: {"renewal": said},
    rf"(notice until {_DAY}|no notice)": lambda said: {"notice": said},
    rf"invoices? ({_SUMS})": lambda said: {"invoices": said},
    r"invoiced to \"([^\"]+)\"": lambda said: {"buyer": said},
    rf"credit notes? ({_SUMS})": lambda said: {"credit notes": said},
    rf"next charge ({_SUM} on {_DAY}|none)": lambda said: {"next charge": said},
    r"declined as ([a-z_]+)": lambda said: {"declined": said},
    rf"stuck: ({_WORDS}|nothing)": lambda said: {"stuck": said},
}


def expectation(words: str) -> dict[str, str] | None:
    """What the words expect, by aspect; None when nobody knows them."""
    for form, read in _FORMS.items():
        if said := re.fullmatch(form, words):
            return read(said[1])
    return None


@dataclass
class Since:
    """What of an account was seen at its story's lines before; the rest is news."""

    charges: int = 0
    refunds: dict[str, str] = field(default_factory=dict)
    mail: int = 0
    paper: int = 0


@dataclass(frozen=True, slots=True)
class Journal:
    """The provider's own truth at a moment, by customer."""

    charges: Mapping[str, Sequence[dict[str, Any]]]
    refunds: Mapping[str, Sequence[dict[str, Any]]]


_ACCOUNT = text("""
    SELECT a.id, a.external_id, a.currency, a.provider_customer,
           coalesce((SELECT sum(amount_minor) FROM credit_entries c
                     WHERE c.account_id = a.id AND c.currency = a.currency), 0) AS credit_minor,
           coalesce((SELECT sum(amount_minor) FROM goodwill_entries WHERE account_id = a.id), 0) AS goodwill_minor,
           e.package, e.agents, e.conversations, e.status, e.valid_until, s.auto_renew, s.interval,
           (SELECT 'notice until ' || n.ends_on FROM notices n
            WHERE n.account_id = a.id AND n.withdrawn_at IS NULL) AS notice,
           (SELECT t.decline_code FROM attempts t JOIN charges c ON c.id = t.charge_id
            WHERE c.account_id = a.id ORDER BY t.id DESC LIMIT 1) AS declined
    FROM accounts a JOIN entitlements e ON e.account = a.external_id
    LEFT JOIN LATERAL (SELECT * FROM subscriptions WHERE account_id = a.id
                       ORDER BY (status IN ('active', 'past_due')) DESC, id DESC LIMIT 1) s ON true
    WHERE a.external_id = :name
""")
_MAILS = text("SELECT id, kind FROM mails WHERE account_id = :account AND state = 'sent' ORDER BY sent_at, id")
_PAPERS = text("""
    SELECT id, kind, abs(gross_minor) AS gross_minor, snapshot->'buyer'->>'name' AS buyer FROM invoices
    WHERE account_id = :account AND id > :after ORDER BY id
""")


def look(connection: Connection, name: str, since: Since, journal: Journal) -> dict[str, str]:
    """Every aspect of an account as it stands, in the words of stories; what was news is news no more."""
    row = connection.execute(_ACCOUNT, {"name": name}).one_or_none()
    if row is None:
        return {"charged": NOTHING, "refunded": NOTHING, "refund failed": NOTHING, "mails": NOTHING}
    mails = connection.execute(_MAILS, {"account": row.id}).all()
    papers = connection.execute(_PAPERS, {"account": row.id, "after": since.paper}).all()
    invoices = [paper for paper in papers if paper.kind == "invoice"]
    charges = journal.charges.get(row.provider_customer, ())
    status = "free" if row.status == "free" else f"{row.status.replace('_', ' ')} until {row.valid_until}"
    found = {
        "charged": _sums([_minor(each, row.currency) for each in charges[since.charges :]]),
        **_refunds(since, journal.refunds.get(row.provider_customer, ()), row.currency),
        "mails": ", ".join(sorted(mail.kind for mail in mails[since.mail :])) or NOTHING,
        "status": status,
        "agents": str(row.agents),
        "package": row.package,
        "interval": str(row.interval),
        "conversations": str(row.conversations),
        "credit": money(row.credit_minor),
        "goodwill": money(row.goodwill_minor),
        "renewal": "on" if row.auto_renew else "off",
        "notice": row.notice or "no notice",
        "invoices": _sums([each.gross_minor for each in invoices]),
        "buyer": ", ".join(each.buyer for each in invoices) or NOTHING,
        "credit notes": _sums([paper.gross_minor for paper in papers if paper.kind == "credit_note"]),
        "declined": str(row.declined or NOTHING),
    }
    since.charges, since.mail = len(charges), len(mails)
    since.paper = max([since.paper, *(paper.id for paper in papers)])
    return found


def _refunds(since: Since, refunds: Sequence[dict[str, Any]], currency: str) -> dict[str, str]:
    new, failed = [], []
    for each in refunds:
        before = since.refunds.get(each["refund"])
        if before is None and each["status"] != "failed":
            new.append(_minor(each, currency))
        if before != "failed" and each["status"] == "failed":
            failed.append(_minor(each, currency))
        since.refunds[each["refund"]] = each["status"]
    return {"refunded": _sums(new), "refund failed": _sums(failed)}


def _minor(entry: Mapping[str, Any], currency: str) -> int:
    assert str(entry["currency"]).upper() == currency, "a story pays in one currency"
    return int(entry["amount"])


def _sums(minor: Sequence[int]) -> str:
    return " + ".join(money(each) for each in sorted(minor)) or NOTHING


def money(minor: int) -> str:
    """Minor units as stories write them."""
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02}"
