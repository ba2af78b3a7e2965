"""The bytes of a printed document: the one way to read them, held to the hash that was written with them (R16)."""

import hashlib
from collections.abc import Mapping
from typing import Any

import structlog

from worker.documents.logo import Logo
from worker.errors import FileDamagedError, FileMissingError
from worker.gateways.files import Files
from worker.runtime import Runtime

log = structlog.get_logger("pages")

AS_ISSUED = 1
"""The edition that was issued; each later one was printed for a note (R17)."""


def snapshot_of_edition(snapshot: Mapping[str, object], *, edition: int, note: str | None) -> Mapping[str, object]:
    """What an edition prints: the document as issued, or with the note that a later one was printed for."""
    return snapshot if edition == AS_ISSUED else {**snapshot, "note": note or None, "is_copy": bool(note)}


def keep_logo(runtime: Runtime) -> None:
    """Put the seller's mark where documents that are issued from now on name it."""
    if runtime.logo is not None:
        runtime.files.put(runtime.logo.content)


def logo_of(files: Files, snapshot: Mapping[str, Any]) -> Logo | None:
    """The mark that a document was issued with; None if it has none.

    One that is lost is left out, and told of: a document is worth more than its picture.

    Raises:
        UnreachableError: the place of files does not answer.
    """
    told = snapshot["seller"].get("logo")
    if told is None:
        return None
    try:
        return Logo(told["format"], files.get(told["sha256"]))
    except (FileDamagedError, FileMissingError) as error:
        log.warning("logo_lost", invoice=snapshot["number"], error=str(error))
        return None


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
