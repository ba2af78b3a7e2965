"""Who may enter the console: names, roles and passwords; every change in the audit log."""

import re
import threading
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Engine

from worker import boundary
from worker.errors import RefusedError, TransientError
from worker.store import operations
from worker.store.console import people

PASSWORD_MIN = 12
PASSWORD_MAX = 1_000
NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}")
AT_ONCE = 2
"""Passwords hashed at once in a process: each takes 64 MB and a core for a tenth of a second."""
WAIT_S = 2.0

_hasher = PasswordHasher()
_turns = threading.BoundedSemaphore(AT_ONCE)
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""Fits no password; verified for names that nobody bears, so that both answers take equally long."""


class Role(StrEnum):
    """What a person may do; each may what the ones before may."""

    READ_ONLY = "read-only"
    SUPPORT = "support"
    OPERATOR = "operator"

    def covers(self, other: "Role") -> bool:
        """Whether this role may what the other may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


def checked_name(name: str) -> str:
    """The name in lower case. Raises RefusedError when it cannot be one."""
    lower = name.strip().lower()
    if not NAME.fullmatch(lower):
        raise RefusedError("a name has 1 to 63 letters, digits, dots, hyphens, underscores or @, and no spaces")
    return lower


def hash_password(password: str) -> str:
    """The argon2id hash to be kept. Raises RefusedError for a password that is too short or too long."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise RefusedError(f"a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters")
    return _hasher.hash(password)


def fits(password: str, password_hash: str | None) -> bool:
    """Whether the password is the one; as slow for nobody's. Raises TransientError when too many are asked at once."""
    if not _turns.acquire(timeout=WAIT_S):
        raise TransientError("too many people log in at this moment: try again")
    try:
        return bool(_hasher.verify(password_hash or _NOBODYS, password[:PASSWORD_MAX])) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False
    finally:
        _turns.release()


def outdated(password_hash: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


def add(engine: Engine, *, name: str, role: Role, password: str | None, by: str) -> str:
    """Let a person in; without a password only a reverse proxy can vouch for them. Returns the name.

    Raises:
        RefusedError: the name is none or taken, or the password too short.
    """
    known = checked_name(name)
    password_hash = None if password is None else hash_password(password)
    with boundary.transaction(engine, "operating.user_add") as connection:
        if people.add_user(connection, name=known, role=role.value, password_hash=password_hash) is None:
            raise RefusedError(f"{known} is there already: see `odnowa user list`")
        _audit(connection, "user_add", by=by, name=known, role=role.value)
    return known


def disable(engine: Engine, *, name: str, by: str, disabled: bool = True) -> None:
    """Shut a person out at once, or let them in again. Raises RefusedError when nobody bears the name."""
    known = checked_name(name)
    with boundary.transaction(engine, "operating.user_disable") as connection:
        if not people.set_disabled(connection, known, disabled=disabled):
            raise RefusedError(f"nobody is called {known}")
        _audit(connection, "user_disable" if disabled else "user_enable", by=by, name=known)


def set_password(engine: Engine, *, name: str, password: str, by: str) -> None:
    """Give a person a new password, and end their sessions. Raises RefusedError as `add` does."""
    known, password_hash = checked_name(name), hash_password(password)
    with boundary.transaction(engine, "operating.user_password") as connection:
        if not people.set_password(connection, known, password_hash=password_hash):
            raise RefusedError(f"nobody is called {known}")
        _audit(connection, "user_password", by=by, name=known)


def set_role(engine: Engine, *, name: str, role: Role, by: str) -> None:
    """Give a person another role. Raises RefusedError when nobody bears the name."""
    known = checked_name(name)
    with boundary.transaction(engine, "operating.user_role") as connection:
        if not people.set_role(connection, known, role=role.value):
            raise RefusedError(f"nobody is called {known}")
        _audit(connection, "user_role", by=by, name=known, role=role.value)


def _audit(connection: Connection, act: str, *, by: str, name: str, **details: str) -> None:
    operations.write_audit(connection, actor=by, act=act, reason=None, details={"name": name, **details})
