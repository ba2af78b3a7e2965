"""`odnowa desk`: the acts of `desk_support.py` from the command line."""

import json

from sqlalchemy import Engine

from tests.ops.conftest import Odnowa
from tests.support.builders import account, rows, size


def test_an_account_by_hand_and_the_same_again(odnowa: Odnowa, engine: Engine) -> None:
    line = ("desk", "open-account", "shop", "--locale", "pl", "--currency", "PLN", "--request-id", "r-1", "--json")
    first, again = (json.loads(odnowa(*line).stdout) for _ in range(2))
    assert first == {"result": {"locale": "pl", "currency": "PLN"}, "repeated": False}
    assert again == first | {"repeated": True}
    assert size(engine, "accounts") == 1
    refused = odnowa("desk", "open-account", "shop", "--locale", "en", "--currency", "PLN", "--request-id", "r-2")
    assert (refused.exit_code, refused.stderr.startswith("odnowa: the account exists already")) == (1, True)


def test_a_set_up_that_the_provider_does_not_answer_is_one_line(odnowa: Odnowa, engine: Engine) -> None:
    account(engine, external_id="shop", provider_customer=None)
    silent = odnowa("desk", "method-set-up", "shop", "--request-id", "r-1", env={"STRIPE_PACED": "false"})
    assert (silent.exit_code, silent.stdout) == (1, "")
    assert silent.stderr.startswith("odnowa: the provider gives no answer")
    assert rows(engine, "SELECT 1 FROM desk_requests") == []
