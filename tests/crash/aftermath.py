"""What comes after a death: a new process goes on until all is quiet, and then everything is looked at."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from tests.crash.facts import letters
from tests.crash.scenes import Made, Scene
from tests.support.house import House
from tests.support.invariants import AT_ONCE, broken
from tests.support.stories import expire, hurry, minute
from worker.errors import ActRefusedError, RefusedError
from worker.jobs.audit import as_of
from worker.store import audit

UNBOOKED = "was charged and is not in our books"
"""What `worker/sandbox/books.py` says of money that waits for a person."""
MINUTES_MAX = 12
"""So long may it take until everything is settled; what is lost must be settled in two."""


@dataclass(frozen=True, slots=True)
class Set:
    """A prepared scene, kept in database and emulator."""

    scene: Scene
    made: Made
    now: datetime
    sent: Mapping[str, int]


_OPEN = """
    SELECT 'charge ' || id || ' is ' || state AS what FROM charges
    WHERE state IN ('planned', 'priced', 'unknown', 'processing', 'cancelling') AND parked_at IS NULL
    UNION ALL SELECT 'payout ' || id || ' is ' || state FROM payouts
    WHERE state IN ('planned', 'sent', 'unknown', 'pending') AND parked_at IS NULL
    UNION ALL SELECT 'item ' || id || ' is ' || state || coalesce(', ' || last_error, '') FROM work_items
    WHERE state IN ('ready', 'leased') AND not_before < 'infinity'
"""
_WATCHES = frozenset({"follow_payments"})
"""The job that looks every minute at what waits for a customer, and finds nothing new for hours."""


def until_quiet(house: House) -> None:
    """Minutes pass until there is nothing left but to wait for customers. Fails when something stays open."""
    for _ in range(MINUTES_MAX):
        hurry(house)
        house.drain()
        if set(minute(house)) <= _WATCHES and not house.fetch(_OPEN):
            return
    raise AssertionError(f"after {MINUTES_MAX} minutes something is still open: {house.fetch(_OPEN)}")


def go_on(house: House, of: Set) -> None:
    """After a restart: leases run out, all goes on, the step is taken again, and all goes on until nothing is open."""
    expire(house)
    if not of.scene.waits:
        until_quiet(house)
    try:
        of.scene.step(house, of.made)
    except (ActRefusedError, RefusedError) as refusal:
        if getattr(refusal, "code", "") == "payment_under_way":
            until_quiet(house)
            of.scene.step(house, of.made)
    expire(house)
    until_quiet(house)


def findings(house: House, of: Set, *, twice: bool) -> list[str]:
    """All that is wrong: broken invariants, other books, attempts made twice, mails lost or doubled, work left."""
    left_out = {audit.find(name).says for name in of.scene.but}
    found = [
        one
        for one in broken(house.engine, as_of=as_of(house.runtime, grace=AT_ONCE))
        if one.rpartition(": ")[0] not in left_out
    ]
    found += [said for said in house.books().differences if not (of.scene.unbooked and said.endswith(UNBOOKED))]
    found += list(_attempts(house))
    found += list(_mails(house, of.sent, twice=twice))
    ended = ["done", "cancelled"] if of.scene.gives_up else ["done"]
    left = house.fetch("SELECT job, state, last_error FROM work_items WHERE state <> ALL(:ended)", ended=ended)
    return found + [f"work is left: {row}" for row in left]


def _attempts(house: House) -> Iterator[str]:
    """The bank was asked once for each attempt of ours, and never without one."""
    known = {f"attempt-{row['uid']}" for row in house.fetch("SELECT uid FROM attempts")}
    executed = Counter(each["idempotency_key"] for each in house.emulator.attempts() if each["off_session"])
    for key, count in executed.items():
        if key not in known:
            yield f"the bank was asked by {key}, which is no attempt of ours"
        if count > 1:
            yield f"the bank was asked {count} times for {key}"


def _mails(house: House, sent_before: Mapping[str, int], *, twice: bool) -> Iterator[str]:
    """Each mail that we call sent arrived, once; nothing else did."""
    arrived = {name: n for name, n in letters(house).items() if name not in sent_before}
    (row,) = house.fetch("SELECT count(*) AS n FROM mails WHERE state = 'sent'")
    sent = row["n"] - len(sent_before)
    if len(arrived) != sent:
        yield f"{sent} mails are sent in our books, {len(arrived)} arrived"
    doubled = [name for name, n in arrived.items() if n > 1]
    if len(doubled) > (1 if twice else 0):
        yield f"mails arrived twice: {doubled}"
