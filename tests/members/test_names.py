"""Names: genuine writings of one name are taken, other people's never, and every decision says why."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from hub.members.names import match_names
from partners.names import USUAL_NAMES, WEIGHTS, NameDifference, NamePolicy

D = NameDifference


def _pairs() -> list[dict[str, str]]:
    with (Path(__file__).parent / "names.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_of_500_genuine_pairs_475_are_accepted_and_of_500_impostors_none() -> None:
    pairs = _pairs()
    assert Counter(pair["same"] for pair in pairs) == {"yes": 500, "no": 500}
    assert len({(pair["one"], pair["other"]) for pair in pairs}) == 1_000

    taken = [pair for pair in pairs if match_names(pair["one"], pair["other"]).meets(USUAL_NAMES)]

    assert [pair for pair in taken if pair["same"] == "no"] == []
    assert len(taken) >= 475


def test_which_name_is_given_first_does_not_matter() -> None:
    for pair in _pairs():
        there, back = match_names(pair["one"], pair["other"]), match_names(pair["other"], pair["one"])
        assert there == back, pair


@pytest.mark.parametrize(
    ("one", "other", "differences"),
    [
        ("Timothy Walker", "WALKER/TIM MR", {D.NICKNAME}),
        ("Jürgen Müller", "Juergen Mueller", set()),
        ("Jürgen Müller", "Jurgen Muller", set()),
        ("Robert Lockwood Jr", "Robert Lockwood Sr", {D.GENERATION_DIFFERS}),
        ("Robert Lockwood Sr", "Robert Lockwood", set()),
        ("Robert Lockwood", "Robert Lockwood III", {D.GENERATION_MISSING}),
        ("Thomas James", "James Thomas", {D.ORDER_UNCLEAR}),
        ("Thomas James", "James, Thomas", set()),
        ("Thomas James", "Thomas, James", {D.ORDER_UNCLEAR}),
        ("Kim Minho", "Minho Kim", {D.ORDER}),
        ("José María Quiroga", "María José Quiroga", {D.GIVEN_DIFFERS}),
        ("Ana García Ibáñez", "Ana García", {D.FAMILY_PARTIAL}),
        ("Ana García López", "Ana García Pérez", {D.FAMILY_DIFFERS}),
        ("Mr A Walker", "Mrs A Walker", {D.TITLE_DIFFERS}),
        ("John R. Fairbank", "John D. Fairbank", {D.MIDDLE_DIFFERS}),
        ("J. Fairbank", "John Fairbank", {D.FIRST_INITIAL}),
        ("Fairbank", "John Fairbank", {D.GIVEN_MISSING}),
        ("Юрий Белозерский", "Iurii Belozerskii", {D.SPELLING}),
        ("", "John Fairbank", {D.GIVEN_DIFFERS, D.FAMILY_DIFFERS}),
        (", / .", "\u0000", {D.GIVEN_DIFFERS, D.FAMILY_DIFFERS}),
    ],
)
def test_every_difference_is_named(one: str, other: str, differences: set[NameDifference]) -> None:
    match = match_names(one, other)

    assert set(match.differences) == differences
    if differences == set():
        assert match.score == 1_000


def test_a_partner_may_refuse_what_is_taken_elsewhere() -> None:
    match = match_names("Tim Walker", "Timothy Walker")

    assert match.meets(USUAL_NAMES)
    assert not match.meets(NamePolicy(refused=frozenset({D.NICKNAME})))
    assert not match.meets(NamePolicy(score_min=950))
    assert match_names("T. Walker", "Timothy Walker").meets(NamePolicy(score_min=700))


def test_the_longest_name_is_compared_at_once() -> None:
    words = " ".join(["Ana", *(["de la García"] * 60)])

    assert match_names(words, words).score == 1_000
    assert set(WEIGHTS) == set(NameDifference)
