"""The emulator's own truth: every charge that really happened, and every confirmation that was executed."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, TextIO


class Journal:
    """Append-only lists in memory; charges also go to a JSONL file, if a path is given, each flushed."""

    def __init__(self, path: Path | None = None) -> None:
        self.charges: list[dict[str, Any]] = []
        self.attempts: list[dict[str, Any]] = []
        self._totals: Counter[str] = Counter()
        self._file: TextIO | None = None if path is None else path.open("a", encoding="utf-8")

    def charge(self, **entry: Any) -> None:
        """Write down that money moved: amount in minor units, created in seconds since 1970."""
        line = {"sequence": len(self.charges) + 1, **entry}
        self.charges.append(line)
        self._totals[line["currency"]] += line["amount"]
        if self._file is not None:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def attempt(self, **entry: Any) -> None:
        """Write down that a confirmation was executed, whatever came of it."""
        self.attempts.append({"sequence": len(self.attempts) + 1, **entry})

    def totals(self) -> dict[str, int]:
        """The sums of all charges by currency, in minor units."""
        return dict(self._totals)

    def read(self, *, low: float, high: float) -> dict[str, Any]:
        """The charges made at `low <= created < high`, with counts and sums by currency."""
        kept = [line for line in self.charges if low <= line["created"] < high]
        sums: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        for line in kept:
            sums[line["currency"]] += line["amount"]
            counts[line["currency"]] += 1
        totals = {name: {"count": counts[name], "amount": sums[name]} for name in sorted(sums)}
        return {"charges": kept, "count": len(kept), "totals": totals}

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()
