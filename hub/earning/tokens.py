"""Card and member tokens: linked to members, never a card number; and the target that a member's points go to.

Knows what a token may look like. Does not know memberships at partners: those are links of the member.
"""

import hashlib
import re
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hub.agreements.roster import Roster
from hub.audit import service as audit
from hub.earning.cards import is_card_number
from hub.earning.codec import token_number
from hub.earning.refusals import CardNumberSent, TargetNotAllowed, TokenConflict, TokenInvalid, TokenMissing
from hub.earning.rulesets import active_rules, require_bank
from hub.earning.types import ALWAYS, Choice, NewToken, Token
from hub.members.errors import MemberMissing
from hub.members.service import add_members, get_member
from hub.storage import Work

_TOKEN = re.compile(r"[A-Za-z0-9_.:/+=@*-]{1,64}")
_WORD = re.compile(r"[^\x00-\x1f]{0,80}")
_COLUMNS = "number, token, member, product, tier, removed_at"


def link_tokens(
    work: Work, roster: Roster, tokens: Sequence[NewToken], *, bank: str, actor: str, now: datetime
) -> list[Token]:
    """Link tokens to members, added where new; the same again changes product and tier. One answer each, in order.

    Raises: BankNotReady, CardNumberSent, TokenInvalid, TokenConflict, TargetNotAllowed, MemberInvalid.
    """
    require_bank(roster, bank)
    prefixes = [prefix for ruleset in active_rules(work, bank) for prefix in ruleset.token_prefixes]
    for place, one in enumerate(tokens):
        _check(one, prefixes, pointer=f"/items/{place}/token")
    members = add_members(work, [one.member for one in tokens], partner=bank, now=now)
    stored = _store(work, [(one, members[one.member]) for one in tokens], bank=bank, origin="registered", now=now)
    for place, one in enumerate(tokens):
        if stored[one.token].member != members[one.member]:
            raise TokenConflict("This token is linked to another member.", pointer=f"/items/{place}/token")
    for one in tokens:
        if one.unit:
            set_target(work, roster, members[one.member], unit=one.unit, bank=bank, since=None, actor=actor, now=now)
    return [stored[one.token] for one in tokens]


def link_unknown(work: Work, tokens: Sequence[str], *, bank: str, now: datetime) -> None:
    """A pseudonymous member for each token of a test bank that nobody linked; its reference is a hash of the token."""
    references = {token: f"spend-{hashlib.sha256(f'{bank}|{token}'.encode()).hexdigest()[:32]}" for token in tokens}
    members = add_members(work, list(references.values()), partner=bank, now=now)
    pairs = [(NewToken(token, reference), members[reference]) for token, reference in references.items()]
    _store(work, pairs, bank=bank, origin="sandbox", now=now)


def tokens_of(work: Work, tokens: Collection[str], *, bank: str) -> dict[str, Token]:
    """Those of these tokens that are linked. One statement."""
    return {row[1]: Token(*row) for row in token_rows(work, tokens, bank=bank)}


def token_rows(work: Work, tokens: Collection[str], *, bank: str) -> list[tuple[Any, ...]]:
    """The same as rows of number, token, member, product, tier and when it was removed."""
    return work.fetch(
        f"SELECT {_COLUMNS} FROM card_token WHERE bank = %s AND token = ANY(%s::text[])",  # noqa: S608 - fixed
        (bank, list(tokens)),
    )


def get_token(work: Work, token: str, *, bank: str) -> Token:
    """One linked token. Raises: TokenMissing."""
    found = tokens_of(work, [token], bank=bank)
    if token not in found:
        raise TokenMissing("This token is not linked to a member.", pointer="/token")
    return found[token]


def token_by_id(work: Work, id: str, *, bank: str) -> Token:
    """A token by the hub's id. bank: whose; empty for any. Raises: TokenMissing."""
    number = token_number(id)
    rows = work.fetch(
        f"SELECT {_COLUMNS} FROM card_token WHERE number = %s AND (%s = '' OR bank = %s)",  # noqa: S608 - fixed
        (number, bank, bank),
    )
    if not rows:
        raise TokenMissing("There is no such token.")
    return Token(*rows[0])


def list_tokens(work: Work, *, bank: str, member: str | None, live: bool, after: int, limit: int) -> list[Token]:
    """Tokens in the order in which they came. bank: empty for every bank of this kind. after: the last number seen."""
    rows = work.fetch(
        f"SELECT {_COLUMNS} FROM card_token WHERE number > %s AND (%s = '' OR bank = %s) "  # noqa: S608 - fixed
        "AND (%s::text IS NULL OR member = %s) "
        "AND %s = (SELECT partner.live FROM partner WHERE partner.code = card_token.bank) ORDER BY number LIMIT %s",
        (after, bank, bank, member, member, live, limit),
    )
    return [Token(*row) for row in rows]


def remove_token(work: Work, id: str, *, bank: str, actor: str, now: datetime) -> None:
    """From now on the token earns nothing; refunds of what it bought are still taken. Removing it again does nothing.

    Raises: TokenMissing.
    """
    found = token_by_id(work, id, bank=bank)
    if work.run("UPDATE card_token SET removed_at = %s WHERE number = %s AND removed_at IS NULL", (now, found.number)):
        audit.record(work, actor=actor, action="card_token.removed", subject=id, facts={"bank": bank}, now=now)


def has_registered(work: Work, bank: str) -> bool:
    """Whether the bank has linked any token itself."""
    return bool(work.fetch("SELECT 1 FROM card_token WHERE bank = %s AND origin = 'registered' LIMIT 1", (bank,)))


def set_target(
    work: Work,
    roster: Roster,
    member: str,
    *,
    unit: str,
    bank: str,
    since: date | None,
    actor: str,
    now: datetime,
) -> None:
    """From `since` on, None for always, the member's points go to `unit`; what was taken before stays where it went.

    Raises: TargetNotAllowed, MemberMissing for somebody who is not a member of this bank.
    """
    known, partner = roster.units.get(unit), require_bank(roster, bank)
    if known is None or roster.partners[known.partner].live != partner.live:
        raise TargetNotAllowed(f"Points of this bank cannot go to {unit[:80]}.", pointer="/unit")
    if partner.live and since is not None and since < now.astimezone(ZoneInfo(partner.time_zone)).date():
        raise TargetNotAllowed("A choice takes effect today or later; what is past was priced.", pointer="/since")
    if get_member(work, member).partner != bank:
        raise MemberMissing("There is no such member.")
    work.run(
        "INSERT INTO earn_target (bank, member, since, unit, recorded_at) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (bank, member, since) DO UPDATE SET unit = excluded.unit, recorded_at = excluded.recorded_at",
        (bank, member, since or ALWAYS, unit, now),
    )
    facts = {"bank": bank, "unit": unit, "since": since.isoformat() if since else "always"}
    audit.record(work, actor=actor, action="earn_target.set", subject=member, facts=facts, now=now)


def targets_of(work: Work, member: str, *, bank: str) -> list[Choice]:
    """Every choice of one member, oldest first."""
    rows = work.fetch(
        "SELECT member, unit, since FROM earn_target WHERE bank = %s AND member = %s ORDER BY since", (bank, member)
    )
    return [Choice(*row) for row in rows]


def choices_of(work: Work, members: Collection[str], *, bank: str) -> list[Choice]:
    """Every choice of these members, oldest first."""
    if not work.fetch("SELECT 1 FROM earn_target WHERE bank = %s LIMIT 1", (bank,)):
        return []
    rows = work.fetch(
        "SELECT member, unit, since FROM earn_target WHERE bank = %s AND member = ANY(%s::text[]) ORDER BY since",
        (bank, list(members)),
    )
    return [Choice(*row) for row in rows]


def _check(one: NewToken, prefixes: Sequence[str], *, pointer: str) -> None:
    if is_card_number(one.token, prefixes):
        raise CardNumberSent("This looks like a card number. Send tokens only; nothing was kept.", pointer=pointer)
    words = (one.product, one.tier)
    if not _TOKEN.fullmatch(one.token) or not all(_WORD.fullmatch(word) for word in words):
        raise TokenInvalid("A token is 1 to 64 letters, digits and ._:/+=@*-, without spaces.", pointer=pointer)


def _store(
    work: Work, pairs: Sequence[tuple[NewToken, str]], *, bank: str, origin: str, now: datetime
) -> dict[str, Token]:
    """Tokens as they are stored now; product and tier follow, the member of a linked token does not."""
    ordered = sorted({one.token: (one, member) for one, member in pairs}.values(), key=lambda pair: pair[0].token)
    rows = work.fetch(
        "INSERT INTO card_token AS t (bank, token, member, product, tier, origin, linked_at) "
        "SELECT %s, new.token, new.member, new.product, new.tier, %s, %s "
        "FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS new (token, member, product, tier) "
        "ON CONFLICT (bank, token) DO UPDATE SET "
        "product = CASE WHEN t.member = excluded.member THEN excluded.product ELSE t.product END, "
        "tier = CASE WHEN t.member = excluded.member THEN excluded.tier ELSE t.tier END, "
        "origin = CASE WHEN t.member = excluded.member THEN excluded.origin ELSE t.origin END, "
        "removed_at = CASE WHEN t.member = excluded.member THEN NULL ELSE t.removed_at END "
        "RETURNING number, token, member, product, tier, removed_at",
        (
            bank, origin, now, [one.token for one, _ in ordered], [member for _, member in ordered],
            [one.product for one, _ in ordered], [one.tier for one, _ in ordered],
        ),
    )  # fmt: skip
    return {row[1]: Token(*row) for row in rows}
