"""How many records a second come in by file, have their effect on legs, and go out again in a receipt."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from hub.agreements import service as agreements
from hub.agreements.types import NewPartner, Unit
from hub.exchange import store
from hub.trials.bench.figures import Figure
from hub.trials.bench.ground import bench_hub
from hub.wiring import Hub, files_folder
from partners.files.declaration import FilesProfile
from partners.files.fields import Value
from partners.files.writing import Writer

RECORDS = 1_000_000
# What is promised: a night's million within a coffee break, in no more memory than a small machine has.
_RECORDS_PER_SECOND = 5_000
_MEGABYTES = 400
_PARTNER = "corner_shop"
_UNIT = "corner_shop.point"
_METHOD = (
    f"{RECORDS:,} credits at a partner of files, put into files of instructions and handed over; answered in files of "
    "250,000 records, checked as a whole, applied to the legs in transactions of 1,000, and a receipt for each file "
    "written and handed over. Fixed width, 152 bytes a record, embedded PostgreSQL with durable commits. Counted is "
    "from the first answer that is taken to the last receipt that is delivered; cutting and writing instructions is "
    "said apart. The legs belong to nobody, so what conversions do is not in it. The baseline is what is promised. "
    "Memory is the largest of the process that exchanges, `hub files run`."
)


def measure_exchanging(progress: Callable[[str], None], *, records: int = RECORDS) -> list[Figure]:
    """Records in, applied, and receipts out."""
    with bench_hub() as hub:
        progress(f"opening {records:,} legs")
        _lay_ground(hub, records)
        progress("cutting and handing over instructions")
        out_seconds, _ = _run(hub)
        progress("writing answers")
        _answer(hub)
        progress("taking answers, applying them, handing receipts over")
        seconds, megabytes = _run(hub)
        with hub.database.read() as work:
            [(done,)] = work.fetch("SELECT count(*) FROM leg WHERE state = 'done'")
            [(open_files,)] = work.fetch("SELECT count(*) FROM file_out WHERE state IN ('cut', 'written')")
    assert done == records, f"{done:,} legs of {records:,} ended"
    assert open_files == 0, "every file was handed over"
    rate = records / seconds
    ratio = rate / _RECORDS_PER_SECOND if megabytes <= _MEGABYTES else 0.0
    said = (
        f"({seconds:.0f} s for answers, {out_seconds:.0f} s for instructions before; {megabytes:.0f} MB, promised are "
        f"{_MEGABYTES} MB)"
    )
    return [Figure("files_million", rate, "records/s", _RECORDS_PER_SECOND, ratio, 1.0, _METHOD, said)]


def _lay_ground(hub: Hub, records: int) -> None:
    """The partner, and legs that were called and wait for a file."""
    now = hub.clock.now()
    with hub.database.work() as work:
        brand = hub.registry.profile(_PARTNER)
        agreements.add_partner(work, NewPartner(_PARTNER, brand.name, "shop", _PARTNER), actor="bench", now=now)
        agreements.add_unit(work, Unit(_UNIT, _PARTNER, "Point", 0, "points", "", False), actor="bench", now=now)
    with hub.database.work() as work:
        work.run(
            "INSERT INTO leg (id, owner_kind, owner, role, partner, membership, unit, scale, amount, bonus, original, "
            "trace, created_at, announced_at, next_at, attempt, last_kind, calls, pending, first_called_at, "
            "last_called_at) SELECT 'leg_' || lpad(number::text, 26, '0'), 'bench', 'bench', 'credit', %s, "
            "'CS' || lpad((number %% 100000)::text, 10, '0'), %s, 0, 100 + number %% 900, 0, '', '', %s, %s, "
            "%s + interval '1 day', 1, 'call', 1, true, %s, %s FROM generate_series(1, %s) AS number",
            (_PARTNER, _UNIT, now, now, now, now, now, records),
        )
        work.run("ANALYZE leg")


def _run(hub: Hub) -> tuple[float, float]:
    """One turn in a process of its own; its seconds and its largest memory in megabytes."""
    own = {"HUB_DATA_DIR": str(hub.settings.data_dir), "HUB_DATABASE_URL": "", "HUB_LOG_LEVEL": "ERROR"}
    command = [sys.executable, "-m", "hub", "files", "run", _PARTNER, "--now", "--json"]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, env={**os.environ, **own}, stdout=output)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, "the exchange failed; its messages are above"
        output.seek(0)
        seconds: float = json.loads(output.read())["seconds"]
    return seconds, used.ru_maxrss / 1024


def _answer(hub: Hub) -> None:
    """What the shop would answer: everything done."""
    files = hub.registry.profile(_PARTNER).files
    assert files is not None, "the shop speaks files"
    with hub.database.read() as work:
        sent = [row[0] for row in work.fetch("SELECT id FROM file_out ORDER BY sequence")]
    for number, id_ in enumerate(sent, 1):
        _answer_one(hub, files, number, id_)


def _answer_one(hub: Hub, files: FilesProfile, number: int, id_: str) -> None:
    made: datetime = hub.clock.now().astimezone(files.exchange.zone)
    folder: Path = files_folder(hub.settings) / _PARTNER / files.exchange.fetch
    with Writer(files.answers, folder, sequence=number, made=made) as writer:
        for columns in store.line_batches(hub.database, id_):
            size = len(columns["key"])
            answer: dict[str, list[Value]] = {
                **columns,
                "result": ["done"] * size,
                "reference": [f"R{place}" for place in columns["number"]],
                "surviving": [""] * size,
            }
            writer.add(answer, size)
        writer.finish({"answers": number, "file_result": "accepted", "file_reason": ""})
