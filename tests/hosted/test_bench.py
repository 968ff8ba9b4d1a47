"""The measurement of a year's end, small: that what it measures is what happens."""

from hub.trials.bench.expiring import measure_expiring


def test_every_lot_lapses_in_the_measured_run() -> None:
    said: list[str] = []

    [figure] = measure_expiring(said.append, lots=10_000)

    assert (figure.name, figure.unit) == ("hosted_expiry", "lots/s")
    assert figure.detail.startswith("(10,000 lots in ")
    assert len(said) == 2
