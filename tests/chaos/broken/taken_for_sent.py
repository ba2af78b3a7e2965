"""A mail that the mail server put off is taken for sent: mails are lost."""

from dataclasses import replace
from email.message import EmailMessage
from unittest import mock

from worker.gateways.smtp import MailAnswer, MailOutcome, SmtpMailer

_send = SmtpMailer.send


def send(mailer: SmtpMailer, message: EmailMessage, *, envelope_from: str, recipient: str) -> MailAnswer:
    """Hand a mail over; whatever is not refused is called accepted."""
    answer = _send(mailer, message, envelope_from=envelope_from, recipient=recipient)
    return replace(answer, outcome=MailOutcome.ACCEPTED) if answer.outcome is MailOutcome.DEFERRED else answer


mock.patch.object(SmtpMailer, "send", send).start()  # for the whole process

import worker.main  # noqa: E402, F401 - what it declares is what is loaded, and it must be broken before
