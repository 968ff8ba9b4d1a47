"""Measurements run, and what they measured was really done."""

from hub.trials.bench.authenticating import measure_authenticating
from hub.trials.bench.closing import measure_closing
from hub.trials.bench.figures import as_markdown


def test_the_cost_of_authentication_is_measured_beside_the_whole_request() -> None:
    (figure,) = measure_authenticating(lambda _what: None, requests=10, tokens=10, checks=1_000)

    assert figure.name == "authentication"
    assert 0 < figure.value <= figure.baseline
    assert 0 < figure.ratio <= 1
    assert "a new token" in as_markdown([figure])


def test_a_cut_off_over_many_postings_is_measured_beside_one_over_few() -> None:
    (figure,) = measure_closing(lambda _what: None, postings=1_000)

    assert figure.name == "close_window"
    assert min(figure.value, figure.baseline, figure.ratio) > 0
