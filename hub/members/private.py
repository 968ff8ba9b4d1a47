"""What the hub knows of a member as a person, sealed with a key of that member's own.

Knows the table `member_private`: a key, sealed with the master key, and what lies under it. Destroying the key leaves
the ledger whole and nobody behind the member's id. Does not know who may ask.
"""

import json
import secrets
from datetime import datetime

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.access.vault import Vault
from hub.audit.service import record
from hub.members.errors import MemberMissing
from hub.storage import Work

_NONCE_BYTES = 12
_KEY_BITS = 256
_KEY_LABEL = "member key {}"


def keep_name(work: Work, vault: Vault, member: str, name: str, *, actor: str, now: datetime) -> None:
    """Keep a member's name in place of what was kept before. name: as its documents have it, 1 to 120 characters.

    Raises: MemberMissing, also for a member that was erased.
    """
    if not work.fetch("SELECT 1 FROM member WHERE id = %s AND erased_at IS NULL FOR UPDATE", (member,)):
        raise MemberMissing("There is no such member.")
    if name == name_of(work, vault, member):
        return
    key = AESGCM.generate_key(_KEY_BITS)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    content = nonce + AESGCM(key).encrypt(nonce, json.dumps({"name": name}).encode(), member.encode())
    work.run(
        "INSERT INTO member_private (member, sealed_key, content, updated_at) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (member) DO UPDATE SET sealed_key = excluded.sealed_key, content = excluded.content, "
        "updated_at = excluded.updated_at",
        (member, vault.seal(key, label=_KEY_LABEL.format(member)), content, now),
    )
    record(work, actor=actor, action="member.named", subject=member, facts={}, now=now)


def name_of(work: Work, vault: Vault, member: str) -> str:
    """The member's name; empty while none is known, and for a member that was erased."""
    rows = work.fetch("SELECT sealed_key, content FROM member_private WHERE member = %s", (member,))
    if not rows:
        return ""
    sealed_key, content = (bytes(one) for one in rows[0])
    key = AESGCM(vault.open(sealed_key, label=_KEY_LABEL.format(member)))
    found = json.loads(key.decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], member.encode()))
    return str(found["name"])


def destroy(work: Work, member: str) -> None:
    """Destroy a member's key and what lies under it. Safe to repeat."""
    work.run("DELETE FROM member_private WHERE member = %s", (member,))
