"""Claims: a living item's rows are nobody else's; done or dead, it lets them go; planners at once share nothing."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, text

from tests.queue.specs import TODAY, free_rows, item_row, move, plan, spec
from tests.support.builders import NOON, account, catalogue, rows, subscriber
from tests.support.work import charge, mail
from worker.boundary import transaction
from worker.queue.items import fail, finish, lease, requeue
from worker.queue.plans import Claimed, JobSpec
from worker.store import charges, mails


def free_mails(connection: Connection) -> list[int]:
    return mails.waiting_mails(connection, now=NOON, only=None, most=1000)


def free_charges(connection: Connection) -> list[int]:
    return charges.due_charges(connection, business_date=TODAY, today=TODAY, only=None)


MAILS = spec("deliver_mail", free_rows(free_mails, Claimed.MAILS), daily_at=None, minutely=True)
CHARGES = spec("renew", free_rows(free_charges, Claimed.CHARGES))


def mails_waiting(engine: Engine, count: int) -> list[int]:
    account_id = account(engine)
    return [mail(engine, account_id) for _ in range(count)]


def planned(engine: Engine, one: JobSpec) -> list[int]:
    made = plan(engine, one)
    assert made is not None
    return list(made.items)


def held_rows(engine: Engine, item_id: int) -> list[int]:
    payload = item_row(engine, item_id)["payload"]
    assert isinstance(payload, dict)
    return list(payload["ids"])


def test_rows_bear_the_item_that_holds_them(engine: Engine) -> None:
    ids = mails_waiting(engine, 5)
    made = planned(engine, MAILS)
    assert [held_rows(engine, item_id) for item_id in made] == [ids[:2], ids[2:4], ids[4:]]
    for item_id in made:
        found = rows(engine, "SELECT id FROM mails WHERE work_item_id = :item ORDER BY id", item=item_id)
        assert [row["id"] for row in found] == held_rows(engine, item_id)


@pytest.mark.parametrize("state", ["ready", "leased", "held", "paused"])
def test_the_rows_of_a_living_item_are_not_planned_again(engine: Engine, state: str) -> None:
    mails_waiting(engine, 1)
    item_id = planned(engine, MAILS)[0]
    if state == "leased":
        assert lease(engine, item_id, lease_s=30)
    if state == "held":
        with engine.begin() as connection:
            connection.execute(text("UPDATE work_items SET not_before = 'infinity'"))
    if state == "paused":
        held = lease(engine, item_id, lease_s=30)
        assert held is not None
        assert fail(engine, held, OSError("again"), attempts_max=12) == "ready"
    assert planned(engine, MAILS) == []


@pytest.mark.parametrize("end", ["done", "dead", "cancelled", "forgotten"])
def test_rows_left_behind_are_free_again(engine: Engine, end: str) -> None:
    ids = mails_waiting(engine, 2)
    item_id = planned(engine, MAILS)[0]
    held = lease(engine, item_id, lease_s=30)
    assert held is not None
    if end == "done":
        finish(engine, held, {})
    elif end == "dead":
        assert fail(engine, held, OSError("broken"), attempts_max=1) == "dead"
    else:
        with engine.begin() as connection:
            if end == "cancelled":
                connection.execute(text("UPDATE work_items SET state = 'cancelled', lease_token = NULL"))
            else:
                connection.execute(text("DELETE FROM work_items"))
    again = planned(engine, MAILS)
    assert [held_rows(engine, one) for one in again] == [ids]
    assert again != [item_id]


def test_an_item_given_another_life_does_not_take_its_rows_back(engine: Engine) -> None:
    """The work asks for rows that bear its own id, so two living items never do the same row."""
    ids = mails_waiting(engine, 2)
    dead = planned(engine, MAILS)[0]
    held = lease(engine, dead, lease_s=30)
    assert held is not None
    fail(engine, held, OSError("broken"), attempts_max=1)
    heir = planned(engine, MAILS)[0]
    with transaction(engine, "test.requeue") as connection:
        assert requeue(connection, [dead]) == [dead]
    with transaction(engine, "test.read") as connection:
        assert mails.to_send(connection, ids, item=dead, now=NOON) == []
        assert [row.id for row in mails.to_send(connection, ids, item=heir, now=NOON)] == ids


@pytest.mark.parametrize("job", ["deliver_mail", "renew"])
def test_planners_at_once_claim_each_row_once(engine: Engine, job: str) -> None:
    catalogue(engine)
    if job == "renew":
        one, table = CHARGES, "charges"
        ids = [charge(engine, subscriber(engine), business_date=TODAY) for _ in range(9)]
    else:
        one, table = MAILS, "mails"
        ids = mails_waiting(engine, 30)
    for _ in range(3):
        with ThreadPoolExecutor(4) as pool:
            made = [item for done in [pool.submit(planned, engine, one) for _ in range(4)] for item in done.result()]
        taken = Counter(row_id for item_id in made for row_id in held_rows(engine, item_id))
        assert taken == Counter(ids)
        bearers = rows(engine, f"SELECT id, work_item_id FROM {table}")  # noqa: S608 - one of two names
        assert all(row["id"] in held_rows(engine, row["work_item_id"]) for row in bearers)
        with engine.begin() as connection:  # the items die, and all is planned again
            connection.execute(text("UPDATE work_items SET state = 'dead'"))


def test_a_planner_that_fails_claims_nothing(engine: Engine) -> None:
    mails_waiting(engine, 2)

    def breaks(connection: Connection) -> list[int]:
        free_mails(connection)
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        plan(engine, spec("deliver_mail", free_rows(breaks, Claimed.MAILS)))
    assert rows(engine, "SELECT id FROM mails WHERE work_item_id IS NOT NULL") == []
    item_id = planned(engine, MAILS)[0]
    move(engine, item_id, "not_before", -1)
    assert lease(engine, item_id, lease_s=30) is not None
