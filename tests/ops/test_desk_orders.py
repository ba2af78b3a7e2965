"""`odnowa desk`: quotes and orders from the command line; the client secret is printed only when asked for."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.ops.conftest import Odnowa
from tests.support.builders import account, catalogue, method, rows, size, subscriber
from tests.support.house import API_KEY
from tests.support.processes import Listening
from worker.sandbox.emulated import Emulated

WISH = ("--package", "standard", "--interval", "month", "--agents", "3", "--extra-conversations", "200")


@pytest.fixture
def paying(emulator: Listening) -> Mapping[str, str]:
    """Settings of a command line that a provider listens to."""
    return {"STRIPE_API_BASE": emulator.url, "STRIPE_API_KEY": API_KEY, "STRIPE_PACED": "false"}


def newcomer(engine: Engine, paying: Mapping[str, str], *, saved: bool = True) -> None:
    """A Free account, here and at the provider."""
    catalogue(engine)
    number = account(engine, external_id="shop")
    Emulated(paying["STRIPE_API_BASE"]).seed([{"id": "cus_shop"}], [])
    if saved:
        method(engine, number, provider_method="pm_shop")
        card = {"type": "card", "brand": "visa", "last4": "4242", "exp_year": 2099, "exp_month": 12}
        Emulated(paying["STRIPE_API_BASE"]).seed([], [{"id": "pm_shop", "customer": "cus_shop", **card}])


def quoted(odnowa: Odnowa, *words: str) -> dict[str, Any]:
    """A quote for the shop, as JSON."""
    said = odnowa("desk", "quote", "shop", *words, "--request-id", "q-1", "--json")
    assert said.exit_code == 0, said.stderr
    return dict(json.loads(said.stdout)["result"])


def test_R4_a_quote_for_people_adds_up_and_for_programs_is_whole(odnowa: Odnowa, engine: Engine) -> None:
    catalogue(engine)
    account(engine, external_id="shop")
    shown = quoted(odnowa, *WISH)
    assert (shown["gross_minor"], shown["to_pay_minor"], shown["renewal_on"]) == (6700, 6700, True)
    read = odnowa("desk", "quote", "shop", *WISH, "--request-id", "q-1").stdout
    for words in ("standard by month, 3 agents, 200 extra conversations", "19.00 EUR", "57.00 EUR", "to pay"):
        assert words in read
    for words in ("67.00 EUR", "when it is paid", "on afterwards", shown["quote"], "by the same request", "VAT 0 %"):
        assert words in read
    assert size(engine, "quotes") == 1


def test_R12b_lowering_shows_the_discount_and_what_is_left(odnowa: Odnowa, engine: Engine) -> None:
    catalogue(engine)
    today = rows(engine, "SELECT (now() AT TIME ZONE 'Europe/Prague')::date AS d")[0]["d"]
    subscriber(engine, external_id="shop", anchor_on=today)
    shown = quoted(odnowa, "--agents", "1")
    assert (shown["to_pay_minor"], shown["unused"]["gross_minor"], shown["credit_left_minor"]) == (0, 5700, 3800)
    read = odnowa("desk", "quote", "shop", "--agents", "1", "--request-id", "q-1").stdout
    for words in ("-19.00 EUR", "57.00 EUR of the present term is given back", "38.00 EUR afterwards", "at once"):
        assert words in read
    ordered = odnowa("desk", "order", "shop", shown["quote"], "--request-id", "o-1", "--json")
    assert json.loads(ordered.stdout)["result"]["outcome"] == "paid"


def test_an_order_with_the_saved_card_and_the_same_again(
    odnowa: Odnowa, engine: Engine, paying: Mapping[str, str]
) -> None:
    newcomer(engine, paying)
    shown = quoted(odnowa, *WISH)
    line = ("desk", "order", "shop", shown["quote"], "--request-id", "o-1")
    first, again = (json.loads(odnowa(*line, "--json", env=paying).stdout) for _ in range(2))
    assert (first["result"]["outcome"], first["repeated"], again) == ("paid", False, {**first, "repeated": True})
    stands = odnowa("desk", "order-show", "shop", first["result"]["order"], env=paying)
    assert "outcome paid" in stands.stdout
    refused = odnowa("desk", "order-cancel", "shop", first["result"]["order"], "--request-id", "c-1", env=paying)
    assert (refused.exit_code, "contact support" in refused.stderr) == (1, True)
    assert len(Emulated(paying["STRIPE_API_BASE"]).journal()) == 1


def test_R5b_the_client_secret_is_printed_only_when_asked_for(
    odnowa: Odnowa, engine: Engine, paying: Mapping[str, str]
) -> None:
    newcomer(engine, paying, saved=False)
    shown = quoted(odnowa, *WISH)
    line = ("desk", "order", "shop", shown["quote"], "--pay", "page", "--request-id", "o-1")
    ordered = json.loads(odnowa(*line, "--json", env=paying).stdout)["result"]
    show = ("desk", "order-show", "shop", ordered["order"])
    assert ordered["outcome"] == "waiting"
    for words in (line, (*line, "--json"), show, (*show, "--json")):
        silent = odnowa(*words, env=paying)
        assert (silent.exit_code, "secret" in silent.output) == (0, False)
        assert "client_secret" in odnowa(*words, "--show-secret", env=paying).stdout
    given_up = odnowa("desk", "order-cancel", "shop", ordered["order"], "--request-id", "c-1", "--json", env=paying)
    assert json.loads(given_up.stdout)["result"]["outcome"] == "cancelled"
    assert "outcome cancelled" in odnowa(*show, env=paying).stdout


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (("quote", "shop", "--agents", "0", "--request-id", "r"), 1, "names its package"),
        (("quote", "shop", "--package", "free", "--request-id", "r"), 2, "free"),
        (("quote", "shop", "--currency", "GBP", "--request-id", "r"), 2, "GBP"),
        (("quote", "shop", "--agents", "3.5", "--request-id", "r"), 2, "valid integer"),
        (("quote", "shop", *WISH[:4], "--agents", str(10**30), "--request-id", "r"), 1, "contact support"),
        (("quote", "shop", *WISH), 2, "--request-id"),
        (("order", "shop", "no-quote", "--request-id", "r"), 1, "ask for one first"),
        (("order", "shop", "no-quote", "--pay", "cash", "--request-id", "r"), 2, "cash"),
        (("order-show", "shop", "no-order"), 1, "give the name"),
        (("order-cancel", "shop", "no-order", "--request-id", "r"), 1, "give the name"),
    ],
)
def test_what_cannot_be_is_one_line(
    odnowa: Odnowa, engine: Engine, words: tuple[str, ...], exit_code: int, said: str
) -> None:
    catalogue(engine)
    account(engine, external_id="shop")
    refused = odnowa("desk", *words)
    assert (refused.exit_code, refused.stdout) == (exit_code, "")
    assert said in refused.stderr
    assert size(engine, "quotes") == size(engine, "charges") == 0
