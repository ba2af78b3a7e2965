"""R7b: sums below the provider's minimum, credit that is used first, and what is carried to the next charge."""

from tests.support.builders import credit, update
from tests.support.house import House
from tests.support.stories import charge_of, charges_of, customer, paid, subscription_of

CREDIT = "SELECT coalesce(sum(amount_minor), 0)::bigint AS sum FROM credit_entries WHERE account_id = :of"


def credit_of(house: House, account_id: int) -> int:
    return int(house.fetch(CREDIT, of=account_id)[0]["sum"])


def test_R7b_credit_is_used_first_and_one_that_covers_all_needs_no_provider(house: House) -> None:
    part = customer(house, credit_minor=700)
    covered = customer(house, credit_minor=6000, method=None, provider_customer=None)
    house.run("renew")
    assert paid(house, part) == [5700 - 700]
    assert paid(house, covered) == []
    whole = charge_of(house, covered)
    assert (whole["state"], whole["amount_minor"], whole["credit_used_minor"]) == ("succeeded", 0, 5700)
    assert whole["provider_intent"] is None
    assert credit_of(house, part.account_id) == 0
    assert credit_of(house, covered.account_id) == 300
    issued = house.fetch("SELECT gross_minor, snapshot FROM invoices ORDER BY charge_id")
    assert [row["gross_minor"] for row in issued] == [5700, 5700], "R15: in full, also where credit covered all"
    assert issued[1]["snapshot"]["payment"]["method"] == "credit"
    assert house.books().equal, house.books().differences


def test_R7b_credit_is_used_only_as_far_as_the_rest_reaches_the_minimum(house: House) -> None:
    of = customer(house, credit_minor=5690)
    house.run("renew")
    assert paid(house, of) == [50]
    assert charge_of(house, of)["credit_used_minor"] == 5650
    assert credit_of(house, of.account_id) == 40


def test_R7b_a_sum_below_the_minimum_is_carried_and_invoiced_with_the_next_charge(house: House) -> None:
    of = customer(house, agents=1, agent_price_minor=30, currency="EUR")
    house.run("renew")
    carried = charge_of(house, of)
    assert (carried["state"], carried["carried_out_minor"], carried["amount_minor"]) == ("succeeded", 30, 0)
    assert subscription_of(house, of)["paid_until"] == of.term(1).ends_on, "the term is served all the same"
    assert house.fetch("SELECT * FROM invoices") == []
    house.go_to(of.term(1).ends_on)
    house.run("renew")
    _, charged = charges_of(house, of)
    assert (charged["carried_in_minor"], charged["gross_minor"], charged["amount_minor"]) == (30, 60, 60)
    assert paid(house, of) == [60]
    (invoice,) = house.fetch("SELECT * FROM invoices")
    lines = house.fetch("SELECT kind, net_minor FROM invoice_lines ORDER BY position")
    assert [(line["kind"], line["net_minor"]) for line in lines] == [("agents", 30), ("carried", 30)]
    assert invoice["charge_id"] == charged["id"]
    assert house.books().equal, house.books().differences
    house.go_to(of.term(2).ends_on)
    house.run("renew")
    assert charges_of(house, of)[2]["carried_in_minor"] == 0, "what was carried once is not owed again"


def test_R7b_a_small_sum_leaves_small_credit_whole_and_the_other_currency_alone(house: House) -> None:
    of = customer(house, agents=1, agent_price_minor=30, credit_minor=20)
    credit(house.engine, of.account_id, 9900, currency="PLN")
    house.run("renew")
    assert charge_of(house, of)["carried_out_minor"] == 30
    assert credit_of(house, of.account_id) == 20 + 9900, "R3: credit stays in its own currency"


def test_R7b_what_a_failed_charge_had_taken_goes_back(house: House) -> None:
    of = customer(house, agents=1, agent_price_minor=30)
    house.run("renew")
    house.go_to(of.term(1).ends_on)
    credit(house.engine, of.account_id, 5)
    update(house.engine, "configurations", of.configuration_id, agent_lots=[[1, 80]], list_minor=80)
    house.emulator.script(f"pm_{of.account_id}_1", "stolen_card")
    house.run("renew")
    refused = charges_of(house, of)[1]
    assert (refused["amount_minor"], refused["credit_used_minor"], refused["carried_in_minor"]) == (105, 5, 30)
    house.go_to(refused["suspends_on"])
    house.run("renew")
    house.run("suspend")
    assert subscription_of(house, of)["status"] == "suspended"
    assert credit_of(house, of.account_id) == 5
    (waiting,) = house.fetch("SELECT * FROM carried_sums")
    assert waiting["into_charge_id"] is None, "it is owed with the next charge again"
