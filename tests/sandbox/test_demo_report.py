"""The demo's last lines: equal books, nothing stuck and nothing broken, or exit code 1."""

import io

import pytest
from rich.console import Console
from sqlalchemy import Engine

from worker.sandbox.books import Books
from worker.sandbox.demo_report import verdict
from worker.store.audit import Finding, Violation, find

SOUND = Finding(find("terms_overlap"), 0, [])
BROKEN = Finding(find("credit_overdrawn"), 2, [Violation(1, "shop-1", None, "the credit is -1 EUR")])


@pytest.mark.parametrize(
    ("audited", "books", "code", "said"),
    [
        ([SOUND], Books([], []), 0, "audit: 1 invariants, nothing broken"),
        ([SOUND, BROKEN], Books([], []), 1, "R12c an account's credit is overdrawn: 2, first the credit is -1 EUR"),
        ([SOUND, BROKEN], Books([], []), 1, "audit: 2 invariants, 1 broken"),
        ([SOUND], Books([], ["pi_1 was charged 2 times"]), 1, "pi_1 was charged 2 times"),
    ],
)
def test_whatever_is_wrong_is_said_and_is_the_exit_code(
    engine: Engine, audited: list[Finding], books: Books, code: int, said: str
) -> None:
    out = io.StringIO()
    assert verdict(Console(file=out, width=200), books, audited, engine, seconds=1) == code
    assert said in out.getvalue()
    assert ("books = journal" in out.getvalue()) == (code == 0)
