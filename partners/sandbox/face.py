"""The face of a simulated partner: one dialect spoken over the shared books, and the plain dialect of the sandbox.

A face reads a call into a task and puts results into its own words. It never touches the books, a token or a fault.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from partners.base import Reason
from partners.sandbox.books import Answered, Applied, Conflict, Found, MemberView, Missing, Move, MoveKind, Rejected


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request below a partner's own address.

    headers: names in lower case. query: without its question mark.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response. cut: it breaks off in the middle of its body."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What became of this key?"""

    key: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """Who is this? name: to be compared, if given. wants_balance: how much has it, rather than may it take part."""

    membership: str
    name: str = ""
    wants_balance: bool = False


@dataclass(frozen=True, slots=True)
class Unheard:
    """A call that this partner does not understand."""

    status: int
    why: str


@dataclass(frozen=True, slots=True)
class Moves:
    """Many movements in one call."""

    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class Muddled:
    """Of many, a movement that is answered with a word that nobody has agreed on."""

    move: Move


Task = Move | Moves | Inquiry | Lookup | Unheard


class Face(ABC):
    """One dialect. signed: whether every call must be signed by RFC 9421. notice_after_ms: when a result is told.

    key_life_hours: how long the brand honours a key, as its own description says and whatever a profile makes of it.
    """

    signed = False
    notice_after_ms = 0
    key_life_hours = 720

    @abstractmethod
    def read(self, call: Call) -> Task:
        """What the call asks for."""

    @abstractmethod
    def moved(self, result: Answered) -> Answer:
        """What is answered to a movement."""

    @abstractmethod
    def found(self, result: Found) -> Answer:
        """What is answered to an inquiry."""

    @abstractmethod
    def member(self, lookup: Lookup, view: MemberView | None, refusal: Reason | None) -> Answer:
        """What is answered about a member. view: None when there is none. refusal: why it may not take part."""

    @abstractmethod
    def muddled(self, move: Move) -> Answer:
        """An answer with a word that nobody has agreed on."""

    def moved_many(self, results: Sequence[Answered | Muddled]) -> Answer:
        """What is answered to many movements. Only dialects that read `Moves` have it."""
        raise AssertionError(f"{len(results)} movements at once in a dialect that does not read them")

    def notice(self, result: Applied | Rejected) -> bytes:
        """The body by which a result is told later; empty where it is told at once."""
        del result
        return b""

    def failed(self, status: int, why: str) -> Answer:
        """What is answered when nothing was done."""
        return json_answer(status, {"error": why})


def json_answer(status: int, document: Mapping[str, object], **headers: str) -> Answer:
    """An answer in JSON. headers: with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, json.dumps(document, separators=(",", ":")).encode(), headers=named)


def json_task_body(call: Call) -> Mapping[str, object] | None:
    """The JSON object of a call, or None."""
    try:
        found = json.loads(call.body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def segments(call: Call) -> list[str]:
    """The path in unescaped pieces."""
    return [unquote(piece) for piece in call.path.strip("/").split("/")]


class PlainFace(Face):
    """The sandbox's own dialect: `done` or `refused`, the hub's words for reasons, whole amounts."""

    def read(self, call: Call) -> Task:
        """`/v1/movements`, `/v1/movements/<key>`, `/v1/members/validate`, `/v1/members/<number>/balance`."""
        match call.method, segments(call):
            case "POST", ["v1", "movements"]:
                return self._read_move(call)
            case "GET", ["v1", "movements", key]:
                return Inquiry(key)
            case "POST", ["v1", "members", "validate"]:
                document = json_task_body(call) or {}
                return Lookup(str(document.get("membership", "")), str(document.get("name", "")))
            case "GET", ["v1", "members", number, "balance"]:
                return Lookup(number, wants_balance=True)
        return Unheard(404, "no_such_resource")

    def moved(self, result: Answered) -> Answer:
        """200 `done` or `already_done`, 422 `refused`, 409 for a key that stands for something else."""
        if isinstance(result, Conflict):
            return json_answer(409, {"error": "key_reused", "key": result.move.key})
        return json_answer(200 if isinstance(result, Applied) else 422, _told(result))

    def found(self, result: Found) -> Answer:
        """200 with what was answered before, or 404 `key_not_found`."""
        if isinstance(result, Missing):
            return json_answer(404, {"error": "key_not_found", "key": result.key})
        return json_answer(200, _told(result))

    def member(self, lookup: Lookup, view: MemberView | None, refusal: Reason | None) -> Answer:
        """200 `active` or 200 `refused`, with the number that was asked for."""
        if view is None or refusal is not None:
            reason = refusal or Reason.MEMBER_UNKNOWN
            return json_answer(200, {"status": "refused", "reason": reason, "membership": lookup.membership})
        if lookup.wants_balance:
            return json_answer(200, {"membership": view.membership, "balance": sum(view.balances.values())})
        return json_answer(
            200,
            {
                "status": "active",
                "membership": view.membership,
                "name": view.name,
                "tier": view.tier,
                "surviving_membership": view.surviving,
            },
        )

    def muddled(self, move: Move) -> Answer:
        """200 `queued_for_synergy`."""
        return json_answer(200, {"status": "queued_for_synergy", "reference": "Q1", **_echo(move)})

    def _read_move(self, call: Call) -> Task:
        document = json_task_body(call)
        amount = document.get("amount") if document else None
        if document is None or type(amount) is not int:
            return Unheard(400, "malformed")
        try:
            kind = MoveKind(str(document.get("direction")))
        except ValueError:
            return Unheard(400, "malformed")
        return Move(
            kind,
            str(document.get("key")),
            str(document.get("membership")),
            str(document.get("unit")),
            amount,
            str(document.get("original_key", "")),
        )


def _told(result: Applied | Rejected) -> Mapping[str, object]:
    echo = _echo(result.move)
    if isinstance(result, Rejected):
        return {"status": "refused", "reason": result.reason, **echo}
    return {
        "status": "already_done" if result.replayed else "done",
        "reference": result.reference,
        "balance": result.balance,
        "surviving_membership": result.surviving,
        **echo,
    }


def _echo(move: Move) -> Mapping[str, object]:
    return {"key": move.key, "membership": move.membership, "amount": move.amount}
