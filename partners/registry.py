"""Which brands there are: found by looking into folders, so that adding one is adding a folder.

Knows folders, profiles and how an adapter's class is loaded. Does not know any brand by name.
"""

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from hub.kernel.errors import HubError
from partners.adapter import BrandAdapter
from partners.base import Connection, PartnerAdapter, Ports
from partners.declarative.adapter import DeclarativeAdapter
from partners.files.adapter import FileAdapter, FileDesk
from partners.hosted.adapter import HostedAdapter, KeptBooks, profile_of
from partners.hosted.programme import PROGRAMME_FILE, Programme, read_programme
from partners.profile import PROFILE_FILE, Profile, ProfileInvalid, read_profile
from partners.session import PartnerSession
from partners.transport import Transport

# The brands in the box.
BRANDS_FOLDER = Path(__file__).parent


_Kind = TypeVar("_Kind")


class BrandUnknown(HubError):
    """A brand that no folder describes."""

    code = "brand_unknown"


class BrandHosted(HubError):
    """The hub keeps this brand's programme itself: there is no system that could be called or played."""

    code = "brand_hosted"


class Registry:
    """The brands of some folders, and the connections to them. Safe between threads.

    programmes: those of them that the hub keeps itself, by code.
    """

    def __init__(
        self, brands: dict[str, tuple[Profile, Path]], programmes: Mapping[str, Programme] | None = None
    ) -> None:
        self._brands = brands
        self._programmes = programmes or {}
        self._transport = Transport()

    @classmethod
    def scan(cls, folders: Sequence[Path]) -> "Registry":
        """Every brand folder directly below `folders`: those with a profile or a programme file whose name does not
        start with `_`.

        Raises: ProfileInvalid, also when two folders have one name.
        """
        brands: dict[str, tuple[Profile, Path]] = {}
        programmes: dict[str, Programme] = {}
        for folder in (folder for parent in folders for folder in sorted(parent.iterdir())):
            described = _described(folder)
            if described is None:
                continue
            file, profile, programme = described
            if profile.code in brands:
                raise ProfileInvalid(
                    f"{file}: the brand {profile.code} is described in {brands[profile.code][1]} already.",
                    file=str(file),
                    key="code",
                )
            brands[profile.code] = (profile, folder)
            if programme is not None:
                programmes[profile.code] = programme
        return cls(brands, programmes)

    @classmethod
    def of(cls, folder: Path) -> "Registry":
        """The brand of one folder alone, whatever lies beside it. Raises: BrandUnknown, ProfileInvalid."""
        folder = folder.resolve()
        described = _described(folder)
        if described is None:
            raise BrandUnknown(f"{folder} describes no brand; `hub partner new` makes a folder that does.")
        _, profile, programme = described
        return cls({profile.code: (profile, folder)}, {profile.code: programme} if programme else None)

    def profiles(self) -> tuple[Profile, ...]:
        """Profiles of the brands that have a system of their own, sorted by code."""
        return tuple(self._brands[code][0] for code in sorted(self._brands) if code not in self._programmes)

    def programmes(self) -> tuple[Programme, ...]:
        """The programmes that the hub keeps itself, sorted by code."""
        return tuple(self._programmes[code] for code in sorted(self._programmes))

    def programme(self, code: str) -> Programme | None:
        """The programme of a brand that the hub keeps itself; None for every other brand."""
        return self._programmes.get(code)

    def profile(self, code: str) -> Profile:
        """The profile of one brand. Raises: BrandUnknown."""
        return self._brand(code)[0]

    def folder(self, code: str) -> Path:
        """The folder of one brand. Raises: BrandUnknown."""
        return self._brand(code)[1]

    def adapter(self, profile_code: str, connection: Connection, ports: Ports) -> PartnerAdapter:
        """An adapter of that brand on its way to one partner; cheap, safe between threads, and may be kept.

        Raises: BrandUnknown, BrandHosted, ProfileInvalid when the profile names a class that is none.
        """
        self.require_played(profile_code)
        profile = self.profile(profile_code)
        assert profile.files is None, "a brand that speaks files is reached through `files`"
        kind = DeclarativeAdapter if profile.declared else self.load(profile_code, profile.adapter, BrandAdapter)
        return kind(PartnerSession(connection, profile.http, ports, self._transport), profile)

    def files(self, profile_code: str, connection: Connection, ports: Ports, desk: FileDesk) -> FileAdapter:
        """An adapter of a brand that speaks files; nobody is called through it. Raises: BrandUnknown."""
        profile = self.profile(profile_code)
        return FileAdapter(PartnerSession(connection, profile.http, ports, self._transport), profile, desk)

    def hosted(self, profile_code: str, connection: Connection, ports: Ports, books: KeptBooks) -> HostedAdapter:
        """An adapter of a programme that the hub keeps itself. Raises: BrandUnknown."""
        profile = self.profile(profile_code)
        session = PartnerSession(connection, profile.http, ports, self._transport)
        return HostedAdapter(session, profile, books, self._programmes[profile_code].unit)

    def require_played(self, code: str) -> None:
        """Raises: BrandHosted, for a brand without a system that could be called or played."""
        if code in self._programmes:
            raise BrandHosted(f"{code} has no system of its own: the hub keeps its programme; see `hub hosted list`.")

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


def _described(folder: Path) -> tuple[Path, Profile, Programme | None] | None:
    """The file that describes a brand, with what it says; None for a folder that is no brand's."""
    if folder.name.startswith("_"):
        return None
    if (folder / PROFILE_FILE).is_file():
        return folder / PROFILE_FILE, read_profile(folder), None
    if (folder / PROGRAMME_FILE).is_file():
        programme = read_programme(folder)
        return folder / PROGRAMME_FILE, profile_of(programme), programme
    return None


def _module(folder: Path, name: str) -> ModuleType:
    """A module of a brand: by import for the brands in the box, from its folder as a package of its own for others."""
    if folder.parent == BRANDS_FOLDER:
        return importlib.import_module(f"partners.{folder.name}.{name}")
    file = folder / f"{name}.py"
    if not file.is_file():
        raise ProfileInvalid(f"{folder / PROFILE_FILE}: there is no {file}.", file=str(folder / PROFILE_FILE), key=name)
    package = f"partners_outside_{folder.name}_{abs(hash(folder)):x}"
    if package not in sys.modules:
        sys.modules[package] = module = ModuleType(package)
        module.__path__ = [str(folder)]  # so that `from . import` finds the brand's other modules
    importlib.invalidate_caches()
    return importlib.import_module(f"{package}.{name}")
