"""Real conversions between brands, over HTTP, with some partners misbehaving on purpose, and a reckoning at the end.

Knows the hub from the outside: its API, the simulators' own books, and `verify`. What it finds is the truth or an
alarm: nothing here is allowed to look good by itself.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from hub import chart, ledger
from hub.hosted import verification as hosted
from hub.kernel.amounts import decimal_text
from hub.trials.cast import Actor, Progress, assemble, clients_of
from hub.trials.client import ApiClient, ApiRefused
from hub.trials.stage import CURRENCY, LEDGER_SCALE, Route, call_sandbox
from hub.wiring import Hub

# Each kind of fault has to be seen this often.
FAULTS_EACH = 20
_THREADS = 12
_MEMBERS_EACH = 8
_STEPS_MAX = 12
# Requests in a hundred that are sent twice, and posted conversions in a hundred that are partly converted back.
_REPEATED_PERCENT = 5
_REVERSED_PERCENT = 4
_END_SECONDS_MAX = 420
_FINAL = ("posted", "voided", "owed")


@dataclass(slots=True)
class Summary:
    """What a demonstration came to. positions: partner -> exact decimal of the currency; above zero the hub owes it.

    disagreements: units whose members' balances at the simulators moved otherwise than `outside:` in the ledger.
    """

    conversions: int = 0
    states: Counter[str] = field(default_factory=Counter)
    routes: int = 0
    reversals: int = 0
    repeated: int = 0
    points_moved: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    faults: dict[str, int] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    positions: dict[str, str] = field(default_factory=dict)
    disagreements: list[str] = field(default_factory=list)
    differences: int = 0
    double_applications: int = 0
    seconds: int = 0

    @property
    def open(self) -> int:
        """Conversions that have not ended."""
        return sum(count for state, count in self.states.items() if state not in _FINAL)

    @property
    def ok(self) -> bool:
        """Whether every promise of the demonstration held."""
        return (
            self.open == 0
            and self.differences == 0
            and not self.disagreements
            and self.double_applications == 0
            and all(count >= FAULTS_EACH for count in self.faults.values())
        )

    def view(self) -> dict[str, object]:
        """As a document for machines."""
        return {
            "conversions": self.conversions,
            "posted": self.states["posted"],
            "voided": self.states["voided"],
            "owed": self.states["owed"],
            "open": self.open,
            "reversals": self.reversals,
            "repeated_requests": self.repeated,
            "routes": self.routes,
            "points_moved": self.points_moved,
            "refused": dict(self.refused),
            "reasons": dict(self.reasons),
            "faults": self.faults,
            "attempts": self.attempts,
            "verify_ok": self.differences == 0,
            "simulators_agree": not self.disagreements and self.double_applications == 0,
            "disagreements": self.disagreements,
            "positions": self.positions,
            "seconds": self.seconds,
            "ok": self.ok,
        }


class Demonstration:
    """One run against a hub that answers at `url`, with simulators at the sandbox address of its settings."""

    def __init__(self, hub: Hub, url: str, routes: Sequence[Route], *, seed: int, progress: Progress) -> None:
        self._hub = hub
        self._url = url
        self._routes = routes
        self._draw = random.Random(seed)  # noqa: S311 - reproducible variety, no secret
        self._progress = progress
        self._summary = Summary()
        self._lock = threading.Lock()
        self._clients: dict[str, ApiClient] = {}
        self._accepted: list[tuple[ApiClient, str]] = []
        self._run = int(time.time()) % 10**8
        self._before: dict[str, int] = {}

    def run(self, conversions: int) -> Summary:
        """Convert `conversions` times on all routes, wait until all have ended, and reckon."""
        start = time.monotonic()
        self._before = self._outside()
        partners = sorted({unit.split(".")[0] for route in self._routes for unit in (route.source, route.target)})
        self._clients = clients_of(self._hub, self._url, partners)
        actors = assemble(
            self._hub,
            self._clients,
            self._routes,
            run=self._run,
            members_each=_MEMBERS_EACH,
            draw=self._draw,
            progress=self._progress,
        )
        tasks = self._tasks(actors, conversions)
        with ThreadPoolExecutor(_THREADS) as pool:
            for done, _ in enumerate(pool.map(self._convert, range(len(tasks)), tasks), 1):
                self._progress("conversions accepted", done, len(tasks))
        self._wait_until_ended()
        self._reverse_some()
        self._wait_until_ended()
        self._reckon()
        for client in self._clients.values():
            client.close()
        self._summary.seconds = round(time.monotonic() - start)
        return self._summary

    def _tasks(self, actors: Sequence[Actor], conversions: int) -> list[tuple[Actor, Route, int]]:
        """Who converts on which route how much; every route comes up again and again."""
        able = {
            route: [
                actor
                for actor in actors
                if actor.source_partner == route.source.split(".")[0] and route.target in actor.targets
            ]
            for route in self._routes
        }
        routes = [route for route in self._routes if able[route]]
        self._summary.routes = len(routes)
        tasks = []
        for index in range(conversions):
            route = routes[index % len(routes)]
            actor = self._draw.choice(able[route])
            tasks.append((actor, route, route.minimum + route.step * self._draw.randrange(_STEPS_MAX)))
        return tasks

    def _convert(self, index: int, task: tuple[Actor, Route, int]) -> None:
        actor, route, amount = task
        client = self._clients[actor.source_partner]
        key = f"demo-{self._run}-{index}"
        asked = {
            "source_unit": route.source,
            "target_unit": route.target,
            "amount": amount,
            "member": actor.member,
        }
        try:
            quote = client.post("/v1/quotes", asked)
            body = {"quote": quote["quote"], "member": actor.member}
            found = client.post("/v1/conversions", body, key=key)
            if index % 100 < _REPEATED_PERCENT:
                again = client.post("/v1/conversions", body, key=key)
                assert again["id"] == found["id"], "a repeated request made a second conversion"
                self._summary.repeated += 1
        except ApiRefused as refusal:
            with self._lock:
                self._summary.refused[str(refusal.facts.get("problem"))] += 1
            return
        with self._lock:
            self._accepted.append((client, str(found["id"])))

    def _reverse_some(self) -> None:
        """Convert part of some posted conversions back."""
        chosen = self._draw.sample(self._accepted, len(self._accepted) * _REVERSED_PERCENT // 100)
        for client, conversion in chosen:
            found = client.get(f"/v1/conversions/{conversion}")
            if found["state"] != "posted":
                continue
            part = max(1, int(str(found["target_amount"])) // 2)
            if found["target_unit"] == "staywell.night":
                continue  # half of a half night is none
            path = f"/v1/conversions/{conversion}/reversals"
            # A reversal debits the target, so it is the target's client that may ask for it.
            asking = self._clients[str(found["target_partner"])]
            try:
                back = asking.post(path, {"amount": part}, key=f"demo-{self._run}-back-{conversion}")
            except ApiRefused as refusal:
                self._summary.refused[str(refusal.facts.get("problem"))] += 1
                continue
            self._summary.reversals += 1
            self._accepted.append((client, str(back["id"])))

    def _wait_until_ended(self) -> None:
        """Ask for every open conversion until none is open or the time is up."""
        deadline = time.monotonic() + _END_SECONDS_MAX
        waiting = list(self._accepted)
        total = len(waiting)
        while waiting:
            with ThreadPoolExecutor(_THREADS) as pool:
                states = list(pool.map(lambda one: one[0].get(f"/v1/conversions/{one[1]}")["state"], waiting))
            waiting = [one for one, state in zip(waiting, states, strict=True) if state not in _FINAL]
            self._progress("conversions ended", total - len(waiting), total)
            if not waiting or time.monotonic() > deadline:
                return
            time.sleep(0.5)

    def _reckon(self) -> None:
        """Count states and points, compare the simulators' own books with the ledger, and verify the ledger."""
        summary = self._summary
        summary.conversions = len(self._accepted)
        for client, conversion in self._accepted:
            found = client.get(f"/v1/conversions/{conversion}")
            summary.states[str(found["state"])] += 1
            if found["state"] == "posted":
                summary.points_moved += int(str(found["source_amount"]))
            elif found["reason"]:
                summary.reasons[str(found["reason"])] += 1
        sandbox = self._hub.settings.sandbox_url
        counts = call_sandbox(f"{sandbox}/_sim/faults", "GET")["counts"]
        assert isinstance(counts, dict), "faults are counted by kind"
        summary.faults = {str(kind): int(count) for kind, count in counts.items()}
        self._compare_books()
        with self._hub.database.read() as work:
            summary.differences = len(ledger.verify(work)) + len(hosted.verify(work))
            prefix = chart.position("", "").split(":")[0] + ":"
            for balance in ledger.accounts(work, prefix):
                partner = balance.account.split(":")[1]
                summary.positions[partner] = decimal_text(balance.posted, LEDGER_SCALE)
            summary.positions["trading"] = decimal_text(
                sum(found.posted for found in ledger.balances(work, [chart.trading(CURRENCY)]).values()), LEDGER_SCALE
            )
            rows = work.fetch("SELECT kind || ' ' || outcome, count(*) FROM leg_attempt GROUP BY 1 ORDER BY 1")
            summary.attempts = {str(name): int(count) for name, count in rows}

    def _outside(self) -> dict[str, int]:
        with self._hub.database.read() as work:
            return {balance.unit: balance.posted for balance in ledger.accounts(work, chart.outside(""))}

    def _compare_books(self) -> None:
        """Balances of all members at each simulator, read over HTTP, against `outside:` since this run began.

        What the hub keeps itself is compared lot by lot, with everything else that is verified.
        """
        sandbox = self._hub.settings.sandbox_url
        kept = {one.unit for one in self._hub.programmes.programmes()}
        outside = {unit: posted for unit, posted in self._outside().items() if unit not in kept}
        moved = {unit: posted - self._before.get(unit, 0) for unit, posted in outside.items()}
        for partner in sorted({unit.split(".")[0] for unit in moved}):
            totals = call_sandbox(f"{sandbox}/_sim/{partner}/totals", "GET")
            self._summary.double_applications += int(str(totals["double_applications"]))
            change = totals["change"]
            assert isinstance(change, dict), "a simulator tells its change by unit"
            for unit in sorted(unit for unit in moved if unit.split(".")[0] == partner):
                if moved[unit] != int(change.get(unit, 0)):
                    self._summary.disagreements.append(f"{unit}: ledger {moved[unit]}, simulator {change.get(unit, 0)}")
