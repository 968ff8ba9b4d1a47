"""Cases: what a person has to look at, one open case of a kind for each subject.

Knows subjects and facts. Does not know what a person may do about them.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.kernel.ids import new_id
from hub.legs.types import CaseFile
from hub.storage import Work


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to be opened. kind: `by_hand`, `contradiction`, `owed`, `late`, and of files `file_refused`,
    `file_record`, `file_not_taken`. facts: nothing personal, no secrets."""

    subject: str
    kind: str
    partner: str
    facts: Mapping[str, str]


def open_cases(work: Work, cases: Sequence[NewCase], *, now: datetime) -> None:
    """Open these cases; one that is open already stays as it is. One statement."""
    if not cases:
        return
    ordered = sorted(cases, key=lambda case: (case.subject, case.kind))
    work.run(
        "INSERT INTO case_file (id, subject, kind, partner, facts, opened_at) "
        "SELECT id, subject, kind, partner, facts, %s FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], "
        "%s::jsonb[]) AS new (id, subject, kind, partner, facts) "
        "ON CONFLICT (subject, kind) WHERE closed_at IS NULL DO NOTHING",
        (
            now,
            [new_id("case", now) for _ in ordered],
            [case.subject for case in ordered],
            [case.kind for case in ordered],
            [case.partner for case in ordered],
            [json.dumps(dict(case.facts), sort_keys=True) for case in ordered],
        ),
    )


def close_cases(work: Work, subjects: Collection[str], kind: str, *, by: str, now: datetime) -> None:
    """Close the open cases of this kind about these subjects. One statement."""
    if not subjects:
        return
    work.run(
        "UPDATE case_file SET closed_at = %s, closed_by = %s "
        "WHERE subject = ANY(%s::text[]) AND kind = %s AND closed_at IS NULL",
        (now, by, sorted(subjects), kind),
    )


def open_case_files(work: Work, *, subject: str | None, limit: int) -> list[CaseFile]:
    """Open cases, oldest first; of one subject, or of all with None."""
    rows = work.fetch(
        "SELECT id, subject, kind, partner, opened_at, closed_at, facts FROM case_file "
        "WHERE closed_at IS NULL AND (%s::text IS NULL OR subject = %s) ORDER BY opened_at, id LIMIT %s",
        (subject, subject, limit),
    )
    return [CaseFile(*row) for row in rows]
