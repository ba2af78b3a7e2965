"""The memory of an import does not grow with its file; `python -m bench.import_rows` measures 100,000 rows."""

import tracemalloc
from pathlib import Path

from sqlalchemy import Engine

from tests.support.imports import import_rows, load_sample_catalogue
from worker.sandbox.sample import SAMPLE_GO_LIVE_ON, SAMPLE_TODAY, write_sample

# Both are more than two sets of rows, of which one is read while the other is written.
_ROWS_FEW, _ROWS_MANY = 2_500, 5_500


def peak_bytes(engine: Engine, path: Path, *, rows: int) -> int:
    write_sample(path, rows=rows, today=SAMPLE_TODAY, go_live_on=SAMPLE_GO_LIVE_ON)
    tracemalloc.start()
    try:
        report = import_rows(engine, path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (report.refused, report.imported + report.unchanged) == (0, rows)
    return peak


def test_more_rows_need_the_same_memory(engine: Engine, tmp_path: Path) -> None:
    load_sample_catalogue(engine)
    few = peak_bytes(engine, tmp_path / "few.csv", rows=_ROWS_FEW)
    many = peak_bytes(engine, tmp_path / "many.csv", rows=_ROWS_MANY)
    # A row that is held needs more than a kilobyte, so rows that pile up would need ten times this.
    assert many - few < (_ROWS_MANY - _ROWS_FEW) * 100
