"""The only place that builds objects: from settings to a hub that works.

Knows every constructor. Decides nothing and holds no business rule.
"""

import atexit
import importlib
import json
import os
import pkgutil
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from flask import Flask

import hub
from hub import outbox
from hub.access import keys as access_keys
from hub.access import service as access
from hub.access.guard import Guard
from hub.access.vault import Vault, vault_of
from hub.agreements.types import Partner
from hub.config import Settings, read_settings
from hub.conversion.service import Conversions
from hub.gateway.app import create_app
from hub.gateway.idempotency import forget_old_answers
from hub.gateway.services import Services
from hub.kernel.clock import Clock, SystemClock
from hub.kernel.log import start_logging
from hub.kernel.parent import end_with_parent
from hub.legs.service import Legs
from hub.legs.types import LegProfile
from hub.rates.catalogue import Catalogue, CatalogueCache
from hub.rates.quotes import Quoter
from hub.storage import Database
from hub.storage.embedded import EmbeddedServer
from hub.storage.schema import upgrade
from hub.worker.handlers import make_handlers
from hub.worker.handling import Handlers
from hub.worker.process import Worker
from hub.worker.reach import broker_answers
from hub.worker.schedule import Scheduler, Task
from partners.base import Connection, PartnerAdapter, Ports
from partners.memory import MemoryBreaker, MemoryTokenStore
from partners.profile import BonusKind, Profile
from partners.registry import BRANDS_FOLDER, Registry
from partners.sandbox.oauth import TOKEN_PATH, Credentials

# Failures in a row after which a partner is left alone, and for how long: long enough to spare a system that is
# restarting, short enough that a member hardly notices.
_BREAKER_FAILURES = 20
_BREAKER_REST_SECONDS = 5

# Rows of tables that are declared can wait and go in together with others (`Work.append`).
for _module in pkgutil.walk_packages(hub.__path__, "hub."):
    if _module.name.endswith(".tables"):
        importlib.import_module(_module.name)

_SWEEP_ROWS_MAX = 1_000
_SWEEP_SECONDS = 5

# Finished messages stay for a week, so that somebody who looks into an incident still finds them.
_MESSAGES_KEPT_DAYS = 7
_FORGET_SECONDS = 60
_FORGET_ROWS_MAX = 20_000


class PartnerDirectory:
    """Partners by their code in the hub: which brand's adapter, where, with which credentials. Safe between threads."""

    def __init__(
        self, database: Database, catalogues: CatalogueCache, registry: Registry, settings: Settings, clock: Clock
    ) -> None:
        self._database = database
        self._catalogues = catalogues
        self._registry = registry
        self._settings = settings
        breaker = MemoryBreaker(clock, failures_max=_BREAKER_FAILURES, rest=timedelta(seconds=_BREAKER_REST_SECONDS))
        self._ports = Ports(tokens=MemoryTokenStore(), breaker=breaker, clock=clock)
        self._adapters: dict[str, tuple[Partner, PartnerAdapter]] = {}

    def adapter(self, partner: str) -> PartnerAdapter:
        """How to call this partner; the same object until its row changes."""
        row = self._row(partner)
        kept = self._adapters.get(partner)
        if kept is not None and kept[0] == row:
            return kept[1]
        adapter = self._registry.adapter(row.profile, self._connection(row), self._ports)
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

    def number_pattern(self, partner: str) -> str:
        """What a membership number of this partner looks like, as a regular expression for the whole text."""
        return self.brand(partner).member.number_pattern

    def _row(self, partner: str) -> Partner:
        found = self._catalogue().roster.partners.get(partner)
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
        client_id, held = _partner_credentials(row, self._settings)
        return Connection(
            code=row.code,
            base_url=base_url,
            token_url=token_url,
            client_id=client_id,
            secrets=held,
            timeout_seconds=min(profile.http.timeout_seconds, self._settings.partner_timeout_seconds),
            audience=profile.http.audience if row.live else token_url,
        )


def _partner_credentials(row: Partner, settings: Settings) -> tuple[str, Mapping[str, str]]:
    """The hub's own credentials at a partner: from the environment or files; a test partner may use the sandbox's."""
    name = f"HUB_PARTNER_{row.code.upper()}"
    held = {}
    for key in ("client_secret", "private_key"):
        file = os.environ.get(f"{name}_{key.upper()}_FILE")
        value = Path(file).read_text(encoding="utf-8").strip() if file else os.environ.get(f"{name}_{key.upper()}", "")
        if value:
            held[key] = value
    client_id = os.environ.get(f"{name}_CLIENT_ID", "")
    if (client_id and held) or row.live:
        return client_id, held
    sandbox = sandbox_credentials(settings)
    return sandbox.client_id, sandbox.secrets()


def sandbox_credentials(settings: Settings) -> Credentials:
    """What the hub proves itself with at simulated partners; made once, kept in the data folder for its owner only."""
    path = settings.data_dir / "sandbox.json"
    if not path.exists():
        fresh = Credentials.fresh("hub-sandbox")
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"sandbox.json.{os.getpid()}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(
            json.dumps(
                {
                    "client_id": fresh.client_id,
                    "client_secret": fresh.client_secret,
                    "private_key": fresh.private_key,
                    "public_key": fresh.public_key,
                }
            )
        )
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
    partners: PartnerDirectory
    legs: Legs
    conversions: Conversions

    def handlers(self) -> Handlers:
        """What the worker does with each kind of message."""
        return make_handlers(self.database, self.legs, self.conversions, self.clock)

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
        tasks = [Task("conversions", _SWEEP_SECONDS, self.sweep), Task("forget", _FORGET_SECONDS, self.forget)]
        return Scheduler(self.database, tasks, self.clock)

    def forget(self, now: datetime) -> None:
        """Remove what nobody needs any more: finished messages, expired answers and tokens; in bounded parts."""
        with self.database.work() as work:
            outbox.prune(work, before=now - timedelta(days=_MESSAGES_KEPT_DAYS), rows_max=_FORGET_ROWS_MAX)
        with self.database.work() as work:
            forget_old_answers(work, now=now)
            access.forget_expired(work, now=now)

    def sweep(self, now: datetime) -> None:
        """Repair and raise alarms over open conversions."""
        with self.database.work() as work:
            self.conversions.sweep(work, now=now, limit=_SWEEP_ROWS_MAX)

    def gateway(self) -> Flask:
        """The HTTP door of this process."""
        settings = self.settings
        services = Services(
            database=self.database,
            clock=self.clock,
            vault=self.vault,
            guard=Guard(self.database, self.vault, self.clock, issuer=settings.public_url),
            conversions=self.conversions,
            catalogues=self.catalogues,
            quoter=self.quoter,
            public_url=settings.public_url,
            broker_answers=lambda: broker_answers(settings.broker_url),
            number_pattern=self.partners.number_pattern,
        )
        return create_app(services)

    def close(self) -> None:
        """Close connections."""
        self.registry.close()
        self.database.close()


def build_hub(settings: Settings, database: Database, clock: Clock) -> Hub:
    """A hub on a database that has the newest schema."""
    vault = vault_of(settings)
    with database.work() as work:
        quote_secrets = access_keys.secrets(work, vault, "quotes", now=clock.now())
    catalogues = CatalogueCache()
    quoter = Quoter(quote_secrets, settings.quote_seconds)
    folders = [BRANDS_FOLDER, *([Path(settings.partners_dir)] if settings.partners_dir else [])]
    registry = Registry.scan(folders)
    partners = PartnerDirectory(database, catalogues, registry, settings, clock)
    return Hub(
        settings=settings,
        clock=clock,
        database=database,
        vault=vault,
        catalogues=catalogues,
        quoter=quoter,
        registry=registry,
        partners=partners,
        legs=Legs(partners),
        conversions=Conversions(catalogues, quoter),
    )


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
