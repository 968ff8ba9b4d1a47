"""A partner's client of the hub as its engineer would write it: OAuth client credentials and JSON over HTTP."""

import threading
import time
from collections.abc import Mapping

import requests

from hub.kernel.errors import HubError

# Renew this long before a token ends.
_RENEW_SECONDS = 60
_TIMEOUT_SECONDS = 30
# A hub that sheds load says when to come back; a client that listens gets through.
_TRIES_MAX = 20


class ApiRefused(HubError):
    """The hub answered a trial's request with a problem."""

    code = "api_refused"


class ApiClient:
    """One client of the hub at `url`. Safe between threads: each has its own connection."""

    def __init__(self, url: str, client_id: str, client_secret: str) -> None:
        self.url = url
        self.credentials = (client_id, client_secret)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    def get(self, path: str) -> dict[str, object]:
        """The document at `path`. Raises: ApiRefused."""
        return self._call("GET", path, None, {})

    def post(self, path: str, document: Mapping[str, object], key: str = "") -> dict[str, object]:
        """Post `document`; with `key` as Idempotency-Key if one is given. Raises: ApiRefused."""
        return self._call("POST", path, document, {"Idempotency-Key": key} if key else {})

    def token(self) -> str:
        """An access token that is good for a while."""
        with self._lock:
            if time.monotonic() >= self._renew_at:
                answer = requests.post(
                    f"{self.url}/oauth/token",
                    data={"grant_type": "client_credentials"},
                    auth=self.credentials,
                    timeout=_TIMEOUT_SECONDS,
                )
                document = answer.json()
                if answer.status_code != 200:
                    raise ApiRefused(f"no token: {document.get('error')}", status=answer.status_code)
                self._token = str(document["access_token"])
                self._renew_at = time.monotonic() + int(document["expires_in"]) - _RENEW_SECONDS
            return self._token

    def close(self) -> None:
        """Close the calling thread's connection; other threads' go with their threads."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is not None:
            session.close()

    def _call(
        self, method: str, path: str, document: Mapping[str, object] | None, headers: Mapping[str, str]
    ) -> dict[str, object]:
        session = self._session()
        for _ in range(_TRIES_MAX):
            answer = session.request(
                method,
                self.url + path,
                json=document,
                headers={"Authorization": f"Bearer {self.token()}", **headers},
                timeout=_TIMEOUT_SECONDS,
            )
            if answer.status_code not in (429, 503):
                break
            time.sleep(min(5, int(answer.headers.get("Retry-After", "1"))))
        found = answer.json()
        if answer.status_code >= 400:
            code, detail = str(found.get("code")), str(found.get("detail"))
            raise ApiRefused(f"{method} {path}: {code}: {detail}", status=answer.status_code, problem=code)
        assert isinstance(found, dict), "the hub answers with objects"
        return found

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False
        return session
