"""Where files change hands: two folders at a partner, one for each way.

A file is claimed by renaming it before it is read, so that one that its partner replaces meanwhile is neither lost nor
mixed up; a file of ours gets its name when all of it is on disk. Does not know what is in files.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Protocol

from partners.files.declaration import Exchange, Ready
from partners.files.writing import sync_folder

_CLAIM = ".taken."
_DRAFT = ".part."
# What programs call a file that is not complete; and what no name of a file looks like.
_INCOMPLETE = (".tmp", ".part", ".filepart")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,119}")
_COPY_BYTES = 1 << 20


class Place(Protocol):
    """Port: the two folders of one partner. A fault of the way there is an `OSError`."""

    def waiting(self) -> list[str]:
        """Names of complete files that nobody has removed, sorted."""

    def fetch(self, name: str, to: Path) -> None:
        """Claim the file and copy it; again, the same bytes, until it is removed."""

    def remove(self, name: str) -> None:
        """Remove a claimed file; nothing when it is gone."""

    def deliver(self, file: Path, name: str) -> None:
        """Hand a file over under its name, whole or not at all; one that lies there already is replaced."""


class FolderPlace:
    """Two folders of this machine, or of one that is mounted here."""

    def __init__(self, root: Path, exchange: Exchange) -> None:
        self._out, self._in = root / exchange.deliver, root / exchange.fetch
        self._exchange = exchange
        for folder in (self._out, self._in):
            folder.mkdir(parents=True, exist_ok=True)

    def waiting(self) -> list[str]:
        """Names of complete files that nobody has removed, sorted."""
        found = {entry.name for entry in self._in.iterdir() if entry.is_file() and not entry.is_symlink()}
        names = {name.removeprefix(_CLAIM) for name in found if name.startswith(_CLAIM)}
        marked = self._exchange.ready is Ready.MARKER
        for name in found:
            complete = name + self._exchange.marker in found if marked else not name.endswith(_INCOMPLETE)
            if complete and _NAME.fullmatch(name) and not (marked and name.endswith(self._exchange.marker)):
                names.add(name)
        return sorted(names)

    def fetch(self, name: str, to: Path) -> None:
        """Claim the file and copy it."""
        claim = self._in / (_CLAIM + name)
        if not claim.exists():
            (self._in / name).rename(claim)
            sync_folder(self._in)
        # A link in place of the file would have the hub read what the partner may not.
        descriptor = os.open(claim, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as source, to.open("wb") as target:
            to.chmod(0o600)
            shutil.copyfileobj(source, target, _COPY_BYTES)
            target.flush()
            os.fsync(target.fileno())

    def remove(self, name: str) -> None:
        """Remove a claimed file and its marker."""
        if self._exchange.ready is Ready.MARKER and not (self._in / name).exists():
            (self._in / (name + self._exchange.marker)).unlink(missing_ok=True)
        (self._in / (_CLAIM + name)).unlink(missing_ok=True)
        sync_folder(self._in)

    def deliver(self, file: Path, name: str) -> None:
        """Hand a file over under its name."""
        draft = self._out / (_DRAFT + name)
        with file.open("rb") as source, draft.open("wb") as target:
            draft.chmod(0o640)
            shutil.copyfileobj(source, target, _COPY_BYTES)
            target.flush()
            os.fsync(target.fileno())
        draft.rename(self._out / name)
        if self._exchange.ready is Ready.MARKER:
            (self._out / (name + self._exchange.marker)).touch(mode=0o640)
        sync_folder(self._out)
