"""The stand-in for VIES keeps the official table and form, and does what its control plane says."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.processes import Listening, listening
from worker.sandbox.vies_stand_in import TEST_NUMBERS


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    with listening("worker.sandbox.vies_stand_in", folder=tmp_path_factory.mktemp("vies")) as process:
        yield process


@pytest.fixture(autouse=True)
def _at_ease(stand_in: Listening) -> None:
    requests.delete(f"{stand_in.url}/_vies/all", timeout=5).raise_for_status()


def ask(stand_in: Listening, number: str, *, path: str = "check-vat-number", country: str = "SK") -> dict[str, Any]:
    question = {"countryCode": country, "vatNumber": number}
    told: dict[str, Any] = requests.post(f"{stand_in.url}/{path}", json=question, timeout=5).json()
    return told


def tell(stand_in: Listening, verb: str, said: object) -> int:
    return requests.post(f"{stand_in.url}/_vies/{verb}", json=said, timeout=5).status_code


@pytest.mark.parametrize("path", ["check-vat-number", "check-vat-test-service"])
@pytest.mark.parametrize(("number", "outcome"), TEST_NUMBERS.items())
def test_the_table_of_test_numbers_holds_on_both_paths(
    stand_in: Listening, path: str, number: str, outcome: str
) -> None:
    told = ask(stand_in, number, path=path)
    if outcome in {"VALID", "INVALID"}:
        assert told["valid"] is (outcome == "VALID")
        assert told["requestIdentifier"] == ""  # nobody said who asks
    else:
        assert told["actionSucceed"] is False
        assert [one["error"] for one in told["errorWrappers"]] == [outcome]


def test_other_numbers_are_valid_on_the_one_path_and_an_error_on_the_other(stand_in: Listening) -> None:
    assert ask(stand_in, "2022749619")["valid"] is True
    told = ask(stand_in, "2022749619", path="check-vat-test-service")
    assert told["errorWrappers"][0]["error"] == "SERVICE_UNAVAILABLE"


def test_the_control_plane_says_what_becomes_of_numbers_and_countries(stand_in: Listening) -> None:
    assert tell(stand_in, "numbers", {"SK2022749619": "INVALID", "*": "IP_BLOCKED"}) == 200
    assert ask(stand_in, "2022749619")["valid"] is False
    assert ask(stand_in, "2022749620")["errorWrappers"][0]["error"] == "IP_BLOCKED"
    assert tell(stand_in, "outages", {"country": "SK", "error": "TIMEOUT"}) == 200
    assert ask(stand_in, "100")["errorWrappers"][0]["error"] == "TIMEOUT"
    assert ask(stand_in, "100", country="PL")["valid"] is True
    states = requests.get(f"{stand_in.url}/check-status", timeout=5).json()["countries"]
    assert [one["countryCode"] for one in states if one["availability"] == "Unavailable"] == ["SK"]
    assert tell(stand_in, "outages", {"country": "SK", "error": None}) == 200
    assert ask(stand_in, "100")["valid"] is True


def test_an_answer_can_be_delayed(stand_in: Listening) -> None:
    assert tell(stand_in, "delays", {"country": "SK", "seconds": 0.2}) == 200
    started = time.monotonic()
    ask(stand_in, "100", country="PL")
    assert time.monotonic() - started < 0.2
    ask(stand_in, "100")
    assert time.monotonic() - started >= 0.2


def test_names_are_told_by_some_states_only(stand_in: Listening) -> None:
    names = {country: ask(stand_in, "100", country=country)["name"] for country in ("SK", "DE", "PL", "ES")}
    assert names == {"SK": "COMPANY 100", "DE": "---", "PL": "---", "ES": "---"}


@pytest.mark.parametrize("question", [{}, {"countryCode": "GR", "vatNumber": "1"}, {"countryCode": "SK"}, [], "x"])
def test_a_malformed_question_is_one(stand_in: Listening, question: object) -> None:
    answer = requests.post(f"{stand_in.url}/check-vat-number", json=question, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["errorWrappers"][0]["error"] == "VOW-ERR-11"


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("numbers", {"SK1": "MAYBE"}),
        ("outages", {"country": "SK"}),
        ("outages", {"country": "SK", "error": "VAGUE"}),
        ("delays", {"country": "SK", "seconds": "long"}),
        ("limits", {}),
        ("dances", {}),
    ],
)
def test_what_the_control_plane_does_not_know_is_refused(stand_in: Listening, verb: str, said: object) -> None:
    assert tell(stand_in, verb, said) == 400


def test_it_listens_on_the_loopback_and_says_what_it_is(stand_in: Listening) -> None:
    said = Path(stand_in.log).read_text(encoding="utf-8")
    assert f"127.0.0.1:{stand_in.port}" in said
    assert "proves nothing" in said
    assert requests.get(f"{stand_in.url}/anything", timeout=5).status_code == 404
