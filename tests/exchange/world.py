"""The small world with one partner that speaks files: the hub's side of the exchange, and the partner's simulator."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hub import chart
from hub.conversion.types import Conversion
from hub.exchange import store
from hub.exchange.desk import ExchangeDesk
from hub.exchange.running import Exchange
from hub.exchange.types import FileIn, FileOut, FilePartner, FileRun
from hub.kernel.clock import ManualClock
from hub.legs.types import LegProfile
from hub.storage import Database
from hub.storage.locks import SharedLocks
from hub.worker.owners import settling
from partners.base import Connection, PartnerAdapter, Ports
from partners.files.adapter import FileAdapter
from partners.files.declaration import FilesProfile
from partners.files.faults import Chooses, in_order
from partners.files.places import FolderPlace
from partners.files.simulator import FileSimulator
from partners.memory import MemoryBreaker, MemoryTokenStore
from partners.profile import read_profile
from partners.registry import BRANDS_FOLDER
from partners.sandbox.books import Books, SimulatedMember
from partners.session import PartnerSession
from partners.transport import Transport
from tests.conversion.world import World, unit_of
from tests.legs.fakes import PROFILE, FakeDirectory, FakePartner

SHOP = "staywell"
BRAND = read_profile(BRANDS_FOLDER / "corner_shop")
assert BRAND.files is not None
FILES: FilesProfile = BRAND.files
LEGS = LegProfile(
    key_life_seconds=BRAND.capabilities.key_life_hours * 3600,
    inquiry_lag_seconds=0,
    keys=True,
    verbs=BRAND.capabilities.verbs,
    reverse="native",
    bonus_apart=False,
    retry_first_seconds=3600,
    retry_factor=2,
    retry_ceiling_seconds=43_200,
)


class Directory(FakeDirectory):
    """The fakes, and one partner of files in the place of one of them."""

    def __init__(self, world_partners: dict[str, FakePartner], shop: FileAdapter, place: FolderPlace) -> None:
        super().__init__(world_partners, dict.fromkeys(world_partners, PROFILE) | {SHOP: LEGS})
        self.shop, self.place, self.files = shop, place, FILES

    def adapter(self, partner: str) -> PartnerAdapter:  # type: ignore[override]
        return self.shop if partner == SHOP else super().adapter(partner)

    def file_partners(self) -> list[str]:
        return [SHOP]

    def file_partner(self, partner: str) -> FilePartner:
        assert partner == SHOP
        return FilePartner(SHOP, self.files, LEGS, self.place)


class FileWorld:
    """A world whose `staywell` is a corner shop. faults: of its answer files, in order of sending."""

    def __init__(self, database: Database, clock: ManualClock, folder: Path, *, faults: Chooses | None = None) -> None:
        self.database, self.clock, self.folder = database, clock, folder
        ports = Ports(MemoryTokenStore(), MemoryBreaker(clock, failures_max=9, rest=timedelta(seconds=1)), clock)
        session = PartnerSession(Connection(SHOP, "", "", "", {}, 1), BRAND.http, ports, Transport())
        self.adapter = FileAdapter(session, BRAND, ExchangeDesk(database))
        place = FolderPlace(folder / SHOP, FILES.exchange)
        fakes = {code: FakePartner() for code in ("aerojet", "northbank", SHOP)}
        self.directory = Directory(fakes, self.adapter, place)
        self.world = World(database, clock, directory=self.directory)
        self.partners = fakes
        self.locks = SharedLocks(database.url)
        books = Books(clock, key_life=timedelta(days=3_660), inquiry_lag=timedelta(0))
        books.open_members(self._members())
        self.shop = FileSimulator(BRAND, folder / SHOP, clock, faults or in_order(), books, unit=unit_of(SHOP))

    def _members(self) -> list[SimulatedMember]:
        return [SimulatedMember(f"st{number}", balances={unit_of(SHOP): 100_000}) for number in range(1, 40)]

    def exchange(self, told: Callable[[str], None] = lambda step: None) -> Exchange:
        """The hub's side. told: hears of each durable step."""
        settle = settling(self.world.conversions)
        return Exchange(
            self.database, self.directory, self.world.legs, settle, self.locks, self.clock, self.folder / ".spool",
            told=told,
        )  # fmt: skip

    def turn(self, *, at_once: bool = True) -> FileRun:
        """Let the worker do what is due, and the hub exchange files; a minute later."""
        self.clock.advance(timedelta(minutes=1))
        self.world.run()
        return self.exchange().run(SHOP, at_once=at_once)

    def settle(self, *conversions: Conversion, turns: int = 30) -> None:
        """Take turns, hub and shop, until these have ended."""
        for _ in range(turns):
            self.turn()
            self.shop.turn()
            self.clock.advance(timedelta(hours=1))
            if all(self.world.get(one).state.value in ("posted", "voided", "owed") for one in conversions):
                self.turn()
                return
        raise AssertionError({one.id: str(self.world.get(one).state) for one in conversions})

    def require_books_agree(self) -> None:
        """What members won or lost at the shop is what the ledger says; each movement was booked once."""
        totals = self.shop.books.totals()
        change = totals["change"]
        assert isinstance(change, dict)
        assert change.get(unit_of(SHOP), 0) == self.world.posted(chart.outside(unit_of(SHOP)))
        assert totals["double_applications"] == 0
        assert self.world.differences() == []

    def arrivals(self) -> list[FileIn]:
        """Files of the shop, in the order in which they came."""
        with self.database.read() as work:
            ids = work.fetch("SELECT id FROM file_in ORDER BY received_at, name")
            return [one for (id_,) in ids if (one := store.in_by_id(work, id_)) is not None]

    def sent(self, kind: str = "instructions") -> list[FileOut]:
        """Files of the hub, in the order of their numbers."""
        with self.database.work() as work:
            ids = work.fetch("SELECT id FROM file_out WHERE kind = %s ORDER BY sequence", (kind,))
            return [one for (id_,) in ids if (one := store.out_by_id(work, id_)) is not None]

    def with_exchange(self, **changes: object) -> None:
        """Another way of exchanging."""
        exchange = replace(FILES.exchange, **changes)  # type: ignore[arg-type]
        self.directory.files = replace(FILES, exchange=exchange)
