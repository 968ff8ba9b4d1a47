"""What members accrued by spending goes to a partner that speaks files, and comes back when it refuses."""

from datetime import timedelta
from pathlib import Path

from hub.exchange.desk import ExchangeDesk
from hub.exchange.running import Exchange
from hub.exchange.types import FilePartner
from hub.kernel.clock import ManualClock
from hub.legs.service import Legs
from hub.storage import Database
from hub.storage.locks import SharedLocks
from hub.worker.handlers import make_handlers
from hub.worker.owners import settling
from partners.base import Connection, Ports
from partners.files.adapter import FileAdapter
from partners.files.faults import in_order
from partners.files.places import FolderPlace
from partners.files.simulator import FileSimulator
from partners.memory import MemoryBreaker, MemoryTokenStore
from partners.sandbox.books import Books, MemberStatus, SimulatedMember
from partners.session import PartnerSession
from partners.transport import Transport
from tests.earning.paying import PARTNER, VAULT, Payday
from tests.earning.support import UNIT, row
from tests.exchange.world import BRAND, FILES, LEGS
from tests.legs.fakes import FakeDirectory


class _Directory(FakeDirectory):
    """One partner, reached by files."""

    def __init__(self, shop: FileAdapter, place: FolderPlace) -> None:
        super().__init__({}, {PARTNER: LEGS})
        self._shop, self._place = shop, place

    def adapter(self, partner: str) -> FileAdapter:  # type: ignore[override]
        assert partner == PARTNER
        return self._shop

    def file_partners(self) -> list[str]:
        return [PARTNER]

    def file_partner(self, partner: str) -> FilePartner:
        return FilePartner(partner, FILES, LEGS, self._place)


def test_points_are_paid_out_in_a_file_and_what_is_refused_is_the_members_again(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    day = Payday(database, clock)
    ports = Ports(MemoryTokenStore(), MemoryBreaker(clock, failures_max=9, rest=timedelta(seconds=1)), clock)
    session = PartnerSession(Connection(PARTNER, "", "", "", {}, 1), BRAND.http, ports, Transport())
    directory = _Directory(
        FileAdapter(session, BRAND, ExchangeDesk(database)), FolderPlace(tmp_path / PARTNER, FILES.exchange)
    )
    day.directory, day.legs = directory, Legs(directory, milliseconds=lambda: 0)
    day.handlers = make_handlers(database, VAULT, day.legs, day.conversions, clock)
    books = Books(clock, key_life=timedelta(days=3_660), inquiry_lag=timedelta(0))
    books.open_members([SimulatedMember("AJ-card-1"), SimulatedMember("AJ-card-2", status=MemberStatus.CLOSED)])
    shop = FileSimulator(BRAND, tmp_path / PARTNER, clock, in_order(), books, unit=UNIT)
    locks = SharedLocks(database.url)
    exchange = Exchange(
        database, directory, day.legs, settling(day.conversions), locks, clock, tmp_path / ".spool",
        told=lambda step: None,
    )  # fmt: skip
    day.spend.take([row("p", "10.00"), row("q", "5.00", token="card-2")])
    day.link("card-1", "card-2")

    day.pay()
    for _ in range(4):
        day.work()
        exchange.run(PARTNER, at_once=True)
        shop.turn()
        clock.advance(timedelta(hours=1))
    locks.close()

    assert [(state, points) for state, points, _ in day.states()] == [("paid", 10), ("returned", 5)]
    assert (books.totals()["change"], day.arrived(), day.accrued()) == ({UNIT: 10}, 10, 5)
    assert day.spend.differences() == []
