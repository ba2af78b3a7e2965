"""Settling: outcomes of charges into terms, subscriptions, credit and notices, a set at a time."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

_ANSWER_ATTEMPTS = text("""
    UPDATE attempts t
    SET state = v.state, answered_at = :now, code = v.code, decline_code = v.decline_code,
        advice_code = v.advice_code, decline_kind = v.decline_kind, request_id = coalesce(v.request_id, t.request_id)
    FROM jsonb_to_recordset(:rows) AS v (
        charge_id bigint, state text, code text, decline_code text, advice_code text, decline_kind text,
        request_id text)
    WHERE t.charge_id = v.charge_id AND t.state IN ('sent', 'unknown', 'processing')
""").bindparams(bindparam("rows", type_=JSONB))


def answer_attempts(connection: Connection, rows: Sequence[dict[str, object]], *, now: datetime) -> None:
    """Write what the open attempts of these charges came to."""
    if rows:
        connection.execute(_ANSWER_ATTEMPTS, {"rows": list(rows), "now": now})


_AMOUNTS = text("SELECT id, amount_minor, currency FROM charges WHERE id = ANY(:ids)")


def amounts(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[int, str]]:
    """What we asked for: minor units and currency by charge."""
    rows = connection.execute(_AMOUNTS, {"ids": list(ids)})
    return {row.id: (row.amount_minor, row.currency) for row in rows}


_SUCCEED = text("""
    UPDATE charges SET state = 'succeeded', paid_at = :now, paid_on = :today, next_try_on = NULL, check_after = NULL,
                       tries = tries + CASE WHEN amount_minor > 0 THEN 1 ELSE 0 END
    WHERE id = ANY(:ids)
      AND (state IN ('priced', 'confirming', 'processing', 'unknown', 'declined', 'cancelling')
           OR state = 'created' AND purpose <> 'renewal')
    RETURNING id, account_id, subscription_id, term_number, business_date, purpose
""")

_ADD_TERMS = text("""
    INSERT INTO terms (subscription_id, number, starts_on, ends_on, configuration_id, paid_minor, currency, origin,
                       charge_id)
    SELECT c.subscription_id, c.term_number, c.starts_on, c.ends_on, c.configuration_id,
           c.amount_minor + c.credit_used_minor, c.currency, 'charge', c.id
    FROM charges c WHERE c.id = ANY(:ids)
""")

_RENEW_SUBSCRIPTIONS = text("""
    UPDATE subscriptions s SET status = 'active', term_number = c.term_number, paid_until = c.ends_on
    FROM charges c WHERE c.id = ANY(:ids) AND s.id = c.subscription_id
""")

_LAY_CONFIGURATIONS_BY = text("""
    UPDATE configurations f SET in_force = false, superseded_at = :now
    FROM charges c WHERE c.id = ANY(:ids) AND f.subscription_id = c.subscription_id
      AND f.in_force AND f.id <> c.configuration_id
""")

_PUT_CONFIGURATIONS_IN_FORCE = text("""
    UPDATE configurations f SET in_force = true, superseded_at = NULL
    FROM charges c WHERE c.id = ANY(:ids) AND f.id = c.configuration_id AND NOT f.in_force
""")

_FOLLOW_CONFIGURATIONS = text("""
    UPDATE subscriptions s
    SET interval = f.interval, anchor_on = coalesce(c.anchor_on, s.anchor_on),
        anchor_number = CASE WHEN c.anchor_on IS NULL THEN s.anchor_number ELSE c.term_number END
    FROM charges c JOIN configurations f ON f.id = c.configuration_id
    WHERE c.id = ANY(:ids) AND c.buys_term AND s.id = c.subscription_id
""")

# A renewal brings what was scheduled. An order that was paid in its place sells what the customer chose then, so a
# yearly one ends the plan to go monthly; new prices wait on.
_DECIDE_SCHEDULED = text("""
    UPDATE scheduled_changes h
    SET decided_at = :now, state = v.state, charge_id = CASE v.state WHEN 'applied' THEN v.charge_id END
    FROM (SELECT c.id AS charge_id, c.subscription_id, c.starts_on, c.purpose,
                 CASE WHEN c.purpose = 'renewal' OR f.interval = 'month' THEN 'applied' ELSE 'void' END AS state
          FROM charges c JOIN configurations f ON f.id = c.configuration_id
          WHERE c.id = ANY(:ids) AND c.buys_term) v
    WHERE h.subscription_id = v.subscription_id AND h.state = 'waiting' AND h.not_before <= v.starts_on
      AND (v.purpose = 'renewal' OR h.kind = 'interval')
""")


def bring_configurations(connection: Connection, charge_ids: Sequence[int], *, now: datetime) -> None:
    """Put in force what succeeded charges sell: one configuration per subscription, the former one superseded.

    Where a charge buys a term, the subscription's interval and anchor follow it, and what support scheduled for that
    term is applied (R3b, R13). Charges that sell what is in force already change nothing.
    """
    sold = {"ids": list(charge_ids), "now": now}
    connection.execute(_LAY_CONFIGURATIONS_BY, sold)
    connection.execute(_PUT_CONFIGURATIONS_IN_FORCE, {"ids": sold["ids"]})
    connection.execute(_FOLLOW_CONFIGURATIONS, {"ids": sold["ids"]})
    connection.execute(_DECIDE_SCHEDULED, sold)


_CARRY = text("""
    INSERT INTO carried_sums (account_id, currency, amount_minor, from_charge_id)
    SELECT account_id, currency, carried_out_minor, id FROM charges WHERE id = ANY(:ids) AND carried_out_minor > 0
""")

_END_NOTICES = text("""
    UPDATE notices n SET withdrawn_at = :now, withdrawn_because = :because
    WHERE n.subscription_id = ANY(:subscriptions) AND n.withdrawn_at IS NULL
""")

_USELESS_MAILS = text("""
    UPDATE mails SET state = 'withdrawn', last_answer = :because
    WHERE subscription_id = ANY(:subscriptions) AND state = 'waiting'
      AND kind IN ('term_ending', 'card_expiring', 'payment_declined', 'payment_method_refused',
                   'authentication_needed')
""")


def succeed(connection: Connection, ids: Sequence[int], *, now: datetime, today: date) -> Sequence[Row[Any]]:
    """Money has arrived, or credit covered it. Returns the settled, with their purpose."""
    return connection.execute(_SUCCEED, {"ids": list(ids), "now": now, "today": today}).all()


def begin_terms(connection: Connection, ids: Sequence[int], subscriptions: Sequence[int], *, now: datetime) -> None:
    """The terms of paid charges begin where they were frozen; the subscriptions follow them."""
    settled = {"ids": list(ids)}
    connection.execute(_ADD_TERMS, settled)
    connection.execute(_RENEW_SUBSCRIPTIONS, settled)
    bring_configurations(connection, settled["ids"], now=now)
    connection.execute(_CARRY, settled)
    end_notices(connection, subscriptions, because="paid", now=now)
    withdraw_mails(connection, subscriptions, because="the charge succeeded first")


def carry(connection: Connection, ids: Sequence[int]) -> None:
    """What these paid charges carried waits for the account's next one (R7b)."""
    connection.execute(_CARRY, {"ids": list(ids)})


def withdraw_mails(connection: Connection, subscriptions: Sequence[int], *, because: str) -> None:
    """Take back unsent mails that ask for what is no longer asked for, such as a payment that was made or given up."""
    connection.execute(_USELESS_MAILS, {"subscriptions": list(subscriptions), "because": because})


def end_notices(connection: Connection, subscriptions: Sequence[int], *, because: str, now: datetime) -> None:
    """Take the notices of these subscriptions out of the accounts (R9b)."""
    connection.execute(_END_NOTICES, {"subscriptions": list(subscriptions), "because": because, "now": now})


_TO_DECLINE = text("""
    SELECT c.id, c.uid, c.account_id, c.subscription_id, c.first_declined_on, c.suspends_on, c.amount_minor,
           c.currency, c.state, c.purpose, f.package, b.company, m.brand, m.last4, m.type AS method_type,
           (SELECT count(*) FROM attempts t WHERE t.charge_id = c.id) AS attempts
    FROM charges c
    JOIN configurations f ON f.id = c.configuration_id
    JOIN billing_details b ON b.account_id = c.account_id AND b.superseded_at IS NULL
    LEFT JOIN payment_methods m ON m.account_id = c.account_id AND m.state = 'in_use'
    WHERE c.id = ANY(:ids) AND c.state IN ('priced', 'created', 'confirming', 'unknown', 'processing', 'declined')
    ORDER BY c.id FOR UPDATE OF c
""")

_DECLINE = text("""
    UPDATE charges c
    SET state = 'declined', tries = tries + CASE WHEN v.counts THEN 1 ELSE 0 END, decline_kind = v.kind,
        decline_code = v.code, first_declined_on = v.first_declined_on, next_try_on = v.next_try_on,
        suspends_on = v.suspends_on, check_after = v.check_after, checks = 0
    FROM jsonb_to_recordset(:rows) AS v (
        id bigint, counts boolean, kind text, code text, first_declined_on date, next_try_on date, suspends_on date,
        check_after timestamptz)
    WHERE c.id = v.id
""").bindparams(bindparam("rows", type_=JSONB))

_PAST_DUE = text("""
    UPDATE subscriptions s SET status = 'past_due'
    FROM charges c WHERE c.id = ANY(:ids) AND c.purpose = 'renewal' AND s.id = c.subscription_id
      AND s.status = 'active'
""")


def to_decline(connection: Connection, ids: Sequence[int]) -> Sequence[Row[Any]]:
    """Lock charges that got a definite no, with what the mail to the customer says."""
    return connection.execute(_TO_DECLINE, {"ids": list(ids)}).all()


def decline(connection: Connection, rows: Sequence[dict[str, object]]) -> None:
    """A definite no: the schedule goes on, the service too; the subscription of a renewal is past due (R8b)."""
    if rows:
        connection.execute(_DECLINE, {"rows": list(rows)})
        connection.execute(_PAST_DUE, {"ids": [row["id"] for row in rows]})


_MOVE = text("""
    UPDATE charges c SET state = v.state, check_after = v.check_after, checks = v.checks
    FROM jsonb_to_recordset(:rows) AS v (id bigint, state text, check_after timestamptz, checks integer)
    WHERE c.id = v.id AND (c.state IN ('confirming', 'unknown', 'processing', 'declined', 'cancelling')
                           OR c.state = 'created' AND c.purpose <> 'renewal')
""").bindparams(bindparam("rows", type_=JSONB))


def wait(connection: Connection, rows: Sequence[dict[str, object]]) -> None:
    """Neither yes nor no: processing, unknown or still to be cancelled, to be looked at again at a time."""
    if rows:
        connection.execute(_MOVE, {"rows": list(rows)})


_STEP_BACK = text("""
    UPDATE charges c
    SET state = CASE WHEN purpose <> 'renewal' OR first_declined_on IS NULL THEN 'created' ELSE 'declined' END,
        check_after = NULL,
        last_method_id = (SELECT t.payment_method_id FROM attempts t WHERE t.charge_id = c.id AND t.state <> 'void'
                          ORDER BY t.number DESC LIMIT 1)
    WHERE id = ANY(:ids) AND state = 'confirming'
""")


def step_back(connection: Connection, ids: Sequence[int]) -> None:
    """The confirmation was certainly not executed: the charge stands where it stood before it.

    Its attempts are answered already: the method of a void one counts as not tried, so a new method stays due.
    """
    if ids:
        connection.execute(_STEP_BACK, {"ids": list(ids)})


_CANCELLED = text("""
    UPDATE charges c
    SET state = CASE WHEN NOT :replaced AND s.auto_renew AND c.first_declined_on IS NOT NULL AND c.suspends_on <= :today
                     THEN 'failed' ELSE 'cancelled' END,
        next_try_on = NULL, check_after = NULL
    FROM subscriptions s
    WHERE c.id = ANY(:ids) AND s.id = c.subscription_id
      AND (c.state IN ('cancelling', 'confirming', 'unknown', 'processing', 'declined')
           OR c.state = 'created' AND c.purpose <> 'renewal')
    RETURNING c.id, c.subscription_id, c.state, c.purpose, s.auto_renew
""")

_END_PENDING = text("""
    UPDATE subscriptions s SET status = 'ended'
    FROM charges c WHERE c.id = ANY(:ids) AND s.id = c.subscription_id AND s.status = 'pending'
""")

_RETURN_CREDIT = text("""
    INSERT INTO credit_entries (account_id, currency, amount_minor, kind, charge_id)
    SELECT account_id, currency, -amount_minor, 'returned', charge_id FROM credit_entries
    WHERE charge_id = ANY(:ids) AND kind = 'used'
    ON CONFLICT DO NOTHING
""")

_RETURN_GOODWILL = text("""
    INSERT INTO goodwill_entries (account_id, currency, amount_minor, kind, charge_id)
    SELECT account_id, currency, -amount_minor, 'returned', charge_id FROM goodwill_entries
    WHERE charge_id = ANY(:ids) AND kind = 'used'
    ON CONFLICT DO NOTHING
""")

_RETURN_CARRIED = text("UPDATE carried_sums SET into_charge_id = NULL WHERE into_charge_id = ANY(:ids)")


def cancelled(connection: Connection, ids: Sequence[int], *, today: date, replaced: bool) -> Sequence[Row[Any]]:
    """The PaymentIntent is cancelled for certain: failed when the schedule had run out, cancelled otherwise.

    One that an order replaces has not failed, on whichever day: the order goes on in its schedule (R12d).

    Credit, goodwill and carried sums that the charge had taken go back.
    """
    rows = connection.execute(_CANCELLED, {"ids": list(ids), "today": today, "replaced": replaced}).all()
    return_taken(connection, [row.id for row in rows])
    return rows


def return_taken(connection: Connection, ids: Sequence[int]) -> None:
    """Charges came to nothing: what they had taken of credit, goodwill and carried sums goes back.

    What only they ordered ends.
    """
    given_up = {"ids": list(ids)}
    connection.execute(_RETURN_CREDIT, given_up)
    connection.execute(_RETURN_CARRIED, given_up)
    connection.execute(_RETURN_GOODWILL, given_up)
    connection.execute(_END_PENDING, given_up)
