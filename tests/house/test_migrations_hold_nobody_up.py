"""Migrations only add, and lock no large table for long: each is run while the release before is at work.

Squawk reads the SQL; what it says is told with the way to write it right. The first four migrations were made before
there was a release and are left alone, and so is what a migration does to tables of its own.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.processes import CHECKOUT
from worker.store.migrations import ALONE, OLDEST_CODE, statements

VERSIONS = CHECKOUT / "worker" / "store" / "migrations" / "versions"
BEFORE_THE_FIRST_RELEASE = 4
SQUAWK = Path(sys.executable).with_name("squawk")

_NOT_OURS = (
    "require-lock-timeout",  # env.py sets both, for every migration
    "require-statement-timeout",
    "prefer-bigint-over-int",  # counts and day numbers fit
)
_CONTRACTING = {"ban-drop-column", "ban-drop-table", "ban-drop-view", "ban-drop-constraint", "ban-drop-not-null"}
_TWO_STEPS = "ADD CONSTRAINT ... NOT VALID, then VALIDATE CONSTRAINT as a statement of a file that begins with the line"
HOW = {
    "adding-field-with-default": "add the column without the default, fill it in batches, then SET DEFAULT",
    "adding-foreign-key-constraint": f"{_TWO_STEPS} `{ALONE}`",
    "adding-not-nullable-field": (
        f"{_TWO_STEPS} `{ALONE}`, of CHECK (x IS NOT NULL); keep the CHECK instead of SET NOT NULL"
    ),
    "adding-required-field": "give the column a constant default, or let it be NULL",
    "ban-drop-constraint": "to widen one, drop it and add it under its name, NOT VALID, in one ALTER TABLE",
    "changing-column-type": "add a column of the new type, write both, fill it, read the new one, drop the old later",
    "constraint-missing-not-valid": f"{_TWO_STEPS} `{ALONE}`",
    "disallowed-unique-constraint": f"CREATE UNIQUE INDEX CONCURRENTLY, in a file that begins with `{ALONE}`",
    "prefer-robust-stmts": "a statement that commits by itself must be repeatable: IF NOT EXISTS, IF EXISTS",
    "renaming-column": "add the new one, write both, read the new one, drop the old one in a later release",
    "renaming-table": "a view bears the other name until no code asks for the old one",
    "require-concurrent-index-creation": (
        f"DROP INDEX CONCURRENTLY IF EXISTS, then CREATE INDEX CONCURRENTLY, in a file that begins with `{ALONE}`"
    ),
    "require-concurrent-index-deletion": f"DROP INDEX CONCURRENTLY, in a file that begins with `{ALONE}`",
}
DROPPED_LATER = "what the release before reads is dropped by a later one, in a file that sets COMMENT ON TABLE alembic_"
_SLOW = re.compile(
    r"^\s*(UPDATE|DELETE|TRUNCATE|LOCK|CLUSTER|VACUUM|REINDEX|REFRESH)\b|\bSET\s+(UN)?LOGGED\b"
    r"|\bSET\s+TABLESPACE\b|\bADD\s+(COLUMN\s+(IF\s+NOT\s+EXISTS\s+)?)?\S+\s+(SMALL|BIG)?SERIAL\b",
    re.IGNORECASE | re.MULTILINE,
)


def squawk(folder: Path, *, alone: bool) -> list[dict[str, str]]:
    """What Squawk says of the files of a folder, which are all run alone or all as one transaction each."""
    files = [
        path for path in sorted(folder.glob("*.sql")) if path.read_text(encoding="utf-8").startswith(ALONE) is alone
    ]
    if not files:
        return []
    flags = [] if alone else ["--assume-in-transaction"]
    flags += [f"--exclude={','.join(_NOT_OURS)}", "--pg-version=15.0", "--reporter=json"]
    done = subprocess.run([SQUAWK, *flags, *files], capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def complaints(folder: Path) -> dict[str, list[str]]:
    """By file, what would hold up the release that is at work, with the way to write it right."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}
    told: dict[str, list[str]] = {name: own_complaints(sql) for name, sql in texts.items()}
    for alone in (True, False):
        for one in squawk(folder, alone=alone):
            name = Path(one["file"]).name
            if not excused(one, texts[name]):
                how = HOW.get(one["rule_name"], one.get("help") or DROPPED_LATER)
                told[name].append(f"line {int(one['line']) + 1}: {one['rule_name']}: {one['message']} Instead: {how}")
    return {name: said for name, said in told.items() if said}


def excused(said: Mapping[str, str], sql: str) -> bool:
    """Whether it is a constraint under its old name again, or a file that contracts and says so."""
    rule, line = said["rule_name"], sql.splitlines()[int(said["line"])]
    if OLDEST_CODE.search(sql) and rule in _CONTRACTING:
        return True
    if rule == "prefer-robust-stmts":
        added = re.search(r"\bADD\s+CONSTRAINT\s+(\w+)", line)
        return "VALIDATE CONSTRAINT" in line or (added is not None and f"DROP CONSTRAINT IF EXISTS {added[1]}," in sql)
    if rule == "ban-drop-constraint":
        name = re.search(r"\bDROP\s+CONSTRAINT\s+(?:IF\s+EXISTS\s+)?(\w+)", line)
        return name is not None and f"ADD CONSTRAINT {name[1]}" in sql
    return False


def own_complaints(sql: str) -> list[str]:
    """What Squawk does not know: whole tables rewritten, and what our runner asks of a file that is run alone."""
    said = [f"{found[0].strip()}: rewrites or locks a whole table: fill it in batches" for found in _SLOW.finditer(sql)]
    if sql.startswith(ALONE):
        said += [f"a body in $$ cannot be split: {ALONE}" for one in statements(sql) if "$$" in one]
    elif re.search(r"\bCONCURRENTLY\b|\bVALIDATE\s+CONSTRAINT\b", sql, re.IGNORECASE):
        said.append(f"CONCURRENTLY and VALIDATE want a file that begins with the line `{ALONE}`")
    return said


def test_no_migration_holds_up_the_release_that_is_at_work(tmp_path: Path) -> None:
    for path in VERSIONS.glob("*.sql"):
        if int(path.name[:4]) > BEFORE_THE_FIRST_RELEASE:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    found = [f"{name}, {one}" for name, said in complaints(tmp_path).items() for one in said]
    assert found == [], "\n".join(["see docs/architecture.md, `Migrations`:", *found])


BAD = {
    "ALTER TABLE charges ALTER COLUMN amount_minor TYPE numeric;": "changing-column-type",
    "ALTER TABLE charges ADD COLUMN a uuid DEFAULT gen_random_uuid();": "adding-field-with-default",
    "ALTER TABLE charges ADD COLUMN a timestamptz DEFAULT clock_timestamp();": "adding-field-with-default",
    "ALTER TABLE charges ADD COLUMN a bigint GENERATED ALWAYS AS (id + 1) STORED;": "adding-field-with-default",
    "ALTER TABLE charges ADD COLUMN a bigint NOT NULL;": "adding-required-field",
    "ALTER TABLE charges ADD COLUMN a bigserial;": "rewrites or locks",
    "ALTER TABLE charges ADD COLUMN a bigint REFERENCES accounts (id);": "adding-foreign-key-constraint",
    "CREATE INDEX a ON charges (id);": "require-concurrent-index-creation",
    "CREATE UNIQUE INDEX a ON charges (id);": "require-concurrent-index-creation",
    "CREATE INDEX CONCURRENTLY a ON charges (id);": "want a file that begins",
    "ALTER TABLE charges ALTER COLUMN paid_at SET NOT NULL;": "adding-not-nullable-field",
    "ALTER TABLE charges ADD CONSTRAINT a FOREIGN KEY (id) REFERENCES accounts (id);": "adding-foreign-key-constraint",
    "ALTER TABLE charges ADD CONSTRAINT a CHECK (id > 0);": "constraint-missing-not-valid",
    "ALTER TABLE charges ADD CONSTRAINT a CHECK (id > 0) NOT VALID; ALTER TABLE charges VALIDATE CONSTRAINT a;": (
        "want a file that begins"
    ),
    "ALTER TABLE charges ADD CONSTRAINT a UNIQUE (id);": "disallowed-unique-constraint",
    "ALTER TABLE charges ADD CONSTRAINT a EXCLUDE USING gist (id WITH =);": "constraint-missing-not-valid",
    "ALTER TABLE charges DROP CONSTRAINT charges_payer_known;": "ban-drop-constraint",
    "ALTER TABLE charges DROP COLUMN payer;": "ban-drop-column",
    "ALTER TABLE charges RENAME COLUMN payer TO paid_by;": "renaming-column",
    "ALTER TABLE charges RENAME TO payments;": "renaming-table",
    "DROP TABLE charges;": "ban-drop-table",
    "DROP VIEW entitlements;": "ban-drop-view",
    "DROP INDEX charges_term_key;": "require-concurrent-index-deletion",
    "UPDATE charges SET payer = 'page';": "rewrites or locks",
    "LOCK TABLE charges;": "rewrites or locks",
    f"{ALONE}\nCREATE INDEX CONCURRENTLY a ON charges (id);": "prefer-robust-stmts",
    f"{ALONE}\nALTER TABLE charges ADD COLUMN a text;": "prefer-robust-stmts",
    f"{ALONE}\nDO $$ BEGIN NULL; END $$;": "cannot be split",
    "-- oldest code: 0009\nALTER TABLE charges ALTER COLUMN payer TYPE varchar;": "changing-column-type",
}
GOOD = (
    "ALTER TABLE charges ADD COLUMN a text, ADD COLUMN b text NOT NULL DEFAULT '';",
    "ALTER TABLE charges ADD CONSTRAINT a CHECK (id > 0) NOT VALID;",
    "ALTER TABLE charges\n    DROP CONSTRAINT c,\n    ADD CONSTRAINT c CHECK (payer IN ('a', 'b')) NOT VALID;",
    "CREATE TABLE a (id bigint, b text);\nCREATE INDEX c ON a (b);\nALTER TABLE a ADD CONSTRAINT d CHECK (id > 0);",
    f"{ALONE}\nDROP INDEX CONCURRENTLY IF EXISTS a;\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a ON charges (id);",
    f"{ALONE}\nALTER TABLE charges VALIDATE CONSTRAINT a;",
    f"{ALONE}\nALTER TABLE charges DROP CONSTRAINT IF EXISTS c,\n    ADD CONSTRAINT c CHECK (id > 0) NOT VALID;",
    "COMMENT ON TABLE alembic_version IS 'oldest code: 0009';\nALTER TABLE charges DROP COLUMN payer;",
)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What is said of all examples; Squawk is started twice, not once for each."""
    folder = tmp_path_factory.mktemp("sql")
    for n, sql in enumerate([*BAD, *GOOD]):
        (folder / f"{n:04}.sql").write_text(f"{sql}\n", encoding="utf-8")
    return complaints(folder)


@pytest.mark.parametrize("n", range(len(BAD)), ids=list(BAD))
def test_what_would_hold_somebody_up_is_told_with_the_way_to_write_it(told: dict[str, list[str]], n: int) -> None:
    said = told.get(f"{n:04}.sql", [])
    words = list(BAD.values())[n]
    assert any(words in one for one in said), said


def test_what_only_adds_is_let_through(told: dict[str, list[str]]) -> None:
    assert {name: said for name, said in told.items() if int(name[:4]) >= len(BAD)} == {}
