"""A declarative profile is read to the last key; what contradicts itself is refused by file, line and key."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from partners.check_digits import CheckDigit, check_digits_of, width_of
from partners.profile import ProfileInvalid, read_profile
from partners.registry import BRANDS_FOLDER


def _edited(tmp_path: Path, edit: Callable[[str], str]) -> Path:
    folder = Path(shutil.copytree(BRANDS_FOLDER / "greenroots", tmp_path / "greenroots"))
    file = folder / "profile.toml"
    text = file.read_text(encoding="utf-8")
    changed = edit(text)
    assert changed != text
    file.write_text(changed, encoding="utf-8")
    return folder


def _swap(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


def _less(section: str) -> Callable[[str], str]:
    """Without one section, up to the next."""

    def edit(text: str) -> str:
        begin = text.index(f"[{section}]\n")
        return text[:begin] + text[text.index("\n[", begin) + 1 :]

    return edit


REVERSE_BODY = '"/giver/number" = "membership"\n"/seeds" = "amount"\n\n[inquire]'
# What is wrong -> how, the section and key that is pointed at, and words of the sentence.
WRONG: dict[str, tuple[Callable[[str], str], str, str]] = {
    "no protocol at all": (lambda text: _less("wire.headers")(_less("wire")(text)), "adapter", "declare the protocol"),
    "an unknown key": (_swap("[wire]\namount", '[wire]\ncolour = "red"\namount'), "[wire] colour", "is not a key"),
    "an unknown section": (_swap("[wire]\n", "[wires]\nx = 1\n[wire]\n"), "wires", "is not a key"),
    "an unknown form of amounts": (_swap('"decimal_number"', '"float"'), "[wire] amount", "must be one of"),
    "a verb without a section": (
        lambda text: _less("balance.statuses")(_less("balance.answer")(_less("balance")(text))),
        "balance",
        "there is no section [balance]",
    ),
    "a section without its verb": (_swap('"balance", ', ""), "balance", "does not state"),
    "credit_many": (_swap('"inquire"]', '"inquire", "credit_many"]'), "capabilities", "adapter.py"),
    "a GET that moves points": (_swap('[debit]\nmethod = "POST"', '[debit]\nmethod = "GET"'), "[debit] method", "GET"),
    "an unknown placeholder": (_swap("/v2/gifts/{key}", "/v2/gifts/{amount}"), "[inquire] path", "not substituted"),
    "a placeholder of another verb": (_swap("/v2/gifts/{key}", "/v2/gifts/{membership}"), "[inquire] path", "only key"),
    "a path that climbs": (_swap("/v2/gifts/{key}", "/v2/../{key}"), "[inquire] path", "climb"),
    "a path with a query": (_swap("/v2/gifts/{key}", "/v2/gifts/{key}?a=b"), "[inquire] path", "does not match"),
    "a template": (_swap("/v2/gifts/{key}", "/v2/gifts/{{key}}"), "[inquire] path", "does not match"),
    "a malformed pointer": (_swap('"/seeds" = "amount"', '"seeds" = "amount"'), "[debit.request] seeds", "pointer"),
    "a bad escape": (_swap('result = "/gift/state"', 'result = "/gift~2"'), "[answer] result", "pointer"),
    "an unknown field": (_swap('"/seeds" = "amount"', '"/seeds" = "price"'), "[debit.request] /seeds", "must be one"),
    "a field of another verb": (
        _swap('"/seeds" = "amount"', '"/seeds" = "amount"\n"/b" = "bonus"'),
        "[debit.request] /b",
        "not known to debit",
    ),
    "an amount that is not written": (_swap('"/seeds" = "amount"\n', ""), "[debit] request", "must write the amount"),
    "a member that is not written": (
        _swap('"/giver/number" = "membership"\n', ""),
        "[debit] request",
        "sends the membership nowhere",
    ),
    "a key that is not sent": (_swap('key_header = "Idempotency-Key"\n', ""), "[debit] request", "the key nowhere"),
    "a reversal of nothing": (_swap("/{original_key}/returns", "/returns"), "[reverse] request", "original_key"),
    "places that cross": (
        _swap('"/seeds" = "amount"', '"/seeds" = "amount"\n"/giver" = "unit"'),
        "[debit] request",
        "through a value",
    ),
    "a constant in a field's place": (_swap('"/direction" = "out"', '"/seeds" = "out"'), "[debit] request", "twice"),
    "a constant with a fraction": (_swap('"/direction" = "out"', '"/direction" = 1.5'), "[debit.constants]", "whole"),
    "a header of the session's": (_swap("Accept-Version", "Authorization"), "[wire.headers] Authorization", "written"),
    "a reason that is none": (_swap('"insufficient_points"', '"too_poor"'), "[reasons] too_few_seeds", "must be one"),
    "a key used otherwise as a reason": (_swap('"limit_reached"', '"key_reused"'), "[reasons] yearly_limit", "person"),
    "no reasons": (
        lambda text: _less("reasons")(text).replace("[debit]\n", "[reasons]\n[debit]\n", 1),
        "reasons",
        "map",
    ),
    "a word with two meanings": (_swap('refused = ["declined"]', 'refused = ["given"]'), "[words]", "two meanings"),
    "words that are missing": (_less("words"), "[debit] words", "which words"),
    "a word that is empty": (_swap('refused = ["declined"]', 'refused = [""]'), "[words] refused", "at least one text"),
    "a status that proves nothing": (_swap("refused = [422]", "refused = [429]"), "[statuses] refused", "never means"),
    "a yes in an error": (_swap("done = [200, 201]", "done = [200, 404]"), "[statuses] done", "404 never means"),
    "statuses that are missing": (_swap("refused = [422]\n", ""), "statuses", "which statuses mean refused"),
    "a status with two meanings": (
        _swap("[balance.statuses]\ndone = [200]", "[balance.statuses]\ndone = [200]\nrefused = [200]"),
        "[balance] statuses",
        "tells them apart",
    ),
    "pending without words": (
        _swap("done = [200, 201]", "done = [200, 201]\npending = [202]"),
        "[debit] statuses",
        "both",
    ),
    "no reference": (_swap('reference = "/gift/receipt"\n', ""), "[debit] answer", "reference stands"),
    "no echo of the amount": (_swap('amount = "/gift/seeds"\n', ""), "[debit] answer", "amount stands"),
    "no echo of the key": (_swap('key = "/gift/key"\n', ""), "[debit] answer", "key stands"),
    "no place of the reason": (_swap('reason = "/problem/code"\n', ""), "[debit] refusal", "reason"),
    "an answer within another": (_swap('key = "/gift/key"', 'key = "/gift"'), "[debit] answer", "within another"),
    "nothing that means not found": (_less("inquire.not_found"), "[inquire] not_found", "is missing"),
    "a member's answer that is missing": (_less("balance.answer"), "[balance] answer", "share nothing"),
    "a scheme that is none": (_swap('"luhn"', '"crc"'), "[member] check_digit", "must be one of"),
    "an example without its check digit": (_swap("GR000000018", "GR000000017"), "[member] example", "check digits"),
    "a key without its header": (
        _swap('api_key_header = "X-Greenroots-Key"\n', ""),
        "[http] api_key_header",
        "missing",
    ),
}


@pytest.mark.parametrize("what", list(WRONG))
def test_a_profile_is_refused_for(tmp_path: Path, what: str) -> None:
    edit, where, words = WRONG[what]
    folder = _edited(tmp_path, edit)

    with pytest.raises(ProfileInvalid) as refusal:
        read_profile(folder)

    prefix = f"{folder / 'profile.toml'}:"
    assert words in refusal.value.detail
    assert where in refusal.value.detail
    assert refusal.value.detail.startswith(prefix) or refusal.value.facts["line"] is None


def test_the_line_of_a_pointer_that_is_wrong_is_told(tmp_path: Path) -> None:
    folder = _edited(tmp_path, _swap('"/of_which_bonus" = "bonus"', '"of_which_bonus" = "bonus"'))
    lines = (folder / "profile.toml").read_text(encoding="utf-8").splitlines()
    line = lines.index('"of_which_bonus" = "bonus"') + 1

    with pytest.raises(ProfileInvalid) as refusal:
        read_profile(folder)

    assert f"profile.toml:{line} [credit.request] of_which_bonus: is not a JSON pointer" in refusal.value.detail


def test_several_units_need_a_word_in_requests(tmp_path: Path) -> None:
    more = '[[units]]\ncode = "greenroots.tree"\nscale = 0\nkind = "points"\n\n[http]'
    folder = _edited(tmp_path, _swap("[http]", more))

    with pytest.raises(ProfileInvalid, match=r"\[debit\] request: must write the unit"):
        read_profile(folder)


def test_decimals_of_several_scales_need_the_unit_in_inquiries(tmp_path: Path) -> None:
    def edit(text: str) -> str:
        more = '[[units]]\ncode = "greenroots.tree"\nscale = 0\nkind = "points"\n\n[http]'
        return text.replace("[http]", more, 1).replace('"/seeds" = "amount"', '"/seeds" = "amount"\n"/of" = "unit"')

    folder = _edited(tmp_path, edit)

    with pytest.raises(ProfileInvalid, match=r"\[inquire\] answer: does not say where the unit stands"):
        read_profile(folder)


def test_pending_without_inquiries_is_refused(tmp_path: Path) -> None:
    def edit(text: str) -> str:
        text = _less("inquire")(_less("inquire.statuses")(_less("inquire.not_found")(text)))
        text = text.replace('"reverse", "inquire"]', '"reverse"]')
        return text.replace("done = [200, 201]", "done = [200, 201]\npending = [202]").replace(
            'refused = ["declined"]', 'refused = ["declined"]\npending = ["later"]'
        )

    folder = _edited(tmp_path, edit)

    with pytest.raises(ProfileInvalid, match="nobody learns the end"):
        read_profile(folder)


@pytest.mark.parametrize(
    ("number", "known"),
    [("GR000000018", True), ("GR000000019", False), ("GR00000018", False), ("GR000000018\n", False), ("", False)],
)
def test_numbers_hold_their_check_digit(number: str, known: bool) -> None:
    assert read_profile(BRANDS_FOLDER / "greenroots").knows_number(number) is known


@pytest.mark.parametrize("kind", list(CheckDigit))
def test_trial_numbers_are_counted_with_their_check_digits(tmp_path: Path, kind: CheckDigit) -> None:
    stem = "GR" + "1".zfill(9 - width_of(kind))
    example = stem + check_digits_of(kind, stem)

    def edit(text: str) -> str:
        text = text.replace('check_digit = "luhn"', f'check_digit = "{kind}" # as told')
        return text.replace("GR000000018", example)

    member = read_profile(_edited(tmp_path, edit)).member

    numbers = [member.numbered(count) for count in range(1_000)]

    assert len(set(numbers)) == 1_000
    assert all(member.knows(number) for number in numbers)
