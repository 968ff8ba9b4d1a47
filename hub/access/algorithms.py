"""By which algorithms others sign what they send us: assertions and proofs. Knows names; does not know keys.

Source: FAPI 2.0 Security Profile §5.4.1; RFC 9864, which names what was called EdDSA by its curve.
"""

from typing import Any

from joserfc.jws import JWSRegistry

ALGORITHMS = ("ES256", "PS256", "EdDSA", "Ed25519")


class _Registry(JWSRegistry):
    """Headers long enough for an RSA key of 4,096 bits, and EdDSA without the library's warning.

    It warns because EdDSA does not say which curve; the keys that are registered with us do, and it is Ed25519.
    """

    max_header_length = 2_048

    def get_alg(self, name: str) -> Any:
        """The algorithm of this name, if it is one of ours. Raises: UnsupportedAlgorithmError."""
        return self.algorithms[name] if name == "EdDSA" else super().get_alg(name)


REGISTRY = _Registry(algorithms=list(ALGORITHMS))
