"""An HTTP answer read whole, within a time and a size of ours: the client's own time limit is one of silence."""

import requests

from worker.clock import monotonic_s


class NoWholeAnswerError(Exception):
    """The answer was too long, or came too slowly. Never leaves the gateways."""


def read_whole(response: requests.Response, *, deadline_s: float, bytes_max: int) -> bytes:
    """The body of a streamed answer.

    Args:
        response: asked for with `stream=True`; the caller stands inside `boundary.call`.
        deadline_s: by `clock.monotonic_s`, counted from before the question.
        bytes_max: the longest that is believed.

    Raises:
        NoWholeAnswerError: it is longer, or is not whole in time.
        requests.RequestException: the connection broke.
    """
    got = bytearray()
    # byte by byte, since a bigger piece may take as long as its sender likes
    for byte in response.iter_content(1):
        got += byte
        if len(got) > bytes_max or monotonic_s() > deadline_s:
            raise NoWholeAnswerError
    return bytes(got)
