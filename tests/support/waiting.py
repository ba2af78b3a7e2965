"""Waiting for what other threads and processes bring about, with a limit instead of a guess."""

import time
from collections.abc import Callable

LIMIT_S = 20.0
_LOOK_S = 0.01


def wait_until(reached: Callable[[], object], *, limit_s: float = LIMIT_S) -> float:
    """Look until the condition holds; returns the seconds it took. Fails after the limit."""
    started = time.monotonic()
    while not reached():
        if time.monotonic() - started > limit_s:
            raise AssertionError(f"not reached within {limit_s} s")
        time.sleep(_LOOK_S)
    return time.monotonic() - started
