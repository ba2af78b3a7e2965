"""`make advisories`: the locks against made-up advisories, without the network."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import CHECKOUT

COMMAND = CHECKOUT / "requirements" / "advisories.py"
LOCKED = next(
    line.partition(" ")[0].split("==")
    for line in (CHECKOUT / "requirements" / "runtime.txt").read_text(encoding="utf-8").splitlines()
    if line.startswith("jinja2==")
)
NAME, VERSION = LOCKED[0], LOCKED[1]


def advisory(*events: dict[str, str], **changes: Any) -> dict[str, Any]:
    """One about Jinja2, made up."""
    about: dict[str, Any] = {"package": {"ecosystem": "PyPI", "name": "Jinja2"}}
    if events:
        about["ranges"] = [{"type": "ECOSYSTEM", "events": list(events)}]
    about |= changes.pop("about", {})
    said = {"id": "MADE-UP-1", "modified": "2026-11-20T00:00:00Z", "summary": "Templates sing.", "affected": [about]}
    return said | changes


def asked(folder: Path | str, *said: dict[str, Any] | str) -> "subprocess.CompletedProcess[str]":
    for n, one in enumerate(said):
        (Path(folder) / f"{n}.json").write_text(one if isinstance(one, str) else json.dumps(one), encoding="utf-8")
    return subprocess.run([sys.executable, COMMAND, str(folder)], capture_output=True, text=True, check=False)


ABOUT_US = {
    "all versions": advisory({"introduced": "0"}),
    "mended later": advisory({"introduced": "0"}, {"fixed": "9999"}),
    "up to this one": advisory({"introduced": "0"}, {"last_affected": VERSION}),
    "again": advisory({"introduced": "0"}, {"fixed": "0.5"}, {"introduced": VERSION}, {"fixed": "9999"}),
    "out of order": advisory({"fixed": "9999"}, {"introduced": "0"}),
    "by name": advisory(about={"versions": ["0.1", VERSION]}),
}
NOT_ABOUT_US = {
    "mended": advisory({"introduced": "0"}, {"fixed": VERSION}),
    "to come": advisory({"introduced": "9999"}),
    "long over": advisory({"introduced": "0"}, {"last_affected": "0.1"}),
    "of others": advisory(about={"versions": ["0.1"]}),
    "withdrawn": advisory({"introduced": "0"}, withdrawn="2026-11-21T00:00:00Z"),
    "of another world": advisory(about={"package": {"ecosystem": "npm", "name": "jinja2"}, "versions": [VERSION]}),
}


def test_what_is_known_is_told_with_where_it_is_mended(tmp_path: Path) -> None:
    done = asked(tmp_path, *ABOUT_US.values(), *NOT_ABOUT_US.values())
    assert done.returncode == 1, done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith(f"{NAME} {VERSION} (")]
    assert len(told) == len(ABOUT_US)
    assert f"{NAME} {VERSION} (runtime.txt, dev.txt): MADE-UP-1, mended in 9999: Templates sing." in told
    assert "the newest of 2026-11-20: 6 are about us" in done.stdout


def test_nothing_known_is_well(tmp_path: Path) -> None:
    done = asked(tmp_path, *NOT_ABOUT_US.values())
    assert (done.returncode, "0 are about us" in done.stdout) == (0, True)


@pytest.mark.parametrize("folder", ["", "/nowhere/at/all"])
def test_without_data_it_says_so_and_not_that_all_is_well(folder: str) -> None:
    done = asked(folder)
    assert done.returncode == 3
    assert "no advisories at hand" in done.stdout


@pytest.mark.parametrize("said", ["{", "[]", '{"affected": [{}]}', json.dumps(advisory({"introduced": "soon"}))])
def test_data_that_cannot_be_read_is_an_error(tmp_path: Path, said: str) -> None:
    done = asked(tmp_path, said)
    assert done.returncode == 2
    assert "0.json is no advisory in the OSV format" in done.stderr
