"""Posts what chunks granted, or stops the bank until it is funded; nothing that was taken is lost.

Knows the ledger's calls, prices and the two states of a bank. Does not know rules or transactions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hub import ledger
from hub.agreements.roster import Roster
from hub.agreements.types import Terms
from hub.audit import service as audit
from hub.earning import store
from hub.earning.funding import alert_low, funding_of
from hub.earning.posting import Granted, accounts_of, chunk_posting, codes_of
from hub.earning.store import Pricing
from hub.ledger import LedgerRefusal, Posting
from hub.outbox.events import Event, announce_events
from hub.storage import KeyRaced, Work


@dataclass(frozen=True, slots=True)
class BankState:
    """Where a bank's accruals stand. state: `open` or `stopped`. waiting: chunks that are kept and not posted."""

    state: str
    reason: str
    waiting: int


class DeskPort(Protocol):
    """What posting needs to know of a bank."""

    @property
    def bank(self) -> str:
        """Its code."""

    @property
    def live(self) -> bool:
        """Whether its points are real."""

    @property
    def roster(self) -> Roster:
        """Who takes part on which terms."""

    @property
    def now(self) -> datetime:
        """The present instant."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What was taken together. seal: over its rows. totals: (pricing, points earned, points taken back)."""

    number: int
    source: str
    seal: bytes
    totals: Sequence[tuple[int, int, int]]


def bank_state(work: Work, bank: str) -> BankState:
    """Where a bank's accruals stand."""
    rows = work.fetch("SELECT state, reason FROM earn_bank WHERE bank = %s", (bank,))
    waiting = work.fetch("SELECT count(*) FROM earn_chunk WHERE bank = %s AND state = 'stopped'", (bank,))
    state, reason = rows[0] if rows else ("open", "")
    return BankState(state, reason, waiting[0][0])


def post_chunk(work: Work, desk: DeskPort, chunk: Chunk, known: Mapping[int, Pricing], *, state: str) -> bool:
    """Post a new chunk, or keep it stopped; whether it is stopped. state: of the bank, which is locked."""
    reason = "" if state == "open" else "stopped"
    if not reason:
        reason = _post(work, desk, chunk, known)
        if reason:
            _stop(work, desk, reason)
    store.add_chunk(
        work,
        chunk.number,
        bank=desk.bank,
        source=chunk.source,
        seal=chunk.seal,
        state="stopped" if reason else "posted",
        now=desk.now,
    )
    return bool(reason)


def resume(work: Work, desk: DeskPort, *, actor: str) -> int:
    """Post chunks that wait, oldest first, as far as the bank is funded; how many. Open again when none waits.

    The caller entered the ledger's period. At most one chunk is posted here, so that locks are taken in one round.
    """
    state, _ = store.lock_bank(work, desk.bank)
    if state == "open":
        return 0
    rows = work.fetch(
        "SELECT number, source, seal FROM earn_chunk WHERE bank = %s AND state = 'stopped' ORDER BY number LIMIT 1",
        (desk.bank,),
    )
    if not rows:
        store.set_bank_state(work, desk.bank, state="open", reason="", now=desk.now)
        audit.record(work, actor=actor, action="accruals.resumed", subject=desk.bank, facts={}, now=desk.now)
        return 0
    number, source, seal = rows[0]
    _price_anew(work, desk)
    chunk = Chunk(number, source, bytes(seal), store.chunk_totals(work, number))
    reason = _post(work, desk, chunk, store.pricings(work, desk.bank))
    if reason:
        store.set_bank_state(work, desk.bank, state="stopped", reason=reason, now=desk.now)
        return 0
    work.run("UPDATE earn_chunk SET state = 'posted', posted_at = %s WHERE number = %s", (desk.now, number))
    return 1


def _post(work: Work, desk: DeskPort, chunk: Chunk, known: Mapping[int, Pricing]) -> str:
    """Post everything of a chunk, or nothing and say why not."""
    granted = _granted(desk, chunk.totals, known)
    if isinstance(granted, str):
        return granted
    if not granted:
        return ""
    own = desk.roster.terms(desk.bank, desk.now)
    currencies = {one.terms.currency for one in granted}
    if own is None or currencies != {own.currency}:
        return "agreement_missing"
    funding = funding_of(work, desk.bank)
    postings: list[Posting] = []
    for one in granted:
        posting = chunk_posting(chunk.number, desk.bank, one, funding, seal=chunk.seal, at=desk.now)
        if posting is None:
            return "prepaid_exhausted"
        postings.append(posting)
    accounts = accounts_of(desk.bank, granted, cap=own.net_debit_cap, currency=own.currency)
    ledger.open_accounts(work, accounts, now=desk.now)
    refusal = _write(work, desk, postings)
    if refusal:
        return refusal
    alert_low(work, desk.bank, funding, live=desk.live, now=desk.now)
    _announce(work, desk, chunk.number, granted)
    return ""


def _write(work: Work, desk: DeskPort, postings: Sequence[Posting]) -> str:
    """All postings, or none and why: what is decided and not written leaves nothing behind."""
    keys = {posting.key for posting in postings}
    book = ledger.lock(work, codes=codes_of(postings), keys=keys, now=desk.now)
    for posting in postings:
        answer = book.post(posting)
        if isinstance(answer, ledger.FloorBreached):
            return "net_debit_cap_reached"
        if isinstance(answer, ledger.AccountMissing):
            raise KeyRaced
        assert not isinstance(answer, LedgerRefusal), f"the ledger refused a posting of ours: {answer.code}"
    book.write()
    return ""


def _granted(
    desk: DeskPort, totals: Sequence[tuple[int, int, int]], known: Mapping[int, Pricing]
) -> list[Granted] | str:
    """Sums by unit and agreement version; or why they have no price."""
    sums: dict[tuple[str, str], list[int]] = {}
    for pricing, earned, taken in totals:
        _, chain, version = known[pricing]
        both = sums.setdefault((chain.unit, version), [0, 0])
        both[0] += earned
        both[1] += taken
    found = []
    for (unit, version), (earned, taken) in sorted(sums.items()):
        terms: Terms | None = desk.roster.terms_by_version.get(version)
        if terms is None or unit not in terms.accrual_price:
            return "agreement_missing"
        found.append(Granted(unit, desk.roster.units[unit].partner, terms, earned, taken))
    return found


def _price_anew(work: Work, desk: DeskPort) -> None:
    """Give what was taken without a price the one that is in force now; none of it is posted yet."""
    rows = work.fetch("SELECT DISTINCT unit FROM earn_pricing WHERE bank = %s AND terms = ''", (desk.bank,))
    for (unit,) in rows:
        terms = desk.roster.terms(desk.roster.units[unit].partner, desk.now)
        if terms is not None and unit in terms.accrual_price:
            work.run(
                "UPDATE earn_pricing SET terms = %s WHERE bank = %s AND terms = '' AND unit = %s",
                (terms.version, desk.bank, unit),
            )


def _stop(work: Work, desk: DeskPort, reason: str) -> None:
    store.set_bank_state(work, desk.bank, state="stopped", reason=reason, now=desk.now)
    event = Event("accruals.stopped", desk.bank, (desk.bank,), {"bank": desk.bank, "reason": reason}, desk.live)
    announce_events(work, [event], now=desk.now)


def _announce(work: Work, desk: DeskPort, chunk: int, granted: Sequence[Granted]) -> None:
    """One event for each partner that points go to; thin, and without what they cost the bank."""
    events = []
    for one in granted:
        data: dict[str, str | int] = {
            "chunk": chunk,
            "bank": desk.bank,
            "unit": one.unit,
            "earned": str(one.earned),
            "clawed_back": str(one.taken),
        }
        events.append(Event("accrual.posted", f"chunk_{chunk}", (desk.bank, one.partner), data, desk.live))
    announce_events(work, events, now=desk.now)
