"""The reader of life stories is strict: whatever it does not know is an error that names file and line."""

from datetime import date

import pytest

from tests.support.lives.timeline import TimelineError, read

HEAD = "A customer\nproves R7, R9b\n\n"


def test_a_story_is_read_with_its_days_acts_and_expectations() -> None:
    story = read(
        HEAD + "2026-01-31  opens an account in EUR, speaking en\n"
        "# a comment\n"
        "2026-02-01 04:30  switches renewal off  -> refused free;\n"
        "            mails: b_c, a\n"
        "2026-02-28 .. 2026-02-28 monthly  (night)\n",
        name="one",
    )
    assert (story.title, story.rules) == ("A customer", ["R7", "R9b"])
    assert [(line.number, line.act) for line in story.lines][1] == (6, "switches renewal off")
    assert story.lines[1].expected == {"refused": "free", "mails": "a, b_c"}


def test_what_comes_monthly_keeps_its_day_through_short_months() -> None:
    story = read(HEAD + "2026-01-31 .. 2026-04-30 monthly  (night)  -> charged 1.00\n", name="one")
    days = [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]
    assert [line.day for line in story.lines] == days


@pytest.mark.parametrize(
    ("line", "because"),
    [
        ("2026-01-31  dances", "nobody knows the act 'dances'"),
        ("2026-01-31  switches renewal of", "nobody knows the act"),
        ("2026-01-31  buys", "nobody knows the act"),
        ("2026-01-31  (night) -> happy", "nobody knows the expectation 'happy'"),
        ("2026-01-31  (night) -> charged 57", "nobody knows the expectation"),
        ("2026-01-31  (night) -> charged 57.00, agents 3", "nobody knows the expectation"),
        ("2026-01-31  (night) -> agents 3; agents 4", "agents is expected twice"),
        ("2026-01-31  (night) -> charged 5.00; paid 5.00", "charged is expected twice"),
        ("2026-02-30  (night)", "day is out of range"),
        ("31 January  (night)", "not `DAY"),
        ("2026-01-31 (night)", "not `DAY"),
        ("2026-01-31 .. 2026-03-30 monthly  (night)", "is no month's day"),
        ("2026-01-31 .. 2026-03-31 monthly  asks for a refund", "only nights come monthly"),
    ],
)
def test_what_is_not_understood_is_an_error(line: str, because: str) -> None:
    with pytest.raises(TimelineError, match=because) as wrong:
        read(f"{HEAD}{line}\n", name="one")
    assert str(wrong.value).startswith("one.txt:4: ")


def test_lines_come_in_order() -> None:
    with pytest.raises(TimelineError, match=r"one.txt:5: 2026-01-30 comes after 2026-01-31"):
        read(HEAD + "2026-01-31  (night)\n2026-01-30  (night)\n", name="one")
    with pytest.raises(TimelineError, match="in order"):
        read(HEAD + "2026-01-31  asks for a refund\n2026-01-31  (night)\n", name="one")


@pytest.mark.parametrize("text", ["", "A customer\n", "A customer\n2026-01-31  (night)\n2026-01-31  (night)\n"])
def test_a_story_begins_with_its_title_and_its_rules(text: str) -> None:
    with pytest.raises(TimelineError, match="begins with a title"):
        read(text, name="one")
