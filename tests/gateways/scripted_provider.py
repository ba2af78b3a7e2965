"""A payment provider that answers from a script, for what no well-behaved server and no emulator says."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class Said:
    """One answer over the wire.

    Args:
        status: the HTTP status.
        body: what is sent; a mapping becomes JSON.
        cut: leave out so many bytes at the end, though their number was promised, and hang up.
        silent: say nothing at all until the server ends.
        drip_s: send the body byte by byte, with so many seconds between them.
        headers: more of them.
    """

    status: int = 200
    body: dict[str, Any] | str = ""
    cut: int = 0
    silent: bool = False
    drip_s: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that arrived."""

    method: str
    path: str
    given: dict[str, str]
    key: str | None


def error(status: int, kind: str, code: str | None = None, message: str = "Something is wrong.") -> Said:
    """An error answer in the provider's form."""
    return Said(status, {"error": {"type": kind, "code": code, "message": message}})


class ScriptedProvider(ThreadingHTTPServer):
    """Listens on a free port of the loopback and gives its answers in turn; the last one repeats."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *answers: Said) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []
        self.ended = Event()
        super().__init__(("127.0.0.1", 0), _Conversation)

    @property
    def url(self) -> str:
        """Its address without a path."""
        return f"http://127.0.0.1:{self.server_port}"

    def next_answer(self) -> Said:
        """What is said to the request that came last."""
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


class _Conversation(BaseHTTPRequestHandler):
    server: ScriptedProvider
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        path, _, query = self.path.partition("?")
        given = dict(parse_qsl(self.rfile.read(length).decode() or query))
        self.server.asked.append(Asked(self.command, path, given, self.headers.get("Idempotency-Key")))
        said = self.server.next_answer()
        if said.silent:
            self.server.ended.wait(30)
            self.close_connection = True
            return
        body = (said.body if isinstance(said.body, str) else json.dumps(said.body)).encode()
        self.send_response(said.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Request-Id", "req_scripted")
        for name, value in said.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if said.drip_s:
            self._drip(body, said.drip_s)
        else:
            self.wfile.write(body[: len(body) - said.cut])
        self.close_connection = said.cut > 0

    def _drip(self, body: bytes, pause_s: float) -> None:
        with suppress(ConnectionError):  # whoever waits for this may well have left
            for at in range(len(body)):
                self.wfile.write(body[at : at + 1])
                if self.server.ended.wait(pause_s):
                    return

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the server's own names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the parent gave it
        """Say nothing; tests look at `asked`."""


@contextmanager
def saying(*answers: Said) -> Iterator[ScriptedProvider]:
    """A provider that runs and says this."""
    with ScriptedProvider(*answers) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()
