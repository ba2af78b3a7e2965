"""The mail sink as tests see it: where to send, and what arrived."""

from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from tests.support.processes import Listening

LINK = "now"
"""The link beside the sink's log that leads to the folder of the test that runs."""


@dataclass(frozen=True, slots=True)
class MailSink:
    """A mail server that keeps every mail as a file."""

    listening: Listening
    folder: Path
    _said_before: int = 0
    """Length of its log when the test began."""
    _read: dict[tuple[Path, int, int], EmailMessage] = field(default_factory=dict, compare=False)

    @property
    def said(self) -> str:
        """What it wrote to its log since the test began."""
        return self.listening.log.read_bytes()[self._said_before :].decode()

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
        """The same, each read once: the sink puts a mail there whole."""
        return [self._once(file) for file in self.files]

    def _once(self, file: Path) -> EmailMessage:
        stands = file.stat()
        as_it_stands = (file, stands.st_ino, stands.st_mtime_ns)
        if as_it_stands not in self._read:
            self._read[as_it_stands] = message_from_bytes(file.read_bytes(), policy=policy.default)
        return self._read[as_it_stands]


def lead(link: Path, folder: Path) -> Path:
    """Make a folder, and let the link lead there; returns the link."""
    folder.mkdir()
    turned = link.with_name("next")
    turned.symlink_to(folder)
    return turned.replace(link)


def fresh(listening: Listening, folder: Path) -> MailSink:
    """The sink, from now on with this folder; a connection that an earlier test left open ends in that test's own."""
    lead(listening.log.with_name(LINK), folder)
    return MailSink(listening, folder, listening.log.stat().st_size)
