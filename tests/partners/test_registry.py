"""Brands are found by their folders; nothing else needs to know them."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from hub.kernel.clock import SystemClock
from partners.adapter import BrandAdapter
from partners.base import Connection, Ports
from partners.memory import MemoryBreaker, MemoryTokenStore
from partners.profile import ProfileInvalid
from partners.registry import BRANDS_FOLDER, BrandUnknown, Registry
from tests.partners.conftest import TEMPLATE_CODE, copy_of_template

CONNECTION = Connection("p", "http://127.0.0.1:9", "http://127.0.0.1:9", "hub", {"client_secret": "s"}, 1)


def _ports() -> Ports:
    clock = SystemClock()
    return Ports(MemoryTokenStore(), MemoryBreaker(clock, failures_max=5, rest=timedelta(seconds=1)), clock)


def test_the_brands_in_the_box_are_found() -> None:
    registry = Registry.scan([BRANDS_FOLDER])

    codes = [profile.code for profile in registry.profiles()]

    assert {"aerojet", "northbank", "sandbox", "staywell"} <= set(codes)
    assert codes == sorted(codes)


def test_templates_and_folders_without_a_profile_are_skipped(tmp_path: Path) -> None:
    copy_of_template(tmp_path)
    shutil.copytree(BRANDS_FOLDER / "_template", tmp_path / "_draft")
    (tmp_path / "notes").mkdir()
    (tmp_path / "README.md").write_text("not a brand", encoding="utf-8")

    registry = Registry.scan([tmp_path])

    assert [profile.code for profile in registry.profiles()] == [TEMPLATE_CODE]


def test_a_copied_folder_is_a_brand_without_any_other_edit(tmp_path: Path) -> None:
    copy_of_template(tmp_path)

    registry = Registry.scan([BRANDS_FOLDER, tmp_path])

    adapter = registry.adapter(TEMPLATE_CODE, CONNECTION, _ports())
    assert type(adapter).__name__ == "YourBrandAdapter"
    assert isinstance(adapter, BrandAdapter)


def test_two_folders_of_one_name_are_refused(tmp_path: Path) -> None:
    for parent in ("one", "two"):
        (tmp_path / parent).mkdir()
        copy_of_template(tmp_path / parent)

    with pytest.raises(ProfileInvalid):
        Registry.scan([tmp_path / "one", tmp_path / "two"])


def test_an_unknown_brand_is_refused() -> None:
    registry = Registry.scan([BRANDS_FOLDER])

    with pytest.raises(BrandUnknown) as refusal:
        registry.profile("nobody")

    assert refusal.value.code == "brand_unknown"


@pytest.mark.parametrize(
    "adapter", ["adapter:NoSuchAdapter", "adapter:REASONS".replace("REASONS", "Reason"), "elsewhere:YourBrandAdapter"]
)
def test_a_profile_that_names_no_adapter_is_refused(tmp_path: Path, adapter: str) -> None:
    file = copy_of_template(tmp_path) / "profile.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("adapter:YourBrandAdapter", adapter), encoding="utf-8")
    registry = Registry.scan([tmp_path])

    with pytest.raises(ProfileInvalid):
        registry.adapter(TEMPLATE_CODE, CONNECTION, _ports())


def test_an_adapter_that_cannot_be_loaded_can_be_mended(tmp_path: Path) -> None:
    file = copy_of_template(tmp_path) / "adapter.py"
    text = file.read_text(encoding="utf-8")
    registry = Registry.scan([tmp_path])
    file.write_text("raise RuntimeError('half saved')", encoding="utf-8")
    with pytest.raises(RuntimeError):
        registry.adapter(TEMPLATE_CODE, CONNECTION, _ports())

    file.write_text(text + "\n", encoding="utf-8")

    assert registry.adapter(TEMPLATE_CODE, CONNECTION, _ports()) is not None
