"""Opens accounts and sets their floors, and keeps the history of both.

A floor above what is available is stored as what is available and follows it up to its target. Every change of a target
is a row, chained by hash to the one before it and to the account itself.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from hub.kernel.amounts import ledger_amount
from hub.ledger.lines import escape, storable, time_text
from hub.ledger.types import Account, AccountConflict, AccountInvalid, AccountMissing
from hub.storage import Work


def open_accounts(work: Work, accounts: Sequence[Account], *, now: datetime) -> None:
    """Open these accounts; those that exist stay as they are, floor included. One statement if all exist.

    Raises: AccountConflict for one that exists with another unit; AccountInvalid; AmountOverflow for a floor.
    """
    wanted: dict[str, Account] = {}
    for account in accounts:
        first = wanted.setdefault(account.code, account)
        _check_unit(account, first.unit)
    missing = _missing(work, wanted)
    if not missing:
        return
    for account in missing:
        _check_new(account)
    opened_at = now.astimezone(UTC)
    created = work.fetch(
        "INSERT INTO ledger_account (code, unit, opened_at) SELECT code, unit, %s "
        "FROM unnest(%s::text[], %s::text[]) AS new (code, unit) ORDER BY code "
        "ON CONFLICT (code) DO NOTHING RETURNING id, code",
        (opened_at, [account.code for account in missing], [account.unit for account in missing]),
    )
    _add_balances(work, [(account, wanted[code]) for account, code in created], opened_at)
    if len(created) < len(missing):
        # Another process opened some of them meanwhile; they must have the same unit.
        assert not _missing(work, wanted), "an account that exists was not found"


def set_floors(work: Work, floors: Mapping[str, int | None], *, now: datetime) -> None:
    """Give these accounts a target for their floor; None for no floor. The same target again does nothing.

    Locks the balances; not in a transaction that has a book. Raises: AccountMissing; AmountOverflow.
    """
    rows = work.fetch(
        "SELECT b.account, a.code, a.unit, a.opened_at, b.posted - b.held, b.floor_target "
        "FROM ledger_balance b JOIN ledger_account a ON a.id = b.account "
        "WHERE a.code = ANY(%s) ORDER BY b.account FOR UPDATE OF b",
        ([code for code in floors if storable(code)],),
    )
    missing = set(floors) - {row[1] for row in rows}
    if missing:
        raise AccountMissing("This account was never opened.", account=min(missing))
    changed = [row for row in rows if floors[row[1]] != row[5]]
    targets = [_bounded(floors[row[1]]) for row in changed]
    stored = [None if target is None else min(target, row[4]) for row, target in zip(changed, targets, strict=True)]
    ids = [row[0] for row in changed]
    work.run(
        "UPDATE ledger_balance b SET floor = new.floor, floor_target = new.target "
        "FROM unnest(%s::int[], %s::bigint[], %s::bigint[]) AS new (account, floor, target) "
        "WHERE b.account = new.account",
        (ids, stored, targets),
    )
    before = {
        account: (number, bytes(previous))
        for account, number, previous in work.fetch(
            "SELECT DISTINCT ON (account) account, number, hash FROM ledger_floor WHERE account = ANY(%s) "
            "ORDER BY account, number DESC",
            (ids,),
        )
    }
    _add_history(
        work,
        [
            (row[0], Account(row[1], row[2], target), row[3], *before[row[0]])
            for row, target in zip(changed, targets, strict=True)
        ],
        now.astimezone(UTC),
    )


def floor_hash(
    previous: bytes,
    *,
    account: int,
    code: str,
    unit: str,
    opened_at: datetime,
    number: int,
    target: int | None,
    set_at: datetime,
) -> bytes:
    """SHA-256 of one change of a floor: the change before it, the account's own row, and the new target."""
    text = (
        f"{account}\t{escape(code)}\t{escape(unit)}\t{time_text(opened_at)}\t{number}\t{target}\t{time_text(set_at)}\n"
    )
    return hashlib.sha256(previous + text.encode()).digest()


def _check_unit(account: Account, unit: str) -> None:
    if account.unit != unit:
        raise AccountConflict(
            "This account exists with another unit.", account=account.code, unit=account.unit, unit_open=unit
        )


def _check_new(account: Account) -> None:
    if not storable(account.code) or not storable(account.unit):
        raise AccountInvalid("An account needs a code and a unit, of characters that can be kept.")
    _bounded(account.floor)


def _bounded(target: int | None) -> int | None:
    return None if target is None else ledger_amount(target)


def _missing(work: Work, wanted: Mapping[str, Account]) -> list[Account]:
    """Those that do not exist, sorted by code. Raises: AccountConflict."""
    codes = [code for code in wanted if storable(code)]
    units = dict(work.fetch("SELECT code, unit FROM ledger_account WHERE code = ANY(%s)", (codes,)))
    for code, unit in units.items():
        _check_unit(wanted[code], unit)
    return [wanted[code] for code in sorted(wanted) if code not in units]


def _add_balances(work: Work, created: Sequence[tuple[int, Account]], opened_at: datetime) -> None:
    """Balances of new accounts: nothing in them yet, so a floor above 0 starts at 0."""
    work.run(
        "INSERT INTO ledger_balance (account, posted, held, version, floor, floor_target) "
        "SELECT account, 0, 0, 0, CASE WHEN target IS NOT NULL THEN least(target, 0) END, target "
        "FROM unnest(%s::int[], %s::bigint[]) AS new (account, target)",
        ([account for account, _ in created], [one.floor for _, one in created]),
    )
    _add_history(work, [(account, one, opened_at, 0, b"") for account, one in created], opened_at)


def _add_history(work: Work, changes: Sequence[tuple[int, Account, datetime, int, bytes]], set_at: datetime) -> None:
    """changes: account id, the account with its new target, when it was opened, the last number and hash before."""
    hashes = [
        floor_hash(
            previous,
            account=account,
            code=one.code,
            unit=one.unit,
            opened_at=opened_at,
            number=number + 1,
            target=one.floor,
            set_at=set_at,
        )
        for account, one, opened_at, number, previous in changes
    ]
    work.run(
        "INSERT INTO ledger_floor (account, number, target, set_at, hash) SELECT account, number, target, %s, hash "
        "FROM unnest(%s::int[], %s::int[], %s::bigint[], %s::bytea[]) AS new (account, number, target, hash)",
        (
            set_at,
            [account for account, *_ in changes],
            [number + 1 for _, _, _, number, _ in changes],
            [one.floor for _, one, *_ in changes],
            hashes,
        ),
    )
