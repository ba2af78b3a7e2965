"""Life stories as text: a title, the rules that it proves, and lines of `day  what happens  -> what must be true`.

The reader is strict: a line that is not understood, an act or an expectation that nobody knows, or a line out of
order is an error with the file and the line, so nothing that stands in a story is left unchecked.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import pairwise
from pathlib import Path

from tests.support.lives.aspects import expectation
from tests.support.lives.verbs import is_known
from worker.billing.calendar import Interval, term_start

NIGHT = "(night)"
"""Nothing is done; what the jobs of the night brought is looked at."""
NOON = time(12)
_LINE = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?: (?P<at>\d\d:\d\d)| \.\. (?P<last>\d{4}-\d\d-\d\d) monthly)?"
    r"  +(?P<act>\S.*?)(?:\s+-> (?P<expected>.+))?"
)
_RULES = re.compile(r"proves R\d+[a-z]?(?:, R\d+[a-z]?)*")


class TimelineError(Exception):
    """A story that cannot be read; says where and why."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happens, and what must be true right after it, by aspect."""

    number: int
    day: date
    at: time
    act: str
    expected: dict[str, str]

    @property
    def is_night(self) -> bool:
        """Whether it only looks at what the night brought."""
        return self.act == NIGHT


@dataclass(frozen=True, slots=True)
class Story:
    """A customer's life; `name` is the file's and the account's."""

    name: str
    title: str
    rules: Sequence[str]
    lines: Sequence[Line]


def read_stories(folder: Path) -> list[Story]:
    """All stories of a folder. Raises TimelineError."""
    return [read(path.read_text(encoding="utf-8"), name=path.stem) for path in sorted(folder.glob("*.txt"))]


def read(text: str, *, name: str) -> Story:
    """A story. Raises TimelineError that names file and line."""
    written = _joined(text)
    if len(written) < 3 or not _RULES.fullmatch(written[1][1]):
        raise TimelineError(f"{name}.txt: it begins with a title, a line `proves R1, R2b`, and goes on with days")
    lines: list[Line] = []
    for number, words in written[2:]:
        try:
            lines += _lines(number, words)
        except ValueError as error:
            raise TimelineError(f"{name}.txt:{number}: {error}") from error
    for earlier, later in pairwise(lines):
        if (later.day, _order(later)) < (earlier.day, _order(earlier)):
            raise TimelineError(f"{name}.txt:{later.number}: {later.day} comes after {earlier.day}: write it in order")
    rules = written[1][1].removeprefix("proves ").split(", ")
    return Story(name, written[0][1], rules, lines)


def _joined(text: str) -> list[tuple[int, str]]:
    """Lines with their numbers, without comments and blanks; an indented one goes on with the one before."""
    found: list[tuple[int, str]] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        if not raw.strip() or raw.startswith("#"):
            continue
        if raw[0].isspace() and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {raw.strip()}")
        else:
            found.append((number, raw.strip()))
    return found


def _lines(number: int, words: str) -> Iterator[Line]:
    said = _LINE.fullmatch(words)
    if said is None:
        raise ValueError(f"not `DAY [HH:MM]  ACT -> EXPECTED; EXPECTED`: {words!r}")
    act = said["act"]
    if act != NIGHT and not is_known(act):
        raise ValueError(f"nobody knows the act {act!r}")
    expected = _expected(said["expected"] or "")
    day = date.fromisoformat(said["day"])
    at = NOON if said["at"] is None else time.fromisoformat(said["at"])
    if said["last"] is None:
        yield Line(number, day, at, act, expected)
        return
    if act != NIGHT:
        raise ValueError("only nights come monthly")
    last, months = date.fromisoformat(said["last"]), 0
    while (one := term_start(day, Interval.MONTH, months)) <= last:
        yield Line(number, one, at, act, expected)
        months += 1
    if term_start(day, Interval.MONTH, months - 1) != last:
        raise ValueError(f"{last} is no month's day that begins on {day}")


def _expected(words: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in (part.strip() for part in words.split(";")):
        if not one:
            continue
        told = expectation(one)
        if told is None:
            raise ValueError(f"nobody knows the expectation {one!r}")
        if twice := found.keys() & told.keys():
            raise ValueError(f"{', '.join(sorted(twice))} is expected twice")
        found |= told
    return found


def _order(line: Line) -> datetime:
    """Acts before the night's jobs, the night, then acts of the day."""
    return datetime.combine(line.day, time(8, 30) if line.is_night else line.at)
