"""Our books held against the provider's own journal, sum by sum and count by count, by charge and by refund."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Row, text


@dataclass(frozen=True, slots=True)
class CurrencyBooks:
    """One currency on both sides: charges and minor units."""

    currency: str
    our_count: int
    our_minor: int
    their_count: int
    their_minor: int


@dataclass(frozen=True, slots=True)
class Books:
    """Both sides. `differences` are sentences, empty when the books are equal."""

    currencies: Sequence[CurrencyBooks]
    differences: Sequence[str]

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


_OURS = text("""
    SELECT c.provider_intent AS intent, c.amount_minor, c.currency, c.id FROM charges c
    WHERE c.state = 'succeeded' AND c.amount_minor > 0
""")

_CHARGED_TWICE = text("SELECT provider_intent FROM payouts WHERE provider_intent IS NOT NULL AND state = 'succeeded'")
"""Payments that went back because the books carry another one of the same."""

_OUR_REFUNDS = text("""
    SELECT p.id, p.provider_refund AS refund, p.amount_minor, p.currency FROM payouts p
    WHERE p.state IN ('pending', 'succeeded')
""")
_NO_REFUND = frozenset({"failed", "canceled"})
"""What the provider calls a refund by which no money went back."""

_INNER: Sequence[tuple[str, str]] = (
    (
        "a term was sold without exactly one succeeded charge",
        """SELECT count(*) FROM terms t LEFT JOIN charges c ON c.id = t.charge_id AND c.state = 'succeeded'
           WHERE t.origin = 'charge' AND c.id IS NULL""",
    ),
    (
        "a succeeded charge bought no term",
        """SELECT count(*) FROM charges c LEFT JOIN terms t ON t.charge_id = c.id
           WHERE c.state = 'succeeded' AND c.buys_term AND c.returned_at IS NULL AND t.id IS NULL""",
    ),
    (
        "a subscription's paid_until is not the end of its last term",
        """SELECT count(*) FROM subscriptions s
           WHERE s.paid_until <> (SELECT max(t.ends_on) FROM terms t WHERE t.subscription_id = s.id)""",
    ),
    (
        "a paid charge has not exactly one invoice of its sum",
        """SELECT count(*) FROM charges c
           WHERE c.state = 'succeeded' AND c.gross_minor > 0 AND c.carried_out_minor = 0
             AND c.returned_at IS NULL
             AND (SELECT count(*) FROM invoices i WHERE i.charge_id = c.id AND i.kind = 'invoice'
                  AND i.correction_id IS NULL AND i.gross_minor = c.gross_minor) <> 1""",
    ),
    (
        "a reversal of an invoice has not exactly one credit note of its sum",
        """SELECT count(*) FROM reversals r
           WHERE EXISTS (SELECT 1 FROM invoices i WHERE i.charge_id = r.charge_id AND i.kind = 'invoice')
             AND (SELECT count(*) FROM invoices n
                  WHERE n.reversal_id = r.id AND n.gross_minor = r.gross_minor) <> 1""",
    ),
    (
        "invoice numbers have gaps or repeats",
        """SELECT count(*) FROM (
             SELECT sequence - row_number() OVER (PARTITION BY series, year ORDER BY sequence) AS gap,
                    min(sequence) OVER (PARTITION BY series, year) - 1 AS start FROM invoices) n
           WHERE n.gap <> n.start""",
    ),
    (
        "an invoice was not rendered",
        """SELECT count(*) FROM invoices i
           WHERE NOT EXISTS (SELECT 1 FROM invoice_documents d WHERE d.invoice_id = i.id AND d.edition = 1)""",
    ),
    (
        "more of a charge goes back than was paid",
        """SELECT count(*) FROM charges c
           WHERE c.amount_minor < (SELECT sum(p.amount_minor) FROM payouts p
                                 WHERE p.charge_id = c.id AND p.provider_intent IS NULL)""",
    ),
    (
        "more of a charge was reversed than was sold",
        """SELECT count(*) FROM charges c
           WHERE c.gross_minor < (SELECT sum(r.gross_minor) FROM reversals r
                                  WHERE r.charge_id = c.id AND r.of_correction_id IS NULL)""",
    ),
    (
        "a refund is not the sum of its payouts",
        """SELECT count(*) FROM refunds f
           WHERE f.total_minor <> (SELECT coalesce(sum(p.amount_minor), 0) FROM payouts p WHERE p.refund_id = f.id)""",
    ),
    (
        "an account's credit is negative",
        """SELECT count(*) FROM (
             SELECT 1 FROM credit_entries GROUP BY account_id, currency HAVING sum(amount_minor) < 0) n""",
    ),
)


def compare(engine: Engine, journal: Sequence[dict[str, Any]], refunds: Sequence[dict[str, Any]] = ()) -> Books:
    """Hold the books against the journal of every charge that really happened, and of every refund."""
    with engine.begin() as connection:
        our_refunds = list(connection.execute(_OUR_REFUNDS))
        ours = {row.intent: (row.amount_minor, row.currency) for row in connection.execute(_OURS)}
        given_back = set(connection.execute(_CHARGED_TWICE).scalars())
        inner = [(said, connection.execute(text(query)).scalar_one()) for said, query in _INNER]
    theirs = Counter(entry["payment_intent"] for entry in journal)
    sums = {entry["payment_intent"]: (entry["amount"], str(entry["currency"]).upper()) for entry in journal}
    differences = [f"{said}: {count}" for said, count in inner if count]
    differences += [f"{intent} was charged {count} times" for intent, count in theirs.items() if count > 1]
    differences += [
        f"{intent} was charged and is not in our books" for intent in theirs.keys() - ours.keys() - given_back
    ]
    differences += [f"{intent} is in our books and was not charged" for intent in ours.keys() - theirs.keys()]
    differences += [
        f"{intent}: we say {ours[intent]}, the provider {sums[intent]}"
        for intent in ours.keys() & theirs.keys()
        if ours[intent] != sums[intent]
    ]
    differences += _refund_differences(our_refunds, refunds)
    return Books(
        _by_currency(list(ours.values()), [(e["amount"], e["currency"].upper()) for e in journal]), differences
    )


def _refund_differences(payouts: Sequence[Row[Any]], journal: Sequence[dict[str, Any]]) -> list[str]:
    """Every refund by which money went back has one payout of the same sum, and the other way round."""
    ours = {row.refund: (row.amount_minor, row.currency) for row in payouts}
    theirs = {each["refund"]: each for each in journal if each["status"] not in _NO_REFUND}
    marks = Counter(each["metadata"].get("payout") for each in theirs.values())
    differences = [f"payout {mark} was paid {count} times" for mark, count in marks.items() if mark and count > 1]
    differences += [f"{name} went back and is not in our books" for name in theirs.keys() - ours.keys()]
    differences += [f"{name} is in our books and did not go back" for name in ours.keys() - theirs.keys()]
    for name in ours.keys() & theirs.keys():
        said = (theirs[name]["amount"], str(theirs[name]["currency"]).upper())
        if said != ours[name]:
            differences.append(f"{name}: we say {ours[name]}, the provider {said}")
    return differences


def _by_currency(ours: Sequence[tuple[int, str]], theirs: Sequence[tuple[int, str]]) -> list[CurrencyBooks]:
    return [
        CurrencyBooks(
            currency,
            sum(1 for _, of in ours if of == currency),
            sum(minor for minor, of in ours if of == currency),
            sum(1 for _, of in theirs if of == currency),
            sum(minor for minor, of in theirs if of == currency),
        )
        for currency in sorted({of for _, of in (*ours, *theirs)})
    ]
