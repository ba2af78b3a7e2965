"""All stories at once, day by day: one store, one provider, one pass; what each line expected and what was found.

Every day every planner is asked. Where one has anything to do, the night is the timetable's own: its jobs are planned
at their hours, and items are executed until none is left. Acts come before the night or after, as their time says.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import text

from tests.support.house import PRAGUE, House
from tests.support.lives.aspects import ALWAYS, NOTHING, Journal, look, money
from tests.support.lives.timeline import Line, Story
from tests.support.lives.verbs import Life, carry_out, is_outside
from worker import jobs
from worker.desk.my_package import my_package
from worker.errors import ActRefusedError
from worker.jobs import follow_payments
from worker.operating import stuck
from worker.queue import runs
from worker.queue.plans import JobSpec, PlannedItem, PlanRequest, Trigger
from worker.queue.runs import PlannedRun

NIGHT = time(8, 30)
"""By then every daily job is due."""
MINUTES_MAX = 3
AUDIT = "audit"
"""Minutes that pass after a night or an act; what is still open then waits for its customer."""

# The store's own clock follows that of the house, so that what happened is told in the order in which it happened;
# the queue keeps its own time, as ever.
_CLOCK = """
CREATE SCHEMA moved;
CREATE TABLE moved.clock (at timestamptz NOT NULL);
INSERT INTO moved.clock VALUES (now());
CREATE FUNCTION moved.stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.created_at := (SELECT at FROM moved.clock);
    RETURN NEW;
END $$;
DO $$
DECLARE one text;
BEGIN
    FOR one IN SELECT table_name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name = 'created_at' AND table_name NOT IN ('runs', 'work_items')
    LOOP
        EXECUTE format('CREATE TRIGGER moved_clock BEFORE INSERT ON %I'
                       ' FOR EACH ROW EXECUTE FUNCTION moved.stamp()', one);
    END LOOP;
END $$
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a life did not go as its story says."""

    day: date
    line: int
    act: str
    aspect: str
    expected: str
    found: str

    def __str__(self) -> str:
        return (
            f"{self.day}, line {self.line}, {self.act}\n"
            f"    {self.aspect}: expected {self.expected}\n"
            f"    {' ' * len(self.aspect)}     found {self.found}"
        )


@dataclass
class Played:
    """What was recorded for one story: lines that were executed and checked, and what differed."""

    checked: int = 0
    differences: list[Difference] = field(default_factory=list)


@dataclass
class Year:
    """A pass over all stories."""

    house: House
    lives: dict[str, Life]
    played: dict[str, Played]
    first: date
    last_day: date
    _journal: Journal | None = None
    _told: datetime | None = None
    asked: int = 0
    """Days on which every planner was asked what there is to do."""
    _specs: list[JobSpec] = field(init=False)
    _daily: list[JobSpec] = field(init=False)
    """The jobs of the night, in the order of their hours."""
    _minutely: list[JobSpec] = field(init=False)

    def __post_init__(self) -> None:
        self._specs = [job.spec(self.house.runtime) for job in jobs.load().values()]
        self._daily = sorted(
            (spec for spec in self._specs if spec.daily_at is not None), key=lambda spec: str(spec.daily_at)
        )
        self._minutely = [spec for spec in self._specs if spec.minutely]

    def day(self, day: date, due: Sequence[tuple[Story, Line]]) -> None:
        """One day: acts before the night, the jobs, what the night brought, acts after it."""
        early = [(story, line) for story, line in due if not line.is_night and line.at < NIGHT]
        night = [(story, line) for story, line in due if line.is_night]
        late = [(story, line) for story, line in due if not line.is_night and line.at >= NIGHT]
        for story, line in sorted(early, key=lambda one: one[1].at):
            self._act(story, line)
        if self._is_busy(day) or night:
            self._night(day)
        for story, line in night:
            self._check(story, line, {})
        for story, line in sorted(late, key=lambda one: one[1].at):
            self._act(story, line)

    def _is_busy(self, day: date) -> bool:
        """Whether any job has anything to do; on six days of seven a mere look, at provider or books, is nothing."""
        planned = 0
        with self.house.engine.begin() as connection:
            for spec in self._specs:
                plan = spec.planner(connection, PlanRequest(day, day, self._at(day, NIGHT)))
                planned += sum(_looks_today(day) or not _is_look(spec, item) for item in plan.items)
        self.asked += 1
        return planned > 0

    def _night(self, day: date) -> None:
        """The daily jobs at their hours, as the timetable plans them, and what they cause."""
        for spec in self._daily:
            if spec.name == AUDIT and not _looks_today(day):
                continue
            self._go_to(day, spec.daily_at or NIGHT)
            if spec is self._daily[0]:
                self._tell_time()
            planned = self._plan(spec, day)
            if planned is not None and planned.items:
                self._tell_time()
                self.house.drain()
        self._go_to(day, NIGHT)
        self._settle(looks=MINUTES_MAX)

    def _plan(self, spec: JobSpec, day: date) -> PlannedRun | None:
        """The run that the timetable makes at this hour."""
        house = self.house
        request = PlanRequest(day, house.clock.today(), house.clock.now())
        return runs.plan_run(house.engine, spec, request, trigger=Trigger.TIMETABLE, by="timetable")

    def _go_to(self, day: date, at: time) -> None:
        """Never back: an act of another story may have taken its minutes."""
        self.house.clock.instant = max(self._at(day, at), self.house.clock.instant)

    @staticmethod
    def _at(day: date, at: time) -> datetime:
        return datetime.combine(day, at, PRAGUE).astimezone(UTC)

    def _tell_time(self) -> None:
        """Set the clocks of provider and store to that of the house, before either is asked to do something."""
        now = self.house.clock.now()
        if self._told == now:
            return
        self._told = now
        self.house.emulator.set_clock(now)
        with self.house.engine.begin() as connection:
            connection.execute(text("UPDATE moved.clock SET at = :now"), {"now": now})

    def _act(self, story: Story, line: Line) -> None:
        life = self.lives[story.name]
        self._go_to(line.day, line.at)
        self._tell_time()
        life.came_to = NOTHING
        refused = NOTHING
        try:
            carry_out(life, line.act)
        except ActRefusedError as refusal:
            refused = refusal.code
        except Exception as error:  # noqa: BLE001 - it belongs to this story, and the others go on
            refused = f"{type(error).__name__}: {error}"
        # what the desk does is done when its items are; only what others did has to be looked for
        self._settle(looks=MINUTES_MAX if is_outside(line.act) else 0)
        self._check(story, line, {"refused": refused, "order": life.came_to})

    def _settle(self, *, looks: int) -> None:
        """Do what is ready, and let minutes pass as long as they bring more than another look at the provider."""
        house = self.house
        self._journal = None
        self._tell_time()
        house.drain()
        for _ in range(looks):
            del house.ran[:]
            runs.look_for_work(house.engine, self._minutely, house.clock, item_size_max=100)
            house.drain()
            house.clock.instant += timedelta(minutes=1)
            if set(house.ran) <= {"follow_payments"}:
                return
            self._tell_time()

    def _check(self, story: Story, line: Line, told: Mapping[str, str]) -> None:
        life, played = self.lives[story.name], self.played[story.name]
        if self._journal is None:
            self._journal = _journal(self.house)
        with self.house.engine.begin() as connection:
            found = look(connection, story.name, life.since, self._journal)
        found = {"refused": NOTHING, "order": NOTHING, **found, **told}
        if "next charge" in line.expected:
            found["next charge"] = _next_charge(life)
        if "stuck" in line.expected:
            found["stuck"] = _stuck(life)
        expected = dict.fromkeys(ALWAYS, NOTHING) | line.expected
        played.checked += 1
        played.differences += [
            Difference(line.day, line.number, line.act, aspect, wanted, found.get(aspect, "no account"))
            for aspect, wanted in expected.items()
            if wanted != found.get(aspect)
        ]

    def end(self, stories: Sequence[Story]) -> None:
        """The last day: nothing happened since each story's last line that it does not tell."""
        for story in stories:
            self._check(story, Line(0, self.last_day, NIGHT, "(the end)", {}), {})


def _looks_today(day: date) -> bool:
    """Once a week; that no day needs it is what the stories show."""
    return day.toordinal() % 7 == 0


def _is_look(spec: JobSpec, item: PlannedItem) -> bool:
    """An item that is there every day, whatever happened."""
    return spec.name == AUDIT or item.key == follow_payments.EVENTS


def _journal(house: House) -> Journal:
    charges: dict[str, list[dict[str, Any]]] = defaultdict(list)
    refunds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in house.emulator.journal():
        charges[entry["customer"]].append(entry)
    for entry in house.emulator.journal_refunds():
        refunds[entry["customer"]].append(entry)
    return Journal(charges, refunds)


def _next_charge(life: Life) -> str:
    """What the customer's own page says."""
    told = my_package(life.house.runtime, life.customer)["next_charge"]
    if told is None:
        return "none"
    return f"{money(told['amount_minor'])} on {told['on']}"


def _stuck(life: Life) -> str:
    """What the operator's list says of this account, in short."""
    with life.house.engine.begin() as connection:
        found = stuck.look(connection, life.house.clock, most=1000)
    mine = [one for one in found if str(one["about"]).split(",")[0].split(" ")[0] == life.name]
    return ", ".join(sorted(str(one["runbook"]) for one in mine)) or NOTHING


def days_of(stories: Sequence[Story]) -> Iterator[tuple[date, list[tuple[Story, Line]]]]:
    """Every day from the first line of all to the last, with its lines."""
    due: dict[date, list[tuple[Story, Line]]] = defaultdict(list)
    for story in stories:
        for line in story.lines:
            due[line.day].append((story, line))
    day, last = min(due), max(due)
    while day <= last:
        yield day, due.get(day, [])
        day += timedelta(days=1)


def live_through(house: House, stories: Sequence[Story]) -> Year:
    """Play all stories in one pass."""
    with house.engine.begin() as connection:
        connection.exec_driver_sql(_CLOCK, execution_options={"no_parameters": True})
    names = [story.name for story in stories]
    year = Year(house, {n: Life(n, house) for n in names}, {n: Played() for n in names}, date.max, date.min)
    for day, due in days_of(stories):
        year.first, year.last_day = min(year.first, day), day
        year.day(day, due)
    year.end(stories)
    return year
