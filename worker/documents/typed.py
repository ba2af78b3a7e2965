"""Reads JSON into declared types, and says at once which field is missing or wrong.

What a document prints was written earlier, by other code, into a JSON column. It is held against its
declaration before anything is rendered, so that a mail never goes out with half of its facts.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from enum import StrEnum
from typing import (
    Any,
    Literal,
    NewType,
    NoReturn,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from worker.documents.clean import one_line, paragraphs
from worker.errors import DocumentError

Url = NewType("Url", str)
"""An http or https address of ours, where a button leads."""
IsoDay = NewType("IsoDay", str)
"""A date as `YYYY-MM-DD`, kept as text."""
Prose = NewType("Prose", str)
"""Text that may have several lines; every other text is printed on one."""


def read(declared: Any, value: object, *, where: str) -> Any:
    """The value as its declaration wants it.

    Args:
        declared: str, int, bool, date, a StrEnum, Literal, one of the types above, an optional of these, a
            tuple or list of these, a dataclass or a TypedDict.
        value: what JSON gave.
        where: the name that the error tells.

    Raises:
        DocumentError: a field without a default is missing, or its value is not of its type. Fields that are not
            declared are passed over, since a newer version may have written them.
    """
    if declared in _PLAIN:
        return _PLAIN[declared](value, where)
    origin, arguments = get_origin(declared), get_args(declared)
    if origin in {Union, types.UnionType}:
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return None if value is None else read(inner, value, where=where)
    if origin is NotRequired:
        return read(arguments[0], value, where=where)
    if origin is Literal:
        return value if value in arguments else _refuse(where, value, f"one of {', '.join(map(str, arguments))}")
    if origin in {tuple, list}:
        items = _demand(list, value, where) if not isinstance(value, tuple) else value
        return origin(read(arguments[0], item, where=f"{where}[{n}]") for n, item in enumerate(items))
    if is_typeddict(declared) or is_dataclass(declared):
        return _read_fields(declared, value, where)
    if isinstance(declared, type) and issubclass(declared, StrEnum):
        text = value if isinstance(value, str) else ""
        return declared(text) if text in set(declared) else _refuse(where, value, f"a {declared.__name__}")
    raise AssertionError(f"{where} is declared as {declared}, which nothing here reads")


def _read_fields(declared: Any, value: object, where: str) -> Any:
    given: Mapping[str, object] = _demand(Mapping, value, where)
    hints = get_type_hints(declared, include_extras=True)
    names = declared.__annotations__ if is_typeddict(declared) else [field.name for field in fields(declared)]
    optional = (
        () if is_typeddict(declared) else [field.name for field in fields(declared) if field.default is not MISSING]
    )
    found = {}
    for name in names:
        if name in given:
            found[name] = read(hints[name], given[name], where=f"{where}.{name}")
        elif get_origin(hints[name]) is not NotRequired and name not in optional:
            raise DocumentError(f"{where}.{name} is missing")
    return declared(**found)


def _refuse(where: str, value: object, wanted: str) -> NoReturn:
    raise DocumentError(f"{where} is {value!r}, not {wanted}")


def _demand(wanted: type, value: object, where: str) -> Any:
    # A bool is an int to Python, but `true` is no amount of money.
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        _refuse(where, value, f"a {wanted.__name__}")
    return value


def _read_date(value: object, where: str) -> date:
    try:
        return date.fromisoformat(_demand(str, value, where))
    except ValueError:
        _refuse(where, value, "a date")


def _read_url(value: object, where: str) -> str:
    text = one_line(_demand(str, value, where))
    if not text.startswith(("https://", "http://")) or " " in text:
        _refuse(where, value, "an http address")
    return text


_PLAIN: Mapping[Any, Callable[[object, str], Any]] = {
    str: lambda value, where: one_line(_demand(str, value, where)),
    int: lambda value, where: _demand(int, value, where),
    bool: lambda value, where: _demand(bool, value, where),
    date: _read_date,
    Url: _read_url,
    IsoDay: lambda value, where: _read_date(value, where).isoformat(),
    Prose: lambda value, where: paragraphs(_demand(str, value, where)),
}
