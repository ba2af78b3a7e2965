"""Limited rows are taken once: a LIMIT in a subquery of IN is asked again for each row under some plans.

PostgreSQL then changes more rows than the limit says, since rows that are locked or changed already are passed over.
"""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support.sources import Source, complaints, python_sources

_WRITES = re.compile(r"\b(UPDATE|DELETE FROM)\s+\w+", re.IGNORECASE)
_IN = re.compile(r"(\bIN|=\s*ANY)\s*\(\s*(?=SELECT\b)", re.IGNORECASE)
_LIMITS = re.compile(r"\bLIMIT\b|\bSKIP\s+LOCKED\b", re.IGNORECASE)


def limits_stand_in_a_materialized_query(source: Source) -> Iterator[str]:
    """Where a statement changes rows, what is limited or passes locked rows over is a materialized WITH."""
    if not source.under("worker", "scheduler.py"):
        return
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        said = _words(node)
        if _WRITES.search(said) and any(_LIMITS.search(one) for one in _subqueries(said)):
            yield source.at(
                node, "WITH ... AS MATERIALIZED (SELECT ... LIMIT ...) takes the limited rows once, IN may not"
            )


def _words(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "?" for part in node.values)


def _subqueries(said: str) -> Iterator[str]:
    """What stands in the brackets of each IN (SELECT ...)."""
    for found in _IN.finditer(said):
        depth, at = 1, found.end()
        while depth and at < len(said):
            depth += {"(": 1, ")": -1}.get(said[at], 0)
            at += 1
        yield said[found.end() : at]


def test_limited_rows_are_taken_once() -> None:
    assert complaints(limits_stand_in_a_materialized_query, python_sources()) == []


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("UPDATE items SET a = 1 WHERE id IN (SELECT id FROM items ORDER BY (id) LIMIT 5)", True),
        ("DELETE FROM items WHERE id = ANY (SELECT id FROM items FOR UPDATE SKIP LOCKED)", True),
        ("UPDATE items SET a = 1 WHERE id IN (SELECT id FROM others)", False),
        ("WITH d AS MATERIALIZED (SELECT id FROM i LIMIT 5) UPDATE i SET a = 1 FROM d WHERE d.id = i.id", False),
        ("SELECT id FROM items WHERE id IN (SELECT id FROM others LIMIT 5)", False),
    ],
)
def test_a_planted_limit_is_found(said: str, *, wrong: bool) -> None:
    planted = Source(path="worker/planted.py", text=f"A = text({said!r})\n")
    assert bool(list(limits_stand_in_a_materialized_query(planted))) is wrong
