"""The brand northbank: bank cashback in money."""
