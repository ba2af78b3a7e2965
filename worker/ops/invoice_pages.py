"""`odnowa invoice pdf` and `render`: the pages of a document, into a file, and back into the place of files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.ops.options import By, Json, NeedsReason

if TYPE_CHECKING:
    from worker.ops.session import Store

Number = Annotated[str, typer.Argument(help="The number on the document.", metavar="NUMBER")]
Edition = Annotated[
    int | None, typer.Option("--edition", min=1, help="An earlier printed edition; the newest if not given.")
]
OneEdition = Annotated[int | None, typer.Option("--edition", min=1, help="Only this one; all of them if not given.")]
To = Annotated[Path, typer.Option("--to", help="A file that does not exist yet.", metavar="FILE")]


def register(app: typer.Typer) -> None:
    """Add these commands to `odnowa invoice`."""
    app.command("pdf")(pdf)
    app.command("xml")(xml)
    app.command("render")(render)


def pdf(number: Number, *, to: To, edition: Edition = None, as_json: Json = False) -> None:
    """Write the pages of a document into a new file, as they were sent."""
    from worker.ops import show
    from worker.ops.session import open_store

    with open_store() as store:
        _, printed = document(store, number)
        chosen = one_edition(printed, number=number, edition=edition)
        write_pages(store, chosen, to)
    if as_json:
        show.document({"number": number, "edition": chosen.edition, "pdf_sha256": chosen.pdf_sha256, "file": to})
    else:
        show.line(f"{to}: {number}, edition {chosen.edition}")


def xml(number: Number, *, to: To, as_json: Json = False) -> None:
    """Write a document as XML of EN 16931 (CII, as in Factur-X) into a new file.

    For a document that was issued before its XML went into the pages too.
    """
    from worker.documents.einvoice import einvoice_xml
    from worker.errors import DocumentError, RefusedError
    from worker.ops import show
    from worker.ops.session import open_store

    with open_store() as store:
        row, _ = document(store, number)
    try:
        content = einvoice_xml(row.snapshot)
    except DocumentError as error:
        raise RefusedError(f"{error}, which the standard demands") from error
    with to.open("xb") as file:
        file.write(content)
    if as_json:
        show.document({"number": number, "xml_sha256": _sha256(content), "file": to})
    else:
        show.line(f"{to}: {number}")


def document(store: "Store", number: str) -> tuple[Any, list[Any]]:
    """A document and its printed editions, oldest first. Raises RefusedError when no document has the number."""
    from worker import boundary
    from worker.errors import RefusedError
    from worker.store import invoices

    with boundary.transaction(store.engine, "ops.invoice.show") as connection:
        row = invoices.by_number(connection, number)
        if row is None:
            raise RefusedError(f"no invoice or credit note has the number {number}")
        return row, list(invoices.pages(connection, row.id))


def one_edition(printed: list[Any], *, number: str, edition: int | None) -> Any:
    """The edition that was asked for, or the newest. Raises RefusedError when there is none."""
    from worker.errors import RefusedError

    chosen = [one for one in printed if edition in {None, one.edition}]
    if not chosen:
        raise RefusedError(f"{number} has {len(printed)} printed editions, and not the one that was asked for")
    return chosen[-1]


def write_pages(store: "Store", printed: Any, to: Path) -> None:
    """Write an edition into a file that does not exist yet; nothing is written when its bytes are not sound."""
    from worker.charging.pages import read_pages
    from worker.runtime import make_files

    pages = read_pages(make_files(store.settings), sha256=printed.pdf_sha256, kept=printed.pdf)
    with to.open("xb") as file:
        file.write(pages)


def render(number: Number, *, edition: OneEdition = None, reason: NeedsReason, by: By, as_json: Json = False) -> None:
    """Print the pages of a document again where they are lost or damaged.

    Only if they come out as they were sent, to the last byte; otherwise a backup has them.
    """
    from worker import boundary
    from worker.ops import show
    from worker.ops.session import open_store
    from worker.store.operations import write_audit

    with open_store() as store:
        row, printed = document(store, number)
        if edition is not None:
            printed = [one_edition(printed, number=number, edition=edition)]
        told = [
            {"edition": one.edition, "pdf_sha256": one.pdf_sha256, "was": _mend(store, row, one)} for one in printed
        ]
        mended = [one["edition"] for one in told if one["was"] != "intact"]
        if mended:
            with boundary.transaction(store.engine, "ops.invoice.render") as connection:
                details = {"number": number, "editions": mended}
                write_audit(connection, actor=by, act="invoice_render", reason=reason, details=details)
    if as_json:
        show.document({"number": number, "editions": told})
    else:
        for one in told:
            show.line(f"{number}, edition {one['edition']}: was {one['was']}, is intact")


def _mend(store: "Store", row: Any, printed: Any) -> str:
    """What an edition was like before; it is intact afterwards. Raises RefusedError when it cannot be."""
    from worker.charging.pages import logo_of, read_pages, snapshot_of_edition
    from worker.documents.invoice import render_invoice
    from worker.errors import FileDamagedError, FileMissingError, RefusedError
    from worker.runtime import make_files

    files = make_files(store.settings)
    try:
        read_pages(files, sha256=printed.pdf_sha256, kept=printed.pdf)
    except FileMissingError:
        was = "missing"
    except FileDamagedError:
        was = "damaged"
    else:
        return "intact"
    snapshot = snapshot_of_edition(row.snapshot, edition=printed.edition, note=printed.note)
    rendered = render_invoice(snapshot, logo=logo_of(files, row.snapshot))
    if printed.pdf is not None or _sha256(rendered.pdf) != printed.pdf_sha256:
        raise RefusedError(
            f"{row.number}, edition {printed.edition} is {was}, and this version of the program prints other bytes "
            "than were sent: get it back from a backup"
        )
    files.put(rendered.pdf)
    return was


def _sha256(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()
