"""The import on a real store: what a row becomes, all or nothing, and the second time that changes nothing."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.support.imports import (
    NO_METHOD,
    PAYPAL,
    customer,
    dump,
    import_rows,
    load_sample_catalogue,
    write_customers,
)
from worker.errors import RefusedError
from worker.ops.importing import Incomplete, Refusal
from worker.sandbox.sample import HOSTILE_COMPANY


@pytest.fixture(autouse=True)
def _catalogue(engine: Engine) -> None:
    load_sample_catalogue(engine)


def one(engine: Engine, query: str) -> dict[str, Any]:
    with engine.begin() as connection:
        return dict(connection.execute(text(query)).mappings().one())


def scalars(engine: Engine, query: str) -> list[Any]:
    with engine.begin() as connection:
        return list(connection.execute(text(query)).scalars())


def test_a_row_becomes_a_customer_with_a_paid_term(engine: Engine, tmp_path: Path) -> None:
    report = import_rows(engine, write_customers(tmp_path / "in.csv", [customer()]))
    assert (report.rows, report.imported, report.live, report.refused) == (1, 1, 1, 0)
    account = one(engine, "SELECT * FROM accounts")
    assert account["external_id"] == "shop-1"
    assert (account["currency"], account["locale"], account["provider_customer"]) == ("PLN", "pl", "cus_1")
    details = one(engine, "SELECT * FROM billing_details")
    assert (details["version"], details["company"]) == (1, "Kwiaciarnia Różyczka")
    assert (details["country"], details["vat_number"]) == ("PL", "PL5260001246")
    method = one(engine, "SELECT * FROM payment_methods")
    assert (method["state"], method["brand"], method["last4"]) == ("in_use", "visa", "4242")
    assert (method["exp_year"], method["exp_month"]) == (2028, 9)
    subscription = one(engine, "SELECT * FROM subscriptions")
    assert (subscription["status"], subscription["auto_renew"]) == ("active", True)
    assert (subscription["term_number"], subscription["anchor_number"]) == (20, 0)
    assert subscription["paid_until"] == date(2026, 10, 31)
    assert subscription["first_paid_on"] == subscription["anchor_on"] == date(2025, 1, 31)
    term = one(engine, "SELECT * FROM terms")
    assert (term["number"], term["origin"], term["paid_minor"]) == (20, "import", 31500)
    assert (term["starts_on"], term["ends_on"]) == (date(2026, 9, 30), date(2026, 10, 31))
    credit = one(engine, "SELECT * FROM credit_entries")
    assert (credit["amount_minor"], credit["currency"], credit["kind"]) == (1200, "PLN", "import")
    audit = one(engine, "SELECT * FROM audit_log WHERE act = 'import'")
    assert (audit["actor"], audit["details"]["file"], audit["details"]["imported"]) == ("tester", "in.csv", 1)


def test_R3b_empty_prices_are_the_catalogues_and_given_ones_are_kept(engine: Engine, tmp_path: Path) -> None:
    given = customer(2, agent_price_minor="7100", conversation_price_minor="0")
    import_rows(engine, write_customers(tmp_path / "in.csv", [customer(), given]))
    query = "SELECT (agent_lots #>> '{0,1}') || '/' || (block_lots #>> '{0,1}') FROM configurations ORDER BY id"
    assert scalars(engine, query) == ["7900/3900", "7100/0"]
    assert scalars(engine, "SELECT DISTINCT conversation_block FROM configurations") == [100]


def test_the_product_sees_an_imported_customer(engine: Engine, tmp_path: Path) -> None:
    import_rows(engine, write_customers(tmp_path / "in.csv", [customer()]))
    seen = one(engine, "SELECT * FROM entitlements")
    assert (seen["account"], seen["package"], seen["agents"]) == ("shop-1", "standard", 3)
    assert (seen["conversations"], seen["status"], seen["support"]) == (300, "active", True)


def test_R5b_paypal_and_no_method_leave_card_columns_empty(engine: Engine, tmp_path: Path) -> None:
    rows = [customer(1, **PAYPAL), customer(2, **NO_METHOD)]
    assert import_rows(engine, write_customers(tmp_path / "in.csv", rows)).imported == 2
    method = one(engine, "SELECT * FROM payment_methods")
    assert method["type"] == "paypal"
    assert {method[name] for name in ("brand", "last4", "exp_month", "exp_year")} == {None}


def test_one_bad_row_leaves_everything_unwritten(engine: Engine, tmp_path: Path) -> None:
    before = dump(engine)
    rows = [customer(1), customer(2, email="nobody"), customer(3), customer(4, currency="GBP")]
    report = import_rows(engine, write_customers(tmp_path / "in.csv", rows))
    assert report.refused_whole
    assert (report.rows, report.imported, report.refused) == (4, 0, 2)
    assert [(each.line, each.column) for each in report.refusals] == [(3, "email"), (5, "currency")]
    assert report.go_live_on is None
    assert dump(engine) == before


def test_skip_bad_writes_the_good_rows(engine: Engine, tmp_path: Path) -> None:
    rows = [customer(1), customer(2, email="nobody"), customer(3), customer(3, agents="9")]
    report = import_rows(engine, write_customers(tmp_path / "in.csv", rows), skip_bad=True)
    assert (report.imported, report.refused, report.refused_whole) == (2, 2, False)
    assert [(each.line, each.column) for each in report.refusals] == [(3, "email"), (5, "external_id")]
    assert scalars(engine, "SELECT external_id FROM accounts ORDER BY 1") == ["shop-1", "shop-3"]


def test_the_same_file_twice_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    path = write_customers(tmp_path / "in.csv", [customer(1), customer(2), customer(3, **NO_METHOD)])
    import_rows(engine, path)
    before = dump(engine)
    report = import_rows(engine, path, today=date(2026, 10, 20))
    assert (report.imported, report.unchanged, report.refused) == (0, 3, 0)
    assert dump(engine) == before


def test_a_longer_file_adds_only_what_is_new(engine: Engine, tmp_path: Path) -> None:
    import_rows(engine, write_customers(tmp_path / "in.csv", [customer(1)]))
    report = import_rows(engine, write_customers(tmp_path / "in.csv", [customer(2), customer(1)]))
    assert (report.imported, report.unchanged) == (1, 1)
    assert len(scalars(engine, "SELECT id FROM terms")) == 2


def test_an_import_is_no_update(engine: Engine, tmp_path: Path) -> None:
    import_rows(engine, write_customers(tmp_path / "in.csv", [customer(1)]))
    before = dump(engine)
    report = import_rows(engine, write_customers(tmp_path / "in.csv", [customer(1, agents="4")]))
    reason = "exists already with other content; an import adds customers and changes none"
    assert report.refusals == (Refusal(2, "external_id", reason),)
    assert dump(engine) == before


def test_a_payment_method_belongs_to_one_customer(engine: Engine, tmp_path: Path) -> None:
    import_rows(engine, write_customers(tmp_path / "in.csv", [customer(1)]))
    taken = [customer(2, provider_payment_method="pm_1"), customer(3), customer(4, provider_payment_method="pm_3")]
    report = import_rows(engine, write_customers(tmp_path / "in.csv", taken))
    assert report.refusals == (
        Refusal(2, "provider_payment_method", "belongs to the customer shop-1 already"),
        Refusal(4, "provider_payment_method", "belongs to the customer on line 3 already"),
    )


def test_R4b_incomplete_details_are_imported_and_flagged(engine: Engine, tmp_path: Path) -> None:
    rows = [customer(1), customer(2, street="", country=""), customer(3, company="")]
    report = import_rows(engine, write_customers(tmp_path / "in.csv", rows))
    assert (report.imported, report.incomplete) == (3, 2)
    assert report.incomplete_rows == (
        Incomplete(3, "shop-2", ("street", "country")),
        Incomplete(4, "shop-3", ("company",)),
    )


@pytest.mark.parametrize(
    "hostile",
    [HOSTILE_COMPANY, "=cmd|' /C calc'!A0", "+1+1", "-2", "@SUM(1)", "'; DROP TABLE accounts; --", "\\N", "a\\tb"],
)
def test_hostile_text_is_kept_as_text(engine: Engine, tmp_path: Path, hostile: str) -> None:
    assert import_rows(engine, write_customers(tmp_path / "in.csv", [customer(company=hostile)])).imported == 1
    assert scalars(engine, "SELECT company FROM billing_details") == [hostile]


def test_the_columns_may_stand_in_any_order(engine: Engine, tmp_path: Path) -> None:
    row = dict(reversed(customer().items()))
    path = tmp_path / "in.csv"
    cells = ",".join(f'"{cell}"' for cell in row.values())
    path.write_bytes(f"\ufeff{','.join(row)}\r\n\r\n{cells}\r\n".encode())
    assert import_rows(engine, path).imported == 1
    assert import_rows(engine, write_customers(path, [customer()])).unchanged == 1


def test_only_the_first_thousand_refusals_are_listed(engine: Engine, tmp_path: Path) -> None:
    rows = [customer(number, agents="0") for number in range(600)] + [customer(9000)] * 600
    report = import_rows(engine, write_customers(tmp_path / "in.csv", rows))
    assert report.refused == 600 + 599
    assert len(report.refusals) == 1000
    assert (report.refusals[0].line, report.refusals[-1].line) == (2, 1002)


def test_a_file_that_is_not_there_is_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="cannot be read"):
        import_rows(engine, tmp_path / "absent.csv")
    with pytest.raises(RefusedError, match="cannot be read"):
        import_rows(engine, tmp_path)


def test_a_second_import_at_the_same_time_is_refused(engine: Engine, tmp_path: Path) -> None:
    path = write_customers(tmp_path / "in.csv", [customer()])
    with engine.connect() as other:
        other.execute(text("SELECT pg_advisory_lock(7283001)"))
        with pytest.raises(RefusedError, match="another import is under way"):
            import_rows(engine, path)
        # unlocked by hand: the end of a connection is seen by its server a moment later
        other.execute(text("SELECT pg_advisory_unlock(7283001)"))
    assert import_rows(engine, path).imported == 1
