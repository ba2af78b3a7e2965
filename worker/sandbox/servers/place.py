"""Where private servers live and who they run as: short folders, the unprivileged user, runnable binaries."""

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from worker.errors import SettingsError

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
"""All that servers see of the environment, so that PGHOST and the like of a shell cannot reach them."""

_ORIGIN = "origin"
"""In a folder that stands in for another one, data or binaries: which one."""

_SHORT = 60
"""Longest base folder, in bytes, that leaves a socket's path under the kernel's limit of 107."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The user that servers run as when the starter is root; PostgreSQL refuses to be root."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Hand a path over to this user."""
        os.chown(path, self.uid, self.gid)


def identity() -> Identity | None:
    """Nobody when we are root, else None: the servers run as ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise SettingsError("the servers cannot run as root, and there is no user nobody to run as") from error
    return Identity(entry.pw_uid, entry.pw_gid)


def run_as(who: Identity | None, arguments: Sequence[str]) -> "subprocess.CompletedProcess[bytes]":
    """Run a program to its end as the servers' user. Raises OSError when it cannot be started at all."""
    return subprocess.run(
        arguments,
        capture_output=True,
        env=ENVIRONMENT,
        check=False,
        cwd="/",
        user=None if who is None else who.uid,
        group=None if who is None else who.gid,
        extra_groups=None if who is None else [],
    )


def can_run(command: Sequence[str | Path], who: Identity | None) -> bool:
    """Whether the user can run the command and it succeeds; found out by running it."""
    arguments = [str(part) for part in command]
    try:
        return run_as(who, arguments).returncode == 0
    except OSError:
        return False


def can_enter(folder: Path, who: Identity | None) -> bool:
    """Whether the user can reach the folder through all its parents and write into it."""
    return can_run(["/bin/sh", "-c", 'cd "$1" && test -w .', "sh", folder], who)


def base(who: Identity | None) -> Path:
    """This user's folder under the system's temporary folder; made when missing.

    Raises:
        SettingsError: it belongs to somebody else, or no temporary folder is short and open enough.
    """
    # The second is for a TMPDIR that is too long for sockets or closed to the unprivileged user.
    for parent in (Path(tempfile.gettempdir()).resolve(), Path("/tmp")):  # noqa: S108 - guarded below
        folder = parent / f"odnowa-{os.geteuid()}"
        if len(os.fsencode(folder)) > _SHORT or not can_run(["/bin/sh", "-c", 'cd "$1"', "sh", parent], who):
            continue
        wanted = 0o711 if who is not None else 0o700
        folder.mkdir(mode=wanted, exist_ok=True)
        state = folder.lstat()
        if not folder.is_dir() or folder.is_symlink() or state.st_uid != os.geteuid():
            raise SettingsError(f"{folder} is not a folder of ours; remove it")
        folder.chmod(wanted)
        return folder
    raise SettingsError("no temporary folder is short enough for sockets and open to the servers; set TMPDIR")


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode(errors="surrogateescape")).hexdigest()[:12]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _abandoned(folder: Path) -> bool:
    """Whether the owner of a folder has died: the kernel gave its lock back."""
    try:
        with (folder / "owner").open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # made without a lock: its maker died between two lines
    return True


def _orphaned(stand_in: Path) -> bool:
    """Whether the place that a folder stands in for was removed, as `make clean` does."""
    try:
        origin = Path(os.fsdecode((stand_in / _ORIGIN).read_bytes()))
    except OSError:
        return True
    return not origin.parent.exists()


@dataclass(frozen=True, slots=True)
class Private:
    """A short-named folder that lives as long as its lock is held."""

    path: Path
    run: Path
    """The part of it that belongs to the servers' user: sockets and data; the rest is ours."""
    lock: int
    """Descriptor of the held lock; whoever keeps it open keeps the folder from being swept away."""

    def close(self) -> None:
        """Remove the folder and let go of the lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def private_folder(who: Identity | None) -> Private:
    """A new folder of the servers' user; folders whose owners died are removed first."""
    under = base(who)
    with _locked(under / "lock"):
        for left in under.glob("s-*"):
            if _abandoned(left):
                shutil.rmtree(left, ignore_errors=True)
        for stand_in in under.glob("[bd]-*"):
            if _orphaned(stand_in):
                shutil.rmtree(stand_in, ignore_errors=True)
        path = Path(tempfile.mkdtemp(prefix="s-", dir=under))
        lock = os.open(path / "owner", os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.write(lock, f"{os.getpid()}\n".encode())
        run = path / "run"
        run.mkdir(mode=0o700)
        if who is not None:
            path.chmod(0o711)
            who.own(run)
    return Private(path, run, lock)


def data_folder(wanted: Path, who: Identity | None) -> Path:
    """The folder where a server's data stays between starts.

    Usually the wanted one. When we are root and the servers' user cannot come there (a checkout in a closed
    home), a folder under `base` that is always the same for the wanted one; permissions elsewhere stay.
    """
    wanted = wanted.resolve()
    wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
    if who is not None:
        who.own(wanted)
    if can_enter(wanted, who):
        return wanted
    with contextlib.suppress(OSError):
        wanted.rmdir()  # nothing of a server is in it
    under = base(who)
    named = under / f"d-{_digest(str(wanted))}"
    with _locked(under / "lock"):
        named.mkdir(mode=0o700, exist_ok=True)
        (named / _ORIGIN).write_bytes(os.fsencode(wanted))
        if who is not None:
            who.own(named)
    return named


def _copied(source: Path, parts: Sequence[str], who: Identity | None) -> Path:
    """A copy of the installed folder that the servers' user can read; made once for each installation."""
    under = base(who)
    stamp = sorted(f"{entry.name} {entry.stat().st_mtime_ns}" for entry in source.glob("*.dist-info"))
    origin = f"b-{_digest(str(source), *parts)}-"
    target = under / (origin + _digest(*stamp))
    with _locked(under / "lock"):
        if not target.is_dir():
            for outdated in under.glob(f"{origin}*"):
                shutil.rmtree(outdated, ignore_errors=True)
            growing = Path(tempfile.mkdtemp(prefix="s-copy-", dir=under))
            for part in parts:
                shutil.copytree(source / part, growing / part, symlinks=True, copy_function=shutil.copy)
            for entry in (growing, *growing.rglob("*")):
                if not entry.is_symlink():
                    entry.chmod(0o755 if entry.is_dir() or os.access(entry, os.X_OK) else 0o644)
            (growing / _ORIGIN).write_bytes(os.fsencode(source))
            growing.rename(target)
    return target


def binaries(parts: Sequence[str], proof: str, who: Identity | None) -> Path:
    """The folder that holds the servers' wheels, or a copy of it that the servers' user can run.

    Args:
        parts: the folders in it that the server needs.
        proof: the program, relative to the folder, that must answer `--version`.
        who: the user that shall run it.

    Raises:
        SettingsError: the wheels are not installed, or do not run on this machine.
    """
    source = Path(sys.prefix) / "servers"
    if not (source / proof).is_file():
        raise SettingsError(f"{source / proof} is missing; run make setup, or set DATABASE_URL and REDIS_URL")
    if can_run([source / proof, "--version"], who):
        return source
    if who is not None:
        copy = _copied(source, parts, who)
        if can_run([copy / proof, "--version"], who):
            return copy
    raise SettingsError(f"{source / proof} does not run on this machine; set DATABASE_URL and REDIS_URL")
