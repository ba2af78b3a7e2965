"""Files by their content: what is put gets the SHA-256 of its bytes as its address, and what is got is held to it.

The place is a folder, or whatever `fsspec` knows by its address, such as s3:// with the package s3fs. All processes of
an installation must reach the same place. Putting twice is harmless, and mends a file that was damaged.
"""

import hashlib
import os
import re
from functools import cached_property
from pathlib import Path
from typing import cast
from uuid import uuid4

import fsspec
from fsspec.implementations.local import LocalFileSystem

from worker import boundary
from worker.errors import FileDamagedError, FileMissingError, SettingsError, UnreachableError

_ADDRESS = re.compile(r"[0-9a-f]{64}")
_MODE = 0o640
"""Documents are nobody's business but the owner's and the group's."""


class Files:
    """The way to the place of files for one process; threads may share it, and it is looked for at the first call.

    Args:
        url: a folder, or an address that fsspec knows.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    @cached_property
    def _place(self) -> tuple[fsspec.AbstractFileSystem, str]:
        """The file system, and the path within it."""
        try:
            found = fsspec.core.url_to_fs(self._url)
        except (ImportError, ValueError) as error:
            raise SettingsError(
                f"FILES_URL: {self._url} is no place that this installation can reach: {error}"
            ) from None
        return cast("tuple[fsspec.AbstractFileSystem, str]", found)

    def put(self, content: bytes) -> str:
        """Keep bytes; returns their address, by which they are got. What is there already stays.

        Raises:
            UnreachableError: the place cannot be written; nothing half-written is ever got.
            SettingsError: the address of the place is none.
            CallInsideTransactionError: a transaction is open.
        """
        address = hashlib.sha256(content).hexdigest()
        place = self._place
        with boundary.call("files.put"):
            if self._read(place, address) != content:
                self._write(place, address, content)
        return address

    def get(self, address: str) -> bytes:
        """The bytes of an address; never others.

        Raises:
            FileMissingError: the place holds no such file.
            FileDamagedError: it holds one with other bytes.
            UnreachableError: the place does not answer, or is not there at all.
            SettingsError, CallInsideTransactionError: as `put`.
        """
        place = self._place
        with boundary.call("files.get"):
            content = self._read(place, address)
            if content is None and not self._is_there(place):
                raise UnreachableError(f"the place of files {self._url} is not there")
        if content is None:
            raise FileMissingError(f"the file {address} is missing in {self._url}")
        if hashlib.sha256(content).hexdigest() != address:
            raise FileDamagedError(f"the file {address} in {self._url} has other bytes than were put there")
        return content

    def try_out(self) -> None:
        """Write a file, read it back and remove it. Raises as `put` and `get`."""
        place = self._place
        address = self.put(f"odnowa doctor {uuid4()}".encode())
        self.get(address)
        with boundary.call("files.remove"):
            self._remove(place, address)

    def _read(self, place: tuple[fsspec.AbstractFileSystem, str], address: str) -> bytes | None:
        system, root = place
        path = _path(root, address)
        try:
            return cast("bytes", system.cat_file(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Exception as error:
            raise self._away(error) from error

    def _write(self, place: tuple[fsspec.AbstractFileSystem, str], address: str, content: bytes) -> None:
        system, root = place
        path = _path(root, address)
        try:
            if isinstance(system, LocalFileSystem):
                _write_whole(Path(path), content)
            else:
                system.pipe_file(path, content)  # object stores show a file only when it is whole
        except Exception as error:
            raise self._away(error) from error

    def _is_there(self, place: tuple[fsspec.AbstractFileSystem, str]) -> bool:
        system, root = place
        try:
            system.invalidate_cache()
            return bool(system.exists(root))
        except Exception as error:
            raise self._away(error) from error

    def _remove(self, place: tuple[fsspec.AbstractFileSystem, str], address: str) -> None:
        system, root = place
        try:
            system.rm_file(_path(root, address))
        except Exception as error:
            raise self._away(error) from error

    def _away(self, error: Exception) -> UnreachableError:
        # each kind of place has errors of its own, and all of them mean that it cannot be used now
        return UnreachableError(f"the place of files {self._url} cannot be used: {type(error).__name__}: {error}")


def _path(root: str, address: str) -> str:
    """Where a file lies: folders of the first two digits, so that none holds too many."""
    if not _ADDRESS.fullmatch(address):
        raise FileMissingError(f"{address[:80]!r} is no address of a file")
    return f"{root.rstrip('/')}/{address[:2]}/{address}"


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all, also after the power went."""
    missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    growing = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        with os.fdopen(os.open(growing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        growing.replace(path)
    except BaseException:
        growing.unlink(missing_ok=True)
        raise
    for folder in {path.parent, *(one.parent for one in missing)}:
        _sync(folder)


def _sync(folder: Path) -> None:
    """Make the names in a folder last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
