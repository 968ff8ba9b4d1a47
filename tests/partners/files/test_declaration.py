"""A declaration is read to the last key, and every mistake is told by file and key."""

import re
from pathlib import Path

import pytest

from partners.files.layout import Control, FieldKind, Shape
from partners.profile import read_profile
from partners.profile_table import ProfileInvalid
from partners.registry import BRANDS_FOLDER

PROFILE = (BRANDS_FOLDER / "corner_shop" / "profile.toml").read_text(encoding="utf-8")


def _edited(tmp_path: Path, old: str, new: str) -> Path:
    changed, count = re.subn(old, new, PROFILE, count=1, flags=re.MULTILINE)
    assert count == 1, f"nothing like {old}"
    folder = tmp_path / "corner_shop"
    folder.mkdir()
    (folder / "profile.toml").write_text(changed, encoding="utf-8")
    return folder


def test_a_declaration_says_everything_about_a_brands_files() -> None:
    profile = read_profile(BRANDS_FOLDER / "corner_shop")

    assert profile.files is not None
    layout = profile.files.instructions
    assert (layout.shape, layout.detail.width, layout.encoding) == (Shape.FIXED, 122, "latin-1")
    assert [field.control for field in layout.headers[0].fields if field.control] == [
        Control.SEQUENCE,
        Control.CREATED_ON,
        Control.CREATED_AT,
        Control.COUNT,
        Control.TOTAL,
    ]
    key = layout.detail.field("key")
    assert key is not None
    assert (key.kind, key.width) == (FieldKind.TEXT, 36)
    assert str(profile.files.exchange.zone) == "Europe/London"


def test_a_brand_of_files_has_no_http_interface_and_others_have_no_files() -> None:
    assert read_profile(BRANDS_FOLDER / "corner_shop").http.base_url == ""
    assert read_profile(BRANDS_FOLDER / "aerojet").files is None


MISTAKES = {
    "an unknown key": ("^records_max", "record_max", "record"),
    "an unknown zone": ("Europe/London", "Europe/Nowhere", "zone"),
    "a time that is none": ('"22:00"', '"25:00"', "cut_at"),
    "a name that is a path": ('"CSHI', '"../CSHI', "name"),
    "a name without a sequence": (r"CSHI\{sequence:06\}", "CSHI", "name"),
    "an unknown shape": ('shape = "fixed"', 'shape = "boxes"', "shape"),
    "an unknown kind": ('kind = "zoned", width = 12', 'kind = "packed", width = 12', "kind"),
    "a width that is missing": (', width = 8, value = "COALHUB"', ', value = "COALHUB"', "width"),
    "a constant that does not fit": ('width = 8, value = "COALHUB"', 'width = 6, value = "COALHUB"', "width"),
    "more digits than an amount has": ('kind = "zoned", width = 12', 'kind = "zoned", width = 19', "width"),
    "a total of nothing": (', control = "total", of = "amount"', ', control = "total"', "of"),
    "a total of what is no field": ('of = "amount"', 'of = "amounts"', "header"),
    "a total of what is no number": ('of = "amount"', 'of = "key"', "header"),
    "a date that no calendar has": ('format = "YYYYMMDD"', 'format = "YYYYWW"', "format"),
    "a control that its kind cannot hold": ('"created_on", kind = "date"', '"created_on", kind = "time"', "kind"),
    "a field twice": ('name = "bonus", kind', 'name = "key", kind', "fields"),
    "no key": ('name = "key", kind', 'name = "id", kind', "instructions.detail"),
    "no count": (', control = "count"', "", "instructions"),
    "an operation that is not ours": ('D = "debit", C = "credit"', 'D = "take", C = "credit"', "instructions.detail"),
    "a reason that is not ours": ('"10" = "member_unknown"', '"10" = "member_gone"', "answers.detail"),
    "a word for a file that is not ours": ('R = "refused", D = "duplicate"', 'R = "rejected"', "answers.header"),
    "no file that is answered": ('name = "answers"', 'name = "about"', "answers.header"),
    "a receipt that cannot echo": ("width = 9, blank = true", "width = 9", "receipts.detail"),
    "a receipt without all codes": (', "E7" = "contradiction"', "", "receipts.detail"),
    "one folder for both ways": ('fetch = "from_shop"', 'fetch = "to_shop"', "fetch"),
    "a line end that cannot be": ('line_end = "crlf"', 'line_end = "cr"', "line_end"),
    "a delimiter in fixed width": ('shape = "fixed"', 'shape = "fixed"\ndelimiter = ";"', "delimiter"),
    "a total in another scale": ("width = 9 }", "width = 9, decimals = 2 }", "header"),
}


@pytest.mark.parametrize("what", list(MISTAKES))
def test_a_mistake_is_told_by_file_and_key(tmp_path: Path, what: str) -> None:
    old, new, key = MISTAKES[what]
    folder = _edited(tmp_path, old, new)

    with pytest.raises(ProfileInvalid) as refused:
        read_profile(folder)

    assert str(folder / "profile.toml") in refused.value.detail
    assert key in str(refused.value.facts["key"]), refused.value


def test_amounts_count_what_the_units_do(tmp_path: Path) -> None:
    folder = _edited(tmp_path, "^scale = 0", "scale = 1")

    with pytest.raises(ProfileInvalid) as refused:
        read_profile(folder)

    assert "decimals" in refused.value.detail
