"""Checks of what is stated, and of points that move when nothing goes wrong: once, whole, from and to the right one."""

import re
from dataclasses import replace

from partners.adapter import BrandAdapter
from partners.base import Done, Instruction, Refused, Verb
from partners.conformance import expecting, wire
from partners.conformance.trial import Asked, Trial, plain_amount, shown
from partners.conformance.types import ContractBroken, Group, NotApplicable, check
from partners.declarative.adapter import DeclarativeAdapter
from partners.profile import BonusKind, UnitProfile
from partners.sandbox.bench import NUMBER_NOBODY, OPENING_BALANCE
from partners.sandbox.faults import MAGIC_AMOUNTS, MAGIC_NOTICES
from partners.session import USER_AGENT

_SITUATION = "the partner said yes and booked it"
# What binary fractions get wrong: 0.29 × 100 is 28.999..., 4.35 × 100 is 434.999..., 1.005 × 1000 is 1004.999...
_AWKWARD = (29, 57, 58, 113, 435, 1_005, 1_115, 8_165, 100_041)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
# Characters of a file that are looked through for keys.
_FILE_CHARS_MAX = 1_000_000


@check("profile.verbs", Group.PROFILE, "Every verb that the profile states exists, and no other.")
def verbs(trial: Trial) -> None:
    """Compare what is stated with what is overridden or declared."""
    adapter = trial.bench.adapter
    for verb in Verb:
        own = getattr(type(adapter), verb) is not getattr(BrandAdapter, verb)
        if isinstance(adapter, DeclarativeAdapter):
            own = adapter.offers(verb)
        if own and not trial.offers(verb):
            raise ContractBroken(
                f"The adapter has {verb}, but the profile does not state it",
                "one and the same list",
                f'Add "{verb}" to capabilities.verbs, or take the method out',
            )
        if trial.offers(verb) and not own:
            raise ContractBroken(
                f"The profile states {verb}, but the adapter does not have it",
                "one and the same list",
                f'Write the method {verb}, or take "{verb}" out of capabilities.verbs',
            )


@check("profile.secrets", Group.PROFILE, "No private key lies in the brand's folder.")
def no_keys_in_the_folder(trial: Trial) -> None:
    """Look through the folder's texts."""
    for file in sorted(trial.folder.rglob("*")):
        if not file.is_file() or file.suffix not in (".py", ".toml", ".json", ".xml", ".txt", ".pem", ".key", ".md"):
            continue
        if _PRIVATE_KEY.search(file.read_text(encoding="utf-8", errors="replace")[:_FILE_CHARS_MAX]):
            raise ContractBroken(
                f"A private key lies in {file.name}",
                "a secret outside of the brand's folder",
                "Take it out, replace it at the partner, and name its file in HUB_PARTNER_<CODE>_PRIVATE_KEY_FILE",
            )


@check("move.once", Group.HAPPY, "One instruction is one call to the partner.")
def sent_once(trial: Trial) -> None:
    """Every verb that moves, in every unit."""
    for asked in _plain_moves(trial):
        wire.one_call(asked)


@check("move.session", Group.HAPPY, "Calls go out by the session: with its proof, timeouts, limits and breaker.")
def sent_by_the_session(trial: Trial) -> None:
    """Whatever moves carries the session's own mark."""
    for asked in _plain_moves(trial):
        for one in asked.calls:
            agent = one.call.headers.get("user-agent", "")
            if agent != USER_AGENT:
                raise ContractBroken(
                    f"The session was passed by: {asked.verb} called the partner as {agent[:60] or 'nobody'}",
                    f"a call by self.session, which says {USER_AGENT}",
                    "Call by get(), post_json(), post_xml() or send() of the session and nothing else",
                )


@check("move.key", Group.HAPPY, "Each instruction goes out under its own key, and no other.")
def under_its_own_key(trial: Trial) -> None:
    """One member after another, and one member twice."""
    member = trial.member()
    for verb in (*trial.moves_offered(), *trial.moves_offered()):
        wire.own_key(trial.ask(verb, trial.instruction(membership=member)), trial.keys_used)
    for asked in _plain_moves(trial):
        wire.own_key(asked, trial.keys_used)


@check("move.member", Group.HAPPY, "Each instruction moves the points of its member, whoever was asked about before.")
def for_its_own_member(trial: Trial) -> None:
    """Another member is asked about and moved between two instructions."""
    trial.some_move()
    for verb in trial.moves_offered():
        other, instruction = trial.member(), trial.instruction()
        if trial.offers(Verb.VALIDATE_MEMBER):
            wire.own_lookup(trial.validate(other)[1])
        if trial.offers(Verb.BALANCE):
            wire.own_lookup(trial.balance(other)[1])
        wire.own_member(trial.ask(verb, trial.instruction(membership=other)))
        asked = trial.ask(verb, instruction)
        wire.own_member(asked)
        _only(trial, asked)


@check("move.amount", Group.HAPPY, "Amounts arrive in smallest units, neither scaled nor rounded, up to the largest.")
def amounts_arrive(trial: Trial) -> None:
    """Plain amounts, those that binary fractions get wrong, the least and the largest."""
    for unit in trial.profile.units:
        for verb in trial.moves_offered():
            for amount in _amounts(unit, verb):
                asked = trial.ask(verb, trial.instruction(amount, unit=unit))
                wire.one_call(asked)
                wire.own_amount(asked)


@check("move.bonus", Group.HAPPY, "A credit carries its bonus, within the amount and once.")
def bonus_within(trial: Trial) -> None:
    """A credit of which a part is bonus."""
    trial.need(Verb.CREDIT)
    if trial.profile.capabilities.bonus is BonusKind.SEPARATE:
        raise NotApplicable("the profile says that base and bonus are calls of their own")
    for unit in trial.profile.units:
        amount, step = plain_amount(unit), unit.amounts.amount_step
        if not unit.amounts.allow(amount + step):
            continue
        asked = trial.ask(Verb.CREDIT, trial.instruction(amount + step, unit=unit, bonus=step))
        wire.one_call(asked)
        wire.own_amount(asked)
        expecting.done(_ended(trial, asked), _SITUATION)
        expecting.booked_once(trial, asked)


@check("move.done", Group.HAPPY, "The partner's yes is Done, with its reference, and booked as instructed.")
def a_yes_is_done(trial: Trial) -> None:
    """Debit and credit in every unit, from a call to what the partner has in its books."""
    trial.some_move()
    for unit in trial.profile.units:
        for verb in trial.moves_offered():
            for amount in _amounts(unit, verb):
                asked = _ended(trial, trial.ask(verb, trial.instruction(amount, unit=unit)))
                wire.sent_as_instructed(asked)
                expecting.done(asked, _SITUATION)
                expecting.amount_told(asked, f"after a {verb}")
                expecting.booked_once(trial, asked)
                _balance_told(trial, asked, unit)


@check("move.trace", Group.HAPPY, "The trace of an instruction is sent along.")
def trace_is_sent(trial: Trial) -> None:
    """W3C traceparent, as the instruction has it."""
    asked = trial.ask(trial.some_move(), trial.instruction())
    for one in asked.calls:
        if one.call.headers.get("traceparent") != asked.instruction.trace:
            raise ContractBroken(
                f"The trace was lost: {asked.verb} sent traceparent {one.call.headers.get('traceparent') or 'nowhere'}",
                "the instruction's trace in the header traceparent",
                "Hand trace=instruction.trace to the session",
            )


@check(
    "balance.told", Group.HAPPY, "A balance is what the partner has in its books, in smallest units, of that member."
)
def balances_are_told(trial: Trial) -> None:
    """Before and after a movement, and for nobody."""
    trial.need(Verb.BALANCE)
    for number in (199, 198):
        membership = trial.bench.member(number)
        _require_balance(trial, membership)
        wire.own_lookup(trial.balance(membership)[1])
        if trial.offers(Verb.CREDIT):
            trial.settled(Verb.CREDIT, trial.instruction(membership=membership))
            _require_balance(trial, membership)
    found, asked = trial.balance(trial.bench.member(NUMBER_NOBODY))
    wire.one_call(asked, after="a refusal")
    if isinstance(found.outcome, Done) or found.amount is not None:
        raise ContractBroken(
            f"A refusal was read as Done: balance answered {shown(found.outcome)} with the amount {found.amount} of a"
            " member that the partner does not know",
            "no amount and no Done for a member that the partner does not know",
            "Read the partner's refusal before its balance",
        )
    if not isinstance(found.outcome, Refused):
        expecting.unknown(asked, "the member is unknown")


def _plain_moves(trial: Trial) -> list[Asked]:
    """A debit and a credit in every unit. Raises: NotApplicable."""
    trial.some_move()
    return [
        trial.ask(verb, trial.instruction(unit=unit)) for unit in trial.profile.units for verb in trial.moves_offered()
    ]


def _amounts(unit: UnitProfile, verb: Verb) -> list[int]:
    """Amounts that the unit allows and that ask for no fault, least first; debits stay below what members have."""
    limits, step = unit.amounts, unit.amounts.amount_step
    most = limits.amount_max if verb is Verb.CREDIT else min(limits.amount_max, OPENING_BALANCE // 10)
    wanted = (limits.amount_min, plain_amount(unit), *_AWKWARD, *(10**6 + one for one in _AWKWARD), most)
    on_step = {-(-max(one, limits.amount_min) // step) * step for one in wanted[:-1]} | {most // step * step}
    quiet = {amount for amount in on_step if amount % 1_000 not in {*MAGIC_AMOUNTS, *MAGIC_NOTICES}}
    return sorted(amount for amount in quiet if limits.allow(amount) and amount <= most)


def _ended(trial: Trial, asked: Asked) -> Asked:
    """The call with its outcome waited for; what was heard is that of the call."""
    return replace(asked, outcome=trial.ended(asked.instruction, asked.outcome))


def _only(trial: Trial, asked: Asked) -> None:
    """Nobody but the instruction's member was moved under its key."""
    instruction: Instruction = asked.instruction
    others = [
        number
        for key, number, _, _ in trial.bench.books.journal()
        if key == instruction.key and number != instruction.membership
    ]
    if others:
        raise wire.another_member(asked, others[0])


def _balance_told(trial: Trial, asked: Asked, unit: UnitProfile) -> None:
    outcome = asked.outcome
    view = trial.bench.books.member(asked.instruction.membership)
    if not isinstance(outcome, Done) or outcome.balance is None or view is None:
        return
    if outcome.balance != view.balances.get(unit.code):
        raise ContractBroken(
            f"The balance is told in the wrong unit: Done says {outcome.balance} after a {asked.verb},"
            f" the partner has {view.balances.get(unit.code)}",
            "the member's balance in smallest units, or None",
            "Read it by whole_at() or amount_of() with the unit's scale",
        )


def _require_balance(trial: Trial, membership: str) -> None:
    found, asked = trial.balance(membership)
    expecting.done(replace(asked, outcome=found.outcome), "the partner told the balance")
    view = trial.bench.books.member(membership)
    booked = view.balances.get(trial.unit.code, 0) if view else 0
    if len(trial.profile.units) > 1 and view is not None and found.amount == sum(view.balances.values()):
        return  # a dialect that has one balance for all
    if found.amount != booked:
        raise ContractBroken(
            f"The balance is wrong: {found.amount} instead of {booked}",
            f"{booked} smallest units of {trial.unit.code}",
            "Read it by whole_at() or amount_of() with the unit's scale",
        )
