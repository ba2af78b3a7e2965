"""Values never become code: SQL is made of constants and takes values as parameters, mail templates escape.

A statement is made when its module is loaded, where no input exists yet; a function may make one of a plain text only.
"""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support.sources import CHECKOUT, Source, complaints, dotted, python_sources

_MAKERS = frozenset({"text", "exec_driver_sql", "literal_column", "TextClause", "SQL", "DDL"})
_REHEARSALS = "worker/sandbox"
"""Its statements name databases of its own making, on servers of its own."""
_ASKED_IN_SETS = ("worker/store/audit/invariant.py", "statement")
"""The one function that puts a text into a text: the query of an invariant, which is made at the top of its module."""
_UNSAFE = re.compile(r"\|\s*safe\b|\bautoescape\s+(false|off)|\bMarkup\b|\|\s*forceescape\b")


def sql_is_made_of_constants(source: Source) -> Iterator[str]:
    """`text(...)` at the top of a module may put constants together; inside a function it is handed a plain text."""
    if not source.under("worker", "scheduler.py") or source.under(_REHEARSALS):
        return
    if "sqlalchemy" not in source.text and "psycopg" not in source.text:
        return
    within = _functions_of(source.tree)
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or dotted(node.func).rpartition(".")[2] not in _MAKERS or not node.args:
            continue
        function = within.get(node)
        if (source.path, function) == _ASKED_IN_SETS:
            continue
        given = node.args[0]
        if function is not None and not isinstance(given, ast.Constant):
            yield source.at(
                node, f"{function} makes SQL: make it at the top of the module, and give values as parameters"
            )
        elif not _constant(given, _targets(source.tree)):
            yield source.at(node, "only constants of the module are put into SQL: give values as parameters (:name)")


def invariants_are_made_at_the_top(source: Source) -> Iterator[str]:
    """What `Invariant.statement` puts into its text was a constant, too."""
    if not source.under("worker"):
        return
    within = _functions_of(source.tree)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] == "Invariant" and within.get(node):
            yield source.at(node, "an invariant is a constant of its module")


def environments_escape(source: Source) -> Iterator[str]:
    """Jinja2 escapes nothing unless it is told to."""
    if not source.under("worker"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] in {"Environment", "Template"}:
            told = next((one.value for one in node.keywords if one.arg == "autoescape"), None)
            escapes = isinstance(told, ast.Call) and dotted(told.func) == "select_autoescape"
            if not escapes and "jinja2" in source.text:
                yield source.at(node, "autoescape=select_autoescape(...), or a customer's name is markup")


def _functions_of(tree: ast.Module) -> dict[ast.AST, str]:
    """By node, the name of the function that it stands in; nodes at the top of the module are missing."""
    found: dict[ast.AST, str] = {}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            name = getattr(function, "name", "a lambda")
            body = function.body if isinstance(function.body, list) else [function.body]
            found |= {node: name for part in body for node in ast.walk(part)}
    return found


def _targets(tree: ast.Module) -> frozenset[str]:
    """Names that a comprehension over a constant runs through."""
    return frozenset(
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.comprehension) and isinstance(node.iter, ast.Name)
        for target in ast.walk(node.target)
        if isinstance(target, ast.Name)
    )


def _constant(node: ast.AST, targets: frozenset[str]) -> bool:
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return name.strip("_").isupper() or name in targets
        case ast.Attribute(value=value, attr="value"):
            return _constant(value, targets)
        case ast.FormattedValue(value=value):
            return _constant(value, targets)
        case ast.JoinedStr(values=parts):
            return all(_constant(part, targets) for part in parts)
        case ast.Call(func=ast.Attribute(value=value, attr="format"), args=[], keywords=given):
            return _constant(value, targets) and all(_constant(one.value, targets) for one in given)
    return False


RULES = (sql_is_made_of_constants, invariants_are_made_at_the_top, environments_escape)


@pytest.mark.parametrize("rule", RULES)
def test_nothing_is_put_into_code(rule: object) -> None:
    assert complaints(rule, python_sources()) == []  # type: ignore[arg-type] # one of RULES


@pytest.mark.parametrize(
    ("rule", "planted"),
    [
        (sql_is_made_of_constants, "def f(name):\n    return text(f\"SELECT * FROM a WHERE b = '{name}'\")\n"),
        (sql_is_made_of_constants, "def f(name):\n    return text('SELECT ' + name)\n"),
        (sql_is_made_of_constants, "def f(name):\n    return text('SELECT %s' % name)\n"),
        (sql_is_made_of_constants, "def f(name):\n    query = 'SELECT ' + name\n    return text(query)\n"),
        (sql_is_made_of_constants, "def f(c, name):\n    c.exec_driver_sql(f'SELECT {name}')\n"),
        (sql_is_made_of_constants, "f = lambda name: text(f'SELECT {name}')\n"),
        (sql_is_made_of_constants, "A = text(f'SELECT {load()}')\n"),
        (sql_is_made_of_constants, "A = text(f'SELECT {settings.name}')\n"),
        (sql_is_made_of_constants, "A = text('SELECT {}'.format(name))\n"),
        (invariants_are_made_at_the_top, "def f(x):\n    return Invariant('a', 'b', 'c', x)\n"),
        (environments_escape, "import jinja2\nE = jinja2.Environment(loader=L)\n"),
        (environments_escape, "from jinja2 import Environment\nE = Environment(autoescape=False)\n"),
        (environments_escape, "from jinja2 import Template\nT = Template(name)\n"),
    ],
)
def test_what_is_put_in_would_be_found(rule: object, planted: str) -> None:
    source = Source("worker/store/planted.py", f"import sqlalchemy\n{planted}")
    assert complaints(rule, [source]) != []  # type: ignore[arg-type] # one of RULES


@pytest.mark.parametrize(
    "fine",
    [
        "A = text('SELECT :a')\n",
        "A = text(f'SELECT {_B} {FREE.format(alias=\"c\")}')\n",
        "A = {one: text(f\"SELECT '{one.value}'\") for one in States}\n",
        "def f(c):\n    c.execute(text('SELECT 1'))\n",
    ],
)
def test_constants_may_be_put_together(fine: str) -> None:
    assert complaints(sql_is_made_of_constants, [Source("worker/store/fine.py", f"import sqlalchemy\n{fine}")]) == []


def test_templates_escape_what_they_are_given() -> None:
    templates = list((CHECKOUT / "worker/templates").rglob("*.j2"))
    assert len(templates) > 30
    assert [path.name for path in templates if _UNSAFE.search(path.read_text(encoding="utf-8"))] == []
    # escaping goes by the end of the name
    loose = [path for path in templates if "<" in path.read_text(encoding="utf-8") and ".html." not in path.name]
    assert [path.name for path in loose if re.search(r"</?\w+[^>]*>", path.read_text(encoding="utf-8"))] == []
