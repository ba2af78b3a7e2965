"""The operator and money that goes back: what is stuck, another life, the story, the acts at the desk."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.ops.conftest import Odnowa
from tests.support.builders import NOON, Subscriber, insert, rows, subscriber
from tests.support.money_back import dispute, payout
from tests.support.work import charge
from worker.queue.items import lease
from worker.runtime import Runtime


def paid(engine: Engine, name: str = "shop-1") -> tuple[Subscriber, int]:
    """A subscriber, and the charge that paid the newest term."""
    of = subscriber(engine, external_id=name)
    return of, charge(engine, of, state="succeeded")


def test_R14b_parked_and_unanswered_payouts_are_stuck_and_no_others(odnowa: Odnowa, engine: Engine) -> None:
    of, sold = paid(engine)
    parked = payout(engine, of, sold, state="failed", parked_reason="payout_failed", parked_detail="closed card")
    other, sold = paid(engine, "shop-2")
    unknown = payout(engine, other, sold, state="unknown", sent_at=NOON, checks=3)
    for n, state in enumerate(("planned", "sent", "pending", "succeeded")):
        other, sold = paid(engine, f"well-{n}")
        payout(engine, other, sold, state=state)
    found = {row["id"]: row for row in json.loads(odnowa("stuck", "--json").stdout)}
    assert set(found) == {parked, unknown}
    assert found[parked]["reason"] == "payout_failed: closed card"
    assert found[parked]["next"] == f'runbook "payout_failed"; odnowa requeue --payout {parked} --reason ...'
    assert found[unknown]["reason"] == "the provider's answer is missing, looked up 3 times"
    assert found[unknown]["runbook"] == "unknown"


def test_R14c_a_dispute_is_stuck_until_support_releases_it(odnowa: Odnowa, engine: Engine) -> None:
    of, sold = paid(engine)
    dispute(engine, of, sold)
    other, sold = paid(engine, "shop-2")
    dispute(engine, other, sold, status="won", provider_dispute="du_won")
    third, sold = paid(engine, "shop-3")
    dispute(engine, third, sold, status="lost", released_at=NOON)
    still_open, won = json.loads(odnowa("stuck", "--json").stdout)
    assert (still_open["state"], still_open["runbook"]) == ("open", "dispute")
    assert "wait for the bank" in still_open["next"]
    assert "57.00 EUR: fraudulent" in still_open["reason"]
    assert won["next"].endswith("odnowa desk dispute-release shop-2 du_won --reason ...")


def test_R14b_a_parked_payout_gets_another_life(odnowa: Odnowa, engine: Engine, runtime: Runtime) -> None:
    of, sold = paid(engine)
    failed = payout(engine, of, sold, state="failed", parked_reason="payout_failed", provider_refund="re_1")
    other, sold = paid(engine, "shop-2")
    unknown = payout(engine, other, sold, state="unknown", sent_at=NOON, checks=100, parked_reason="unknown_too_long")
    before = {row["id"]: row for row in rows(engine, "SELECT id, uid FROM payouts")}
    line = f"requeue --payout {failed} --payout {unknown} --reason looked --by jana"
    assert odnowa(*line.split()).stdout == "requeued: 0 items, 0 charges, 0 mails, 2 payouts\n"
    after = {row["id"]: row for row in rows(engine, "SELECT * FROM payouts")}
    assert (after[failed]["state"], after[failed]["provider_refund"]) == ("planned", None)
    assert after[failed]["uid"] != before[failed]["uid"], "paid again under a new name"
    assert (after[unknown]["state"], after[unknown]["checks"]) == ("unknown", 0)
    assert after[unknown]["uid"] == before[unknown]["uid"], "only looked up again"
    held = lease(runtime.engine, after[failed]["work_item_id"], lease_s=30)
    assert held is not None
    assert (held.job, held.ids) == ("pay_refunds", (failed, unknown))
    (audit,) = rows(engine, "SELECT actor, reason, details FROM audit_log")
    assert (audit["actor"], audit["details"]["payouts"]) == ("jana", [failed, unknown])
    assert audit["details"]["sent_before"][str(failed)]["refund"] == "re_1"
    assert odnowa(*line.split()).exit_code == 1, "they are not parked any more"


def told(odnowa: Odnowa, name: str) -> dict[str, dict[str, Any]]:
    """The facts of the story, by kind."""
    events = json.loads(odnowa("explain", name, "--json").stdout)["events"]
    return {event["kind"]: event["facts"] for event in events}


def test_R14_the_story_tells_of_refunds_payouts_reversals_disputes_and_credit(odnowa: Odnowa, engine: Engine) -> None:
    of, sold = paid(engine)
    payout(engine, of, sold, state="failed", parked_reason="payout_failed", parked_detail="closed card")
    (refund,) = rows(engine, "SELECT id FROM refunds")
    insert(
        engine,
        "reversals",
        account_id=of.account_id,
        subscription_id=of.subscription_id,
        charge_id=sold,
        refund_id=refund["id"],
        currency="EUR",
        net_minor=5700,
        vat_minor=0,
        gross_minor=5700,
        frozen={"lines": []},
        reversed_on=NOON.date(),
        made_at=NOON,
    )
    insert(
        engine,
        "credit_entries",
        account_id=of.account_id,
        currency="EUR",
        amount_minor=-300,
        kind="refund",
        refund_id=refund["id"],
    )
    dispute(engine, of, sold)
    facts = told(odnowa, "shop-1")
    assert facts["refund"].items() >= {"about": "full", "total_minor": 5700, "reason": "built by a test"}.items()
    assert facts["payout"].items() >= {"state": "failed", "parked": "payout_failed", "charge": sold}.items()
    assert facts["reversal"].items() >= {"gross_minor": 5700, "refund": refund["id"]}.items()
    assert facts["dispute"].items() >= {"status": "open", "dispute": f"du_{sold}"}.items()
    assert facts["credit"].items() >= {"why": "refund", "amount_minor": -300, "refund": refund["id"]}.items()
    assert "57.00 EUR" in odnowa("explain", "shop-1").stdout


def test_R14b_a_refund_and_the_same_again_by_hand(odnowa: Odnowa, engine: Engine) -> None:
    paid(engine)
    line = (
        "desk",
        "refund",
        "shop-1",
        "--override",
        "--amount",
        "700",
        "--reason",
        "it was slow",
        "--request-id",
        "r-1",
    )
    first, again = (json.loads(odnowa(*line, "--json").stdout) for _ in range(2))
    assert first["result"].items() >= {"amount_minor": 700, "ends_service": False}.items()
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert rows(engine, "SELECT amount_minor, state FROM payouts") == [{"amount_minor": 700, "state": "planned"}]
    refused = odnowa("desk", "refund", "shop-1", "--request-id", "r-2")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("odnowa: only the first payment for a package is given back")


def test_R14c_a_dispute_is_released_by_hand(odnowa: Odnowa, engine: Engine) -> None:
    of, sold = paid(engine)
    dispute(engine, of, sold, status="won")
    line = ("desk", "dispute-release", "shop-1", f"du_{sold}", "--request-id", "r-1", "--reason", "the bank agrees")
    assert "won" in odnowa(*line).stdout
    assert rows(engine, "SELECT 1 AS one FROM disputes WHERE released_at IS NULL") == []
    assert json.loads(odnowa("stuck", "--json").stdout) == []


@pytest.mark.parametrize("line", ["desk refund shop-1", "desk refund shop-1 --request-id r --amount 0"])
def test_wrong_usage_gives_nothing_back(odnowa: Odnowa, engine: Engine, line: str) -> None:
    paid(engine)
    assert odnowa(*line.split()).exit_code == 2
    assert rows(engine, "SELECT 1 AS one FROM refunds") == []
