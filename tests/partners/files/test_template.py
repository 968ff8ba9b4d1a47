"""The template of a brand that speaks files keeps the contract as it stands, and a planted mistake is found."""

from pathlib import Path

from partners.conformance import check_folder
from partners.templates import TemplateKind, copy_template


def test_a_copied_template_keeps_the_contract(tmp_path: Path) -> None:
    report = check_folder(copy_template(TemplateKind.FILES, "penny_mart", tmp_path))

    assert [(one.check, one.sentence) for one in report.failures] == []
    assert {"files.exchange", "files.receipts"} <= {one.check for one in report.findings if one.verdict == "passed"}


def test_a_field_that_is_too_narrow_and_a_word_that_means_something_else_are_found(tmp_path: Path) -> None:
    profile = copy_template(TemplateKind.FILES, "penny_mart", tmp_path) / "profile.toml"
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text.replace('NOBODY = "member_unknown", ', "").replace("99_999_999", "9_999"), encoding="utf-8")

    report = check_folder(profile.parent)

    assert [one.check for one in report.failures] == ["files.exchange"]
