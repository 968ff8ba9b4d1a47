"""Documents about the books: statements and journals, as pure renderers over numbers that others found.

The same numbers always give the same bytes. Knows how documents look. Decides nothing and writes nothing.
"""
