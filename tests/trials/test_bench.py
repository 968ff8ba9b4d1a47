"""Measurements run, and what they measured was really done."""

from hub.trials.bench.authenticating import measure_authenticating
from hub.trials.bench.figures import as_markdown


def test_the_cost_of_authentication_is_measured_beside_the_whole_request() -> None:
    (figure,) = measure_authenticating(lambda _what: None, requests=10, tokens=10, checks=1_000)

    assert figure.name == "authentication"
    assert 0 < figure.value <= figure.baseline
    assert 0 < figure.ratio <= 1
    assert "a new token" in as_markdown([figure])
