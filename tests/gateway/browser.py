"""A browser without scripts: it follows no redirect by itself, keeps cookies, and fills in the forms it is shown."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from werkzeug.test import TestResponse

from tests.gateway.contract_client import ISSUER, ContractClient, World
from tests.gateway.oauth_world import CHALLENGE, REDIRECT, App

Form = dict[str, str]


class Forms(HTMLParser):
    """The forms of a page, by the last part of their address; each with its fields as they are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, Form] = {}
        self._open: Form = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        sent = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert sent["method"] == "post", "what changes something is posted"
            assert sent["action"].startswith("/oauth/"), "forms stay here"
            self._open = self.found.setdefault(sent["action"], {})
        elif tag == "input" and "name" in sent:
            self._open[sent["name"]] = sent.get("value", "")


def forms_of(response: TestResponse) -> dict[str, Form]:
    """The forms of a page."""
    return Forms(response.get_data(as_text=True)).found


@dataclass
class Browser:
    """One browser, with its cookies."""

    world: World
    client: ContractClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.world.client()

    def ask(self, app: App, **changed: str | None) -> TestResponse:
        """Go where this app sends people; None takes a parameter away."""
        return self.go("/oauth/authorize?" + urlencode(asked(app, **changed)))

    def go(self, place: str) -> TestResponse:
        """GET an address of the hub."""
        return self.client.get(place, base_url=ISSUER)

    def send(self, page: TestResponse, action: str, **fields: str) -> TestResponse:
        """Fill in a form of this page, and send it."""
        form = {**forms_of(page)[action], **fields}
        return self.client.post(action, data=form, base_url=ISSUER, headers={"Sec-Fetch-Site": "same-origin"})

    def sign_in(self, page: TestResponse, login: str, password: str, **fields: str) -> TestResponse:
        """Sign in on this page, and go where it leads if that is here."""
        sent = self.send(page, "/oauth/sign-in", login=login, password=password, **fields)
        return self.go(sent.headers["Location"]) if sent.status_code == 303 else sent

    def cookie(self) -> str:
        """What the hub has given it."""
        kept = self.client.get_cookie("__Host-hub", domain="hub.example")
        return kept.value if kept else ""


def asked(app: App, **changed: str | None) -> dict[str, str]:
    """The parameters of an authorization request; None takes one away."""
    full: dict[str, str | None] = {
        "response_type": "code",
        "client_id": app.id,
        "redirect_uri": REDIRECT,
        "scope": "member:read",
        "state": "af0ifjsldkj",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changed,
    }
    return {name: value for name, value in full.items() if value is not None}


def answer_of(response: TestResponse) -> dict[str, Any]:
    """What an app is told: the parameters of the address that the browser is sent to."""
    assert response.status_code == 303, response.get_data(as_text=True)
    place = response.headers["Location"]
    found = dict(parse_qsl(urlsplit(place).query, keep_blank_values=True))
    return {"to": place.partition("?")[0], **found}
