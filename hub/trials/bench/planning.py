"""How long a plan takes on the real routes, for a member with ten memberships."""

import time
from collections.abc import Callable
from importlib.resources import files

from hub.rates import service as rates
from hub.rates.catalogue import Catalogue
from hub.rates.plans import Holding, PlanRequest, plan
from hub.rates.rendering import plan_view
from hub.trials.bench.figures import Figure
from hub.trials.bench.ground import bench_hub
from hub.wiring import Hub

_ROUTES = files("hub.trials") / "data" / "transfer-routes.csv"
_BONUSES = files("hub.trials") / "data" / "transfer-bonuses.csv"
_SECONDS_MAX = 0.2
_ROUNDS = 20
_MEMBERSHIPS = 10
_BALANCE = 40_000
_METHOD = (
    f"A plan for 100,000 units from {_MEMBERSHIPS} memberships of {_BALANCE:,} each (all banks of the public routes, "
    "the rest programmes) on all public routes with their campaigns: searched, quoted step by step and made "
    f"ready to be written; the slowest target, mean of {_ROUNDS} rounds. Baseline is the time a person does not "
    "notice, 200 ms."
)


def measure_planning(progress: Callable[[str], None], *, rounds: int = _ROUNDS) -> list[Figure]:
    """Plans a second, for the target that takes longest."""
    with bench_hub() as hub:
        progress("planning: importing the public routes")
        catalogue = _imported(hub)
        targets = sorted({target for _, target in catalogue.rules})
        progress("planning")
        slowest = max(targets, key=lambda target: _seconds(hub, catalogue, target, 1))
        seconds = _seconds(hub, catalogue, slowest, rounds)
    detail = f"({seconds * 1000:.1f} ms a plan, to {slowest}; {len(catalogue.rules)} routes)"
    return [Figure("plans", 1 / seconds, "plans/s", 1 / _SECONDS_MAX, _SECONDS_MAX / seconds, 1.0, _METHOD, detail)]


def _imported(hub: Hub) -> Catalogue:
    with hub.database.work() as work:
        now = hub.clock.now()
        rates.import_routes(
            work, rates.csv_rows(_ROUTES.read_bytes()), sandbox_url=hub.settings.sandbox_url, actor="bench", now=now
        )
        rates.import_campaigns(work, rates.csv_rows(_BONUSES.read_bytes()), actor="bench", now=now)
    with hub.database.read() as work:
        return hub.catalogues.get(work)


def _seconds(hub: Hub, catalogue: Catalogue, target: str, rounds: int) -> float:
    sources = sorted({source for source, _ in catalogue.rules})
    others = sorted({end for _, end in catalogue.rules if end not in sources})
    units = [unit for unit in (*sources, *others) if unit != target][:_MEMBERSHIPS]
    request = PlanRequest(target, 100_000, tuple(Holding(unit, _BALANCE) for unit in units))
    now = hub.clock.now()
    started = time.perf_counter()
    for _ in range(rounds):
        found = plan(catalogue, request, now)
        quotes = [
            [
                hub.quoter.quote(catalogue, step.request({}), member="", client_partner="", at=now, id="quo_bench")
                for step in way.steps
            ]
            for way in found.ways
        ]
        plan_view(request, found, quotes)
    return (time.perf_counter() - started) / rounds
