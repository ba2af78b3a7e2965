"""Text that somebody typed is made safe to print and stays what it was otherwise."""

from hypothesis import given
from hypothesis import strategies as st

from worker.documents.clean import one_line, paragraphs


@given(st.text())
def test_one_line_is_one_line_whatever_was_typed(text: str) -> None:
    cleaned = one_line(text)
    assert len(cleaned.splitlines()) <= 1
    assert cleaned == cleaned.strip()
    assert one_line(cleaned) == cleaned
    cleaned.encode()


@given(st.text())
def test_paragraphs_break_only_at_newlines(text: str) -> None:
    cleaned = paragraphs(text)
    assert cleaned.splitlines() == (cleaned.split("\n") if cleaned else [])
    cleaned.encode()


def test_letters_of_all_alphabets_stay() -> None:
    for text in ("Žluťoučký kůň", "Zażółć gęślą jaźń", "Ελληνικά", "Українська", "עברית", "漢字", "👩‍💻"):
        assert one_line(text) == text


def test_signs_that_turn_the_direction_of_text_go() -> None:
    assert one_line("pay \u202e100\u202c EUR") == "pay 100 EUR"


def test_a_letter_in_two_signs_becomes_the_one_that_fonts_have() -> None:
    assert one_line("Z\u030c") == "Ž"
