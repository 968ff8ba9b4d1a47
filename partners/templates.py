"""Folders to begin a brand with: copied under the brand's own name, working from the first minute.

Knows the templates in the box. Does not know what a brand is used for.
"""

from enum import StrEnum
from pathlib import Path
from shutil import copytree, ignore_patterns

from hub.kernel.errors import HubError
from partners.registry import BRANDS_FOLDER

# Texts in which the template's name is replaced.
_TEXTS = (".py", ".toml", ".md", ".json", ".xml", ".txt")


class TemplateKind(StrEnum):
    """How a new brand speaks."""

    REST = "rest"
    DECLARATIVE = "declarative"
    HOSTED = "hosted"
    FILES = "files"


class BrandExists(HubError):
    """A folder for a new brand that is there already."""

    code = "brand_exists"


def template_folder(kind: TemplateKind) -> Path:
    """Where the template of that kind lies."""
    return BRANDS_FOLDER / ("_template" if kind is TemplateKind.REST else f"_template_{kind}")


def copy_template(kind: TemplateKind, code: str, parent: Path) -> Path:
    """A brand `code` below `parent`, which is made if need be. Raises: BrandExists."""
    folder = parent.resolve() / code
    if folder.exists():
        raise BrandExists(f"{folder} is there already; choose another name, or take it away first.", folder=str(folder))
    parent.mkdir(parents=True, exist_ok=True)
    copytree(template_folder(kind), folder, ignore=ignore_patterns("__pycache__"))
    words = code.split("_")
    names = {
        "your_brand": code,
        "your-brand": code.replace("_", "-"),
        "YourBrand": "".join(word.capitalize() for word in words),
        "Your Brand": " ".join(word.capitalize() for word in words),
        "Your brand": " ".join(words).capitalize(),
    }
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix in _TEXTS:
            text = file.read_text(encoding="utf-8")
            for old, new in names.items():
                text = text.replace(old, new)
            file.write_text(text, encoding="utf-8")
    return folder
