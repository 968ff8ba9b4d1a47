"""The cast of a demonstration: members with memberships at simulated partners, linked through the hub's own API."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from hub.access import service as access
from hub.access.scopes import PARTNER_SCOPES
from hub.access.types import AuthMethod
from hub.kernel.errors import HubError
from hub.trials.client import ApiClient
from hub.trials.stage import ACTOR, Route, open_members
from hub.wiring import Hub

# Enough for every conversion of a demonstration; the poor cannot pay for most of them.
_RICH = 50_000_000
_POOR = 5_000
# What a programme of the hub's own lets a member have is less than that.
_KEPT = 100_000
_THREADS = 16
# Memberships that their partner closes once they are linked.
_CLOSED = 12
_LINK_SECONDS_MAX = 180


class LinksPending(HubError):
    """Links that no worker has validated in time."""

    code = "links_pending"


@dataclass(slots=True)
class Actor:
    """A member of one source partner. targets: units it can convert to. poor: cannot pay for much."""

    member: str
    source_partner: str
    targets: list[str] = field(default_factory=list)
    poor: bool = False


Progress = Callable[[str, int, int], None]


def clients_of(hub: Hub, url: str, partners: Sequence[str]) -> dict[str, ApiClient]:
    """A new client of the hub for each of these partners, with a secret that only this process knows."""
    now = hub.clock.now()
    found = {}
    with hub.database.work() as work:
        for partner in partners:
            added = access.add_client(
                work,
                partner=partner,
                auth=AuthMethod.SECRET,
                jwks="",
                scopes=PARTNER_SCOPES,
                live=False,
                actor=ACTOR,
                now=now,
            )
            found[partner] = ApiClient(url, added.id, added.secret)
    return found


def assemble(
    hub: Hub,
    clients: Mapping[str, ApiClient],
    routes: Sequence[Route],
    *,
    run: int,
    members_each: int,
    draw: random.Random,
    progress: Progress,
) -> list[Actor]:
    """Enrol members at the simulators or in the hub's own programmes, add them to the hub and link them; every route
    has somebody who can take it.

    run: makes membership numbers new in every run. Raises: ApiRefused, LinksPending.
    """
    kept = {one.partner: one.unit for one in hub.programmes.programmes()}
    actors: list[Actor] = []
    enrolled: dict[str, list[Mapping[str, object]]] = {}
    wanted: list[tuple[Actor, str, str]] = []
    for partner in sorted({route.source.split(".")[0] for route in routes}):
        targets = sorted({route.target for route in routes if route.source.split(".")[0] == partner})
        units = sorted({route.source for route in routes if route.source.split(".")[0] == partner})
        for index in range(members_each):
            reference = f"demo-{run}-{partner}-{index}"
            added = clients[partner].post("/v1/members", {"reference": reference}, key=reference)
            actor = Actor(str(added["id"]), partner, poor=index == members_each - 1)
            # Spread the targets over the members so that each has some and each target has somebody.
            actor.targets = [target for at, target in enumerate(targets) if at % members_each == index]
            actor.targets += draw.sample(targets, min(3, len(targets)))
            actors.append(actor)
            for place in sorted({partner, *(target.split(".")[0] for target in actor.targets)}):
                balance = _POOR if actor.poor else _RICH
                if place in kept:
                    beans = min(balance, _KEPT) if place == partner else 0
                    wanted.append((actor, place, _enrol(clients[place], kept[place], reference, beans)))
                    continue
                number = _number(place, len(enrolled.setdefault(place, [])), run)
                held = dict.fromkeys(units, balance) if place == partner else {}
                enrolled[place].append({"membership": number, "name": f"Member {index}", "balances": held})
                wanted.append((actor, place, number))
    for partner, members in enrolled.items():
        open_members(hub.settings.sandbox_url, partner, members)
    _link(clients, wanted, run, progress)
    _close_some(hub, [one for one in wanted if one[1] not in kept])
    return actors


def _enrol(client: ApiClient, unit: str, reference: str, points: int) -> str:
    """A member of a programme that the hub keeps, with points earned, by the programme's own client; its number."""
    route, key = f"/v1/programmes/{unit}", f"{reference}-{unit}"
    number = str(client.post(f"{route}/memberships", {"reference": reference}, key=key)["number"])
    if points:
        earned = {"kind": "earn", "membership": number, "amount": points, "reference": "welcome"}
        client.post(f"{route}/postings", earned, key=key)
    return number


def _close_some(hub: Hub, wanted: Sequence[tuple[Actor, str, str]]) -> None:
    """Close a few memberships at their target after they were linked: credits are refused and points go back."""
    targets = [(place, number) for actor, place, number in wanted if place != actor.source_partner]
    for place, number in targets[:: max(1, len(targets) // _CLOSED)]:
        closed = {"membership": number, "status": "closed", "balances": {}}
        open_members(hub.settings.sandbox_url, place, [closed])


def _number(partner: str, index: int, run: int) -> str:
    """A membership number as that brand writes them."""
    if partner == "aerojet":
        return f"AJ{run % 10**5:05d}{index:05d}"
    if partner == "staywell":
        return f"SW-{run % 1000:03d}-{index:06d}"
    if partner == "northbank":
        return f"NB{run % 10**6:06d}{index:06d}"
    return f"{partner[:12].upper().replace('_', '-')}-{run}-{index}"


def _link(
    clients: Mapping[str, ApiClient], wanted: Sequence[tuple[Actor, str, str]], run: int, progress: Progress
) -> None:
    """Record every link by the client of the member's own partner, and wait until the partners have said yes."""

    def record(index: int) -> tuple[ApiClient, str]:
        actor, place, number = wanted[index]
        client = clients[actor.source_partner]
        body = {"member": actor.member, "partner": place, "membership": number}
        return client, str(client.post("/v1/links", body, key=f"demo-{run}-link-{index}")["id"])

    with ThreadPoolExecutor(_THREADS) as pool:
        recorded = list(pool.map(record, range(len(wanted))))
    deadline = time.monotonic() + _LINK_SECONDS_MAX
    while recorded:
        progress("members linked", len(wanted) - len(recorded), len(wanted))
        with ThreadPoolExecutor(_THREADS) as pool:
            states = list(pool.map(lambda one: one[0].get(f"/v1/links/{one[1]}")["state"], recorded))
        recorded = [one for one, state in zip(recorded, states, strict=True) if state != "active"]
        if recorded and time.monotonic() > deadline:
            raise LinksPending(
                f"{len(recorded)} links are not validated after {_LINK_SECONDS_MAX} s; is a worker running?"
            )
        if recorded:
            time.sleep(0.3)
    progress("members linked", len(wanted), len(wanted))
