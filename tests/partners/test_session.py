"""The way to a partner: tokens renewed once and in time, every bound kept, and silence told from a no."""

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hub.kernel.clock import ManualClock
from hub.kernel.limits import PARTNER_REPLY_BYTES_MAX
from partners.base import Connection, Ports, Reason, Unknown
from partners.memory import MemoryBreaker, MemoryTokenStore
from partners.profile import AuthKind, HttpProfile, SigningKind
from partners.sandbox.books import Answered, Found, MemberView, Move
from partners.sandbox.face import Answer, Call, Face, Lookup, Task, Unheard, json_answer
from partners.sandbox.faults import FaultPlan
from partners.sandbox.oauth import Credentials
from partners.sandbox.server import RunningSimulator, SimulatedPartner, serve
from partners.session import PartnerSession, Reply
from partners.signatures import SignedRequest, verify_request
from partners.transport import Transport
from tests.partners.test_signatures import pem_pair

CREDENTIALS = Credentials.fresh("hub")


class ScriptedFace(Face):
    """Answers what it was told to, in order, the last for ever; remembers what it was asked."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.answers = list(answers)
        self.calls: list[Call] = []

    def read(self, call: Call) -> Task:
        self.calls.append(call)
        return Unheard(0, "scripted")

    def failed(self, status: int, why: str) -> Answer:
        if why != "scripted":
            return super().failed(status, why)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def moved(self, result: Answered) -> Answer:
        raise AssertionError("a scripted partner only fails")

    def found(self, result: Found) -> Answer:
        raise AssertionError("a scripted partner only fails")

    def member(self, lookup: Lookup, view: MemberView | None, refusal: Reason | None) -> Answer:
        raise AssertionError("a scripted partner only fails")

    def muddled(self, move: Move) -> Answer:
        raise AssertionError("a scripted partner only fails")


OK = json_answer(200, {"ok": True})
HTTP = HttpProfile("", "", "movements", AuthKind.CLIENT_SECRET_BASIC, 5, "")
WITH_TOKENS = [auth for auth in AuthKind if auth not in (AuthKind.NONE, AuthKind.API_KEY)]


class Rig:
    """One session to one scripted partner."""

    def __init__(self, running: RunningSimulator, face: ScriptedFace, clock: ManualClock, auth: AuthKind) -> None:
        self.running, self.face, self.clock = running, face, clock
        self.connection = running.connection("p", CREDENTIALS, timeout_seconds=2)
        self.breaker = MemoryBreaker(clock, failures_max=3, rest=timedelta(seconds=30))
        self.ports = Ports(MemoryTokenStore(), self.breaker, clock)
        self.transport = Transport()
        self.http = replace(HTTP, auth=auth)
        self.session = self.to(self.connection)

    def to(self, connection: Connection) -> PartnerSession:
        return PartnerSession(connection, self.http, self.ports, self.transport)

    @property
    def tokens_issued(self) -> int:
        return self.running.tokens_issued("p")


@contextmanager
def rigged(
    clock: ManualClock,
    *answers: Answer,
    token_seconds: int = 600,
    auth: AuthKind = AuthKind.CLIENT_SECRET_BASIC,
    token_wanted: bool = True,
) -> Iterator[Rig]:
    face = ScriptedFace(answers or [OK])
    partner = SimulatedPartner("p", CREDENTIALS, face=face, token_seconds=token_seconds, token_wanted=token_wanted)
    with serve("127.0.0.1", 0, [partner], FaultPlan(), clock) as running:
        rig = Rig(running, face, clock, auth)
        yield rig
        rig.transport.close()


@pytest.mark.parametrize("auth", WITH_TOKENS)
def test_the_hub_proves_itself_in_each_way(clock: ManualClock, auth: AuthKind) -> None:
    with rigged(clock, auth=auth, token_seconds=100) as rig:
        first = rig.session.get("/x")
        clock.advance(timedelta(seconds=95))
        second = rig.session.get("/x")

        assert [getattr(reply, "status", reply) for reply in (first, second)] == [200, 200]
        assert rig.tokens_issued == 2


@pytest.mark.parametrize("auth", WITH_TOKENS)
def test_wrong_secrets_are_no_token_and_no_call(clock: ManualClock, auth: AuthKind) -> None:
    with rigged(clock, auth=auth) as rig:
        wrong = replace(rig.connection, secrets=Credentials.fresh("hub").secrets())

        outcome = rig.to(wrong).get("/x")

        assert outcome == Unknown("no token: refused", called=False)
        assert rig.face.calls == []


@pytest.mark.parametrize("auth", WITH_TOKENS)
def test_missing_secrets_are_no_token(clock: ManualClock, auth: AuthKind) -> None:
    with rigged(clock, auth=auth) as rig:
        outcome = rig.to(replace(rig.connection, secrets={})).get("/x")

        assert isinstance(outcome, Unknown)
        assert outcome.why.startswith("no token")


def test_a_token_serves_until_it_is_to_be_renewed(clock: ManualClock) -> None:
    with rigged(clock, token_seconds=600) as rig:
        rig.session.get("/x")
        clock.advance(timedelta(seconds=539))
        rig.session.get("/x")
        before = rig.tokens_issued

        clock.advance(timedelta(seconds=2))
        rig.session.get("/x")

        assert (before, rig.tokens_issued) == (1, 2)


@pytest.mark.parametrize(
    ("life_seconds", "early_seconds"), [(600, 60), (3_600, 360), (60, 30), (10, 5), (100, 50), (7_200, 720)]
)
def test_a_token_is_renewed_in_time_but_not_before_half_its_life(
    clock: ManualClock, life_seconds: int, early_seconds: int
) -> None:
    with rigged(clock, token_seconds=life_seconds) as rig:
        rig.session.get("/x")

        token = rig.ports.tokens.get("p", "movements")

        assert token is not None
        assert token.expires_at - clock.now() == timedelta(seconds=life_seconds)
        assert token.expires_at - token.renew_at == timedelta(seconds=early_seconds)


def test_many_threads_renew_once(clock: ManualClock) -> None:
    with rigged(clock) as rig:
        replies: list[object] = []
        threads = [threading.Thread(target=lambda: replies.append(rig.session.get("/x"))) for _ in range(24)]

        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [reply.status for reply in replies if isinstance(reply, Reply)] == [200] * 24
        assert rig.tokens_issued == 1


def test_a_revoked_token_is_renewed_and_the_call_repeated_once(clock: ManualClock) -> None:
    with rigged(clock, json_answer(401, {}), OK) as rig:
        reply = rig.session.post_json("/x", {"a": 1})

        assert isinstance(reply, Reply)
        assert reply.status == 200
        assert (rig.tokens_issued, len(rig.face.calls)) == (2, 2)
        assert rig.face.calls[0].body == rig.face.calls[1].body


def test_a_second_401_is_told_and_not_repeated(clock: ManualClock) -> None:
    with rigged(clock, json_answer(401, {})) as rig:
        reply = rig.session.get("/x")

        assert isinstance(reply, Reply)
        assert (reply.status, rig.tokens_issued, len(rig.face.calls)) == (401, 2, 2)


def test_a_token_that_another_thread_has_renewed_is_used_after_a_401(clock: ManualClock) -> None:
    with rigged(clock, OK) as rig:
        rig.session.get("/x")
        old = rig.ports.tokens.get("p", "movements")
        assert old is not None
        rig.ports.tokens.put("p", "movements", replace(old, value="revoked"))

        reply = rig.session.get("/x")

        assert isinstance(reply, Reply)
        assert (reply.status, rig.tokens_issued) == (200, 2)


def test_an_old_token_serves_while_it_lives_when_no_new_one_comes(clock: ManualClock) -> None:
    with rigged(clock, token_seconds=600) as rig:
        rig.session.get("/x")
        clock.advance(timedelta(seconds=570))
        deaf = replace(rig.connection, token_url=rig.connection.base_url + "/nothing")

        reply = rig.to(deaf).get("/x")
        clock.advance(timedelta(seconds=31))
        later = rig.to(deaf).get("/x")

        assert isinstance(reply, Reply)
        assert reply.status == 200
        assert isinstance(later, Unknown)
        assert not later.called


def test_a_token_is_never_told_to_another_address(clock: ManualClock) -> None:
    with rigged(clock) as rig:
        rig.session.get("/x")
        elsewhere = ScriptedFace([OK])
        rig.running.add(SimulatedPartner("q", CREDENTIALS, face=elsewhere))
        moved = replace(rig.running.connection("q", CREDENTIALS, timeout_seconds=2), code="p")

        reply = rig.to(moved).get("/x")

        assert isinstance(reply, Reply)
        assert (reply.status, rig.running.tokens_issued("q")) == (200, 1)
        assert elsewhere.calls[0].headers["authorization"] != rig.face.calls[0].headers["authorization"]


def test_those_who_wait_for_a_token_share_its_failure(clock: ManualClock) -> None:
    pieces = [b"HTTP/1.1 ", b"503 Unavailable\r\ncontent-length: 0\r\n\r\n"]
    with rigged(clock) as rig, _raw_server(pieces, pause_seconds=0.4) as (url, asked):
        session = rig.to(replace(rig.connection, token_url=url))
        outcomes: list[object] = []
        threads = [threading.Thread(target=lambda: outcomes.append(session.get("/x"))) for _ in range(12)]

        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert outcomes == [Unknown("no token: http 503", called=False)] * 12
        assert len(asked) == 1


@pytest.mark.parametrize("auth", [AuthKind.CLIENT_SECRET_POST, AuthKind.NONE])
def test_requests_are_signed_beside_or_instead_of_a_token(clock: ManualClock, auth: AuthKind) -> None:
    private, public = pem_pair()
    with rigged(clock, json_answer(401, {}), OK, token_wanted=auth is not AuthKind.NONE) as rig:
        rig.http = replace(rig.http, auth=auth, signing=SigningKind.RFC9421)
        held = {**rig.connection.secrets, "signing_key": private, "signing_key_id": "hub-1"}
        session = rig.to(replace(rig.connection, secrets=held))

        session.post_json("/x/~y%2Fz", {"a": 1}, headers={"idempotency-key": "leg_1"})
        session.post_json("/x/~y%2Fz", {"a": 1}, headers={"idempotency-key": "leg_1"})

        proven = [
            verify_request(
                SignedRequest(call.method, f"{rig.running.url}/p{call.path}", call.headers, call.body),
                public_keys=public,
                now=clock.now(),
            )
            for call in rig.face.calls
        ]
        assert len(proven) == (3 if auth is not AuthKind.NONE else 2)
        assert {one.key_id for one in proven} == {"hub-1"}
        assert len({one.nonce for one in proven}) == len(proven)
        assert ("authorization" in rig.face.calls[0].headers) == (auth is not AuthKind.NONE)


@pytest.mark.parametrize("key", ["", "no key", pem_pair("rsa")[0]])
def test_without_a_key_nothing_goes_out_unsigned(clock: ManualClock, key: str) -> None:
    with rigged(clock) as rig:
        rig.http = replace(rig.http, signing=SigningKind.RFC9421)
        session = rig.to(replace(rig.connection, secrets={**rig.connection.secrets, "signing_key": key}))

        outcome = session.get("/x")

        assert outcome == Unknown("no signature: unreadable key", called=False)
        assert rig.face.calls == []


def test_a_server_without_a_trusted_certificate_is_not_spoken_to(clock: ManualClock, tmp_path: Path) -> None:
    with rigged(clock) as rig, _encrypted_server(tmp_path) as (url, heard):
        rig.session.get("/x")

        outcome = rig.to(replace(rig.connection, base_url=url, token_url=rig.connection.token_url)).get("/x")

        assert isinstance(outcome, Unknown)
        assert heard == []


TOKEN_ANSWERS = {
    "no object": Answer(200, b"[]"),
    "no token": json_answer(200, {"token_type": "Bearer"}),
    "another kind": json_answer(200, {"access_token": "t", "token_type": "mac"}),
    "a token with a line break": json_answer(200, {"access_token": "t\r\nx: y", "token_type": "Bearer"}),
    "an empty token": json_answer(200, {"access_token": "", "token_type": "Bearer"}),
    "an error": json_answer(400, {"error": "invalid_client", "error_description": "hub s3cret"}),
    "a fault": Answer(503, b"<html>"),
    "a redirect": json_answer(302, {}, location="http://127.0.0.1:9/"),
    "too much": Answer(200, b'{"access_token": "t", "pad": "' + b" " * PARTNER_REPLY_BYTES_MAX + b'"}'),
    "nothing": Answer(200, b""),
}


@pytest.mark.parametrize("what", list(TOKEN_ANSWERS))
def test_a_token_endpoint_that_answers_nonsense_gives_no_token(clock: ManualClock, what: str) -> None:
    with rigged(clock, OK) as rig, _open_endpoint(TOKEN_ANSWERS[what]) as url:
        outcome = rig.to(replace(rig.connection, token_url=url)).get("/x")

        assert isinstance(outcome, Unknown)
        assert outcome.why.startswith("no token")
        assert not outcome.called
        assert "s3cret" not in outcome.why


@contextmanager
def _open_endpoint(answer: Answer) -> Iterator[str]:
    """A bare server that gives one answer to whatever it is asked."""
    head = f"HTTP/1.1 {answer.status} -\r\ncontent-type: application/json\r\ncontent-length: {len(answer.body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
    with _raw_server([(head + "connection: close\r\n\r\n").encode() + answer.body]) as (url, _):
        yield url


@contextmanager
def _raw_server(pieces: Sequence[bytes], *, pause_seconds: float = 0) -> Iterator[tuple[str, list[bytes]]]:
    """A server on a bare socket: for each connection it reads once, sends the pieces, and closes."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[bytes] = []
    stop = threading.Event()

    def work() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(65_536))
                for piece in pieces:
                    try:
                        connection.sendall(piece)
                    except OSError:
                        break
                    if pause_seconds and stop.wait(pause_seconds):
                        break

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@contextmanager
def _encrypted_server(folder: Path) -> Iterator[tuple[str, list[bytes]]]:
    """A server with TLS whose certificate nobody has vouched for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    file = folder / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)

        def work() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as inner:
                heard.append(inner.recv(1_000))

        thread = threading.Thread(target=work)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", heard
        thread.join()


def test_no_answer_is_unknown_and_the_call_may_have_arrived(clock: ManualClock) -> None:
    with rigged(clock) as rig, _raw_server([]) as (url, asked):
        outcome = rig.to(replace(rig.connection, base_url=url)).post_json("/x", {})

        assert outcome == Unknown("no answer")
        assert len(asked) == 1


def test_no_connection_is_unknown_and_the_call_has_not_arrived(clock: ManualClock) -> None:
    with rigged(clock) as rig:
        nowhere = replace(rig.connection, base_url="http://127.0.0.1:9")

        assert rig.to(nowhere).get("/x") == Unknown("no connection", called=False)


def test_a_late_answer_is_no_answer(clock: ManualClock) -> None:
    with rigged(clock) as rig, _raw_server([b"HTTP/1.1 200 OK\r\n"], pause_seconds=5) as (url, asked):
        slow = replace(rig.connection, base_url=url, timeout_seconds=1)

        assert rig.to(slow).post_json("/x", {}) == Unknown("no answer in time")
        assert len(asked) == 1


def test_an_answer_that_trickles_is_given_up(clock: ManualClock) -> None:
    pieces = [b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", *([b"x"] * 1_000)]
    with rigged(clock) as rig, _raw_server(pieces, pause_seconds=0.1) as (url, _):
        slow = replace(rig.connection, base_url=url, timeout_seconds=1)

        assert rig.to(slow).get("/x") == Unknown("no answer")


def test_an_answer_that_breaks_off_is_no_answer(clock: ManualClock) -> None:
    pieces = [b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"status": "done"}']
    with rigged(clock) as rig, _raw_server(pieces) as (url, _):
        assert rig.to(replace(rig.connection, base_url=url)).get("/x") == Unknown("no answer")


def test_an_answer_that_is_no_http_is_no_answer(clock: ManualClock) -> None:
    with rigged(clock) as rig, _raw_server([b"SSH-2.0-hello\r\n\r\n"]) as (url, _):
        assert rig.to(replace(rig.connection, base_url=url)).get("/x") == Unknown("no answer")


def test_a_reply_is_read_up_to_its_bound(clock: ManualClock) -> None:
    fits, too_long = b"a" * PARTNER_REPLY_BYTES_MAX, b"a" * (PARTNER_REPLY_BYTES_MAX + 1)
    with rigged(clock, Answer(200, fits), Answer(200, too_long)) as rig:
        whole, cut = rig.session.get("/x"), rig.session.get("/x")

        assert isinstance(whole, Reply)
        assert isinstance(cut, Reply)
        assert (len(whole.body), whole.cut) == (PARTNER_REPLY_BYTES_MAX, False)
        assert (len(cut.body), cut.cut) == (PARTNER_REPLY_BYTES_MAX, True)


def test_a_partner_cannot_say_that_its_reply_was_cut(clock: ManualClock) -> None:
    with rigged(clock, json_answer(200, {}, x_hub_cut="1")) as rig:
        reply = rig.session.get("/x")

        assert isinstance(reply, Reply)
        assert not reply.cut


def test_a_packed_reply_is_unpacked_within_the_same_bound(clock: ManualClock) -> None:
    small, bomb = gzip.compress(b'{"ok": true}'), gzip.compress(b" " * (PARTNER_REPLY_BYTES_MAX * 40))
    packed = {"content-encoding": "gzip"}
    with rigged(clock, Answer(200, small, headers=packed), Answer(200, bomb, headers=packed)) as rig:
        first, second = rig.session.get("/x"), rig.session.get("/x")

        assert isinstance(first, Reply)
        assert isinstance(second, Reply)
        assert first.body == b'{"ok": true}'
        assert (len(second.body), second.cut) == (PARTNER_REPLY_BYTES_MAX, True)


def test_a_reply_packed_wrongly_is_no_answer(clock: ManualClock) -> None:
    with rigged(clock, Answer(200, b"not packed at all", headers={"content-encoding": "gzip"})) as rig:
        assert rig.session.get("/x") == Unknown("no answer")


def test_redirects_are_answers_and_never_followed(clock: ManualClock) -> None:
    with rigged(clock) as rig:
        rig.face.answers = [json_answer(307, {}, location=rig.connection.base_url + "/elsewhere")]

        reply = rig.session.post_json("/x", {})

        assert isinstance(reply, Reply)
        assert reply.status == 307
        assert [call.path for call in rig.face.calls] == ["/x"]


def test_proxies_and_credentials_of_the_environment_are_ignored(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with rigged(clock) as rig:
        reply = rig.session.get("/x")

        assert isinstance(reply, Reply)
        assert reply.status == 200


def test_cookies_are_not_kept(clock: ManualClock) -> None:
    with rigged(clock, json_answer(200, {}, set_cookie="session=1")) as rig:
        rig.session.get("/x")
        rig.session.get("/x")

        assert all("cookie" not in call.headers for call in rig.face.calls)


def test_a_trace_is_passed_on(clock: ManualClock) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with rigged(clock) as rig:
        rig.session.post_json("/x", {}, trace=trace)
        rig.session.post_xml("/x", b"<a/>")

        assert [call.headers.get("traceparent", "") for call in rig.face.calls] == [trace, ""]


def test_an_open_breaker_keeps_calls_at_home(clock: ManualClock) -> None:
    with rigged(clock, Answer(500, b"")) as rig:
        for _ in range(3):
            rig.session.get("/x")

        outcome = rig.session.get("/x")

        assert outcome == Unknown("breaker open", called=False)
        assert len(rig.face.calls) == 3


def test_a_refusal_keeps_the_breaker_closed(clock: ManualClock) -> None:
    with rigged(clock, json_answer(422, {})) as rig:
        for _ in range(5):
            rig.session.get("/x")

        assert rig.breaker.closed("p")


def test_a_server_error_is_not_retried_by_the_transport(clock: ManualClock) -> None:
    with rigged(clock, Answer(503, b"")) as rig:
        rig.session.post_json("/x", {})

        assert len(rig.face.calls) == 1


def test_nothing_that_is_shown_carries_a_secret(clock: ManualClock) -> None:
    with rigged(clock) as rig:
        reply = rig.session.get("/x")
        token = rig.ports.tokens.get("p", "movements")
        shown = repr([rig.connection, rig.session, vars(rig.session), rig.ports, token, reply, CREDENTIALS])

        assert token is not None
        for secret in (CREDENTIALS.client_secret, CREDENTIALS.private_key, token.value):
            assert secret not in shown


def test_connections_are_used_again(clock: ManualClock) -> None:
    with rigged(clock) as rig:
        for _ in range(20):
            rig.session.get("/x")

        assert rig.running.connections_made <= 2


def test_a_call_without_a_timeout_is_a_fault_of_ours(clock: ManualClock) -> None:
    with rigged(clock) as rig:
        session = rig.transport.mount(requests.Session())

        with pytest.raises(AssertionError):
            session.get(rig.connection.base_url)
