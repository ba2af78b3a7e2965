"""The words of the project hold: what documents name exists, and what must be named is."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from settings import Settings
from tests.support.sources import CHECKOUT, files
from tests.support.terminal import put_together
from worker.ops.app import app

WIDEST = 120
_ADR_HEADINGS = ["## Context", "## Decision", "## Consequences", "## Alternatives"]
_PATH = re.compile(r"`((?:worker|tests|docs|bench|requirements)/[\w./-]*|[\w-]+/test_\w+\.py)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_TARGET = re.compile(r"(?:`|^ {4})make ([a-z]+)", re.MULTILINE)
_COMMAND = re.compile(r"(?:`|^ *)odnowa ([a-z][^`\n]*)", re.MULTILINE)
_ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]*)` \| ([^|]*) \|", re.MULTILINE)


def _documents() -> dict[str, str]:
    pages = [path for path in files("docs") if path.suffix == ".md"]
    paths = [CHECKOUT / "README.md", CHECKOUT / "CHANGELOG.md", *pages]
    return {path.relative_to(CHECKOUT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def anchors(text: str) -> set[str]:
    """The names under which a page's headings are linked to."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(name: str, text: str) -> Iterator[str]:
    """Links to files or headings of ours that are not there."""
    for link in _LINK.findall(text):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        aim = (CHECKOUT / name).parent / file if file else CHECKOUT / name
        if not aim.exists() or (anchor and anchor not in anchors(aim.read_text(encoding="utf-8"))):
            yield f"{name}: {link}"


def missing_paths(name: str, text: str) -> Iterator[str]:
    """Paths in backticks that are not in the checkout; test files may be named from tests/ on."""
    for path in _PATH.findall(text):
        if not (CHECKOUT / path).exists() and not (CHECKOUT / "tests" / path).exists():
            yield f"{name}: {path}"


def wrong_commands(name: str, text: str) -> Iterator[str]:
    """Commands of `odnowa` that the command line does not have, and options that they do not have."""
    for said in _COMMAND.findall(text):
        words = said.split()
        command: Any = put_together(app)
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        if hasattr(command, "default") and (words or getattr(command, "bare", False)):
            command = command.commands[command.default]
        if hasattr(command, "commands"):
            yield f"{name}: odnowa {said}"
            continue
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        for word in words:
            if word.startswith("--") and word.rstrip(",.;") not in known:
                yield f"{name}: odnowa {said}: {word}"


@pytest.mark.parametrize("find", [broken_links, missing_paths, wrong_commands])
def test_what_documents_name_exists(find: Any) -> None:
    assert [wrong for name, text in _documents().items() for wrong in find(name, text)] == []


@pytest.mark.parametrize(
    ("find", "planted"),
    [
        (broken_links, "[a](docs/nowhere.md)"),
        (broken_links, "[a](#nowhere)"),
        (missing_paths, "`worker/nowhere.py`"),
        (missing_paths, "| `jobs/test_nowhere.py` |"),
        (wrong_commands, "`odnowa dance`"),
        (wrong_commands, "run `odnowa db dance`"),
        (wrong_commands, "    odnowa run renew --quickly\n"),
    ],
)
def test_what_is_not_there_is_found(find: Any, planted: str) -> None:
    assert len(list(find("README.md", planted))) == 1


@pytest.mark.parametrize(
    ("find", "fine"),
    [
        (broken_links, "# A\n[a](docs/settings.md), [b](https://a.example/b)"),
        (missing_paths, "`worker/jobs`, `jobs/test_renew.py`"),
        (wrong_commands, "`odnowa db upgrade`, `odnowa run renew --date D --wait`"),
    ],
)
def test_what_is_there_is_left_alone(find: Any, fine: str) -> None:
    assert list(find("README.md", fine)) == []


def test_targets_of_make_exist() -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = {target for text in _documents().values() for target in _TARGET.findall(text)}
    assert {"demo", "test"} <= named
    assert named - targets == set()


def _shown(default: object) -> str:
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return "[" + ",".join(map(str, default)) + "]"
    return "-" if default in ("", None) else str(default)


def test_every_setting_stands_in_its_table_with_its_default() -> None:
    said = _ROW.findall((CHECKOUT / "docs/settings.md").read_text(encoding="utf-8"))
    ours = [(name.upper(), _shown(field.default)) for name, field in Settings.model_fields.items()]
    assert [name for name, _ in said] == [name for name, _ in ours]
    # a number may be written with or without its decimal point
    assert [(n, d.removesuffix(".0")) for n, d in said] == [(n, d.removesuffix(".0")) for n, d in ours]


def test_every_dependency_says_why_it_is_there() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for of in project["optional-dependencies"].values() for one in of)]
    page = (CHECKOUT / "docs/architecture.md").read_text(encoding="utf-8").partition("## Dependencies")[2]
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ") and "`" in line]
    named = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    named |= {f"pytest{name}" for name in named if name.startswith("-")}
    assert {re.split(r"[\[<>=!~ ]", one)[0] for one in wanted} - named == set()


def test_decisions_are_numbered_and_have_their_four_parts() -> None:
    decisions = files("docs/adr")
    assert [path.name[:4] for path in decisions] == [f"{n:04}" for n in range(1, len(decisions) + 1)]
    for path in decisions:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith(f"# {path.name[:4]} "), path.name
        assert [line for line in lines if line.startswith("## ")] == _ADR_HEADINGS, path.name


def test_lines_fit_a_terminal_where_they_can_be_broken() -> None:
    wide = [
        f"{name}:{number}"
        for name, text in _documents().items()
        for number, line in enumerate(text.splitlines(), start=1)
        if len(line) > WIDEST and not line.startswith("|")
    ]
    assert wide == []


def test_headings_are_linked_to_as_forges_do(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One page\n## doctor: mail server\n## cannot_be_priced\n")
    assert anchors(page.read_text()) == {"one-page", "doctor-mail-server", "cannot_be_priced"}
