"""Customers: how one is found, and what a person who answers the phone looks at first.

A search asks indexes only: ids and numbers must be whole, names and addresses are found by how they begin.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

# Each part asks an index of its own and is bounded, so that one letter costs no more than a whole name.
# The bounds are said, where LIKE would leave them to the plan: one that is made for any value reads all names.
_BY_NAME = """
    UNION (SELECT b.account_id FROM billing_details b
           WHERE b.superseded_at IS NULL AND lower(b.company) ~>=~ lower(cast(:said AS text))
             AND lower(b.company) ~<~ (lower(cast(:said AS text)) || cast(:last AS text))
           ORDER BY lower(b.company) USING ~<~ LIMIT :most)
    UNION (SELECT b.account_id FROM billing_details b
           WHERE b.superseded_at IS NULL AND lower(b.email) ~>=~ lower(cast(:said AS text))
             AND lower(b.email) ~<~ (lower(cast(:said AS text)) || cast(:last AS text))
           ORDER BY lower(b.email) USING ~<~ LIMIT :most)
"""
_LAST = "\U0010ffff"
"""No character comes after it."""
_BY_ID = """
    SELECT id FROM accounts WHERE external_id = :said
    UNION SELECT id FROM accounts WHERE provider_customer = :said
    UNION SELECT account_id FROM invoices WHERE number IN (:said, upper(cast(:said AS text)))
    UNION SELECT account_id FROM charges WHERE provider_intent = :said
    UNION SELECT f.account_id FROM payouts p JOIN refunds f ON f.id = p.refund_id WHERE p.provider_refund = :said
    UNION SELECT account_id FROM disputes WHERE provider_dispute = :said
    UNION SELECT account_id FROM payment_methods WHERE provider_method = :said
"""
_ACCOUNTS = """
    JOIN accounts a ON a.id = found.id
    LEFT JOIN billing_details b ON b.account_id = a.id AND b.superseded_at IS NULL
    LEFT JOIN LATERAL (
        SELECT status, paid_until FROM subscriptions WHERE account_id = a.id
        ORDER BY (status IN ('active', 'past_due')) DESC, id DESC LIMIT 1
    ) s ON true
    ORDER BY (a.external_id = :said) DESC, a.external_id LIMIT :most
"""
_SHOWN = "SELECT a.id, a.external_id, a.currency, a.erased_at, b.company, b.email, b.country, s.status, s.paid_until"
_SEARCH = text(f"{_SHOWN} FROM ({_BY_ID}) found (id) {_ACCOUNTS}")
_SEARCH_NAMES = text(f"{_SHOWN} FROM ({_BY_ID} {_BY_NAME}) found (id) {_ACCOUNTS}")


def search(connection: Connection, said: str, *, by_name: bool, most: int) -> Sequence[Row[Any]]:
    """Accounts by a whole id or number, with `by_name` also by how a company or an e-mail begins; at most so many."""
    values = {"said": said, "most": most}
    if by_name:
        return connection.execute(_SEARCH_NAMES, {**values, "last": _LAST}).all()
    return connection.execute(_SEARCH, values).all()


_NAME = text("SELECT external_id FROM accounts WHERE id = :id")


def external_id(connection: Connection, account: int) -> str | None:
    """What the account of that number is called."""
    found: str | None = connection.execute(_NAME, {"id": account}).scalar_one_or_none()
    return found


_GOODWILL = text("""
    SELECT currency, sum(amount_minor)::bigint AS amount_minor FROM goodwill_entries WHERE account_id = :account
    GROUP BY currency HAVING sum(amount_minor) <> 0 ORDER BY currency
""")


def goodwill(connection: Connection, account: int) -> dict[str, int]:
    """The account's goodwill by currency, net, in minor units."""
    return {row.currency: row.amount_minor for row in connection.execute(_GOODWILL, {"account": account})}


_VAT = text("""
    SELECT outcome, told_on, consultation FROM vat_checks WHERE account_id = :account AND number = :number
    ORDER BY id DESC LIMIT 1
""")


def last_vat_check(connection: Connection, account: int, number: str) -> Row[Any] | None:
    """What VIES said last of a number of the account."""
    return connection.execute(_VAT, {"account": account, "number": number}).one_or_none()


_PAPERS = text("""
    SELECT i.number, i.kind, i.issued_on, i.paid_on, i.currency, i.gross_minor, i.charge_id,
           i.snapshot -> 'corrects' ->> 'number' AS corrects,
           EXISTS (SELECT 1 FROM invoice_documents d WHERE d.invoice_id = i.id) AS printed
    FROM invoices i WHERE i.account_id = :account ORDER BY i.id DESC LIMIT :most
""")


def papers(connection: Connection, account: int, *, most: int) -> Sequence[Row[Any]]:
    """Invoices and credit notes of an account, the newest first."""
    return connection.execute(_PAPERS, {"account": account, "most": most}).all()


_PAGES = text("""
    SELECT i.number, d.pdf, d.pdf_sha256 FROM invoices i JOIN invoice_documents d ON d.invoice_id = i.id
    WHERE i.account_id = :account AND i.number = :number ORDER BY d.edition DESC, d.template_version DESC LIMIT 1
""")


def newest_pages(connection: Connection, account: int, number: str) -> Row[Any] | None:
    """Where the newest edition of a document of that account lies; None when the account has no such document."""
    return connection.execute(_PAGES, {"account": account, "number": number}).one_or_none()


_FIRST = text("SELECT amount_minor, currency, paid_on FROM charges WHERE id = :charge")


def paid(connection: Connection, charge: int) -> Row[Any]:
    """What was paid by a charge, and when."""
    return connection.execute(_FIRST, {"charge": charge}).one()
