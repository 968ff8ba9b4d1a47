"""The only place that builds objects: from settings to a hub that works.

Knows every constructor. Decides nothing and holds no business rule.
"""

from hub.wiring.building import Hub, build_hub, opened_database, opened_hub, partner_ports, wsgi
from hub.wiring.partners import PARTNER_SECRETS, PartnerDirectory, files_folder, sandbox_credentials, sandbox_keys_file

__all__ = [
    "PARTNER_SECRETS",
    "Hub",
    "PartnerDirectory",
    "build_hub",
    "files_folder",
    "opened_database",
    "opened_hub",
    "partner_ports",
    "sandbox_credentials",
    "sandbox_keys_file",
    "wsgi",
]
