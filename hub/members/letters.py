"""Letters of names in plain Latin ones, and a key under which transliterations of one name meet.

Knows Cyrillic (Russian, Ukrainian, Bulgarian, Serbian) and Greek. Other scripts stay as they are and match themselves.
"""

import re

_CYRILLIC = (
    "а a б b в v г g ґ g д d ђ dj е e ё e є ie ж zh з z и i й y і i ї i ј j к k л l љ lj м m н n њ nj о o п p р r с s "
    "т t ћ c у u ў u ф f х kh ц ts ч ch џ dz ш sh щ shch ъ  ы y ь  э e ю yu я ya"
)
_GREEK = (
    "α a β v γ g δ d ε e ζ z η i θ th ι i κ k λ l μ m ν n ξ x ο o π p ρ r "
    "σ s ς s τ t υ y φ f χ ch ψ ps ω o ά a έ e ή i ί i ό o ύ y ώ o ϊ i ϋ y"
)
_SPECIAL = "ß ss ł l đ d ð d þ th ı i ħ h ŋ ng ŧ t ĸ k ə a"
_PLAIN = "æ ae ø o œ oe"
_WIDE = "ä ae ö oe ü ue å aa æ ae ø oe œ oe š sh č ch ž zh"


def _table(*rows: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for row in rows:
        cells = row.split(" ")
        found.update({ord(letter): plain for letter, plain in zip(cells[::2], cells[1::2], strict=True)})
    return found


GREEK_OR_CYRILLIC = _table(_CYRILLIC, _GREEK)
LATIN = _table(_SPECIAL, _PLAIN)
LATIN_WIDE = _table(_SPECIAL, _WIDE)

# In this order: the longer ones first. Capitals stand for sounds that no plain letter is left for.
_SOUNDS = (
    ("shch", "S"),
    ("tsch", "C"),
    ("tch", "C"),
    ("sch", "S"),
    ("cz", "C"),
    ("ch", "C"),
    ("sh", "S"),
    ("zh", "Z"),
    ("kh", "h"),
    ("ph", "f"),
    ("th", "t"),
    ("gh", "g"),
    ("tz", "ts"),
    ("ck", "k"),
    ("c", "k"),
    ("q", "k"),
    ("x", "ks"),
    ("w", "v"),
    ("ou", "u"),
    ("oo", "u"),
    ("ee", "i"),
    ("j", "i"),
    ("y", "i"),
)
_IOTATED = re.compile("i+(?=[aeou])")
_REPEATED = re.compile(r"([^aeou])\1+")


def sound_of(word: str) -> str:
    """A key that spellings of one sound share: Yuriy and Iurii, Tchaikovsky and Chaikovskii. word: plain letters."""
    for written, heard in _SOUNDS:
        word = word.replace(written, heard)
    return _IOTATED.sub("i", _REPEATED.sub(r"\1", word))
