"""Brands on trial: every folder in the box, and a copy of `_template` outside of it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from partners.registry import BRANDS_FOLDER, Registry
from partners.sandbox.bench import Bench, on_trial

TEMPLATE_CODE = "your_brand"
# Brands that speak HTTP; those that speak files are tried in tests/partners/files and tests/files.
CODES = [
    *(profile.code for profile in Registry.scan([BRANDS_FOLDER]).profiles() if profile.files is None),
    TEMPLATE_CODE,
]


def copy_of_template(parent: Path) -> Path:
    """A copy of `_template` below `parent`, under the name that its profile has."""
    return Path(shutil.copytree(BRANDS_FOLDER / "_template", parent / TEMPLATE_CODE))


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The brands in the box and one that was added by copying the template, with no other edit."""
    outside = tmp_path_factory.mktemp("brands")
    copy_of_template(outside)
    found = Registry.scan([BRANDS_FOLDER, outside])
    yield found
    found.close()


@pytest.fixture(scope="module", params=CODES)
def bench(request: pytest.FixtureRequest, registry: Registry) -> Iterator[Bench]:
    """One brand against its simulator."""
    with on_trial(registry, request.param) as found:
        yield found
