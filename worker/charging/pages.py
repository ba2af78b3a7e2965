"""The bytes of a printed document: the one way to read them, held to the hash that was written with them (R16)."""

import hashlib
from collections.abc import Mapping

from worker.errors import FileDamagedError
from worker.gateways.files import Files

AS_ISSUED = 1
"""The edition that was issued; each later one was printed for a note (R17)."""


def snapshot_of_edition(snapshot: Mapping[str, object], *, edition: int, note: str | None) -> Mapping[str, object]:
    """What an edition prints: the document as issued, or with the note that a later one was printed for."""
    return snapshot if edition == AS_ISSUED else {**snapshot, "note": note or None}


def read_pages(files: Files, *, sha256: str, kept: bytes | memoryview | None) -> bytes:
    """The PDF as it was printed and sent.

    Args:
        files: where pages are kept.
        sha256: the hash that was written when they were printed.
        kept: the bytes of documents from before there was a place of files; None for all later ones.

    Raises:
        FileMissingError, FileDamagedError: they are not what was printed; `odnowa invoice render` prints them again.
        UnreachableError: the place of files does not answer.
    """
    if kept is None:
        return files.get(sha256)
    content = bytes(kept)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise FileDamagedError(f"the pages {sha256} in the database have other bytes than were printed")
    return content
