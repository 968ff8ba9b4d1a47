"""One turn of the exchange with each partner: hand over, take, apply, cut, hand over again.

Knows the order of the steps. Each is durable before the next begins, and a turn that stopped anywhere is taken up by
the next one. Two turns with one partner never run at once.
"""

import logging
from datetime import datetime, timedelta
from pathlib import Path

from hub.exchange import store
from hub.exchange.applying import Applying
from hub.exchange.cutting import cut
from hub.exchange.handing import HandingOver, Told
from hub.exchange.states import InState
from hub.exchange.taking import Taking
from hub.exchange.types import FilePartner, FilePartners, FileRun, Settle
from hub.kernel.clock import Clock
from hub.legs.cases import NewCase, open_cases
from hub.legs.service import Legs
from hub.storage import Database
from hub.storage.locks import SharedLocks
from partners.files.codes import FieldUnfit

_log = logging.getLogger(__name__)

# How long a partner's own file can still be looked at: as long as anybody objects to a statement that it went into.
_KEPT = timedelta(days=90)


def _unheard(_step: str) -> None:
    """Nobody listens."""


class Exchange:
    """The exchange with all partners that speak files. spool: a folder of the hub's own, on a disk that keeps it."""

    def __init__(
        self,
        database: Database,
        partners: FilePartners,
        legs: Legs,
        settle: Settle,
        locks: SharedLocks,
        clock: Clock,
        spool: Path,
        *,
        told: Told = _unheard,
    ) -> None:
        self._database, self._partners, self._locks, self._clock, self._spool = database, partners, locks, clock, spool
        self._handing = HandingOver(database, clock, told)
        self._taking = Taking(database, clock, told)
        self._applying = Applying(database, legs, settle, clock, told)

    def run_all(self, _now: datetime) -> None:
        """A turn with each partner. One whose place cannot be reached is left for the next time."""
        for code in self._partners.file_partners():
            try:
                self.run(code, at_once=False)
            except (OSError, FieldUnfit) as fault:
                # The value stays out of the log: a file is full of membership numbers.
                _log.warning("files stopped", extra={"partner": code, "fault": type(fault).__name__})

    def run(self, code: str, *, at_once: bool) -> FileRun:
        """One turn. at_once: cut what waits whatever the time is. Raises: PartnerSpeaksNoFiles, OSError."""
        partner = self._partners.file_partner(code)
        with self._locks.held(f"files {code}", patience_seconds=0) as mine:
            if not mine:
                return FileRun(code, (), (), ())
            spool = self._spool / code
            spool.mkdir(parents=True, exist_ok=True, mode=0o700)
            delivered = self._handing.all(partner, spool)
            self._taking.all(partner, spool)
            done, refused = self._take_in(partner, spool)
            with self._database.work() as work:
                cut(work, partner, now=self._clock.now(), at_once=at_once)
            delivered += self._handing.all(partner, spool)
            self._look_for_late(partner)
        return FileRun(code, tuple(delivered), tuple(done), tuple(refused))

    def forget(self, now: datetime) -> int:
        """Remove copies of partners' files that ended long ago and whose receipts are out; how many.

        What they said stays in rows; membership numbers beyond those of the hub's own lines go with them.
        """
        gone = 0
        before = (now - _KEPT).timestamp()
        for path in sorted(self._spool.glob("*/fin_*")):
            if path.stat().st_mtime >= before:
                continue
            with self._database.read() as work:
                needed = store.copy_is_needed(work, path.name)
            if not needed:
                path.unlink(missing_ok=True)
                gone += 1
        return gone

    def _take_in(self, partner: FilePartner, spool: Path) -> tuple[list[str], list[str]]:
        """Judge and apply every file that is not finished; names of those done and those refused."""
        done: list[str] = []
        refused: list[str] = []
        with self._database.read() as work:
            waiting = store.open_in(work, partner.code)
        for file in waiting:
            if file.state is InState.TAKEN and self._taking.judge(partner, spool, file):
                refused.append(file.name)
                continue
            with self._database.read() as work:
                accepted = store.in_by_id(work, file.id)
            assert accepted is not None, "it was just accepted"
            self._applying.all(partner, spool, accepted)
            done.append(file.name)
        return done, refused

    def _look_for_late(self, partner: FilePartner) -> None:
        """A case for each file that should have been answered by now."""
        now = self._clock.now()
        with self._database.work() as work:
            late = store.late_out(work, partner.code, before=now - partner.files.exchange.answer_within)
            cases = [NewCase(one.id, "late", partner.code, {"name": one.name}) for one in late]
            open_cases(work, cases, now=now)
