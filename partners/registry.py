"""Which brands there are: found by looking into folders, so that adding one is adding a folder.

Knows folders, profiles and how an adapter's class is loaded. Does not know any brand by name.
"""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from hub.kernel.errors import HubError
from partners.adapter import BrandAdapter
from partners.base import Connection, PartnerAdapter, Ports
from partners.profile import PROFILE_FILE, Profile, ProfileInvalid, read_profile
from partners.session import PartnerSession
from partners.transport import Transport

# The brands in the box.
BRANDS_FOLDER = Path(__file__).parent


_Kind = TypeVar("_Kind")


class BrandUnknown(HubError):
    """A brand that no folder describes."""

    code = "brand_unknown"


class Registry:
    """The brands of some folders, and the connections to them. Safe between threads."""

    def __init__(self, brands: dict[str, tuple[Profile, Path]]) -> None:
        self._brands = brands
        self._transport = Transport()

    @classmethod
    def scan(cls, folders: Sequence[Path]) -> "Registry":
        """Every brand folder directly below `folders`: those with a profile whose name does not start with `_`.

        Raises: ProfileInvalid, also when two folders have one name.
        """
        brands: dict[str, tuple[Profile, Path]] = {}
        for parent in folders:
            for folder in sorted(parent.iterdir()):
                if folder.name.startswith("_") or not (folder / PROFILE_FILE).is_file():
                    continue
                profile = read_profile(folder)
                if profile.code in brands:
                    raise ProfileInvalid(
                        f"{folder / PROFILE_FILE}: the brand {profile.code} is described in"
                        f" {brands[profile.code][1]} already.",
                        file=str(folder / PROFILE_FILE),
                        key="code",
                    )
                brands[profile.code] = (profile, folder)
        return cls(brands)

    def profiles(self) -> tuple[Profile, ...]:
        """All profiles, sorted by code."""
        return tuple(self._brands[code][0] for code in sorted(self._brands))

    def profile(self, code: str) -> Profile:
        """The profile of one brand. Raises: BrandUnknown."""
        return self._brand(code)[0]

    def folder(self, code: str) -> Path:
        """The folder of one brand. Raises: BrandUnknown."""
        return self._brand(code)[1]

    def adapter(self, profile_code: str, connection: Connection, ports: Ports) -> PartnerAdapter:
        """An adapter of that brand on its way to one partner; cheap, safe between threads, and may be kept.

        Raises: BrandUnknown, ProfileInvalid when the profile names a class that is none.
        """
        profile = self.profile(profile_code)
        kind = self.load(profile_code, profile.adapter, BrandAdapter)
        return kind(PartnerSession(connection, profile.http, ports, self._transport), profile)

    def load(self, code: str, path: str, parent: type[_Kind]) -> type[_Kind]:
        """The class that `module:Class` names in a brand's folder. parent: what it must derive from.

        Raises: BrandUnknown, ProfileInvalid.
        """
        folder = self.folder(code)
        module_name, _, class_name = path.partition(":")
        kind = getattr(_module(folder, module_name), class_name, None)
        if not isinstance(kind, type) or not issubclass(kind, parent):
            raise ProfileInvalid(
                f"{folder / PROFILE_FILE}: {path} is not a class derived from {parent.__name__}.",
                file=str(folder / PROFILE_FILE),
                key=path,
            )
        return kind

    def close(self) -> None:
        """Close idle connections to partners."""
        self._transport.close()

    def _brand(self, code: str) -> tuple[Profile, Path]:
        if code not in self._brands:
            raise BrandUnknown(f"There is no brand {code[:64]!r}; `hub partner list` shows those there are.")
        return self._brands[code]


def _module(folder: Path, name: str) -> ModuleType:
    """A module of a brand: by import for the brands in the box, from its file for others."""
    if folder.parent == BRANDS_FOLDER:
        return importlib.import_module(f"partners.{folder.name}.{name}")
    full = f"partners_outside_{folder.name}_{name}_{abs(hash(folder)):x}"
    if full in sys.modules:
        return sys.modules[full]
    file = folder / f"{name}.py"
    spec = importlib.util.spec_from_file_location(full, file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise ProfileInvalid(f"{folder / PROFILE_FILE}: there is no {file}.", file=str(folder / PROFILE_FILE), key=name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[full]
        raise
    return module
