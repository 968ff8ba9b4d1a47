"""Where the hub may send to: https, public addresses, the usual ports; and networks that an operator listed.

An address is judged twice: as text when somebody enters it, and as numbers at the moment of connecting, because a name
may lead elsewhere by then (DNS rebinding). Knows addresses. Does not connect.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from hub.webhooks.refusals import EndpointInvalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_URL_CHARS_MAX = 500
_PORTS = frozenset({443, 8443})
_DEFAULT_PORTS = {"https": 443, "http": 80}
# A name of two parts or more whose last one has a letter: so nothing that a resolver takes for a number (`0x7f.1`).
_NAME = re.compile(r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+(?=[a-z0-9-]*[a-z])[a-z0-9-]{2,63}", re.I)
# What carries an IPv4 address inside and would be routed to it: 6to4, Teredo, NAT64 (RFC 3056, 4380, 6052, 8215).
_TUNNELS = tuple(ipaddress.ip_network(one) for one in ("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48"))


@dataclass(frozen=True, slots=True)
class Destinations:
    """What may be sent to. networks: allowed although they are not public; plain http is for those among them that are
    loopback. Empty is right for everything but development and partners inside one's own network.
    """

    networks: tuple[Network, ...] = ()

    def check_url(self, url: str) -> None:
        """Raises: EndpointInvalid."""
        if not (url.isascii() and url.isprintable() and " " not in url and 1 <= len(url) <= _URL_CHARS_MAX):
            raise _invalid(f"An address has at most {_URL_CHARS_MAX} ASCII characters and no spaces.")
        try:
            parts = urlsplit(url)
            port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        except ValueError:
            raise _invalid("This is not an address such as https://partner.example/hooks.") from None
        host = parts.hostname or ""
        if parts.username is not None or parts.password is not None or parts.fragment or "\\" in url:
            raise _invalid("An address has no user name, password, fragment or backslash.")
        literal = _literal(host)
        if self._is_listed(literal, host):
            if parts.scheme not in ("http", "https"):
                raise _invalid("An address begins with https://.")
            return
        if parts.scheme != "https":
            raise _invalid("An address begins with https://.")
        if port not in _PORTS:
            raise _invalid("The hub sends to port 443 or 8443.")
        if literal is not None and not self.allows(literal):
            raise _invalid("The hub does not send to this address: it is not a public one.")
        if literal is None and not _NAME.fullmatch(host):
            raise _invalid("The name of the host is not one of the public internet.")

    def allows(self, address: Address) -> bool:
        """Whether the hub may connect to this address."""
        plain = _unwrapped(address)
        if any(plain.version == network.version and plain in network for network in self.networks):
            return True
        tunnelled = any(plain.version == tunnel.version and plain in tunnel for tunnel in _TUNNELS)
        return plain.is_global and not plain.is_multicast and not tunnelled

    def allows_plainly(self, address: Address) -> bool:
        """Whether the hub may connect to it without TLS: a listed network of the machine itself."""
        return _unwrapped(address).is_loopback and self.allows(address)

    def _is_listed(self, literal: Address | None, host: str) -> bool:
        """Whether the host is an address of a listed network, or this machine's own name where loopback is listed."""
        if host.lower() == "localhost":
            return any(network.is_loopback for network in self.networks)
        return literal is not None and not literal.is_global and self.allows(literal)


def networks_of(text: str) -> tuple[Network, ...]:
    """Networks from a list such as `127.0.0.0/8, ::1/128`. Raises: ValueError."""
    return tuple(ipaddress.ip_network(one.strip()) for one in text.split(",") if one.strip())


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _unwrapped(address: Address) -> Address:
    """An IPv4 address that is written as one of IPv6 (`::ffff:127.0.0.1`) counts as what it is."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def first_refused(addresses: Sequence[str], destinations: Destinations, *, plainly: bool) -> str | None:
    """The first of a name's addresses that the hub must not call; None when all may be called.

    One bad address refuses the name: whoever mixes public and private ones hopes that we take the second.
    """
    allows = destinations.allows_plainly if plainly else destinations.allows
    for one in addresses:
        if not allows(ipaddress.ip_address(one.partition("%")[0])):
            return one
    return None


def _invalid(detail: str) -> EndpointInvalid:
    return EndpointInvalid(detail, pointer="#/url")
