"""`odnowa desk`: each act from the command line, refusals as one line, results as one document."""

import json

import pytest
from sqlalchemy import Engine

from tests.ops.conftest import Odnowa
from tests.support.builders import catalogue, method, rows, subscriber

DETAILS = (
    *("--company", "Nová s.r.o.", "--street", "Dlouhá 1", "--city", "Praha", "--postcode", "110 00"),
    *("--country", "CZ", "--email", "faktury@nova.example"),
)

ACTS = [
    (("renewal-off", "shop"), {"auto_renew": False, "changed": True}),
    (("renewal-on", "shop"), {"auto_renew": True, "changed": False}),
    (("method-use", "shop", "pm_other"), {"in_use": True, "charges_tried_now": 0}),
    (("billing-details", "shop", *DETAILS), {"version": 2, "vat_number": None}),
    (("invoice-note", "shop", "--note", "PO 7"), {"version": 1, "invoice": None, "note": "PO 7"}),
    (("to-free", "shop", "--reason", "asked by mail"), {"package": "free", "credit_minor": 0}),
]


@pytest.mark.parametrize(("words", "expected"), ACTS, ids=[words[0] for words, _ in ACTS])
def test_an_act_by_hand_and_the_same_again(
    odnowa: Odnowa, engine: Engine, words: tuple[str, ...], expected: dict[str, object]
) -> None:
    catalogue(engine)
    of = subscriber(engine, external_id="shop")
    method(engine, of.account_id, provider_method="pm_other", state="saved")
    line = ("desk", *words, "--request-id", "r-1", "--by", "eva")
    first, again = (json.loads(odnowa(*line, "--json").stdout) for _ in range(2))
    assert expected.items() <= first["result"].items()
    assert (first["repeated"], again) == (False, {"result": first["result"], "repeated": True})
    assert [row["actor"] for row in rows(engine, "SELECT actor FROM audit_log")] == ["support:eva"]
    assert "done before, by the same request" in odnowa(*line).stdout


def test_a_refusal_is_one_line_and_exit_code_1(odnowa: Odnowa, engine: Engine) -> None:
    subscriber(engine, external_id="shop")
    refused = odnowa("desk", "to-free", "shop", "--request-id", "r-1", "--as", "customer", "--reason", "x")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == "odnowa: only support can do this: please contact support\n"


def test_a_silent_provider_is_one_line_too(odnowa: Odnowa, engine: Engine) -> None:
    of = subscriber(engine, external_id="shop")
    method(engine, of.account_id, provider_method="pm_other", state="saved")
    for act in ("method-attach", "method-remove"):
        silent = odnowa("desk", act, "shop", "pm_other", "--request-id", act, env={"STRIPE_PACED": "false"})
        assert silent.exit_code == 1
        assert silent.stderr.startswith("odnowa: the provider gives no answer")


def test_my_package_for_people_and_programs(odnowa: Odnowa, engine: Engine) -> None:
    catalogue(engine)
    subscriber(engine, external_id="shop")
    read = json.loads(odnowa("desk", "my-package", "shop", "--json").stdout)
    assert (read["package"], read["agents"], read["notices"]) == ("standard", 3, [])
    assert "standard" in odnowa("desk", "my-package", "shop").stdout


@pytest.mark.parametrize("words", [("renewal-off", "shop"), ("to-free", "shop", "--request-id", "r", "--as", "boss")])
def test_wrong_usage_writes_nothing(odnowa: Odnowa, engine: Engine, words: tuple[str, ...]) -> None:
    subscriber(engine, external_id="shop")
    assert odnowa("desk", *words).exit_code == 2
    assert rows(engine, "SELECT 1 FROM audit_log") == []
