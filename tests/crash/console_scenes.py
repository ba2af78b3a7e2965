"""Scenes of the console and of what an operator does beside it: people, pauses, cancelled items, each page and act."""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from starlette.testclient import TestClient

from settings import Settings
from tests.crash.other_scenes import typed
from tests.crash.scenes import Made, nothing, of_other, work
from tests.support.builders import update
from tests.support.crowd import prepared
from tests.support.house import API_KEY, House
from tests.support.stories import customer
from worker.errors import RefusedError
from worker.operating import pausing, people, requeueing
from worker.operating.people import Role
from worker.web.app import build_app
from worker.web.console import make_console

PASSWORD = "correct horse battery staple"  # noqa: S105 - nobody's


def _dead(house: House) -> Made:
    customer(house, external_id="dead")
    (item,) = house.plan("renew").items
    update(house.engine, "work_items", item, state="dead", last_error="built by a test")
    return item


@of_other("operator", _dead, waits=True, gives_up=True)
def pause_cancel_and_resume(house: House, made: Made) -> object:
    """A job is held, a dead item given up, the job let go; the next run takes what the item had."""
    for act in (
        lambda: pausing.pause(house.engine, "renew", by="eva", reason="wrong prices"),
        lambda: requeueing.cancel(house.runtime, [made], by="eva", reason="not wanted"),
        lambda: pausing.resume(house.engine, "renew", by="eva", reason="right again"),
    ):
        with contextlib.suppress(RefusedError):
            act()
    work(house, "renew")
    return nothing(house)


def _nobody(house: House) -> Made:
    del house


@of_other("operator", _nobody)
def people_come_and_go(house: House, made: Made) -> object:
    """Somebody is let in, gets a password and a role, and is shut out."""
    del made
    for act in (
        lambda: people.add(house.engine, name="ania", role=Role.READ_ONLY, password=None, by="eva"),
        lambda: people.set_password(house.engine, name="ania", password=PASSWORD, by="eva"),
        lambda: people.set_role(house.engine, name="ania", role=Role.OPERATOR, by="eva"),
        lambda: people.disable(house.engine, name="ania", by="eva"),
    ):
        with contextlib.suppress(RefusedError):
            act()
    typed(house, ["user", "list"])
    return nothing(house)


def _operator(house: House) -> Made:
    customer(house)
    people.add(house.engine, name="ania", role=Role.OPERATOR, password=PASSWORD, by="eva")


@contextlib.contextmanager
def _inside(house: House) -> Iterator[tuple[TestClient, Callable[..., None]]]:
    """A browser of the operator who has logged in, and what sends its forms; the console ends with the block."""
    key = "only-for-tests-" * 3
    settings = Settings(
        _env_file=None,
        database_url=house.engine.url.render_as_string(hide_password=False),
        redis_url="redis://127.0.0.1:9/0",
        stripe_api_key=API_KEY,
        link_signing_key=key,
        web_session_key=key,
    )
    console = make_console(settings, replace(house.runtime, clock=house.clock))
    with TestClient(build_app(console), base_url="http://127.0.0.1") as client:

        def post(path: str, **fields: str) -> None:
            found = re.search(r'name="token" value="([^"]+)"', client.get("/login").text)
            client.post(path, data={"token": "" if found is None else found[1], **fields})

        post("/login", name="ania", password=PASSWORD)
        yield client, post
    console.reading.dispose()


@of_other("operator", _operator)
def a_round_through_the_console(house: House, made: Made) -> object:
    """Log in, look at every page, choose a language, pause and resume, log out."""
    del made
    with _inside(house) as (client, post):
        for page in ("/", "/queues", "/timetable", "/stuck", "/stuck/item/1", "/money", "/audit"):
            client.get(page)
        post("/language", locale="cs")
        post("/queues/pause", job="remind", reason="a rehearsal")
        post("/queues/resume", job="remind", reason="it is over")
        post("/logout")
    return nothing(house)


def _operator_and_paper(house: House) -> Made:
    """An invoice whose customer bears another name by now, so that it can be corrected."""
    _operator(house)
    number = prepared(house, "invoice_correct")
    return house.fetch("SELECT account_id, number FROM invoices WHERE number = :number", number=number)[0]


@of_other("operator", _operator_and_paper)
def a_customer_is_looked_at_in_the_console(house: House, made: Made) -> object:
    """Search, the story, a document, and the forms of what may be done; a death there changes nothing."""
    here = f"/customer/{made['account_id']}"
    with _inside(house) as (client, _):
        client.get("/customer", params={"q": made["number"]})
        client.get(here)
        client.get(f"{here}/pdf", params={"invoice": made["number"]})
        client.get(f"{here}/act/refund")
        client.get(f"{here}/act/correct", params={"invoice": made["number"]})
    return nothing(house)
