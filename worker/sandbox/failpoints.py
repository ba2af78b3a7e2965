"""Every failpoint there is, read from the code: `python -m worker.sandbox.failpoints` lists them.

A failpoint is one side of a door: `before:commit:NAME`, `after:commit:NAME`, `before:call:NAME`, `after:call:NAME`
(`worker/boundary.py`). NAME is what the code hands to `transaction` or `call`: a literal or a constant of a file; a
parameter, and then that of each place that calls the function; or an f-string over the jobs or the acts of the desk.
"""

import argparse
import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
NOT_OURS = ("worker/boundary.py", "worker/sandbox", "worker/store/migrations")
"""The doors themselves, the sandbox, and migrations, which run before anything else does."""
SIDES = ("before", "after")

_NAME_AT = {"transaction": 1, "call": 0}
"""Which argument of a door is its name."""
_KINDS = {"transaction": "commit", "call": "call"}
_ACT_AT = 1
"""Which argument of `Ask` is the act."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class UnresolvedNameError(Exception):
    """A door whose name cannot be told from the code; the sentence says where and what to do."""


@dataclass(frozen=True, slots=True, order=True)
class Door:
    """A commit or a call. `kind` is `commit` or `call`, `place` the file and line that pass through it."""

    kind: str
    name: str
    place: str

    @property
    def failpoints(self) -> tuple[str, ...]:
        """Both of its sides."""
        return tuple(f"{side}:{self.kind}:{self.name}" for side in SIDES)


@dataclass(frozen=True, slots=True)
class _Use:
    """A call or a `partial` of something, and the function in which it stands."""

    node: ast.Call
    inside: _Function | None
    path: str


class Code:
    """Python files, by their paths relative to the checkout, and the doors in them."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._uses: list[_Use] = []
        self._constants: dict[tuple[str, str], str] = {}
        trees = {path: ast.parse(content) for path, content in sorted(files.items())}
        for path, tree in trees.items():
            self._uses += _uses(tree, path, None)
            self._constants |= {(path, name): said for name, said in _constants(tree)}
        for path, tree in trees.items():
            for home, name in _imported(tree):
                if (home, name) in self._constants:
                    self._constants[path, name] = self._constants[home, name]
        self.jobs = sorted(
            Path(path).stem for path in files if path.startswith("worker/jobs/") and not path.endswith("__init__.py")
        )

    @property
    def acts(self) -> list[str]:
        """The acts of the desk: what every `Ask` names."""
        asks = [use for use in self._uses if _dotted(use.node.func) == "Ask"]
        return sorted({name for use in asks for name in self._names(_argument(use.node, _ACT_AT, "act"), use)})

    def doors(self) -> list[Door]:
        """Every commit and call, in order. Raises UnresolvedNameError for a name that the code does not tell."""
        found = set()
        for use in self._uses:
            door = _dotted(use.node.func).removeprefix("boundary.")
            if door not in _NAME_AT or use.node.func is None:
                continue
            for name in self._names(_argument(use.node, _NAME_AT[door], "name"), use):
                found.add(Door(_KINDS[door], name, f"{use.path}:{use.node.lineno}"))
        return sorted(found)

    def _names(self, given: ast.expr | None, use: _Use) -> Iterator[str]:
        match given:
            case ast.Constant(value=str(name)):
                yield name
            case ast.Name(id=name) if (use.path, name) in self._constants:
                yield self._constants[use.path, name]
            case ast.JoinedStr(values=parts):
                yield from map("".join, product(*(list(self._part(part, use)) for part in parts)))
            case ast.Name(id=name) if use.inside is not None and name in _parameters(use.inside):
                yield from self._given_to(use.inside, name, use)
            case _:
                said = "nothing" if given is None else ast.unparse(given)
                raise UnresolvedNameError(
                    f"{use.path}:{use.node.lineno}: the name of a door is {said}; "
                    "give it a literal, so that it can be listed and died at"
                )

    def _part(self, part: ast.expr, use: _Use) -> Iterator[str]:
        families = {"spec.name": self.jobs, "ask.act": self.acts}
        if isinstance(part, ast.FormattedValue) and ast.unparse(part.value) in families:
            yield from families[ast.unparse(part.value)]
        else:
            yield from self._names(part, use)

    def _given_to(self, function: _Function, parameter: str, use: _Use) -> Iterator[str]:
        """What callers in the same room hand to a parameter."""
        room = use.path.rpartition("/")[0]
        callers = [
            (_argument(node, place, parameter), each)
            for each in self._uses
            if each.path.startswith(room)
            for node, place in _calls_of(each.node, function, parameter)
        ]
        if not callers:
            yield from self._names(None, use)
        for given, caller in callers:
            yield from self._names(given, caller)


def _uses(node: ast.AST, path: str, inside: _Function | None) -> Iterator[_Use]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield _Use(child, inside, path)
        yield from _uses(child, path, child if isinstance(child, _Function) else inside)


def _dotted(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{_dotted(value)}.{name}"
        case _:
            return "?"


def _parameters(function: _Function) -> list[str]:
    return [each.arg for each in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]


def _calls_of(node: ast.Call, function: _Function, parameter: str) -> Iterator[tuple[ast.Call, int]]:
    """Whether a call is one of the function, plain or by `partial`, and at which place it gives the parameter."""
    place = _parameters(function).index(parameter)
    if _parameters(function)[0] in {"self", "cls"}:
        place -= 1
    called = _dotted(node.func)
    if called.rpartition(".")[2] == function.name:
        yield node, place
    elif called == "partial" and _dotted(node.args[0]).rpartition(".")[2] == function.name:
        yield node, place + 1


def _argument(node: ast.Call, place: int, name: str) -> ast.expr | None:
    for keyword in node.keywords:
        if keyword.arg == name:
            return keyword.value
    return node.args[place] if len(node.args) > place else None


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Names that stand for one text in the whole file."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(said))):
                yield name, said


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The file and the name of all that is imported by its own name."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                yield f"{node.module.replace('.', '/')}.py", alias.name


def files(root: Path = CHECKOUT) -> dict[str, str]:
    """The files of `worker/` in which there may be doors."""
    found = {path.relative_to(root).as_posix(): path for path in (root / "worker").rglob("*.py")}
    return {
        name: path.read_text(encoding="utf-8")
        for name, path in found.items()
        if not any(name == out or name.startswith(f"{out}/") for out in NOT_OURS)
    }


@cache
def code() -> Code:
    """The product's own code."""
    return Code(files())


def failpoints() -> list[str]:
    """The names of all failpoints, sorted by door."""
    return list(dict.fromkeys(point for door in code().doors() for point in door.failpoints))


def main(arguments: Sequence[str]) -> int:
    """List them. Returns the process's exit code."""
    parser = argparse.ArgumentParser(description="List every failpoint: each side of each commit and outgoing call.")
    parser.add_argument("--places", action="store_true", help="list the doors with the lines that pass through them")
    if parser.parse_args(arguments).places:
        print("\n".join(f"{door.kind:6} {door.name:34} {door.place}" for door in code().doors()))
        return 0
    print("\n".join(failpoints()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
