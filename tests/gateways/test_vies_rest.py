"""R19b: a country that does not answer is left alone, for longer each time, and one answer ends it."""

from itertools import pairwise

from worker.gateways.vies_rest import FAILURES_MAX, FIRST_PAUSE_S, LONGEST_PAUSE_S, Rest


def test_R19b_some_failures_are_needed_and_pauses_grow_to_an_hour() -> None:
    rest, now_s, pauses = Rest(), 100.0, []
    for failure in range(1, 5000):
        rest.failed(now_s)
        left_s = rest.left_s(now_s)
        assert (left_s > 0) == (failure >= FAILURES_MAX)
        if left_s:
            pauses.append(left_s)
        now_s += left_s
        assert rest.left_s(now_s) == 0
    assert pauses[0] == FIRST_PAUSE_S
    assert pauses[-1] == LONGEST_PAUSE_S
    assert all(later == min(2 * earlier, LONGEST_PAUSE_S) for earlier, later in pairwise(pauses))


def test_R19b_an_answer_ends_it() -> None:
    rest = Rest()
    for _ in range(FAILURES_MAX + 3):
        rest.failed(0.0)
    rest.answered()
    assert rest.left_s(0.0) == 0
    for _ in range(FAILURES_MAX - 1):
        rest.failed(0.0)
    assert rest.left_s(0.0) == 0
