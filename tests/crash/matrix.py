"""The matrix: which cases there are, who plays them, and what is said at the end."""

import fcntl
import json
import os
import random
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import NullPool, create_engine, text

from tests.crash.bill import SCENES
from tests.crash.exceptions import UNREACHED
from tests.crash.mutants import BY_NAME, MUTANTS, Mutant
from tests.crash.play import Case, Death, Place, Player, player
from tests.crash.scenes import lacking
from tests.support.mail_sink import LINK, lead
from tests.support.processes import listening
from worker import jobs
from worker.sandbox.failpoints import code, failpoints

PASSES = 3
"""Of a failpoint that is passed often, the first pass, the second and the last are cases of their own."""

Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is played: scenes by name, all their cases or a sample, pairs of deaths, broken builds.

    `whole` when nothing is left out, so that failpoints which nobody reached are a fault.
    """

    scenes: Sequence[str]
    sample: int | None
    pairs: int
    seed: int
    mutants: str = "all"
    whole: bool = True


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def deaths_of(passes: Mapping[str, int]) -> list[Death]:
    """The cases of a scene: each failpoint at its first, its second and its last pass."""
    return [Death(name, nth) for name, count in passes.items() for nth in sorted({1, min(2, count), count})]


@dataclass
class Matrix:
    """One play of the matrix."""

    wanted: Wanted
    places: Sequence[Place]
    folder: Path
    cases: list[Case] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    rounds: int = 0

    def play(self) -> int:
        """Play everything; say how it went. Returns the exit code."""
        began = time.monotonic()
        self.faults += lacking(list(jobs.load()), code().acts)
        if self.wanted.mutants != "only":
            self._die_once()
            self._die_twice()
        killed = self._try_mutants() if self.wanted.mutants != "none" else 0
        self._demand_all_reached()
        violations = [case for case in self.cases if case.findings]
        for fault in self.faults:
            _say(f"FAULT {fault}")
        pairs = sum(1 for case in self.cases if len(case.deaths) > 1)
        _say(
            f"{len(failpoints())} failpoints, {len(self.cases) - pairs} cases, {pairs} pairs of deaths, "
            f"{killed} broken builds found, {len(violations)} violations, {time.monotonic() - began:.0f} s"
        )
        return 1 if violations or self.faults else 0

    def _die_once(self) -> None:
        share = None
        if self.wanted.sample is not None:
            share = -(-self.wanted.sample // len(self.wanted.scenes))
        for told in self._side_by_side(
            list(self.wanted.scenes), lambda one, name: _play_scene(one, name, share, self.wanted.seed)
        ):
            self._note(told)

    def _die_twice(self) -> None:
        """Pairs: a second death at what is passed after a first one."""
        possible = [
            (case.scene, case.deaths[0], Death(name, nth))
            for case in self.cases
            for name, count in case.later.items()
            for nth in {1, count}
        ]
        drawn = random.Random(self.wanted.seed).sample(possible, min(self.wanted.pairs, len(possible)))
        by_scene: dict[str, list[list[Death]]] = defaultdict(list)
        for scene, *deaths in drawn:
            by_scene[scene].append(deaths)
        for told in self._side_by_side(list(by_scene), lambda one, name: _play_pairs(one, name, by_scene[name])):
            self._note(told)

    def _try_mutants(self) -> int:
        found = 0
        for told in self._side_by_side([mutant.name for mutant in MUTANTS], _play_mutant):
            if told.get("fault"):
                self.faults.append(told["fault"])
            else:
                found += 1
                _say(f"broken build found: {told['name']}: {told['finding'][:160]}")
        return found

    def _note(self, told: Told) -> None:
        if told.get("fault"):
            self.faults.append(told["fault"])
            return
        self.reached |= set(told.get("reached", ()))
        new = [
            Case(told["name"], [Death(**each) for each in case["deaths"]], case["findings"], case["later"])
            for case in told["cases"]
        ]
        self.cases += new
        bad = [case for case in new if case.findings]
        for case in bad:
            _say(f"VIOLATION {case}")
        _say(f"{told['name']:36} {len(new):4} cases {len(bad):3} violations {told['seconds']:6.1f} s")

    def _demand_all_reached(self) -> None:
        if not self.wanted.whole or self.wanted.sample is not None or self.wanted.mutants == "only":
            return
        for name in failpoints():
            door = name.partition(":")[2]
            if name not in self.reached and door not in UNREACHED:
                self.faults.append(f"no scene reaches {name}: add one to tests/crash, or except it with a reason")
            if name in self.reached and door in UNREACHED:
                self.faults.append(f"{name} is reached, and excepted all the same")
        self.faults += [f"{name} was passed and is in no list" for name in sorted(self.reached - set(failpoints()))]

    def _side_by_side(self, names: Sequence[str], do: Callable[[Player, str], Told]) -> Iterator[Told]:
        """Have every place play some of these; each takes the next when it is done with one."""
        self.rounds += 1
        read, write = os.pipe()
        os.write(write, b"".join(n.to_bytes(2, "big") for n in range(len(names))))
        os.close(write)
        answers, tell = os.pipe()
        pids = []
        for n, place in enumerate(self.places):
            sys.stdout.flush()
            pid = os.fork()
            if pid == 0:
                os.close(answers)
                _player_process(place, self.folder / f"round-{self.rounds}-player-{n}", (read, tell), names, do)
            pids.append(pid)
        os.close(read)
        os.close(tell)
        with os.fdopen(answers, "r", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)
        for pid in pids:
            _, status = os.waitpid(pid, 0)
            if status:
                self.faults.append("a player died; its last words are above")


def _player_process(
    place: Place, folder: Path, pipes: tuple[int, int], names: Sequence[str], do: Callable[[Player, str], Told]
) -> None:
    """Never returns."""
    read, tell = pipes
    code = 1
    try:
        with _whole(place, folder) as whole, player(whole, folder / "mails") as one:
            while number := os.read(read, 2):
                name = names[int.from_bytes(number, "big")]
                began = time.monotonic()
                try:
                    told = do(one, name)
                except AssertionError as error:
                    told = {"fault": f"{name}: {error}"}
                line = json.dumps({"name": name, "seconds": time.monotonic() - began, **told}) + "\n"
                _write_all(tell, line.encode(), lock=folder.parent / "lock")
        code = 0
    except BaseException:  # noqa: BLE001 - a copy must not go on where its parent does
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _write_all(pipe: int, content: bytes, *, lock: Path) -> None:
    """Write a line while nobody else writes, so that those of several players do not mix."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        while content:
            content = content[os.write(pipe, content) :]


@contextmanager
def _whole(place: Place, folder: Path) -> Iterator[Place]:
    """The place with an emulator, a mail sink and the stand-ins of its own, unless it has them."""
    if place.emulator:
        yield place
        return
    sink = folder / "sink"
    sink.mkdir(parents=True)
    link = lead(sink / LINK, sink / "nobody")
    with (
        listening("worker.sandbox.emulator", folder=folder / "emulator") as emulator,
        listening("worker.sandbox.mailsink", "--folder", link, folder=sink) as mails,
        listening("worker.sandbox.vies_stand_in", folder=folder / "vies") as vies,
        listening("worker.sandbox.cnb_stand_in", folder=folder / "bank") as bank,
    ):
        yield Place(place.database, place.redis, emulator.url, mails.port, mails.log, vies.url, bank.url)


def _told(case: Case) -> Told:
    deaths = [{"failpoint": each.failpoint, "nth": each.nth} for each in case.deaths]
    return {"deaths": deaths, "findings": list(case.findings), "later": dict(case.later)}


def _play_scene(one: Player, name: str, share: int | None, seed: int) -> Told:
    of = one.set_up(SCENES[name])
    record = one.record(of)
    deaths = deaths_of(record.passes)
    if share is not None:
        deaths = _drawn(deaths, share, random.Random(seed))
    cases = [_told(one.play(of, record, [death])) for death in deaths]
    return {"reached": [*record.passes, *record.later], "cases": cases}


_played: set[str] = set()
"""Failpoints at which this process has had somebody die."""


def _drawn(deaths: Sequence[Death], share: int, lots: random.Random) -> list[Death]:
    """So many of a scene's cases, those first at whose failpoint nobody died before."""
    mixed = lots.sample(deaths, len(deaths))
    mixed.sort(key=lambda death: death.failpoint in _played)
    drawn = mixed[:share]
    _played.update(death.failpoint for death in drawn)
    return drawn


def _play_pairs(one: Player, name: str, pairs: Sequence[Sequence[Death]]) -> Told:
    of = one.set_up(SCENES[name])
    record = one.record(of)
    return {"cases": [_told(one.play(of, record, deaths)) for deaths in pairs]}


def _play_mutant(one: Player, name: str) -> Told:
    mutant = BY_NAME[name]
    of = one.set_up(SCENES[mutant.scene])
    record = one.record(of)
    with _dropped(one, mutant):
        for death in mutant.deaths:
            case = one.play(of, record, [] if death is None else [death], patch=mutant.patch)
            if case.findings:
                return {"finding": case.findings[0]}
    return {"fault": f"a broken build went unnoticed: {name}"}


@contextmanager
def _dropped(one: Player, mutant: Mutant) -> Iterator[None]:
    """Without an index, if the mutant drops one; it comes back over a store that fits it."""
    if mutant.drops is None:
        yield
        return
    engine = create_engine(one.database, poolclass=NullPool)
    find = text("SELECT indexdef FROM pg_indexes WHERE indexname = :name")
    try:
        with engine.begin() as connection:
            definition = connection.execute(find, {"name": mutant.drops}).scalar_one()
            connection.exec_driver_sql(f"DROP INDEX {mutant.drops}")
        yield
        one.clear()
        with engine.begin() as connection:
            connection.exec_driver_sql(definition)
    finally:
        engine.dispose()
