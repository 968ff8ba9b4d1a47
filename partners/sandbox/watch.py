"""The way in for those who watch the simulators: balances, totals, new members, faults.

Knows JSON and the addresses below `/_sim`. It is part of the stage, not of any partner: no token is asked for.
"""

import json
from collections.abc import Mapping

from partners.sandbox.books import MemberStatus, SimulatedMember
from partners.sandbox.desk import Desk, Shared
from partners.sandbox.face import Answer, Call, json_answer, segments
from partners.sandbox.faults import FaultKind, FaultPlan, NoticeFault


def watch(shared: Shared, call: Call) -> Answer:
    """The answer to a call below `/_sim`; 400 for a body that says nothing sensible, 404 for what is not there."""
    path = segments(call)
    if path == ["faults"]:
        if call.method == "PUT":
            try:
                shared.faults.plan = plan_of(json.loads(call.body))
            except (ValueError, AssertionError) as fault:
                return json_answer(400, {"error": "plan", "detail": str(fault)[:200]})
        return json_answer(200, _faults(shared))
    if path == ["partners"]:
        return json_answer(200, {"partners": sorted(shared.desks)})
    desk = shared.desks.get(path[0])
    if desk is None:
        return json_answer(404, {"error": "no_such_partner"})
    match call.method, path[1:]:
        case "GET", ["totals"]:
            return json_answer(200, {"partner": path[0], **desk.books.totals()})
        case "GET", ["members", number]:
            return _member(desk, number)
        case "POST", ["members"]:
            return _open(desk, call)
        case "GET", ["journal"]:
            return json_answer(200, {"journal": [list(entry) for entry in desk.books.journal()]})
        case "PUT" | "GET", ["notifications"]:
            return _notifications(shared, desk, call)
    return json_answer(404, {"error": "no_such_resource"})


def plan_of(document: object) -> FaultPlan:
    """A plan from its JSON form. Raises ValueError for anything that is not one."""
    if not isinstance(document, dict):
        raise ValueError("a plan is an object")
    unknown = set(document) - {"seed", "per_mille", "notices_per_mille", "slow_ms", "late_ms", "magic", "partners"}
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    rates, partners = document.get("per_mille", {}), document.get("partners", [])
    notices = document.get("notices_per_mille", {})
    if not isinstance(rates, dict) or not isinstance(notices, dict) or not isinstance(partners, list):
        raise ValueError("per_mille and notices_per_mille are objects, partners is a list")
    return FaultPlan(
        seed=_whole(document.get("seed", 0)),
        per_mille={FaultKind(kind): _whole(rate) for kind, rate in rates.items()},
        slow_ms=_whole(document.get("slow_ms", 200)),
        magic=bool(document.get("magic", True)),
        partners=frozenset(str(partner) for partner in partners),
        notices_per_mille={NoticeFault(kind): _whole(rate) for kind, rate in notices.items()},
        late_ms=_whole(document.get("late_ms", 1_500)),
    )


def _faults(shared: Shared) -> Mapping[str, object]:
    plan = shared.faults.plan
    return {
        "counts": {str(kind): count for kind, count in shared.faults.counts().items()},
        "notice_counts": {str(kind): count for kind, count in shared.faults.notice_counts().items()},
        "plan": {
            "seed": plan.seed,
            "per_mille": {str(kind): rate for kind, rate in plan.per_mille.items()},
            "notices_per_mille": {str(kind): rate for kind, rate in plan.notices_per_mille.items()},
            "slow_ms": plan.slow_ms,
            "late_ms": plan.late_ms,
            "magic": plan.magic,
            "partners": sorted(plan.partners),
        },
    }


def _notifications(shared: Shared, desk: Desk, call: Call) -> Answer:
    if call.method == "PUT":
        try:
            url = json.loads(call.body)["url"]
        except (ValueError, TypeError, KeyError):
            return json_answer(400, {"error": "url", "detail": 'send {"url": "http://..."}; empty for nowhere'})
        if not isinstance(url, str) or not (url == "" or url.startswith(("http://", "https://"))):
            return json_answer(400, {"error": "url", "detail": "an http or https address, or nothing"})
        desk.notify_url = url
    posted = [{"url": post.url, "status": post.status} for post in shared.courier.posted(desk.code)]
    return json_answer(200, {"url": desk.notify_url, "posted": posted})


def _member(desk: Desk, number: str) -> Answer:
    view = desk.books.member(number)
    if view is None:
        return json_answer(404, {"error": "no_such_member"})
    return json_answer(
        200,
        {
            "membership": view.membership,
            "name": view.name,
            "status": view.status,
            "balances": dict(view.balances),
            "surviving": view.surviving,
        },
    )


def _open(desk: Desk, call: Call) -> Answer:
    try:
        document = json.loads(call.body)
        listed = document if isinstance(document, list) else [document]
        members = [_member_of(item) for item in listed]
    except (ValueError, TypeError, AttributeError, KeyError) as fault:
        return json_answer(400, {"error": "member", "detail": str(fault)[:200]})
    desk.books.open_members(members)
    return json_answer(201, {"opened": len(members)})


def _member_of(item: Mapping[str, object]) -> SimulatedMember:
    balances = item.get("balances", {})
    if not isinstance(balances, dict):
        raise ValueError("balances is an object of unit and amount")
    return SimulatedMember(
        membership=str(item["membership"]),
        name=str(item.get("name", "")),
        status=MemberStatus(str(item.get("status", "active"))),
        balances={str(unit): _whole(amount) for unit, amount in balances.items()},
        tier=str(item.get("tier", "")),
        merged_into=str(item.get("merged_into", "")),
    )


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError("a whole number is wanted")
    return value
