"""How many card transactions a second come from a file into the ledger, and over HTTP a thousand at a time."""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

from hub.access import service as access
from hub.access.scopes import PARTNER_SCOPES
from hub.access.types import AuthMethod
from hub.config import Settings
from hub.earning import service as earning
from hub.earning.types import NewToken
from hub.storage import Work
from hub.trials.bench.figures import Figure
from hub.trials.bench.ground import bench_hub, serving
from hub.trials.client import ApiClient
from hub.trials.load import Load, drive, render_post
from hub.wiring import Hub

ROWS = 1_000_000
# What is promised: a month of a big issuer within twenty seconds, in no more memory than a small machine has.
_ROWS_PER_SECOND = 50_000
_MEGABYTES = 400
_CARDS = 50_000
_BANK = "northbank"
_FIRST = date(2026, 1, 1)
_DAYS = 31
_BATCH_ITEMS, _BATCHES, _CONNECTIONS = 1_000, 60, 4
_SECONDS = 30.0
_HTTP_SHARE = 0.1
_RULES = """
currency = "GBP"
target = "aerojet.mile"
effective_from = 2020-01-01
[categories]
travel = ["3000-3299", "4511"]
[[rules]]
code = "base"
earn = "1 per 1.00"
[[rules]]
code = "fuel"
kind = "multiply"
times = 2
categories = ["5541", "5542"]
[[rules]]
code = "travel"
kind = "add"
earn = "0.5 per 1.00"
categories = ["@travel"]
weekdays = ["sat", "sun"]
"""
_CATEGORIES = ("5541", "5542", "5411", "5812", "3005", "4511", "5999", "7011", "5732", "4121")
_METHOD = (
    f"`hub spend import` of a file of {ROWS:,} transactions of {_CARDS:,} cards over a month, one in two hundred a "
    "refund that names its purchase, with base, category and weekend rules: checked, priced, matched, stored and "
    "posted, a handback line for each; embedded PostgreSQL with durable commits. The baseline is what is promised. "
    "Memory is the largest of the importing process."
)
_METHOD_HTTP = (
    f"`POST /v1/card-transactions`, {_BATCH_ITEMS:,} transactions in a request, {_CONNECTIONS} connections, against "
    "rows a second from a file in the same run."
)


def measure_spending(progress: Callable[[str], None]) -> list[Figure]:
    """A million rows from a file, and batches over HTTP."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-spend-") as folder, bench_hub() as hub:
        file, rules = Path(folder, "month.csv"), Path(folder, "rules.toml")
        progress(f"writing {ROWS:,} transactions")
        write_month(file, ROWS)
        rules.write_text(_RULES, encoding="utf-8")
        progress("importing them")
        done, cpu_seconds, megabytes = _imported(hub.settings, file, rules)
        progress("sending some over HTTP")
        load = _sent(hub)
    rate, http = ROWS / done["seconds"], load.per_second * _BATCH_ITEMS
    said = (
        f"({done['accepted']:,} accepted, {done['refunds']:,} refunds, {done['seconds']:.1f} s; the importing process "
        f"took {cpu_seconds:.1f} s of CPU and {megabytes:.0f} MB, promised are {_MEGABYTES} MB)"
    )
    ratio = rate / _ROWS_PER_SECOND if megabytes <= _MEGABYTES else 0.0
    statuses = ", ".join(f"{count} × {status}" for status, count in sorted(load.statuses.items()))
    return [
        Figure("spend_million", rate, "rows/s", _ROWS_PER_SECOND, ratio, 1.0, _METHOD, said),
        Figure("spend_http", http, "rows/s", rate, http / rate, _HTTP_SHARE, _METHOD_HTTP, f"(answers {statuses})"),
    ]


def write_month(path: Path, rows: int) -> None:
    """A file of a month, the same every time."""
    draw = random.Random(1)  # noqa: S311 - the same file every time, nothing secret
    card, pence, category = 0, 0, ""
    with path.open("w", encoding="utf-8") as file:
        file.write("transaction_id,token,time,amount,currency,category,merchant,kind,original\n")
        for number in range(rows):
            if number % 200 == 199:
                # It gives the whole or a part of the row before back, which is of the same card.
                pence, tail = draw.randrange(1, pence + 1), f"refund,b{number - 1:09d}"
            else:
                card, pence, tail = draw.randrange(_CARDS), draw.randrange(100, 20_000), "purchase,"
                category = _CATEGORIES[draw.randrange(len(_CATEGORIES))]
            day = _FIRST + timedelta(days=draw.randrange(_DAYS))
            file.write(
                f"b{number:09d},tok-{card:06d},{day},{pence // 100}.{pence % 100:02d},GBP,{category},"
                f"shop {card % 977},{tail}\n"
            )


def _imported(settings: Settings, file: Path, rules: Path) -> tuple[dict[str, float], float, float]:
    """What the command says, its CPU seconds and its largest memory in MB."""
    wanted = ["spend", "import", str(file), "--bank", _BANK, "--rules", str(rules), "--json"]
    own = {"HUB_DATA_DIR": str(settings.data_dir), "HUB_DATABASE_URL": "", "HUB_LOG_LEVEL": "ERROR"}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([sys.executable, "-m", "hub", *wanted], env={**os.environ, **own}, stdout=output)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, "the import failed; its messages are above"
        output.seek(0)
        done: dict[str, float] = json.loads(output.read())
    return done, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def _sent(hub: Hub) -> Load:
    """Transactions of the same bank over HTTP."""
    with hub.database.work() as work:
        client = _client(hub, work)
    with serving(hub.settings, "hub.wiring:wsgi", "/healthz") as port:
        host = f"127.0.0.1:{port}"
        token = ApiClient(f"http://{host}", *client).token()
        head = {"Authorization": f"Bearer {token}"}
        requests = [render_post("/v1/card-transactions", host, _batch(index), head) for index in range(_BATCHES)]
        return _driven(port, requests)


def _driven(port: int, requests: Sequence[bytes]) -> Load:
    source = iter(requests)
    started = time.perf_counter()
    load = drive(
        "127.0.0.1", port, connections=_CONNECTIONS, seconds_max=_SECONDS, next_request=lambda: next(source, None)
    )
    assert load.requests > 0, f"nothing was answered: {load.first_error} after {time.perf_counter() - started:.0f} s"
    return load


def _client(hub: Hub, work: Work) -> tuple[str, str]:
    """A client of the bank, and tokens for its members."""
    now = hub.clock.now()
    tokens = [NewToken(f"http-{number:04d}", f"http-{number:04d}") for number in range(_BATCH_ITEMS)]
    earning.link_tokens(work, hub.catalogues.get(work).roster, tokens, bank=_BANK, actor="bench", now=now)
    added = access.add_client(
        work, partner=_BANK, auth=AuthMethod.SECRET, jwks="", scopes=PARTNER_SCOPES, live=False, actor="bench", now=now
    )
    return added.id, added.secret


def _batch(index: int) -> dict[str, object]:
    items = [
        {
            "id": f"h{index:04d}-{place:04d}",
            "token": f"http-{place:04d}",
            "time": (_FIRST + timedelta(days=place % _DAYS)).isoformat(),
            "amount": 100 + 37 * place,
            "currency": "GBP",
            "category": _CATEGORIES[place % len(_CATEGORIES)],
            "merchant": f"shop {place % 977}",
        }
        for place in range(_BATCH_ITEMS)
    ]
    return {"items": items}
