"""The place of files: what is put is got back, whole or not at all, and never other bytes."""

import hashlib
import os
import threading
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.stories import watching_doors
from worker import boundary
from worker.errors import FileDamagedError, FileMissingError, SettingsError, UnreachableError
from worker.gateways.files import Files

PAGES = b"%PDF-1.7 pages"
ADDRESS = hashlib.sha256(PAGES).hexdigest()


@pytest.fixture(params=["folder", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return Files(str(tmp_path / "place") if request.param == "folder" else f"memory://{uuid4()}")


def lies_at(tmp_path: Path) -> Path:
    return tmp_path / "place" / ADDRESS[:2] / ADDRESS


def test_what_is_put_is_got_by_its_hash_and_twice_is_harmless(files: Files) -> None:
    passed: list[str] = []
    with watching_doors(passed.append):
        assert files.put(PAGES) == files.put(PAGES) == ADDRESS
        assert files.get(ADDRESS) == PAGES
    assert passed[:2] == ["before:call:files.put", "after:call:files.put"]
    assert files.get(files.put(b"")) == b""


def test_what_was_never_put_is_missing(files: Files) -> None:
    files.put(b"other")
    with pytest.raises(FileMissingError, match=ADDRESS):
        files.get(ADDRESS)
    for odd in ("", "../../etc/passwd", ADDRESS.upper(), ADDRESS + "0"):
        with pytest.raises(FileMissingError, match="no address"):
            files.get(odd)


def test_a_place_that_is_not_there_is_away_and_not_empty(files: Files) -> None:
    with pytest.raises(UnreachableError, match="is not there"):
        files.get(ADDRESS)


def test_a_file_whose_bytes_changed_is_never_got_and_putting_it_again_mends_it(tmp_path: Path) -> None:
    files = Files(str(tmp_path / "place"))
    files.put(PAGES)
    for damage in (b"%PDF-1.7 lages", PAGES[:-1], b"", PAGES + b" "):
        lies_at(tmp_path).chmod(0o640)
        lies_at(tmp_path).write_bytes(damage)
        with pytest.raises(FileDamagedError, match="other bytes"):
            files.get(ADDRESS)
        files.put(PAGES)
        assert files.get(ADDRESS) == PAGES


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Files(str(tmp_path / "place"))
    files.put(b"other")

    def no_room(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", no_room)
        with pytest.raises(UnreachableError, match="No space left"):
            files.put(PAGES)
    assert not lies_at(tmp_path).exists()
    assert list((tmp_path / "place").rglob("*.part")) == []
    with pytest.raises(FileMissingError):
        files.get(ADDRESS)


def test_many_may_put_the_same_at_once(tmp_path: Path) -> None:
    files = Files(str(tmp_path / "place"))
    content = os.urandom(200_000)
    threads = [threading.Thread(target=files.put, args=(content,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files.get(hashlib.sha256(content).hexdigest()) == content
    assert len([file for file in (tmp_path / "place").rglob("*") if file.is_file()]) == 1
    (file,) = [file for file in (tmp_path / "place").rglob("*") if file.is_file()]
    assert file.stat().st_mode & 0o007 == 0, "nobody else reads documents"


def test_a_place_that_cannot_be_written_or_is_none_says_so(tmp_path: Path) -> None:
    (tmp_path / "place").write_text("a file")
    with pytest.raises(UnreachableError, match="cannot be used"):
        Files(str(tmp_path / "place")).put(PAGES)
    for url in ("nowhere://a", "s3://bucket/without-its-package"):
        with pytest.raises(SettingsError, match="FILES_URL"):
            Files(url).put(PAGES)


def test_trying_out_leaves_nothing_behind(tmp_path: Path) -> None:
    Files(str(tmp_path / "place")).try_out()
    assert [file for file in (tmp_path / "place").rglob("*") if file.is_file()] == []


def test_files_are_not_touched_inside_a_transaction(files: Files, engine: object) -> None:
    with (
        boundary.transaction(engine, "test.files"),  # type: ignore[arg-type] # an engine, as the fixture says
        pytest.raises(boundary.CallInsideTransactionError),
    ):
        files.put(PAGES)
