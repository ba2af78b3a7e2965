"""Payouts: refunds of single charges at the provider, from planned to paid out, a set at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from worker.billing.states import PAYOUT_TRANSITIONS, PayoutState
from worker.store.claims import FREE, UNDISPUTED

_DUE = text(f"""
    SELECT p.id FROM payouts p JOIN refunds r ON r.id = p.refund_id
    WHERE p.parked_at IS NULL AND (cast(:only AS bigint) IS NULL OR r.subscription_id = :only)
      AND (p.state = 'planned' AND {UNDISPUTED.format(account="r.account_id")}
           OR p.state IN ('sent', 'unknown', 'pending') AND coalesce(p.check_after, '-infinity') <= :now)
      AND {FREE.format(alias="p")}
    ORDER BY p.id LIMIT :most FOR UPDATE OF p SKIP LOCKED
""")  # noqa: S608 - no value is put into the text


def due(connection: Connection, *, now: datetime, only: int | None, most: int) -> list[int]:
    """Payouts to send, and those whose truth must be looked up now, held by nobody.

    Those of an account in dispute wait: the bank may be giving the same money back (R14c).
    """
    return list(connection.execute(_DUE, {"now": now, "only": only, "most": most}).scalars())


_ANY_OPEN = text("""
    SELECT 1 FROM payouts WHERE state IN ('sent', 'unknown', 'pending') AND parked_at IS NULL LIMIT 1
""")


def any_open(connection: Connection) -> bool:
    """Whether the provider may still tell of a payout."""
    return connection.execute(_ANY_OPEN).first() is not None


_READ = """
    SELECT p.id, p.uid, p.state, p.provider_refund, p.currency, p.amount_minor, p.sent_at, p.checks,
           coalesce(p.provider_intent, c.provider_intent) AS provider_intent
    FROM payouts p JOIN charges c ON c.id = p.charge_id
"""

_HELD = text(f"""
    {_READ} WHERE p.id = ANY(:ids) AND p.work_item_id = :item AND p.parked_at IS NULL
      AND p.state IN ('planned', 'sent', 'unknown', 'pending')
    ORDER BY p.id
""")


def held(connection: Connection, ids: Sequence[int], *, item: int) -> Sequence[Row[Any]]:
    """Those of the payouts that this item still holds and that are not at their end."""
    return connection.execute(_HELD, {"ids": list(ids), "item": item}).all()


_BEGIN = text(f"""
    WITH begun AS (
        UPDATE payouts p SET state = 'sent', sent_at = :now, check_after = NULL, checks = 0, code = NULL
        FROM refunds r
        WHERE p.id = ANY(:ids) AND p.work_item_id = :item AND p.state = 'planned' AND p.parked_at IS NULL
          AND r.id = p.refund_id AND {UNDISPUTED.format(account="r.account_id")}
        RETURNING p.*
    )
    SELECT p.id, p.uid, p.state, p.provider_refund, p.currency, p.amount_minor, p.sent_at, p.checks,
           coalesce(p.provider_intent, c.provider_intent) AS provider_intent
    FROM begun p JOIN charges c ON c.id = p.charge_id ORDER BY p.id
""")  # noqa: S608 - no value is put into the text


def begin(connection: Connection, ids: Sequence[int], *, item: int, now: datetime) -> Sequence[Row[Any]]:
    """Write that these planned payouts are sent, before they are; what is sent is never planned again by itself."""
    return connection.execute(_BEGIN, {"ids": list(ids), "item": item, "now": now}).all()


_SETTLE = {
    after: text(f"""
        UPDATE payouts p
        SET state = '{after.value}', provider_refund = coalesce(v.refund, p.provider_refund), code = v.code,
            check_after = v.check_after, checks = v.checks,
            paid_at = CASE WHEN '{after.value}' = 'succeeded' THEN :now END,
            parked_at = CASE WHEN v.parked_reason IS NOT NULL THEN :now END,
            parked_reason = v.parked_reason, parked_detail = v.parked_detail
        FROM jsonb_to_recordset(:rows) AS v (
            id bigint, refund text, code text, check_after timestamptz, checks integer, parked_reason text,
            parked_detail text)
        WHERE p.id = v.id AND p.parked_at IS NULL AND p.state = ANY(:before)
    """).bindparams(bindparam("rows", type_=JSONB))  # noqa: S608 - the state comes from a closed enum
    for after in PayoutState
}


def settle(connection: Connection, after: PayoutState, rows: Sequence[dict[str, object]], *, now: datetime) -> None:
    """Move payouts to a state, from those that its table allows; what has moved on meanwhile stays."""
    if rows:
        before = [state.value for state, following in PAYOUT_TRANSITIONS.items() if after in following]
        connection.execute(_SETTLE[after], {"rows": list(rows), "now": now, "before": before})


_OF_REFUNDS = text(
    f"{_READ} WHERE p.provider_refund = ANY(:names) AND p.state IN ('pending', 'succeeded') ORDER BY p.id"
)


def of_refunds(connection: Connection, names: Sequence[str]) -> Sequence[Row[Any]]:
    """The payouts whose refund at the provider may still change, by its id there."""
    return connection.execute(_OF_REFUNDS, {"names": list(names)}).all()


_REVIVE = text("""
    WITH parked AS (
        SELECT id, uid, state, provider_refund FROM payouts WHERE id = ANY(:ids) AND parked_at IS NOT NULL FOR UPDATE
    )
    UPDATE payouts p
    SET parked_at = NULL, parked_reason = NULL, parked_detail = NULL, check_after = NULL, checks = 0,
        state = CASE p.state WHEN 'failed' THEN 'planned' ELSE p.state END,
        uid = CASE p.state WHEN 'failed' THEN gen_random_uuid() ELSE p.uid END,
        provider_refund = CASE p.state WHEN 'failed' THEN NULL ELSE p.provider_refund END
    FROM parked WHERE p.id = parked.id
    RETURNING p.id, parked.uid AS former_uid, p.uid, parked.state AS former_state, parked.provider_refund
""")


def revive(connection: Connection, ids: Sequence[int]) -> Sequence[Row[Any]]:
    """Let parked payouts go on. A failed one is paid again under a new name, which is its key at the provider.

    One that has no answer keeps its name and is only looked up again. Returns them with their former names.
    """
    return connection.execute(_REVIVE, {"ids": list(ids)}).all()


_STUCK = text("""
    SELECT p.id, a.external_id, r.subscription_id, p.charge_id, p.state, p.currency, p.amount_minor, p.provider_refund,
           p.parked_at, p.parked_reason, p.parked_detail, p.checks,
           coalesce(p.parked_at, p.sent_at, p.created_at) AS since,
           extract(epoch FROM cast(:now AS timestamptz) - coalesce(p.parked_at, p.sent_at, p.created_at)) AS age_s
    FROM payouts p JOIN refunds r ON r.id = p.refund_id JOIN accounts a ON a.id = r.account_id
    WHERE p.parked_at IS NOT NULL OR p.state = 'unknown'
    ORDER BY since, p.id LIMIT :most
""")


def stuck(connection: Connection, *, now: datetime, most: int) -> Sequence[Row[Any]]:
    """Parked payouts, and those whose answer is missing, oldest first; ages in seconds."""
    return connection.execute(_STUCK, {"now": now, "most": most}).all()
