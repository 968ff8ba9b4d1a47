"""Row-level security under card spend: a bank reads its own rows, whoever is named reads the rules, nobody else any."""

from hub.agreements.roster import roster
from hub.earning import service
from hub.earning.claims import NewClaim
from hub.earning.payouts import gather
from hub.kernel.clock import ManualClock
from hub.storage import Database
from tests.earning.support import BANK, UNIT, Spend, row
from tests.earning.test_claims import DAY, RULES

OWN = (
    "earn_bank",
    "card_token",
    "earn_target",
    "earn_pricing",
    "earn_chunk",
    "card_transaction",
    "earn_refund",
    "earn_adjustment",
    "earn_pool",
    "earn_block",
    "earn_claim",
    "earn_refused",
)
POOLED = RULES.replace('"1 per 1.00"', '"1 per 1.00"\nrounding = "statement"')


def story(database: Database, clock: ManualClock) -> None:
    """Something in every table."""
    spend = Spend(database, clock, POOLED)
    spend.take([row("p", "10.90"), row("bad", "1.00", currency="USD")])
    spend.take([row("r", "-5.00", original="p")])
    now = clock.now()
    with database.work() as work:
        known = service.entered_roster(work)
        service.add_block(
            work, known, bank=BANK, kind="points", unit=UNIT, amount=100, reorder_at=0, reserve=False, actor="maya",
            now=now,
        )  # fmt: skip
    with database.work() as work:
        known = roster(work)
        member = service.get_token(work, "card-1", bank=BANK).member
        service.set_target(work, known, member, unit=UNIT, bank=BANK, since=DAY, actor="maya", now=now)
        service.make_claim(work, service.desk_of(work, known, BANK, now=now), NewClaim("card-1", DAY, 1_090))
        gather(work, known, BANK, now=now)


def count(database: Database, table: str, *, as_partner: str) -> int:
    with database.read(as_partner=as_partner) as work:
        return int(work.fetch(f"SELECT count(*) FROM {table}")[0][0])  # type: ignore[arg-type]


def test_a_bank_reads_its_own_rows_and_nobody_else_does(database: Database, clock: ManualClock) -> None:
    story(database, clock)

    for table in OWN:
        assert count(database, table, as_partner=BANK) == count(database, table, as_partner="") > 0, table
        assert count(database, table, as_partner="aerojet") == 0, table


def test_whose_points_they_are_reads_rules_and_payouts_and_a_third_one_nothing(
    database: Database, clock: ManualClock
) -> None:
    story(database, clock)

    for table in ("earn_ruleset", "earn_payout"):
        seen = [count(database, table, as_partner=who) for who in (BANK, "aerojet", "bystander")]
        assert seen == [1, 1, 0], table
