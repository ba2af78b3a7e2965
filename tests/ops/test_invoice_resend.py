"""`odnowa invoice resend`: one more mail with the same document, to the address of now, once per request id."""

import json

from tests.ops.conftest import Odnowa
from tests.support.house import House
from tests.support.invariants import hold
from tests.support.shopping import buy, caller, newcomer, wish
from worker.desk.invoice_note import write_invoice_note

NUMBER = "2026000001"
ASK = ("invoice", "resend", NUMBER, "--reason", "lost", "--by", "eva", "--request-id")


def test_R16_a_document_is_mailed_again_to_the_address_of_now_and_once_per_request(
    odnowa: Odnowa, house: House
) -> None:
    newcomer(house, "shop")
    buy(house, "shop", wish("standard", "month", 3))
    write_invoice_note(house.runtime, caller("shop"), note="PO 7", invoice_number=NUMBER, request_id="n")
    house.drain()
    with house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE billing_details SET email = 'new@customers.example'")
    first = json.loads(odnowa(*ASK, "r-1", "--json").stdout)
    assert first == {"result": {"number": NUMBER, "to": "new@customers.example"}, "repeated": False}
    assert json.loads(odnowa(*ASK, "r-1", "--json").stdout) == {**first, "repeated": True}
    house.drain()
    brought = [mail for mail in house.sink.mails if mail["X-Odnowa-Kind"] == "invoice_issued"]
    assert [str(mail["To"]) for mail in brought][1:] == ["new@customers.example"]
    assert brought[0]["Subject"] == brought[1]["Subject"]
    assert brought[0]["Message-ID"] != brought[1]["Message-ID"]
    kept = house.fetch("SELECT pdf_sha256 FROM invoice_documents ORDER BY edition")
    attached = [next(mail.iter_attachments()).get_content() for mail in brought]
    assert attached == [house.pages(one["pdf_sha256"]) for one in kept], "the newest edition"
    odnowa(*ASK, "r-2")
    house.drain()
    assert len([mail for mail in house.sink.mails if mail["X-Odnowa-Kind"] == "invoice_issued"]) == 3
    audited = house.fetch("SELECT actor, reason FROM audit_log WHERE act = 'desk.invoice_resend'")
    assert audited == [{"actor": "support:eva", "reason": "lost"}] * 2
    assert "sent 2026000001 again, to new@customers.example" in odnowa("explain", "shop").stdout
    hold(house)


def test_R16_what_was_never_issued_is_told_in_one_line(odnowa: Odnowa, house: House) -> None:
    newcomer(house, "shop")
    result = odnowa(*ASK, "r-1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no invoice or credit note has the number" in result.stderr
