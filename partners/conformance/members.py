"""Checks of members: who may take part, who goes on under another number, and who is refused for what."""

from dataclasses import replace

from partners.base import Done, Outcome, Reason, Refused, Unknown, Verb
from partners.conformance import expecting, wire
from partners.conformance.faults import READ_TROUBLES
from partners.conformance.refusals import REASON_OF_NUMBER
from partners.conformance.trial import Asked, Trial, shown
from partners.conformance.types import ContractBroken, Group, NotApplicable, check
from partners.sandbox.bench import MEMBER_NAME, NUMBER_MERGED, NUMBER_SURVIVING
from partners.sandbox.books import SimulatedMember
from partners.sandbox.faults import Fault, FaultKind


@check("member.valid", Group.MEMBERS, "An active member is Done, with the partner's name for it or none.")
def active_members_are_valid(trial: Trial) -> None:
    """With its name and without."""
    trial.need(Verb.VALIDATE_MEMBER)
    for name in (MEMBER_NAME, ""):
        found, asked = trial.validate(trial.member(), name)
        wire.own_lookup(asked)
        wire.one_call(asked)
        if not isinstance(found.outcome, Done):
            raise ContractBroken(
                f"An active member is {shown(found.outcome)}",
                "Done",
                "Compare status and words with what the partner really sends",
            )
        if found.name not in ("", MEMBER_NAME):
            raise ContractBroken(
                f"validate_member gives the name {found.name!r}",
                f"the partner's name for the member, {MEMBER_NAME!r}, or none",
                "Read the name from the answer by label_of()",
            )
        if found.outcome.membership:
            raise ContractBroken(
                f"validate_member names {found.outcome.membership} as surviving for a member that was not merged",
                "an empty membership in Done",
                "Read the surviving number by self.surviving() from the partner's own field",
            )


@check("member.refused", Group.MEMBERS, "Closed, blocked, deceased and unknown members are told apart.")
def others_are_refused(trial: Trial) -> None:
    """Each for its own reason."""
    trial.need(Verb.VALIDATE_MEMBER)
    for number, why in REASON_OF_NUMBER.items():
        found, asked = trial.validate(trial.bench.member(number))
        wire.one_call(asked, what="A refusal was retried", after=f"the refusal {why}")
        expecting.refused(replace(asked, outcome=found.outcome), f"the member is refused as {why}", (why,))


@check(
    "member.name", Group.MEMBERS, "A name that differs is Done with the partner's name, or refused as name_mismatch."
)
def names_are_compared(trial: Trial) -> None:
    """Somebody else's name."""
    trial.need(Verb.VALIDATE_MEMBER)
    found, asked = trial.validate(trial.member(), "Somebody Else")
    if isinstance(found.outcome, Refused):
        expecting.refused(replace(asked, outcome=found.outcome), "the name is another one", (Reason.NAME_MISMATCH,))
    elif isinstance(found.outcome, Done) and found.name == "Somebody Else":
        raise ContractBroken(
            "validate_member gives back the name that it was asked with",
            "the partner's own name for the member, or none",
            "Read the name from the answer",
        )


@check("member.merged", Group.MEMBERS, "A merged membership is Done and names the number that it goes on under.")
def merged_members_are_followed(trial: Trial) -> None:
    """When validated and when moved."""
    surviving = trial.bench.member(NUMBER_SURVIVING)
    outcomes: list[tuple[str, Outcome]] = []
    if trial.offers(Verb.VALIDATE_MEMBER):
        outcomes.append(("validate_member", trial.validate(trial.bench.member(NUMBER_MERGED))[0].outcome))
    for verb in trial.moves_offered():
        asked = trial.settled(verb, trial.instruction(number=NUMBER_MERGED))
        wire.own_member(asked)
        outcomes.append((str(verb), expecting.done(asked, "the partner booked it to the surviving number")))
        if trial.offers(Verb.INQUIRE):
            told = trial.inquired(asked.instruction)
            wire.own_inquiry(told)
            outcomes.append(("inquire", told.outcome))
    if not outcomes:
        raise NotApplicable("the profile states neither validate_member nor a verb that moves")
    for asker, outcome in outcomes:
        if not isinstance(outcome, Done) or outcome.membership != surviving:
            named = outcome.membership if isinstance(outcome, Done) else ""
            raise ContractBroken(
                f"A merged membership was not followed: {asker} answered {shown(outcome)} and names"
                f" {named or 'no surviving number'} although the partner told {surviving}",
                f"Done with membership = {surviving}",
                "Read the surviving number (such as moved_to) by self.surviving() into Done.membership",
            )


@check("member.other", Group.MEMBERS, "An answer about another member proves nothing.")
def another_member_proves_nothing(trial: Trial) -> None:
    """Validation and balance, told of somebody else."""
    fault = Fault(FaultKind.WRONG_ECHO, coin=True)
    asked_of: list[tuple[Outcome, Asked]] = []
    if trial.offers(Verb.VALIDATE_MEMBER):
        validation, asked = trial.validate(trial.member(), "", fault)
        asked_of.append((validation.outcome, asked))
    if trial.offers(Verb.BALANCE):
        balance, asked = trial.balance(trial.member(), fault)
        asked_of.append((balance.outcome, asked))
    if not asked_of:
        raise NotApplicable("the profile states neither validate_member nor balance")
    for outcome, asked in asked_of:
        distorted = any(one.honest is not None and one.answer != one.honest for one in asked.calls)
        if distorted and not isinstance(outcome, Unknown):
            raise ContractBroken(
                f"The echo was not compared: {asked.verb} answered {shown(outcome)} although the partner told of"
                " another member",
                "Unknown",
                "Compare the membership in the answer with the one that was asked about",
            )


@check("member.faults", Group.MEMBERS, "A look-up that fails is Unknown: nobody is refused for an outage.")
def failed_lookups_prove_nothing(trial: Trial) -> None:
    """Silence, errors, limits and garbage."""
    if not (trial.offers(Verb.VALIDATE_MEMBER) or trial.offers(Verb.BALANCE)):
        raise NotApplicable("the profile states neither validate_member nor balance")
    for situation, strike in READ_TROUBLES:
        for verb in (Verb.VALIDATE_MEMBER, Verb.BALANCE):
            if not trial.offers(verb):
                continue
            number = trial.member()
            if verb is Verb.VALIDATE_MEMBER:
                asked = trial.validate(number, "", strike)[1]
            else:
                asked = trial.balance(number, strike)[1]
            wire.one_call(asked, what="A look-up was repeated by the adapter itself", after=situation)
            expecting.no_claim(asked, situation)


@check("member.letters", Group.MEMBERS, "Numbers that differ in the case of letters are different members.")
def letters_are_kept(trial: Trial) -> None:
    """The number of a member with its letters the other way round, where the brand may issue such."""
    verb = trial.some_move()
    swapped = trial.member().swapcase()
    if swapped == swapped.swapcase() or not trial.profile.knows_number(swapped):
        raise NotApplicable("numbers of this brand have one case only")
    balances = {unit.code: 10**6 for unit in trial.profile.units}
    trial.bench.books.open_members([SimulatedMember(swapped, MEMBER_NAME, balances=balances)])
    asked = trial.ask(verb, trial.instruction(membership=swapped))
    wire.own_member(asked)


@check("member.check_digit", Group.MEMBERS, "The brand knows its own numbers, check digits and all, and no others.")
def numbers_are_known(trial: Trial) -> None:
    """The example, every trial number, and a slip of the pen where there are check digits."""
    member = trial.profile.member
    for number in (member.example, *(trial.bench.member(count) for count in range(100, 200))):
        if not trial.profile.knows_number(number):
            raise ContractBroken(
                f"The brand does not know its own number {number}",
                "number_pattern and check_digit that fit the example",
                "Correct [member] in the profile",
            )
    slips = [number for number in _slips(member.example) if trial.profile.knows_number(number)]
    if member.check_digit != "none" and slips:
        raise ContractBroken(
            f"A slip of the pen is not noticed: {slips[0]} passes for a number beside {member.example}",
            "a check digit that changes with every digit",
            "State the scheme in [member] check_digit that the partner really uses",
        )


def _slips(number: str) -> list[str]:
    """The number with its last digit but the check digits changed."""
    return [number[:-1] + digit for digit in "0123456789" if number[-1:] != digit and number[-1:].isdigit()]
