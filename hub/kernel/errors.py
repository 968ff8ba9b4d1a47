"""Refusals: expected answers of "no", each with a code of its own.

This module knows the shape of a refusal and lists every one that was declared. It does not know HTTP:
which status a code has is the gateway's business.
"""

from typing import ClassVar

Fact = str | int | None


class HubError(Exception):
    """A refusal: the hub understood, decided "no", and wrote nothing but (at most) that answer.

    code: stable, snake_case, never reused for another meaning; the documentation page has the same name.
    detail: one sentence for a person that says what was refused and what to do.
    facts: whole numbers and strings that explain it; never a secret, never personal data.
    pointer: JSON pointer of the offending field of the request, if one field is to blame.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, detail: str, *, pointer: str | None = None, **facts: Fact) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer
        self.facts: dict[str, Fact] = facts

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.detail, self.pointer, self.facts))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, HubError)
            and type(self) is type(other)
            and (self.detail, self.pointer, self.facts) == (other.detail, other.pointer, other.facts)
        )

    def __hash__(self) -> int:
        return hash((type(self), self.detail))


def _rebuild(kind: type[HubError], detail: str, pointer: str | None, facts: dict[str, Fact]) -> HubError:
    return kind(detail, pointer=pointer, **facts)


def declared_refusals() -> list[type[HubError]]:
    """Every refusal class imported so far that declares a code of its own, sorted by code.

    Two classes with one code are our mistake and fail here.
    """
    found: dict[str, type[HubError]] = {}
    pending: list[type[HubError]] = [HubError]
    while pending:
        kind = pending.pop()
        pending.extend(kind.__subclasses__())
        if "code" in vars(kind) and kind is not HubError:
            assert kind.code not in found, f"{kind} and {found[kind.code]} share the code {kind.code}"
            found[kind.code] = kind
    return [found[code] for code in sorted(found)]


class InvalidAmount(HubError):
    """An amount that is not a positive whole number within bounds."""

    code = "invalid_amount"


class AmountOverflow(HubError):
    """A sum that would leave 64 bits; refused, never wrapped."""

    code = "amount_overflow"


class Overloaded(HubError):
    """More work is queued than can be done soon; try again after `retry_after_seconds`."""

    code = "overloaded"
