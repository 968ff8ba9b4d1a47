"""Seals what must not lie readable in the database: private keys and hub secrets.

Knows one master key and AES-256-GCM. Does not know what it seals.
"""

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub.config import Settings
from hub.kernel.errors import HubError

# 12 bytes: the nonce length AES-GCM is made for. Drawn at random; a master key seals far fewer than 2^32 things.
_NONCE_BYTES = 12
_MASTER_CHARS_MIN = 32


class MasterKeyInvalid(HubError):
    """A master key that is too short, unreadable, or not the one that sealed what is stored."""

    code = "master_key_invalid"


class Vault:
    """Seals and opens with one master key. master: any text of 32 characters or more, best 32 random bytes as text.

    Raises: MasterKeyInvalid.
    """

    def __init__(self, master: str) -> None:
        if len(master) < _MASTER_CHARS_MIN:
            raise MasterKeyInvalid(f"HUB_MASTER_KEY needs {_MASTER_CHARS_MIN} random characters or more.")
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"coalition-hub vault v1").derive(master.encode())
        self._cipher = AESGCM(derived)

    def seal(self, content: bytes, *, label: str) -> bytes:
        """`content` encrypted; only opens under the same label, so that sealed things cannot be swapped."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, label.encode())

    def open(self, sealed: bytes, *, label: str) -> bytes:
        """What was sealed under `label`. Raises: MasterKeyInvalid, when another key sealed it or it was changed."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], label.encode())
        except (InvalidTag, ValueError) as fault:
            raise MasterKeyInvalid(
                "A stored secret does not open with this master key; start the hub with the key that sealed it."
            ) from fault


def vault_of(settings: Settings) -> Vault:
    """The vault of these settings; with no key given, one made once in `<data_dir>/master.key`, readable by its owner.

    Raises: MasterKeyInvalid.
    """
    return Vault(settings.master_key or _kept_key(settings.data_dir / "master.key"))


def _kept_key(path: Path) -> str:
    """The key in `path`, made first if it is missing; of several processes that start at once, one makes it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)  # fails if another process was first, and then its key counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise MasterKeyInvalid(
            f"The master key {path} cannot be read; set HUB_MASTER_KEY or HUB_MASTER_KEY_FILE."
        ) from fault
