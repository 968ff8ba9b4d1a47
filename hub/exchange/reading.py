"""Files as people look at them: lists, and one with its lines counted."""

from hub.exchange import store
from hub.exchange.refusals import FileMissing
from hub.exchange.types import FileIn, FileOut
from hub.storage import Work


def list_files(work: Work, *, partner: str | None, limit: int) -> list[FileOut | FileIn]:
    """Files both ways, newest first; of one partner, or of all with None."""
    found: list[FileOut | FileIn] = [
        *store.newest_out(work, partner, limit=limit),
        *store.newest_in(work, partner, limit=limit),
    ]
    return sorted(found, key=_at, reverse=True)[:limit]


def get_file(work: Work, id: str) -> FileOut | FileIn:
    """One file, locked if it is ours. Raises: FileMissing."""
    found = store.out_by_id(work, id) or store.in_by_id(work, id)
    if found is None:
        raise FileMissing("There is no such file.")
    return found


def codes_counted(work: Work, id: str) -> dict[str, int]:
    """How many records of a partner's file got which code, or lines of a file of ours which answer."""
    rows = work.fetch(
        "SELECT code, count(*) FROM (SELECT unnest(codes) AS code FROM file_part WHERE file = %s UNION ALL "
        "SELECT CASE WHEN outcome = '' THEN 'unanswered' WHEN reason = '' THEN outcome ELSE reason END "
        "FROM file_line WHERE file = %s) AS told GROUP BY code ORDER BY code",
        (id, id),
    )
    return dict(rows)


def _at(file: FileOut | FileIn) -> tuple[object, str]:
    return (file.made_at if isinstance(file, FileOut) else file.received_at, file.id)
