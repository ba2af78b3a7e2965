"""Charges: planning, claiming, freezing prices. Every statement works on a set; one is a batch of one."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from worker.billing.holdings import Holdings
from worker.store import configurations
from worker.store.claims import FREE, UNDISPUTED, USABLE
from worker.store.configurations import PURSE, SCHEDULED
from worker.store.vat_numbers import EVIDENCE, EVIDENCE_JOIN

_PLAN_RENEWALS = text(f"""
    INSERT INTO charges (account_id, subscription_id, purpose, term_number, business_date, first_declined_on,
                         suspends_on)
    SELECT s.account_id, s.id, 'renewal', s.term_number + 1, :date, before.first_declined_on, before.suspends_on
    FROM subscriptions s
    LEFT JOIN LATERAL (
        SELECT o.first_declined_on, o.suspends_on FROM charges o
        WHERE o.subscription_id = s.id AND o.term_number = s.term_number + 1 AND o.buys_term
          AND o.state = 'cancelled' AND o.first_declined_on IS NOT NULL
        ORDER BY o.id DESC LIMIT 1
    ) before ON true
    WHERE s.status IN ('active', 'past_due') AND s.auto_renew AND s.paid_until <= :date
      AND (cast(:only AS bigint) IS NULL OR s.id = :only) AND {UNDISPUTED.format(account="s.account_id")}
    ON CONFLICT DO NOTHING
""")  # noqa: S608 - no value is put into the text


def plan_renewals(connection: Connection, *, business_date: date, only: int | None) -> int:
    """Write the key of every renewal due on that date, and nothing else (R8b); returns how many are new.

    One that an unpaid order had replaced goes on in the schedule of its first decline: ordering buys no time (R12d).
    """
    return connection.execute(_PLAN_RENEWALS, {"date": business_date, "only": only}).rowcount


_PLAN_ANEW = text(f"""
    INSERT INTO charges (account_id, subscription_id, purpose, term_number, business_date)
    SELECT s.account_id, s.id, 'renewal', c.term_number, :today
    FROM charges c JOIN subscriptions s ON s.id = c.subscription_id AND s.term_number + 1 = c.term_number
    WHERE c.id = ANY(:ids) AND c.purpose = 'renewal' AND c.state = 'cancelled' AND c.first_declined_on IS NULL
      AND s.status IN ('active', 'past_due') AND s.auto_renew AND s.paid_until <= :today
      AND NOT EXISTS (SELECT 1 FROM attempts t WHERE t.charge_id = c.id AND t.sent_on >= :today)
      AND {UNDISPUTED.format(account="s.account_id")}
    ORDER BY c.id
    ON CONFLICT DO NOTHING
    RETURNING id
""")  # noqa: S608 - no value is put into the text


def plan_anew(connection: Connection, ids: Sequence[int], *, today: date) -> list[int]:
    """Write the key once more of renewals that were given up without any answer; returns the new charges.

    One that was sent today waits for the morning, since the bank may have been asked: one try per real day (R8b).
    """
    return list(connection.execute(_PLAN_ANEW, {"ids": list(ids), "today": today}).scalars())


_DUE = text(f"""
    SELECT c.id FROM charges c JOIN subscriptions s ON s.id = c.subscription_id
    WHERE c.purpose = 'renewal' AND c.parked_at IS NULL
      AND (cast(:only AS bigint) IS NULL OR c.subscription_id = :only)
      AND (c.state IN ('planned', 'priced', 'created', 'confirming') AND c.business_date <= :date
           OR c.state = 'declined' AND s.auto_renew AND (
               c.next_try_on <= :today
               OR EXISTS (SELECT 1 FROM payment_methods m WHERE {USABLE} AND m.id IS DISTINCT FROM c.last_method_id)))
      AND {FREE.format(alias="c")} AND {UNDISPUTED.format(account="c.account_id")}
    ORDER BY c.id FOR UPDATE OF c SKIP LOCKED
""")  # noqa: S608 - no value is put into the text


def due_charges(connection: Connection, *, business_date: date, today: date, only: int | None) -> list[int]:
    """Charges to work on: new ones, ones left behind by a dead item, tries due today, new methods (R8b)."""
    return list(connection.execute(_DUE, {"date": business_date, "today": today, "only": only}).scalars())


_PLANNED_SUMS = text("""
    SELECT f.currency, count(*) AS charges,
           sum(f.list_minor)::bigint AS sum_minor
    FROM charges c
    JOIN configurations f ON f.subscription_id = c.subscription_id AND f.in_force
    WHERE c.id = ANY(:ids) GROUP BY f.currency ORDER BY f.currency
""")


def planned_sums(connection: Connection, ids: Sequence[int]) -> dict[str, dict[str, int]]:
    """Per currency, how many charges and their list sum before credit and VAT, for R8d."""
    rows = connection.execute(_PLANNED_SUMS, {"ids": list(ids)})
    return {row.currency: {"charges": row.charges, "sum_minor": row.sum_minor} for row in rows}


_EARLIER_SUMS = text("""
    SELECT (planned -> 'sums' -> cast(:currency AS text) ->> 'sum_minor')::bigint AS sum_minor FROM runs
    WHERE job = 'renew' AND trigger = 'timetable' AND business_date < :date
      AND planned -> 'sums' ? :currency AND NOT planned ? 'dropped'
    ORDER BY business_date DESC LIMIT :most
""")


def earlier_sums(connection: Connection, *, currency: str, before: date, most: int) -> list[int]:
    """The planned sums of the last renew runs of the timetable in that currency, newest first; without dropped ones."""
    values = {"currency": currency, "date": before, "most": most}
    return [int(row.sum_minor) for row in connection.execute(_EARLIER_SUMS, values)]


_STATES = text("""
    SELECT id, state FROM charges WHERE id = ANY(:ids) AND work_item_id = :item AND parked_at IS NULL ORDER BY id
""")


def states(connection: Connection, ids: Sequence[int], *, item: int) -> dict[int, str]:
    """The states of those charges that this item still holds and that are not parked."""
    rows = connection.execute(_STATES, {"ids": list(ids), "item": item})
    return {row.id: row.state for row in rows}


_TERM_OVER = text("""
    UPDATE charges SET parked_at = :now, parked_reason = 'term_already_over',
           parked_detail = 'term ' || starts_on || ' to ' || ends_on || ' was over before it was charged (R8d)'
    WHERE id = ANY(:ids) AND work_item_id = :item AND parked_at IS NULL
      AND purpose = 'renewal' AND state IN ('priced', 'created', 'declined') AND ends_on <= :today
""")


def park_ended_terms(connection: Connection, ids: Sequence[int], *, item: int, today: date, now: datetime) -> None:
    """Set aside charges that were priced in time and whose term has ended since: it is never charged (R8d)."""
    connection.execute(_TERM_OVER, {"ids": list(ids), "item": item, "today": today, "now": now})


_LOCK_ACCOUNTS = text("""
    SELECT a.id FROM accounts a WHERE a.id IN (SELECT account_id FROM charges WHERE id = ANY(:ids))
    ORDER BY a.id FOR UPDATE
""")

_TO_PRICE = text(f"""
    SELECT c.id, c.account_id, c.subscription_id, c.term_number, a.currency, a.provider_customer,
           s.status, s.auto_renew, s.anchor_on, s.anchor_number, s.paid_until,
           f.id AS configuration_id, f.package, f.interval, f.agents, f.extra_conversations, f.conversation_block,
           f.agent_lots, f.block_lots, f.currency AS bought_in,
           b.country, b.postcode, b.vat_number, m.id AS method_id,
           {PURSE.format(currency="a.currency")}, {SCHEDULED}, {EVIDENCE}
    FROM charges c
    JOIN accounts a ON a.id = c.account_id
    JOIN subscriptions s ON s.id = c.subscription_id
    JOIN configurations f ON f.subscription_id = s.id AND f.in_force
    JOIN billing_details b ON b.account_id = a.id AND b.superseded_at IS NULL
    {EVIDENCE_JOIN}
    LEFT JOIN payment_methods m ON m.account_id = a.id AND m.state = 'in_use'
    WHERE c.id = ANY(:ids) AND c.work_item_id = :item AND c.state = 'planned' AND c.parked_at IS NULL
    ORDER BY c.id FOR UPDATE OF c
""")  # noqa: S608 - no value is put into the text


def to_price(connection: Connection, ids: Sequence[int], *, item: int) -> Sequence[Row[Any]]:
    """Lock the accounts, then the planned charges, and read all that pricing needs."""
    connection.execute(_LOCK_ACCOUNTS, {"ids": list(ids)})
    return connection.execute(_TO_PRICE, {"ids": list(ids), "item": item}).all()


_FREEZE = text("""
    UPDATE charges c
    SET state = 'priced', configuration_id = v.configuration_id, starts_on = v.starts_on, ends_on = v.ends_on,
        currency = v.currency, net_minor = v.net_minor, vat_minor = v.vat_minor, gross_minor = v.gross_minor,
        carried_in_minor = v.carried_in_minor, credit_used_minor = v.credit_used_minor,
        carried_out_minor = v.carried_out_minor, amount_minor = v.amount_minor, frozen = v.frozen,
        goodwill_minor = v.goodwill_minor, anchor_on = v.anchor_on
    FROM jsonb_to_recordset(:rows) AS v (
        id bigint, configuration_id bigint, starts_on date, ends_on date, currency text, net_minor bigint,
        vat_minor bigint, gross_minor bigint, carried_in_minor bigint, credit_used_minor bigint,
        carried_out_minor bigint, amount_minor bigint, frozen jsonb, goodwill_minor bigint, anchor_on date)
    WHERE c.id = v.id AND c.state = 'planned'
""").bindparams(bindparam("rows", type_=JSONB))

_TAKE_CREDIT = text("""
    INSERT INTO credit_entries (account_id, currency, amount_minor, kind, charge_id)
    SELECT c.account_id, c.currency, -c.credit_used_minor, 'used', c.id
    FROM charges c WHERE c.id = ANY(:ids) AND c.credit_used_minor > 0
""")

_TAKE_CARRIED = text("""
    UPDATE carried_sums k SET into_charge_id = c.id
    FROM charges c WHERE c.id = ANY(:ids) AND c.carried_in_minor > 0
      AND k.account_id = c.account_id AND k.currency = c.currency AND k.into_charge_id IS NULL AND k.refund_id IS NULL
""")

_TAKE_GOODWILL = text("""
    INSERT INTO goodwill_entries (account_id, currency, amount_minor, kind, charge_id)
    SELECT c.account_id, c.currency, -c.goodwill_minor, 'used', c.id
    FROM charges c WHERE c.id = ANY(:ids) AND c.goodwill_minor > 0
""")


def freeze(connection: Connection, rows: Sequence[dict[str, object]]) -> None:
    """Write the prices, take the credit and the sums carried to these charges; the accounts are locked."""
    if not rows:
        return
    ids = [row["id"] for row in rows]
    connection.execute(_FREEZE, {"rows": list(rows)})
    connection.execute(_TAKE_CREDIT, {"ids": ids})
    connection.execute(_TAKE_CARRIED, {"ids": ids})
    connection.execute(_TAKE_GOODWILL, {"ids": ids})


_SUBSCRIPTION_OF = text("SELECT subscription_id FROM charges WHERE id = :charge")
_BRING = text("UPDATE charges SET configuration_id = :configuration WHERE id = :charge")


def freeze_scheduled(connection: Connection, scheduled: Mapping[int, Holdings]) -> None:
    """Keep the configurations that scheduled changes bring, by charge; paying the charge puts them in force."""
    for charge_id, holdings in scheduled.items():
        subscription = connection.execute(_SUBSCRIPTION_OF, {"charge": charge_id}).scalar_one()
        brought = configurations.add(connection, subscription, holdings)
        connection.execute(_BRING, {"charge": charge_id, "configuration": brought})


_CANCEL_PLANNED = text("UPDATE charges SET state = 'cancelled' WHERE id = ANY(:ids) AND state = 'planned'")


def cancel_planned(connection: Connection, ids: Sequence[int]) -> None:
    """Drop charges that nobody wants any more, before anything was priced."""
    if ids:
        connection.execute(_CANCEL_PLANNED, {"ids": list(ids)})


_WITHOUT_SUM = text("""
    SELECT id FROM charges
    WHERE id = ANY(:ids) AND work_item_id = :item AND state = 'priced' AND amount_minor = 0 AND parked_at IS NULL
""")


def without_sum(connection: Connection, ids: Sequence[int], *, item: int) -> list[int]:
    """Priced charges that credit covers, or that are carried to the next one (R7b): nothing to ask the provider."""
    return list(connection.execute(_WITHOUT_SUM, {"ids": list(ids), "item": item}).scalars())


_PARK = text("""
    UPDATE charges c SET parked_at = :now, parked_reason = v.reason, parked_detail = v.detail
    FROM unnest(cast(:ids AS bigint[]), cast(:reasons AS text[]), cast(:details AS text[])) AS v (id, reason, detail)
    WHERE c.id = v.id AND c.parked_at IS NULL
""")


def park(connection: Connection, parked: Sequence[tuple[int, str, str]], *, now: datetime) -> None:
    """Set charges aside for a person: id, reason code, detail. They block nobody and never suspend (R10)."""
    if parked:
        ids, reasons, details = zip(*parked, strict=True)
        connection.execute(_PARK, {"ids": list(ids), "reasons": list(reasons), "details": list(details), "now": now})


_RELEASE = text("""
    UPDATE charges SET parked_at = NULL, parked_reason = NULL, parked_detail = NULL, check_after = :now, checks = 0
    WHERE id = ANY(:ids) AND parked_at IS NOT NULL RETURNING id
""")


def release_parked(connection: Connection, ids: Sequence[int], *, now: datetime) -> list[int]:
    """Let parked charges go on from the state in which they stopped; returns those that were parked."""
    return list(connection.execute(_RELEASE, {"ids": list(ids), "now": now}).scalars())
