"""The command line, one file per noun; each command calls one function of the hub and prints what it answered.

Knows options, plain words and exit codes. Does not decide anything.
"""
