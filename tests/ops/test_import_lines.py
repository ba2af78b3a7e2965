"""Reading a CSV file: encodings, control characters, headers, and damage that ends at its line."""

from pathlib import Path

import pytest

from worker.errors import RefusedError
from worker.ops.importing.lines import Line, open_table, read_lines
from worker.ops.importing.report import Refusal

_COLUMNS = ("name", "town")
_NOT_UTF8 = "is not UTF-8; save the file in that encoding"


def read(tmp_path: Path, content: bytes) -> list[Line]:
    path = tmp_path / "in.csv"
    path.write_bytes(content)
    with open_table(path) as file:
        return list(read_lines(file, _COLUMNS))


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_lines_come_in_the_order_of_the_columns(tmp_path: Path, newline: bytes, mark: bytes) -> None:
    content = newline.join([mark + b"town, name", "Łódź , Jan".encode(), b"", b'"a,b","say ""x"""', b""])
    assert read(tmp_path, content) == [Line(2, ("Jan", "Łódź")), Line(4, ('say "x"', "a,b"))]


@pytest.mark.parametrize(
    ("header", "column", "reason"),
    [
        (b"", "", "has no header: the file is empty"),
        (b"name\n", "town", "is missing in the header"),
        (b"name,town,age\n", "age", "is a column that this file does not have"),
        (b"name,town,name\n", "name", "stands in the header more than once"),
        (b"name;town\n", "", "must separate its columns by commas"),
        ("name,town\n".encode("utf-16"), "", _NOT_UTF8),
        (b'"name,town\n', "", "is not CSV: unexpected end of data"),
    ],
)
def test_a_wrong_header_ends_the_reading(tmp_path: Path, header: bytes, column: str, reason: str) -> None:
    (line,) = read(tmp_path, header)
    assert line.ends_reading
    assert line.refusals == (Refusal(1, column, reason),)


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ("Łódź".encode("iso-8859-2") + b",x", "name", _NOT_UTF8),
        (b"x,caf\xe9", "town", _NOT_UTF8),
        (b"x,a\x00b", "town", "holds the control character U+0000"),
        (b"a\tb,x", "name", "holds the control character U+0009"),
        ("x,a\x85b".encode(), "town", "holds the control character U+0085"),
        ("x,a\u2028b".encode(), "town", "holds the control character U+2028"),
        (b"x", "", "has 1 columns instead of 2"),
        (b"x,y,z", "", "has 3 columns instead of 2"),
        (b'"x"y,z', "", "is not CSV: ',' expected after '\"'"),
    ],
)
def test_a_bad_line_is_told_and_the_next_one_is_read(tmp_path: Path, row: bytes, column: str, reason: str) -> None:
    bad, good = read(tmp_path, b"name,town\n" + row + b"\nJan,Brno\n")
    assert bad == Line(2, refusals=(Refusal(2, column, reason),))
    assert good == Line(3, ("Jan", "Brno"))


def test_a_record_over_several_lines_bears_its_first(tmp_path: Path) -> None:
    bad, good = read(tmp_path, b'name,town\n"a\nb\nc",x\nJan,Brno\n')
    assert bad.refusals == (Refusal(2, "name", "holds the control character U+000A"),)
    assert good == Line(5, ("Jan", "Brno"))


def test_a_quote_that_is_never_closed_is_refused_where_it_opens(tmp_path: Path) -> None:
    good, bad = read(tmp_path, b'name,town\nJan,Brno\n"open,x\nEva,Praha\n')
    assert good == Line(2, ("Jan", "Brno"))
    assert bad.refusals == (Refusal(3, "", "is not CSV: unexpected end of data"),)


def test_a_line_without_end_is_not_read_into_memory(tmp_path: Path) -> None:
    good, bad = read(tmp_path, b"name,town\nJan,Brno\n" + b"x" * 70_000)
    assert good == Line(2, ("Jan", "Brno"))
    assert bad.ends_reading
    assert bad.refusals == (Refusal(3, "", "is longer than 65536 characters; is it CSV?"),)


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="cannot be read"):
        open_table(tmp_path / "absent.csv")
