"""Where brands lie: the box, a further folder by setting, or a folder that somebody names.

Knows paths. Reads no profile.
"""

from pathlib import Path

from hub.config import Settings
from partners.registry import BRANDS_FOLDER, BrandUnknown


def brand_folders(settings: Settings) -> list[Path]:
    """The folders that brands are looked for in."""
    return [BRANDS_FOLDER, *([Path(settings.partners_dir)] if settings.partners_dir else [])]


def brand_folder(settings: Settings, brand: str) -> Path:
    """The folder of a brand: one that is named as a path, else that of the code. Raises: BrandUnknown."""
    named = Path(brand)
    places = [parent / brand for parent in brand_folders(settings)] if named.name == brand else []
    found = next((place for place in (*places, named) if place.is_dir()), None)
    if found is None:
        raise BrandUnknown(f"There is no brand {brand[:64]!r} and no such folder; `hub partner list` shows the brands.")
    return found.resolve()
