"""The mail sink as tests see it: where to send, and what arrived."""

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from tests.support.processes import Listening


@dataclass(frozen=True, slots=True)
class MailSink:
    """A mail server that keeps every mail as a file."""

    listening: Listening
    folder: Path

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return self.listening.port

    @property
    def files(self) -> list[Path]:
        """The mails that it kept, in the order in which they came."""
        return sorted(self.folder.glob("*.eml"))

    @property
    def mails(self) -> list[EmailMessage]:
        """The same, read."""
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in self.files]
