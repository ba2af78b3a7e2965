"""The project's own files, read and parsed, for tests that hold the house to its rules."""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

_NOT_OURS = frozenset({".git", ".venv", "var", "__pycache__", "node_modules"})
"""Folders whose content is installed or made by running; .gitignore names them too."""


@dataclass(frozen=True)
class Source:
    """One Python file. Its path is relative to the checkout, with forward slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.text)

    def under(self, *places: str) -> bool:
        """Whether the file is one of these files or lies in one of these folders."""
        return any(self.path == place or self.path.startswith(f"{place}/") for place in places)

    def at(self, node: ast.AST, message: str) -> str:
        """A complaint that an editor can jump to."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {message}"


Rule = Callable[[Source], Iterator[str]]
"""Yields a complaint for everything in a file that breaks the rule."""


@cache
def python_sources() -> tuple[Source, ...]:
    """Every Python file of ours, read and parsed once for all tests of a process."""
    found = [
        path
        for path in (*CHECKOUT.glob("*.py"), *files("worker"), *files("tests"), *files("bench"))
        if path.suffix == ".py"
    ]
    return tuple(
        Source(path.relative_to(CHECKOUT).as_posix(), path.read_text(encoding="utf-8")) for path in sorted(found)
    )


def files(folder: str = ".", *, root: Path = CHECKOUT) -> list[Path]:
    """Every file under a folder of the checkout that a person wrote."""
    return [
        path
        for path in sorted((root / folder).rglob("*"))
        if path.is_file()
        and not any(
            part in _NOT_OURS or part.endswith((".egg-info", "_cache", ".hypothesis"))
            for part in path.relative_to(root).parts
        )
    ]


def complaints(rule: Rule, sources: Sequence[Source]) -> list[str]:
    """What a rule finds in all of the files."""
    return [complaint for source in sources for complaint in rule(source)]


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a chain of names; calls and indexes are looked through, anything else is a question mark."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{dotted(value)}.{name}"
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return dotted(inner)
        case _:
            return "?"


def imported(source: Source) -> Iterator[tuple[ast.stmt, str]]:
    """Every import of a file, wherever it stands, as the dotted name that it brings in."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node, f"{node.module}.{alias.name}"


def brings_in(name: str, *modules: str) -> bool:
    """Whether an imported name is one of the modules or part of one."""
    return any(name == module or name.startswith(f"{module}.") for module in modules)
