"""Charts drawn here as SVG: pure functions of figures, each with a title, a description and colours by class only."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

BAR_W, GAP_W = 6, 2
TRACK_W, LEAST_W = 200, 3


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Args:
        label: of the bar, as its tooltip tells it.
        value: its height, never negative.
        state: the CSS class of its colour: `good`, `bad`, `open` or `none`.
    """

    label: str
    value: int
    state: str = "good"


def bars(values: Sequence[Bar], *, title: str, description: str, height: int = 36) -> Markup:
    """Bars from left to right, the highest as high as the chart; one that is not 0 is always seen.

    Args:
        values: the bars; none gives an empty chart.
        title: what it shows, read aloud.
        description: the gist in words, read aloud after the title.
        height: in pixels.
    """
    width = max(len(values) * (BAR_W + GAP_W) - GAP_W, BAR_W)
    most = max((one.value for one in values), default=0)
    drawn = [
        _rectangle(one, left=n * (BAR_W + GAP_W), height=_height(one.value, most=most, height=height), of=height)
        for n, one in enumerate(values)
    ]
    return _svg("bars", width, height, title, description, Markup("").join(drawn), stretch=True)


def _height(value: int, *, most: int, height: int) -> int:
    if value <= 0 or most <= 0:
        return 1
    return max(3, round(value / most * height))


def _rectangle(bar: Bar, *, left: int, height: int, of: int) -> Markup:
    state = bar.state if bar.value > 0 or bar.state == "bad" else "none"
    return Markup('<rect class="bar {}" x="{}" y="{}" width="{}" height="{}" rx="1"><title>{}</title></rect>').format(
        state, left, of - height, BAR_W, height, bar.label
    )


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a whole, with the CSS class of its colour."""

    value: int
    state: str


def progress(parts: Sequence[Part], *, whole: int, title: str, description: str, height: int = 8) -> Markup:
    """Parts side by side on a track as long as the whole; a part that is not 0 is always seen.

    Args:
        parts: from left to right; together not more than the whole.
        whole: the length of the track; 0 gives an empty one.
        title: what it shows, read aloud.
        description: the parts in words, read aloud.
        height: in pixels.
    """
    width, left, drawn = TRACK_W, 0, []
    for part, length in zip(parts, _lengths([part.value for part in parts], whole=whole), strict=True):
        if length:
            drawn.append(
                Markup('<rect class="bar {}" x="{}" y="0" width="{}" height="{}"/>').format(
                    part.state, left, length, height
                )
            )
            left += length
    track = Markup('<rect class="track" x="0" y="0" width="{}" height="{}"/>').format(width, height)
    return _svg("progress", width, height, title, description, track + Markup("").join(drawn), stretch=True)


def _lengths(values: Sequence[int], *, whole: int) -> list[int]:
    """Lengths on the track; what small parts are given to be seen is taken from the longest."""
    if whole <= 0:
        return [0 for _ in values]
    found = [max(LEAST_W, round(value / whole * TRACK_W)) if value > 0 else 0 for value in values]
    while sum(found) > TRACK_W:
        longest = found.index(max(found))
        found[longest] -= 1
    return found


def sparkline(values: Sequence[int], *, title: str, description: str, width: int = 120, height: int = 24) -> Markup:
    """A line through the values from left to right, between the least and the most of them.

    Args:
        values: at equal distances; fewer than two give an empty chart.
        title: what it shows, read aloud.
        description: the gist in words, read aloud.
        width: in pixels.
        height: in pixels.
    """
    drawn = Markup("")
    if len(values) > 1:
        low, span = min(values), max(max(values) - min(values), 1)
        step = width / (len(values) - 1)
        points = [(n * step, height - 2 - (value - low) / span * (height - 4)) for n, value in enumerate(values)]
        path = " ".join(f"{'M' if n == 0 else 'L'}{x:.1f} {y:.1f}" for n, (x, y) in enumerate(points))
        assert all(a[0] < b[0] for a, b in pairwise(points)), "from left to right"
        drawn = Markup('<path class="line" d="{}"/>').format(path)
    return _svg("sparkline", width, height, title, description, drawn)


def _svg(
    kind: str, width: int, height: int, title: str, description: str, drawn: Markup, *, stretch: bool = False
) -> Markup:
    ratio = Markup(' preserveAspectRatio="none"') if stretch else ""
    label = escape(f"{title}: {description}" if description else title)
    return Markup(
        '<svg class="chart {}" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}"{}>'
        "<title>{}</title><desc>{}</desc>{}</svg>"
    ).format(kind, label, width, height, width, height, ratio, title, description, drawn)
