"""What the file room knows about an instruction, for whoever inquires."""

from hub.exchange.states import LineOutcome
from hub.storage import Database
from partners.base import Done, Outcome, Reason, Refused, Unknown
from partners.files.adapter import WAITS


class ExchangeDesk:
    """Answers from the rows of files; nobody is called."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, key: str) -> Outcome:
        """What the partner has answered so far; `Unknown`, pending, before."""
        with self._database.read() as work:
            rows = work.fetch(
                "SELECT l.outcome, l.reason, l.reference, l.surviving, l.amount, o.sequence, o.deliveries "
                "FROM file_line l JOIN file_out o ON o.id = l.file WHERE l.leg = %s",
                (key,),
            )
        if not rows:
            return WAITS
        outcome, reason, reference, surviving, amount, sequence, deliveries = rows[0]
        match LineOutcome(outcome):
            case LineOutcome.DONE:
                return Done(reference, surviving, amount=amount)
            case LineOutcome.REFUSED:
                return Refused(Reason(reason), reason)
            case LineOutcome.DIFFERS:
                return Unknown("answered with another amount", pending=True)
        return Unknown(f"{'in' if deliveries else 'goes out in'} file {sequence}, no answer yet", pending=True)
