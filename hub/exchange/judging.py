"""What one record of an answer file comes to: a code, and perhaps proof for its leg. Pure.

Knows records and lines. Does not know legs, files or transactions.
"""

from dataclasses import dataclass, replace

from hub.exchange.states import LineOutcome
from hub.exchange.types import Line
from partners.base import Done, Reason, Refused
from partners.files.codes import RecordCode
from partners.files.declaration import DONE_WORD

# Codes that a person is told of, by a case for each file.
TOLD = frozenset(RecordCode) - {RecordCode.ACCEPTED, RecordCode.REPEATED}


@dataclass(frozen=True, slots=True)
class Record:
    """One record of an answer, as it was read. result: our word. fault: the field that could not be read, or empty.

    operation: empty where the brand does not repeat it.
    """

    key: str
    result: str
    membership: str
    amount: int
    reference: str
    surviving: str
    operation: str
    fault: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What a record comes to. line: as it stands afterwards. proof: for its leg, None where it proves nothing new."""

    code: RecordCode
    line: Line | None = None
    proof: Done | Refused | None = None


def judge(record: Record, line: Line | None, *, instructed: bool) -> Judged:
    """The code of a record. line: of its key, None when no file has it. instructed: whether there is such a leg."""
    if record.fault:
        return Judged(RecordCode.WORD_UNKNOWN if record.fault == "result" else RecordCode.FIELD_INVALID)
    if line is None:
        return Judged(RecordCode.NOT_SENT if instructed else RecordCode.KEY_UNKNOWN)
    if not line.sent:
        return Judged(RecordCode.NOT_SENT)
    if record.membership != line.membership:
        return Judged(RecordCode.MEMBER_DIFFERS)
    done = record.result == DONE_WORD
    if record.amount != line.amount or record.operation not in ("", line.operation):
        return _differing(record, line, done=done)
    said = LineOutcome.DONE if done else LineOutcome.REFUSED
    if line.outcome in (LineOutcome.DONE, LineOutcome.REFUSED):
        same = line.outcome is said and (done or line.reason == record.result)
        return Judged(RecordCode.REPEATED if same else RecordCode.CONTRADICTION)
    after = replace(line, outcome=said, reason="" if done else record.result)
    if done:
        return Judged(RecordCode.ACCEPTED, after, Done(record.reference, record.surviving, amount=line.amount))
    return Judged(RecordCode.ACCEPTED, after, Refused(Reason(record.result), record.result))


def _differing(record: Record, line: Line, *, done: bool) -> Judged:
    """Something else was done than was instructed: the leg goes to a person. Something else refused proves nothing."""
    if not done or line.outcome is not LineOutcome.NONE:
        return Judged(RecordCode.AMOUNT_DIFFERS)
    # A movement of another kind is another amount too: one that no instruction can have.
    amount = record.amount if record.operation in ("", line.operation) else -abs(record.amount)
    after = replace(line, outcome=LineOutcome.DIFFERS, reason="amount_differs")
    return Judged(RecordCode.AMOUNT_DIFFERS, after, Done(record.reference, record.surviving, amount=amount))
