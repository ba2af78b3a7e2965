"""`odnowa import` and `odnowa catalogue load`: files in, what was refused out, and who did it."""

import json
from pathlib import Path

from sqlalchemy import Engine

from tests.ops.conftest import Odnowa
from tests.support.builders import counts, rows
from tests.support.imports import customer, load_sample_catalogue, write_customers
from worker.runtime import Runtime
from worker.sandbox.sample import SAMPLE_CATALOGUE


def test_customers_come_in_once(odnowa: Odnowa, engine: Engine, runtime: Runtime, tmp_path: Path) -> None:
    load_sample_catalogue(engine)
    file = write_customers(tmp_path / "shops.csv", [customer(1), customer(2)])
    line = ["import", str(file), "--go-live", runtime.clock.today().isoformat(), "--by", "jana"]
    first = odnowa(*line)
    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout.startswith("shops.csv: 2 rows, 2 imported")
    before = counts(engine)
    again = json.loads(odnowa(*line, "--json").stdout)
    assert (again["imported"], again["unchanged"]) == (0, 2)
    assert counts(engine) == before
    assert rows(engine, "SELECT actor, act FROM audit_log WHERE act = 'import'") == [{"actor": "jana", "act": "import"}]


def test_refused_rows_are_listed_and_keep_all_out_unless_skipped(
    odnowa: Odnowa, engine: Engine, tmp_path: Path
) -> None:
    load_sample_catalogue(engine)
    file = write_customers(tmp_path / "shops.csv", [customer(1), customer(2, currency="GBP")])
    before = counts(engine)
    result = odnowa("import", str(file))
    assert result.exit_code == 1
    assert "currency" in result.stdout
    assert result.stderr == "odnowa: rows were refused, so nothing was written; mend them, or use --skip-bad\n"
    assert counts(engine) == before
    skipped = odnowa("import", str(file), "--skip-bad", "--json")
    assert skipped.exit_code == 1
    report = json.loads(skipped.stdout)
    assert (report["imported"], report["refused"], report["refusals"][0]["column"]) == (1, 1, "currency")
    assert counts(engine)["accounts"] == 1


def test_a_price_list_is_loaded_once_and_a_changed_price_is_refused(
    odnowa: Odnowa, engine: Engine, tmp_path: Path
) -> None:
    first = odnowa("catalogue", "load", str(SAMPLE_CATALOGUE), "--by", "jana")
    assert (first.exit_code, first.stderr) == (0, "")
    before = counts(engine)
    assert json.loads(odnowa("catalogue", "load", str(SAMPLE_CATALOGUE), "--json").stdout)["unchanged"] > 0
    changed = tmp_path / "prices.csv"
    listed = SAMPLE_CATALOGUE.read_text(encoding="utf-8").splitlines()
    header, price = listed[0], next(row for row in listed if row.startswith("price,"))
    column = header.split(",").index("agent_price_minor")
    cells = price.split(",")
    cells[column] = str(int(cells[column]) + 1)
    changed.write_text(f"{header}\n{','.join(cells)}\n", encoding="utf-8")
    refused = odnowa("catalogue", "load", str(changed))
    assert (refused.exit_code, refused.stderr) == (1, "odnowa: rows were refused, so nothing was written\n")
    assert "never change" in refused.stdout
    assert counts(engine) == before
    assert rows(engine, "SELECT DISTINCT actor FROM audit_log") == [{"actor": "jana"}]
