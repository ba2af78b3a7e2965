"""The runbook has a page for whatever an operator may be shown: errors, parking reasons, findings, states."""

import ast
import inspect
import re
from collections.abc import Iterator

import pytest

from tests.support.sources import CHECKOUT, Source, python_sources
from worker import errors, jobs
from worker.job import Job
from worker.operating import stuck
from worker.ops import doctor
from worker.store.audit import INVARIANTS
from worker.store.audit.provider import RULES

_RUNBOOK = (CHECKOUT / "docs/runbook.md").read_text(encoding="utf-8")
_PAGES = dict(re.findall(r"^## (.+)\n((?:(?!##? ).*\n)*)", _RUNBOOK, re.MULTILINE))
_WORD = re.compile(r"[a-z]+(_[a-z]+)+")
_IN_SQL = re.compile(r"parked_reason = '(\w+)'")
_ANSWERS_MISSING = ("unknown", "cancelling")
"""States that `odnowa stuck` shows without a parking reason; the state is the heading."""


def parking_reasons(source: Source) -> Iterator[str]:
    """Reasons as they are handed to the store: the middle of (charge, reason, detail), `reason=`, or in SQL."""
    if not source.under("worker/charging", "worker/jobs", "worker/store"):
        return
    for node in ast.walk(source.tree):
        said: list[ast.AST] = []
        match node:
            case ast.Tuple(elts=[first, middle, _]) if not isinstance(first, ast.Constant):
                said = list(ast.walk(middle))
            case ast.keyword(arg="reason", value=value):
                said = list(ast.walk(value))
            case ast.Assign(targets=[ast.Name(id="AMOUNT_DIFFERS")], value=value):
                said = [value]
            case ast.Constant(value=str(text)):
                yield from _IN_SQL.findall(text)
        for one in said:
            if isinstance(one, ast.Constant) and isinstance(one.value, str) and _WORD.fullmatch(one.value):
                yield one.value


def test_every_parking_reason_has_its_page() -> None:
    reasons = {reason for source in python_sources() for reason in parking_reasons(source)}
    known = {"term_already_over", "cannot_be_priced", "provider_refused", "amount_differs", "books_refuse"}
    assert known | {"unknown_too_long", "cannot_be_invoiced"} <= reasons, "the search itself is blind"
    assert reasons - set(_PAGES) == set()


@pytest.mark.parametrize(
    "planted",
    [
        "parked.append((row.id, 'no_such_page', str(error)))\n",
        "def f():\n    yield v.charge_id, v.reason or 'no_such_page', v.detail\n",
        "x = Verdict(charge_id, step, answer, reason='no_such_page')\n",
        "x = text(\"UPDATE charges SET parked_reason = 'no_such_page'\")\n",
    ],
)
def test_a_new_reason_is_found(planted: str) -> None:
    assert list(parking_reasons(Source("worker/charging/a.py", planted))) == ["no_such_page"]


def test_every_error_has_its_page() -> None:
    ours = {name for name, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, errors.OdnowaError)}
    assert len(ours) > 1
    assert ours - set(_PAGES) == set()


def test_every_finding_of_the_doctor_has_its_page() -> None:
    assert {f"doctor: {name}" for name, _, _ in doctor._CHECKS} - set(_PAGES) == set()


def test_whatever_is_stuck_has_its_page() -> None:
    assert {stuck.HELD_PAGE, stuck.DISPUTE_PAGE, stuck.RATE_PAGE, "dead", *_ANSWERS_MISSING} - set(_PAGES) == set()


def test_every_invariant_has_its_page_and_every_page_its_invariant() -> None:
    pages = [name for name in _PAGES if name.startswith("audit: ")]
    assert pages == [one.page for one in (*INVARIANTS.values(), *RULES.values())]


@pytest.mark.parametrize("job", jobs.load().values(), ids=lambda job: job.name)
def test_a_jobs_page_tells_its_hour(job: Job) -> None:
    hour = "minute" if job.daily_at is None else f"{job.daily_at:%H:%M}"
    assert hour in _PAGES[job.name]


def test_every_page_says_why_it_is_safe_or_belongs_to_a_kind() -> None:
    kinds = {"OdnowaError", "PermanentError", "TransientError"}
    silent = [name for name, text in _PAGES.items() if name not in kinds and "Safe" not in text]
    assert silent == []
