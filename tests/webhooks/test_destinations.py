"""What an endpoint's address may be, and which numbers may stand behind it."""

import ipaddress

import pytest

from hub.webhooks.destinations import Destinations, networks_of
from hub.webhooks.refusals import EndpointInvalid

PUBLIC = Destinations()
DEVELOPMENT = Destinations(networks_of("127.0.0.0/8, ::1/128"))
ON_PREMISE = Destinations(networks_of("10.20.0.0/16"))


@pytest.mark.parametrize(
    "url",
    [
        "https://partner.example/hooks",
        "https://hooks.partner.example:8443/a?b=c",
        "https://xn--bcher-kva.example/",
        "https://93.184.215.14/hooks",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/hooks",
    ],
)
def test_public_addresses_are_taken(url: str) -> None:
    PUBLIC.check_url(url)


# Every form of "this machine, or one beside it" that URL parsers and resolvers are known to take.
HOSTILE = (
    "https://127.0.0.1/",
    "https://localhost/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://[64:ff9b::7f00:1]/",
    "https://224.0.0.1/",
    "https://192.0.2.1/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://10.0.0.1/",
    "https://017700000001/",
    "https://localhost./",
    "https://intranet/",
)


@pytest.mark.parametrize("url", HOSTILE)
def test_addresses_inside_are_refused_when_they_are_entered(url: str) -> None:
    with pytest.raises(EndpointInvalid):
        PUBLIC.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "partner.example/hooks",
        "http://partner.example/",
        "ftp://partner.example/",
        "https://user@partner.example/",
        "https://user:pass@partner.example/",
        "https://partner.example:22/",
        "https://partner.example:99999/",
        "https://partner.example/#part",
        "https://partner.example\\@127.0.0.1/",
        "https://partner.example/a b",
        "https://partner.example/\n",
        "https://",
        "https://partnér.example/",
        "https://partner.example/" + "a" * 500,
        "https://[::1",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    for destinations in (PUBLIC, DEVELOPMENT):
        with pytest.raises(EndpointInvalid):
            destinations.check_url(url)


def test_development_reaches_this_machine_plainly_and_nothing_else_inside() -> None:
    DEVELOPMENT.check_url("http://127.0.0.1:9000/hooks")
    DEVELOPMENT.check_url("http://localhost:9000/hooks")
    DEVELOPMENT.check_url("https://[::1]:9000/hooks")

    for url in ("http://10.0.0.1/", "https://169.254.169.254/", "http://partner.example/"):
        with pytest.raises(EndpointInvalid):
            DEVELOPMENT.check_url(url)


def test_a_listed_network_is_reached_with_tls_only() -> None:
    inside = ipaddress.ip_address("10.20.3.4")

    assert ON_PREMISE.allows(inside)
    assert not ON_PREMISE.allows_plainly(inside)
    assert not ON_PREMISE.allows(ipaddress.ip_address("10.21.0.1"))
    assert not ON_PREMISE.allows(ipaddress.ip_address("127.0.0.1"))


def test_a_list_of_networks_is_read_or_refused() -> None:
    assert networks_of(" ") == ()
    with pytest.raises(ValueError):
        networks_of("127.0.0.1/8")
