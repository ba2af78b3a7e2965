"""R19, R19b: the client of VIES against the stand-in and its official table of test numbers."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from tests.support.register import NOON, Register, client
from worker import boundary
from worker.boundary import CallInsideTransactionError
from worker.clock import monotonic_s
from worker.errors import RefusedError
from worker.gateways.pacing import Pacer
from worker.gateways.vies import ViesAnswer, ViesOutcome, ViesReason
from worker.gateways.vies_rest import FAILURES_MAX, FIRST_PAUSE_S


def test_R19b_a_yes_keeps_consultation_number_and_time(register: Register) -> None:
    answer = client(register.url).check("SK2022749619")
    assert (answer.outcome, answer.number, answer.told_at) == (ViesOutcome.VALID, "SK2022749619", NOON)
    assert answer.consultation is not None
    assert answer.consultation.startswith("WAPI")
    assert answer.told_on_their_clock is not None
    assert answer.told_on_their_clock.endswith("Z")
    assert answer.body is not None
    assert json.loads(answer.body)["requestIdentifier"] == answer.consultation
    assert register.heard["asked"] == [
        {
            "countryCode": "SK",
            "vatNumber": "2022749619",
            "requesterMemberStateCode": "CZ",
            "requesterNumber": "12345679",
        }
    ]


def test_R19b_without_a_requester_there_is_no_consultation_number(register: Register) -> None:
    answer = client(register.url, requester=None).check("PL5260001246")
    assert (answer.outcome, answer.consultation) == (ViesOutcome.VALID, None)
    assert register.heard["asked"] == [{"countryCode": "PL", "vatNumber": "5260001246"}]


def test_R19_a_no_is_a_no(register: Register) -> None:
    register.tell("numbers", {"PL5260001246": "INVALID"})
    answer = client(register.url).check("PL5260001246")
    assert (answer.outcome, answer.reason) == (ViesOutcome.INVALID, None)
    assert answer.consultation is not None


@pytest.mark.parametrize(
    ("number", "outcome", "reason", "code"),
    [
        ("100", ViesOutcome.VALID, None, None),
        ("200", ViesOutcome.INVALID, None, None),
        ("201", ViesOutcome.UNKNOWN, ViesReason.INPUT, "INVALID_INPUT"),
        ("202", ViesOutcome.UNKNOWN, ViesReason.REQUESTER, "INVALID_REQUESTER_INFO"),
        ("300", ViesOutcome.UNKNOWN, ViesReason.UNAVAILABLE, "SERVICE_UNAVAILABLE"),
        ("301", ViesOutcome.UNKNOWN, ViesReason.UNAVAILABLE, "MS_UNAVAILABLE"),
        ("302", ViesOutcome.UNKNOWN, ViesReason.UNAVAILABLE, "TIMEOUT"),
        ("400", ViesOutcome.UNKNOWN, ViesReason.BLOCKED, "VAT_BLOCKED"),
        ("401", ViesOutcome.UNKNOWN, ViesReason.BLOCKED, "IP_BLOCKED"),
        ("500", ViesOutcome.UNKNOWN, ViesReason.OVERLOADED, "GLOBAL_MAX_CONCURRENT_REQ"),
        ("501", ViesOutcome.UNKNOWN, ViesReason.OVERLOADED, "GLOBAL_MAX_CONCURRENT_REQ_TIME"),
        ("600", ViesOutcome.UNKNOWN, ViesReason.OVERLOADED, "MS_MAX_CONCURRENT_REQ"),
        ("601", ViesOutcome.UNKNOWN, ViesReason.OVERLOADED, "MS_MAX_CONCURRENT_REQ_TIME"),
    ],
)
def test_R19_the_official_test_numbers_have_their_outcomes(
    register: Register, number: str, outcome: ViesOutcome, reason: ViesReason | None, code: str | None
) -> None:
    answer = client(register.url).check(f"DE{number}")
    assert (answer.outcome, answer.reason, answer.code) == (outcome, reason, code)
    assert (answer.body is None) == (outcome is ViesOutcome.UNKNOWN)


@pytest.mark.parametrize(
    "number",
    ["", "PL", "5260001246", "GR094259216", "XI432525179", "GB980780684", "EU372022452", "pl5260001246", "PL 526"],
)
def test_R19_what_vies_does_not_know_is_never_sent(register: Register, number: str) -> None:
    with pytest.raises(RefusedError, match="VIES knows no VAT numbers like"):
        client(register.url).check(number)
    assert register.heard["asked"] == []


def test_a_requester_that_vies_does_not_know_is_refused_at_once() -> None:
    with pytest.raises(RefusedError):
        client("http://127.0.0.1:9", requester="12345679")


def test_no_question_is_asked_inside_a_transaction(register: Register, engine: Engine) -> None:
    vies = client(register.url)
    with boundary.transaction(engine, "test.vies"), pytest.raises(CallInsideTransactionError, match=r"vies\.check"):
        vies.check("SK2022749619")
    assert register.heard["asked"] == []
    assert vies.check("SK2022749619").outcome is ViesOutcome.VALID


class Seconds:
    """A clock for pauses, to be moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_R19b_a_country_that_is_away_is_left_alone_and_asked_again_with_growing_pauses(register: Register) -> None:
    seconds = Seconds()
    vies = client(register.url, monotonic=seconds)
    register.tell("outages", {"country": "PL", "error": "MS_UNAVAILABLE"})

    def asked() -> int:
        return sum(1 for question in register.heard["asked"] if question["countryCode"] == "PL")

    for _ in range(FAILURES_MAX):
        assert vies.check("PL5260001246").reason is ViesReason.UNAVAILABLE
    assert (vies.check("PL5260001246").reason, asked()) == (ViesReason.RESTING, FAILURES_MAX)
    assert vies.check("SK2022749619").outcome is ViesOutcome.VALID  # the others go on
    seconds.now_s += FIRST_PAUSE_S
    assert vies.check("PL5260001246").reason is ViesReason.UNAVAILABLE  # one question, and twice the pause
    seconds.now_s += FIRST_PAUSE_S
    assert (vies.check("PL5260001246").reason, asked()) == (ViesReason.RESTING, FAILURES_MAX + 1)
    register.tell("outages", {"country": "PL", "error": None})
    seconds.now_s += FIRST_PAUSE_S
    assert vies.check("PL5260001246").outcome is ViesOutcome.VALID
    register.tell("outages", {"country": "PL", "error": "TIMEOUT"})
    for _ in range(FAILURES_MAX):  # the yes made it begin from nothing
        assert vies.check("PL5260001246").reason is ViesReason.UNAVAILABLE


@pytest.mark.parametrize("number", ["PL200", "PL201", "PL202"])
def test_what_concerns_one_number_or_us_rests_no_country(register: Register, number: str) -> None:
    vies = client(register.url)
    for _ in range(FAILURES_MAX + 1):
        vies.check(number)
    assert vies.check("PL100").outcome is ViesOutcome.VALID


@pytest.mark.parametrize("at_once", [1, 2])
def test_R19b_a_country_is_asked_only_so_many_questions_at_once(register: Register, at_once: int) -> None:
    register.tell("delays", {"country": "*", "seconds": 0.1})
    register.tell("limits", {"at_once": at_once})
    vies = client(register.url, at_once=at_once)
    numbers = [f"{country}100" for country in ("PL", "SK") for _ in range(4)]
    with ThreadPoolExecutor(len(numbers)) as pool:
        answers = list(pool.map(vies.check, numbers))
    assert {answer.outcome for answer in answers} == {ViesOutcome.VALID}
    assert register.heard["most_at_once"] == {"PL": at_once, "SK": at_once}


def test_R19b_who_waits_too_long_for_a_turn_is_not_asked(register: Register) -> None:
    register.tell("delays", {"country": "PL", "seconds": 1.0})
    vies = client(register.url, timeout_s=0.3)
    with ThreadPoolExecutor(4) as pool:
        answers: list[ViesAnswer] = list(pool.map(vies.check, ["PL100"] * 4))
    assert {answer.reason for answer in answers} <= {ViesReason.UNREACHABLE, ViesReason.CROWDED}
    assert ViesReason.CROWDED in {answer.reason for answer in answers}


def test_R19b_questions_for_a_country_keep_their_distance(register: Register) -> None:
    vies = client(register.url, pacer=Pacer(None, per_second=10))
    started = monotonic_s()
    for _ in range(4):
        assert vies.check("PL100").outcome is ViesOutcome.VALID
    assert monotonic_s() - started >= 0.29  # three pauses of a tenth
    slow = client(register.url, timeout_s=0.5, pacer=Pacer(None, per_second=0.5))
    assert [slow.check("PL100").reason for _ in range(2)] == [None, ViesReason.CROWDED]
    assert slow.check("SK100").reason is None  # a line of its own
