"""The streaming writer: the inverse of the reader, for files of any size in bounded memory.

Details go into a draft beside the file as they come; header and trailer, which state what was counted, are put around
them at the end. The file gets its name when it is whole and on disk. Does not know where values come from.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from partners.files.codes import FieldUnfit
from partners.files.controls import DIFFERENCES, Tally
from partners.files.fields import Value
from partners.files.layout import Control, Field, FileLayout, RecordLayout
from partners.files.names import file_name
from partners.files.reading import FileFacts
from partners.files.records import Columns, to_lines

_COPY_BYTES = 1 << 20


class Writer:
    """One file of a layout, in `folder`, number `sequence`, made at `made` (aware, in the partner's time zone).

    Use it as a context: a block that raises leaves no file behind, and nothing of it is ever seen under its name.
    The same input gives the same bytes, so writing it again after a crash is harmless.
    """

    def __init__(self, layout: FileLayout, folder: Path, *, sequence: int, made: datetime) -> None:
        self._layout, self._sequence, self._made = layout, sequence, made
        self._end = layout.line_end.characters
        self._tally = Tally(layout)
        self._opened = ExitStack()
        self.path = folder / file_name(layout.name, sequence=sequence, day=made.date())
        self._body = folder / f".{self.path.name}.body"
        self._draft = folder / f".{self.path.name}.draft"

    def __enter__(self) -> "Writer":
        self._out: BinaryIO = self._opened.enter_context(self._body.open("wb"))
        self._body.chmod(0o600)
        if self._layout.titles:
            names = [field.name for field in self._layout.detail.fields]
            self._out.write(self._encoded([self._joined(names)]))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()
        for path in (self._body, self._draft):
            path.unlink(missing_ok=True)

    def add(self, columns: Columns, size: int) -> None:
        """Append `size` detail records, given as columns by field name. Raises: FieldUnfit."""
        layout = self._layout
        if not size:
            return
        lines = to_lines(layout, layout.detail, columns, first=self._tally.records + 1, size=size)
        self._out.write(self._encoded(lines))
        self._tally.add(columns, size)

    def finish(self, values: Mapping[str, Value]) -> FileFacts:
        """Put header and trailer around the details, and give the file its name; what it is then.

        values: of those fields of header and trailer that no control fills. Raises: FieldUnfit.
        """
        self._out.flush()
        frame: dict[str, Value] = {}
        with self._draft.open("wb") as draft, self._body.open("rb") as body:
            self._draft.chmod(0o600)
            draft.write(self._framed(self._layout.headers, values, frame))
            shutil.copyfileobj(body, draft, _COPY_BYTES)
            draft.write(self._framed(self._layout.trailers, values, frame))
            draft.flush()
            os.fsync(draft.fileno())
        with self._draft.open("rb") as raw:
            sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
        size = self._draft.stat().st_size
        self._draft.rename(self.path)
        sync_folder(self.path.parent)
        day = self._made.date()
        return FileFacts(self.path.name, self._sequence, day, frame, self._tally.records, size, sha256)

    def _framed(self, records: tuple[RecordLayout, ...], values: Mapping[str, Value], frame: dict[str, Value]) -> bytes:
        lines: list[str] = []
        for record in records:
            columns = {field.name: [self._value(field, values)] for field in record.valued}
            frame.update({name: column[0] for name, column in columns.items()})
            lines += to_lines(self._layout, record, columns, first=1, size=1)
        return self._encoded(lines)

    def _value(self, field: Field, values: Mapping[str, Value]) -> Value:
        if field.control in DIFFERENCES:
            return self._tally.value(field)
        match field.control:
            case Control.SEQUENCE:
                return self._sequence
            case Control.CREATED_ON:
                return self._made.date()
            case Control.CREATED_AT:
                return self._made.time().replace(microsecond=0, tzinfo=None)
        return values.get(field.name)

    def _joined(self, texts: list[str]) -> str:
        return self._layout.delimiter.join(texts)

    def _encoded(self, lines: list[str]) -> bytes:
        if not lines:
            return b""
        text = self._end.join(lines) + self._end
        try:
            return text.encode(self._layout.encoding)
        except UnicodeEncodeError as fault:
            raise FieldUnfit("detail", f"a character is not in {self._layout.encoding}") from fault


def sync_folder(folder: Path) -> None:
    """Have a folder's names on disk: without it a file renamed just before a power loss may be gone."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
