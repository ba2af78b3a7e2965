"""A mail server that answers from a script, for what no well-behaved server does."""

import contextlib
import socket
import socketserver
from collections.abc import Iterator, Mapping
from threading import Thread

HANG_UP = ""
"""As an answer: close the connection instead."""
SILENCE = "..."
"""As an answer: say nothing at all."""

_POLITE = {
    "GREETING": "220 ready",
    "EHLO": "250 hello",
    "HELO": "250 hello",
    "RSET": "250 reset",
    "MAIL": "250 sender fine",
    "RCPT": "250 recipient fine",
    "DATA": "354 go on",
    "BODY": "250 taken",
    "QUIT": "221 bye",
}


class ScriptedServer(socketserver.ThreadingTCPServer):
    """Listens on a free port of the loopback; `verbs` is all that clients asked, `connections` how often."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answers: Mapping[str, str]) -> None:
        self.answers = _POLITE | dict(answers)
        self.verbs: list[str] = []
        self.connections = 0
        super().__init__(("127.0.0.1", 0), _Conversation)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self.server_address[1]
        return port


class _Conversation(socketserver.StreamRequestHandler):
    server: ScriptedServer

    def handle(self) -> None:
        self.server.connections += 1
        # A client that hangs up in the middle is a normal end here.
        with contextlib.suppress(ConnectionError, BrokenPipeError):
            if self._answer("GREETING"):
                self._listen()

    def _listen(self) -> None:
        for line in self.rfile:
            verb = line.decode().split()[0].upper()
            self.server.verbs.append(verb)
            if not self._answer(verb):
                return
            if verb == "DATA" and self.server.answers["DATA"].startswith("354"):
                while self.rfile.readline() not in {b".\r\n", b""}:
                    pass
                if not self._answer("BODY"):
                    return
            if verb == "QUIT":
                return

    def _answer(self, verb: str) -> bool:
        answer = self.server.answers.get(verb, "502 what?")
        if answer == HANG_UP:
            self.connection.shutdown(socket.SHUT_RDWR)
            return False
        if answer != SILENCE:
            self.wfile.write(f"{answer}\r\n".encode())
        return True


@contextlib.contextmanager
def scripted(**answers: str) -> Iterator[ScriptedServer]:
    """A server that runs, with these answers (by verb, and GREETING and BODY) in place of polite ones."""
    with ScriptedServer(answers) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
