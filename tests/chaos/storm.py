"""A storm from its begin to its audit: a population, business days that pass, blows by the plan, quiet, the books."""

import heapq
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta
from functools import partial
from http.client import HTTPException
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import psycopg
import redis
from sqlalchemy.exc import SQLAlchemyError

from tests.chaos import aftermath, customers, evidence
from tests.chaos.blows import BLOWS
from tests.chaos.plan import Blow, plan
from tests.chaos.site import Site
from tests.support import builders
from tests.support.nights import plan as plan_run
from tests.support.nights import rows
from worker import jobs
from worker.clock import SystemClock, monotonic_s, sleep_s
from worker.errors import OdnowaError
from worker.ops.importing.catalogue_file import load_catalogue_file
from worker.ops.importing.customers import import_customers
from worker.queue.runs import last_due_date, look_for_work
from worker.sandbox import sample
from worker.sandbox.stage import API_KEY

BY = "chaos"
QUIET_LIMIT_S = 120.0
DAY_S = 10
"""A business day passes in so many seconds: half of it after 10:30, half of it after 23:20, when an hour is a day."""
TIMES = (time(10, 30), time(23, 20))
SOON = "20"
"""Seconds after which a payment that is processing ends, instead of the sample's hours."""
MISSED = ("missed", "nobody lived", "it was down", "Redis was down", "PostgreSQL was down", "0 connections")
AGAIN = 4
"""So often is a blow that hit nobody tried again, each a second later, unless the storm says otherwise."""
WAIT_LIMIT_S = 60.0
"""So long a storm waits for what must have come before its first blow, and before the calm for what is armed."""
ASK_PAUSE_S = 3.0
MINUTE_S = 60
MAIL_JOBS = ("issue_invoices", "deliver_mail")
JOBS = ("renew", "suspend", "remind", "follow_payments", "issue_invoices", "deliver_mail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """What a storm is made of.

    Args:
        seed: which one it is.
        seconds: how long it rages.
        only: kinds of blows; all when empty.
        blows: the blows themselves, instead of those that the seed draws.
        subscribers: subscriptions that fall due.
        buyers: customers who buy meanwhile.
        worker: the module that the dramatiq command loads; a broken build has another one.
        machines: how many run a scheduler and a master of workers each.
        overrides: settings that differ from the site's.
        first: harm that is there when it begins.
        begun: what must have come before the first blow.
        again: so often is a blow that hit nobody tried again.
        hurried: an operator asks for what the timetable would, and in the calm a minute passes in seconds.
        say: where it tells what happens.
    """

    seed: int
    seconds: int
    only: Sequence[str] = ()
    blows: Sequence[Blow] = ()
    subscribers: int = 300
    buyers: int = 24
    worker: str = "worker.main"
    machines: int = 2
    overrides: Mapping[str, str] = field(default_factory=dict)
    first: Callable[[Site], None] = lambda _site: None
    begun: Callable[[Site], bool] = lambda _site: True
    again: int = AGAIN
    hurried: bool = False
    say: Callable[[str], None] = print


@dataclass
class Result:
    """What a storm did and left."""

    blows: Counter[str]
    figures: dict[str, int] = field(default_factory=dict)
    quiet_s: float = 0.0
    shopping_s: float = 0.0
    violations: list[str] = field(default_factory=list)
    evidence: Path | None = None


def play(storm: Storm, folder: Path) -> Result:
    """Play a storm on a site of its own, and look at what it left."""
    pause_ms = storm.seconds * 1000 // max(1, storm.buyers * 6)
    buyers = [sys.executable, "-m", "tests.chaos.customers", "--log", str(folder / "answers")]
    buyers += ["--count", str(storm.buyers), "--pause-ms", str(pause_ms)]
    began = monotonic_s()
    told: list[str] = []

    def say(line: str) -> None:
        told.append(f"{SystemClock(ZoneInfo('UTC')).now():%H:%M:%S.%f} {line}")
        loud(line)

    loud, storm = storm.say, replace(storm, say=say)
    made = Site(folder, worker=storm.worker, customers=buyers, machines=storm.machines, overrides=storm.overrides)
    with made as site:
        days = max(2, storm.seconds // DAY_S)
        today = site.stage.runtime.clock.today()
        first = today - timedelta(days=days)
        storm.say(f"up after {monotonic_s() - began:.1f} s, the machine's load is {os.getloadavg()[0]:.1f}")
        site.go_to(first, TIMES[0])
        _fill(site, storm, first=first, days=days)
        storm.first(site)
        site.start()
        _wait(site, storm.begun)
        result = Result(_rage(site, storm, first=first, days=days))
        # what is armed strikes before the calm: most mails are written when the money is through, so late in a storm
        _wait(site, Site.trouble_is_over, ask=_ask_for_mails)
        _calm(site, today)
        if storm.hurried:
            _ask_for(site, today)
            _ask_for_the_timetable(site)
        calm_at = monotonic_s()
        meanwhile = _minutes(site) if storm.hurried else lambda: None
        result.quiet_s, left = aftermath.until_quiet(site, limit_s=QUIET_LIMIT_S, meanwhile=meanwhile)
        result.shopping_s = max(0.0, customers.answered_at_s(folder / "answers") - calm_at)
        result.violations = [f"still open after {QUIET_LIMIT_S:.0f} s: {one}" for one in left[:20]]
        result.violations += aftermath.violations(site)
        result.figures = aftermath.figures(site)
        if result.violations:
            result.evidence = evidence.keep(site, result.violations, told, seed=storm.seed)
        return result


def _fill(site: Site, storm: Storm, *, first: date, days: int) -> None:
    stage = site.stage
    file = stage.folder / "customers.csv"
    sample.write_sample(
        file, rows=storm.subscribers, today=first + timedelta(days=days - 1), go_live_on=first, seed=storm.seed
    )
    seed = sample.emulator_seed(file)
    for method in seed["payment_methods"]:
        method["script"] = [_sooner(outcome) for outcome in method["script"]]
    stage.emulator.seed(seed["customers"], seed["payment_methods"])
    runtime = stage.runtime
    load_catalogue_file(runtime.engine, sample.SAMPLE_CATALOGUE, BY)
    import_customers(runtime.engine, file, clock=runtime.clock, skip_bad=False, go_live_on=first, by=BY)
    cards = [("ok",), ("insufficient_funds", "ok"), ("authentication_required",), (f"processing:succeeded:{SOON}",)]
    for number in range(storm.buyers):
        name = f"buyer-{number}"
        account = builders.account(runtime.engine, external_id=name)
        builders.method(runtime.engine, account, provider_method=f"pm_{name}")
        script = cards[number // 4 % len(cards)] if number % 4 == 0 else cards[0]
        card = {"type": "card", "brand": "visa", "last4": "4242", "exp_year": 2099, "exp_month": 12}
        method = {"id": f"pm_{name}", "customer": f"cus_{name}", **card, "script": list(script)}
        stage.emulator.seed([{"id": f"cus_{name}"}], [method])


def _sooner(outcome: str) -> str:
    return f"{outcome.rpartition(':')[0]}:{SOON}" if outcome.startswith("processing") else outcome


def _rage(site: Site, storm: Storm, *, first: date, days: int) -> Counter[str]:
    """Blows fall, harm ends, what died comes back, days pass; returns the blows that hit somebody, by kind."""
    chance = Random(f"pauses:{storm.seed}")
    hit: Counter[str] = Counter()
    due: list[tuple[float, int, Callable[[], None]]] = []
    began = monotonic_s()

    def later(at_s: float, act: Callable[[], None]) -> None:
        heapq.heappush(due, (at_s, len(hit) + len(due) + round(at_s * 1e6), act))

    def fall(blow: Blow, *, again: int = storm.again) -> None:
        try:
            told, heal = BLOWS[blow.kind](site, blow)
        except (redis.RedisError, OSError, SQLAlchemyError, psycopg.Error) as error:
            told, heal = f"missed: {error}".splitlines()[0], None
        missed = told.startswith(MISSED)
        hit[blow.kind] += not missed
        storm.say(f"  {monotonic_s() - began:6.1f} s  {blow.kind:<20} {told}")
        if missed and again:
            later(monotonic_s() - began + 1, partial(fall, blow, again=again - 1))
        if heal is not None:
            later(monotonic_s() - began + blow.lasts_ms / 1000, heal)

    for blow in storm.blows or plan(storm.seed, storm.seconds, storm.only):
        later(blow.at_ms / 1000, partial(fall, blow))
    parts = days * len(TIMES)
    for part in range(1, parts):
        day, at = first + timedelta(days=part // len(TIMES)), TIMES[part % len(TIMES)]
        later(storm.seconds * part / parts, partial(_turn, site, day, at, storm.say))
    while due or monotonic_s() - began < storm.seconds:
        while due and due[0][0] <= monotonic_s() - began:
            heapq.heappop(due)[2]()
        site.look(chance.uniform(0.3, 2.0))
        sleep_s(0.05)
    return hit


def _wait(site: Site, condition: Callable[[Site], bool], ask: Callable[[Site], None] = lambda _site: None) -> None:
    """Wait until something is so, or too long; what dies comes back, and what is asked for is asked again and again."""
    began, asked_at = monotonic_s(), 0.0
    while not condition(site) and monotonic_s() - began < WAIT_LIMIT_S:
        site.look(0.3)
        if monotonic_s() - asked_at > ASK_PAUSE_S:
            asked_at = monotonic_s()
            ask(site)
        sleep_s(0.1)


def _ask_for_mails(site: Site) -> None:
    try:
        for job in MAIL_JOBS:
            plan_run(site.stage, job, site.stage.runtime.clock.today())
    except (SQLAlchemyError, OdnowaError):
        return  # he asks again


def _turn(site: Site, day: date, at: time, say: Callable[[str], None]) -> None:
    """Time passes; an operator asks for the day's jobs where the servers let him, and some customers say yes."""
    site.go_to(day, at)
    say(f"          it is {day} {at:%H:%M}")
    try:
        _ask_for(site, day)
        asked = "SELECT provider_intent FROM charges WHERE decline_kind = 'needs_action' AND state = 'declined'"
        for row in rows(site.stage, f"{asked} AND id % 2 = 0"):
            site.stage.emulator.approve_at_bank(row["provider_intent"], api_key=API_KEY)
    except (SQLAlchemyError, OdnowaError, OSError, HTTPException):
        return  # what he could not ask for the timetable catches up


def _ask_for(site: Site, day: date) -> None:
    for job in JOBS:
        plan_run(site.stage, job, day)


def _ask_for_the_timetable(site: Site) -> None:
    runtime = site.stage.runtime
    for name, job in jobs.load().items():
        due = last_due_date(job.spec(runtime), runtime.clock)
        if due is not None and name not in JOBS:
            plan_run(site.stage, name, due)


def _minutes(site: Site) -> Callable[[], None]:
    """In a hurried calm a minute passes in seconds, each with the look that a scheduler takes every minute.

    A payment whose answer was lost is read back by the first minute's look that is twenty seconds later or more, and
    its customer goes on asking until then: with the clock's own minutes that is more than a minute of calm.
    """
    runtime, specs = site.stage.runtime, [job.spec(site.stage.runtime) for job in jobs.load().values()]
    passed_at = monotonic_s()

    def pass_one() -> None:
        nonlocal passed_at
        if monotonic_s() - passed_at < ASK_PAUSE_S:
            return
        passed_at = monotonic_s()
        site.go_on(MINUTE_S)
        look_for_work(runtime.engine, specs, runtime.clock, item_size_max=runtime.limits.item_size_max)

    return pass_one


def _calm(site: Site, today: date) -> None:
    """Nothing strikes any more; the next morning comes, and whatever fell is started again."""
    site.stage.emulator.no_faults()
    site.stage.emulator.latency(0)
    site.set_trouble({})
    site.set_host_off(0)
    site.go_to(today, TIMES[0])
    site.look(0.0)
