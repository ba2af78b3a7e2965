"""`odnowa user`, `odnowa jobs pause`, `odnowa cancel`: who may enter the console, and what a shell can do as well."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from tests.ops.conftest import Odnowa
from tests.support.builders import rows
from tests.support.terminal import CliRunner
from tests.support.work import item
from worker.operating import people
from worker.ops.app import app

PASSWORD = "correct horse battery staple"  # noqa: S105 - nobody's


@pytest.fixture
def typed(odnowa: Odnowa, environment: dict[str, str]) -> Callable[..., str]:
    """A command line with its stdin; returns what it printed."""
    del odnowa

    def run(*arguments: str, stdin: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(arguments), input=stdin, env=environment)
        assert result.exit_code == code, result.output
        return result.output

    return run


def test_a_person_is_added_with_a_password_from_stdin_that_is_kept_as_a_hash(
    typed: Callable[..., str], engine: Engine
) -> None:
    out = typed("user", "add", "Ania", "--role", "operator", "--by", "root", stdin=f"{PASSWORD}\n")
    assert out == "ania may enter, as operator\n"
    (user,) = rows(engine, "SELECT * FROM console_users")
    assert user["password_hash"].startswith("$argon2id$")
    assert people.fits(PASSWORD, user["password_hash"])
    assert not people.fits(PASSWORD + "!", user["password_hash"])
    assert not people.outdated(user["password_hash"])
    (audit,) = rows(engine, "SELECT actor, act, details FROM audit_log")
    assert audit == {"actor": "root", "act": "user_add", "details": {"name": "ania", "role": "operator"}}


def test_what_is_no_name_no_role_or_no_password_is_refused(typed: Callable[..., str], engine: Engine) -> None:
    typed("user", "add", "ania", "--role", "king", stdin=f"{PASSWORD}\n", code=2)
    typed("user", "add", "ania b", "--role", "support", stdin=f"{PASSWORD}\n", code=1)
    typed("user", "add", "ania", "--role", "support", stdin="short\n", code=1)
    typed("user", "password", "ania", stdin=f"{PASSWORD}\n", code=1)
    assert rows(engine, "SELECT * FROM console_users") == []


def test_no_option_takes_a_password() -> None:
    for command in ("add", "password"):
        said = CliRunner().invoke(app, ["user", command, "--help"]).output
        assert "--password " not in said


def test_people_are_listed_shut_out_let_in_and_given_roles(odnowa: Odnowa, typed: Callable[..., str]) -> None:
    odnowa("user", "add", "ania", "--role", "read-only", "--no-password")
    assert odnowa("user", "add", "ANIA", "--role", "support", "--no-password").exit_code == 1
    odnowa("user", "role", "ania", "--role", "support")
    odnowa("user", "disable", "ania")
    (one,) = json.loads(odnowa("user", "list", "--json").stdout)
    assert (one["name"], one["role"], one["has_password"]) == ("ania", "support", False)
    assert one["disabled_at"] is not None
    odnowa("user", "disable", "ania", "--undo")
    typed("user", "password", "ania", stdin=f"{PASSWORD}\n")
    (one,) = json.loads(odnowa("user", "list", "--json").stdout)
    assert (one["disabled_at"], one["has_password"]) == (None, True)
    assert "ania" in odnowa("user", "list").stdout
    assert odnowa("user", "disable", "nobody").exit_code == 1


def test_a_job_is_paused_and_resumed_and_the_list_says_so(odnowa: Odnowa, engine: Engine) -> None:
    assert odnowa("jobs", "pause", "renew", "--reason", "wrong prices", "--by", "jan").exit_code == 0
    assert odnowa("jobs", "pause", "renew", "--reason", "again").exit_code == 1
    assert "paused by jan" in odnowa("jobs").stdout
    (one,) = [one for one in json.loads(odnowa("jobs", "--json").stdout) if one["job"] == "renew"]
    assert one["paused"]["reason"] == "wrong prices"
    assert odnowa("jobs", "resume", "renew", "--reason", "right again", "--by", "jan").exit_code == 0
    assert "paused" not in odnowa("jobs").stdout
    assert odnowa("jobs", "resume", "dance", "--reason", "x").exit_code == 1
    assert [row["act"] for row in rows(engine, "SELECT act FROM audit_log ORDER BY id")] == ["pause", "resume"]


def test_a_dead_item_is_cancelled(odnowa: Odnowa, engine: Engine) -> None:
    dead, ready = item(engine, state="dead"), item(engine)
    assert odnowa("cancel", "--item", str(dead), "--item", str(ready), "--reason", "x").exit_code == 1
    assert odnowa("cancel", "--reason", "x").exit_code == 1
    assert odnowa("cancel", "--item", str(dead), "--reason", "x").stdout == "cancelled: 1 items\n"
    assert rows(engine, "SELECT state FROM work_items ORDER BY id") == [{"state": "cancelled"}, {"state": "ready"}]
