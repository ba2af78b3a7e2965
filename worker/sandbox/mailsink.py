"""A mail server that delivers nothing: each mail becomes a file, and some recipients misbehave on cue.

The local part of a recipient says how the server answers it:
    bounce...     550 to RCPT: no such mailbox
    later...      451 to RCPT: try later
    dataerror...  554 after DATA: content refused
    drop...       takes the mail, then closes the connection before it answers

Any recipient meets trouble while the file of `--trouble` says so: of the next `mails` so many are put off (`later`,
451), refused (`refuse`, 550) or taken before the connection is closed without an answer (`drop`), in an order by its
`seed`, as {"seed": 7, "mails": 20, "later": 4, "refuse": 2, "drop": 3}; {} is no trouble. Each is told on a line of
the output: `trouble: later`. What is counted is mails and no time, so that trouble meets mails however few there are.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import re
import signal
from email.parser import BytesHeaderParser
from email.policy import compat32
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

KIND_HEADER = "X-Odnowa-Kind"
"""Header of a mail that says what it is about; a part of the file's name."""

_HOST = "127.0.0.1"
_LOOK_S = 0.2
_LONGEST_PART = 80


def safe_part(text: str) -> str:
    """A text as a part of a file name: no path, no space, no control characters, not too long."""
    return re.sub(r"[^A-Za-z0-9@._+-]+", "_", text).strip(".")[:_LONGEST_PART] or "_"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that readers see all of it or nothing."""
    growing = path.with_name(f".{path.name}.part")
    growing.write_bytes(content)
    growing.replace(path)


def _means(recipients: list[str], word: str) -> bool:
    return any(recipient.lower().startswith(word) for recipient in recipients)


class Trouble:
    """What happens to mails whoever their recipient is, as a file says it at the moment."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._said = ""
        self._lots: list[str] = []

    def draw(self) -> str:
        """What the next mail meets: later, refuse, drop, or nothing."""
        said = "{}" if self._path is None else self._path.read_text(encoding="ascii")
        if said != self._said:
            self._said, told = said, json.loads(said)
            lots = [kind for kind in ("later", "refuse", "drop") for _ in range(told.get(kind, 0))]
            self._lots = lots + [""] * (told.get("mails", 0) - len(lots))
            random.Random(told.get("seed", 0)).shuffle(self._lots)
        met = self._lots.pop() if self._lots else ""
        if met:
            print(f"trouble: {met}", flush=True)
        return met


class Sink:
    """What the server does with recipients and mails; aiosmtpd calls it by these names."""

    def __init__(self, folder: Path, trouble: Trouble) -> None:
        """A sink into a folder; numbers go on after the mails that are in it."""
        self._trouble = trouble
        folder.mkdir(parents=True, exist_ok=True)
        taken = [int(file.name[:6]) for file in folder.glob("[0-9][0-9][0-9][0-9][0-9][0-9]-*.eml")]
        self.folder = folder
        self._numbers = itertools.count(max(taken, default=0) + 1)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take or refuse a recipient."""
        if _means([address], "bounce"):
            return "550 5.1.1 no such mailbox"
        if _means([address], "later"):
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep or refuse a mail."""
        met = self._trouble.draw()
        if _means(envelope.rcpt_tos, "dataerror"):
            return "554 5.6.0 content refused"
        if met == "refuse":
            return "550 5.7.1 refused"
        if met == "later":
            return "451 4.3.0 try again later"
        content = envelope.original_content or b""
        headers = BytesHeaderParser(policy=compat32).parsebytes(content)
        kind = safe_part(str(headers.get(KIND_HEADER, "mail")))
        name = f"{next(self._numbers):06}-{kind}-{safe_part(envelope.rcpt_tos[0])}.eml"
        write_whole(self.folder / name, content)
        if (met == "drop" or _means(envelope.rcpt_tos, "drop")) and server.transport is not None:
            server.transport.close()
        return "250 2.0.0 kept"


class Sinks:
    """The sink of the folder that a path leads to at the moment.

    Where the path is a link, it may be turned to another folder at any time: later connections find that one, with
    numbers of its own, and those that are open go on with the folder that they began with.
    """

    def __init__(self, path: Path, trouble: Trouble | None = None) -> None:
        self._path = path
        self._trouble = trouble or Trouble(None)
        self._sink = Sink(path.resolve(), self._trouble)

    def now(self) -> Sink:
        """The sink for a new connection."""
        folder = self._path.resolve()
        if folder != self._sink.folder:
            self._sink = Sink(folder, self._trouble)
        return self._sink


async def serve(sinks: Sinks, *, port: int, port_file: Path | None, parent: int | None) -> None:
    """Listen until told to stop, or until the parent process is gone.

    Args:
        sinks: what takes the mails.
        port: 0 for any free one.
        port_file: where to write the port once mails can come.
        parent: process number to live as long as; None to live on.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def protocol() -> SMTP:
        return SMTP(sinks.now(), hostname="localhost", ident="Odnowa mail sink", enable_SMTPUTF8=True, loop=loop)

    server = await loop.create_server(protocol, _HOST, port)
    bound = server.sockets[0].getsockname()[1]
    print(f"Mail sink on {_HOST}:{bound}: mails become files, nothing is delivered to anybody.", flush=True)
    if port_file is not None:
        write_whole(port_file, f"{bound}\n".encode())
    while not stop.is_set() and parent in (None, os.getppid()):
        try:
            await asyncio.wait_for(stop.wait(), _LOOK_S)
        except TimeoutError:
            continue
    server.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where mails are kept; may be a link that is turned")
    parser.add_argument("--trouble", type=Path, help="a file that says what happens to mails; see above")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--port-file", type=Path, help="where to write the port once mails can come")
    parser.add_argument("--die-with-parent", action="store_true", help="end when the starter ends")
    options = parser.parse_args()
    parent = os.getppid() if options.die_with_parent else None
    asyncio.run(
        serve(
            Sinks(options.folder, Trouble(options.trouble)),
            port=options.port,
            port_file=options.port_file,
            parent=parent,
        )
    )


if __name__ == "__main__":
    main()
