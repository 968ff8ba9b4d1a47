"""Where partners and the hub itself take and pay money: one bank account for each currency, and mandates.

Knows `settlement_account`. Does not know the messages that banks read.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from hub.agreements.currencies import is_currency
from hub.audit.service import record
from hub.settlement.refusals import PaymentAccountInvalid, PaymentAccountMissing
from hub.storage import Work

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")
_MANDATE = re.compile(r"[A-Za-z0-9+?/:().,' -]{1,35}")
_NAME_CHARS_MAX = 70
_TOWN_CHARS_MAX = 35


@dataclass(frozen=True, slots=True)
class PayAccount:
    """A bank account. partner: empty for the hub's own. name: of its holder, in this town and country (ISO 3166).

    mandate, mandate_on: of a partner that lets itself be debited, else empty and None. creditor: the hub's identifier
    for direct debits, empty if it makes none.
    """

    partner: str
    currency: str
    name: str
    iban: str
    bic: str
    town: str
    country: str
    mandate: str
    mandate_on: date | None
    creditor: str


def put_account(work: Work, account: PayAccount, *, actor: str, now: datetime) -> None:
    """Write where somebody takes and pays a currency, in place of what was there. Raises: PaymentAccountInvalid."""
    _check(account)
    values = _values(account)
    work.run(
        "INSERT INTO settlement_account (partner, currency, name, iban, bic, town, country, mandate, mandate_on, "
        "creditor) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (partner, currency) DO UPDATE SET "
        "(name, iban, bic, town, country, mandate, mandate_on, creditor) = (EXCLUDED.name, EXCLUDED.iban, "
        "EXCLUDED.bic, EXCLUDED.town, EXCLUDED.country, EXCLUDED.mandate, EXCLUDED.mandate_on, EXCLUDED.creditor)",
        values,
    )
    # The last four characters tell accounts apart without giving one away.
    facts = {"currency": account.currency, "iban": f"…{account.iban[-4:]}"}
    record(work, actor=actor, action="payment_account_set", subject=account.partner or "hub", facts=facts, now=now)


def accounts(work: Work, currency: str) -> dict[str, PayAccount]:
    """The accounts of a currency by partner; the hub's own under an empty code."""
    rows = work.fetch(
        "SELECT partner, currency, name, iban, bic, town, country, mandate, mandate_on, creditor "
        "FROM settlement_account WHERE currency = %s",
        (currency,),
    )
    return {row[0]: PayAccount(*row) for row in rows}


def hub_ibans(work: Work) -> dict[tuple[str, str], bool]:
    """The hub's own accounts, as (IBAN, currency)."""
    rows = work.fetch("SELECT iban, currency FROM settlement_account WHERE partner = ''")
    return dict.fromkeys(rows, True)


def required(known: dict[str, PayAccount], partner: str, currency: str) -> PayAccount:
    """The account of a partner, or the hub's own. Raises: PaymentAccountMissing."""
    if partner not in known:
        whose = f"of {partner}" if partner else "of the hub"
        raise PaymentAccountMissing(f"There is no {currency} account {whose} yet; see hub payments account.")
    return known[partner]


def end_to_end_id(id: str) -> str:
    """An id as banks take it: the letters of SEPA have no underscore."""
    return id.replace("_", "-")


def obligation_of(end_to_end: str) -> str:
    """The obligation that an end-to-end id names, if it is one of ours."""
    return end_to_end.replace("-", "_", 1)


def _values(account: PayAccount) -> tuple[Any, ...]:
    return (
        account.partner, account.currency, account.name, account.iban, account.bic, account.town, account.country,
        account.mandate, account.mandate_on, account.creditor,
    )  # fmt: skip


def _check(account: PayAccount) -> None:
    if not is_currency(account.currency):
        raise PaymentAccountInvalid(f"{account.currency[:3]!r} is no currency of ISO 4217.")
    if not _IBAN.fullmatch(account.iban) or _remainder(account.iban) != 1:
        raise PaymentAccountInvalid("This is no IBAN: its check digits do not fit.")
    if not _BIC.fullmatch(account.bic):
        raise PaymentAccountInvalid("A BIC has 8 or 11 capitals and digits, such as DEUTDEFF.")
    if not re.fullmatch("[A-Z]{2}", account.country):
        raise PaymentAccountInvalid("A country has two capitals, such as DE.")
    for text, chars_max in ((account.name, _NAME_CHARS_MAX), (account.town, _TOWN_CHARS_MAX)):
        if not 0 < len(text) <= chars_max or not text.isprintable():
            raise PaymentAccountInvalid(f"A name has up to {_NAME_CHARS_MAX} characters, a town {_TOWN_CHARS_MAX}.")
    if bool(account.mandate) != (account.mandate_on is not None) or (account.mandate and not account.partner):
        raise PaymentAccountInvalid("A partner's mandate has a reference and the day it was signed.")
    if account.creditor and account.partner:
        raise PaymentAccountInvalid("The creditor identifier is the hub's own.")
    if any(text and not _MANDATE.fullmatch(text) for text in (account.mandate, account.creditor)):
        raise PaymentAccountInvalid("Mandates and creditor identifiers have up to 35 letters that SEPA takes.")


def _remainder(iban: str) -> int:
    """1 for a good IBAN. Source: ISO 13616, ISO/IEC 7064 MOD 97-10."""
    return int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97
