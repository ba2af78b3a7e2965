"""What the import contracts cannot see: single files at the top, and what must come along with a job."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sources import CHECKOUT, Rule, Source, brings_in, complaints, imported, python_sources

_NOT_THE_SCHEDULERS = tuple(
    f"worker.{room}"
    for room in ("store", "gateways", "documents", "billing", "charging", "desk", "operating", "web", "sandbox")
)


def settings_import_nothing_of_ours(source: Source) -> Iterator[str]:
    """Settings are read by those who wire the parts, and know no part; errors are no part."""
    if not source.under("settings.py"):
        return
    for statement, name in imported(source):
        if brings_in(name, "worker", "scheduler") and not brings_in(name, "worker.errors"):
            yield source.at(statement, f"settings.py imports {name}")


def the_scheduler_never_works(source: Source) -> Iterator[str]:
    """It ensures runs and dispatches; what does the work is out of its reach."""
    if not source.under("scheduler.py"):
        return
    for statement, name in imported(source):
        if brings_in(name, *_NOT_THE_SCHEDULERS):
            yield source.at(statement, f"scheduler.py imports {name}")


def job_lacks(root: Path) -> list[str]:
    """What the jobs of a checkout lack: a heading in the runbook, and a test that runs the job twice."""
    runbook = root / "docs/runbook.md"
    headings = runbook.read_text(encoding="utf-8").splitlines() if runbook.exists() else []
    lacking = []
    for path in sorted((root / "worker/jobs").glob("*.py")):
        job = path.stem
        if job == "__init__":
            continue
        if f"## {job}" not in headings:
            lacking.append(f"docs/runbook.md has no heading `## {job}`")
        tests = root / f"tests/jobs/test_{job}.py"
        if not tests.exists() or not any("twice" in name for name in _tests_in(tests)):
            lacking.append(f"tests/jobs/test_{job}.py has no test with `twice` in its name")
    return lacking


def _tests_in(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [name for name in functions if name.startswith("test_")]


@pytest.mark.parametrize("rule", [settings_import_nothing_of_ours, the_scheduler_never_works])
def test_the_files_at_the_top_keep_to_themselves(rule: Rule) -> None:
    assert complaints(rule, python_sources()) == []


@pytest.mark.parametrize(
    ("rule", "path", "planted"),
    [
        (settings_import_nothing_of_ours, "settings.py", "from worker.clock import wall_s\n"),
        (settings_import_nothing_of_ours, "settings.py", "import scheduler\n"),
        (the_scheduler_never_works, "scheduler.py", "from worker.store.engine import make\n"),
        (the_scheduler_never_works, "scheduler.py", "def f():\n    from worker import charging\n"),
    ],
)
def test_wrong_imports_at_the_top_are_found(rule: Rule, path: str, planted: str) -> None:
    assert len(complaints(rule, [Source(path, planted)])) == 1
    assert complaints(rule, [Source("worker/runtime.py", planted)]) == []


def test_every_job_has_its_page_and_its_test() -> None:
    assert job_lacks(CHECKOUT) == []


def test_a_job_without_page_or_test_is_found(tmp_path: Path) -> None:
    for folder in ("worker/jobs", "tests/jobs", "docs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "worker/jobs/__init__.py").write_text("")
    (tmp_path / "worker/jobs/renew.py").write_text("")
    assert len(job_lacks(tmp_path)) == 2
    (tmp_path / "docs/runbook.md").write_text("## renewals\n")
    (tmp_path / "tests/jobs/test_renew.py").write_text("def run_twice(): ...\n")
    assert len(job_lacks(tmp_path)) == 2
    (tmp_path / "docs/runbook.md").write_text("# Runbook\n\n## renew\n")
    (tmp_path / "tests/jobs/test_renew.py").write_text("def test_renew_run_twice_changes_nothing(): ...\n")
    assert job_lacks(tmp_path) == []
