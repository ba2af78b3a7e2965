"""R19: whatever VIES or the network says that is no plain yes and no plain no leaves a number unknown."""

import json
import socket
from typing import Any

import pytest

from tests.gateways.scripted_provider import Said, saying
from tests.support.register import client
from worker.clock import monotonic_s
from worker.gateways.vies import BODY_MAX, ViesAnswer, ViesOutcome, ViesReason

NUMBER = "PL5260001246"


def told(**changes: Any) -> dict[str, Any]:
    """A yes in the service's form, and what a test wants otherwise; None leaves a member out."""
    yes = {
        "countryCode": "PL",
        "vatNumber": "5260001246",
        "requestDate": "2026-10-03T21:02:07.169Z",
        "valid": True,
        "requestIdentifier": "WAPIAAAAaEDkvhHx",
        "name": "---",
        "address": "---",
    }
    return {name: value for name, value in (yes | changes).items() if value is not None}


def wrapped(*errors: object, succeed: bool | None = False) -> dict[str, Any]:
    return {"actionSucceed": succeed, "errorWrappers": list(errors)}


def asked(*said: Said, timeout_s: float = 5.0) -> ViesAnswer:
    with saying(*said) as server:
        answer = client(server.url, timeout_s=timeout_s).check(NUMBER)
        assert len(server.asked) == 1  # nothing repeats a question
    return answer


def test_the_plain_form_is_a_yes_or_a_no() -> None:
    yes, no = asked(Said(body=told())), asked(Said(body=told(valid=False)))
    assert (yes.outcome, yes.consultation) == (ViesOutcome.VALID, "WAPIAAAAaEDkvhHx")
    assert yes.told_on_their_clock == "2026-10-03T21:02:07.169Z"
    assert no.outcome is ViesOutcome.INVALID


@pytest.mark.parametrize("identifier", ["", "  ", None, 7])
def test_R19b_an_empty_consultation_number_is_none(identifier: object) -> None:
    answer = asked(Said(body=told(requestIdentifier=identifier)))
    assert (answer.outcome, answer.consultation) == (ViesOutcome.VALID, None)


@pytest.mark.parametrize(
    ("said", "reason", "code"),
    [
        # errors inside HTTP 200, in whatever state the rest is
        (Said(body=wrapped({"error": "MS_UNAVAILABLE"})), ViesReason.UNAVAILABLE, "MS_UNAVAILABLE"),
        (Said(body=wrapped({"error": "MS_MAX_CONCURRENT_REQ"})), ViesReason.OVERLOADED, "MS_MAX_CONCURRENT_REQ"),
        (Said(body=told(valid=False) | wrapped({"error": "TIMEOUT"})), ViesReason.UNAVAILABLE, "TIMEOUT"),
        (Said(body=told(errorWrappers=[{"error": "IP_BLOCKED"}])), ViesReason.BLOCKED, "IP_BLOCKED"),
        (Said(body=told(valid=False, actionSucceed=False)), ViesReason.UNREADABLE, "UNNAMED"),
        (Said(body=told(actionSucceed="true")), ViesReason.UNREADABLE, "UNNAMED"),
        (Said(body=wrapped()), ViesReason.UNREADABLE, "UNNAMED"),
        (Said(body=wrapped({"error": "SOMETHING_NEW"})), ViesReason.UNREADABLE, "SOMETHING_NEW"),
        (Said(body=wrapped({"error": "<b>x</b>"})), ViesReason.UNREADABLE, "UNNAMED"),
        (Said(body=wrapped({"error": None})), ViesReason.UNREADABLE, "UNNAMED"),
        (Said(body=wrapped("MS_UNAVAILABLE")), ViesReason.UNREADABLE, "UNNAMED"),
        (Said(body=told(errorWrappers="MS_UNAVAILABLE")), ViesReason.UNREADABLE, "UNNAMED"),
        # other states of HTTP
        (Said(400, wrapped({"error": "VOW-ERR-11"})), ViesReason.INPUT, "VOW-ERR-11"),
        (Said(500, wrapped({"error": "MS_UNAVAILABLE"})), ViesReason.UNAVAILABLE, "MS_UNAVAILABLE"),
        (Said(500, told(valid=False)), ViesReason.UNAVAILABLE, "HTTP-500"),
        (Said(500, ""), ViesReason.UNAVAILABLE, "HTTP-500"),
        (Said(502, "<html>Bad Gateway</html>"), ViesReason.UNAVAILABLE, "HTTP-502"),
        (Said(429, "slow down"), ViesReason.OVERLOADED, "HTTP-429"),
        (Said(403, "<html>no</html>"), ViesReason.UNREADABLE, "HTTP-403"),
        (Said(404, told(valid=False)), ViesReason.UNREADABLE, "HTTP-404"),
        (Said(201, told()), ViesReason.UNREADABLE, "HTTP-201"),
        (Said(302, told(), headers={"Location": "/elsewhere"}), ViesReason.UNREADABLE, "HTTP-302"),
        # bodies that are none of the forms
        (Said(body=""), ViesReason.UNREADABLE, "HTTP-200"),
        (Said(body="<html>maintenance</html>"), ViesReason.UNREADABLE, "HTTP-200"),
        (Said(body="null"), ViesReason.UNREADABLE, "HTTP-200"),
        (Said(body="[]"), ViesReason.UNREADABLE, "HTTP-200"),
        (Said(body="[" * 5000), ViesReason.UNREADABLE, "HTTP-200"),
        (Said(body=json.dumps(told())[:-2]), ViesReason.UNREADABLE, "HTTP-200"),
        (Said(body=told(valid=None)), ViesReason.UNREADABLE, "HTTP-200"),
        (Said(body=told(valid="true")), ViesReason.UNREADABLE, "HTTP-200"),
        (Said(body=told(valid=0)), ViesReason.UNREADABLE, "HTTP-200"),
        # the form of the other call, which is not asked
        (Said(body={"isValid": False, "userError": "INVALID"}), ViesReason.UNREADABLE, "HTTP-200"),
        # about another number
        (Said(body=told(vatNumber="5260001247")), ViesReason.UNREADABLE, "HTTP-200"),
        (Said(body=told(countryCode="SK")), ViesReason.UNREADABLE, "HTTP-200"),
        (Said(body=told(vatNumber=None, valid=False)), ViesReason.UNREADABLE, "HTTP-200"),
        # no whole answer
        (Said(body=told(), cut=5), ViesReason.UNREACHABLE, None),
        (Said(body=told(name="x" * BODY_MAX)), ViesReason.UNREACHABLE, None),
    ],
)
def test_R19_what_is_no_plain_answer_is_unknown(said: Said, reason: ViesReason, code: str | None) -> None:
    answer = asked(said)
    assert (answer.outcome, answer.reason, answer.code) == (ViesOutcome.UNKNOWN, reason, code)
    assert (answer.consultation, answer.body) == (None, None)


@pytest.mark.parametrize("said", [Said(silent=True), Said(body=told(), drip_s=0.05)])
def test_R19_an_answer_that_does_not_come_is_waited_for_so_long_and_no_longer(said: Said) -> None:
    started = monotonic_s()
    assert asked(said, timeout_s=0.3).reason is ViesReason.UNREACHABLE
    assert 0.25 < monotonic_s() - started < 3


def test_R19_no_server_at_all_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    answer = client(f"http://127.0.0.1:{port}").check(NUMBER)
    assert (answer.outcome, answer.reason) == (ViesOutcome.UNKNOWN, ViesReason.UNREACHABLE)


def test_a_base_address_may_have_a_path_and_a_last_slash() -> None:
    with saying(Said(body=told())) as server:
        vies = client(f"{server.url}/taxation_customs/vies/rest-api/")
        assert vies.check(NUMBER).outcome is ViesOutcome.VALID
        assert vies.check(NUMBER).outcome is ViesOutcome.VALID
        assert {(one.method, one.path) for one in server.asked} == {
            ("POST", "/taxation_customs/vies/rest-api/check-vat-number")
        }
        vies.close()
