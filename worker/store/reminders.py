"""Who must be told something before a term ends: candidates that lack the mail, and what its text needs."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, text

from worker.store.configurations import PURSE, SCHEDULED
from worker.store.vat_numbers import EVIDENCE, EVIDENCE_JOIN

_LIVE = "s.status IN ('active', 'past_due') AND (cast(:only AS bigint) IS NULL OR s.id = :only)"
_AHEAD = "s.paid_until > :today AND s.paid_until <= cast(:today AS date) + :days"
_TERM_KEY = "'subscription:' || s.id || ':term:' || s.term_number"

# S608 below: no value is put into the texts, only the pieces above

_ENDINGS = text(f"""
    SELECT s.id FROM subscriptions s
    WHERE {_LIVE} AND NOT s.auto_renew AND {_AHEAD}
      AND (NOT EXISTS (
             SELECT 1 FROM mails m WHERE m.account_id = s.account_id AND m.kind = 'term_ending'
             AND m.subject_key = {_TERM_KEY} || ':days:' || (
                 SELECT min(w) FROM unnest(cast(:windows AS integer[])) AS w
                 WHERE w >= s.paid_until - cast(:today AS date)))
           OR NOT EXISTS (
             SELECT 1 FROM notices n WHERE n.subscription_id = s.id AND n.kind = 'term_ending'
             AND n.term_number = s.term_number AND n.withdrawn_at IS NULL))
    ORDER BY s.id
""")  # noqa: S608 - see above


def endings(connection: Connection, *, today: date, windows: Sequence[int], only: int | None) -> list[int]:
    """Live subscriptions with renewal off whose end is near and whose reminder or notice is missing (R9b)."""
    values = {"today": today, "days": max(windows), "windows": list(windows), "only": only}
    return list(connection.execute(_ENDINGS, values).scalars())


_YEARLY = text(f"""
    SELECT s.id FROM subscriptions s
    JOIN configurations f ON f.subscription_id = s.id AND f.in_force
    WHERE {_LIVE} AND s.auto_renew AND s.interval = 'year' AND {_AHEAD}
      AND NOT EXISTS (
          SELECT 1 FROM mails m WHERE m.subscription_id = s.id AND m.kind = 'yearly_renewal'
          AND starts_with(m.subject_key, {_TERM_KEY} || ':')
          AND split_part(m.subject_key, ':', 6)::bigint >= f.list_minor)
    ORDER BY s.id
""")  # noqa: S608 - see above


def yearly_renewals(connection: Connection, *, today: date, days: int, only: int | None) -> list[int]:
    """Yearly renewals that are near and not announced, or announced with a smaller list sum (R9c)."""
    return list(connection.execute(_YEARLY, {"today": today, "days": days, "only": only}).scalars())


_CARDS = text(f"""
    SELECT s.id FROM subscriptions s
    JOIN payment_methods m ON m.account_id = s.account_id AND m.state = 'in_use' AND m.type = 'card'
    WHERE {_LIVE} AND s.auto_renew AND {_AHEAD} AND m.exp_year IS NOT NULL
      AND make_date(m.exp_year, m.exp_month, 1) + interval '1 month' <= s.paid_until
      AND NOT EXISTS (
          SELECT 1 FROM mails k WHERE k.account_id = s.account_id AND k.kind = 'card_expiring'
          AND k.subject_key = {_TERM_KEY} || ':method:' || m.id)
    ORDER BY s.id
""")  # noqa: S608 - see above


def expiring_cards(connection: Connection, *, today: date, days: int, only: int | None) -> list[int]:
    """Renewals that are near and whose card will have expired by then, not told yet (R9c)."""
    return list(connection.execute(_CARDS, {"today": today, "days": days, "only": only}).scalars())


_DETAILS = text(f"""
    SELECT s.id FROM subscriptions s
    JOIN billing_details b ON b.account_id = s.account_id AND b.superseded_at IS NULL
    WHERE {_LIVE} AND s.auto_renew AND {_AHEAD} AND '' IN (b.company, b.street, b.city, b.postcode, b.country)
      AND NOT EXISTS (
          SELECT 1 FROM mails m WHERE m.account_id = s.account_id AND m.kind = 'billing_details_needed'
          AND m.subject_key = {_TERM_KEY})
    ORDER BY s.id
""")  # noqa: S608 - see above


def missing_details(connection: Connection, *, today: date, days: int, only: int | None) -> list[int]:
    """Renewals that are near and whose billing details are incomplete, not asked for yet (R4b)."""
    return list(connection.execute(_DETAILS, {"today": today, "days": days, "only": only}).scalars())


_FACTS = text(f"""
    SELECT s.id, s.account_id, s.term_number, s.paid_until, s.auto_renew, a.currency,
           b.company, b.street, b.city, b.postcode, b.country, b.vat_number,
           f.package, f.interval, f.agents, f.extra_conversations, f.conversation_block, f.agent_lots, f.block_lots,
           f.currency AS bought_in, f.list_minor,
           m.id AS method_id, m.type AS method_type, m.brand, m.last4, m.exp_month, m.exp_year,
           {PURSE.format(currency="a.currency")}, {SCHEDULED}, {EVIDENCE}
    FROM subscriptions s
    JOIN accounts a ON a.id = s.account_id
    JOIN billing_details b ON b.account_id = a.id AND b.superseded_at IS NULL
    {EVIDENCE_JOIN}
    JOIN configurations f ON f.subscription_id = s.id AND f.in_force
    LEFT JOIN payment_methods m ON m.account_id = a.id AND m.state = 'in_use'
    WHERE s.id = ANY(:ids) AND s.status IN ('active', 'past_due') AND s.paid_until > :today
    ORDER BY s.id FOR SHARE OF s
""")  # noqa: S608 - see above


def facts(connection: Connection, ids: Sequence[int], *, today: date) -> Sequence[Row[Any]]:
    """What mails ahead of a term's end tell; subscriptions that ended meanwhile are left out."""
    return connection.execute(_FACTS, {"ids": list(ids), "today": today}).all()


_NOTICES = text("""
    INSERT INTO notices (account_id, subscription_id, kind, term_number, ends_on)
    SELECT s.account_id, s.id, 'term_ending', s.term_number, s.paid_until FROM subscriptions s WHERE s.id = ANY(:ids)
    ON CONFLICT (subscription_id, kind, term_number) WHERE withdrawn_at IS NULL DO NOTHING
""")

_SUPERSEDE = text("""
    UPDATE mails m SET state = 'withdrawn', last_answer = 'a later reminder says it'
    FROM mails newer
    WHERE newer.id = ANY(:new) AND m.subscription_id = newer.subscription_id AND m.kind = newer.kind
      AND m.id < newer.id AND m.state = 'waiting'
""")


def put_notices(connection: Connection, ids: Sequence[int]) -> None:
    """Let the notice stand in the accounts until the term is paid or the account suspended (R9b)."""
    if ids:
        connection.execute(_NOTICES, {"ids": list(ids)})


def withdraw_older(connection: Connection, new_mails: Sequence[int]) -> None:
    """Reminders that fall due together become one mail: unsent older ones of the same subscription go (R9b)."""
    if new_mails:
        connection.execute(_SUPERSEDE, {"new": list(new_mails)})
