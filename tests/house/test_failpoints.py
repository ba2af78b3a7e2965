"""Every commit and call of the product is in the registry of failpoints, and its name can be told from the code."""

import ast
from collections.abc import Mapping

import pytest

from tests.crash import bill
from tests.crash.exceptions import UNREACHED
from tests.crash.mutants import MUTANTS
from tests.crash.scenes import lacking
from tests.support.sources import dotted, python_sources
from worker import jobs
from worker.sandbox.failpoints import NOT_OURS, Code, Door, UnresolvedNameError, code, failpoints

DOORS = {"transaction", "boundary.transaction", "call", "boundary.call"}


def test_every_commit_and_call_is_in_the_registry() -> None:
    listed = {door.place for door in code().doors()}
    passed = {
        f"{source.path}:{node.lineno}"
        for source in python_sources()
        if source.under("worker") and not source.under(*NOT_OURS)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and dotted(node.func) in DOORS
    }
    assert len(passed) > 80, "the search itself is blind"
    assert passed == listed


def test_the_registry_knows_the_doors_of_money_and_both_their_sides() -> None:
    names = failpoints()
    assert len(names) == len(set(names))
    assert {
        "before:call:stripe.confirm",
        "after:call:stripe.confirm",
        "before:commit:charging.settle",
        "after:commit:queue.plan.renew",
        "before:commit:desk.order",
        "after:call:stripe.refund",
    } <= set(names)


def told(files: Mapping[str, str]) -> set[tuple[str, str]]:
    return {(door.kind, door.name) for door in Code(files).doors()}


@pytest.mark.parametrize(
    ("source", "doors"),
    [
        ("with boundary.transaction(engine, 'a.b') as c: pass\n", {("commit", "a.b")}),
        ("with transaction(engine, name='a.b') as c: pass\n", {("commit", "a.b")}),
        ("with call('a.b'): pass\n", {("call", "a.b")}),
        ("NAME = 'a.b'\nwith call(NAME): pass\n", {("call", "a.b")}),
        (
            (
                "def one(self, name):\n    with boundary.call(name): pass\n"
                "def ask(self):\n    self.one('a')\n    partial(self.one, 'b')\n    self.one(name='c')\n"
            ),
            {("call", "a"), ("call", "b"), ("call", "c")},
        ),
        (
            (
                "def one(self, name, x):\n    with boundary.call(name): pass\n"
                "def each(self, name):\n    return [partial(self.one, name, x) for x in y]\n"
                "def ask(self):\n    self.each('a')\n"
            ),
            {("call", "a")},
        ),
    ],
)
def test_a_name_is_followed_to_where_it_is_a_literal(source: str, doors: set[tuple[str, str]]) -> None:
    assert told({"worker/gateways/a.py": source}) == doors


def test_families_of_names_are_spelled_out() -> None:
    files = {
        "worker/jobs/renew.py": "",
        "worker/jobs/__init__.py": "",
        "worker/queue/runs.py": "with boundary.transaction(engine, f'queue.plan.{spec.name}'): pass\n",
        "worker/desk/request.py": "with boundary.transaction(engine, f'desk.{ask.act}'): pass\n",
        "worker/desk/renewal.py": "ask = Ask(caller, 'renewal_on', request_id)\n",
    }
    assert told(files) == {("commit", "queue.plan.renew"), ("commit", "desk.renewal_on")}


@pytest.mark.parametrize(
    "source",
    [
        "with boundary.call(NAME): pass\n",
        "with boundary.call('a' + b): pass\n",
        "with boundary.call(f'a.{b.c}'): pass\n",
        "with boundary.transaction(engine): pass\n",
        "def one(name):\n    with boundary.call(name): pass\n",
        "def one(name):\n    with boundary.call(name): pass\ndef two():\n    one(NAME)\n",
    ],
)
def test_a_name_that_nobody_can_tell_is_refused_with_its_place(source: str) -> None:
    with pytest.raises(UnresolvedNameError, match=r"worker/jobs/a.py:\d+: .*literal"):
        Code({"worker/jobs/a.py": source}).doors()


def test_every_job_and_every_act_of_the_desk_has_a_scene() -> None:
    assert lacking(list(jobs.load()), code().acts) == []


def test_a_job_or_an_act_without_a_scene_is_told_in_a_sentence() -> None:
    job, act = lacking(["no_such_job", "renew"], ["no_such_act", "order"])
    assert job.startswith("the job no_such_job has no scene")
    assert act.startswith("the act no_such_act of the desk has no scene")


def test_exceptions_name_doors_that_exist_and_have_reasons() -> None:
    doors = {f"{door.kind}:{door.name}" for door in code().doors()}
    assert set(UNREACHED) - doors == set()
    assert all(len(reason.split()) >= 5 for reason in UNREACHED.values())


def test_broken_builds_play_in_scenes_that_exist() -> None:
    assert {mutant.scene for mutant in MUTANTS} - set(bill.SCENES) == set()
    assert {death.failpoint for mutant in MUTANTS for death in mutant.deaths if death} - set(failpoints()) == set()


def test_a_door_has_two_sides() -> None:
    assert Door("call", "a.b", "x:1").failpoints == ("before:call:a.b", "after:call:a.b")
