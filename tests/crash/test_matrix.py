"""Twenty cases of the matrix, over different doors; `make crash` plays them all, and the broken builds."""

import subprocess
import sys

import pytest
from sqlalchemy import Engine

from tests.support.builders import rows
from tests.support.mail_sink import MailSink
from tests.support.processes import CHECKOUT, Listening

SCENES = "replace_the_renewal,renew_tries_declined,issue_what_nobody_rang_for,refund_in_part_is_paid"
"""An order, a renewal, paper, a refund: most of what moves money passes in them."""


def matrix(engine: Engine, redis_url: str, emulator: Listening, sink: MailSink, *more: str) -> str:
    """What the matrix says when it is played on the test's own servers. Fails when it finds something."""
    if rows(engine, "SELECT current_setting('is_superuser') AS yes")[0]["yes"] != "on":
        pytest.skip("putting rows back needs a superuser of the database")
    where = [
        *("--database", engine.url.render_as_string(hide_password=False), "--redis", redis_url),
        *("--emulator", emulator.url, "--sink-port", str(sink.port), "--sink-log", str(sink.listening.log)),
    ]
    engine.dispose()
    played = subprocess.run(
        [sys.executable, "-m", "tests.crash", *where, *more],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    return played.stdout


def test_a_process_may_die_at_twenty_doors(
    engine: Engine, redis_url: str, emulator: Listening, mail_sink: MailSink
) -> None:
    how = ["--scenes", SCENES, "--sample", "20", "--pairs", "0", "--mutants", "none"]
    said = matrix(engine, redis_url, emulator, mail_sink, *how)
    assert " 20 cases, 0 pairs of deaths, 0 broken builds found, 0 violations, " in said
