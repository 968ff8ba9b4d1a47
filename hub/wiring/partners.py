"""Partners by their code: which brand's adapter, where, and with which credentials."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from hub.agreements.roster import Roster
from hub.agreements.types import Partner
from hub.config import Settings
from hub.exchange.desk import ExchangeDesk
from hub.exchange.refusals import PartnerSpeaksNoFiles
from hub.exchange.types import FilePartner
from hub.hosted.directory import HostedBooks
from hub.legs.types import LegProfile
from hub.notifications.types import Sender as NotificationSender
from hub.rates.catalogue import Catalogue, CatalogueCache
from hub.storage import Database
from partners.base import Connection, PartnerAdapter, Ports, Verb
from partners.check_digits import CheckDigit
from partners.files.places import FolderPlace
from partners.profile import BonusKind, NotificationScheme, Profile
from partners.registry import Registry
from partners.sandbox.oauth import TOKEN_PATH, Credentials

# The secrets of a partner's connection, each given as HUB_PARTNER_<CODE>_<NAME> or as a file named by …_FILE.
PARTNER_SECRETS = (
    "client_secret",
    "private_key",
    "signing_key",
    "signing_key_id",
    "webhook_secret",
    "webhook_public_key",
)


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
        if self._registry.profile(row.profile).files is not None:
            adapter = self._registry.files(
                row.profile, self._connection(row), self._ports, ExchangeDesk(self._database)
            )
        elif self._registry.programme(row.profile) is None:
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
            names=profile.member.names,
        )

    def file_partners(self) -> list[str]:
        """Codes of the partners that speak files, sorted."""
        partners = self._catalogue().roster.partners.values()
        return sorted(one.code for one in partners if self._registry.profile(one.profile).files is not None)

    def file_partner(self, partner: str) -> FilePartner:
        """How files change hands with one of them. Raises: PartnerUnknown, PartnerSpeaksNoFiles."""
        files = self.brand(partner).files
        if files is None:
            raise PartnerSpeaksNoFiles(f"{partner} does not speak files.")
        place = FolderPlace(files_folder(self._settings) / partner, files.exchange)
        return FilePartner(partner, files, self.profile(partner), place)

    def takes_many(self, partner: str) -> bool:
        """Whether it is credited for many members in one call."""
        return Verb.CREDIT_MANY in self.profile(partner).verbs

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


def files_folder(settings: Settings) -> Path:
    """Where files change hands, a folder for each partner."""
    return Path(settings.files_dir) if settings.files_dir else settings.data_dir / "files"


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
