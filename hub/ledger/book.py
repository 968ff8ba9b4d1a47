"""Decides request by request, in memory, over balances that are locked; writes everything at once at the end.

Each decision sees what was decided before it in the batch, so that a floor holds after every prefix of it. Knows the
rules of double entry, holds, keys and reversals. Does not know the database: `locking.py` reads, `writing.py` writes.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction

from hub.ledger.batch import Batch
from hub.ledger.judging import Judge, refusal_of_amounts
from hub.ledger.lines import content_hash, reversal_hash, storable
from hub.ledger.reversals import opposite, part_amounts
from hub.ledger.state import AccountState, HoldState, Known, Part, StoredHold, StoredPosting
from hub.ledger.types import (
    Held,
    HoldMissing,
    HoldResolved,
    KeyReused,
    LedgerRefusal,
    Posted,
    Posting,
    PostingInvalid,
    Reversal,
    Transfer,
    Voided,
)

_REVERSAL_KIND = "reversal"


class Book:
    """The locked accounts and looked-up keys of one batch.

    Refusals of `post`, `hold`, `hold_all` and `reverse` are kept under their key and stay its answer; those of
    `post_hold` and `void_hold` are not, since the key is the hold's. `key_reused` is never kept.
    """

    def __init__(
        self,
        *,
        accounts: Mapping[str, AccountState],
        known: Known,
        judge: Judge,
        batch: Batch,
        write: Callable[[Batch, Mapping[str, AccountState]], None],
    ) -> None:
        self._accounts = accounts
        self._known = known
        self._judge = judge
        self._batch = batch
        self._write = write
        self._written = False
        self._next_id = batch.stamp.id_first
        # Almost never: most floors have reached their target long ago.
        self._has_waiting_floors = any(account.floor != account.target for account in accounts.values())

    def post(self, posting: Posting, *, reverses: Reversal | None = None) -> Posted | LedgerRefusal:
        """Post all transfers, or none. An account is judged on the net effect of the whole posting.

        Answers with: PostingInvalid, AccountMissing, UnitMismatch, FloorBreached, LedgerOverflow, KeyReused,
        PostingMissing, ReversalExceeded.
        """
        key = posting.key
        content = _content("post", posting, reverses)
        if self._known.uses(key):
            return self._posted_before(key, content)
        refusal = self._judge.refusal_of_shape(posting, reverses) or self._judge.refusal_of_sums(posting.transfers)
        if refusal is not None:
            return self._refuse(key, content, refusal)
        self._batch.keys.append(key)
        if reverses is None:
            return self._record(posting, content, None)
        part = self._part(key, reverses)
        self._keep_part(part)
        return self._record(posting, content, part.posting)

    def hold(self, posting: Posting, *, reverses: Reversal | None = None) -> Held | LedgerRefusal:
        """Reserve all transfers, or none. An account is judged on its debits alone: credits help when they post.

        Answers with: the same as `post`.
        """
        content = _content("hold", posting, reverses)
        if self._known.uses(posting.key):
            return self._held_before(posting.key, content)
        refusal = self._reserve(posting, content, reverses)
        if refusal is not None:
            return self._refuse(posting.key, content, refusal)
        self._keep_hold(posting.key, reverses)
        return Held(posting.key, posting.transfers)

    def hold_all(self, postings: Sequence[Posting]) -> list[Held] | LedgerRefusal:
        """Hold every posting, or none. The first refusal is the answer, kept under its own key alone.

        Answers with: the same as `hold`.
        """
        contents = [_content("hold", posting, None) for posting in postings]
        for posting, content in zip(postings, contents, strict=True):
            before = self._held_before(posting.key, content) if self._known.uses(posting.key) else None
            if isinstance(before, LedgerRefusal):
                return before
        fresh: list[str] = []
        for posting, content in zip(postings, contents, strict=True):
            if self._known.uses(posting.key):
                answer = self._held_before(posting.key, content)
                refusal = answer if isinstance(answer, LedgerRefusal) else None
            else:
                refusal = self._reserve(posting, content, None)
                fresh += [posting.key] if refusal is None else []
            if refusal is not None:
                for key in fresh:
                    self._give_up(key)
                return refusal if isinstance(refusal, KeyReused) else self._refuse(posting.key, content, refusal)
        for key in fresh:
            self._keep_hold(key, None)
        return [Held(one.key, one.transfers, replayed=one.key not in fresh) for one in postings]

    def post_hold(
        self, key: str, *, effective_at: datetime, amounts: Sequence[int] | None = None
    ) -> Posted | LedgerRefusal:
        """Turn a hold into a posting under the same key. It cannot breach a floor.

        amounts: one per transfer of the hold, from 0 to what was held, not all 0; the rest is void. None for all. A
        hold that reverses counts with its whole share, however much of it is posted.
        Answers with: HoldMissing, HoldResolved, HoldExceeded, PostingInvalid, KeyReused (ended with other amounts),
        LedgerOverflow.
        """
        hold = self._hold(key)
        if hold is None:
            return HoldMissing("There is no hold under this key.", key=key)
        if hold.state is HoldState.VOIDED:
            return HoldResolved("This hold was voided; it cannot be posted.", key=key)
        wanted = [one.amount for one in hold.transfers] if amounts is None else list(amounts)
        if hold.state is HoldState.POSTED:
            if wanted != hold.posted:
                return KeyReused("This hold was posted with other amounts.", key=key)
            return _answer(self._known.postings[key], replayed=True)
        transfers = tuple(
            Transfer(one.debit, one.credit, amount, one.label)
            for one, amount in zip(hold.transfers, wanted, strict=False)
            if amount
        )
        refusal = refusal_of_amounts(hold, wanted) or self._judge.refusal_of_credits(transfers)
        if refusal is not None:
            return refusal
        return self._post_held(hold, wanted, transfers, effective_at)

    def void_hold(self, key: str) -> Voided | LedgerRefusal:
        """Give a hold back in full. Answers with: HoldMissing, HoldResolved."""
        hold = self._hold(key)
        if hold is None:
            return HoldMissing("There is no hold under this key.", key=key)
        if hold.state is HoldState.POSTED:
            return HoldResolved("This hold was posted; it cannot be voided.", key=key)
        if hold.state is HoldState.VOIDED:
            return Voided(key, replayed=True)
        self._release(hold)
        self._follow(hold.transfers)
        hold.state = HoldState.VOIDED
        self._batch.end_hold(hold)
        self._known.drop_part(key)
        return Voided(key)

    def reverse(
        self, key: str, *, of: str, share: Fraction, effective_at: datetime, reference: str | None = None
    ) -> Posted | LedgerRefusal:
        """Undo `share` of the posting `of` by opposite transfers with the same labels.

        share: 0 < share <= 1; with the shares of earlier reversals and of open holds that reverse, at most 1. Amounts:
        floor(total x cumulative share) less the earlier parts, so that all parts add up to the whole exactly.
        Answers with: PostingInvalid (also when the share moves nothing), PostingMissing, ReversalExceeded,
        FloorBreached, LedgerOverflow, KeyReused.
        """
        content = reversal_hash(key, of, share, reference)
        if self._known.uses(key):
            return self._reversed_before(key, content, of=of, share=share, reference=reference)
        reverses = Reversal(of, share)
        refusal = self._judge.refusal_of_reversal(key, reverses, reference)
        if refusal is not None:
            return self._refuse(key, content, refusal)
        part = self._part(key, reverses)
        transfers = opposite(self._known.postings[of].transfers, part.amounts)
        if not transfers:
            refusal = PostingInvalid("This share is too small to move anything.", key=key)
        else:
            refusal = self._judge.refusal_of_sums(transfers)
        if refusal is not None:
            return self._refuse(key, content, refusal)
        self._batch.keys.append(key)
        self._keep_part(part)
        posting = Posting(key, _REVERSAL_KIND, transfers, effective_at, reference)
        return self._record(posting, _content("post", posting, reverses), part.posting)

    def write(self) -> None:
        """Store everything that was decided; once, at the end. Raises a unique violation if a key was raced."""
        assert not self._written, "a book is written once"
        self._written = True
        self._write(self._batch, self._accounts)

    def _posted_before(self, key: str, content: bytes) -> Posted | LedgerRefusal:
        """The first answer of `post` for a key that was used."""
        stored = self._known.postings.get(key)
        if stored is not None and stored.content == content and key not in self._known.holds:
            return _answer(stored, replayed=True)
        return self._refused_before(key, content)

    def _held_before(self, key: str, content: bytes) -> Held | LedgerRefusal:
        """The first answer of `hold` for a key that was used; what became of the hold since does not matter."""
        hold = self._known.holds.get(key)
        if hold is not None and hold.content == content:
            return Held(key, hold.transfers, replayed=True)
        return self._refused_before(key, content)

    def _reversed_before(
        self, key: str, content: bytes, *, of: str, share: Fraction, reference: str | None
    ) -> Posted | LedgerRefusal:
        """The first answer of `reverse` for a key that was used."""
        stored = self._known.postings.get(key)
        part = self._known.parts.get(key)
        original = self._known.postings.get(of)
        if stored is not None and part is not None and original is not None and key not in self._known.holds:
            same = part.posting == original.id and part.share == share and stored.reference == reference
            if same:
                return _answer(stored, replayed=True)
        return self._refused_before(key, content)

    def _refused_before(self, key: str, content: bytes) -> LedgerRefusal:
        refused = self._known.refusals.get(key)
        if refused is not None and refused[0] == content:
            return refused[1]
        return KeyReused("This key was used before with other content.", key=key)

    def _reserve(self, posting: Posting, content: bytes, reverses: Reversal | None) -> LedgerRefusal | None:
        """Reserve in memory, or say why not."""
        refusal = self._judge.refusal_of_shape(posting, reverses) or self._judge.refusal_of_hold(posting.transfers)
        if refusal is not None:
            return refusal
        for one in posting.transfers:
            self._accounts[one.debit].held += one.amount
        self._known.holds[posting.key] = StoredHold(
            key=posting.key,
            content=content,
            kind=posting.kind,
            reference=posting.reference,
            metadata=dict(posting.metadata),
            transfers=posting.transfers,
            state=HoldState.PENDING,
            posted=None,
        )
        return None

    def _give_up(self, key: str) -> None:
        """Forget a reservation of `hold_all` that was not kept."""
        hold = self._known.holds.pop(key)
        for one in hold.transfers:
            self._accounts[one.debit].held -= one.amount

    def _keep_hold(self, key: str, reverses: Reversal | None) -> None:
        """Make a reservation part of what is written."""
        hold = self._known.holds[key]
        for one in hold.transfers:
            self._accounts[one.debit].changed = True
        self._batch.keys.append(key)
        self._batch.add_hold(hold)
        if reverses is not None:
            self._keep_part(self._part(key, reverses))

    def _part(self, key: str, reverses: Reversal) -> Part:
        original = self._known.postings[reverses.key]
        earlier = [(part.share, part.amounts) for part in self._known.parts_of.get(original.id, [])]
        amounts = part_amounts([one.amount for one in original.transfers], reverses.share, earlier)
        return Part(key, reverses.key, original.id, reverses.share, amounts)

    def _keep_part(self, part: Part) -> None:
        self._known.add_part(part, counts=True)
        self._batch.add_reversal(part)

    def _release(self, hold: StoredHold) -> None:
        """Give back everything a hold reserved."""
        for one in hold.transfers:
            account = self._accounts[one.debit]
            account.held -= one.amount
            account.changed = True

    def _follow(self, transfers: Sequence[Transfer]) -> None:
        """Raise the floors that wait for what these transfers brought."""
        if not self._has_waiting_floors:
            return
        for one in transfers:
            self._accounts[one.debit].follow()
            self._accounts[one.credit].follow()

    def _post_held(
        self, hold: StoredHold, wanted: list[int], transfers: tuple[Transfer, ...], effective_at: datetime
    ) -> Posted:
        """End a hold by a posting that carries its key, kind, reference and metadata."""
        self._release(hold)
        hold.state = HoldState.POSTED
        hold.posted = wanted
        self._batch.end_hold(hold)
        part = self._known.parts.get(hold.key)
        reverses = None if part is None else Reversal(part.of, part.share)
        posting = Posting(hold.key, hold.kind, transfers, effective_at, hold.reference, hold.metadata)
        posted = self._record(posting, _content("post", posting, reverses), None if part is None else part.posting)
        self._follow(hold.transfers)
        return posted

    def _record(self, posting: Posting, content: bytes, reverses: uuid.UUID | None) -> Posted:
        """Give the posting its id, move the balances, and make it part of what is written."""
        stamp = self._batch.stamp
        identity = uuid.UUID(int=self._next_id)
        stored = StoredPosting(
            identity, posting.key, content, posting.transfers, stamp.period, stamp.recorded_at, posting.reference
        )
        self._next_id += 1
        self._batch.add_posting(self._accounts, posting, stored, reverses=reverses)
        self._known.postings[posting.key] = stored
        self._follow(posting.transfers)
        return _answer(stored, replayed=False)

    def _hold(self, key: str) -> StoredHold | None:
        self._judge.asked(key)
        return self._known.holds.get(key)

    def _refuse(self, key: str, content: bytes, refusal: LedgerRefusal) -> LedgerRefusal:
        """Keep a refusal as the answer of its key; a key that cannot be stored can only be refused again."""
        if storable(key):
            self._known.refusals[key] = (content, refusal)
            self._batch.keys.append(key)
            self._batch.add_refusal(key, content, refusal)
        return refusal


def _answer(stored: StoredPosting, *, replayed: bool) -> Posted:
    return Posted(stored.id, stored.key, stored.transfers, stored.period, stored.recorded_at, replayed)


def _content(verb: str, posting: Posting, reverses: Reversal | None) -> bytes:
    return content_hash(
        verb,
        key=posting.key,
        kind=posting.kind,
        reference=posting.reference,
        metadata=posting.metadata,
        reverses=reverses,
        transfers=posting.transfers,
    )
