"""Seals what must not lie readable in the database: private keys and hub secrets.

Knows the master key, the one before it while that is being replaced, and AES-256-GCM. Does not know what it seals.
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
    """Seals with one master key, and opens what it or the one before it sealed.

    master: any text of 32 characters or more, best 32 random bytes as text. old: the one before; empty for none.
    Raises: MasterKeyInvalid.
    """

    def __init__(self, master: str, old: str = "") -> None:
        if master == old:
            raise MasterKeyInvalid("HUB_MASTER_KEY and HUB_MASTER_KEY_OLD are the same key.")
        self._cipher = _cipher(master, "HUB_MASTER_KEY")
        self._old = _cipher(old, "HUB_MASTER_KEY_OLD") if old else None

    def seal(self, content: bytes, *, label: str) -> bytes:
        """`content` encrypted; only opens under the same label, so that sealed things cannot be swapped."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, label.encode())

    def open(self, sealed: bytes, *, label: str) -> bytes:
        """What was sealed under `label`. Raises: MasterKeyInvalid, when another key sealed it or it was changed."""
        content = _opened(self._cipher, sealed, label)
        if content is None and self._old is not None:
            content = _opened(self._old, sealed, label)
        if content is None:
            raise MasterKeyInvalid(
                "A stored secret does not open with this master key; start the hub with the key that sealed it."
            )
        return content

    def reseal(self, sealed: bytes, *, label: str) -> bytes | None:
        """The same content sealed with the master key; None if it already is. Raises: MasterKeyInvalid."""
        if _opened(self._cipher, sealed, label) is not None:
            return None
        return self.seal(self.open(sealed, label=label), label=label)


def _cipher(master: str, setting: str) -> AESGCM:
    if len(master) < _MASTER_CHARS_MIN:
        raise MasterKeyInvalid(f"{setting} needs {_MASTER_CHARS_MIN} random characters or more.")
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"coalition-hub vault v1").derive(master.encode())
    return AESGCM(derived)


def _opened(cipher: AESGCM, sealed: bytes, label: str) -> bytes | None:
    """The content; None if this key did not seal it under this label."""
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], label.encode())
    except (InvalidTag, ValueError):
        return None


def vault_of(settings: Settings) -> Vault:
    """The vault of these settings; with no key given, one made once in `<data_dir>/master.key`, readable by its owner.

    Raises: MasterKeyInvalid.
    """
    return Vault(settings.master_key or _kept_key(settings.data_dir / "master.key"), settings.master_key_old)


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
