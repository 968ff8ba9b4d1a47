"""In what ways two writings of a name may differ, and which of them a brand takes for the same person.

Knows words, numbers and the table of a profile that states them. Names themselves are compared in
`hub.members.names`.
"""

from dataclasses import dataclass
from enum import StrEnum

from partners.profile_table import ProfileTable

# What two equal names score; every difference takes something off.
SAME_PER_MILLE = 1_000


class NameDifference(StrEnum):
    """One way in which two writings of a name differ; what it takes off the score is `WEIGHTS`."""

    SPELLING = "spelling"  # one sound, two spellings: Yuriy and Iurii
    NICKNAME = "nickname"  # a short form: Tim and Timothy
    ORDER = "order"  # family name first on one side
    MIDDLE_INITIAL = "middle_initial"  # a further given name is an initial on one side
    MIDDLE_MISSING = "middle_missing"  # a further given name is missing on one side
    FAMILY_PARTIAL = "family_partial"  # one of two family names is missing on one side
    FIRST_INITIAL = "first_initial"  # the first given name is an initial on one side
    GENERATION_MISSING = "generation_missing"  # Jr, II or III on one side only
    ORDER_UNCLEAR = "order_unclear"  # turned round, and either could be the given name: Thomas James
    MIDDLE_DIFFERS = "middle_differs"
    GENERATION_DIFFERS = "generation_differs"  # Jr and Sr, II and III
    TITLE_DIFFERS = "title_differs"  # Mr and Mrs
    GIVEN_MISSING = "given_missing"  # one side has a family name alone
    GIVEN_DIFFERS = "given_differs"
    FAMILY_DIFFERS = "family_differs"


WEIGHTS: dict[NameDifference, int] = {
    NameDifference.SPELLING: 40,
    NameDifference.NICKNAME: 60,
    NameDifference.ORDER: 40,
    NameDifference.MIDDLE_INITIAL: 20,
    NameDifference.MIDDLE_MISSING: 30,
    NameDifference.FAMILY_PARTIAL: 100,
    NameDifference.FIRST_INITIAL: 250,
    NameDifference.GENERATION_MISSING: 300,
    NameDifference.ORDER_UNCLEAR: 400,
    NameDifference.MIDDLE_DIFFERS: 500,
    NameDifference.GENERATION_DIFFERS: 700,
    NameDifference.TITLE_DIFFERS: 700,
    NameDifference.GIVEN_MISSING: 900,
    NameDifference.GIVEN_DIFFERS: 1_000,
    NameDifference.FAMILY_DIFFERS: 1_000,
}


@dataclass(frozen=True, slots=True)
class NamePolicy:
    """What a brand takes for the same person. score_min: per mille. refused: differences that it never takes.

    required: whether a membership whose name could not be compared at all is refused.
    """

    score_min: int = 800
    refused: frozenset[NameDifference] = frozenset()
    required: bool = False


USUAL_NAMES = NamePolicy()


def read_names(table: ProfileTable | None) -> NamePolicy:
    """The policy that a profile states; what it leaves out is as usual. Raises: ProfileInvalid."""
    if table is None:
        return USUAL_NAMES
    policy = NamePolicy(
        score_min=table.whole_or("score_min", USUAL_NAMES.score_min, 1, SAME_PER_MILLE),
        refused=table.choices("refused", NameDifference) if "refused" in table else USUAL_NAMES.refused,
        required=table.flag("required") if "required" in table else USUAL_NAMES.required,
    )
    table.finish()
    return policy
