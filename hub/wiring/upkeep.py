"""What has to be done from time to time, by whichever process is the scheduler."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub import audit, outbox
from hub.access import service as access
from hub.conversion.service import Conversions
from hub.earning import service as earning
from hub.exchange.running import Exchange
from hub.gateway.idempotency import forget_old_answers
from hub.hosted.running import ProgrammeRuns
from hub.hosted.service import Hosted
from hub.kernel.clock import Clock
from hub.notifications import service as notifications
from hub.settlement.running import Settling
from hub.storage import Database
from hub.webhooks import service as webhooks
from hub.webhooks.reading import EVENTS_KEPT_DAYS, forget_events
from hub.worker.schedule import Task

_SWEEP_ROWS_MAX = 1_000
_SWEEP_SECONDS = 5
_SETTLEMENT_SECONDS = 20
_PAYOUT_SECONDS = 30

# Finished messages stay for a week, so that somebody who looks into an incident still finds them.
_MESSAGES_KEPT_DAYS = 7
_FORGET_SECONDS = 60
_FILES_SECONDS = 30
_LAPSE_SECONDS = 10
_WARN_SECONDS = 600
_FORGET_ROWS_MAX = 20_000

# Entries that are cut off the audit log within this time of being written are missed by the database alone.
_AUDIT_HEAD_SECONDS = 60

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Tasks of the scheduler. takes_many: whether a partner is paid in bulk."""

    database: Database
    clock: Clock
    conversions: Conversions
    hosted: Hosted
    runs: ProgrammeRuns
    settling: Settling
    exchange: Exchange
    takes_many: Callable[[str], bool]

    def tasks(self) -> list[Task]:
        """All of them, and how often each is done."""
        return [
            Task("conversions", _SWEEP_SECONDS, self.sweep),
            Task("accruals", _PAYOUT_SECONDS, self.pay_accruals),
            Task("forget", _FORGET_SECONDS, self.forget),
            Task("lapse", _LAPSE_SECONDS, self.runs.lapse_some),
            Task("warn", _WARN_SECONDS, self.runs.warn_some),
            Task("files", _FILES_SECONDS, self.exchange.run_all),
            Task("audit_head", _AUDIT_HEAD_SECONDS, self.note_audit_head),
            Task("settlement", _SETTLEMENT_SECONDS, self.settling.run),
        ]

    def forget(self, now: datetime) -> None:
        """Remove what nobody needs any more: finished messages, expired answers and tokens, old events; in parts."""
        with self.database.work() as work:
            outbox.prune(work, before=now - timedelta(days=_MESSAGES_KEPT_DAYS), rows_max=_FORGET_ROWS_MAX)
        self.exchange.forget(now)
        with self.database.work() as work:
            forget_old_answers(work, now=now)
            access.forget_expired(work, now=now)
            webhooks.forget_expired(work, now=now)
        with self.database.work() as work:
            before = now - timedelta(days=webhooks.DELIVERIES_KEPT_DAYS)
            webhooks.forget_deliveries(work, before=before, rows_max=_FORGET_ROWS_MAX)
        with self.database.work() as work:
            notifications.forget(work, before=now - notifications.KEPT, rows_max=_FORGET_ROWS_MAX)
        with self.database.work() as work:
            forget_events(work, before=now - timedelta(days=EVENTS_KEPT_DAYS), rows_max=_FORGET_ROWS_MAX)

    def note_audit_head(self, _now: datetime) -> None:
        """Write down outside the database how far the audit log goes; `hub verify --audit-head` takes it."""
        with self.database.read() as work:
            _log.info("audit head", extra={"head": str(audit.head(work))})

    def sweep(self, now: datetime) -> None:
        """Repair and raise alarms over open conversions, and look after webhooks that nobody looks after."""
        with self.database.work() as work:
            self.conversions.sweep(work, now=now, limit=_SWEEP_ROWS_MAX)
        with self.database.work() as work:
            webhooks.release_forgotten(work, now=now)

    def pay_accruals(self, now: datetime) -> None:
        """Post what waits for funding; send what members accrued to the partners where they have a membership."""
        earning.resume_stopped(self.database, self.clock)
        earning.pay_out(self.database, takes_many=self.takes_many, hosted=self.hosted, now=now)
