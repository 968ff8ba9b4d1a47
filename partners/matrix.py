"""What each brand can do, side by side: read from profiles and programmes, nothing else.

Knows declarations. Calls nobody, and needs no database.
"""

from collections.abc import Sequence
from pathlib import Path

from partners.hosted.programme import Programme
from partners.profile import Profile
from partners.registry import Registry


def support_matrix(folders: Sequence[Path]) -> list[dict[str, object]]:
    """A row of plain JSON values for each brand below these folders, sorted by code. Raises: ProfileInvalid."""
    registry = Registry.scan(folders)
    rows = [_row(profile) for profile in registry.profiles()]
    rows += [_hosted_row(programme) for programme in registry.programmes()]
    registry.close()
    return sorted(rows, key=lambda row: str(row["profile"]))


def _row(profile: Profile) -> dict[str, object]:
    able = profile.capabilities
    speaks = "files" if profile.files else "declarative" if profile.declared else "rest"
    return {
        "profile": profile.code,
        "name": profile.name,
        "kind": str(profile.kind),
        "speaks": speaks,
        "units": [unit.code for unit in profile.units],
        "verbs": sorted(able.verbs),
        "reverse": str(able.reverse),
        "keys": able.keys,
        "key_life_hours": able.key_life_hours,
        "inquiry_lag_seconds": able.inquiry_lag_seconds,
        "bonus": str(able.bonus),
        "auth": str(profile.http.auth),
        "signing": str(profile.http.signing),
        "notifications": str(profile.notifications.scheme),
        "docs_url": profile.docs_url,
    }


def _hosted_row(programme: Programme) -> dict[str, object]:
    """The hub keeps it: everything is possible, nobody is called."""
    return {
        "profile": programme.code,
        "name": programme.name,
        "kind": str(programme.kind),
        "speaks": "hosted",
        "units": [programme.unit],
        "verbs": ["balance", "credit", "debit", "inquire", "reverse", "validate_member"],
        "reverse": "native",
        "keys": True,
        "key_life_hours": 0,
        "inquiry_lag_seconds": 0,
        "bonus": "combined",
        "auth": "none",
        "signing": "none",
        "notifications": "none",
        "docs_url": "",
    }
