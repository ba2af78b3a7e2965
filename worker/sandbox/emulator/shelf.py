"""Ordered lists and their pages: newest first, cursors, a filter on `created`, never a scan per request."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from worker.sandbox.emulator.errors import invalid, missing

DEFAULT_PAGE = 10


class Shelf:
    """Ids in the order they were made."""

    __slots__ = ("_createds", "_ids", "_in_order", "_numbers")

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._createds: list[int] = []
        self._ids: list[str] = []
        self._in_order = True  # false once the clock was moved back and an older stamp followed a newer one

    def add(self, name: str, *, number: int, created: int) -> None:
        """Append the newest id; `number` only grows."""
        if self._createds and created < self._createds[-1]:
            self._in_order = False
        self._numbers.append(number)
        self._createds.append(created)
        self._ids.append(name)

    def put(self, name: str, *, number: int, created: int) -> None:
        """Put an id in its place, which need not be the end."""
        if not self._numbers or number > self._numbers[-1]:
            self.add(name, number=number, created=created)
            return
        at = bisect_left(self._numbers, number)
        self._numbers.insert(at, number)
        self._createds.insert(at, created)
        self._ids.insert(at, name)
        self._in_order = self._in_order and self._createds[max(at - 1, 0) : at + 2] == sorted(
            self._createds[max(at - 1, 0) : at + 2]
        )

    def newest(self) -> str:
        """The id that was added last."""
        return self._ids[-1]

    def drop_before(self, created: int) -> list[str]:
        """Forget the oldest ids made before `created`, and name them."""
        cut = 0
        while cut < len(self._createds) and self._createds[cut] < created:
            cut += 1
        gone = self._ids[:cut]
        del self._numbers[:cut], self._createds[:cut], self._ids[:cut]
        return gone

    def near(
        self, count: int, *, created: tuple[int, int], above: int | None, below: int | None
    ) -> list[tuple[int, str]]:
        """Up to `count` ids with their numbers, oldest first.

        With `above` the ones next after that number, otherwise the newest before `below` (or of all).
        """
        low = 0 if above is None else bisect_right(self._numbers, above)
        high = len(self._ids) if below is None else bisect_left(self._numbers, below)
        if self._in_order:
            low = max(low, bisect_left(self._createds, created[0]))
            high = min(high, bisect_left(self._createds, created[1]))
            places: Sequence[int] = range(low, high)
        else:
            places = [at for at in range(low, high) if created[0] <= self._createds[at] < created[1]]
        kept = places[:count] if above is not None else places[-count:]
        return [(self._numbers[at], self._ids[at]) for at in kept]


def page(
    shelves: Iterable[Shelf],
    params: dict[str, Any],
    number_of: Callable[[str], int | None],
    *,
    what: str,
    oldest: int = 0,
) -> tuple[list[str], bool]:
    """The ids of one page, newest first, and whether more lie beyond it in the direction of travel.

    Args:
        shelves: the lists to merge; they do not overlap.
        params: `limit`, `starting_after`, `ending_before`, `created`.
        number_of: the number of a cursor's object, None when there is no such object.
        what: the object's name in errors.
        oldest: nothing made before this second is shown.
    """
    if "starting_after" in params and "ending_before" in params:
        raise invalid("You may only specify one of these parameters: starting_after, ending_before.")
    limit = params.get("limit", DEFAULT_PAGE)
    above = _cursor(params, "ending_before", number_of, what)
    below = _cursor(params, "starting_after", number_of, what)
    low, high = params.get("created", (0, 2**62))
    found: list[tuple[int, str]] = []
    for shelf in shelves:
        found += shelf.near(limit + 1, created=(max(low, oldest), high), above=above, below=below)
    found.sort()
    cut = found[:limit] if above is not None else found[-limit:]
    return [name for _, name in reversed(cut)], len(found) > limit


def listing(url: str, data: list[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    """Stripe's list object."""
    return {"object": "list", "data": data, "has_more": more, "url": url}


def _cursor(params: dict[str, Any], name: str, number_of: Callable[[str], int | None], what: str) -> int | None:
    if name not in params:
        return None
    number = number_of(params[name])
    if number is None:
        raise missing(what, params[name], param=name)
    return number
