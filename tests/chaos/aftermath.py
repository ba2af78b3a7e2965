"""What a storm left: how long until all is quiet, and everything that must hold then."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from email import message_from_bytes, policy
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from tests.chaos import customers
from tests.chaos.site import Site
from tests.support.invariants import AT_ONCE, broken
from tests.support.nights import books, number, rows
from worker import jobs
from worker.clock import monotonic_s, sleep_s
from worker.errors import ActRefusedError
from worker.jobs.audit import as_of
from worker.queue.runs import last_due_date

_OPEN = """
    SELECT 'charge ' || id || ' is ' || state AS what FROM charges
    WHERE state IN ('planned', 'priced', 'unknown', 'processing', 'cancelling') AND parked_at IS NULL
    UNION ALL SELECT 'payout ' || id || ' is ' || state FROM payouts
    WHERE state IN ('planned', 'sent', 'unknown', 'pending') AND parked_at IS NULL
    UNION ALL SELECT 'item ' || id || ' of ' || job || ' is ' || state || coalesce(', ' || last_error, '')
    FROM work_items WHERE state IN ('ready', 'leased') AND not_before < 'infinity'
    UNION ALL SELECT 'mail ' || id || ' is waiting' FROM mails WHERE state = 'waiting'
"""
_LAST_RUNS = "SELECT job, max(business_date) AS on_day FROM runs WHERE trigger IN ('timetable', 'manual') GROUP BY job"
_STAYS_S = 2.0
CUSTOMERS_WAIT = "customers wait for an answer"
_MAILS = "SELECT id, account_id, kind, subject_key, state FROM mails"
_PARKED = """
    SELECT 'charge' AS what, id, parked_reason AS reason FROM charges WHERE parked_at IS NOT NULL
    UNION ALL SELECT 'payout', id, parked_reason FROM payouts WHERE parked_at IS NOT NULL
"""
MAY_PARK = frozenset({"term_already_over", "unknown_too_long"})
"""Of all parking reasons those that lost time and lost answers alone can bring; any other is a fault of ours."""


def still_open(site: Site) -> list[str]:
    """What could still go on by itself; also a day that the timetable has not planned, and customers without answer."""
    found = [row["what"] for row in rows(site.stage, _OPEN)]
    planned = {row["job"]: row["on_day"] for row in rows(site.stage, _LAST_RUNS)}
    for job in jobs.load().values():
        spec = job.spec(site.stage.runtime)
        due = last_due_date(spec, site.stage.runtime.clock)
        if due is not None and planned.get(spec.name) != due:
            found.append(f"{spec.name} of {due} is not planned")
    buyers = site.roles["customers"].process
    if buyers is None or buyers.poll() is None or buyers.returncode != 0:
        found.append(CUSTOMERS_WAIT)
    return found


def until_quiet(site: Site, *, limit_s: float, meanwhile: Callable[[], None] = lambda: None) -> tuple[float, list[str]]:
    """Wait until nothing is open and stays so, and nothing of it for longer than the limit.

    Customers whom the storm held up go on asking, which is new work: the limit holds for each answer of theirs, and
    for each other thing from when it was first seen. Returns the seconds from the calm or the last answer until all
    was quiet, and what was open for too long.
    """
    began = monotonic_s()
    quiet_at: float | None = None
    seen: dict[str, float] = {}
    while True:
        site.look(0.3)
        try:
            left = still_open(site)
            if left:
                meanwhile()
        except SQLAlchemyError as error:
            left = [str(error).splitlines()[0]]
        now, answered = monotonic_s(), max(began, customers.answered_at_s(site.stage.folder / "answers"))
        seen = {name: seen.get(name, now) for name in map(_name, left)}
        if CUSTOMERS_WAIT in left:
            seen[_name(CUSTOMERS_WAIT)] = answered
        if late := [one for one in left if now - seen[_name(one)] >= limit_s]:
            return limit_s, late
        quiet_at = None if left else quiet_at or now
        if quiet_at is not None and now - quiet_at >= _STAYS_S:
            return max(0.0, quiet_at - answered), []
        sleep_s(0.2)


def _name(what: str) -> str:
    """Of "charge 7 is unknown" what stays the same while it is open."""
    return " ".join(what.split()[:2])


def violations(site: Site) -> list[str]:
    """All that is wrong: invariants, books against the journal, attempts, mails, dead work, answers of the desk."""
    found = [
        f"audit: {one}" for one in broken(site.stage.runtime.engine, as_of=as_of(site.stage.runtime, grace=AT_ONCE))
    ]
    found += [f"books: {one}" for one in books(site.stage).differences]
    found += _attempts(site)
    found += _mails(site)
    found += _parked(site)
    dead = rows(site.stage, "SELECT id, job, attempts, last_error FROM work_items WHERE state = 'dead'")
    found += [f"dead work: {row}" for row in dead]
    found += _desk(site)
    return found


def _attempts(site: Site) -> Iterator[str]:
    """The bank was asked once for each attempt of ours."""
    known = {f"attempt-{row['uid']}" for row in rows(site.stage, "SELECT uid FROM attempts")}
    executed = Counter(one["idempotency_key"] for one in site.stage.emulator.attempts() if one["off_session"])
    for key, count in executed.items():
        if key not in known:
            yield f"bank: asked by {key}, which is no attempt of ours"
        if count > 1:
            yield f"bank: asked {count} times for {key}"


def letters(folder: Path) -> Counter[str]:
    """How often each mail arrived, by its Message-ID."""
    read = (message_from_bytes(file.read_bytes(), policy=policy.default) for file in folder.glob("*.eml"))
    return Counter(str(mail["Message-ID"]) for mail in read)


def _mails(site: Site) -> Iterator[str]:
    """Each mail that we call sent arrived; what arrived is a mail of ours, and no oftener than a dialogue died."""
    arrived = letters(site.stage.mails)
    ours = {_message_id(site, row): row for row in rows(site.stage, _MAILS)}
    for known, row in ours.items():
        if row["state"] == "sent" and not arrived[known]:
            yield f"mails: {row['kind']} {row['id']} is sent in our books and never arrived"
        if row["state"] == "waiting" and arrived[known]:
            yield f"mails: {row['kind']} {row['id']} arrived and still waits"
    yield from (f"mails: {known} arrived and is no mail of ours" for known in arrived.keys() - ours.keys())
    again, died = sum(arrived.values()) - len(arrived), dialogues_that_died(site)
    if again > died:
        yield f"mails: {again} arrived again, and only {died} SMTP dialogues or their workers died"


def _message_id(site: Site, mail: Mapping[str, Any]) -> str:
    key = f"{mail['account_id']}:{mail['kind']}:{mail['subject_key']}"
    return f"<{sha256(key.encode()).hexdigest()[:32]}@{site.stage.runtime.mail.domain}>"


def dialogues_that_died(site: Site) -> int:
    """At most so many: what was put off without an answer that says so, and batches that failed or were left."""
    put_off = "SELECT coalesce(sum(attempts - (state = 'sent' OR last_answer LIKE '5%')::int), 0) FROM mails"
    broke = "SELECT coalesce(sum(attempts), 0) FROM work_items WHERE job = 'deliver_mail'"
    return number(site.stage, put_off) + number(site.stage, broke) - site.trouble_met()["later"]


def _parked(site: Site) -> Iterator[str]:
    """Nothing is parked but for a reason that a storm alone can bring."""
    for row in rows(site.stage, _PARKED):
        if row["reason"] not in MAY_PARK:
            yield f"parked: {row['what']} {row['id']}: {row['reason']}"


def _desk(site: Site) -> Iterator[str]:
    """Whoever asks again gets the same answer as before, and it is told as the earlier one."""
    kept = Counter(row["request_id"] for row in rows(site.stage, "SELECT request_id FROM desk_requests"))
    made: dict[str, dict[str, Any]] = {}
    for (name, act), line in customers.answers(site.stage.folder / "answers").items():
        request = customers.asked(name, act)
        wanted = 0 if "refused" in line else 1
        if kept[request] != wanted:
            yield f"desk: {request} is kept {kept[request]} times, was answered {line}"
        if not wanted:
            continue
        made.setdefault(name, {})[act] = line["result"]
        try:
            again = customers.do(site.stage.runtime, name, int(name.rpartition("-")[2]), act, made[name])
        except ActRefusedError as refusal:
            yield f"desk: {request} was done, and is refused when asked again: {refusal.code}"
            continue
        same = all(again.result.get(key) == line["result"].get(key) for key in ("quote", "order", "refund"))
        if not again.repeated or not same:
            yield f"desk: {request} was answered {line['result']}, then {dict(again.result)}"


_FIGURES = {
    "items executed": "SELECT count(*) FROM work_items WHERE state = 'done'",
    "charges succeeded": "SELECT count(*) FROM charges WHERE state = 'succeeded'",
    "of them orders": "SELECT count(*) FROM charges WHERE state = 'succeeded' AND purpose <> 'renewal'",
    "refunds": "SELECT count(*) FROM refunds",
    "invoices and credit notes": "SELECT count(*) FROM invoices",
    "mails sent": "SELECT count(*) FROM mails WHERE state = 'sent'",
    "mails refused by 5xx": "SELECT count(*) FROM mails WHERE state = 'failed'",
    "desk requests": "SELECT count(*) FROM desk_requests",
    "parked": "SELECT count(*) FROM charges WHERE parked_at IS NOT NULL",
    "lease failures": "SELECT coalesce(sum(attempts), 0) FROM work_items",
}


def figures(site: Site) -> dict[str, int]:
    """What the storm came to, in numbers."""
    found = {name: number(site.stage, query) for name, query in _FIGURES.items()}
    met = site.trouble_met()
    found["mails put off by 4xx"], found["mails dropped after they were taken"] = met["later"], met["drop"]
    arrived = letters(site.stage.mails)
    found["mails that arrived again"] = sum(arrived.values()) - len(arrived)
    return found
