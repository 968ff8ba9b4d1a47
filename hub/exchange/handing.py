"""Hands files of ours over: writes the bytes that their rows fix, and delivers them.

Every step may be done twice with the same bytes. Nothing here decides what is in a file.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from hub.exchange import store
from hub.exchange.states import InState, OutState, Series
from hub.exchange.types import FileIn, FileOut, FilePartner
from hub.kernel.clock import Clock
from hub.storage import Database
from partners.files.fields import Value
from partners.files.layout import FieldKind, FileLayout
from partners.files.reading import FileFacts, Reader
from partners.files.records import Batch
from partners.files.writing import Writer

Told = Callable[[str], None]
"""Hears of each step that has become durable; for the log, and for tests that stop there."""


class HandingOver:
    """Writes and delivers files of ours. spool: a folder of the hub's own for one partner."""

    def __init__(self, database: Database, clock: Clock, told: Told) -> None:
        self._database, self._clock, self._told = database, clock, told

    def all(self, partner: FilePartner, spool: Path) -> list[str]:
        """Hand over everything that is cut; the names."""
        with self._database.read() as work:
            waiting = store.open_out(work, partner.code)
        return [self._one(partner, spool, file) for file in waiting]

    def _one(self, partner: FilePartner, spool: Path, file: FileOut) -> str:
        facts = self._written(partner, spool, file)
        self._told(f"wrote {facts.name}")
        if file.state is OutState.CUT:
            with self._database.work() as work:
                store.write_down(work, file, name=facts.name, size=facts.size, sha256=facts.sha256)
            self._told(f"kept {facts.name}")
        else:
            assert facts.sha256 == file.sha256, "a file that is written again has the same bytes"
        path = spool / facts.name
        partner.place.deliver(path, facts.name)
        self._told(f"delivered {facts.name}")
        with self._database.work() as work:
            store.hand_over(work, file, now=self._clock.now())
        path.unlink(missing_ok=True)
        self._told(f"handed over {facts.name}")
        return facts.name

    def _written(self, partner: FilePartner, spool: Path, file: FileOut) -> FileFacts:
        """Write a file into the spool, in bounded memory."""
        made = file.made_at.astimezone(partner.files.exchange.zone)
        if file.kind is Series.INSTRUCTIONS:
            with Writer(partner.files.instructions, spool, sequence=file.sequence, made=made) as writer:
                for columns in store.line_batches(self._database, file.id):
                    writer.add(columns, len(columns["key"]))
                return writer.finish({})
        layout = partner.files.receipts
        assert layout is not None, "a receipt was numbered because the partner wants them"
        with self._database.read() as work:
            about = store.in_by_id(work, file.about)
        assert about is not None, "a receipt is about a file"
        with Writer(layout, spool, sequence=file.sequence, made=made) as writer:
            if about.state is InState.DONE:
                for batch in Reader(partner.files.answers, spool / about.id).batches():
                    codes = store.codes_of(self._database, about.id, first=batch.first, size=batch.size)
                    writer.add(_echoed(layout, batch, codes), batch.size)
            return writer.finish(_receipt(about))


def _echoed(layout: FileLayout, batch: Batch, codes: list[str]) -> Mapping[str, list[Value]]:
    """The records of a partner as it wrote them, each with its code."""
    columns: dict[str, list[Value]] = {}
    for field in layout.detail.valued:
        if field.kind is not FieldKind.LINE:
            columns[field.name] = list(batch.columns.get(field.name, [None] * batch.size))
    columns["code"] = list(codes)
    return columns


def _receipt(about: FileIn) -> Mapping[str, Value]:
    refused = about.state is InState.REFUSED
    return {
        "receipt_of": about.sequence,
        "file_result": "refused" if refused else "accepted",
        "file_reason": about.reason,
        "accepted": about.accepted,
        "rejected": about.rejected,
    }
