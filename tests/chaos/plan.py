"""Which blow falls when: a pure function of seed and length, so that a storm can be had again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "worker-kill": "SIGKILL to one worker process",
        "master-kill": "SIGKILL to the master of workers",
        "scheduler-kill": "SIGKILL to one of the two schedulers",
        "worker-stop": "SIGSTOP of a master and its workers for longer than a lease",
        "scheduler-stop": "SIGSTOP of a scheduler for longer than a lease",
        "redis-flush": "FLUSHALL",
        "redis-kill": "Redis is killed and started again, empty",
        "redis-full": "Redis reaches `maxmemory` and refuses every write",
        "postgres-kill": "PostgreSQL and all its processes are killed, and it recovers",
        "postgres-terminate": "pg_terminate_backend of half of the connections",
        "postgres-stall": "SIGSTOP of PostgreSQL's walwriter, checkpointer and half of the backends: a disk that hangs",
        "provider-faults": "lost, damaged, late and refused answers of the provider, at random",
        "provider-stop": "SIGSTOP of the provider for longer than the timeout",
        "mail-trouble": "SMTP 4xx, 5xx and connections dropped after the mail was taken, for some of the next 20 mails",
        "mail-kill": "SIGKILL to the mail server, which comes back at the same port",
        "customer-kill": "SIGKILL to the process of the customers: their answers are lost",
        "clock-ahead": "the clock of our machines runs an hour ahead, then right again",
        "clock-behind": "the clock of our machines runs an hour behind, then right again",
    }
)
"""All kinds of blows, with what each does."""
CALM_SHARE = 10
"""The first and the last tenth of a storm are without a new blow."""


@dataclass(frozen=True, slots=True)
class Blow:
    """A blow.

    Args:
        at_ms: when it falls, from the storm's begin.
        kind: a name in KINDS.
        lasts_ms: how long what it stopped, killed or spoiled stays so.
        pick: decides by its rest which of the targets that live then is hit.
    """

    at_ms: int
    kind: str
    lasts_ms: int
    pick: int


_LONGER_MS = {"worker-stop": 6_500, "scheduler-stop": 6_500, "provider-stop": 2_500}
"""What makes a pause longer than a lease of 5 s, or than the provider's timeout of 2 s."""


def plan(seed: int, seconds: int, only: Sequence[str] = ()) -> list[Blow]:
    """The blows of a storm, in their order: each kind at least once, and one of any kind every three seconds more.

    With `only` there are no other kinds. Raises ValueError for a kind that does not exist.
    """
    if unknown := set(only) - set(KINDS):
        raise ValueError(f"no such blow: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    chance = Random(f"{seed}:{seconds}:{','.join(only)}")
    kinds = list(only or KINDS)
    struck = kinds + [chance.choice(kinds) for _ in range(seconds // 3)]
    whole = seconds * 1000
    calm = whole // CALM_SHARE
    blows = []
    for kind in struck:
        at_ms = chance.randrange(calm, whole - calm)
        lasts = chance.randrange(500, 2_500)
        lasts += _LONGER_MS.get(kind, 0)
        blows.append(Blow(at_ms, kind, lasts, chance.randrange(1_000_000)))
    return sorted(blows, key=lambda blow: (blow.at_ms, blow.kind, blow.pick))
