"""A process that is killed while it imports a big file: the next one goes on, and nothing counts twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from hub import chart
from hub.earning.importing import FileImport
from hub.earning.verification import verify
from hub.kernel.clock import ManualClock
from hub.storage import Database
from hub.trials.bench.spending import write_month
from tests.earning.support import BANK, UNIT, Spend

_ROWS = 60_000
_CODE = """
import sys
from pathlib import Path
from hub.earning.importing import FileImport
from hub.kernel.clock import SystemClock
from hub.storage import Database
database = Database(sys.argv[1])
attempt = FileImport(database, SystemClock(), Path(sys.argv[2]), bank=sys.argv[3], linking=None)
attempt.run(Path(sys.argv[4]), progress=lambda *_: None, part_bytes=200_000)
"""


def _wait_for_a_checkpoint(database: Database, process: "subprocess.Popen[bytes]") -> int:
    """Rows that are stored by now, once there are some."""
    for _ in range(6_000):
        with database.read() as work:
            rows = work.fetch("SELECT count(*) FROM card_transaction")[0][0]
        if rows:
            return int(rows)
        assert process.poll() is None, "the import ended before it could be killed"
        time.sleep(0.01)
    raise AssertionError("the import never stored anything")


def test_an_import_that_was_killed_goes_on_and_nothing_counts_twice(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    spend = Spend(database, clock)
    file, handback = tmp_path / "month.csv", tmp_path / "handback.csv"
    write_month(file, _ROWS)
    arguments = [database.url, str(file), BANK, str(handback)]
    stored = []
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", _CODE, *arguments], env=dict(os.environ))
        before = stored[-1] if stored else 0
        while (now := _wait_for_a_checkpoint(database, process)) <= before:
            time.sleep(0.01)
        stored.append(now)
        process.send_signal(signal.SIGKILL)
        process.wait()

    done = FileImport(database, clock, file, bank=BANK, linking=None).run(handback, progress=lambda *_: None)

    assert done.resumed
    assert 0 < stored[0] < stored[1] < _ROWS
    assert (done.counts.rows, done.counts.accepted, done.counts.duplicates) == (_ROWS, _ROWS, 0)
    assert len(handback.read_text().splitlines()) == _ROWS + 1
    assert spend.balance(chart.accrued(BANK, UNIT)) == done.counts.points == _net(file)
    with database.read() as work:
        assert verify(work) == []


def _net(file: Path) -> int:
    """Points of the file by plain arithmetic: one for each whole pound that is left of a purchase."""
    left: dict[str, int] = {}
    for line in file.read_text().splitlines()[1:]:
        id, _, _, amount, _, _, _, kind, original = line.split(",")
        pence = int(amount.replace(".", ""))
        if kind == "purchase":
            left[id] = pence
        else:
            left[original] -= pence
    return sum(pence // 100 for pence in left.values())
