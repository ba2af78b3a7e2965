"""A CSV file line by line, in flat memory: UTF-8, commas, a header, and no character that cannot be shown.

What is wrong with a line comes with the line, so that one bad line is told and the next one is read.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from worker.errors import RefusedError
from worker.ops.importing.report import Refusal

# With or without the mark that some programs put in front.
_ENCODING = "utf-8-sig"
# Bytes that are no UTF-8 come through as lone surrogates, which tells the cell that they stand in.
_UNDECODABLE = "surrogateescape"
_LONGEST_LINE = 65_536
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SUSPECT = re.compile(f"{_CONTROL.pattern}|{_SURROGATE.pattern}")
_NOT_UTF8 = "is not UTF-8; save the file in that encoding"


@dataclass(frozen=True, slots=True)
class Line:
    """One record: where it begins, its cells in the order of the wanted columns, and what is wrong with it."""

    number: int
    cells: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    ends_reading: bool = False
    """The rest of the file means nothing."""


class _Bounded:
    """The file's lines, none longer than the limit, so that memory does not depend on what is in them."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.cut = False

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(_LONGEST_LINE):
            if len(line) == _LONGEST_LINE and not line.endswith(("\n", "\r")):
                self.cut = True
                return
            yield line


def open_table(path: Path) -> TextIO:
    """A CSV file as `read_lines` wants it. Raises RefusedError when it cannot be opened."""
    try:
        return path.open(encoding=_ENCODING, errors=_UNDECODABLE, newline="")
    except OSError as error:
        raise RefusedError(f"{path} cannot be read: {error.strerror}") from error


def read_lines(file: TextIO, columns: Sequence[str]) -> Iterator[Line]:
    """Every record below the header; blank lines are passed over.

    Args:
        file: what `open_table` gave.
        columns: what the header must name, each once, in any order.
    """
    source = _Bounded(file)
    reader = csv.reader(source, strict=True)
    places: list[int] | None = None
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            yield _wrong(number, f"is not CSV: {error}", ends_reading=places is None)
            if places is None:
                return
            continue
        if not cells:
            continue
        if places is None:
            wrong = header_refusals(cells, columns, line=number)
            if wrong:
                yield Line(number, refusals=wrong, ends_reading=True)
                return
            names = [cell.strip() for cell in cells]
            places = [names.index(column) for column in columns]
        else:
            yield _line(number, cells, places, columns)
    if source.cut:
        yield _wrong(reader.line_num + 1, f"is longer than {_LONGEST_LINE} characters; is it CSV?", ends_reading=True)
    elif places is None:
        yield _wrong(1, "has no header: the file is empty", ends_reading=True)


def header_refusals(cells: Sequence[str], columns: Sequence[str], *, line: int) -> tuple[Refusal, ...]:
    """What is wrong with a header: columns that are missing, unknown, or named twice."""
    text = "".join(cells)
    if _SURROGATE.search(text) or "\x00" in text:
        return (Refusal(line, "", _NOT_UTF8),)
    names = [cell.strip() for cell in cells]
    if len(names) == 1 and (";" in text or "\t" in text):
        return (Refusal(line, "", "must separate its columns by commas"),)
    wrong = [
        Refusal(line, name[:100], "is a column that this file does not have")
        for name in dict.fromkeys(names)
        if name not in columns
    ]
    wrong += [Refusal(line, column, "is missing in the header") for column in columns if column not in names]
    wrong += [
        Refusal(line, column, "stands in the header more than once") for column in columns if names.count(column) > 1
    ]
    return tuple(wrong)


def _line(number: int, cells: Sequence[str], places: Sequence[int], columns: Sequence[str]) -> Line:
    if len(cells) != len(columns):
        return _wrong(number, f"has {len(cells)} columns instead of {len(columns)}")
    ordered = [cells[place] for place in places]
    if not _SUSPECT.search("".join(ordered)):
        return Line(number, tuple([cell.strip() for cell in ordered]))
    refusals = []
    for column, cell in zip(columns, ordered, strict=True):
        if _SURROGATE.search(cell):
            refusals.append(Refusal(number, column, _NOT_UTF8))
        elif found := _CONTROL.search(cell):
            refusals.append(Refusal(number, column, f"holds the control character U+{ord(found[0]):04X}"))
    return Line(number, refusals=tuple(refusals))


def _wrong(number: int, reason: str, *, ends_reading: bool = False) -> Line:
    return Line(number, refusals=(Refusal(number, "", reason),), ends_reading=ends_reading)
