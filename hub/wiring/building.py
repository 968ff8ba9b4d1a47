"""A hub's objects, from settings to the doors."""

import atexit
import gc
import importlib
import pkgutil
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import hub
from hub.access import keys as access_keys
from hub.access.vault import Vault, vault_of
from hub.agreements.types import Partner, Unit
from hub.config import Settings, read_settings
from hub.conversion.service import Conversions
from hub.exchange.running import Exchange
from hub.gateway.balances import Balances
from hub.hosted.directory import ProgrammeDirectory
from hub.hosted.running import ProgrammeRuns
from hub.hosted.service import Hosted
from hub.kernel.clock import Clock, SystemClock
from hub.kernel.log import start_logging
from hub.kernel.parent import end_with_parent
from hub.legs.service import Legs
from hub.rates.catalogue import CatalogueCache
from hub.rates.quotes import Quoter
from hub.reports.books import render_statement
from hub.sessions.breaker import DatabaseBreaker
from hub.sessions.tokens import DatabaseTokenStore
from hub.settlement.running import Settling
from hub.storage import Database
from hub.storage.embedded import EmbeddedServer
from hub.storage.locks import SharedLocks
from hub.storage.schema import upgrade
from hub.webhooks.delivering import Deliveries
from hub.webhooks.destinations import Destinations, networks_of
from hub.webhooks.sending import Sender
from hub.wiring.partners import PartnerDirectory, files_folder
from hub.wiring.upkeep import Upkeep
from hub.worker.handlers import make_handlers
from hub.worker.handling import Handlers
from hub.worker.owners import settling
from hub.worker.process import Worker
from hub.worker.reach import broker_answers
from hub.worker.schedule import Scheduler
from hub.worker.webhooks import webhook_handlers
from partners.base import Ports
from partners.hosted.programme import Programme
from partners.memory import CachedTokenStore
from partners.registry import BRANDS_FOLDER, Registry

if TYPE_CHECKING:
    from flask import Flask

# Failures in a row after which a partner is left alone, and for how long: long enough to spare a system that is
# restarting, short enough that a member hardly notices.
_BREAKER_FAILURES = 20
_BREAKER_REST_SECONDS = 5
# How long the one call that tries a partner again may take: a connection, a token, and the call twice.
_BREAKER_PROBE_SECONDS = 45

# One thread commits for all that wait; each of those asks for the interpreter once in this time. At Python's own 5 ms
# that took 8 % of an accepted conversion's CPU; whoever computes that long is a batch, which is better not interrupted.
_SWITCH_SECONDS = 0.02
# What a request makes dies with it, by counting references; looking for cycles after every 700 objects took 7 %.
_COLLECT_AFTER = 50_000

# Rows of tables that are declared can wait and go in together with others (`Work.append`).
for _module in pkgutil.walk_packages(hub.__path__, "hub."):
    if _module.name.endswith(".tables"):
        importlib.import_module(_module.name)


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub's objects in one process."""

    settings: Settings
    clock: Clock
    database: Database
    vault: Vault
    catalogues: CatalogueCache
    quoter: Quoter
    registry: Registry
    locks: SharedLocks
    partners: PartnerDirectory
    legs: Legs
    conversions: Conversions
    balances: Balances
    programmes: ProgrammeDirectory
    hosted: Hosted
    runs: ProgrammeRuns
    settling: Settling
    exchange: Exchange
    destinations: Destinations
    sender: Sender
    people_secret: bytes = field(repr=False)

    def handlers(self) -> Handlers:
        """What the worker does with each kind of message."""
        sick_max = max(1, self.settings.worker_threads // 4)
        deliveries = Deliveries(self.vault, self.sender, secrets.randbelow, sick_max=sick_max)
        return {
            **make_handlers(self.database, self.vault, self.legs, self.conversions, self.clock),
            **webhook_handlers(self.database, deliveries, self.clock),
        }

    def worker(self) -> Worker:
        """A worker of this process."""
        settings = self.settings
        return Worker(
            self.database,
            settings.broker_url,
            settings.broker_prefix,
            self.handlers(),
            self.clock,
            settings.worker_threads,
            settings.relay_poll_ms,
        )

    def upkeep(self) -> Upkeep:
        """What has to be done from time to time."""
        return Upkeep(
            database=self.database,
            clock=self.clock,
            conversions=self.conversions,
            hosted=self.hosted,
            runs=self.runs,
            settling=self.settling,
            exchange=self.exchange,
            takes_many=self.partners.takes_many,
        )

    def scheduler(self) -> Scheduler:
        """What does it, in one process at a time."""
        return Scheduler(self.database, self.upkeep().tasks(), self.clock)

    def gateway(self) -> "Flask":
        """The HTTP door of this process."""
        # Loaded here, since most processes (commands, workers) have no door and would wait for it.
        from hub.access.guard import Guard
        from hub.gateway.app import create_app
        from hub.gateway.services import Services

        settings = self.settings
        services = Services(
            database=self.database,
            clock=self.clock,
            vault=self.vault,
            guard=Guard(self.database, self.vault, self.clock, issuer=settings.public_url),
            conversions=self.conversions,
            programmes=self.programmes,
            hosted=self.hosted,
            catalogues=self.catalogues,
            quoter=self.quoter,
            public_url=settings.public_url,
            broker_answers=lambda: broker_answers(settings.broker_url),
            number_pattern=self.partners.number_pattern,
            senders=self.partners.sender,
            people_secret=self.people_secret,
            balances=self.balances,
            proxy_hops=settings.proxy_hops,
            destinations=self.destinations,
            check_digit=self.partners.check_digit,
        )
        return create_app(services)

    def close(self) -> None:
        """Close connections."""
        self.balances.close()
        self.registry.close()
        self.sender.close()
        self.locks.close()
        self.database.close()


def partner_ports(database: Database, vault: Vault, locks: SharedLocks, clock: Clock) -> Ports:
    """What adapters are handed: tokens and breakers that all processes share, each with a memory of this one."""
    breaker = DatabaseBreaker(
        database,
        clock,
        failures_max=_BREAKER_FAILURES,
        rest=timedelta(seconds=_BREAKER_REST_SECONDS),
        probe=timedelta(seconds=_BREAKER_PROBE_SECONDS),
    )
    return Ports(tokens=CachedTokenStore(DatabaseTokenStore(database, vault, locks)), breaker=breaker, clock=clock)


def build_hub(settings: Settings, database: Database, clock: Clock) -> Hub:
    """A hub on a database that has the newest schema."""
    vault = vault_of(settings)
    with database.work() as work:
        quote_secrets = access_keys.secrets(work, vault, "quotes", now=clock.now())
        # Logins are kept as hashes under this one, so it is never replaced.
        people_secret = access_keys.secrets(work, vault, "people", now=clock.now())[-1]
    catalogues = CatalogueCache()
    quoter = Quoter(quote_secrets, settings.quote_seconds)
    folders = [BRANDS_FOLDER, *([Path(settings.partners_dir)] if settings.partners_dir else [])]
    registry = Registry.scan(folders)
    locks = SharedLocks(database.url)
    destinations = Destinations(networks_of(settings.webhook_networks))
    partners = PartnerDirectory(database, catalogues, registry, settings, partner_ports(database, vault, locks, clock))
    directory = ProgrammeDirectory(partners.roster, partial(_rules_of, registry))
    hosted = Hosted(directory)
    legs = Legs(partners)
    conversions = Conversions(catalogues, quoter, programmes=directory)
    # Beside the partners' folders, so that whichever process takes over finds what the last one had.
    spool = files_folder(settings) / ".spool"
    return Hub(
        settings=settings,
        clock=clock,
        database=database,
        vault=vault,
        catalogues=catalogues,
        quoter=quoter,
        registry=registry,
        locks=locks,
        partners=partners,
        legs=legs,
        destinations=destinations,
        sender=Sender(destinations),
        conversions=conversions,
        balances=Balances(partners.adapter, clock),
        programmes=directory,
        hosted=hosted,
        runs=ProgrammeRuns(database, hosted, directory),
        settling=Settling(database, vault, render_statement),
        exchange=Exchange(database, partners, legs, settling(conversions), locks, clock, spool),
        people_secret=people_secret,
    )


def _rules_of(registry: Registry, partner: Partner, unit: Unit) -> Programme | None:
    """The programme file of a partner's brand, if it is about this unit."""
    rules = registry.programme(partner.profile)
    return rules if rules is not None and rules.unit == unit.code else None


@contextmanager
def opened_database(settings: Settings, *, pool_size: int = 8) -> Iterator[Database]:
    """The database of these settings: the server named, or the embedded one for as long as the block lasts."""
    if settings.database_url:
        database = Database(settings.database_url, pool_size=pool_size)
        try:
            yield database
        finally:
            database.close()
        return
    server = EmbeddedServer(settings.data_dir)
    try:
        database = Database(server.start(), pool_size=pool_size)
        try:
            yield database
        finally:
            database.close()
    finally:
        server.close()


@contextmanager
def opened_hub(settings: Settings) -> Iterator[Hub]:
    """A hub of this process, its schema brought up to date."""
    with opened_database(settings) as database:
        upgrade(database)
        hub = build_hub(settings, database, SystemClock())
        try:
            yield hub
        finally:
            hub.close()


def wsgi() -> "Flask":
    """The WSGI application of one serving process; what it opens lives as long as the process."""
    end_with_parent()
    sys.setswitchinterval(_SWITCH_SECONDS)
    settings = read_settings()
    start_logging(settings.log_level)
    stack = ExitStack()
    atexit.register(stack.close)
    app = stack.enter_context(opened_hub(settings)).gateway()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    return app
