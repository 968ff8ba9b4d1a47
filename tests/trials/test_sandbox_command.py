"""The simulators of all test partners of a database answer, each in its brand's dialect."""

from datetime import UTC, datetime
from pathlib import Path

from hub.agreements import service as agreements
from hub.agreements.types import NewPartner
from hub.config import read_settings
from hub.kernel.clock import ManualClock
from hub.storage import Database
from hub.trials.stage import call_sandbox, serve_sandbox
from hub.wiring import build_hub
from partners.sandbox.faults import FaultPlan


def test_every_test_partner_of_the_database_is_played(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    hub = build_hub(read_settings({"HUB_DATA_DIR": str(tmp_path)}), database, clock)
    with database.work() as work:
        for code, profile in (("greenroots", "greenroots"), ("elsewhere", "aerojet")):
            partner = NewPartner(code=code, name=code, kind="shop", profile=profile)
            agreements.add_partner(work, partner, actor="test", now=datetime(2026, 1, 1, tzinfo=UTC))

    with serve_sandbox(hub, port=0, plan=FaultPlan()) as running:
        played = call_sandbox(f"{running.url}/_sim/partners", "GET")

    hub.registry.close()
    assert played == {"partners": ["elsewhere", "greenroots"]}
