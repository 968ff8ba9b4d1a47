"""A whole hub running as processes of this machine, for `hub up` and the trials."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from hub.commands.supervisor import Supervisor, require_free_port, supervised
from hub.config import Settings
from hub.wiring import Hub, opened_hub


@dataclass(frozen=True, slots=True)
class Running:
    """A hub that answers. hub: this process's own objects on the same database; url: of the HTTP door."""

    hub: Hub
    url: str
    settings: Settings
    supervisor: Supervisor


@contextmanager
def running_hub(settings: Settings, *, sandbox: bool) -> Iterator[Running]:
    """Start database, gateway, worker and scheduler (and simulated partners), and end them with the block.

    Raises: PortTaken, ProcessFailed.
    """
    require_free_port(settings.api_host, settings.api_port, "HUB_API_PORT")
    if sandbox:
        require_free_port("127.0.0.1", _port_of(settings.sandbox_url), "HUB_SANDBOX_URL")
    # Links and token issuer must name the port that is really served.
    public = settings.public_url
    if public == "http://127.0.0.1:8080":
        public = f"http://{settings.api_host}:{settings.api_port}"
    settings = replace(settings, public_url=public)
    environment = {
        "HUB_PUBLIC_URL": settings.public_url,
        "HUB_API_PORT": str(settings.api_port),
        "HUB_SANDBOX_URL": settings.sandbox_url,
        "HUB_DATA_DIR": str(settings.data_dir),
        "HUB_BROKER_URL": settings.broker_url,
        "HUB_BROKER_PREFIX": settings.broker_prefix,
        "HUB_LOG_LEVEL": "ERROR" if sandbox else settings.log_level,
    }
    local = f"http://127.0.0.1:{settings.api_port}" if settings.api_host == "0.0.0.0" else settings.public_url  # noqa: S104 - compared, not bound
    with opened_hub(settings) as hub, supervised(environment) as supervisor:
        supervisor.start("worker", ["worker"])
        supervisor.start("api", ["api"])
        supervisor.start("scheduler", ["scheduler"])
        supervisor.wait_until_answers(f"{local}/readyz", "gateway")
        yield Running(hub, local, settings, supervisor)


def _port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1].split("/", 1)[0])
