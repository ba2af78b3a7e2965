"""Broken builds: each takes one guard away, and the matrix must say that something is wrong.

They test the tests: what lets one of these live would let a real fault of that kind live too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock
from uuid import uuid4

import stripe
from sqlalchemy import Connection, create_engine

from tests.crash.play import Death
from worker import boundary
from worker.charging import payouts
from worker.gateways import answers
from worker.gateways.answers import AnswerKind
from worker.gateways.smtp import MailAnswer, MailOutcome
from worker.gateways.stripe import StripeGateway
from worker.jobs import deliver_mail as mail_job
from worker.store import invoices


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken build.

    Args:
        name: what is broken.
        scene: where it must show.
        deaths: where a process dies; any of them may show it. Empty for a play without a death.
        patch: breaks the code of the process that calls it.
        drops: an index that is dropped in the database meanwhile.
    """

    name: str
    scene: str
    deaths: Sequence[Death | None]
    patch: Callable[[], None] = lambda: None
    drops: str | None = None


def _put(target: Any, name: str, changed: Any) -> None:
    mock.patch.object(target, name, changed).start()  # it ends with its process


def no_key() -> None:
    """Every call goes under a key that nobody kept."""
    confirm = StripeGateway._confirm
    _put(StripeGateway, "_confirm", lambda line, request: confirm(line, replace(request, key=str(uuid4()))))


def unknown_is_declined() -> None:
    """Whatever is neither a yes nor a no is taken for a no."""
    for lost in (stripe.APIError, stripe.APIConnectionError):
        answers.ERROR_KINDS[lost] = AnswerKind.DECLINED


def _nothing(*_asked: object) -> None:
    return None


def refund_sent_again() -> None:
    """A refund without an answer is sent again under a new key, instead of being looked up."""
    refund = StripeGateway._refund
    _put(payouts, "_ours", _nothing)
    _put(StripeGateway, "_refund", lambda line, request: refund(line, replace(request, key=str(uuid4()))))


def number_before_the_commit() -> None:
    """An invoice's number is taken in a transaction of its own."""
    take = invoices.take_numbers

    def taken(connection: Connection, **series: Any) -> int:
        apart = create_engine(connection.engine.url)
        with apart.begin() as own:
            first = take(own, **series)
        apart.dispose()
        return first

    _put(invoices, "take_numbers", taken)


def sent_before_it_is_sent() -> None:
    """A mail is written down as sent before the mail server has it."""
    write = mail_job._write
    accepted = MailAnswer(MailOutcome.ACCEPTED, 250, "ok")

    def written(runtime: Any, row: Any, now: Any) -> Any:
        with boundary.transaction(runtime.engine, "mutant.sent") as connection:
            mail_job._write_answer(runtime, connection, row, accepted, "ok", now)
        return write(runtime, row, now)

    _put(mail_job, "_write", written)
    _put(mail_job, "_record", _nothing)


def _deaths(*names: str) -> Sequence[Death]:
    return [Death(name) for name in names]


MUTANTS: Sequence[Mutant] = (
    Mutant(
        "the idempotency key is removed",
        "renew_tries_declined",
        _deaths("after:call:stripe.confirm", "before:commit:charging.settle"),
        no_key,
    ),
    Mutant(
        "the index charges_term_key is dropped",
        "renew_tries_declined",
        _deaths("after:commit:queue.plan.renew", "after:commit:charging.price"),
        drops="charges_term_key",
    ),
    Mutant("unknown is taken for declined", "renew_answers_lost", [None], unknown_is_declined),
    Mutant(
        "an invoice's number is taken before the commit",
        "issue_what_nobody_rang_for",
        _deaths("before:commit:invoices.issue"),
        number_before_the_commit,
    ),
    Mutant(
        "a refund without an answer is sent again",
        "refund_in_part_is_paid",
        _deaths("after:call:stripe.refund", "before:commit:payouts.settle"),
        refund_sent_again,
    ),
    Mutant(
        "a mail is sent in the books before it is sent",
        "deliver_all_answers",
        _deaths("before:call:smtp.send"),
        sent_before_it_is_sent,
    ),
)
BY_NAME: Mapping[str, Mutant] = {mutant.name: mutant for mutant in MUTANTS}
