"""The rules are pure: no float, no bare division, no clock, no import but errors and plain Python."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import worker.errors

BILLING = Path(worker.errors.__file__).parent / "billing"
MODULES = sorted(BILLING.glob("*.py"))
# Plain values and their arithmetic; whatever else a rule would need does not belong into a rule.
ALLOWED = {
    "calendar",
    "collections",
    "collections.abc",
    "dataclasses",
    "datetime",
    "enum",
    "fractions",
    "itertools",
    "statistics",
    "types",
    "typing",
    "worker.errors",
}


def impurities(tree: ast.AST) -> Iterator[str]:
    """Name everything in a module that a rule may not do."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name not in ALLOWED)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or "."
            if module not in ALLOWED and not module.startswith("worker.billing."):
                yield module
        elif isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"the float {node.value}"
        elif isinstance(node, ast.Name) and node.id in {"float", "Decimal", "open", "print"}:
            yield node.id
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield f"a bare division in line {node.lineno}"
        elif isinstance(node, ast.Attribute) and node.attr in {"now", "today", "utcnow", "fromtimestamp"}:
            yield f"the clock's .{node.attr}"


def test_every_module_is_looked_at() -> None:
    assert len(MODULES) >= 12


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_rule_is_pure(path: Path) -> None:
    assert list(impurities(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "line",
    [
        "x = 1 / 2",
        "x /= 2",
        "x = 0.5",
        "x = float(1)",
        "import time",
        "import worker.clock",
        "from worker.clock import Clock",
        "from os import environ",
        "x = date.today()",
    ],
)
def test_the_check_itself_finds_what_it_forbids(line: str) -> None:
    assert list(impurities(ast.parse(line)))
