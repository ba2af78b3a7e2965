"""Audit: the newest run of the job `audit`, and who did what, by person and account."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

_NEWEST = text("""
    SELECT r.id AS run, r.business_date, w.state, w.result, w.done_at, w.created_at
    FROM (SELECT id, business_date FROM runs WHERE job = 'audit' ORDER BY business_date DESC, id DESC LIMIT 10) r
    JOIN work_items w ON w.run_id = r.id
    ORDER BY r.business_date DESC, r.id DESC LIMIT 1
""")


def newest_run(connection: Connection) -> Row[Any] | None:
    """The item of the newest audit that had one, with its result once it is done."""
    return connection.execute(_NEWEST).one_or_none()


# Rows of one actor are asked for as a stretch of (actor, id): by `actor = ...` the order would be that of id alone, and
# a plan that walks all rows by id until it has met enough of them reads years for a person who did little.
_FIRST = text("""
    SELECT details FROM audit_log
    WHERE (actor, id) > ('audit', 0) AND (actor, id) <= ('audit', 9223372036854775807) AND details ->> 'run' = :run
    ORDER BY actor DESC, id DESC LIMIT 1
""")


def broken_in(connection: Connection, run: int) -> Any:
    """What that audit wrote of what it found broken, None when it found nothing."""
    return connection.execute(_FIRST, {"run": str(run)}).scalar_one_or_none()


_COLUMNS = "l.id, l.created_at, l.actor, l.act, l.reason, l.details, a.external_id, l.account_id"
_ALL = text(f"""
    SELECT {_COLUMNS} FROM audit_log l LEFT JOIN accounts a ON a.id = l.account_id
    WHERE l.id < :before ORDER BY l.id DESC LIMIT :most
""")  # noqa: S608 - no value is put into the text
# Each name of the person asks the index by itself, since one order over several names has none.
_BY_ACTORS = text(f"""
    SELECT {_COLUMNS} FROM unnest(cast(:actors AS text[])) n (actor) CROSS JOIN LATERAL (
        SELECT * FROM audit_log WHERE (actor, id) > (n.actor, 0) AND (actor, id) < (n.actor, :before)
        ORDER BY actor DESC, id DESC LIMIT :most
    ) l LEFT JOIN accounts a ON a.id = l.account_id ORDER BY l.id DESC LIMIT :most
""")  # noqa: S608 - no value is put into the text
# Materialised: an account has hundreds of rows at most, and the order by id would tempt a plan to read them all.
_BY_ACCOUNT = text(f"""
    WITH l AS MATERIALIZED (
        SELECT g.* FROM audit_log g JOIN accounts a ON a.id = g.account_id WHERE a.external_id = :account
    )
    SELECT {_COLUMNS} FROM l JOIN accounts a ON a.id = l.account_id
    WHERE l.id < :before AND (cast(:actors AS text[]) IS NULL OR l.actor = ANY (cast(:actors AS text[])))
    ORDER BY l.id DESC LIMIT :most
""")  # noqa: S608 - no value is put into the text


def acts(
    connection: Connection, *, actors: Sequence[str] | None, account: str | None, before: int, most: int
) -> Sequence[Row[Any]]:
    """Rows of the audit log older than the row `before`, the newest first, at most so many."""
    values: dict[str, object] = {"before": before, "most": most}
    if account is not None:
        given = None if actors is None else list(actors)
        return connection.execute(_BY_ACCOUNT, {**values, "account": account, "actors": given}).all()
    if actors is not None:
        return connection.execute(_BY_ACTORS, {**values, "actors": list(actors)}).all()
    return connection.execute(_ALL, values).all()
