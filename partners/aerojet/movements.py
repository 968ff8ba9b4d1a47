"""What a movement of Aerojet says, whether it was answered alone, among many, or looked up.

Knows Aerojet's states and words. Does not know how anything is asked for.
"""

from collections.abc import Callable, Mapping, Sequence

from partners.base import Done, Instruction, Outcome, Reason, Refused, Unknown
from partners.replies import no_proof, reference_of, text_at, unfamiliar, whole_at, wrong_echo
from partners.session import Reply

# Aerojet's word -> ours. A word that is not here is not proof of anything.
REASONS = {
    "INSUFFICIENT_MILES": Reason.INSUFFICIENT_POINTS,
    "NO_SUCH_MEMBER": Reason.MEMBER_UNKNOWN,
    "ACCOUNT_CLOSED": Reason.MEMBER_CLOSED,
    "ACCOUNT_LOCKED": Reason.MEMBER_BLOCKED,
    "MEMBER_DECEASED": Reason.MEMBER_DECEASED,
    "NOT_ELIGIBLE": Reason.MEMBER_INELIGIBLE,
    "NAME_DIFFERS": Reason.NAME_MISMATCH,
    "MILES_OUT_OF_RANGE": Reason.AMOUNT_NOT_ALLOWED,
    "ANNUAL_CAP": Reason.LIMIT_REACHED,
    "NOT_REINSTATABLE": Reason.NOT_REVERSIBLE,
    "FRAUD_HOLD": Reason.FRAUD_SUSPECTED,
}

Surviving = Callable[[str], str]


def body_of(kind: str, instruction: Instruction) -> dict[str, object]:
    """A movement as it is asked for; the bonus is shown apart and counted within."""
    return {
        "movementId": instruction.key,
        "membershipNo": instruction.membership,
        "type": kind,
        "miles": instruction.amount,
        "ofWhichBonus": instruction.bonus,
        "reinstates": instruction.original_key,
    }


def judged(
    reply: Reply,
    document: Mapping[str, object],
    surviving: Surviving,
    *,
    booked: tuple[int, ...],
    rejected: tuple[int, ...],
) -> Outcome:
    """BOOKED, or DUPLICATE of what is booked, with a locator is a yes.

    surviving: a membership number as told -> itself if it is one of the brand's. booked, rejected: the statuses that a
    yes and a no come with.
    """
    locator = reference_of(text_at(document, "recordLocator"))
    if reply.status in booked and text_at(document, "state") in ("BOOKED", "DUPLICATE") and locator:
        merged, left = surviving(text_at(document, "mergedInto")), whole_at(document, "milesAfter")
        return Done(locator, merged, balance=left, amount=whole_at(document, "miles"))
    return rejection(reply, document, statuses=rejected)


def echoed(instruction: Instruction, document: Mapping[str, object], outcome: Outcome) -> Outcome:
    """`outcome` if the document is about this instruction."""
    if isinstance(outcome, Unknown):
        return outcome
    number, miles = text_at(document, "membershipNo"), whole_at(document, "miles")
    return wrong_echo(instruction, key=text_at(document, "movementId"), membership=number, amount=miles) or outcome


def rejection(reply: Reply, document: Mapping[str, object], *, statuses: tuple[int, ...]) -> Outcome:
    """REJECTED with a known errorCode is a no."""
    said = text_at(document, "errorCode")
    if reply.status not in statuses and not 200 <= reply.status < 300:
        return no_proof(reply, said)
    if reply.status in statuses and text_at(document, "state") == "REJECTED" and said in REASONS:
        return Refused(REASONS[said], said)
    return unfamiliar(reply, said or text_at(document, "state"))


def sorted_out(
    reply: Reply, document: Mapping[str, object], instructions: Sequence[Instruction], surviving: Surviving
) -> list[Outcome]:
    """The outcome of each of many, whose results come in any order. One without a result, or with two, has no proof."""
    listed = document.get("results")
    if reply.status != 200 or not isinstance(listed, list):
        return [no_proof(reply, text_at(document, "errorCode")) for _ in instructions]
    results: dict[str, list[Mapping[str, object]]] = {}
    for result in listed:
        if isinstance(result, dict):
            results.setdefault(text_at(result, "movementId"), []).append(result)
    return [
        _one_of_many(reply, instruction, results.get(instruction.key, []), surviving) for instruction in instructions
    ]


def _one_of_many(
    reply: Reply, instruction: Instruction, results: Sequence[Mapping[str, object]], surviving: Surviving
) -> Outcome:
    if len(results) != 1:
        return Unknown("two results for one movement" if results else "no result for this movement")
    outcome = judged(reply, results[0], surviving, booked=(200,), rejected=(200,))
    return echoed(instruction, results[0], outcome)
