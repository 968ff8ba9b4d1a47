"""What answers mean, as a declarative brand declares it: pointers, words, statuses, and how they must agree.

Knows which statuses may mean what. Does not know requests.
"""

from collections.abc import Mapping
from dataclasses import fields, replace

from partners.base import Verb
from partners.declarative.pointers import crossing
from partners.declarative.spec import AnswerSpec, Meanings, NotFoundSpec
from partners.profile_table import ProfileTable

# A status in 3xx or 5xx proves nothing, nor do these: they are about the caller or the moment, not the instruction.
_NO_ANSWERS = frozenset({401, 407, 408, 425, 429})
_SAID_NO = frozenset({*range(200, 300), *range(400, 500)} - _NO_ANSWERS)
STATUSES: Mapping[str, frozenset[int]] = {
    "done": frozenset(range(200, 300)),
    "pending": frozenset(range(200, 300)),
    "refused": _SAID_NO,
}

_MOVED = ("result", "reference", "reason", "key", "membership", "amount", "unit", "balance", "surviving")
_TOLD: Mapping[Verb, tuple[str, ...]] = {
    Verb.BALANCE: ("result", "reason", "membership", "balance"),
    Verb.VALIDATE_MEMBER: ("result", "reason", "membership", "name", "tier", "surviving"),
}


MEMBER_VERBS = frozenset(_TOLD)


def pointer_in(table: ProfileTable, verb: Verb) -> AnswerSpec:
    """The pointers of one table, those that answers to `verb` can have. Raises: ProfileInvalid."""
    found = AnswerSpec(**{name: table.pointer(name) for name in _TOLD.get(verb, _MOVED) if name in table})
    table.finish()
    return found


def answer_of(
    verb: Verb, table: ProfileTable, answer: AnswerSpec, refusal: AnswerSpec | None
) -> tuple[AnswerSpec, AnswerSpec]:
    """Where answers and refusals of one verb say what: its own tables over the shared ones.

    Members' answers share nothing with those of movements. Raises: ProfileInvalid.
    """
    own, own_refusal = table.table_or_none("answer"), table.table_or_none("refusal")
    ours = pointer_in(own, verb) if own is not None else AnswerSpec()
    if verb not in _TOLD:
        ours = _over(ours, answer)
    elif own is None:
        raise table.refusal("answer", "is missing: answers about members share nothing with [answer]")
    theirs = ours
    if own_refusal is not None:
        theirs = pointer_in(own_refusal, verb)
    elif verb not in _TOLD and refusal is not None:
        theirs = refusal
    for name, spec in (("answer", ours), ("refusal", theirs)):
        places = {place for field in fields(spec) if (place := getattr(spec, field.name)) is not None}
        if (crossed := crossing(list(places))) is not None:
            raise table.refusal(name, f"/{'/'.join(crossed)} stands within another value that is read")
    return ours, theirs


def meanings_of(
    table: ProfileTable,
    answer: AnswerSpec,
    refusal: AnswerSpec,
    words: Mapping[str, tuple[str, ...]],
    statuses: Mapping[str, tuple[int, ...]],
) -> Meanings:
    """What words and statuses of one verb mean. Raises: ProfileInvalid for what contradicts itself."""
    for meaning in ("done", "refused"):
        if meaning not in statuses:
            raise table.refusal("statuses", f"does not say which statuses mean {meaning}")
    if refusal.reason is None:
        raise table.refusal("refusal", "does not say where the reason of a refusal stands")
    if answer.result is None:
        words = dict.fromkeys(words, ()) if refusal.result is None else {"refused": words.get("refused", ())}
    elif not words.get("done"):
        raise table.refusal("words", "does not say which words of the result mean done")
    if refusal.result is not None and not words.get("refused"):
        raise table.refusal("words", "does not say which words of the result mean refused")
    every = [word for meaning in ("done", "pending", "refused") for word in words.get(meaning, ())]
    if len(set(every)) != len(every):
        raise table.refusal("words", "gives one word two meanings")
    if answer.result is not None and bool(words.get("pending")) != ("pending" in statuses):
        raise table.refusal("statuses", "and words must both say what means pending, or neither")
    _check_apart(table, answer, refusal, statuses)
    return Meanings(
        done_words=words.get("done", ()),
        pending_words=words.get("pending", ()),
        refused_words=words.get("refused", ()) if refusal.result is not None else (),
        done_statuses=statuses["done"],
        pending_statuses=statuses.get("pending", ()),
        refused_statuses=statuses["refused"],
    )


def not_found_of(verb: Verb, table: ProfileTable) -> NotFoundSpec | None:
    """How an inquiry says that there is no such key. Raises: ProfileInvalid."""
    if verb is not Verb.INQUIRE:
        return None
    inner = table.table("not_found")
    status = inner.whole("status", 200, 499)
    if status not in _SAID_NO:
        raise inner.refusal("status", f"{status} never means that a key was not found")
    found = NotFoundSpec(status, inner.pointer("pointer"), inner.text("word"))
    inner.finish()
    return found


def _check_apart(
    table: ProfileTable, answer: AnswerSpec, refusal: AnswerSpec, statuses: Mapping[str, tuple[int, ...]]
) -> None:
    """A status that means two things needs words to tell them apart."""
    both_told = answer.result is not None and refusal.result is not None
    pairs = (("done", "pending", answer.result is not None), ("done", "refused", both_told))
    for one, other, told in (*pairs, ("pending", "refused", both_told)):
        both = set(statuses.get(one, ())) & set(statuses.get(other, ()))
        if both and not told:
            raise table.refusal("statuses", f"{min(both)} means {one} and {other}, and no result word tells them apart")


def _over(own: AnswerSpec, shared: AnswerSpec) -> AnswerSpec:
    told = {field.name: value for field in fields(own) if (value := getattr(own, field.name)) is not None}
    return replace(shared, **told)
