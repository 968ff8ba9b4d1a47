"""The conformance kit fails for every mistake that people make in adapters, and says which one it is."""

import re
from pathlib import Path

import pytest

from partners.conformance import CheckUnknown, check_folder
from tests.leaks import LEAKS
from tests.partners.conftest import copy_of_template
from tests.partners.mistakes import MORE, TEN, Mistake, planted


@pytest.mark.parametrize("name", [*TEN, *MORE])
def test_the_first_failing_sentence_names_the_mistake(tmp_path: Path, name: str) -> None:
    mistake: Mistake = {**TEN, **MORE}[name]

    report = check_folder(planted(tmp_path, mistake), until_failed=True)

    if name == "secret logged":
        assert LEAKS.found(), "the mistake that was planted shows, as it has to"
    [failure] = report.failures
    assert (failure.check, mistake.words in failure.sentence) == (mistake.check, True), failure.sentence
    assert re.search(r"\. It must be .+\. [A-Z].+\.$", failure.sentence), "seen, what it must be, and what to do"


def test_an_untouched_copy_passes(tmp_path: Path) -> None:
    report = check_folder(copy_of_template(tmp_path))

    assert report.passed
    assert [one.sentence for one in report.failures] == []


# What is wrong with a folder that cannot be tried at all -> the check, and words of its sentence.
UNUSABLE = {
    "a key_life that is missing": ("profile.toml", "key_life_hours = 720 ", "# ", "profile.valid", "key_life_hours"),
    "a key_life of nothing": ("profile.toml", "key_life_hours = 720", "key_life_hours = 0", "profile.valid", "above 0"),
    "an adapter that is no Python": (
        "adapter.py",
        "class YourBrand",
        "klass YourBrand",
        "profile.loads",
        "SyntaxError",
    ),
    "an adapter that is missing": ("profile.toml", "adapter:Your", "other:Your", "profile.loads", "there is no"),
    "an adapter that is none": (
        "adapter.py",
        "Adapter(BrandAdapter)",
        "Adapter",
        "profile.loads",
        "not a class derived",
    ),
}


@pytest.mark.parametrize("what", list(UNUSABLE))
def test_a_folder_that_cannot_be_used_fails_with_the_reason(tmp_path: Path, what: str) -> None:
    name, old, new, check, words = UNUSABLE[what]
    folder = copy_of_template(tmp_path)
    file = folder / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")

    report = check_folder(folder, only=["move.once"])

    assert not report.passed
    [failure] = report.failures
    assert (failure.check, words in failure.sentence) == (check, True), failure.sentence


def test_an_unknown_check_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckUnknown) as refusal:
        check_folder(copy_of_template(tmp_path), only=["fault.silence", "fault.boredom"])

    assert refusal.value.code == "check_unknown"
    assert "fault.boredom" in refusal.value.detail


def test_one_check_or_a_group_of_them_can_be_run_alone(tmp_path: Path) -> None:
    folder = copy_of_template(tmp_path)

    one = check_folder(folder, only=["fault.silence"])
    group = check_folder(folder, only=["reverse", "profile.valid"])

    assert [finding.check for finding in one.findings] == ["fault.silence"]
    assert [finding.check for finding in group.findings] == [
        "profile.valid",
        *(f"reverse.{part}" for part in ("once", "key", "original", "parts", "repeat")),
    ]


def test_keys_that_are_not_stated_although_the_partner_honours_them(tmp_path: Path) -> None:
    mistake = Mistake(
        (
            ("profile.toml", "keys = true ", "keys = false "),
            ("profile.toml", "key_life_hours = 720", "key_life_hours = 0"),
        ),
        "key.stated",
        "key_life was forgotten",
    )

    report = check_folder(planted(tmp_path, mistake))

    assert [(one.check, mistake.words in one.sentence) for one in report.failures] == [("key.stated", True)]
