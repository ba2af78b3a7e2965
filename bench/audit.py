"""Measures the audit over a store of many subscribers with a history: seconds in all, and the slowest invariants.

    python -m bench.audit [SUBSCRIBERS] [TERMS]

Each has TERMS paid terms, with charge, attempt, invoice, document and two mails each, written by a few statements.
Runs on a private PostgreSQL without durable writes; the audit only reads, so that hardly matters to it.
"""

import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from worker.boundary import transaction
from worker.clock import monotonic_s
from worker.sandbox.crowd import gather
from worker.sandbox.emulated import Emulated
from worker.sandbox.servers import PrivatePostgres
from worker.store import audit, migrations
from worker.store.engine import make_engine

_SUBSCRIBERS = 10_000
_TERMS = 12
_DUE = date(2026, 3, 15)
_SHOWN = 5

# The document's bytes are as many as a real one's, and as hard to compress.
_HISTORY = (
    """
    INSERT INTO charges (account_id, subscription_id, purpose, term_number, business_date, state, configuration_id,
                         starts_on, ends_on, currency, net_minor, vat_minor, gross_minor, amount_minor, frozen,
                         provider_intent, tries, last_method_id, paid_at, paid_on)
    SELECT s.account_id, s.id, 'renewal', n, t.on_day, 'succeeded', f.id, t.on_day, t.on_day + interval '1 month',
           'EUR', f.list_minor, 0, f.list_minor, f.list_minor, '{"lines": []}', 'pi_' || s.id || '_' || n, 1, m.id,
           t.on_day, t.on_day
    FROM subscriptions s JOIN configurations f ON f.subscription_id = s.id
    JOIN payment_methods m ON m.account_id = s.account_id
    CROSS JOIN generate_series(1, :terms) n
    CROSS JOIN LATERAL (SELECT cast(s.paid_until + (n - 1) * interval '1 month' AS date) AS on_day) t
    """,
    """
    INSERT INTO attempts (charge_id, number, payment_method_id, request, state, sent_on, sent_at, answered_at)
    SELECT id, 1, last_method_id, '{}', 'succeeded', paid_on, paid_at, paid_at FROM charges
    """,
    """
    INSERT INTO terms (subscription_id, number, starts_on, ends_on, configuration_id, paid_minor, currency, origin,
                       charge_id)
    SELECT subscription_id, term_number, starts_on, ends_on, configuration_id, amount_minor, 'EUR', 'charge', id
    FROM charges
    """,
    """
    UPDATE subscriptions s SET term_number = :terms, paid_until = t.ends_on FROM terms t
    WHERE t.subscription_id = s.id AND t.number = :terms
    """,
    """
    INSERT INTO invoices (account_id, charge_id, kind, series, year, sequence, number, issued_on, paid_on, currency,
                          net_minor, vat_minor, gross_minor, snapshot, snapshot_sha256)
    SELECT account_id, id, 'invoice', 'invoice', extract(year FROM paid_on),
           row_number() OVER (PARTITION BY extract(year FROM paid_on) ORDER BY paid_on, id), id, paid_on, paid_on,
           'EUR', net_minor, 0, gross_minor, jsonb_build_object('lines', repeat(md5(cast(id AS text)), 60)), ''
    FROM charges
    """,
    """
    INSERT INTO invoice_documents (invoice_id, edition, template_version, pdf, pdf_sha256)
    SELECT id, 1, 1, cast((SELECT string_agg(md5(cast(id + n AS text)), '') FROM generate_series(1, 20) n) AS bytea), ''
    FROM invoices
    """,
    """
    INSERT INTO mails (account_id, kind, subject_key, subscription_id, invoice_id, data, state, sent_at)
    SELECT i.account_id, k.kind, 'invoice:' || i.id, c.subscription_id, CASE k.kind WHEN 'invoice_issued' THEN i.id END,
           '{}', 'sent', c.paid_at
    FROM invoices i JOIN charges c ON c.id = i.charge_id CROSS JOIN (VALUES ('invoice_issued'), ('told')) k (kind)
    """,
    "ANALYZE",
)


class _Nobody(Emulated):
    """No provider is needed to look at a store."""

    def seed(self, customers: list[dict[str, Any]], payment_methods: list[dict[str, Any]]) -> None:
        """Make nothing."""


def fill(engine: Engine, *, subscribers: int, terms: int) -> None:
    """A crowd with its history."""
    gather(engine, _Nobody(""), count=subscribers, due=_DUE)
    for statement in _HISTORY:
        with engine.begin() as connection:
            connection.execute(text(statement), {"terms": terms})


def main() -> None:
    """Fill a store and audit it twice: as it was written, and once more."""
    subscribers = int(sys.argv[1]) if len(sys.argv) > 1 else _SUBSCRIBERS
    terms = int(sys.argv[2]) if len(sys.argv) > 2 else _TERMS  # noqa: PLR2004 - the second argument
    now = datetime(_DUE.year, _DUE.month, _DUE.day, 9, tzinfo=UTC) + timedelta(days=30 * (terms - 1))
    as_of = audit.AsOf(now=now, today=now.date(), grace=timedelta(hours=1), notice_days=14)
    with PrivatePostgres(durable=False) as server:
        url = server.url("postgres")
        migrations.upgrade(url)
        engine = make_engine(url)
        fill(engine, subscribers=subscribers, terms=terms)
        for _ in range(2):
            took = {name: _ask(engine, as_of, [one]) for name, one in audit.INVARIANTS.items()}
            slowest = sorted(took, key=lambda name: -took[name])[:_SHOWN]
            sys.stdout.write(
                f"{subscribers} subscribers, {subscribers * terms} charges: {sum(took.values()):.2f} s; slowest "
                + ", ".join(f"{name} {took[name]:.2f}" for name in slowest)
                + "\n"
            )
        engine.dispose()


def _ask(engine: Engine, as_of: audit.AsOf, chosen: list[audit.Invariant]) -> float:
    began = monotonic_s()
    with transaction(engine, "bench.audit") as connection:
        (found,) = audit.look(connection, as_of, only=chosen)
    assert not found.broken, (found.invariant.name, found.violations[:3])
    return monotonic_s() - began


if __name__ == "__main__":
    main()
