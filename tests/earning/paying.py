"""A bank whose members have memberships at a partner that does what it is told."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

from hub import chart
from hub.access.vault import Vault
from hub.agreements import service as agreements
from hub.agreements.types import AgreementDraft
from hub.conversion.service import Conversions
from hub.earning import service
from hub.earning.verification import verify
from hub.hosted.service import Hosted
from hub.hosted.types import Enrolment, Membership
from hub.kernel.clock import ManualClock
from hub.legs.service import Legs
from hub.members.service import open_link, record_validation
from hub.members.types import NewLink
from hub.rates.catalogue import CatalogueCache
from hub.rates.quotes import Quoter
from hub.storage import Database
from hub.worker.direct import next_instant, run_due
from hub.worker.handlers import make_handlers
from partners.base import Done, MemberValidation, Verb
from tests.earning.support import BANK, PLAIN, UNIT, Spend
from tests.hosted.support import Programmes, programme
from tests.hosted.support import rules as hosted_rules
from tests.legs.fakes import ALL_VERBS, PROFILE, FakeDirectory, FakePartner

PARTNER = "aerojet"
VAULT = Vault("a master key for tests, long enough to be taken")


class Payday:
    """A bank, its members' memberships, and the airline that their points go to."""

    def __init__(
        self, database: Database, clock: ManualClock, rules: str = PLAIN, *, many: bool = False, hosted: bool = False
    ) -> None:
        self.database, self.clock, self.spend = database, clock, Spend(database, clock, rules)
        self.airline = FakePartner()
        verbs = ALL_VERBS | {Verb.CREDIT_MANY} if many else ALL_VERBS
        self.directory = FakeDirectory({PARTNER: self.airline}, {PARTNER: replace(PROFILE, verbs=verbs)})
        self.legs = Legs(self.directory, milliseconds=lambda: 0)
        self.conversions = Conversions(CatalogueCache(), Quoter([b"a secret of sixteen bytes"], seconds=600))
        programmes = Programmes(*([programme(hosted_rules(), unit=UNIT)] if hosted else []))
        self.hosted = Hosted(programmes, draw=random.Random(1).randrange)
        if hosted:
            with database.work() as work:
                work.run("UPDATE unit SET hosted = true WHERE code = %s", (UNIT,))
        self.handlers = make_handlers(database, VAULT, self.legs, self.conversions, clock)

    def member(self, token: str) -> str:
        """Whose token this is."""
        with self.database.read() as work:
            return service.get_token(work, token, bank=BANK).member

    def link(self, *tokens: str) -> None:
        """Tie a membership, called as the token, to each token's member."""
        now = self.clock.now()
        for token in tokens:
            member = self.member(token)
            with self.database.work() as work:
                wanted = NewLink(member, PARTNER, f"AJ-{token}", ".+", "hub")
                link = open_link(work, wanted, now=now)
                record_validation(work, link.id, MemberValidation(Done("seen")), now=now)
                work.run("DELETE FROM outbox_message WHERE kind = 'link.validate'")

    def enrol(self, token: str) -> str:
        """Enrol the token's member at the programme that the hub keeps, and tie the membership to it; its number."""
        member, now = self.member(token), self.clock.now()
        with self.database.work() as work:
            [made] = self.hosted.enrol(work, [Enrolment(UNIT)], now=now)
            assert isinstance(made, Membership), made
            link = open_link(work, NewLink(member, PARTNER, made.number, ".+", "hub"), now=now)
            record_validation(work, link.id, MemberValidation(Done("seen")), now=now)
        return made.number

    def pay(self) -> None:
        """What the scheduler does."""
        takes_many = lambda partner: Verb.CREDIT_MANY in self.directory.profile(partner).verbs  # noqa: E731
        service.pay_out(self.database, takes_many=takes_many, hosted=self.hosted, now=self.clock.now())

    def work(self, *, hours: int = 0) -> None:
        """Let the worker do all that is due, and with hours all that becomes due in that time."""
        end = self.clock.now() + timedelta(hours=hours)
        for _ in range(10_000):
            if run_due(self.database, self.handlers, self.clock.now(), 256):
                continue
            instant = next_instant(self.database)
            if instant is None or instant > end:
                return
            self.clock.advance(max(instant - self.clock.now(), timedelta(0)))
        raise AssertionError("the worker never came to rest")

    def states(self) -> list[tuple[str, int, str]]:
        """State, points and reason of every payout, in the order in which they came."""
        with self.database.read() as work:
            return work.fetch(
                "SELECT p.state, p.points, p.reason FROM earn_payout p ORDER BY "
                "(SELECT min(c.number) FROM earn_chunk c WHERE c.run = p.run), p.points DESC"
            )

    def agree(self, *, reversals: bool, cap: str = "5000000") -> None:
        """Let a new agreement of the airline take effect, at the same prices."""
        now = self.clock.now()
        with self.database.work() as work:
            standing = agreements.list_agreements(work, partner=PARTNER, state=None, live=False, after="", limit=50)[-1]
            draft = AgreementDraft(
                partner=PARTNER,
                currency=standing.currency,
                ledger_scale=standing.ledger_scale,
                prices={(one.unit, one.kind): one.per_thousand for one in standing.prices},
                billing_percent=standing.billing_percent,
                net_debit_cap=Fraction(cap),
                reversals=reversals,
                effective_from=now,
            )
            version = agreements.propose_agreement(work, draft, actor="maya", now=now)
            agreements.activate_agreement(work, version, actor="noor", now=now)

    def accrued(self) -> int:
        """Points that were granted and have not arrived."""
        return self.spend.balance(chart.accrued(BANK, UNIT))

    def arrived(self) -> int:
        """Points that arrived at the airline, as the ledger has it."""
        return self.spend.balance(chart.outside(UNIT))

    def require_whole(self) -> None:
        """Ledger and sub-ledger agree with themselves, with each other, and with the airline's own books."""
        assert self.spend.differences() == []
        with self.database.read() as work:
            assert verify(work) == []
        assert self.airline.total() == self.arrived()

    def events(self) -> Sequence[str]:
        """Types of the events that were announced about payouts."""
        with self.database.read() as work:
            rows = work.fetch(
                "SELECT body ->> 'type' FROM outbox_message WHERE kind = 'event.announced' "
                "AND body ->> 'type' IN ('accrual.paid', 'accrual.returned') ORDER BY id"
            )
        return [type_ for (type_,) in rows]
