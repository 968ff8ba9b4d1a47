"""What sort of brand a folder holds, and the report about it: even about one that cannot be used at all.

Knows folders and which checks go with which sort of brand. What is checked stands elsewhere.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType

from hub.kernel.clock import SystemClock
from partners.adapter import BrandAdapter
from partners.conformance.files import FILE_CHECKS, FileBench
from partners.conformance.hosted import HOSTED_CHECKS
from partners.conformance.kit import CHECKS, check_brand
from partners.conformance.types import (
    Check,
    CheckUnknown,
    ContractBroken,
    Finding,
    Group,
    On,
    Report,
    Verdict,
    check,
    found,
    is_chosen,
)
from partners.hosted.programme import PROGRAMME_FILE, read_programme
from partners.profile import PROFILE_FILE, ProfileInvalid, read_profile
from partners.registry import BrandUnknown, Registry
from partners.sandbox.bench import face_of

_MENDED = "as docs/partners/profile.md says, to the last key"


@check("profile.valid", Group.PROFILE, "The brand's declaration is valid, to the last key.")
def declaration_is_valid(folder: Path) -> None:
    """Read it."""
    try:
        _ = read_programme(folder) if (folder / PROGRAMME_FILE).is_file() else read_profile(folder)
    except ProfileInvalid as refusal:
        seen = f"The declaration cannot be used: {refusal.detail.rstrip('.')}"
        raise ContractBroken(seen, _MENDED, "Correct that line") from refusal


@check("profile.loads", Group.PROFILE, "The classes that the profile names can be loaded.")
def code_can_be_loaded(folder: Path) -> None:
    """Import the adapter and the simulator, as the hub would."""
    registry = Registry.of(folder)
    profile = registry.profile(folder.name)
    try:
        if profile.adapter:
            registry.load(profile.code, profile.adapter, BrandAdapter)
        face_of(registry, profile.code)
    except ProfileInvalid as refusal:
        seen = f"The brand's code cannot be used: {refusal.detail.rstrip('.')}"
        raise ContractBroken(seen, "a class of the kind that is named", "Correct adapter or simulator") from refusal
    except Exception as fault:
        seen = f"The brand's code cannot be loaded: {type(fault).__name__}: {str(fault)[:200]}"
        raise ContractBroken(
            seen, "importable without an error", "Run python on the file, mend what it says"
        ) from fault


_FOLDER_CHECKS: tuple[Check[Path], ...] = (declaration_is_valid, code_can_be_loaded)

# Every check there is, by id, with its group and promise, in order.
PROMISES: Mapping[str, tuple[Group, str]] = MappingProxyType(
    {
        **{one.id: (one.group, one.promise) for one in _FOLDER_CHECKS},
        **{one.id: (one.group, one.promise) for one in CHECKS.values()},
        **{one.id: (one.group, one.promise) for one in FILE_CHECKS},
        **{one.id: (one.group, one.promise) for one in HOSTED_CHECKS},
    }
)


def check_folder(folder: Path, *, only: Collection[str] = (), until_failed: bool = False) -> Report:
    """The report about the brand in `folder`. only: ids, or first parts of ids; empty for all.

    Raises: BrandUnknown if there is no brand in it, CheckUnknown.
    """
    for wanted in only:
        if not any(is_chosen(one, [wanted]) for one in PROMISES):
            raise CheckUnknown(f"There is no check {wanted[:64]!r}; `hub partner check --list` shows those there are.")
    folder = folder.resolve()
    hosted = (folder / PROGRAMME_FILE).is_file()
    if not hosted and not (folder / PROFILE_FILE).is_file():
        raise BrandUnknown(f"{folder} holds neither {PROFILE_FILE} nor {PROGRAMME_FILE}; `hub partner new` makes one.")
    first = [found(declaration_is_valid, folder)]
    if not hosted and first[0].verdict is Verdict.PASSED:
        first.append(found(code_can_be_loaded, folder))
    if first[-1].verdict is Verdict.FAILED:
        # Nothing else can be tried, so this is told whatever was asked for.
        kind = "hosted" if hosted else "unusable"
        return Report(folder.name, folder.name, kind, SystemClock().now(), tuple(first))
    report = _of_programme(folder, only) if hosted else _of_profile(folder, only, until_failed=until_failed)
    wanted_first = tuple(one for one in first if is_chosen(one.check, only))
    return Report(report.brand, report.name, report.kind, report.at, (*wanted_first, *report.findings))


def _of_programme(folder: Path, only: Collection[str]) -> Report:
    programme = read_programme(folder)
    findings = _all_found(HOSTED_CHECKS, programme, only)
    return Report(programme.code, programme.name, "hosted", SystemClock().now(), findings)


def _of_profile(folder: Path, only: Collection[str], *, until_failed: bool) -> Report:
    registry = Registry.of(folder)
    try:
        profile = registry.profile(folder.name)
        if profile.files is None:
            return check_brand(registry, profile.code, only=only, until_failed=until_failed)
        findings = _all_found(FILE_CHECKS, FileBench(profile, profile.files), only)
        return Report(profile.code, profile.name, "files", SystemClock().now(), findings)
    finally:
        registry.close()


def _all_found(checks: tuple[Check[On], ...], on: On, only: Collection[str]) -> tuple[Finding, ...]:
    return tuple(found(one, on) for one in checks if is_chosen(one.id, only))
