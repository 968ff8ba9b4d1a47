"""Open legs, begin and finish their attempts, and take proof from elsewhere; always many at once.

Fencing: an attempt is committed (`begin`) before the partner is called (`perform`, outside any transaction), and its
answer counts (`finish`) only while that attempt is the leg's newest and unanswered one. An attempt whose lease ended
is `Unknown`. Order of locks: the ledger's period (whoever settles what these calls answer enters it before them), legs,
the rows of whoever owns them.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from hub import outbox
from hub.audit.service import record
from hub.legs.cases import NewCase, close_cases, open_cases
from hub.legs.decision import Action, decide, verb_of
from hub.legs.errors import DecisionInvalid, LegMissing, LegNotByHand
from hub.legs.progress import (
    answered,
    by_hand,
    contradicts,
    lapsed,
    outcome_detail,
    outcome_word,
    proven,
    result,
    started,
)
from hub.legs.states import AttemptKind, LegRole, LegState
from hub.legs.store import AttemptAnswer, add_attempts, answer_attempts, lock_legs, write_legs
from hub.legs.types import Answer, Leg, LegProfile, LegResult, NewLeg, Over, PartnerPort, Pause, Step
from hub.outbox import Message
from hub.storage import Work, in_transaction
from partners.base import Done, Instruction, Outcome, PartnerAdapter, Reason, Refused, Unknown, Verb

QUEUE = "legs"
LEG_DUE = "leg.due"
# The same for a leg at a programme that the hub keeps itself.
LEG_HOSTED = "leg.hosted"
# Credits at one partner that go out in one call; the message's body names them.
LEGS_LOT = "legs.lot"

# How long a leg may be due without anybody touching it before its message is written again: well past the outbox's
# lease and its back-off after faults, so that this repairs only what was really lost.
_OVERDUE = timedelta(minutes=15)

_COLUMNS = (
    "id",
    "owner_kind",
    "owner",
    "role",
    "partner",
    "membership",
    "unit",
    "scale",
    "amount",
    "bonus",
    "original",
    "trace",
    "hosted",
    "created_at",
    "announced_at",
    "next_at",
)


def open_legs(work: Work, legs: Sequence[NewLeg], *, now: datetime) -> None:
    """Write legs and announce that they are due. Two COPYs."""
    if not legs:
        return
    work.copy_in("leg", _COLUMNS, [_new_row(leg, now) for leg in legs])
    messages = [_message(leg.id, leg.partner, leg.trace, hosted=leg.hosted) for leg in legs]
    outbox.announce(work, messages, now=now)


def open_lot(work: Work, legs: Sequence[NewLeg], *, now: datetime) -> None:
    """Write credits of one partner that go out together, and announce them as one. Two COPYs."""
    if not legs:
        return
    assert len({leg.partner for leg in legs}) == 1, "a lot goes to one partner"
    assert all(leg.role is LegRole.CREDIT and not leg.hosted for leg in legs), "a lot is of credits"
    work.copy_in("leg", _COLUMNS, [_new_row(leg, now) for leg in legs])
    first, body = legs[0], {"legs": " ".join(leg.id for leg in legs)}
    message = Message(queue=QUEUE, kind=LEGS_LOT, subject=first.id, lane=first.partner, body=body, trace=first.trace)
    outbox.announce(work, [message], now=now)


def announce_due(work: Work, legs: Sequence[tuple[str, str, datetime]], *, now: datetime) -> None:
    """Announce single legs: (leg, partner, not before)."""
    messages = [
        Message(queue=QUEUE, kind=LEG_DUE, subject=leg, lane=partner, available_at=at) for leg, partner, at in legs
    ]
    outbox.announce(work, messages, now=now)


def _message(leg: str, partner: str, trace: str, *, hosted: bool) -> Message:
    return Message(queue=QUEUE, kind=LEG_HOSTED if hosted else LEG_DUE, subject=leg, lane=partner, trace=trace)


def _new_row(leg: NewLeg, now: datetime) -> tuple[object, ...]:
    return (
        leg.id,
        leg.owner_kind,
        leg.owner,
        leg.role.value,
        leg.partner,
        leg.membership,
        leg.unit,
        leg.scale,
        leg.amount,
        leg.bonus,
        leg.original,
        leg.trace,
        leg.hosted,
        now,
        now,
        now,
    )


def cancel_unsent(work: Work, leg_ids: Collection[str]) -> set[str]:
    """Call off those of these legs that no attempt was ever begun for; their ids. One statement."""
    rows = work.fetch(
        "UPDATE leg SET state = 'cancelled' WHERE id IN (SELECT id FROM leg WHERE id = ANY(%s::text[]) "
        "AND state = 'open' AND attempt = 0 ORDER BY id FOR UPDATE) RETURNING id",
        (sorted(set(leg_ids)),),
    )
    return {row[0] for row in rows}


def announce_overdue(work: Work, *, now: datetime, limit: int) -> list[str]:
    """Write the message again of open legs that are long due and that nobody touched; their ids."""
    rows = work.fetch(
        "UPDATE leg SET announced_at = %s WHERE id IN (SELECT id FROM leg WHERE state = 'open' AND next_at < %s "
        "AND greatest(lease_until, announced_at) < %s ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED) "
        "RETURNING id, partner, trace, hosted",
        (now, now - _OVERDUE, now - _OVERDUE, limit),
    )
    messages = [_message(leg, partner, trace, hosted=hosted) for leg, partner, trace, hosted in rows]
    if messages:
        outbox.announce(work, messages, now=now)
    return [leg for leg, *_ in rows]


def end_hosted(leg: Leg, outcome: Done | Refused, *, now: datetime) -> tuple[Leg, LegResult]:
    """A leg at a programme of the hub's own as its owner ended it, and how it stands then; `write_legs` keeps it."""
    ended = proven(leg, outcome, now)
    return ended, result(ended, current=True)


def partners_of(work: Work, leg_ids: Collection[str]) -> dict[str, str]:
    """At which partner each of these legs is; those that there are."""
    return dict(work.fetch("SELECT id, partner FROM leg WHERE id = ANY(%s::text[])", (sorted(set(leg_ids)),)))


def ask_soon(work: Work, leg_id: str, *, now: datetime) -> None:
    """Inquire after an open leg at once instead of at its next turn: somebody says that there is something to hear."""
    rows = work.fetch(
        "UPDATE leg SET next_at = %s, announced_at = %s WHERE id = %s AND state = 'open' AND attempt > 0 "
        "AND lease_until IS NULL AND next_at > %s RETURNING partner, trace",
        (now, now, leg_id, now),
    )
    outbox.announce(
        work,
        [Message(queue=QUEUE, kind=LEG_DUE, subject=leg_id, lane=partner, trace=trace) for partner, trace in rows],
        now=now,
    )


class Legs:
    """Legs at the partners of a port. milliseconds: a clock that only runs forward, for latencies."""

    def __init__(
        self, partners: PartnerPort, *, milliseconds: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000
    ) -> None:
        self.partners = partners
        self._milliseconds = milliseconds

    def open(self, work: Work, legs: Sequence[NewLeg], *, now: datetime) -> None:
        """Write legs and announce that they are due."""
        open_legs(work, legs, now=now)

    def cancel_unsent(self, work: Work, leg_ids: Collection[str]) -> set[str]:
        """Call off those of these legs that no attempt was ever begun for; their ids."""
        return cancel_unsent(work, leg_ids)

    def begin(self, work: Work, leg_ids: Sequence[str], *, now: datetime) -> list[Step | Pause | Over | LegResult]:
        """What each leg needs: an attempt, which commits with this transaction and may then be performed, or a pause.

        A `LegResult` says that the leg just went to a person; its owner has to be told. One answer per id, in order;
        an id that stands twice in the batch gets its attempt once.
        """
        legs = lock_legs(work, leg_ids)
        before = dict(legs)
        answers: list[Step | Pause | Over | LegResult] = []
        lapses: list[AttemptAnswer] = []
        begun: list[str] = []
        profiles = self._profiles(legs)
        for leg_id in leg_ids:
            if leg_id not in legs:
                answers.append(Over(leg_id))
                continue
            leg = legs[leg_id]
            if leg.state is LegState.OPEN and leg.lease_until is not None and leg.lease_until <= now:
                lapses.append(AttemptAnswer(leg.id, leg.attempt, "unknown", "lease ended", None, late=False))
                leg = lapsed(leg, now)
            legs[leg_id], answer = _begin_one(leg, profiles[leg.partner], now)
            if isinstance(answer, Step):
                begun.append(leg_id)
            answers.append(answer)
        answer_attempts(work, lapses, now=now)
        write_legs(work, [leg for leg_id, leg in legs.items() if leg is not before[leg_id]])
        add_attempts(work, [legs[leg_id] for leg_id in begun], now=now)
        _open_by_hand_cases(work, before, legs, now=now)
        return answers

    def _profiles(self, legs: Mapping[str, Leg]) -> dict[str, LegProfile]:
        """Each partner's profile, asked for once a batch."""
        return {partner: self.partners.profile(partner) for partner in {leg.partner for leg in legs.values()}}

    def perform(self, step: Step) -> Answer:
        """Carry out one attempt at its partner. Never inside a transaction. Raises nothing but faults of ours."""
        assert not in_transaction(), "a partner must not be called inside a transaction"
        begun = self._milliseconds()
        outcome = _ask(self.partners.adapter(step.partner), step)
        return Answer(
            leg=step.leg,
            attempt=step.attempt,
            kind=step.kind,
            outcome=outcome,
            latency_ms=max(0, self._milliseconds() - begun),
        )

    def perform_many(self, steps: Sequence[Step]) -> list[Answer]:
        """Carry out attempts at one partner: first calls of credits in as few calls as it allows, the rest one by one.

        Never inside a transaction. One answer each, in order.
        """
        assert not in_transaction(), "a partner must not be called inside a transaction"
        credits = [step for step in steps if step.kind is AttemptKind.CALL and step.verb is Verb.CREDIT]
        answers = {step.leg: self.perform(step) for step in steps if step not in credits}
        if credits:
            begun = self._milliseconds()
            outcomes = self.partners.adapter(credits[0].partner).credit_many([step.instruction for step in credits])
            took = max(0, self._milliseconds() - begun)
            for step, outcome in zip(credits, outcomes, strict=True):
                answers[step.leg] = Answer(step.leg, step.attempt, step.kind, outcome, took)
        return [answers[step.leg] for step in steps]

    def finish(self, work: Work, answers: Sequence[Answer], *, now: datetime) -> list[LegResult]:
        """Take answers home; one result each, in order.

        An answer to an attempt that is not the newest unanswered one changes nothing; it is kept with the attempt, and
        opens a case when it contradicts how the leg ended.
        """
        legs = lock_legs(work, [answer.leg for answer in answers])
        before = dict(legs)
        results: list[LegResult] = []
        kept: list[AttemptAnswer] = []
        contradictions: list[NewCase] = []
        profiles = self._profiles(legs)
        for answer in answers:
            leg = legs[answer.leg]
            current = _is_current(leg, answer)
            if current:
                legs[leg.id] = leg = answered(leg, answer.outcome, profiles[leg.partner], now)
            elif contradicts(leg, answer.outcome):
                contradictions.append(_contradiction(leg, answer.outcome, f"late answer of attempt {answer.attempt}"))
            kept.append(_kept(answer, late=not current))
            results.append(result(leg, current=current))
        answer_attempts(work, kept, now=now)
        write_legs(work, [leg for leg_id, leg in legs.items() if leg is not before[leg_id]])
        _open_by_hand_cases(work, before, legs, now=now)
        open_cases(work, contradictions, now=now)
        return results

    def prove(self, work: Work, leg_id: str, outcome: Done | Refused, evidence: str, *, now: datetime) -> LegResult:
        """Take proof that came another way (a webhook, a reconciliation list).

        It ends a leg that is open or with a person. Proof that contradicts how the leg ended, or that a leg was done
        which was never sent, opens a case and changes nothing. Raises: LegMissing.
        """
        results = self.prove_many(work, {leg_id: outcome}, evidence, now=now)
        if leg_id not in results:
            raise LegMissing("There is no such leg.")
        return results[leg_id]

    def prove_many(
        self, work: Work, outcomes: Mapping[str, Done | Refused], evidence: str, *, now: datetime
    ) -> dict[str, LegResult]:
        """Take proof of many legs that came together, as `prove` does; legs that do not exist are left out."""
        legs = lock_legs(work, outcomes)
        told: dict[str, LegResult] = {}
        waiting: dict[str, Leg] = {}
        contradictions: list[NewCase] = []
        for leg_id, leg in legs.items():
            unsent = leg.state is LegState.OPEN and leg.attempt == 0
            if contradicts(leg, outcomes[leg_id]) or unsent:
                contradictions.append(_contradiction(leg, outcomes[leg_id], evidence))
            if unsent or leg.state not in (LegState.OPEN, LegState.BY_HAND):
                told[leg_id] = result(leg, current=False)
            else:
                waiting[leg_id] = leg
        open_cases(work, contradictions, now=now)
        return told | _end(work, waiting, outcomes, f"proof: {evidence}", now=now)

    def decide_by_hand(
        self, work: Work, leg_id: str, outcome: Done | Refused, *, actor: str, reason: str, now: datetime
    ) -> LegResult:
        """A person says, with a written reason, what became of a leg that no machine could prove.

        Raises: LegMissing, LegNotByHand, DecisionInvalid.
        """
        if not reason.strip() or not actor.strip():
            raise DecisionInvalid("Say who decides and what proves it.")
        leg = _locked(work, leg_id)
        if leg.state is not LegState.BY_HAND:
            raise LegNotByHand("This leg does not wait for a person.", state=leg.state.value)
        ended = _end(work, {leg_id: leg}, {leg_id: outcome}, actor, now=now)[leg_id]
        facts = {"outcome": outcome_word(outcome), "detail": outcome_detail(outcome), "reason": reason}
        record(work, actor=actor, action="leg.decided", subject=leg_id, facts=facts, now=now)
        return ended


def _begin_one(leg: Leg, profile: LegProfile, now: datetime) -> tuple[Leg, Step | Pause | Over | LegResult]:
    decision = decide(leg, profile, now)
    if decision.action is Action.NOTHING:
        return leg, Over(leg.id)
    if decision.until is not None:
        return leg, Pause(leg.id, decision.until)
    if decision.action is Action.ASK_PERSON:
        leg = by_hand(leg, "no_proof_by_machine" if profile.keys else "partner_without_keys")
        return leg, result(leg, current=True)
    kind = AttemptKind.CALL if decision.action is Action.CALL else AttemptKind.INQUIRY
    leg = started(leg, kind, profile, now)
    return leg, _step(leg, kind, profile)


def _step(leg: Leg, kind: AttemptKind, profile: LegProfile) -> Step:
    if kind is AttemptKind.INQUIRY:
        verb: Verb | None = Verb.INQUIRE
    else:
        verb = verb_of(leg.role, undoes=bool(leg.original), profile=profile)
    bonus = 0 if leg.bonus_apart else leg.bonus
    instruction = Instruction(
        key=leg.id,
        membership=leg.membership,
        unit=leg.unit,
        amount=leg.amount + bonus,
        scale=leg.scale,
        original_key=leg.original,
        original_reference=leg.original_reference,
        bonus=bonus,
        trace=leg.trace,
    )
    return Step(leg.id, leg.attempt, kind, leg.partner, verb, leg.role, instruction)


def _ask(adapter: PartnerAdapter, step: Step) -> Outcome:
    if step.verb is None:
        # Nothing was sent and nothing ever will be: that is proof.
        return Refused(
            Reason.NOT_REVERSIBLE if step.role is LegRole.GIVEBACK else Reason.PROGRAMME_CLOSED, "no such verb"
        )
    if step.verb is Verb.INQUIRE:
        return adapter.inquire(step.instruction.key)
    calls = {Verb.DEBIT: adapter.debit, Verb.CREDIT: adapter.credit, Verb.REVERSE: adapter.reverse}
    return calls[step.verb](step.instruction)


def _is_current(leg: Leg, answer: Answer) -> bool:
    """Whether this answer counts: of the newest attempt, while it is unanswered or nobody else can tell any more."""
    if leg.attempt != answer.attempt:
        return False
    if leg.state is LegState.BY_HAND:
        return not isinstance(answer.outcome, Unknown)
    return leg.state is LegState.OPEN and leg.lease_until is not None


def _kept(answer: Answer, *, late: bool) -> AttemptAnswer:
    return AttemptAnswer(
        answer.leg,
        answer.attempt,
        outcome_word(answer.outcome),
        outcome_detail(answer.outcome),
        answer.latency_ms,
        late=late,
    )


def _locked(work: Work, leg_id: str) -> Leg:
    legs = lock_legs(work, [leg_id])
    if not legs:
        raise LegMissing("There is no such leg.")
    return legs[leg_id]


def _end(
    work: Work, legs: Mapping[str, Leg], outcomes: Mapping[str, Done | Refused], by: str, *, now: datetime
) -> dict[str, LegResult]:
    """End legs by proof from outside an attempt; a running attempt is overtaken by it."""
    if not legs:
        return {}
    overtaken = [leg for leg in legs.values() if leg.lease_until is not None]
    ended = {leg_id: proven(leg, outcomes[leg_id], now) for leg_id, leg in legs.items()}
    answers = [AttemptAnswer(leg.id, leg.attempt, "unknown", "overtaken", None, late=False) for leg in overtaken]
    answer_attempts(work, answers, now=now)
    write_legs(work, list(ended.values()))
    settled = [leg_id for leg_id, leg in ended.items() if leg.state is not LegState.BY_HAND]
    close_cases(work, [one for one in settled if legs[one].state is LegState.BY_HAND], "by_hand", by=by, now=now)
    _open_by_hand_cases(work, legs, ended, now=now)
    return {leg_id: result(leg, current=True) for leg_id, leg in ended.items()}


def _open_by_hand_cases(work: Work, before: Mapping[str, Leg], after: Mapping[str, Leg], *, now: datetime) -> None:
    turned = [
        leg
        for leg_id, leg in after.items()
        if leg.state is LegState.BY_HAND and before[leg_id].state is not LegState.BY_HAND
    ]
    ended = [
        leg_id
        for leg_id, leg in after.items()
        if before[leg_id].state is LegState.BY_HAND and leg.state is not LegState.BY_HAND
    ]
    close_cases(work, ended, "by_hand", by="proof", now=now)
    cases = [
        NewCase(leg.id, "by_hand", leg.partner, {"owner": leg.owner, "role": leg.role.value, "reason": leg.reason})
        for leg in turned
    ]
    open_cases(work, cases, now=now)


def _contradiction(leg: Leg, outcome: Outcome, evidence: str) -> NewCase:
    facts = {
        "owner": leg.owner,
        "role": leg.role.value,
        "stands": leg.state.value,
        "proof": outcome_word(outcome),
        "detail": outcome_detail(outcome),
        "evidence": evidence,
    }
    return NewCase(leg.id, "contradiction", leg.partner, facts)
