"""The shape of every file: a first line that tells its use, short parts, honest names, reasons given."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

import pytest

from tests.support.sources import Rule, Source, complaints, python_sources

LONGEST_FUNCTION = 60
LONGEST_FILE = 400

_EMPTY_WORDS = frozenset({"util", "utils", "helper", "helpers", "common", "manager", "managers", "service", "services"})
_NOQA = re.compile(r"# noqa: [A-Z]+\d+(, ?[A-Z]+\d+)* - \S")
_IGNORE = re.compile(r"# type: ignore\[[a-z-]+(, ?[a-z-]+)*\] +(#|-) \S")


def says_what_it_is_for(source: Source) -> Iterator[str]:
    """A docstring whose first line stands for itself opens every module."""
    said = ast.get_docstring(source.tree)
    if not said or not said.splitlines()[0].strip():
        yield f"{source.path}:1: the first line must say what the module is for"


def parts_are_short(source: Source) -> Iterator[str]:
    """Functions and files fit a reader's head."""
    lines = len(source.text.splitlines())
    if lines > LONGEST_FILE:
        yield f"{source.path}:{lines}: {lines} lines, at most {LONGEST_FILE}; split it by noun"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield source.at(node, f"{node.name} has {length} lines, at most {LONGEST_FUNCTION}")


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def names_say_something(source: Source) -> Iterator[str]:
    """No file, folder or class is named after nothing."""
    for empty in sorted(_words(source.path.removesuffix(".py")) & _EMPTY_WORDS):
        yield f"{source.path}:1: a file or folder called {empty} may hold anything; name the noun"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            for empty in sorted(_words(node.name) & _EMPTY_WORDS):
                yield source.at(node, f"class {node.name}: {empty} says nothing")


def exceptions_have_reasons(source: Source) -> Iterator[str]:
    """Whoever silences a checker says why, on the same line."""
    if "noqa" not in source.text and "type: ignore" not in source.text:
        return  # reading a file's words takes longer than all the other rules together
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type != tokenize.COMMENT:
            continue
        for word, shape in (("noqa", _NOQA), ("type: ignore", _IGNORE)):
            if re.search(rf"#\s*(ruff:\s*|flake8:\s*)?{word}", token.string) and not shape.search(token.string):
                yield f"{source.path}:{token.start[0]}: `{token.string}` needs its code and its reason"


_RULES: list[Rule] = [says_what_it_is_for, parts_are_short, names_say_something, exceptions_have_reasons]


@pytest.mark.parametrize("rule", _RULES)
def test_every_file_is_in_shape(rule: Rule) -> None:
    assert complaints(rule, python_sources()) == []


_LONG = "def long() -> None:\n" + "    print()\n" * LONGEST_FUNCTION


@pytest.mark.parametrize(
    ("rule", "path", "planted"),
    [
        (says_what_it_is_for, "worker/a.py", "import ast\n"),
        (says_what_it_is_for, "worker/a.py", ""),
        (parts_are_short, "worker/a.py", _LONG),
        (parts_are_short, "worker/a.py", f"class A:\n    async {_LONG}".replace("\n    p", "\n        p")),
        (parts_are_short, "tests/a.py", "# line\n" * (LONGEST_FILE + 1)),
        (names_say_something, "worker/mail_utils.py", ""),
        (names_say_something, "worker/services/mail.py", ""),
        (names_say_something, "worker/mail.py", "class MailManager: pass\n"),
        (names_say_something, "worker/mail.py", "class HTTPHelper: pass\n"),
        (exceptions_have_reasons, "worker/a.py", "x = 1  # noqa\n"),
        (exceptions_have_reasons, "worker/a.py", "x = 1  # noqa: E501\n"),
        (exceptions_have_reasons, "worker/a.py", "# ruff: noqa\n"),
        (exceptions_have_reasons, "worker/a.py", "x = 1  # type: ignore\n"),
        (exceptions_have_reasons, "worker/a.py", "x = 1  # type: ignore[attr-defined]\n"),
    ],
)
def test_what_is_out_of_shape_is_found(rule: Rule, path: str, planted: str) -> None:
    assert len(complaints(rule, [Source(path, planted)])) == 1


@pytest.mark.parametrize(
    ("rule", "path", "fine"),
    [
        (says_what_it_is_for, "worker/a.py", '"""Counts days."""\n'),
        (parts_are_short, "worker/a.py", _LONG.replace("    print()\n", "", 1)),
        (names_say_something, "worker/utilisation.py", "class Communication: pass\n"),
        (exceptions_have_reasons, "worker/a.py", "x = 1  # noqa: E501, S101 - the line is the example\n"),
        (exceptions_have_reasons, "worker/a.py", "x = 1  # type: ignore[arg-type] # untyped library\n"),
        (exceptions_have_reasons, "worker/a.py", "x = '# noqa'\n"),
    ],
)
def test_what_is_in_shape_is_left_alone(rule: Rule, path: str, fine: str) -> None:
    assert complaints(rule, [Source(path, fine)]) == []
