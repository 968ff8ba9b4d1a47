"""Settings of the hub, read once from the environment (`HUB_*`), each with a safe default.

Knows names, types and defaults. Secrets may be given as `NAME` or, better, as `NAME_FILE` with the path of a file.
"""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hub.kernel.errors import HubError


class SettingInvalid(HubError):
    """A setting of the environment that cannot be used."""

    code = "setting_invalid"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a process of the hub may be told from outside.

    database_url: empty means the embedded PostgreSQL in `data_dir`.
    broker_url: `memory://` carries messages inside one worker process; `amqp://…` is RabbitMQ.
    public_url: issuer and base of every link the hub hands out; never taken from a request's Host header.
    partners_dir: a further folder of brand folders beside the ones in the box; empty for none.
    sandbox_url: where simulated partners listen; imported sandbox partners are reached there.
    files_dir: where files change hands with partners that speak them, a folder each; empty means one in `data_dir`. All
        processes share it, and a partner is let into its own folder alone.
    master_key: seals keys and secrets at rest; empty means a key of its own, made once in `data_dir`.
    master_key_old: another key that opens too, while what it sealed is sealed again (`hub keys rewrap`); else empty.
    webhook_networks: networks that webhooks may be sent to although they are not public, such as `127.0.0.0/8` for
        development; plain http is for loopback among them. Empty for none.
    proxy_hops: proxies of your own in front of the gateway; their X-Forwarded-For says who is calling.
    *_seconds, *_ms: what they say. api_processes × api_threads request threads serve HTTP.
    """

    database_url: str
    data_dir: Path
    broker_url: str
    broker_prefix: str
    public_url: str
    api_host: str
    api_port: int
    api_processes: int
    api_threads: int
    worker_threads: int
    relay_poll_ms: int
    partner_timeout_seconds: int
    partners_dir: str
    sandbox_url: str
    files_dir: str
    log_level: str
    quote_seconds: int
    master_key: str
    master_key_old: str
    proxy_hops: int
    webhook_networks: str


_DEFAULTS: dict[str, str] = {
    "DATABASE_URL": "",
    "DATA_DIR": ".hub",
    "BROKER_URL": "memory://",
    "BROKER_PREFIX": "hub",
    "PUBLIC_URL": "http://127.0.0.1:8080",
    "API_HOST": "127.0.0.1",
    "API_PORT": "8080",
    "API_PROCESSES": "2",
    "API_THREADS": "32",
    "WORKER_THREADS": "64",
    "RELAY_POLL_MS": "50",
    "PARTNER_TIMEOUT_SECONDS": "10",
    "PARTNERS_DIR": "",
    "SANDBOX_URL": "http://127.0.0.1:8090",
    "FILES_DIR": "",
    "LOG_LEVEL": "INFO",
    "QUOTE_SECONDS": "600",
    "MASTER_KEY": "",
    "MASTER_KEY_OLD": "",
    "PROXY_HOPS": "0",
    "WEBHOOK_NETWORKS": "",
}


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environment` (the process's own when None). Raises: SettingInvalid."""
    source = os.environ if environment is None else environment
    text = {name: _text(source, name, default) for name, default in _DEFAULTS.items()}
    url = text["DATABASE_URL"]
    if url.startswith(("postgresql://", "postgres://")):
        # SQLAlchemy takes the driver from the scheme; a bare one means another driver in other versions.
        url = "postgresql+psycopg://" + url.split("://", 1)[1]
    if url and not url.startswith("postgresql+psycopg://"):
        raise SettingInvalid("HUB_DATABASE_URL must name a PostgreSQL server: postgresql://user@host/database.")
    return Settings(
        database_url=url,
        data_dir=Path(text["DATA_DIR"]).absolute(),
        broker_url=text["BROKER_URL"],
        broker_prefix=text["BROKER_PREFIX"],
        public_url=text["PUBLIC_URL"].rstrip("/"),
        api_host=text["API_HOST"],
        api_port=_whole(text, "API_PORT", 0, 65535),
        api_processes=_whole(text, "API_PROCESSES", 1, 64),
        api_threads=_whole(text, "API_THREADS", 1, 512),
        worker_threads=_whole(text, "WORKER_THREADS", 1, 512),
        relay_poll_ms=_whole(text, "RELAY_POLL_MS", 5, 10_000),
        partner_timeout_seconds=_whole(text, "PARTNER_TIMEOUT_SECONDS", 1, 50),
        partners_dir=text["PARTNERS_DIR"],
        sandbox_url=text["SANDBOX_URL"].rstrip("/"),
        files_dir=text["FILES_DIR"],
        log_level=text["LOG_LEVEL"],
        quote_seconds=_whole(text, "QUOTE_SECONDS", 1, 86_400),
        master_key=text["MASTER_KEY"],
        master_key_old=text["MASTER_KEY_OLD"],
        proxy_hops=_whole(text, "PROXY_HOPS", 0, 8),
        webhook_networks=_networks(text, "WEBHOOK_NETWORKS"),
    )


def _text(source: Mapping[str, str], name: str, default: str) -> str:
    file = source.get(f"HUB_{name}_FILE", "")
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as fault:
            raise SettingInvalid(f"HUB_{name}_FILE cannot be read: {fault.strerror}.") from fault
    return source.get(f"HUB_{name}", default).strip()


def _networks(text: Mapping[str, str], name: str) -> str:
    for one in text[name].split(","):
        try:
            ipaddress.ip_network(one.strip() or "127.0.0.0/8")
        except ValueError as fault:
            raise SettingInvalid(f"HUB_{name} is a list of networks such as 127.0.0.0/8, ::1/128: {fault}.") from fault
    return text[name]


def _whole(text: Mapping[str, str], name: str, low: int, high: int) -> int:
    value = text[name]
    if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
        raise SettingInvalid(f"HUB_{name} must be a whole number from {low} to {high}.")
    return int(value)
