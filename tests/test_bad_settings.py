"""Settings that cannot be: one line that names the variable and says why, never the value, and nothing is begun."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest
from pydantic import SecretStr

from settings import NUMBER_MAX, TEXT_MAX, Settings, load_settings
from worker.errors import OdnowaError, SettingsError
from worker.runtime import make_policy, make_runtime

_WHOLE = {
    "words": "many",
    "half": "1.5",
    "nothing": "",
    "below": "-1",
    "hexadecimal": "0x10",
    "an exponent": "1e3",
    "endless": "9" * 23,
    "beyond": str(NUMBER_MAX + 1),
}
_REAL = {"words": "soon", "nothing": "", "below": "-1", "no number": "nan", "endless": "inf"}
_LISTS = {"no list": "1,3", "words": "soon", "a word within": '[1, "x"]', "half": "[1.5]", "an object": "{}"}
_LISTS |= {"empty": "[]", "below": "[-1]", "nought": "[0]", "beyond": f"[{NUMBER_MAX + 1}]"}
_WORDS = {"a break": "a\r\nBcc: b", "a bell": "a\x07", "turned around": "a\u202eb", "endless": "x" * (TEXT_MAX + 1)}
_PAGES = {
    "no scheme": "nowhere.example",
    "a file": "file:///etc/passwd",
    "a script": "javascript:alert(1)",
    "nobody": "https:///nowhere",
}
_MAILBOXES = {"no address": "postmaster at home", "two": "a@b.example, c@d.example", "unended": "Shop <a@b.example"}
_KINDS: Mapping[str, Mapping[str, str]] = {"int": _WHOLE, "float": _REAL, "bool": {"words": "maybe", "two": "2"}}
_MORE: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(("stripe_api_base", "account_page_url", "payment_page_url"), _PAGES),
    **dict.fromkeys(("mail_from", "mail_reply_to", "seller_email"), _MAILBOXES),
    "smtp_port": {"none": "0", "beyond": "65536"},
    "stripe_timeout_s": {"none": "0", "beyond": "61"},
    "stripe_calls_per_second": {"none": "0"},
    "seller_country": {"a name": "Czechia", "small": "cz"},
    "seller_vat": {"neither": "perhaps"},
    "log_level": {"neither": "loud"},
    "log_format": {"neither": "xml"},
    "invoice_prefix": {"long": "ABCDEFGHI"},
    "credit_note_prefix": {"long": "ABCDEFGHI"},
    "lease_s": {"short": "4"},
    "item_size_max": {"beyond": "501"},
    "micro_batch_max": {"beyond": "26"},
    "rule_replay_limit_hours": {"beyond": "24"},
    "rule_order_hours": {"beyond": "169"},
    "rule_hold_multiple": {"one": "1"},
}


class Bad(NamedTuple):
    """A variable with a value that cannot be."""

    variable: str
    why: str
    value: str


def table() -> Iterator[Bad]:
    """Every setting with what its type excludes, and what is known of some of them."""
    for name, field in Settings.model_fields.items():
        kind = getattr(field.annotation, "__name__", "")
        values: dict[str, str] = {}
        if field.annotation in {str, SecretStr}:
            values |= _WORDS
        elif "tuple" in str(field.annotation):
            values |= _LISTS
            if name in {"gross_price_currencies", "trusted_proxies"}:
                del values["empty"]  # no currency has gross prices, and no proxy is believed, unless one is named
            if name == "stripe_webhook_secrets":
                del values["empty"]  # webhooks are not needed
        else:
            values |= _KINDS.get(kind, {})
        values |= _MORE.get(name, {})
        yield from (Bad(name.upper(), why, value) for why, value in values.items())


BAD = list(table())


@pytest.mark.parametrize("bad", BAD, ids=[f"{bad.variable}-{bad.why}" for bad in BAD])
def test_a_setting_that_cannot_be_is_told_in_one_line(bad: Bad, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(bad.variable, bad.value)
    with pytest.raises(OdnowaError) as told:
        make_policy(load_settings())
    said = str(told.value)
    assert said.startswith(f"{bad.variable}: ")
    assert "\n" not in said
    assert len(said) < 300
    assert len(bad.value) < 5 or bad.value not in said


def test_all_of_them_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SMTP_PORT", "LEASE_S", "LOG_LEVEL"):
        monkeypatch.setenv(name, "?")
    with pytest.raises(SettingsError, match=r"SMTP_PORT: .*; LEASE_S: .*; LOG_LEVEL: "):
        load_settings()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"link_signing_key": "short"}, "LINK_SIGNING_KEY needs at least 32"),
        ({"redis_url": ""}, "REDIS_URL is not set"),
        ({"redis_url": "redis://host:port/0"}, "REDIS_URL is not an address"),
        ({"database_url": ""}, "DATABASE_URL is not set"),
        ({"database_url": "sqlite:///x"}, "DATABASE_URL must name a PostgreSQL database"),
        ({"stripe_api_key": ""}, "STRIPE_API_KEY is not set"),
        ({"seller_timezone": "Europe/Atlantis"}, "SELLER_TIMEZONE Europe/Atlantis is no time zone"),
        ({"seller_timezone": "../../etc/passwd"}, "SELLER_TIMEZONE"),
        ({"credit_note_prefix": "", "invoice_prefix": ""}, "CREDIT_NOTE_PREFIX is that of the invoices"),
        ({"seller_vat": "registered"}, "SELLER_VAT_NUMBER must be"),
        ({"seller_vat": "registered", "seller_vat_number": "CZ25123892"}, "SELLER_VAT_NUMBER must be"),
        ({"seller_vat": "registered", "seller_country": "US"}, "SELLER_VAT=registered has rules for the EU only"),
    ],
)
def test_settings_that_contradict_each_other(changes: dict[str, str], words: str) -> None:
    sound = {
        "database_url": "postgresql://nobody@127.0.0.1:9/nothing",
        "redis_url": "redis://127.0.0.1:9/0",
        "stripe_api_key": "sk_test_emulator",
        "link_signing_key": "only-for-tests-" * 3,
    }
    with pytest.raises(SettingsError, match=words) as told:
        make_runtime(Settings(_env_file=None, **{**sound, **changes}))  # type: ignore[arg-type] # all are text
    assert "\n" not in str(told.value)


def test_the_defaults_themselves_are_sound() -> None:
    make_policy(Settings(_env_file=None))
    assert len(BAD) >= 250
