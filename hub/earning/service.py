"""The calls of earning that doors make, in one place."""

from collections.abc import Callable
from datetime import datetime

from hub import ledger
from hub.agreements.roster import Roster, roster
from hub.earning.accruals import explain, find_accrual, get_accrual, list_accruals
from hub.earning.claims import get_claim, list_claims, make_claim
from hub.earning.desk import desk_of
from hub.earning.funding import add_block, blocks_of_bank, get_block, list_blocks
from hub.earning.hosted_payouts import HostedPort, send_hosted
from hub.earning.intake import take
from hub.earning.payouts import LOT_MAX, banks_with_work, gather, get_payout, list_payouts, retry, send
from hub.earning.receiving import receive, rows_of
from hub.earning.rulesets import (
    activate_rules,
    active_rules,
    adopt_rules,
    approvals_of,
    get_rules,
    list_rules,
    named_partners,
    propose_rules,
    withdraw_rules,
)
from hub.earning.settling import BankState, bank_state, resume
from hub.earning.simulation import simulate
from hub.earning.tokens import (
    get_token,
    link_tokens,
    list_tokens,
    remove_token,
    set_target,
    targets_of,
    token_by_id,
)
from hub.earning.verification import verify
from hub.kernel.clock import Clock
from hub.storage import Database, Work

__all__ = [
    "BankState",
    "activate_rules",
    "active_rules",
    "add_block",
    "adopt_rules",
    "approvals_of",
    "bank_state",
    "blocks_of_bank",
    "desk_of",
    "entered_roster",
    "explain",
    "find_accrual",
    "get_accrual",
    "get_block",
    "get_claim",
    "get_payout",
    "get_rules",
    "get_token",
    "link_tokens",
    "list_accruals",
    "list_blocks",
    "list_claims",
    "list_payouts",
    "list_rules",
    "list_tokens",
    "make_claim",
    "named_partners",
    "pay_out",
    "propose_rules",
    "receive",
    "remove_token",
    "resume_all",
    "resume_stopped",
    "retry",
    "rows_of",
    "set_target",
    "simulate",
    "take",
    "targets_of",
    "token_by_id",
    "verify",
    "withdraw_rules",
]


# Chunks that one call posts at most, each in a transaction of its own.
_CHUNKS_MAX = 100_000


def entered_roster(work: Work) -> Roster:
    """The roster, after the ledger's period was entered: the first lock of a transaction that posts."""
    ledger.enter(work)
    return roster(work)


def pay_out(database: Database, *, takes_many: Callable[[str], bool], hosted: HostedPort, now: datetime) -> None:
    """Turn what was posted into payouts, and send those whose members have a membership; bounded transactions each."""
    with database.read() as work:
        banks = banks_with_work(work)
    for bank in banks:
        for _ in range(_CHUNKS_MAX):
            with database.work() as work:
                if not gather(work, roster(work), bank, now=now):
                    break
        for _ in range(_CHUNKS_MAX):
            with database.work() as work:
                known = entered_roster(work)
                if send(work, known, bank, takes_many=takes_many, now=now) < LOT_MAX:
                    break
        for _ in range(_CHUNKS_MAX):
            with database.work() as work:
                if send_hosted(work, entered_roster(work), bank, hosted, now=now) < LOT_MAX:
                    break


def resume_stopped(database: Database, clock: Clock) -> int:
    """Post what waits at every stopped bank, as far as each is funded now; how many chunks."""
    with database.read() as work:
        rows = work.fetch("SELECT bank FROM earn_bank WHERE state = 'stopped' ORDER BY bank")
    return sum(resume_all(database, bank, clock=clock, actor="scheduler") for (bank,) in rows)


def resume_all(database: Database, bank: str, *, clock: Clock, actor: str) -> int:
    """Post chunks that wait, one transaction each, as far as the bank is funded; how many."""
    for posted in range(_CHUNKS_MAX):
        with database.work() as work:
            known = entered_roster(work)
            desk = desk_of(work, known, bank, now=clock.now())
            if not resume(work, desk, actor=actor):
                return posted
    return _CHUNKS_MAX
