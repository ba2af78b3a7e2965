"""The mail outbox: one row per reason, chosen in batches, each acceptance written at once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from worker.store.claims import FREE


@dataclass(frozen=True, slots=True)
class NewMail:
    """A mail to be: kind, the reason that makes it unique for the account, and what its text needs.

    `useless_on` is the day from which it would mislead and is withdrawn instead of sent.
    """

    account_id: int
    kind: str
    subject_key: str
    data: dict[str, object] = field(default_factory=dict)
    subscription_id: int | None = None
    invoice_id: int | None = None
    useless_on: date | None = None


_INSERT = text("""
    INSERT INTO mails (account_id, kind, subject_key, subscription_id, invoice_id, data, useless_on)
    SELECT v.account_id, v.kind, v.subject_key, v.subscription_id, v.invoice_id, v.data, v.useless_on
    FROM ROWS FROM (jsonb_to_recordset(:rows) AS (account_id bigint, kind text, subject_key text,
                        subscription_id bigint, invoice_id bigint, data jsonb, useless_on date)
         ) WITH ORDINALITY AS v (account_id, kind, subject_key, subscription_id, invoice_id, data, useless_on, place)
    WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = v.account_id AND a.erased_at IS NOT NULL)
    ORDER BY v.place
    ON CONFLICT (account_id, kind, subject_key) DO NOTHING
    RETURNING id
""").bindparams(bindparam("rows", type_=JSONB))


def insert_mails(connection: Connection, mails: Sequence[NewMail]) -> list[int]:
    """Queue mails; a reason that was mailed before adds nothing, nor does an erased account. Returns the new ones."""
    if not mails:
        return []
    rows = [
        {**asdict(mail), "useless_on": None if mail.useless_on is None else mail.useless_on.isoformat()}
        for mail in mails
    ]
    return list(connection.execute(_INSERT, {"rows": rows}).scalars())


RESENT = "resent"
"""How the reasons of mails begin that support sends once more; each is one more mail with the same document."""

_FIRST_OF_DOCUMENT = text("""
    SELECT m.kind, m.data, m.state, m.subscription_id, m.invoice_id, b.email
    FROM invoices i JOIN mails m ON m.invoice_id = i.id
    JOIN billing_details b ON b.account_id = i.account_id AND b.superseded_at IS NULL
    WHERE i.account_id = :account AND i.number = :number ORDER BY m.id LIMIT 1
""")


def first_of_document(connection: Connection, account: int, number: str) -> Row[Any] | None:
    """The first mail that brings a document of the account, with the address that stands there now."""
    return connection.execute(_FIRST_OF_DOCUMENT, {"account": account, "number": number}).one_or_none()


_WAITING = text(f"""
    SELECT m.id FROM mails m
    WHERE m.state = 'waiting' AND m.not_before <= :now
      AND (cast(:only AS bigint) IS NULL OR m.subscription_id = :only)
      AND {FREE.format(alias="m")}
    ORDER BY m.not_before, m.id LIMIT :most FOR UPDATE OF m SKIP LOCKED
""")  # noqa: S608 - no value is put into the text


def waiting_mails(connection: Connection, *, now: datetime, only: int | None, most: int) -> list[int]:
    """Mails that are due and held by no living item, oldest first."""
    return list(connection.execute(_WAITING, {"now": now, "only": only, "most": most}).scalars())


_TO_SEND = text("""
    SELECT m.id, m.account_id, m.kind, m.subject_key, m.data, m.useless_on, m.attempts, m.created_at,
           a.locale, b.email, b.company, i.number AS invoice_number, d.pdf, d.pdf_sha256
    FROM mails m
    JOIN accounts a ON a.id = m.account_id
    JOIN billing_details b ON b.account_id = a.id AND b.superseded_at IS NULL
    LEFT JOIN invoices i ON i.id = m.invoice_id
    LEFT JOIN LATERAL (
        SELECT pdf, pdf_sha256 FROM invoice_documents WHERE invoice_id = i.id
        ORDER BY edition DESC, template_version DESC LIMIT 1
    ) d ON true
    WHERE m.id = ANY(:ids) AND m.state = 'waiting' AND m.not_before <= :now
      AND (m.work_item_id = :item OR m.work_item_id IS NULL)
    ORDER BY m.id
""")


def to_send(connection: Connection, ids: Sequence[int], *, item: int, now: datetime) -> Sequence[Row[Any]]:
    """The mails of an item with address and language of this moment (R16); those deferred meanwhile wait."""
    return connection.execute(_TO_SEND, {"ids": list(ids), "item": item, "now": now}).all()


_SENT = text("""
    UPDATE mails SET state = 'sent', sent_at = :now, recipient = :recipient, last_answer = :answer,
                     attempts = attempts + 1
    WHERE id = :mail AND state = 'waiting'
""")
_DEFERRED = text("""
    UPDATE mails SET attempts = attempts + 1, last_answer = :answer, recipient = :recipient, work_item_id = NULL,
                     not_before = cast(:not_before AS timestamptz),
                     state = CASE WHEN attempts + 1 >= :attempts_max THEN 'failed' ELSE 'waiting' END
    WHERE id = :mail AND state = 'waiting'
""")
_FAILED = text("""
    UPDATE mails SET state = 'failed', attempts = attempts + 1, last_answer = :answer, recipient = :recipient
    WHERE id = :mail AND state = 'waiting'
""")
_WITHDRAW = text("""
    UPDATE mails SET state = 'withdrawn', last_answer = :answer WHERE id = ANY(:ids) AND state = 'waiting'
""")


def mark_sent(connection: Connection, mail: int, *, recipient: str, answer: str, now: datetime) -> None:
    """The mail server has taken it."""
    connection.execute(_SENT, {"mail": mail, "recipient": recipient, "answer": answer, "now": now})


def mark_deferred(
    connection: Connection, mail: int, *, recipient: str, answer: str, not_before: datetime, attempts_max: int
) -> None:
    """The mail server asks to try later; after too many times the mail has failed, visibly."""
    values = {
        "mail": mail,
        "recipient": recipient,
        "answer": answer,
        "not_before": not_before,
        "attempts_max": attempts_max,
    }
    connection.execute(_DEFERRED, values)


def mark_failed(connection: Connection, mail: int, *, recipient: str, answer: str) -> None:
    """The address was refused for good."""
    connection.execute(_FAILED, {"mail": mail, "recipient": recipient, "answer": answer})


def withdraw(connection: Connection, ids: Sequence[int], *, because: str) -> None:
    """Mails that would mislead by now."""
    connection.execute(_WITHDRAW, {"ids": list(ids), "answer": because})


_REQUEUE = text("""
    UPDATE mails SET state = 'waiting', attempts = 0, not_before = :now, work_item_id = NULL
    WHERE id = ANY(:ids) AND state = 'failed' RETURNING id
""")


def requeue_mails(connection: Connection, ids: Sequence[int], *, now: datetime) -> list[int]:
    """Give failed mails another life; returns those that had failed."""
    return list(connection.execute(_REQUEUE, {"ids": list(ids), "now": now}).scalars())
