"""VAT numbers: which are to be asked about, what VIES said, and the evidence of the number that an account has now."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text

EVIDENCE = """
    vc.id AS vat_check_id, vc.number AS vat_checked_number, vc.outcome AS vat_outcome, vc.told_on AS vat_told_on,
    vc.consultation AS vat_consultation
"""
"""SQL: the evidence that a decision about the present number is made from, all null when VIES was never asked."""
EVIDENCE_JOIN = """
    LEFT JOIN vat_numbers vn ON vn.account_id = a.id AND vn.number = b.vat_number
    LEFT JOIN LATERAL (
        SELECT * FROM vat_checks WHERE account_id = vn.account_id AND number = vn.number
          AND (vn.evidence_id IS NULL OR id = vn.evidence_id)
        ORDER BY id DESC LIMIT 1
    ) vc ON true
"""
"""SQL: joins it for the account `a` with billing details `b`.

The last plain yes or no holds while later questions have no answer (R19b); without one, the last question tells.
"""

_ASKABLE = """
    b.superseded_at IS NULL AND left(b.vat_number, 2) = ANY(:prefixes)
    AND left(b.vat_number, 2) = CASE b.country WHEN 'GR' THEN 'EL' WHEN 'MC' THEN 'FR' ELSE b.country END
    AND (cast(:account AS bigint) IS NULL OR b.account_id = :account)
"""
"""A number proves something only in the country of the billing details."""

_ENROL = text(f"""
    INSERT INTO vat_numbers (account_id, number, state, unanswered, ask_at)
    SELECT b.account_id, b.vat_number, 'pending', 0, :now FROM billing_details b
    WHERE {_ASKABLE}
      AND NOT EXISTS (SELECT 1 FROM vat_numbers v WHERE v.account_id = b.account_id AND v.number = b.vat_number)
    ORDER BY b.id ON CONFLICT DO NOTHING
""")  # noqa: S608 - no value is put into the text


def enrol(connection: Connection, *, prefixes: Sequence[str], now: datetime, account: int | None = None) -> int:
    """Have the numbers asked about that are new, of all accounts or of one; returns how many.

    Args:
        connection: an open transaction.
        prefixes: how numbers begin that VIES is asked about, such as PL.
        now: when they are due.
        account: None for all.
    """
    return connection.execute(_ENROL, {"prefixes": list(prefixes), "now": now, "account": account}).rowcount


_ASK_NOW = text("""
    UPDATE vat_numbers v SET ask_at = :now FROM billing_details b
    WHERE b.account_id = v.account_id AND b.superseded_at IS NULL AND b.vat_number = v.number
      AND v.account_id = :account AND (:also_valid OR v.state <> 'valid')
    RETURNING v.id
""")


def ask_now(connection: Connection, account: int, *, now: datetime, also_valid: bool = False) -> list[int]:
    """Make the account's present number due, unless it is valid; returns its row, or nothing."""
    values = {"account": account, "now": now, "also_valid": also_valid}
    return list(connection.execute(_ASK_NOW, values).scalars())


# What is asked once a month comes forward when a renewal is near and its evidence is older than that (R19b). One that
# has no answer yet is asked again by its pauses, and one that was planned a moment ago is on its way.
_BRING_FORWARD = text("""
    UPDATE vat_numbers v SET ask_at = :now
    FROM subscriptions s, vat_checks k
    WHERE s.account_id = v.account_id AND s.status IN ('active', 'past_due') AND s.auto_renew
      AND k.id = v.evidence_id AND v.state = 'valid' AND v.unanswered = 0 AND v.ask_at > :now + interval '2 hours'
      AND s.paid_until - cast(:days AS integer) <= :today AND k.told_on < s.paid_until - cast(:days AS integer)
""")
_DUE = text("""
    WITH due AS MATERIALIZED (
        SELECT v.id FROM vat_numbers v
        JOIN billing_details b ON b.account_id = v.account_id AND b.superseded_at IS NULL AND b.vat_number = v.number
        WHERE v.ask_at <= :now ORDER BY v.ask_at, v.id LIMIT :most)
    UPDATE vat_numbers n SET ask_at = :now + interval '1 hour' FROM due WHERE n.id = due.id
    RETURNING n.id, n.number
""")


def take_due(connection: Connection, *, now: datetime, today: date, ahead_days: int, most: int) -> list[int]:
    """Numbers to ask about now, country by country, those first that wait longest.

    Until their answers come they are due again an hour later, should the work be lost.
    """
    connection.execute(_BRING_FORWARD, {"now": now, "today": today, "days": ahead_days})
    due = connection.execute(_DUE, {"now": now, "most": most}).all()
    return [row.id for row in sorted(due, key=lambda row: (row.number[:2], row.id))]


_TO_ASK = text("""
    SELECT v.id, v.account_id, v.number, v.state, v.unanswered, b.company
    FROM vat_numbers v JOIN billing_details b ON b.account_id = v.account_id AND b.superseded_at IS NULL
    WHERE v.id = ANY(:ids) AND b.vat_number = v.number ORDER BY array_position(:ids, v.id)
""")


def to_ask(connection: Connection, ids: Sequence[int]) -> Sequence[Row[Any]]:
    """These numbers as they stand, without those that their accounts no longer have."""
    return connection.execute(_TO_ASK, {"ids": list(ids)}).all()


_KEEP = text("""
    INSERT INTO vat_checks (account_id, number, outcome, reason, code, told_at, told_on, consultation,
                            told_on_their_clock, body, body_sha256)
    VALUES (:account_id, :number, :outcome, :reason, :code, :told_at, :told_on, :consultation,
            :told_on_their_clock, :body, :body_sha256)
    RETURNING id
""")
_SETTLE = text("""
    UPDATE vat_numbers SET
        state = CASE WHEN cast(:outcome AS text) = 'unknown' THEN state ELSE :outcome END,
        evidence_id = CASE WHEN :outcome = 'unknown' THEN evidence_id ELSE :check END,
        unanswered = CASE WHEN :outcome = 'unknown' THEN unanswered + 1 ELSE 0 END,
        asked_at = :told_at, ask_at = :ask_at
    WHERE id = :id
""")


def keep_answer(
    connection: Connection, number_id: int, answer: Mapping[str, object], *, ask_at: datetime | None
) -> int:
    """Keep what VIES said, for ever, and where the number stands after it; returns the evidence's number."""
    check = int(connection.execute(_KEEP, answer).scalar_one())
    connection.execute(_SETTLE, {**answer, "id": number_id, "check": check, "ask_at": ask_at})
    return check


_LATER = text("UPDATE vat_numbers SET ask_at = :at WHERE id = :id")


def ask_later(connection: Connection, number_id: int, *, at: datetime) -> None:
    """It could not be asked about: no question was sent."""
    connection.execute(_LATER, {"id": number_id, "at": at})


_CHECKS = text("""
    SELECT k.*, (n.evidence_id = k.id) IS TRUE AS holds FROM vat_checks k
    JOIN accounts a ON a.id = k.account_id
    JOIN vat_numbers n ON n.account_id = k.account_id AND n.number = k.number
    WHERE a.external_id = :account ORDER BY k.id
""")
_NUMBERS = text("""
    SELECT n.number, n.state, n.unanswered, n.asked_at, n.ask_at, n.number = b.vat_number AS present
    FROM vat_numbers n JOIN accounts a ON a.id = n.account_id
    LEFT JOIN billing_details b ON b.account_id = a.id AND b.superseded_at IS NULL
    WHERE a.external_id = :account ORDER BY n.id
""")


def checks_of(connection: Connection, external_id: str) -> Sequence[Row[Any]]:
    """All that VIES said of an account's numbers, oldest first; `holds` is what decisions are made from."""
    return connection.execute(_CHECKS, {"account": external_id}).all()


def numbers_of(connection: Connection, external_id: str) -> Sequence[Row[Any]]:
    """The numbers of an account that VIES is or was asked about, oldest first."""
    return connection.execute(_NUMBERS, {"account": external_id}).all()
