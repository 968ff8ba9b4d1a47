"""The family's contract: verbs, instructions, outcomes, and the ports an adapter is given.

An adapter turns an instruction into one call at its partner and the partner's answer into one of three outcomes.
Only proof counts: what is neither a clear yes nor a known no is `Unknown`. Adapters never retry money calls, never
read the clock, never touch a database.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from hub.kernel.errors import HubError


class Verb(StrEnum):
    """What can be asked of a partner; a profile states which it has."""

    VALIDATE_MEMBER = "validate_member"
    BALANCE = "balance"
    DEBIT = "debit"
    CREDIT = "credit"
    CREDIT_MANY = "credit_many"
    REVERSE = "reverse"
    INQUIRE = "inquire"


class Reason(StrEnum):
    """Why a partner said no: the hub's words, which every brand's own words are mapped to."""

    INSUFFICIENT_POINTS = "insufficient_points"
    MEMBER_UNKNOWN = "member_unknown"
    MEMBER_CLOSED = "member_closed"
    MEMBER_BLOCKED = "member_blocked"
    MEMBER_DECEASED = "member_deceased"
    MEMBER_INELIGIBLE = "member_ineligible"
    NAME_MISMATCH = "name_mismatch"
    AMOUNT_NOT_ALLOWED = "amount_not_allowed"
    LIMIT_REACHED = "limit_reached"
    NOT_REVERSIBLE = "not_reversible"
    FRAUD_SUSPECTED = "fraud_suspected"
    PROGRAMME_CLOSED = "programme_closed"
    KEY_REUSED = "key_reused"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One order to one partner.

    key: idempotency key, stable over repeats, at most 64 characters of [A-Za-z0-9_-].
    membership: the member's number at this partner.
    amount: whole smallest units of the partner's unit, > 0, bonus included. bonus: how much of it is a campaign's
    bonus, so that a brand that books base and bonus apart can. scale: decimal digits of that unit (halves of a
    night: 1).
    original_key: for `reverse`, the key of the instruction to undo. original_reference: the partner's own reference
    of it. trace: W3C traceparent to send along; empty for none.
    """

    key: str
    membership: str
    unit: str
    amount: int
    scale: int = 0
    original_key: str = ""
    original_reference: str = ""
    bonus: int = 0
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """Proof that the partner has applied it, once.

    reference: the partner's own reference. membership: the surviving number when the partner merged accounts; empty
    otherwise. balance: the member's balance afterwards when the partner said it. amount: what the partner says it
    applied, when it said so; `debit`, `credit` and `reverse` have compared it already, after `inquire` the caller
    compares it, since only the caller knows what was instructed.
    """

    reference: str
    membership: str = ""
    balance: int | None = None
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Proof that the partner has not applied it and never will under this key. said: the partner's own word."""

    reason: Reason
    said: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No proof either way. why: for people (`no answer`, `http 503`, ...), without secrets or personal data.

    not_found: the partner answered an inquiry with "no such key", which is proof of nothing until its inquiry lag has
    passed. retry_after_seconds: what the partner asked for, if it did. pending: the partner accepted it and will tell
    later. called: False only when nothing can have reached the partner (breaker open, no token, no connection), so that
    even a partner without keys may be instructed again.
    """

    why: str
    not_found: bool = False
    pending: bool = False
    retry_after_seconds: int | None = None
    called: bool = True


Outcome = Done | Refused | Unknown


@dataclass(frozen=True, slots=True)
class MemberValidation:
    """A partner's answer about a membership. outcome Done: it exists and may take part.

    name: as the partner has it, to compare with; empty if it does not tell. tier: its word, or empty.
    """

    outcome: Outcome
    name: str = ""
    tier: str = ""


@dataclass(frozen=True, slots=True)
class MemberBalance:
    """A membership's balance in whole smallest units, or the outcome that says why there is none."""

    outcome: Outcome
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """Who is to be validated: number and, where the partner compares it, the name."""

    membership: str
    name: str = ""


class NotificationKind(StrEnum):
    """What a partner may tell the hub of its own accord."""

    # What became of an instruction; the subject is its key.
    LEG_RESULT = "leg.result"
    # A membership was closed, blocked or merged; the subject is its number. Facts: `status`, a `MemberStatus`, and
    # `surviving_membership` where it was merged.
    MEMBER_CHANGED = "member.changed"
    # The same, for its tier alone. Facts: `tier`, the partner's word.
    MEMBER_TIER_CHANGED = "member.tier_changed"
    # Settled card transactions; the subject is the partner's name for this lot of them. Facts: `transactions`, a list.
    CARD_TRANSACTIONS = "card.transactions"
    # The partner has taken notice of a statement; the subject is the statement.
    STATEMENT_ACKNOWLEDGED = "statement.acknowledged"


class MemberStatus(StrEnum):
    """What a partner may tell of a membership."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    CLOSED = "closed"
    DECEASED = "deceased"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing that a partner told the hub, in the hub's words. Whether it really was the partner is not known here.

    kind: a `NotificationKind`. subject: what it is about. outcome: of a `leg.result` that is a clear yes or a known no,
    to be compared with what was instructed as after an inquiry; None when the hub has to inquire, and for other kinds.
    facts: everything else, as plain JSON values. at: when it happened, where the partner says so.
    """

    kind: str
    subject: str
    outcome: Done | Refused | None
    facts: Mapping[str, object]
    at: datetime | None = None


class NotificationUnreadable(HubError):
    """A notification whose body is not what the partner's interface promises; nothing of it is used."""

    code = "notification_unreadable"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token of a partner. renew_at: when it is to be renewed, well before it expires.

    holder: stands for the address and client it is for, so that a changed address is never told an old token.
    """

    value: str = field(repr=False)
    renew_at: datetime
    expires_at: datetime
    holder: str = ""


# What one holder at a time is inside of: a lock of threads, a lock of the database.
RenewalLock = AbstractContextManager[object]


class TokenStore(Protocol):
    """Port: access tokens shared by all threads and processes, renewed by one at a time."""

    def get(self, partner: str, scope: str) -> Token | None:
        """The current token, expired or not."""

    def put(self, partner: str, scope: str, token: Token) -> None:
        """Replace it for everybody."""

    def renewing(self, partner: str, scope: str) -> RenewalLock:
        """A lock that one thread of one process holds while it renews."""


class Breaker(Protocol):
    """Port: whether a partner is worth calling at all, shared by all workers."""

    def closed(self, partner: str) -> bool:
        """True when calls may go out (a single probe counts as may)."""

    def record(self, partner: str, *, healthy: bool) -> None:
        """Tell how a call went: healthy means that the partner answered sensibly, a refusal included."""


class PartnerClock(Protocol):
    """Port: the present instant."""

    def now(self) -> datetime:
        """Aware UTC."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How one partner is reached: everything that differs between a sandbox and production.

    code: the partner's code in the hub. base_url and token_url come from the partner's row or its profile.
    secrets: by name, from the environment or files; never shown, never logged. `client_secret`, or `private_key` (PEM
    of a P-256 key), for tokens; `signing_key` (PEM, Ed25519 or P-256) and `signing_key_id` for signed requests;
    `webhook_secret` or `webhook_public_key` for what the partner sends. audience: whom a signed client assertion is
    for; empty for the token URL.
    """

    code: str
    base_url: str
    token_url: str
    client_id: str
    secrets: Mapping[str, str] = field(repr=False)
    timeout_seconds: int
    audience: str = ""


@dataclass(frozen=True, slots=True)
class Ports:
    """What an adapter is handed from outside; one set serves every partner."""

    tokens: TokenStore
    breaker: Breaker
    clock: PartnerClock


class PartnerAdapter(Protocol):
    """What every brand offers. A verb that its profile does not state is never called.

    No method raises for anything a partner may do: an answer, however odd, is an outcome.
    """

    def validate_member(self, member: Member) -> MemberValidation:
        """Ask whether this membership exists and may take part."""

    def balance(self, membership: str) -> MemberBalance:
        """Ask for a balance."""

    def debit(self, instruction: Instruction) -> Outcome:
        """Take points from a member."""

    def credit(self, instruction: Instruction) -> Outcome:
        """Give points to a member."""

    def credit_many(self, instructions: Sequence[Instruction]) -> list[Outcome]:
        """Give points to many members in as few calls as the partner allows: one outcome for each, in their order.

        Each instruction keeps its own key, so that those without proof can be inquired after or repeated alone.
        """

    def reverse(self, instruction: Instruction) -> Outcome:
        """Undo an earlier debit or credit, whole or in part, under a key of its own.

        Where the profile says `by_credit`, only debits can be undone.
        """

    def inquire(self, key: str) -> Outcome:
        """Ask what became of the instruction with this key."""

    def notifications(self, body: bytes) -> tuple[Notification, ...]:
        """What the body of a verified notification says, in order. Raises: NotificationUnreadable."""
