"""R21: the view that the chat product reads is right to the last committed change."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.support.builders import account, catalogue, rows, subscriber, subscription, update

TERM = date(2026, 2, 15)
ENDS = date(2026, 3, 15)
FREE = {
    "package": "free",
    "agents": 1,
    "conversations": 50,
    "status": "free",
    "valid_until": None,
    "support": False,
}
STANDARD = {"package": "standard", "agents": 3, "conversations": 100, "valid_until": ENDS}


def entitled(engine: Engine, name: str = "shop") -> dict[str, Any]:
    """The only row of an account, without its name."""
    found = rows(engine, "SELECT * FROM entitlements WHERE account = :name", name=name)
    assert len(found) == 1
    assert found[0].pop("account") == name
    return found[0]


def allow(engine: Engine, package: str, valid_from: date, included: int) -> None:
    """Another allowance from a day on."""
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO catalogue_allowances VALUES (:package, :valid_from, :included, 9999, 100)"),
            {"package": package, "valid_from": valid_from, "included": included},
        )


def test_R21_a_free_account_has_one_agent_and_no_support(engine: Engine) -> None:
    catalogue(engine)
    account(engine, external_id="shop")
    assert entitled(engine) == FREE


@pytest.mark.parametrize(("status", "support"), [("active", True), ("past_due", True), ("suspended", False)])
def test_R21_a_subscription_gives_its_package_and_paid_ones_support(
    engine: Engine, status: str, *, support: bool
) -> None:
    catalogue(engine)
    subscriber(engine, external_id="shop", anchor_on=TERM, status=status)
    assert entitled(engine) == {**STANDARD, "status": status, "support": support}


def test_R21_an_ended_subscription_leaves_a_free_account(engine: Engine) -> None:
    catalogue(engine)
    subscriber(engine, external_id="shop", anchor_on=TERM, status="ended")
    assert entitled(engine) == FREE


@pytest.mark.parametrize("live_first", [False, True])
def test_R21_a_live_subscription_stands_before_a_suspended_one(engine: Engine, *, live_first: bool) -> None:
    catalogue(engine)
    account_id = account(engine, external_id="shop")
    states = ["active", "suspended"] if live_first else ["suspended", "active"]
    for status in states:
        agents = 7 if status == "active" else 2
        subscription(engine, account_id, anchor_on=TERM, status=status, agents=agents)
    assert entitled(engine) == {**STANDARD, "agents": 7, "status": "active", "support": True}


def test_R21_of_two_suspended_subscriptions_the_newer_counts(engine: Engine) -> None:
    catalogue(engine)
    account_id = account(engine, external_id="shop")
    for agents in (2, 5):
        subscription(engine, account_id, anchor_on=TERM, status="suspended", agents=agents)
    assert entitled(engine)["agents"] == 5


@pytest.mark.parametrize(
    ("package", "extra", "conversations"), [("standard", 0, 100), ("standard", 400, 500), ("pro", 1000, 1500)]
)
def test_R2_extra_conversations_are_added_to_the_allowance(
    engine: Engine, package: str, extra: int, conversations: int
) -> None:
    catalogue(engine)
    subscriber(engine, external_id="shop", package=package, extra_conversations=extra)
    assert entitled(engine)["conversations"] == conversations
    assert entitled(engine)["package"] == package


@pytest.mark.parametrize(
    ("valid_from", "conversations"),
    [(TERM - timedelta(days=1), 150), (TERM, 150), (TERM + timedelta(days=1), 100), (ENDS, 100)],
)
def test_R3b_an_allowance_holds_for_terms_that_start_on_or_after_its_day(
    engine: Engine, valid_from: date, conversations: int
) -> None:
    catalogue(engine)
    subscriber(engine, external_id="shop", anchor_on=TERM)
    allow(engine, "standard", valid_from, 150)
    assert entitled(engine)["conversations"] == conversations


@pytest.mark.parametrize(("days", "conversations"), [(-1, 70), (0, 70), (2, 50)])
def test_R3b_a_free_account_gets_no_allowance_before_its_day(engine: Engine, days: int, conversations: int) -> None:
    catalogue(engine)
    account(engine, external_id="shop")
    today = rows(engine, "SELECT CURRENT_DATE AS today")[0]["today"]
    allow(engine, "free", today + timedelta(days=days), 70)
    assert entitled(engine)["conversations"] == conversations


def test_R21_each_account_has_exactly_one_row(engine: Engine) -> None:
    catalogue(engine)
    account(engine, external_id="free")
    for status in ("active", "past_due", "suspended", "ended"):
        of = subscriber(engine, external_id=status, anchor_on=TERM, status=status)
        subscription(engine, of.account_id, anchor_on=TERM, status="suspended")
    found = rows(engine, "SELECT account, status FROM entitlements ORDER BY account")
    assert {row["account"]: row["status"] for row in found} == {
        "free": "free",
        "active": "active",
        "past_due": "past_due",
        "suspended": "suspended",
        "ended": "suspended",
    }
    assert len(found) == 5


def test_R21_a_superseded_configuration_does_not_count(engine: Engine) -> None:
    catalogue(engine)
    of = subscriber(engine, external_id="shop", anchor_on=TERM)
    with engine.begin() as connection:
        connection.execute(text("UPDATE configurations SET in_force = false, superseded_at = now()"))
        connection.execute(
            text("""
                INSERT INTO configurations (subscription_id, package, interval, currency, agents, extra_conversations,
                                            conversation_block, agent_lots, block_lots, list_minor, in_force)
                VALUES (:id, 'pro', 'month', 'EUR', 9, 0, 100, '[[9, 3900]]', '[]', 35100, true)
            """),
            {"id": of.subscription_id},
        )
    assert (entitled(engine)["package"], entitled(engine)["agents"]) == ("pro", 9)


def test_R21_a_change_is_seen_with_its_commit_and_not_before(engine: Engine) -> None:
    catalogue(engine)
    of = subscriber(engine, external_id="shop", anchor_on=TERM)
    with engine.connect() as connection:
        connection.execute(text("UPDATE subscriptions SET status = 'suspended'"))
        assert entitled(engine)["status"] == "active"
        connection.rollback()
    update(engine, "subscriptions", of.subscription_id, status="suspended")
    assert (entitled(engine)["status"], entitled(engine)["support"]) == ("suspended", False)
