"""What a business knows, counted and without numbers of rows: two stores with the same facts differ in nothing told.

What may differ after a death is left out: runs, items, leases, the order of numbers, and how often something was read.
"""

from collections import Counter
from email import message_from_bytes, policy

from sqlalchemy import text

from tests.support.house import House

Facts = Counter[str]

_QUERIES = {
    "account": "SELECT external_id, currency, provider_customer IS NOT NULL FROM accounts",
    "subscription": """
        SELECT a.external_id, s.status, s.auto_renew, s.interval, s.anchor_on, s.paid_until, s.term_number
        FROM subscriptions s JOIN accounts a ON a.id = s.account_id""",
    "charge": """
        SELECT a.external_id, c.purpose, c.term_number, c.state, c.amount_minor, c.credit_used_minor, c.gross_minor,
               c.tries, c.next_try_on, c.parked_reason
        FROM charges c JOIN accounts a ON a.id = c.account_id""",
    "attempt": """
        SELECT a.external_id, t.state, c.state FROM attempts t JOIN charges c ON c.id = t.charge_id
        JOIN accounts a ON a.id = c.account_id WHERE t.state <> 'void'""",
    "term": """
        SELECT a.external_id, t.number, t.starts_on, t.ends_on, t.origin, t.paid_minor
        FROM terms t JOIN subscriptions s ON s.id = t.subscription_id JOIN accounts a ON a.id = s.account_id""",
    "paper": """
        SELECT a.external_id, i.kind, i.gross_minor,
               (SELECT count(*) FROM invoice_documents d WHERE d.invoice_id = i.id)
        FROM invoices i JOIN accounts a ON a.id = i.account_id""",
    "mail": "SELECT a.external_id, m.kind, m.state FROM mails m JOIN accounts a ON a.id = m.account_id",
    "credit": """
        SELECT a.external_id, e.currency, sum(e.amount_minor) FROM credit_entries e
        JOIN accounts a ON a.id = e.account_id GROUP BY 1, 2""",
    "goodwill": """
        SELECT a.external_id, e.currency, sum(e.amount_minor) FROM goodwill_entries e
        JOIN accounts a ON a.id = e.account_id GROUP BY 1, 2""",
    "refund": "SELECT a.external_id, r.kind, r.total_minor FROM refunds r JOIN accounts a ON a.id = r.account_id",
    "payout": "SELECT p.currency, p.amount_minor, p.state, p.parked_reason FROM payouts p",
    "reversal": "SELECT r.gross_minor, r.refund_id IS NULL FROM reversals r",
    "correction": "SELECT k.gross_minor, k.to_credit_minor, k.to_refund_minor FROM corrections k",
    "dispute": "SELECT d.status, d.amount_minor, d.released_at IS NULL FROM disputes d",
    "notice": """
        SELECT a.external_id, n.kind, n.withdrawn_at IS NULL FROM notices n
        JOIN subscriptions s ON s.id = n.subscription_id JOIN accounts a ON a.id = s.account_id""",
    "method": """
        SELECT a.external_id, m.type, m.brand, m.state FROM payment_methods m
        JOIN accounts a ON a.id = m.account_id""",
    "details": "SELECT a.external_id, b.version FROM billing_details b JOIN accounts a ON a.id = b.account_id",
    "note": "SELECT a.external_id, n.version FROM invoice_notes n JOIN accounts a ON a.id = n.account_id",
    "scheduled": """
        SELECT a.external_id, c.kind, c.state FROM scheduled_changes c
        JOIN subscriptions s ON s.id = c.subscription_id JOIN accounts a ON a.id = s.account_id""",
    "request": "SELECT a.external_id, d.act FROM desk_requests d JOIN accounts a ON a.id = d.account_id",
    "number": "SELECT v.number, v.state FROM vat_numbers v",
    "rate": "SELECT r.currency, r.published_on, r.rate FROM exchange_rates r",
    "carried": "SELECT c.amount_minor FROM carried_sums c",
    "price": "SELECT package, interval, currency, valid_from FROM catalogue_prices WHERE valid_from > '2020-01-01'",
}


def facts(house: House) -> Facts:
    """Everything that lasts, as lines with their counts."""
    found: Facts = Counter()
    with house.engine.begin() as connection:
        for noun, query in _QUERIES.items():
            for row in connection.execute(text(query)):
                found[f"{noun} {' '.join(map(str, row))}"] += 1
    return found


def letters(house: House) -> Counter[str]:
    """How often each mail arrived at the mail server, by its Message-ID."""
    read = (message_from_bytes(file.read_bytes(), policy=policy.default) for file in house.sink.files)
    return Counter(str(mail["Message-ID"]) for mail in read)


def differences(expected: Facts, found: Facts) -> list[str]:
    """What is missing, and what is there that should not be."""
    return [f"missing: {line} ({n})" for line, n in (expected - found).items()] + [
        f"too much: {line} ({n})" for line, n in (found - expected).items()
    ]
