"""Secrets of endpoints: made here, sealed by the vault, shown once, replaced with an overlap.

Knows the table of secrets. Does not sign.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from hub.access.vault import Vault
from hub.audit.service import record
from hub.kernel.ids import new_id
from hub.storage import Question, Work
from hub.webhooks.endpoints import lock_endpoint
from hub.webhooks.signing import SigningSecret, new_signing_secret
from hub.webhooks.states import Scheme
from hub.webhooks.types import Endpoint, NewSecret, SecretInfo

# Both sign for a day after a rotation: time for a receiver to roll the new one out.
OVERLAP = timedelta(hours=24)

_COLUMNS = ("endpoint", "id", "scheme", "sealed", "public", "created_at")


def issue(work: Work, vault: Vault, endpoint: Endpoint, *, now: datetime) -> list[NewSecret]:
    """The first secrets of an endpoint, one for each of its schemes; shown this once."""
    return [_made(work, vault, endpoint.id, scheme, now) for scheme in endpoint.schemes]


def rotate(work: Work, vault: Vault, id: str, *, actor: str, now: datetime) -> list[NewSecret]:
    """New secrets beside the ones in use, which sign for another `OVERLAP`. A second rotation within it ends nothing
    sooner: every secret that was handed out signs for its whole overlap. Raises: EndpointMissing.
    """
    endpoint = lock_endpoint(work, id)
    work.run(
        "UPDATE webhook_secret SET expires_at = %s WHERE endpoint = %s AND expires_at IS NULL", (now + OVERLAP, id)
    )
    made = [_made(work, vault, id, scheme, now) for scheme in endpoint.schemes]
    record(work, actor=actor, action="webhook.secret_rotated", subject=id, facts={}, now=now)
    return made


def infos(work: Work, endpoints: Sequence[str], *, now: datetime) -> dict[str, list[SecretInfo]]:
    """What may be shown of the secrets of these endpoints, newest first; expired ones left out.

    Read with the hub's own view: no partner's reading reaches this table.
    """
    found: dict[str, list[SecretInfo]] = {id: [] for id in endpoints}
    rows = work.fetch(
        "SELECT id, endpoint, scheme, public, created_at, expires_at FROM webhook_secret "
        "WHERE endpoint = ANY(%s::text[]) AND (expires_at IS NULL OR expires_at > %s) "
        "ORDER BY expires_at DESC NULLS FIRST, created_at DESC, id DESC",
        (list(endpoints), now),
    )
    for id, endpoint, scheme, public, created_at, expires_at in rows:
        found[endpoint].append(SecretInfo(id, endpoint, Scheme(scheme), public, created_at, expires_at))
    return found


def sealed_secrets(
    work: Work, endpoints: Collection[str], *, now: datetime
) -> dict[str, list[tuple[str, Scheme, bytes]]]:
    """Id, scheme and sealed key of what these endpoints' messages are signed with now, newest first."""
    return sealed_of(work, ask_sealed(work, endpoints, now=now))


def ask_sealed(work: Work, endpoints: Collection[str], *, now: datetime) -> Question:
    """Ask for `sealed_secrets`; `sealed_of` has the answer."""
    return work.ask(
        "SELECT endpoint, id, scheme, sealed FROM webhook_secret WHERE endpoint = ANY(%s::text[]) "
        "AND (expires_at IS NULL OR expires_at > %s) ORDER BY expires_at DESC NULLS FIRST, created_at DESC, id DESC",
        (sorted(endpoints), now),
    )


def sealed_of(work: Work, asked: Question) -> dict[str, list[tuple[str, Scheme, bytes]]]:
    """The sealed secrets that were asked for, by endpoint."""
    found: dict[str, list[tuple[str, Scheme, bytes]]] = {}
    for endpoint, id, scheme, sealed in work.answer(asked):
        found.setdefault(endpoint, []).append((id, Scheme(scheme), bytes(sealed)))
    return found


def opened(vault: Vault, endpoint: str, sealed: Sequence[tuple[str, Scheme, bytes]]) -> tuple[SigningSecret, ...]:
    """Sealed secrets of one endpoint, ready to sign. Raises: MasterKeyInvalid."""
    return tuple(
        SigningSecret(scheme, vault.open(content, label=_label(endpoint, id))) for id, scheme, content in sealed
    )


def forget_expired(work: Work, *, now: datetime) -> int:
    """Delete secrets that sign no more; how many there were."""
    return work.run("DELETE FROM webhook_secret WHERE expires_at <= %s", (now,))


def _made(work: Work, vault: Vault, endpoint: str, scheme: Scheme, now: datetime) -> NewSecret:
    secret, id = new_signing_secret(scheme), new_id("whk", now)
    sealed = vault.seal(secret.key, label=_label(endpoint, id))
    work.copy_in("webhook_secret", _COLUMNS, [(endpoint, id, scheme.value, sealed, secret.public, now)])
    info = SecretInfo(id, endpoint, scheme, secret.public, now, None)
    # The private half of `v1a` never leaves the hub: its point is that nobody else can sign.
    return NewSecret(info, secret.text if scheme is Scheme.V1 else "")


def _label(endpoint: str, id: str) -> str:
    return f"webhook_secret {endpoint} {id}"
