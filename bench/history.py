"""A store with a year behind it, written by set-based statements: every subscription renewed each month.

Foreign keys are not checked while it is written and indexes are made afterwards, so that a million subscriptions take
minutes. What belongs to one row only and is read by its key alone (PDFs, their bytes, lines of invoices) is left out.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime

from sqlalchemy import Connection, Engine, text

from worker.clock import monotonic_s
from worker.store import money_months

MONTHS = 12

_PEOPLE = {
    "accounts": """
        INSERT INTO accounts (external_id, locale, currency, provider_customer)
        SELECT 'shop-' || n, (ARRAY['pl', 'en', 'cs', 'de', 'sk', 'hu'])[1 + n % 6],
               (ARRAY['PLN', 'EUR', 'CZK', 'EUR'])[1 + n % 4], 'cus_' || n
        FROM generate_series(1, :count) n
    """,
    "billing_details": """
        INSERT INTO billing_details (account_id, version, company, street, city, postcode, country, email)
        SELECT id, 1, (ARRAY['Kwiaty', 'Books', 'Kolo', 'Blumen', 'Knihy', 'Tea'])[1 + id % 6] || ' ' || md5(id::text),
               'Street ' || id, 'Brno', '602 00', 'CZ', 'billing@' || external_id || '.example' FROM accounts
    """,
    "payment_methods": """
        INSERT INTO payment_methods (account_id, provider_method, type, brand, last4, exp_month, exp_year, state)
        SELECT id, 'pm_' || id, 'card', 'visa', '4242', 12, 2099, 'in_use' FROM accounts
    """,
    # on day 1 to 28 of the month, equally many on each
    "subscriptions": """
        INSERT INTO subscriptions (account_id, status, auto_renew, interval, anchor_on, term_number, paid_until,
                                   first_paid_on)
        SELECT a.id, 'active', a.id % 10 > 0, 'month', f.on_day - interval '1 month', l.number,
               f.on_day + l.number * interval '1 month', f.on_day
        FROM accounts a
        CROSS JOIN LATERAL (
            SELECT cast(cast(:month AS date) - (:months - 1) * interval '1 month' AS date) + cast(a.id % 28 AS int)
                   AS on_day
        ) f
        CROSS JOIN LATERAL (
            SELECT :months - CASE WHEN a.id % 28 >= extract(day FROM cast(:today AS date)) THEN 1 ELSE 0 END AS number
        ) l
        ORDER BY a.id
    """,
    "configurations": """
        INSERT INTO configurations (subscription_id, package, interval, currency, agents, extra_conversations,
                                    conversation_block, agent_lots, block_lots, list_minor, in_force)
        SELECT s.id, 'standard', 'month', a.currency, 3, 0, 100, '[[3, 1900]]', '[]', 5700, true
        FROM subscriptions s JOIN accounts a ON a.id = s.account_id ORDER BY s.id
    """,
}
# today's renewals: most paid, one in 50 declined; of all others one in 2,000 failed for good
_MONTH = {
    "charges": """
        INSERT INTO charges (account_id, subscription_id, purpose, term_number, business_date, state, configuration_id,
                             starts_on, ends_on, currency, net_minor, vat_minor, gross_minor, amount_minor, frozen,
                             provider_intent, tries, last_method_id, paid_at, paid_on, decline_kind, decline_code,
                             first_declined_on, next_try_on, created_at)
        SELECT s.account_id, s.id, 'renewal', :number, t.on_day, k.state, s.id, t.on_day, t.on_day + interval '1 month',
               c.currency, 5700, 0, 5700, 5700, '{"lines": []}', 'pi_' || s.id || '_' || :number, 1, s.id,
               CASE k.state WHEN 'succeeded' THEN t.at END, CASE k.state WHEN 'succeeded' THEN t.on_day END,
               CASE k.state WHEN 'succeeded' THEN NULL ELSE 'soft' END,
               CASE k.state WHEN 'succeeded' THEN NULL ELSE 'insufficient_funds' END,
               CASE k.state WHEN 'succeeded' THEN NULL ELSE t.on_day END,
               CASE k.state WHEN 'declined' THEN t.on_day + 1 END, t.at
        FROM subscriptions s JOIN configurations c ON c.id = s.id
        CROSS JOIN LATERAL (
            SELECT cast(s.first_paid_on + (:number - 1) * interval '1 month' AS date) AS on_day,
                   s.first_paid_on + (:number - 1) * interval '1 month' + interval '5 hours' AS at
        ) t
        CROSS JOIN LATERAL (
            SELECT CASE WHEN t.on_day = cast(:today AS date) AND s.id % 50 = 7 THEN 'declined'
                        WHEN (s.id + :number) % 2000 = 0 THEN 'failed' ELSE 'succeeded' END AS state
        ) k
        WHERE t.on_day <= :today ORDER BY t.on_day, s.id
    """,
    "attempts": """
        INSERT INTO attempts (charge_id, number, payment_method_id, request, state, sent_on, sent_at, answered_at,
                              decline_kind, decline_code)
        SELECT id, 1, last_method_id, '{}', CASE state WHEN 'succeeded' THEN 'succeeded' ELSE 'declined' END,
               business_date, created_at, created_at, decline_kind, decline_code FROM charges WHERE id > :after
    """,
    "terms": """
        INSERT INTO terms (subscription_id, number, starts_on, ends_on, configuration_id, paid_minor, currency, origin,
                           charge_id)
        SELECT subscription_id, term_number, starts_on, ends_on, configuration_id, amount_minor, currency, 'charge', id
        FROM charges WHERE id > :after AND state = 'succeeded'
    """,
    "invoices": """
        INSERT INTO invoices (account_id, charge_id, kind, series, year, sequence, number, issued_on, paid_on, currency,
                              net_minor, vat_minor, gross_minor, snapshot, snapshot_sha256, created_at)
        SELECT account_id, id, 'invoice', 'invoice', extract(year FROM paid_on), id,
               to_char(paid_on, 'YYYY') || lpad(id::text, 9, '0'), paid_on, paid_on, currency, 5700, 0, 5700,
               '{"lines": [], "vat": {"treatment": "not_registered"}}', md5(id::text), paid_at
        FROM charges WHERE id > :after AND state = 'succeeded'
    """,
    "mails": """
        INSERT INTO mails (account_id, kind, subject_key, subscription_id, data, state, sent_at, created_at, recipient)
        SELECT account_id, CASE state WHEN 'succeeded' THEN 'invoice_issued' ELSE 'payment_declined' END,
               'charge:' || id, subscription_id, '{}', 'sent', created_at, created_at, 'billing@shop.example'
        FROM charges WHERE id > :after
    """,
}
# each daily job ran once a day; an item holds a hundred charges, and each item caused runs of its own for the paper
_NIGHTS = {
    "runs": """
        INSERT INTO runs (job, business_date, trigger, requested_by, planned, created_at, finished_at)
        SELECT j.job, d, 'timetable', 'timetable', jsonb_build_object('items', j.items), d + interval '5 hours',
               d + interval '5 hours 20 minutes'
        FROM generate_series(cast(:today AS date) - 365, :today, interval '1 day') d
        CROSS JOIN (
            VALUES ('renew', :items), ('suspend', 1), ('remind', 5), ('audit', 1), ('issue_invoices', 0),
                   ('check_vat_numbers', 1)
        ) j (job, items)
    """,
    "items": """
        INSERT INTO work_items (run_id, job, key, payload, state, created_at, done_at, result)
        SELECT r.id, r.job, 'item:' || n, '{}', 'done', r.created_at, r.created_at + n * interval '3 seconds',
               '{"charged": 98, "declined": 2}'
        FROM runs r CROSS JOIN LATERAL generate_series(1, cast(r.planned ->> 'items' AS int)) n
    """,
    "caused runs": """
        INSERT INTO runs (job, business_date, trigger, sequence, root_run_id, requested_by, planned, created_at,
                          finished_at)
        SELECT j.job, r.business_date, 'rung', w.id, r.id, 'renew', '{"items": 1}', w.done_at, w.done_at
        FROM work_items w JOIN runs r ON r.id = w.run_id AND r.job = 'renew'
        CROSS JOIN (VALUES ('issue_invoices'), ('deliver_mail')) j (job)
    """,
    "caused items": """
        INSERT INTO work_items (run_id, job, key, payload, state, created_at, done_at, result)
        SELECT id, job, 'item:1', '{}', 'done', created_at, created_at + interval '2 seconds', '{"issued": 98}'
        FROM runs WHERE trigger = 'rung'
    """,
    "minutely runs": """
        INSERT INTO runs (job, business_date, trigger, sequence, requested_by, created_at, finished_at)
        SELECT 'follow_payments', cast(m AS date), 'minutely', extract(epoch FROM m) / 60, 'minutely', m, m
        FROM generate_series(cast(:today AS date) - 365, cast(:today AS date) + interval '5 hours',
                             interval '5 minutes') m
    """,
    "audit_log": """
        INSERT INTO audit_log (created_at, actor, act, reason, account_id, subscription_id, details)
        SELECT cast(:today AS date) - (n % 365) * interval '1 day', CASE n % 4 WHEN 0 THEN 'console:ania' ELSE 'x' END,
               (ARRAY['renewal_off', 'order', 'billing_details', 'requeue'])[1 + n % 4], 'asked by the customer',
               1 + n % :count, 1 + n % :count, '{}'
        FROM generate_series(1, greatest(1000, :count / 5)) n
    """,
}
# what a bad morning leaves: parked, unanswered, dead, waiting
_TROUBLE = {
    "parked": """
        UPDATE charges SET parked_at = now(), parked_reason = 'amount_differs', parked_detail = 'by 100'
        WHERE id IN (SELECT id FROM charges WHERE state = 'declined' ORDER BY id LIMIT 50)
    """,
    "unanswered": """
        UPDATE charges SET state = 'unknown'
        WHERE id IN (SELECT id FROM charges WHERE state = 'declined' AND parked_at IS NULL ORDER BY id LIMIT 20)
    """,
    "dead": """
        UPDATE work_items SET state = 'dead', attempts = 5, last_error = 'TransientError: the provider is away'
        WHERE id IN (SELECT id FROM work_items ORDER BY id DESC LIMIT 30)
    """,
    "failures": """
        INSERT INTO item_failures (item_id, attempt, error, traceback)
        SELECT w.id, n, 'TransientError: the provider is away', 'Traceback ...'
        FROM work_items w CROSS JOIN generate_series(1, 5) n WHERE w.state = 'dead'
    """,
    "ready": """
        INSERT INTO work_items (run_id, job, key, payload)
        SELECT (SELECT max(id) FROM runs WHERE job = 'renew'), 'renew', 'more:' || n, '{}'
        FROM generate_series(1, 500) n
    """,
}
_INDEXES = text("""
    SELECT i.schemaname, i.indexname, i.indexdef FROM pg_indexes i
    JOIN pg_index x ON x.indexrelid = cast(quote_ident(i.indexname) AS regclass)
    WHERE i.tablename IN ('charges', 'attempts', 'terms', 'invoices', 'mails', 'runs', 'work_items')
      AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = x.indexrelid) ORDER BY i.indexname
""")
_CONSTRAINTS = text("""
    SELECT cast(conrelid AS regclass) AS of, conname, contype, pg_get_constraintdef(oid) AS said FROM pg_constraint
    WHERE (contype = 'x' AND conrelid = 'terms'::regclass)
       OR (contype = 'u' AND conrelid IN ('charges'::regclass, 'attempts'::regclass))
""")


def fill(engine: Engine, *, subscriptions: int, today: date) -> Iterator[str]:
    """Fill an empty, migrated store; yields a line about each step as it ends.

    Args:
        engine: of a superuser, since triggers are switched off.
        subscriptions: how many.
        today: the last day that was billed.
    """
    values = {"count": subscriptions, "today": today, "month": today.replace(day=1), "months": MONTHS}
    values["items"] = -(-subscriptions // 2800)
    indexes = _without_indexes(engine)
    for name, statement in _PEOPLE.items():
        yield _do(engine, name, statement, values)
    after = 0
    for number in range(1, MONTHS + 1):
        for name, statement in _MONTH.items():
            yield _do(engine, f"month {number}: {name}", statement, {**values, "number": number, "after": after})
        with engine.connect() as connection:
            after = connection.execute(text("SELECT max(id) FROM charges")).scalar_one()
    for name, statement in _NIGHTS.items():
        yield _do(engine, name, statement, values)
    for definition in indexes:
        yield _do(engine, definition[:70], definition, {})
    for name, statement in _TROUBLE.items():
        yield _do(engine, name, statement, values)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE"))


def sum_months(engine: Engine) -> Iterator[str]:
    """Sum the months of the page Money that were never summed, as the job `audit` does; yields a line about each."""
    with engine.connect() as connection:
        last: date = connection.execute(text("SELECT max(business_date) FROM charges")).scalar_one().replace(day=1)
        first = last.replace(year=last.year - 1)
        missing = money_months.to_sum(connection, first=first, last=last, again=_next(last))
    for month in missing:
        began = monotonic_s()
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            money_months.sum_month(
                connection, month=month, until=_next(month), zone="Europe/Prague", now=datetime(2026, 1, 1, tzinfo=UTC)
            )
        yield f"month {month}: summed, {monotonic_s() - began:.1f} s"


def _next(month: date) -> date:
    year, number = divmod(month.year * 12 + month.month, 12)
    return date(year, number + 1, 1)


def _without_indexes(engine: Engine) -> list[str]:
    """Drop what is faster made at the end; the overlap of terms, which no page asks for, is not made again."""
    with engine.begin() as connection:
        found = connection.execute(_INDEXES).all()
        for row in found:
            connection.execute(text(f'DROP INDEX "{row.indexname}"'))
        constraints = connection.execute(_CONSTRAINTS).all()
        for row in constraints:
            connection.execute(text(f'ALTER TABLE {row.of} DROP CONSTRAINT "{row.conname}"'))
    return [
        *(row.indexdef for row in found),
        *(f'ALTER TABLE {c.of} ADD CONSTRAINT "{c.conname}" {c.said}' for c in constraints if c.contype == "u"),
    ]


def _do(engine: Engine, name: str, statement: str, values: dict[str, object]) -> str:
    began = monotonic_s()
    with engine.begin() as connection:
        _unchecked(connection)
        wanted = {key: value for key, value in values.items() if f":{key}" in statement}
        rows = connection.execute(text(statement), wanted).rowcount
    return f"{name}: {max(rows, 0):,} rows, {monotonic_s() - began:.1f} s"


def _unchecked(connection: Connection) -> None:
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    connection.execute(text("SET LOCAL work_mem = '512MB'"))
    connection.execute(text("SET LOCAL statement_timeout = 0"))
