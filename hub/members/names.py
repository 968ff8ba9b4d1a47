"""Whether two writings of a name are one person's, and in what they differ.

Names are taken as people write them: any order, with or without accents, in Latin, Cyrillic or Greek letters, with
titles and suffixes. Pure; knows no member and keeps nothing. A difference is a word and never a piece of a name, so it
may be shown and stored. What nobody can decide from two names alone is decided against the link.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hub.members.given_names import GIVEN_NAMES, SAME_AS, STANDS_FOR
from hub.members.letters import GREEK_OR_CYRILLIC, LATIN, LATIN_WIDE, sound_of
from partners.names import SAME_PER_MILLE, WEIGHTS, NameDifference, NamePolicy

# Longer than any name on a travel document (ICAO 9303 allows 39 characters, passports in full some 100).
NAME_CHARS_MAX = 120
# Words of a name that are looked at; the ways of cutting it in two grow with them.
_WORDS_MAX = 8

_TITLES = {
    **dict.fromkeys(("mr", "herr", "hr", "sir", "lord", "monsieur", "senor", "signor", "mstr", "pan"), "he"),
    **dict.fromkeys(("mrs", "ms", "miss", "frau", "fr", "mme", "mlle", "madame", "lady", "dame", "sra", "srta"), "she"),
    **dict.fromkeys(("senora", "senorita", "signora", "pani"), "she"),
    **dict.fromkeys(("dr", "drs", "prof", "professor", "rev", "capt", "captain", "ing", "mag", "dipl", "dott"), ""),
    **dict.fromkeys(("dottssa", "hon", "eng", "ir", "phd", "md", "mba", "esq", "dds", "cpa", "mx"), ""),
}
# Suffixes that tell the generations of one family apart.
_GENERATIONS = {
    **dict.fromkeys(("sr", "senior", "pere"), "1"),
    **dict.fromkeys(("jr", "junior", "jnr", "jun", "ii", "2nd", "filho", "hijo", "fils", "figlio"), "2"),
    **dict.fromkeys(("iii", "3rd", "neto", "nieto"), "3"),
    **dict.fromkeys(("iv", "4th"), "4"),
}
# Each with the one it stands for: articles of Arabic names are written in many ways.
_PARTICLES = {
    **{one: one for one in ("van", "von", "vom", "zu", "zum", "zur", "der", "den", "ter", "ten", "te", "af", "av")},
    **{one: one for one in ("de", "di", "da", "do", "dos", "das", "del", "della", "delle", "dello", "degli", "du")},
    **{one: one for one in ("des", "la", "le", "les", "lo", "lu", "dal", "dalla", "zi", "san", "mac", "mc", "abu")},
    **dict.fromkeys(("bin", "ibn", "ben", "bint", "binti"), "bin"),
    **dict.fromkeys(("al", "el", "ad", "ash", "an", "ar", "at", "ul"), "al"),
    **dict.fromkeys(("st", "saint"), "saint"),
}
# Between two family names; at either end it is an initial.
_AND = frozenset({"y", "e", "i"})
_APOSTROPHES = re.compile("['\u2019\u2018`\u02bc\u00b4\u02b9\u02bb]")
_GAPS = re.compile(r"[^\w]+|_+")
_LETTERS_SOUND_GIVEN, _LETTERS_SOUND_FAMILY = 5, 4  # shorter names are too easily another one's

_Words = tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class NameMatch:
    """How like two names are. score: per mille. differences: what was taken off for, heaviest first."""

    score: int
    differences: tuple[NameDifference, ...]

    def meets(self, policy: NamePolicy) -> bool:
        """Whether a brand of this policy takes them for one person."""
        return self.score >= policy.score_min and policy.refused.isdisjoint(self.differences)


@dataclass(frozen=True, slots=True)
class _Name:
    """A name in words, each with its spellings in plain letters. cut: words of the family name if a comma says so."""

    words: _Words
    cut: int
    generation: str
    title: str


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to take a name apart. turned: family name first without a comma that says so."""

    given: _Words
    family: _Words
    turned: bool


def match_names(one: str, other: str) -> NameMatch:
    """How like two writings of a name are; the most favourable way of taking them apart counts."""
    left, right = _parsed(one), _parsed(other)
    if not left.words or not right.words:
        return _match([NameDifference.GIVEN_DIFFERS, NameDifference.FAMILY_DIFFERS])
    around = [*_generation(left.generation, right.generation)]
    if left.title and right.title and left.title != right.title:
        around.append(NameDifference.TITLE_DIFFERS)
    if len(left.words) == 1 or len(right.words) == 1:
        return _match([*around, *_single(left, right)])
    # Both turned would let family names pass as given ones, which may differ more.
    pairs = ((a, b) for a in _readings(left) for b in _readings(right) if not (a.turned and b.turned))
    found = (_compared(a, b) for a, b in pairs)
    return _match([*around, *min(found, key=_weight)])


def _match(differences: Sequence[NameDifference]) -> NameMatch:
    ordered = sorted(set(differences), key=lambda one: (-WEIGHTS[one], one))
    return NameMatch(max(0, SAME_PER_MILLE - _weight(differences)), tuple(ordered))


def _weight(differences: Sequence[NameDifference]) -> int:
    return sum(WEIGHTS[one] for one in differences)


def _parsed(text: str) -> _Name:
    plain = _APOSTROPHES.sub("", unicodedata.normalize("NFKC", text[:NAME_CHARS_MAX]).casefold())
    parts = [_words_of(part) for part in re.split("[,/]", plain)]
    generation = title = ""
    kept: list[list[str]] = []
    for words in parts:
        rest: list[str] = []
        for place, word in enumerate(words):
            first = not rest and not kept
            if word in _TITLES and (first or place == len(words) - 1) and (word != "fr" or len(words) > 2):
                title = _TITLES[word] or title
            elif word == "sr" and first:
                title = "he"  # Sr. Juan, not Juan Sr.
            elif word in _GENERATIONS and (not first or (len(parts) > 1 and len(words) == 1)):
                generation = _GENERATIONS[word]
            else:
                rest.append(word)
        if rest:
            kept.append(rest)
    words = [word for part in kept for word in part][:_WORDS_MAX]
    cut = len(kept[0]) if len(kept) > 1 else 0
    return _Name(tuple(map(_spellings, words)), min(cut, len(words)), generation, title)


def _words_of(part: str) -> list[str]:
    return [word for word in _GAPS.split(part) if word]


def _spellings(word: str) -> frozenset[str]:
    """A word in plain letters: with accents dropped, and with vowels written out as German and Danish do."""
    latin = word.translate(GREEK_OR_CYRILLIC)
    return frozenset(_bare(latin.translate(table)) for table in (LATIN, LATIN_WIDE))


def _bare(word: str) -> str:
    decomposed = unicodedata.normalize("NFD", word)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _readings(name: _Name) -> Iterator[_Reading]:
    """Every way to take it apart: as its comma says, or given names first, or the family name first."""
    words = name.words
    if name.cut:
        yield _Reading(words[name.cut :], words[: name.cut], turned=False)
        return
    for place in range(1, len(words)):
        yield _Reading(words[:place], words[place:], turned=False)
        yield _Reading(words[place:], words[:place], turned=True)


def _single(left: _Name, right: _Name) -> list[NameDifference]:
    if len(left.words) == len(right.words) and left.words[0] & right.words[0]:
        return []
    alone, whole = sorted((left.words, right.words), key=len)
    shared = any(alone[0] & word for word in whole)
    return [NameDifference.GIVEN_MISSING] if shared else [NameDifference.GIVEN_DIFFERS, NameDifference.FAMILY_DIFFERS]


def _generation(left: str, right: str) -> list[NameDifference]:
    if left == right:
        return []
    if left and right:
        return [NameDifference.GENERATION_DIFFERS]
    # The eldest is seldom called so; without a suffix it may well be the father.
    return [] if "1" in (left, right) else [NameDifference.GENERATION_MISSING]


def _compared(left: _Reading, right: _Reading) -> list[NameDifference]:
    given, more_given = _given(left.given, right.given)
    family, more_family = _family(left.family, right.family)
    found = [*given, *family]
    if more_given * more_family < 0:
        # Each side has a word that the other has not, only taken for a given name here and for a family name there.
        found.append(NameDifference.MIDDLE_DIFFERS)
    if left.turned != right.turned:
        first, second = left.given[0] | right.given[0], _bare_family(left.family)[0] | _bare_family(right.family)[0]
        unclear = not first.isdisjoint(GIVEN_NAMES) and not second.isdisjoint(GIVEN_NAMES)
        found.append(NameDifference.ORDER_UNCLEAR if unclear else NameDifference.ORDER)
    return found


def _given(left: _Words, right: _Words) -> tuple[list[NameDifference], int]:
    """What tells rows of given names apart, and which side has more of them: 1 the left one, -1 the right one."""
    if _joined(left) & _joined(right):
        return [], 0
    first = _given_word(left[0], right[0], NameDifference.FIRST_INITIAL)
    if first is None:
        return [NameDifference.GIVEN_DIFFERS], 0
    return first + _middle(left[1:], right[1:]), _longer(left, right)


def _longer(left: _Words, right: _Words) -> int:
    return (len(left) > len(right)) - (len(left) < len(right))


def _middle(left: _Words, right: _Words) -> list[NameDifference]:
    """Further given names: the shorter row must be found within the longer one, in its order."""
    short, long = sorted((left, right), key=len)
    found, place = list[NameDifference](), 0
    for word in short:
        while place < len(long):
            difference = _given_word(word, long[place], NameDifference.MIDDLE_INITIAL)
            place += 1
            if difference is not None:
                found += difference
                break
        else:
            return [NameDifference.MIDDLE_DIFFERS]
    return found + [NameDifference.MIDDLE_MISSING] * (len(long) > len(short))


def _given_word(left: frozenset[str], right: frozenset[str], initial: NameDifference) -> list[NameDifference] | None:
    """What tells two given names apart; None if they are two names."""
    if left & right:
        return []
    pairs = [(a, b) for a in left for b in right]
    if any(len(a) == 1 or len(b) == 1 for a, b in pairs):
        return [initial] if any(a[:1] == b[:1] for a, b in pairs) else None
    if any(b in SAME_AS.get(a, ()) for a, b in pairs) or _sounds(left, right, _LETTERS_SOUND_GIVEN):
        return [NameDifference.SPELLING]
    return [NameDifference.NICKNAME] if any(_nicknamed(a, b) for a, b in pairs) else None


def _nicknamed(left: str, right: str) -> bool:
    """Whether one is short for the other, or both for one and the same name and no other."""
    of_left, of_right = STANDS_FOR.get(left, frozenset()), STANDS_FOR.get(right, frozenset())
    if any(
        SAME_AS.get(full, {full}) & {other} for fulls, other in ((of_left, right), (of_right, left)) for full in fulls
    ):
        return True
    return len(of_left) == 1 and of_left == of_right


def _family(left: _Words, right: _Words) -> tuple[list[NameDifference], int]:
    """What tells family names apart, and which side has more words, particles included: as `_given` says it."""
    if _joined(left) & _joined(right):
        return [], 0
    bare_left, bare_right, more = _bare_family(left), _bare_family(right), _longer(left, right)
    lead_left, lead_right = _particles(left), _particles(right)
    # Different ones are no particles but further names: John Al Smith is not John Ben Smith.
    if lead_left and lead_right and lead_left.isdisjoint(lead_right):
        return [NameDifference.FAMILY_DIFFERS], more
    if _joined(bare_left) & _joined(bare_right):
        return [], more
    if len(bare_left) == len(bare_right):
        same = all(a & b or _sounds(a, b, _LETTERS_SOUND_FAMILY) for a, b in zip(bare_left, bare_right, strict=True))
        return [NameDifference.SPELLING if same else NameDifference.FAMILY_DIFFERS], more
    short, long = sorted((bare_left, bare_right), key=len)
    for end in (long[: len(short)], long[-len(short) :]):
        shared = all(a & b for a, b in zip(short, end, strict=True))
        # A family name that is a given name as well may be a middle name on the longer side.
        if shared and not all(word & GIVEN_NAMES for word in short):
            return [NameDifference.FAMILY_PARTIAL], _longer(bare_left, bare_right)
    return [NameDifference.FAMILY_DIFFERS], more


def _bare_family(words: _Words) -> _Words:
    """A family name without its particles; all of it if it has nothing else."""
    last = len(words) - 1
    return (
        tuple(
            word
            for place, word in enumerate(words)
            if _PARTICLES.keys().isdisjoint(word) and not (0 < place < last and word & _AND)
        )
        or words
    )


def _particles(words: _Words) -> frozenset[str]:
    return frozenset(_PARTICLES[one] for word in words for one in word if one in _PARTICLES)


def _joined(words: _Words) -> frozenset[str]:
    """The words as one, in each of the two ways of spelling that run through all of them."""
    found = {""}
    for word in words:
        found = {before + one for before in found for one in word}
    return frozenset(found)


def _sounds(left: frozenset[str], right: frozenset[str], letters_min: int) -> bool:
    long = all(len(word) >= letters_min for word in left | right)
    return long and not {sound_of(word) for word in left}.isdisjoint(map(sound_of, right))


_WRITE_ALIKE = "Have the name at the partner written as in your documents, then link again."
# What somebody can do about a difference.
ADVICE: dict[NameDifference, str] = {
    NameDifference.SPELLING: "Spelled differently, which is taken for the same.",
    NameDifference.NICKNAME: "A short form on one side, which is usually taken for the same.",
    NameDifference.ORDER: "Family name first on one side, which is taken for the same.",
    NameDifference.MIDDLE_INITIAL: "A further given name is an initial on one side, which is taken for the same.",
    NameDifference.MIDDLE_MISSING: "A further given name is missing on one side, which is taken for the same.",
    NameDifference.FAMILY_PARTIAL: "One of two family names is missing on one side, which is mostly the same.",
    NameDifference.FIRST_INITIAL: "One side has an initial for the first name: have it written out.",
    NameDifference.GENERATION_MISSING: "Jr, II or III stands on one side only: have it put right at the partner.",
    NameDifference.ORDER_UNCLEAR: "Given and family name change places: have them put in their fields at the partner.",
    NameDifference.MIDDLE_DIFFERS: f"The further given names are not the same. {_WRITE_ALIKE}",
    NameDifference.GENERATION_DIFFERS: "Another Jr, Sr, II or III: this is the membership of a relative.",
    NameDifference.TITLE_DIFFERS: "Mr on one side and Mrs on the other: have it put right at the partner.",
    NameDifference.GIVEN_MISSING: "One side has a family name alone: have the given name added.",
    NameDifference.GIVEN_DIFFERS: f"The first given name is another one. {_WRITE_ALIKE}",
    NameDifference.FAMILY_DIFFERS: f"The family name is another one. {_WRITE_ALIKE}",
}
