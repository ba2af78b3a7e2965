"""Charts: drawn from figures alone, read aloud, and never larger than their frame."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.web.charts import Bar, Part, bars, progress, sparkline

counts = st.lists(st.integers(min_value=0, max_value=10**9), max_size=40)


def drawn(svg: str) -> ET.Element:
    """The picture, parsed; titles and classes are all that it carries."""
    assert "style=" not in svg
    return ET.fromstring(svg)  # noqa: S314 - our own drawing


def rectangles(picture: ET.Element, name: str = "bar") -> list[dict[str, str]]:
    return [one.attrib for one in picture.iter("rect") if name in one.attrib["class"].split()]


@given(counts)
def test_bars_stay_in_their_frame_and_what_is_not_nothing_is_seen(values: list[int]) -> None:
    picture = drawn(bars([Bar(str(v), v) for v in values], title="renew", description="30 nights"))
    width, height = int(picture.attrib["width"]), int(picture.attrib["height"])
    found = rectangles(picture)
    assert len(found) == len(values)
    for value, one in zip(values, found, strict=True):
        assert int(one["x"]) + int(one["width"]) <= width
        assert int(one["y"]) + int(one["height"]) == height
        assert (int(one["height"]) >= 3) == (value > 0)
        assert ("none" in one["class"]) == (value == 0)


def test_the_highest_bar_is_as_high_as_the_chart_and_half_is_half() -> None:
    high, half = rectangles(drawn(bars([Bar("a", 100), Bar("b", 50)], title="t", description="", height=40)))
    assert (high["height"], half["height"]) == ("40", "20")


@given(counts)
def test_parts_of_a_whole_are_never_longer_than_it(values: list[int]) -> None:
    whole = sum(values)
    picture = drawn(progress([Part(v, "good") for v in values], whole=whole, title="t", description="d"))
    found = rectangles(picture)
    assert all(int(one["x"]) + int(one["width"]) <= 200 for one in found)
    assert len(found) == sum(v > 0 for v in values)
    assert all(int(one["width"]) >= 3 for one in found)


def test_progress_of_nothing_is_an_empty_track() -> None:
    picture = drawn(progress([Part(0, "good")], whole=0, title="t", description="d"))
    assert rectangles(picture) == []
    assert len(rectangles(picture, "track")) == 1


@given(counts)
def test_a_sparkline_runs_from_left_to_right_within_its_frame(values: list[int]) -> None:
    svg = sparkline(values, title="t", description="d")
    points = [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", svg)]
    assert len(points) == (len(values) if len(values) > 1 else 0)
    assert points == sorted(points, key=lambda point: point[0])
    assert all(0 <= x <= 120.1 and 0 <= y <= 24 for x, y in points)


@pytest.mark.parametrize(
    "svg",
    [
        bars([Bar("<b>", 1)], title="<t>", description="<d>"),
        progress([], whole=1, title="<t>", description="<d>"),
        sparkline([1, 2], title="<t>", description="<d>"),
    ],
)
def test_every_chart_has_a_name_and_a_description_and_escapes_them(svg: str) -> None:
    picture = drawn(svg)
    assert picture.attrib["role"] == "img"
    assert picture.attrib["aria-label"] == "<t>: <d>"
    assert [one.text for one in picture.iter() if one.tag in {"title", "desc"}][:2] == ["<t>", "<d>"]
