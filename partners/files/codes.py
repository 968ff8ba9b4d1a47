"""Every word for what may be wrong with a file as a whole or with one of its records.

Knows words and sentences. `docs/partners/files.md` lists them; a test holds the two together.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from hub.kernel.errors import HubError


class FileCode(StrEnum):
    """Why a file is refused as a whole: nothing in it has any effect."""

    EMPTY_FILE = "empty_file"
    WRONG_NAME = "wrong_name"
    WRONG_TYPE = "wrong_type"
    WRONG_CHARSET = "wrong_charset"
    WRONG_LINE_END = "wrong_line_end"
    WRONG_RECORD = "wrong_record"
    TRUNCATED = "truncated"
    REORDERED = "reordered"
    CONTROL_UNREADABLE = "control_unreadable"
    COUNT_DIFFERS = "count_differs"
    TOTAL_DIFFERS = "total_differs"
    HASH_DIFFERS = "hash_differs"
    DUPLICATE_FILE = "duplicate_file"
    DUPLICATE_SEQUENCE = "duplicate_sequence"
    SEQUENCE_GAP = "sequence_gap"
    ANSWERS_NOTHING = "answers_nothing"


class RecordCode(StrEnum):
    """What became of one record of a file that was taken as a whole."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    FIELD_INVALID = "field_invalid"
    KEY_UNKNOWN = "key_unknown"
    NOT_SENT = "not_sent"
    MEMBER_DIFFERS = "member_differs"
    AMOUNT_DIFFERS = "amount_differs"
    WORD_UNKNOWN = "word_unknown"
    CONTRADICTION = "contradiction"


FILE_MEANINGS: Mapping[FileCode, str] = MappingProxyType(
    {
        FileCode.EMPTY_FILE: "There is nothing in it, or no record although the format wants one.",
        FileCode.WRONG_NAME: "Its name is not what the format says, or says another sequence or date than its header.",
        FileCode.WRONG_TYPE: "Its first record is not the header of this format.",
        FileCode.WRONG_CHARSET: "It holds bytes that are no characters of the declared encoding, or unprintable ones.",
        FileCode.WRONG_LINE_END: "Its lines end otherwise than declared.",
        FileCode.WRONG_RECORD: "A record has another length, another number of fields or another type than declared.",
        FileCode.TRUNCATED: "It ends before its last record or its trailer.",
        FileCode.REORDERED: "Header or trailer stand elsewhere, or record numbers do not run 1, 2, 3 without a gap.",
        FileCode.CONTROL_UNREADABLE: "A field of its header or trailer cannot be read.",
        FileCode.COUNT_DIFFERS: "The number of records is not the one it states.",
        FileCode.TOTAL_DIFFERS: "An amount total is not the one it states.",
        FileCode.HASH_DIFFERS: "A hash total is not the one it states.",
        FileCode.DUPLICATE_FILE: "A file with the same content was taken before.",
        FileCode.DUPLICATE_SEQUENCE: "A file with the same sequence number was taken before.",
        FileCode.SEQUENCE_GAP: "Its sequence number does not follow the last one taken; send the missing file first.",
        FileCode.ANSWERS_NOTHING: "It answers a file that was never delivered.",
    }
)

RECORD_MEANINGS: Mapping[RecordCode, str] = MappingProxyType(
    {
        RecordCode.ACCEPTED: "It was taken and has its effect.",
        RecordCode.REPEATED: "The same was said before; it has no further effect.",
        RecordCode.FIELD_INVALID: "A field cannot be read; the record has no effect.",
        RecordCode.KEY_UNKNOWN: "No instruction has this key; it has no effect, a case is open.",
        RecordCode.NOT_SENT: "The instruction was not sent yet; it has no effect, a case is open.",
        RecordCode.MEMBER_DIFFERS: "The instruction was for another membership; it has no effect, a case is open.",
        RecordCode.AMOUNT_DIFFERS: "The instruction was for another amount; a person decides, a case is open.",
        RecordCode.WORD_UNKNOWN: "Its result is a word that the format does not list; no effect, a case is open.",
        RecordCode.CONTRADICTION: "It says the opposite of what was proven before; no effect, a case is open.",
    }
)


class FileRefused(HubError):
    """A file of a partner is refused as a whole; nothing in it has any effect.

    reason: a `FileCode`. line: where, from 1, if it is one place.
    """

    code = "file_refused"

    def __init__(self, reason: FileCode, what: str = "", *, line: int | None = None) -> None:
        where = f" (line {line})" if line is not None else ""
        super().__init__(f"{FILE_MEANINGS[reason]}{where} {what}".rstrip(), reason=str(reason), line=line)
        self.reason = reason
        self.line = line

    def __reduce__(self) -> tuple[object, ...]:
        return (FileRefused, (self.reason, self.detail), None)


class FieldUnfit(ValueError):
    """A value that a field cannot hold; our own writing stops before anything is delivered. field: its name."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
