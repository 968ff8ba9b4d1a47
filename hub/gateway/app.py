"""The application: every resource on one Flask object, and the few things that hold for all of them.

Knows Flask and which resources there are. Decides nothing about points.
"""

import logging
from collections.abc import Callable
from typing import Any

from authlib.common.security import is_secure_transport
from flask import Flask, request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as HttpMethodNotAllowed

from hub.config import SettingInvalid
from hub.gateway.accruals import AccrualRoutes
from hub.gateway.agreements import AgreementRoutes
from hub.gateway.audit import AuditRoutes
from hub.gateway.campaigns import CampaignRoutes
from hub.gateway.card_tokens import CardTokenRoutes
from hub.gateway.card_transactions import CardTransactionRoutes
from hub.gateway.claims import ClaimRoutes
from hub.gateway.clients import ClientRoutes
from hub.gateway.contract import ContractRoutes
from hub.gateway.conversions import ConversionRoutes
from hub.gateway.door import Door
from hub.gateway.earn_rules import EarnRuleRoutes
from hub.gateway.events import EventRoutes
from hub.gateway.faults import is_passing
from hub.gateway.funding import FundingRoutes
from hub.gateway.health import HealthRoutes
from hub.gateway.limits import LimitRoutes
from hub.gateway.links import LinkRoutes
from hub.gateway.metrics import Metrics
from hub.gateway.notifications import NotificationRoutes
from hub.gateway.own import OwnRoutes
from hub.gateway.own_points import OwnPointsRoutes
from hub.gateway.pages.authorizing import AuthorizingRoutes
from hub.gateway.pages.enrolling import EnrollingRoutes
from hub.gateway.pages.serving import AssetRoutes
from hub.gateway.partners import PartnerRoutes
from hub.gateway.payouts import PayoutRoutes
from hub.gateway.plans import PlanRoutes
from hub.gateway.programmes import ProgrammeRoutes
from hub.gateway.quotes import QuoteRoutes
from hub.gateway.rate_rules import RateRuleRoutes
from hub.gateway.refusals import (
    BadRequest,
    BodyTooLarge,
    InternalFault,
    MediaTypeUnsupported,
    MethodNotAllowed,
    NotFound,
    Unavailable,
)
from hub.gateway.replies import Reply
from hub.gateway.services import Services
from hub.gateway.statement_proofs import StatementProofRoutes
from hub.gateway.statements import StatementRoutes
from hub.gateway.statuses import STATUS
from hub.gateway.tokens import TokenRoutes
from hub.gateway.units import UnitRoutes
from hub.gateway.webhook_deliveries import WebhookDeliveryRoutes
from hub.gateway.webhook_endpoints import WebhookEndpointRoutes
from hub.kernel.errors import HubError
from hub.kernel.limits import BODY_BATCH_BYTES_MAX

_log = logging.getLogger(__name__)

_RESOURCES = (
    AccrualRoutes,
    AgreementRoutes,
    AssetRoutes,
    AuditRoutes,
    AuthorizingRoutes,
    CampaignRoutes,
    CardTokenRoutes,
    CardTransactionRoutes,
    ClaimRoutes,
    ClientRoutes,
    ContractRoutes,
    ConversionRoutes,
    EventRoutes,
    EarnRuleRoutes,
    FundingRoutes,
    EnrollingRoutes,
    HealthRoutes,
    LimitRoutes,
    LinkRoutes,
    NotificationRoutes,
    OwnPointsRoutes,
    OwnRoutes,
    PartnerRoutes,
    ProgrammeRoutes,
    PayoutRoutes,
    PlanRoutes,
    QuoteRoutes,
    RateRuleRoutes,
    StatementRoutes,
    StatementProofRoutes,
    TokenRoutes,
    UnitRoutes,
    WebhookDeliveryRoutes,
    WebhookEndpointRoutes,
)

_OF_HTTP: dict[int, type[HubError]] = {
    404: NotFound,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    415: MediaTypeUnsupported,
}


def create_app(services: Services) -> Flask:
    """The door as a WSGI application. Call it in the process that serves: its threads do not survive a fork.

    Raises: SettingInvalid, when tokens would travel in the clear.
    """
    if not is_secure_transport(services.public_url):
        raise SettingInvalid("HUB_PUBLIC_URL must begin with https:// (http:// only for the machine itself).")
    app = _App("hub", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BATCH_BYTES_MAX
    app.url_map.strict_slashes = True
    app.url_map.redirect_defaults = False
    app.url_map.merge_slashes = False
    door = Door(services, Metrics())
    app.extensions["hub_door"] = door
    for resource in _RESOURCES:
        resource(door).register(app)
    app.before_request(door.begin)
    app.after_request(door.finish)
    app.register_error_handler(HubError, lambda refusal: _refused(door, refusal))
    app.register_error_handler(HTTPException, lambda fault: _http(door, fault))
    app.register_error_handler(Exception, lambda fault: _fault(door, fault))
    return app


class _App(Flask):
    """Flask without what is never used here: every view is a plain function."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself; Flask would look into it on every request."""
        return func


def stop_app(app: Flask) -> None:
    """Let what is queued be decided; the application is of no use afterwards."""
    door: Door = app.extensions["hub_door"]
    door.writing.stop()


def _refused(door: Door, refusal: HubError) -> Reply:
    if STATUS.get(refusal.code, 500) >= 500 and refusal.code != "overloaded":
        return _fault(door, refusal)
    return door.refuse(refusal)


def _http(door: Door, fault: HTTPException) -> Reply:
    kind = _OF_HTTP.get(fault.code or 0, BadRequest)
    methods = fault.valid_methods if isinstance(fault, HttpMethodNotAllowed) else None
    if fault.code == 405 and request.environ["REQUEST_METHOD"] == "OPTIONS":
        response = Reply.without_body(204)
    else:
        response = door.refuse(kind(str(fault.description or "This request cannot be read.")[:300]))
    if fault.code == 405:
        response.add("Allow", ", ".join(sorted({*(methods or ()), "OPTIONS"})))
    return response


def _fault(door: Door, fault: Exception) -> Reply:
    """Our mistake, or a database that is away: logged once, here, and told without its details."""
    _log.error("fault", exc_info=fault)
    if is_passing(fault):
        return door.refuse(
            Unavailable("The hub cannot work right now; ask again with the same key.", retry_after_seconds=2)
        )
    return door.refuse(InternalFault("The hub made a mistake; nothing was decided. Ask again with the same key."))
