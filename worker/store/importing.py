"""Importing customers: rows are staged by COPY, judged and written as sets, all in the caller's transaction."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from worker.errors import RefusedError

_LOCK = text("SELECT pg_try_advisory_xact_lock(7283001)")
_SLICE_LINES = 10_000


class CustomerRow(NamedTuple):
    """One customer as it is staged; money in minor units of `currency`, the term as calendar dates."""

    line: int
    external_id: str
    source_hash: str
    company: str
    street: str
    city: str
    postcode: str
    country: str
    email: str
    locale: str
    vat_number: str | None
    currency: str
    provider_customer: str | None
    package: str
    interval: str
    agents: int
    extra_conversations: int
    conversation_block: int
    agent_price_minor: int
    conversation_price_minor: int
    paid_minor: int
    credit_minor: int
    first_paid_on: date | None
    anchor_on: date
    term_number: int
    starts_on: date
    ends_on: date
    auto_renew: bool
    provider_method: str | None
    method_type: str | None
    brand: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None


_STAGE = text("""
    CREATE TEMPORARY TABLE import_rows (
        line bigint PRIMARY KEY, external_id text, source_hash text, company text, street text, city text,
        postcode text, country text, email text, locale text, vat_number text, currency text,
        provider_customer text, package text, interval text, agents integer, extra_conversations integer,
        conversation_block integer, agent_price_minor bigint, conversation_price_minor bigint,
        paid_minor bigint, credit_minor bigint, first_paid_on date, anchor_on date, term_number integer,
        starts_on date, ends_on date, auto_renew boolean, provider_method text, method_type text, brand text,
        last4 text, exp_month integer, exp_year integer,
        verdict text NOT NULL DEFAULT 'new', refused_column text, refused_because text,
        account_id bigint, subscription_id bigint, configuration_id bigint
    ) ON COMMIT DROP
""")
_COPY = f"COPY import_rows ({', '.join(CustomerRow._fields)}) FROM STDIN"


def begin_import(connection: Connection) -> None:
    """Make the staging table, for this transaction. Raises RefusedError when another import is under way."""
    if not connection.execute(_LOCK).scalar_one():
        raise RefusedError("another import is under way; wait until it has ended")
    connection.execute(_STAGE)


def stage(connection: Connection, rows: Sequence[CustomerRow]) -> None:
    """Add rows to the staging table."""
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        for row in rows:
            copy.write_row(row)


# Each looks only at what the ones before left as new, so that a row bears its first reason.
_JUDGE = (
    text("ANALYZE import_rows"),
    text("""
        UPDATE import_rows r SET verdict = 'refused', refused_column = 'external_id',
            refused_because = 'stands on line ' || f.first_line || ' already'
        FROM (SELECT external_id, min(line) AS first_line FROM import_rows
              GROUP BY external_id HAVING count(*) > 1) f
        WHERE r.external_id = f.external_id AND r.line > f.first_line
    """),
    text("""
        UPDATE import_rows r SET verdict = 'unchanged' FROM accounts a
        WHERE r.verdict = 'new' AND a.external_id = r.external_id AND a.source_hash = r.source_hash
    """),
    text("""
        UPDATE import_rows r SET verdict = 'refused', refused_column = 'external_id',
            refused_because = 'exists already with other content; an import adds customers and changes none'
        FROM accounts a WHERE r.verdict = 'new' AND a.external_id = r.external_id
    """),
    text("""
        UPDATE import_rows r SET verdict = 'refused', refused_column = 'provider_payment_method',
            refused_because = 'belongs to the customer on line ' || f.first_line || ' already'
        FROM (SELECT provider_method, min(line) AS first_line FROM import_rows
              WHERE verdict = 'new' AND provider_method IS NOT NULL
              GROUP BY provider_method HAVING count(*) > 1) f
        WHERE r.verdict = 'new' AND r.provider_method = f.provider_method AND r.line > f.first_line
    """),
    text("""
        UPDATE import_rows r SET verdict = 'refused', refused_column = 'provider_payment_method',
            refused_because = 'belongs to the customer ' || a.external_id || ' already'
        FROM payment_methods m JOIN accounts a ON a.id = m.account_id
        WHERE r.verdict = 'new' AND m.provider_method = r.provider_method
    """),
)

_COUNT = text("""
    SELECT count(*) FILTER (WHERE verdict = 'new') AS new,
           count(*) FILTER (WHERE verdict = 'unchanged') AS unchanged,
           count(*) FILTER (WHERE verdict = 'refused') AS refused,
           count(*) FILTER (WHERE verdict = 'new' AND ends_on >= :live_from) AS live,
           count(*) FILTER (WHERE verdict = 'new' AND '' IN (company, street, city, postcode, country))
               AS incomplete
    FROM import_rows
""")


def judge(connection: Connection, *, live_from: date) -> Row[Any]:
    """Hold the staged rows against each other and against what exists; returns the counts by verdict."""
    for statement in _JUDGE:
        connection.execute(statement)
    return connection.execute(_COUNT, {"live_from": live_from}).one()


_REFUSED = text("""
    SELECT line, refused_column, refused_because FROM import_rows WHERE verdict = 'refused'
    ORDER BY line LIMIT :most
""")


def refused(connection: Connection, *, most: int) -> Sequence[Row[Any]]:
    """The first refused rows: line, refused_column, refused_because."""
    return connection.execute(_REFUSED, {"most": most}).all()


_INCOMPLETE = text("""
    SELECT line, external_id, array_remove(ARRAY[
        CASE WHEN company = '' THEN 'company' END, CASE WHEN street = '' THEN 'street' END,
        CASE WHEN city = '' THEN 'city' END, CASE WHEN postcode = '' THEN 'postcode' END,
        CASE WHEN country = '' THEN 'country' END], NULL) AS missing
    FROM import_rows WHERE verdict = 'new' AND '' IN (company, street, city, postcode, country)
    ORDER BY line LIMIT :most
""")


def incomplete(connection: Connection, *, most: int) -> Sequence[Row[Any]]:
    """The first new rows without whole billing details (R4b): line, external_id, missing."""
    return connection.execute(_INCOMPLETE, {"most": most}).all()


_SLICE = "r.verdict = 'new' AND r.line BETWEEN :first AND :last"
# S608 below: no value is put into the texts, only the piece above

_WRITE = (
    text(f"""
        UPDATE import_rows r SET account_id = nextval(pg_get_serial_sequence('accounts', 'id')),
            subscription_id = nextval(pg_get_serial_sequence('subscriptions', 'id')),
            configuration_id = nextval(pg_get_serial_sequence('configurations', 'id'))
        WHERE {_SLICE}
    """),  # noqa: S608 - see above
    text(f"""
        INSERT INTO accounts (id, external_id, locale, currency, provider_customer, source_hash)
        OVERRIDING SYSTEM VALUE
        SELECT account_id, external_id, locale, currency, provider_customer, source_hash
        FROM import_rows r WHERE {_SLICE} ORDER BY line
    """),  # noqa: S608 - see above
    text(f"""
        INSERT INTO billing_details
            (account_id, version, company, street, city, postcode, country, email, vat_number)
        SELECT account_id, 1, company, street, city, postcode, country, email, vat_number
        FROM import_rows r WHERE {_SLICE} ORDER BY line
    """),  # noqa: S608 - see above
    text(f"""
        INSERT INTO payment_methods
            (account_id, provider_method, type, brand, last4, exp_month, exp_year, state)
        SELECT account_id, provider_method, method_type, brand, last4, exp_month, exp_year, 'in_use'
        FROM import_rows r WHERE {_SLICE} AND provider_method IS NOT NULL ORDER BY line
    """),  # noqa: S608 - see above
    text(f"""
        INSERT INTO subscriptions
            (id, account_id, status, auto_renew, interval, anchor_on, term_number, paid_until, first_paid_on)
        OVERRIDING SYSTEM VALUE
        SELECT subscription_id, account_id, CASE WHEN ends_on < :live_from THEN 'suspended' ELSE 'active' END,
               auto_renew, interval, anchor_on, term_number, ends_on, first_paid_on
        FROM import_rows r WHERE {_SLICE} ORDER BY line
    """),  # noqa: S608 - see above
    text(f"""
        INSERT INTO configurations (id, subscription_id, package, interval, currency, agents,
            extra_conversations, conversation_block, agent_lots, block_lots, list_minor, in_force)
        OVERRIDING SYSTEM VALUE
        SELECT configuration_id, subscription_id, package, interval, currency, agents,
               extra_conversations, conversation_block, jsonb_build_array(jsonb_build_array(agents, agent_price_minor)),
               CASE WHEN extra_conversations = 0 THEN '[]'::jsonb
                    ELSE jsonb_build_array(jsonb_build_array(extra_conversations / conversation_block,
                                                             conversation_price_minor)) END,
               agents * agent_price_minor + extra_conversations / conversation_block * conversation_price_minor, true
        FROM import_rows r WHERE {_SLICE} ORDER BY line
    """),  # noqa: S608 - see above
    text(f"""
        INSERT INTO terms
            (subscription_id, number, starts_on, ends_on, configuration_id, paid_minor, currency, origin)
        SELECT subscription_id, term_number, starts_on, ends_on, configuration_id, paid_minor, currency, 'import'
        FROM import_rows r WHERE {_SLICE} ORDER BY line
    """),  # noqa: S608 - see above
    text(f"""
        INSERT INTO credit_entries (account_id, currency, amount_minor, kind)
        SELECT account_id, currency, credit_minor, 'import'
        FROM import_rows r WHERE {_SLICE} AND credit_minor > 0 ORDER BY line
    """),  # noqa: S608 - see above
)


def write(connection: Connection, *, live_from: date, last_line: int) -> None:
    """Write the new rows as customers; those whose term ended before `live_from` begin as suspended.

    In slices, so that no statement's time grows with the file.
    """
    for first in range(1, last_line + 1, _SLICE_LINES):
        values = {"first": first, "last": first + _SLICE_LINES - 1, "live_from": live_from}
        for statement in _WRITE:
            connection.execute(statement, values)


_READ_GO_LIVE = text("SELECT go_live_on FROM installation WHERE id = 1")
_HAS_RUN = text("SELECT EXISTS (SELECT 1 FROM runs)")
_SET_GO_LIVE = text("""
    INSERT INTO installation (id, go_live_on) VALUES (1, :day)
    ON CONFLICT (id) DO UPDATE SET go_live_on = excluded.go_live_on
""")
_BEGIN_AGAIN = text("""
    UPDATE subscriptions s SET status = CASE WHEN s.paid_until < :day THEN 'suspended' ELSE 'active' END
    FROM terms t
    WHERE t.subscription_id = s.id AND t.number = s.term_number AND t.origin = 'import'
      AND s.status IN ('active', 'suspended')
      AND s.status <> CASE WHEN s.paid_until < :day THEN 'suspended' ELSE 'active' END
""")


def recorded_go_live(connection: Connection) -> tuple[date | None, bool]:
    """The go-live date that stands, None if none does, and whether any job has run."""
    day: date | None = connection.execute(_READ_GO_LIVE).scalar_one_or_none()
    return day, bool(connection.execute(_HAS_RUN).scalar_one())


def set_go_live(connection: Connection, day: date) -> None:
    """Set the first business date of money jobs."""
    connection.execute(_SET_GO_LIVE, {"day": day})


def begin_again(connection: Connection, day: date) -> int:
    """Decide anew which imported customers begin as live, for another go-live date; returns how many changed.

    Only right while no job has run.
    """
    return connection.execute(_BEGIN_AGAIN, {"day": day}).rowcount


_AUDIT = text("INSERT INTO audit_log (actor, act, details) VALUES (:actor, :act, :details)").bindparams(
    bindparam("details", type_=JSONB)
)


def note_import(connection: Connection, *, by: str, act: str, details: dict[str, object]) -> None:
    """Note an import in the audit log."""
    connection.execute(_AUDIT, {"actor": by, "act": act, "details": details})
