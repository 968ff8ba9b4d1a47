"""What becomes of a file of ours that its partner refused as a whole: the same lines go out again, a few times.

Knows the two ways in which brands want that. A file that keeps being refused waits for a person.
"""

from datetime import datetime

from hub.exchange import store
from hub.exchange.refusals import FileMissing, FileNotRefused
from hub.exchange.states import OutState, Series
from hub.exchange.types import FileOut, FilePartner
from hub.kernel.ids import new_id
from hub.legs.cases import NewCase, close_cases, open_cases
from hub.storage import Work
from partners.files.declaration import Resend

# A file that was spoilt on its way is whole the second time; what is refused three times is refused for what it says.
_DELIVERIES_MAX = 3
_CASE = "file_not_taken"


def follow_refusal(work: Work, partner: FilePartner, file: FileOut, *, reason: str, now: datetime) -> None:
    """Send the lines again, or ask a person. A refusal of a file that was answered meanwhile changes nothing."""
    if file.state is not OutState.DELIVERED:
        return
    if file.deliveries >= _DELIVERIES_MAX:
        store.move_out(work, file, OutState.REFUSED, reason=reason)
        facts = {"name": file.name, "reason": reason, "deliveries": str(file.deliveries)}
        open_cases(work, [NewCase(file.id, _CASE, partner.code, facts)], now=now)
        return
    _send_again(work, partner, file, reason=reason, now=now)


def send_again(work: Work, partner: FilePartner, id: str, *, now: datetime) -> None:
    """Send a refused file again because a person says so. Raises: FileMissing, FileNotRefused."""
    file = store.out_by_id(work, id)
    if file is None or file.partner != partner.code:
        raise FileMissing("There is no such file.")
    if file.state is not OutState.REFUSED or not store.unanswered(work, id):
        raise FileNotRefused("It was not refused, or another file has its lines.", state=str(file.state))
    _send_again(work, partner, file, reason=file.reason, now=now)
    close_cases(work, [id], _CASE, by="sent again", now=now)


def _send_again(work: Work, partner: FilePartner, file: FileOut, *, reason: str, now: datetime) -> None:
    if partner.files.exchange.resend is Resend.SAME_SEQUENCE:
        store.move_out(work, file, OutState.WRITTEN, reason=reason)
        return
    sequence, _ = store.lock_series(work, partner.code, Series.INSTRUCTIONS, begun_at=now)
    id_ = new_id("fout", now)
    store.add_out(
        work,
        id_,
        partner.code,
        Series.INSTRUCTIONS,
        sequence=sequence + 1,
        about=file.id,
        records=file.records,
        made_at=now,
    )
    store.move_series(work, partner.code, Series.INSTRUCTIONS, sequence=sequence + 1)
    work.run(
        "UPDATE file_out SET deliveries = %s WHERE id = %s",
        (0 if file.state is OutState.REFUSED else file.deliveries, id_),
    )
    work.run("UPDATE file_line SET file = %s WHERE file = %s", (id_, file.id))
    if file.state is not OutState.REFUSED:
        store.move_out(work, file, OutState.REFUSED, reason=reason)
