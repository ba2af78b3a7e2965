"""Evidence for decisions on VAT: asks VIES about numbers, keeps what it says, tells customers of a plain no (R19).

A question leaves outside any transaction, and each answer is written before the next question.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from worker.billing.vat import SellerVat
from worker.billing.vat_checks import NOT_ASKED_PAUSE, ask_again_at
from worker.gateways.vies import COUNTRIES, ViesAnswer, ViesOutcome, ViesReason
from worker.runtime import Runtime
from worker.store import vat_numbers
from worker.store.mails import NewMail

log = structlog.get_logger("vat_evidence")

_NOT_SENT = frozenset({ViesReason.RESTING, ViesReason.CROWDED})
_VALID = {ViesOutcome.VALID: True, ViesOutcome.INVALID: False, ViesOutcome.UNKNOWN: None}


def asked_prefixes(runtime: Runtime) -> Sequence[str]:
    """How numbers begin that VIES is asked about: those of the other member states; none for an unregistered seller."""
    if runtime.seller.vat is not SellerVat.REGISTERED:
        return ()
    own = "EL" if runtime.seller.country == "GR" else runtime.seller.country
    return sorted(COUNTRIES - {own})


def keep(runtime: Runtime, connection: Connection, row: Row[Any], answer: ViesAnswer) -> NewMail | None:
    """Keep the answer about a number that `store.vat_numbers.to_ask` read; returns the mail that it causes."""
    if answer.reason in _NOT_SENT:
        vat_numbers.ask_later(connection, row.id, at=runtime.clock.now() + NOT_ASKED_PAUSE)
        return None
    if answer.reason is ViesReason.REQUESTER:
        # every question ends so until the setting is mended, and no customer is to blame
        log.error("vies_refuses_our_number", code=answer.code)
    valid = _VALID[answer.outcome]
    vat_numbers.keep_answer(
        connection,
        row.id,
        {
            "account_id": row.account_id,
            "number": answer.number,
            "outcome": answer.outcome.value,
            "reason": None if answer.reason is None else answer.reason.value,
            "code": answer.code,
            "told_at": answer.told_at,
            "told_on": answer.told_at.astimezone(runtime.clock.zone).date(),
            "consultation": answer.consultation,
            "told_on_their_clock": answer.told_on_their_clock,
            "body": answer.body,
            "body_sha256": None if answer.body is None else hashlib.sha256(answer.body.encode()).hexdigest(),
        },
        ask_at=ask_again_at(valid=valid, unanswered=row.unanswered, told_at=answer.told_at),
    )
    return _mail(runtime, row) if valid is False else None


def _mail(runtime: Runtime, row: Row[Any]) -> NewMail:
    """Once for each number: the usual cause, and where to look (R19)."""
    return NewMail(
        account_id=row.account_id,
        kind="vat_number_not_confirmed",
        subject_key=f"vat_number:{row.id}",
        data={
            "company": row.company,
            "vat_number": row.number,
            "register_url": runtime.links.vies_page_url,
            "account_url": runtime.links.account_page_url,
        },
    )
