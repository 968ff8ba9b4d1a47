"""Approvals by users of partners, and the rule of the second person.

Knows who said yes to what. Does not know what the subject is: an agreement version, a rate rule or a campaign.
"""

from collections.abc import Collection
from datetime import datetime

from hub.agreements.refusals import ApprovalMissing, FourEyes, PartnerMissing
from hub.audit import service as audit
from hub.storage import Work


def approve(work: Work, subject: str, *, partner: str, actor: str, now: datetime) -> None:
    """Record that `actor`, a user of `partner`, agrees to `subject`; the first approval of a partner stays.

    subject: id of an agreement version, a rate rule or a campaign. That `actor` acts for `partner` the caller checks.
    Raises: PartnerMissing.
    """
    if not work.fetch("SELECT 1 FROM partner WHERE code = %s", (partner,)):
        raise PartnerMissing(f"There is no partner {partner}.", partner=partner)
    added = work.run(
        """
        INSERT INTO approval (subject, partner, actor, approved_at) VALUES (%s, %s, %s, %s)
        ON CONFLICT (subject, partner) DO NOTHING""",
        (subject, partner, actor, now),
    )
    if added:
        audit.record(work, actor=actor, action="approved", subject=subject, facts={"partner": partner}, now=now)


def require_approvals(work: Work, subject: str, partners: Collection[str]) -> None:
    """Raises: ApprovalMissing, naming the first of `partners` of which no user has approved `subject`."""
    given = {partner for (partner,) in work.fetch("SELECT partner FROM approval WHERE subject = %s", (subject,))}
    for partner in sorted(set(partners) - given):
        raise ApprovalMissing(f"A user of {partner} has to approve this first.", partner=partner, subject=subject)


def require_second_person(*, proposed_by: str, actor: str) -> None:
    """Raises: FourEyes, when the one who proposed is the one who acts."""
    if proposed_by == actor:
        raise FourEyes("You proposed this; somebody else has to activate it.")
