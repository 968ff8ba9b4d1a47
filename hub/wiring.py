"""The only place that builds objects: from settings to a hub that works.

Knows every constructor. Decides nothing and holds no business rule.
"""

import atexit
import importlib
import json
import logging
import os
import pkgutil
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from flask import Flask

import hub
from hub import audit, outbox
from hub.access import keys as access_keys
from hub.access import service as access
from hub.access.guard import Guard
from hub.access.vault import Vault, vault_of
from hub.agreements.roster import Roster
from hub.agreements.types import Partner, Unit
from hub.config import Settings, read_settings
from hub.conversion.service import Conversions
from hub.earning import service as earning
from hub.gateway.app import create_app
from hub.gateway.idempotency import forget_old_answers
from hub.gateway.services import Services
from hub.hosted.directory import HostedBooks, ProgrammeDirectory
from hub.hosted.running import ProgrammeRuns
from hub.hosted.service import Hosted
from hub.kernel.clock import Clock, SystemClock
from hub.kernel.log import start_logging
from hub.kernel.parent import end_with_parent
from hub.legs.service import Legs
from hub.legs.types import LegProfile
from hub.notifications import service as notifications
from hub.notifications.types import Sender as NotificationSender
from hub.rates.catalogue import Catalogue, CatalogueCache
from hub.rates.quotes import Quoter
from hub.reports.books import render_statement
from hub.sessions.breaker import DatabaseBreaker
from hub.sessions.tokens import DatabaseTokenStore
from hub.settlement.running import Settling
from hub.storage import Database
from hub.storage.embedded import EmbeddedServer
from hub.storage.locks import SharedLocks
from hub.storage.schema import upgrade
from hub.webhooks import service as webhooks
from hub.webhooks.delivering import Deliveries
from hub.webhooks.destinations import Destinations, networks_of
from hub.webhooks.reading import EVENTS_KEPT_DAYS, forget_events
from hub.webhooks.sending import Sender
from hub.worker.handlers import make_handlers
from hub.worker.handling import Handlers
from hub.worker.process import Worker
from hub.worker.reach import broker_answers
from hub.worker.schedule import Scheduler, Task
from hub.worker.webhooks import webhook_handlers
from partners.base import Connection, PartnerAdapter, Ports, Verb
from partners.check_digits import CheckDigit
from partners.hosted.programme import Programme
from partners.memory import CachedTokenStore
from partners.profile import BonusKind, NotificationScheme, Profile
from partners.registry import BRANDS_FOLDER, Registry
from partners.sandbox.oauth import TOKEN_PATH, Credentials

# Failures in a row after which a partner is left alone, and for how long: long enough to spare a system that is
# restarting, short enough that a member hardly notices.
_BREAKER_FAILURES = 20
_BREAKER_REST_SECONDS = 5
# How long the one call that tries a partner again may take: a connection, a token, and the call twice.
_BREAKER_PROBE_SECONDS = 45

# Rows of tables that are declared can wait and go in together with others (`Work.append`).
for _module in pkgutil.walk_packages(hub.__path__, "hub."):
    if _module.name.endswith(".tables"):
        importlib.import_module(_module.name)

# The secrets of a partner's connection, each given as HUB_PARTNER_<CODE>_<NAME> or as a file named by …_FILE.
PARTNER_SECRETS = (
    "client_secret",
    "private_key",
    "signing_key",
    "signing_key_id",
    "webhook_secret",
    "webhook_public_key",
)

_SWEEP_ROWS_MAX = 1_000
_SWEEP_SECONDS = 5
_SETTLEMENT_SECONDS = 20
_PAYOUT_SECONDS = 30

# Finished messages stay for a week, so that somebody who looks into an incident still finds them.
_MESSAGES_KEPT_DAYS = 7
_FORGET_SECONDS = 60
_LAPSE_SECONDS = 10
_WARN_SECONDS = 600
_FORGET_ROWS_MAX = 20_000

# Entries that are cut off the audit log within this time of being written are missed by the database alone.
_AUDIT_HEAD_SECONDS = 60

_log = logging.getLogger(__name__)


class PartnerDirectory:
    """Partners by their code in the hub: which brand's adapter, where, with which credentials. Safe between threads."""

    def __init__(
        self, database: Database, catalogues: CatalogueCache, registry: Registry, settings: Settings, ports: Ports
    ) -> None:
        self._database = database
        self._catalogues = catalogues
        self._registry = registry
        self._settings = settings
        self._ports = ports
        self._adapters: dict[str, tuple[Partner, PartnerAdapter]] = {}
        self._senders: dict[str, tuple[Partner, NotificationSender]] = {}

    def adapter(self, partner: str) -> PartnerAdapter:
        """How to call this partner; the same object until its row changes."""
        row = self._row(partner)
        kept = self._adapters.get(partner)
        if kept is not None and kept[0] == row:
            return kept[1]
        adapter: PartnerAdapter
        if self._registry.programme(row.profile) is None:
            adapter = self._registry.adapter(row.profile, self._connection(row), self._ports)
        else:
            books = HostedBooks(self._database, self._ports.clock)
            adapter = self._registry.hosted(row.profile, self._connection(row), self._ports, books)
        self._adapters[partner] = (row, adapter)
        return adapter

    def profile(self, partner: str) -> LegProfile:
        """What calling it has to respect."""
        profile = self.brand(partner)
        able = profile.capabilities
        return LegProfile(
            key_life_seconds=able.key_life_hours * 3600,
            inquiry_lag_seconds=able.inquiry_lag_seconds,
            keys=able.keys,
            verbs=able.verbs,
            reverse=str(able.reverse),
            bonus_apart=able.bonus is BonusKind.SEPARATE,
            retry_first_seconds=profile.retry.first_seconds,
            retry_factor=profile.retry.factor,
            retry_ceiling_seconds=profile.retry.ceiling_seconds,
        )

    def brand(self, partner: str) -> Profile:
        """The profile of the brand that this partner is reached as."""
        return self._registry.profile(self._row(partner).profile)

    def sender(self, partner: str) -> NotificationSender | None:
        """How this partner proves its notifications; None when there is no such partner."""
        row = self._catalogue().roster.partners.get(partner)
        if row is None:
            return None
        kept = self._senders.get(partner)
        if kept is None or kept[0] != row:
            scheme = self._registry.profile(row.profile).notifications.scheme
            name = {
                NotificationScheme.STANDARD_WEBHOOKS: "webhook_secret",
                NotificationScheme.RFC9421: "webhook_public_key",
            }.get(scheme, "")
            held = self._connection(row).secrets.get(name, "")
            kept = (row, NotificationSender(partner, row.live, scheme, (held,) if held else ()))
            self._senders[partner] = kept
        return kept[1]

    def number_pattern(self, partner: str) -> str:
        """What a membership number of this partner looks like, as a regular expression for the whole text."""
        return self.brand(partner).member.number_pattern

    def roster(self) -> Roster:
        """Who takes part, as it stands now; inside and outside of transactions alike."""
        return self._catalogue().roster

    def check_digit(self, partner: str) -> CheckDigit:
        """The scheme of check digits that a membership number of this partner must end in."""
        return self.brand(partner).member.check_digit

    def _row(self, partner: str) -> Partner:
        found = self.roster().partners.get(partner)
        assert found is not None, f"a leg names the partner {partner}, which does not exist"
        return found

    def _catalogue(self) -> Catalogue:
        # Called inside and outside of transactions alike, hence a read of its own.
        with self._database.aside() as work:
            return self._catalogues.get(work)

    def _connection(self, row: Partner) -> Connection:
        profile = self._registry.profile(row.profile)
        base_url = row.base_url or profile.http.base_url
        token_url = row.token_url or (base_url + TOKEN_PATH if row.base_url else profile.http.token_url)
        client_id, held = _partner_credentials(row, self._settings, api_key=profile.http.api_key_secret)
        return Connection(
            code=row.code,
            base_url=base_url,
            token_url=token_url,
            client_id=client_id,
            secrets=held,
            timeout_seconds=min(profile.http.timeout_seconds, self._settings.partner_timeout_seconds),
            audience=profile.http.audience if row.live else token_url,
        )


def _partner_credentials(row: Partner, settings: Settings, *, api_key: str) -> tuple[str, Mapping[str, str]]:
    """The hub's own credentials at a partner: from the environment or files; a test partner may use the sandbox's.

    api_key: the name of the secret that is sent as it is, which needs no client id; empty for none.
    """
    name = f"HUB_PARTNER_{row.code.upper()}"
    held = {}
    for key in (*PARTNER_SECRETS, *([api_key] if api_key else [])):
        file = os.environ.get(f"{name}_{key.upper()}_FILE")
        value = Path(file).read_text(encoding="utf-8").strip() if file else os.environ.get(f"{name}_{key.upper()}", "")
        if value:
            held[key] = value
    client_id = os.environ.get(f"{name}_CLIENT_ID", "")
    if (client_id and held) or api_key in held or row.live:
        return client_id, held
    sandbox = sandbox_credentials(settings)
    return sandbox.client_id, {**sandbox.secrets(), **({api_key: sandbox.client_secret} if api_key else {})}


def sandbox_keys_file(settings: Settings) -> Path:
    """Where hub and simulated partners keep what they prove themselves with to each other."""
    return settings.data_dir / "sandbox_keys.json"


def sandbox_credentials(settings: Settings) -> Credentials:
    """What the hub proves itself with at simulated partners; made once, kept in the data folder for its owner only."""
    path = sandbox_keys_file(settings)
    if not path.exists():
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(Credentials.fresh("hub-sandbox"))))
        try:
            path.hardlink_to(draft)  # fails if another process was first, and then its credentials count
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return Credentials(**json.loads(path.read_text()))


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
    programmes: ProgrammeDirectory
    hosted: Hosted
    runs: ProgrammeRuns
    settling: Settling
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

    def scheduler(self) -> Scheduler:
        """What has to be done from time to time."""
        tasks = [
            Task("conversions", _SWEEP_SECONDS, self.sweep),
            Task("accruals", _PAYOUT_SECONDS, self.pay_accruals),
            Task("forget", _FORGET_SECONDS, self.forget),
            Task("lapse", _LAPSE_SECONDS, self.runs.lapse_some),
            Task("warn", _WARN_SECONDS, self.runs.warn_some),
            Task("audit_head", _AUDIT_HEAD_SECONDS, self.note_audit_head),
            Task("settlement", _SETTLEMENT_SECONDS, self.settling.run),
        ]
        return Scheduler(self.database, tasks, self.clock)

    def forget(self, now: datetime) -> None:
        """Remove what nobody needs any more: finished messages, expired answers and tokens, old events; in parts."""
        with self.database.work() as work:
            outbox.prune(work, before=now - timedelta(days=_MESSAGES_KEPT_DAYS), rows_max=_FORGET_ROWS_MAX)
        with self.database.work() as work:
            forget_old_answers(work, now=now)
            access.forget_expired(work, now=now)
            webhooks.forget_expired(work, now=now)
        with self.database.work() as work:
            before = now - timedelta(days=webhooks.DELIVERIES_KEPT_DAYS)
            webhooks.forget_deliveries(work, before=before, rows_max=_FORGET_ROWS_MAX)
        with self.database.work() as work:
            notifications.forget(work, before=now - notifications.KEPT, rows_max=_FORGET_ROWS_MAX)
        with self.database.work() as work:
            forget_events(work, before=now - timedelta(days=EVENTS_KEPT_DAYS), rows_max=_FORGET_ROWS_MAX)

    def note_audit_head(self, _now: datetime) -> None:
        """Write down outside the database how far the audit log goes; `hub verify --audit-head` takes it."""
        with self.database.read() as work:
            _log.info("audit head", extra={"head": str(audit.head(work))})

    def sweep(self, now: datetime) -> None:
        """Repair and raise alarms over open conversions, and look after webhooks that nobody looks after."""
        with self.database.work() as work:
            self.conversions.sweep(work, now=now, limit=_SWEEP_ROWS_MAX)
        with self.database.work() as work:
            webhooks.release_forgotten(work, now=now)

    def pay_accruals(self, now: datetime) -> None:
        """Post what waits for funding; send what members accrued to the partners where they have a membership."""
        earning.resume_stopped(self.database, self.clock)
        earning.pay_out(self.database, takes_many=self._takes_many, hosted=self.hosted, now=now)

    def _takes_many(self, partner: str) -> bool:
        return Verb.CREDIT_MANY in self.partners.profile(partner).verbs

    def gateway(self) -> Flask:
        """The HTTP door of this process."""
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
            proxy_hops=settings.proxy_hops,
            destinations=self.destinations,
            check_digit=self.partners.check_digit,
        )
        return create_app(services)

    def close(self) -> None:
        """Close connections."""
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
        legs=Legs(partners),
        destinations=destinations,
        sender=Sender(destinations),
        conversions=Conversions(catalogues, quoter, programmes=directory),
        programmes=directory,
        hosted=hosted,
        runs=ProgrammeRuns(database, hosted, directory),
        settling=Settling(database, render_statement),
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


def wsgi() -> Flask:
    """The WSGI application of one serving process; what it opens lives as long as the process."""
    end_with_parent()
    settings = read_settings()
    start_logging(settings.log_level)
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(opened_hub(settings)).gateway()
