"""One request to an address that somebody else chose: judged when connecting, bounded, never redirected."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub.webhooks.destinations import Destinations, networks_of
from hub.webhooks.sending import Sender, resolved
from hub.webhooks.types import Sent
from tests.webhooks.receiver import Got, Receiver, Reply, receiving
from tests.webhooks.test_destinations import HOSTILE

LOOPBACK = Destinations(networks_of("127.0.0.0/8"))
HEADERS = {"webhook-id": "evt_1"}


def post(url: str, *, destinations: Destinations = LOOPBACK, **options: object) -> Sent:
    sender = Sender(destinations, **options)  # type: ignore[arg-type]
    try:
        return sender.post(url, HEADERS, b"{}")
    finally:
        sender.close()


@pytest.mark.parametrize("url", HOSTILE)
def test_hostile_addresses_are_refused_when_connecting_too(url: str) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["10.1.2.3"] if host in ("intranet", "localhost.") else resolved(host, port)

    sent = post(url, destinations=Destinations(), resolve=resolve, connect_seconds=0.2)

    assert sent == Sent("address_refused")
    assert asked


def test_a_name_that_leads_elsewhere_by_the_time_of_connecting_is_refused() -> None:
    with receiving() as receiver:
        answers = iter((["93.184.215.14"], ["127.0.0.1"]))
        first = next(answers)  # what anybody who looked at the name before would have seen

        sent = post(
            f"https://rebinding.example:{receiver.port}/",
            destinations=Destinations(),
            resolve=lambda _host, _port: next(answers),
        )

    assert first == ["93.184.215.14"]
    assert sent == Sent("address_refused")
    assert receiver.got == []


def test_one_inner_address_among_public_ones_refuses_the_name() -> None:
    sent = post(
        "https://mixed.example/", destinations=Destinations(), resolve=lambda *_: ["93.184.215.14", "169.254.169.254"]
    )

    assert sent == Sent("address_refused")


def test_the_connection_goes_to_the_judged_address_and_the_request_names_the_host() -> None:
    with receiving() as receiver:
        sent = post(f"http://partner.example:{receiver.port}/hooks", resolve=lambda *_: ["127.0.0.1"])

    assert sent.outcome == "delivered"
    assert receiver.got[0].headers["host"] == f"partner.example:{receiver.port}"
    assert receiver.got[0].headers["webhook-id"] == "evt_1"


def test_without_tls_only_this_machine_is_called_even_in_a_listed_network() -> None:
    sent = post(
        "http://partner.example/", destinations=Destinations(networks_of("10.0.0.0/8")), resolve=lambda *_: ["10.0.0.1"]
    )

    assert sent == Sent("address_refused")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "delivered"),
        (299, "delivered"),
        (301, "redirected"),
        (307, "redirected"),
        (400, "refused"),
        (410, "gone"),
        (429, "refused"),
        (500, "refused"),
    ],
)
def test_what_a_status_means(status: int, outcome: str) -> None:
    with receiving(lambda _: Reply(status, {"location": "http://127.0.0.1/", "retry-after": "7"})) as receiver:
        sent = post(receiver.url)

    assert (sent.outcome, sent.status, sent.retry_after) == (outcome, status, "7")
    assert len(receiver.got) == 1, "nobody follows anything"


def test_the_log_gets_a_bounded_head_without_secrets() -> None:
    reply = Reply(
        500,
        {"set-cookie": "session=abc", "authorization": "Bearer abcdefghijkl", "via": "1.1 proxy"},
        b"no: token=abcdef123456 \x00\x1b[31m" + b"x" * 100_000,
    )
    with receiving(lambda _: reply) as receiver:
        sent = post(receiver.url)

    assert sent.response.startswith("500 Internal Server Error\n")
    assert "via: 1.1 proxy" in sent.response
    assert len(sent.response) == 2_000
    for hidden in ("session=abc", "abcdefghijkl", "abcdef123456", "\x00", "\x1b"):
        assert hidden not in sent.response


def test_a_dead_port_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        assert post(f"http://127.0.0.1:{taken.getsockname()[1]}/") == Sent("unreachable")


def test_an_address_that_cannot_even_be_asked_for_is_unreachable() -> None:
    assert post("https://[::1/") == Sent("unreachable")


@contextlib.contextmanager
def trickling(first: bytes, then: bytes) -> Iterator[int]:
    """A server that says a little for ever, and never enough."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    connection.sendall(first)
                    while not stop.wait(0.02):
                        connection.sendall(then)

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listening.getsockname()[1])
        stop.set()
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    ("scheme", "first", "then"),
    [
        ("http", b"", b""),
        ("http", b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
        ("http", b"HTTP/1.1 2", b"0"),
        ("https", b"", b""),
        ("https", b"\x16\x03\x03\x40\x00", b"\x02"),
    ],
)
def test_whoever_trickles_is_cut_off_whatever_it_trickles(scheme: str, first: bytes, then: bytes) -> None:
    with trickling(first, then) as port:
        sent = post(f"{scheme}://127.0.0.1:{port}/", total_seconds=0.3)

    assert sent == Sent("timeout")


def test_an_answer_counts_even_if_its_body_never_ends() -> None:
    with trickling(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", b"") as port:
        sent = post(f"http://127.0.0.1:{port}/", total_seconds=0.3)

    assert (sent.outcome, sent.status) == ("delivered", 200)


def test_connections_are_used_again_and_shut_with_their_own_attempt_only() -> None:
    with receiving() as receiver:
        sender = Sender(LOOPBACK, total_seconds=0.3)
        outcomes = []
        for _ in range(3):
            outcomes.append(sender.post(receiver.url, HEADERS, b"{}").outcome)
            time.sleep(0.2)
        sender.close()

    assert outcomes == ["delivered"] * 3


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for partner.example that nobody but its owner trusts, and a server's side of it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "partner.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("partner.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    return chain, context


def over_tls(receiver: Receiver, name: str, ca_file: str = "") -> Sent:
    return post(f"https://{name}:{receiver.port}/", resolve=lambda *_: ["127.0.0.1"], ca_file=ca_file)


def test_the_certificate_must_be_trusted_and_of_the_name(certificate: tuple[Path, ssl.SSLContext]) -> None:
    chain, context = certificate
    seen: list[Got] = []

    with receiving(lambda got: seen.append(got) or Reply(), tls=context) as receiver:  # type: ignore[func-returns-value]
        unknown = over_tls(receiver, "partner.example")
        other_name = over_tls(receiver, "other.example", str(chain))
        known = over_tls(receiver, "partner.example", str(chain))

    assert (unknown, other_name) == (Sent("tls_invalid"), Sent("tls_invalid"))
    assert known.outcome == "delivered"
    assert len(seen) == 1
