"""The outbox: one connection for many mails, each acceptance committed before the next mail.

At least once: a crash inside the SMTP dialogue sends that mail again with the same Message-ID. A refused address
holds up nobody; a server that is away lets all wait. Twice is harmless: a sent mail is not waiting any more.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from worker import boundary
from worker.charging.pages import read_pages
from worker.documents.envelope import Attachment, build_message
from worker.documents.mail import SellerContact, render_mail
from worker.errors import DocumentError, FileDamagedError, FileMissingError, UnreachableError
from worker.gateways.smtp import MailAnswer, MailOutcome
from worker.job import job
from worker.queue.items import Lease, fence
from worker.queue.plans import Claimed, Plan, Planner, PlanRequest, in_items
from worker.runtime import Runtime
from worker.store import mails

log = structlog.get_logger("deliver_mail")

MAILS_MAX = 2000
"""Mails planned in one run; the rest follows a minute later."""
PAUSE_FIRST = timedelta(minutes=1)
PAUSE_MAX = timedelta(hours=4)


def planner(runtime: Runtime) -> Planner:
    """Mails that are due and that no living item holds."""
    del runtime

    def plan(connection: Connection, request: PlanRequest) -> Plan:
        ids = mails.waiting_mails(connection, now=request.now, only=request.only_subscription, most=MAILS_MAX)
        items = in_items(ids, size=request.item_size_max, claims=Claimed.MAILS, prefix="mails")
        return Plan(items, {"mails": len(ids)})

    return plan


@job(planner=planner, minutely=True)
def deliver_mail(runtime: Runtime, lease: Lease) -> Mapping[str, object]:
    """Send one batch. Raises UnreachableError when the mail server or the place of files is away, or takes nothing."""
    with boundary.transaction(runtime.engine, "mail.to_send") as connection:
        rows = mails.to_send(connection, lease.ids, item=lease.item_id, now=runtime.clock.now())
    counts: Counter[str] = Counter()
    with runtime.mailer() as mailer:
        for row in rows:
            now = runtime.clock.now()
            if row.useless_on is not None and row.useless_on <= runtime.clock.today():
                _withdraw(runtime, lease, row)
                counts["withdrawn"] += 1
                continue
            try:
                message = _write(runtime, row, now)
            except (DocumentError, FileMissingError, FileDamagedError, LookupError, TypeError, ValueError) as error:
                answer = MailAnswer(MailOutcome.REFUSED, None, f"cannot be rendered: {type(error).__name__}: {error}")
            else:
                answer = mailer.send(message, envelope_from=runtime.mail.sender, recipient=_address(message))
            if answer.for_everybody:
                raise UnreachableError(f"the mail server turns everybody away: {answer.code or ''} {answer.text}")
            _record(runtime, lease, row, answer, now)
            counts[answer.outcome.value] += 1
    return dict(counts)


def _write(runtime: Runtime, row: Row[Any], now: datetime) -> EmailMessage:
    seller = SellerContact(name=runtime.seller_details.name, support_email=runtime.mail.reply_to)
    rendered = render_mail(row.kind, locale=row.locale, data=_data_of_today(runtime, row), seller=seller)
    attachments = []
    if row.pdf_sha256 is not None:
        pages = read_pages(runtime.files, sha256=row.pdf_sha256, kept=row.pdf)
        attachments.append(Attachment(f"{row.invoice_number}.pdf", "application/pdf", pages))
    return build_message(
        rendered=rendered,
        kind=row.kind,
        recipient=row.email,
        sender=runtime.mail.sender,
        reply_to=runtime.mail.reply_to,
        mail_domain=runtime.mail.domain,
        message_key=f"{row.account_id}:{row.kind}:{row.subject_key}",
        written_at=now,
        attachments=attachments,
    )


def _address(message: EmailMessage) -> str:
    """The recipient as servers understand it: domains in their ASCII form."""
    return str(message["To"].addresses[0].addr_spec)


def _data_of_today(runtime: Runtime, row: Row[Any]) -> dict[str, object]:
    """A reminder tells the days that are truly left when it is sent (R9b)."""
    data: dict[str, Any] = dict(row.data)
    if row.kind == "term_ending":
        ends_on = datetime.fromisoformat(data["ends_on"]).date()
        data["days_left"] = (ends_on - runtime.clock.today()).days
    return data


def _withdraw(runtime: Runtime, lease: Lease, row: Row[Any]) -> None:
    with boundary.transaction(runtime.engine, "mail.withdraw") as connection:
        fence(connection, lease)
        mails.withdraw(connection, [row.id], because="too late: it would mislead")


def _record(runtime: Runtime, lease: Lease, row: Row[Any], answer: MailAnswer, now: datetime) -> None:
    said = f"{answer.code or ''} {answer.text}".strip()[:300]
    with boundary.transaction(runtime.engine, "mail.record") as connection:
        fence(connection, lease)
        _write_answer(runtime, connection, row, answer, said, now)
    if answer.outcome is not MailOutcome.ACCEPTED:
        log.warning("mail_not_accepted", mail=row.id, kind=row.kind, outcome=answer.outcome.value, code=answer.code)


def _write_answer(
    runtime: Runtime, connection: Connection, row: Row[Any], answer: MailAnswer, said: str, now: datetime
) -> None:
    if answer.outcome is MailOutcome.ACCEPTED:
        mails.mark_sent(connection, row.id, recipient=row.email, answer=said, now=now)
    elif answer.outcome is MailOutcome.REFUSED:
        mails.mark_failed(connection, row.id, recipient=row.email, answer=said)
    else:
        mails.mark_deferred(
            connection,
            row.id,
            recipient=row.email,
            answer=said,
            not_before=now + min(PAUSE_FIRST * 2**row.attempts, PAUSE_MAX),
            attempts_max=runtime.mail.attempts_max,
        )
