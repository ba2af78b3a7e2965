"""Customers: one is found, seen whole, and told as a story; what support may do for them is in `customer_acts.py`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row
from starlette.responses import Response

from worker import boundary
from worker.charging.pages import read_pages
from worker.errors import FileDamagedError, FileMissingError, RefusedError
from worker.operating import telling
from worker.operating.people import Role
from worker.store import story
from worker.store.console import customers as store
from worker.web.customer_acts import offered
from worker.web.render import HIDDEN, masked
from worker.web.visit import Visit, page
from worker.web.words import N_

FOUND_MAX, PAPERS_MAX, STORY_MAX = 25, 200, 150
SAID_MAX = 200
PERSONAL: Mapping[str, Sequence[str]] = {
    "billing_details": ("company", "street", "city", "postcode", "email", "vat_number"),
    "vat_check": ("number",),
    "mail": ("recipient", "answer"),
}
"""What of a story's event names a person; read-only does not see it."""


@page("/customer", role=Role.READ_ONLY, menu=N_("Customer"))
def search(visit: Visit) -> Response:
    """The search, and what it found; names and addresses are asked by those who may read them."""
    said = visit.field("q")
    if len(said) > SAID_MAX or not said.isprintable():
        raise RefusedError("what is searched for is too long, or holds characters that cannot be seen")
    found: Sequence[Row[Any]] = ()
    if said:
        with boundary.transaction(visit.console.reading, "web.customers") as connection:
            found = store.search(connection, said, by_name=visit.may(Role.SUPPORT), most=FOUND_MAX)
    return visit.render("customers.html.j2", said=said, found=found, most=FOUND_MAX)


def row_number(visit: Visit) -> int | None:
    """The account's number in the path, None when it is none."""
    said: str = visit.request.path_params["number"]
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 19 else None  # noqa: PLR2004 - a bigint's digits


@page("/customer/{number}", role=Role.READ_ONLY)
def customer(visit: Visit) -> Response:
    """One customer: who they are, what they have, their papers and their story, the newest first."""
    number, whole = row_number(visit), bool(visit.field("all"))
    with boundary.transaction(visit.console.reading, "web.customer") as connection:
        name = None if number is None else store.external_id(connection, number)
        if number is None or name is None:
            return visit.refused("there is no such customer", status=404)
        row = story.account(connection, name)
        assert row is not None, "the account was there in the same transaction"
        events = story.story(connection, account_id=number, subscription_id=row.subscription_id or 0)
        facts = _facts(connection, row)
    shown = [
        _told(one, masks=not visit.may(Role.SUPPORT)) for one in reversed(events if whole else events[-STORY_MAX:])
    ]
    return visit.render(
        "customer.html.j2",
        row=row,
        events=shown,
        many=len(events),
        acts=offered(row) if visit.may(Role.SUPPORT) else (),
        **facts,
    )


def _facts(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    return {
        "credit": story.credit(connection, row.id),
        "goodwill": store.goodwill(connection, row.id),
        "check": store.last_vat_check(connection, row.id, row.vat_number) if row.vat_number else None,
        "papers": store.papers(connection, row.id, most=PAPERS_MAX),
    }


def _told(event: Row[Any], *, masks: bool) -> dict[str, Any]:
    """An event in words; for read-only without what names a person."""
    hidden = {name: HIDDEN for name in PERSONAL.get(event.kind, ()) if masks and event.facts.get(name)}
    words = telling.sentence(event.kind, {**event.facts, **hidden})
    return {"at": event.at, "kind": event.kind, "words": masked(words) if masks else words}


@page("/customer/{number}/pdf", role=Role.SUPPORT)
def pdf(visit: Visit) -> Response:
    """The newest edition of one of the customer's documents, held to the hash that was written when it was sent."""
    account, number = row_number(visit), visit.field("invoice")
    chosen = None
    if account is not None and number.isascii() and number.isprintable():
        with boundary.transaction(visit.console.reading, "web.pdf") as connection:
            chosen = store.newest_pages(connection, account, number)
    if chosen is None:
        return visit.refused("this customer has no printed document of that number", status=404)
    try:
        content = read_pages(visit.console.runtime.files, sha256=chosen.pdf_sha256, kept=chosen.pdf)
    except (FileMissingError, FileDamagedError) as error:
        return visit.refused(f"{error}; `odnowa invoice render {chosen.number}` prints it again", status=503)
    name = re.sub(r"[^A-Za-z0-9._-]", "-", chosen.number).lstrip(".")
    return Response(
        content, media_type="application/pdf", headers={"content-disposition": f'attachment; filename="{name}.pdf"'}
    )


pages = [search, customer, pdf]
