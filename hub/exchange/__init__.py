"""The exchange: instructions go out to partners in files, answers come back in files, each with a receipt.

Knows files, their lines and how far each has come. A file answer is a late answer to a leg; what it does is for the
legs and their owners to say. Does not know how a file is laid out, nor where a partner's folders are.
"""
