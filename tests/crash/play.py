"""Plays a scene in processes of its own: one prepares, one acts and dies at a door, one goes on and is looked at.

The process that plays has everything imported and warm and no thread, so that its copies are made in milliseconds;
its one connection puts rows back, and no copy touches it. What a copy needs from its parent it inherits or is asked;
what it has to tell it writes into a pipe.
"""

import gc
import logging
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import NullPool, StaticPool, create_engine

from tests.crash import kept
from tests.crash.aftermath import Set, findings, go_on
from tests.crash.copies import DIED, Survivor, in_a_copy
from tests.crash.facts import Facts, differences, facts, letters
from tests.crash.scenes import SCENES, STAND_INS, Scene
from tests.support.builders import NOON
from tests.support.house import OWN_NUMBER, House, MovableClock, build_house
from tests.support.invariants import AT_ONCE, broken
from tests.support.mail_sink import MailSink, fresh
from tests.support.processes import Listening
from tests.support.stories import customer
from worker import jobs
from worker.billing.vat import Seller, SellerVat
from worker.boundary import doors
from worker.gateways.pacing import Unpaced
from worker.gateways.rates import DailyRates
from worker.gateways.vies import Vies
from worker.jobs.audit import as_of
from worker.queue.execution import LeaseKeeper

ALL_ALONE_S = 30.0
IMPORTED_LATE = ("facturx", "pikepdf")
"""What the product imports when it first prints; each copy would do so again."""
PATIENCE_S = 20.0
"""How long a call to the provider may take: no scene has answers that come too late."""
TWICE_AFTER = frozenset({"after:call:smtp.send", "before:commit:mail.record"})
"""Doors between a mail server's yes and our knowing of it: such a mail may arrive twice, with one Message-ID."""

Patch = Callable[[], None]


def as_it_is() -> None:
    """No patch: the build that is not broken."""


@dataclass(frozen=True, slots=True)
class Place:
    """Servers that nobody else uses meanwhile. `sink_log` is the mail sink's log, beside its link to a folder.

    Without an emulator, whoever plays there brings one, and a sink, and the stand-ins for VIES and the bank.
    """

    database: str
    redis: str
    emulator: str = ""
    sink_port: int = 0
    sink_log: Path = Path()
    vies: str = ""
    bank: str = ""


@dataclass(frozen=True, slots=True)
class Death:
    """Where a process dies: at the n-th pass of a failpoint."""

    failpoint: str
    nth: int = 1

    def __str__(self) -> str:
        """As it stands in reports."""
        return self.failpoint if self.nth == 1 else f"{self.failpoint} (pass {self.nth})"


@dataclass(frozen=True, slots=True)
class Record:
    """What an undisturbed play passed, and what it came to: `passes` in the step, `later` when life went on."""

    passes: Mapping[str, int]
    later: Mapping[str, int]
    facts: Facts


@dataclass(frozen=True, slots=True)
class Case:
    """A play with its deaths, what was found after it, and the failpoints that were passed after the first death."""

    scene: str
    deaths: Sequence[Death]
    findings: Sequence[str]
    later: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """As it stands in reports."""
        died = " and then ".join(map(str, self.deaths)) or "no death"
        return f"{self.scene}, {died}: {'; '.join(self.findings)[:1500]}"


class Passes:
    """Counts passes of failpoints in this process, and dies at one."""

    def __init__(self, death: Death | None = None) -> None:
        self.seen: Counter[str] = Counter()
        self._death = death
        self._guard = threading.Lock()

    def __call__(self, name: str) -> None:
        """A failpoint was passed; the thread that keeps leases is left alone, since nobody knows when it beats."""
        if threading.current_thread().name == "lease-keeper":
            return
        with self._guard:
            self.seen[name] += 1
            if self._death is not None and (name, self.seen[name]) == (self._death.failpoint, self._death.nth):
                os._exit(DIED)


class Player:
    """Plays scenes, one after another, on one place."""

    def __init__(self, place: Place, folder: Path) -> None:
        """Warm up: import, connect once, charge once; then let go of everything again."""
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        jobs.load()
        for late in IMPORTED_LATE:
            import_module(late)
        self._place, self._folder = place, folder
        self._numbers = iter(range(1, 1_000_000))
        folder.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(place.database, poolclass=StaticPool)
        self._survivor = Survivor(self._take_over)
        kept.prepare(self._engine)
        kept.keep(self._engine, "nothing")
        os.environ["REDIS_URL"] = place.redis  # noqa: TID251 - for command lines that the copies type
        STAND_INS.update(vies=place.vies, bank=place.bank)
        self._house = self._built()
        self._warm_up()

    @property
    def database(self) -> str:
        """Where it plays."""
        return self._place.database

    def _built(self) -> House:
        engine = create_engine(self._place.database, poolclass=NullPool)
        return build_house(
            engine=engine,
            redis_url=self._place.redis,
            emulator_url=self._place.emulator,
            sink=self._sink(),
            start=NOON,
        )

    def _warm_up(self) -> None:
        """Everything but a document: the renderer's threads would not survive a copy of the process."""
        house = self._house
        house.emulator.reset()
        house.go_to(NOON.date())
        customer(house)
        customer(house, auto_renew=False)
        for job in ("renew", "suspend"):
            house.plan(job)
        house.drain(pick=lambda job: job != "issue_invoices")
        with house.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE work_items SET state = 'done'")
        broken(house.engine, as_of=as_of(house.runtime, grace=AT_ONCE))
        house.keeper.stop()
        house.runtime.payments.close()
        house.engine.dispose()
        house.runtime.bell.broker.client.close()
        self.clear()
        left = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
        assert left == [], f"threads would be lost in copies: {left}"
        gc.collect()
        gc.freeze()  # what the collector does not touch stays shared with the copies

    def clear(self) -> None:
        """An empty store and a forgetful provider."""
        kept.put_back(self._engine, "nothing")
        self._house.emulator.reset()

    def close(self) -> None:
        """Leave the database as it was found."""
        self._survivor.end()
        self.clear()
        kept.forget(self._engine)
        self._engine.dispose()

    def set_up(self, scene: Scene) -> Set:
        """Prepare a scene, and keep how everything stands. Raises AssertionError when it cannot be prepared."""
        self.clear()
        sink = self._sink()

        def prepare() -> dict[str, Any]:
            house = self._mine(NOON, sink, scene)
            house.go_to(NOON.date(), at=NOON.astimezone(house.clock.zone).time())
            made = scene.prepare(house)
            return {"made": made, "now": house.clock.now().isoformat(), "sent": letters(house)}

        told = self._copy(prepare)
        if "error" in told:
            raise AssertionError(f"{scene.name} cannot be prepared: {told['error']}")
        kept.keep(self._engine, scene.name)
        self._house.emulator.keep(scene.name)
        return Set(scene, told["made"], datetime.fromisoformat(told["now"]), told["sent"])

    def record(self, of: Set) -> Record:
        """Play it without a death. Raises AssertionError when even then something is wrong."""
        sink = self._put_back(of)

        def undisturbed() -> dict[str, Any]:
            house = self._mine(of.now, sink, of.scene)
            doors.failpoint = step = Passes()
            of.scene.step(house, of.made)
            doors.failpoint = later = Passes()
            go_on(house, of)
            doors.failpoint = None
            found = findings(house, of, twice=False)
            return {"passes": step.seen, "later": later.seen, "facts": facts(house), "findings": found}

        told = self._copy(undisturbed)
        wrong = told.get("error") or told["findings"]
        if wrong:
            raise AssertionError(f"{of.scene.name} goes wrong though nobody dies: {wrong}")
        return Record(told["passes"], told["later"], Counter(told["facts"]))

    def play(self, of: Set, expected: Record, deaths: Sequence[Death], *, patch: Patch = as_it_is) -> Case:
        """Die, at one door after another, each in a process of its own; then go on and look at what is left."""
        sink = self._put_back(of)
        if deaths:
            code = self._act(of, sink, deaths[0], patch)
            if code != DIED:
                return Case(of.scene.name, deaths, [f"nobody came to {deaths[0]}: exit code {code}"])
        for death in deaths[1:]:
            told = self._go_on(of, sink, expected, deaths, patch, death)
            if told is not None:
                # what remains to be done differs a little from play to play: nobody came to this door
                return told
        told = self._go_on(of, sink, expected, deaths, patch, None)
        assert told is not None, "nobody dies in it"
        shutil.rmtree(sink.folder, ignore_errors=True)
        return told

    def _act(self, of: Set, sink: MailSink, death: Death, patch: Patch) -> int:
        def act() -> dict[str, Any]:
            patch()
            house = self._mine(of.now, sink, of.scene)
            doors.failpoint = Passes(death)
            of.scene.step(house, of.made)
            return {}

        return int(self._copy(act).get("code", 0))

    def _go_on(
        self, of: Set, sink: MailSink, expected: Record, deaths: Sequence[Death], patch: Patch, death: Death | None
    ) -> Case | None:
        """A new process in place of a dead one, or who outlives all; None when it died too."""
        twice = any(each.failpoint in TWICE_AFTER for each in deaths)

        def restarted() -> dict[str, Any]:
            patch()
            return self._restarted(of, sink, expected.facts, twice=twice, death=death)

        if patch is as_it_is and death is None:
            how = {"scene": of.scene.name, "made": of.made, "now": of.now.isoformat(), "sent": dict(of.sent)}
            told = self._survivor.ask(**how, sink=str(sink.folder), facts=dict(expected.facts), twice=twice)
        else:
            told = self._copy(restarted)
        if told.get("code") == DIED:
            return None
        found = [told["error"]] if "error" in told else told["findings"]
        return Case(of.scene.name, deaths, found, told.get("later", {}))

    def _take_over(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What the survivor does with a question."""
        of = Set(SCENES[asked["scene"]], asked["made"], datetime.fromisoformat(asked["now"]), asked["sent"])
        sink = MailSink(self._listening(), Path(asked["sink"]))
        return self._restarted(of, sink, Counter(asked["facts"]), twice=asked["twice"], death=None)

    def _restarted(
        self, of: Set, sink: MailSink, expected: Facts, *, twice: bool, death: Death | None
    ) -> dict[str, Any]:
        house = self._mine(of.now, sink, of.scene)
        doors.failpoint = later = Passes(death)
        go_on(house, of)
        doors.failpoint = None
        found = findings(house, of, twice=twice)
        told = {"later": later.seen, "findings": found + differences(expected, facts(house))}
        house.keeper.stop()
        return told

    def _sink(self) -> MailSink:
        return fresh(self._listening(), self._folder / f"mails-{next(self._numbers)}")

    def _listening(self) -> Listening:
        return Listening(None, self._place.sink_port, self._place.sink_log)  # type: ignore[arg-type] # never ended here

    def _put_back(self, of: Set) -> MailSink:
        kept.put_back(self._engine, of.scene.name)
        self._house.emulator.go_back(of.scene.name)
        return self._sink()

    def _mine(self, now: datetime, sink: MailSink, scene: Scene) -> House:
        """The house for a copy of this process: the same parts, warm, with connections and threads of its own."""
        base = self._house
        limits = replace(base.runtime.limits, micro_batch_max=scene.micro_batch)
        clock = MovableClock(now)
        # a busy machine must not look like a lost answer
        payments = replace(base.runtime.payments, timeout_s=PATIENCE_S)
        runtime = replace(base.runtime, payments=payments, clock=clock, limits=limits)
        keeper = LeaseKeeper(runtime.engine, lease_s=limits.lease_s)
        if scene.registered:
            runtime = replace(
                runtime,
                seller=Seller("CZ", SellerVat.REGISTERED),
                home_currency="CZK",
                seller_details=replace(runtime.seller_details, vat_number=OWN_NUMBER),
                vies=Vies(STAND_INS["vies"], requester=OWN_NUMBER, timeout_s=2, pacer=Unpaced(), clock=clock),
                daily_rates=DailyRates(STAND_INS["bank"], timeout_s=2),
            )
        house = House(runtime, clock, base.emulator, sink, keeper)
        house.emulator.set_clock(now)
        return house

    def _copy(self, do: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Do it in a copy of this process; when this returns, the server has noticed its end and freed what it held."""
        others = kept.connected(self._engine)
        told = in_a_copy(do)
        deadline = time.monotonic() + ALL_ALONE_S
        while kept.connected(self._engine) - others:
            if time.monotonic() > deadline:
                raise AssertionError("a dead process still has connections")
            time.sleep(0.002)
        return told


@contextmanager
def player(place: Place, folder: Path) -> Iterator[Player]:
    """A player, its database left as it was found."""
    one = Player(place, folder)
    try:
        yield one
    finally:
        one.close()
