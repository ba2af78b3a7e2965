"""The emulator's own truth: charges, refunds and disputes that happened, and confirmations that were executed."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, TextIO

from worker.sandbox.emulator.dispute import WON
from worker.sandbox.emulator.refund import FAILED


class Journal:
    """What happened, in memory; all but confirmations also goes to a JSONL file, if a path is given, each flushed.

    In the file a charge's line has no `kind`; a refund's and a dispute's have `"kind": "refund"` or `"dispute"`, and
    one line for every status it came to. In memory each is one entry, with its status of now.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.charges: list[dict[str, Any]] = []
        self.attempts: list[dict[str, Any]] = []
        self._refunds: dict[str, dict[str, Any]] = {}
        self._disputes: dict[str, dict[str, Any]] = {}
        self._totals: Counter[str] = Counter()
        self._file: TextIO | None = None if path is None else path.open("a", encoding="utf-8")

    def charge(self, **entry: Any) -> None:
        """Write down that money moved: amount in minor units, created in seconds since 1970."""
        line = {"sequence": len(self.charges) + 1, **entry}
        self.charges.append(line)
        self._totals[line["currency"]] += line["amount"]
        self._write(line)

    def refund(self, **entry: Any) -> None:
        """Write down a refund's status: `created` is when it was asked for, `changed` when it got the status."""
        before = self._refunds.get(entry["refund"])
        sequence = len(self._refunds) + 1 if before is None else before["sequence"]
        line = {"kind": "refund", "sequence": sequence, **entry}
        self._refunds[entry["refund"]] = line
        taken = 0 if before is None or before["status"] == FAILED else before["amount"]
        takes = 0 if line["status"] == FAILED else line["amount"]
        self._totals[line["currency"]] += taken - takes
        self._write(line)

    def dispute(self, **entry: Any) -> None:
        """Write down a dispute's status: `created` is when it was opened, `changed` when it got the status."""
        before = self._disputes.get(entry["dispute"])
        sequence = len(self._disputes) + 1 if before is None else before["sequence"]
        line = {"kind": "dispute", "sequence": sequence, **entry}
        self._disputes[entry["dispute"]] = line
        if before is None:
            self._totals[line["currency"]] -= line["amount"]
        elif line["status"] == WON:
            self._totals[line["currency"]] += line["amount"]
        self._write(line)

    def attempt(self, **entry: Any) -> None:
        """Write down that a confirmation was executed, whatever came of it."""
        self.attempts.append({"sequence": len(self.attempts) + 1, **entry})

    def totals(self) -> dict[str, int]:
        """The sums of all charges less refunds that have not failed and disputes that are not won, in minor units."""
        return dict(self._totals)

    def read(self, *, low: float, high: float) -> dict[str, Any]:
        """The charges, refunds and disputes made at `low <= created < high`, with counts and sums by currency.

        The sums of refunds are by status too, since only those that succeeded paid anything out.
        """
        kept = [line for line in self.charges if low <= line["created"] < high]
        refunds = [line for line in self._refunds.values() if low <= line["created"] < high]
        by_status: dict[str, list[dict[str, Any]]] = {}
        for line in refunds:
            by_status.setdefault(line["status"], []).append(line)
        return {
            "charges": kept,
            "count": len(kept),
            "totals": _sums(kept),
            "refunds": refunds,
            "refund_count": len(refunds),
            "refund_totals": {status: _sums(lines) for status, lines in sorted(by_status.items())},
            "disputes": [line for line in self._disputes.values() if low <= line["created"] < high],
        }

    @property
    def on_file(self) -> bool:
        """Whether what happens is written to a file too."""
        return self._file is not None

    def close(self) -> None:
        """Close the file, if there is one; what comes later stays in memory."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def empty(self) -> None:
        """Empty the file, if there is one, with what earlier runs left in it, and close it."""
        if self._file is not None:
            self._file.truncate(0)
        self.close()

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()


def _sums(lines: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    sums: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for line in lines:
        sums[line["currency"]] += line["amount"]
        counts[line["currency"]] += 1
    return {name: {"count": counts[name], "amount": sums[name]} for name in sorted(sums)}
