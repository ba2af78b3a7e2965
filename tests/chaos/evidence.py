"""What a storm that broke something leaves, so that it explains itself: every row of those concerned, both journals.

rows.json        all rows that belong to their accounts, by table, and the queue's rows that handled them
requests.jsonl   what was asked of the provider about them, with the machine's time and the provider's
journal.json     what the provider's own journal says of them
storm.txt        what struck when, and the violations
*.log            what every process said
"""

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from tests.chaos.site import REQUESTS, Site
from tests.support.builders import rows
from tests.support.invariants import AT_ONCE
from worker import boundary
from worker.jobs.audit import as_of
from worker.runtime import Runtime
from worker.store import audit

MOST = 40
"""So many accounts are told of: whoever reads it needs one."""

_BY_NAME = """
    SELECT DISTINCT c.account_id FROM charges c
    WHERE c.provider_intent = ANY(:intents) OR c.id = ANY(:charges) OR c.account_id IN (
        SELECT id FROM accounts WHERE external_id = ANY(:accounts))
       OR c.id IN (SELECT charge_id FROM payouts WHERE id = ANY(:payouts) OR provider_refund = ANY(:refunds))
"""
_OF_ACCOUNT = (
    *("subscriptions", "charges", "refunds", "mails", "desk_requests", "audit_log", "quotes"),
    *("credit_entries", "carried_sums", "disputes", "payment_methods"),
)
_ITEMS = """
    SELECT w.*, r.business_date, r.trigger, r.created_at AS planned_at FROM work_items w JOIN runs r ON r.id = w.run_id
    WHERE w.payload -> 'ids' @> ANY (SELECT to_jsonb(id) FROM unnest(cast(:charges AS bigint[])) AS c (id))
      AND w.job IN ('renew', 'suspend', 'charge_orders', 'follow_payments')
       OR w.id = ANY(:items) OR w.state IN ('ready', 'leased', 'dead')
    ORDER BY w.id
"""


def keep(site: Site, violations: Sequence[str], told: Sequence[str], *, seed: int) -> Path:
    """Write down all that is known of those whom the violations speak of; returns the folder."""
    folder = _fresh(site.folder.with_name(f"{site.folder.name}.evidence"), f"seed-{seed}")
    lines = ["violations:", *(f"  {one}" for one in violations), "", "the storm, by the machine's clock (UTC):", *told]
    (folder / "storm.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for log in site.folder.glob("*.log"):
        shutil.copy(log, folder)
    try:
        runtime = site.stage.runtime
        said = " ".join(violations)
        named = [int(one) for one in re.findall(r"item (\d+)", said)]
        found = rows_of(runtime.engine, concerned(runtime, said), named)
    except SQLAlchemyError as error:
        (folder / "rows.json").write_text(json.dumps(str(error)), encoding="utf-8")
        return folder
    (folder / "rows.json").write_text(json.dumps(found, indent=1, default=str), encoding="utf-8")
    names = set(_names(found, said))
    with (
        (site.folder / REQUESTS).open(encoding="utf-8") as asked,
        (folder / REQUESTS).open("w", encoding="utf-8") as out,
    ):
        out.writelines(
            line for line in asked if "/v1/events" in line or not names.isdisjoint(re.findall(r"[\w-]+", line))
        )
    emulator = site.stage.emulator
    journal = {"charges": emulator.journal(), "refunds": emulator.journal_refunds(), "attempts": emulator.attempts()}
    about = {part: [one for one in all_of if _speaks_of(one, names)] for part, all_of in journal.items()}
    (folder / "journal.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    return folder


def _fresh(parent: Path, name: str) -> Path:
    number = 1
    while (folder := parent / f"{name}-{number}").exists():
        number += 1
    folder.mkdir(parents=True)
    return folder


def concerned(runtime: Runtime, said: str) -> list[int]:
    """The accounts that the violations name, and those that the audit finds."""
    with boundary.transaction(runtime.engine, "chaos.evidence") as connection:
        broken = audit.look(connection, as_of(runtime, grace=AT_ONCE), most=MOST)
    named = {each.account for one in broken for each in one.violations if each.account is not None}
    found = rows(
        runtime.engine,
        _BY_NAME,
        intents=re.findall(r"pi_\w+", said),
        refunds=re.findall(r"re_\w+", said),
        charges=[int(one) for one in re.findall(r"charge (\d+)", said)],
        payouts=[int(one) for one in re.findall(r"payout (\d+)", said)],
        accounts=[*named, *re.findall(r"buyer-\d+", said)],
    )
    return sorted(row["account_id"] for row in found)[:MOST]


def rows_of(engine: Engine, accounts: list[int], items: Sequence[int] = ()) -> dict[str, list[dict[str, Any]]]:
    """All rows of these accounts, by table, and of the work that handled them, and of this work."""

    def of(table: str, column: str, ids: list[int]) -> list[dict[str, Any]]:
        query = f"SELECT * FROM {table} WHERE {column} = ANY(:ids) ORDER BY id"  # noqa: S608 - names of tables
        return _as_json(engine, query, ids=ids)

    found = {"accounts": of("accounts", "id", accounts)}
    found |= {table: of(table, "account_id", accounts) for table in _OF_ACCOUNT}
    subscriptions = [row["id"] for row in found["subscriptions"]]
    found |= {table: of(table, "subscription_id", subscriptions) for table in ("terms", "configurations")}
    charges = [row["id"] for row in found["charges"]]
    found |= {table: of(table, "charge_id", charges) for table in ("attempts", "payouts")}
    held = [row["work_item_id"] for row in (*found["charges"], *found["payouts"]) if row["work_item_id"]]
    found["work_items"] = _as_json(engine, _ITEMS, charges=charges, items=[*held, *items])
    found["item_failures"] = of("item_failures", "item_id", [row["id"] for row in found["work_items"]])
    found["runs"] = _as_json(engine, "SELECT * FROM runs WHERE trigger IN ('timetable', 'manual') ORDER BY id")
    found["provider_cursors"] = _as_json(engine, "SELECT * FROM provider_cursors")
    return found


def _as_json(engine: Engine, query: str, **values: Any) -> list[dict[str, Any]]:
    """Rows as JSON shows them: Python has no time that is infinite."""
    shown = rows(engine, f"SELECT to_jsonb(found) AS one FROM ({query}) found", **values)  # noqa: S608 - constants
    return [row["one"] for row in shown]


def _names(found: dict[str, list[dict[str, Any]]], said: str) -> Iterator[str]:
    """What the provider calls those concerned: PaymentIntents, refunds, customers, idempotency keys."""
    yield from re.findall(r"(?:pi|re)_\w+", said)
    for row in found["accounts"]:
        yield row["provider_customer"]
    for row in found["charges"]:
        yield row["provider_intent"]
        yield str(row["uid"])
        yield f"order-{row['uid']}"
        yield from (f"renewal-{row['subscription_id']}-{row['term_number']}-{n}" for n in range(1, 10))
    for row in found["attempts"]:
        yield f"attempt-{row['uid']}"
    for row in found["payouts"]:
        yield row["provider_refund"]
        yield str(row["uid"])


def _speaks_of(one: dict[str, Any], names: set[str]) -> bool:
    return not names.isdisjoint(re.findall(r"[\w-]+", json.dumps(one)))
