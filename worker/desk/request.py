"""The frame of every act: who asks, once per request id, an audit row for what was done and for what was refused.

The account's row is locked for the length of an act's transaction, so that of twenty equal requests one acts and
nineteen find its result. What was refused is not kept: the same id may ask again when the cause is gone.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from worker import boundary
from worker.charging.letters import Rung, ring_now
from worker.errors import ActRefusedError
from worker.queue.plans import Claimed, in_items
from worker.queue.runs import ring
from worker.runtime import Runtime
from worker.store import desk, operations
from worker.store.mails import NewMail, insert_mails

REQUEST_ID_MAX = 100
ERASE = "erase"
"""The only act that an account takes once its erasure has begun."""


class Role(StrEnum):
    """For whom an act is done."""

    CUSTOMER = "customer"
    SUPPORT = "support"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the role, the name for the audit log, and the account that it is about."""

    role: Role
    name: str
    account_external_id: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. `request_id` is the caller's own: the same again gives the same result and one effect."""

    caller: Caller
    act: str
    request_id: str
    content: Mapping[str, object] = field(default_factory=dict)
    reason: str | None = None

    @property
    def content_hash(self) -> str:
        """SHA-256 over the act and all that it was given."""
        said = [self.act, self.caller.role.value, self.reason, dict(self.content)]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Done:
    """What an act came to, as JSON; `repeated` when an earlier request of that id did it."""

    result: Mapping[str, Any]
    repeated: bool


Act = Callable[[Connection, int, Rung], Mapping[str, object]]
"""Does an act for the locked account; returns its result as JSON. Raises ActRefusedError, and then nothing is done."""


@contextmanager
def noted(runtime: Runtime, ask: Ask, *, support_only: bool = False) -> Iterator[None]:
    """Check what is common to all acts, and leave an audit row of a refusal, whichever step it comes from.

    Raises:
        ActRefusedError: the request id is none, or the act is support's and a customer asks, or support names no
            reason; or what the steps inside refuse.
    """
    try:
        _demand_fit(ask, support_only=support_only)
        yield
    except ActRefusedError as refusal:
        with boundary.transaction(runtime.engine, "desk.refused") as connection:
            name = ask.caller.account_external_id
            account = desk.account_id(connection, name) if _storable(name) == name else None
            _audit(connection, ask, account, {"refused": refusal.code, "because": str(refusal)})
        raise


def _demand_fit(ask: Ask, *, support_only: bool) -> None:
    if not 1 <= len(ask.request_id) <= REQUEST_ID_MAX or not ask.request_id.isprintable():
        raise ActRefusedError(
            "request_id", f"a request id has 1 to {REQUEST_ID_MAX} printable characters: choose another one"
        )
    if support_only and ask.caller.role is not Role.SUPPORT:
        raise ActRefusedError("support_only", "only support can do this: please contact support")
    if support_only and not (ask.reason or "").strip():
        raise ActRefusedError("reason_missing", "say why, for the audit log")


def account_of(connection: Connection, ask: Ask, *, lock: bool) -> int:
    """The account's number. Raises ActRefusedError when there is none, or its erasure has begun."""
    find = desk.lock_account if lock else desk.account_id
    name = ask.caller.account_external_id
    found = find(connection, name) if _storable(name) == name else None
    if found is None:
        raise ActRefusedError("no_account", f"no account is called {name[:100]!r}: check its name")
    if ask.act != ERASE and desk.erasure_began(connection, found):
        raise ActRefusedError("erased", "the account was erased: open a new one, under another name")
    return found


def done_before(connection: Connection, ask: Ask, account: int) -> Done | None:
    """The kept result of an equal request. Raises ActRefusedError when the id was used for something else."""
    kept = desk.earlier_request(connection, account, ask.request_id)
    if kept is None:
        return None
    if (kept.act, kept.content_sha256) != (ask.act, ask.content_hash):
        raise ActRefusedError(
            "request_id_used", f"the request id {ask.request_id!r} was used for another request: choose a new one"
        )
    return Done(kept.result, repeated=True)


def perform(runtime: Runtime, ask: Ask, act: Act, *, opens: Callable[[Connection], object] | None = None) -> Done:
    """Do an act in one transaction, unless the request was carried out before; ring for what it caused.

    `opens` is for the act that opens the account: it comes first in the transaction, since all else needs the account.
    """
    rung = Rung()
    with boundary.transaction(runtime.engine, f"desk.{ask.act}") as connection:
        if opens is not None:
            opens(connection)
        account = account_of(connection, ask, lock=True)
        before = done_before(connection, ask, account)
        if before is not None:
            return before
        result = act(connection, account, rung)
        desk.keep_request(
            connection,
            account,
            request_id=ask.request_id,
            act=ask.act,
            content_hash=ask.content_hash,
            result=result,
        )
        _audit(connection, ask, account, {"result": result})
    ring_now(runtime, rung)
    return Done(result, repeated=False)


def note_reading(connection: Connection, ask: Ask, account: int) -> None:
    """The audit row of an act that only reads."""
    _audit(connection, ask, account, {})


def send(runtime: Runtime, connection: Connection, mail: NewMail, rung: Rung) -> None:
    """Queue a mail and the item that delivers it, in the act's transaction."""
    ids = insert_mails(connection, [mail])
    rung.items += ring(
        connection,
        job="deliver_mail",
        items=in_items(ids, size=1, claims=Claimed.MAILS, prefix="mails"),
        business_date=runtime.clock.today(),
        root_run_id=None,
        by="desk",
    )


def _audit(connection: Connection, ask: Ask, account: int | None, details: Mapping[str, object]) -> None:
    operations.write_audit(
        connection,
        actor=_storable(f"{ask.caller.role.value}:{ask.caller.name}"),
        act=f"desk.{ask.act}",
        reason=None if ask.reason is None else _storable(ask.reason),
        details={
            "account": _storable(ask.caller.account_external_id[:100]),
            "request_id": _storable(ask.request_id[:100]),
            **details,
        },
        account_id=account,
    )


def _storable(text: str) -> str:
    """The text, with what PostgreSQL cannot store, NUL and halves of surrogate pairs, written out."""
    return text.replace("\x00", "\\x00").encode(errors="backslashreplace").decode()
