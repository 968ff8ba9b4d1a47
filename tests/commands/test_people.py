"""Operators and members enrol with a link that the command prints, and sign in to a real server with a real client."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.resources import files

import pyotp
import pytest
import requests
from requests_oauthlib import OAuth2Session

from tests.commands.conftest import Run, document
from tests.gateway.browser import Forms
from tests.gateway.contract_client import ROOT

ROUTES = str(files("hub.trials") / "data" / "transfer-routes.csv")
PASSWORD = "seven otters juggle quietly"
REDIRECT = "http://127.0.0.1:1/done"


@pytest.fixture
def served(environment: dict[str, str]) -> Iterator[str]:
    """A running gateway on a free port; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    environment |= {"HUB_PUBLIC_URL": base, "HUB_API_PORT": str(port), "HUB_API_PROCESSES": "1", "HUB_API_THREADS": "4"}
    process = subprocess.Popen([sys.executable, "-m", "hub", "api"], env=environment)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            requests.get(f"{base}/healthz", timeout=5)
            break
        except requests.ConnectionError:
            time.sleep(0.1)
    yield base
    process.send_signal(signal.SIGTERM)
    process.wait(60)


class Person:
    """Somebody with a browser that has no scripts."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.session = requests.Session()

    def go(self, place: str) -> requests.Response:
        return self.session.get(place, timeout=30)

    def send(self, page: requests.Response, action: str, **fields: str) -> requests.Response:
        """Fill in a form, and go where it leads as long as that is at the hub."""
        form = {**Forms(page.text).found[action], **fields}
        answer = self.session.post(self.base + action, data=form, allow_redirects=False, timeout=30)
        while answer.headers.get("Location", "").startswith("/"):
            answer = self.session.get(self.base + answer.headers["Location"], allow_redirects=False, timeout=30)
        return answer


def test_a_member_enrols_and_lets_an_app_of_a_common_library_act(
    hub: Run, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the test's server has no certificate
    hub("rates", "import", ROUTES)
    member = str(
        document(hub("member", "link", "--reference", "m1", "--partner", "amex_mr", "--membership", "1", "--json"))[
            "member"
        ]
    )
    added = document(
        hub("client", "add", "amex_mr", "--auth", "none", "--redirect-uri", REDIRECT, "--name", "Pocket", "--scope",
            "member:read", "--json")
    )  # fmt: skip
    invited = document(hub("member", "enrol", member, "--json"))
    person = Person(served)

    done = person.send(
        person.go(str(invited["link"])), "/oauth/enrol", login="wanderer", password=PASSWORD, again=PASSWORD
    )
    app = OAuth2Session(str(added["client_id"]), redirect_uri=REDIRECT, scope=["member:read"], pkce="S256")
    address, _ = app.authorization_url(f"{served}/oauth/authorize")
    page = person.send(person.go(address), "/oauth/sign-in", login="Wanderer", password=PASSWORD)
    back = person.send(page, "/oauth/consent", answer="yes")
    token = app.fetch_token(
        f"{served}/oauth/token", authorization_response=back.headers["Location"], include_client_id=True
    )
    renewed = app.refresh_token(f"{served}/oauth/token", client_id=str(added["client_id"]))
    said = the_documented_program(served, str(added["client_id"]), person)

    assert invited["member"] == member
    assert done.status_code == 200
    assert "member:read" in token["scope"]
    assert renewed["access_token"] != token["access_token"]
    assert renewed["refresh_token"] != token["refresh_token"]
    assert said == ["allowed member:read", "renewed, good for 600 seconds"]


def the_documented_program(base: str, client_id: str, person: Person) -> list[str]:
    """Run the program of the page for developers as it is printed there, with a member at the browser; what it says."""
    program = (ROOT / "docs" / "oauth" / "apps.md").read_text().partition("```python\n")[2].partition("```")[0]
    environment = {**os.environ, "HUB": base, "CLIENT_ID": client_id, "OAUTHLIB_INSECURE_TRANSPORT": "1"}
    running = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    address = running.stdout.readline().removeprefix("open ").strip()
    back = person.send(person.go(address), "/oauth/consent", answer="yes")
    answered = requests.get(back.headers["Location"], timeout=30)
    said = running.communicate(timeout=60)[0].splitlines()
    assert answered.text == "You can close this window."
    return said


def test_operators_are_added_enrolled_listed_stopped_and_started(hub: Run, served: str) -> None:
    added = document(hub("operator", "add", "maya", "--scope", "audit:read", "--json"))
    again = hub("operator", "add", "maya", "--json")
    wrong = hub("operator", "add", "Maya!", "--json")
    foreign = hub("operator", "add", "noor", "--scope", "member:read", "--json")
    person = Person(served)
    page = person.go(str(added["link"]))
    secret = page.text.partition("<p><code>")[2].partition("</code>")[0].replace(" ", "")
    fields = {"login": "maya", "password": PASSWORD, "again": PASSWORD, "code": pyotp.TOTP(secret).now()}
    done = person.send(page, "/oauth/enrol", **fields)
    listed = json.loads(hub("operator", "list", "--json").stdout)
    stopped = document(hub("operator", "stop", "maya", "--json"))
    refused = hub("operator", "enrol", "maya", "--json")
    document(hub("operator", "start", "maya", "--json"))
    renewed = document(hub("operator", "enrol", "maya", "--json"))
    absent = [hub("operator", verb, "nobody", "--json") for verb in ("stop", "start", "enrol")]

    assert "Recovery codes" in done.text
    assert json.loads(again.stdout)["error"]["code"] == "operator_exists"
    assert json.loads(wrong.stdout)["error"]["code"] == "operator_invalid"
    assert json.loads(foreign.stdout)["error"]["code"] == "scope_not_allowed"
    assert listed == [{"operator": added["operator"], "name": "maya", "scope": "audit:read", "state": "active"}]
    assert stopped["state"] == "stopped"
    assert json.loads(refused.stdout)["error"]["code"] == "person_missing"
    assert person.go(str(added["link"])).status_code == 404
    assert person.go(str(renewed["link"])).status_code == 200
    assert {json.loads(one.stdout)["error"]["code"] for one in absent} == {"person_missing"}


def test_a_link_for_a_password_is_for_who_enrolled(hub: Run) -> None:
    hub("rates", "import", ROUTES)
    linked = hub("member", "link", "--reference", "m1", "--partner", "amex_mr", "--membership", "1", "--json")
    member = str(document(linked)["member"])
    hub("operator", "add", "maya")

    early = hub("member", "password", member, "--json")
    hub("member", "enrol", member)
    renewed = hub("member", "password", member)
    nobody = hub("member", "enrol", "mbr_" + "0" * 26, "--json")
    operator = hub("member", "password", "maya", "--json")
    crossed = hub("operator", "stop", member, "--json")

    assert json.loads(early.stdout)["error"]["code"] == "person_missing"
    assert "/oauth/enrol/" in renewed.stdout
    assert json.loads(nobody.stdout)["error"]["code"] == "member_missing"
    assert json.loads(operator.stdout)["error"]["code"] == "person_missing"
    assert json.loads(crossed.stdout)["error"]["code"] == "person_missing"


def test_no_link_and_no_secret_is_logged(hub: Run, environment: dict[str, str]) -> None:
    environment["HUB_LOG_LEVEL"] = "DEBUG"

    added = hub("operator", "add", "maya", "--json")

    token = str(document(added)["link"]).rpartition("/")[2]
    assert len(token) == 43
    assert token not in added.stderr
