"""A small world of partners, members and routes on a real database, with partners that do what they are told."""

import hashlib
import itertools
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction

from hub import chart, ledger
from hub.access.vault import Vault
from hub.agreements import service as agreements
from hub.agreements.types import AgreementDraft, NewPartner, Unit
from hub.conversion.risk import RiskPort, allow_all
from hub.conversion.service import Conversions
from hub.conversion.states import ConversionState
from hub.conversion.types import Acceptance, Conversion, Moment, ReversalRequest
from hub.hosted import verification
from hub.hosted.service import Hosted
from hub.hosted.types import Enrolment, Membership, PointsKind, PointsPosted, PointsRequest, Statement
from hub.kernel.clock import ManualClock
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.legs.cases import open_case_files
from hub.legs.service import Legs
from hub.legs.types import LegProfile, PartnerPort
from hub.members.service import add_member, links, open_link, record_validation
from hub.members.types import NewLink
from hub.rates import service as rates
from hub.rates.catalogue import CatalogueCache
from hub.rates.quotes import Quoter
from hub.rates.types import Block, CampaignDraft, Fee, PriceRequest, RuleDraft
from hub.storage import Batcher, Database, Work
from hub.worker.direct import next_instant, run_due
from hub.worker.handlers import make_handlers
from partners.base import Done, MemberValidation
from partners.hosted.programme import Programme
from tests.hosted.support import Programmes
from tests.hosted.support import programme as kept_programme
from tests.legs.fakes import PROFILE, FakeDirectory, FakePartner

PARTNERS = ("aerojet", "staywell", "northbank")
OPERATOR = "operator:maya"
USD_SCALE = 7


def usd(text: str) -> int:
    """Ledger units of an amount of US dollars."""
    value = Fraction(text) * 10**USD_SCALE
    assert value.denominator == 1
    return value.numerator


VAULT = Vault("a master key for tests, long enough to be taken")


class World:
    """Three test partners that clear in USD (debit 8.00, credit 19.60 per 1,000) and routes between all of them at 5:2.

    10,000 points are worth 80.00 when they leave and their 4,000 are worth 78.40 when they arrive.
    """

    def __init__(
        self,
        database: Database,
        clock: ManualClock,
        *,
        cap: str = "1000000",
        profiles: dict[str, LegProfile] | None = None,
        reversals: bool = True,
        risk: RiskPort = allow_all,
        hosted: Mapping[str, Programme] | None = None,
        directory: PartnerPort | None = None,
        scales: Mapping[str, int] | None = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.partners = {code: FakePartner() for code in PARTNERS}
        self.directory = FakeDirectory(self.partners, dict.fromkeys(PARTNERS, PROFILE) | (profiles or {}))
        for code, profile in self.directory.profiles.items():
            self.partners[code].keys = profile.keys
        self.quoter = Quoter([b"a secret of sixteen bytes"], seconds=600)
        self.catalogues = CatalogueCache()
        self.legs = Legs(directory or self.directory, milliseconds=lambda: 0)
        self.keeping = dict(hosted or {})
        programmes = Programmes(*(kept_programme(rules, unit=unit_of(code)) for code, rules in self.keeping.items()))
        self.hosted = Hosted(programmes, draw=random.Random(1).randrange)
        self.conversions = Conversions(self.catalogues, self.quoter, risk=risk, programmes=programmes)
        self.handlers = make_handlers(database, VAULT, self.legs, self.conversions, clock)
        self._numbers = itertools.count(1)
        self._scales = scales or {}
        self._set_up(cap, reversals)

    def _set_up(self, cap: str, reversals: bool) -> None:
        now = self.clock.now()
        with self.database.work() as work:
            for code in PARTNERS:
                partner = NewPartner(code=code, name=code.title(), kind="airline", profile=code)
                agreements.add_partner(work, partner, actor=OPERATOR, now=now)
                unit = Unit(
                    unit_of(code), code, "points", self._scales.get(code, 0), "points", "", code in self.keeping
                )
                agreements.add_unit(work, unit, actor=OPERATOR, now=now)
        for code in PARTNERS:
            self.agree(code, cap=cap, reversals=reversals)
        for source, target in itertools.permutations(PARTNERS, 2):
            self.add_rule(source, target)

    def agree(self, code: str, *, cap: str, reversals: bool = True, debit: str = "8", credit: str = "19.6") -> None:
        """Let a new agreement of a partner take effect."""
        now = self.clock.now()
        prices = {(unit_of(code), "debit"): Fraction(debit), (unit_of(code), "credit"): Fraction(credit)}
        draft = AgreementDraft(
            partner=code,
            currency="USD",
            ledger_scale=USD_SCALE,
            prices=prices,
            billing_percent=Fraction(100),
            net_debit_cap=Fraction(cap),
            reversals=reversals,
            effective_from=now,
        )
        with self.database.work() as work:
            version = agreements.propose_agreement(work, draft, actor=OPERATOR, now=now)
            rates.activate_agreement(work, version, actor=OPERATOR, now=now)

    def add_rule(self, source: str, target: str, *, give: int = 5, get: int = 2, fee: Fee | None = None) -> str:
        """Let a rate rule take effect."""
        now = self.clock.now()
        draft = RuleDraft(
            source_unit=unit_of(source),
            target_unit=unit_of(target),
            blocks=(Block(0, give, get),),
            minimum=1,
            step=1,
            effective_from=now,
            fee=fee,
            priority=1 if fee else 0,
        )
        with self.database.work() as work:
            rule = rates.propose_rule(work, draft, actor=OPERATOR, now=now)
            rates.activate_rule(work, rule, actor=OPERATOR, now=now)
        return rule

    def add_campaign(
        self, source: str, target: str, *, percent: int, budget: str, member_cap: int | None = None
    ) -> str:
        """Let a funded campaign of the target take effect."""
        now = self.clock.now()
        draft = CampaignDraft(
            name="spring",
            source_unit=unit_of(source),
            target_unit=unit_of(target),
            funder=target,
            starts_on=now.date() - timedelta(days=1),
            ends_on_inclusive=now.date() + timedelta(days=30),
            percent=Fraction(percent),
            member_cap=member_cap,
        )
        with self.database.work() as work:
            campaign = rates.propose_campaign(work, draft, actor=OPERATOR, now=now)
        if usd(budget):
            with self.database.work() as work:
                rates.fund_campaign(
                    work, campaign, currency="USD", amount=usd(budget), key=campaign, actor=OPERATOR, now=now
                )
        with self.database.work() as work:
            rates.activate_campaign(work, campaign, actor=OPERATOR, now=now)
        return campaign

    def member(self, *partners: str, debit_by: tuple[str, ...] = ()) -> str:
        """A member with a proven link at each of these partners, or at all."""
        now = self.clock.now()
        number = next(self._numbers)
        with self.database.work() as work:
            member = add_member(work, reference=f"m{number}", partner="", now=now)
            for partner in partners or PARTNERS:
                membership = self._enrol(work, partner) if partner in self.keeping else f"{partner[:2]}{number}"
                wanted = NewLink(member, partner, membership, "[A-Za-z]{2}[0-9]+", OPERATOR, debit_by)
                link = open_link(work, wanted, now=now)
                record_validation(work, link.id, MemberValidation(Done("seen")), now=now)
            work.run("DELETE FROM outbox_message WHERE kind = 'link.validate'")
        return member

    def _enrol(self, work: Work, partner: str) -> str:
        [found] = self.hosted.enrol(work, [Enrolment(unit_of(partner))], now=self.clock.now())
        assert isinstance(found, Membership), found
        return found.number

    def kept_at(self, member: str, partner: str) -> Membership:
        """A member's membership at a programme that the hub keeps."""
        with self.database.read() as work:
            number = links(work, [(member, partner)])[member, partner].membership
            return self.hosted.find(work, unit_of(partner), number)

    def points(self, kind: str, member: str, partner: str, amount: int | None, *, of: str = "") -> PointsPosted:
        """Let a kept programme's own client move points, which must be granted."""
        key = self.key(f"points {next(self._numbers)}")
        request = PointsRequest(
            key, unit_of(partner), PointsKind(kind), self.kept_at(member, partner).id, amount, of=of
        )
        with self.database.work() as work:
            [answer] = self.hosted.post(work, [request], now=self.clock.now())
        assert isinstance(answer, PointsPosted), answer
        return answer

    def kept(self, member: str, partner: str) -> Statement:
        """What is in a member's membership at a kept programme."""
        id_ = self.kept_at(member, partner).id
        with self.database.read() as work:
            return self.hosted.statement(work, unit_of(partner), id_, now=self.clock.now())

    def quote(
        self, member: str, amount: int, *, source: str = "aerojet", target: str = "staywell", client: str = ""
    ) -> str:
        """A signed quote."""
        now = self.clock.now()
        with self.database.work() as work:
            catalogue = self.catalogues.get(work)
        request = PriceRequest(unit_of(source), unit_of(target), amount)
        id_ = new_id("quo", now)
        quote = self.quoter.quote(catalogue, request, member=member, client_partner=client, at=now, id=id_)
        return self.quoter.seal(quote)

    def request(
        self,
        member: str,
        amount: int = 10_000,
        *,
        source: str = "aerojet",
        target: str = "staywell",
        key: str = "",
        client: str = "",
    ) -> Acceptance:
        """A request to carry out a fresh quote, under a key of its own unless one is given."""
        quote = self.quote(member, amount, source=source, target=target, client=client)
        return Acceptance(self.key(key or quote), quote, member, client, live=False)

    def key(self, text: str) -> str:
        """A scoped and hashed idempotency key, as doors make them."""
        return hashlib.sha256(text.encode()).hexdigest()

    def accept(self, *requests: Acceptance) -> list[Conversion | HubError]:
        """Accept these in one transaction, as the door's batcher does."""
        batcher: Batcher[Acceptance, Conversion] = Batcher(
            self.database,
            lambda work, batch: self.conversions.accept(work, batch, now=self.clock.now()),
            name="accept",
        )
        answers = batcher.submit_many(requests)
        batcher.stop()
        return answers

    def convert(
        self, amount: int = 10_000, *, source: str = "aerojet", target: str = "staywell", member: str = ""
    ) -> Conversion:
        """Accept one conversion, of a fresh member unless one is given."""
        request = self.request(member or self.member(), amount, source=source, target=target)
        answer = self.accept(request)[0]
        assert isinstance(answer, Conversion), answer
        return answer

    def reverse(self, conversion: Conversion, amount: int | None, *, key: str = "", client: str = "") -> object:
        """Ask for a reversal; its conversion or refusal."""
        name = key or f"reverse {conversion.id} {next(self._numbers)}"
        request = ReversalRequest(self.key(name), conversion.id, amount, client, live=False)
        with self.database.work() as work:
            return self.conversions.reverse(work, [request], now=self.clock.now())[0]

    def run(self, *, hours: int = 0, rounds: int = 10_000) -> None:
        """Let the worker do all that is due, and with hours all that becomes due in that time."""
        end = self.clock.now() + timedelta(hours=hours)
        for _ in range(rounds):
            if run_due(self.database, self.handlers, self.clock.now(), 256):
                continue
            instant = next_instant(self.database)
            if instant is None or instant > end:
                break
            self.clock.advance(max(instant - self.clock.now(), timedelta(0)))
        else:
            raise AssertionError("the worker never came to rest")

    def get(self, conversion: Conversion | str) -> Conversion:
        """A conversion as it stands."""
        id_ = conversion if isinstance(conversion, str) else conversion.id
        with self.database.read() as work:
            return self.conversions.get(work, id_, client_partner="")

    def state(self, conversion: Conversion) -> ConversionState:
        """A conversion's state."""
        return self.get(conversion).state

    def timeline(self, conversion: Conversion) -> list[Moment]:
        """A conversion's timeline."""
        with self.database.read() as work:
            return self.conversions.timeline(work, conversion.id, client_partner="")

    def posted(self, code: str) -> int:
        """An account's posted balance; 0 for one that was never opened."""
        with self.database.read() as work:
            found = ledger.balances(work, [code])
        return found[code].posted if code in found else 0

    def held(self, code: str) -> int:
        """What open holds would take from an account."""
        with self.database.read() as work:
            found = ledger.balances(work, [code])
        return found[code].held if code in found else 0

    def position(self, partner: str) -> int:
        """A partner's position in ledger units of USD."""
        return self.posted(chart.position(partner, "USD"))

    def cases(self) -> list[tuple[str, str]]:
        """(subject, kind) of every open case."""
        with self.database.read() as work:
            return [(case.subject, case.kind) for case in open_case_files(work, subject=None, limit=1000)]

    def differences(self) -> list[ledger.Difference]:
        """Everything that is wrong with the ledger, or with the lots of kept programmes."""
        with self.database.read() as work:
            return [*ledger.verify(work), *verification.verify(work)]

    def require_nothing_under_way(self) -> None:
        """Nothing is in transit or held, the ledger is whole, and it agrees with the partners' own books."""
        assert self.differences() == []
        with self.database.read() as work:
            every = ledger.accounts(work, "")
        assert {one.account: one.posted for one in every if one.account.startswith("transit:") and one.posted} == {}
        assert {one.account: one.held for one in every if one.held} == {}

    def require_books_agree(self) -> None:
        """What members won or lost at each partner is what the ledger says."""
        for code, partner in self.partners.items():
            assert partner.total() == self.posted(chart.outside(unit_of(code))), code

    def leg_of(self, conversion: Conversion, role: str) -> str:
        """The id of a conversion's leg."""
        with self.database.read() as work:
            rows = work.fetch("SELECT id FROM leg WHERE owner = %s AND role = %s", (conversion.id, role))
        return str(rows[0][0])

    def set_profile(self, partner: str, **changes: object) -> None:
        """Change what calling a partner has to respect."""
        profile = replace(self.directory.profiles[partner], **changes)  # type: ignore[arg-type]
        self.directory.profiles[partner] = profile
        self.partners[partner].keys = profile.keys

    def advance(self, **time: int) -> datetime:
        """Move the clock."""
        self.clock.advance(timedelta(**time))
        return self.clock.now()


def unit_of(partner: str) -> str:
    """The unit of a partner of this world."""
    return f"{partner}.point"
