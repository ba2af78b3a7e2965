"""Who may enter the console, who is inside, and how often somebody knocked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

_ADD = text("""
    INSERT INTO console_users (name, role, password_hash) VALUES (lower(:name), :role, :hash)
    ON CONFLICT (name) DO NOTHING RETURNING id
""")
_LIST = text("""
    SELECT u.id, u.name, u.role, u.password_hash IS NOT NULL AS has_password, u.created_at, u.disabled_at,
           (SELECT count(*) FROM console_sessions s
            WHERE s.user_id = u.id AND s.ended_at IS NULL AND s.expires_at > :now) AS sessions,
           (SELECT max(s.created_at) FROM console_sessions s WHERE s.user_id = u.id) AS last_login_at
    FROM console_users u ORDER BY u.name
""")
_ANY = text("SELECT EXISTS (SELECT FROM console_users WHERE disabled_at IS NULL)")


def add_user(connection: Connection, *, name: str, role: str, password_hash: str | None) -> int | None:
    """A new person; None when the name is taken."""
    values = {"name": name, "role": role, "hash": password_hash}
    found: int | None = connection.execute(_ADD, values).scalar_one_or_none()
    return found


def list_users(connection: Connection, *, now: datetime) -> Sequence[Row[Any]]:
    """Everybody who was ever let in, with how many sessions are open."""
    return connection.execute(_LIST, {"now": now}).all()


def anybody(connection: Connection) -> bool:
    """Whether anybody at all may enter."""
    return bool(connection.execute(_ANY).scalar_one())


_END_ALL_OF = text("""
    UPDATE console_sessions SET ended_at = now()
    WHERE ended_at IS NULL AND user_id IN (SELECT id FROM console_users WHERE name = lower(:name))
""")
_DISABLE = text("""
    UPDATE console_users SET disabled_at = CASE WHEN :disabled THEN coalesce(disabled_at, now()) END
    WHERE name = lower(:name) RETURNING id
""")
_PASSWORD = text("UPDATE console_users SET password_hash = :hash WHERE name = lower(:name) RETURNING id")
_ROLE = text("UPDATE console_users SET role = :role WHERE name = lower(:name) RETURNING id")
_REHASH = text("UPDATE console_users SET password_hash = :hash WHERE id = :user")
_LOCALE = text("UPDATE console_users SET locale = :locale WHERE id = :user")


def set_disabled(connection: Connection, name: str, *, disabled: bool) -> bool:
    """Shut a person out and end their sessions, or let them in again; False when nobody bears the name."""
    connection.execute(_END_ALL_OF, {"name": name})
    return connection.execute(_DISABLE, {"name": name, "disabled": disabled}).first() is not None


def set_password(connection: Connection, name: str, *, password_hash: str) -> bool:
    """A new password, which ends the sessions of the old one; False when nobody bears the name."""
    connection.execute(_END_ALL_OF, {"name": name})
    return connection.execute(_PASSWORD, {"name": name, "hash": password_hash}).first() is not None


def set_role(connection: Connection, name: str, *, role: str) -> bool:
    """Another role, in force at the next request; False when nobody bears the name."""
    return connection.execute(_ROLE, {"name": name, "role": role}).first() is not None


def rehash(connection: Connection, user: int, *, password_hash: str) -> None:
    """The same password, hashed by today's parameters; sessions go on."""
    connection.execute(_REHASH, {"user": user, "hash": password_hash})


def set_locale(connection: Connection, user: int, *, locale: str) -> None:
    """The language in which the person reads the console."""
    connection.execute(_LOCALE, {"user": user, "locale": locale})


_BY_NAME = text("""
    SELECT id, name, role, password_hash, locale FROM console_users WHERE name = lower(:name) AND disabled_at IS NULL
""")
_BY_SESSION = text("""
    SELECT u.id, u.name, u.role, u.locale
    FROM console_sessions s JOIN console_users u ON u.id = s.user_id
    WHERE s.token_sha256 = :token AND s.ended_at IS NULL AND s.expires_at > :now AND u.disabled_at IS NULL
""")
_BEGIN = text("""
    INSERT INTO console_sessions (token_sha256, user_id, created_at, expires_at)
    VALUES (:token, :user, :now, cast(:now AS timestamptz) + make_interval(hours => :hours))
""")
_FORGET = text("DELETE FROM console_sessions WHERE expires_at < cast(:now AS timestamptz) - interval '30 days'")
_END = text("UPDATE console_sessions SET ended_at = now() WHERE token_sha256 = :token AND ended_at IS NULL")


def by_name(connection: Connection, name: str) -> Row[Any] | None:
    """The person of that name who may enter."""
    return connection.execute(_BY_NAME, {"name": name}).one_or_none()


def by_session(connection: Connection, token_sha256: str, *, now: datetime) -> Row[Any] | None:
    """Whose session that is, while it lasts and they may enter."""
    return connection.execute(_BY_SESSION, {"token": token_sha256, "now": now}).one_or_none()


def begin_session(connection: Connection, user: int, *, token_sha256: str, now: datetime, hours: int) -> None:
    """A session; sessions that ended a month ago are forgotten."""
    connection.execute(_FORGET, {"now": now})
    values = {"token": token_sha256, "user": user, "now": now, "hours": hours}
    connection.execute(_BEGIN, values)


def end_session(connection: Connection, token_sha256: str) -> bool:
    """That session is over, whatever cookie is shown later; False when it was over before."""
    return connection.execute(_END, {"token": token_sha256}).rowcount > 0


_KNOCK = text("""
    INSERT INTO console_knocks AS k (subject, since, tries)
    SELECT subject, :now, 1 FROM unnest(cast(:subjects AS text[])) AS subject ORDER BY subject
    ON CONFLICT (subject) DO UPDATE
    SET tries = CASE WHEN k.since < cast(:now AS timestamptz) - make_interval(mins => :minutes) THEN 1
                     ELSE least(k.tries + 1, 1000000) END,
        since = CASE WHEN k.since < cast(:now AS timestamptz) - make_interval(mins => :minutes) THEN :now
                     ELSE k.since END
    RETURNING subject, tries, since
""")
_OPENED = text("DELETE FROM console_knocks WHERE subject = ANY(:subjects)")
_FORGET_KNOCKS = text("DELETE FROM console_knocks WHERE since < cast(:now AS timestamptz) - interval '1 day'")


def knock(connection: Connection, subjects: Sequence[str], *, now: datetime, minutes: int) -> Sequence[Row[Any]]:
    """Count a try to log in for each subject; returns how many there were since when, this one among them."""
    values = {"subjects": sorted(set(subjects)), "now": now, "minutes": minutes}
    return connection.execute(_KNOCK, values).all()


def opened(connection: Connection, subjects: Sequence[str], *, now: datetime) -> None:
    """Forget the tries of whoever came in, and of everybody a day ago."""
    connection.execute(_OPENED, {"subjects": list(subjects)})
    connection.execute(_FORGET_KNOCKS, {"now": now})
