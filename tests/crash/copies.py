"""Copies of the process that plays: one that acts and dies, and one that outlives them all and goes on."""

import json
import os
import signal
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

DIED = 86
"""Exit code of a process that died where it was to."""
LIMIT_S = 120
"""No process of a case may take longer; the kernel ends it."""

Told = dict[str, Any]


def in_a_copy(do: Callable[[], Mapping[str, Any]]) -> Told:
    """Do it in a copy of this process; returns what it tells, or its `error` or exit `code`."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        signal.alarm(LIMIT_S)
        told = _tried(do)
        with os.fdopen(write, "wb") as pipe:
            pipe.write(json.dumps(told).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    return dict(json.loads(said)) if (code := _ended(pid)) == 0 and said else _nothing_said(code)


def _tried(do: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    try:
        return do()
    except BaseException as error:  # noqa: BLE001 - whatever it was, the parent is told
        where = traceback.extract_tb(error.__traceback__)[-1]
        return {"error": f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}: {error}"[:2000]}


def _ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _nothing_said(code: int) -> Told:
    return {"code": code, **({} if code == DIED else {"error": f"it ended with {code}"})}


class Survivor:
    """A copy of this process that answers one question after another, as a worker that takes over what others left.

    It is made when it is first asked. Its connections, statements and templates are warm, as those of a worker that
    has run for days; a copy for each question would spend most of its time on them. After an error it is replaced.
    """

    def __init__(self, answer: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        """Nothing yet; `answer` is called in the copy."""
        self._answer = answer
        self._pid = 0
        self._questions: IO[bytes] | None = None
        self._answers: IO[bytes] | None = None

    def ask(self, **question: Any) -> Told:
        """What it answers, or the `error` that it had."""
        if self._questions is None:
            self._begin()
        assert self._questions is not None
        assert self._answers is not None
        self._questions.write(json.dumps(question).encode() + b"\n")
        self._questions.flush()
        said = self._answers.readline()
        if not said:
            return _nothing_said(self.end())
        told = dict(json.loads(said))
        if "error" in told:
            self.end()
        return told

    def end(self) -> int:
        """Let it end, if it is there; returns its exit code."""
        pid, self._pid = self._pid, 0
        for pipe in (self._questions, self._answers):
            if pipe is not None:
                pipe.close()
        self._questions = self._answers = None
        return _ended(pid) if pid else 0

    def _begin(self) -> None:
        asked, questions = os.pipe()
        answers, answered = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(questions)
            os.close(answers)
            self._live(asked, answered)
        os.close(asked)
        os.close(answered)
        self._questions, self._answers = os.fdopen(questions, "wb"), os.fdopen(answers, "rb")

    def _live(self, asked: int, answered: int) -> None:
        """Never returns: a copy must not go on where its parent does."""
        with os.fdopen(asked, "rb") as questions, os.fdopen(answered, "wb") as answers:
            for question in questions:
                values = json.loads(question)
                signal.alarm(LIMIT_S)
                told = _tried(lambda values=values: self._answer(values))  # type: ignore[misc] # mypy knows no lambda's default
                signal.alarm(0)
                answers.write(json.dumps(told).encode() + b"\n")
                answers.flush()
        os._exit(0)
