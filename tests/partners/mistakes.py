"""Wrong adapters: each is the template with one mistake, as somebody in a hurry would make it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.partners.conftest import copy_of_template


@dataclass(frozen=True, slots=True)
class Mistake:
    """Edits of a copy of the template, and what the first failing sentence must say.

    edits: file, text and what takes its place.
    """

    edits: tuple[tuple[str, str, str], ...]
    check: str
    words: str


def _adapter(*edits: tuple[str, str], check: str, words: str) -> Mistake:
    return Mistake(tuple(("adapter.py", old, new) for old, new in edits), check, words)


_NO_REPLY = (
    '        reply = self.session.post_json("/v1/movements", body, trace=instruction.trace)\n'
    "        if isinstance(reply, Unknown):\n            return reply\n"
)
_REFUSAL = (
    '    if status == "refused" and said in REASONS:\n        return Refused(REASONS[said], said)\n'
    "    return unfamiliar(reply, said or status)\n"
)
_RETURN = "        return judged if isinstance(judged, Unknown) or echo is None else echo\n"
_REVERSE = '        return self._move("reverse", instruction)\n'
_CREDIT = '        return self._move("credit", instruction)\n'
_NOT_FOUND = 'return Unknown("key not found", not_found=True)'
_LOGGER = ("from partners.session import Reply\n", "from partners.session import Reply\n\nimport logging\n")

# The ten that the guide lists.
TEN: Mapping[str, Mistake] = {
    "wrong key reused": _adapter(
        (
            '        body = {\n            "key": instruction.key,',
            '        self.first = getattr(self, "first", instruction.key)\n'
            "        body = {\n"
            '            "key": self.first,',
        ),
        check="move.key",
        words="A wrong key was reused",
    ),
    "Unknown read as Refused": _adapter(
        (
            _NO_REPLY,
            _NO_REPLY + "        if reply.status >= 500:\n            return Refused(Reason.PROGRAMME_CLOSED)\n",
        ),
        check="fault.server_error",
        words="Unknown was read as Refused",
    ),
    "timeout read as Done": _adapter(
        (_NO_REPLY, _NO_REPLY.replace("return reply", "return Done(instruction.key)")),
        check="fault.unreachable",
        words="A timeout was read as Done",
    ),
    "amount in wrong unit": _adapter(
        ('"amount": instruction.amount,', '"amount": instruction.amount * 100,'),
        check="move.amount",
        words="The amount is in the wrong unit",
    ),
    "echo not compared": _adapter(
        (_RETURN, "        del echo\n        return judged\n"),
        check="fault.echo_key",
        words="The echo was not compared",
    ),
    "secret logged": _adapter(
        _LOGGER,
        (
            '        body = {\n            "key"',
            '        logging.getLogger("yours").debug("calling with %s", self.session._connection.secrets)\n'
            '        body = {\n            "key"',
        ),
        check="secret.logs",
        words="A secret was logged",
    ),
    "forgotten key_life": Mistake(
        (("profile.toml", "key_life_hours = 720 ", "key_life_hours = 8_760 "),),
        "key.life",
        "key_life was forgotten",
    ),
    "wrong member credited": _adapter(
        (
            '            "membership": instruction.membership,\n            "unit"',
            '            "membership": getattr(self, "seen", instruction.membership),\n            "unit"',
        ),
        (
            '        body = {"membership": member.membership, "name": member.name}\n',
            "        self.seen = member.membership\n"
            '        body = {"membership": member.membership, "name": member.name}\n',
        ),
        check="move.member",
        words="The wrong member was",
    ),
    "reversal twice": _adapter(
        (
            _REVERSE,
            '        self._move("reverse", replace(instruction, key=instruction.key + "-1"))\n' + _REVERSE,
        ),
        (
            "from collections.abc import Mapping\n",
            "from collections.abc import Mapping\nfrom dataclasses import replace\n",
        ),
        check="reverse.once",
        words="A reversal was sent twice",
    ),
    "refusal retried": _adapter(
        (
            _CREDIT,
            '        outcome = self._move("credit", instruction)\n'
            '        return self._move("credit", instruction) if isinstance(outcome, Refused) else outcome\n',
        ),
        check="refusal.once",
        words="A refusal was retried",
    ),
}

# Others that people make.
MORE: Mapping[str, Mistake] = {
    "Refused read as Done": _adapter(
        (_REFUSAL, '    return Done("refused-" + said)\n'), check="balance.told", words="A refusal was read as Done"
    ),
    "bonus dropped": _adapter(
        ('"amount": instruction.amount,', '"amount": instruction.amount - instruction.bonus,'),
        check="move.bonus",
        words="The bonus was dropped",
    ),
    "bonus counted twice": _adapter(
        ('"amount": instruction.amount,', '"amount": instruction.amount + instruction.bonus,'),
        check="move.bonus",
        words="The bonus was counted twice",
    ),
    "inquiry answered for another key": _adapter(
        ('if document is None or text_at(document, "key") != key:', "if document is None:"),
        check="inquiry.own_key",
        words="An inquiry was answered for another key",
    ),
    "another key asked after": _adapter(
        ("f\"/v1/movements/{quote(key, safe='')}\"", "f\"/v1/movements/{quote(key.upper(), safe='')}\""),
        check="member.merged",
        words="Another key was asked after",
    ),
    "silence read as Refused": _adapter(
        (_NO_REPLY, _NO_REPLY.replace("return reply", "return Refused(Reason.PROGRAMME_CLOSED)")),
        check="fault.unreachable",
        words="Unknown was read as Refused",
    ),
    "not found read as Refused": _adapter(
        (_NOT_FOUND, "return Refused(Reason.MEMBER_UNKNOWN)"),
        check="inquiry.not_found",
        words='"Not found" was read as Refused',
    ),
    "not found not told": _adapter(
        (_NOT_FOUND, 'return Unknown("key not found")'),
        check="inquiry.not_found",
        words='"Not found" was not recognised',
    ),
    "retried with a new key": _adapter(
        (
            _NO_REPLY,
            _NO_REPLY.replace(
                "            return reply\n",
                '            body["key"] = instruction.key + "-2"\n'
                '            reply = self.session.post_json("/v1/movements", body)\n'
                "        if isinstance(reply, Unknown):\n            return reply\n",
            ),
        ),
        check="fault.silence",
        words="under 2 different keys",
    ),
    "retried with the same key": _adapter(
        (
            _NO_REPLY,
            _NO_REPLY.replace(
                "            return reply\n",
                '            reply = self.session.post_json("/v1/movements", body)\n'
                "        if isinstance(reply, Unknown):\n            return reply\n",
            ),
        ),
        check="fault.silence",
        words="The adapter repeated an instruction by itself",
    ),
    "letters of a number folded": _adapter(
        (
            '            "membership": instruction.membership,\n            "unit"',
            '            "membership": instruction.membership.lower(),\n            "unit"',
        ),
        check="move.member",
        words="The letters of a membership number were changed",
    ),
    "moved_to ignored": _adapter(
        ('                membership=self.surviving(text_at(document, "surviving_membership")),\n', ""),
        check="member.merged",
        words="A merged membership was not followed",
    ),
    "float amounts": _adapter(
        ('"amount": instruction.amount,', '"amount": float(instruction.amount),'),
        check="move.once",
        words="the amount was sent as the fraction",
    ),
    "swallowed 429": _adapter(
        (
            '        return no_proof(reply, text_at(document, "error") or status)\n',
            '        return Unknown(f"http {reply.status}")\n',
        ),
        check="fault.rate_limited",
        words="A 429 was swallowed",
    ),
    "any 200 is a yes": _adapter(
        ('status in ("done", "already_done") and reference:', "reference:"),
        check="fault.unknown_word",
        words="An answer without proof was read as Done",
    ),
    "every 4xx is a refusal": _adapter(
        (
            "        if document is None:\n            return unreadable(reply)\n        echo",
            "        if 400 <= reply.status < 500 and reply.status != 422:\n"
            "            return Refused(Reason.PROGRAMME_CLOSED)\n"
            "        if document is None:\n"
            "            return unreadable(reply)\n"
            "        echo",
        ),
        check="key.conflict",
        words="Unknown was read as Refused",
    ),
    "unfamiliar reason refused": _adapter(
        (_REFUSAL, "    return Refused(REASONS.get(said, Reason.MEMBER_INELIGIBLE), said)\n"),
        check="refusal.unfamiliar",
        words="Unknown was read as Refused",
    ),
    "reference made up": _adapter(
        ("reference=reference,", 'reference=__import__("secrets").token_hex(8),'),
        check="key.repeat",
        words="One movement has two references",
    ),
    "raises on garbage": _adapter(
        (
            "        if document is None:\n            return unreadable(reply)\n        echo",
            "        assert document is not None\n        echo",
        ),
        check="fault.garbage",
        words="raised AssertionError",
    ),
    "state on self": _adapter(
        (
            '        body = {\n            "key": instruction.key,',
            '        self.now = instruction\n        __import__("time").sleep(0.002)\n        instruction = self.now\n'
            '        body = {\n            "key": instruction.key,',
        ),
        check="key.crowd",
        words="mixed up",
    ),
    "amount rounded": _adapter(
        ('"amount": instruction.amount,', '"amount": instruction.amount // 5 * 5,'),
        check="move.amount",
        words="The amount was rounded",
    ),
    "secret in an outcome": _adapter(
        (
            "            return unreadable(reply)\n        echo",
            "            return Unknown(str(reply.body))\n        echo",
        ),
        check="secret.answers",
        words="A secret stands in an outcome",
    ),
    "secret printed": _adapter(
        (_CREDIT, '        print("token", self.session._tokens.value(refused=""))\n' + _CREDIT),
        check="secret.logs",
        words="A secret was printed",
    ),
    "member logged": _adapter(
        _LOGGER,
        (_CREDIT, '        logging.getLogger("yours").info("crediting %s", instruction.membership)\n' + _CREDIT),
        check="secret.persons",
        words="A member's number was logged",
    ),
    "reversal under the original's key": _adapter(
        (
            '        body = {\n            "key": instruction.key,',
            '        body = {\n            "key": instruction.original_key or instruction.key,',
        ),
        check="reverse.key",
        words="under the key of its original",
    ),
    "newest movement undone": _adapter(
        (
            '        body = {\n            "key": instruction.key,',
            '        before, self.last = getattr(self, "last", ""), instruction.key\n'
            "        body = {\n"
            '            "key": instruction.key,',
        ),
        ('"original_key": instruction.original_key,', '"original_key": instruction.original_key and before,'),
        check="reverse.original",
        words="The wrong original was undone",
    ),
    "answers from memory": _adapter(
        (
            _CREDIT,
            '        known = self.__dict__.setdefault("known", {})\n'
            "        if instruction.key not in known:\n"
            '            known[instruction.key] = self._move("credit", instruction)\n'
            "        return known[instruction.key]\n",
        ),
        check="key.repeat",
        words="called nobody",
    ),
    "balance in another unit": _adapter(
        (
            "        return MemberBalance(Done(reference=membership), amount)\n",
            "        return MemberBalance(Done(reference=membership), amount // 100)\n",
        ),
        check="balance.told",
        words="The balance is wrong",
    ),
    "credit that debits": _adapter(
        ('self._move("credit", instruction)', 'self._move("debit", instruction)'),
        check="move.bonus",
        words="Points moved the wrong way",
    ),
    "nothing was sent, it says": _adapter(
        (_NO_REPLY, _NO_REPLY.replace("return reply", 'return Unknown("no answer", called=False)')),
        check="fault.silence",
        words="called = False although the partner was called",
    ),
    "key cut short": _adapter(
        ('"key": instruction.key,', '"key": instruction.key[:32],'),
        check="move.key",
        words="A wrong key was used",
    ),
    "balance remembered": _adapter(
        (
            "        reply = self.session.get(f\"/v1/members/{quote(membership, safe='')}/balance\")\n",
            '        kept = self.__dict__.setdefault("kept", {})\n'
            "        if membership in kept:\n            return kept[membership]\n"
            "        reply = self.session.get(f\"/v1/members/{quote(membership, safe='')}/balance\")\n",
        ),
        (
            "        return MemberBalance(Done(reference=membership), amount)\n",
            "        kept[membership] = MemberBalance(Done(reference=membership), amount)\n"
            "        return kept[membership]\n",
        ),
        check="balance.told",
        words="The balance is wrong",
    ),
    "session passed by": _adapter(
        (
            _NO_REPLY,
            '        token = self.session._tokens.value(refused="")\n'
            '        answer = __import__("requests").post(\n'
            '            self.session._connection.base_url + "/v1/movements", json=body, timeout=5,\n'
            '            headers={"authorization": f"Bearer {token}"},\n        )\n'
            "        reply = Reply(answer.status_code, answer.content, dict(answer.headers))\n",
        ),
        check="move.session",
        words="The session was passed by",
    ),
    "swallowed 429 of an inquiry": _adapter(
        (
            '        if document is None or text_at(document, "key") != key:\n            return no_proof(reply)\n',
            '        if document is None or text_at(document, "key") != key:\n'
            '            return Unknown(f"http {reply.status}")\n',
        ),
        check="inquiry.faults",
        words="A 429 was swallowed",
    ),
    "accepted read as Done": _adapter(
        ("                reference=reference,\n", "                reference=reference or key,\n"),
        ("and reference:", "or reply.status == 422:"),
        (
            'status, reference = text_at(document, "status"),',
            'key, status, reference = "?", text_at(document, "status"),',
        ),
        check="refusal.read",
        words="A refusal was read as Done",
    ),
    "a verb that is not written": _adapter(
        ("    def balance(self", "    def balances(self"),
        check="profile.verbs",
        words="does not have it",
    ),
}


def planted(folder: Path, mistake: Mistake) -> Path:
    """A copy of the template below `folder` with this mistake."""
    copy = copy_of_template(folder)
    for name, old, new in mistake.edits:
        file = copy / name
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, (name, old, text.count(old))
        file.write_text(text.replace(old, new), encoding="utf-8")
    return copy
