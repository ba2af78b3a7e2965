"""Hold the locked dependencies against a folder of advisories in the OSV format; never asks the network.

    python requirements/advisories.py FOLDER

FOLDER holds JSON files, one advisory each, at any depth, as the archive of an OSV database for PyPI unpacks to.
Exit codes: 0 nothing known; 1 something is known; 2 the data cannot be read; 3 no data at hand, so nothing is known
either way.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

CLEAN, FOUND, UNREADABLE, NO_DATA = range(4)
LOCKS = ("runtime.txt", "dev.txt", "servers.txt")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Known:
    """An advisory that is about a locked version."""

    package: str
    version: str
    name: str
    fixed: tuple[str, ...]
    summary: str
    locks: tuple[str, ...]

    def __str__(self) -> str:
        """A line for people."""
        mended = f"mended in {', '.join(self.fixed)}" if self.fixed else "not mended yet"
        return f"{self.package} {self.version} ({', '.join(self.locks)}): {self.name}, {mended}: {self.summary}"


def pins(folder: Path) -> dict[tuple[str, str], tuple[str, ...]]:
    """By name and version, the lock files that hold them."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for lock in LOCKS:
        for name, version in _PIN.findall((folder / lock).read_text(encoding="utf-8")):
            pin = (canonicalize_name(name), version)
            found[pin] = (*found.get(pin, ()), lock)
    return found


def affected(version: str, about: dict[str, Any]) -> bool:
    """Whether an advisory's `affected` entry names a version, by itself or by a range."""
    if version in about.get("versions", ()):
        return True
    return any(
        _within(Version(version), one["events"]) for one in about.get("ranges", ()) if one["type"] == "ECOSYSTEM"
    )


def _within(version: Version, events: Sequence[dict[str, str]]) -> bool:
    """Whether events, ordered by version, leave it affected: `introduced` opens, `fixed` and `last_affected` close."""
    inside = False
    for event in sorted(events, key=lambda one: _at(next(iter(one.values())))):
        ((kind, value),) = event.items()
        if kind == "introduced" and version >= _at(value):
            inside = True
        elif (kind == "fixed" and version >= _at(value)) or (kind == "last_affected" and version > _at(value)):
            inside = False
    return inside


def _at(value: str) -> Version:
    return Version("0.dev0" if value == "0" else value)


def known(advisories: Path, locked: dict[tuple[str, str], tuple[str, ...]]) -> Iterator[Known]:
    """What the advisories say of the locked versions. Raises ValueError that names the file that cannot be read."""
    versions_of: dict[str, list[str]] = {}
    for name, version in locked:
        versions_of.setdefault(name, []).append(version)
    for path in sorted(advisories.rglob("*.json")):
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            if said.get("withdrawn"):
                continue
            for about in said.get("affected", ()):
                package = about["package"]
                name = canonicalize_name(package["name"])
                if package["ecosystem"] != "PyPI":
                    continue
                for version in versions_of.get(name, ()):
                    if affected(version, about):
                        events = [event for one in about.get("ranges", ()) for event in one["events"]]
                        fixed = tuple(dict.fromkeys(event["fixed"] for event in events if "fixed" in event))
                        summary = said.get("summary") or str(said.get("details", "")).partition("\n")[0]
                        yield Known(name, version, said["id"], fixed, summary, locked[name, version])
        except (ValueError, KeyError, AttributeError, TypeError, InvalidVersion) as error:
            raise ValueError(f"{path} is no advisory in the OSV format: {type(error).__name__}: {error}") from error


def main(arguments: Sequence[str], *, locks: Path) -> int:
    """Print what is known; returns the exit code."""
    folder = Path(arguments[0]) if arguments and arguments[0] else None
    files = list(folder.rglob("*.json")) if folder is not None and folder.is_dir() else []
    if not files:
        where = f"{folder} holds none" if folder is not None else "none was given"
        say(f"no advisories at hand ({where}), so nothing is known either way: make advisories ADVISORIES=FOLDER")
        return NO_DATA
    locked = pins(locks)
    try:
        found = list(known(folder, locked)) if folder is not None else []
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return UNREADABLE
    for one in found:
        say(str(one))
    newest = max(re.findall(r'"modified":\s*"(\d{4}-\d\d-\d\d)', "".join(_heads(files))), default="an unknown day")
    say(f"{len(locked)} locked versions, {len(files)} advisories, the newest of {newest}: {len(found)} are about us")
    return FOUND if found else CLEAN


def say(line: str) -> None:
    """A line on stdout."""
    sys.stdout.write(f"{line}\n")


def _heads(files: Sequence[Path]) -> Iterator[str]:
    for path in files:
        yield path.read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], locks=Path(__file__).parent))
