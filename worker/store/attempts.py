"""Attempts: ids of PaymentIntents, beginning a confirmation, reading back what is open."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from worker.store.claims import FREE, UNDISPUTED, USABLE

_TO_CREATE = text("""
    SELECT c.id, c.uid, c.amount_minor, c.subscription_id, c.currency, a.provider_customer, a.external_id,
           c.term_number, c.purpose, c.payer,
           (SELECT count(*) FROM charges o WHERE o.subscription_id = c.subscription_id
            AND o.term_number = c.term_number AND o.id <= c.id) AS ordinal
    FROM charges c JOIN accounts a ON a.id = c.account_id
    WHERE c.id = ANY(:ids) AND c.work_item_id = :item AND c.state IN ('priced', 'declined') AND c.amount_minor > 0
      AND c.parked_at IS NULL AND c.provider_intent IS NULL
    ORDER BY c.id
""")


def to_create(connection: Connection, ids: Sequence[int], *, item: int) -> Sequence[Row[Any]]:
    """Charges that still lack a PaymentIntent: just priced, or declined because the account had no customer there."""
    return connection.execute(_TO_CREATE, {"ids": list(ids), "item": item}).all()


_SET_INTENTS = text("""
    UPDATE charges c
    SET provider_intent = v.intent, state = CASE c.state WHEN 'priced' THEN 'created' ELSE c.state END,
        check_after = CASE c.payer WHEN 'page' THEN :look_at ELSE c.check_after END
    FROM unnest(cast(:ids AS bigint[]), cast(:intents AS text[])) AS v (id, intent)
    WHERE c.id = v.id AND c.state IN ('priced', 'declined') AND c.provider_intent IS NULL
""")


def set_intents(connection: Connection, pairs: Sequence[tuple[int, str]], *, look_at: datetime) -> None:
    """Commit the provider's ids before anything is confirmed; those that the page confirms are read from `look_at`."""
    if pairs:
        ids, intents = zip(*pairs, strict=True)
        connection.execute(_SET_INTENTS, {"ids": list(ids), "intents": list(intents), "look_at": look_at})


_UNWANTED = text("""
    UPDATE charges c SET state = 'cancelling'
    FROM subscriptions s
    WHERE c.id = ANY(:ids) AND c.work_item_id = :item AND c.state IN ('priced', 'created') AND c.purpose = 'renewal'
      AND c.parked_at IS NULL AND s.id = c.subscription_id AND NOT (s.auto_renew AND s.status IN ('active', 'past_due'))
    RETURNING c.id
""")

_WANTED = """
    (s.id = c.subscription_id
     AND (c.purpose <> 'renewal' OR s.auto_renew AND s.status IN ('active', 'past_due')))
"""
"""SQL: the subscription `s` of the charge `c`; a renewal is wanted while it is live and renewal is on."""

_METHODLESS = text(f"""
    SELECT c.id FROM charges c
    JOIN subscriptions s ON {_WANTED}
    WHERE c.id = ANY(:ids) AND c.work_item_id = :item AND c.amount_minor > 0 AND c.parked_at IS NULL
      AND c.payer <> 'page'
      AND (c.state IN ('priced', 'created') OR c.state = 'declined' AND c.next_try_on <= :today)
      AND (NOT EXISTS (SELECT 1 FROM payment_methods m WHERE {USABLE})
           OR NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = c.account_id AND a.provider_customer IS NOT NULL))
""")  # noqa: S608 - no value is put into the text

_BEGIN = text(f"""
    WITH wanted AS (
        SELECT c.id, c.payer, m.id AS method_id, m.provider_method, m.type
        FROM charges c
        JOIN subscriptions s ON {_WANTED}
        JOIN payment_methods m ON {USABLE}
        WHERE c.id = ANY(:ids) AND c.work_item_id = :item AND c.parked_at IS NULL AND c.provider_intent IS NOT NULL
          AND c.payer <> 'page'
          AND {UNDISPUTED.format(account="c.account_id")}
          AND (c.state = 'created'
               OR c.state = 'declined' AND c.purpose = 'renewal'
                  AND (c.next_try_on <= :today OR m.id IS DISTINCT FROM c.last_method_id))
        FOR UPDATE OF c FOR SHARE OF s
    ), begun AS (
        INSERT INTO attempts (charge_id, number, payment_method_id, request, sent_on, sent_at)
        SELECT w.id, 1 + coalesce((SELECT max(number) FROM attempts o WHERE o.charge_id = w.id), 0), w.method_id,
               jsonb_build_object('payment_method', w.provider_method,
                                  'allowed_payment_method_types', jsonb_build_array(w.type))
               || CASE w.payer WHEN 'automatic' THEN jsonb_build_object('off_session', true)
                               ELSE jsonb_build_object('return_url', cast(:return_url AS text)) END,
               :today, :now
        FROM wanted w
        ON CONFLICT DO NOTHING
        RETURNING id, uid, charge_id, payment_method_id, request
    )
    UPDATE charges c SET state = 'confirming', last_method_id = b.payment_method_id
    FROM begun b WHERE c.id = b.charge_id
    RETURNING c.id, b.id AS attempt_id, b.uid, b.request, c.provider_intent
""")  # noqa: S608 - no value is put into the text


def withdraw_unwanted(connection: Connection, ids: Sequence[int], *, item: int) -> list[int]:
    """Charges whose renewal was switched off before its confirmation began (R7): on their way to be cancelled."""
    return list(connection.execute(_UNWANTED, {"ids": list(ids), "item": item}).scalars())


def without_method(connection: Connection, ids: Sequence[int], *, item: int, today: date) -> list[int]:
    """Charges whose try is due and that nothing can be tried with (R8b: no usable method)."""
    return list(connection.execute(_METHODLESS, {"ids": list(ids), "item": item, "today": today}).scalars())


def begin(
    connection: Connection, ids: Sequence[int], *, item: int, today: date, now: datetime, return_url: str
) -> Sequence[Row[Any]]:
    """Write the attempts with their frozen parameters; a customer who is there comes back to `return_url`.

    The subscription's row is locked too: renewal that is switched off at this very moment is off before the
    confirmation begins, or is refused because it has begun (R7). A charge with an open attempt, or one that was
    tried today with this method, is left out by the unique keys.
    """
    values = {"ids": list(ids), "item": item, "today": today, "now": now, "return_url": return_url}
    return connection.execute(_BEGIN, values).all()


_OPEN = text("""
    SELECT c.id, t.id AS attempt_id, t.uid, t.request, t.sent_at, c.provider_intent, c.state, c.checks,
           t.state AS attempt_state
    FROM charges c LEFT JOIN attempts t ON t.charge_id = c.id AND t.state IN ('sent', 'unknown', 'processing')
    WHERE c.id = ANY(:ids) AND c.work_item_id = :item AND c.parked_at IS NULL
      AND c.state IN ('confirming', 'unknown', 'processing')
    ORDER BY c.id
""")


def open_attempts(connection: Connection, ids: Sequence[int], *, item: int) -> Sequence[Row[Any]]:
    """Charges whose last answer is missing, with the attempt as it was sent."""
    return connection.execute(_OPEN, {"ids": list(ids), "item": item}).all()


_TO_CANCEL = text("""
    SELECT c.id, c.provider_intent, c.checks FROM charges c
    WHERE c.id = ANY(:ids) AND c.work_item_id = :item AND c.parked_at IS NULL AND c.state = 'cancelling' ORDER BY c.id
""")


def to_cancel(connection: Connection, ids: Sequence[int], *, item: int) -> Sequence[Row[Any]]:
    """Charges on their way to be cancelled at the provider."""
    return connection.execute(_TO_CANCEL, {"ids": list(ids), "item": item}).all()


_TO_CHECK = text(f"""
    SELECT c.id FROM charges c
    WHERE c.parked_at IS NULL
      AND (c.state IN ('unknown', 'processing', 'cancelling', 'confirming')
               AND coalesce(c.check_after, '-infinity') <= :now
           OR (c.state = 'declined' OR c.state = 'created' AND c.purpose <> 'renewal') AND c.check_after <= :now)
      AND {FREE.format(alias="c")}
    ORDER BY c.check_after NULLS FIRST LIMIT :most FOR UPDATE OF c SKIP LOCKED
""")  # noqa: S608 - no value is put into the text


def to_check(connection: Connection, *, now: datetime, most: int) -> list[int]:
    """Charges whose truth must be read from the provider now; the quiet ones wait for the events."""
    return list(connection.execute(_TO_CHECK, {"now": now, "most": most}).scalars())


_ANY_OPEN = text("""
    SELECT min(business_date) FROM charges
    WHERE state IN ('confirming', 'processing', 'unknown', 'declined', 'cancelling', 'created')
      AND provider_intent IS NOT NULL AND parked_at IS NULL
""")


def open_since(connection: Connection) -> date | None:
    """The oldest business date of a charge of which the provider may still tell, None when all is quiet."""
    found: date | None = connection.execute(_ANY_OPEN).scalar_one()
    return found


_BY_INTENT = text(f"""
    SELECT c.id, c.provider_intent, c.state FROM charges c
    WHERE c.provider_intent = ANY(:intents) AND c.parked_at IS NULL
      AND (c.state IN ('processing', 'unknown', 'declined', 'cancelling')
           OR c.state = 'created' AND c.purpose <> 'renewal')
      AND (c.work_item_id = :item OR {FREE.format(alias="c")})
    FOR UPDATE OF c SKIP LOCKED
""")  # noqa: S608 - no value is put into the text

_OF_INTENTS = text("""
    SELECT c.id, c.provider_intent, c.state FROM charges c
    WHERE c.provider_intent = ANY(:intents) AND c.parked_at IS NULL
      AND (c.state IN ('processing', 'declined') OR c.state = 'created' AND c.payer = 'page')
    ORDER BY c.id
""")
_HEARD = text("""
    UPDATE charges SET check_after = :now
    WHERE provider_intent = :intent AND (state IN ('declined', 'processing') OR state = 'created' AND payer = 'page')
""")

_TAKE = text("UPDATE charges SET work_item_id = :item WHERE id = ANY(:ids)")


def take_by_intent(connection: Connection, intents: Sequence[str], *, item: int) -> Sequence[Row[Any]]:
    """Charges that events speak of and no other item holds, now held by this one."""
    rows = connection.execute(_BY_INTENT, {"intents": list(intents), "item": item}).all()
    connection.execute(_TAKE, {"ids": [row.id for row in rows], "item": item})
    return rows


def of_intents(connection: Connection, intents: Sequence[str]) -> Sequence[Row[Any]]:
    """Charges of these PaymentIntents that nobody would read by himself, or not soon, whoever holds them."""
    return connection.execute(_OF_INTENTS, {"intents": list(intents)}).all()


def keep_news(connection: Connection, intent: str, *, now: datetime) -> None:
    """Have the charge of a PaymentIntent read soon: events speak of it, and it could not be read or was not free.

    One that is read soon by itself stays as it is. One row at a time: who waits for it then holds no other.
    """
    connection.execute(_HEARD, {"intent": intent, "now": now})


_WAITING = text("""
    SELECT c.id, c.provider_intent, c.checks, c.purpose FROM charges c
    WHERE c.id = ANY(:ids) AND c.work_item_id = :item AND c.parked_at IS NULL
      AND (c.state = 'declined' OR c.state = 'created' AND c.purpose <> 'renewal') ORDER BY c.id
""")
_LOOK_AGAIN = text("""
    UPDATE charges c SET check_after = v.check_after, checks = v.checks
    FROM jsonb_to_recordset(:rows) AS v (id bigint, check_after timestamptz, checks integer)
    WHERE c.id = v.id AND c.state IN ('created', 'declined')
""").bindparams(bindparam("rows", type_=JSONB))


def waiting(connection: Connection, ids: Sequence[int], *, item: int) -> Sequence[Row[Any]]:
    """Orders and declined renewals that wait for their customer, with how often they were looked at."""
    return connection.execute(_WAITING, {"ids": list(ids), "item": item}).all()


def look_again(connection: Connection, rows: Sequence[dict[str, object]]) -> None:
    """Note when waiting charges are to be read the next time, None for those that events alone tell of."""
    if rows:
        connection.execute(_LOOK_AGAIN, {"rows": list(rows)})
