"""Time, environment, money and commits: each has one door, and nobody goes around it.

These checks read names, not types: they find the honest slip. Import contracts and ruff stand beside them.
"""

import ast
from collections.abc import Iterator

import pytest

from tests.support.sources import Rule, Source, brings_in, complaints, dotted, imported, python_sources

_CLOCKS = ("worker/clock.py", "worker/sandbox/emulator/clock.py")
_MIGRATIONS = "worker/store/migrations"
_OPENINGS = frozenset({"begin", "begin_nested", "connect", "raw_connection"})
_WORLD = (
    "stripe",
    "requests",
    "smtplib",
    "urllib3",
    "urllib.request",
    "http.client",
    "httpx",
    "redis",
    "fsspec",
)


def _ours(source: Source) -> bool:
    return source.under("worker", "settings.py", "scheduler.py")


def only_clocks_read_time(source: Source) -> Iterator[str]:
    """Nobody else imports `time` or asks `datetime` for now."""
    if not _ours(source) or source.under(*_CLOCKS):
        return
    for statement, name in imported(source):
        if brings_in(name, "time"):
            yield source.at(statement, "only worker/clock.py reads time")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}:
            asked = dotted(node.value).rpartition(".")[2]
            if asked in {"datetime", "date"}:
                yield source.at(node, f"{asked}.{node.attr}: only worker/clock.py reads time")


def only_settings_read_the_environment(source: Source) -> Iterator[str]:
    """The sandbox may look at it to hand it on to its children; the emulator may not."""
    if not _ours(source) or source.under("settings.py"):
        return
    if source.under("worker/sandbox") and not source.under("worker/sandbox/emulator"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and dotted(node) in {"os.environ", "os.getenv", "os.environb"}:
            yield source.at(node, "only settings.py reads the environment")
    for statement, name in imported(source):
        if name in {"os.environ", "os.getenv", "os.environb"}:
            yield source.at(statement, "only settings.py reads the environment")


def billing_counts_exactly(source: Source) -> Iterator[str]:
    """Money is integers and fractions; a float or a bare division would round where nobody looks."""
    if not source.under("worker/billing"):
        return
    for node in ast.walk(source.tree):
        match node:
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield source.at(node, "a bare / in billing; use Fraction or //")
            case ast.Name(id="float") | ast.Constant(value=float()):
                yield source.at(node, "a float in billing")


def commits_go_through_the_boundary(source: Source) -> Iterator[str]:
    """`boundary.transaction` is the only place that begins and commits."""
    if not _ours(source) or source.under("worker/boundary.py", _MIGRATIONS, "worker/sandbox"):
        return
    for node in ast.walk(source.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        holder = dotted(node.func.value).rpartition(".")[2]
        if node.func.attr == "commit":
            yield source.at(node, ".commit() outside worker/boundary.py")
        elif node.func.attr in _OPENINGS and holder.endswith(("engine", "connection")):
            yield source.at(node, f"{holder}.{node.func.attr}() outside worker/boundary.py")


def only_gateways_know_the_world(source: Source) -> Iterator[str]:
    """Libraries that open connections are imported by gateways, broker and queue alone."""
    if not _ours(source) or source.under("worker/gateways", "worker/broker.py", "worker/queue", "worker/sandbox"):
        return
    for statement, name in imported(source):
        if brings_in(name, *_WORLD):
            yield source.at(statement, f"{name.partition('.')[0]} outside worker/gateways")


_RULES: list[Rule] = [
    only_clocks_read_time,
    only_settings_read_the_environment,
    billing_counts_exactly,
    commits_go_through_the_boundary,
    only_gateways_know_the_world,
]


@pytest.mark.parametrize("rule", _RULES)
def test_nobody_goes_around_a_door(rule: Rule) -> None:
    assert complaints(rule, python_sources()) == []


@pytest.mark.parametrize(
    ("rule", "path", "planted"),
    [
        (only_clocks_read_time, "worker/jobs/renew.py", "import time\n"),
        (only_clocks_read_time, "worker/sandbox/demo.py", "from time import sleep\n"),
        (only_clocks_read_time, "scheduler.py", "x = datetime.now(UTC)\n"),
        (only_clocks_read_time, "worker/sandbox/emulator/call.py", "x = datetime.datetime.utcnow()\n"),
        (only_clocks_read_time, "worker/billing/calendar.py", "f = date.today\n"),
        (only_settings_read_the_environment, "worker/runtime.py", "import os\nx = os.environ['A']\n"),
        (only_settings_read_the_environment, "worker/runtime.py", "import os\nx = os.getenv('A')\n"),
        (only_settings_read_the_environment, "worker/sandbox/emulator/a.py", "from os import environ\n"),
        (billing_counts_exactly, "worker/billing/money.py", "x = 1 / 2\n"),
        (billing_counts_exactly, "worker/billing/money.py", "x /= 2\n"),
        (billing_counts_exactly, "worker/billing/money.py", "x = 0.5\n"),
        (billing_counts_exactly, "worker/billing/money.py", "def f(x: float): ...\n"),
        (commits_go_through_the_boundary, "worker/store/charges.py", "connection.commit()\n"),
        (commits_go_through_the_boundary, "worker/jobs/renew.py", "with engine.begin() as c: pass\n"),
        (
            commits_go_through_the_boundary,
            "worker/queue/runs.py",
            "with runtime.engine.connect() as c: pass\n",
        ),
        (only_gateways_know_the_world, "worker/jobs/renew.py", "import stripe\n"),
        (only_gateways_know_the_world, "worker/ops/doctor.py", "from urllib import request\n"),
        (only_gateways_know_the_world, "worker/charging/confirm.py", "def f():\n    import redis\n"),
    ],
)
def test_ways_around_are_found(rule: Rule, path: str, planted: str) -> None:
    assert len(complaints(rule, [Source(path, planted)])) == 1


@pytest.mark.parametrize(
    ("rule", "path", "fine"),
    [
        (only_clocks_read_time, "worker/clock.py", "import time\nx = datetime.now(UTC)\n"),
        (only_clocks_read_time, "worker/jobs/renew.py", "x = runtime.clock.now()\n"),
        (only_settings_read_the_environment, "worker/sandbox/demo.py", "import os\nx = os.environ\n"),
        (billing_counts_exactly, "worker/billing/money.py", "x = Fraction(1, 2)\ny = 7 // 2\n"),
        (billing_counts_exactly, "worker/documents/page.py", "x = 1 / 2\n"),
        (commits_go_through_the_boundary, "worker/boundary.py", "connection.commit()\n"),
        (
            commits_go_through_the_boundary,
            "worker/store/charges.py",
            "with transaction(engine, 'a') as c: pass\n",
        ),
        (only_gateways_know_the_world, "worker/gateways/a.py", "import stripe\n"),
        (only_gateways_know_the_world, "worker/ops/a.py", "from urllib.parse import quote\n"),
    ],
)
def test_the_doors_themselves_are_open(rule: Rule, path: str, fine: str) -> None:
    assert complaints(rule, [Source(path, fine)]) == []
