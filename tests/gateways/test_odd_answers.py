"""What no provider should say to a payment: none of it is taken for a yes, nor for a no."""

import pytest

from tests.gateways.scripted_provider import Said, error, saying
from tests.gateways.till import open_till
from worker.gateways.stripe import Answer, AnswerKind, ConfirmRequest

INTENT = {"id": "pi_1", "object": "payment_intent", "amount": 5700, "currency": "eur", "metadata": {}}
ODD = {
    "nothing": Said(200, ""),
    "a page": Said(200, "<html>Maintenance</html>"),
    "half a JSON": Said(200, {**INTENT, "status": "succeeded"}, cut=10),
    "a list": Said(200, "[]"),
    "a number": Said(200, "7"),
    "an empty object": Said(200, {}),
    "another object": Said(200, {"id": "cus_1", "object": "customer"}),
    "no status": Said(200, INTENT),
    "a status of nothing": Said(200, {**INTENT, "status": None}),
    "a status that nobody knows": Said(200, {**INTENT, "status": "paid_twice"}),
    "a status that is a list": Said(200, {**INTENT, "status": ["succeeded"]}),
    "an error that is none": Said(500, "<html>Bad gateway</html>"),
    "an error without a type": Said(500, {"error": {}}),
    "a server's fault": error(500, "api_error"),
    "a gateway's fault": Said(502, ""),
    "away": Said(503, ""),
    "another place": Said(302, "", headers={"Location": "/elsewhere"}),
    "a teapot": Said(418, "{}"),
}
DEFINITE = {AnswerKind.SUCCEEDED, AnswerKind.DECLINED, AnswerKind.CANCELLED, AnswerKind.PROCESSING}


@pytest.mark.parametrize("said", ODD.values(), ids=ODD)
def test_an_odd_answer_to_a_payment_is_neither_yes_nor_no(said: Said) -> None:
    with saying(said) as provider:
        till = open_till(provider.url)
        request = ConfirmRequest("k-2", "pi_1", {"payment_method": "pm_1", "off_session": True})
        answers: list[Answer] = [
            *till.gateway.create([till.wish("cus_1")]),
            *till.gateway.confirm([request]),
            *till.gateway.read(["pi_1"]),
        ]
        till.gateway.close()
    assert len(answers) == 3
    assert [answer.kind for answer in answers if answer.kind in DEFINITE] == []
    assert answers[1].kind in {AnswerKind.UNKNOWN, AnswerKind.UNEXPECTED_STATE}, (
        "a confirmation may have been carried out"
    )
