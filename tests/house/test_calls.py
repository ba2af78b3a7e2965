"""What a gateway does with its client happens inside `with boundary.call(...)`.

The check reads names, not types: a client is what is called one. A private method may call bare when
all who use it stand inside a door, or hand it by `partial` to a method of the file that runs it inside one.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.sources import Source, complaints, dotted, python_sources

_CLIENTS = frozenset({"client", "_client", "session", "_session", "smtp", "_smtp"})
_PARTINGS = frozenset({"close", "quit"})
"""Saying goodbye is no call that a failpoint or a timing is wanted for."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Bare:
    """A use outside every door: of a client, or of a function that may use one."""

    inside: str
    """The function in which it stands; empty for the module itself."""
    node: ast.AST
    target: str
    """The function used; empty when the client itself is."""


def _leaves_the_machine(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    holder, _, verb = dotted(node.func).rpartition(".")
    if holder in {"requests", "urllib3"}:
        return verb.islower()  # their classes do not connect while they are made
    if holder == "smtplib":
        return verb.startswith("SMTP") and not verb.endswith(("Error", "Exception"))
    return verb not in _PARTINGS and not _CLIENTS.isdisjoint(holder.split("."))


def _is_door(node: ast.AST) -> bool:
    return isinstance(node, ast.With) and any(
        isinstance(item.context_expr, ast.Call) and dotted(item.context_expr.func) in {"call", "boundary.call"}
        for item in node.items
    )


def _runs_what_it_is_given(function: _Function) -> bool:
    """Whether a function calls one of its own parameters inside a door."""
    given = {argument.arg for argument in function.args.args}
    doors = [node for node in ast.walk(function) if _is_door(node)]
    inside = [node for door in doors for node in ast.walk(door)]
    return any(isinstance(node, ast.Call) and dotted(node.func) in given for node in inside)


def _bare_uses(node: ast.AST, inside: str, *, names: frozenset[str], carried: bool) -> Iterator[Bare]:
    for child in ast.iter_child_nodes(node):
        if _is_door(child):
            continue
        if carried and isinstance(child, ast.Call) and dotted(child.func) == "partial":
            continue
        if _leaves_the_machine(child):
            yield Bare(inside, child, "")
        named = dotted(child).removeprefix("self.") if isinstance(child, ast.Name | ast.Attribute) else ""
        if named in names:
            yield Bare(inside, child, named)
        around = child.name if isinstance(child, _Function) else inside
        yield from _bare_uses(child, around, names=names, carried=carried)


def gateways_call_through_the_boundary(source: Source) -> Iterator[str]:
    """No path from outside a gateway to its client avoids the door."""
    if not source.under("worker/gateways"):
        return
    functions = [node for node in ast.walk(source.tree) if isinstance(node, _Function)]
    names = frozenset(function.name for function in functions)
    carried = any(map(_runs_what_it_is_given, functions))
    uses = list(_bare_uses(source.tree, "", names=names, carried=carried))
    bare = {""}
    while True:
        found = {use.inside for use in uses if use.target in bare and use.inside.startswith("_")} - bare
        if not found:
            break
        bare |= found
    for use in uses:
        if use.target in bare and not use.inside.startswith("_"):
            yield source.at(use.node, f"{use.target or 'the client'} is used outside `with call(...)`")


def test_gateways_call_through_their_door() -> None:
    assert complaints(gateways_call_through_the_boundary, python_sources()) == []


_ASK = "def ask(self):\n    {door}\n        return self._client.intents.retrieve(1)\n"
_PRIVATE = "def _ask(self):\n    return self._client.intents.retrieve(1)\ndef ask(self):\n"
_CARRIER = "def _one(self, run):\n    with boundary.call('a'):\n        return run()\n"


@pytest.mark.parametrize(
    "planted",
    [
        _ASK.format(door="if True:"),
        _ASK.format(door="with lock():"),
        "x = requests.get('a')\n",
        "x = smtplib.SMTP('a')\n",
        _PRIVATE + "    return self._ask()\n",
        _PRIVATE + "    return self._each(partial(self._ask))\n",
        _PRIVATE + "    return self._again()\ndef _again(self):\n    return self._ask()\n",
        _CARRIER + _PRIVATE + "    return self._ask()\n",
    ],
)
def test_a_bare_call_is_found(planted: str) -> None:
    assert len(complaints(gateways_call_through_the_boundary, [Source("worker/gateways/a.py", planted)])) == 1


@pytest.mark.parametrize(
    "fine",
    [
        _ASK.format(door="with call('a'):"),
        _ASK.format(door="with boundary.call('a'):"),
        "def leave(self):\n    self._client.close()\n",
        "client = stripe.StripeClient('k')\n",
        _PRIVATE + "    with call('a'):\n        return self._ask()\n",
        _CARRIER + _PRIVATE + "    return self._one(partial(self._ask))\n",
    ],
)
def test_a_call_through_the_door_is_fine(fine: str) -> None:
    assert complaints(gateways_call_through_the_boundary, [Source("worker/gateways/a.py", fine)]) == []
