"""The checkout as a stranger gets it: no address in it, locks that pin, targets that explain themselves."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sources import CHECKOUT, files

_REGISTRIES = re.compile(
    r"\b(?:pypi\.(?:org|python\.org)|pythonhosted\.org|registry\.npmjs|crates\.io|anaconda\.(?:org|com)"
    r"|ghcr\.io|docker\.io|[\w-]*(?:artifactory|nexus|devpi)[\w-]*\.\w+)"
)
_MACHINES = re.compile(r"(?<![\w.$/~-])/(?:root|home|work|Users)/\w|\b[A-Z]:\\Users\b")
_LOCK_ADDRESS = re.compile(r"://|^\s*--(?:index|extra-index|find-links|trusted)| @ ", re.MULTILINE)
_TARGET = re.compile(r"^([a-z][\w-]*):(?!=)(.*)$", re.MULTILINE)


def tied_to_a_place(path: str, text: str) -> Iterator[str]:
    """Lines that name a package registry or a folder of somebody's machine."""
    for number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in (("registry", _REGISTRIES), ("machine's path", _MACHINES)):
            if found := pattern.search(line):
                yield f"{path}:{number}: {found[0]}: a {what}"


def unexplained_targets(makefile: str) -> list[str]:
    """Targets of a Makefile that `make help` would leave out."""
    return [name for name, rest in _TARGET.findall(makefile) if not re.search(r"## \S", rest)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # a font or an image


def test_no_file_names_a_registry_or_a_place_on_a_machine() -> None:
    named = [
        complaint for path in files() for complaint in tied_to_a_place(str(path.relative_to(CHECKOUT)), _text(path))
    ]
    assert named == []


def test_locks_hold_no_address_and_pin_every_line() -> None:
    locks = sorted((CHECKOUT / "requirements").glob("*.txt"))
    assert [lock.name for lock in locks] == ["dev.txt", "runtime.txt", "servers.txt"]
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert not _LOCK_ADDRESS.search(text), lock.name
        for requirement in re.split(r"\n(?=\S)", text.strip()):
            assert re.match(r"[\w.\[\]-]+==\S+", requirement), requirement
            assert "--hash=sha256:" in requirement, requirement


def test_every_target_has_its_line_of_help() -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    assert unexplained_targets(makefile) == []
    wanted = {"help", "setup", "demo", "run", "test", "check", "fmt", "lock", "bench", "clean"}
    assert wanted <= {name for name, _ in _TARGET.findall(makefile)}


@pytest.mark.parametrize(
    "planted",
    [
        "see https://" + "pypi" + ".org/simple",
        "image: " + "docker" + ".io/library/postgres",
        "index = https://" + "my-nexus" + ".example/simple",
        "cd " + "/home" + "/jan/odnowa",
        "path = '" + "/work" + "/main'",
        "C:" + "\\Users\\jan",
    ],
)
def test_a_planted_place_is_found(planted: str) -> None:
    assert len(list(tied_to_a_place("a", planted))) == 1


@pytest.mark.parametrize("fine", ["framework/work/x", "a checkout under /root is closed", "https://a.example/home/x"])
def test_other_slashes_are_left_alone(fine: str) -> None:
    assert list(tied_to_a_place("a", fine)) == []


@pytest.mark.parametrize("planted", ["--index-url https://a", "a==1 --find-links b\n--find-links c", "a @ file"])
def test_a_planted_address_in_a_lock_is_found(planted: str) -> None:
    assert _LOCK_ADDRESS.search(planted)


def test_a_planted_target_without_help_is_found() -> None:
    assert unexplained_targets("PYTHON := python3\nhelp: ## list\nsecret: help\n\techo x: y\n") == ["secret"]
