"""Mails, documents, exchange rates, VAT numbers, and what the audit found, as numbers."""

from sqlalchemy import text

from worker.store.gauges.gauge import Gauge, Measure

# By the indexes of what waits and what failed: sent mails are years of them. Each state is told even when it is empty.
_MAILS = text("""
    SELECT 'waiting' AS state, count(*) AS value,
           coalesce(max(extract(epoch FROM now() - created_at)), 0)::float8 AS oldest
    FROM mails WHERE state = 'waiting'
    UNION ALL
    SELECT 'failed', count(*), coalesce(max(extract(epoch FROM now() - created_at)), 0)::float8
    FROM mails WHERE state = 'failed'
""")
_MAIL_KINDS = text("""
    SELECT 'waiting' AS state, kind, count(*) AS value FROM mails WHERE state = 'waiting' GROUP BY kind
    UNION ALL
    SELECT 'failed', kind, count(*) FROM mails WHERE state = 'failed' GROUP BY kind
""")
# The kind stands on each document of a series, so one of them tells it.
_DOCUMENTS = text("""
    SELECT s.series, s.year::text AS year, i.kind, s.next_sequence - 1 AS value
    FROM number_series s
    CROSS JOIN LATERAL (
        SELECT kind FROM invoices i WHERE i.series = s.series AND i.year = s.year ORDER BY i.sequence DESC LIMIT 1
    ) i
""")
_RATES = text("""
    SELECT source, cast(:today AS date) - max(published_on) AS value FROM exchange_rates GROUP BY source
""")
_VAT_NUMBERS = text("""
    SELECT count(*) FILTER (WHERE state = 'pending') AS value, count(*) AS due,
           coalesce(max(unanswered), 0) AS unanswered
    FROM vat_numbers WHERE ask_at <= cast(:now AS timestamptz)
""")
# The store and the day before at the provider are two items, and a date that is caught up has only the latter. What a
# result counts beside what is broken, and the day that it names, are left out by who reads this.
_AUDIT = text("""
    SELECT e.key AS invariant, sum(e.value::text::float8) AS value
    FROM (VALUES ('audit'), ('provider')) AS k (key)
    CROSS JOIN LATERAL (
        SELECT w.result FROM runs r JOIN work_items w ON w.run_id = r.id AND w.key = k.key
        WHERE r.job = 'audit' AND w.state = 'done' ORDER BY r.business_date DESC, r.id DESC LIMIT 1
    ) last
    CROSS JOIN LATERAL jsonb_each(last.result) AS e (key, value)
    WHERE jsonb_typeof(e.value) = 'number' GROUP BY e.key
""")
_AUDIT_AGE = text("""
    SELECT extract(epoch FROM now() - w.done_at)::float8 AS value
    FROM runs r JOIN work_items w ON w.run_id = r.id AND w.key = 'audit'
    WHERE r.job = 'audit' AND w.state = 'done' ORDER BY r.business_date DESC, r.id DESC LIMIT 1
""")

MEASURES = (
    Measure(
        "mails",
        ("state",),
        (
            Gauge("odnowa_mails", "mails that wait, and mails that were refused or deferred too often"),
            Gauge("odnowa_mails_oldest_age_seconds", "how long the oldest of them has been there", "oldest"),
        ),
        _MAILS,
        ("mails_waiting_idx", "mails_failed_idx"),
    ),
    Measure(
        "mail_kinds",
        ("state", "kind"),
        (Gauge("odnowa_mails_by_kind", "the same mails by what they are about"),),
        _MAIL_KINDS,
        ("mails_waiting_idx", "mails_failed_idx"),
    ),
    Measure(
        "documents",
        ("series", "year", "kind"),
        (Gauge("odnowa_documents_last_number", "the last number taken of a series; its growth is what was issued"),),
        _DOCUMENTS,
        ("invoices_series_key",),
    ),
    Measure(
        "rates",
        ("source",),
        (Gauge("odnowa_exchange_rate_age_days", "since the newest list of exchange rates"),),
        _RATES,
    ),
    Measure(
        "vat_numbers",
        (),
        [
            Gauge("odnowa_vat_numbers_pending", "VAT numbers that were never confirmed and are due to be asked about"),
            Gauge("odnowa_vat_numbers_due", "all that are due to be asked about", "due"),
            Gauge(
                "odnowa_vat_numbers_unanswered_max", "the most questions in a row without a plain answer", "unanswered"
            ),
        ],
        _VAT_NUMBERS,
        ("vat_numbers_ask_at_idx",),
    ),
    Measure(
        "audit",
        ("invariant",),
        (
            Gauge(
                "odnowa_audit_violations",
                "what the last audits of store and provider found; broken: how many invariants",
            ),
        ),
        _AUDIT,
        ("runs_job_idx", "work_items_run_key_key"),
    ),
    Measure(
        "audit_age",
        (),
        (Gauge("odnowa_audit_age_seconds", "since the last audit of the whole store ended"),),
        _AUDIT_AGE,
        ("runs_job_idx", "work_items_run_key_key"),
    ),
)
